//! What the control planes' clients need to know, checked already. Secrets are named by their sources.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::keys;
use crate::secret::SecretSource;

/// `[cloud]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloudSettings {
    /// `[cloud.huawei]`
    pub huawei: Option<HuaweiSettings>,
    /// `[cloud.alibaba]`
    pub alibaba: Option<AlibabaSettings>,
}

/// The control plane that belongs to a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlPlane<'a> {
    /// Access tokens of a provisioning tenant.
    Huawei(&'a HuaweiSettings),
    /// SCIM credentials of a directory.
    Alibaba(&'a AlibabaSettings),
}

impl ControlPlane<'_> {
    /// Where the access key is read from: as configured, else from the variables of the cloud's own tools.
    #[must_use]
    pub fn key_sources(self) -> KeySources {
        match self {
            Self::Huawei(settings) => keys::sources(settings.keys.as_ref(), &keys::HUAWEI),
            Self::Alibaba(settings) => keys::sources(settings.keys.as_ref(), &keys::ALIBABA),
        }
    }
}

impl CloudSettings {
    /// The control plane of a profile: by its name; a profile from a file of the operator's own takes the only
    /// one there is.
    #[must_use]
    pub fn of_profile(&self, profile: &str) -> Option<ControlPlane<'_>> {
        let huawei = self.huawei.as_ref().map(ControlPlane::Huawei);
        let alibaba = self.alibaba.as_ref().map(ControlPlane::Alibaba);
        match (profile, huawei, alibaba) {
            ("huawei", huawei, _) => huawei,
            ("alibaba", _, alibaba) => alibaba,
            (path, Some(only), None) | (path, None, Some(only)) if path.contains('/') => Some(only),
            _ => None,
        }
    }
}

/// An access key, its secret, and the token that goes with a temporary pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySources {
    /// Access key id (AK).
    pub access_key: SecretSource,
    /// Secret access key (SK).
    pub secret_key: SecretSource,
    /// With temporary credentials only.
    pub security_token: Option<SecretSource>,
}

/// `[cloud.huawei]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HuaweiSettings {
    /// Decides the host of the identity store.
    pub region: Option<String>,
    /// `d-` and ten more characters.
    pub identity_store_id: Option<String>,
    /// Without them `HUAWEICLOUD_SDK_AK`, `HUAWEICLOUD_SDK_SK` and `HUAWEICLOUD_SDK_SECURITY_TOKEN` are read.
    pub keys: Option<KeySources>,
    /// `X-Auth-Token`, in place of a signature, for identity providers only.
    pub auth_token: Option<SecretSource>,
    /// `X-Project-Id` of the identity store.
    pub project_id: Option<String>,
    /// `X-Domain-Id` of identity center and IAM.
    pub domain_id: Option<String>,
    /// Hosts in place of the usual ones.
    pub endpoints: HuaweiEndpoints,
    /// PEM bundle in place of the system's roots.
    pub ca_file: Option<PathBuf>,
    /// Allow `http://` to hosts that are not loopback.
    pub allow_plaintext: bool,
}

/// Addresses in place of the usual ones, each with one slash at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HuaweiEndpoints {
    /// Provisioning tenants and access tokens.
    pub identitystore: Option<String>,
    /// Instances.
    pub identitycenter: Option<String>,
    /// Identity providers.
    pub iam: Option<String>,
}

/// `[cloud.alibaba]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlibabaSettings {
    /// Decides the host.
    pub region: Option<String>,
    /// `d-…`
    pub directory_id: Option<String>,
    /// Without them `ALIBABA_CLOUD_ACCESS_KEY_ID`, `ALIBABA_CLOUD_ACCESS_KEY_SECRET` and
    /// `ALIBABA_CLOUD_SECURITY_TOKEN` are read.
    pub keys: Option<KeySources>,
    /// An address in place of the usual one, with one slash at its end.
    pub endpoint: Option<String>,
    /// PEM bundle in place of the system's roots.
    pub ca_file: Option<PathBuf>,
    /// Allow `http://` to hosts that are not loopback.
    pub allow_plaintext: bool,
}

/// What the configuration says of the SCIM token's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenLife {
    /// `[scim] token_expires`; a day without a time means its first moment in UTC.
    pub expires: Option<DateTime<Utc>>,
    /// `[scim] rotate_before_days`: the daemon renews the token this many days before it expires. Only with a
    /// token in a file and a [`ControlPlane`] for the profile.
    pub rotate_before_days: Option<u32>,
}
