//! What a command answers: for people and for programs.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::cloud::Outgoing;

/// The same thing twice.
#[derive(Debug)]
pub(super) struct Answer {
    /// For people; ends with a line end.
    pub(super) text: String,
    /// For programs.
    pub(super) json: Value,
    /// What is lost if nobody can read it, and what to do then.
    pub(super) loss: Option<String>,
}

impl Answer {
    pub(super) fn new(text: impl Into<String>, json: Value) -> Self {
        let mut text = text.into();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Self { text, json, loss: None }
    }

    /// `--dry-run`
    pub(super) fn of_steps(steps: &[Step]) -> Self {
        let text: String = steps.iter().map(Step::text).collect();
        let json: Vec<Value> = steps.iter().map(Step::json).collect();
        Self::new(format!("{text}Nothing was sent."), json!({ "requests": json }))
    }

    /// Says more about the requests of a `--dry-run`, if there is more to say.
    pub(super) fn with_remark(mut self, remark: Option<impl Into<String>>) -> Self {
        let Some(remark) = remark.map(Into::into) else {
            return self;
        };
        self.text = format!("# {remark}\n\n{}", self.text);
        if let Value::Object(json) = &mut self.json {
            json.insert("remark".to_owned(), Value::from(remark));
        }
        self
    }
}

/// A request that would be sent.
#[derive(Debug)]
pub(super) struct Step {
    request: Outgoing,
    when: Option<&'static str>,
}

impl Step {
    /// In any case.
    pub(super) fn always(request: Outgoing) -> Self {
        Self { request, when: None }
    }

    /// Only if an answer before says so.
    pub(super) fn when(when: &'static str, request: Outgoing) -> Self {
        Self {
            request,
            when: Some(when),
        }
    }

    fn text(&self) -> String {
        let when = self.when.map(|when| format!("# when {when}\n")).unwrap_or_default();
        format!("{when}{}\n\n", self.request)
    }

    fn json(&self) -> Value {
        let mut json = self.request.to_json();
        json["when"] = self.when.map_or(Value::Null, Value::from);
        json
    }
}

/// Rows below a heading, each column as wide as its widest cell.
pub(super) fn columns(heading: &[&str], rows: &[Vec<String>]) -> String {
    let heading: Vec<String> = heading.iter().map(|&name| name.to_owned()).collect();
    let all = || std::iter::once(&heading).chain(rows);
    let width = |column: usize| {
        all()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..heading.len()).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:<width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    all().map(|row| line(row) + "\n").collect()
}

/// Names and values below each other.
pub(super) fn pairs(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    pairs
        .iter()
        .map(|(name, value)| format!("{name:<width$}  {value}\n"))
        .collect()
}

/// RFC 3339 in UTC, to the second.
pub(super) fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The same for programs; null when it is not known.
pub(super) fn time_json(at: Option<DateTime<Utc>>) -> Value {
    at.map_or(Value::Null, |at| Value::from(time(at)))
}

/// A day, and how far off it is.
pub(super) fn expiry(expires: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
    let Some(expires) = expires else {
        return "not known".to_owned();
    };
    let day = expires.format("%Y-%m-%d");
    match (expires - now).num_days() {
        _ if expires <= now => format!("{day} (has expired)"),
        0 => format!("{day} (in less than a day)"),
        1 => format!("{day} (in 1 day)"),
        days => format!("{day} (in {days} days)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_have_to_be() {
        let rows = [
            vec!["ü1".to_owned(), "x".to_owned()],
            vec!["a".to_owned(), String::new()],
        ];
        assert_eq!(columns(&["id", "expires"], &rows), "id  expires\nü1  x\na\n");
        assert_eq!(
            pairs(&[("a", "1".to_owned()), ("long", "2".to_owned())]),
            "a     1\nlong  2\n"
        );
    }

    #[test]
    fn days_are_counted_for_people() {
        let now: DateTime<Utc> = "2026-01-02T12:00:00Z".parse().unwrap();
        let check = |expires: &str, expected: &str| {
            assert_eq!(expiry(Some(expires.parse().unwrap()), now), expected);
        };
        check("2027-01-02T12:00:00Z", "2027-01-02 (in 365 days)");
        check("2026-01-03T12:00:00Z", "2026-01-03 (in 1 day)");
        check("2026-01-03T11:59:59Z", "2026-01-03 (in less than a day)");
        check("2026-01-02T12:00:00Z", "2026-01-02 (has expired)");
        assert_eq!(expiry(None, now), "not known");
    }
}
