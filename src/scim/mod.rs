//! The SCIM side: a client of RFC 7644 behind the port `ServiceProvider`.
//!
//! Reading order: `request` (what is sent, pure), `wire` (what comes back, lenient), `retry` and
//! `adopt` (the two rules, pure), `rate`, `transport` (one request), `client` (many tries),
//! `lookup` and `conflict` (never two of anything; what differs between people and groups is in
//! `wanted`), `account` and `groups` (the ports); `shown` and `list`
//! (what is there).
//!
//! Deliberately absent: deciding what should change, which is the planner's, and any dry run: a dry
//! run has no client.

mod account;
pub mod adopt;
mod body;
mod check;
mod client;
mod conflict;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
pub mod groups;
mod list;
#[cfg(test)]
pub(crate) mod local;
mod lookup;
mod patch;
pub mod rate;
pub mod request;
pub mod retry;
pub mod settings;
mod shown;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod token;
mod transport;
mod wanted;
mod wire;

use std::path::PathBuf;

pub use check::{Finding, Severity};
pub use client::ScimClient;
pub use token::TokenVerdict;

use crate::secret::SecretError;

/// Why the client cannot be made. All of these are the operator's configuration.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The endpoint.
    #[error("[scim] endpoint {endpoint:?}: {why}")]
    Endpoint {
        /// As configured.
        endpoint: String,
        /// What is wrong with it.
        why: String,
    },
    /// The endpoint has a password in it, so it is not repeated.
    #[error("[scim] endpoint must not hold a user name or password; the token goes into [scim] token")]
    EndpointPassword,
    /// The CA bundle.
    #[error("[scim] ca_file {}: {why}", path.display())]
    CaFile {
        /// As configured.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The token cannot be read.
    #[error("[scim] token cannot be read")]
    Token(#[source] SecretError),
    /// The token cannot stand in a header.
    #[error("[scim] token: it holds characters that cannot stand in an HTTP header (a line break inside of it?)")]
    TokenCharacters,
    /// The HTTP library refused its settings.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
}
