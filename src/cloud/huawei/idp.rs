//! Identity providers, their protocols and mappings (`/v3/OS-FEDERATION`). Registering something is PUT, which
//! is a conflict when it is there already, and changing it PATCH; so we look first.

use serde_json::Value as Json;

use super::{Huawei, not_yet};
use crate::cloud::Result;

/// Who people become after they logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SsoType {
    /// Nobody of the account's own users; the provider's default.
    VirtualUser,
    /// A user of the account. One provider of this kind at most.
    IamUser,
}

/// An identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its name.
    pub id: String,
    /// Cannot be changed later.
    pub sso_type: SsoType,
    /// Free text.
    pub description: Option<String>,
    /// Whether people can log in through it.
    pub enabled: bool,
    /// Ids of the other side.
    pub remote_ids: Vec<String>,
}

/// What is to be set; what is `None` stays, or becomes the provider's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderFields {
    /// Only when it is made.
    pub sso_type: Option<SsoType>,
    /// Free text.
    pub description: Option<String>,
    /// Off when it is made, by default.
    pub enabled: Option<bool>,
}

/// A protocol of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// `saml` or `oidc`.
    pub id: String,
    /// Not with [`SsoType::IamUser`].
    pub mapping_id: Option<String>,
}

/// Rules from the other side's attributes to users and groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// Its name.
    pub id: String,
    /// `[{ "local": […], "remote": […] }]`
    pub rules: Json,
}

/// What writing came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It was not there before.
    Created,
    /// It was there and is different now.
    Changed,
    /// It was there and as wanted.
    Unchanged,
}

/// The identity providers of an account.
#[derive(Clone)]
pub struct IdentityProviders {
    pub(super) huawei: Huawei,
}

impl IdentityProviders {
    /// All of them.
    pub async fn list(&self) -> Result<Vec<Provider>> {
        Err(not_yet())
    }

    /// One.
    pub async fn show(&self, _id: &str) -> Result<Provider> {
        Err(not_yet())
    }

    /// Makes it, or changes the one that is there.
    pub async fn create_or_update(&self, _id: &str, _fields: &ProviderFields) -> Result<(Provider, Written)> {
        Err(not_yet())
    }

    /// Changes one that has to be there.
    pub async fn update(&self, _id: &str, _fields: &ProviderFields) -> Result<(Provider, Written)> {
        Err(not_yet())
    }

    /// Removes it; whether it was there.
    pub async fn delete(&self, _id: &str) -> Result<bool> {
        Err(not_yet())
    }

    /// The protocols of a provider.
    pub async fn protocol_list(&self, _provider: &str) -> Result<Vec<Protocol>> {
        Err(not_yet())
    }

    /// One.
    pub async fn protocol_show(&self, _provider: &str, _id: &str) -> Result<Protocol> {
        Err(not_yet())
    }

    /// Makes it, or changes the one that is there.
    pub async fn protocol_create(
        &self,
        _provider: &str,
        _id: &str,
        _mapping_id: Option<&str>,
    ) -> Result<(Protocol, Written)> {
        Err(not_yet())
    }

    /// Removes it; whether it was there.
    pub async fn protocol_delete(&self, _provider: &str, _id: &str) -> Result<bool> {
        Err(not_yet())
    }

    /// The mappings of the account.
    pub async fn mapping_list(&self) -> Result<Vec<Mapping>> {
        Err(not_yet())
    }

    /// One.
    pub async fn mapping_show(&self, _id: &str) -> Result<Mapping> {
        Err(not_yet())
    }

    /// Makes it, or changes the one that is there. `rules` is the array.
    pub async fn mapping_create(&self, _id: &str, _rules: &Json) -> Result<(Mapping, Written)> {
        Err(not_yet())
    }

    /// Removes it; whether it was there.
    pub async fn mapping_delete(&self, _id: &str) -> Result<bool> {
        Err(not_yet())
    }
}
