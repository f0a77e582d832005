//! The switch: provisioning on, and a token.

use secrecy::SecretString;
use tokio::runtime::Handle;

use super::{
    access::{Access, Client},
    provider::Provider,
};
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
    /// Provisioning was switched on before that.
    pub(in crate::app::first_run) is_on_now: bool,
}

impl Switch {
    /// What it is going to do, for a list.
    pub(in crate::app::first_run) fn words(&self) -> &'static str {
        match self.is_on {
            true => "provisioning is on already; a new token is made",
            false => "provisioning is switched on, and a token is made",
        }
    }

    /// Whether provisioning was off before.
    pub(in crate::app::first_run) fn turns_on(&self) -> bool {
        !self.is_on
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
        self.access.command(match self.access.provider {
            Provider::Huawei => "tenant disable",
            Provider::Alibaba => "scim disable",
        })
    }

    /// Does it.
    pub(in crate::app::first_run) fn flip(&self, runtime: &Handle) -> Result<Made, Unfinished> {
        let before = |error| Unfinished {
            error,
            is_on_now: false,
        };
        let after = |error| Unfinished {
            error,
            is_on_now: self.turns_on(),
        };
        runtime.block_on(async {
            let (endpoint, (token, text)) = match &self.client {
                Client::Huawei(huawei) => {
                    let (tenant, _) = huawei.enable().await.map_err(before)?;
                    let made = huawei.tokens_of(&tenant.tenant_id).create().await;
                    (tenant.scim_endpoint, made.map_err(after)?)
                }
                Client::Alibaba(alibaba) => {
                    alibaba.set_status(SyncStatus::Enabled).await.map_err(before)?;
                    let made = alibaba.create().await.map_err(after)?;
                    (self.endpoint.clone().unwrap_or_default(), made)
                }
            };
            Ok(Made { endpoint, token, text })
        })
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
    let words = match access.provider {
        Provider::Huawei => "token delete",
        Provider::Alibaba => "credential delete",
    };
    access.command(&format!("{words} {id}"))
}
