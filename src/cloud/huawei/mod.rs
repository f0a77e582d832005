//! Huawei Cloud: IAM Identity Center (instances, provisioning tenants, access tokens) and the identity
//! providers of IAM.

mod idp;
mod request;
mod sign;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value as Json;

pub use self::{
    idp::{IdentityProviders, Mapping, Protocol, Provider, ProviderFields, SsoType, Written},
    request::Requests,
};
use super::{
    CloudError, IssuedToken, Outgoing, Result, TokenAuthority,
    refusal::Cloud,
    send::{Credentials, Received, Sender, text, time},
    settings::HuaweiSettings,
    transport::{Carry, Network, Signed},
};

/// Of a hundred instances each; an account has one or two.
const PAGES_MAX: usize = 100;

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
    sender: Sender,
}

impl Huawei {
    /// Checks the settings. Keys are read with each request.
    ///
    /// # Errors
    /// [`CloudError::Settings`] for what can be told without asking anybody.
    pub fn new(settings: &HuaweiSettings) -> Result<Self> {
        let network = Network::new(settings.ca_file.as_deref())?;
        Self::over(settings, Arc::new(network))
    }

    /// The same over something else than the network.
    pub(in crate::cloud) fn over(settings: &HuaweiSettings, carry: Arc<dyn Carry>) -> Result<Self> {
        Ok(Self {
            requests: Requests::new(settings)?,
            sender: Sender {
                cloud: Cloud::Huawei,
                sign: signed,
                carry,
            },
        })
    }

    /// What would be sent.
    #[must_use]
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Every instance of the account.
    pub async fn instances(&self) -> Result<Vec<Instance>> {
        let (mut found, mut marker) = (Vec::new(), None::<String>);
        for _ in 0..PAGES_MAX {
            let received = self.send(self.requests.instances(marker.as_deref())?).await?;
            for instance in received.array("instances")? {
                found.push(Instance {
                    identity_store_id: received.need(&instance, "identity_store_id")?,
                    instance_id: received.need(&instance, "instance_id")?,
                    alias: text(&instance, "alias"),
                    urn: text(&instance, "instance_urn"),
                });
            }
            let page = received.inner("page_info").unwrap_or_default();
            match text(&page, "next_marker") {
                Some(next) if marker.as_ref() != Some(&next) => marker = Some(next),
                _ => break,
            }
        }
        Ok(found)
    }

    /// The tenants of the identity store; there is none while provisioning is off, and one else.
    pub async fn tenants(&self) -> Result<Vec<Tenant>> {
        let received = self.send(self.requests.tenants()?).await?;
        let tenants = received.array("provisioning_tenants")?;
        tenants.iter().map(|tenant| read_tenant(&received, tenant)).collect()
    }

    /// Switches provisioning on, and says whether it was on before. Safe to repeat.
    pub async fn enable(&self) -> Result<(Tenant, bool)> {
        if let Some(tenant) = self.tenants().await?.into_iter().next() {
            return Ok((tenant, true));
        }
        let asked = self.send(self.requests.create_tenant()?).await;
        let made = asked.and_then(|received| {
            let tenant = Json::Object(received.object()?);
            read_tenant(&received, &tenant)
        });
        let error = match made {
            Ok(tenant) => return Ok((tenant, false)),
            Err(error) if error.is_doubtful() || matches!(error.status(), Some(400 | 409)) => error,
            Err(error) => return Err(error),
        };
        // Somebody else was faster, or we were and the answer was lost.
        let mut tenants = self.tenants().await.unwrap_or_default().into_iter();
        let was_on = !error.is_doubtful();
        tenants.next().map(|tenant| (tenant, was_on)).ok_or(error)
    }

    /// Switches provisioning off: every token is removed. One that is off already is a success.
    pub async fn disable(&self, tenant_id: &str) -> Result<()> {
        ended(self.send(self.requests.delete_tenant(tenant_id)?).await)
    }

    /// Who gives out the tokens of the one tenant, which is looked up.
    pub async fn tokens(&self) -> Result<Tokens> {
        let tenants = self.tenants().await?;
        match tenants.as_slice() {
            [tenant] => Ok(self.tokens_of(&tenant.tenant_id)),
            [] => Err(CloudError::NotFound {
                what: "the provisioning tenant".into(),
                hint: Some("switch provisioning on first: scimward cloud huawei tenant enable".into()),
                refusal: None,
            }),
            several => {
                let ids: Vec<&str> = several.iter().map(|tenant| tenant.tenant_id.as_str()).collect();
                Err(CloudError::Settings(format!(
                    "there are several tenants ({}); say which one is meant",
                    ids.join(", ")
                )))
            }
        }
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

    async fn send(&self, outgoing: Outgoing) -> Result<Received> {
        let credentials = self.requests.credentials(outgoing.scheme)?;
        let answer = self.sender.send(&outgoing, &credentials).await;
        answer.map_err(|error| error.or_look(request::where_to_look(&outgoing)))
    }
}

fn signed(outgoing: &Outgoing, credentials: &Credentials, now: DateTime<Utc>) -> Result<Signed> {
    Ok(match credentials {
        Credentials::Keys(keys) => sign::sign(outgoing, keys, now),
        Credentials::Token(token) => {
            let mut headers = outgoing.headers.clone();
            headers.push(("X-Auth-Token".to_owned(), token.expose_secret().to_owned()));
            Signed::new(outgoing, headers)
        }
    })
}

/// The end of a token or a tenant: one that is not there is a success, if it is the identity store that says so, and
/// not a proxy on the way.
fn ended(answer: Result<Received>) -> Result<()> {
    match answer {
        Err(error) if error.status() == Some(404) && code(&error).is_some_and(|code| code.starts_with("IIC.")) => {
            Ok(())
        }
        answer => answer.map(drop),
    }
}

/// What is not there is a success for whoever wants it gone from IAM, which has no codes of its own for that; whether
/// it was there.
fn gone(answer: Result<Received>) -> Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A 404 of the service itself; the gateway's own says that the host is the wrong one.
fn is_absent(error: &CloudError) -> bool {
    error.status() == Some(404) && !code(error).is_some_and(|code| code.starts_with("APIG"))
}

fn code(error: &CloudError) -> Option<&str> {
    error.refusal().and_then(|refusal| refusal.code.as_deref())
}

fn read_tenant(received: &Received, tenant: &Json) -> Result<Tenant> {
    Ok(Tenant {
        tenant_id: received.need(tenant, "tenant_id")?,
        scim_endpoint: received.need(tenant, "scim_endpoint")?,
        created: time(tenant, "creation_time"),
    })
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
        let received = self.huawei.send(self.huawei.requests.tokens(&self.tenant_id)?).await?;
        let tokens = received.array("bearer_tokens")?;
        tokens.iter().map(|token| read_token(&received, token)).collect()
    }

    async fn ask(&self) -> Result<(IssuedToken, SecretString)> {
        let received = self
            .huawei
            .send(self.huawei.requests.create_token(&self.tenant_id)?)
            .await?;
        let made = Json::Object(received.object()?);
        let text = SecretString::from(received.need(&made, "token")?);
        Ok((read_token(&received, &made)?, text))
    }

    async fn delete(&self, id: &str) -> Result<()> {
        let outgoing = self.huawei.requests.delete_token(&self.tenant_id, id)?;
        ended(self.huawei.send(outgoing).await)
    }

    /// The endpoint has the tenant in its path, and takes no other tenant's tokens.
    fn may_guess(&self) -> bool {
        true
    }

    fn endpoint_tells(&self) -> bool {
        true
    }
}

fn read_token(received: &Received, token: &Json) -> Result<IssuedToken> {
    Ok(IssuedToken {
        id: received.need(token, "token_id")?,
        created: time(token, "creation_time"),
        expires: time(token, "expiration_time"),
        enabled: true,
    })
}

#[cfg(test)]
mod tests;
