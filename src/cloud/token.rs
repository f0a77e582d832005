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

    /// Asks for a new one, whatever is there. For [`TokenAuthority::make`].
    fn ask(&self) -> impl Future<Output = Result<(IssuedToken, SecretString), CloudError>> + Send;

    /// Removes one. One that is not there is a success.
    fn delete(&self, id: &str) -> impl Future<Output = Result<(), CloudError>> + Send;

    /// Makes one, in two steps: [`TokenAuthority::room`], then [`TokenAuthority::make`], with nothing noted between.
    fn create(&self) -> impl Future<Output = Result<(IssuedToken, SecretString), CloudError>> + Send {
        async { self.make(&self.room().await?).await }
    }

    /// Looks whether there is room for one more, which changes nothing: the ids that are there, or
    /// [`CloudError::TooManyTokens`].
    fn room(&self) -> impl Future<Output = Result<Vec<String>, CloudError>> + Send {
        async {
            let ids: Vec<String> = self.list().await?.into_iter().map(|token| token.id).collect();
            match ids.len() < TOKENS_MAX {
                true => Ok(ids),
                false => Err(CloudError::TooManyTokens { ids }),
            }
        }
    }

    /// Makes one beside those of [`TokenAuthority::room`]. Asks once, and looks what was made when no good answer
    /// came: [`CloudError::TokenLost`] names it, and [`CloudError::NotMade`] says that there is none.
    fn make(&self, before: &[String]) -> impl Future<Output = Result<(IssuedToken, SecretString), CloudError>> + Send {
        async move {
            let error = match self.ask().await {
                Err(error) if error.is_doubtful() => error,
                certain => return certain,
            };
            let Ok(after) = self.list().await else {
                return Err(error);
            };
            let ids: Vec<String> = after
                .into_iter()
                .map(|token| token.id)
                .filter(|id| !before.contains(id))
                .collect();
            Err(match ids.is_empty() {
                true => error.not_made(),
                false => CloudError::TokenLost {
                    ids,
                    why: error.to_string(),
                },
            })
        }
    }

    /// Whether the only token that is listed may be taken for the one in use, when nothing else tells. Only where a
    /// token of another tenant or directory could not be used with success at the same endpoint, so that the
    /// mistake shows before anything is deleted.
    fn may_guess(&self) -> bool {
        false
    }

    /// Whether the SCIM endpoint takes no token of another tenant or directory: a new one that is used there with
    /// success belongs to what the endpoint is about, whatever is known of the old one.
    fn endpoint_tells(&self) -> bool {
        false
    }

    /// Whether somebody asked for what is done and sees what comes of it. Without, a token that is let in no more is
    /// replaced only when its note shows that it has expired: what somebody deleted may be meant to be gone.
    fn is_watched(&self) -> bool {
        true
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
