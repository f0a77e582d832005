//! The requests, made without asking anybody.

use reqwest::Url;
use serde_json::{Value as Json, json};

use super::idp::{ProviderFields, SsoType};
use crate::cloud::{
    CloudError, Effect, Outgoing, Result, Scheme, address, encode, keys, region,
    send::Credentials,
    settings::{HuaweiSettings, KeySources},
};

/// What can be asked. An id that only an answer tells is given as `{name}` in a dry run.
#[derive(Clone)]
pub struct Requests {
    settings: HuaweiSettings,
    keys: KeySources,
}

/// One of the three services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    IdentityStore,
    IdentityCenter,
    Iam,
}

impl Requests {
    pub(super) fn new(settings: &HuaweiSettings) -> Result<Self> {
        let requests = Self {
            settings: settings.clone(),
            keys: keys::sources(settings.keys.as_ref(), &keys::HUAWEI),
        };
        for service in [Service::IdentityStore, Service::IdentityCenter, Service::Iam] {
            if let Some(address) = requests.override_of(service) {
                requests.base(address)?;
            }
        }
        Ok(requests)
    }

    /// A page of instances.
    pub fn instances(&self, marker: Option<&str>) -> Result<Outgoing> {
        let mut pairs = vec![("limit", "100")];
        pairs.extend(marker.map(|marker| ("marker", marker)));
        self.make(Service::IdentityCenter, "GET", &["v1", "instances"], &pairs, None)
    }

    /// Is provisioning on?
    pub fn tenants(&self) -> Result<Outgoing> {
        self.store("GET", &["provision-tenant"])
    }

    /// Switches provisioning on.
    pub fn create_tenant(&self) -> Result<Outgoing> {
        self.store("POST", &["provision-tenant"])
    }

    /// Switches provisioning off.
    pub fn delete_tenant(&self, tenant_id: &str) -> Result<Outgoing> {
        self.store("DELETE", &["tenant", tenant_id])
    }

    /// The tokens of a tenant.
    pub fn tokens(&self, tenant_id: &str) -> Result<Outgoing> {
        self.store("GET", &["tenant", tenant_id, "bearer-token"])
    }

    /// A new token.
    pub fn create_token(&self, tenant_id: &str) -> Result<Outgoing> {
        self.store("POST", &["tenant", tenant_id, "bearer-token"])
    }

    /// Removes a token.
    pub fn delete_token(&self, tenant_id: &str, token_id: &str) -> Result<Outgoing> {
        self.store("DELETE", &["tenant", tenant_id, "bearer-token", token_id])
    }

    /// The identity providers.
    pub fn providers(&self) -> Result<Outgoing> {
        self.federation("GET", &["identity_providers"], None)
    }

    /// One identity provider.
    pub fn provider(&self, id: &str) -> Result<Outgoing> {
        self.federation("GET", &["identity_providers", id], None)
    }

    /// Makes an identity provider.
    pub fn create_provider(&self, id: &str, fields: &ProviderFields) -> Result<Outgoing> {
        let mut body = provider_body(fields);
        if let Some(sso_type) = fields.sso_type {
            body["sso_type"] = json!(sso_type.as_str());
        }
        self.federation(
            "PUT",
            &["identity_providers", id],
            Some(json!({ "identity_provider": body })),
        )
    }

    /// Changes an identity provider; `sso_type` cannot be changed and is not sent.
    pub fn update_provider(&self, id: &str, fields: &ProviderFields) -> Result<Outgoing> {
        let body = json!({ "identity_provider": provider_body(fields) });
        self.federation("PATCH", &["identity_providers", id], Some(body))
    }

    /// Removes an identity provider.
    pub fn delete_provider(&self, id: &str) -> Result<Outgoing> {
        self.federation("DELETE", &["identity_providers", id], None)
    }

    /// The protocols of a provider.
    pub fn protocols(&self, provider: &str) -> Result<Outgoing> {
        self.federation("GET", &["identity_providers", provider, "protocols"], None)
    }

    /// One protocol.
    pub fn protocol(&self, provider: &str, id: &str) -> Result<Outgoing> {
        self.federation("GET", &["identity_providers", provider, "protocols", id], None)
    }

    /// Makes a protocol; without `mapping_id` only for a provider of [`SsoType::IamUser`].
    pub fn create_protocol(&self, provider: &str, id: &str, mapping_id: Option<&str>) -> Result<Outgoing> {
        let path = ["identity_providers", provider, "protocols", id];
        self.federation("PUT", &path, Some(protocol_body(mapping_id)))
    }

    /// Changes a protocol's mapping.
    pub fn update_protocol(&self, provider: &str, id: &str, mapping_id: Option<&str>) -> Result<Outgoing> {
        let path = ["identity_providers", provider, "protocols", id];
        self.federation("PATCH", &path, Some(protocol_body(mapping_id)))
    }

    /// Removes a protocol.
    pub fn delete_protocol(&self, provider: &str, id: &str) -> Result<Outgoing> {
        self.federation("DELETE", &["identity_providers", provider, "protocols", id], None)
    }

    /// The mappings.
    pub fn mappings(&self) -> Result<Outgoing> {
        self.federation("GET", &["mappings"], None)
    }

    /// One mapping.
    pub fn mapping(&self, id: &str) -> Result<Outgoing> {
        self.federation("GET", &["mappings", id], None)
    }

    /// Makes a mapping; `rules` is the array.
    pub fn create_mapping(&self, id: &str, rules: &Json) -> Result<Outgoing> {
        self.federation("PUT", &["mappings", id], Some(json!({ "mapping": { "rules": rules } })))
    }

    /// Changes a mapping.
    pub fn update_mapping(&self, id: &str, rules: &Json) -> Result<Outgoing> {
        let body = json!({ "mapping": { "rules": rules } });
        self.federation("PATCH", &["mappings", id], Some(body))
    }

    /// Removes a mapping.
    pub fn delete_mapping(&self, id: &str) -> Result<Outgoing> {
        self.federation("DELETE", &["mappings", id], None)
    }

    /// What a request of this scheme is sent with.
    pub(super) fn credentials(&self, scheme: Scheme) -> Result<Credentials> {
        match (scheme, &self.settings.auth_token) {
            (Scheme::HuaweiToken, Some(source)) => keys::value(source, "auth_token").map(Credentials::Token),
            _ => keys::read(&self.keys, &keys::HUAWEI).map(Credentials::Keys),
        }
    }

    fn store(&self, method: &'static str, rest: &[&str]) -> Result<Outgoing> {
        let id = self.settings.identity_store_id.as_deref().ok_or_else(|| {
            CloudError::Settings(
                "the id of the identity store is needed: [cloud.huawei] identity_store_id, or --identity-store-id; \
                 `scimward cloud huawei instance list` finds it"
                    .into(),
            )
        })?;
        let path: Vec<&str> = ["v1", "identity-stores", id]
            .into_iter()
            .chain(rest.iter().copied())
            .collect();
        self.make(Service::IdentityStore, method, &path, &[], None)
    }

    fn federation(&self, method: &'static str, rest: &[&str], body: Option<Json>) -> Result<Outgoing> {
        let path: Vec<&str> = ["v3", "OS-FEDERATION"]
            .into_iter()
            .chain(rest.iter().copied())
            .collect();
        self.make(Service::Iam, method, &path, &[], body)
    }

    fn make(
        &self,
        service: Service,
        method: &'static str,
        path: &[&str],
        pairs: &[(&str, &str)],
        body: Option<Json>,
    ) -> Result<Outgoing> {
        if let Some(empty) = path.iter().find(|segment| matches!(**segment, "" | "." | "..")) {
            return Err(CloudError::Settings(format!(
                "{empty:?} can be no id and no name; `list` shows what is there"
            )));
        }
        let path: Vec<String> = path.iter().map(|segment| encode::part(segment)).collect();
        let mut url = self.base(&self.host(service)?)?;
        url.set_path(&format!("{}{}", url.path(), path.join("/")));
        if !pairs.is_empty() {
            url.set_query(Some(&encode::query(pairs)));
        }
        let charset = if service == Service::Iam { ";charset=utf-8" } else { "" };
        let mut headers = vec![("Content-Type".to_owned(), format!("application/json{charset}"))];
        let scheme = match (service, &self.settings.auth_token) {
            (Service::Iam, Some(_)) => Scheme::HuaweiToken,
            _ => Scheme::Huawei {
                temporary: self.keys.security_token.is_some(),
            },
        };
        let account = match (service, scheme) {
            (_, Scheme::HuaweiToken) => None,
            (Service::IdentityStore, _) => self.settings.project_id.as_ref().map(|id| ("X-Project-Id", id)),
            _ => self.settings.domain_id.as_ref().map(|id| ("X-Domain-Id", id)),
        };
        headers.extend(account.map(|(name, id)| (name.to_owned(), id.clone())));
        Ok(Outgoing {
            method,
            url,
            headers,
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
            scheme,
            effect: match method {
                "GET" => Effect::Reads,
                "POST" | "PUT" => Effect::Creates,
                _ => Effect::Sets,
            },
        })
    }

    fn override_of(&self, service: Service) -> Option<&str> {
        let endpoints = &self.settings.endpoints;
        match service {
            Service::IdentityStore => endpoints.identitystore.as_deref(),
            Service::IdentityCenter => endpoints.identitycenter.as_deref(),
            Service::Iam => endpoints.iam.as_deref(),
        }
    }

    fn host(&self, service: Service) -> Result<String> {
        if let Some(address) = self.override_of(service) {
            return Ok(address.to_owned());
        }
        Ok(match service {
            Service::IdentityStore => format!("https://identitystore.{}.myhuaweicloud.com/", self.region()?),
            Service::IdentityCenter => "https://identitycenter.myhuaweicloud.com/".to_owned(),
            Service::Iam => "https://iam.myhuaweicloud.com/".to_owned(),
        })
    }

    fn region(&self) -> Result<&str> {
        let region = self.settings.region.as_deref().ok_or_else(|| {
            CloudError::Settings(
                "the region is needed: [cloud.huawei] region, or --region; the address of the SCIM endpoint has it"
                    .into(),
            )
        })?;
        if region::is_known(region, &region::HUAWEI) {
            return Ok(region);
        }
        let known: Vec<&str> = region::HUAWEI.iter().map(|(id, _)| *id).collect();
        Err(CloudError::Settings(format!(
            "{region:?} is not a region known to have IAM Identity Center ({}); if it is a new one, give the host with \
             --endpoint or [cloud.huawei] endpoints",
            known.join(", ")
        )))
    }

    fn base(&self, address: &str) -> Result<Url> {
        address::base(address, self.settings.allow_plaintext, "[cloud.huawei]")
    }
}

/// Where to look when what was asked for is wrong or not there, and the answer does not say more.
pub(super) fn where_to_look(outgoing: &Outgoing) -> Option<&'static str> {
    let path = outgoing.url.path();
    if path.contains("/identity-stores/") {
        Some("check region and ids: `scimward cloud huawei instance list` shows identity_store_id")
    } else if path.contains("/protocols/") {
        Some(
            "a protocol needs its provider, and its mapping: `scimward cloud huawei idp list` and `idp mapping list` show \
             what is there",
        )
    } else {
        None
    }
}

fn provider_body(fields: &ProviderFields) -> Json {
    let mut body = json!({});
    if let Some(description) = &fields.description {
        body["description"] = json!(description);
    }
    if let Some(enabled) = fields.enabled {
        body["enabled"] = json!(enabled);
    }
    body
}

fn protocol_body(mapping_id: Option<&str>) -> Json {
    match mapping_id {
        Some(mapping_id) => json!({ "protocol": { "mapping_id": mapping_id } }),
        None => json!({ "protocol": {} }),
    }
}

impl SsoType {
    /// As the provider writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VirtualUser => "virtual_user_sso",
            Self::IamUser => "iam_user_sso",
        }
    }
}
