//! What a cycle has done so far, for the record of one that breaks off.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::{
    ports::{CycleRecord, Event, Observer, SharedObserver},
    report::grouped,
    scim::ScimClient,
};

/// Counts what happens, and passes it on.
pub struct Tally {
    watcher: SharedObserver,
    seen: Mutex<Seen>,
    /// Who counts the requests.
    pub client: OnceLock<Arc<ScimClient>>,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    entries: u64,
    /// Operations of the plan, once there is one.
    total: u64,
    done: u64,
    failed: u64,
}

impl Tally {
    /// Passes everything on to `watcher`.
    #[must_use]
    pub fn new(watcher: SharedObserver) -> Self {
        Self {
            watcher,
            seen: Mutex::default(),
            client: OnceLock::new(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to the record of a cycle that broke off what it had done until then.
    #[must_use]
    pub fn complete(&self, mut record: CycleRecord) -> CycleRecord {
        let seen = *self.seen();
        record.entries = seen.entries;
        record.requests = self.client.get().map_or(0, |client| client.requests_sent());
        record.failed = seen.failed;
        if seen.total > 0 {
            // The last of them were perhaps done and not counted any more.
            record.outcome = format!(
                "{}; by then at least {} of {} operations had been carried out, the next run carries on",
                record.outcome,
                grouped(seen.done - seen.failed.min(seen.done)),
                grouped(seen.total)
            );
        }
        record
    }
}

impl Observer for Tally {
    fn event(&self, event: &Event) {
        let mut seen = self.seen();
        match event {
            Event::Read { entries } => seen.entries = *entries,
            Event::Planned { operations } => seen.total = *operations,
            Event::Done { done, total, failed } => {
                (seen.done, seen.total, seen.failed) = (*done, *total, *failed);
            }
            Event::Paused { .. } => {}
        }
        drop(seen);
        self.watcher.event(event);
    }
}
