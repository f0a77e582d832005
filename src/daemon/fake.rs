//! A runner that behaves as told, and a world that moves by hand, for the tests of this module.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::{
    sync::{Notify, Semaphore, mpsc},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    control::CommandOutput,
    due::Cause,
    heartbeat::Heartbeat,
    notify::{Say, ServiceManager},
    runner::Runner,
    settings::ScheduleSettings,
    status::{DaemonStatus, TokenStatus},
    supervisor::Surroundings,
};
use crate::ports::{CycleRecord, Event, Observer, SharedObserver};

pub(super) fn utc(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc)
}

pub(super) fn settings(cron: &str, run_at_start: bool) -> ScheduleSettings {
    ScheduleSettings {
        cron: cron.into(),
        timezone: chrono_tz::UTC,
        run_at_start,
        jitter_s: 0,
        catch_up: true,
        audit_cron: None,
    }
}

/// What a cycle does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Behaviour {
    /// Ends at once.
    Finish,
    /// Breaks off.
    Panic,
    /// Ends when released or stopped.
    Hold,
    /// Never ends.
    Deaf,
    /// Sends so many events, then ends.
    Events(u64),
}

pub(super) struct Fake {
    behaviours: Mutex<VecDeque<Behaviour>>,
    starts: mpsc::UnboundedSender<Cause>,
    started: tokio::sync::Mutex<mpsc::UnboundedReceiver<Cause>>,
    held: Semaphore,
    configuration: Mutex<Result<ScheduleSettings, String>>,
    changed: Notify,
    in_flight: AtomicUsize,
    pub(super) cycles: AtomicUsize,
    stopped: AtomicUsize,
    stop: Mutex<CancellationToken>,
    pub(super) commands_stopped: AtomicUsize,
    pub(super) last_started: Mutex<Option<DateTime<Utc>>>,
    pub(super) unusable: Mutex<Option<String>>,
    /// When the token was looked after.
    pub(super) tended: Mutex<Vec<DateTime<Utc>>>,
    /// The next look at the token takes until it is released, deaf to every stop.
    pub(super) token_held: AtomicBool,
}

impl Fake {
    /// Cycles beyond those told end at once.
    pub(super) fn new(behaviours: impl IntoIterator<Item = Behaviour>) -> Arc<Self> {
        let (starts, started) = mpsc::unbounded_channel();
        Arc::new(Self {
            behaviours: Mutex::new(behaviours.into_iter().collect()),
            starts,
            started: tokio::sync::Mutex::new(started),
            held: Semaphore::new(0),
            configuration: Mutex::new(Err("no new configuration".into())),
            changed: Notify::new(),
            in_flight: AtomicUsize::new(0),
            cycles: AtomicUsize::new(0),
            stopped: AtomicUsize::new(0),
            stop: Mutex::default(),
            commands_stopped: AtomicUsize::new(0),
            last_started: Mutex::new(None),
            unusable: Mutex::new(None),
            tended: Mutex::default(),
            token_held: AtomicBool::new(false),
        })
    }

    /// Waits for the next cycle to start.
    pub(super) async fn started(&self) -> Cause {
        self.started.lock().await.recv().await.unwrap()
    }

    pub(super) fn release(&self) {
        self.held.add_permits(1);
    }

    pub(super) fn next_configuration(&self, configuration: Result<ScheduleSettings, String>) {
        *self.configuration.lock().unwrap() = configuration;
    }

    pub(super) fn stopped(&self) -> usize {
        self.stopped.load(SeqCst)
    }

    /// Whether the last cycle that started has been asked to end.
    pub(super) fn asked_to_end(&self) -> bool {
        self.stop.lock().unwrap().is_cancelled()
    }

    /// Waits until `condition` holds, looking again after each thing that happens here.
    pub(super) async fn until(&self, condition: impl Fn() -> bool) {
        loop {
            let changed = self.changed.notified();
            if condition() {
                return;
            }
            changed.await;
        }
    }
}

impl Runner for Fake {
    async fn cycle(self: Arc<Self>, cause: Cause, observer: SharedObserver, stop: CancellationToken) -> CycleRecord {
        assert_eq!(self.in_flight.fetch_add(1, SeqCst), 0, "two cycles at a time");
        let number = self.cycles.fetch_add(1, SeqCst) + 1;
        self.stop.lock().unwrap().clone_from(&stop);
        self.starts.send(cause).unwrap();
        let behaviour = self.behaviours.lock().unwrap().pop_front().unwrap_or(Behaviour::Finish);
        match behaviour {
            Behaviour::Finish => {}
            Behaviour::Panic => {
                self.in_flight.store(0, SeqCst);
                panic!("the fake broke off");
            }
            Behaviour::Hold => {
                tokio::select! {
                    permit = self.held.acquire() => permit.unwrap().forget(),
                    () = stop.cancelled() => { self.stopped.fetch_add(1, SeqCst); }
                }
            }
            Behaviour::Deaf => std::future::pending().await,
            Behaviour::Events(many) => (1..=many).for_each(|entries| observer.event(&Event::Read { entries })),
        }
        self.in_flight.store(0, SeqCst);
        CycleRecord {
            entries: number as u64,
            outcome: format!("cycle {number}"),
            ..CycleRecord::default()
        }
    }

    async fn reload(&self) -> Result<ScheduleSettings, String> {
        self.configuration.lock().unwrap().clone()
    }

    async fn tend_token(self: Arc<Self>, now: DateTime<Utc>, _stop: CancellationToken) -> TokenStatus {
        self.tended.lock().unwrap().push(now);
        self.changed.notify_waiters();
        if self.token_held.swap(false, SeqCst) {
            self.held.acquire().await.unwrap().forget();
        }
        TokenStatus {
            id: Some(format!("token {}", self.tended.lock().unwrap().len())),
            ..TokenStatus::default()
        }
    }

    fn last_started(&self) -> Option<DateTime<Utc>> {
        *self.last_started.lock().unwrap()
    }

    fn unusable(&self) -> Option<String> {
        self.unusable.lock().unwrap().clone()
    }

    fn objection(&self, command: &Value) -> Option<String> {
        command["objection"].as_str().map(str::to_owned)
    }

    async fn command(
        self: Arc<Self>,
        command: Value,
        out: CommandOutput,
        daemon: DaemonStatus,
        stop: CancellationToken,
    ) -> u8 {
        match command["name"].as_str().unwrap() {
            "echo" => {
                out.event(&Event::Planned { operations: 1 });
                out.log(&daemon.schedule).await.unwrap();
                // More than fits into one line of a reply.
                out.stdout(&command["text"].as_str().unwrap().repeat(3)).await.unwrap();
                5
            }
            "panic" => panic!("the fake's command broke off"),
            "flood" => {
                while out.stdout(&"x".repeat(10_000)).await.is_ok() {}
                self.commands_stopped.fetch_add(1, SeqCst);
                self.changed.notify_waiters();
                0
            }
            "wait" => {
                out.log("waiting").await.unwrap();
                stop.cancelled().await;
                self.commands_stopped.fetch_add(1, SeqCst);
                self.changed.notify_waiters();
                0
            }
            other => panic!("{other}"),
        }
    }
}

/// A service manager that writes everything down.
pub(super) struct Recorder {
    period: Option<Duration>,
    said: Mutex<Vec<Say>>,
    heard: Notify,
}

impl Recorder {
    pub(super) fn new(period: Option<Duration>) -> Arc<Self> {
        Arc::new(Self {
            period,
            said: Mutex::default(),
            heard: Notify::new(),
        })
    }

    pub(super) fn said(&self) -> Vec<Say> {
        self.said.lock().unwrap().clone()
    }

    /// Waits until `what` was said so many times.
    pub(super) async fn hears(&self, what: &Say, times: usize) {
        loop {
            let heard = self.heard.notified();
            if self.said().iter().filter(|said| *said == what).count() >= times {
                return;
            }
            heard.await;
        }
    }
}

impl ServiceManager for Recorder {
    fn say(&self, what: Say) {
        self.said.lock().unwrap().push(what);
        self.heard.notify_waiters();
    }

    fn watchdog(&self) -> Option<Duration> {
        self.period
    }
}

/// A wall clock that begins at `from` and moves with the clock of the test, a heart that beats once
/// a second of it, and half of the jitter that is allowed.
pub(super) fn surroundings(from: DateTime<Utc>, manager: Arc<Recorder>) -> Surroundings {
    let (knock, heartbeat) = Heartbeat::by_hand();
    tokio::spawn(async move {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        while !knock.is_closed() {
            second.tick().await;
            let _ = knock.try_send(());
        }
    });
    let began = Instant::now();
    Surroundings {
        clock: Box::new(move || from + began.elapsed()),
        jitter: Box::new(|seconds| Duration::from_secs(seconds) / 2),
        heartbeat,
        manager,
        drain: super::DRAIN,
    }
}
