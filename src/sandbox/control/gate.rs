//! Who may call: the key, the clock, nonces, and the lock after too many failures.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};

use crate::sandbox::cloud::digest;

/// How far the date of a request may be from our clock, both ways. Both clouds say 15 minutes.
const WINDOW: TimeDelta = TimeDelta::minutes(15);
/// Failures in a row that lock the key.
const FAILURES_MAX: u32 = 5;
/// How long it stays locked. The vendor says "a while".
const LOCKED: TimeDelta = TimeDelta::minutes(5);
/// How long an IAM token is good.
const AUTH_TOKEN_LIFE: TimeDelta = TimeDelta::hours(24);

/// The one access key of the sandbox's account.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// The access key id, which is no secret.
    pub id: String,
    /// The secret access key.
    pub secret: SecretString,
    /// Of a temporary key: what has to be sent, and signed, with each request.
    pub security_token: Option<SecretString>,
}

/// The door to a control plane.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    key: AccessKey,
    failures: u32,
    last_failure: Option<DateTime<Utc>>,
    /// Nonces within the window, and the dates they came with.
    nonces: BTreeMap<String, DateTime<Utc>>,
    /// IAM tokens by the hash of their text, and when they end.
    tokens: BTreeMap<String, DateTime<Utc>>,
}

impl Gate {
    pub(super) fn new(key: AccessKey) -> Self {
        Self {
            key,
            failures: 0,
            last_failure: None,
            nonces: BTreeMap::new(),
            tokens: BTreeMap::new(),
        }
    }

    /// The secret of the key of that id.
    pub(super) fn secret(&self, id: &str) -> Option<&str> {
        (id == self.key.id).then(|| self.key.secret.expose_secret())
    }

    /// Whether this, or nothing, is the security token that has to come with the key.
    pub(super) fn is_session(&self, shown: Option<&str>) -> bool {
        shown == self.key.security_token.as_ref().map(ExposeSecret::expose_secret)
    }

    /// Whether this is the secret of the key: the administrator's password too.
    pub(super) fn is_password(&self, shown: &str) -> bool {
        shown == self.key.secret.expose_secret()
    }

    /// The key is a temporary one.
    pub(super) fn is_temporary(&self) -> bool {
        self.key.security_token.is_some()
    }

    /// Whether a request with this date is neither too old nor too young.
    pub(super) fn is_timely(date: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        // The date is the client's and may be anything, also one that no difference can be told of.
        now.checked_sub_signed(WINDOW).is_some_and(|first| first <= date)
            && now.checked_add_signed(WINDOW).is_some_and(|last| date <= last)
    }

    /// Takes a nonce once.
    pub(super) fn takes(&mut self, nonce: &str, date: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.nonces.retain(|_, date| Self::is_timely(*date, now));
        if self.nonces.contains_key(nonce) {
            return false;
        }
        self.nonces.insert(nonce.to_owned(), date);
        true
    }

    pub(super) fn is_locked(&self, now: DateTime<Utc>) -> bool {
        self.failures >= FAILURES_MAX && self.last_failure.is_some_and(|last| now - last < LOCKED)
    }

    /// One more failure in a row.
    pub(super) fn fail(&mut self, now: DateTime<Utc>) {
        if self.last_failure.is_some_and(|last| now - last >= LOCKED) {
            self.failures = 0;
        }
        self.failures += 1;
        self.last_failure = Some(now);
    }

    /// The row of failures is over.
    pub(super) fn pass(&mut self) {
        self.failures = 0;
        self.last_failure = None;
    }

    /// From now on this is an IAM token, for a day. When it ends.
    pub(super) fn admit(&mut self, token: &SecretString, now: DateTime<Utc>) -> DateTime<Utc> {
        let ends = now + AUTH_TOKEN_LIFE;
        self.tokens.insert(digest(token.expose_secret()), ends);
        ends
    }

    /// Whether this IAM token is good.
    pub(super) fn admits(&self, token: &str, now: DateTime<Utc>) -> bool {
        self.tokens.get(&digest(token)).is_some_and(|ends| now < *ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        Gate::new(AccessKey {
            id: "AK".into(),
            secret: "s3cret".to_owned().into(),
            security_token: None,
        })
    }

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-01-02T{text}Z").parse().unwrap()
    }

    #[test]
    fn a_quarter_of_an_hour_is_forgiven() {
        let check = |date, expected| assert_eq!(Gate::is_timely(at(date), at("12:00:00")), expected, "{date}");
        check("12:00:00", true);
        check("11:45:00", true);
        check("12:15:00", true);
        check("11:44:59", false);
        check("12:15:01", false);
        assert!(!Gate::is_timely(DateTime::<Utc>::MIN_UTC, at("12:00:00")));
        assert!(!Gate::is_timely(at("12:00:00"), DateTime::<Utc>::MAX_UTC));
    }

    #[test]
    fn a_nonce_is_good_once_while_its_date_is() {
        let mut gate = gate();
        assert!(gate.takes("n", at("12:00:00"), at("12:00:00")));
        assert!(!gate.takes("n", at("12:00:00"), at("12:15:00")));
        assert!(gate.takes("m", at("12:00:00"), at("12:00:00")));
        // Its date alone would refuse it from here on.
        assert!(gate.takes("n", at("12:15:01"), at("12:15:01")));
        assert_eq!(gate.nonces.len(), 1);
    }

    #[test]
    fn five_failures_in_a_row_lock_for_a_while() {
        let mut gate = gate();
        for _ in 0..4 {
            gate.fail(at("12:00:00"));
        }
        assert!(!gate.is_locked(at("12:00:00")));
        gate.pass();
        for _ in 0..5 {
            gate.fail(at("12:00:00"));
        }
        assert!(gate.is_locked(at("12:04:59")));
        assert!(!gate.is_locked(at("12:05:00")));
        gate.fail(at("12:05:00"));
        assert!(!gate.is_locked(at("12:05:00")), "a new row");
    }

    #[test]
    fn an_iam_token_is_good_for_a_day() {
        let mut gate = gate();
        let ends = gate.admit(&"t".to_owned().into(), at("12:00:00"));
        assert!(gate.admits("t", at("12:00:00")) && !gate.admits("u", at("12:00:00")));
        assert!(!gate.admits("t", ends));
        assert!(!format!("{gate:?}").contains("s3cret"));
    }
}
