//! What the state remembers of runs, beside people and groups.

use serde::{Deserialize, Serialize};

use super::GroupRecord;
use crate::model::AnchorKey;

/// How far a rebuild of the state has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RebuildStage {
    /// Accounts are listed: when interrupted, that begins again.
    Listing,
    /// Accounts are looked up one by one: when interrupted, it goes on with those not linked yet.
    LookingUp,
    /// All people are settled, and it is the groups' turn: when interrupted, it goes on with those not
    /// linked yet.
    Groups,
}

/// An access key that was refused. It is left alone for a day: a cloud locks a key that is refused repeatedly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRefusal {
    /// When, unix seconds.
    pub at: i64,
    /// Digest of the key and of where it was used, by which another one is told from it.
    pub key: String,
    /// What the control plane said, in words.
    pub outcome: String,
}

/// One attempt to renew the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationRecord {
    /// When, unix seconds.
    pub at: i64,
    /// The new token is in use.
    pub done: bool,
    /// How it ended, in words.
    pub outcome: String,
    /// Digest of the token that was there afterwards, by which another one is told from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// A token that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRefusal {
    /// When, unix seconds.
    pub at: i64,
    /// Digest of the token, by which another one is told from it.
    pub token: String,
    /// What the service provider said, in words.
    pub outcome: String,
}

/// How far audits have come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Where the next one begins.
    #[serde(default)]
    pub position: AuditPosition,
    /// The last one.
    pub last: AuditRecord,
}

/// What an audit looks at, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditStage {
    /// Accounts.
    #[default]
    People,
    /// Groups, with their members where they are shown.
    Groups,
    /// The groups of each person, where only that can be asked for.
    Memberships,
}

/// Where an audit begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPosition {
    /// With what.
    #[serde(default)]
    pub stage: AuditStage,
    /// After this person or group; with the first one when there is nothing.
    #[serde(default)]
    pub after: Option<AnchorKey>,
    /// Accounts are asked for one by one, because a list was no proof or too long.
    #[serde(default)]
    pub by_id: bool,
}

/// One finished audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Unix seconds.
    pub started: i64,
    /// Unix seconds.
    pub ended: i64,
    /// The exit code it would end the program with.
    pub exit_code: u8,
    /// One sentence.
    pub outcome: String,
    /// People the state remembers.
    pub people: u64,
    /// Accounts compared.
    pub compared: u64,
    /// Of them, changed by hand.
    pub differing: u64,
    /// Of them, gone.
    pub missing: u64,
    /// What was found is pushed right by the cycle that follows.
    pub repaired: bool,
    /// With this one everybody has been looked at since the first.
    pub round_complete: bool,
    /// Requests sent.
    pub requests: u64,
    /// What came of the groups, where it was their turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<GroupAuditRecord>,
}

/// Groups in a finished audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupAuditRecord {
    /// Groups the state remembers.
    pub groups: u64,
    /// Groups compared.
    pub compared: u64,
    /// People about whose groups was asked, where a cloud tells nothing else.
    pub people_asked: u64,
    /// Groups changed by hand.
    pub differing: u64,
    /// Groups that are gone.
    pub missing: u64,
}

/// Removals that the limits hold back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What `scimward approve` takes.
    pub plan_id: String,
    /// How many.
    pub removals: u64,
    /// Why, in words.
    pub reason: String,
    /// When first held, unix seconds; 0 when no run has held them yet.
    pub since: i64,
}

/// One finished cycle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleRecord {
    /// Unix seconds.
    pub started: i64,
    /// Unix seconds; 0 when it never came to an end, and then all counts but `entries` are unknown.
    pub ended: i64,
    /// The exit code the cycle would end the program with.
    pub exit_code: u8,
    /// One sentence.
    pub outcome: String,
    /// Entries read.
    pub entries: u64,
    /// Operations done, by action.
    pub done: std::collections::BTreeMap<String, u64>,
    /// Operations that failed in this cycle.
    pub failed: u64,
    /// Entries rejected by mapping or profile.
    pub rejected: u64,
    /// SCIM requests sent.
    pub requests: u64,
    /// What was done to groups, where they are pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<GroupRecord>,
}
