//! Which accounts belong to somebody already.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    model::{AnchorKey, Digest, ResourceId},
    ports::{StateStore, StoreError},
};

/// The accounts that belong to somebody, and to whom: 32 bytes for each. Read from the state when first
/// asked, which only a run does that creates somebody or adopts a group.
pub struct Linked<S> {
    store: Arc<S>,
    owners: Mutex<Option<Owners>>,
}

type Owners = BTreeMap<Digest, AnchorKey>;

impl<S: StateStore> Linked<S> {
    /// Over the links of `store`.
    pub fn new(store: &Arc<S>) -> Self {
        Self {
            store: Arc::clone(store),
            owners: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Owners>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, ask: impl FnOnce(&mut Owners) -> T) -> Result<T, StoreError> {
        let mut owners = self.lock();
        if let Some(owners) = owners.as_mut() {
            return Ok(ask(owners));
        }
        let mut all = Owners::new();
        self.store.each_link(&mut |link| {
            all.insert(link.id.digest(), link.anchor.key());
            true
        })?;
        Ok(ask(owners.insert(all)))
    }

    /// Reads the links, for those who do not want to wait for that later. Blocking.
    pub(super) fn load(&self) -> Result<(), StoreError> {
        self.with(|_| ())
    }

    /// Whether `id` belongs to somebody. When the state cannot be read the answer is yes: then nothing
    /// is adopted.
    pub fn has(&self, id: &ResourceId) -> bool {
        self.with(|owners| owners.contains_key(&id.digest()))
            .unwrap_or_else(|error| {
                tracing::error!(%error, "links cannot be read, so nothing is adopted");
                true
            })
    }

    /// Takes the account for `person`, or says whose it is: of two who ask at the same time one gets it.
    pub(super) fn claim(&self, id: &ResourceId, person: AnchorKey) -> Result<Option<AnchorKey>, StoreError> {
        self.with(|owners| {
            let owner = *owners.entry(id.digest()).or_insert(person);
            (owner != person).then_some(owner)
        })
    }

    /// The people behind `ids`, in key order, without accounts that are nobody's.
    pub(super) fn owners(&self, ids: &[ResourceId]) -> Result<Vec<AnchorKey>, StoreError> {
        self.with(|owners| {
            let people: BTreeSet<AnchorKey> = ids.iter().filter_map(|id| owners.get(&id.digest()).copied()).collect();
            people.into_iter().collect()
        })
    }

    pub(super) fn add(&self, id: &ResourceId, person: AnchorKey) {
        if let Some(owners) = self.lock().as_mut() {
            owners.insert(id.digest(), person);
        }
    }
}
