//! What is remembered of a cycle besides its links: before the first request and after the last one.

pub mod groups;

use std::collections::BTreeMap;

use crate::{
    cycle::{CycleError, Planned, Policy, mapping_digest},
    executor::{Execution, GroupExecution, Turn},
    model::{AnchorKey, Mark},
    ports::{Absence, Change, CycleRecord, DirectoryError, Held, Meta, ProviderError, Reject, StateStore, StoreError},
    report::{count, grouped},
};

/// The exit codes of the program; scripts depend on them.
pub mod exit {
    /// Done; nothing failed.
    pub const DONE: u8 = 0;
    /// Done, but some objects failed or were rejected.
    pub const OBJECTS: u8 = 1;
    /// Bad usage or configuration.
    pub const USAGE: u8 = 2;
    /// The directory could not be read, or not completely.
    pub const DIRECTORY: u8 = 3;
    /// The service provider refused or could not be reached.
    pub const PROVIDER: u8 = 4;
    /// Removals held by the limits.
    pub const HELD: u8 = 5;
    /// With `--dry-run --exit-code`: there are changes.
    pub const CHANGES: u8 = 10;
}

/// Changes applied to the state at a time.
const BATCH: usize = 100;

/// Remembers what planning found out, before the first request: from here on a crash at any instant
/// leaves a state from which the next cycle reaches the same end. Blocking.
///
/// # Errors
/// When the state cannot be written.
pub fn remember(store: &dyn StateStore, policy: &Policy, planned: &Planned, now: i64) -> Result<(), StoreError> {
    let plan = &planned.plan;
    let mut meta = held(store.meta()?, planned, now);
    if planned.approved.aborted {
        return store.save_meta(&meta);
    }
    for batch in plan.mark_changes.chunks(BATCH) {
        store.apply(
            &batch
                .iter()
                .map(|&(key, mark)| Change::Mark(key, mark))
                .collect::<Vec<_>>(),
        )?;
    }
    if !plan.quietly_inactive.is_empty() {
        remember_inactive(store, planned, now)?;
    }
    for batch in plan.reject_changes.chunks(BATCH) {
        store.save_rejects(batch)?;
    }
    let nothing_new =
        plan.mark_changes.is_empty() && plan.quietly_inactive.is_empty() && plan.reject_changes.is_empty();
    if !nothing_new {
        store.flush()?;
    }
    meta.mapping = mapping_digest(policy).to_string();
    // Whoever a broken-off rebuild did not come to is adopted by this cycle.
    meta.rebuild = None;
    // A new scope is accepted once nobody is missing under it, or the removals were approved.
    let settled = planned.approved.hold.is_none()
        && ((plan.counts.missing == 0 && plan.counts.unidentified == 0) || planned.approved.approval_used);
    let first = meta.scope.is_empty();
    if plan.absence == Absence::AllButPresent && (settled || first) {
        meta.scope = policy.scope.to_string();
    }
    if meta == planned.meta {
        Ok(())
    } else {
        store.save_meta(&meta)
    }
}

/// People who left while their account was inactive already need no request, only a date.
fn remember_inactive(store: &dyn StateStore, planned: &Planned, now: i64) -> Result<(), StoreError> {
    let marks: BTreeMap<_, Mark> = store.marks()?.into_iter().collect();
    let dated = planned.plan.quietly_inactive.iter().filter_map(|key| {
        marks.get(key).map(|&mark| {
            Change::Mark(
                *key,
                Mark {
                    deactivated_at: now,
                    ..mark
                },
            )
        })
    });
    let changes: Vec<Change> = dated.collect();
    changes.chunks(BATCH).try_for_each(|batch| store.apply(batch))
}

/// The meta record with the held removals of this cycle in it. An approval lasts for one complete cycle.
fn held(now_stored: Meta, planned: &Planned, now: i64) -> Meta {
    let old = &planned.meta;
    let mut meta = Meta {
        approved: now_stored.approved.clone(),
        groups_approved: now_stored.groups_approved.clone(),
        ..old.clone()
    };
    if planned.plan.absence != Absence::AllButPresent {
        return meta;
    }
    // Until the removals are done; then the engine takes it away. Nor is one lost that was given while
    // this cycle was planned.
    let given_meanwhile = now_stored.approved != planned.meta.approved;
    meta.approved = now_stored
        .approved
        .filter(|_| planned.approved.approval_used || given_meanwhile);
    meta.held = planned.approved.hold.as_ref().map(|hold| Held {
        plan_id: hold.plan_id.clone(),
        removals: planned.approved.held.len() as u64,
        reason: hold.reason.clone(),
        since: old
            .held
            .as_ref()
            .filter(|held| held.plan_id == hold.plan_id)
            .map_or(now, |held| held.since),
    });
    meta
}

/// Takes an approval away once what it released is done. Blocking.
///
/// # Errors
/// When the state cannot be written.
pub fn conclude(store: &dyn StateStore, planned: &Planned, execution: &Execution) -> Result<(), StoreError> {
    if !planned.approved.approval_used || execution.skipped > 0 {
        return Ok(());
    }
    let meta = store.meta()?;
    store.save_meta(&Meta { approved: None, ..meta })
}

/// The record of a cycle that got as far as a plan.
#[must_use]
pub fn record(
    planned: &Planned,
    execution: &Execution,
    of_groups: &GroupExecution,
    requests: u64,
    started: i64,
    ended: i64,
) -> CycleRecord {
    let counts = &planned.plan.counts;
    let mut done: BTreeMap<String, u64> = execution
        .done
        .iter()
        .map(|(action, count)| (action.to_string(), *count))
        .collect();
    if execution.adopted > 0 {
        // An adoption is how a create ended: nobody is counted twice.
        let created = done
            .remove("create")
            .unwrap_or_default()
            .saturating_sub(execution.adopted);
        done.extend(
            [("create", created), ("adopted", execution.adopted)].map(|(name, count)| (name.to_owned(), count)),
        );
    }
    for (&(action, turn), &count) in &execution.turned_out {
        if let Some(all) = done.get_mut(&action.to_string()) {
            *all = all.saturating_sub(count);
        }
        let name = match turn {
            Turn::MadeAgain => "made-again",
            Turn::SwitchedOff => "switched-off",
        };
        *done.entry(name.to_owned()).or_default() += count;
    }
    done.retain(|_, count| *count > 0);
    CycleRecord {
        started,
        ended,
        exit_code: exit_code(planned, execution, of_groups),
        outcome: outcome(planned, execution, of_groups, &done),
        groups: planned.groups.as_ref().map(|it| groups::record(it, of_groups)),
        entries: counts.entries,
        done,
        failed: execution.failed + counts.waiting,
        rejected: counts.rejected,
        requests,
    }
}

/// What stands in for the record of a cycle that is about to send, should it never come to one of its own.
#[must_use]
pub fn unended(planned: &Planned, started: i64) -> CycleRecord {
    CycleRecord {
        started,
        exit_code: exit::OBJECTS,
        outcome: format!(
            "never ended: scimward was killed, or the machine went down, in the middle of {}; what was done is \
             remembered, the next run carries on",
            count(planned.approved.steps.len() as u64, "operation")
        ),
        entries: planned.plan.counts.entries,
        ..CycleRecord::default()
    }
}

/// The record of a cycle that ended before there was a plan.
#[must_use]
pub fn failure(error: &CycleError, started: i64, ended: i64) -> CycleRecord {
    let exit_code = match error {
        CycleError::Directory(DirectoryError::Sink(_) | DirectoryError::Cancelled)
        | CycleError::Store(_)
        | CycleError::Plan(_) => exit::OBJECTS,
        CycleError::Directory(_) | CycleError::NoSuchGroup(_) => exit::DIRECTORY,
    };
    CycleRecord {
        started,
        ended,
        exit_code,
        outcome: error.to_string(),
        ..CycleRecord::default()
    }
}

/// The more serious of what people and groups come to.
fn exit_code(planned: &Planned, execution: &Execution, of_groups: &GroupExecution) -> u8 {
    let people = exit_code_of_people(planned, execution);
    let groups = planned
        .groups
        .as_ref()
        .map_or(exit::DONE, |it| groups::exit_code(it, of_groups));
    // In the order in which they are looked at for each of both.
    let by_weight = [exit::DIRECTORY, exit::PROVIDER, exit::HELD, exit::OBJECTS];
    by_weight
        .into_iter()
        .find(|code| *code == people || *code == groups)
        .unwrap_or(exit::DONE)
}

fn exit_code_of_people(planned: &Planned, execution: &Execution) -> u8 {
    let counts = &planned.plan.counts;
    if matches!(planned.plan.absence, Absence::Unknown(_)) {
        exit::DIRECTORY
    } else if matches!(&execution.stopped, Some(error) if *error != ProviderError::Cancelled) {
        exit::PROVIDER
    } else if planned.approved.hold.is_some() {
        exit::HELD
    } else if execution.failed + execution.skipped + counts.rejected + counts.waiting > 0 {
        exit::OBJECTS
    } else {
        exit::DONE
    }
}

/// How operations done are told, in the order of execution.
const DONE: [(&str, &str); 9] = [
    ("create", "created"),
    ("adopted", "adopted"),
    ("reactivate", "reactivated"),
    ("made-again", "made again"),
    ("update", "updated"),
    ("switched-off", "switched off"),
    ("reference", "given another manager"),
    ("deactivate", "deactivated"),
    ("delete", "deleted"),
];

/// One sentence: what stood in the way first, then what was done and for whom it could not be done.
fn outcome(
    planned: &Planned,
    execution: &Execution,
    of_groups: &GroupExecution,
    done: &BTreeMap<String, u64>,
) -> String {
    let people = outcome_of_people(planned, execution, done);
    let groups = planned.groups.as_ref().and_then(|it| groups::words(it, of_groups));
    match groups {
        None => people,
        Some(groups) if people == IN_STEP => groups,
        Some(groups) => format!("{people}; {groups}"),
    }
}

const IN_STEP: &str = "in step, nothing changed";

fn outcome_of_people(planned: &Planned, execution: &Execution, done: &BTreeMap<String, u64>) -> String {
    let mut words = obstacles(planned, execution);
    let counts = &planned.plan.counts;
    let mut done: Vec<_> = DONE
        .iter()
        .filter_map(|(name, word)| Some((*done.get(*name)?, *word)))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{} {word}", grouped(count)))
        .collect();
    if done.is_empty() && words.is_empty() {
        done.push("nothing changed".to_owned());
    }
    let not_done = [
        (execution.failed, "failed"),
        (counts.rejected, "rejected"),
        (counts.waiting, "waiting after an earlier failure"),
    ];
    let not_done = not_done.into_iter().filter(|(count, _)| *count > 0);
    done.extend(not_done.map(|(count, word)| format!("{} {word}", grouped(count))));
    if done == ["nothing changed"] {
        return IN_STEP.to_owned();
    }
    if !done.is_empty() {
        words.push(done.join(", "));
    }
    words.join("; ")
}

/// Why less was done than the directory asked for.
fn obstacles(planned: &Planned, execution: &Execution) -> Vec<String> {
    let mut words = Vec::new();
    if let Absence::Unknown(reason) = &planned.plan.absence {
        let then = if planned.approved.aborted {
            "nothing was changed"
        } else {
            "nothing was removed"
        };
        words.push(format!("the directory was not read completely, {then}: {reason}"));
    }
    let skipped = match execution.skipped {
        0 => String::new(),
        1 => "; 1 operation was not tried".to_owned(),
        skipped => format!("; {} operations were not tried", grouped(skipped)),
    };
    match &execution.stopped {
        Some(ProviderError::Cancelled) => words.push(format!("interrupted{skipped}")),
        Some(error) => words.push(format!("stopped: {error}{skipped}")),
        None if execution.skipped > 0 => words.push(format!("interrupted{skipped}")),
        None => {}
    }
    if let Some(hold) = &planned.approved.hold {
        let removals = planned.approved.held.len() as u64;
        words.push(format!(
            "{} held ({}); release them with: scimward approve {}",
            count(removals, "removal"),
            hold.reason,
            hold.plan_id
        ));
    }
    words
}

/// The reject list as it will be once `changes` are applied.
#[must_use]
pub fn rejects_after(before: Vec<(AnchorKey, Reject)>, changes: &[(AnchorKey, Option<Reject>)]) -> Vec<Reject> {
    let mut list: BTreeMap<AnchorKey, Reject> = before.into_iter().collect();
    for (key, reject) in changes {
        match reject {
            Some(reject) => list.insert(*key, reject.clone()),
            None => list.remove(key),
        };
    }
    list.into_values().collect()
}
