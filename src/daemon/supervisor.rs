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
mod tests;
