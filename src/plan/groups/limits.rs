//! What of a plan for groups may be carried out.

use std::collections::BTreeSet;

use super::GroupPlan;
use crate::{
    model::{Absence, AnchorKey, Digest, GroupAction, GroupOperation},
    plan::{
        limits::{Context, Hold, allowed},
        settings::{GroupLimits, OnExceeded, OnIncomplete},
    },
};

/// A plan divided into what is carried out and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovedGroups {
    /// To be carried out, in order.
    pub operations: Vec<GroupOperation>,
    /// What is held back; of a group whose other changes are carried out only the people to be taken out.
    pub held: Vec<GroupOperation>,
    /// Why, and what `scimward approve` takes.
    pub hold: Option<Hold>,
    /// Nothing is carried out, because the read was incomplete or the limits say abort.
    pub aborted: bool,
    /// The operator's approval was used up.
    pub approval_used: bool,
}

/// Applies `limits` to `plan`.
#[must_use]
pub fn approve(
    plan: &GroupPlan,
    limits: &GroupLimits,
    on_exceeded: OnExceeded,
    context: &Context<'_>,
) -> ApprovedGroups {
    if matches!(plan.absence, Absence::Unknown(_)) {
        return match context.on_incomplete {
            OnIncomplete::Abort => ApprovedGroups {
                aborted: true,
                ..ApprovedGroups::default()
            },
            OnIncomplete::NoRemovals => ApprovedGroups {
                operations: plan
                    .operations
                    .iter()
                    .filter_map(|operation| divide(operation).0)
                    .collect(),
                ..ApprovedGroups::default()
            },
        };
    }
    let all_removals = too_many_groups(plan, limits, context);
    let mut reasons: Vec<String> = all_removals.iter().cloned().collect();
    let (mut free, mut held) = (Vec::new(), Vec::new());
    for operation in &plan.operations {
        let reason = match operation.action {
            GroupAction::Empty | GroupAction::Delete => all_removals.clone(),
            _ => too_many_members(operation, limits, context).inspect(|reason| reasons.push(reason.clone())),
        };
        if reason.is_some() {
            let (rest, removal) = divide(operation);
            free.extend(rest);
            held.extend(removal);
        } else {
            free.push(operation.clone());
        }
    }
    if held.is_empty() {
        return ApprovedGroups {
            operations: free,
            ..ApprovedGroups::default()
        };
    }
    let plan_id = removals_id(&held);
    if context.approved == Some(plan_id.as_str()) {
        return ApprovedGroups {
            operations: plan.operations.clone(),
            approval_used: true,
            ..ApprovedGroups::default()
        };
    }
    let aborted = on_exceeded == OnExceeded::Abort;
    ApprovedGroups {
        operations: if aborted { Vec::new() } else { free },
        held,
        hold: Some(Hold {
            plan_id,
            reason: in_words(&reasons),
        }),
        aborted,
        approval_used: false,
    }
}

/// More reasons than these are only counted.
const REASONS_TOLD: usize = 3;

fn in_words(reasons: &[String]) -> String {
    let mut words = reasons[..reasons.len().min(REASONS_TOLD)].join("; ");
    if let Some(more) = reasons.len().checked_sub(REASONS_TOLD).filter(|more| *more > 0) {
        words.push_str(&format!("; and {more} more groups"));
    }
    words
}

/// An operation without what it takes away, and that alone.
fn divide(operation: &GroupOperation) -> (Option<GroupOperation>, Option<GroupOperation>) {
    match operation.action {
        GroupAction::Empty | GroupAction::Delete => (None, Some(operation.clone())),
        _ if !operation.takes_out() => (Some(operation.clone()), None),
        _ => {
            let (joining, leaving) = operation.again.iter().partition(|(_, shall_be_in)| *shall_be_in);
            let rest = GroupOperation {
                remove: Vec::new(),
                again: joining,
                ..operation.clone()
            };
            let removal = GroupOperation {
                action: GroupAction::Members,
                add: Vec::new(),
                forget: Vec::new(),
                again: leaving,
                ..operation.clone()
            };
            let is_empty = rest.action == GroupAction::Members && rest.is_without_members();
            ((!is_empty).then_some(rest), Some(removal))
        }
    }
}

/// Why no group may be emptied or deleted.
fn too_many_groups(plan: &GroupPlan, limits: &GroupLimits, context: &Context<'_>) -> Option<String> {
    let is_removal = |operation: &&GroupOperation| matches!(operation.action, GroupAction::Empty | GroupAction::Delete);
    let removals = plan.operations.iter().filter(is_removal).count() as u64;
    let in_use = plan.counts.in_use;
    if removals == 0 {
        return None;
    }
    if plan.counts.entries == 0 {
        return Some(format!(
            "the directory answered with success but without a single group while {in_use} are in use; \
             lost read rights look exactly like this"
        ));
    }
    if context.scope_changed {
        return Some("base, scope, filter or anchor of [groups] changed since the last complete cycle".to_owned());
    }
    let most = allowed(in_use, limits.max_removals, limits.max_removals_percent);
    (removals > most).then(|| {
        format!(
            "{removals} of {in_use} groups would be emptied or deleted, allowed are {most} \
             (max_removals = {}, max_removals_percent = {})",
            limits.max_removals, limits.max_removals_percent
        )
    })
}

/// Why nobody may be taken out of this group.
fn too_many_members(operation: &GroupOperation, limits: &GroupLimits, context: &Context<'_>) -> Option<String> {
    // Whoever may be in may have access by now.
    let in_doubt = operation.again.iter().filter(|(_, shall_be_in)| !shall_be_in).count() as u64;
    let removals = operation.remove.len() as u64 + in_doubt;
    let before = operation.link.as_ref().map_or(0, |link| link.members.count) + in_doubt;
    if removals == 0 {
        return None;
    }
    let name = operation.display_name();
    if context.scope_changed {
        return Some(format!(
            "{name:?} would lose {removals} members, and base, scope, filter or anchor of [groups] changed since the last complete cycle"
        ));
    }
    let percent = if before < limits.min_group_size {
        100.0
    } else {
        limits.max_member_removals_percent
    };
    let most = allowed(before, limits.max_member_removals, percent);
    (removals > most).then(|| {
        format!(
            "{name:?} would lose {removals} of {before} members, allowed are {most} \
             (max_member_removals = {}, max_member_removals_percent = {})",
            limits.max_member_removals, limits.max_member_removals_percent
        )
    })
}

/// Twelve hexadecimal digits over what is taken away: the same removals have the same id in every cycle.
fn removals_id(held: &[GroupOperation]) -> String {
    let people = |operation: &GroupOperation| {
        let again = operation.again.iter().filter(|(_, shall_be_in)| !shall_be_in);
        let all: BTreeSet<AnchorKey> = again
            .map(|(key, _)| *key)
            .chain(operation.remove.iter().copied())
            .collect();
        all.into_iter().collect::<Vec<_>>()
    };
    let mut lines: Vec<(AnchorKey, GroupAction, Vec<AnchorKey>)> = held
        .iter()
        .map(|operation| (operation.anchor.key(), operation.action, people(operation)))
        .collect();
    lines.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for (group, action, people) in lines {
        hasher.update(&group.0);
        hasher.update(action.to_string().as_bytes());
        hasher.update(&(people.len() as u64).to_le_bytes());
        for person in people {
            hasher.update(&person.0);
        }
    }
    Digest::finish(&hasher).to_string()[..12].to_owned()
}
