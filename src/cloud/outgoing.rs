//! A request as it will be sent, but for its signature: what a dry run shows.

use std::fmt;

use reqwest::Url;
use serde_json::{Value as Json, json};

/// How a request proves who sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// SDK-HMAC-SHA256.
    Huawei {
        /// With `X-Security-Token`.
        temporary: bool,
    },
    /// `X-Auth-Token`, no signature.
    HuaweiToken,
    /// ACS3-HMAC-SHA256.
    Alibaba {
        /// With `x-acs-security-token`.
        temporary: bool,
    },
}

/// What it means when the same request arrives twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Reads,
    /// The same as once.
    Sets,
    /// Something more.
    Creates,
}

/// A request before it is signed. What only an answer tells stands in it as `{name}`, in a dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// Base, path and query as sent.
    pub url: Url,
    /// Besides `Host` and what the signature adds.
    pub headers: Vec<(String, String)>,
    /// Empty when there is none.
    pub body: Vec<u8>,
    /// How it is signed.
    pub scheme: Scheme,
    /// Whether it may be repeated.
    pub effect: Effect,
}

/// In place of what is never shown, and of what only the moment of sending tells.
const REDACTED: &str = "[redacted]";
const AT_SENDING: &str = "[made when it is sent]";

impl Outgoing {
    /// `Host`: the authority, with the port when it is not the default.
    #[must_use]
    pub fn host(&self) -> String {
        host(&self.url)
    }

    /// The address with `{name}` where a dry run does not know the value.
    #[must_use]
    pub fn shown_url(&self) -> String {
        self.url.as_str().replace("%7B", "{").replace("%7D", "}")
    }

    /// Every header in the order in which it is shown; secrets and the signature are redacted.
    #[must_use]
    pub fn shown_headers(&self) -> Vec<(String, String)> {
        let mut headers = vec![("Host".to_owned(), self.host())];
        headers.extend(self.headers.iter().cloned());
        let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        match self.scheme {
            Scheme::Huawei { temporary } => {
                add("X-Sdk-Date", AT_SENDING);
                if temporary {
                    add("X-Security-Token", REDACTED);
                }
            }
            Scheme::HuaweiToken => add("X-Auth-Token", REDACTED),
            Scheme::Alibaba { temporary } => {
                add("x-acs-date", AT_SENDING);
                add("x-acs-signature-nonce", AT_SENDING);
                if temporary {
                    add("x-acs-accesskey-id", REDACTED);
                    add("x-acs-security-token", REDACTED);
                }
            }
        }
        let mut names: Vec<String> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort();
        let names = names.join(";");
        let authorization = match self.scheme {
            Scheme::Huawei { .. } => {
                format!("SDK-HMAC-SHA256 Access={REDACTED}, SignedHeaders={names}, Signature={REDACTED}")
            }
            Scheme::Alibaba { .. } => {
                format!("ACS3-HMAC-SHA256 Credential={REDACTED},SignedHeaders={names},Signature={REDACTED}")
            }
            Scheme::HuaweiToken => return headers,
        };
        headers.push(("Authorization".to_owned(), authorization));
        headers
    }

    /// The same as JSON: `method`, `url`, `headers`, and `body` when there is one.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let headers = self
            .shown_headers()
            .into_iter()
            .map(|(name, value)| (name, Json::String(value)));
        let mut shown = json!({
            "method": self.method,
            "url": self.shown_url(),
            "headers": headers.collect::<serde_json::Map<_, _>>(),
        });
        if !self.body.is_empty() {
            shown["body"] = serde_json::from_slice(&self.body)
                .unwrap_or_else(|_| Json::String(String::from_utf8_lossy(&self.body).into_owned()));
        }
        shown
    }
}

/// As a request looks on the wire, with the whole address in its first line.
impl fmt::Display for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.shown_url())?;
        for (name, value) in self.shown_headers() {
            write!(f, "\n{name}: {value}")?;
        }
        if !self.body.is_empty() {
            write!(f, "\n\n{}", String::from_utf8_lossy(&self.body))?;
        }
        Ok(())
    }
}

/// The authority of an address, with the port when it is not the default.
pub(super) fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}
