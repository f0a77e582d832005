//! Whether the daemon could renew the token, as far as the control plane's list tells.

use chrono::{DateTime, Utc};

use super::{super::setup::Setup, words};
use crate::{
    cloud::{IssuedToken, TOKENS_MAX, TokenFile},
    secret::SecretSource,
};

/// What is in the way, and what mends that: the daemon guesses nothing, and deletes only what was in the file, and what
/// has expired.
pub(super) fn of_renewal(setup: &Setup, tokens: &[IssuedToken], now: DateTime<Utc>) -> Option<String> {
    let SecretSource::File(path) = &setup.config.scim.token else {
        return None;
    };
    // What cannot be read is said where the token itself is looked at.
    let file = TokenFile::open(path).ok()?;
    if file.is_begun().ok()? {
        return None;
    }
    let words = words(setup)?;
    let Some(in_use) = file.in_use().ok()? else {
        let ids: Vec<&str> = tokens.iter().map(|token| token.id.as_str()).collect();
        return Some(format!(
            "the daemon could not renew it: nothing tells which {} the file holds ({}); type once, with its id: {} rotate \
             --keep ID",
            words.one,
            ids.join(" or "),
            words.command
        ));
    };
    let other = other(&in_use.id, tokens, now)?;
    Some(format!(
        "the daemon could not renew it: there are {} {} already, and {} is not of this file, so it may be in use \
         elsewhere; if it is not, type: {} delete {}",
        tokens.len(),
        words.many,
        other.id,
        words.command,
        other.id
    ))
}

/// The one that is in the way.
fn other<'a>(in_use: &str, tokens: &'a [IssuedToken], now: DateTime<Utc>) -> Option<&'a IssuedToken> {
    let is_dead = |token: &&IssuedToken| token.expires.is_some_and(|expires| expires <= now);
    if tokens.len() < TOKENS_MAX || tokens.iter().any(|token| is_dead(&token)) {
        return None;
    }
    tokens.iter().find(|token| token.id != in_use)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_list_of_living_tokens_is_in_the_way() {
        let now = "2027-01-01T00:00:00Z".parse().unwrap();
        let token = |id: &str, expires: &str| IssuedToken {
            id: id.to_owned(),
            created: None,
            expires: Some(expires.parse().unwrap()),
            enabled: true,
        };
        let check = |tokens: &[IssuedToken], expected: Option<&str>| {
            let found = other("ours", tokens, now).map(|token| token.id.as_str());
            assert_eq!(found, expected, "{tokens:?}");
        };
        let ours = token("ours", "2027-01-20T00:00:00Z");
        let theirs = token("theirs", "2027-12-01T00:00:00Z");
        let dead = token("dead", "2026-12-31T00:00:00Z");
        check(&[], None);
        check(std::slice::from_ref(&ours), None);
        check(&[ours.clone(), theirs.clone()], Some("theirs"));
        check(&[theirs, ours.clone()], Some("theirs"));
        check(&[ours, dead], None);
    }
}
