//! When the token is looked after: at the start, after a change of the configuration, and once a day.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{runner::Runner, status::TokenStatus};

/// The look in progress, and when the last one began.
#[derive(Default)]
pub(super) struct Tending {
    task: Option<JoinHandle<TokenStatus>>,
    last: Option<DateTime<Utc>>,
    stop: CancellationToken,
}

impl Tending {
    /// Begins when it is time and no other look is in progress. A clock that was set back is no reason to
    /// wait for longer than a day.
    pub(super) fn begin_if_due<R: Runner>(&mut self, runner: &Arc<R>, now: DateTime<Utc>) {
        let is_due = |last: DateTime<Utc>| now < last || now >= last + TimeDelta::days(1);
        if self.task.is_some() || !self.last.is_none_or(is_due) {
            return;
        }
        self.last = Some(now);
        let (runner, stop) = (Arc::clone(runner), self.stop.clone());
        self.task = Some(tokio::spawn(async move { runner.tend_token(now, stop).await }));
    }

    /// The next look comes at once: what it goes by has changed.
    pub(super) fn hurry(&mut self) {
        self.last = None;
    }

    /// The look in progress.
    pub(super) fn task(&mut self) -> Option<&mut JoinHandle<TokenStatus>> {
        self.task.as_mut()
    }

    /// It is over; what it found, unless it broke off.
    pub(super) fn ended(&mut self, ended: Result<TokenStatus, JoinError>) -> Option<TokenStatus> {
        self.task = None;
        ended
            .map_err(|error| {
                let outcome = super::supervisor::panic_message(error);
                tracing::error!(%outcome, "looking after the token broke off; this is a bug, please report it");
            })
            .ok()
    }

    /// Asks it to begin nothing more.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Cuts it off, wherever it is.
    pub(super) fn cut_off(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}
