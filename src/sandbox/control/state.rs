//! What a control plane remembers.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Control, Message, alibaba,
    huawei::{self, Federation},
    tokens::Token,
};
use crate::{made_uuid::uuid_of, sandbox::TENANT};

/// Whose control plane it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plane {
    /// Huawei Cloud: IAM Identity Center and IAM.
    Huawei,
    /// Alibaba Cloud: CloudSSO.
    Alibaba,
}

impl Plane {
    /// The control plane of the cloud with this profile; the others have none here.
    #[must_use]
    pub fn of(profile: &str) -> Option<Self> {
        match profile {
            "huawei" => Some(Self::Huawei),
            "alibaba" => Some(Self::Alibaba),
            _ => None,
        }
    }

    /// Whether a request is for this control plane. Its body is not looked at.
    #[must_use]
    pub fn owns(self, message: &Message) -> bool {
        match self {
            Self::Huawei => huawei::owns(&message.path),
            Self::Alibaba => alibaba::owns(message),
        }
    }
}

/// Everything that a restart should not lose. There is no secret in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) plane: Plane,
    /// SCIM is switched on.
    pub(super) enabled: bool,
    /// How often it was switched on. Huawei Cloud has another tenant each time.
    pub(super) tenants: u64,
    /// When it was switched on the last time.
    pub(super) since: Option<DateTime<Utc>>,
    /// Tokens made so far, also those that are gone.
    pub(super) made: u64,
    pub(super) tokens: Vec<Token>,
    #[serde(default)]
    pub(super) federation: Federation,
}

impl State {
    pub(super) fn new(plane: Plane) -> Self {
        Self {
            plane,
            enabled: false,
            tenants: 0,
            since: None,
            made: 0,
            tokens: Vec::new(),
            federation: Federation::default(),
        }
    }

    pub(super) fn restore(plane: Plane, state: Value) -> Result<Self, String> {
        let state: Self =
            serde_json::from_value(state).map_err(|error| format!("not the state of a control plane: {error}"))?;
        if state.plane == plane {
            Ok(state)
        } else {
            Err("the state is of another cloud's control plane".to_owned())
        }
    }

    pub(super) fn enable(&mut self, now: DateTime<Utc>) {
        self.enabled = true;
        self.since = Some(now);
        self.tenants += 1;
    }

    /// The tenant of now or, while it is switched off, the last one. The first is always the same, so that
    /// a configuration fits a sandbox that begins anew.
    pub(super) fn tenant(&self) -> String {
        if self.tenants <= 1 {
            TENANT.to_owned()
        } else {
            uuid_of(&format!("tenant {}", self.tenants))
        }
    }

    /// Where SCIM is, when the control plane decides that.
    pub(super) fn scim_endpoint(&self, host: &str) -> Option<String> {
        (self.plane == Plane::Huawei).then(|| format!("{host}{}/scim/v2/", self.tenant()))
    }
}

impl Control {
    /// Everything that a restart should not lose, for [`super::ControlOptions::state`]. No secret is in it.
    #[must_use]
    pub fn state(&self) -> Value {
        // Names and texts only: there is nothing in it that JSON cannot say.
        serde_json::to_value(&self.state).unwrap_or_default()
    }
}
