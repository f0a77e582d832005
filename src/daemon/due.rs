//! Is a cycle due? A pure decision on the present, the schedule and what has been dealt with.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::{schedule::Schedule, settings::ScheduleSettings};

/// A scheduled time found later than this was missed (the machine slept or was down) and is the
/// business of `catch_up`. More than any hiccup of the heartbeat, less than any sensible interval.
const LATE_MAX: Duration = Duration::seconds(60);

/// How far the clock may be set back before what was dealt with "in the future" is disbelieved.
/// Within it no scheduled time is run twice; beyond it a second, harmless, cycle is better than
/// a daemon that waits for days because it was once started with a wrong clock.
const SET_BACK_MAX: Duration = Duration::hours(3);

/// Missed times are counted up to here; a year of missed seconds is not worth the arithmetic.
const MISSED_MAX: u32 = 10_000;

/// Why a cycle starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum Cause {
    /// `run_at_start`.
    AtStart,
    /// Its time has come.
    Scheduled {
        /// The time on the schedule.
        at: DateTime<Utc>,
        /// Earlier times that nobody served; this cycle stands for them too.
        missed: u32,
    },
    /// Its time was missed while the daemon was down or the machine slept.
    CatchUp {
        /// The last time missed.
        at: DateTime<Utc>,
        /// Times missed before that one.
        missed: u32,
    },
    /// An operator asked for it.
    Requested,
    /// The time of an audit has come.
    Audit {
        /// The time on the audits' schedule.
        at: DateTime<Utc>,
    },
    /// An operator asked for an audit, and for what it finds to be pushed right.
    RequestedAudit,
}

/// The decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Start one cycle.
    Now(Cause),
    /// Nothing to do before this time.
    NotBefore(DateTime<Utc>),
    /// The schedule has no time left.
    Never,
}

/// What has been dealt with. It only moves forward, so that no scheduled time is served twice,
/// whatever the clock does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    settled: DateTime<Utc>,
    at_start: bool,
}

impl Position {
    /// Where a daemon begins that was started at `started`, when the last cycle that the state
    /// knows of began at `last_started`. A state without a cycle has missed nothing.
    pub fn at_start(settings: &ScheduleSettings, started: DateTime<Utc>, last_started: Option<DateTime<Utc>>) -> Self {
        let settled = match last_started {
            Some(last) if settings.catch_up || last > started => last,
            _ => started,
        };
        Self {
            settled,
            at_start: settings.run_at_start,
        }
    }

    /// Everything up to `now` is dealt with: a cycle starts, or the times were skipped.
    pub fn settle(&mut self, now: DateTime<Utc>) {
        self.disbelieve(now);
        self.settled = self.settled.max(now);
        self.at_start = false;
    }

    /// Settles up to `now` and says how many scheduled times that were.
    pub fn skip(&mut self, now: DateTime<Utc>, schedule: &Schedule) -> u32 {
        self.disbelieve(now);
        let (skipped, _) = schedule.between(self.settled, now, MISSED_MAX);
        self.settle(now);
        skipped
    }

    /// Decides. The caller settles when it acts on [`Due::Now`].
    pub fn due(&mut self, now: DateTime<Utc>, schedule: &Schedule, catch_up: bool) -> Due {
        if self.at_start {
            return Due::Now(Cause::AtStart);
        }
        self.disbelieve(now);
        let mut base = self.settled;
        if !catch_up {
            base = base.max(now - LATE_MAX);
        }
        match schedule.between(base, now, MISSED_MAX) {
            (count, Some(at)) => {
                let missed = count.saturating_sub(1);
                let late = now - at > LATE_MAX;
                Due::Now(if late {
                    Cause::CatchUp { at, missed }
                } else {
                    Cause::Scheduled { at, missed }
                })
            }
            (_, None) => schedule.next_after(base.max(now)).map_or(Due::Never, Due::NotBefore),
        }
    }

    /// The clock was set back so far that the settled time means nothing any more: begin again.
    fn disbelieve(&mut self, now: DateTime<Utc>) {
        if self.settled - now > SET_BACK_MAX {
            self.settled = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc)
    }

    fn settings(cron: &str, zone: &str, run_at_start: bool, catch_up: bool) -> ScheduleSettings {
        ScheduleSettings {
            cron: cron.into(),
            timezone: zone.parse().unwrap(),
            run_at_start,
            jitter_s: 0,
            catch_up,
            audit_cron: None,
        }
    }

    /// Starts at `started` after a last run at `last`, asks at `now`.
    fn check(settings: &ScheduleSettings, last: Option<&str>, started: &str, now: &str, expected: Due) {
        let schedule = Schedule::parse(&settings.cron, settings.timezone).unwrap();
        let mut position = Position::at_start(settings, utc(started), last.map(utc));
        assert_eq!(
            position.due(utc(now), &schedule, settings.catch_up),
            expected,
            "{settings:?} {last:?} {started} {now}"
        );
    }

    /// Lets a clock show `times` one after the other and returns those at which a cycle starts.
    fn fired(cron: &str, zone: &str, catch_up: bool, times: impl IntoIterator<Item = DateTime<Utc>>) -> Vec<String> {
        let settings = settings(cron, zone, false, catch_up);
        let schedule = Schedule::parse(cron, settings.timezone).unwrap();
        let mut times = times.into_iter();
        let mut position = Position::at_start(&settings, times.next().unwrap(), None);
        let mut fired = Vec::new();
        for now in times {
            if let Due::Now(_) = position.due(now, &schedule, catch_up) {
                position.settle(now);
                fired.push(now.with_timezone(&settings.timezone).to_rfc3339());
            }
        }
        fired
    }

    /// Every `step_s` seconds, both ends included.
    fn ticks(from: &str, to: &str, step_s: i64) -> Vec<DateTime<Utc>> {
        let (from, to) = (utc(from), utc(to));
        (0..)
            .map(|n| from + Duration::seconds(n * step_s))
            .take_while(|at| *at <= to)
            .collect()
    }

    #[test]
    fn starts() {
        let nightly = settings("30 2 * * *", "UTC", false, true);
        let started = "2026-05-05T12:00:00Z";
        let tomorrow = Due::NotBefore(utc("2026-05-06T02:30:00Z"));
        // A new state has missed nothing.
        check(&nightly, None, started, started, tomorrow);
        check(&nightly, Some("2026-05-05T02:30:04Z"), started, started, tomorrow);
        // Down for three nights: one run.
        let caught_up = Due::Now(Cause::CatchUp {
            at: utc("2026-05-05T02:30:00Z"),
            missed: 2,
        });
        check(&nightly, Some("2026-05-02T02:30:00Z"), started, started, caught_up);
        let no_catch_up = settings("30 2 * * *", "UTC", false, false);
        check(&no_catch_up, Some("2026-05-02T02:30:00Z"), started, started, tomorrow);
        // Run at start comes first and stands for what was missed.
        let at_start = settings("30 2 * * *", "UTC", true, true);
        check(
            &at_start,
            Some("2026-05-02T02:30:00Z"),
            started,
            started,
            Due::Now(Cause::AtStart),
        );
        check(&at_start, None, started, started, Due::Now(Cause::AtStart));
        // Right on time, and a little late.
        let on_time = Due::Now(Cause::Scheduled {
            at: utc("2026-05-06T02:30:00Z"),
            missed: 0,
        });
        check(&nightly, None, started, "2026-05-06T02:30:00Z", on_time);
        check(&no_catch_up, None, started, "2026-05-06T02:30:59Z", on_time);
        // The year is over.
        check(
            &settings("0 0 0 1 1 * 2020", "UTC", false, true),
            None,
            started,
            started,
            Due::Never,
        );
    }

    #[test]
    fn run_at_start_runs_once() {
        let settings = settings("30 2 * * *", "UTC", true, true);
        let schedule = Schedule::parse(&settings.cron, settings.timezone).unwrap();
        let now = utc("2026-05-05T12:00:00Z");
        let mut position = Position::at_start(&settings, now, Some(utc("2026-05-01T02:30:00Z")));
        assert_eq!(position.due(now, &schedule, true), Due::Now(Cause::AtStart));
        position.settle(now);
        assert_eq!(
            position.due(now, &schedule, true),
            Due::NotBefore(utc("2026-05-06T02:30:00Z"))
        );
    }

    #[test]
    fn changes_of_the_clocks_fire_once() {
        let spring = ticks("2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", 10);
        let autumn = ticks("2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z", 10);
        assert_eq!(
            fired("30 2 * * *", "Europe/Berlin", true, spring.clone()),
            ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]
        );
        assert_eq!(
            fired("30 2 * * *", "Europe/Berlin", true, autumn),
            ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]
        );
        assert_eq!(
            fired("0 0 * * *", "Europe/London", true, spring),
            ["2026-03-29T00:00:00+00:00", "2026-03-30T00:00:00+01:00"]
        );
        assert_eq!(
            fired(
                "30 2 * * *",
                "America/New_York",
                true,
                ticks("2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z", 10)
            ),
            ["2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"]
        );
        assert_eq!(
            fired(
                "30 2 * * *",
                "Asia/Shanghai",
                true,
                ticks("2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z", 10)
            ),
            ["2026-03-29T02:30:00+08:00", "2026-03-30T02:30:00+08:00"]
        );
    }

    #[test]
    fn a_clock_set_back_fires_nothing_twice() {
        let mut times = ticks("2026-05-05T02:00:00Z", "2026-05-05T02:45:00Z", 1);
        times.extend(ticks("2026-05-05T01:50:00Z", "2026-05-05T03:35:00Z", 1));
        assert_eq!(
            fired("30 * * * *", "UTC", true, times),
            ["2026-05-05T02:30:00+00:00", "2026-05-05T03:30:00+00:00"]
        );
        // By a fraction of a second, again and again, around the very moment.
        let jitter = ["29:59.7", "30:00.2", "29:59.9", "30:00.1", "29:59.8", "30:01.0"];
        let times = jitter.map(|at| utc(&format!("2026-05-05T02:{at}Z")));
        assert_eq!(
            fired("30 * * * *", "UTC", true, times),
            ["2026-05-05T02:30:00.200+00:00"]
        );
    }

    #[test]
    fn a_clock_that_was_a_year_ahead_does_not_stop_the_schedule() {
        let mut times = ticks("2027-05-05T02:00:00Z", "2027-05-05T02:45:00Z", 1);
        times.extend(ticks("2026-05-05T02:00:00Z", "2026-05-05T04:00:00Z", 1));
        assert_eq!(
            fired("30 * * * *", "UTC", true, times),
            [
                "2027-05-05T02:30:00+00:00",
                "2026-05-05T02:30:00+00:00",
                "2026-05-05T03:30:00+00:00"
            ]
        );
        // The same across a restart: the record is from the future.
        let hourly = settings("30 * * * *", "UTC", false, true);
        let soon = Due::NotBefore(utc("2026-05-05T02:30:00Z"));
        check(
            &hourly,
            Some("2027-05-05T02:30:00Z"),
            "2026-05-05T02:00:00Z",
            "2026-05-05T02:00:00Z",
            soon,
        );
        // Set back by minutes across a restart: 02:30 was served.
        let later = Due::NotBefore(utc("2026-05-05T03:30:00Z"));
        for catch_up in [true, false] {
            let hourly = settings("30 * * * *", "UTC", false, catch_up);
            let mut position =
                Position::at_start(&hourly, utc("2026-05-05T02:20:00Z"), Some(utc("2026-05-05T02:30:00Z")));
            let schedule = Schedule::parse(&hourly.cron, hourly.timezone).unwrap();
            assert_eq!(position.due(utc("2026-05-05T02:30:00Z"), &schedule, catch_up), later);
            position.settle(utc("2026-05-05T02:30:00Z"));
            assert_eq!(position.due(utc("2026-05-05T02:30:00Z"), &schedule, catch_up), later);
        }
    }

    #[test]
    fn a_machine_that_slept() {
        let mut times = ticks("2026-05-05T01:00:00Z", "2026-05-05T01:10:00Z", 1);
        times.extend(ticks("2026-05-05T08:00:00Z", "2026-05-05T08:40:00Z", 1));
        assert_eq!(
            fired("30 * * * *", "UTC", true, times.clone()),
            ["2026-05-05T08:00:00+00:00", "2026-05-05T08:30:00+00:00"]
        );
        assert_eq!(fired("30 * * * *", "UTC", false, times), ["2026-05-05T08:30:00+00:00"]);
    }

    #[test]
    fn a_slow_heartbeat_misses_nothing() {
        let times = ticks("2026-05-05T00:00:07Z", "2026-05-05T02:00:00Z", 13);
        assert_eq!(fired("*/10 * * * *", "UTC", false, times).len(), 11);
    }
}
