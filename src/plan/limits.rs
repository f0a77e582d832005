//! What of a plan may be carried out.

use std::collections::BTreeSet;

use crate::{
    model::{Absence, Digest, Phase, Step},
    plan::{
        Plan,
        settings::{Limits, OnExceeded, OnIncomplete},
    },
};

/// What the limits are measured against.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// The removals an operator approved.
    pub approved: Option<&'a str>,
    /// Base, scope, filter or anchor rule are not those of the last complete cycle.
    pub scope_changed: bool,
    /// What an incomplete read allows.
    pub on_incomplete: OnIncomplete,
}

/// A plan divided into what is carried out and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approved {
    /// To be carried out, in order.
    pub steps: Vec<Step>,
    /// Removals held back.
    pub held: Vec<Step>,
    /// Why, and what `scimward approve` takes.
    pub hold: Option<Hold>,
    /// Nothing is carried out, because the read was incomplete or the limits say abort.
    pub aborted: bool,
    /// The operator's approval was used up.
    pub approval_used: bool,
}

/// Why removals are held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Hash of exactly these removals.
    pub plan_id: String,
    /// In words.
    pub reason: String,
}

/// Applies `limits` to `plan`.
#[must_use]
pub fn approve(plan: &Plan, limits: &Limits, context: &Context<'_>) -> Approved {
    let is_removal = |step: &Step| plan.action(*step).is_some_and(|(_, removal)| removal);
    let (removals, mut others): (Vec<Step>, Vec<Step>) = plan.steps.iter().copied().partition(is_removal);
    // Somebody who steps aside in a circle of renames does so only if the last step is carried out, too.
    let key = |step: &Step| plan.notes.get(step.index as usize).map(|note| note.key);
    let held: BTreeSet<_> = removals.iter().filter_map(key).collect();
    others.retain(|step| step.phase != Phase::Unname || key(step).is_none_or(|key| !held.contains(&key)));
    if matches!(plan.absence, Absence::Unknown(_)) {
        return match context.on_incomplete {
            OnIncomplete::Abort => Approved {
                aborted: true,
                ..Approved::default()
            },
            OnIncomplete::NoRemovals => Approved {
                steps: others,
                ..Approved::default()
            },
        };
    }
    let Some(reason) = exceeded(plan, removals.len() as u64, limits, context) else {
        return Approved {
            steps: plan.steps.clone(),
            ..Approved::default()
        };
    };
    let plan_id = removals_id(plan, &removals);
    if context.approved == Some(plan_id.as_str()) {
        return Approved {
            steps: plan.steps.clone(),
            approval_used: true,
            ..Approved::default()
        };
    }
    let aborted = limits.on_exceeded == OnExceeded::Abort;
    Approved {
        steps: if aborted { Vec::new() } else { others },
        held: removals,
        hold: Some(Hold { plan_id, reason }),
        aborted,
        approval_used: false,
    }
}

fn exceeded(plan: &Plan, removals: u64, limits: &Limits, context: &Context<'_>) -> Option<String> {
    if removals == 0 {
        return None;
    }
    let in_use = plan.counts.in_use;
    if plan.counts.entries == 0 {
        return Some(format!(
            "the directory answered with success but without a single entry while {in_use} accounts are in use; \
             lost read rights look exactly like this"
        ));
    }
    if context.scope_changed {
        return Some("base, scope, filter or anchor of [users] changed since the last complete cycle".to_owned());
    }
    let allowed = allowed(in_use, limits.max_removals, limits.max_removals_percent);
    (removals > allowed).then(|| {
        format!(
            "{removals} of {in_use} accounts in use, allowed are {allowed} \
             (max_removals = {}, max_removals_percent = {})",
            limits.max_removals, limits.max_removals_percent
        )
    })
}

/// What floating point may add to a share that is a whole number of people.
const ROUNDING: f64 = 1e-9;

/// The smaller of both limits; the share is rounded up, so that a small directory can lose somebody.
pub(super) fn allowed(in_use: u64, most: u64, percent: f64) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of people or groups; 2^53 is far away"
    )]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "both factors are positive and small"
    )]
    let share = (in_use as f64 * percent / 100.0 - ROUNDING).ceil() as u64;
    most.min(share)
}

/// Twelve hexadecimal digits over who loses what: the same removals have the same id in every cycle.
fn removals_id(plan: &Plan, removals: &[Step]) -> String {
    let mut lines: Vec<_> = removals
        .iter()
        .filter_map(|step| plan.notes.get(step.index as usize))
        .map(|note| (note.key, note.action))
        .collect();
    lines.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for (key, action) in lines {
        hasher.update(&key.0);
        hasher.update(action.to_string().as_bytes());
    }
    Digest::finish(&hasher).to_string()[..12].to_owned()
}
