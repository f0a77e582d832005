//! One request through a fault: what it does to the cloud, and what goes back over the wire.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    Cloud, Control, Reply, Request,
    cloud::Kind,
    control::{Message, Plane},
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
    through(&mut ToCloud { cloud, request, now }, fault, now)
}

/// The same for a request to the control plane, which may change whom `cloud` lets in.
pub(super) fn deliver_control(
    (control, cloud): (&mut Control, &mut Cloud),
    message: &Message,
    fault: Option<&Fault>,
    now: DateTime<Utc>,
) -> Delivery {
    let mut call = ToControl {
        control,
        cloud,
        message,
        now,
    };
    through(&mut call, fault, now)
}

/// One request and whoever answers it.
trait Call {
    /// The answer, and the effect.
    fn answer(&mut self) -> Reply;

    /// An answer without an effect, in the same words as a refusal of its own.
    fn refusal(&mut self, status: u16) -> Reply;

    /// The header that asks for a pause.
    fn pause(&self, wait: RetryAfter, now: DateTime<Utc>) -> (String, String) {
        ("retry-after".to_owned(), header(wait, now))
    }

    /// Somebody else is faster.
    fn overtaken(&mut self, _: Rival) {}
}

struct ToCloud<'a> {
    cloud: &'a mut Cloud,
    request: &'a Request,
    now: DateTime<Utc>,
}

impl Call for ToCloud<'_> {
    fn answer(&mut self) -> Reply {
        self.cloud.answer(self.request, self.now)
    }

    fn refusal(&mut self, status: u16) -> Reply {
        self.cloud.refusal(status, "a fault of the sandbox's plan", self.now)
    }

    fn overtaken(&mut self, rival: Rival) {
        overtake(self.cloud, self.request, rival, self.now);
    }
}

struct ToControl<'a> {
    control: &'a mut Control,
    cloud: &'a mut Cloud,
    message: &'a Message,
    now: DateTime<Utc>,
}

impl Call for ToControl<'_> {
    fn answer(&mut self) -> Reply {
        self.control.answer(self.message, self.cloud, self.now)
    }

    fn refusal(&mut self, status: u16) -> Reply {
        self.control.refusal(self.message, status)
    }

    /// Alibaba Cloud has a header of its own, in milliseconds.
    fn pause(&self, wait: RetryAfter, now: DateTime<Utc>) -> (String, String) {
        match (self.control.plane(), wait) {
            (Plane::Alibaba, RetryAfter::Seconds(wait) | RetryAfter::Date(wait)) => {
                ("x-acs-retry-after".to_owned(), (u64::from(wait) * 1000).to_string())
            }
            (Plane::Huawei, wait) => ("retry-after".to_owned(), header(wait, now)),
        }
    }
}

fn through(call: &mut impl Call, fault: Option<&Fault>, now: DateTime<Utc>) -> Delivery {
    match fault {
        None => Delivery::Whole(call.answer()),
        Some(Fault::Status {
            status,
            retry_after,
            html,
            when,
        }) => {
            take_effect(call, *when);
            let mut reply = if *html { page(*status) } else { call.refusal(*status) };
            reply.headers.extend(retry_after.map(|wait| call.pause(wait, now)));
            Delivery::Whole(reply)
        }
        Some(Fault::Reset(when)) => {
            take_effect(call, *when);
            Delivery::Reset
        }
        Some(Fault::Delay(wait)) => Delivery::Late(call.answer(), *wait),
        Some(Fault::Truncate) => match call.answer() {
            // Without a body there is no middle of it to end in.
            reply if reply.body.is_empty() => Delivery::Reset,
            reply => Delivery::Truncated(reply),
        },
        Some(Fault::Race(rival)) => {
            call.overtaken(*rival);
            Delivery::Whole(call.answer())
        }
    }
}

fn take_effect(call: &mut impl Call, when: When) {
    if when == When::After {
        call.answer();
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
