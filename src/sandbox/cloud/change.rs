//! What happened: one record for each request that had an effect.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Kind;

/// What was done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// POST.
    Created,
    /// A POST of the name of an account made by hand.
    TakenOver,
    /// PUT.
    Replaced,
    /// PATCH.
    Patched,
    /// DELETE.
    Deleted,
}

/// One effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Counted from 1.
    pub number: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// Of what.
    pub kind: Kind,
    /// Its `id`.
    pub id: String,
    /// `userName` or `displayName`, as it was then.
    pub name: String,
    /// What was done.
    pub what: What,
    /// The attributes before; nothing for a creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Map<String, Value>>,
    /// The attributes after; nothing for a deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Map<String, Value>>,
    /// Of a group: the ids that became members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    /// Of a group: the ids that are members no longer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
}
