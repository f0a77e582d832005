//! How long a token goes on working, and how much of a worry that is. No clock: the time is an argument.

use chrono::{DateTime, TimeDelta, Utc};

/// Before this it is nothing to talk about.
const TOLD_DAYS: i64 = 60;
/// From here on somebody should act.
const WARNED_DAYS: i64 = 30;
/// From here on somebody has to act.
const URGENT_DAYS: i64 = 7;

/// How much of a worry it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// More than 60 days are left.
    Quiet,
    /// At most 60 days are left.
    Info,
    /// At most 30 days are left.
    Warning,
    /// At most 7 days are left, or none.
    Error,
}

/// What there is to say of an expiry at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// How much of a worry it is.
    pub severity: Severity,
    /// Whole days that are left, rounded down; below zero once it has expired.
    pub days_left: i64,
    /// `expires in 29 days, on 2027-05-01 00:00 UTC`
    pub words: String,
}

/// What there is to say `now` of something that works until `expires`.
#[must_use]
pub fn judge(now: DateTime<Utc>, expires: DateTime<Utc>) -> Judgement {
    let left = expires - now;
    let severity = if left > TimeDelta::days(TOLD_DAYS) {
        Severity::Quiet
    } else if left > TimeDelta::days(WARNED_DAYS) {
        Severity::Info
    } else if left > TimeDelta::days(URGENT_DAYS) {
        Severity::Warning
    } else {
        Severity::Error
    };
    let at = expires.format("%Y-%m-%d %H:%M UTC");
    let words = if left > TimeDelta::zero() {
        format!("expires in {}, on {at}", length(left))
    } else {
        format!("expired {} ago, on {at}", length(-left))
    };
    Judgement {
        severity,
        days_left: left.num_seconds().div_euclid(TimeDelta::days(1).num_seconds()),
        words,
    }
}

/// Whether no more than so many days are left.
#[must_use]
pub fn is_within(now: DateTime<Utc>, expires: DateTime<Utc>, days: u32) -> bool {
    expires - now <= TimeDelta::days(i64::from(days))
}

/// Days from two on, below that hours: what matters is whether there is time until tomorrow.
fn length(length: TimeDelta) -> String {
    let (days, hours) = (length.num_days(), length.num_hours());
    match (days, hours) {
        (2.., _) => format!("{days} days"),
        (_, 2..) => format!("{hours} hours"),
        (_, 1) => "1 hour".to_owned(),
        _ => "less than an hour".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_the_louder() {
        let expires = "2027-05-01T12:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let check = |now: &str, severity, days_left, words: &str| {
            let words = format!("{words}, on 2027-05-01 12:00 UTC");
            let expected = Judgement {
                severity,
                days_left,
                words,
            };
            assert_eq!(judge(now.parse().unwrap(), expires), expected, "{now}");
        };
        check("2026-05-01T12:00:00Z", Severity::Quiet, 365, "expires in 365 days");
        check("2027-03-02T11:59:59Z", Severity::Quiet, 60, "expires in 60 days");
        check("2027-03-02T12:00:00Z", Severity::Info, 60, "expires in 60 days");
        check("2027-03-02T12:00:01Z", Severity::Info, 59, "expires in 59 days");
        check("2027-04-01T11:59:59Z", Severity::Info, 30, "expires in 30 days");
        check("2027-04-01T12:00:00Z", Severity::Warning, 30, "expires in 30 days");
        check("2027-04-24T11:59:59Z", Severity::Warning, 7, "expires in 7 days");
        check("2027-04-24T12:00:00Z", Severity::Error, 7, "expires in 7 days");
        check("2027-04-29T12:00:01Z", Severity::Error, 1, "expires in 47 hours");
        check("2027-05-01T10:59:00Z", Severity::Error, 0, "expires in 1 hour");
        check(
            "2027-05-01T11:59:59Z",
            Severity::Error,
            0,
            "expires in less than an hour",
        );
        check(
            "2027-05-01T12:00:00Z",
            Severity::Error,
            0,
            "expired less than an hour ago",
        );
        check(
            "2027-05-01T12:00:01Z",
            Severity::Error,
            -1,
            "expired less than an hour ago",
        );
        check("2027-05-02T12:00:00Z", Severity::Error, -1, "expired 24 hours ago");
        check("2027-06-01T12:00:00Z", Severity::Error, -31, "expired 31 days ago");
    }

    #[test]
    fn the_day_to_act_is_part_of_the_span() {
        let expires = "2027-05-01T12:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let check = |now: &str, expected| assert_eq!(is_within(now.parse().unwrap(), expires, 30), expected, "{now}");
        check("2027-04-01T11:59:59Z", false);
        check("2027-04-01T12:00:00Z", true);
        check("2027-06-01T12:00:00Z", true);
    }
}
