//! The pulse that makes the supervisor look at the clock, once a second.
//!
//! tokio-cron-scheduler ticks and decides nothing: its closure only knocks, without waiting. It
//! follows the wall clock, so it falls silent for as long as that was set back; and it dies without
//! a word when a closure panics. Silence on the monotonic clock brings a new one.

use std::time::Duration;

use tokio::{sync::mpsc, time::Instant};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// Between two beats. Schedules have whole seconds.
const PERIOD: Duration = Duration::from_secs(1);

/// Longer than any delay of a living scheduler, which looks at its jobs twice a second.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// What was felt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// A beat.
    Regular,
    /// None for too long.
    Silence,
}

/// The pulse.
pub(super) struct Heartbeat {
    knocks: mpsc::Receiver<()>,
    scheduler: Option<JobScheduler>,
    /// The last beat, or silence, that was felt: a wait that is dropped and begun again does not
    /// put off the end of patience.
    felt: Instant,
}

impl Heartbeat {
    /// Starts the scheduler with its one job.
    pub(super) async fn start() -> Result<Self, JobSchedulerError> {
        let (knock, knocks) = mpsc::channel(1);
        let scheduler = JobScheduler::new().await?;
        let job = Job::new_repeated_async(PERIOD, move |_, _| {
            // A full channel means that the supervisor has yet to feel the last one.
            let _ = knock.try_send(());
            Box::pin(async {})
        })?;
        scheduler.add(job).await?;
        scheduler.start().await?;
        Ok(Self {
            knocks,
            scheduler: Some(scheduler),
            felt: Instant::now(),
        })
    }

    /// A heart that beats when the test says so.
    #[cfg(test)]
    pub(super) fn by_hand() -> (mpsc::Sender<()>, Self) {
        let (knock, knocks) = mpsc::channel(1);
        (
            knock,
            Self {
                knocks,
                scheduler: None,
                felt: Instant::now(),
            },
        )
    }

    /// Waits for the next beat, or for too long. Nothing is lost when the wait is dropped.
    pub(super) async fn beat(&mut self) -> Beat {
        let patience = self.felt + SILENCE_MAX;
        let beat = match tokio::time::timeout_at(patience, self.knocks.recv()).await {
            Ok(Some(())) => Beat::Regular,
            Err(_) => Beat::Silence,
            Ok(None) => {
                // Nobody is left to knock.
                tokio::time::sleep_until(patience).await;
                Beat::Silence
            }
        };
        self.felt = Instant::now();
        beat
    }

    /// Replaces a silent scheduler.
    pub(super) async fn revive(&mut self) {
        if self.scheduler.is_none() {
            return;
        }
        self.stop().await;
        match Self::start().await {
            Ok(fresh) => *self = fresh,
            Err(error) => tracing::error!(%error, "the heartbeat cannot be started again"),
        }
    }

    /// Ends the scheduler's tasks.
    pub(super) async fn stop(&mut self) {
        if let Some(scheduler) = &mut self.scheduler
            && let Err(error) = scheduler.shutdown().await
        {
            tracing::debug!(%error, "the heartbeat did not stop");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn beats_and_can_be_revived() {
        let mut heart = Heartbeat::start().await.unwrap();
        assert_eq!(heart.beat().await, Beat::Regular);
        heart.revive().await;
        assert_eq!(heart.beat().await, Beat::Regular);
        heart.stop().await;
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_felt() {
        let (knock, mut heart) = Heartbeat::by_hand();
        knock.send(()).await.unwrap();
        assert_eq!(heart.beat().await, Beat::Regular);
        assert_eq!(heart.beat().await, Beat::Silence);
        drop(knock);
        assert_eq!(heart.beat().await, Beat::Silence);
    }
}
