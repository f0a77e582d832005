//! Alibaba Cloud CloudSSO: directories, the SCIM switch, SCIM credentials.

mod request;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

pub use self::request::Requests;
use super::{CloudError, IssuedToken, Result, TokenAuthority, settings::AlibabaSettings};

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
}

impl Alibaba {
    /// Checks the settings. Keys are read with each request.
    ///
    /// # Errors
    /// [`CloudError::Settings`] for what can be told without asking anybody.
    pub fn new(settings: &AlibabaSettings) -> Result<Self> {
        Ok(Self {
            requests: Requests::new(settings)?,
        })
    }

    /// What would be sent.
    #[must_use]
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Every directory of the account in this region.
    pub async fn directories(&self) -> Result<Vec<Directory>> {
        Err(not_yet())
    }

    /// Whether synchronisation is on.
    pub async fn status(&self) -> Result<SyncStatus> {
        Err(not_yet())
    }

    /// Switches it, and reads it before and after; what is as wanted is left alone.
    pub async fn set_status(&self, _status: SyncStatus) -> Result<Switched> {
        Err(not_yet())
    }

    /// The credentials of the directory.
    pub async fn credentials(&self) -> Result<Vec<IssuedToken>> {
        Err(not_yet())
    }

    /// Switches a credential on or off.
    pub async fn set_credential(&self, _id: &str, _enabled: bool) -> Result<IssuedToken> {
        Err(not_yet())
    }
}

/// SCIM credentials are the tokens.
impl TokenAuthority for Alibaba {
    async fn list(&self) -> Result<Vec<IssuedToken>> {
        self.credentials().await
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
