//! Where a control plane, or a SCIM endpoint, is reached.

use reqwest::Url;

use super::{CloudError, Result};
use crate::https::{self, BadBase};

/// A base address of an endpoint. `table` of the configuration is where plain HTTP is allowed.
pub(super) fn base(address: &str, allow_plaintext: bool, table: &str) -> Result<Url> {
    https::base(address, allow_plaintext).map_err(|bad| {
        CloudError::Settings(match bad {
            BadBase::Password => "the endpoint must not hold a user name or password".to_owned(),
            BadBase::Plaintext => format!(
                "endpoint {address:?}: secrets would cross the network in clear; use https, or allow it in the \
                 configuration, by allow_plaintext = true in {table}: there is no option for it"
            ),
            BadBase::Wrong(why) => format!("endpoint {address:?}: {why}"),
        })
    })
}
