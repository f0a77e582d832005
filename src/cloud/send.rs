//! A request until it is answered: credentials, signature, and as many tries as its kind allows.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value as Json};

use super::{
    CloudError, Effect, Outgoing, Result, encode,
    keys::Keys,
    refusal::{self, Cloud},
    retry::{self, Outcome},
    transport::{Answer, Carry, Exchange, Signed},
};

/// What proves who we are.
pub(super) enum Credentials {
    /// For a signature.
    Keys(Keys),
    /// In place of one.
    Token(SecretString),
}

impl Credentials {
    /// `text` without any of them in it, as they are or as a query has them.
    fn redact(&self, text: String) -> String {
        let secrets = match self {
            Self::Keys(keys) => vec![Some(&keys.secret), keys.security_token.as_ref()],
            Self::Token(token) => vec![Some(token)],
        };
        secrets.into_iter().flatten().fold(text, |text, secret| {
            let secret = secret.expose_secret();
            if secret.is_empty() {
                text
            } else {
                let text = text.replace(secret, "[redacted]");
                text.replace(&encode::part(secret), "[redacted]")
            }
        })
    }
}

/// Makes one try's request: each has its own date, and at Alibaba Cloud its own nonce.
pub(super) type Sign = fn(&Outgoing, &Credentials, DateTime<Utc>) -> Result<Signed>;

/// The way to one cloud.
#[derive(Clone)]
pub(super) struct Sender {
    pub(super) cloud: Cloud,
    pub(super) sign: Sign,
    pub(super) carry: Arc<dyn Carry>,
}

impl Sender {
    /// Sends until there is an answer that stands.
    pub(super) async fn send(&self, outgoing: &Outgoing, credentials: &Credentials) -> Result<Received> {
        let mut tries = 0;
        loop {
            tries += 1;
            let now = Utc::now();
            let exchange = self.carry.carry((self.sign)(outgoing, credentials, now)?).await;
            let (error, pause) = match exchange {
                Exchange::Answered(answer) if (200..=299).contains(&answer.status) => {
                    return Ok(Received::new(outgoing, answer.body));
                }
                exchange => self.judge(outgoing, credentials, exchange, (tries, now)),
            };
            tracing::debug!(method = outgoing.method, url = %outgoing.url, tries, %error, "no success");
            let Some(pause) = pause else { return Err(error) };
            tokio::time::sleep(pause).await;
        }
    }

    /// What went wrong, and the pause before another try if there may be one.
    fn judge(
        &self,
        outgoing: &Outgoing,
        credentials: &Credentials,
        exchange: Exchange,
        (tries, now): (u32, DateTime<Utc>),
    ) -> (CloudError, Option<std::time::Duration>) {
        let host = outgoing.host();
        let pause = |outcome| retry::pause(self.cloud, outgoing.effect, outcome, tries, fastrand::f64());
        match exchange {
            Exchange::Unfit(why) => {
                let words = format!("nothing was sent to {host}: {why}; check keys and ca_file");
                (CloudError::Settings(words), None)
            }
            Exchange::NotSent(why) => (CloudError::Unreachable { host, why }, pause(Outcome::NoAnswer)),
            Exchange::Lost(why) => {
                let reads = outgoing.effect == Effect::Reads;
                (CloudError::Lost { host, why, reads }, pause(Outcome::NoAnswer))
            }
            Exchange::Answered(answer) => {
                let refusal = refusal::read(self.cloud, &answer, &|text| credentials.redact(text));
                let pause = pause(Outcome::Refused {
                    status: refusal.status,
                    code: refusal.code.as_deref(),
                    retry_after: answer.retry_after,
                });
                let Answer { date, retry_after, .. } = answer;
                if let (Some(pause), Some(asked)) = (pause, retry_after) {
                    // Somebody may be sitting in front of it.
                    let (asked, pause) = (asked.as_secs_f64().ceil(), pause.as_secs_f64().ceil());
                    tracing::warn!("{host} asks to wait {asked} s; it is asked again in {pause} s");
                }
                (refusal::error(refusal, &host, date, now), pause)
            }
        }
    }
}

/// A success. Its body may hold a token, so it cannot be printed.
pub(super) struct Received {
    host: String,
    what: String,
    body: Vec<u8>,
}

impl Received {
    fn new(outgoing: &Outgoing, body: Vec<u8>) -> Self {
        Self {
            host: outgoing.host(),
            what: format!("{} {}", outgoing.method, outgoing.url.path()),
            body,
        }
    }

    /// The body as an object.
    pub(super) fn object(&self) -> Result<Map<String, Json>> {
        match serde_json::from_slice(&self.body) {
            Ok(Json::Object(object)) => Ok(object),
            _ => Err(self.wrong("it is not a JSON object")),
        }
    }

    /// An array in the body.
    pub(super) fn array(&self, name: &str) -> Result<Vec<Json>> {
        match self.object()?.remove(name) {
            Some(Json::Array(array)) => Ok(array),
            _ => Err(self.wrong(format!("it has no array {name}"))),
        }
    }

    /// An object in the body.
    pub(super) fn inner(&self, name: &str) -> Result<Json> {
        match self.object()?.remove(name) {
            Some(inner @ Json::Object(_)) => Ok(inner),
            _ => Err(self.wrong(format!("it has no object {name}"))),
        }
    }

    /// A text that has to be there.
    pub(super) fn need(&self, object: &Json, name: &str) -> Result<String> {
        text(object, name).ok_or_else(|| self.wrong(format!("it has no {name}")))
    }

    /// What is wrong with the body. Must not quote it.
    pub(super) fn wrong(&self, why: impl Into<String>) -> CloudError {
        CloudError::Answer {
            host: self.host.clone(),
            what: self.what.clone(),
            why: why.into(),
        }
    }
}

/// A text with something in it.
pub(super) fn text(object: &Json, name: &str) -> Option<String> {
    let text = object.get(name)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A time: milliseconds since 1970 (Huawei Cloud), or RFC 3339 (Alibaba Cloud).
pub(super) fn time(object: &Json, name: &str) -> Option<DateTime<Utc>> {
    match object.get(name)? {
        Json::Number(number) => DateTime::from_timestamp_millis(number.as_i64()?),
        Json::String(text) => DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()),
        _ => None,
    }
}
