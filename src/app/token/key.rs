//! An access key that the control plane refused is left alone for a day: a cloud locks a key that is refused
//! repeatedly.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use super::super::engine::Engine;
use crate::{
    cloud::settings::ControlPlane,
    ports::{KeyRefusal, Meta, StateStore},
};

impl Engine {
    /// A restart asks with the same key again, and so does a reload; the state keeps them from it.
    pub(super) async fn remember_refusal(&self, key: String, why: &str, now: DateTime<Utc>, stop: &CancellationToken) {
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
}

/// Why an access key is left alone: it was refused less than a day ago. Another key may be tried at once.
pub(super) fn refused_today(meta: &Meta, key: &str, now: DateTime<Utc>) -> Option<String> {
    let refusal = meta.key_refused.as_ref().filter(|refusal| refusal.key == key)?;
    let until = DateTime::from_timestamp(refusal.at, 0)? + TimeDelta::days(1);
    is_within(TimeDelta::days(1), refusal.at, now).then(|| {
        format!(
            "{}; a cloud locks a key that is refused repeatedly, so this one is left alone until {}; give the \
             daemon the right one, or try it with `scimward check`",
            refusal.outcome,
            until.format("%Y-%m-%d %H:%M UTC")
        )
    })
}

/// Whether `at` is less than `time` ago. A clock that was set back is no reason to wait for longer.
pub(super) fn is_within(time: TimeDelta, at: i64, now: DateTime<Utc>) -> bool {
    let since = now.timestamp().saturating_sub(at);
    (0..time.num_seconds()).contains(&since)
}

/// Tells one access key, and one place where it is used, from another. What cannot be read counts as empty.
pub(super) fn digest(control: ControlPlane<'_>) -> String {
    let keys = control.key_sources();
    // Settings name secrets by their sources, and hold none.
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{control:?}").as_bytes());
    for source in [Some(keys.access_key), Some(keys.secret_key), keys.security_token] {
        let value = source.and_then(|source| source.read().ok()).unwrap_or_default();
        hasher.update(b"\0").update(value.expose_secret().as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_refused_is_left_alone_for_a_day_and_another_one_is_not() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
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
