//! ACS3-HMAC-SHA256: what is signed, and how.

use chrono::{DateTime, Utc};
use reqwest::Url;
use secrecy::ExposeSecret;

use crate::cloud::{Outgoing, encode, keys::Keys, transport::Signed};

const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// The request with its date, its nonce and its signature. Every header that we set is signed. A nonce is good
/// for one try.
pub(super) fn sign(outgoing: &Outgoing, keys: &Keys, now: DateTime<Utc>, nonce: &str) -> Signed {
    let access_key = keys.access.expose_secret();
    let mut headers = outgoing.headers.clone();
    let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
    add("x-acs-date", &now.format("%Y-%m-%dT%H:%M:%SZ").to_string());
    add("x-acs-signature-nonce", nonce);
    if let Some(token) = &keys.security_token {
        add("x-acs-accesskey-id", access_key);
        add("x-acs-security-token", token.expose_secret());
    }
    let host = ("host".to_owned(), outgoing.host());
    let signed: Vec<_> = headers.iter().chain(std::iter::once(&host)).cloned().collect();
    let canonical = canonical_request(outgoing.method, &outgoing.url, &signed, &outgoing.body);
    let signature = encode::hmac_sha256(keys.secret.expose_secret(), &string_to_sign(&canonical));
    headers.push((
        "Authorization".to_owned(),
        authorization(access_key, &signed, &signature),
    ));
    Signed::new(outgoing, headers)
}

fn authorization(access_key: &str, headers: &[(String, String)], signature: &str) -> String {
    let names = encode::names(headers);
    format!("{ALGORITHM} Credential={access_key},SignedHeaders={names},Signature={signature}")
}

/// Without a date, which is among the headers.
fn string_to_sign(canonical: &str) -> String {
    format!("{ALGORITHM}\n{}", encode::sha256(canonical.as_bytes()))
}

/// `headers` are all that are signed, `host` among them. No slash is added to the path.
fn canonical_request(method: &str, url: &Url, headers: &[(String, String)], body: &[u8]) -> String {
    let (path, query) = (url.path(), url.query().unwrap_or_default());
    let (lines, names) = (encode::lines(headers), encode::names(headers));
    format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{}", encode::sha256(body))
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;
    use crate::cloud::{
        Effect, Scheme,
        encode::tests::{check, vectors},
    };

    #[test]
    fn the_vendors_vectors() {
        let all = vectors(include_str!("vectors.json"));
        assert_eq!(all.len(), 6);
        check(&all, canonical_request, string_to_sign, authorization);
    }

    /// The whole way of a request, not of its parts: with and without a temporary key's token.
    #[test]
    fn a_request_is_signed_as_the_vector_says() {
        for index in [1, 5] {
            let vector = vectors(include_str!("vectors.json")).swap_remove(index);
            let added = [
                "host",
                "x-acs-date",
                "x-acs-signature-nonce",
                "x-acs-accesskey-id",
                "x-acs-security-token",
            ];
            let headers = vector.headers();
            let token = headers.iter().find(|(name, _)| name == "x-acs-security-token");
            let outgoing = Outgoing {
                method: "POST",
                url: vector.url(),
                headers: headers
                    .iter()
                    .filter(|(name, _)| !added.contains(&name.as_str()))
                    .cloned()
                    .collect(),
                body: Vec::new(),
                scheme: Scheme::Alibaba {
                    temporary: token.is_some(),
                },
                effect: Effect::Reads,
            };
            let keys = Keys {
                access: vector.access_key.clone().into(),
                secret: vector.secret_key.clone().into(),
                security_token: token.map(|(_, token)| token.clone().into()),
            };
            let now = Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).unwrap();
            let signed = sign(&outgoing, &keys, now, "9166b1e0c4d2b6e8f2a1c3d4e5f60718");
            assert_eq!(
                signed.header("authorization"),
                Some(vector.authorization.as_str()),
                "{}",
                vector.name
            );
        }
    }
}
