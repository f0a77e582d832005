//! SDK-HMAC-SHA256, the signature of Huawei Cloud.

use chrono::{DateTime, NaiveDateTime, Utc};

use super::{
    Message, header_lines, header_names, is_hmac_sha256,
    text::{canonical, decoded, encoded, pairs, sha256, unhex},
};

const ALGORITHM: &str = "SDK-HMAC-SHA256";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// What an `Authorization` header says.
#[derive(Debug)]
pub(in crate::sandbox::control) struct Sdk<'a> {
    /// The access key.
    pub(in crate::sandbox::control) access: &'a str,
    names: Vec<String>,
    signature: Vec<u8>,
}

impl<'a> Sdk<'a> {
    /// Reads the header. `host` and `x-sdk-date` have to be among what is signed.
    pub(in crate::sandbox::control) fn parse(authorization: &'a str) -> Option<Self> {
        let rest = authorization.strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
        let mut parts = rest.split(", ");
        let access = parts.next()?.strip_prefix("Access=")?;
        let names = header_names(parts.next()?.strip_prefix("SignedHeaders=")?)?;
        let signature = unhex(parts.next()?.strip_prefix("Signature=")?)?;
        let whole = parts.next().is_none()
            && ["host", "x-sdk-date"]
                .iter()
                .all(|must| names.iter().any(|n| n == must));
        whole.then_some(Self {
            access,
            names,
            signature,
        })
    }

    /// When it says it was signed.
    pub(in crate::sandbox::control) fn date(message: &Message) -> Option<DateTime<Utc>> {
        let text = message.header("x-sdk-date")?;
        let read = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok()?;
        Some(read.and_utc())
    }

    /// Whether this header is signed.
    pub(in crate::sandbox::control) fn covers(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// Whether the signature is that of `message` under `secret`.
    pub(in crate::sandbox::control) fn is_of(&self, message: &Message, secret: &str) -> bool {
        let Some(text) = self.text(message) else {
            return false;
        };
        is_hmac_sha256(secret, &text, &self.signature)
    }

    /// The string to sign; nothing when something that is said to be signed was not sent.
    pub(in crate::sandbox::control) fn text(&self, message: &Message) -> Option<String> {
        let canonical = self.canonical(message)?;
        let date = message.header("x-sdk-date")?;
        Some(format!("{ALGORITHM}\n{date}\n{}", sha256(canonical.as_bytes())))
    }

    pub(super) fn canonical(&self, message: &Message) -> Option<String> {
        Some(format!(
            "{}\n{}\n{}\n{}\n{}\n{}",
            message.method,
            path(&message.path),
            canonical(pairs(&message.query)),
            header_lines(message, &self.names)?,
            self.names.join(";"),
            self.payload(message)?
        ))
    }

    /// The hash of the body, or the words that stand for it in a signed header.
    fn payload(&self, message: &Message) -> Option<String> {
        let real = sha256(&message.body);
        let said = message.header("x-sdk-content-sha256");
        match said {
            Some(said) => {
                let honest = self.covers("x-sdk-content-sha256") && (said == UNSIGNED || said == real);
                let shown = if message.body.is_empty() { real } else { said.to_owned() };
                honest.then_some(shown)
            }
            None => Some(real),
        }
    }
}

/// Decoded as a whole, so that `%2F` parts segments as a slash does; a slash is added at the end.
fn path(sent: &str) -> String {
    let whole = decoded(sent);
    let segments: Vec<String> = whole.split(|byte| *byte == b'/').map(encoded).collect();
    let mut path = segments.join("/");
    if !path.ends_with('/') {
        path.push('/');
    }
    path
}
