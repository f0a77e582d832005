//! What can be told of the token: by the configuration, the note beside it, the control plane, and by what came of
//! using it.

use chrono::{DateTime, Utc};

use super::{
    super::{engine::chain, setup::Setup},
    authority::Authority,
    control_plane, hindrance, mend,
};
use crate::{
    cloud::{self, IssuedToken, TokenAuthority, TokenFile, settings::ControlPlane},
    daemon::status::{KnownFrom, TokenStatus},
    ports::{Meta, RotationRecord, TokenRefusal},
    report::TokenView,
    secret::{self, SecretSource},
};

/// What can be told on this machine.
pub(super) fn known_here(setup: &Setup) -> TokenStatus {
    let scim = &setup.config.scim;
    let mut status = TokenStatus {
        digest: scim.token.read().ok().map(|text| secret::digest(&text)),
        ..TokenStatus::default()
    };
    if let Some(expires) = setup.config.token_life.expires {
        status.learn(KnownFrom::Configuration, Some(expires));
    }
    let SecretSource::File(path) = &scim.token else {
        return status;
    };
    match TokenFile::open(path).and_then(|file| file.in_use()) {
        Ok(Some(token)) => {
            status.id = Some(token.id);
            status.learn(KnownFrom::Note, token.expires);
        }
        Ok(None) => {}
        Err(error) => status.problem = Some(error.to_string()),
    }
    status
}

/// The same, and what the control plane says, where the configuration has an access key for it; and why the daemon
/// could not renew the token, where it is to.
pub(in crate::app) async fn known(setup: &Setup) -> (TokenStatus, Option<String>) {
    let mut status = known_here(setup);
    let Some(control) = control_plane(setup) else {
        return (status, None);
    };
    let hindrance = match ask(setup, control, &mut status).await {
        Ok(tokens) => hindrance::of_renewal(setup, &tokens, Utc::now()),
        Err(error) => {
            let why = silent(&chain(&error));
            let is_lasting = error.refusal().is_some();
            status.problem = Some(why.clone());
            is_lasting.then(|| format!("the daemon could not renew it: {why}"))
        }
    };
    let is_to_renew = setup.config.token_life.rotate_before_days.is_some();
    (status, hindrance.filter(|_| is_to_renew))
}

/// Asks the control plane, and returns the tokens that it has.
pub(super) async fn ask(
    setup: &Setup,
    control: ControlPlane<'_>,
    status: &mut TokenStatus,
) -> cloud::Result<Vec<IssuedToken>> {
    let tokens = Authority::of(control).await?.list().await?;
    status.look_up(&tokens, &mend(setup), Utc::now());
    Ok(tokens)
}

pub(super) fn silent(why: &str) -> String {
    format!("the control plane does not say: {why}")
}

/// What a status shows: what the daemon found out, if it was of the token that is there, and what came of using it.
pub(in crate::app) fn shown(
    setup: &Setup,
    watched: Option<&TokenStatus>,
    meta: &Meta,
    now: DateTime<Utc>,
) -> TokenView {
    let here = known_here(setup);
    let status = match watched {
        Some(watched) if watched.digest == here.digest => watched.clone(),
        _ => here,
    };
    let status = status.with_use(setup, meta, now);
    view(&status, rotation(&status, meta))
}

/// Why this token was refused when it was last used, if it was.
fn refusal<'a>(status: &TokenStatus, meta: &'a Meta) -> Option<&'a TokenRefusal> {
    let refusal = meta.token_refused.as_ref();
    refusal.filter(|refusal| status.digest.as_ref() == Some(&refusal.token))
}

/// The last attempt to renew this token: what became of another one is over.
pub(super) fn rotation(status: &TokenStatus, meta: &Meta) -> Option<RotationRecord> {
    let of_another = |of: &String| status.digest.as_ref().is_some_and(|digest| digest != of);
    let record = meta.rotation.clone()?;
    (!record.token.as_ref().is_some_and(of_another)).then_some(record)
}

fn view(token: &TokenStatus, rotation: Option<RotationRecord>) -> TokenView {
    let known_from = token.known_from.map(|from| match from {
        KnownFrom::Configuration => ("the configuration", "configuration"),
        KnownFrom::Note => ("the note beside the token", "note"),
        KnownFrom::ControlPlane => ("the cloud", "control-plane"),
    });
    TokenView {
        expires: token.expires,
        known_from,
        id: token.id.clone(),
        refused: token.refused,
        problem: token.problem.clone(),
        rotation,
    }
}

impl TokenStatus {
    fn learn(&mut self, from: KnownFrom, expires: Option<DateTime<Utc>>) {
        if expires.is_some() {
            (self.expires, self.known_from) = (expires, Some(from));
        }
    }

    /// The same with what came of using it.
    pub(super) fn with_use(mut self, setup: &Setup, meta: &Meta, now: DateTime<Utc>) -> Self {
        if let Some(refusal) = refusal(&self, meta) {
            let at = DateTime::from_timestamp(refusal.at, 0).unwrap_or(now);
            let why = format!(
                "the service provider refused it on {} (401): {}; {}",
                at.format("%Y-%m-%d %H:%M UTC"),
                refusal.outcome,
                mend(setup)
            );
            self.refuse(&why, now);
        }
        self
    }

    /// It is let in no more. When it would have expired is of no use then, unless it has.
    pub(in crate::app) fn refuse(&mut self, why: &str, now: DateTime<Utc>) {
        self.refused = true;
        if self.expires.is_some_and(|expires| expires > now) {
            (self.expires, self.known_from) = (None, None);
        }
        self.problem = Some(why.to_owned());
    }

    /// Finds the token in use among those of the control plane: by its id, or because it is the only one. `mend` is
    /// what to do when it is not there.
    fn look_up(&mut self, tokens: &[IssuedToken], mend: &str, now: DateTime<Utc>) {
        let found = match (&self.id, tokens) {
            (Some(id), tokens) => tokens.iter().find(|token| token.id == *id),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        self.problem = None;
        match (found, &self.id) {
            (Some(token), _) => {
                self.id = Some(token.id.clone());
                self.learn(KnownFrom::ControlPlane, token.expires);
                if !token.enabled {
                    self.refuse("it is switched off at the control plane", now);
                }
            }
            (None, Some(id)) => {
                let why = format!("the control plane has no token {id} (any more); {mend}");
                self.refuse(&why, now);
            }
            (None, None) if tokens.is_empty() => {
                self.refuse(&format!("the control plane has no token at all; {mend}"), now);
            }
            (None, None) => {
                let why = "it cannot be told which of the control plane's tokens is in use";
                self.problem = Some(why.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn issued(id: &str, expires: &str) -> IssuedToken {
        IssuedToken {
            id: id.to_owned(),
            created: None,
            expires: Some(at(expires)),
            enabled: true,
        }
    }

    #[test]
    fn the_token_in_use_is_found_by_its_id_or_because_it_is_alone() {
        let (one, two) = (
            issued("one", "2027-01-01T00:00:00Z"),
            issued("two", "2027-02-01T00:00:00Z"),
        );
        let off = IssuedToken {
            enabled: false,
            ..one.clone()
        };
        let check = |id: Option<&str>, tokens: &[IssuedToken], expires: Option<&str>, problem: Option<&str>| {
            let mut status = TokenStatus {
                id: id.map(str::to_owned),
                ..TokenStatus::default()
            };
            status.look_up(tokens, "do this", at("2026-12-01T00:00:00Z"));
            assert_eq!(status.expires, expires.map(at), "{id:?}");
            let said = status.problem.unwrap_or_default();
            assert_eq!(said.is_empty(), problem.is_none(), "{said}");
            assert!(said.contains(problem.unwrap_or_default()), "{said}");
        };
        let both = [one.clone(), two];
        check(Some("two"), &both, Some("2027-02-01T00:00:00Z"), None);
        check(None, &both[..1], Some("2027-01-01T00:00:00Z"), None);
        check(None, &both, None, Some("which of"));
        check(Some("gone"), &both, None, Some("no token gone (any more); do this"));
        check(None, &[], None, Some("no token at all"));
        check(Some("one"), &[off], None, Some("switched off"));
    }

    #[test]
    fn the_end_of_a_token_that_is_let_in_no_more_is_told_only_when_it_has_come() {
        let check = |now: &str, expected: Option<&str>| {
            let mut status = TokenStatus {
                id: Some("gone".to_owned()),
                expires: Some(at("2027-01-01T00:00:00Z")),
                known_from: Some(KnownFrom::Note),
                ..TokenStatus::default()
            };
            status.look_up(&[], "do this", at(now));
            assert!(status.refused);
            assert_eq!(status.expires, expected.map(at), "{now}");
            assert_eq!(status.known_from.is_some(), expected.is_some(), "{now}");
        };
        check("2026-12-01T00:00:00Z", None);
        check("2027-01-01T00:00:00Z", Some("2027-01-01T00:00:00Z"));
    }

    #[test]
    fn what_became_of_another_token_is_over() {
        let meta = |token: Option<&str>| Meta {
            rotation: Some(RotationRecord {
                at: 5,
                done: false,
                outcome: "refused".to_owned(),
                token: token.map(str::to_owned),
            }),
            token_refused: token.map(|token| TokenRefusal {
                at: 5,
                token: token.to_owned(),
                outcome: "401".to_owned(),
            }),
            ..Meta::default()
        };
        let check = |token: Option<&str>, here: Option<&str>, renewal: bool, refused: bool| {
            let status = TokenStatus {
                digest: here.map(str::to_owned),
                ..TokenStatus::default()
            };
            let meta = meta(token);
            assert_eq!(rotation(&status, &meta).is_some(), renewal, "{token:?} {here:?}");
            assert_eq!(refusal(&status, &meta).is_some(), refused, "{token:?} {here:?}");
        };
        check(Some("one"), Some("one"), true, true);
        check(Some("one"), Some("two"), false, false);
        // Of a token that cannot be read nothing can be told.
        check(Some("one"), None, true, false);
        check(None, Some("one"), true, false);
    }
}
