//! What is remembered of each request: for people, one line; for programs, one JSON object.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::{Fault, Request, delivery::Delivery};

/// Longest body that is kept, in bytes. A longer one is told by its length.
const BODY_MAX: usize = 64 * 1024;

/// One request and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Counted from 1 since the sandbox was started.
    pub number: u64,
    /// When it arrived.
    pub at: DateTime<Utc>,
    /// The HTTP method.
    pub method: String,
    /// Path below the base and query, with a slash in front.
    pub target: String,
    /// The `userName` or the group's `displayName` that it is about; empty when it is about nobody.
    pub who: String,
    /// The status that was sent; nothing when the connection was reset.
    pub status: Option<u16>,
    /// The fault that it met.
    pub fault: Option<Fault>,
    /// The body of the request; null for none.
    pub sent: Value,
    /// The body of the answer; null for none.
    pub answered: Value,
}

impl Record {
    pub(super) fn new(
        (number, at): (u64, DateTime<Utc>),
        request: &Request,
        who: String,
        fault: Option<Fault>,
        delivery: &Delivery,
    ) -> Self {
        let answered = match delivery {
            Delivery::Whole(reply) | Delivery::Late(reply, _) | Delivery::Truncated(reply) => body(&reply.body),
            Delivery::Reset => Value::Null,
        };
        let query = request.query.as_ref().map(|query| format!("?{query}"));
        Self {
            number,
            at,
            method: request.method.clone(),
            target: format!("/{}{}", request.path, query.unwrap_or_default()),
            who,
            status: delivery.status(),
            fault,
            sent: body(&request.body),
            answered,
        }
    }

    /// The object of the request log. The `Authorization` header is in no record.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut line = Map::new();
        line.insert("number".into(), self.number.into());
        line.insert("at".into(), self.at.to_rfc3339_opts(SecondsFormat::Millis, true).into());
        line.insert("method".into(), self.method.clone().into());
        line.insert("target".into(), self.target.clone().into());
        if !self.who.is_empty() {
            line.insert("who".into(), self.who.clone().into());
        }
        line.insert("status".into(), self.status.into());
        if let Some(fault) = &self.fault {
            line.insert("fault".into(), fault.to_string().into());
        }
        for (name, body) in [("request", &self.sent), ("answer", &self.answered)] {
            if !body.is_null() {
                line.insert(name.into(), body.clone());
            }
        }
        Value::Object(line)
    }
}

/// Status or what stands in its place, method, target, who, fault.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self
            .status
            .map_or_else(|| "---".to_owned(), |status| status.to_string());
        let target = readable(&self.target);
        write!(f, "{status}  {:<6}  {target}", self.method)?;
        if !self.who.is_empty() {
            write!(f, "  {}", plain(&self.who))?;
        }
        match &self.fault {
            Some(fault) => write!(f, "  [{fault}]"),
            None => Ok(()),
        }
    }
}

/// A body as JSON; as text when it is none.
fn body(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    if bytes.len() > BODY_MAX {
        return json!(format!("{} bytes", bytes.len()));
    }
    serde_json::from_slice(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into())
}

/// A target as people read it.
fn readable(target: &str) -> String {
    plain(&percent_encoding::percent_decode_str(target).decode_utf8_lossy())
}

/// What a client sends must not move the cursor of a terminal.
fn plain(text: &str) -> String {
    let shown = |char: char| if char.is_control() { '\u{fffd}' } else { char };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{Reply, fault::When};

    fn record(fault: Option<Fault>, delivery: &Delivery) -> Record {
        let request = Request {
            method: "POST".into(),
            path: "Users".into(),
            query: Some("filter=userName%20eq%20%22a%1b%22".into()),
            authorization: Some("Bearer hunter2".into()),
            content_type: None,
            body: br#"{"userName":"ada"}"#.to_vec(),
        };
        let at = "2026-01-02T03:04:05.678Z".parse().unwrap();
        Record::new((7, at), &request, "ada\n".into(), fault, delivery)
    }

    fn answer(body: &str) -> Delivery {
        Delivery::Whole(Reply {
            status: 201,
            headers: Vec::new(),
            body: body.into(),
        })
    }

    #[test]
    fn lines_are_one_line_without_control_characters() {
        let check = |fault, delivery: &Delivery, expected: &str| {
            assert_eq!(record(fault, delivery).to_string(), expected);
        };
        let target = "/Users?filter=userName eq \"a\u{fffd}\"  ada\u{fffd}";
        check(None, &answer("{}"), &format!("201  POST    {target}"));
        check(
            Some(Fault::Reset(When::After)),
            &Delivery::Reset,
            &format!("---  POST    {target}  [reset after the effect]"),
        );
    }

    #[test]
    fn the_log_has_both_bodies_and_no_token() {
        let line = record(Some(Fault::Truncate), &answer(r#"{"id":"1"}"#)).json();
        assert_eq!(
            line,
            json!({
                "number": 7,
                "at": "2026-01-02T03:04:05.678Z",
                "method": "POST",
                "target": "/Users?filter=userName%20eq%20%22a%1b%22",
                "who": "ada\n",
                "status": 201,
                "fault": "answer truncated",
                "request": {"userName": "ada"},
                "answer": {"id": "1"},
            })
        );
        let line = record(None, &Delivery::Reset).json();
        assert_eq!((&line["status"], line.get("answer")), (&Value::Null, None));
        assert_eq!(record(None, &answer("<html>")).answered, json!("<html>"));
        assert_eq!(
            record(None, &answer(&"x".repeat(70_000))).answered,
            json!("70000 bytes")
        );
        assert!(!format!("{:?}", record(None, &answer(""))).contains("hunter2"));
    }
}
