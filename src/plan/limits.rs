//! What of a plan may be carried out.

use std::collections::BTreeSet;

use crate::{
    model::{Absence, Action, Digest, Phase, Step},
    plan::{
        Plan,
        losses::{self, Lost},
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
    let removals: Vec<Step> = plan.steps.iter().copied().filter(is_removal).collect();
    let losses = Wave::new(plan, limits);
    if matches!(plan.absence, Absence::Unknown(_)) {
        return match context.on_incomplete {
            OnIncomplete::Abort => Approved {
                aborted: true,
                ..Approved::default()
            },
            OnIncomplete::NoRemovals => Approved {
                steps: without(plan, &losses.join(plan, removals)),
                ..Approved::default()
            },
        };
    }
    let (held, mut reasons) = withheld(plan, removals, limits, context);
    reasons.extend(losses.reason.clone());
    let held = losses.join(plan, held);
    if held.is_empty() {
        return Approved {
            steps: plan.steps.clone(),
            ..Approved::default()
        };
    }
    let plan_id = removals_id(plan, &held, losses.mask);
    if context.approved == Some(plan_id.as_str()) {
        return Approved {
            steps: plan.steps.clone(),
            approval_used: true,
            ..Approved::default()
        };
    }
    let aborted = limits.on_exceeded == OnExceeded::Abort;
    Approved {
        steps: if aborted { Vec::new() } else { without(plan, &held) },
        held,
        hold: Some(Hold {
            plan_id,
            reason: reasons.join("; "),
        }),
        aborted,
        approval_used: false,
    }
}

/// Attributes that too many people would lose.
struct Wave {
    mask: Lost,
    reason: Option<String>,
}

impl Wave {
    fn new(plan: &Plan, limits: &Limits) -> Self {
        let in_use = plan.counts.in_use;
        let lost = plan.steps.iter().map(|step| lost(plan, step));
        let (mask, waves) = plan.losses.waves(
            lost,
            in_use,
            allowed(in_use, limits.max_removals, limits.max_removals_percent),
        );
        Self {
            mask,
            reason: (!waves.is_empty()).then(|| losses::in_words(&waves, in_use)),
        }
    }

    /// `held`, and everybody who would lose one of these attributes; in the order of the plan.
    fn join(&self, plan: &Plan, held: Vec<Step>) -> Vec<Step> {
        if self.mask == 0 {
            return held;
        }
        let held: BTreeSet<_> = held.into_iter().collect();
        let is_held = |step: &Step| held.contains(step) || lost(plan, step) & self.mask != 0;
        plan.steps.iter().copied().filter(is_held).collect()
    }
}

fn lost(plan: &Plan, step: &Step) -> Lost {
    plan.notes.get(step.index as usize).map_or(0, |note| note.lost)
}

/// The steps that are carried out when `held` are not. Somebody who steps aside in a circle of renames
/// does so only if the last step is carried out, too.
fn without(plan: &Plan, held: &[Step]) -> Vec<Step> {
    let people: BTreeSet<_> = held.iter().filter_map(|step| plan.person(*step)).collect();
    let held: BTreeSet<_> = held.iter().collect();
    let is_one_of_them = |step: &Step| plan.person(*step).is_some_and(|person| people.contains(&person));
    let stays = |step: &&Step| {
        let steps_aside = step.phase == Phase::Unname && is_one_of_them(step);
        !steps_aside && !held.contains(step)
    };
    plan.steps.iter().filter(stays).copied().collect()
}

/// What waits for an operator's word, and why.
fn withheld(plan: &Plan, removals: Vec<Step>, limits: &Limits, context: &Context<'_>) -> (Vec<Step>, Vec<String>) {
    let mut reasons: Vec<String> = exceeded(plan, removals.len() as u64, limits, context)
        .into_iter()
        .collect();
    let mut held = removals;
    if reasons.is_empty() {
        // A deleted account gives its name free; a deactivated one locks out whoever it belongs to.
        let doubtful = |step: &Step| {
            plan.has_namesake(*step)
                && plan
                    .action(*step)
                    .is_some_and(|(action, _)| action == Action::Deactivate)
        };
        held.retain(doubtful);
    }
    let namesakes = held.iter().filter(|step| plan.has_namesake(**step)).count();
    if namesakes > 0 {
        reasons.push(format!(
            "{}: if these are the same people, their anchors changed and you must not approve this; docs/state.md, \
             \"Anchors changed\", says the way out",
            match namesakes {
                1 => "1 person who would be removed has the userName of somebody new under another anchor".to_owned(),
                many =>
                    format!("{many} people who would be removed have the userNames of new ones under other anchors"),
            }
        ));
    }
    (held, reasons)
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
fn removals_id(plan: &Plan, removals: &[Step], waves: Lost) -> String {
    let mut lines: Vec<_> = removals
        .iter()
        .filter_map(|step| plan.notes.get(step.index as usize))
        .map(|note| (note.key, note.action, note.lost & waves))
        .collect();
    lines.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for (key, action, lost) in lines {
        hasher.update(&key.0);
        hasher.update(action.to_string().as_bytes());
        for name in plan.losses.names(lost) {
            hasher.update(name.as_bytes());
        }
    }
    Digest::finish(&hasher).to_string()[..12].to_owned()
}
