//! What lies beside a token: what it is called, and how far a rotation has come.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{cloud::IssuedToken, secret::digest};

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) tokens: Vec<Entry>,
    /// A rotation is under way, and these tokens were there before it made its own: any other is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rotating_from: Option<Vec<String>>,
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
