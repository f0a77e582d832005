//! Whoever gives out the tokens of this configuration.

use secrecy::SecretString;

use crate::cloud::{self, Alibaba, Huawei, IssuedToken, TokenAuthority, settings::ControlPlane};

/// One of the clouds.
pub(super) enum Authority {
    /// Access tokens.
    Huawei(cloud::huawei::Tokens),
    /// SCIM credentials.
    Alibaba(Alibaba),
}

impl Authority {
    /// Finds it.
    ///
    /// # Errors
    /// When the settings do not fit, and when the control plane has to be asked and does not answer.
    pub(super) async fn of(control: ControlPlane<'_>) -> cloud::Result<Self> {
        Ok(match control {
            ControlPlane::Huawei(settings) => Self::Huawei(Huawei::new(settings)?.tokens().await?),
            ControlPlane::Alibaba(settings) => Self::Alibaba(Alibaba::new(settings)?),
        })
    }
}

/// Deliberately without a guess: nobody watches the daemon.
impl TokenAuthority for Authority {
    async fn list(&self) -> cloud::Result<Vec<IssuedToken>> {
        match self {
            Self::Huawei(tokens) => tokens.list().await,
            Self::Alibaba(alibaba) => alibaba.list().await,
        }
    }

    async fn ask(&self) -> cloud::Result<(IssuedToken, SecretString)> {
        match self {
            Self::Huawei(tokens) => tokens.ask().await,
            Self::Alibaba(alibaba) => alibaba.ask().await,
        }
    }

    async fn delete(&self, id: &str) -> cloud::Result<()> {
        match self {
            Self::Huawei(tokens) => tokens.delete(id).await,
            Self::Alibaba(alibaba) => alibaba.delete(id).await,
        }
    }

    fn is_watched(&self) -> bool {
        false
    }

    async fn suspend(&self, id: &str) -> cloud::Result<bool> {
        match self {
            Self::Huawei(tokens) => tokens.suspend(id).await,
            Self::Alibaba(alibaba) => alibaba.suspend(id).await,
        }
    }

    async fn resume(&self, id: &str) -> cloud::Result<()> {
        match self {
            Self::Huawei(tokens) => tokens.resume(id).await,
            Self::Alibaba(alibaba) => alibaba.resume(id).await,
        }
    }

    fn endpoint_tells(&self) -> bool {
        match self {
            Self::Huawei(tokens) => tokens.endpoint_tells(),
            Self::Alibaba(alibaba) => alibaba.endpoint_tells(),
        }
    }
}
