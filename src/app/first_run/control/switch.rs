//! The switch: provisioning on, and a token.

use secrecy::SecretString;
use tokio::runtime::Handle;

use super::access::{Access, Client};
use crate::cloud::{self, CloudError, IssuedToken, TokenAuthority, alibaba::SyncStatus};

/// What is to be done at the end.
pub(in crate::app::first_run) struct Switch {
    pub(super) access: Access,
    pub(super) client: Client,
    /// Where people go, when the cloud does not tell it.
    pub(super) endpoint: Option<String>,
    pub(super) is_on: bool,
    /// Ids of the tokens that were there before.
    pub(super) earlier: Vec<String>,
}

/// What came of it.
pub(in crate::app::first_run) struct Made {
    pub(in crate::app::first_run) endpoint: String,
    pub(in crate::app::first_run) token: IssuedToken,
    pub(in crate::app::first_run) text: SecretString,
}

/// What came of it when there is no token.
pub(in crate::app::first_run) struct Unfinished {
    /// Why.
    pub(in crate::app::first_run) error: CloudError,
    /// What became of the switch before that.
    pub(in crate::app::first_run) left: Left,
}

/// What a first run has done to provisioning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app::first_run) enum Left {
    /// Nothing.
    AsItWas,
    /// Switched it on.
    On,
    /// That it be switched on was asked for, and nobody says whether it is.
    PerhapsOn,
}

impl Switch {
    /// What it is going to do, for a list.
    pub(in crate::app::first_run) fn words(&self) -> &'static str {
        match self.is_on {
            true => "provisioning is on already; a new token is made",
            false => "provisioning is switched on, and a token is made",
        }
    }

    /// What has become of provisioning once it is on.
    pub(in crate::app::first_run) fn left(&self) -> Left {
        match self.is_on {
            true => Left::AsItWas,
            false => Left::On,
        }
    }

    /// Whether the operator says where people go.
    pub(in crate::app::first_run) fn asks_for_endpoint(&self) -> bool {
        self.endpoint.is_some()
    }

    /// Ids of the tokens that were there before.
    pub(in crate::app::first_run) fn earlier(&self) -> &[String] {
        &self.earlier
    }

    /// What deletes a token.
    pub(in crate::app::first_run) fn delete_command(&self, id: &str) -> String {
        delete_command(&self.access, id)
    }

    /// What switches provisioning off.
    pub(in crate::app::first_run) fn off_command(&self) -> String {
        self.access.command(self.access.provider.names().switch_off)
    }

    /// Does it.
    pub(in crate::app::first_run) fn flip(&self, runtime: &Handle) -> Result<Made, Unfinished> {
        let after = |error| Unfinished {
            error,
            left: self.left(),
        };
        runtime.block_on(async {
            // Nothing is asked for yet; from here on a failure may come too late.
            let was_on = self.client.is_on().await.map_err(|error| Unfinished {
                error,
                left: Left::AsItWas,
            })?;
            let (endpoint, (token, text)) = match &self.client {
                Client::Huawei(huawei) => {
                    let (tenant, _) = match huawei.enable().await {
                        Ok(enabled) => enabled,
                        Err(error) => return Err(self.not_on(error, was_on).await),
                    };
                    let made = huawei.tokens_of(&tenant.tenant_id).create().await;
                    (tenant.scim_endpoint, made.map_err(after)?)
                }
                Client::Alibaba(alibaba) => {
                    if let Err(error) = alibaba.set_status(SyncStatus::Enabled).await {
                        return Err(self.not_on(error, was_on).await);
                    }
                    let made = alibaba.create().await.map_err(after)?;
                    (self.endpoint.clone().unwrap_or_default(), made)
                }
            };
            Ok(Made { endpoint, token, text })
        })
    }

    /// An `error` of switching on says little of the switch: it may be that of the look after it.
    async fn not_on(&self, error: CloudError, was_on: bool) -> Unfinished {
        let left = match self.client.is_on().await {
            _ if was_on => Left::AsItWas,
            Ok(true) => Left::On,
            // What was asked for without an answer may still come.
            Ok(false) if !error.is_doubtful() => Left::AsItWas,
            Ok(false) | Err(_) => Left::PerhapsOn,
        };
        Unfinished { error, left }
    }

    /// Deletes a token that has no place.
    pub(in crate::app::first_run) fn take_back(&self, token: &IssuedToken, runtime: &Handle) -> cloud::Result<()> {
        runtime.block_on(async {
            match &self.client {
                Client::Huawei(huawei) => huawei.tokens().await?.delete(&token.id).await,
                Client::Alibaba(alibaba) => alibaba.delete(&token.id).await,
            }
        })
    }
}

pub(super) fn delete_command(access: &Access, id: &str) -> String {
    access.command(&access.provider.names().delete(id))
}
