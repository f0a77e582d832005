//! What the SCIM shell needs to know, checked already.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use crate::secret::SecretSource;

/// Which accounts that exist already may become ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Adopt {
    /// Those whose `externalId` is the person's anchor.
    #[default]
    Ours,
    /// Those, and accounts without an `externalId`.
    Unowned,
    /// Any account with the `userName`.
    Any,
    /// None.
    Never,
}

/// How to reach the service provider.
#[derive(Clone, Debug, PartialEq)]
pub struct ScimSettings {
    /// Base URL, with exactly one slash at its end.
    pub endpoint: String,
    /// The bearer token.
    pub token: SecretSource,
    /// PEM bundle in place of the system's roots.
    pub ca_file: Option<PathBuf>,
    /// Allow `http://` to hosts that are not loopback.
    pub allow_plaintext: bool,
    /// Requests a second, as a ceiling.
    pub rate_per_s: f64,
    /// Requests in flight.
    pub concurrency: usize,
    /// Which existing accounts may become ours.
    pub adopt: Adopt,
    /// For one request, connecting included.
    pub request_timeout: Duration,
    /// Tries of one request, the first included.
    pub max_tries: u32,
    /// No further try of one request starts after this time.
    pub max_elapsed: Duration,
}
