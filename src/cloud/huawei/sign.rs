//! SDK-HMAC-SHA256: what is signed, and how.

use chrono::{DateTime, Utc};
use reqwest::Url;
use secrecy::ExposeSecret;

use crate::cloud::{Outgoing, encode, keys::Keys, transport::Signed};

const ALGORITHM: &str = "SDK-HMAC-SHA256";
const PAYLOAD_HASH: &str = "x-sdk-content-sha256";

/// The request with its date and its signature. Every header that we set is signed.
pub(super) fn sign(outgoing: &Outgoing, keys: &Keys, now: DateTime<Utc>) -> Signed {
    let date = now.format("%Y%m%dT%H%M%SZ").to_string();
    let mut headers = outgoing.headers.clone();
    headers.push(("X-Sdk-Date".to_owned(), date.clone()));
    if let Some(token) = &keys.security_token {
        headers.push(("X-Security-Token".to_owned(), token.expose_secret().to_owned()));
    }
    let host = ("Host".to_owned(), outgoing.host());
    let signed: Vec<_> = headers.iter().chain(std::iter::once(&host)).cloned().collect();
    let canonical = canonical_request(outgoing.method, &outgoing.url, &signed, &outgoing.body);
    let signature = encode::hmac_sha256(keys.secret.expose_secret(), &string_to_sign(&date, &canonical));
    headers.push((
        "Authorization".to_owned(),
        authorization(keys.access.expose_secret(), &signed, &signature),
    ));
    Signed::new(outgoing, headers)
}

fn authorization(access_key: &str, headers: &[(String, String)], signature: &str) -> String {
    let names = encode::names(headers);
    format!("{ALGORITHM} Access={access_key}, SignedHeaders={names}, Signature={signature}")
}

fn string_to_sign(date: &str, canonical: &str) -> String {
    format!("{ALGORITHM}\n{date}\n{}", encode::sha256(canonical.as_bytes()))
}

/// `headers` are all that are signed, `Host` among them.
fn canonical_request(method: &str, url: &Url, headers: &[(String, String)], body: &[u8]) -> String {
    let path = canonical_path(url.path());
    let query = url.query().unwrap_or_default();
    let (lines, names) = (encode::lines(headers), encode::names(headers));
    format!(
        "{method}\n{path}\n{query}\n{lines}\n{names}\n{}",
        payload(headers, body)
    )
}

/// The hash of the body, or what the sender says in its place; nothing at all is always hashed.
fn payload(headers: &[(String, String)], body: &[u8]) -> String {
    let said = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(PAYLOAD_HASH));
    match said {
        Some((_, said)) if !body.is_empty() => said.clone(),
        _ => encode::sha256(body),
    }
}

/// Decoded before it is split, so that an encoded slash becomes a separator; with a slash at its end, which the
/// request itself goes without.
fn canonical_path(path: &str) -> String {
    let decoded: Vec<u8> = percent_encoding::percent_decode_str(path).collect();
    let segments: Vec<String> = decoded.split(|byte| *byte == b'/').map(encode::bytes).collect();
    let mut path = segments.join("/");
    if !path.ends_with('/') {
        path.push('/');
    }
    path
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
        assert_eq!(all.len(), 7);
        check(
            &all,
            canonical_request,
            |canonical| string_to_sign("20260102T030405Z", canonical),
            authorization,
        );
    }

    /// The whole way of a request, not of its parts.
    #[test]
    fn a_request_is_signed_as_the_vector_says() {
        let vector = vectors(include_str!("vectors.json")).swap_remove(1);
        let outgoing = Outgoing {
            method: "GET",
            url: vector.url(),
            headers: vec![("Content-Type".into(), "application/json".into())],
            body: Vec::new(),
            scheme: Scheme::Huawei { temporary: true },
            effect: Effect::Reads,
        };
        let keys = Keys {
            access: vector.access_key.clone().into(),
            secret: vector.secret_key.clone().into(),
            security_token: Some("STSTOKEN==".to_owned().into()),
        };
        let now = Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).unwrap();
        let signed = sign(&outgoing, &keys, now);
        assert_eq!(signed.header("authorization"), Some(vector.authorization.as_str()));
        assert_eq!(signed.header("x-sdk-date"), Some("20260102T030405Z"));
        assert_eq!(signed.header("x-security-token"), Some("STSTOKEN=="));
        assert_eq!(signed.header("host"), None, "the HTTP library writes it");
    }
}
