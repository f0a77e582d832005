//! What is remembered of one pushed resource.

use serde::{Deserialize, Serialize};

use super::{Anchor, AnchorKey, Digest, DnKey, ManagerRef, Resource, ResourceId, Value};

/// What the service provider was last told about one person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// The attributes.
    pub resource: Resource,
    /// The manager, by anchor; the SCIM id is looked up when a request is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<ManagerRef>,
}

impl Pushed {
    /// What an account may hold that was told `self` and then, perhaps, `later`: the attributes of both.
    /// Where both have one its value is that of `self`; none of the values can be relied on.
    #[must_use]
    pub fn or_perhaps(&self, later: &Self) -> Self {
        let mut either = self.clone();
        for (path, value) in &later.resource.attributes {
            let attributes = &mut either.resource.attributes;
            attributes.entry(path.clone()).or_insert_with(|| value.clone());
        }
        either.manager = either.manager.or_else(|| later.manager.clone());
        either
    }

    /// The same attributes with values that nobody can want (an empty list is never one): whatever is
    /// wanted differs from them.
    #[must_use]
    pub fn with_unknown_values(&self) -> Self {
        let mut unknown = self.clone();
        for value in unknown.resource.attributes.values_mut() {
            *value = Value::List(Vec::new());
        }
        unknown.manager = unknown.manager.map(|_| ManagerRef {
            key: AnchorKey::default(),
            dn: String::new(),
        });
        unknown
    }
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
    /// Names that the account may have in place of the `userName` in `pushed`: those of renames of which
    /// nobody knows whether they took effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub perhaps_named: Vec<String>,
}

/// The memory of one entry that every cycle reads: small and of fixed size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Digest of the raw entry when it was last mapped; unset when it has to be mapped again.
    pub source: Digest,
    /// Digest of the resource last pushed (without the manager); unset when the account may hold
    /// something else by now, see [`crate::model::Operation::tell_all`].
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
