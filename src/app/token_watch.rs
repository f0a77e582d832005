//! How long the SCIM token works, and a new one in time.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;

use super::{
    engine::{Engine, chain},
    setup::Setup,
};
use crate::{
    cloud::{
        self, Alibaba, CloudError, Huawei, IssuedToken, RotateError, Rotated, ScimProbe, TokenAuthority, TokenFile,
        settings::ControlPlane,
    },
    daemon::status::{KnownFrom, TokenStatus},
    expiry::{self, Judgement, Severity},
    ports::{KeyRefusal, Meta, RotationRecord, StateStore, StoreError},
    report::TokenView,
    secret::SecretSource,
};

/// What can be told on this machine: by the configuration, and by the note beside the token file.
pub(super) fn known_here(setup: &Setup) -> TokenStatus {
    let mut status = TokenStatus::default();
    if let Some(expires) = setup.config.token_life.expires {
        status.learn(KnownFrom::Configuration, Some(expires));
    }
    let SecretSource::File(path) = &setup.config.scim.token else {
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

/// The same, and what the control plane says, where the configuration has an access key for it.
pub(super) async fn known(setup: &Setup) -> TokenStatus {
    let mut status = known_here(setup);
    if let Some(control) = control_plane(setup)
        && let Err(error) = ask(control, &mut status).await
    {
        status.problem = Some(silent(&chain(&error)));
    }
    status
}

async fn ask(control: ControlPlane<'_>, status: &mut TokenStatus) -> cloud::Result<()> {
    let tokens = Authority::of(control).await?.list().await?;
    status.look_up(&tokens);
    Ok(())
}

fn silent(why: &str) -> String {
    format!("the control plane does not say: {why}")
}

/// What the daemon found out, unless another token was put in place since.
pub(super) fn newest(watched: Option<&TokenStatus>, here: TokenStatus) -> TokenStatus {
    match watched {
        Some(watched) if here.id.is_none() || here.id == watched.id => watched.clone(),
        _ => here,
    }
}

/// The control plane that may be asked without anybody's doing.
fn control_plane(setup: &Setup) -> Option<ControlPlane<'_>> {
    let control = setup.config.cloud.of_profile(&setup.policy.profile.name)?;
    let has_keys = match control {
        ControlPlane::Huawei(settings) => settings.keys.is_some(),
        ControlPlane::Alibaba(settings) => settings.keys.is_some(),
    };
    (has_keys || setup.config.token_life.rotate_before_days.is_some()).then_some(control)
}

impl TokenStatus {
    fn learn(&mut self, from: KnownFrom, expires: Option<DateTime<Utc>>) {
        if expires.is_some() {
            (self.expires, self.known_from) = (expires, Some(from));
        }
    }

    /// Finds the token in use among those of the control plane: by its id, or because it is the only one.
    fn look_up(&mut self, tokens: &[IssuedToken]) {
        let found = match (&self.id, tokens) {
            (Some(id), tokens) => tokens.iter().find(|token| token.id == *id),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        self.problem = match (found, &self.id) {
            (Some(token), _) => {
                self.id = Some(token.id.clone());
                self.learn(KnownFrom::ControlPlane, token.expires);
                (!token.enabled).then(|| "it is switched off at the control plane".to_owned())
            }
            (None, Some(id)) => Some(format!("the control plane has no token {id} (any more)")),
            (None, None) if tokens.is_empty() => Some("the control plane has no token at all".to_owned()),
            (None, None) => Some("it cannot be told which of the control plane's tokens is in use".to_owned()),
        };
    }
}

/// As a status shows it.
pub(super) fn view(token: &TokenStatus, rotation: Option<RotationRecord>) -> TokenView {
    let known_from = token.known_from.map(|from| match from {
        KnownFrom::Configuration => ("the configuration", "configuration"),
        KnownFrom::Note => ("the note beside the token", "note"),
        KnownFrom::ControlPlane => ("the cloud", "control-plane"),
    });
    TokenView {
        expires: token.expires,
        known_from,
        id: token.id.clone(),
        problem: token.problem.clone(),
        rotation: rotation.or_else(|| token.rotation.clone()),
    }
}

/// What somebody should do about a token that expires.
pub(super) fn advice(setup: &Setup) -> String {
    match (&setup.config.token_life.rotate_before_days, &*setup.policy.profile.name) {
        (Some(days), _) => format!("the daemon renews it {days} days before"),
        (None, "huawei") => "renew it: scimward cloud huawei token rotate".to_owned(),
        (None, "alibaba") => "renew it: scimward cloud alibaba credential rotate".to_owned(),
        (None, _) => "make a new one in the cloud's console, and put it in the place of this one".to_owned(),
    }
}

fn log(setup: &Setup, token: &TokenStatus, now: DateTime<Utc>) {
    if let Some(problem) = &token.problem {
        tracing::warn!(%problem, "when the token expires is not known for certain");
    }
    let Some(expires) = token.expires else { return };
    let Judgement { severity, words, .. } = expiry::judge(now, expires);
    let advice = advice(setup);
    match severity {
        Severity::Quiet => tracing::debug!("the token {words}"),
        Severity::Info => tracing::info!("the token {words}; {advice}"),
        Severity::Warning => tracing::warn!("the token {words}; {advice}"),
        Severity::Error => tracing::error!("the token {words}; {advice}"),
    }
}

impl Engine {
    /// See [`crate::daemon::Runner::tend_token`].
    pub(super) async fn look_after_token(
        self: &Arc<Self>,
        now: DateTime<Utc>,
        stop: &CancellationToken,
    ) -> TokenStatus {
        let setup = self.setup();
        let (mut token, mut refused) = self.look(&setup, now, stop).await;
        // The first one may only end what was begun before.
        for _ in 0..2 {
            match self.renew_if_due(&setup, &token, refused.as_deref(), now, stop).await {
                Ok(None) => break,
                Ok(Some(rotated)) => {
                    (token, refused) = self.look(&setup, now, stop).await;
                    if matches!(rotated, Rotated::Renewed { .. }) {
                        warn_of_short_life(&setup, &token, now);
                        break;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the state does not say when the token was renewed, so it is left alone");
                    break;
                }
            }
        }
        log(&setup, &token, now);
        match self.store.meta() {
            Ok(meta) => token.rotation = meta.rotation,
            Err(error) => tracing::error!(%error, "the state cannot be read"),
        }
        token
    }

    /// What is known of the token; and why the access key is to be left alone, if it is.
    async fn look(&self, setup: &Setup, now: DateTime<Utc>, stop: &CancellationToken) -> (TokenStatus, Option<String>) {
        let mut status = known_here(setup);
        let Some(control) = control_plane(setup) else {
            return (status, None);
        };
        let key = digest(control);
        let before = match self.store.meta() {
            Ok(meta) => refused_today(&meta, &key, now),
            Err(error) => Some(format!("the state cannot be read, so it is not asked: {error}")),
        };
        let refused = match before {
            Some(why) => Some(why),
            None => match ask(control, &mut status).await {
                Ok(()) => None,
                Err(error) => {
                    let why = chain(&error);
                    if error.status() == Some(401) {
                        self.remember_refusal(key, &why, now, stop).await;
                    }
                    status.problem = Some(silent(&why));
                    error.refusal().is_some().then_some(why)
                }
            },
        };
        if let Some(why) = &refused {
            status.problem = Some(silent(why));
        }
        (status, refused)
    }

    /// A restart asks with the same key again, and so does a reload; the state keeps them from it.
    async fn remember_refusal(&self, key: String, why: &str, now: DateTime<Utc>, stop: &CancellationToken) {
        // A cycle that is under way would write over it.
        let _no_cycle = tokio::select! {
            guard = self.busy.lock() => guard,
            () = stop.cancelled() => return,
        };
        let refusal = KeyRefusal {
            at: now.timestamp(),
            key,
            outcome: why.to_owned(),
        };
        let saved = self.store.meta().and_then(|meta| {
            self.store.save_meta(&Meta {
                key_refused: Some(refusal),
                ..meta
            })?;
            self.store.flush()
        });
        if let Err(error) = saved {
            tracing::error!(%error, "the state does not remember that the access key was refused");
        }
    }

    /// Renews the token when it is time; what came of it, when there is something new to know. With an access
    /// key that was just `refused` it is not tried.
    async fn renew_if_due(
        &self,
        setup: &Setup,
        token: &TokenStatus,
        refused: Option<&str>,
        now: DateTime<Utc>,
        stop: &CancellationToken,
    ) -> Result<Option<Rotated>, StoreError> {
        let life = &setup.config.token_life;
        let (Some(days), Some(expires)) = (life.rotate_before_days, token.expires) else {
            return Ok(None);
        };
        if !expiry::is_within(now, expires, days) || failed_today(&self.store.meta()?, now) {
            return Ok(None);
        }
        let _no_cycle = tokio::select! {
            guard = self.busy.lock() => guard,
            () = stop.cancelled() => return Ok(None),
        };
        tracing::info!("the token {}: renewing it", expiry::judge(now, expires).words);
        let done = match refused {
            Some(why) => Err(why.to_owned()),
            None => renew(setup).await.map_err(|error| chain(&error)),
        };
        let (is_done, outcome) = match &done {
            Ok(rotated) => (true, in_words(rotated)),
            Err(why) => (false, why.clone()),
        };
        match is_done {
            true => tracing::info!("{outcome}"),
            false => tracing::error!("the token could not be renewed: {outcome}; tried again tomorrow"),
        }
        let rotation = RotationRecord {
            at: now.timestamp(),
            done: is_done,
            outcome,
        };
        let meta = self.store.meta()?;
        self.store.save_meta(&Meta {
            rotation: Some(rotation),
            ..meta
        })?;
        self.store.flush()?;
        Ok(done.ok())
    }
}

/// A token that is due at once again is renewed every day.
fn warn_of_short_life(setup: &Setup, token: &TokenStatus, now: DateTime<Utc>) {
    let Some(days) = setup.config.token_life.rotate_before_days else {
        return;
    };
    if token
        .expires
        .is_some_and(|expires| expiry::is_within(now, expires, days))
    {
        tracing::warn!(
            days,
            "the new token lives no longer than [scim] rotate_before_days: it is renewed every day; write fewer days"
        );
    }
}

/// At most one attempt a day once one has failed.
fn failed_today(meta: &Meta, now: DateTime<Utc>) -> bool {
    let Some(RotationRecord { at, done: false, .. }) = meta.rotation else {
        return false;
    };
    is_within_a_day(at, now)
}

/// Why an access key is left alone: it was refused less than a day ago. Another key may be tried at once.
fn refused_today(meta: &Meta, key: &str, now: DateTime<Utc>) -> Option<String> {
    let refusal = meta.key_refused.as_ref().filter(|refusal| refusal.key == key)?;
    let until = DateTime::from_timestamp(refusal.at, 0)? + TimeDelta::days(1);
    is_within_a_day(refusal.at, now).then(|| {
        format!(
            "{}; a cloud locks a key that is refused repeatedly, so this one is left alone until {}; give the \
             daemon the right one, or try it with `scimward check`",
            refusal.outcome,
            until.format("%Y-%m-%d %H:%M UTC")
        )
    })
}

/// A clock that was set back is no reason to wait for longer than a day.
fn is_within_a_day(at: i64, now: DateTime<Utc>) -> bool {
    let since = now.timestamp().saturating_sub(at);
    (0..TimeDelta::days(1).num_seconds()).contains(&since)
}

/// Tells one access key, and one place where it is used, from another. What cannot be read counts as empty.
fn digest(control: ControlPlane<'_>) -> String {
    let (keys, variables) = match control {
        ControlPlane::Huawei(settings) => (
            settings.keys.as_ref(),
            [
                "HUAWEICLOUD_SDK_AK",
                "HUAWEICLOUD_SDK_SK",
                "HUAWEICLOUD_SDK_SECURITY_TOKEN",
            ],
        ),
        ControlPlane::Alibaba(settings) => (
            settings.keys.as_ref(),
            [
                "ALIBABA_CLOUD_ACCESS_KEY_ID",
                "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
                "ALIBABA_CLOUD_SECURITY_TOKEN",
            ],
        ),
    };
    let sources = match keys {
        Some(keys) => [
            Some(keys.access_key.clone()),
            Some(keys.secret_key.clone()),
            keys.security_token.clone(),
        ],
        None => variables.map(|name| Some(SecretSource::Env(name.to_owned()))),
    };
    // Settings name secrets by their sources, and hold none.
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{control:?}").as_bytes());
    for source in sources {
        let value = source.and_then(|source| source.read().ok()).unwrap_or_default();
        hasher.update(b"\0").update(value.expose_secret().as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

async fn renew(setup: &Setup) -> Result<Rotated, RotateError> {
    let scim = &setup.config.scim;
    let (SecretSource::File(path), Some(control)) = (&scim.token, control_plane(setup)) else {
        let words = "[scim] rotate_before_days needs a token in a file, and the table [cloud.…] of its profile";
        return Err(CloudError::Settings(words.to_owned()).into());
    };
    let file = TokenFile::open(path)?;
    let probe = ScimProbe::new(&scim.endpoint, scim.ca_file.as_deref(), scim.allow_plaintext)?;
    cloud::rotate(&Authority::of(control).await?, &file, &probe, None).await
}

fn in_words(rotated: &Rotated) -> String {
    match rotated {
        Rotated::Renewed { new, old, .. } => {
            let until = new
                .expires
                .map(|at| format!(" until {}", at.format("%Y-%m-%d %H:%M UTC")));
            format!(
                "the token was renewed: {} is in use{}, {} is deleted",
                new.id,
                until.unwrap_or_default(),
                old.id
            )
        }
        Rotated::Completed { in_use, .. } => {
            format!("a renewal begun before was completed: {} is in use", in_use.id)
        }
        Rotated::Replaced { new, .. } => format!("the token was let in no more and was replaced: {} is in use", new.id),
    }
}

/// Whoever gives out the tokens of this configuration.
pub(super) enum Authority {
    /// Access tokens.
    Huawei(cloud::huawei::Tokens),
    /// SCIM credentials.
    Alibaba(Alibaba),
}

impl Authority {
    /// Finds it.
    ///
    /// # Errors
    /// When the settings do not fit, and when the control plane has to be asked and does not answer.
    pub(super) async fn of(control: ControlPlane<'_>) -> cloud::Result<Self> {
        Ok(match control {
            ControlPlane::Huawei(settings) => Self::Huawei(Huawei::new(settings)?.tokens().await?),
            ControlPlane::Alibaba(settings) => Self::Alibaba(Alibaba::new(settings)?),
        })
    }
}

impl TokenAuthority for Authority {
    async fn list(&self) -> cloud::Result<Vec<IssuedToken>> {
        match self {
            Self::Huawei(tokens) => tokens.list().await,
            Self::Alibaba(alibaba) => alibaba.list().await,
        }
    }

    async fn ask(&self) -> cloud::Result<(IssuedToken, SecretString)> {
        match self {
            Self::Huawei(tokens) => tokens.ask().await,
            Self::Alibaba(alibaba) => alibaba.ask().await,
        }
    }

    async fn delete(&self, id: &str) -> cloud::Result<()> {
        match self {
            Self::Huawei(tokens) => tokens.delete(id).await,
            Self::Alibaba(alibaba) => alibaba.delete(id).await,
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
            status.look_up(tokens);
            assert_eq!(status.expires, expires.map(at), "{id:?}");
            let said = status.problem.unwrap_or_default();
            assert_eq!(said.is_empty(), problem.is_none(), "{said}");
            assert!(said.contains(problem.unwrap_or_default()), "{said}");
        };
        let both = [one.clone(), two];
        check(Some("two"), &both, Some("2027-02-01T00:00:00Z"), None);
        check(None, &both[..1], Some("2027-01-01T00:00:00Z"), None);
        check(None, &both, None, Some("which of"));
        check(Some("gone"), &both, None, Some("no token gone"));
        check(None, &[], None, Some("no token at all"));
        check(Some("one"), &[off], Some("2027-01-01T00:00:00Z"), Some("switched off"));
    }

    #[test]
    fn after_a_failure_it_is_left_alone_for_a_day() {
        let check = |done: bool, now: &str, expected: bool| {
            let meta = Meta {
                rotation: Some(RotationRecord {
                    at: at("2027-01-01T00:00:00Z").timestamp(),
                    done,
                    outcome: String::new(),
                }),
                ..Meta::default()
            };
            assert_eq!(failed_today(&meta, at(now)), expected, "{now}");
        };
        check(false, "2027-01-01T00:00:00Z", true);
        check(false, "2027-01-01T23:59:59Z", true);
        check(false, "2027-01-02T00:00:00Z", false);
        check(true, "2027-01-01T00:00:01Z", false);
        // A clock that was set back is no reason to wait for longer than a day.
        check(false, "2026-12-31T23:59:59Z", false);
        assert!(!failed_today(&Meta::default(), at("2027-01-01T00:00:00Z")));
    }

    #[test]
    fn a_key_that_was_refused_is_left_alone_for_a_day_and_another_one_is_not() {
        let meta = Meta {
            key_refused: Some(KeyRefusal {
                at: at("2027-01-01T00:00:00Z").timestamp(),
                key: "one".to_owned(),
                outcome: "401".to_owned(),
            }),
            ..Meta::default()
        };
        let check = |key: &str, now: &str, expected: bool| {
            let why = refused_today(&meta, key, at(now));
            assert_eq!(why.is_some(), expected, "{key} {now}: {why:?}");
        };
        check("one", "2027-01-01T00:00:00Z", true);
        check("one", "2027-01-01T23:59:59Z", true);
        check("one", "2027-01-02T00:00:00Z", false);
        check("one", "2026-12-31T23:59:59Z", false);
        check("two", "2027-01-01T00:00:01Z", false);
        assert_eq!(refused_today(&Meta::default(), "one", at("2027-01-01T00:00:00Z")), None);
    }
}
