//! A new token when the old one comes to its end, without anybody's doing.

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        engine::{Engine, chain},
        setup::Setup,
    },
    authority::Authority,
    control_plane,
    key::is_within,
    known::{known_here, rotation},
    words,
};
use crate::{
    cloud::{self, CloudError, Rotated, ScimProbe, TokenFile},
    daemon::status::TokenStatus,
    expiry,
    ports::{Meta, RotationRecord, StateStore, StoreError},
    secret::SecretSource,
};

impl Engine {
    /// Renews the token when it is time; what came of it, when there is something new to know. With an access
    /// key that was just `refused` it is not tried.
    pub(super) async fn renew_if_due(
        &self,
        setup: &Setup,
        token: &TokenStatus,
        refused: Option<&str>,
        now: DateTime<Utc>,
        stop: &CancellationToken,
    ) -> Result<Option<Rotated>, StoreError> {
        let days = setup.config.token_life.rotate_before_days;
        let (Some(days), Some(expires)) = (days, token.expires) else {
            return Ok(None);
        };
        let is_due = expiry::is_within(now, expires, days);
        let meta = self.store.meta()?;
        let failed = rotation(token, &meta).is_some_and(|record| !record.done);
        let is_left_alone = is_due && failed_just_now(token, &meta, now);
        if is_left_alone || !(is_due || failed) {
            return Ok(None);
        }
        let _no_cycle = tokio::select! {
            guard = self.busy.lock() => guard,
            () = stop.cancelled() => return Ok(None),
        };
        if !is_due {
            // Whatever it was: there is time again.
            self.record(None)?;
            return Ok(None);
        }
        tracing::info!("the token {}: renewing it", expiry::judge(now, expires).words);
        let done = match refused {
            Some(why) => Err(why.to_owned()),
            None => renew(setup).await,
        };
        let (is_done, outcome) = match &done {
            Ok(rotated) => (true, in_words(rotated)),
            Err(why) => (false, why.clone()),
        };
        match is_done {
            true => tracing::info!("{outcome}"),
            false => tracing::error!(
                "the token could not be renewed: {outcome}; tried again within a day, and when the daemon is started or reloaded {} minutes from now",
                AGAIN_AFTER.num_minutes()
            ),
        }
        self.record(Some(RotationRecord {
            at: now.timestamp(),
            done: is_done,
            outcome,
            token: known_here(setup).digest,
        }))?;
        Ok(done.ok())
    }

    fn record(&self, rotation: Option<RotationRecord>) -> Result<(), StoreError> {
        let meta = self.store.meta()?;
        self.store.save_meta(&Meta { rotation, ..meta })?;
        self.store.flush()
    }
}

/// A token that is due at once again is renewed every day.
pub(super) fn warn_of_short_life(setup: &Setup, token: &TokenStatus, now: DateTime<Utc>) {
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

/// A daemon that is started again and again does not try each time.
const AGAIN_AFTER: TimeDelta = TimeDelta::minutes(5);

/// Whether an attempt with this token has failed so lately that nobody can have mended the cause.
fn failed_just_now(token: &TokenStatus, meta: &Meta, now: DateTime<Utc>) -> bool {
    let Some(RotationRecord { at, done: false, .. }) = rotation(token, meta) else {
        return false;
    };
    is_within(AGAIN_AFTER, at, now)
}

async fn renew(setup: &Setup) -> Result<Rotated, String> {
    let scim = &setup.config.scim;
    let (SecretSource::File(path), Some(control), Some(words)) = (&scim.token, control_plane(setup), words(setup))
    else {
        return Err("[scim] rotate_before_days needs a token in a file, and the table [cloud.…] of its profile".into());
    };
    let file = TokenFile::open(path).map_err(|error| error.to_string())?;
    let plainly = |error: CloudError| chain(&error);
    let probe = ScimProbe::new(&scim.endpoint, scim.ca_file.as_deref(), scim.allow_plaintext).map_err(plainly)?;
    let authority = Authority::of(control).await.map_err(plainly)?;
    let rotated = cloud::rotate(&authority, &file, &probe, None).await;
    rotated.map_err(|error| words.told(&error, path))
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
        Rotated::Replaced { new, .. } => {
            format!("the token was let in no more, and {} is in use in its place", new.id)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn after_a_failure_it_is_left_alone_for_a_while() {
        let token = |digest: &str| TokenStatus {
            digest: Some(digest.to_owned()),
            ..TokenStatus::default()
        };
        let check = |done: bool, now: &str, expected: bool| {
            let meta = Meta {
                rotation: Some(RotationRecord {
                    at: at("2027-01-01T00:00:00Z").timestamp(),
                    done,
                    outcome: String::new(),
                    token: Some("one".to_owned()),
                }),
                ..Meta::default()
            };
            assert_eq!(failed_just_now(&token("one"), &meta, at(now)), expected, "{now}");
            assert!(!failed_just_now(&token("two"), &meta, at(now)), "another token");
        };
        check(false, "2027-01-01T00:00:00Z", true);
        check(false, "2027-01-01T00:04:59Z", true);
        check(false, "2027-01-01T00:05:00Z", false);
        check(true, "2027-01-01T00:00:01Z", false);
        // A clock that was set back is no reason to wait for longer.
        check(false, "2026-12-31T23:59:59Z", false);
        assert!(!failed_just_now(
            &token("one"),
            &Meta::default(),
            at("2027-01-01T00:00:00Z")
        ));
    }
}
