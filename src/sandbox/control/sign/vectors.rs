//! Requests that the vendors' own signers signed, and the same with one byte flipped.

use serde_json::Value;

use super::{Acs3, Message, Rpc, Sdk};

const HUAWEI: &str = include_str!("huawei.json");
const ALIBABA: &str = include_str!("alibaba.json");

fn vectors(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

fn text<'v>(vector: &'v Value, name: &str) -> &'v str {
    vector[name].as_str().unwrap_or_default()
}

fn encode(text: &str) -> String {
    super::text::encoded(text.as_bytes())
}

/// The request of a vector as it stands on the wire.
fn message(vector: &Value) -> Message {
    let (path, query) = match vector.get("request_uri") {
        Some(uri) => {
            let uri = uri.as_str().unwrap();
            let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
            (path.to_owned(), query.to_owned())
        }
        None => {
            let query = vector["query"].as_object().unwrap().iter();
            // In the wrong order: the verifier has to sort.
            let query: Vec<String> = query
                .rev()
                .map(|(name, value)| format!("{name}={}", encode(value.as_str().unwrap())))
                .collect();
            (text(vector, "path").to_owned(), query.join("&"))
        }
    };
    let headers = vector["headers"].as_object().unwrap().iter();
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.as_str().unwrap().to_owned()));
    Message {
        method: text(vector, "method").to_owned(),
        path,
        query,
        headers: headers.collect(),
        body: text(vector, "body").as_bytes().to_vec(),
    }
}

/// Each way to flip one bit of one byte of what a signature covers: where, and the request that comes of it.
fn flipped(message: &Message, covered: impl Fn(&str) -> bool) -> Vec<(String, Message)> {
    let mut all = Vec::new();
    // The last bit: letters and digits stay such, so that no parser gets in the way.
    let flips = |text: &str| -> Vec<String> {
        let at = (0..text.len()).filter(|at| text.as_bytes()[*at].is_ascii_alphanumeric());
        at.map(|at| {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= 1;
            String::from_utf8(bytes).unwrap()
        })
        .collect()
    };
    for path in flips(&message.path) {
        all.push((
            format!("path {path}"),
            Message {
                path,
                ..message.clone()
            },
        ));
    }
    for query in flips(&message.query) {
        all.push((
            format!("query {query}"),
            Message {
                query,
                ..message.clone()
            },
        ));
    }
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        if method != message.method {
            let method = method.to_owned();
            all.push((
                format!("method {method}"),
                Message {
                    method,
                    ..message.clone()
                },
            ));
        }
    }
    for (at, (name, value)) in message
        .headers
        .iter()
        .enumerate()
        .filter(|(_, (name, _))| covered(name))
    {
        for value in flips(value) {
            let mut other = message.clone();
            other.headers[at].1 = value;
            all.push((format!("header {name}"), other));
        }
        let mut without = message.clone();
        without.headers.remove(at);
        all.push((format!("without {name}"), without));
    }
    for at in 0..message.body.len() {
        let mut other = message.clone();
        other.body[at] ^= 1;
        all.push((format!("byte {at} of the body"), other));
    }
    all
}

#[test]
fn huaweis_vectors_are_verified_and_nothing_else() {
    let vectors = vectors(HUAWEI);
    assert_eq!(vectors.len(), 7);
    for vector in &vectors {
        let (name, secret) = (text(vector, "name"), text(vector, "sk"));
        let message = message(vector);
        let signed = Sdk::parse(text(vector, "authorization")).unwrap();
        assert_eq!(signed.access, text(vector, "ak"), "{name}");
        assert_eq!(
            signed.canonical(&message).unwrap(),
            text(vector, "canonical_request"),
            "{name}"
        );
        assert_eq!(signed.text(&message).unwrap(), text(vector, "string_to_sign"), "{name}");
        assert!(signed.is_of(&message, secret), "{name}");
        assert!(!signed.is_of(&message, &format!("{secret}x")), "{name}");
        let flipped = flipped(&message, |header| signed.covers(header));
        assert!(flipped.len() > 30, "{name}: {}", flipped.len());
        let unsigned = message.header("x-sdk-content-sha256").is_some();
        for (what, other) in flipped {
            // An unsigned payload is one: the vendor's rule for what is not JSON.
            let expected = unsigned && what.contains("body");
            assert_eq!(signed.is_of(&other, secret), expected, "{name}: {what}");
        }
    }
}

#[test]
fn alibabas_vectors_are_verified_and_nothing_else() {
    let mut vectors = vectors(ALIBABA);
    vectors.retain(|vector| vector.get("authorization").is_some());
    assert_eq!(vectors.len(), 6);
    for vector in &vectors {
        let (name, secret) = (text(vector, "name"), text(vector, "sk"));
        let message = message(vector);
        let signed = Acs3::parse(text(vector, "authorization")).unwrap();
        assert_eq!(signed.credential, text(vector, "ak"), "{name}");
        assert_eq!(
            signed.canonical(&message).unwrap(),
            text(vector, "canonical_request"),
            "{name}"
        );
        assert_eq!(signed.text(&message).unwrap(), text(vector, "string_to_sign"), "{name}");
        assert_eq!(signed.misses(&message), None, "{name}");
        let passes = |message: &Message, secret: &str| Acs3::has_body_of(message) && signed.is_of(message, secret);
        assert!(passes(&message, secret), "{name}");
        assert!(!passes(&message, &format!("{secret}x")), "{name}");
        for (what, other) in flipped(&message, |header| header != "authorization") {
            assert!(!passes(&other, secret), "{name}: {what}");
        }
    }
}

#[test]
fn the_older_vectors_are_verified_and_nothing_else() {
    let vectors = vectors(ALIBABA);
    let vector = vectors.iter().find(|vector| vector.get("params").is_some()).unwrap();
    let secret = text(vector, "sk");
    let all = vector["params"].as_object().unwrap().iter();
    let mut all: Vec<(Vec<u8>, Vec<u8>)> = all
        .map(|(name, value)| (name.clone().into_bytes(), value.as_str().unwrap().as_bytes().to_vec()))
        .collect();
    all.push((b"Signature".to_vec(), b"left out".to_vec()));
    for (method, expected) in [("POST", "signature"), ("GET", "signature_get")] {
        let expected = text(vector, expected);
        assert_eq!(Rpc::signature(method, &all, secret).unwrap(), expected, "{method}");
        assert_ne!(Rpc::signature(method, &all, "another").unwrap(), expected, "{method}");
        for at in 0..all.len() - 1 {
            let mut other = all.clone();
            other[at].1[0] ^= 1;
            assert_ne!(
                Rpc::signature(method, &other, secret).unwrap(),
                expected,
                "{method} {at}"
            );
        }
    }
}

#[test]
fn headers_of_another_form_are_none() {
    let sdk = |text: &str| Sdk::parse(text).is_some();
    assert!(sdk(
        "SDK-HMAC-SHA256 Access=A, SignedHeaders=host;x-sdk-date, Signature=00"
    ));
    for other in [
        "",
        "SDK-HMAC-SHA256",
        "Bearer x",
        "SDK-HMAC-SHA256, Access=A, SignedHeaders=host;x-sdk-date, Signature=00",
        "SDK-HMAC-SHA256 Access=A,SignedHeaders=host;x-sdk-date,Signature=00",
        "SDK-HMAC-SHA256 Access=A, SignedHeaders=host, Signature=00",
        "SDK-HMAC-SHA256 Access=A, SignedHeaders=x-sdk-date, Signature=00",
        "SDK-HMAC-SHA256 Access=A, SignedHeaders=host;host;x-sdk-date, Signature=00",
        "SDK-HMAC-SHA256 Access=A, SignedHeaders=Host;x-sdk-date, Signature=00",
        "SDK-HMAC-SHA256 Access=A, SignedHeaders=host;x-sdk-date, Signature=0G",
        "SDK-HMAC-SHA256 Access=A, SignedHeaders=host;x-sdk-date, Signature=00, More=1",
    ] {
        assert!(!sdk(other), "{other}");
    }
    let acs = |text: &str| Acs3::parse(text).is_some();
    assert!(acs("ACS3-HMAC-SHA256 Credential=A,SignedHeaders=host,Signature=00"));
    for other in [
        "ACS3-HMAC-SHA256 Credential=A, SignedHeaders=host, Signature=00",
        "ACS3-HMAC-SHA256 Credential=A,SignedHeaders=host",
        "ACS3-HMAC-SHA256 Credential=A,SignedHeaders=host,Signature=0",
        "ACS4-HMAC-SHA256 Credential=A,SignedHeaders=host,Signature=00",
    ] {
        assert!(!acs(other), "{other}");
    }
}
