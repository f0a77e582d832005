//! Who watches a cycle.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

/// What happens during a cycle, for progress bars, the control socket and counters.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Entries read so far in this attempt.
    Read {
        /// How many.
        entries: u64,
    },
    /// The plan is made.
    Planned {
        /// Operations that will be carried out.
        operations: u64,
    },
    /// One operation ended.
    Done {
        /// Operations ended so far.
        done: u64,
        /// Operations in all.
        total: u64,
        /// Of those ended, how many failed.
        failed: u64,
    },
    /// The lane pauses because the provider asked for it.
    Paused {
        /// For how long.
        #[serde(with = "seconds")]
        delay: Duration,
    },
}

mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(value.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Watches a cycle. Cheap, must not block.
pub trait Observer: Send + Sync + 'static {
    /// Something happened.
    fn event(&self, event: &Event);
}

/// Nobody watches.
#[derive(Debug)]
pub struct Unwatched;

impl Observer for Unwatched {
    fn event(&self, _event: &Event) {}
}

/// A shared watcher.
pub type SharedObserver = Arc<dyn Observer>;
