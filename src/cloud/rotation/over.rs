//! The token of the file is let in no more: it has expired, or somebody removed it. There is nothing left to
//! protect but what belongs to others.
//!
//! ```text
//! list ─ is it over? ─ delete left-overs, or an expired one ─ create ─ verify new ─ note + file ─ delete old, if it is there
//! ```
//!
//! Deleted is only what is this file's own by its note, or has expired. That the new token is one of the right
//! tenant is proved: by the endpoint, which takes no other's, or by the list, which names the old one.

use chrono::Utc;

use super::{
    RotateError, Rotated, give_up, make, until_it_works,
    which::{Named, earlier},
};
use crate::cloud::{IssuedToken, NotWorking, TOKENS_MAX, TokenAuthority, TokenFile, Verify};

/// A new token in the file in place of one that was refused: `why`.
pub(super) async fn replace<A: TokenAuthority, V: Verify>(
    authority: &A,
    file: &TokenFile,
    verify: &V,
    keep: Option<&str>,
    mut listed: Vec<IssuedToken>,
    why: NotWorking,
) -> Result<Rotated, RotateError> {
    let old = is_over(&listed, file, keep, authority.endpoint_tells(), why.clone())?;
    if !authority.is_watched() && !has_expired(&listed, file)? {
        return Err(RotateError::Unasked(why));
    }
    let mut removed = Vec::new();
    for own in own(&listed, file, old.as_ref())? {
        tracing::info!(id = own, "deleting what an interrupted rotation left over");
        authority.delete(&own).await?;
        listed.retain(|token| token.id != own);
        removed.push(own);
    }
    if let Some(expired) = in_the_way(&listed, old.as_ref())? {
        tracing::info!(id = expired, "deleting a token that has expired");
        file.let_go(&expired)?;
        authority.delete(&expired).await?;
        listed.retain(|token| token.id != expired);
        removed.push(expired);
    }
    let (new, text) = make(authority, file).await?;
    tracing::info!(new = new.id, "a new token was made");
    if let Err(why) = until_it_works(verify, &text).await {
        give_up(authority, file, &new, &text).await;
        return Err(RotateError::NeitherWorks(why));
    }
    if let Err(error) = file.replace(&new, &text) {
        give_up(authority, file, &new, &text).await;
        return Err(error.into());
    }
    if let Some(Named { token: old, is_certain }) = old
        && (is_certain || old.has_expired(Utc::now()))
        && listed.iter().any(|token| token.id == old.id)
    {
        if let Err(why) = authority.delete(&old.id).await {
            return Err(RotateError::OldRemains {
                new: new.id,
                old: old.id,
                why: Box::new(why),
            });
        }
        removed.push(old.id);
    }
    for earlier in file.earlier()? {
        file.forget(&earlier)?;
    }
    file.end()?;
    Ok(Rotated::Replaced { new, removed })
}

/// The token of the file among those that are listed, if it is still there; or why it may work again, or why a
/// new one may be another tenant's.
fn is_over(
    listed: &[IssuedToken],
    file: &TokenFile,
    keep: Option<&str>,
    endpoint_tells: bool,
    why: NotWorking,
) -> Result<Option<Named>, RotateError> {
    let find = |id: &str| listed.iter().find(|token| token.id == id).cloned();
    let noted = file.in_use()?;
    let by_note = noted.as_ref().and_then(|noted| find(&noted.id));
    let named = match (by_note, keep) {
        (Some(token), Some(keep)) if token.id != keep => {
            let words = format!("the file holds token {}, and not {keep}", token.id);
            return Err(RotateError::Stranger(words));
        }
        (Some(token), _) => Some(Named {
            token,
            is_certain: true,
        }),
        (None, Some(keep)) => Some(Named {
            token: find(keep).ok_or_else(|| RotateError::Stranger(format!("there is no token {keep} there")))?,
            is_certain: false,
        }),
        (None, None) => None,
    };
    let now = Utc::now();
    let is_refused = matches!(why, NotWorking::Refused(_));
    match &named {
        Some(Named { token, .. }) if token.has_expired(now) => Ok(named),
        Some(Named { token, .. }) if !token.enabled => Err(RotateError::SwitchedOff { id: token.id.clone() }),
        // It may be a whim of the endpoint, but then the new one has to work there.
        Some(Named { is_certain: true, .. }) if is_refused => Ok(named),
        Some(Named {
            token,
            is_certain: false,
        }) if is_refused => Err(RotateError::Stranger(format!(
            "the token in the file is let in no more, and {} is alive, so the file holds another",
            token.id
        ))),
        Some(_) => Err(RotateError::Current(why)),
        None if !is_refused && noted.is_none() => Err(RotateError::Current(why)),
        None if endpoint_tells || file.is_let_go()? => Ok(None),
        None => {
            let full = listed.len() >= TOKENS_MAX;
            let full = listed.iter().filter(|_| full).map(|token| token.id.clone());
            Err(RotateError::Unproved {
                full: full.collect(),
                why,
            })
        }
    }
}

/// Whether it is the time that ended the file's token, by the list or, when it is there no more, by its note.
fn has_expired(listed: &[IssuedToken], file: &TokenFile) -> Result<bool, RotateError> {
    let Some(noted) = file.in_use()? else { return Ok(false) };
    let token = listed.iter().find(|token| token.id == noted.id).unwrap_or(&noted);
    Ok(token.has_expired(Utc::now()) || file.is_let_go()?)
}

/// What an interrupted rotation of this file made, or had replaced already.
fn own(listed: &[IssuedToken], file: &TokenFile, old: Option<&Named>) -> Result<Vec<String>, RotateError> {
    let Some(begun) = file.begun()? else {
        return Ok(Vec::new());
    };
    let others: Vec<&IssuedToken> = listed
        .iter()
        .filter(|token| old.is_none_or(|old| old.token.id != token.id))
        .collect();
    let is_in_place = file.in_use()?.is_some_and(|held| begun.has_made(&held.id));
    let replaced = match is_in_place {
        true => earlier(file, &others)?,
        false => None,
    };
    let made = begun.made(others.iter().copied()).map(|token| token.id.clone());
    if replaced.is_none() && made.is_none() {
        file.end()?;
    }
    Ok(made.into_iter().chain(replaced).collect())
}

/// The one that goes when there is no room: it has expired, and is another than the file's where there is a choice.
fn in_the_way(listed: &[IssuedToken], old: Option<&Named>) -> Result<Option<String>, RotateError> {
    if listed.len() < TOKENS_MAX {
        return Ok(None);
    }
    let now = Utc::now();
    let mut expired: Vec<&IssuedToken> = listed.iter().filter(|token| token.has_expired(now)).collect();
    expired.sort_by_key(|token| old.is_some_and(|old| old.token.id == token.id));
    match expired.first() {
        Some(token) => Ok(Some(token.id.clone())),
        None => Err(RotateError::NoRoom {
            ids: listed.iter().map(|token| token.id.clone()).collect(),
        }),
    }
}
