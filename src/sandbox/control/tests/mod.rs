//! The control planes, driven by signed requests.

mod alibaba;
mod federation;
mod forgeries;
mod huawei;
mod side;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::Value;

use super::{
    AccessKey, Control, ControlOptions, Life, Message, Plane, SecondEnable,
    sign::{Acs3, Sdk},
};
use crate::sandbox::{Cloud, Reply, Request};

const AK: &str = "AKEXAMPLE";
const SK: &str = "s3cret-of-the-key";
/// The first bearer token.
const FIRST: &str = "first-token";
const AUTH_TOKEN: &str = "iam-token";
const HOST: &str = "127.0.0.1:8080";

/// A cloud, its control plane, and a clock that tests move.
struct Bench {
    control: Control,
    cloud: Cloud,
    now: DateTime<Utc>,
    nonce: u32,
}

fn options() -> ControlOptions {
    ControlOptions {
        key: AccessKey {
            id: AK.into(),
            secret: SK.to_owned().into(),
            security_token: None,
        },
        auth_token: AUTH_TOKEN.to_owned().into(),
        seed: [7; 32],
        life: Life::default(),
        unprovisioned: false,
        second_enable: SecondEnable::Conflict,
        instances: 1,
        state: None,
    }
}

fn moment() -> DateTime<Utc> {
    "2026-01-02T03:04:05.678Z".parse().unwrap()
}

impl Bench {
    fn new(plane: Plane) -> Self {
        Self::with(plane, options())
    }

    fn with(plane: Plane, options: ControlOptions) -> Self {
        let (profile, base) = match plane {
            Plane::Huawei => ("huawei", format!("http://{HOST}/{}/scim/v2/", crate::sandbox::TENANT)),
            Plane::Alibaba => ("alibaba", format!("http://{HOST}/scim/v2/")),
        };
        let mut cloud = Cloud::new(profile, &base).unwrap();
        let first = SecretString::from(FIRST);
        let control = Control::new(plane, options, &first, &mut cloud, moment()).unwrap();
        Self {
            control,
            cloud,
            now: moment(),
            nonce: 0,
        }
    }

    /// The same after a restart with what it left.
    fn restarted(&self) -> Self {
        Self::with(
            self.control.plane(),
            ControlOptions {
                state: Some(self.control.state()),
                seed: [8; 32],
                unprovisioned: true,
                ..options()
            },
        )
    }

    fn wait(&mut self, days: i64) {
        self.now += TimeDelta::days(days);
    }

    fn send(&mut self, message: &Message) -> (u16, Value) {
        let reply = self.control.answer(message, &mut self.cloud, self.now);
        (reply.status, json(&reply))
    }

    /// A signed request to Huawei Cloud, `METHOD /path?query`.
    fn ask(&mut self, line: &str, body: &str) -> (u16, Value) {
        let message = self.sdk(line, body);
        self.send(&message)
    }

    fn sdk(&self, line: &str, body: &str) -> Message {
        let mut message = unsigned(line, body);
        let date = self.now.format("%Y%m%dT%H%M%SZ").to_string();
        message.headers.push(("x-sdk-date".into(), date));
        sign_sdk(&mut message, "content-type;host;x-sdk-date", SK);
        message
    }

    /// An operation of Alibaba Cloud.
    fn call(&mut self, action: &str, query: &str) -> (u16, Value) {
        let message = self.acs3("POST", action, query, "");
        self.send(&message)
    }

    fn acs3(&mut self, method: &str, action: &str, query: &str, form: &str) -> Message {
        self.nonce += 1;
        let mut message = unsigned(&format!("{method} /?{query}"), form);
        message.headers.retain(|(name, _)| name == "host" || !form.is_empty());
        if !form.is_empty() {
            message.headers[1].1 = "application/x-www-form-urlencoded".into();
        }
        let date = self.now.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let hash = super::sign::hash(form.as_bytes());
        for (name, value) in [
            ("x-acs-action", action),
            ("x-acs-version", "2021-05-15"),
            ("x-acs-date", &date),
            ("x-acs-signature-nonce", &format!("nonce-{}", self.nonce)),
            ("x-acs-content-sha256", &hash),
        ] {
            message.headers.push((name.into(), value.into()));
        }
        sign_acs3(&mut message, SK);
        message
    }

    /// What the SCIM side says to this token.
    fn scim(&mut self, token: &str) -> u16 {
        let request = Request {
            method: "GET".into(),
            path: "Users".into(),
            query: None,
            authorization: Some(format!("Bearer {token}")),
            content_type: None,
            body: Vec::new(),
        };
        self.cloud.answer(&request, self.now).status
    }
}

fn unsigned(line: &str, body: &str) -> Message {
    let (method, target) = line.split_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Message {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        headers: vec![
            ("host".into(), HOST.into()),
            ("content-type".into(), "application/json".into()),
        ],
        body: body.into(),
    }
}

fn sign_sdk(message: &mut Message, names: &str, secret: &str) {
    let head = format!("SDK-HMAC-SHA256 Access={AK}, SignedHeaders={names}, Signature=");
    let text = Sdk::parse(&format!("{head}00")).unwrap().text(message).unwrap();
    let header = format!("{head}{}", super::sign::hmac(secret, &text));
    message.headers.push(("authorization".into(), header));
}

fn sign_acs3(message: &mut Message, secret: &str) {
    let mut names: Vec<&str> = message.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let head = format!(
        "ACS3-HMAC-SHA256 Credential={AK},SignedHeaders={},Signature=",
        names.join(";")
    );
    let text = Acs3::parse(&format!("{head}00")).unwrap().text(message).unwrap();
    let header = format!("{head}{}", super::sign::hmac(secret, &text));
    message.headers.push(("authorization".into(), header));
}

fn json(reply: &Reply) -> Value {
    if reply.body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(&reply.body).unwrap()
}
