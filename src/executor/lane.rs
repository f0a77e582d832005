//! What every request needs, shared by the tasks that send them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

use super::{
    Linked,
    send::{Outcome, one},
};
use crate::{
    model::{AnchorKey, Operation, ResourceId},
    ports::{ProviderError, ServiceProvider, StateStore, Step, StoreError},
};

/// Ids of managers kept at hand.
const IDS_MAX: usize = 50_000;

/// The shared side of a run.
pub(super) struct Lane<P, S> {
    pub(super) provider: Arc<P>,
    pub(super) store: Arc<S>,
    pub(super) ids: Ids<S>,
    pub(super) linked: Linked<S>,
    /// Somebody asked us to stop.
    stop: CancellationToken,
    /// The run ends early for a reason of its own.
    pub(super) halt: CancellationToken,
}

impl<P, S: StateStore> Lane<P, S> {
    pub(super) fn new(provider: &Arc<P>, store: &Arc<S>, stop: &CancellationToken) -> Self {
        Self {
            provider: Arc::clone(provider),
            store: Arc::clone(store),
            ids: Ids::new(store),
            linked: Linked::new(store),
            stop: stop.clone(),
            halt: CancellationToken::new(),
        }
    }

    pub(super) fn is_halted(&self) -> bool {
        self.stop.is_cancelled() || self.halt.is_cancelled()
    }
}

/// An operation and what became of it; nothing when the run was halted before.
pub(super) type Attempt = (
    Step,
    Operation,
    Result<Option<Result<Outcome, ProviderError>>, StoreError>,
);

pub(super) async fn attempt<P: ServiceProvider, S: StateStore>(
    lane: Arc<Lane<P, S>>,
    step: Step,
    operation: Operation,
) -> Attempt {
    if lane.is_halted() {
        return (step, operation, Ok(None));
    }
    let outcome = one(&lane, &operation).await;
    // Here, not when the result is booked: by then the next operation would be under way.
    if matches!(&outcome, Ok(Err(error)) if ends_run(error)) {
        lane.halt.cancel();
    }
    (step, operation, outcome.map(Some))
}

/// Whether this says something about the whole run, not about one operation.
pub(super) fn ends_run(error: &ProviderError) -> bool {
    match error {
        ProviderError::InDoubt { cause } => ends_run(cause),
        error => matches!(error, ProviderError::Unauthorized { .. } | ProviderError::Cancelled),
    }
}

/// The ids under which people are known, as far as managers were asked for.
pub(super) struct Ids<S> {
    store: Arc<S>,
    known: Mutex<BTreeMap<AnchorKey, ResourceId>>,
}

impl<S: StateStore> Ids<S> {
    pub(super) fn new(store: &Arc<S>) -> Self {
        Self {
            store: Arc::clone(store),
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<AnchorKey, ResourceId>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn of(&self, key: AnchorKey) -> Result<Option<ResourceId>, StoreError> {
        if let Some(id) = self.known().get(&key) {
            return Ok(Some(id.clone()));
        }
        let id = self.store.link(key)?.map(|link| link.id);
        if let Some(id) = &id {
            let mut known = self.known();
            if known.len() >= IDS_MAX {
                known.clear();
            }
            known.insert(key, id.clone());
        }
        Ok(id)
    }

    /// Somebody has another id now, or none. Who was never asked for is not kept.
    pub(super) fn put(&self, key: AnchorKey, id: Option<&ResourceId>) {
        let mut known = self.known();
        match (known.get_mut(&key), id) {
            (Some(old), Some(id)) => old.clone_from(id),
            (Some(_), None) => drop(known.remove(&key)),
            (None, _) => {}
        }
    }
}
