//! Whether a token lets us in: one look-up of nobody, at the SCIM endpoint.

use std::path::Path;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::{
    Effect, Outgoing, Result, Scheme, encode, huawei,
    refusal::{self, Cloud},
    transport::{Carry, Exchange, Network, Signed},
};

/// A name nobody has.
const NOBODY: &str = "scimward-check";

/// Why a token was not used with success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWorking {
    /// The endpoint does not know it, or not any more.
    #[error("the SCIM endpoint refuses the token: {0}")]
    Refused(String),
    /// It cannot be told: no connection, or an answer that says nothing of the token.
    #[error("whether the token works cannot be told: {0}")]
    Unclear(String),
}

/// Tries a token.
pub trait Verify: Send + Sync {
    /// Uses the token once, changing nothing.
    fn works(&self, token: &SecretString) -> impl Future<Output = Result<(), NotWorking>> + Send;
}

/// Tries tokens at the real endpoint.
pub struct ScimProbe {
    network: Network,
    url: Url,
}

impl ScimProbe {
    /// `endpoint` and `ca_file` as in `[scim]`.
    ///
    /// # Errors
    /// When the endpoint is no base address, or the file holds no certificates.
    pub fn new(endpoint: &str, ca_file: Option<&Path>, allow_plaintext: bool) -> Result<Self> {
        let mut url = huawei::base(endpoint, allow_plaintext)?;
        // `ServiceProviderConfig` would do, but some clouds show it to everybody.
        url.set_path(&format!("{}Users", url.path()));
        let filter = encode::part(&format!("userName eq \"{NOBODY}\""));
        url.set_query(Some(&format!("filter={filter}")));
        Ok(Self {
            network: Network::new(ca_file)?,
            url,
        })
    }
}

impl Verify for ScimProbe {
    async fn works(&self, token: &SecretString) -> Result<(), NotWorking> {
        let token = token.expose_secret();
        let outgoing = Outgoing {
            method: "GET",
            url: self.url.clone(),
            headers: Vec::new(),
            body: Vec::new(),
            scheme: Scheme::HuaweiToken,
            effect: Effect::Reads,
        };
        let headers = [
            ("Accept", "application/scim+json, application/json".to_owned()),
            ("Authorization", format!("Bearer {token}")),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value));
        match self.network.carry(Signed::new(&outgoing, headers.into())).await {
            Exchange::NotSent(why) | Exchange::Lost(why) => {
                Err(NotWorking::Unclear(format!("{}: {why}", outgoing.host())))
            }
            Exchange::Answered(answer) if (200..=299).contains(&answer.status) => Ok(()),
            Exchange::Answered(answer) => {
                let redact = |text: String| text.replace(token, "[redacted]");
                let mut refusal = refusal::read(Cloud::Huawei, &answer, &redact);
                refusal.hint = None;
                Err(match refusal.status {
                    401 | 403 => NotWorking::Refused(refusal.to_string()),
                    _ => NotWorking::Unclear(refusal.to_string()),
                })
            }
        }
    }
}
