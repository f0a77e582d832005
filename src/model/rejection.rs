//! What mapping makes of an entry.

use serde::{Deserialize, Serialize};

use super::{Anchor, Resource};

/// One reason why an entry cannot be pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The LDAP attribute or the SCIM path at fault.
    pub attribute: String,
    /// The rule that was broken, in words ("huawei: letters, digits and _+=,.@- only").
    pub rule: String,
    /// The offending value, shortened and escaped; empty when something is missing.
    pub value: String,
}

/// An entry that cannot be pushed. It still counts as present: a typo never deprovisions anybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The distinguished name.
    pub dn: String,
    /// The key, unless that is what is missing or unreadable.
    pub anchor: Option<Anchor>,
    /// Every reason found.
    pub problems: Vec<Problem>,
}

/// A person as mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedUser {
    /// The key.
    pub anchor: Anchor,
    /// The distinguished name.
    pub dn: String,
    /// The attributes.
    pub resource: Resource,
    /// The distinguished name in the manager attribute, as the entry spells it.
    pub manager: Option<String>,
}

/// What mapping makes of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapped {
    /// To be provisioned.
    InScope(MappedUser),
    /// Not to be provisioned, by rule; a person pushed earlier counts as having left.
    OutOfScope {
        /// The key.
        anchor: Anchor,
        /// The distinguished name.
        dn: String,
        /// The rule, in words.
        reason: String,
    },
    /// Cannot be provisioned; counts as present.
    Rejected(Rejection),
}
