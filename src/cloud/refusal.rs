//! An answer other than success, in the three shapes of the control planes, and what to do about it.

use std::time::SystemTime;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value as Json};

use super::{CloudError, Refusal, transport::Answer};
use crate::https;

/// Whose answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cloud {
    Huawei,
    Alibaba,
}

/// How far a clock may be off for a signature to be taken, by both clouds.
const SKEW_MAX: TimeDelta = TimeDelta::minutes(15);

/// Takes out what must not be shown: a provider may quote what it was sent.
type Redact<'a> = &'a dyn Fn(String) -> String;

/// Reads an answer of a control plane, and says what to do.
pub(super) fn read(cloud: Cloud, answer: &Answer, redact: Redact<'_>) -> Refusal {
    let mut refusal = read_plain(answer, redact);
    refusal.hint = hint(cloud, &refusal).map(ToOwned::to_owned);
    if let Some(hint) = &mut refusal.hint
        && answer.date.is_none()
        && answer.status == 401
    {
        // Else it is known whether it may be the clock: see `error`.
        hint.push_str("; if they are right, check the clock of this machine");
    }
    refusal
}

/// Reads an answer.
pub(super) fn read_plain(answer: &Answer, redact: Redact<'_>) -> Refusal {
    let body = serde_json::from_slice::<Json>(&answer.body).unwrap_or(Json::Null);
    let body = body.as_object();
    let inner = body.and_then(|body| body.get("error")).and_then(Json::as_object);
    let find = |names: &[&str]| {
        let maps = [inner, body].into_iter().flatten();
        maps.flat_map(|map| names.iter().filter_map(|name| shown(map, name, redact)))
            .next()
    };
    let code = find(&["error_code", "Code", "code"]).filter(|code| *code != answer.status.to_string());
    let message = find(&["error_msg", "message", "Message", "detail", "title"]);
    let message = message.or_else(|| {
        let text = String::from_utf8_lossy(&answer.body);
        (body.is_none() && !text.contains('<')).then(|| clean(&text, redact))
    });
    let message = message.filter(|message| !message.is_empty());
    Refusal {
        status: answer.status,
        hint: None,
        request_id: find(&["request_id", "RequestId", "requestId"]).or_else(|| answer.request_id.clone().map(redact)),
        code,
        message,
    }
}

/// One line of `text`. Before it is cut, so that no part of a secret is left at the end, and after it, for one
/// that was broken by what is not shown.
fn clean(text: &str, redact: Redact<'_>) -> String {
    // JSON in JSON, or in plain text, escapes slashes.
    redact(https::clean(&redact(text.replace("\\/", "/"))))
}

fn shown(map: &Map<String, Json>, name: &str, redact: Redact<'_>) -> Option<String> {
    let text = match map.get(name)? {
        Json::String(text) => clean(text, redact),
        Json::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// The error of an answer: the clocks' fault where they differ too much. `now` is ours, at the time of asking.
pub(super) fn error(mut refusal: Refusal, host: &str, date: Option<SystemTime>, now: DateTime<Utc>) -> CloudError {
    let code = refusal.code.as_deref().unwrap_or_default();
    let skew = date.map(|date| now - DateTime::<Utc>::from(date));
    let named = code.starts_with("InvalidTimeStamp");
    match skew {
        Some(skew) if skew.abs() > SKEW_MAX && (refusal.status == 401 || named) => {
            // With such a clock no signature is right, so nothing is known of the keys.
            refusal.hint = None;
            CloudError::Clock {
                skew,
                host: host.to_owned(),
                refusal: Box::new(refusal),
            }
        }
        _ => CloudError::Refused(Box::new(refusal)),
    }
}

/// What to do.
fn hint(cloud: Cloud, refusal: &Refusal) -> Option<&'static str> {
    let code = refusal.code.as_deref().unwrap_or_default();
    let special = match cloud {
        Cloud::Huawei => huawei_hint(code, refusal.message.as_deref().unwrap_or_default()),
        Cloud::Alibaba => alibaba_hint(code),
    };
    special.or_else(|| general_hint(cloud, refusal.status))
}

/// By a part of the message, in lower case.
const APIGW_0301: [(&str, &str); 6] = [
    (
        "verify aksk signature fail",
        "the secret key does not belong to the access key: check both, and do not just try again, since five failures \
         lock the key",
    ),
    (
        "reach the limit",
        "the access key is locked after five failures: check the secret key, and wait a quarter of an hour",
    ),
    (
        "decrypt token fail",
        "the token is none of this cloud: get a new one, of the same site and region",
    ),
    (
        "get secretkey failed",
        "the access key is not known: check it; a temporary one needs its security_token",
    ),
    (
        "x-auth-token not found",
        "no credentials arrived: give an access key, or auth_token",
    ),
    ("token expires", "the token has expired: get a new one"),
];

fn huawei_hint(code: &str, message: &str) -> Option<&'static str> {
    let message = message.to_lowercase();
    Some(match code {
        "APIGW.0101" => "this host does not have that interface: check region and endpoints",
        "APIGW.0301" | "APIGW.0303" | "APIG.0301" | "APIG.0303" => {
            let known = APIGW_0301.iter().find(|(part, _)| message.contains(part));
            known.map_or("check access key and secret key", |(_, hint)| hint)
        }
        "IIC.1006" => "somebody else is changing the same thing: try again in a minute",
        "IIC.1223" => "switch on Organizations in the console first",
        _ => return None,
    })
}

/// By the beginning of the code.
const ALIBABA: [(&str, &str); 11] = [
    (
        "SignatureDoesNotMatch",
        "the secret key does not belong to the access key: check both",
    ),
    (
        "IncompleteSignature",
        "something between here and there changes requests: check proxies",
    ),
    ("InvalidTimeStamp", "set the clock of this machine right, best with NTP"),
    ("SignatureNonceUsed", "try again"),
    (
        "InvalidAccessKeyId",
        "the access key is not known: check it; a temporary one needs its security_token",
    ),
    (
        "InvalidSecurityToken",
        "the security token has expired or is wrong: get a new one",
    ),
    (
        "EntityNotExists.Directory",
        "check directory_id and region: `scimward cloud alibaba directory list` shows them",
    ),
    (
        "EntityNotExists.SCIMCredential",
        "`scimward cloud alibaba credential list` shows what is there",
    ),
    (
        "NoPermission",
        "the user behind the access key needs the right cloudsso:<this action> on the directory",
    ),
    (
        "Forbidden",
        "the user behind the access key needs the right cloudsso:<this action> on the directory",
    ),
    ("Throttling", "too many requests: wait a minute"),
];

fn alibaba_hint(code: &str) -> Option<&'static str> {
    let known = ALIBABA.iter().find(|(start, _)| code.starts_with(start));
    known.map(|(_, hint)| *hint)
}

fn general_hint(cloud: Cloud, status: u16) -> Option<&'static str> {
    Some(match (cloud, status) {
        (Cloud::Huawei, 401) => "check access key and secret key; do not just try again",
        (Cloud::Huawei, 403) => {
            "use a key of the organisation's management account, or of a delegated administrator, with the right to this \
             action; for provisioning the identity source must be an external identity provider"
        }
        (Cloud::Alibaba, 401 | 403) => "check the access key and its rights",
        (_, 429) => "too many requests: wait a minute",
        (_, 300..=399) => "this is no control plane: check the endpoint",
        (_, 500..=599) => "the provider has trouble: try again later, and give its support the request id",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.into(),
            ..Answer::default()
        }
    }

    /// Code, words and request id, and part of what to do.
    fn check(cloud: Cloud, status: u16, body: &str, expected: [&str; 3], hint: &str) {
        let refusal = read(cloud, &answer(status, body), &|text| text);
        let found = [&refusal.code, &refusal.message, &refusal.request_id].map(|part| part.as_deref().unwrap_or("-"));
        assert_eq!(found, expected, "{body}");
        let said = refusal.hint.unwrap_or_default();
        assert!(
            said.contains(hint) && hint.is_empty() == said.is_empty(),
            "{body}: {said}"
        );
    }

    #[test]
    fn three_shapes() {
        use Cloud::{Alibaba, Huawei};
        check(
            Huawei,
            403,
            r#"{"error_code":"IIC.1000","error_msg":"no permission","request_id":"r-1","encoded_authorization_message":"x"}"#,
            ["IIC.1000", "no permission", "r-1"],
            "management account",
        );
        check(
            Huawei,
            409,
            r#"{"error":{"code":409,"error_code":null,"error_msg":null,"message":"Duplicate entry: a","title":"Conflict"}}"#,
            ["-", "Duplicate entry: a", "-"],
            "",
        );
        check(
            Huawei,
            400,
            r#"{"error_msg":"bad","error_code":"IAM.0011"}"#,
            ["IAM.0011", "bad", "-"],
            "",
        );
        check(
            Alibaba,
            404,
            r#"{"RequestId":"R","HostId":"h","Code":"EntityNotExists.Directory","Message":"no\nsuch"}"#,
            ["EntityNotExists.Directory", "no such", "R"],
            "directory list",
        );
        check(
            Alibaba,
            400,
            r#"{"code":"X","message":"m","requestId":"q"}"#,
            ["X", "m", "q"],
            "",
        );
        check(
            Huawei,
            502,
            "<html><h1>Bad gateway</h1></html>",
            ["-", "-", "-"],
            "trouble",
        );
        check(Huawei, 500, "out of order", ["-", "out of order", "-"], "trouble");
        check(Huawei, 302, "", ["-", "-", "-"], "no control plane");
        check(Huawei, 404, "[1,2]", ["-", "[1,2]", "-"], "");
    }

    #[test]
    fn hints_for_keys() {
        for (part, hint) in APIGW_0301 {
            let body = format!(
                r#"{{"error_code":"APIGW.0301","error_msg":"Incorrect IAM authentication information: {part}"}}"#
            );
            let refusal = read(Cloud::Huawei, &answer(401, &body), &|text| text);
            assert!(refusal.hint.is_some_and(|found| found.starts_with(hint)), "{part}");
        }
        check(
            Cloud::Alibaba,
            400,
            r#"{"Code":"SignatureDoesNotMatch","Message":"server string is:SECRET"}"#,
            ["SignatureDoesNotMatch", "server string is:SECRET", "-"],
            "secret key",
        );
    }

    #[test]
    fn what_was_sent_is_not_shown() {
        let body = r#"{"Code":"SignatureDoesNotMatch","Message":"x-acs-security-token:hunter2 "}"#;
        let redact = |text: String| text.replace("hunter2", "[redacted]");
        let refusal = read(Cloud::Alibaba, &answer(400, body), &redact);
        assert_eq!(refusal.message.as_deref(), Some("x-acs-security-token:[redacted]"));
    }

    #[test]
    fn however_it_is_written_it_is_not_shown() {
        let secret = "CAIS/9+8Zz==";
        let redact = |text: String| text.replace(secret, "[redacted]");
        let check = |body: &str, expected: [&str; 2]| {
            let refusal = read(Cloud::Alibaba, &answer(400, body), &redact);
            let found = [&refusal.code, &refusal.message].map(|part| part.as_deref().unwrap_or("-"));
            assert_eq!(found, expected, "{body}");
        };
        let said = ["-", "token:[redacted] !"];
        check(r#"{"Message":"token:CAIS/9+8Zz== !"}"#, said);
        check(r#"{"Message":"token:CAIS\/9+8Zz== !"}"#, said);
        check(r#"{"Message":"token:CAIS\u002f9\u002B8Zz\u003d\u003d !"}"#, said);
        check(r#"{"Message":"token:CAIS\\/9+8Zz== !"}"#, said);
        check(r#"{"error":{"error_msg":"token:\u0043AIS/9+8Zz== !"}}"#, said);
        check(r#"{"Code":"CAIS\/9+8Zz==","Message":"m"}"#, ["[redacted]", "m"]);
        check("token:CAIS\\/9+8Zz== !", said);
        // Where a line is cut.
        let long = "x".repeat(295);
        check(&format!("{long}CAIS\\/9+8Zz=="), ["-", &format!("{long}[reda…")]);
    }

    #[test]
    fn clocks() {
        let check = |status: u16, code: &str, ahead: i64, expected: Option<&str>| {
            let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
            let now = DateTime::<Utc>::from(date) + TimeDelta::seconds(ahead);
            let refusal = Refusal {
                status,
                code: Some(code.to_owned()),
                ..Refusal::default()
            };
            let error = error(refusal, "iam.example.org", Some(date), now);
            assert_eq!(matches!(error, CloudError::Clock { .. }), expected.is_some(), "{error}");
            assert!(error.to_string().contains(expected.unwrap_or_default()), "{error}");
        };
        check(
            401,
            "APIGW.0301",
            20 * 60,
            Some("20 min 0 s ahead of that of iam.example.org"),
        );
        check(401, "APIGW.0301", -3 * 3600, Some("3 h 0 min behind that of"));
        check(401, "APIGW.0301", 14 * 60, None);
        check(403, "IIC.1000", 20 * 60, None);
        check(400, "InvalidTimeStamp.Expired", 901, Some("15 min 1 s ahead"));
        check(400, "InvalidTimeStamp.Expired", 0, None);
    }

    #[test]
    fn a_refusal_reads_well() {
        let refusal = Refusal {
            status: 404,
            code: Some("IIC.404".into()),
            message: Some("not found: store".into()),
            request_id: Some("r-1".into()),
            hint: Some("look".into()),
        };
        assert_eq!(
            CloudError::Refused(Box::new(refusal)).to_string(),
            "the provider answered 404 IIC.404: not found: store (request id r-1); look"
        );
    }
}
