//! Managers are accounts in the cloud and people in the state: once everybody is linked, the one becomes
//! the other.

use std::collections::BTreeMap;

use crate::{
    model::{AnchorKey, ManagerRef, Mark, StoreError},
    ports::{Change, StateStore},
    survey::stand_in,
};

/// Changes written at a time.
const BATCH: usize = 100;

/// Puts people in the place of accounts. Can be repeated.
///
/// An account that is nobody's here stays as it is where the entry names no manager, so that the next
/// plan takes it away; where the entry does name one it is left out: if that is somebody with an account
/// the plan sets him, and if not, it is no reason to take anything away.
pub(super) fn settle(store: &dyn StateStore) -> Result<(), StoreError> {
    let mut people: BTreeMap<AnchorKey, AnchorKey> = BTreeMap::new();
    store.each_link(&mut |link| {
        people.insert(stand_in::of(&link.id).key, link.anchor.key());
        true
    })?;
    let mut changes = Vec::new();
    for (key, mark) in store.marks()? {
        let known = people.get(&mark.manager).copied();
        // Settled already, or to be taken away.
        if mark.manager.is_none() || (known.is_none() && mark.manager_dn.is_none()) {
            continue;
        }
        changes.extend(resolved(store, key, mark, known)?);
        if changes.len() >= BATCH {
            store.apply(&std::mem::take(&mut changes))?;
        }
    }
    store.apply(&changes)
}

fn resolved(
    store: &dyn StateStore,
    key: AnchorKey,
    mark: Mark,
    manager: Option<AnchorKey>,
) -> Result<Option<Change>, StoreError> {
    let Some(mut link) = store.link(key)? else {
        return Ok(None);
    };
    let is_by_account = link
        .pushed
        .manager
        .as_ref()
        .is_some_and(|told| told.key == mark.manager && stand_in::is_one(told));
    if !is_by_account {
        return Ok(None);
    }
    link.pushed.manager = match manager {
        Some(key) => store.link(key)?.map(|manager| ManagerRef { key, dn: manager.dn }),
        None => None,
    };
    let manager = link
        .pushed
        .manager
        .as_ref()
        .map(|manager| manager.key)
        .unwrap_or_default();
    Ok(Some(Change::Put(key, Mark { manager, ..mark }, Box::new(link))))
}
