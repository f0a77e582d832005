//! What should happen: from what was seen and what is remembered to an ordered list of operations.
//!
//! Reading order: [`decide`] (one person), [`planner`] (a whole read, streaming), [`circles`] (swapped
//! names), [`limits`] (what may be carried out).
//!
//! Deliberately absent: I/O, clock, randomness. Links are handed in by a function, time is an
//! argument; the same input gives the same plan, byte for byte.

pub mod circles;
pub mod decide;
mod keyed;
pub mod limits;
mod losses;
mod managers;
pub mod planner;
mod protected;
pub mod settings;
mod unmet;

pub use limits::{Approved, approve};
pub use planner::{Counts, Inputs, Plan, PlanError, Planner};
pub use protected::Protected;
pub use unmet::Unmet;
