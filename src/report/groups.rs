//! Groups in the dry run's report.

mod json;
mod text;

use std::collections::BTreeMap;

pub(super) use json::{GroupSummaryView, GroupView};
pub(super) use text::{counts, group, title, totals};

use crate::{
    model::{GroupAction, GroupOperation, Pushed, Resource, ResourceId},
    ports::{Held, Probe, Reject},
    scim::request::PlannedRequest,
};

use super::{AttributeChange, changes};

/// Every action on groups, in the order of execution.
const ACTIONS: [GroupAction; 5] = [
    GroupAction::Create,
    GroupAction::Update,
    GroupAction::Members,
    GroupAction::Empty,
    GroupAction::Delete,
];

/// What would be done to one group. Where the limits hold back a part of it there are two lines.
#[derive(Clone, Debug)]
pub struct GroupLine {
    /// What would be done.
    pub operation: GroupOperation,
    /// Members before it, as far as the state knows.
    pub members_before: u64,
    /// Members after it.
    pub members_after: u64,
    /// Who is put in.
    pub added: Vec<Member>,
    /// Who is taken out.
    pub removed: Vec<Member>,
    /// The exact requests.
    pub requests: Vec<PlannedRequest>,
    /// True when the limits hold it back.
    pub held: bool,
    /// What `--probe` found in the cloud.
    pub probe: Option<GroupProbe>,
}

/// A member by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// A group in the group.
    pub is_group: bool,
    /// `userName`, or `displayName` of a group.
    pub name: String,
    /// The distinguished name.
    pub dn: String,
    /// Nothing for somebody who is yet to be created.
    pub id: Option<ResourceId>,
}

/// What stands in the way of a group that would be created.
#[derive(Clone, Debug)]
pub struct GroupProbe {
    /// The group found.
    pub probe: Probe,
    /// Who is in it; nothing where this cloud does not tell, or no group would be adopted.
    pub members: Option<FoundMembers>,
}

/// The members of a group that would be adopted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundMembers {
    /// How many are in it; where only people can be asked about, of those wanted.
    pub there: u64,
    /// Of those wanted, how many are not in it.
    pub missing: u64,
    /// How many are in it whom the directory does not put there; nothing where that cannot be told. An
    /// adoption takes nobody out; the next plan does, of those whose accounts are known here.
    pub others: Option<u64>,
}

/// What stands below the lines about groups.
#[derive(Clone, Debug, Default)]
pub struct GroupSummary {
    /// Groups read.
    pub entries: u64,
    /// Groups for which nothing changes.
    pub unchanged: u64,
    /// Memberships wanted in all of them.
    pub memberships: u64,
    /// Listed members who are not provisioned.
    pub outside: u64,
    /// Groups that hold others.
    pub nested: u64,
    /// How deep the deepest of them goes.
    pub depth: u32,
    /// Operations by action, held ones not counted.
    pub operations: BTreeMap<GroupAction, u64>,
    /// People put into groups, held ones not counted.
    pub added: u64,
    /// People taken out of groups, held ones not counted.
    pub removed: u64,
    /// Groups that cannot be pushed.
    pub rejects: Vec<Reject>,
    /// Removals that would be held.
    pub held: Option<Held>,
    /// Why the read does not count as complete, when it does not.
    pub incomplete: Option<String>,
}

/// The attributes that differ.
fn attributes(operation: &GroupOperation) -> Vec<AttributeChange> {
    let pushed = |resource: &Resource| Pushed {
        resource: resource.clone(),
        manager: None,
    };
    let known = operation.link.as_ref().filter(|link| link.id.is_some());
    let before = known.map(|link| pushed(&link.resource));
    match operation.action {
        GroupAction::Create => changes(None, Some(&pushed(&operation.after))),
        GroupAction::Update => changes(before.as_ref(), Some(&pushed(&operation.after))),
        GroupAction::Delete => changes(before.as_ref(), None),
        GroupAction::Members | GroupAction::Empty => Vec::new(),
    }
}
