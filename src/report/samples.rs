//! People and groups for the tests of this module.

mod groups;

use std::sync::Arc;

pub(super) use self::groups::*;

use super::{Line, Summary};
use crate::{
    model::{
        Action, Anchor, AnchorKey, AttributePath, Digest, DnKey, Item, ManagerRef, Operation, Problem, Pushed,
        Rejection, Resource, ResourceId, Scalar, Value,
    },
    ports::{AuditPosition, AuditStage, Held, Probe, Reject, RejectKind},
    scim::request::PlannedRequest,
    survey::audit::{Audited, Drift},
};

/// 2026-01-02 03:04:05 UTC.
pub(super) const NOW: i64 = 1_767_323_045;

pub(super) fn pushed(attributes: &[(&str, &str)]) -> Pushed {
    let mut resource = Resource::default();
    for (path, text) in attributes {
        let path = match path.strip_prefix("enterprise.") {
            Some(name) => AttributePath::enterprise(name),
            None => AttributePath::new(path),
        };
        let value = match *text {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            text => Value::Text(text.to_owned()),
        };
        resource.attributes.insert(path, value);
    }
    Pushed {
        resource,
        manager: None,
    }
}

pub(super) fn with_list(mut pushed: Pushed, path: &str, items: &[&[(&str, &str)]]) -> Pushed {
    let scalar = |text: &str| match text {
        "true" => Scalar::Boolean(true),
        text => Scalar::Text(text.to_owned()),
    };
    let item = |parts: &&[(&str, &str)]| -> Item {
        parts
            .iter()
            .map(|(part, text)| (Arc::from(*part), scalar(text)))
            .collect()
    };
    let items = items.iter().map(item).collect();
    pushed
        .resource
        .attributes
        .insert(AttributePath::new(path), Value::List(items));
    pushed
}

pub(super) fn managed_by(mut pushed: Pushed, dn: &str) -> Pushed {
    pushed.manager = Some(ManagerRef {
        key: Anchor::new(dn).key(),
        dn: dn.to_owned(),
    });
    pushed
}

pub(super) fn line(action: Action, name: &str, before: Option<Pushed>, after: Option<Pushed>) -> Line {
    let id = (action != Action::Create).then(|| ResourceId(format!("id-{name}")));
    let path = id
        .as_ref()
        .map_or_else(|| "Users".to_owned(), |id| format!("Users/{id}"));
    let (method, body) = match action {
        Action::Create => ("POST", Some(serde_json::json!({"userName": name}))),
        Action::Delete => ("DELETE", None),
        _ => ("PUT", Some(serde_json::json!({"userName": name}))),
    };
    Line {
        operation: Operation {
            anchor: Anchor::new(format!("anchor-{name}")),
            dn: format!("uid={name},ou=people,dc=example,dc=org"),
            action,
            id,
            before,
            after,
            source: Digest::default(),
            dn_key: DnKey::default(),
            manager_dn: DnKey::default(),
            look_up_first: false,
            tell_all: false,
            perhaps_named: Vec::new(),
        },
        requests: vec![PlannedRequest { method, path, body }],
        held: false,
        probe: None,
    }
}

/// One line of every kind, in the order in which they come.
pub(super) fn every_line() -> Vec<Line> {
    let alice = pushed(&[("userName", "alice"), ("displayName", "Alice 李"), ("active", "true")]);
    let alice = with_list(
        alice,
        "emails",
        &[&[("value", "alice@example.org"), ("type", "work"), ("primary", "true")]],
    );
    let alice = managed_by(alice, "uid=boss,ou=people,dc=example,dc=org");
    let mut created = line(Action::Create, "alice", None, Some(alice));
    created.probe = Some(Probe::Adoptable {
        id: ResourceId("2819c223".into()),
        user_name: "alice".into(),
        because: "its externalId is the anchor".into(),
    });
    let mut foreign = line(Action::Create, "bob", None, Some(pushed(&[("userName", "bob")])));
    foreign.probe = Some(Probe::Foreign {
        id: ResourceId("99".into()),
        user_name: "Bob".into(),
        because: "it has another externalId; rename one of the two".into(),
    });
    let mut absent = line(Action::Create, "carol", None, Some(pushed(&[("userName", "carol")])));
    absent.probe = Some(Probe::Nothing);
    let user =
        |name: &str, active: &str, title: &str| pushed(&[("userName", name), ("active", active), ("title", title)]);
    let back = line(
        Action::Reactivate,
        "dora",
        Some(user("dora", "false", "Clerk")),
        Some(user("dora", "true", "Clerk")),
    );
    vec![created, foreign, absent, back]
        .into_iter()
        .chain(updates())
        .chain(removals())
        .collect()
}

fn updates() -> Vec<Line> {
    let before = pushed(&[
        ("userName", "erin"),
        ("title", "Engineer"),
        ("enterprise.division", "North"),
        (
            "profileUrl",
            "https://people.example.org/a/very/long/way/down/to/the/page/of/erin/in/the/old/place",
        ),
    ]);
    let after = pushed(&[
        ("userName", "erin.smith"),
        ("title", "Lead Engineer"),
        ("nickName", "R\u{1b}[31mE\n "),
        (
            "profileUrl",
            "https://people.example.org/a/very/long/way/down/to/the/page/of/erin/in/the/new/place",
        ),
    ]);
    let before = with_list(before, "phoneNumbers", &[&[("value", "+1 555 0100"), ("type", "work")]]);
    let after = with_list(
        after,
        "phoneNumbers",
        &[
            &[("value", "+1 555 0100"), ("type", "work")],
            &[("value", "+1 555 0199"), ("type", "mobile")],
        ],
    );
    let after = with_list(
        after,
        "addresses",
        &[&[("locality", "Bonn"), ("country", "DE"), ("type", "work")]],
    );
    let frank = pushed(&[("userName", "frank")]);
    vec![
        line(Action::Update, "erin", Some(before), Some(after)),
        line(
            Action::Reference,
            "frank",
            Some(managed_by(frank.clone(), "uid=boss,ou=people,dc=example,dc=org")),
            Some(managed_by(frank, "uid=chief,ou=people,dc=example,dc=org")),
        ),
    ]
}

fn removals() -> Vec<Line> {
    let user = |name: &str, active: &str| pushed(&[("userName", name), ("active", active)]);
    let mut held = line(
        Action::Deactivate,
        "heidi",
        Some(user("heidi", "true")),
        Some(user("heidi", "false")),
    );
    held.held = true;
    vec![
        line(
            Action::Deactivate,
            "grace",
            Some(user("grace", "true")),
            Some(user("grace", "false")),
        ),
        held,
        line(Action::Delete, "ivan", Some(user("ivan", "false")), None),
    ]
}

pub(super) fn reject(name: &str, kind: RejectKind, problems: &[(&str, &str, &str)]) -> Reject {
    let problem = |(attribute, rule, value): &(&str, &str, &str)| Problem {
        attribute: (*attribute).to_owned(),
        rule: (*rule).to_owned(),
        value: (*value).to_owned(),
    };
    let waiting = kind == RejectKind::Waiting;
    Reject {
        rejection: Rejection {
            dn: format!("uid={name},ou=people,dc=example,dc=org"),
            anchor: (name != "nobody").then(|| Anchor::new(format!("anchor-{name}"))),
            problems: problems.iter().map(problem).collect(),
        },
        kind,
        wanted: Digest::default(),
        first: if waiting { NOW - 3600 } else { 0 },
        last: if waiting { NOW } else { 0 },
        tries: if waiting { 3 } else { 0 },
        next_try: if waiting { NOW + 900 } else { 0 },
    }
}

pub(super) fn every_reject() -> Vec<Reject> {
    vec![
        reject(
            "dave#1",
            RejectKind::Entry,
            &[
                ("name.familyName", "huawei: must be present", ""),
                ("userName", "huawei: letters, digits and _+=,.@- only", "dave#1"),
            ],
        ),
        reject(
            "nobody",
            RejectKind::Entry,
            &[("entryuuid", "the anchor is missing", "")],
        ),
        reject(
            "kim",
            RejectKind::Refused,
            &[("", "refused with 400: bad \u{202e}mail", "")],
        ),
        reject(
            "lou",
            RejectKind::Waiting,
            &[("", "conflict: userName is taken by 77", "")],
        ),
    ]
}

pub(super) fn held() -> Held {
    Held {
        plan_id: "1f3a90c2".into(),
        removals: 31,
        reason: "31 removals are more than max_removals = 10".into(),
        since: NOW,
    }
}

pub(super) fn full_summary() -> Summary {
    Summary {
        source: "ldaps://ldap1.example.org".into(),
        target: "https://scim.example.org/tenant/scim/v2/".into(),
        profile: "huawei".into(),
        entries: 12_345,
        in_scope: 12_300,
        out_of_scope: 43,
        unchanged: 12_292,
        operations: [
            (Action::Create, 3),
            (Action::Reactivate, 1),
            (Action::Update, 1),
            (Action::Reference, 1),
            (Action::Deactivate, 1),
            (Action::Delete, 1),
        ]
        .into(),
        requests: 625,
        rate_per_s: 5.0,
        incomplete: None,
        held: Some(held()),
        rejects: every_reject(),
        warnings: vec!["uid=frank,ou=people,dc=example,dc=org: manager uid=gone is not in scope".into()],
        groups: None,
        audit: None,
        plan_id: "1f3a90c2".into(),
    }
}

/// One account changed, one gone, one of somebody who has left.
pub(super) fn audited(text: &str) -> Audited {
    let told = pushed(&[("userName", "ada"), ("title", "Analyst"), ("userType", "Employee")]);
    let held = managed_by(pushed(&[("userName", "ada"), ("title", text), ("nickName", "A")]), text);
    let drift = |name: &str, held, left| Drift {
        anchor: Anchor::new(format!("anchor-{name}")),
        dn: format!("uid={name},ou=people,{text}"),
        id: ResourceId(format!("id of {text}")),
        told: told.clone(),
        held,
        left,
    };
    Audited {
        people: 2000,
        compared: 1000,
        drifts: vec![
            drift("ada", Some(held.clone()), false),
            drift("bob", None, false),
            drift("cyd", Some(held), true),
        ],
        unanswered: 1,
        groups: Some(audited_groups(text)),
        not_shown: vec![format!("profileUrl{text}")],
        requests: 13,
        next: AuditPosition {
            stage: AuditStage::People,
            after: Some(AnchorKey([1; 16])),
            by_id: true,
        },
        stopped: None,
    }
}

pub(super) fn quiet_summary() -> Summary {
    Summary {
        source: "ldap://127.0.0.1:3890".into(),
        target: "http://127.0.0.1:8080/scim/v2/".into(),
        profile: "generic".into(),
        entries: 300,
        in_scope: 300,
        unchanged: 300,
        rate_per_s: 10.0,
        plan_id: "0000".into(),
        ..Summary::default()
    }
}
