//! What a request asks for, by method and path.

use super::{Message, refusal::Refusal};
use crate::sandbox::control::sign::decoded;

/// The service behind a path; each has its own way to say no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// `identitystore` and `identitycenter`.
    Store,
    /// `iam`.
    Iam,
}

/// One operation, and the ids in its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Instances,
    Associations(String),
    Summary(String),
    Enable(String),
    Tenants(String),
    Disable(String, String),
    NewToken(String, String),
    Tokens(String, String),
    DeleteToken(String, String, String),
    /// A token by password. Who asks for one has nothing to sign with yet.
    NewAuthToken,
    Federation(Place),
    /// The OIDC configuration of a provider. Its path has a hyphen where the others have an underscore.
    Oidc(String),
}

/// Something in IAM's federation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Providers,
    Provider(String),
    Protocols(String),
    Protocol(String, String),
    Mappings,
    Mapping(String),
    Metadata(String, String),
}

impl Call {
    pub(super) fn of(message: &Message) -> Result<Self, Refusal> {
        let segments: Option<Vec<String>> = message
            .path
            .split('/')
            .skip(1)
            .map(|segment| String::from_utf8(decoded(segment)).ok())
            .collect();
        let segments = segments.ok_or_else(Refusal::no_api)?;
        if segments.iter().any(String::is_empty) {
            return Err(Refusal::no_api());
        }
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let call = match (message.method.as_str(), segments.as_slice()) {
            ("GET", ["v1", "instances"]) => Self::Instances,
            ("GET", ["v1", "instances", instance, "identity-store-associations"]) => {
                Self::Associations(owned(instance))
            }
            (method, ["v1", "identity-stores", store, below @ ..]) => {
                Self::in_store(method, owned(store), below).ok_or_else(Refusal::no_api)?
            }
            ("POST", ["v3", "auth", "tokens"]) => Self::NewAuthToken,
            (
                _,
                [
                    "v3.0",
                    "OS-FEDERATION",
                    "identity-providers",
                    provider,
                    "openid-connect-config",
                ],
            ) => Self::Oidc(owned(provider)),
            (
                _,
                [
                    "v3-ext",
                    "OS-FEDERATION",
                    "identity_providers",
                    provider,
                    "protocols",
                    protocol,
                    "metadata",
                ],
            ) => Self::Federation(Place::Metadata(owned(provider), owned(protocol))),
            (_, ["v3", "OS-FEDERATION", below @ ..]) => Self::Federation(Place::of(below).ok_or_else(Refusal::no_api)?),
            _ => return Err(Refusal::no_api()),
        };
        Ok(call)
    }

    fn in_store(method: &str, store: String, below: &[&str]) -> Option<Self> {
        let call = match (method, below) {
            ("GET", ["identity-store-summary"]) => Self::Summary(store),
            ("POST", ["provision-tenant"]) => Self::Enable(store),
            ("GET", ["provision-tenant"]) => Self::Tenants(store),
            // Not `provision-tenant` here.
            ("DELETE", ["tenant", tenant]) => Self::Disable(store, owned(tenant)),
            ("POST", ["tenant", tenant, "bearer-token"]) => Self::NewToken(store, owned(tenant)),
            ("GET", ["tenant", tenant, "bearer-token"]) => Self::Tokens(store, owned(tenant)),
            ("DELETE", ["tenant", tenant, "bearer-token", token]) => {
                Self::DeleteToken(store, owned(tenant), owned(token))
            }
            _ => return None,
        };
        Some(call)
    }

    pub(super) fn service(&self) -> Service {
        match self {
            Self::NewAuthToken | Self::Federation(_) | Self::Oidc(_) => Service::Iam,
            _ => Service::Store,
        }
    }
}

impl Place {
    fn of(below: &[&str]) -> Option<Self> {
        let place = match below {
            ["identity_providers"] => Self::Providers,
            ["identity_providers", id] => Self::Provider(owned(id)),
            ["identity_providers", id, "protocols"] => Self::Protocols(owned(id)),
            ["identity_providers", id, "protocols", protocol] => Self::Protocol(owned(id), owned(protocol)),
            ["mappings"] => Self::Mappings,
            ["mappings", id] => Self::Mapping(owned(id)),
            _ => return None,
        };
        Some(place)
    }
}

fn owned(segment: &&str) -> String {
    (*segment).to_owned()
}
