//! Alibaba Cloud CloudSSO: directories, the SCIM switch, SCIM credentials.

mod request;
mod sign;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::Value as Json;

pub use self::request::Requests;
use super::{
    CloudError, IssuedToken, Outgoing, Result, TokenAuthority, encode,
    refusal::Cloud,
    send::{Credentials, Received, Sender, text, time},
    settings::AlibabaSettings,
    transport::{Carry, Network, Signed},
};

/// A directory; an account has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// `d-…`
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// Where it is.
    pub region: Option<String>,
    /// When it was made.
    pub created: Option<DateTime<Utc>>,
}

/// Whether SCIM synchronisation is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncStatus {
    /// People and groups come by SCIM, and only so.
    Enabled,
    /// Nothing can be pushed.
    Disabled,
}

impl SyncStatus {
    /// As the provider writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
        }
    }
}

/// What switching came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switched {
    /// Read before.
    pub before: SyncStatus,
    /// Read after.
    pub after: SyncStatus,
}

/// The client. Cheap to clone.
#[derive(Clone)]
pub struct Alibaba {
    requests: Requests,
    sender: Sender,
}

impl Alibaba {
    /// Checks the settings. Keys are read with each request.
    ///
    /// # Errors
    /// [`CloudError::Settings`] for what can be told without asking anybody.
    pub fn new(settings: &AlibabaSettings) -> Result<Self> {
        let network = Network::new(settings.ca_file.as_deref())?;
        Self::over(settings, Arc::new(network))
    }

    /// The same over something else than the network.
    pub(in crate::cloud) fn over(settings: &AlibabaSettings, carry: Arc<dyn Carry>) -> Result<Self> {
        Ok(Self {
            requests: Requests::new(settings)?,
            sender: Sender {
                cloud: Cloud::Alibaba,
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

    /// Every directory of the account in this region.
    pub async fn directories(&self) -> Result<Vec<Directory>> {
        let received = self.send(self.requests.directories()).await?;
        let directories = received.array("Directories")?;
        let read = |directory: &Json| {
            Ok(Directory {
                id: received.need(directory, "DirectoryId")?,
                name: text(directory, "DirectoryName"),
                region: text(directory, "Region"),
                created: time(directory, "CreateTime"),
            })
        };
        directories.iter().map(read).collect()
    }

    /// Whether synchronisation is on.
    pub async fn status(&self) -> Result<SyncStatus> {
        let received = self.send(self.requests.status()?).await?;
        let answer = Json::Object(received.object()?);
        read_status(&received, &received.need(&answer, "SCIMSynchronizationStatus")?)
    }

    /// Switches it, and reads it before and after; what is as wanted is left alone.
    ///
    /// # Errors
    /// Also when it is not as wanted afterwards.
    pub async fn set_status(&self, status: SyncStatus) -> Result<Switched> {
        let before = self.status().await?;
        if before == status {
            return Ok(Switched { before, after: before });
        }
        let received = self.send(self.requests.set_status(status)?).await?;
        let after = self.status().await?;
        if after == status {
            return Ok(Switched { before, after });
        }
        Err(received.wrong(format!(
            "it said yes, but the status is {} and not {}; look at the console",
            after.as_str(),
            status.as_str()
        )))
    }

    /// The credentials of the directory.
    pub async fn credentials(&self) -> Result<Vec<IssuedToken>> {
        let received = self.send(self.requests.credentials()?).await?;
        let credentials = received.array("SCIMServerCredentials")?;
        credentials
            .iter()
            .map(|credential| read_credential(&received, credential))
            .collect()
    }

    /// Switches a credential on or off.
    pub async fn set_credential(&self, id: &str, enabled: bool) -> Result<IssuedToken> {
        let received = self.send(self.requests.set_credential(id, enabled)?).await?;
        read_credential(&received, &received.inner("SCIMServerCredential")?)
    }

    async fn send(&self, outgoing: Outgoing) -> Result<Received> {
        self.sender.send(&outgoing, &self.requests.read_keys()?).await
    }
}

/// SCIM credentials are the tokens.
impl TokenAuthority for Alibaba {
    async fn list(&self) -> Result<Vec<IssuedToken>> {
        self.credentials().await
    }

    async fn ask(&self) -> Result<(IssuedToken, SecretString)> {
        let received = self.send(self.requests.create_credential()?).await?;
        let made = received.inner("SCIMServerCredential")?;
        let text = SecretString::from(received.need(&made, "CredentialSecret")?);
        Ok((read_credential(&received, &made)?, text))
    }

    async fn delete(&self, id: &str) -> Result<()> {
        match self.send(self.requests.delete_credential(id)?).await {
            Err(error) if is_gone(&error) => Ok(()),
            answer => answer.map(drop),
        }
    }

    async fn suspend(&self, id: &str) -> Result<bool> {
        self.set_credential(id, false).await.map(|_| true)
    }

    async fn resume(&self, id: &str) -> Result<()> {
        self.set_credential(id, true).await.map(drop)
    }
}

/// Not any 404: a wrong access key or directory is one too.
fn is_gone(error: &CloudError) -> bool {
    let code = error.refusal().and_then(|refusal| refusal.code.as_deref());
    code.is_some_and(|code| code.starts_with("EntityNotExists.SCIM"))
}

fn signed(outgoing: &Outgoing, credentials: &Credentials, now: DateTime<Utc>) -> Result<Signed> {
    let Credentials::Keys(keys) = credentials else {
        return Err(CloudError::Keys("an access key is needed".into()));
    };
    Ok(sign::sign(outgoing, keys, now, &encode::nonce()?))
}

fn read_status(received: &Received, text: &str) -> Result<SyncStatus> {
    let known = [SyncStatus::Enabled, SyncStatus::Disabled];
    let found = known.into_iter().find(|status| status.as_str() == text);
    found.ok_or_else(|| received.wrong("it has a status that is neither Enabled nor Disabled"))
}

fn read_credential(received: &Received, credential: &Json) -> Result<IssuedToken> {
    let status = read_status(received, &received.need(credential, "Status")?)?;
    Ok(IssuedToken {
        id: received.need(credential, "CredentialId")?,
        created: time(credential, "CreateTime"),
        expires: time(credential, "ExpireTime"),
        enabled: status == SyncStatus::Enabled,
    })
}

#[cfg(test)]
mod tests;
