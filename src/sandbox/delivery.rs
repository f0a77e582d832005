//! One request through a fault: what it does to the cloud, and what goes back over the wire.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    Cloud, Reply, Request,
    cloud::Kind,
    fault::{Fault, RetryAfter, Rival, When},
};

/// What the client gets to see.
#[derive(Clone, Debug, PartialEq)]
pub enum Delivery {
    /// The answer.
    Whole(Reply),
    /// The answer, this much later.
    Late(Reply, Duration),
    /// The head of the answer and the first half of its body; then the connection ends.
    Truncated(Reply),
    /// No answer: the connection is reset.
    Reset,
}

impl Delivery {
    /// The status that is sent, when one is.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Whole(reply) | Self::Late(reply, _) | Self::Truncated(reply) => Some(reply.status),
            Self::Reset => None,
        }
    }
}

/// Lets `cloud` have the request at `now`, as far as `fault` lets it through.
pub fn deliver(cloud: &mut Cloud, request: &Request, fault: Option<&Fault>, now: DateTime<Utc>) -> Delivery {
    match fault {
        None => Delivery::Whole(cloud.answer(request, now)),
        Some(Fault::Status {
            status,
            retry_after,
            html,
            when,
        }) => {
            take_effect(cloud, request, *when, now);
            let mut reply = if *html {
                page(*status)
            } else {
                cloud.refusal(*status, "a fault of the sandbox's plan", now)
            };
            let header = retry_after.map(|wait| ("retry-after".to_owned(), header(wait, now)));
            reply.headers.extend(header);
            Delivery::Whole(reply)
        }
        Some(Fault::Reset(when)) => {
            take_effect(cloud, request, *when, now);
            Delivery::Reset
        }
        Some(Fault::Delay(wait)) => Delivery::Late(cloud.answer(request, now), *wait),
        Some(Fault::Truncate) => match cloud.answer(request, now) {
            // Without a body there is no middle of it to end in.
            reply if reply.body.is_empty() => Delivery::Reset,
            reply => Delivery::Truncated(reply),
        },
        Some(Fault::Race(rival)) => {
            overtake(cloud, request, *rival, now);
            Delivery::Whole(cloud.answer(request, now))
        }
    }
}

fn take_effect(cloud: &mut Cloud, request: &Request, when: When, now: DateTime<Utc>) {
    if when == When::After {
        cloud.answer(request, now);
    }
}

fn page(status: u16) -> Reply {
    let body = format!(
        "<!DOCTYPE html>\n<html><head><title>{status}</title></head>\n<body><h1>{status}</h1>\
         <p>The page that a proxy shows in place of the service's answer.</p></body></html>\n"
    );
    Reply {
        status,
        headers: vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())],
        body: body.into_bytes(),
    }
}

fn header(retry_after: RetryAfter, now: DateTime<Utc>) -> String {
    match retry_after {
        RetryAfter::Seconds(wait) => wait.to_string(),
        RetryAfter::Date(wait) => {
            let at = SystemTime::from(now).checked_add(Duration::from_secs(wait.into()));
            httpdate::fmt_http_date(at.unwrap_or(SystemTime::UNIX_EPOCH))
        }
    }
}

/// Somebody else creates the account that `request` is about to create.
fn overtake(cloud: &mut Cloud, request: &Request, rival: Rival, now: DateTime<Utc>) {
    let Ok(Value::Object(mut resource)) = serde_json::from_slice(&request.body) else {
        return;
    };
    if rival == Rival::Stranger {
        resource.retain(|name, _| !name.eq_ignore_ascii_case("externalId"));
    }
    // Where the cloud refuses it, the name is taken already or was never to be had: no race.
    let _ = cloud.seed(Kind::User, Value::Object(resource), rival == Rival::Stranger, now);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::FaultPlan;

    /// What comes of creating `ada` under one rule, and who is in the cloud then.
    fn created(rule: &str) -> (Delivery, Vec<String>) {
        let mut cloud = Cloud::new("generic", "http://127.0.0.1/scim/v2/").unwrap();
        let request = Request {
            method: "POST".into(),
            path: "Users".into(),
            query: None,
            authorization: Some("Bearer t".into()),
            content_type: Some("application/json".into()),
            body: br#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada","externalId":"7"}"#
                .to_vec(),
        };
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        let fault = FaultPlan::parse(&[rule.to_owned()], 0).unwrap().next(&request);
        let delivery = deliver(&mut cloud, &request, fault.as_ref(), now);
        let named = |stored: &crate::sandbox::Stored| {
            let owner = stored.text("externalId").unwrap_or("nobody");
            format!(
                "{} of {owner}{}",
                stored.name(),
                if stored.manual { " by hand" } else { "" }
            )
        };
        (delivery, cloud.users().map(named).collect())
    }

    fn word(delivery: &Delivery) -> String {
        match delivery {
            Delivery::Whole(reply) => format!("{}", reply.status),
            Delivery::Late(reply, wait) => format!("{} after {wait:?}", reply.status),
            Delivery::Truncated(reply) => format!("{} truncated", reply.status),
            Delivery::Reset => "reset".to_owned(),
        }
    }

    #[test]
    fn a_fault_strikes_before_or_after_the_effect() {
        let check = |rule: &str, expected: &str, users: &[&str]| {
            let (delivery, there) = created(rule);
            assert_eq!(
                (word(&delivery).as_str(), there),
                (expected, users.iter().map(|u| u.to_string()).collect()),
                "{rule}"
            );
        };
        check("truncate,nth=2", "201", &["ada of 7"]);
        check("status=500", "500", &[]);
        check("status=500,after-effect", "500", &["ada of 7"]);
        check("html", "502", &[]);
        check("html,status=200,after-effect", "200", &["ada of 7"]);
        check("reset=before", "reset", &[]);
        check("reset=after", "reset", &["ada of 7"]);
        check("delay=35s", "201 after 35s", &["ada of 7"]);
        check("truncate", "201 truncated", &["ada of 7"]);
        check("race", "409", &["ada of nobody by hand"]);
        check("race=twin", "409", &["ada of 7"]);
    }

    #[test]
    fn retry_after_comes_in_both_forms() {
        let check = |rule: &str, expected: &str| {
            let (Delivery::Whole(reply), _) = created(rule) else {
                panic!("{rule}")
            };
            let header = reply.headers.iter().find(|(name, _)| name == "retry-after");
            assert_eq!(header.unwrap().1, expected);
        };
        check("status=503,retry-after=7", "7");
        check("status=429,retry-after=date:7", "Fri, 02 Jan 2026 03:04:12 GMT");
    }
}
