//! Which accounts belong to somebody already.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    model::{Digest, ResourceId},
    ports::StateStore,
};

/// The accounts that belong to somebody. Read from the state when first asked, which only an adoption
/// does.
pub struct Linked<S> {
    store: Arc<S>,
    ids: Mutex<Option<BTreeSet<Digest>>>,
}

impl<S: StateStore> Linked<S> {
    /// Over the links of `store`.
    pub fn new(store: &Arc<S>) -> Self {
        Self {
            store: Arc::clone(store),
            ids: Mutex::default(),
        }
    }

    /// Whether `id` belongs to somebody. When the state cannot be read the answer is yes: then nothing
    /// is adopted.
    pub fn has(&self, id: &ResourceId) -> bool {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let key = |id: &ResourceId| Digest::of(id.0.as_bytes());
        if ids.is_none() {
            let mut all = BTreeSet::new();
            let read = self.store.each_link(&mut |link| {
                all.insert(key(&link.id));
                true
            });
            if let Err(error) = read {
                tracing::error!(%error, "links cannot be read, so nothing is adopted");
                return true;
            }
            *ids = Some(all);
        }
        ids.as_ref().is_some_and(|ids| ids.contains(&key(id)))
    }

    pub(super) fn add(&self, id: &ResourceId) {
        if let Some(ids) = self.ids.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            ids.insert(Digest::of(id.0.as_bytes()));
        }
    }
}
