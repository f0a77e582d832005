//! One task that owns the schedule and the single cycle in progress.
//!
//! Everything that may start or end a cycle arrives here as an event, so single flight needs no
//! lock. It never waits for anything but the next event: a cycle, a reload and the jitter are
//! futures beside the others, and the watchdog is fed from this loop and nowhere else.

use std::{
    future::{Future, pending},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    task::{JoinError, JoinHandle},
    time::{Instant, Interval, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

use super::{
    EXIT_PANICKED,
    due::{Cause, Due, Position},
    heartbeat::{Beat, Heartbeat},
    notify::{Say, ServiceManager},
    runner::Runner,
    schedule::Schedule,
    settings::ScheduleSettings,
    status::{DaemonStatus, Running, TokenStatus},
    tending::Tending,
};
use crate::ports::{CycleRecord, Event, Observer};

/// Events a follower may lag behind before it loses the oldest ones. They are progress, not facts.
const EVENTS_MAX: usize = 256;

/// Orders that wait to be taken up; more senders than the control socket has clients.
const ORDERS_MAX: usize = 64;

/// What the supervisor takes from outside so that tests can move it by hand.
pub(super) struct Surroundings {
    /// The wall clock.
    pub(super) clock: Box<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    /// A random part of so many seconds.
    pub(super) jitter: Box<dyn FnMut(u64) -> Duration + Send>,
    pub(super) heartbeat: Heartbeat,
    pub(super) manager: Arc<dyn ServiceManager>,
    /// How long a cycle may take to end once it was asked to.
    pub(super) drain: Duration,
}

/// How a stop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drained {
    /// The cycle in progress ended by itself, or there was none.
    Whole,
    /// It had to be cut off.
    CutOff,
    /// Nobody asked to stop: nothing more can be done in this process.
    Unusable,
}

enum Order {
    Sync {
        audit: bool,
        waits: oneshot::Sender<bool>,
        end: oneshot::Sender<CycleRecord>,
    },
    Reload,
}

/// How others reach the supervisor.
#[derive(Clone)]
pub(super) struct Handle {
    orders: mpsc::Sender<Order>,
    events: broadcast::Sender<Event>,
    status: watch::Receiver<DaemonStatus>,
}

/// A cycle that was asked for.
pub(super) struct Following {
    /// Another cycle is in progress and comes first.
    pub(super) waits: bool,
    /// Progress of the cycle in progress, then of the one asked for.
    pub(super) events: broadcast::Receiver<Event>,
    /// The record of the cycle asked for. Closed when the daemon left before it began.
    pub(super) end: oneshot::Receiver<CycleRecord>,
}

impl Handle {
    /// Asks for a cycle that begins after this moment. Those who ask while one is in progress
    /// share the next one, which begins with an audit when one of them wants that. `None` when the
    /// daemon is leaving.
    pub(super) async fn sync(&self, audit: bool) -> Option<Following> {
        let events = self.events.subscribe();
        let (waits, begun) = oneshot::channel();
        let (done, end) = oneshot::channel();
        let order = Order::Sync {
            audit,
            waits,
            end: done,
        };
        self.orders.send(order).await.ok()?;
        Some(Following {
            waits: begun.await.ok()?,
            events,
            end,
        })
    }

    /// Asks to read the configuration again.
    pub(super) async fn reload(&self) {
        let _ = self.orders.send(Order::Reload).await;
    }

    /// The daemon now.
    pub(super) fn status(&self) -> DaemonStatus {
        self.status.borrow().clone()
    }
}

/// Passes a cycle's events on to whoever follows, and never waits for them.
struct Feed(broadcast::Sender<Event>);

impl Observer for Feed {
    fn event(&self, event: &Event) {
        let _ = self.0.send(event.clone());
    }
}

struct Run {
    cause: Cause,
    task: JoinHandle<CycleRecord>,
    since: DateTime<Utc>,
    stop: CancellationToken,
    followers: Vec<oneshot::Sender<CycleRecord>>,
}

enum Woken {
    Stop,
    Order(Order),
    Ended(Result<CycleRecord, JoinError>),
    Reloaded(Result<Result<ScheduleSettings, String>, JoinError>),
    Tended(Result<TokenStatus, JoinError>),
    JitterOver,
    Beat(Beat),
    Watchdog,
}

/// The supervisor; see the module.
pub(super) struct Supervisor<R> {
    runner: Arc<R>,
    settings: ScheduleSettings,
    schedule: Schedule,
    position: Position,
    around: Surroundings,
    run: Option<Run>,
    /// A scheduled cycle that waits for its jitter to pass.
    put_off: Option<(Instant, Cause)>,
    /// Syncs that asked during the cycle in progress and share the next one.
    waiting: Vec<oneshot::Sender<CycleRecord>>,
    /// One of them wants an audit first.
    waiting_for_audit: bool,
    /// When audits run, and which of them are dealt with.
    audits: Option<(Schedule, Position)>,
    reload: Option<JoinHandle<Result<ScheduleSettings, String>>>,
    reload_again: bool,
    orders: mpsc::Receiver<Order>,
    events: broadcast::Sender<Event>,
    status: watch::Sender<DaemonStatus>,
    watchdog: Option<Interval>,
    /// Looks after the token, beside the cycles.
    tending: Tending,
    /// See [`Runner::unusable`].
    unusable: bool,
}

impl<R: Runner> Supervisor<R> {
    /// Prepares; nothing runs yet.
    ///
    /// # Errors
    /// When the cron expression is wrong.
    pub(super) fn new(
        runner: Arc<R>,
        settings: ScheduleSettings,
        around: Surroundings,
    ) -> Result<(Self, Handle), String> {
        let schedule = Schedule::parse(&settings.cron, settings.timezone)?;
        let position = Position::at_start(&settings, (around.clock)(), runner.last_started());
        let audits = audits(&settings, (around.clock)())?;
        let (send_order, orders) = mpsc::channel(ORDERS_MAX);
        let (events, _) = broadcast::channel(EVENTS_MAX);
        let (status, seen) = watch::channel(DaemonStatus::default());
        let handle = Handle {
            orders: send_order,
            events: events.clone(),
            status: seen,
        };
        let watchdog = around.manager.watchdog().map(|period| {
            // Half the period, as sd_watchdog_enabled(3) recommends.
            let mut interval = tokio::time::interval((period / 2).max(Duration::from_millis(1)));
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        let supervisor = Self {
            runner,
            settings,
            schedule,
            position,
            around,
            run: None,
            put_off: None,
            waiting: Vec::new(),
            waiting_for_audit: false,
            audits,
            reload: None,
            reload_again: false,
            orders,
            events,
            status,
            watchdog,
            tending: Tending::default(),
            unusable: false,
        };
        Ok((supervisor, handle))
    }

    /// Runs until `stop` is cancelled, or nothing more can be done in this process, and the cycle in progress has ended, or was cut off.
    pub(super) async fn serve(mut self, stop: CancellationToken) -> Drained {
        tracing::info!(schedule = %self.schedule.describe(), "the daemon is ready");
        self.around.manager.say(Say::Ready);
        self.look_at_the_clock();
        self.tend_token();
        self.publish();
        loop {
            match self.next(&stop).await {
                Woken::Stop => break,
                Woken::Order(Order::Sync { audit, waits, end }) => self.sync(audit, waits, end),
                Woken::Order(Order::Reload) => self.begin_reload(),
                Woken::Ended(ended) => {
                    self.run_ended(ended);
                    if self.unusable {
                        self.drain().await;
                        return Drained::Unusable;
                    }
                }
                Woken::Reloaded(loaded) => self.end_reload(loaded),
                Woken::Tended(ended) => self.tended(ended),
                Woken::JitterOver => {
                    if let Some((_, cause)) = self.put_off.take() {
                        self.start(cause, Vec::new());
                    }
                }
                Woken::Beat(beat) => {
                    self.look_at_the_clock();
                    self.tend_token();
                    if beat == Beat::Silence {
                        tracing::warn!("no heartbeat (was the clock set back?); starting a new one");
                        self.around.heartbeat.revive().await;
                    }
                }
                Woken::Watchdog => self.around.manager.say(Say::Watchdog),
            }
        }
        self.drain().await
    }

    async fn next(&mut self, stop: &CancellationToken) -> Woken {
        let jitter = self.put_off.map(|(until, _)| tokio::time::sleep_until(until));
        tokio::select! {
            () = stop.cancelled() => Woken::Stop,
            Some(order) = self.orders.recv() => Woken::Order(order),
            ended = or_never(self.run.as_mut().map(|run| &mut run.task)) => Woken::Ended(ended),
            loaded = or_never(self.reload.as_mut()) => Woken::Reloaded(loaded),
            ended = or_never(self.tending.task()) => Woken::Tended(ended),
            () = or_never(jitter) => Woken::JitterOver,
            beat = self.around.heartbeat.beat() => Woken::Beat(beat),
            _ = or_never(self.watchdog.as_mut().map(Interval::tick)) => Woken::Watchdog,
        }
    }

    /// Starts what is due. What comes due while a cycle is in progress, or waits for its jitter, is
    /// skipped and counted: that cycle serves it. What comes due during an audit waits for its end.
    fn look_at_the_clock(&mut self) {
        let now = (self.around.clock)();
        if self.run.as_ref().is_some_and(|run| is_audit(run.cause)) {
            return;
        }
        if self.run.is_some() || self.put_off.is_some() {
            let skipped = self.position.skip(now, &self.schedule);
            if skipped > 0 {
                tracing::warn!(skipped, "skipped: the last cycle has not ended");
                self.status.send_modify(|status| status.skipped += u64::from(skipped));
                self.publish();
            }
            return;
        }
        if self.start_audit(now) {
            return;
        }
        match self.position.due(now, &self.schedule, self.settings.catch_up) {
            Due::Now(cause) => {
                self.position.settle(now);
                // "At start" is a promise; the others may be spread over many daemons.
                match self.settings.jitter_s {
                    jitter_s if jitter_s > 0 && cause != Cause::AtStart => {
                        let until = Instant::now() + (self.around.jitter)(jitter_s);
                        self.put_off = Some((until, cause));
                    }
                    _ => self.start(cause, Vec::new()),
                }
            }
            Due::NotBefore(_) | Due::Never => {}
        }
        let next = self.schedule.next_after(now);
        if self.status.borrow().next != next {
            self.publish();
        }
    }

    /// Starts an audit that is due. One that comes due during a cycle waits for its end: unlike a cycle
    /// it is not served by that.
    fn start_audit(&mut self, now: DateTime<Utc>) -> bool {
        let Some((schedule, position)) = &mut self.audits else {
            return false;
        };
        let Due::Now(Cause::Scheduled { at, .. } | Cause::CatchUp { at, .. }) = position.due(now, schedule, true)
        else {
            return false;
        };
        position.settle(now);
        self.start(Cause::Audit { at }, Vec::new());
        true
    }

    fn start(&mut self, cause: Cause, followers: Vec<oneshot::Sender<CycleRecord>>) {
        let since = (self.around.clock)();
        if !is_audit(cause) {
            self.position.settle(since);
        }
        tracing::info!(?cause, "cycle starts");
        let stop = CancellationToken::new();
        let (runner, feed, token) = (Arc::clone(&self.runner), Feed(self.events.clone()), stop.clone());
        // A task of its own keeps a panic in it from us, even one before its first await.
        let task = tokio::spawn(async move { runner.cycle(cause, Arc::new(feed), token).await });
        self.run = Some(Run {
            cause,
            task,
            since,
            stop,
            followers,
        });
        self.status
            .send_modify(|status| status.running = Some(Running { since, cause }));
        self.publish();
    }

    fn run_ended(&mut self, ended: Result<CycleRecord, JoinError>) {
        // What came due in the last second was due during this cycle.
        self.look_at_the_clock();
        let Some(run) = self.run.take() else { return };
        let panicked = ended.is_err();
        let record = ended.unwrap_or_else(|error| CycleRecord {
            started: run.since.timestamp(),
            ended: (self.around.clock)().timestamp(),
            exit_code: EXIT_PANICKED,
            outcome: format!(
                "the cycle broke off: {}; this is a bug, please report it",
                panic_message(error)
            ),
            ..CycleRecord::default()
        });
        if panicked {
            tracing::error!(outcome = %record.outcome, "cycle broke off");
        }
        for follower in run.followers {
            let _ = follower.send(record.clone());
        }
        self.status.send_modify(|status| {
            status.running = None;
            status.panics += u64::from(panicked);
            status.last = Some(record);
        });
        self.publish();
        self.unusable = self.runner.unusable().is_some();
        let next = std::mem::take(&mut self.waiting);
        if !next.is_empty() && !self.unusable {
            let audit = std::mem::take(&mut self.waiting_for_audit);
            self.start(requested(audit), next);
        }
    }

    /// A cycle in progress may have read the directory already, so whoever asks now gets the next
    /// one. It also serves a scheduled cycle that waits for its jitter.
    fn sync(&mut self, audit: bool, waits: oneshot::Sender<bool>, end: oneshot::Sender<CycleRecord>) {
        let _ = waits.send(self.run.is_some());
        if self.run.is_some() {
            self.waiting.push(end);
            self.waiting_for_audit |= audit;
        } else {
            self.put_off = None;
            self.start(requested(audit), vec![end]);
        }
    }

    fn tend_token(&mut self) {
        self.tending.begin_if_due(&self.runner, (self.around.clock)());
    }

    fn tended(&mut self, ended: Result<TokenStatus, JoinError>) {
        if let Some(token) = self.tending.ended(ended) {
            self.status.send_modify(|status| status.token = Some(token));
        }
    }

    fn begin_reload(&mut self) {
        if self.reload.is_some() {
            // The file may have changed after it was read.
            self.reload_again = true;
            return;
        }
        self.around.manager.say(Say::Reloading);
        let runner = Arc::clone(&self.runner);
        self.reload = Some(tokio::spawn(async move { runner.reload().await }));
    }

    fn end_reload(&mut self, loaded: Result<Result<ScheduleSettings, String>, JoinError>) {
        self.reload = None;
        if std::mem::take(&mut self.reload_again) {
            self.begin_reload();
            return;
        }
        let loaded = loaded.unwrap_or_else(|error| Err(format!("reading it broke off: {}", panic_message(error))));
        let error = loaded.and_then(|settings| self.adopt(settings)).err();
        match &error {
            None => {
                tracing::info!(schedule = %self.schedule.describe(), "configuration read again");
                self.tending.hurry();
                self.tend_token();
            }
            Some(error) => tracing::error!(%error, "the new configuration is wrong; the old one stays in force"),
        }
        self.status.send_modify(|status| status.reload_error = error);
        self.publish();
        self.around.manager.say(Say::Ready);
    }

    /// Takes over a new schedule: it begins now and owes nothing for the time before.
    fn adopt(&mut self, settings: ScheduleSettings) -> Result<(), String> {
        let schedule = Schedule::parse(&settings.cron, settings.timezone)?;
        if schedule != self.schedule {
            self.look_at_the_clock();
            self.position.settle((self.around.clock)());
            self.schedule = schedule;
        }
        if (&settings.audit_cron, settings.timezone) != (&self.settings.audit_cron, self.settings.timezone) {
            self.audits = audits(&settings, (self.around.clock)())?;
        }
        self.settings = settings;
        Ok(())
    }

    /// Stops: no new work, the cycle in progress is asked to end and waited for, for a while.
    async fn drain(mut self) -> Drained {
        // Before anyone is told: who hears that the daemon is stopping may count on no request after that.
        if let Some(run) = &self.run {
            tracing::info!("stopping: the cycle in progress ends its requests in hand");
            run.stop.cancel();
        }
        self.orders.close();
        while self.orders.try_recv().is_ok() {}
        self.waiting.clear();
        self.put_off = None;
        self.around.heartbeat.stop().await;
        self.status.send_modify(|status| status.stopping = true);
        self.around.manager.say(Say::Stopping);
        self.publish();
        let deadline = tokio::time::sleep(self.around.drain);
        tokio::pin!(deadline);
        self.tending.stop();
        while self.run.is_some() || self.tending.task().is_some() {
            tokio::select! {
                ended = or_never(self.run.as_mut().map(|run| &mut run.task)) => self.run_ended(ended),
                ended = or_never(self.tending.task()) => self.tended(ended),
                _ = or_never(self.watchdog.as_mut().map(Interval::tick)) => {
                    self.around.manager.say(Say::Watchdog);
                }
                () = &mut deadline => {
                    self.tending.cut_off();
                    let Some(run) = self.run.take() else {
                        tracing::error!("looking after the token did not end in time and is cut off; the next start carries on");
                        return Drained::CutOff;
                    };
                    run.task.abort();
                    tracing::error!("the cycle in progress did not end in time and is cut off; the next one carries on");
                    return Drained::CutOff;
                }
            }
        }
        Drained::Whole
    }

    /// Tells everyone who looks.
    fn publish(&mut self) {
        let next = self.schedule.next_after((self.around.clock)());
        let schedule = self.schedule.describe();
        self.status.send_modify(|status| {
            status.next = next;
            status.schedule = schedule;
        });
        let line = self.status.borrow().line(self.schedule.zone());
        self.around.manager.say(Say::Status(line));
    }
}

/// An audit on its schedule stands for no cycle: it may end without one.
fn is_audit(cause: Cause) -> bool {
    matches!(cause, Cause::Audit { .. })
}

fn requested(audit: bool) -> Cause {
    if audit { Cause::RequestedAudit } else { Cause::Requested }
}

/// The audits' schedule. Those that were missed while the daemon was down are not made up for: the next
/// one goes on where the last one stopped.
fn audits(settings: &ScheduleSettings, now: DateTime<Utc>) -> Result<Option<(Schedule, Position)>, String> {
    let Some(cron) = &settings.audit_cron else {
        return Ok(None);
    };
    let schedule = Schedule::parse(cron, settings.timezone)?;
    let settings = ScheduleSettings {
        run_at_start: false,
        ..settings.clone()
    };
    Ok(Some((schedule, Position::at_start(&settings, now, None))))
}

/// Waits for `future` if there is one.
async fn or_never<F: Future>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// What a panic said, if it said anything.
pub(super) fn panic_message(error: JoinError) -> String {
    let Ok(payload) = error.try_into_panic() else {
        return "cancelled".to_owned();
    };
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "no message".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::fake::{Behaviour, Fake, Recorder, settings, surroundings, utc};

    const MINUTELY: &str = "* * * * *";
    const NOON: &str = "2026-05-05T12:00:00Z";

    struct Daemon {
        fake: Arc<Fake>,
        manager: Arc<Recorder>,
        handle: Handle,
        stop: CancellationToken,
        ended: JoinHandle<Drained>,
        began: Instant,
    }

    impl Daemon {
        fn start(settings: ScheduleSettings, behaviours: &[Behaviour]) -> Self {
            Self::start_with(settings, Fake::new(behaviours.iter().copied()), Recorder::new(None))
        }

        fn start_with(settings: ScheduleSettings, fake: Arc<Fake>, manager: Arc<Recorder>) -> Self {
            let around = surroundings(utc(NOON), Arc::clone(&manager));
            let (supervisor, handle) = Supervisor::new(Arc::clone(&fake), settings, around).unwrap();
            let stop = CancellationToken::new();
            let ended = tokio::spawn(supervisor.serve(stop.clone()));
            Self {
                fake,
                manager,
                handle,
                stop,
                ended,
                began: Instant::now(),
            }
        }

        /// Waits for the next start: its cause and the seconds since noon.
        async fn started(&self) -> (Cause, u64) {
            (self.fake.started().await, self.began.elapsed().as_secs())
        }

        async fn status(&self, condition: impl FnMut(&DaemonStatus) -> bool) -> DaemonStatus {
            self.handle.status.clone().wait_for(condition).await.unwrap().clone()
        }

        async fn ends(self) -> Drained {
            self.stop.cancel();
            self.ended.await.unwrap()
        }
    }

    fn scheduled(at: &str) -> Cause {
        Cause::Scheduled {
            at: utc(&format!("2026-05-05T{at}Z")),
            missed: 0,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn runs_on_the_schedule() {
        let daemon = Daemon::start(settings(MINUTELY, false), &[]);
        for minute in 1..=3 {
            assert_eq!(
                daemon.started().await,
                (scheduled(&format!("12:0{minute}:00")), minute * 60)
            );
        }
        let status = daemon.status(|status| status.running.is_none()).await;
        assert_eq!(status.last.unwrap().outcome, "cycle 3");
        assert_eq!(status.next, Some(utc("2026-05-05T12:04:00Z")));
        assert_eq!(daemon.ends().await, Drained::Whole);
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_that_comes_during_a_cycle_is_skipped_and_counted() {
        let daemon = Daemon::start(settings(MINUTELY, false), &[Behaviour::Hold]);
        assert_eq!(daemon.started().await.1, 60);
        let status = daemon.status(|status| status.skipped == 3).await;
        assert!(status.running.is_some());
        assert_eq!(daemon.began.elapsed().as_secs(), 240);
        daemon.fake.release();
        assert_eq!(daemon.started().await, (scheduled("12:05:00"), 300));
        assert_eq!(daemon.handle.status().skipped, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn audits_run_on_their_own_schedule_and_take_no_cycles_place() {
        let both = ScheduleSettings {
            audit_cron: Some("2,5 * * * *".into()),
            ..settings(MINUTELY, false)
        };
        let held = [Behaviour::Finish, Behaviour::Hold, Behaviour::Finish];
        let daemon = Daemon::start(both, &held);
        let audit = |at: &str| Cause::Audit {
            at: utc(&format!("2026-05-05T{at}Z")),
        };
        assert_eq!(daemon.started().await, (scheduled("12:01:00"), 60));
        assert_eq!(daemon.started().await, (audit("12:02:00"), 120));
        daemon.fake.release();
        // The cycle of the same minute comes right after it, and nothing was skipped.
        assert_eq!(daemon.started().await.0, scheduled("12:02:00"));
        assert_eq!(daemon.started().await.0, scheduled("12:03:00"));
        assert_eq!(daemon.started().await.0, scheduled("12:04:00"));
        assert_eq!(daemon.started().await.0, audit("12:05:00"));
        assert_eq!(daemon.started().await.0, scheduled("12:05:00"));
        assert_eq!(daemon.handle.status().skipped, 0);
        assert_eq!(daemon.ends().await, Drained::Whole);
    }

    #[tokio::test(start_paused = true)]
    async fn an_audit_that_comes_due_during_a_cycle_follows_it() {
        let both = ScheduleSettings {
            audit_cron: Some("2 * * * *".into()),
            ..settings("1 * * * *", false)
        };
        let daemon = Daemon::start(both, &[Behaviour::Hold]);
        assert_eq!(daemon.started().await.1, 60);
        tokio::time::sleep(Duration::from_secs(300)).await;
        daemon.fake.release();
        let (cause, _) = daemon.started().await;
        assert!(is_audit(cause), "{cause:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_audit_is_asked_for() {
        let daemon = Daemon::start(settings("0 0 * * *", true), &[Behaviour::Hold]);
        assert_eq!(daemon.started().await.0, Cause::AtStart);
        // Two who ask during a cycle share the next one; one of them wants an audit.
        let plain = daemon.handle.sync(false).await.unwrap();
        let audit = daemon.handle.sync(true).await.unwrap();
        daemon.fake.release();
        assert_eq!(daemon.started().await.0, Cause::RequestedAudit);
        assert_eq!(plain.end.await.unwrap(), audit.end.await.unwrap());
        let alone = daemon.handle.sync(true).await.unwrap();
        assert_eq!(daemon.started().await.0, Cause::RequestedAudit);
        assert!(alone.end.await.is_ok());
        let plain = daemon.handle.sync(false).await.unwrap();
        assert_eq!(daemon.started().await.0, Cause::Requested);
        assert!(plain.end.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_reported_and_the_next_cycle_comes() {
        let daemon = Daemon::start(settings(MINUTELY, false), &[Behaviour::Panic]);
        assert_eq!(daemon.started().await.1, 60);
        let status = daemon.status(|status| status.panics == 1).await;
        let record = status.last.unwrap();
        assert_eq!(record.exit_code, EXIT_PANICKED);
        assert!(record.outcome.contains("the fake broke off"), "{}", record.outcome);
        assert_eq!(daemon.started().await.1, 120);
        assert_eq!(daemon.ends().await, Drained::Whole);
    }

    #[tokio::test(start_paused = true)]
    async fn at_start_and_after_downtime() {
        let daemon = Daemon::start(settings(MINUTELY, true), &[]);
        assert_eq!(daemon.started().await, (Cause::AtStart, 0));
        assert_eq!(daemon.started().await, (scheduled("12:01:00"), 60));

        let fake = Fake::new([]);
        *fake.last_started.lock().unwrap() = Some(utc("2026-05-05T08:30:00Z"));
        let daemon = Daemon::start_with(settings("15 * * * *", false), fake, Recorder::new(None));
        let caught_up = Cause::CatchUp {
            at: utc("2026-05-05T11:15:00Z"),
            missed: 2,
        };
        assert_eq!(daemon.started().await, (caught_up, 0));
        assert_eq!(daemon.started().await, (scheduled("12:15:00"), 900));
    }

    #[tokio::test(start_paused = true)]
    async fn jitter_puts_off_but_not_the_start_or_a_request() {
        let jittery = ScheduleSettings {
            jitter_s: 40,
            ..settings(MINUTELY, true)
        };
        let daemon = Daemon::start(jittery, &[]);
        assert_eq!(daemon.started().await, (Cause::AtStart, 0));
        assert_eq!(daemon.started().await, (scheduled("12:01:00"), 80));
        assert_eq!(daemon.started().await, (scheduled("12:02:00"), 140));
        // A request while a cycle waits for its jitter serves that one too.
        tokio::time::sleep_until(daemon.began + Duration::from_secs(190)).await;
        let following = daemon.handle.sync(false).await.unwrap();
        assert!(!following.waits);
        assert_eq!(daemon.started().await, (Cause::Requested, 190));
        following.end.await.unwrap();
        assert_eq!(daemon.started().await, (scheduled("12:04:00"), 260));
    }

    #[tokio::test(start_paused = true)]
    async fn syncs_during_a_cycle_share_the_next_one() {
        let daemon = Daemon::start(settings("0 0 * * *", false), &[Behaviour::Hold, Behaviour::Hold]);
        let first = daemon.handle.sync(false).await.unwrap();
        assert!(!first.waits);
        assert_eq!(daemon.fake.started().await, Cause::Requested);
        let (second, third) = (
            daemon.handle.sync(false).await.unwrap(),
            daemon.handle.sync(false).await.unwrap(),
        );
        assert!(second.waits && third.waits);
        daemon.fake.release();
        assert_eq!(first.end.await.unwrap().outcome, "cycle 1");
        assert_eq!(daemon.fake.started().await, Cause::Requested);
        let fourth = daemon.handle.sync(false).await.unwrap();
        daemon.fake.release();
        assert_eq!(second.end.await.unwrap().outcome, "cycle 2");
        assert_eq!(third.end.await.unwrap().outcome, "cycle 2");
        assert_eq!(fourth.end.await.unwrap().outcome, "cycle 3");
        assert_eq!(daemon.ends().await, Drained::Whole);
    }

    #[tokio::test(start_paused = true)]
    async fn followers_see_progress_and_a_panic() {
        let daemon = Daemon::start(settings("0 0 * * *", false), &[Behaviour::Events(3), Behaviour::Panic]);
        let mut following = daemon.handle.sync(false).await.unwrap();
        following.end.await.unwrap();
        for expected in 1..=3 {
            assert!(matches!(following.events.recv().await, Ok(Event::Read { entries }) if entries == expected));
        }
        let following = daemon.handle.sync(false).await.unwrap();
        assert_eq!(following.end.await.unwrap().exit_code, EXIT_PANICKED);
    }

    #[tokio::test(start_paused = true)]
    async fn stopping_ends_the_cycle_and_refuses_the_rest() {
        let daemon = Daemon::start(settings("0 0 * * *", true), &[Behaviour::Hold]);
        daemon.fake.started().await;
        let waiting = daemon.handle.sync(false).await.unwrap();
        let (handle, fake, manager) = (
            daemon.handle.clone(),
            Arc::clone(&daemon.fake),
            Arc::clone(&daemon.manager),
        );
        assert_eq!(daemon.ends().await, Drained::Whole);
        assert_eq!(fake.stopped(), 1);
        assert!(waiting.end.await.is_err());
        assert!(handle.sync(false).await.is_none());
        assert_eq!(fake.cycles.load(std::sync::atomic::Ordering::SeqCst), 1);
        assert!(manager.said().contains(&Say::Stopping));
        assert!(handle.status().last.is_some());
    }

    /// A service manager that looks, at the moment it is told of the stop, whether the cycle knows of it.
    struct Witness(Arc<Fake>, std::sync::OnceLock<bool>);

    impl ServiceManager for Witness {
        fn say(&self, what: Say) {
            if what == Say::Stopping {
                self.1.set(self.0.asked_to_end()).unwrap();
            }
        }

        fn watchdog(&self) -> Option<Duration> {
            None
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_cycle_is_asked_to_end_before_anyone_is_told_of_the_stop() {
        let fake = Fake::new([Behaviour::Hold]);
        let witness = Arc::new(Witness(Arc::clone(&fake), std::sync::OnceLock::new()));
        let around = Surroundings {
            manager: Arc::clone(&witness) as Arc<dyn ServiceManager>,
            ..surroundings(utc(NOON), Recorder::new(None))
        };
        let (supervisor, _handle) = Supervisor::new(Arc::clone(&fake), settings("0 0 * * *", true), around).unwrap();
        let stop = CancellationToken::new();
        let ended = tokio::spawn(supervisor.serve(stop.clone()));
        fake.started().await;
        stop.cancel();
        assert_eq!(ended.await.unwrap(), Drained::Whole);
        assert_eq!(witness.1.get(), Some(&true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deaf_cycle_is_cut_off_and_the_watchdog_fed_meanwhile() {
        let manager = Recorder::new(Some(Duration::from_secs(10)));
        let fake = Fake::new([Behaviour::Deaf]);
        let daemon = Daemon::start_with(settings("0 0 * * *", true), fake, Arc::clone(&manager));
        daemon.fake.started().await;
        let fed = |manager: &Recorder| manager.said().iter().filter(|said| **said == Say::Watchdog).count();
        manager.hears(&Say::Watchdog, 3).await;
        assert_eq!(daemon.began.elapsed().as_secs(), 10);
        let before = fed(&manager);
        let asked = Instant::now();
        assert_eq!(daemon.ends().await, Drained::CutOff);
        assert_eq!(asked.elapsed().as_secs(), 25);
        assert!(fed(&manager) >= before + 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_configuration_is_taken_over_and_a_wrong_one_is_not() {
        let daemon = Daemon::start(settings(MINUTELY, false), &[]);
        daemon.started().await;
        daemon.fake.next_configuration(Err("[ldap] urls is missing".into()));
        daemon.handle.reload().await;
        let status = daemon.status(|status| status.reload_error.is_some()).await;
        assert_eq!(status.reload_error.as_deref(), Some("[ldap] urls is missing"));
        assert_eq!(daemon.started().await.1, 120);

        daemon.fake.next_configuration(Ok(settings("30 * * * *", false)));
        daemon.handle.reload().await;
        let status = daemon.status(|status| status.reload_error.is_none()).await;
        assert!(status.schedule.contains("30"), "{}", status.schedule);
        assert_eq!(daemon.started().await, (scheduled("12:30:00"), 1800));

        daemon.manager.hears(&Say::Ready, 3).await;
        let words: Vec<Say> = daemon
            .manager
            .said()
            .into_iter()
            .filter(|said| matches!(said, Say::Ready | Say::Reloading))
            .collect();
        assert_eq!(
            words,
            [Say::Ready, Say::Reloading, Say::Ready, Say::Reloading, Say::Ready]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_token_is_looked_after_at_the_start_daily_and_after_a_change() {
        let daemon = Daemon::start(settings("0 0 1 1 *", false), &[]);
        let first = daemon.status(|status| status.token.is_some()).await;
        assert_eq!(first.token.unwrap().id.as_deref(), Some("token 1"));
        let named = |number: &'static str| {
            move |status: &DaemonStatus| {
                status
                    .token
                    .as_ref()
                    .is_some_and(|token| token.id.as_deref() == Some(number))
            }
        };
        daemon.status(named("token 2")).await;
        assert_eq!(daemon.began.elapsed().as_secs(), 86_400);
        daemon.fake.next_configuration(Ok(settings("0 0 2 1 *", false)));
        daemon.handle.reload().await;
        daemon.status(named("token 3")).await;
        assert_eq!(daemon.began.elapsed().as_secs(), 86_400);
        daemon.status(named("token 4")).await;
        assert_eq!(daemon.began.elapsed().as_secs(), 2 * 86_400);
        assert_eq!(daemon.ends().await, Drained::Whole);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_at_the_token_is_alone_holds_up_no_cycle_and_is_waited_for() {
        let fake = Fake::new([]);
        fake.token_held.store(true, std::sync::atomic::Ordering::SeqCst);
        let daemon = Daemon::start_with(settings("0 0 * * *", false), fake, Recorder::new(None));
        for _ in 0..3 {
            daemon.started().await;
        }
        assert_eq!(daemon.fake.tended.lock().unwrap().len(), 1);
        let (fake, asked) = (Arc::clone(&daemon.fake), Instant::now());
        daemon.stop.cancel();
        daemon.status(|status| status.stopping).await;
        fake.release();
        assert_eq!(daemon.ends().await, Drained::Whole);
        assert_eq!(asked.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_at_the_token_that_does_not_end_is_cut_off() {
        let fake = Fake::new([]);
        fake.token_held.store(true, std::sync::atomic::Ordering::SeqCst);
        let daemon = Daemon::start_with(settings("0 0 * * *", false), Arc::clone(&fake), Recorder::new(None));
        fake.until(|| fake.tended.lock().unwrap().len() == 1).await;
        let asked = Instant::now();
        assert_eq!(daemon.ends().await, Drained::CutOff);
        assert_eq!(asked.elapsed().as_secs(), 25);
    }

    #[tokio::test(start_paused = true)]
    async fn works_on_without_a_heartbeat() {
        let (_knock, heartbeat) = Heartbeat::by_hand();
        let around = Surroundings {
            heartbeat,
            ..surroundings(utc(NOON), Recorder::new(None))
        };
        let fake = Fake::new([]);
        let (supervisor, _handle) = Supervisor::new(Arc::clone(&fake), settings(MINUTELY, false), around).unwrap();
        let serving = tokio::spawn(supervisor.serve(CancellationToken::new()));
        assert_eq!(fake.started().await, scheduled("12:01:00"));
        serving.abort();
    }
}
