//! A new token in place of the old one, safe at any interruption.
//!
//! ```text
//! verify old ─ list ─ which is it? ─ delete what is not in use ─ create ─ verify new ─ note + file ─ verify ─ delete old
//!     │                  │                                                            ╰── interrupted from here on:
//!     │                  ╰── the note speaks of an earlier one that is still there:       the next call only deletes old
//!     ╰── it is refused: see `over`
//! ```
//!
//! The file always holds a token that was used with success before it got there, and that is never deleted while
//! it is there. What an interruption leaves over is a second token, which the next call deletes.
//!
//! Without a note it has to be said which token the file holds (`keep`), or, where the authority allows it, the
//! only one that is listed is taken for it. Such a name is a presumption until the new token has been used with
//! success. Before another token is deleted on the strength of one, it is switched off and the file's token tried
//! once more; the note says so, and an interrupted trial is ended before anything else. Huawei Cloud cannot switch a token off: there the wrong id given as `keep` deletes the token in use.
//!
//! Reading order: here, then `which`, `room`, `over`, `error`.

mod error;
mod over;
mod room;
mod which;

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

pub use self::error::RotateError;
use self::{
    room::Room,
    which::{Named, earlier, which},
};
use super::{CloudError, IssuedToken, NotWorking, TokenAuthority, TokenFile, Verify};

/// Between looks at whether a new token works, which may take a moment to be known everywhere.
pub(crate) const PAUSES: [Duration; 5] = [
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
        /// The old one, deleted now, unless that was done before too.
        removed: Option<String>,
    },
    /// The token of the file was let in no more; a new one is in its place.
    Replaced {
        /// Now in the file.
        new: IssuedToken,
        /// The old one, when it was still there, left-overs of interrupted rotations, and an expired one that took up
        /// the room.
        removed: Vec<String>,
    },
}

/// Renews the token of `file`. `keep` names the token that the file holds, where that cannot be told.
///
/// # Errors
/// See [`RotateError`]; a token that worked before works all the same, and the file holds it.
pub async fn rotate<A: TokenAuthority, V: Verify>(
    authority: &A,
    file: &TokenFile,
    verify: &V,
    keep: Option<&str>,
) -> Result<Rotated, RotateError> {
    let path = || file.path().display().to_string();
    let _lock = file.lock()?.ok_or_else(|| RotateError::Busy(path()))?;
    let old_text = file.token()?.ok_or_else(|| RotateError::NoToken(path()))?;
    let works = match room::end_trial(authority, file).await? {
        true => until_it_works(verify, &old_text).await,
        false => verify.works(&old_text).await,
    };
    let refused = match works {
        Ok(()) => None,
        Err(why @ NotWorking::Unclear(_)) => return Err(RotateError::Current(why)),
        Err(why) => Some(why),
    };
    let listed = authority.list().await?;
    if let Some(why) = refused {
        return over::replace(authority, file, verify, keep, listed, why).await;
    }
    let named = which(&listed, file, keep, authority.may_guess())?;
    let is_certain = named.is_certain;
    let old = named.token;
    if !is_certain {
        file.presume(&old)?;
    }
    let others: Vec<&IssuedToken> = listed.iter().filter(|token| token.id != old.id).collect();
    let left = file.begun()?;
    if is_certain && left.as_ref().is_some_and(|begun| begun.has_made(&old.id)) {
        let removed = earlier(file, &others)?;
        if let Some(before) = &removed {
            authority.delete(before).await?;
            file.forget(before)?;
        }
        file.end()?;
        return Ok(Rotated::Completed { in_use: old, removed });
    }
    let own = left.as_ref().and_then(|begun| begun.made(others.iter().copied()));
    if own.is_none() {
        file.end()?;
    }
    let room = Room {
        authority,
        file,
        others,
        may_delete: |other: &IssuedToken| {
            keep.is_some() || other.has_expired(chrono::Utc::now()) || own.is_some_and(|own| own.id == other.id)
        },
        in_use: &old.id,
    };
    let removed = match is_certain {
        true => room.make().await?,
        false => room.make_with_care(verify, (&old, &old_text)).await?,
    };
    let (new, new_text) = make(authority, file).await?;
    tracing::info!(old = old.id, new = new.id, "a new token was made");
    let old_named = Named {
        token: old.clone(),
        is_certain,
    };
    put_in_place(authority, file, verify, (&old_named, &old_text), (&new, &new_text)).await?;
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

/// A new token, which is noted from before it is asked for until it is in its place. When certainly none was made,
/// nothing is begun either.
async fn make<A: TokenAuthority>(authority: &A, file: &TokenFile) -> Result<(IssuedToken, SecretString), RotateError> {
    let known = authority.room().await?;
    file.begin(&known, chrono::Utc::now())?;
    let error = match authority.make(&known).await {
        Ok((new, text)) => match file.made(&new.id) {
            Ok(()) => return Ok((new, text)),
            Err(error) => {
                give_up(authority, file, &new, &text).await;
                return Err(error.into());
            }
        },
        Err(error) => error,
    };
    let noted = match &error {
        CloudError::TokenLost { ids, .. } => match ids.as_slice() {
            [only] => file.made(only),
            // One of them is somebody else's.
            _ => Ok(()),
        },
        error if error.is_doubtful() => Ok(()),
        _ => file.end(),
    };
    if let Err(error) = noted {
        tracing::warn!(%error, "the token's note could not be written");
    }
    Err(error.into())
}

/// Puts the new token in the file once it works, and sees that it does as the file holds it. When anything goes
/// wrong, the old token is in the file and the new one is gone; neither is ever deleted while the file holds it.
async fn put_in_place<A: TokenAuthority, V: Verify>(
    authority: &A,
    file: &TokenFile,
    verify: &V,
    (old, old_text): (&Named, &SecretString),
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
        file.put_back(&old.token, old_text, old.is_certain)?;
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

/// A new token, or one that was switched on, may take a moment to be known everywhere.
async fn until_it_works<V: Verify>(verify: &V, text: &SecretString) -> Result<(), NotWorking> {
    for pause in PAUSES {
        match verify.works(text).await {
            Ok(()) => return Ok(()),
            Err(why) => tracing::info!(%why, "the token does not work yet"),
        }
        tokio::time::sleep(pause).await;
    }
    verify.works(text).await
}

#[cfg(test)]
mod tests;
