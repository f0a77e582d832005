//! Whether a token lets us in: one look-up of nobody, at the SCIM endpoint.

use std::path::Path;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::{
    Result, address, encode,
    outgoing::host,
    refusal,
    transport::{Carry, Exchange, Network, Signed},
};

/// A name nobody has.
const NOBODY: &str = "scimward-check";

/// Why a token was not used with success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWorking {
    /// 401: the endpoint does not know it, or not any more.
    #[error("the SCIM endpoint refuses the token: {0}")]
    Refused(String),
    /// 403: nobody is let in, because provisioning is switched off, or this token is not; a cloud does not say which.
    #[error("the SCIM endpoint lets nobody in with this token: {0}")]
    Closed(String),
    /// Nothing is known of the token: no connection, or an answer that says nothing of it.
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
        let mut url = address::base(endpoint, allow_plaintext, "[scim]")?;
        // `ServiceProviderConfig` would do, but some clouds show it to everybody.
        url.set_path(&format!("{}Users", url.path()));
        let filter = encode::part(&format!("userName eq \"{NOBODY}\""));
        url.set_query(Some(&format!("filter={filter}")));
        Ok(Self {
            network: Network::new(ca_file)?,
            url,
        })
    }

    /// Whether anybody answers there, whatever it is. No token is shown.
    ///
    /// # Errors
    /// In words, when nobody does.
    pub async fn reach(&self) -> Result<(), String> {
        match self.ask(None).await {
            Exchange::Unfit(why) | Exchange::NotSent(why) | Exchange::Lost(why) => Err(self.of_host(&why)),
            Exchange::Answered(_) => Ok(()),
        }
    }

    async fn ask(&self, token: Option<&str>) -> Exchange {
        let accept = ("Accept", "application/scim+json, application/json".to_owned());
        let bearer = token.map(|token| ("Authorization", format!("Bearer {token}")));
        let headers = [accept].into_iter().chain(bearer);
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).collect();
        self.network.carry(Signed::look(self.url.clone(), headers)).await
    }

    fn of_host(&self, why: &str) -> String {
        format!("{}: {why}", host(&self.url))
    }
}

impl Verify for ScimProbe {
    async fn works(&self, token: &SecretString) -> Result<(), NotWorking> {
        let token = token.expose_secret();
        match self.ask(Some(token)).await {
            Exchange::Unfit(why) | Exchange::NotSent(why) | Exchange::Lost(why) => {
                Err(NotWorking::Unclear(self.of_host(&why)))
            }
            Exchange::Answered(answer) if (200..=299).contains(&answer.status) => Ok(()),
            Exchange::Answered(answer) => {
                let redact = |text: String| text.replace(token, "[redacted]");
                let refusal = refusal::read_plain(&answer, &redact);
                Err(match refusal.status {
                    401 => NotWorking::Refused(refusal.to_string()),
                    403 => NotWorking::Closed(refusal.to_string()),
                    _ => NotWorking::Unclear(refusal.to_string()),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::testing;

    #[tokio::test]
    async fn what_an_answer_says_of_a_token() {
        let check = async |answer, expected: Result<(), &str>| {
            let (address, server) = testing::answer_once(answer);
            let probe = ScimProbe::new(&format!("http://{address}/t/scim/v2/"), None, false).unwrap();
            let found = probe.works(&SecretString::from("t0k3n".to_owned())).await;
            let seen = server.join().unwrap();
            let first = "GET /t/scim/v2/Users?filter=userName%20eq%20%22scimward-check%22 HTTP/1.1\r\n";
            assert!(seen.starts_with(first), "{seen}");
            assert!(seen.contains("\r\nauthorization: Bearer t0k3n\r\n"), "{seen}");
            match (found, expected) {
                (Ok(()), Ok(())) => {}
                (Err(error), Err(expected)) => assert_eq!(error.to_string(), expected),
                (found, _) => panic!("{answer}: {found:?}"),
            }
        };
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", Ok(())).await;
        check(
            "HTTP/1.1 401 No\r\nContent-Length: 24\r\n\r\n{\"detail\":\"bad t0k3n !\"}",
            Err("the SCIM endpoint refuses the token: the provider answered 401: bad [redacted] !"),
        )
        .await;
        check(
            "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
            Err("the SCIM endpoint lets nobody in with this token: the provider answered 403: no explanation given"),
        )
        .await;
        check(
            "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",
            Err("whether the token works cannot be told: the provider answered 503: no explanation given"),
        )
        .await;
    }

    #[tokio::test]
    async fn nobody_there() {
        let probe = ScimProbe::new("http://127.0.0.1:1/", None, false).unwrap();
        let found = probe.works(&SecretString::from("t0k3n".to_owned())).await;
        assert!(matches!(found, Err(NotWorking::Unclear(why)) if why.contains("refused")));
        assert!(ScimProbe::new("http://scim.example.org/", None, false).is_err());
    }
}
