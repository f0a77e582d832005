//! What can go wrong with one request.

use std::time::{Duration, SystemTime};

use crate::{profile::Profile, scim::local::Incoming};

/// One way in which a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// This status, without an effect.
    Status(u16),
    /// It takes effect, but this status is answered.
    StatusAfterEffect(u16),
    /// No connection.
    NotSent,
    ResetBeforeEffect,
    ResetAfterEffect,
    /// Swallowed: no effect, and no answer in time.
    LateBeforeEffect,
    /// It takes effect, and the answer comes too late.
    LateAfterEffect,
    /// It takes effect; the answer's body breaks off.
    Truncated,
    /// A web page with this status, without an effect.
    Page(u16),
    /// 429 with `Retry-After` in seconds.
    RetryAfterSeconds(u32),
    /// 503 with `Retry-After` as a date that far away, in seconds.
    RetryAfterDate(u32),
    /// 409 for no reason, without an effect.
    SpuriousConflict,
    /// Something on the way delivers it twice; the second answer arrives.
    DeliveredTwice,
    /// Somebody at the console is faster: an account of the same `userName`.
    Stranger,
    /// A second client of the same directory is faster: the same person's account.
    Twin,
}

/// How long a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lasts {
    /// For one try.
    Once,
    /// For every try of that request: it fails for good in this run.
    EveryTry,
    /// For everything after it: an outage.
    TillTheEnd,
}

/// Every way there is.
pub(super) const FAULTS: [Fault; 25] = [
    Fault::Status(500),
    Fault::Status(502),
    Fault::Status(503),
    Fault::Status(429),
    Fault::Status(401),
    Fault::Status(403),
    Fault::Status(404),
    Fault::StatusAfterEffect(500),
    Fault::StatusAfterEffect(504),
    Fault::NotSent,
    Fault::ResetBeforeEffect,
    Fault::ResetAfterEffect,
    Fault::LateBeforeEffect,
    Fault::LateAfterEffect,
    Fault::Truncated,
    Fault::Page(200),
    Fault::Page(404),
    Fault::Page(502),
    Fault::RetryAfterSeconds(7),
    Fault::RetryAfterSeconds(3600),
    Fault::RetryAfterDate(9),
    Fault::SpuriousConflict,
    Fault::DeliveredTwice,
    Fault::Stranger,
    Fault::Twin,
];

/// Whether this fault means something at all for that cloud.
pub(super) fn applies(profile: &Profile, fault: Fault) -> bool {
    // There a stranger's account becomes ours with the POST, by the cloud's own rule; nothing can be done
    // about one that is made between the look-up and the POST.
    !(profile.silent_takeover && fault == Fault::Stranger)
}

/// What a fault does with the cloud before it answers.
pub(super) enum Effect {
    None,
    Once,
    Twice,
}

impl Fault {
    /// For how long it makes a difference to have this fault.
    pub(super) fn lasts(self) -> &'static [Lasts] {
        match self {
            // Final with the first try.
            Self::Status(403 | 404) | Self::RetryAfterSeconds(3600) | Self::Stranger | Self::Twin => &[Lasts::Once],
            Self::Status(401) => &[Lasts::Once, Lasts::TillTheEnd],
            // One outage of each kind: refused, never seen, done but not heard of.
            Self::Status(503) | Self::NotSent | Self::ResetAfterEffect | Self::LateBeforeEffect | Self::Page(200) => {
                &[Lasts::Once, Lasts::EveryTry, Lasts::TillTheEnd]
            }
            _ => &[Lasts::Once, Lasts::EveryTry],
        }
    }

    pub(super) fn effect(self) -> Effect {
        match self {
            Self::Status(_)
            | Self::NotSent
            | Self::ResetBeforeEffect
            | Self::LateBeforeEffect
            | Self::Page(_)
            | Self::RetryAfterSeconds(_)
            | Self::RetryAfterDate(_)
            | Self::SpuriousConflict => Effect::None,
            Self::StatusAfterEffect(_)
            | Self::ResetAfterEffect
            | Self::LateAfterEffect
            | Self::Truncated
            | Self::Stranger
            | Self::Twin => Effect::Once,
            Self::DeliveredTwice => Effect::Twice,
        }
    }

    /// How much longer than usual the answer takes.
    pub(super) fn delay(self) -> Duration {
        match self {
            Self::LateBeforeEffect | Self::LateAfterEffect => Duration::from_secs(3600),
            _ => Duration::ZERO,
        }
    }

    /// What arrives in place of `answer`, which is the cloud's where the request took effect.
    pub(super) fn answer(self, answer: Incoming) -> Incoming {
        match self {
            Self::Status(status) | Self::StatusAfterEffect(status) => error(status, &[]),
            Self::NotSent => Incoming::NotSent("connection refused"),
            Self::ResetBeforeEffect | Self::ResetAfterEffect => Incoming::Lost("connection reset by peer"),
            Self::RetryAfterSeconds(seconds) => error(429, &[("retry-after", seconds.to_string())]),
            Self::RetryAfterDate(seconds) => {
                let date = SystemTime::now() + Duration::from_secs(seconds.into());
                error(503, &[("retry-after", httpdate::fmt_http_date(date))])
            }
            Self::SpuriousConflict => error(409, &[]),
            Self::Page(status) => Incoming::Answered {
                status,
                headers: vec![("content-type".into(), "text/html".into())],
                body: b"<!doctype html><html><body><h1>Please stand by</h1></body></html>".to_vec(),
                truncated: false,
            },
            Self::Truncated => match answer {
                Incoming::Answered {
                    status, headers, body, ..
                } if !body.is_empty() => Incoming::Answered {
                    status,
                    headers,
                    body: body[..body.len() / 2].to_vec(),
                    truncated: true,
                },
                nothing_to_cut => nothing_to_cut,
            },
            Self::LateBeforeEffect | Self::LateAfterEffect | Self::DeliveredTwice | Self::Stranger | Self::Twin => {
                answer
            }
        }
    }
}

fn error(status: u16, headers: &[(&str, String)]) -> Incoming {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    Incoming::Answered {
        status,
        headers: headers.collect(),
        body: format!(
            r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"{status}","detail":"told to"}}"#
        )
        .into_bytes(),
        truncated: false,
    }
}
