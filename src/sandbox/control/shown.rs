//! Requests and answers as logs and faults may see them: without keys, tokens and signatures.

use serde_json::{Map, Value};

use super::{
    Control, Message, Plane,
    sign::{form, pairs},
};
use crate::sandbox::{Delivery, Reply, Request};

/// Stands in place of a secret.
const HIDDEN: &str = "***";
/// Values of JSON that are secrets when they are texts.
const SECRETS: [&str; 4] = ["token", "CredentialSecret", "password", "metadata"];
/// Parameters that are about the signature, or are one: nobody looks for them in a log.
const SIGNING: [&str; 9] = [
    "AccessKeyId",
    "Action",
    "Format",
    "SecurityToken",
    "Signature",
    "SignatureMethod",
    "SignatureNonce",
    "SignatureVersion",
    "Version",
];

impl Control {
    /// What is remembered of a request, and what the `path=` of a fault is compared with: for Huawei Cloud
    /// the path, for Alibaba Cloud the name of the operation.
    pub(in crate::sandbox) fn shown(&self, message: &Message) -> Request {
        let (path, parameters) = match self.plane() {
            Plane::Huawei => (
                message.path.trim_start_matches('/').to_owned(),
                texts(pairs(&message.query)),
            ),
            Plane::Alibaba => {
                let parameters = texts(form(message.query.as_bytes()));
                let named = parameters.iter().find(|(name, _)| name == "Action");
                let named = named.map(|(_, value)| value.clone());
                let action = message.header("x-acs-action").map(str::to_owned).or(named);
                (action.unwrap_or_default(), parameters)
            }
        };
        Request {
            method: message.method.clone(),
            path,
            query: query(parameters),
            authorization: None,
            content_type: None,
            body: body(message),
        }
    }

    /// An answer without its secrets.
    pub(in crate::sandbox) fn shown_delivery(delivery: &Delivery) -> Delivery {
        let hidden = |reply: &Reply| Reply {
            body: hidden_json(&reply.body),
            ..reply.clone()
        };
        match delivery {
            Delivery::Whole(reply) => Delivery::Whole(hidden(reply)),
            Delivery::Late(reply, wait) => Delivery::Late(hidden(reply), *wait),
            Delivery::Truncated(reply) => Delivery::Truncated(hidden(reply)),
            Delivery::Reset => Delivery::Reset,
        }
    }
}

fn texts(pairs: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<(String, String)> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    pairs
        .into_iter()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

/// Whether a name may be a secret's: also one that only a mistaken client puts there.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "token",
        "secret",
        "signature",
        "accesskey",
        "password",
        "authorization",
        "credential=",
    ]
    .iter()
    .any(|part| name.contains(part))
}

fn query(parameters: Vec<(String, String)>) -> Option<String> {
    let shown: Vec<String> = parameters
        .into_iter()
        .filter(|(name, _)| !SIGNING.contains(&name.as_str()))
        .map(|(name, value)| {
            let value = if is_secret(&name) { HIDDEN } else { &value };
            format!("{name}={value}")
        })
        .collect();
    (!shown.is_empty()).then(|| shown.join("&"))
}

/// The body as JSON: a form too; nothing of any other.
fn body(message: &Message) -> Vec<u8> {
    if message.body.is_empty() {
        return Vec::new();
    }
    if message.media_type().as_deref() == Some("application/x-www-form-urlencoded") {
        let fields = texts(form(&message.body)).into_iter();
        let fields = fields.filter(|(name, _)| !SIGNING.contains(&name.as_str()));
        let fields: Map<String, Value> = fields
            .map(|(name, value)| {
                let value = if is_secret(&name) { HIDDEN.to_owned() } else { value };
                (name, value.into())
            })
            .collect();
        return Value::Object(fields).to_string().into_bytes();
    }
    hidden_json(&message.body)
}

/// A JSON text without its secrets; of another text its length.
fn hidden_json(body: &[u8]) -> Vec<u8> {
    if body.is_empty() {
        return Vec::new();
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(mut json) => {
            hide(&mut json);
            json.to_string().into_bytes()
        }
        Err(_) => format!("{} bytes that are no JSON", body.len()).into_bytes(),
    }
}

fn hide(json: &mut Value) {
    match json {
        Value::Object(object) => {
            for (name, value) in object {
                if SECRETS.contains(&name.as_str()) && value.is_string() {
                    *value = HIDDEN.into();
                } else {
                    hide(value);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(hide),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let check = |body: &str, expected: &str| {
            assert_eq!(String::from_utf8(hidden_json(body.as_bytes())).unwrap(), expected);
        };
        check("", "");
        check(r#"{"token":"s","token_id":"t"}"#, r#"{"token":"***","token_id":"t"}"#);
        check(
            r#"{"a":[{"CredentialSecret":"s"}]}"#,
            r#"{"a":[{"CredentialSecret":"***"}]}"#,
        );
        check(
            r#"{"token":{"user":{"password":"s"}}}"#,
            r#"{"token":{"user":{"password":"***"}}}"#,
        );
        check("token=s3cret", "12 bytes that are no JSON");
        let shown = |text: &str| query(texts(pairs(text)));
        assert_eq!(shown("limit=1&marker=a"), Some("limit=1&marker=a".into()));
        assert_eq!(
            shown("X-Security-Token=s&Signature=s&NextToken=n"),
            Some("X-Security-Token=***&NextToken=***".into())
        );
        assert_eq!(shown("AccessKeyId=A"), None);
    }
}
