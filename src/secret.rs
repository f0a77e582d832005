//! Secrets and where they come from. A secret's value is a [`secrecy::SecretString`], which cannot
//! be printed; where it comes from is a [`SecretSource`], which can.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

/// Where a secret is kept. Never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretSource {
    /// A file; one trailing line end is not part of the secret. Refused when others can read it.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A systemd credential, by name, below `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

/// Why a secret could not be had. Names the source, never the value.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(pub String);

impl SecretSource {
    /// Reads the secret.
    ///
    /// # Errors
    /// When the source is missing, unreadable, empty, not UTF-8, or readable by others.
    pub fn read(&self) -> Result<SecretString, SecretError> {
        Err(SecretError("not built yet".into()))
    }
}
