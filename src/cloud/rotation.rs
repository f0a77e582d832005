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
//!
//! Without a note it has to be said which token the file holds (`keep`), or, where the authority allows it, the
//! only one that is listed is taken for it. Such a name is a presumption until the new token has been used with
//! success. Before another token is deleted on the strength of one, it is switched off and the file's token tried
//! once more. Huawei Cloud cannot switch a token off: there the wrong id given as `keep` deletes the token in use.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{CloudError, IssuedToken, NotWorking, TOKENS_MAX, TokenAuthority, TokenFile, TokenFileError, Verify};

/// Between looks at whether a new token works, which may take a moment to be known everywhere.
pub(crate) const PAUSES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(15),
];

/// Between looks at whether the token in use still works while the other one is off: that may take a moment to be
/// known everywhere.
const OFF_PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

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
    /// There is only one, and nothing proves that the file holds it.
    #[error(
        "nothing tells that the file holds the token {id}, the only one there: if it does, say so once with `rotate \
         --keep {id}`, and it is known from then on"
    )]
    Unnamed {
        /// The only one.
        id: String,
    },
    /// The token that was to be kept is not the one in the file: that one stopped when the other was switched off.
    #[error(
        "the token of the file stopped working while {other} was switched off, so the file holds that one and not \
         {kept}: nothing was deleted{}; {why}", if *resumed { ", and it is on again" } else { ", but it could not be \
         switched on again: do that now" }
    )]
    Mistaken {
        /// What the file was said to hold.
        kept: String,
        /// What it seems to hold.
        other: String,
        /// Whether that is on again.
        resumed: bool,
        /// What the endpoint said.
        why: NotWorking,
    },
    /// There is no room, and nobody here knows whose the other token is.
    #[error(
        "two tokens are there, and {other} is not of this file: somebody else may be using it. Delete it when nobody does, or \
         have this do it with --keep {in_use}"
    )]
    Occupied {
        /// In the file.
        in_use: String,
        /// The other one.
        other: String,
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
            Self::Unnamed { .. } | Self::Occupied { .. } => 2,
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
    let named = which(&listed, file, keep, authority.may_guess())?;
    let old = named.token;
    if !named.is_certain {
        file.presume(&old)?;
    }
    let others: Vec<&IssuedToken> = listed.iter().filter(|token| token.id != old.id).collect();
    let left = file.begun()?;
    if left.is_some()
        && let Some(before) = begun(file, &others)?
    {
        authority.delete(&before).await?;
        file.forget(&before)?;
        file.end()?;
        return Ok(Rotated::Completed {
            in_use: old,
            removed: before,
        });
    }
    let room = Room {
        authority,
        file,
        others,
        may_delete: |other: &IssuedToken| {
            keep.is_some()
                || other.has_expired(chrono::Utc::now())
                || left.as_ref().is_some_and(|known| !known.contains(&other.id))
        },
        in_use: &old.id,
    };
    let removed = match named.is_certain {
        true => room.make().await?,
        false => room.make_with_care(verify, (&old, &old_text)).await?,
    };
    let known: Vec<&str> = listed.iter().map(|token| token.id.as_str()).collect();
    let known: Vec<&str> = known.into_iter().filter(|id| Some(*id) != removed.as_deref()).collect();
    file.begin(&known)?;
    let (new, new_text) = match authority.create().await {
        Err(error) if !error.is_doubtful() && !matches!(error, CloudError::TokenLost { .. }) => {
            file.end()?;
            return Err(error.into());
        }
        made => made?,
    };
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
    file.end()?;
    Ok(Rotated::Renewed { new, old, removed })
}

/// What the file's token is called.
#[derive(Debug)]
struct Named {
    token: IssuedToken,
    /// By a note that was written when it came into the file.
    is_certain: bool,
}

/// Which of the tokens the file holds: by its note, by what the operator says, or because there is no other
/// that could be.
fn which(listed: &[IssuedToken], file: &TokenFile, keep: Option<&str>, may_guess: bool) -> Result<Named, RotateError> {
    let find = |id: &str| listed.iter().find(|token| token.id == id).cloned();
    let presume = |token| Named {
        token,
        is_certain: false,
    };
    let noted = file.in_use()?;
    if let Some(token) = noted.as_ref().and_then(|noted| find(&noted.id)) {
        return match keep {
            Some(keep) if keep != token.id => Err(RotateError::Stranger(format!(
                "the file holds token {}, and not {keep}",
                token.id
            ))),
            _ => Ok(Named {
                token,
                is_certain: true,
            }),
        };
    }
    match (noted, keep) {
        // A note of a token that is nowhere else is no reason not to believe the operator.
        (_, Some(keep)) => find(keep)
            .map(presume)
            .ok_or_else(|| RotateError::Stranger(format!("there is no token {keep} there"))),
        (Some(noted), None) => Err(RotateError::Stranger(format!(
            "token {} of the file is not listed there",
            noted.id
        ))),
        (None, None) => {
            let presumed = file.presumed()?.filter(|_| may_guess);
            match presumed.and_then(|presumed| find(&presumed.id)) {
                Some(token) => Ok(presume(token)),
                None => the_only_one(listed, may_guess).map(presume),
            }
        }
    }
}

/// The file's token was used with success a moment ago, so that one of those that are alive may be it.
fn the_only_one(listed: &[IssuedToken], may_guess: bool) -> Result<IssuedToken, RotateError> {
    let now = chrono::Utc::now();
    let alive: Vec<_> = listed.iter().filter(|token| token.is_alive(now)).collect();
    match alive.as_slice() {
        [only] if may_guess => Ok((*only).clone()),
        [only] => Err(RotateError::Unnamed { id: only.id.clone() }),
        [] => Err(RotateError::Stranger("no token is listed there".into())),
        several => Err(RotateError::Ambiguous {
            ids: several.iter().map(|token| token.id.clone()).collect(),
        }),
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

/// Room for a new token.
struct Room<'a, A, M> {
    authority: &'a A,
    file: &'a TokenFile,
    /// All but the one in use.
    others: Vec<&'a IssuedToken>,
    /// Whether the other one may go: it is this file's own, nobody's any more, or the operator said so.
    may_delete: M,
    in_use: &'a str,
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
    async fn make(&self) -> Result<Option<String>, RotateError> {
        let Some(other) = self.surplus()? else { return Ok(None) };
        tracing::info!(id = other.id, "deleting the token that is not in use");
        self.authority.delete(&other.id).await?;
        self.file.forget(&other.id)?;
        Ok(Some(other.id.clone()))
    }

    /// The same, when it is not certain that the other one is not in use: where the provider can switch it off,
    /// it goes only when the token of the file works without it.
    async fn make_with_care<V: Verify>(
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
            let resumed = self.authority.resume(&other.id).await;
            self.file.forget(&kept.id)?;
            return Err(RotateError::Mistaken {
                kept: kept.id.clone(),
                other: other.id.clone(),
                resumed: resumed.is_ok(),
                why,
            });
        }
        self.make().await
    }
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
    } else if let Err(error) = file.forget(&new.id).and_then(|()| file.end()) {
        tracing::warn!(%error, "the token's note could not be written");
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
