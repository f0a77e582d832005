//! Huawei Cloud: IAM Identity Center (instances, provisioning tenants, access tokens) and the identity
//! providers of IAM.

mod idp;
mod request;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

pub(in crate::cloud) use self::request::base;
pub use self::{
    idp::{IdentityProviders, Mapping, Protocol, Provider, ProviderFields, SsoType, Written},
    request::Requests,
};
use super::{CloudError, IssuedToken, Result, TokenAuthority, settings::HuaweiSettings};

/// An instance of IAM Identity Center.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// What everything else is addressed by.
    pub identity_store_id: String,
    /// Of the instance itself.
    pub instance_id: String,
    /// The name people gave it.
    pub alias: Option<String>,
    /// As policies name it.
    pub urn: Option<String>,
}

/// Automatic provisioning that is switched on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Part of the paths of its tokens.
    pub tenant_id: String,
    /// `[scim] endpoint`, as given.
    pub scim_endpoint: String,
    /// When it was switched on.
    pub created: Option<DateTime<Utc>>,
}

/// The client. Cheap to clone.
#[derive(Clone)]
pub struct Huawei {
    requests: Requests,
}

impl Huawei {
    /// Checks the settings. Keys are read with each request.
    ///
    /// # Errors
    /// [`CloudError::Settings`] for what can be told without asking anybody.
    pub fn new(settings: &HuaweiSettings) -> Result<Self> {
        Ok(Self {
            requests: Requests::new(settings)?,
        })
    }

    /// What would be sent.
    #[must_use]
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Every instance of the account.
    pub async fn instances(&self) -> Result<Vec<Instance>> {
        Err(not_yet())
    }

    /// The tenants of the identity store; there is none while provisioning is off, and one else.
    pub async fn tenants(&self) -> Result<Vec<Tenant>> {
        Err(not_yet())
    }

    /// Switches provisioning on, and says whether it was on before. Safe to repeat.
    pub async fn enable(&self) -> Result<(Tenant, bool)> {
        Err(not_yet())
    }

    /// Switches provisioning off: every token is removed. One that is off already is a success.
    pub async fn disable(&self, _tenant_id: &str) -> Result<()> {
        Err(not_yet())
    }

    /// Who gives out the tokens of the one tenant, which is looked up.
    pub async fn tokens(&self) -> Result<Tokens> {
        Err(not_yet())
    }

    /// The same for a tenant that is known.
    #[must_use]
    pub fn tokens_of(&self, tenant_id: &str) -> Tokens {
        Tokens {
            huawei: self.clone(),
            tenant_id: tenant_id.to_owned(),
        }
    }

    /// The identity providers of the account's own federation.
    #[must_use]
    pub fn idp(&self) -> IdentityProviders {
        IdentityProviders { huawei: self.clone() }
    }
}

/// The access tokens of one tenant.
#[derive(Clone)]
pub struct Tokens {
    huawei: Huawei,
    tenant_id: String,
}

impl Tokens {
    /// The tenant.
    #[must_use]
    pub fn tenant_id(&self) -> &str {
        &self.tenant_id
    }
}

impl TokenAuthority for Tokens {
    async fn list(&self) -> Result<Vec<IssuedToken>> {
        Err(not_yet())
    }

    async fn create(&self) -> Result<(IssuedToken, SecretString)> {
        Err(not_yet())
    }

    async fn delete(&self, _id: &str) -> Result<()> {
        Err(not_yet())
    }
}

fn not_yet() -> CloudError {
    CloudError::Settings("not in this version".into())
}
