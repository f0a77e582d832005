//! What a status says of the token.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::words::{instant, timestamp};
use crate::{
    expiry::{self, Severity},
    model::shown,
    ports::RotationRecord,
};

/// What is known of the token in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenView {
    /// When it stops working.
    pub expires: Option<DateTime<Utc>>,
    /// Who says so, for people and for programs.
    pub known_from: Option<(&'static str, &'static str)>,
    /// Its id at the control plane.
    pub id: Option<String>,
    /// It is let in no more.
    pub refused: bool,
    /// Why that is so, or why not more is known.
    pub problem: Option<String>,
    /// The last time it was renewed without anybody's doing, or should have been.
    pub rotation: Option<RotationRecord>,
}

/// Lines for people; none when nothing is known.
#[must_use]
pub fn token_lines(token: &TokenView, now: DateTime<Utc>) -> String {
    let mut lines = String::new();
    if let Some(expires) = token.expires {
        let who = token.known_from.map(|(words, _)| format!(", says {words}"));
        let judged = expiry::judge(now, expires).words;
        lines.push_str(&format!("Token: {judged}{}\n", who.unwrap_or_default()));
    }
    if let Some(problem) = &token.problem {
        lines.push_str(&format!("Token: {}\n", shown(problem)));
    }
    if let Some(rotation) = &token.rotation {
        let at = instant(rotation.at);
        lines.push_str(&format!("Token renewal (UTC): {at}  {}\n", shown(&rotation.outcome)));
    }
    lines
}

/// The same for programs (`docs/status-json.md`); null when nothing is known.
#[must_use]
pub fn token_json(token: &TokenView, now: DateTime<Utc>) -> Value {
    if *token == TokenView::default() {
        return Value::Null;
    }
    let judged = token.expires.map(|expires| expiry::judge(now, expires));
    let severity = judged.as_ref().map(|judged| match judged.severity {
        Severity::Quiet => "ok",
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    });
    let severity = if token.refused { Some("error") } else { severity };
    json!({
        "expires": token.expires.and_then(|expires| timestamp(expires.timestamp())),
        "daysLeft": judged.as_ref().map(|judged| judged.days_left),
        "severity": severity,
        "knownFrom": token.known_from.map(|(_, name)| name),
        "id": token.id,
        "problem": token.problem,
        "renewal": token.rotation.as_ref().map(|rotation| json!({
            "at": timestamp(rotation.at),
            "done": rotation.done,
            "outcome": rotation.outcome,
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_is_known() {
        let now = "2027-04-03T00:00:00Z".parse().unwrap();
        let nothing = TokenView::default();
        assert_eq!(
            (token_lines(&nothing, now).as_str(), token_json(&nothing, now)),
            ("", Value::Null)
        );

        let token = TokenView {
            expires: Some("2027-05-01T00:00:00Z".parse().unwrap()),
            known_from: Some(("the cloud", "control-plane")),
            id: Some("t1".into()),
            refused: false,
            problem: Some("the control plane cannot be asked: \u{1b}[31mno".into()),
            rotation: Some(RotationRecord {
                at: 1_806_000_000,
                done: false,
                outcome: "refused".into(),
                token: None,
            }),
        };
        assert_eq!(
            token_lines(&token, now),
            "Token: expires in 28 days, on 2027-05-01 00:00 UTC, says the cloud\n\
             Token: the control plane cannot be asked: \\u{1b}[31mno\n\
             Token renewal (UTC): 2027-03-25 18:40:00  refused\n"
        );
        let expected = json!({
            "expires": "2027-05-01T00:00:00Z",
            "daysLeft": 28,
            "severity": "warning",
            "knownFrom": "control-plane",
            "id": "t1",
            "problem": token.problem,
            "renewal": { "at": "2027-03-25T18:40:00Z", "done": false, "outcome": "refused" },
        });
        assert_eq!(token_json(&token, now), expected);
        let refused = TokenView {
            refused: true,
            problem: Some("it is refused".into()),
            ..nothing
        };
        assert_eq!(token_lines(&refused, now), "Token: it is refused\n");
        assert_eq!(token_json(&refused, now)["severity"], "error");
    }
}
