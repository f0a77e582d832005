//! Room for a new token, where another one has to go for it.

use std::time::Duration;

use secrecy::SecretString;

use super::RotateError;
use crate::cloud::{CloudError, IssuedToken, NotWorking, TOKENS_MAX, TokenAuthority, TokenFile, Verify};

/// Between looks at whether the token in use still works while the other one is off: that may take a moment to be
/// known everywhere.
const OFF_PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Room for a new token.
pub(super) struct Room<'a, A, M> {
    pub(super) authority: &'a A,
    pub(super) file: &'a TokenFile,
    /// All but the one in use.
    pub(super) others: Vec<&'a IssuedToken>,
    /// Whether the other one may go: it is this file's own, nobody's any more, or the operator said so.
    pub(super) may_delete: M,
    pub(super) in_use: &'a str,
}

impl<A: TokenAuthority, M: Fn(&IssuedToken) -> bool> Room<'_, A, M> {
    /// The one that has to go, if there is no room.
    fn surplus(&self) -> Result<Option<&IssuedToken>, RotateError> {
        match self.others.as_slice() {
            others if others.len() + 1 < TOKENS_MAX => Ok(None),
            [other] if (self.may_delete)(other) => Ok(Some(other)),
            [other] => Err(RotateError::Occupied {
                in_use: self.in_use.to_owned(),
                other: other.id.clone(),
            }),
            several => {
                let ids = several.iter().map(|token| token.id.clone()).collect();
                Err(CloudError::TooManyTokens { ids }.into())
            }
        }
    }

    /// Deletes the token that is not in use, when there is no room for another.
    pub(super) async fn make(&self) -> Result<Option<String>, RotateError> {
        let Some(other) = self.surplus()? else { return Ok(None) };
        tracing::info!(id = other.id, "deleting the token that is not in use");
        self.authority.delete(&other.id).await?;
        self.file.forget(&other.id)?;
        Ok(Some(other.id.clone()))
    }

    /// The same, when it is not certain that the other one is not in use: where the provider can switch it off,
    /// it goes only when the token of the file works without it.
    pub(super) async fn make_with_care<V: Verify>(
        &self,
        verify: &V,
        (kept, text): (&IssuedToken, &SecretString),
    ) -> Result<Option<String>, RotateError> {
        let Some(other) = self.surplus()? else { return Ok(None) };
        // What cannot be in use needs no proof: the file's token was used with success a moment ago.
        if other.is_alive(chrono::Utc::now())
            && self.authority.suspend(&other.id).await?
            && let Err(why) = still_works(verify, text).await
        {
            let resumed = self.authority.resume(&other.id).await.is_ok();
            let other = other.id.clone();
            if !matches!(why, NotWorking::Refused(_)) {
                // Nothing speaks against what was said.
                return Err(RotateError::Untold { other, resumed, why });
            }
            self.file.forget(&kept.id)?;
            let kept = kept.id.clone();
            return Err(RotateError::Mistaken {
                kept,
                other,
                resumed,
                why,
            });
        }
        self.make().await
    }
}

/// The end of another token may take a moment to be known everywhere.
async fn still_works<V: Verify>(verify: &V, text: &SecretString) -> Result<(), NotWorking> {
    for pause in OFF_PAUSES {
        tokio::time::sleep(pause).await;
        verify.works(text).await?;
    }
    Ok(())
}
