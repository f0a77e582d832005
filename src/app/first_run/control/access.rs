//! An access key, and the control plane that it opens.

use std::path::PathBuf;

use super::{
    super::answers::{Control, Renewal, Secret},
    provider::Provider,
};
use crate::{
    app::toml_text::{quoted, quoted_path},
    cloud::{
        self, Alibaba, Huawei, IssuedToken, TokenAuthority,
        alibaba::SyncStatus,
        settings::{AlibabaSettings, HuaweiEndpoints, HuaweiSettings, KeySources},
    },
    secret::{shell_path, shell_word},
};

/// Access key and secret.
pub(super) type KeyPair = (Secret, Secret);

/// An access key, and what it is used on.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) provider: Provider,
    pub(super) region: Option<String>,
    pub(super) instance: Option<String>,
    /// Of the control plane, in place of the region's.
    pub(super) endpoint: Option<String>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) keys: KeyPair,
    /// With a temporary key only.
    pub(super) security_token: Option<Secret>,
}

/// Whoever asks the control plane.
pub(super) enum Client {
    Huawei(Huawei),
    Alibaba(Alibaba),
}

/// What there is before anything is done.
pub(super) struct Seen {
    /// Provisioning is switched on.
    pub(super) is_on: bool,
    /// Where SCIM is spoken, as far as the cloud tells it.
    pub(super) endpoint: Option<String>,
    pub(super) tokens: Vec<IssuedToken>,
}

impl Access {
    pub(super) fn client(&self, keys: KeySources) -> cloud::Result<Client> {
        let (region, keys, ca_file) = (self.region.clone(), Some(keys), self.ca_file.clone());
        match self.provider {
            Provider::Huawei => Huawei::new(&HuaweiSettings {
                region,
                identity_store_id: self.instance.clone(),
                keys,
                endpoints: HuaweiEndpoints {
                    identitystore: self.endpoint.clone(),
                    identitycenter: self.endpoint.clone(),
                    iam: None,
                },
                ca_file,
                ..HuaweiSettings::default()
            })
            .map(Client::Huawei),
            Provider::Alibaba => Alibaba::new(&AlibabaSettings {
                region,
                directory_id: self.instance.clone(),
                keys,
                endpoint: self.endpoint.clone(),
                ca_file,
                ..AlibabaSettings::default()
            })
            .map(Client::Alibaba),
        }
    }

    /// The table of the configuration. `days` before its end the daemon renews the token, if it does.
    pub(super) fn control(&self, days: Option<&str>) -> Control {
        let text = |text: &Option<String>| text.as_deref().map(quoted);
        let (endpoint, address) = match self.provider {
            Provider::Huawei => {
                let both = |url| format!("{{ identitystore = {url}, identitycenter = {url} }}");
                ("endpoints", text(&self.endpoint).map(both))
            }
            Provider::Alibaba => ("endpoint", text(&self.endpoint)),
        };
        let lines = [
            ("region", text(&self.region)),
            (self.provider.instance_key(), text(&self.instance)),
            (endpoint, address),
            ("ca_file", self.ca_file.as_deref().map(quoted_path)),
        ];
        let lines = lines.into_iter().filter_map(|(key, value)| Some((key, value?)));
        Control {
            provider: self.provider.name().to_owned(),
            lines: lines.collect(),
            renewal: days.map(|days| Renewal {
                keys: self.keys.clone(),
                days: days.to_owned(),
            }),
        }
    }

    /// `scimward cloud …` for just this place, as it has to be typed. Keys that are in no file come from the
    /// environment.
    pub(super) fn command(&self, words: &str) -> String {
        let text = |text: &Option<String>| text.as_deref().map(shell_word);
        let file = |path: &PathBuf| Some(shell_path(path));
        let of_key = |secret: Option<&Secret>| match secret {
            Some(Secret::File(path)) => file(path),
            _ => None,
        };
        let (access, secret) = &self.keys;
        let instance = format!("--{}", self.provider.instance_key().replace('_', "-"));
        let options = [
            // The other address says where it is, as far as the commands go.
            ("--region", text(&self.region).filter(|_| self.endpoint.is_none())),
            (&*instance, text(&self.instance)),
            ("--endpoint", text(&self.endpoint)),
            ("--ca-file", self.ca_file.as_ref().and_then(file)),
            ("--access-key-file", of_key(Some(access))),
            ("--secret-key-file", of_key(Some(secret))),
            ("--security-token-file", of_key(self.security_token.as_ref())),
        ];
        let options = options
            .into_iter()
            .filter_map(|(option, value)| Some(format!(" {option} {}", value?)));
        format!(
            "scimward cloud {} {words}{}",
            self.provider.name(),
            options.collect::<String>()
        )
    }
}

impl Client {
    /// What there is, by id and name.
    pub(super) async fn instances(&self) -> cloud::Result<Vec<(String, String)>> {
        Ok(match self {
            Self::Huawei(huawei) => {
                let instances = huawei.instances().await?.into_iter();
                instances
                    .map(|one| (one.identity_store_id, one.alias.unwrap_or_default()))
                    .collect()
            }
            Self::Alibaba(alibaba) => {
                let directories = alibaba.directories().await?.into_iter();
                directories.map(|one| (one.id, one.name.unwrap_or_default())).collect()
            }
        })
    }

    /// Whether provisioning is switched on.
    pub(super) async fn is_on(&self) -> cloud::Result<bool> {
        Ok(match self {
            Self::Huawei(huawei) => !huawei.tenants().await?.is_empty(),
            Self::Alibaba(alibaba) => alibaba.status().await? == SyncStatus::Enabled,
        })
    }

    /// Looks, and changes nothing.
    pub(super) async fn look(&self) -> cloud::Result<Seen> {
        Ok(match self {
            Self::Huawei(huawei) => match huawei.tenants().await?.into_iter().next() {
                Some(tenant) => Seen {
                    is_on: true,
                    tokens: huawei.tokens_of(&tenant.tenant_id).list().await?,
                    endpoint: Some(tenant.scim_endpoint),
                },
                None => Seen {
                    is_on: false,
                    endpoint: None,
                    tokens: Vec::new(),
                },
            },
            Self::Alibaba(alibaba) => Seen {
                is_on: alibaba.status().await? == SyncStatus::Enabled,
                endpoint: None,
                tokens: alibaba.list().await?,
            },
        })
    }
}
