//! The control planes: what switches the SCIM side on and off, and hands out its tokens.
//!
//! ```text
//! socket ──▶ server ──Message──▶ route ──▶ gate, sign (who calls) ──▶ huawei | alibaba (state) ──Reply──▶ server
//!                                                                        └── Access ──▶ cloud
//! ```
//!
//! As with [`super::cloud`]: no I/O, no clock, no chance. Moments come from the caller; ids and secrets
//! follow from a seed. What a cloud's pages do not say is decided here on the strict side, and the place
//! says so. Deliberately absent: code of the client. Signatures are verified by `sign`, which shares
//! nothing with what makes them.

mod alibaba;
mod gate;
mod huawei;
mod message;
mod shown;
mod sign;
mod state;
#[cfg(test)]
mod tests;
mod tokens;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{
    Reply,
    cloud::{Access, Cloud, Holder, digest},
};
use crate::made_uuid::uuid_of;

pub use alibaba::{DIRECTORY as ALIBABA_DIRECTORY, REGION as ALIBABA_REGION};
pub use gate::AccessKey;
pub use huawei::{IDENTITY_STORE as HUAWEI_IDENTITY_STORE, REGION as HUAWEI_REGION};
pub use message::Message;
pub use state::Plane;
pub use tokens::Life;

use gate::Gate;
use state::State;
use tokens::Token;

/// What a control plane is made with. The seed gives every secret away, so it cannot be printed.
#[derive(Clone)]
pub struct ControlOptions {
    /// The access key of the account.
    pub key: AccessKey,
    /// An IAM token (`X-Auth-Token`), good for a day.
    pub auth_token: SecretString,
    /// Secrets and ids follow from it: never the same twice, unless in a test.
    pub seed: [u8; 32],
    /// How long new tokens are good.
    pub life: Life,
    /// SCIM is off at the start, and there is no token.
    pub unprovisioned: bool,
    /// What enabling answers when it is enabled already: the vendor does not say.
    pub second_enable: SecondEnable,
    /// Identity Center instances of the account; only the first has SCIM.
    pub instances: usize,
    /// What an earlier run left, as [`Control::state`] gave it.
    pub state: Option<Value>,
}

/// The answer to switching on what is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecondEnable {
    /// 409 `IIC.1006`.
    #[default]
    Conflict,
    /// 400 `IIC.400`.
    BadRequest,
}

/// One cloud's control plane and its state. It cannot be printed either.
pub struct Control {
    gate: Gate,
    rules: Rules,
    /// `http://127.0.0.1:8080/`, without the path of SCIM.
    host: String,
    seed: [u8; 32],
    answered: u64,
    /// Grows with every change of the state.
    revision: u64,
    state: State,
}

/// What does not change.
#[derive(Debug)]
struct Rules {
    life: Life,
    second_enable: SecondEnable,
    instances: usize,
}

/// An answer that is not a refusal. It may hold a new token, so it cannot be printed.
struct Answer {
    status: u16,
    body: Option<Value>,
    headers: Vec<(String, String)>,
}

impl Answer {
    fn new(status: u16, body: Value) -> Self {
        Self {
            status,
            body: Some(body),
            headers: Vec::new(),
        }
    }

    fn ok(body: Value) -> Self {
        Self::new(200, body)
    }

    fn empty(status: u16) -> Self {
        Self {
            status,
            body: None,
            headers: Vec::new(),
        }
    }
}

impl Control {
    /// The control plane of `plane` in front of `cloud`, whose only token so far is `token`. From here on it
    /// says where the cloud is and whom it lets in.
    ///
    /// # Errors
    /// When the state of the earlier run is none of a control plane, or of another cloud's.
    pub fn new(
        plane: Plane,
        options: ControlOptions,
        token: &SecretString,
        cloud: &mut Cloud,
        now: DateTime<Utc>,
    ) -> Result<Self, String> {
        let mut gate = Gate::new(options.key);
        gate.admit(&options.auth_token, now);
        let base = cloud.base();
        let host_end = base.match_indices('/').nth(2).map_or(base.len(), |(at, _)| at + 1);
        let mut restored = options.state.map(|state| State::restore(plane, state)).transpose()?;
        if let (Some(state), Life::Until(_)) = (&mut restored, options.life) {
            // All of them to the same moment: also those of an earlier run.
            for token in &mut state.tokens {
                token.expires = options.life.end(now);
            }
        }
        let provision = restored.is_none() && !options.unprovisioned;
        let mut control = Self {
            gate,
            rules: Rules {
                life: options.life,
                second_enable: options.second_enable,
                instances: options.instances,
            },
            host: base[..host_end].to_owned(),
            seed: options.seed,
            answered: 0,
            revision: 0,
            state: restored.unwrap_or_else(|| State::new(plane)),
        };
        let digest = digest(token.expose_secret());
        if provision {
            control.provision(digest, now);
        } else if !control.state.tokens.iter().any(|token| token.digest == digest)
            && let Some(first) = control.state.tokens.iter_mut().find(|token| token.first)
        {
            // The file holds another one than last time. One that was deleted does not come back.
            first.digest = digest;
        }
        control.apply(cloud);
        Ok(control)
    }

    /// Whose it is.
    #[must_use]
    pub fn plane(&self) -> Plane {
        self.state.plane
    }

    /// Its address, with a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.host
    }

    /// Whether SCIM is switched on.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.state.enabled
    }

    /// Whether this is the text of one of the bearer tokens.
    #[must_use]
    pub fn knows(&self, token: &SecretString) -> bool {
        let digest = digest(token.expose_secret());
        self.state.tokens.iter().any(|token| token.digest == digest)
    }

    /// Changes whenever [`Control::state`] does.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The answer to one request at `now`, and its effect on the state and on whom `cloud` lets in.
    pub fn answer(&mut self, message: &Message, cloud: &mut Cloud, now: DateTime<Utc>) -> Reply {
        self.answered += 1;
        let before = self.revision;
        let reply = match self.state.plane {
            Plane::Huawei => self.answer_as_huawei(message, cloud, now),
            Plane::Alibaba => self.answer_as_alibaba(message, cloud, now),
        };
        if self.revision != before {
            self.apply(cloud);
        }
        reply
    }

    /// An error in this cloud's shape, for one that something in front of it makes up.
    #[must_use]
    pub fn refusal(&mut self, message: &Message, status: u16) -> Reply {
        self.answered += 1;
        match self.state.plane {
            Plane::Huawei => self.huawei_fault(message, status),
            Plane::Alibaba => self.alibaba_fault(message, status),
        }
    }

    /// Switched on, with a first token.
    fn provision(&mut self, digest: String, now: DateTime<Utc>) {
        self.enable(now);
        let token = Token {
            id: self.fresh_token_id(),
            digest,
            created: now,
            expires: self.rules.life.end(now),
            enabled: true,
            first: true,
        };
        self.state.tokens.push(token);
    }

    /// Tells the SCIM side what holds now.
    fn apply(&self, cloud: &mut Cloud) {
        if let Some(base) = self.state.scim_endpoint(&self.host) {
            cloud.moved(&base);
        }
        let holders = self.state.tokens.iter().map(|token| Holder {
            digest: token.digest.clone(),
            expires: Some(token.expires),
            enabled: token.enabled,
        });
        cloud.let_in(Access {
            holders: Some(holders.collect()),
            closed: !self.state.enabled,
        });
    }

    fn enable(&mut self, now: DateTime<Utc>) {
        self.state.enable(now);
        self.changed();
    }

    fn changed(&mut self) {
        self.revision += 1;
    }

    /// A token that nobody had before, and its secret.
    fn mint(&mut self, now: DateTime<Utc>) -> (Token, SecretString) {
        let id = self.fresh_token_id();
        let secret = self.secret(&format!("token {id}"));
        let token = Token {
            id,
            digest: digest(secret.expose_secret()),
            created: now,
            expires: self.rules.life.end(now),
            enabled: true,
            first: false,
        };
        self.state.tokens.push(token.clone());
        self.changed();
        (token, secret)
    }

    fn fresh_token_id(&mut self) -> String {
        self.state.made += 1;
        let id = uuid_of(&self.derived(&format!("token id {}", self.state.made)));
        match self.state.plane {
            Plane::Huawei => id,
            Plane::Alibaba => {
                let short: String = id.chars().filter(|c| *c != '-').take(16).collect();
                format!("scimcred-{short}")
            }
        }
    }

    /// A secret that only this seed gives.
    fn secret(&self, of: &str) -> SecretString {
        self.derived(of).into()
    }

    fn derived(&self, of: &str) -> String {
        blake3::keyed_hash(&self.seed, of.as_bytes()).to_hex().to_string()
    }

    fn request_id(&self) -> String {
        uuid_of(&self.derived(&format!("request {}", self.answered)))
    }

    /// Whether one more token may be made.
    fn has_room(&self) -> bool {
        self.state.tokens.len() < tokens::TOKENS_MAX
    }
}
