//! A cron expression in a time zone, and the arithmetic on it. Pure: the present is an argument.
//!
//! Two kinds of schedules, as in Vixie cron:
//!
//! - **By the clock on the wall**: seconds, minutes and hours are all named (`30 2 * * *`,
//!   `0 2,14 * * *`). Each such time happens exactly once a day. When the clocks go forward over
//!   it, it happens at the first instant after the gap; when they go back over it, at the first of
//!   the two.
//! - **By interval**: one of the three has a `*` (`*/15 * * * *`, `0 * * * *`). These follow real
//!   time: nothing in a gap (there is no such time), and both passes of a repeated hour.
//!
//! Day of month and day of week, when both are restricted (neither is exactly `*` or `?`): either
//! one suffices, as in cron. A `+` before the weekday asks for both: `0 0 1 * +MON` is a first of
//! the month that is a Monday.

use std::str::FromStr;

use chrono::{DateTime, Duration, MappedLocalTime, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use croner::Cron;

/// The fields in their order, with what croner accepts in them.
const FIELDS: [(&str, &str); 7] = [
    ("second", "0-59"),
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of month", "1-31, L for the last, 15W for the nearest weekday"),
    ("month", "1-12 or JAN-DEC"),
    ("day of week", "0-7 or SUN-SAT, MON#1 for the first, FRI#L for the last"),
    ("year", "1-5000"),
];

/// Nicknames that stand for five fields.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// Wall clock times looked at in one search. A repeated hour of a schedule that names every second
/// has 3,600; zones that changed sides of the date line repeated a whole day.
const SEARCH_MAX: u32 = 100_000;

/// When cycles run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    cron: Cron,
    zone: Tz,
    by_wall_clock: bool,
}

impl Schedule {
    /// Reads a cron expression of 5 fields, 6 (seconds first) or 7 (seconds first, year last), or
    /// one of `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`.
    ///
    /// # Errors
    /// In words, naming the field at fault and what it may hold.
    pub fn parse(cron: &str, zone: Tz) -> Result<Self, String> {
        let fields = seven_fields(cron)?;
        let by_wall_clock = !fields.iter().take(3).any(|field| field.contains('*'));
        let cron = Cron::from_str(&fields.join(" ")).map_err(|error| {
            first_bad_field(&fields).unwrap_or_else(|| format!("{cron:?} is not a cron expression: {error}"))
        })?;
        let schedule = Self {
            cron,
            zone,
            by_wall_clock,
        };
        // A date like 30 February would be found out by waiting for ever.
        match schedule.next_after(DateTime::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(format!("{:?} never comes: no such date exists", fields.join(" "))),
        }
    }

    /// The first scheduled time later than `after`; `None` when there is none (the year field lies
    /// in the past).
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.by_wall_clock {
            self.next_on_the_wall(after)
        } else {
            let after = after.with_timezone(&self.zone);
            Some(self.cron.find_next_occurrence(&after, false).ok()?.with_timezone(&Utc))
        }
    }

    /// Scheduled times in `(after, until]`: how many, up to `limit`, and the last one counted.
    pub fn between(&self, after: DateTime<Utc>, until: DateTime<Utc>, limit: u32) -> (u32, Option<DateTime<Utc>>) {
        let (mut count, mut last) = (0, None);
        while count < limit {
            match self.next_after(last.unwrap_or(after)) {
                Some(next) if next <= until => (count, last) = (count + 1, Some(next)),
                _ => break,
            }
        }
        (count, last)
    }

    /// What the expression means, in a sentence.
    pub fn describe(&self) -> String {
        let words = self.cron.describe();
        format!("{} ({})", words.trim_end_matches('.'), self.zone)
    }

    /// The zone in which the expression is meant.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// Walks the times on the wall, each of which means one instant, until that lies after `after`.
    /// Every wall time up to that of `after` means `after` or earlier, so the walk starts there.
    fn next_on_the_wall(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // Croner knows no days of 23 or 25 hours in UTC, so UTC carries the wall clock.
        let mut wall = after.with_timezone(&self.zone).naive_local().and_utc();
        for _ in 0..SEARCH_MAX {
            wall = self.cron.find_next_occurrence(&wall, false).ok()?;
            let instant = instant_of(self.zone, wall.naive_utc())?;
            if instant > after {
                return Some(instant);
            }
        }
        None
    }
}

/// The instant at which a clock on the wall shows `wall`, the first of two, or the first instant
/// after the gap in which `wall` is left out.
fn instant_of(zone: Tz, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&wall) {
        MappedLocalTime::Single(instant) => Some(instant.with_timezone(&Utc)),
        MappedLocalTime::Ambiguous(first, _) => Some(first.with_timezone(&Utc)),
        MappedLocalTime::None => end_of_gap(zone, wall),
    }
}

/// Halves the time between an instant surely before the gap and one surely after it. Two days are
/// more than the longest gap there ever was (a day) and far less than the time between two changes.
fn end_of_gap(zone: Tz, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
    let offset = |instant: NaiveDateTime| zone.offset_from_utc_datetime(&instant).fix();
    let mut before = wall.checked_sub_signed(Duration::days(2))?;
    let mut after = wall.checked_add_signed(Duration::days(2))?;
    let old = offset(before);
    while after - before > Duration::seconds(1) {
        let middle = before + (after - before) / 2;
        let middle = middle.and_utc().timestamp();
        let middle = DateTime::from_timestamp(middle, 0)?.naive_utc();
        if offset(middle) == old {
            before = middle;
        } else {
            after = middle;
        }
    }
    Some(after.and_utc())
}

/// The expression with all seven fields spelt out.
fn seven_fields(cron: &str) -> Result<Vec<String>, String> {
    let cron = cron.trim();
    let plain = match NICKNAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(cron)) {
        Some((_, fields)) => fields,
        None if cron.starts_with('@') => {
            let known: Vec<&str> = NICKNAMES.iter().map(|(name, _)| *name).collect();
            return Err(format!("{cron:?} is not known; known are {}", known.join(", ")));
        }
        None => cron,
    };
    let mut fields: Vec<String> = plain.split_whitespace().map(str::to_owned).collect();
    match fields.len() {
        5 => {
            fields.insert(0, "0".to_owned());
            fields.push("*".to_owned());
        }
        6 => fields.push("*".to_owned()),
        7 => {}
        n => {
            return Err(format!(
                "{cron:?} has {n} field{}; write 5 (minute, hour, day of month, month, day of week), \
                 6 (second first) or 7 (second first, year last)",
                if n == 1 { "" } else { "s" }
            ));
        }
    }
    Ok(fields)
}

/// Croner does not say which field it dislikes; trying each one alone does.
fn first_bad_field(fields: &[String]) -> Option<String> {
    fields
        .iter()
        .zip(FIELDS)
        .enumerate()
        .find_map(|(place, (field, (name, allowed)))| {
            let mut alone = ["*"; 7];
            *alone.get_mut(place)? = field;
            let error = Cron::from_str(&alone.join(" ")).err()?;
            let why = error.to_string();
            let why = why.trim_start_matches("Component error: ").trim_end_matches('.');
            Some(format!(
                "the {name} field {field:?} is wrong: {why} (allowed: {allowed}; also *, lists, ranges and */steps)"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc)
    }

    fn schedule(cron: &str, zone: &str) -> Schedule {
        Schedule::parse(cron, zone.parse().unwrap()).unwrap()
    }

    /// The next times after `after`, as the zone's clock shows them.
    fn check(cron: &str, zone: &str, after: &str, expected: &[&str]) {
        let schedule = schedule(cron, zone);
        let mut at = utc(after);
        let mut seen = Vec::new();
        for _ in expected {
            at = schedule.next_after(at).unwrap();
            seen.push(at.with_timezone(&schedule.zone()).to_rfc3339());
        }
        assert_eq!(seen, expected, "{cron} {zone} after {after}");
    }

    #[test]
    fn five_six_and_seven_fields() {
        let after = "2026-01-31T23:59:30Z";
        check(
            "* * * * *",
            "UTC",
            after,
            &["2026-02-01T00:00:00+00:00", "2026-02-01T00:01:00+00:00"],
        );
        check(
            "*/20 * * * * *",
            "UTC",
            after,
            &["2026-01-31T23:59:40+00:00", "2026-02-01T00:00:00+00:00"],
        );
        check("0 0 12 1 1 * 2030", "UTC", after, &["2030-01-01T12:00:00+00:00"]);
        check(
            "@daily",
            "UTC",
            after,
            &["2026-02-01T00:00:00+00:00", "2026-02-02T00:00:00+00:00"],
        );
        check("@Hourly", "Asia/Shanghai", after, &["2026-02-01T08:00:00+08:00"]);
        check("0 3 * * mon-fri", "UTC", after, &["2026-02-02T03:00:00+00:00"]);
        check("0 3 * * 7", "UTC", after, &["2026-02-01T03:00:00+00:00"]);
        check("0 3 L * *", "UTC", after, &["2026-02-28T03:00:00+00:00"]);
        check("  0   3\t* * *  ", "UTC", after, &["2026-02-01T03:00:00+00:00"]);
    }

    #[test]
    fn day_of_month_or_weekday_when_both_are_restricted() {
        let after = "2026-11-21T00:00:00Z";
        check(
            "0 3 1 * MON",
            "UTC",
            after,
            &[
                "2026-11-23T03:00:00+00:00",
                "2026-11-30T03:00:00+00:00",
                "2026-12-01T03:00:00+00:00",
            ],
        );
        check("0 3 1 * *", "UTC", after, &["2026-12-01T03:00:00+00:00"]);
        check("0 3 ? * MON", "UTC", after, &["2026-11-23T03:00:00+00:00"]);
        check("0 3 1 * +MON", "UTC", after, &["2027-02-01T03:00:00+00:00"]);
    }

    #[test]
    fn clocks_going_forward() {
        // Berlin: 02:00 → 03:00 on 29 March 2026.
        check(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T00:00:00Z",
            &[
                "2026-03-28T02:30:00+01:00",
                "2026-03-29T03:00:00+02:00",
                "2026-03-30T02:30:00+02:00",
            ],
        );
        check(
            "0 3 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            &["2026-03-29T03:00:00+02:00", "2026-03-30T03:00:00+02:00"],
        );
        // Two times in the gap and one right after it: one run.
        check(
            "0,30 2,3 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            &[
                "2026-03-29T03:00:00+02:00",
                "2026-03-29T03:30:00+02:00",
                "2026-03-30T02:00:00+02:00",
            ],
        );
        check(
            "0 2,14 * * *",
            "Europe/Berlin",
            "2026-03-28T20:00:00Z",
            &["2026-03-29T03:00:00+02:00", "2026-03-29T14:00:00+02:00"],
        );
        check(
            "*/30 * * * *",
            "Europe/Berlin",
            "2026-03-29T00:00:00Z",
            &[
                "2026-03-29T01:30:00+01:00",
                "2026-03-29T03:00:00+02:00",
                "2026-03-29T03:30:00+02:00",
            ],
        );
        // New York: 02:00 → 03:00 on 8 March 2026.
        check(
            "30 2 * * *",
            "America/New_York",
            "2026-03-07T12:00:00Z",
            &["2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"],
        );
        // London: 01:00 → 02:00 on 29 March 2026; midnight has nothing to do with it.
        check(
            "0 0 * * *",
            "Europe/London",
            "2026-03-28T12:00:00Z",
            &["2026-03-29T00:00:00+00:00", "2026-03-30T00:00:00+01:00"],
        );
        check(
            "30 1 * * *",
            "Europe/London",
            "2026-03-28T12:00:00Z",
            &["2026-03-29T02:00:00+01:00", "2026-03-30T01:30:00+01:00"],
        );
        // Half an hour only: Lord Howe, 02:00 → 02:30 on 4 October 2026.
        check(
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T00:00:00Z",
            &["2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"],
        );
        // A whole day left out: Samoa had no 30 December 2011.
        check(
            "0 12 30 * *",
            "Pacific/Apia",
            "2011-12-01T00:00:00Z",
            &["2011-12-31T00:00:00+14:00", "2012-01-30T12:00:00+14:00"],
        );
        check(
            "30 2 * * *",
            "Asia/Shanghai",
            "2026-03-28T20:00:00Z",
            &["2026-03-30T02:30:00+08:00", "2026-03-31T02:30:00+08:00"],
        );
    }

    #[test]
    fn clocks_going_back() {
        // Berlin: 03:00 → 02:00 on 25 October 2026.
        check(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            &["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"],
        );
        check(
            "30 3 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            &["2026-10-25T03:30:00+01:00", "2026-10-26T03:30:00+01:00"],
        );
        check(
            "0 2,14 * * *",
            "Europe/Berlin",
            "2026-10-24T20:00:00Z",
            &["2026-10-25T02:00:00+02:00", "2026-10-25T14:00:00+01:00"],
        );
        // Asked in the middle of the second pass.
        check(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-25T01:10:00Z",
            &["2026-10-26T02:30:00+01:00"],
        );
        check(
            "0,30 2,3 * * *",
            "Europe/Berlin",
            "2026-10-25T00:20:00Z",
            &["2026-10-25T02:30:00+02:00", "2026-10-25T03:00:00+01:00"],
        );
        check(
            "*/30 * * * *",
            "Europe/Berlin",
            "2026-10-25T00:00:00Z",
            &[
                "2026-10-25T02:30:00+02:00",
                "2026-10-25T02:00:00+01:00",
                "2026-10-25T02:30:00+01:00",
                "2026-10-25T03:00:00+01:00",
            ],
        );
        // New York: 02:00 → 01:00 on 1 November 2026.
        check(
            "30 1 * * *",
            "America/New_York",
            "2026-10-31T12:00:00Z",
            &["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"],
        );
        check(
            "0 0 * * *",
            "Europe/London",
            "2026-10-24T12:00:00Z",
            &["2026-10-25T00:00:00+01:00", "2026-10-26T00:00:00+00:00"],
        );
    }

    #[test]
    fn no_time_comes_twice_or_backwards_in_any_zone() {
        for zone in [
            "Europe/Berlin",
            "America/New_York",
            "Europe/London",
            "Asia/Shanghai",
            "Australia/Lord_Howe",
        ] {
            for cron in [
                "30 2 * * *",
                "0 0 * * *",
                "15,45 1-3 * * *",
                "*/15 * * * *",
                "0 */2 * * *",
            ] {
                let schedule = schedule(cron, zone);
                let mut at = utc("2026-01-01T00:00:00Z");
                let mut days = std::collections::BTreeMap::new();
                while at < utc("2026-12-31T00:00:00Z") {
                    let next = schedule.next_after(at).unwrap();
                    assert!(next > at, "{cron} {zone} {at} {next}");
                    // Asking from just before gives the same answer.
                    assert_eq!(
                        schedule.next_after(next - Duration::milliseconds(1)),
                        Some(next),
                        "{cron} {zone}"
                    );
                    *days
                        .entry(next.with_timezone(&schedule.zone()).date_naive())
                        .or_insert(0) += 1;
                    at = next;
                }
                if cron == "30 2 * * *" {
                    assert!(days.values().all(|&times| times == 1), "{zone}");
                    assert!(days.len() >= 363, "{zone} {}", days.len());
                }
            }
        }
    }

    #[test]
    fn counting_stops_at_the_limit() {
        let schedule = schedule("* * * * *", "UTC");
        let (from, to) = (utc("2026-01-01T00:00:00Z"), utc("2026-01-01T01:00:00Z"));
        assert_eq!(schedule.between(from, to, 1000), (60, Some(to)));
        assert_eq!(schedule.between(from, to, 5), (5, Some(utc("2026-01-01T00:05:00Z"))));
        assert_eq!(schedule.between(to, from, 5), (0, None));
    }

    #[test]
    fn a_year_gone_by_has_no_next_time() {
        assert_eq!(
            schedule("0 0 0 1 1 * 2020", "UTC").next_after(utc("2026-01-01T00:00:00Z")),
            None
        );
    }

    #[test]
    fn mistakes_name_the_field() {
        let wrong = |cron: &str, part: &str| {
            let error = Schedule::parse(cron, Tz::UTC).unwrap_err();
            assert!(error.contains(part), "{cron}: {error}");
        };
        wrong("", "has 0 fields");
        wrong("5", "has 1 field;");
        wrong("0 0 * *", "has 4 fields; write 5");
        wrong("61 * * * *", "the minute field \"61\"");
        wrong(
            "0 24 * * *",
            "the hour field \"24\" is wrong: Number out of bounds (allowed: 0-23",
        );
        wrong("99 0 0 * * *", "the second field \"99\"");
        wrong("0 0 32 * *", "the day of month field \"32\"");
        wrong("0 0 * 13 *", "the month field \"13\"");
        wrong("0 0 * * 8", "the day of week field \"8\"");
        wrong("0 0 * * MONDAY", "the day of week field \"MONDAY\"");
        wrong("0 0 0 * * * 9999", "the year field \"9999\"");
        wrong("0/5 * * * *", "the minute field \"0/5\"");
        wrong("0 0 5-1 * *", "the day of month field \"5-1\"");
        wrong("@fortnightly", "known are @yearly");
        wrong("0 0 30 2 *", "never comes");
    }

    proptest::proptest! {
        #[test]
        fn nonsense_is_refused_in_words(text in "[-0-9*/,#LWSUNJAN?+@ é]{0,24}", fields in "([-0-9*/,#LW?+]{1,4} ){4}[-0-9*/,#LW?+]{1,4}") {
            for text in [text, fields] {
                match Schedule::parse(&text, chrono_tz::Europe::Berlin) {
                    Ok(schedule) => {
                        schedule.next_after(utc("2026-01-01T00:00:00Z"));
                        schedule.describe();
                    }
                    Err(words) => assert!(!words.is_empty()),
                }
            }
        }
    }

    #[test]
    fn describes_itself() {
        assert_eq!(
            schedule("30 2 * * *", "Europe/Berlin").describe(),
            "At 02:30 (Europe/Berlin)"
        );
    }
}
