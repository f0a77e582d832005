//! A new token in place of the old one, safe at any interruption.
//!
//! ```text
//! verify old ─ list ─ which is it? ─ delete what is not in use ─ create ─ verify new ─ note + file ─ verify ─ delete old
//!                        │                                                            ╰── interrupted from here on:
//!                        ╰── the note speaks of an earlier one that is still there:        the next call only deletes old
//! ```
//!
//! The file always holds a token that was used with success before it got there, and that is never deleted while
//! it is there. What an interruption leaves over is a second token, which the next call deletes.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{CloudError, IssuedToken, NotWorking, TOKENS_MAX, TokenAuthority, TokenFile, TokenFileError, Verify};

/// Between looks at whether a new token works.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(15),
];

/// What came of it. In either case the file holds a token that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// A new token is in use.
    Renewed {
        /// Now in the file.
        new: IssuedToken,
        /// In the file before, and deleted.
        old: IssuedToken,
        /// A left-over of an interrupted rotation, or whatever was not in use, deleted to make room.
        removed: Option<String>,
    },
    /// A rotation begun before had put its token in place already; the old one is deleted now.
    Completed {
        /// In the file.
        in_use: IssuedToken,
        /// Deleted.
        removed: String,
    },
}

/// Why not. The token that worked before still does, whatever this says.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The control plane.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The token file.
    #[error(transparent)]
    File(#[from] TokenFileError),
    /// Another rotation of this file is under way.
    #[error("another rotation of {0} is under way; wait for it")]
    Busy(String),
    /// The file holds no token.
    #[error("{0} holds no token: make the first one with `token create --out FILE`")]
    NoToken(String),
    /// The token in the file does not let us in, so nothing can be told of it.
    #[error("the token in use does not work, so nothing was changed: {0}")]
    Current(NotWorking),
    /// The new token does not let us in; it was deleted, and the old one stays in use.
    #[error("the new token did not work and was given up; the old one stays in use: {0}")]
    New(NotWorking),
    /// It cannot be told which token the file holds.
    #[error("it cannot be told which of the tokens {} the file holds: say so with --keep ID", ids.join(", "))]
    Ambiguous {
        /// Every token that may be it.
        ids: Vec<String>,
    },
    /// The token in the file is not among those of the control plane.
    #[error("{0}; is this the control plane that gave out the token?")]
    Stranger(String),
    /// The new token is in use, and the old one could not be deleted.
    #[error(
        "the new token {new} is in use, but the old one {old} could not be deleted: {why}; the next `rotate` does it"
    )]
    OldRemains {
        /// In the file.
        new: String,
        /// To be deleted.
        old: String,
        /// What happened.
        why: Box<CloudError>,
    },
}

impl RotateError {
    /// The program's exit code: 2 for what the operator set, 4 for the provider.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Cloud(error) => error.exit_code(),
            Self::File(_) | Self::Busy(_) | Self::NoToken(_) | Self::Ambiguous { .. } => 2,
            _ => 4,
        }
    }
}

/// Renews the token of `file`. `keep` names the token that the file holds, where that cannot be told.
///
/// # Errors
/// See [`RotateError`]; there is a working token in the file all the same.
pub async fn rotate<A: TokenAuthority, V: Verify>(
    authority: &A,
    file: &TokenFile,
    verify: &V,
    keep: Option<&str>,
) -> Result<Rotated, RotateError> {
    let path = || file.path().display().to_string();
    let _lock = file.lock()?.ok_or_else(|| RotateError::Busy(path()))?;
    let old_text = file.token()?.ok_or_else(|| RotateError::NoToken(path()))?;
    verify.works(&old_text).await.map_err(RotateError::Current)?;

    let listed = authority.list().await?;
    let old = which(&listed, file.in_use()?, keep)?;
    file.name(&old)?;
    let others: Vec<&IssuedToken> = listed.iter().filter(|token| token.id != old.id).collect();
    if let Some(before) = begun(file, &others)? {
        authority.delete(&before).await?;
        file.forget(&before)?;
        return Ok(Rotated::Completed {
            in_use: old,
            removed: before,
        });
    }
    let removed = make_room(authority, file, &others).await?;
    let (new, new_text) = authority.create().await?;
    tracing::info!(old = old.id, new = new.id, "a new token was made");
    put_in_place(authority, file, verify, (&old, &old_text), (&new, &new_text)).await?;
    if let Err(why) = authority.delete(&old.id).await {
        return Err(RotateError::OldRemains {
            new: new.id,
            old: old.id,
            why: Box::new(why),
        });
    }
    file.forget(&old.id)?;
    Ok(Rotated::Renewed { new, old, removed })
}

/// Which of the tokens the file holds: by its note, by what the operator says, or because there is no other
/// that could be.
fn which(listed: &[IssuedToken], noted: Option<IssuedToken>, keep: Option<&str>) -> Result<IssuedToken, RotateError> {
    let find = |id: &str| listed.iter().find(|token| token.id == id).cloned();
    match (noted, keep) {
        (Some(noted), Some(keep)) if noted.id != keep => Err(RotateError::Stranger(format!(
            "the file holds token {}, and not {keep}",
            noted.id
        ))),
        (Some(IssuedToken { id, .. }), _) => {
            find(&id).ok_or_else(|| RotateError::Stranger(format!("token {id} of the file is not listed there")))
        }
        (None, Some(keep)) => {
            find(keep).ok_or_else(|| RotateError::Stranger(format!("there is no token {keep} there")))
        }
        // It was used with success a moment ago.
        (None, None) => {
            let alive: Vec<_> = listed
                .iter()
                .filter(|token| token.is_alive(chrono::Utc::now()))
                .collect();
            match alive.as_slice() {
                [only] => Ok((*only).clone()),
                [] => Err(RotateError::Stranger("no token is listed there".into())),
                several => Err(RotateError::Ambiguous {
                    ids: several.iter().map(|token| token.id.clone()).collect(),
                }),
            }
        }
    }
}

/// The old token of a rotation that had its new one in place already. One that is gone by now is forgotten.
fn begun(file: &TokenFile, others: &[&IssuedToken]) -> Result<Option<String>, RotateError> {
    let mut begun = None;
    for id in file.earlier()? {
        if others.iter().any(|token| token.id == id) {
            begun = Some(id);
        } else {
            file.forget(&id)?;
        }
    }
    Ok(begun)
}

/// Deletes the token that is not in use, when there is no room for another.
async fn make_room<A: TokenAuthority>(
    authority: &A,
    file: &TokenFile,
    others: &[&IssuedToken],
) -> Result<Option<String>, RotateError> {
    if others.len() + 1 < TOKENS_MAX {
        return Ok(None);
    }
    let [other] = others else {
        let ids = others.iter().map(|token| token.id.clone()).collect();
        return Err(CloudError::TooManyTokens { ids }.into());
    };
    tracing::info!(id = other.id, "deleting the token that is not in use");
    authority.delete(&other.id).await?;
    file.forget(&other.id)?;
    Ok(Some(other.id.clone()))
}

/// Puts the new token in the file once it works, and sees that it does as the file holds it. When anything goes
/// wrong, the old token is in the file and the new one is gone; neither is ever deleted while the file holds it.
async fn put_in_place<A: TokenAuthority, V: Verify>(
    authority: &A,
    file: &TokenFile,
    verify: &V,
    (old, old_text): (&IssuedToken, &SecretString),
    (new, new_text): (&IssuedToken, &SecretString),
) -> Result<(), RotateError> {
    if let Err(why) = until_it_works(verify, new_text).await {
        give_up(authority, file, new, new_text).await;
        return Err(RotateError::New(why));
    }
    if let Err(error) = file.replace(new, new_text) {
        give_up(authority, file, new, new_text).await;
        return Err(error.into());
    }
    let placed = file
        .token()?
        .ok_or_else(|| RotateError::NoToken(file.path().display().to_string()))?;
    if let Err(why) = until_it_works(verify, &placed).await {
        file.replace(old, old_text)?;
        file.forget(&new.id)?;
        give_up(authority, file, new, new_text).await;
        return Err(RotateError::New(why));
    }
    Ok(())
}

/// Deletes a token that is not needed after all. When that fails the next rotation does it.
async fn give_up<A: TokenAuthority>(authority: &A, file: &TokenFile, new: &IssuedToken, new_text: &SecretString) {
    match file.token() {
        Ok(Some(held)) if held.expose_secret() != new_text.expose_secret() => {}
        // Writing failed late: it may be the one in use.
        _ => return,
    }
    let deleted = authority.delete(&new.id).await;
    if let Err(error) = deleted {
        tracing::warn!(id = new.id, %error, "a token that is not in use could not be deleted");
    } else if let Err(error) = file.forget(&new.id) {
        tracing::warn!(%error, "the token's note could not be written");
    }
}

/// A new token may take a moment to be known everywhere.
async fn until_it_works<V: Verify>(verify: &V, text: &SecretString) -> Result<(), NotWorking> {
    for pause in PAUSES {
        match verify.works(text).await {
            Ok(()) => return Ok(()),
            Err(why) => tracing::info!(%why, "the new token does not work yet"),
        }
        tokio::time::sleep(pause).await;
    }
    verify.works(text).await
}

#[cfg(test)]
mod tests;
