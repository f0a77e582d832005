//! Whose the accounts are: clouds tell members and managers by their ids.

use std::collections::BTreeMap;

use crate::{
    model::{AnchorKey, Digest, ResourceId, StoreError},
    ports::StateStore,
};

/// People by the digest of their accounts' ids; 32 bytes of each.
#[derive(Debug, Default)]
pub(super) struct Owners(BTreeMap<Digest, AnchorKey>);

impl Owners {
    /// Everybody who is linked.
    pub(super) fn of_people(store: &dyn StateStore) -> Result<Self, StoreError> {
        let mut owners = Self::default();
        store.each_link(&mut |link| {
            owners.add(&link.id, link.anchor.key());
            true
        })?;
        Ok(owners)
    }

    /// From now on this is whose it is.
    pub(super) fn add(&mut self, id: &ResourceId, key: AnchorKey) {
        self.0.insert(id.digest(), key);
    }

    /// Whose it is.
    pub(super) fn of(&self, id: &ResourceId) -> Option<AnchorKey> {
        self.0.get(&id.digest()).copied()
    }

    /// The owners of these ids, in key order and each once, and how many ids are nobody's.
    pub(super) fn of_all(&self, ids: &[ResourceId]) -> (Vec<AnchorKey>, u64) {
        let mut keys: Vec<AnchorKey> = ids.iter().filter_map(|id| self.of(id)).collect();
        let others = (ids.len() - keys.len()) as u64;
        keys.sort_unstable();
        keys.dedup();
        (keys, others)
    }
}
