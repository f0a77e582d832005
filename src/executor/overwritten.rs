//! Accounts that the service provider gave to somebody else as well.

use std::collections::BTreeSet;

use crate::{
    model::{AnchorKey, Digest, Mark},
    ports::{Change, StateStore, StoreError},
};

/// What an overwritten account holds is not known any more: its owner is told everything again in the
/// next cycle, or taken out again after having left. Owners who are not remembered yet stay in the list.
pub(super) fn distrust(store: &impl StateStore, owners: &mut BTreeSet<AnchorKey>) -> Result<(), StoreError> {
    if owners.is_empty() {
        return Ok(());
    }
    let marks = store.marks()?.into_iter();
    let changes: Vec<Change> = marks
        .filter(|(key, _)| owners.remove(key))
        .map(|(key, mark)| Change::Mark(key, unknown(mark)))
        .collect();
    store.apply(&changes)
}

fn unknown(mark: Mark) -> Mark {
    Mark {
        source: Digest::default(),
        body: Digest::default(),
        active: true,
        deactivated_at: 0,
        ..mark
    }
}
