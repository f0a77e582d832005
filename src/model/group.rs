//! Groups: what is read, what is pushed, and what is remembered.
//!
//! Members are kept as keys of fixed size, never as names: a million memberships are a million times
//! 16 bytes.

use serde::{Deserialize, Serialize};

use super::{Anchor, AnchorKey, Digest, DnKey, Problem, Resource, ResourceId};

/// By which a directory names a member, or a group of somebody's: a distinguished name, a login name
/// (`memberUid`, RFC 2307 section 5.1) or a security identifier (the primary group of Active Directory).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemberKey([u8; 16]);

impl MemberKey {
    /// A distinguished name, compared as LDAP compares them.
    #[must_use]
    pub fn dn(dn: &str) -> Self {
        Self::of_dn(DnKey::of(dn))
    }

    /// The same, of a name that was looked at before.
    #[must_use]
    pub fn of_dn(dn: DnKey) -> Self {
        Self(dn.0)
    }

    /// A login name, compared without case.
    #[must_use]
    pub fn uid(uid: &str) -> Self {
        Self::labelled("uid", uid)
    }

    /// A security identifier in its text form (`S-1-5-21-…-513`).
    #[must_use]
    pub fn sid(sid: &str) -> Self {
        Self::labelled("sid", sid)
    }

    /// The key itself.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    fn labelled(kind: &str, text: &str) -> Self {
        // No distinguished name begins with NUL.
        Self(Digest::of(format!("\0{kind}\0{}", text.trim().to_lowercase()).as_bytes()).0)
    }
}

/// A group as the directory has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedGroup {
    /// Its key; nothing when that cannot be read.
    pub anchor: Option<Anchor>,
    /// Its distinguished name.
    pub dn: String,
    /// Digest of the raw entry.
    pub source: Digest,
    /// Other names by which people point at it, besides its distinguished name.
    pub aliases: Vec<MemberKey>,
    /// Its direct members, people and groups alike, without order.
    pub members: Vec<MemberKey>,
    /// `displayName`, `externalId` and the like, or why it cannot be pushed. A group that cannot be
    /// pushed still hands its members on to the groups it is in.
    pub resource: Result<Resource, Vec<Problem>>,
}

/// How many members, and their keys put together in an order-free way: equal for equal sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberSum {
    /// How many.
    pub count: u64,
    /// All keys, which are digests, combined by exclusive or.
    pub keys: Digest,
}

impl MemberSum {
    /// The sum of a set.
    #[must_use]
    pub fn of(members: impl IntoIterator<Item = AnchorKey>) -> Self {
        let mut sum = Self::default();
        members.into_iter().for_each(|key| sum.add(key));
        sum
    }

    /// One member more.
    pub fn add(&mut self, key: AnchorKey) {
        self.count = self.count.wrapping_add(1);
        self.combine(key);
    }

    /// One member less.
    pub fn remove(&mut self, key: AnchorKey) {
        self.count = self.count.wrapping_sub(1);
        self.combine(key);
    }

    fn combine(&mut self, key: AnchorKey) {
        for (place, byte) in self.keys.0.iter_mut().zip(key.0) {
            *place ^= byte;
        }
    }
}

/// The memory of one pushed group. Its members are kept apart, one record each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLink {
    /// The group's key in the directory.
    pub anchor: Anchor,
    /// The group's key at the service provider; nothing while a create may be on its way.
    pub id: Option<ResourceId>,
    /// The distinguished name when last pushed, for people to read.
    pub dn: String,
    /// The attributes last pushed.
    pub resource: Resource,
    /// What the members last pushed add up to.
    pub members: MemberSum,
    /// True when the group existed before and was adopted.
    #[serde(default)]
    pub adopted: bool,
    /// In how many complete cycles in a row it was missing.
    #[serde(default)]
    pub missed: u16,
    /// When it was emptied because it left the directory, in unix seconds; 0 when it is in use.
    #[serde(default)]
    pub emptied_at: i64,
    /// Names that the group may have in place of the `displayName` in `resource`: those of changes of which
    /// nobody knows whether they took effect. Empty when its attributes are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub perhaps_named: Vec<String>,
}

impl GroupLink {
    /// Every name that the group may have there.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let known = self.resource.text("displayName").unwrap_or_default();
        std::iter::once(known).chain(self.perhaps_named.iter().map(String::as_str))
    }

    /// Adds a name that it may have from now on.
    pub fn perhaps_rename(&mut self, name: &str) {
        if self.perhaps_named.iter().all(|other| other != name) {
            self.perhaps_named.push(name.to_owned());
        }
    }
}

/// What is done to a group as such, besides its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupAction {
    /// POST of an empty group (may end as an adoption).
    Create,
    /// New attribute values, a rename above all.
    Update,
    /// Members only.
    Members,
    /// It left the directory: all members are taken out, the group stays.
    Empty,
    /// It left the directory: `DELETE`.
    Delete,
}

impl std::fmt::Display for GroupAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Members => "members",
            Self::Empty => "empty",
            Self::Delete => "delete",
        })
    }
}

/// A group of ours that left the directory and was emptied, and that a new one of its name takes over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenOver {
    /// Its key in the directory.
    pub anchor: Anchor,
    /// Its distinguished name when last pushed.
    pub dn: String,
    /// When it was emptied, in unix seconds.
    pub emptied_at: i64,
}

/// Everything that is done to one group, complete in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOperation {
    /// The group.
    pub anchor: Anchor,
    /// Its distinguished name, for people to read.
    pub dn: String,
    /// What is done to the group itself.
    pub action: GroupAction,
    /// The memory of it; none for a group never pushed.
    pub link: Option<GroupLink>,
    /// The attributes of a step in between: a temporary name, which breaks a circle of renames.
    pub aside: Option<Resource>,
    /// The attributes wanted; for [`GroupAction::Empty`] and [`GroupAction::Delete`] those it has.
    pub after: Resource,
    /// People to be put in, in key order.
    pub add: Vec<AnchorKey>,
    /// People to be taken out, in key order.
    pub remove: Vec<AnchorKey>,
    /// People remembered as members whose account is not there any more, or was made anew: forgotten
    /// without a request, in key order.
    pub forget: Vec<AnchorKey>,
    /// People of whom nobody knows whether they are in, because a request about them was not heard of, and
    /// whether they shall be: they are told again, in key order. They may be remembered as members or not.
    pub again: Vec<(AnchorKey, bool)>,
    /// The emptied group that becomes this one: then `link` has its id and attributes.
    pub takes_over: Option<TakenOver>,
    /// Digest of the state this is to reach: by it a failure is known again.
    pub wanted: Digest,
}

impl GroupOperation {
    /// Whether nothing is done about members.
    #[must_use]
    pub fn is_without_members(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty() && self.forget.is_empty() && self.again.is_empty()
    }

    /// Whether it takes, or may take, somebody out.
    #[must_use]
    pub fn takes_out(&self) -> bool {
        !self.remove.is_empty() || self.again.iter().any(|(_, shall_be_in)| !shall_be_in)
    }

    /// Everybody whom requests name, in key order.
    #[must_use]
    pub fn people(&self) -> Vec<AnchorKey> {
        let again = self.again.iter().map(|(key, _)| key);
        let mut people: Vec<AnchorKey> = self.add.iter().chain(&self.remove).chain(again).copied().collect();
        people.sort_unstable();
        people
    }

    /// The name people know the group by.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.after.text("displayName").unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_member_are_one() {
        let check = |one: MemberKey, other: MemberKey, same: bool| assert_eq!(one == other, same);
        check(MemberKey::dn("uid=A, dc=x"), MemberKey::dn("UID=a,DC=X"), true);
        check(MemberKey::uid("Ada"), MemberKey::uid(" ada"), true);
        check(MemberKey::uid("ada"), MemberKey::sid("ada"), false);
        check(MemberKey::uid("uid=a,dc=x"), MemberKey::dn("uid=a,dc=x"), false);
    }

    #[test]
    fn sums_do_not_depend_on_order() {
        let key = |name: &str| Anchor::new(name).key();
        let mut sum = MemberSum::of([key("a"), key("b"), key("c")]);
        assert_eq!(sum, MemberSum::of([key("c"), key("a"), key("b")]));
        sum.remove(key("b"));
        assert_eq!(sum, MemberSum::of([key("a"), key("c")]));
        assert_ne!(sum, MemberSum::of([key("a"), key("b")]));
    }
}
