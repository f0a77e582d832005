//! The dry run's report: what would change, attribute by attribute, for people and for programs.
//!
//! Deliberately absent: deciding anything. It renders what planner and limits said, line by line, so
//! that a report of a hundred thousand operations needs no more memory than one of ten.

use std::collections::BTreeMap;

use crate::{
    model::{Action, Operation},
    ports::{Held, Probe, Reject},
    scim::request::PlannedRequest,
};

/// What stands above and below the lines.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The directory server that answered.
    pub source: String,
    /// The endpoint.
    pub target: String,
    /// Profile name.
    pub profile: String,
    /// Entries read.
    pub entries: u64,
    /// Entries in scope and fine.
    pub in_scope: u64,
    /// Entries left out by rule.
    pub out_of_scope: u64,
    /// People for whom nothing changes.
    pub unchanged: u64,
    /// Operations by action, held ones not counted.
    pub operations: BTreeMap<Action, u64>,
    /// Requests these operations send when nothing goes wrong.
    pub requests: u64,
    /// The configured rate.
    pub rate_per_s: f64,
    /// Why the read does not count as complete, when it does not.
    pub incomplete: Option<String>,
    /// Removals that would be held.
    pub held: Option<Held>,
    /// Entries that cannot be pushed, and people still waiting after an earlier failure.
    pub rejects: Vec<Reject>,
    /// Things worth knowing that stop nothing (dangling managers, protected people left alone).
    pub warnings: Vec<String>,
    /// The id of the plan.
    pub plan_id: String,
}

/// One operation of the report.
#[derive(Clone, Debug)]
pub struct Line {
    /// What would be done.
    pub operation: Operation,
    /// The exact requests.
    pub requests: Vec<PlannedRequest>,
    /// True when the limits hold it back.
    pub held: bool,
    /// What `--probe` found in the cloud.
    pub probe: Option<Probe>,
}
