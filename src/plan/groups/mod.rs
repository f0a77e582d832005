//! What should happen to groups: from what was read and what is remembered to operations.
//!
//! Reading order: [`roster`] (who can be a member), [`flatten`] (who is in a group), `decide` (one
//! group), [`planner`] (all of them), [`limits`] (what may be taken away).

mod decide;
pub mod flatten;
mod handover;
pub mod limits;
pub mod planner;
pub mod roster;
#[cfg(test)]
pub(crate) mod testing;

pub use flatten::Graph;
pub use limits::{ApprovedGroups, approve};
pub use planner::{GroupCounts, GroupPlan, Inputs, plan};
pub use roster::{Account, Roster, Sightings};

#[cfg(test)]
mod tests;
