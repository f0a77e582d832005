//! For programs; `docs/dry-run-json.md` describes every field.

use serde::Serialize;

use super::{ACTIONS, AttributeChange, GroupLine, GroupProbe, GroupSummary, Member, attributes};
use crate::{model::GroupAction, ports::Probe, report::json::HeldView, scim::request::PlannedRequest};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::report) struct GroupView<'a> {
    action: GroupAction,
    anchor: &'a str,
    dn: &'a str,
    display_name: &'a str,
    id: Option<&'a str>,
    held: bool,
    changes: Vec<AttributeChange>,
    takes_over: Option<TakenOverView<'a>>,
    members_before: u64,
    members_after: u64,
    added: Vec<MemberView<'a>>,
    removed: Vec<MemberView<'a>>,
    requests: &'a [PlannedRequest],
    probe: Option<GroupProbeView<'a>>,
}

impl<'a> GroupView<'a> {
    pub(in crate::report) fn new(line: &'a GroupLine) -> Self {
        let operation = &line.operation;
        let id = operation.link.as_ref().and_then(|link| link.id.as_ref());
        Self {
            action: operation.action,
            anchor: operation.anchor.as_str(),
            dn: &operation.dn,
            display_name: operation.display_name(),
            id: id.map(|id| id.0.as_str()),
            held: line.held,
            changes: attributes(operation),
            takes_over: operation.takes_over.as_ref().map(|taken_over| TakenOverView {
                anchor: taken_over.anchor.as_str(),
                dn: &taken_over.dn,
            }),
            members_before: line.members_before,
            members_after: line.members_after,
            added: line.added.iter().map(MemberView::new).collect(),
            removed: line.removed.iter().map(MemberView::new).collect(),
            requests: &line.requests,
            probe: line.probe.as_ref().map(GroupProbeView::new),
        }
    }
}

#[derive(Serialize)]
struct TakenOverView<'a> {
    anchor: &'a str,
    dn: &'a str,
}

#[derive(Serialize)]
struct MemberView<'a> {
    resource: &'static str,
    name: &'a str,
    dn: &'a str,
    id: Option<&'a str>,
}

impl<'a> MemberView<'a> {
    fn new(member: &'a Member) -> Self {
        Self {
            resource: if member.is_group { "Group" } else { "User" },
            name: &member.name,
            dn: &member.dn,
            id: member.id.as_ref().map(|id| id.0.as_str()),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupProbeView<'a> {
    found: &'static str,
    id: Option<&'a str>,
    display_name: Option<&'a str>,
    because: Option<&'a str>,
    members: Option<u64>,
    members_missing: Option<u64>,
    members_others: Option<u64>,
}

impl<'a> GroupProbeView<'a> {
    fn new(probe: &'a GroupProbe) -> Self {
        let (found, group) = match &probe.probe {
            Probe::Nothing => ("nothing", None),
            Probe::Adoptable { id, user_name, because } => ("adoptable", Some((id, user_name, because))),
            Probe::Foreign { id, user_name, because } => ("foreign", Some((id, user_name, because))),
        };
        Self {
            found,
            id: group.map(|(id, _, _)| id.0.as_str()),
            display_name: group.map(|(_, name, _)| name.as_str()),
            because: group.map(|(_, _, because)| because.as_str()),
            members: probe.members.map(|members| members.there),
            members_missing: probe.members.map(|members| members.missing),
            members_others: probe.members.and_then(|members| members.others),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::report) struct GroupSummaryView<'a> {
    entries: u64,
    unchanged: u64,
    memberships: u64,
    outside: u64,
    nested: u64,
    depth: u32,
    operations: std::collections::BTreeMap<GroupAction, u64>,
    added: u64,
    removed: u64,
    rejected: usize,
    incomplete: Option<&'a str>,
    held: Option<HeldView<'a>>,
}

impl<'a> GroupSummaryView<'a> {
    pub(in crate::report) fn new(summary: &'a GroupSummary) -> Self {
        let number = |action| (action, summary.operations.get(&action).copied().unwrap_or_default());
        Self {
            entries: summary.entries,
            unchanged: summary.unchanged,
            memberships: summary.memberships,
            outside: summary.outside,
            nested: summary.nested,
            depth: summary.depth,
            operations: ACTIONS.map(number).into(),
            added: summary.added,
            removed: summary.removed,
            rejected: summary.rejects.len(),
            incomplete: summary.incomplete.as_deref(),
            held: summary.held.as_ref().map(HeldView::new),
        }
    }
}
