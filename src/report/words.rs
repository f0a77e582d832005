//! Numbers, times and values in words.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use crate::model::{Item, Scalar, Value, shown};

/// `12,345`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 request`, `12,345 requests`: for nouns with a plain plural.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{} {noun}s", grouped(number)),
    }
}

/// `1 person`, `5 people`.
#[must_use]
pub fn people(number: u64) -> String {
    match number {
        1 => "1 person".to_owned(),
        _ => format!("{} people", grouped(number)),
    }
}

/// A duration to two units, rounded up to the second.
pub(super) fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => two(minutes, "min", seconds % 60, "s"),
        3_600..86_400 => two(hours, "h", minutes, "min"),
        _ => two(days, "d", hours, "h"),
    }
}

fn two(large: u64, unit: &str, small: u64, small_unit: &str) -> String {
    match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {small_unit}"),
    }
}

/// An estimate: `about 2 min 5 s`.
pub(super) fn about(seconds: f64) -> String {
    if seconds < 1.0 {
        return "less than 1 s".to_owned();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive; what is too long for a u64 stays the longest there is"
    )]
    let whole = seconds.ceil() as u64;
    format!("about {}", duration(whole))
}

/// Unix seconds as `2026-01-02 03:04:05` (UTC).
#[must_use]
pub fn instant(unix_s: i64) -> String {
    match DateTime::<Utc>::from_timestamp(unix_s, 0) {
        Some(time) => time.format("%Y-%m-%d %H:%M:%S").to_string(),
        None => format!("@{unix_s}"),
    }
}

/// Unix seconds as RFC 3339; nothing for 0, which stands for "never".
pub(super) fn timestamp(unix_s: i64) -> Option<String> {
    let time = DateTime::<Utc>::from_timestamp(unix_s, 0).filter(|_| unix_s != 0)?;
    Some(time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}

/// A value on one line. Text with space around it is quoted, or the space could not be seen.
#[must_use]
pub fn value_text(value: &Value) -> String {
    match value {
        Value::Boolean(value) => value.to_string(),
        Value::Text(text) => text_value(text).into_owned(),
        Value::List(items) => items.iter().map(item).collect::<Vec<_>>().join("; "),
    }
}

fn text_value(text: &str) -> Cow<'_, str> {
    if text.trim() == text && !text.is_empty() {
        shown(text)
    } else {
        Cow::Owned(format!("\"{}\"", shown(text)))
    }
}

/// `alice@example.org (work, primary)`; items without a value by their parts.
fn item(item: &Item) -> String {
    let text = |part: &str| match item.get(part) {
        Some(Scalar::Text(text)) => Some(text_value(text)),
        _ => None,
    };
    let main = text("value").map_or_else(
        || {
            let parts = item.iter().filter(|(part, _)| !matches!(&***part, "type" | "primary"));
            let part = |(part, scalar): (_, &Scalar)| match scalar {
                Scalar::Text(text) => format!("{part}={}", text_value(text)),
                Scalar::Boolean(value) => format!("{part}={value}"),
            };
            parts.map(part).collect::<Vec<_>>().join(" ")
        },
        Cow::into_owned,
    );
    let primary = (item.get("primary") == Some(&Scalar::Boolean(true))).then_some(Cow::Borrowed("primary"));
    let notes: Vec<_> = text("type").into_iter().chain(primary).collect();
    match notes.is_empty() {
        true => main,
        false => format!("{main} ({})", notes.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_humane() {
        for (seconds, expected) in [
            (0.0, "less than 1 s"),
            (0.2, "less than 1 s"),
            (1.0, "about 1 s"),
            (59.2, "about 1 min"),
            (125.0, "about 2 min 5 s"),
            (3_600.0, "about 1 h"),
            (10_000.0, "about 2 h 46 min"),
            (100_000.0, "about 1 d 3 h"),
            (f64::MAX, "about 213503982334601 d 7 h"),
        ] {
            assert_eq!(about(seconds), expected);
        }
    }

    #[test]
    fn numbers_and_times() {
        for (number, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), expected);
        }
        assert_eq!(count(1, "request"), "1 request");
        assert_eq!(count(0, "request"), "0 requests");
        assert_eq!(people(1), "1 person");
        assert_eq!(people(2_000), "2,000 people");
        assert_eq!(instant(1_767_323_045), "2026-01-02 03:04:05");
        assert_eq!(instant(i64::MAX), "@9223372036854775807");
        assert_eq!(timestamp(1_767_323_045).as_deref(), Some("2026-01-02T03:04:05Z"));
        assert_eq!(timestamp(0), None);
    }

    #[test]
    fn values_on_one_line() {
        for (text, expected) in [("plain", "plain"), (" a ", "\" a \""), ("", "\"\""), ("a\nb", "a\\nb")] {
            assert_eq!(value_text(&Value::Text(text.into())), expected);
        }
    }
}
