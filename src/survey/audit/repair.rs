//! From what an audit found to what the next plan starts from.

use super::{
    Drift,
    groups::{GroupDrift, Member},
};
use crate::{
    model::{AnchorKey, Digest, Link, Mark},
    ports::{Change, GroupChange, GroupStore, StateStore, StoreError},
    survey::stand_in,
};

/// Changes written at a time.
const BATCH: usize = 100;

/// Remembers what the cloud holds in place of what was pushed, so that the next plan brings people who
/// are in the directory into step. Returns for how many that is. Whoever has left stays as he is.
///
/// # Errors
/// When the state cannot be written.
pub fn repair(store: &dyn StateStore, drifts: &[Drift]) -> Result<u64, StoreError> {
    let marks = store.marks()?;
    let mut changes = Vec::new();
    for drift in drifts.iter().filter(|drift| !drift.left) {
        let key = drift.anchor.key();
        let Ok(at) = marks.binary_search_by_key(&key, |(key, _)| *key) else {
            continue;
        };
        let Some(link) = store.link(key)? else { continue };
        changes.push(changed(drift, marks[at].1, link));
    }
    for batch in changes.chunks(BATCH) {
        store.apply(batch)?;
    }
    store.flush()?;
    Ok(changes.len() as u64)
}

/// The same for groups: the next plan names them right, puts in who is missing and, within the limits,
/// takes out who was put in by hand. Returns for how many that is.
///
/// # Errors
/// When the state cannot be written.
pub fn repair_groups<S: StateStore + GroupStore>(store: &S, drifts: &[GroupDrift]) -> Result<u64, StoreError> {
    let groups = store.groups()?;
    let mut repaired = 0;
    for drift in drifts.iter().filter(|drift| !drift.left) {
        let group = drift.anchor.key();
        let Ok(at) = groups.binary_search_by_key(&group, |(key, _)| *key) else {
            continue;
        };
        let change = match &drift.held {
            // Proved to be gone: one that is in the directory is new to the cloud.
            None => GroupChange::Forget(group),
            Some(held) => {
                let mut link = groups[at].1.clone();
                link.resource = held.resource.clone();
                link.perhaps_named.clear();
                let (add, remove) = (keys(&held.extra), keys(&held.missing));
                add.iter().for_each(|key| link.members.add(*key));
                remove.iter().for_each(|key| link.members.remove(*key));
                GroupChange::Members {
                    group,
                    link: Box::new(link),
                    add,
                    remove,
                }
            }
        };
        store.apply_groups(&[change])?;
        repaired += 1;
    }
    store.flush()?;
    Ok(repaired)
}

fn keys(members: &[Member]) -> Vec<AnchorKey> {
    members.iter().map(|member| member.key).collect()
}

fn changed(drift: &Drift, mark: Mark, mut link: Link) -> Change {
    let key = drift.anchor.key();
    let Some(held) = &drift.held else {
        // Proved to be gone: somebody who is in the directory is new to the cloud.
        return Change::Forget(key);
    };
    link.pushed = held.clone();
    // A name that leads nowhere is no reason to take a manager away, whoever he is.
    let stranger = held.manager.as_ref().is_some_and(stand_in::is_one);
    if stranger && !mark.manager_dn.is_none() {
        link.pushed.manager = None;
    }
    let mark = Mark {
        source: Digest::default(),
        body: link.pushed.resource.digest(),
        manager: link
            .pushed
            .manager
            .as_ref()
            .map(|manager| manager.key)
            .unwrap_or_default(),
        active: link.pushed.resource.is_active(),
        ..mark
    };
    Change::Put(key, mark, Box::new(link))
}
