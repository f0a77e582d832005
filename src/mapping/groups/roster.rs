//! What the entry of a person tells of groups: the names by which groups point at this person, and the
//! groups it names itself.

use std::collections::BTreeSet;

use super::{
    compile::member_attributes,
    members::{MemberRule, is_login_names},
    sid,
};
use crate::{
    mapping::{
        error::{Mistake, RuleError},
        names::{Names, Slot, View},
        spec::{GroupMappingSpec, GroupPreset},
    },
    model::{DirectoryEntry, MemberKey},
};

/// One person's part in groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enrolment {
    /// By which groups may point at this person: the distinguished name first, then login names.
    pub names: Vec<MemberKey>,
    /// The groups that the entry names, without order.
    pub groups: Vec<MemberKey>,
}

/// How entries of people are read for groups.
#[derive(Clone, Debug, Default)]
pub struct RosterRule {
    names: Names,
    uid: Option<Slot>,
    from_people: Option<MemberRule>,
    primary: Option<Primary>,
}

/// `primaryGroupID` is the last part of the security identifier of a group of the person's domain.
#[derive(Clone, Copy, Debug)]
struct Primary {
    group: Slot,
    sid: Slot,
}

impl RosterRule {
    /// The rule that goes with a mapping of groups.
    ///
    /// # Errors
    /// Every mistake, each with its key and a way out.
    pub fn compile(spec: &GroupMappingSpec) -> Result<Self, Vec<RuleError>> {
        let mut rule = Self::default();
        let at = |key: &'static str| move |mistake: Mistake| vec![mistake.at(key)];
        let members = member_attributes(spec).map_err(at("groups.preset"))?;
        if members.iter().any(|attribute| is_login_names(attribute)) {
            rule.uid = Some(rule.names.slot("uid").map_err(at("groups.members"))?);
        }
        if let Some(written) = &spec.from_people {
            rule.from_people = Some(from_people(written, &mut rule.names).map_err(at("groups.from_people"))?);
        }
        if spec.preset == Some(GroupPreset::ActiveDirectory) {
            let mut slot = |name: &str| rule.names.slot(name).map_err(at("groups.preset"));
            rule.primary = Some(Primary {
                group: slot("primaryGroupID")?,
                sid: slot("objectSid")?,
            });
        }
        Ok(rule)
    }

    /// What the search for people has to ask for besides: lower case, sorted.
    #[must_use]
    pub fn attributes(&self) -> Vec<String> {
        self.names.requested()
    }

    /// Reads the entry of a person.
    #[must_use]
    pub fn read(&self, entry: &DirectoryEntry) -> Enrolment {
        let view = self.names.view(entry, &[]);
        let mut names = vec![MemberKey::dn(&entry.dn)];
        let uids = self.uid.into_iter().flat_map(|slot| view.values(slot));
        names.extend(uids.filter_map(|uid| std::str::from_utf8(uid).ok()).map(MemberKey::uid));
        let mut groups: BTreeSet<MemberKey> = self.from_people.iter().flat_map(|rule| rule.keys(&view)).collect();
        groups.extend(self.primary.and_then(|primary| primary.group(&view)));
        Enrolment {
            names,
            groups: groups.into_iter().collect(),
        }
    }
}

impl Primary {
    fn group(self, view: &View<'_>) -> Option<MemberKey> {
        let own = view.values(self.sid).find_map(sid::text)?;
        let rid = std::str::from_utf8(view.values(self.group).next()?).ok()?;
        sid::sibling(&own, rid.trim().parse().ok()?).map(|group| MemberKey::sid(&group))
    }
}

fn from_people(written: &str, names: &mut Names) -> Result<MemberRule, Mistake> {
    if written.trim().eq_ignore_ascii_case("dn") {
        return Err(Mistake::new(
            "the DN of a person names no groups",
            "write from_people = \"memberOf\"",
        ));
    }
    MemberRule::new(written, names.slot(written)?)
}
