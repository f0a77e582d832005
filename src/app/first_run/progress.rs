//! How far a first run has come, and whether it may be interrupted there.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::ask::Stop;
use crate::app::signals::Signals;

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Questions only.
    Asking,
    /// The cloud and the files are being changed: whoever asks for an end waits, with this exit code.
    Acting(Option<u8>),
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
        *phase = Phase::Acting(None);
        Ok(())
    }

    /// It may be interrupted again. The exit code of whoever has waited for this.
    pub(super) fn done(&self) -> Option<u8> {
        match std::mem::replace(&mut *self.phase(), Phase::Done) {
            Phase::Acting(asked) => asked,
            _ => None,
        }
    }

    /// Somebody wants it to end, with this exit code. Whether it may.
    fn end(&self, code: u8) -> bool {
        let mut phase = self.phase();
        match &mut *phase {
            Phase::Acting(asked) => {
                asked.get_or_insert(code);
                false
            }
            Phase::Asking => {
                *phase = Phase::Interrupted;
                true
            }
            Phase::Done | Phase::Interrupted => true,
        }
    }
}

/// Returns once somebody wants it to end and it may, with the exit code.
pub(super) async fn interrupted(progress: &Progress) -> u8 {
    let Ok(mut signals) = Signals::listen() else {
        return std::future::pending().await;
    };
    loop {
        let code = signals.next().await;
        if progress.end(code) {
            return code;
        }
        // A terminal that is gone cannot be told.
        let _ = writeln!(
            io::stderr(),
            "scimward: what is under way is brought to its end first, and nothing more is done after it"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_an_end_waits_for_it_and_is_not_forgotten() {
        let progress = Progress::new();
        assert!(progress.act().is_ok());
        assert!(!progress.end(143) && !progress.end(130));
        assert_eq!(progress.done(), Some(143));
        assert!(progress.end(129));
        assert_eq!(progress.done(), None);

        let progress = Progress::new();
        assert!(progress.end(130));
        assert!(progress.act().is_err());
    }
}
