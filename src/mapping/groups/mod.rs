//! From directory entries to groups, by the operator's rules: attributes as for people, and members as
//! keys of fixed size.
//!
//! Who the members are is not known here: the plan finds them by their keys. What the entries of
//! people tell of groups is read by [`RosterRule`].

mod compile;
mod members;
mod roster;
mod sid;
mod target;
#[cfg(test)]
mod tests;

use self::members::MemberRule;
pub use self::roster::{Enrolment, RosterRule};
use super::{
    RuleError,
    anchor::AnchorRule,
    build::{Rules, SubAttributes},
    names::{Names, Slot},
    rule::Context,
    spec::GroupMappingSpec,
    template::Templates,
};
use crate::model::{Anchor, DirectoryEntry, MappedGroup, MemberKey, Problem, Resource};

/// A compiled mapping of groups.
#[derive(Clone, Debug)]
pub struct GroupMapper {
    anchor: AnchorRule,
    names: Names,
    templates: Templates,
    rules: Rules,
    members: Vec<MemberRule>,
    /// `objectSid`, where primary groups are named by it.
    sid: Option<Slot>,
    sub_attributes: SubAttributes,
}

impl GroupMapper {
    /// Compiles the preset with the operator's lines laid over it. Keys are `displayName` and
    /// `externalId`, which is the anchor unless there is a line for it.
    ///
    /// # Errors
    /// Every mistake in the rules, each with its key and a way out.
    pub fn compile(spec: &GroupMappingSpec) -> Result<Self, Vec<RuleError>> {
        compile::compile(spec)
    }

    /// The LDAP attributes to ask for: lower case, sorted, no duplicates, anchor and members among them.
    #[must_use]
    pub fn attributes(&self) -> Vec<String> {
        self.names.requested()
    }

    /// The attribute that holds the anchor, in lower case.
    #[must_use]
    pub fn anchor_attribute(&self) -> &str {
        self.anchor.attribute()
    }

    /// Maps an entry.
    #[must_use]
    pub fn map(&self, entry: &DirectoryEntry) -> MappedGroup {
        let own_dn = self.names.own_dn(entry);
        let view = self.names.view(entry, &own_dn);
        let mut members: Vec<MemberKey> = self.members.iter().flat_map(|rule| rule.keys(&view)).collect();
        members.sort_unstable();
        members.dedup();
        let sids = self.sid.into_iter().flat_map(|slot| view.values(slot));
        let aliases = sids.filter_map(sid::text).map(|text| MemberKey::sid(&text)).collect();
        let (anchor, resource) = match self.anchor.read(entry) {
            Ok(anchor) => {
                let resource = self.resource(entry, &anchor);
                (Some(anchor), resource)
            }
            Err(problem) => (None, Err(vec![problem])),
        };
        MappedGroup {
            anchor,
            dn: entry.dn.clone(),
            source: entry.digest(),
            aliases,
            members,
            resource,
        }
    }

    fn resource(&self, entry: &DirectoryEntry, anchor: &Anchor) -> Result<Resource, Vec<Problem>> {
        let own_dn = self.names.own_dn(entry);
        let context = Context {
            view: self.names.view(entry, &own_dn),
            anchor,
            templates: &self.templates,
            // No rule of a group depends on it.
            now: 0,
        };
        let mut problems = Vec::new();
        let resource = self.rules.resource(&context, &self.sub_attributes, &mut problems);
        // A value of spaces is no name, and clouds that trim it would not know what to call the group.
        let is_named = resource.text("displayName").is_some_and(|name| !name.trim().is_empty());
        if problems.is_empty() && !is_named {
            let why = "a SCIM Group must have a displayName (RFC 7643 section 4.2)";
            problems.push(self.rules.missing("displayName", why, &context));
        }
        if problems.is_empty() {
            Ok(resource)
        } else {
            Err(problems)
        }
    }
}
