//! What the tests of groups are made of.

use super::{Account, Roster, Sightings};
use crate::model::{Anchor, AnchorKey, AttributePath, Digest, DnKey, MappedGroup, MemberKey, Resource, Value};

pub(crate) fn key(name: &str) -> AnchorKey {
    Anchor::new(name).key()
}

pub(crate) fn resource(name: &str) -> Resource {
    let mut resource = Resource::default();
    resource
        .attributes
        .insert(AttributePath::new("displayName"), Value::Text(name.to_owned()));
    resource
}

/// The group `cn=NAME` with the anchor NAME and members by distinguished name.
pub(crate) fn group(name: &str, members: &[&str]) -> MappedGroup {
    MappedGroup {
        anchor: Some(Anchor::new(name)),
        dn: format!("cn={name}"),
        source: Digest::of(name.as_bytes()),
        aliases: Vec::new(),
        members: members.iter().map(|dn| MemberKey::dn(dn)).collect(),
        resource: Ok(resource(name)),
    }
}

/// People `uid=NAME` with the anchor NAME and an account.
pub(crate) fn roster(names: &[&str]) -> Roster {
    let accounts: Vec<_> = names.iter().map(|name| account(name, false)).collect();
    Roster::new(&accounts, Sightings::default())
}

pub(crate) fn account(name: &str, is_new: bool) -> Account {
    Account {
        key: key(name),
        dn: DnKey::of(&format!("uid={name}")),
        is_new,
        is_seen: true,
        may_be_here: false,
    }
}
