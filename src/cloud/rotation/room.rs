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
        self.gone(other)
    }

    /// The same, when it is not certain that the other one is not in use: where the provider can switch it off,
    /// it goes only when the token of the file works without it. Else it is on again, or the next call does that.
    pub(super) async fn make_with_care<V: Verify>(
        &self,
        verify: &V,
        (kept, text): (&IssuedToken, &SecretString),
    ) -> Result<Option<String>, RotateError> {
        let Some(other) = self.surplus()? else { return Ok(None) };
        // What cannot be in use needs no proof: the file's token was used with success a moment ago.
        if !other.is_alive(chrono::Utc::now()) {
            return self.make().await;
        }
        self.file.begin_trial(&other.id)?;
        match self.authority.suspend(&other.id).await {
            Ok(true) => {}
            Ok(false) => {
                self.file.end_trial()?;
                return self.make().await;
            }
            // It may be off all the same.
            Err(why) => return Err(self.not_removed(other, why).await),
        }
        if let Err(why) = still_works(verify, text).await {
            return Err(self.not_proved(other, kept, why).await);
        }
        tracing::info!(
            id = other.id,
            "the token of the file works without this one: deleting it"
        );
        match self.authority.delete(&other.id).await {
            Ok(()) => self.gone(other),
            Err(why) => Err(self.not_removed(other, why).await),
        }
    }

    fn gone(&self, other: &IssuedToken) -> Result<Option<String>, RotateError> {
        self.file.forget(&other.id)?;
        self.file.end_trial()?;
        Ok(Some(other.id.clone()))
    }

    /// The token of the file did not work without the other one.
    async fn not_proved(&self, other: &IssuedToken, kept: &IssuedToken, why: NotWorking) -> RotateError {
        let resumed = self.resume(other).await;
        let other = other.id.clone();
        if !matches!(why, NotWorking::Refused(_)) {
            // Nothing speaks against what was said.
            return RotateError::Untold { other, resumed, why };
        }
        if let Err(error) = self.file.forget(&kept.id) {
            tracing::warn!(%error, "the token's note could not be written");
        }
        let kept = kept.id.clone();
        RotateError::Mistaken {
            kept,
            other,
            resumed,
            why,
        }
    }

    async fn not_removed(&self, other: &IssuedToken, why: CloudError) -> RotateError {
        RotateError::NotRemoved {
            resumed: self.resume(other).await,
            other: other.id.clone(),
            why: Box::new(why),
        }
    }

    /// Ends the trial; whether the token is on again, or was never off.
    async fn resume(&self, other: &IssuedToken) -> bool {
        if let Err(error) = self.authority.resume(&other.id).await {
            tracing::warn!(id = other.id, %error, "switching a token on again was not answered well");
            let listed = self.authority.list().await;
            if listed.map_or(true, |listed| is_off(&listed, &other.id)) {
                return false;
            }
        }
        if let Err(error) = self.file.end_trial() {
            tracing::warn!(%error, "the token's note could not be written");
        }
        true
    }
}

/// Switches on again what an interrupted trial left switched off: it may be the one in use. Whether there was one.
pub(super) async fn end_trial<A: TokenAuthority>(authority: &A, file: &TokenFile) -> Result<bool, RotateError> {
    let Some(id) = file.suspended()? else { return Ok(false) };
    let is_off = is_off(&authority.list().await?, &id);
    if is_off && let Err(why) = authority.resume(&id).await {
        let why = Box::new(why);
        return Err(RotateError::StillOff { id, why });
    }
    file.end_trial()?;
    Ok(is_off)
}

fn is_off(listed: &[IssuedToken], id: &str) -> bool {
    listed.iter().any(|token| token.id == id && !token.enabled)
}

/// The end of another token may take a moment to be known everywhere.
async fn still_works<V: Verify>(verify: &V, text: &SecretString) -> Result<(), NotWorking> {
    for pause in OFF_PAUSES {
        tokio::time::sleep(pause).await;
        verify.works(text).await?;
    }
    Ok(())
}
