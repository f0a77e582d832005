//! How far a first run has come, and whether it may be interrupted there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ask::Stop;
use crate::app::signals::Signals;

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Questions only.
    Asking,
    /// The cloud and the files are being changed: not to be interrupted.
    Acting,
    /// Everything is in its place.
    Done,
    /// Whoever asked is gone.
    Interrupted,
}

/// Shared by whoever talks and whoever waits for signals.
#[derive(Clone)]
pub(super) struct Progress(Arc<Mutex<Phase>>);

impl Progress {
    /// Nothing was done yet.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Phase::Asking)))
    }

    pub(super) fn phase(&self) -> MutexGuard<'_, Phase> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody interrupts from here on.
    pub(super) fn act(&self) -> Result<(), Stop> {
        let mut phase = self.phase();
        if *phase == Phase::Interrupted {
            return Err(Stop::Gone);
        }
        *phase = Phase::Acting;
        Ok(())
    }

    /// It may be interrupted again.
    pub(super) fn done(&self) {
        *self.phase() = Phase::Done;
    }
}

/// Returns once somebody wants it to end and it may.
pub(super) async fn interrupted(progress: &Progress) {
    let Ok(mut signals) = Signals::listen() else {
        return std::future::pending().await;
    };
    loop {
        signals.next().await;
        let mut phase = progress.phase();
        match *phase {
            Phase::Acting => {}
            Phase::Asking => {
                *phase = Phase::Interrupted;
                return;
            }
            Phase::Done | Phase::Interrupted => return,
        }
    }
}
