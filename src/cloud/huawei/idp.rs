//! Identity providers, their protocols and mappings (`/v3/OS-FEDERATION`). Registering something is PUT, which
//! is a conflict when it is there already, and changing it PATCH; so we look first.

use serde_json::Value as Json;

use super::{Huawei, Requests, gone, is_absent};
use crate::cloud::{
    CloudError, Outgoing, Result,
    send::{Received, text},
};

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
        let received = self.send(self.requests().providers()).await?;
        let found = received.array("identity_providers")?;
        found
            .iter()
            .map(|provider| read_provider(&received, provider))
            .collect()
    }

    /// One.
    pub async fn show(&self, id: &str) -> Result<Provider> {
        let answer = self.send(self.requests().provider(id)).await;
        let received = answer.map_err(|error| not_found(error, format!("identity provider {id}")))?;
        read_provider(&received, &received.inner("identity_provider")?)
    }

    /// Makes it, or changes the one that is there.
    pub async fn create_or_update(&self, id: &str, fields: &ProviderFields) -> Result<(Provider, Written)> {
        if let Some(there) = absent_is_none(self.show(id).await)? {
            return self.change(there, fields).await;
        }
        let made = self.send(self.requests().create_provider(id, fields)).await;
        match made {
            Ok(received) => {
                let provider = read_provider(&received, &received.inner("identity_provider")?)?;
                Ok((provider, Written::Created))
            }
            Err(error) if may_be_there(&error) => match absent_is_none(self.show(id).await) {
                Ok(Some(there)) => self.change(there, fields).await,
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Changes one that has to be there.
    pub async fn update(&self, id: &str, fields: &ProviderFields) -> Result<(Provider, Written)> {
        let there = self.show(id).await?;
        self.change(there, fields).await
    }

    async fn change(&self, there: Provider, fields: &ProviderFields) -> Result<(Provider, Written)> {
        if fields.sso_type.is_some_and(|wanted| wanted != there.sso_type) {
            return Err(CloudError::Settings(format!(
                "identity provider {} is of type {}, which cannot be changed: delete it and make it again, or leave \
                 sso_type out",
                there.id,
                there.sso_type.as_str()
            )));
        }
        let described = fields.description.as_ref();
        let same = described.is_none_or(|wanted| *wanted == *there.description.as_deref().unwrap_or_default())
            && fields.enabled.is_none_or(|wanted| wanted == there.enabled);
        if same {
            return Ok((there, Written::Unchanged));
        }
        let received = self.send(self.requests().update_provider(&there.id, fields)).await?;
        let provider = read_provider(&received, &received.inner("identity_provider")?)?;
        Ok((provider, Written::Changed))
    }

    /// Removes it; whether it was there.
    pub async fn delete(&self, id: &str) -> Result<bool> {
        gone(self.send(self.requests().delete_provider(id)).await)
    }

    /// The protocols of a provider.
    pub async fn protocol_list(&self, provider: &str) -> Result<Vec<Protocol>> {
        let answer = self.send(self.requests().protocols(provider)).await;
        let received = answer.map_err(|error| not_found(error, format!("identity provider {provider}")))?;
        let found = received.array("protocols")?;
        found
            .iter()
            .map(|protocol| read_protocol(&received, protocol))
            .collect()
    }

    /// One.
    pub async fn protocol_show(&self, provider: &str, id: &str) -> Result<Protocol> {
        let answer = self.send(self.requests().protocol(provider, id)).await;
        let received = answer.map_err(|error| not_found(error, format!("protocol {id} of {provider}")))?;
        read_protocol(&received, &received.inner("protocol")?)
    }

    /// Makes it, or changes the one that is there.
    pub async fn protocol_create(
        &self,
        provider: &str,
        id: &str,
        mapping_id: Option<&str>,
    ) -> Result<(Protocol, Written)> {
        if let Some(there) = absent_is_none(self.protocol_show(provider, id).await)? {
            if mapping_id.is_none() || there.mapping_id.as_deref() == mapping_id {
                return Ok((there, Written::Unchanged));
            }
            let received = self
                .send(self.requests().update_protocol(provider, id, mapping_id))
                .await?;
            let protocol = read_protocol(&received, &received.inner("protocol")?)?;
            return Ok((protocol, Written::Changed));
        }
        match self
            .send(self.requests().create_protocol(provider, id, mapping_id))
            .await
        {
            Ok(received) => {
                let protocol = read_protocol(&received, &received.inner("protocol")?)?;
                Ok((protocol, Written::Created))
            }
            Err(error) if may_be_there(&error) => match absent_is_none(self.protocol_show(provider, id).await) {
                Ok(Some(there)) if there.mapping_id.as_deref() == mapping_id => Ok((there, Written::Created)),
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Removes it; whether it was there.
    pub async fn protocol_delete(&self, provider: &str, id: &str) -> Result<bool> {
        gone(self.send(self.requests().delete_protocol(provider, id)).await)
    }

    /// The mappings of the account.
    pub async fn mapping_list(&self) -> Result<Vec<Mapping>> {
        let received = self.send(self.requests().mappings()).await?;
        let found = received.array("mappings")?;
        found.iter().map(|mapping| read_mapping(&received, mapping)).collect()
    }

    /// One.
    pub async fn mapping_show(&self, id: &str) -> Result<Mapping> {
        let answer = self.send(self.requests().mapping(id)).await;
        let received = answer.map_err(|error| not_found(error, format!("mapping {id}")))?;
        read_mapping(&received, &received.inner("mapping")?)
    }

    /// Makes it, or changes the one that is there. `rules` is the array.
    pub async fn mapping_create(&self, id: &str, rules: &Json) -> Result<(Mapping, Written)> {
        if let Some(there) = absent_is_none(self.mapping_show(id).await)? {
            if there.rules == *rules {
                return Ok((there, Written::Unchanged));
            }
            let received = self.send(self.requests().update_mapping(id, rules)).await?;
            let mapping = read_mapping(&received, &received.inner("mapping")?)?;
            return Ok((mapping, Written::Changed));
        }
        match self.send(self.requests().create_mapping(id, rules)).await {
            Ok(received) => {
                let mapping = read_mapping(&received, &received.inner("mapping")?)?;
                Ok((mapping, Written::Created))
            }
            Err(error) if may_be_there(&error) => match absent_is_none(self.mapping_show(id).await) {
                Ok(Some(there)) if there.rules == *rules => Ok((there, Written::Created)),
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Removes it; whether it was there.
    pub async fn mapping_delete(&self, id: &str) -> Result<bool> {
        gone(self.send(self.requests().delete_mapping(id)).await)
    }

    fn requests(&self) -> &Requests {
        self.huawei.requests()
    }

    async fn send(&self, outgoing: Result<Outgoing>) -> Result<Received> {
        self.huawei.send(outgoing?).await
    }
}

fn not_found(error: CloudError, what: String) -> CloudError {
    if is_absent(&error) {
        error.or_not_found(what, None)
    } else {
        error
    }
}

fn absent_is_none<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Err(error) if is_absent(&error) => Ok(None),
        answer => answer.map(Some),
    }
}

/// Whether something can be there after all, though registering it was not answered with success.
fn may_be_there(error: &CloudError) -> bool {
    error.is_doubtful() || error.status() == Some(409)
}

fn read_provider(received: &Received, provider: &Json) -> Result<Provider> {
    let remote_ids = provider.get("remote_ids").and_then(Json::as_array);
    let remote_ids = remote_ids.into_iter().flatten().filter_map(Json::as_str);
    Ok(Provider {
        id: received.need(provider, "id")?,
        sso_type: match text(provider, "sso_type").as_deref() {
            None | Some("virtual_user_sso") => SsoType::VirtualUser,
            Some("iam_user_sso") => SsoType::IamUser,
            Some(_) => return Err(received.wrong("it has an sso_type that is not known")),
        },
        description: text(provider, "description"),
        enabled: provider.get("enabled").and_then(Json::as_bool).unwrap_or(false),
        remote_ids: remote_ids.map(ToOwned::to_owned).collect(),
    })
}

fn read_protocol(received: &Received, protocol: &Json) -> Result<Protocol> {
    Ok(Protocol {
        id: received.need(protocol, "id")?,
        mapping_id: text(protocol, "mapping_id"),
    })
}

fn read_mapping(received: &Received, mapping: &Json) -> Result<Mapping> {
    Ok(Mapping {
        id: received.need(mapping, "id")?,
        rules: mapping.get("rules").cloned().unwrap_or_default(),
    })
}
