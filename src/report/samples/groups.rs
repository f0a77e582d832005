//! Groups of every kind.

use super::{held, pushed, reject};
use crate::{
    model::{Anchor, Digest, GroupAction, GroupLink, GroupOperation, MemberSum, ResourceId, TakenOver},
    ports::{AuditPosition, GroupRecord, Held, MembersTold, Probe, Reject, RejectKind},
    report::{FoundMembers, GroupLine, GroupProbe, GroupSummary, Member},
    scim::request::PlannedRequest,
    survey::audit::groups::{self as audit, GroupDrift, GroupsAudited, HeldGroup},
};

fn member(name: &str) -> Member {
    Member {
        is_group: false,
        name: name.to_owned(),
        dn: format!("uid={name},ou=people,dc=example,dc=org"),
        id: (name != "alice").then(|| ResourceId(format!("id-{name}"))),
    }
}

/// `old` is the display name so far, of a group that is known.
fn group(action: GroupAction, old: Option<&str>, name: &str, (before, after): (u64, u64)) -> GroupLine {
    let resource = |name: &str| pushed(&[("displayName", name)]).resource;
    let anchor = Anchor::new(format!("anchor-{name}"));
    let dn = format!("cn={name},ou=groups,dc=example,dc=org");
    let link = old.map(|old| GroupLink {
        anchor: anchor.clone(),
        id: Some(ResourceId(format!("id-{name}"))),
        dn: dn.clone(),
        resource: resource(old),
        members: MemberSum {
            count: before,
            keys: Digest::default(),
        },
        adopted: false,
        missed: 0,
        emptied_at: 0,
        perhaps_named: Vec::new(),
    });
    GroupLine {
        operation: GroupOperation {
            anchor,
            dn,
            action,
            link,
            aside: None,
            after: resource(name),
            add: Vec::new(),
            remove: Vec::new(),
            forget: Vec::new(),
            again: Vec::new(),
            takes_over: None,
            wanted: Digest::default(),
        },
        members_before: before,
        members_after: after,
        added: Vec::new(),
        removed: Vec::new(),
        requests: vec![PlannedRequest {
            method: "PATCH",
            path: format!("Groups/id-{name}"),
            body: Some(serde_json::json!({"schemas": []})),
        }],
        held: false,
        probe: None,
    }
}

fn probed(mut line: GroupLine, probe: Probe, members: Option<FoundMembers>) -> GroupLine {
    line.probe = Some(GroupProbe { probe, members });
    line
}

fn adoptable(name: &str, members: Option<FoundMembers>) -> GroupLine {
    let mut line = group(GroupAction::Create, None, name, (0, 2));
    line.added = vec![member("alice"), member("bob")];
    let probe = Probe::Adoptable {
        id: ResourceId("2819".into()),
        user_name: name.into(),
        because: "it has no externalId".into(),
    };
    probed(line, probe, members)
}

/// One line of every kind, in the order in which they come.
pub(in crate::report) fn every_group_line() -> Vec<GroupLine> {
    let there = FoundMembers {
        there: 7,
        missing: 1,
        others: Some(6),
    };
    let foreign = Probe::Foreign {
        id: ResourceId("99".into()),
        user_name: "Sales".into(),
        because: "it has another externalId".into(),
    };
    let new = group(GroupAction::Create, None, "New", (0, 0));
    let mut renamed = group(GroupAction::Update, Some("All staff"), "Staff", (40, 41));
    renamed.added = vec![member("dora"), member("erin")];
    renamed.removed = vec![member("frank")];
    let mut anew = group(GroupAction::Update, Some("Sales"), "Sales", (0, 1));
    anew.added = vec![member("ivan")];
    anew.operation.takes_over = Some(TakenOver {
        anchor: Anchor::new("anchor-before"),
        dn: "cn=Sales,ou=groups,dc=example,dc=org".into(),
        emptied_at: 1_767_323_045,
    });
    let mut large = group(GroupAction::Members, Some("Large"), "Large", (1_000, 1_030));
    large.added = (0..30).map(|at| member(&format!("person{at:02}"))).collect();
    let mut nested = member("Inner");
    nested.is_group = true;
    large.added.push(nested);
    let mut held = group(GroupAction::Members, Some("Large"), "Large", (1_000, 999));
    held.removed = vec![member("grace")];
    held.held = true;
    let mut emptied = group(GroupAction::Empty, Some("Old"), "Old", (1, 0));
    emptied.removed = vec![member("heidi")];
    let mut deleted = group(GroupAction::Delete, Some("Older"), "Older", (0, 0));
    deleted.held = true;
    vec![
        adoptable("Engineering", Some(there)),
        adoptable("Hidden", None),
        probed(group(GroupAction::Create, None, "Sales", (0, 0)), foreign, None),
        probed(new, Probe::Nothing, None),
        renamed,
        anew,
        large,
        held,
        emptied,
        deleted,
    ]
}

pub(in crate::report) fn hostile_group(evil: &str) -> GroupLine {
    let mut line = group(GroupAction::Update, Some(evil), evil, (0, 1));
    line.added = vec![member(evil)];
    let probe = Probe::Adoptable {
        id: ResourceId(evil.into()),
        user_name: evil.into(),
        because: evil.into(),
    };
    probed(line, probe, None)
}

pub(in crate::report) fn every_group_reject() -> Vec<Reject> {
    let group = |reject: Reject| Reject {
        rejection: crate::model::Rejection {
            dn: reject.rejection.dn.replace("uid=", "cn=").replace("people", "groups"),
            ..reject.rejection
        },
        ..reject
    };
    let twin = "cn=ops2,ou=groups,dc=example,dc=org has the same displayName; names are compared without case";
    vec![
        group(reject("ops", RejectKind::Entry, &[("displayName", twin, "Ops")])),
        group(reject(
            "hr",
            RejectKind::Waiting,
            &[("", "group create: conflict", "HR")],
        )),
    ]
}

pub(in crate::report) fn groups_held() -> Held {
    Held {
        plan_id: "77aa01".into(),
        removals: 2,
        reason: "\"Large\" would lose 600 of 1000 members, allowed are 100".into(),
        ..held()
    }
}

pub(in crate::report) fn group_summary() -> GroupSummary {
    GroupSummary {
        entries: 812,
        unchanged: 804,
        memberships: 12_345,
        outside: 17,
        nested: 3,
        depth: 2,
        operations: [
            (GroupAction::Create, 4),
            (GroupAction::Update, 1),
            (GroupAction::Members, 1),
            (GroupAction::Empty, 1),
        ]
        .into(),
        added: 37,
        removed: 2,
        rejects: every_group_reject(),
        held: Some(groups_held()),
        incomplete: None,
    }
}

pub(in crate::report) fn group_record() -> GroupRecord {
    GroupRecord {
        entries: 812,
        done: [("create".to_owned(), 4)].into(),
        adopted: 1,
        added: 37,
        removed: 2,
        waiting_members: 1,
        failed: 1,
        rejected: 1,
    }
}

/// One group changed, one gone, one that has left.
pub(in crate::report) fn audited_groups(text: &str) -> GroupsAudited {
    let named = |name: &str| pushed(&[("displayName", name), ("externalId", "anchor")]).resource;
    let people = |names: &[&str]| {
        let person = |name: &&str| audit::Member {
            key: Anchor::new(*name).key(),
            name: format!("{name}{text}"),
        };
        names.iter().map(person).collect::<Vec<_>>()
    };
    let held = HeldGroup {
        resource: named(text),
        missing: people(&["ada", "bob"]),
        extra: people(&["cyd"]),
    };
    let drift = |name: &str, held, left| GroupDrift {
        anchor: Anchor::new(format!("anchor-{name}")),
        dn: format!("cn={name},ou=groups,{text}"),
        id: ResourceId(format!("id of {text}")),
        told: named(name),
        held,
        left,
    };
    GroupsAudited {
        groups: 20,
        compared: 12,
        people_asked: 0,
        drifts: vec![
            drift("vpn", Some(held.clone()), false),
            drift("staff", None, false),
            drift("old", Some(held), true),
        ],
        unanswered: 2,
        members_told: MembersTold::WithTheGroup,
        next: AuditPosition::default(),
        stopped: None,
    }
}
