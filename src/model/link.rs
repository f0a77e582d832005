//! What is remembered of one pushed resource.

use serde::{Deserialize, Serialize};

use super::{Anchor, AnchorKey, Digest, DnKey, ManagerRef, Resource, ResourceId};

/// What the service provider was last told about one person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// The attributes.
    pub resource: Resource,
    /// The manager, by anchor; the SCIM id is looked up when a request is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<ManagerRef>,
}

/// The memory of one pushed resource: large, read only for what changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The person's key in the directory.
    pub anchor: Anchor,
    /// The resource's key at the service provider.
    pub id: ResourceId,
    /// The distinguished name when last pushed, for people to read.
    pub dn: String,
    /// What was pushed last.
    pub pushed: Pushed,
    /// True when the account existed before and was adopted.
    #[serde(default)]
    pub adopted: bool,
}

/// The memory of one entry that every cycle reads: small and of fixed size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Digest of the raw entry when it was last mapped; unset when it has to be mapped again.
    pub source: Digest,
    /// Digest of the resource last pushed (without the manager).
    pub body: Digest,
    /// The entry's own name.
    pub dn: DnKey,
    /// The name its `manager` attribute holds; none when all zero.
    pub manager_dn: DnKey,
    /// The manager last pushed; none when all zero.
    pub manager: AnchorKey,
    /// In how many complete cycles in a row the person was missing.
    pub missed: u16,
    /// When we deactivated the account, in unix seconds; 0 when it is in use.
    pub deactivated_at: i64,
    /// The resource last pushed is active.
    pub active: bool,
}
