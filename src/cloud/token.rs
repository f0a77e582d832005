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
        self.enabled && !self.has_expired(now)
    }

    /// Whether its time is over; nothing brings it back.
    #[must_use]
    pub fn has_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
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

    /// Whether the only token that is listed may be taken for the one in use, when nothing else tells. Only where a
    /// token of another tenant or directory could not be used with success at the same endpoint, so that the
    /// mistake shows before anything is deleted.
    fn may_guess(&self) -> bool {
        false
    }

    /// Switches a token off for a moment; false where the provider knows no such thing.
    fn suspend(&self, _id: &str) -> impl Future<Output = Result<bool, CloudError>> + Send {
        std::future::ready(Ok(false))
    }

    /// Switches one on again that [`TokenAuthority::suspend`] has switched off.
    fn resume(&self, _id: &str) -> impl Future<Output = Result<(), CloudError>> + Send {
        std::future::ready(Ok(()))
    }
}

/// Makes a token as every authority does: looks first, asks once, and when no good answer came looks what was
/// made.
pub(super) async fn create<A: TokenAuthority>(
    authority: &A,
    ask: impl Future<Output = Result<(IssuedToken, SecretString), CloudError>> + Send,
) -> Result<(IssuedToken, SecretString), CloudError> {
    let before: Vec<String> = authority.list().await?.into_iter().map(|token| token.id).collect();
    if before.len() >= TOKENS_MAX {
        return Err(CloudError::TooManyTokens { ids: before });
    }
    let error = match ask.await {
        Err(error) if error.is_doubtful() => error,
        certain => return certain,
    };
    let Ok(after) = authority.list().await else {
        return Err(error);
    };
    let ids: Vec<String> = after
        .into_iter()
        .map(|token| token.id)
        .filter(|id| !before.contains(id))
        .collect();
    Err(match ids.is_empty() {
        true => error,
        false => CloudError::TokenLost {
            ids,
            why: error.to_string(),
        },
    })
}
