//! The requests, made without asking anybody: RPC style, every parameter in the query.

use reqwest::Url;

use super::SyncStatus;
use crate::cloud::{
    CloudError, Effect, Outgoing, Result, Scheme, address, encode, keys, region,
    send::Credentials,
    settings::{AlibabaSettings, KeySources},
};

/// Of the interface.
const VERSION: &str = "2021-05-15";

/// What can be asked. An id that only an answer tells is given as `{name}` in a dry run.
#[derive(Clone)]
pub struct Requests {
    settings: AlibabaSettings,
    keys: KeySources,
    base: Url,
}

impl Requests {
    pub(super) fn new(settings: &AlibabaSettings) -> Result<Self> {
        let address = match &settings.endpoint {
            Some(address) => address.clone(),
            None => format!("https://cloudsso.{}.aliyuncs.com/", region(settings)?),
        };
        Ok(Self {
            base: address::base(&address, settings.allow_plaintext, "[cloud.alibaba]")?,
            settings: settings.clone(),
            keys: keys::sources(settings.keys.as_ref(), &keys::ALIBABA),
        })
    }

    /// The directories.
    pub fn directories(&self) -> Outgoing {
        self.make("ListDirectories", Effect::Reads, &[])
    }

    /// Is synchronisation on?
    pub fn status(&self) -> Result<Outgoing> {
        self.of_directory("GetSCIMSynchronizationStatus", Effect::Reads, &[])
    }

    /// Switches synchronisation.
    pub fn set_status(&self, status: SyncStatus) -> Result<Outgoing> {
        let pairs = [("SCIMSynchronizationStatus", status.as_str())];
        self.of_directory("SetSCIMSynchronizationStatus", Effect::Sets, &pairs)
    }

    /// The credentials.
    pub fn credentials(&self) -> Result<Outgoing> {
        self.of_directory("ListSCIMServerCredentials", Effect::Reads, &[])
    }

    /// A new credential.
    pub fn create_credential(&self) -> Result<Outgoing> {
        self.of_directory("CreateSCIMServerCredential", Effect::Creates, &[])
    }

    /// Switches a credential.
    pub fn set_credential(&self, id: &str, enabled: bool) -> Result<Outgoing> {
        let status = if enabled {
            SyncStatus::Enabled
        } else {
            SyncStatus::Disabled
        };
        let pairs = [("CredentialId", id), ("NewStatus", status.as_str())];
        self.of_directory("UpdateSCIMServerCredentialStatus", Effect::Sets, &pairs)
    }

    /// Removes a credential.
    pub fn delete_credential(&self, id: &str) -> Result<Outgoing> {
        self.of_directory("DeleteSCIMServerCredential", Effect::Sets, &[("CredentialId", id)])
    }

    pub(super) fn read_keys(&self) -> Result<Credentials> {
        keys::read(&self.keys, &keys::ALIBABA).map(Credentials::Keys)
    }

    fn of_directory(&self, action: &str, effect: Effect, pairs: &[(&str, &str)]) -> Result<Outgoing> {
        let id = self.settings.directory_id.as_deref().ok_or_else(|| {
            CloudError::Settings(
                "the id of the directory is needed: [cloud.alibaba] directory_id, or --directory-id; \
                 `scimward cloud alibaba directory list` finds it"
                    .into(),
            )
        })?;
        let pairs: Vec<_> = std::iter::once(("DirectoryId", id))
            .chain(pairs.iter().copied())
            .collect();
        Ok(self.make(action, effect, &pairs))
    }

    fn make(&self, action: &str, effect: Effect, pairs: &[(&str, &str)]) -> Outgoing {
        let mut url = self.base.clone();
        if !pairs.is_empty() {
            url.set_query(Some(&encode::query(pairs)));
        }
        let headers = [
            ("Accept", "application/json"),
            ("x-acs-action", action),
            ("x-acs-version", VERSION),
            ("x-acs-content-sha256", &encode::sha256(b"")),
        ];
        Outgoing {
            method: "POST",
            url,
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            body: Vec::new(),
            scheme: Scheme::Alibaba {
                temporary: self.keys.security_token.is_some(),
            },
            effect,
        }
    }
}

fn region(settings: &AlibabaSettings) -> Result<&str> {
    let region = settings.region.as_deref().ok_or_else(|| {
        CloudError::Settings("the region of the directory is needed: [cloud.alibaba] region, or --region".into())
    })?;
    if region::is_known(region, &region::ALIBABA) {
        return Ok(region);
    }
    let known: Vec<&str> = region::ALIBABA.iter().map(|(id, _)| *id).collect();
    Err(CloudError::Settings(format!(
        "{region:?} is not a region known to have CloudSSO ({}); if it is a new one, give the host with --endpoint or \
         [cloud.alibaba] endpoint",
        known.join(", ")
    )))
}
