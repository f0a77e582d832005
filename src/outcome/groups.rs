//! What is remembered and told of groups.

use crate::{
    cycle::groups::{GroupPolicy, PlannedGroups},
    executor::GroupExecution,
    model::{Absence, GroupAction},
    ports::{GroupChange, GroupRecord, GroupStore, Held, Meta, ProviderError, StateStore, StoreError},
    report::{count, grouped},
};

use super::{BATCH, exit};

/// Remembers what planning found out, before the first request; `then` is the meta record it started from.
/// Where nothing is done about people, nothing is about their groups. Blocking.
///
/// # Errors
/// When the state cannot be written.
pub fn remember<S: StateStore + GroupStore>(
    store: &S,
    policy: &GroupPolicy,
    (groups, then): (&PlannedGroups, &Meta),
    people_aborted: bool,
    now: i64,
) -> Result<(), StoreError> {
    let (plan, approved) = (&groups.plan, &groups.approved);
    if !approved.aborted && !people_aborted {
        for batch in plan.link_changes.chunks(BATCH) {
            let changes = batch.iter().map(|(key, link)| match link {
                Some(link) => GroupChange::Put(*key, Box::new(link.clone())),
                None => GroupChange::Forget(*key),
            });
            store.apply_groups(&changes.collect::<Vec<_>>())?;
        }
        for batch in plan.reject_changes.chunks(BATCH) {
            store.save_group_rejects(batch)?;
        }
        if !(plan.link_changes.is_empty() && plan.reject_changes.is_empty()) {
            store.flush()?;
        }
    }
    let before = store.meta()?;
    // Nor is an approval lost that was given while this cycle was planned.
    let given_meanwhile = before
        .groups_approved
        .clone()
        .filter(|_| before.groups_approved != then.groups_approved);
    let mut after = meta(before.clone(), policy, groups, now);
    after.groups_approved = after.groups_approved.or(given_meanwhile);
    if after == before {
        Ok(())
    } else {
        store.save_meta(&after)
    }
}

/// The meta record with the removals held in this cycle in it. An approval lasts for one complete cycle.
fn meta(mut meta: Meta, policy: &GroupPolicy, groups: &PlannedGroups, now: i64) -> Meta {
    let (plan, approved) = (&groups.plan, &groups.approved);
    if plan.absence != Absence::AllButPresent {
        return meta;
    }
    meta.groups_approved = meta.groups_approved.filter(|_| approved.approval_used);
    let since = meta.groups_held.as_ref().map(|held| (held.plan_id.clone(), held.since));
    meta.groups_held = approved.hold.as_ref().map(|hold| Held {
        plan_id: hold.plan_id.clone(),
        removals: removals(groups),
        reason: hold.reason.clone(),
        since: since
            .filter(|(id, _)| *id == hold.plan_id)
            .map_or(now, |(_, since)| since),
    });
    let settled = approved.hold.is_none()
        && ((plan.counts.missing == 0 && plan.counts.unidentified == 0) || approved.approval_used);
    if !approved.aborted && (settled || meta.groups_scope.is_empty()) {
        meta.groups_scope = policy.scope.to_string();
    }
    meta
}

/// What is held: groups, and people to be taken out of groups.
#[must_use]
pub fn removals(groups: &PlannedGroups) -> u64 {
    let held = groups.approved.held.iter();
    held.map(|operation| match operation.action {
        GroupAction::Empty | GroupAction::Delete => 1,
        _ => {
            let in_doubt = operation.again.iter().filter(|(_, shall_be_in)| !shall_be_in);
            (operation.remove.len() + in_doubt.count()) as u64
        }
    })
    .sum()
}

/// Takes an approval away once what it released is done. Blocking.
///
/// # Errors
/// When the state cannot be written.
pub fn conclude(store: &dyn StateStore, groups: &PlannedGroups, execution: &GroupExecution) -> Result<(), StoreError> {
    if !groups.approved.approval_used || execution.skipped > 0 {
        return Ok(());
    }
    let meta = store.meta()?;
    store.save_meta(&Meta {
        groups_approved: None,
        ..meta
    })
}

/// What a cycle did to groups.
#[must_use]
pub fn record(groups: &PlannedGroups, execution: &GroupExecution) -> GroupRecord {
    let counts = &groups.plan.counts;
    GroupRecord {
        entries: counts.entries,
        done: execution
            .done
            .iter()
            .map(|(action, count)| (action.to_string(), *count))
            .collect(),
        adopted: execution.adopted,
        added: execution.added,
        removed: execution.removed,
        waiting_members: execution.waiting,
        failed: execution.failed + counts.waiting,
        rejected: counts.rejected,
    }
}

/// The exit code as far as groups decide it.
#[must_use]
pub fn exit_code(groups: &PlannedGroups, execution: &GroupExecution) -> u8 {
    let counts = &groups.plan.counts;
    if matches!(groups.plan.absence, Absence::Unknown(_)) {
        exit::DIRECTORY
    } else if matches!(&execution.stopped, Some(error) if *error != ProviderError::Cancelled) {
        exit::PROVIDER
    } else if groups.approved.hold.is_some() {
        exit::HELD
    } else if execution.failed + execution.skipped + counts.rejected + counts.waiting > 0 {
        exit::OBJECTS
    } else {
        exit::DONE
    }
}

/// How things done are told, in the order of execution.
const DONE: [(GroupAction, &str); 4] = [
    (GroupAction::Create, "created"),
    (GroupAction::Update, "updated"),
    (GroupAction::Empty, "emptied"),
    (GroupAction::Delete, "deleted"),
];

/// One clause; nothing when there is nothing to tell.
#[must_use]
pub fn words(groups: &PlannedGroups, execution: &GroupExecution) -> Option<String> {
    let (plan, approved) = (&groups.plan, &groups.approved);
    let mut words = Vec::new();
    if let Absence::Unknown(reason) = &plan.absence {
        words.push(format!("not read completely, nothing was taken away: {reason}"));
    }
    if let Some(error) = &execution.stopped {
        words.push(match error {
            ProviderError::Cancelled => "interrupted".to_owned(),
            error => format!("stopped: {error}"),
        });
    }
    if let Some(hold) = &approved.hold {
        words.push(format!(
            "{} held ({}); release them with: scimward approve {}",
            count(removals(groups), "removal"),
            hold.reason,
            hold.plan_id
        ));
    }
    let done = DONE
        .iter()
        .filter_map(|(action, word)| Some((*execution.done.get(action)?, *word)));
    let people = [
        (execution.added, "added"),
        (execution.removed, "removed"),
        (execution.waiting, "without an account yet"),
    ];
    let people = people.into_iter().filter(|(number, _)| *number > 0);
    let people = people.map(|(number, word)| format!("{} {word}", count(number, "member")));
    let not_done = [
        (execution.failed, "failed"),
        (execution.skipped, "not tried"),
        (plan.counts.rejected, "rejected"),
        (plan.counts.waiting, "waiting after an earlier failure"),
    ];
    let told = |(count, word): (u64, &str)| (count > 0).then(|| format!("{} {word}", grouped(count)));
    words.extend(done.filter_map(told));
    words.extend(people);
    words.extend(not_done.into_iter().filter_map(told));
    (!words.is_empty()).then(|| format!("groups: {}", words.join(", ")))
}
