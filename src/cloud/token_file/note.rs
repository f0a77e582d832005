//! What lies beside a token: what it is called, and how far a rotation has come.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{cloud::IssuedToken, secret::digest};

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) tokens: Vec<Entry>,
    /// A rotation is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) begun: Option<Begun>,
    /// This token of somebody is switched off, to see whether the one of the file works without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) suspended: Option<String>,
}

/// Before what it was asked for a token is made is there, on this machine's clock and the cloud's.
const EARLY_MAX: TimeDelta = TimeDelta::minutes(1);
/// The same after it: four tries with a pause of a minute at most, when there are too many requests.
const LATE_MAX: TimeDelta = TimeDelta::minutes(5);

/// A rotation that did not come to its end: what tells the token that it made from those of others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cloud) struct Begun {
    /// These were there just before it asked for one.
    known: Vec<String>,
    /// When it asked.
    asked: DateTime<Utc>,
    /// What was made, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made: Option<String>,
}

impl Begun {
    pub(super) fn new(known: Vec<String>, asked: DateTime<Utc>) -> Self {
        Self {
            known,
            asked,
            made: None,
        }
    }

    pub(super) fn with_made(self, id: &str) -> Self {
        let made = Some(id.to_owned());
        Self { made, ..self }
    }

    /// The token that it made: the one whose id it learned; or else the only one that was not there before, if it
    /// was made at the time of asking. Whatever somebody else made later is not it.
    pub(in crate::cloud) fn made<'a>(
        &self,
        listed: impl IntoIterator<Item = &'a IssuedToken>,
    ) -> Option<&'a IssuedToken> {
        let mut listed = listed.into_iter();
        if let Some(made) = &self.made {
            return listed.find(|token| token.id == *made);
        }
        let mut fresh = listed.filter(|token| !self.known.contains(&token.id));
        match (fresh.next(), fresh.next()) {
            (Some(only), None) if only.created.is_some_and(|at| self.is_asked_at(at)) => Some(only),
            _ => None,
        }
    }

    /// Whether the token of this id is the one that it made, for certain.
    pub(in crate::cloud) fn has_made(&self, id: &str) -> bool {
        self.made.as_deref() == Some(id)
    }

    fn is_asked_at(&self, at: DateTime<Utc>) -> bool {
        (self.asked - EARLY_MAX..=self.asked + LATE_MAX).contains(&at)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) created: Option<DateTime<Utc>>,
    pub(super) expires: Option<DateTime<Utc>>,
    pub(super) digest: String,
    /// That the token of this digest has this id is what somebody said or what seemed to be so: not proved yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) presumed: bool,
    /// A rotation deleted it, so that there was room, with nothing in its place yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) let_go: bool,
}

impl Entry {
    pub(super) fn new(token: &IssuedToken, text: &SecretString) -> Self {
        Self {
            id: token.id.clone(),
            created: token.created,
            expires: token.expires,
            digest: digest(text),
            presumed: false,
            let_go: false,
        }
    }

    pub(super) fn token(&self) -> IssuedToken {
        IssuedToken {
            id: self.id.clone(),
            created: self.created,
            expires: self.expires,
            enabled: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rotation_made_is_told_by_its_id_or_by_its_time() {
        let asked = "2027-01-01T12:00:00Z".parse().unwrap();
        let token = |(id, seconds): &(&str, Option<i64>)| IssuedToken {
            id: (*id).to_owned(),
            created: seconds.map(|seconds| asked + TimeDelta::seconds(seconds)),
            expires: None,
            enabled: true,
        };
        let check = |made: Option<&str>, listed: &[(&str, Option<i64>)], expected: Option<&str>| {
            let begun = Begun {
                made: made.map(str::to_owned),
                ..Begun::new(vec!["a".to_owned()], asked)
            };
            let listed: Vec<IssuedToken> = listed.iter().map(token).collect();
            let found = begun.made(&listed).map(|token| token.id.as_str());
            assert_eq!(found, expected, "{made:?} {listed:?}");
        };
        check(None, &[("a", Some(0)), ("b", Some(2))], Some("b"));
        check(None, &[("b", Some(-30))], Some("b"));
        check(None, &[("b", Some(300))], Some("b"));
        check(None, &[("b", Some(-61))], None);
        check(None, &[("b", Some(301))], None);
        check(None, &[("b", None)], None);
        check(None, &[("a", Some(0))], None);
        // One of them is somebody else's.
        check(None, &[("b", Some(2)), ("c", Some(3))], None);
        check(Some("b"), &[("b", None), ("c", Some(3))], Some("b"));
        check(Some("b"), &[("c", Some(3))], None);
    }
}
