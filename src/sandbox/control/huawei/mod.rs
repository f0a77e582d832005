//! Huawei Cloud: the identity store (provisioning tenant, access tokens), Identity Center (instances), and
//! IAM (identity providers, protocols, mappings).
//!
//! `call` says what a request asks for, `door` who may ask, `refusal` how each service says no.

mod call;
mod door;
mod federation;
mod mapping;
mod oidc;
mod refusal;
mod store;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Answer, Control, Message};
use crate::sandbox::{Reply, cloud::Cloud};
use call::{Call, Service};
use refusal::Refusal;

pub(super) use federation::Federation;

/// The identity store of the first instance: `d-` and ten more.
pub const IDENTITY_STORE: &str = "d-5a6e8b0d2c";
/// The region in ids and in the table that is printed.
pub const REGION: &str = "cn-north-4";
/// The account.
pub const ACCOUNT: &str = "5a6e8b0d2c917d0c1f5e2b7a4c1e9f43";
/// The account's name, for a token by password.
pub const ACCOUNT_NAME: &str = "sandbox";
/// Its administrator, whose password is the secret access key.
pub const ADMINISTRATOR: &str = "operator";

type Outcome = Result<Answer, Refusal>;

/// Whether a path belongs to the control plane.
pub(super) fn owns(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next();
    first.is_some_and(|first| ["v1", "v3", "v3.0", "v3-ext"].contains(&first))
}

impl Control {
    pub(super) fn answer_as_huawei(&mut self, message: &Message, cloud: &Cloud, now: DateTime<Utc>) -> Reply {
        let outcome = self.huawei(message, cloud, now);
        let request_id = self.request_id();
        let (status, mut headers, body) = match outcome {
            Ok(answer) => (answer.status, answer.headers, answer.body),
            Err(refusal) => (refusal.status, Vec::new(), Some(refusal.body(&request_id))),
        };
        headers.push(("x-request-id".to_owned(), request_id));
        reply(status, headers, body)
    }

    fn huawei(&mut self, message: &Message, cloud: &Cloud, now: DateTime<Utc>) -> Outcome {
        let call = Call::of(message)?;
        if !matches!(call, Call::NewAuthToken) {
            self.admit(message, call.service(), now)?;
        }
        match call {
            Call::Instances => self.instances(&message.query),
            Call::Associations(instance) => self.associations(&instance),
            Call::Summary(store) => self.summary(&store, cloud),
            Call::Enable(store) => self.enable_tenant(&store, now),
            Call::Tenants(store) => self.tenants(&store),
            Call::Disable(store, tenant) => self.disable_tenant(&store, &tenant),
            Call::NewToken(store, tenant) => self.new_token(&store, &tenant, now),
            Call::Tokens(store, tenant) => self.tokens(&store, &tenant),
            Call::DeleteToken(store, tenant, token) => self.delete_token(&store, &tenant, &token),
            Call::NewAuthToken => self.new_auth_token(message, now),
            Call::Federation(place) => self.federation(&place, message),
            Call::Oidc(provider) => self.oidc(&provider, message),
        }
    }

    /// The error of that status which the service behind this path would give.
    pub(super) fn huawei_fault(&self, message: &Message, status: u16) -> Reply {
        let request_id = self.request_id();
        let service = Call::of(message).map_or(Service::Store, |call| call.service());
        let body = Refusal::of_status(service, status).body(&request_id);
        reply(status, vec![("x-request-id".to_owned(), request_id)], Some(body))
    }
}

fn reply(status: u16, mut headers: Vec<(String, String)>, body: Option<Value>) -> Reply {
    if body.is_some() {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    Reply {
        status,
        headers,
        body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
    }
}
