//! Instances, the provisioning tenant, and its tokens.

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{ACCOUNT, IDENTITY_STORE, Outcome, refusal::Refusal};
use crate::sandbox::{
    cloud::Cloud,
    control::{Answer, Control, SecondEnable, sign::pairs},
};

/// Most instances in one answer, and what is meant when nothing is said.
const LIMIT_MAX: usize = 100;
/// Quotas of one identity store.
const USERS_MAX: usize = 100_000;
const GROUPS_MAX: usize = 10_000;

impl Control {
    /// One page; the marker is the id of the last instance of the page before.
    pub(super) fn instances(&self, query: &str) -> Outcome {
        let (mut limit, mut marker) = (LIMIT_MAX, None);
        for (name, value) in pairs(query) {
            let value = String::from_utf8_lossy(&value).into_owned();
            match name.as_slice() {
                b"limit" => {
                    let read = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                    limit = read.ok_or_else(|| Refusal::bad("limit has to be from 1 to 100"))?;
                }
                b"marker" => marker = Some(value),
                _ => {}
            }
        }
        let all: Vec<usize> = (0..self.rules.instances).collect();
        let from = match marker {
            None => 0,
            Some(marker) => {
                let last = all.iter().position(|number| instance_id(*number) == marker);
                last.ok_or_else(|| Refusal::bad("marker is not known"))? + 1
            }
        };
        let page: Vec<usize> = all.iter().copied().skip(from).take(limit).collect();
        let more = from + page.len() < all.len();
        let last = page.last().copied().map(instance_id);
        Ok(Answer::ok(json!({
            "instances": page.iter().map(|number| instance(*number)).collect::<Vec<_>>(),
            "page_info": { "next_marker": last.filter(|_| more), "current_count": page.len() },
        })))
    }

    pub(super) fn associations(&self, instance: &str) -> Outcome {
        let mut all = 0..self.rules.instances;
        let number = all.find(|number| instance_id(*number) == instance);
        let number = number.ok_or_else(|| Refusal::missing("no such instance"))?;
        // Only an external identity provider can be provisioned; the others have their own directory.
        let (kind, login, provisioning) = if number == 0 {
            ("EXTERNAL", "SAML", json!(["SCIM", "MANUAL"]))
        } else {
            ("INTERNAL", "PASSWORD", json!(["MANUAL"]))
        };
        Ok(Answer::ok(json!({ "identity_store_associations": [{
            "identity_store_id": store_id(number),
            "identity_store_type": kind,
            "authentication_type": login,
            "provisioning_type": provisioning,
            "status": "ENABLED",
        }] })))
    }

    pub(super) fn summary(&self, store: &str, cloud: &Cloud) -> Outcome {
        let first = self.store(store)? == 0;
        let count = |count: usize| if first { count } else { 0 };
        Ok(Answer::ok(json!({
            "users": count(cloud.users().count()),
            "users_quota": USERS_MAX,
            "groups": count(cloud.groups().count()),
            "groups_quota": GROUPS_MAX,
        })))
    }

    pub(super) fn enable_tenant(&mut self, store: &str, now: DateTime<Utc>) -> Outcome {
        self.provisioned(store)?;
        if self.state.enabled {
            let text = "automatic provisioning is enabled already";
            return Err(match self.rules.second_enable {
                SecondEnable::Conflict => Refusal::coded(409, "IIC.1006", text),
                SecondEnable::BadRequest => Refusal::bad(text),
            });
        }
        self.enable(now);
        Ok(Answer::new(201, self.tenant()))
    }

    pub(super) fn tenants(&self, store: &str) -> Outcome {
        self.provisioned(store)?;
        let tenants: Vec<Value> = self.state.enabled.then(|| self.tenant()).into_iter().collect();
        Ok(Answer::ok(json!({ "provisioning_tenants": tenants })))
    }

    pub(super) fn disable_tenant(&mut self, store: &str, tenant: &str) -> Outcome {
        self.within(store, tenant)?;
        self.state.enabled = false;
        self.state.tokens.clear();
        self.changed();
        Ok(Answer::empty(200))
    }

    pub(super) fn new_token(&mut self, store: &str, tenant: &str, now: DateTime<Utc>) -> Outcome {
        self.within(store, tenant)?;
        if !self.has_room() {
            return Err(Refusal::bad("there are two access tokens already"));
        }
        let (token, secret) = self.mint(now);
        Ok(Answer::new(
            201,
            json!({
                "creation_time": token.created.timestamp_millis(),
                "expiration_time": token.expires.timestamp_millis(),
                "token": secret.expose_secret(),
                "token_id": token.id,
            }),
        ))
    }

    pub(super) fn tokens(&self, store: &str, tenant: &str) -> Outcome {
        self.within(store, tenant)?;
        let tokens = self.state.tokens.iter().map(|token| {
            json!({
                // As documented: a millisecond later than the answer that came with the token.
                "creation_time": token.created.timestamp_millis() + 1,
                "expiration_time": token.expires.timestamp_millis(),
                "token_id": token.id,
            })
        });
        Ok(Answer::ok(json!({ "bearer_tokens": tokens.collect::<Vec<_>>() })))
    }

    pub(super) fn delete_token(&mut self, store: &str, tenant: &str, id: &str) -> Outcome {
        self.within(store, tenant)?;
        let at = self.state.tokens.iter().position(|token| token.id == id);
        let at = at.ok_or_else(|| Refusal::missing("no such access token"))?;
        self.state.tokens.remove(at);
        self.changed();
        Ok(Answer::empty(200))
    }

    fn tenant(&self) -> Value {
        json!({
            "creation_time": self.state.since.map(|since| since.timestamp_millis()),
            "scim_endpoint": self.state.scim_endpoint(&self.host),
            "tenant_id": self.state.tenant(),
        })
    }

    /// The number of the instance of this store.
    fn store(&self, id: &str) -> Result<usize, Refusal> {
        let well_formed = id.len() == IDENTITY_STORE.len()
            && id.starts_with("d-")
            && id[2..].bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !well_formed {
            return Err(Refusal::bad("identity_store_id has to be d- and ten letters or digits"));
        }
        let found = (0..self.rules.instances).find(|number| store_id(*number) == id);
        found.ok_or_else(|| Refusal::missing("no such identity store"))
    }

    /// The store is one that can be provisioned.
    fn provisioned(&self, store: &str) -> Result<(), Refusal> {
        match self.store(store)? {
            0 => Ok(()),
            _ => Err(Refusal::denied(
                "access denied: the identity source is not an external identity provider",
            )),
        }
    }

    /// The tenant is the one of this store.
    fn within(&self, store: &str, tenant: &str) -> Result<(), Refusal> {
        self.provisioned(store)?;
        if self.state.enabled && self.state.tenant() == tenant {
            Ok(())
        } else {
            Err(Refusal::missing("no such provisioning tenant"))
        }
    }
}

fn instance(number: usize) -> Value {
    let id = instance_id(number);
    json!({
        "identity_store_id": store_id(number),
        "instance_id": id,
        "alias": store_id(number),
        "instance_urn": format!("IdentityCenter:::instance:{ACCOUNT}/{id}"),
    })
}

fn instance_id(number: usize) -> String {
    format!("ins-5a6e8b0d2c91{number:04x}")
}

/// The first is the one that is printed.
fn store_id(number: usize) -> String {
    if number == 0 {
        IDENTITY_STORE.to_owned()
    } else {
        format!("d-{number:010x}")
    }
}
