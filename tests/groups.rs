//! Groups, from a real directory by the real program to every cloud of the sandbox, and to servers that are
//! not ours.
#![cfg(test)]

#[path = "groups/audit.rs"]
mod audit;
#[path = "groups/by_hand.rs"]
mod by_hand;
#[path = "groups/faults.rs"]
mod faults;
#[path = "groups/large.rs"]
mod large;
#[path = "groups/members.rs"]
mod members;
#[path = "groups/ranges.rs"]
mod ranges;
#[path = "groups/rebuild.rs"]
mod rebuild;
#[path = "groups/removals.rs"]
mod removals;
#[path = "groups/servers.rs"]
mod servers;
#[path = "groups/sources.rs"]
mod sources;
mod support;

/// No request at all.
const NOTHING: [&str; 0] = [];
