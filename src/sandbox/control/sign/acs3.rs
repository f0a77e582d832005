//! ACS3-HMAC-SHA256, the signature of Alibaba Cloud.

use super::{
    Message, header_lines, header_names, is_hmac_sha256,
    text::{canonical, form, sha256, unhex},
};

pub(super) const ALGORITHM: &str = "ACS3-HMAC-SHA256";
/// What has to be signed; besides these every other `x-acs-` header that was sent.
const MUST: [&str; 6] = [
    "host",
    "x-acs-action",
    "x-acs-version",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-content-sha256",
];

/// What an `Authorization` header says.
#[derive(Debug)]
pub(in crate::sandbox::control) struct Acs3<'a> {
    /// The access key.
    pub(in crate::sandbox::control) credential: &'a str,
    names: Vec<String>,
    signature: Vec<u8>,
}

impl<'a> Acs3<'a> {
    /// Whether a header is meant to be one of these, well formed or not.
    pub(in crate::sandbox::control) fn is_meant(authorization: &str) -> bool {
        authorization.starts_with(ALGORITHM)
    }

    /// Reads the header.
    pub(in crate::sandbox::control) fn parse(authorization: &'a str) -> Option<Self> {
        let rest = authorization.strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
        let mut parts = rest.split(',');
        let credential = parts.next()?.strip_prefix("Credential=")?;
        let names = header_names(parts.next()?.strip_prefix("SignedHeaders=")?)?;
        let signature = unhex(parts.next()?.strip_prefix("Signature=")?)?;
        parts.next().is_none().then_some(Self {
            credential,
            names,
            signature,
        })
    }

    /// The first header that has to be signed and is not.
    pub(in crate::sandbox::control) fn misses<'m>(&self, message: &'m Message) -> Option<&'m str> {
        let sent = message.headers.iter().map(|(name, _)| name.as_str());
        let own = sent.filter(|name| name.starts_with("x-acs-"));
        MUST.into_iter()
            .chain(own)
            .find(|must| !self.names.iter().any(|name| name == must))
    }

    /// Whether the body is the one whose hash was signed.
    pub(in crate::sandbox::control) fn has_body_of(message: &Message) -> bool {
        message.header("x-acs-content-sha256") == Some(&sha256(&message.body))
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
        Some(format!("{ALGORITHM}\n{}", sha256(canonical.as_bytes())))
    }

    pub(super) fn canonical(&self, message: &Message) -> Option<String> {
        Some(format!(
            "{}\n{}\n{}\n{}\n{}\n{}",
            message.method,
            message.path,
            canonical(form(message.query.as_bytes())),
            header_lines(message, &self.names)?,
            self.names.join(";"),
            message.header("x-acs-content-sha256")?
        ))
    }
}
