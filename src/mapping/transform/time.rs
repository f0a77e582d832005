//! Times as directories write them.

use chrono::{DateTime, FixedOffset, NaiveDate, SecondsFormat, TimeDelta, Utc};

use super::integer;

/// Seconds from 1601-01-01 to 1970-01-01, both UTC.
const EPOCH_GAP_S: i64 = 11_644_473_600;
/// A FILETIME counts 100 ns.
const TICKS_PER_S: i64 = 10_000_000;
/// The first second of the year 10000, which RFC 3339 cannot write.
const YEAR_10000_S: i64 = 253_402_300_800;

/// A GeneralizedTime (RFC 4517 section 3.3.13) as RFC 3339 in UTC, whole seconds.
pub(super) fn generalized(text: &str) -> Result<String, String> {
    parse_generalized(text.trim())
        .map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
        .ok_or_else(|| "not a GeneralizedTime such as 20240131120000Z".to_owned())
}

fn parse_generalized(text: &str) -> Option<DateTime<Utc>> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (clock, rest) = text.split_at(digits);
    let number = |from: usize, to: usize| clock.get(from..to).and_then(|part| part.parse::<u32>().ok());
    let date = NaiveDate::from_ymd_opt(i32::try_from(number(0, 4)?).ok()?, number(4, 6)?, number(6, 8)?)?;
    let (minute, second) = match digits {
        10 => (0, 0),
        12 => (number(10, 12)?, 0),
        14 => (number(10, 12)?, number(12, 14)?),
        _ => return None,
    };
    // A leap second is the first of the next minute, as POSIX counts.
    let leap = i64::from(second == 60);
    let time = date.and_hms_opt(number(8, 10)?, minute, if leap == 1 { 59 } else { second })?;
    let (fraction, zone) = fraction(rest)?;
    let unit_ms = match digits {
        10 => 3_600_000,
        12 => 60_000,
        _ => 1_000,
    };
    let extra = TimeDelta::milliseconds(fraction * unit_ms / 1_000_000) + TimeDelta::seconds(leap);
    let local = time.checked_add_signed(extra)?;
    Some(local.and_local_timezone(zone_of(zone)?).single()?.to_utc())
}

/// Splits `.5Z` into millionths and zone.
fn fraction(rest: &str) -> Option<(i64, &str)> {
    let Some(after) = rest.strip_prefix(['.', ',']) else {
        return Some((0, rest));
    };
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return None;
    }
    let (digits, zone) = after.split_at(digits);
    let millionths = format!("{:0<6.6}", digits).parse().ok()?;
    Some((millionths, zone))
}

fn zone_of(text: &str) -> Option<FixedOffset> {
    if text == "Z" {
        return FixedOffset::east_opt(0);
    }
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits[..2].parse().ok().filter(|hours| *hours < 24)?;
    let minutes: i32 = if digits.len() == 4 {
        digits[2..].parse().ok().filter(|minutes| *minutes < 60)?
    } else {
        0
    };
    FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60))
}

/// A FILETIME as RFC 3339 in UTC; nothing for the two values that mean "never".
pub(super) fn filetime(text: &str) -> Result<Option<String>, String> {
    let Some(seconds) = filetime_seconds(text)? else {
        return Ok(None);
    };
    DateTime::from_timestamp(seconds, 0)
        .filter(|_| seconds < YEAR_10000_S)
        .map(|time| Some(time.to_rfc3339_opts(SecondsFormat::Secs, true)))
        .ok_or_else(|| "a time after the year 9999".to_owned())
}

/// Whether the time `accountExpires` holds lies after `now`.
pub(super) fn not_expired(text: &str, now: i64) -> Result<bool, String> {
    Ok(filetime_seconds(text)?.is_none_or(|expires| expires > now))
}

/// Unix seconds; nothing for "never".
fn filetime_seconds(text: &str) -> Result<Option<i64>, String> {
    match integer(text)? {
        0 | i64::MAX => Ok(None),
        ticks if ticks < 0 => Err("not a FILETIME: it is negative".to_owned()),
        ticks => Ok(Some(ticks / TICKS_PER_S - EPOCH_GAP_S)),
    }
}
