//! What is not signed right has no effect.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::*;

const ENABLE: &str = "POST /v1/identity-stores/d-5a6e8b0d2c/provision-tenant";
const PROVIDER: &str = "PUT /v3/OS-FEDERATION/identity_providers/acme";
const BODY: &str = r#"{"identity_provider":{"enabled":true}}"#;

/// One byte of each part that a signature covers, flipped.
fn forged(message: &Message) -> Vec<(&'static str, Message)> {
    let flip = |text: &str, at: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= 1;
        String::from_utf8(bytes).unwrap()
    };
    let header = |name: &str, at: fn(&str) -> usize| {
        let mut message = message.clone();
        let header = message.headers.iter_mut().find(|(known, _)| known == name).unwrap();
        header.1 = flip(&header.1, at(&header.1));
        message
    };
    let date = if message.header("x-sdk-date").is_some() {
        "x-sdk-date"
    } else {
        "x-acs-date"
    };
    let mut all = vec![
        ("key", header("authorization", |text| text.find(AK).unwrap())),
        ("signature", header("authorization", |text| text.len() - 1)),
        // The seconds: still within the window.
        ("time", header(date, |text| text.len() - 2)),
        ("host", header("host", |text| text.len() - 1)),
    ];
    let last = message.path.len() - 1;
    if last > 0 {
        let path = flip(&message.path, last);
        all.push((
            "path",
            Message {
                path,
                ..message.clone()
            },
        ));
    }
    if !message.query.is_empty() {
        let query = flip(&message.query, message.query.len() - 1);
        all.push((
            "query",
            Message {
                query,
                ..message.clone()
            },
        ));
    }
    if let Some(at) = message.body.iter().position(|byte| *byte == b't') {
        let mut other = message.clone();
        other.body[at] ^= 1;
        all.push(("body", other));
    }
    all
}

#[test]
fn one_flipped_byte_is_refused_by_huawei() {
    for (line, body, expected) in [
        ("GET /v1/instances?limit=10", "", 200),
        ("GET /v1/identity-stores/d-5a6e8b0d2c/provision-tenant", "", 200),
        (PROVIDER, BODY, 201),
    ] {
        let message = Bench::new(Plane::Huawei).sdk(line, body);
        assert_eq!(Bench::new(Plane::Huawei).send(&message).0, expected, "{line}");
        for (part, forged) in forged(&message) {
            let mut bench = Bench::new(Plane::Huawei);
            let before = bench.control.state();
            let (status, said) = bench.send(&forged);
            // Another path may be none of the gateway's.
            let refused = [(401, "APIGW.0301"), (404, "APIGW.0101")].map(|(status, code)| (status, json!(code)));
            assert!(
                refused.contains(&(status, said["error_code"].clone())),
                "{line} {part}: {status} {said}"
            );
            assert_eq!(bench.control.state(), before, "{line} {part}");
        }
    }
}

#[test]
fn one_flipped_byte_is_refused_by_alibaba() {
    let query = "DirectoryId=d-00sandbox001&SCIMSynchronizationStatus=Disabled";
    for (query, form) in [(query, ""), ("", query)] {
        let message = Bench::new(Plane::Alibaba).acs3("POST", "SetSCIMSynchronizationStatus", query, form);
        assert_eq!(Bench::new(Plane::Alibaba).send(&message).0, 200);
        for (part, forged) in forged(&message) {
            let mut bench = Bench::new(Plane::Alibaba);
            let (status, said) = bench.send(&forged);
            let expected = match part {
                "key" => (404, "InvalidAccessKeyId.NotFound"),
                _ => (400, "SignatureDoesNotMatch"),
            };
            assert_eq!((status, said["Code"].as_str().unwrap()), expected, "{part}");
            assert!(bench.control.is_enabled(), "{part}");
            for name in ["RequestId", "HostId", "Code", "Message", "Recommend"] {
                assert!(said[name].is_string(), "{name}: {said}");
            }
        }
    }
}

#[test]
fn the_window_is_a_quarter_of_an_hour() {
    for (minutes, expected) in [(0, 200), (14, 200), (16, 401), (-14, 200), (-16, 401)] {
        let mut bench = Bench::new(Plane::Huawei);
        let message = bench.sdk("GET /v1/instances", "");
        bench.now += TimeDelta::minutes(minutes);
        assert_eq!(bench.send(&message).0, expected, "{minutes}");
        let mut bench = Bench::new(Plane::Alibaba);
        let message = bench.acs3("POST", "ListDirectories", "", "");
        bench.now += TimeDelta::minutes(minutes);
        let (status, said) = bench.send(&message);
        assert_eq!(status, if expected == 200 { 200 } else { 400 }, "{minutes}");
        if status != 200 {
            assert_eq!(said["Code"], "InvalidTimeStamp.Expired");
        }
    }
}

#[test]
fn a_request_of_alibaba_is_good_once() {
    let mut bench = Bench::new(Plane::Alibaba);
    let message = bench.acs3("GET", "ListDirectories", "", "");
    assert_eq!(bench.send(&message).0, 200);
    let (status, said) = bench.send(&message);
    assert_eq!((status, &said["Code"]), (400, &json!("SignatureNonceUsed")));
    // Huawei Cloud has no nonce: the same request again is the same request.
    let mut bench = Bench::new(Plane::Huawei);
    let message = bench.sdk("GET /v1/instances", "");
    assert_eq!((bench.send(&message).0, bench.send(&message).0), (200, 200));
}

#[test]
fn five_failures_in_a_row_lock_the_key() {
    let mut bench = Bench::new(Plane::Huawei);
    let good = bench.sdk("GET /v1/instances", "");
    let mut bad = unsigned("GET /v1/instances", "");
    bad.headers.push(("x-sdk-date".into(), "20260102T030405Z".into()));
    sign_sdk(&mut bad, "host;x-sdk-date", "another");
    let said = |(status, said): (u16, Value)| (status, said["error_msg"].as_str().unwrap_or_default().to_owned());
    for _ in 0..4 {
        assert!(said(bench.send(&bad)).1.ends_with("verify aksk signature fail"));
    }
    assert_eq!(bench.send(&good).0, 200, "the row is over");
    for _ in 0..5 {
        assert_eq!(bench.send(&bad).0, 401);
    }
    let (status, words) = said(bench.send(&good));
    assert!(status == 401 && words.contains("failed to reach the limit"), "{words}");
    bench.now += TimeDelta::minutes(5);
    assert_eq!(bench.send(&good).0, 200);
}

#[test]
fn a_temporary_key_needs_its_token_and_the_signature_covers_it() {
    let mut options = options();
    options.key.security_token = Some("sts".to_owned().into());
    let mut bench = Bench::with(Plane::Huawei, options.clone());
    let mut ask = |token: Option<&str>, names: &str| {
        let mut message = unsigned("GET /v1/instances", "");
        message.headers.push(("x-sdk-date".into(), "20260102T030405Z".into()));
        message
            .headers
            .extend(token.map(|token| ("x-security-token".to_owned(), token.to_owned())));
        sign_sdk(&mut message, names, SK);
        bench.send(&message).0
    };
    assert_eq!(ask(Some("sts"), "host;x-sdk-date;x-security-token"), 200);
    assert_eq!(ask(Some("sts"), "host;x-sdk-date"), 401);
    assert_eq!(ask(Some("other"), "host;x-sdk-date;x-security-token"), 401);
    assert_eq!(ask(None, "host;x-sdk-date"), 401);

    let mut bench = Bench::with(Plane::Alibaba, options);
    let mut call = |token: Option<&str>| {
        let mut message = bench.acs3("POST", "ListDirectories", "", "");
        message.headers.pop();
        message
            .headers
            .extend(token.map(|token| ("x-acs-security-token".to_owned(), token.to_owned())));
        sign_acs3(&mut message, SK);
        let (_, said) = bench.send(&message);
        said["Code"].as_str().unwrap_or("good").to_owned()
    };
    assert_eq!(call(Some("sts")), "good");
    assert_eq!(call(Some("other")), "InvalidSecurityToken.MismatchWithAccessKey");
    assert_eq!(call(None), "MissingSecurityToken");
}

#[test]
fn what_is_not_signed_says_what_is_missing() {
    let mut bench = Bench::new(Plane::Huawei);
    let (status, said) = bench.send(&unsigned(ENABLE, ""));
    assert_eq!((status, &said["error_code"]), (401, &json!("APIGW.0301")));
    assert!(said["error_msg"].as_str().unwrap().ends_with("x-auth-token not found"));
    let mut bench = Bench::new(Plane::Alibaba);
    let mut code = |change: &dyn Fn(&mut Message)| {
        let mut message = bench.acs3("POST", "ListDirectories", "", "");
        change(&mut message);
        bench.send(&message).1["Code"].as_str().unwrap_or("good").to_owned()
    };
    let drop = |message: &mut Message, name: &str| message.headers.retain(|(known, _)| known != name);
    assert_eq!(
        code(&|message: &mut Message| drop(message, "authorization")),
        "MissingAccessKeyId"
    );
    assert_eq!(
        code(&|message: &mut Message| message.headers.push(("x-acs-more".into(), "1".into()))),
        "IncompleteSignature"
    );
    assert_eq!(
        code(&|message: &mut Message| drop(message, "x-acs-date")),
        "MissingTimestamp"
    );
    let resigned = |message: &mut Message, name: &str, value: &str| {
        message.headers.pop();
        message.headers.iter_mut().find(|(known, _)| known == name).unwrap().1 = value.to_owned();
        sign_acs3(message, SK);
    };
    assert_eq!(
        code(&|message: &mut Message| resigned(message, "x-acs-date", "yesterday")),
        "InvalidTimeStamp.Format"
    );
    assert_eq!(
        code(&|message: &mut Message| resigned(message, "x-acs-version", "2020-01-01")),
        "InvalidVersion"
    );
    assert_eq!(
        code(&|message: &mut Message| resigned(message, "x-acs-action", "DropAll")),
        "InvalidAction.NotFound"
    );
    assert_eq!(
        code(&|message: &mut Message| resigned(message, "x-acs-signature-nonce", "")),
        "MissingSignatureNonce"
    );
}
