//! Tokens as a control plane knows them: two at most, each shown once and named by an id.

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::CloudError;

/// More than these a cloud does not give out at a time.
pub const TOKENS_MAX: usize = 2;

/// A bearer token, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedToken {
    /// What it is deleted by.
    pub id: String,
    /// When it was made.
    pub created: Option<DateTime<Utc>>,
    /// When it stops working.
    pub expires: Option<DateTime<Utc>>,
    /// Alibaba Cloud can switch one off and on again; elsewhere it is always on.
    pub enabled: bool,
}

impl IssuedToken {
    /// Whether it can be in use at this moment.
    #[must_use]
    pub fn is_alive(&self, now: DateTime<Utc>) -> bool {
        self.enabled && self.expires.is_none_or(|expires| expires > now)
    }
}

/// Whoever gives out tokens for one SCIM endpoint.
pub trait TokenAuthority: Send + Sync {
    /// The tokens that are there.
    fn list(&self) -> impl Future<Output = Result<Vec<IssuedToken>, CloudError>> + Send;

    /// Makes one. Looks first, and refuses with [`CloudError::TooManyTokens`] when there are two. Never repeated:
    /// when the answer was lost, [`CloudError::TokenLost`] names what was made.
    fn create(&self) -> impl Future<Output = Result<(IssuedToken, SecretString), CloudError>> + Send;

    /// Removes one. One that is not there is a success.
    fn delete(&self, id: &str) -> impl Future<Output = Result<(), CloudError>> + Send;
}
