//! One step of our work.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Anchor, AnchorKey, Digest, DnKey, Pushed, ResourceId};

/// A manager, known by anchor. The SCIM id is resolved when the request is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagerRef {
    /// The manager's key in the state.
    pub key: AnchorKey,
    /// The manager's distinguished name, for people to read.
    pub dn: String,
}

/// What an operation does, in the words of reports and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// POST of a person the state does not know (may end as an adoption).
    Create,
    /// The same account for a person who came back.
    Reactivate,
    /// New attribute values.
    Update,
    /// Only the manager changes.
    Reference,
    /// `active: false` for a person who left.
    Deactivate,
    /// `DELETE`.
    Delete,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Reactivate => "reactivate",
            Self::Update => "update",
            Self::Reference => "reference",
            Self::Deactivate => "deactivate",
            Self::Delete => "delete",
        })
    }
}

/// The order of execution. Operations of one phase may run side by side; phases never overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// New people; managers before those who report to them.
    Create,
    /// People who came back.
    Reactivate,
    /// Temporary names that break a circle of renames.
    Unname,
    /// Attribute changes.
    Update,
    /// The last step of a circle of renames.
    Rename,
    /// Managers that had to wait for somebody's id.
    Reference,
    /// Leavers.
    Deactivate,
    /// Leavers whose grace is over.
    Delete,
}

/// One step, complete in itself: the executor needs nothing else to carry it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The person.
    pub anchor: Anchor,
    /// The distinguished name, for people to read.
    pub dn: String,
    /// What is done.
    pub action: Action,
    /// The resource at the service provider; none for [`Action::Create`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ResourceId>,
    /// What was pushed last; none for [`Action::Create`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Pushed>,
    /// What is to be pushed; none for [`Action::Delete`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Pushed>,
    /// Digest of the raw entry, remembered after success.
    #[serde(default)]
    pub source: Digest,
    /// The entry's name, remembered after success.
    #[serde(default)]
    pub dn_key: DnKey,
    /// The name in the entry's manager attribute, remembered after success.
    #[serde(default)]
    pub manager_dn: DnKey,
    /// A create whose answer may have been lost in an earlier run: look up before posting.
    #[serde(default)]
    pub look_up_first: bool,
    /// The account may hold something else than `before` says: an earlier request may have taken effect
    /// without our learning of it. Everything is told, and what `before` has besides is cleared.
    #[serde(default)]
    pub tell_all: bool,
    /// Names that the account may have in place of the `userName` in `before`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub perhaps_named: Vec<String>,
}

impl Operation {
    /// Whether this takes access away: a deactivation, a deletion, or an update that turns an
    /// active account off. These are what the limits count.
    #[must_use]
    pub fn is_removal(&self) -> bool {
        match self.action {
            Action::Deactivate | Action::Delete => true,
            Action::Create => false,
            Action::Reactivate | Action::Update | Action::Reference => {
                // What is not known to be off counts as in use.
                let active = |pushed: &Option<Pushed>| pushed.as_ref().is_none_or(|p| p.resource.is_active());
                (self.tell_all || active(&self.before)) && !active(&self.after)
            }
        }
    }

    /// Digest of the state this operation is to reach: by it a failure is known again.
    #[must_use]
    pub fn wanted(&self) -> Digest {
        wanted(
            self.after.as_ref().map(|pushed| pushed.resource.digest()),
            self.manager_dn,
        )
    }

    /// The name people know this person by: `userName` after, else before.
    #[must_use]
    pub fn user_name(&self) -> &str {
        self.after
            .as_ref()
            .or(self.before.as_ref())
            .map_or("", |pushed| pushed.resource.user_name())
    }

    /// Whether `userName` changes.
    #[must_use]
    pub fn is_rename(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => before.resource.user_name() != after.resource.user_name(),
            _ => false,
        }
    }
}

/// Digest of a state: its attributes, none for a deletion, and the name of its manager.
#[must_use]
pub fn wanted(resource: Option<Digest>, manager: DnKey) -> Digest {
    Digest::of(&[resource.unwrap_or_default().0, manager.0].concat())
}
