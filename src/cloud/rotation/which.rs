//! Which of the tokens that are there the file holds.

use super::RotateError;
use crate::cloud::{IssuedToken, TokenFile};

/// What the file's token is called.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) token: IssuedToken,
    /// By a note that was written when it came into the file.
    pub(super) is_certain: bool,
}

/// Which of the tokens the file holds: by its note, by what the operator says, or because there is no other
/// that could be.
pub(super) fn which(
    listed: &[IssuedToken],
    file: &TokenFile,
    keep: Option<&str>,
    may_guess: bool,
) -> Result<Named, RotateError> {
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

/// The file's token was used with success a moment ago, so that one that is switched on may be it; also one whose
/// time is over, because clouds and clocks do not agree to the minute.
fn the_only_one(listed: &[IssuedToken], may_guess: bool) -> Result<IssuedToken, RotateError> {
    let on: Vec<_> = listed.iter().filter(|token| token.enabled).collect();
    match on.as_slice() {
        [only] if may_guess && listed.len() == 1 => Ok((*only).clone()),
        [only] if listed.len() == 1 => Err(RotateError::Unnamed { id: only.id.clone() }),
        [] => Err(RotateError::Stranger("no token is listed there".into())),
        _ => Err(RotateError::Ambiguous {
            ids: listed.iter().map(|token| token.id.clone()).collect(),
        }),
    }
}

/// What was in the file before, and is still there: the old token of a rotation, if that had its new one in place.
/// One that is gone by now is forgotten.
pub(super) fn earlier(file: &TokenFile, others: &[&IssuedToken]) -> Result<Option<String>, RotateError> {
    let mut earlier = None;
    for id in file.earlier()? {
        if others.iter().any(|token| token.id == id) {
            earlier = Some(id);
        } else {
            file.forget(&id)?;
        }
    }
    Ok(earlier)
}
