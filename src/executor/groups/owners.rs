//! Whose an account is, by its id.

use std::sync::{Mutex, PoisonError};

use crate::{
    model::{AnchorKey, Digest, ResourceId},
    ports::{StateStore, StoreError},
};

/// Made when the first group is adopted, and then kept: 32 bytes for each account.
#[derive(Default)]
pub(super) struct Owners {
    /// In the order of the digests of the ids.
    known: Mutex<Option<Vec<(Digest, AnchorKey)>>>,
}

impl Owners {
    /// The people behind `ids`, in key order, without accounts that are not ours.
    pub fn of<S: StateStore>(&self, ids: &[ResourceId], store: &S) -> Result<Vec<AnchorKey>, StoreError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = match &mut *known {
            Some(known) => known,
            unknown => unknown.insert(read(store)?),
        };
        let owner = |id: &ResourceId| {
            let id = Digest::of(id.0.as_bytes());
            let at = known.binary_search_by_key(&id, |(known, _)| *known).ok()?;
            Some(known[at].1)
        };
        let mut people: Vec<AnchorKey> = ids.iter().filter_map(owner).collect();
        people.sort_unstable();
        people.dedup();
        Ok(people)
    }
}

fn read<S: StateStore>(store: &S) -> Result<Vec<(Digest, AnchorKey)>, StoreError> {
    let mut known = Vec::new();
    store.each_link(&mut |link| {
        known.push((Digest::of(link.id.0.as_bytes()), link.anchor.key()));
        true
    })?;
    known.sort_unstable();
    Ok(known)
}
