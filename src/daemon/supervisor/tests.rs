//! What the supervisor does when, on a clock that is moved by hand.

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
