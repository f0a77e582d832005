//! Who may ask: a signature, or for IAM a token in a header.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{ACCOUNT, ACCOUNT_NAME, ADMINISTRATOR, Outcome, call::Service, refusal::Refusal};
use crate::sandbox::control::{Answer, Control, Message, gate::Gate, sign::Sdk};

/// What the gateway says of any signature that does not fit, whatever the reason.
const NO_MATCH: &str = "verify aksk signature fail";

impl Control {
    /// Lets a request to `service` in, or refuses it with 401. What counts towards the lock is a
    /// signature of the known key that does not fit; a malformed header, an unknown key and a token do not.
    pub(super) fn admit(&mut self, message: &Message, service: Service, now: DateTime<Utc>) -> Result<(), Refusal> {
        let Some(authorization) = message.header("authorization") else {
            return self.admit_token(message, service, now);
        };
        let signed = Sdk::parse(authorization).ok_or_else(|| Refusal::gateway(NO_MATCH))?;
        let secret = self.gate.secret(signed.access);
        let secret = secret
            .ok_or_else(|| Refusal::gateway("Get secretKey failed"))?
            .to_owned();
        if self.gate.is_locked(now) {
            return Err(Refusal::gateway("AK access failed to reach the limit, forbidden"));
        }
        let timely = Sdk::date(message).is_some_and(|date| Gate::is_timely(date, now));
        let session = message.header("x-security-token");
        let covered = session.is_none() || signed.covers("x-security-token");
        let right = timely && covered && self.gate.is_session(session) && signed.is_of(message, &secret);
        if !right {
            self.gate.fail(now);
            return Err(Refusal::gateway(NO_MATCH));
        }
        self.gate.pass();
        Ok(())
    }

    /// `X-Auth-Token`: IAM's alternative; the other services want a signature.
    fn admit_token(&self, message: &Message, service: Service, now: DateTime<Utc>) -> Result<(), Refusal> {
        match message.header("x-auth-token") {
            Some(token) if service == Service::Iam && self.gate.admits(token, now) => Ok(()),
            Some(_) => Err(Refusal::gateway("decrypt token fail")),
            None => Err(Refusal::gateway("x-auth-token not found")),
        }
    }

    /// POST `/v3/auth/tokens`: the token is in the header of the answer.
    pub(super) fn new_auth_token(&mut self, message: &Message, now: DateTime<Utc>) -> Outcome {
        let body: Value =
            serde_json::from_slice(&message.body).map_err(|_| Refusal::iam(400, "The request body is not JSON"))?;
        let identity = &body["auth"]["identity"];
        if identity["methods"] != json!(["password"]) {
            return Err(Refusal::iam(400, "auth.identity.methods has to be [\"password\"]"));
        }
        let user = &identity["password"]["user"];
        let known = user["domain"]["name"] == ACCOUNT_NAME && user["name"] == ADMINISTRATOR;
        let password = user["password"].as_str().unwrap_or_default();
        if !known || !self.gate.is_password(password) {
            return Err(Refusal::keystone(401, "The username or password is wrong."));
        }
        let token = self.secret(&format!("iam token {}", self.answered));
        let ends = self.gate.admit(&token, now);
        let time = |time: DateTime<Utc>| time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        let domain = json!({ "id": ACCOUNT, "name": ACCOUNT_NAME });
        let body = json!({ "token": {
            "methods": ["password"],
            "issued_at": time(now),
            "expires_at": time(ends),
            "user": { "id": ACCOUNT, "name": ADMINISTRATOR, "domain": domain, "password_expires_at": "" },
            "domain": domain,
            "roles": [{ "id": "0", "name": "te_admin" }],
            "catalog": [],
        } });
        let mut answer = Answer::new(201, body);
        let token = secrecy::ExposeSecret::expose_secret(&token).to_owned();
        answer.headers.push(("x-subject-token".to_owned(), token));
        Ok(answer)
    }
}
