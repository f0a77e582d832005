//! The daemon: cycles on a schedule, signals, the service manager and the control socket.
//!
//! Knows a [`Runner`] and nothing of what a cycle does. Deliberately absent: reading the
//! configuration, the directory, the cloud and the state, all of which belong to the composition
//! root that implements the runner.
//!
//! Reading order: [`schedule`] (arithmetic), [`due`] (the decision), `supervisor` (the one task that
//! acts on it), `control` (how others reach it), then [`run`].

use std::{ffi::OsString, io, path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub mod control;
pub mod due;
#[cfg(test)]
mod fake;
mod heartbeat;
pub mod notify;
pub mod runner;
pub mod schedule;
pub mod settings;
pub mod signals;
pub mod status;
mod supervisor;
mod tending;

pub use due::Cause;
pub use runner::Runner;
pub use schedule::Schedule;
pub use status::DaemonStatus;

use control::{ControlError, Place, Server};
use heartbeat::Heartbeat;
use notify::{ServiceManager, Systemd};
use settings::ScheduleSettings;
use signals::Signal;
use supervisor::{Drained, Handle, Supervisor, Surroundings};

/// A request that cannot be understood, or is not allowed.
pub const EXIT_USAGE: u8 = 2;
/// The state cannot be used any more in this process: started again, as `Restart=on-failure` in the unit
/// files does, the daemon may find it mended.
pub const EXIT_UNUSABLE: u8 = 1;
/// The control socket has too many clients (`EX_TEMPFAIL`).
pub const EXIT_BUSY: u8 = 75;
/// A cycle or command broke off by a mistake in the program.
pub const EXIT_PANICKED: u8 = 101;
/// The cycle in progress did not end in time after `SIGTERM` and was cut off.
pub const EXIT_CUT_OFF: u8 = 124;
/// A sync was asked for, but the daemon left before its cycle ended (128 + `SIGTERM`).
pub const EXIT_LEAVING: u8 = 143;

/// A second `SIGTERM` or `SIGINT` ends the program with this plus the signal's number.
const EXIT_SIGNAL: u8 = 128;

/// The longest wait for the cycle in progress after `SIGTERM`, less than `TimeoutStopSec=` in the
/// unit files. Only a request that hangs until its own time-out is cut off; the next run looks up
/// what became of it.
pub const DRAIN: Duration = Duration::from_secs(25);

/// What the daemon is told at the start.
#[derive(Clone, Debug)]
pub struct Options {
    /// `[schedule]`.
    pub schedule: ScheduleSettings,
    /// The state folder, where clients look for the control socket.
    pub state: PathBuf,
    /// The value of `$RUNTIME_DIRECTORY`.
    pub runtime_directory: Option<OsString>,
    /// How long the cycle in progress may take to end after `SIGTERM`; see [`DRAIN`].
    pub drain: Duration,
}

/// Why the daemon did not start.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// `[schedule] cron` is wrong.
    #[error("[schedule] cron: {0}")]
    Schedule(String),
    /// See [`ControlError`].
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Signals could not be taken over.
    #[error("signals cannot be handled")]
    Signals(#[source] io::Error),
    /// The scheduler could not be started.
    #[error("the heartbeat cannot be started: {0}")]
    Heartbeat(String),
}

/// Runs the daemon until a signal ends it and returns the exit code: 0 after an orderly stop,
/// [`EXIT_UNUSABLE`], [`EXIT_CUT_OFF`], or 128 + n after a second signal. In the last two cases work is still going on
/// in other tasks and threads, so the caller must end the process and not wait for the runtime.
///
/// # Errors
/// When the daemon could not start; nothing has run then.
pub async fn run<R: Runner>(runner: Arc<R>, options: Options) -> Result<u8, DaemonError> {
    let signals = signals::listen().map_err(DaemonError::Signals)?;
    let around = Surroundings {
        clock: Box::new(chrono::Utc::now),
        jitter: Box::new(random_part),
        heartbeat: Heartbeat::start()
            .await
            .map_err(|error| DaemonError::Heartbeat(error.to_string()))?,
        manager: Arc::new(Systemd) as Arc<dyn ServiceManager>,
        drain: options.drain,
    };
    run_with(runner, options, around, signals).await
}

async fn run_with<R: Runner>(
    runner: Arc<R>,
    options: Options,
    around: Surroundings,
    mut signals: mpsc::Receiver<Signal>,
) -> Result<u8, DaemonError> {
    let (supervisor, handle) =
        Supervisor::new(Arc::clone(&runner), options.schedule, around).map_err(DaemonError::Schedule)?;
    let server = Server::bind(&Place::of_daemon(&options.state, options.runtime_directory.as_deref()))?;
    let (stop, over) = (CancellationToken::new(), CancellationToken::new());
    let serving = server.serve(Arc::clone(&runner), handle.clone(), stop.clone(), over.clone());
    let supervising = async {
        let drained = supervisor.serve(stop.clone()).await;
        // Also when the supervisor left of its own accord.
        stop.cancel();
        over.cancel();
        drained
    };
    tokio::select! {
        (drained, ()) = async { tokio::join!(supervising, serving) } => Ok(match drained {
            Drained::Whole => 0,
            Drained::CutOff => EXIT_CUT_OFF,
            Drained::Unusable => {
                let why = runner.unusable().unwrap_or_default();
                tracing::error!(code = EXIT_UNUSABLE, %why, "the state cannot be used any more; leaving, to be started again");
                EXIT_UNUSABLE
            }
        }),
        code = obey(&mut signals, &handle, &stop) => Ok(code),
    }
}

/// Passes signals on; returns with the exit status when a second one says that it is urgent.
async fn obey(signals: &mut mpsc::Receiver<Signal>, handle: &Handle, stop: &CancellationToken) -> u8 {
    while let Some(signal) = signals.recv().await {
        match signal {
            Signal::Reload => handle.reload().await,
            Signal::Leave(number) if stop.is_cancelled() => {
                tracing::warn!(number, "second signal: leaving at once");
                return EXIT_SIGNAL.saturating_add(number);
            }
            Signal::Leave(number) => {
                tracing::info!(number, "signal: leaving in good order; a second one leaves at once");
                stop.cancel();
            }
        }
    }
    std::future::pending().await
}

/// A random part of `seconds`.
fn random_part(seconds: u64) -> Duration {
    Duration::from_millis(fastrand::u64(0..=seconds.saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use super::{
        control::Client,
        fake::{Behaviour, Fake, Recorder, surroundings, utc},
        *,
    };

    struct Daemon {
        fake: Arc<Fake>,
        signals: mpsc::Sender<Signal>,
        ended: tokio::task::JoinHandle<Result<u8, DaemonError>>,
        state: tempfile::TempDir,
    }

    /// A daemon whose first cycle starts at once and behaves as told.
    fn start(behaviour: Behaviour) -> Daemon {
        let fake = Fake::new([behaviour]);
        let state = tempfile::tempdir().unwrap();
        let options = Options {
            schedule: fake::settings("0 0 * * *", true),
            state: state.path().to_owned(),
            runtime_directory: None,
            drain: DRAIN,
        };
        let (signals, receiver) = mpsc::channel(8);
        let around = surroundings(utc("2026-05-05T12:00:00Z"), Recorder::new(None));
        let ended = tokio::spawn(run_with(Arc::clone(&fake), options, around, receiver));
        Daemon {
            fake,
            signals,
            ended,
            state,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_signal_drains() {
        let daemon = start(Behaviour::Hold);
        assert_eq!(daemon.fake.started().await, Cause::AtStart);
        let client = Client::connect(daemon.state.path()).await.unwrap().unwrap();
        let signals = daemon.signals.clone();
        // Once it is told that it has to wait for the cycle in progress, the signal comes.
        let on_reply = move |reply| {
            if matches!(reply, control::Reply::Log(log) if log.contains("in progress")) {
                signals.try_send(Signal::Leave(15)).unwrap();
            }
        };
        let following = tokio::spawn(client.request(serde_json::json!({"name": "sync"}), on_reply));
        assert_eq!(daemon.ended.await.unwrap().unwrap(), 0);
        assert_eq!(daemon.fake.stopped(), 1);
        // The one who waited for the next cycle is told that there is none.
        assert_eq!(following.await.unwrap().unwrap(), EXIT_LEAVING);
        assert!(Client::connect(daemon.state.path()).await.unwrap().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_cycle_that_does_not_end_is_cut_off_in_time() {
        let daemon = start(Behaviour::Deaf);
        daemon.fake.started().await;
        let asked = tokio::time::Instant::now();
        daemon.signals.send(Signal::Leave(15)).await.unwrap();
        assert_eq!(daemon.ended.await.unwrap().unwrap(), EXIT_CUT_OFF);
        assert_eq!(asked.elapsed().as_secs(), DRAIN.as_secs());
    }

    /// Whoever starts it again gives it another chance; nobody would if it stayed.
    #[tokio::test(start_paused = true)]
    async fn a_state_that_is_lost_ends_the_daemon() {
        let daemon = start(Behaviour::Hold);
        daemon.fake.started().await;
        *daemon.fake.unusable.lock().unwrap() = Some("the disk is full".to_owned());
        daemon.fake.release();
        assert_eq!(daemon.ended.await.unwrap().unwrap(), EXIT_UNUSABLE);
        assert_eq!(daemon.fake.stopped(), 0);
        assert!(Client::connect(daemon.state.path()).await.unwrap().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_second_signal_leaves_at_once() {
        for (number, code) in [(15, 143), (2, 130)] {
            let daemon = start(Behaviour::Deaf);
            daemon.fake.started().await;
            let asked = tokio::time::Instant::now();
            daemon.signals.send(Signal::Leave(15)).await.unwrap();
            daemon.signals.send(Signal::Leave(number)).await.unwrap();
            assert_eq!(daemon.ended.await.unwrap().unwrap(), code);
            assert_eq!(asked.elapsed(), Duration::ZERO);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn hang_up_reloads() {
        let daemon = start(Behaviour::Finish);
        daemon.fake.started().await;
        daemon.fake.next_configuration(Ok(fake::settings("* * * * *", false)));
        daemon.signals.send(Signal::Reload).await.unwrap();
        assert!(matches!(daemon.fake.started().await, Cause::Scheduled { .. }));
        daemon.signals.send(Signal::Leave(15)).await.unwrap();
        assert_eq!(daemon.ended.await.unwrap().unwrap(), 0);
    }

    #[tokio::test]
    async fn does_not_start_with_a_wrong_schedule() {
        let options = Options {
            schedule: fake::settings("0 25 * * *", true),
            state: "/nowhere".into(),
            runtime_directory: None,
            drain: DRAIN,
        };
        let error = run(Fake::new([]), options).await.unwrap_err().to_string();
        assert!(error.starts_with("[schedule] cron: the hour field"), "{error}");
    }

    #[test]
    fn jitter_is_a_part() {
        assert!((0..1000).all(|_| random_part(2) <= Duration::from_secs(2)));
        assert_eq!(random_part(0), Duration::ZERO);
    }
}
