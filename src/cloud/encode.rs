//! Percent-encoding as both clouds' signatures want it (RFC 3986: all but the unreserved characters, in upper
//! case), and hashes in hex.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::rand::SecureRandom;

use super::CloudError;

const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// One segment of a path, or one side of a query's pair.
pub(super) fn part(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The same for bytes.
pub(super) fn bytes(bytes: &[u8]) -> String {
    percent_encoding::percent_encode(bytes, RESERVED).to_string()
}

/// A query in the one form that is both signed and sent: sorted by name, then by value.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    let mut pairs = pairs.to_vec();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", part(name), part(value)))
        .collect();
    pairs.join("&")
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// SHA-256 in lower-case hex.
pub(super) fn sha256(content: &[u8]) -> String {
    hex(ring::digest::digest(&ring::digest::SHA256, content).as_ref())
}

/// HMAC-SHA256 in lower-case hex.
pub(super) fn hmac_sha256(key: &str, content: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes());
    hex(ring::hmac::sign(&key, content.as_bytes()).as_ref())
}

/// Sixteen random bytes in hex.
pub(super) fn nonce() -> Result<String, CloudError> {
    let mut bytes = [0; 16];
    let filled = ring::rand::SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| CloudError::Settings("this system gives out no random numbers".into()))?;
    Ok(hex(&bytes))
}

/// Names of headers in lower case and in order, as they stand in `SignedHeaders`.
pub(super) fn names(headers: &[(String, String)]) -> String {
    let sorted = sorted(headers);
    sorted
        .iter()
        .map(|(name, _)| name.as_str())
        .collect::<Vec<_>>()
        .join(";")
}

/// `name:value` for each, in the same order, each with its line end.
pub(super) fn lines(headers: &[(String, String)]) -> String {
    let sorted = sorted(headers);
    sorted.iter().map(|(name, value)| format!("{name}:{value}\n")).collect()
}

fn sorted(headers: &[(String, String)]) -> Vec<(String, &str)> {
    let mut headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .collect();
    headers.sort_unstable();
    headers
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use reqwest::Url;
    use serde::Deserialize;

    use super::*;

    /// A request with its signature, made by a vendor's own client with its clock and its nonce held still.
    #[derive(Deserialize)]
    pub(in crate::cloud) struct Vector {
        pub(in crate::cloud) name: String,
        pub(in crate::cloud) access_key: String,
        pub(in crate::cloud) secret_key: String,
        method: String,
        host: String,
        path: String,
        query: Vec<(String, String)>,
        headers: BTreeMap<String, String>,
        body: String,
        sent: Option<String>,
        canonical_request: String,
        string_to_sign: String,
        pub(in crate::cloud) authorization: String,
    }

    impl Vector {
        pub(in crate::cloud) fn headers(&self) -> Vec<(String, String)> {
            self.headers.clone().into_iter().collect()
        }

        /// As we would build it.
        pub(in crate::cloud) fn url(&self) -> Url {
            let mut url = Url::parse(&format!("https://{}{}", self.host, self.path)).unwrap();
            let pairs: Vec<_> = self
                .query
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            if !pairs.is_empty() {
                url.set_query(Some(&query(&pairs)));
            }
            if let Some(sent) = &self.sent {
                assert!(url.as_str().ends_with(sent), "{url} is not sent as {sent}");
            }
            url
        }
    }

    pub(in crate::cloud) fn vectors(json: &str) -> Vec<Vector> {
        serde_json::from_str(json).unwrap()
    }

    /// Every step of a signature, by the functions of one of the algorithms.
    pub(in crate::cloud) fn check(
        vectors: &[Vector],
        canonical_request: impl Fn(&str, &Url, &[(String, String)], &[u8]) -> String,
        string_to_sign: impl Fn(&str) -> String,
        authorization: impl Fn(&str, &[(String, String)], &str) -> String,
    ) {
        for vector in vectors {
            let headers = vector.headers();
            let canonical = canonical_request(&vector.method, &vector.url(), &headers, vector.body.as_bytes());
            assert_eq!(canonical, vector.canonical_request, "{}", vector.name);
            let to_sign = string_to_sign(&canonical);
            assert_eq!(to_sign, vector.string_to_sign, "{}", vector.name);
            let signature = hmac_sha256(&vector.secret_key, &to_sign);
            let authorization = authorization(&vector.access_key, &headers, &signature);
            assert_eq!(authorization, vector.authorization, "{}", vector.name);
        }
    }

    #[test]
    fn encoding() {
        let check = |text: &str, expected: &str| assert_eq!(part(text), expected);
        check("AZaz09-_.~", "AZaz09-_.~");
        check(" /+*'é", "%20%2F%2B%2A%27%C3%A9");
        assert_eq!(query(&[("b", "2"), ("a", ""), ("b", "1")]), "a=&b=1&b=2");
        assert_eq!(
            sha256(b""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
