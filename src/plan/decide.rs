//! One person: what was seen against what was pushed.

use crate::{
    model::{
        Action, AttributePath, Digest, DnKey, Link, ManagerRef, MappedUser, Mark, Operation, Problem, Pushed, Resource,
        Value, wanted,
    },
    model::{Reject, RejectKind},
    plan::{
        Protected,
        settings::{LeaverAction, Leavers},
    },
};

/// What follows for somebody who is in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The service provider was told all of this already.
    Unchanged,
    /// One step, complete but for the manager's key, which is known after the read.
    Operation(Box<Operation>),
    /// An earlier failure is not due to be tried again.
    Waiting,
    /// The cloud cannot do this.
    Rejected(Problem),
}

/// The rules of the target that decide what an update may do.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The profile's name, for messages.
    pub profile: String,
    /// `userName` may change.
    pub user_name_mutable: bool,
    /// People who are never deactivated, deleted or renamed.
    pub protected: Protected,
}

/// What is known of a person before the decision.
pub struct Known<'a> {
    /// The mark, when the person was pushed before.
    pub mark: Option<&'a Mark>,
    /// The link that belongs to it.
    pub link: Option<&'a Link>,
    /// An earlier failure.
    pub reject: Option<&'a Reject>,
    /// A create that may have been sent without our learning the answer.
    pub in_doubt: bool,
    /// Unix seconds.
    pub now: i64,
}

/// Decides for a person in scope; the second value is a warning.
#[must_use]
pub fn seen(user: MappedUser, source: Digest, known: &Known<'_>, rules: &Rules) -> (Seen, Option<String>) {
    let manager = user.manager.clone();
    let manager_dn = manager.as_deref().map(DnKey::of).unwrap_or_default();
    let operation = |action, resource: Resource, before: Option<Pushed>, id| Operation {
        anchor: user.anchor.clone(),
        dn: user.dn.clone(),
        action,
        id,
        before,
        after: Some(Pushed {
            resource,
            manager: manager.clone().map(|dn| ManagerRef {
                key: Default::default(),
                dn,
            }),
        }),
        source,
        dn_key: DnKey::of(&user.dn),
        manager_dn,
        look_up_first: false,
        tell_all: false,
        perhaps_named: Vec::new(),
    };
    let (Some(mark), Some(link)) = (known.mark, known.link) else {
        if waits(known, wanted(Some(user.resource.digest()), manager_dn)) {
            return (Seen::Waiting, None);
        }
        let tried = known.reject.is_some_and(|reject| reject.kind == RejectKind::Waiting);
        let mut create = operation(Action::Create, user.resource.clone(), None, None);
        create.look_up_first = known.in_doubt || tried;
        return (Seen::Operation(Box::new(create)), None);
    };
    let before = &link.pushed.resource;
    let (resource, warning) = shield(user.resource.clone(), before, link, &user.dn, rules);
    // Back, but disabled in the directory: the account is as it should be.
    let as_told = mark.deactivated_at == 0 || !resource.is_active();
    if resource.digest() == mark.body && as_told {
        return (Seen::Unchanged, warning);
    }
    if !rules.user_name_mutable && resource.user_name() != before.user_name() {
        return (Seen::Rejected(immutable_name(before, &resource, rules)), warning);
    }
    if waits(known, wanted(Some(resource.digest()), manager_dn)) {
        return (Seen::Waiting, warning);
    }
    let action = if mark.deactivated_at != 0 && resource.is_active() {
        Action::Reactivate
    } else {
        Action::Update
    };
    let mut operation = operation(action, resource, Some(link.pushed.clone()), Some(link.id.clone()));
    operation.tell_all = mark.body.is_unset();
    operation.perhaps_named.clone_from(&link.perhaps_named);
    (Seen::Operation(Box::new(operation)), warning)
}

/// Keeps name and access of protected people as they are.
fn shield(mut wanted: Resource, before: &Resource, link: &Link, dn: &str, rules: &Rules) -> (Resource, Option<String>) {
    let renamed = wanted.user_name() != before.user_name();
    let turned_off = before.is_active() && !wanted.is_active();
    if !(renamed || turned_off)
        || !rules.protected.covers(
            link.anchor.as_str(),
            &[DnKey::of(dn), DnKey::of(&link.dn)],
            before.user_name(),
        )
    {
        return (wanted, None);
    }
    let mut kept = Vec::new();
    if renamed {
        wanted.attributes.insert(
            AttributePath::new("userName"),
            Value::Text(before.user_name().to_owned()),
        );
        kept.push("renamed");
    }
    if turned_off {
        wanted
            .attributes
            .insert(AttributePath::new("active"), Value::Boolean(true));
        kept.push("deactivated");
    }
    let warning = format!("{dn} is protected and was not {}", kept.join(" or "));
    (wanted, Some(warning))
}

fn immutable_name(before: &Resource, wanted: &Resource, rules: &Rules) -> Problem {
    Problem {
        attribute: "userName".into(),
        rule: format!(
            "{}: userName cannot be changed (the account is called {:?}); keep the old name with [[users.override]] set",
            rules.profile,
            before.user_name()
        ),
        value: wanted.user_name().to_owned(),
    }
}

/// Whether an earlier failure holds this person back for now.
fn waits(known: &Known<'_>, wanted: Digest) -> bool {
    known.reject.is_some_and(|reject| is_waiting(reject, wanted, known.now))
}

/// Whether what failed was this very state, and is not due to be tried again.
#[must_use]
pub fn is_waiting(reject: &Reject, wanted: Digest, now: i64) -> bool {
    let pause = reject.next_try.saturating_sub(now);
    reject.wanted == wanted
        && match reject.kind {
            RejectKind::Entry => false,
            RejectKind::Refused => reject.next_try != RETRY_NOW,
            // No pause is that long: the clock was wrong then, or is now.
            RejectKind::Waiting => pause > 0 && pause <= RETRY_MAX_S,
        }
}

/// Longest pause before a failed object is tried again, in seconds.
pub const RETRY_MAX_S: i64 = 86_400;
/// `next_try` of a reject that an operator asked to try again.
pub const RETRY_NOW: i64 = -1;

/// What follows for somebody who was pushed and is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nothing, by policy or because it happened already.
    Nothing,
    /// Missing for `n` complete cycles now; not yet long enough.
    Counted(u16),
    /// The account was inactive already: only remembered as deactivated from now on.
    AlreadyInactive,
    /// Deactivate.
    Deactivate,
    /// Delete.
    Delete,
}

/// Decides for a person whom a complete read did not show.
#[must_use]
pub fn missing(mark: &Mark, leavers: &Leavers, now: i64) -> Missing {
    let missed = mark.missed.saturating_add(1);
    if leavers.action == LeaverAction::Keep {
        return Missing::Nothing;
    }
    if mark.deactivated_at == 0 && missed < leavers.confirm_cycles {
        return Missing::Counted(missed);
    }
    let grace_s = i64::from(leavers.delete_after_days) * 86_400;
    match (leavers.action, mark.deactivated_at) {
        (LeaverAction::Delete, 0) if grace_s == 0 => Missing::Delete,
        (LeaverAction::Delete, at) if at != 0 && now.saturating_sub(at) >= grace_s => Missing::Delete,
        (_, 0) if mark.active => Missing::Deactivate,
        (_, 0) => Missing::AlreadyInactive,
        _ => Missing::Nothing,
    }
}

/// The operation for a leaver.
#[must_use]
pub fn removal(link: Link, mark: &Mark, action: Action) -> Operation {
    let after = (action == Action::Deactivate).then(|| Pushed {
        resource: link.pushed.resource.clone().with_active(false),
        manager: link.pushed.manager.clone(),
    });
    Operation {
        anchor: link.anchor,
        dn: link.dn,
        action,
        id: Some(link.id),
        before: Some(link.pushed),
        after,
        source: Digest::default(),
        dn_key: mark.dn,
        manager_dn: mark.manager_dn,
        look_up_first: false,
        tell_all: mark.body.is_unset(),
        perhaps_named: link.perhaps_named,
    }
}
