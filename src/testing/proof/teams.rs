//! The groups of the directory, and their entries.

use std::collections::{BTreeMap, BTreeSet};

use super::company::{Company, anchor};
use crate::model::{Attribute, DirectoryEntry};

/// The groups there are, by a short name that never changes.
pub(super) type Teams = BTreeMap<String, Team>;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Team {
    pub cn: String,
    /// People by short name; one who is not here is a name that leads nowhere.
    pub people: BTreeSet<String>,
    /// Groups in it, by short name.
    pub teams: BTreeSet<String>,
}

/// A group of these people.
pub(super) fn team(cn: &str, people: &[&str]) -> Team {
    Team {
        cn: cn.into(),
        people: people.iter().map(|name| (*name).to_owned()).collect(),
        teams: BTreeSet::new(),
    }
}

/// The `entryUUID` of a group.
pub(super) fn anchor_of_team(name: &str) -> String {
    anchor(&format!("team {name}"))
}

impl Team {
    fn dn(&self) -> String {
        format!("cn={},ou=groups,dc=example,dc=org", self.cn)
    }

    fn entry(&self, name: &str, teams: &Teams, company: &Company) -> DirectoryEntry {
        let people = self.people.iter().map(|name| match company.get(name) {
            Some(person) => person.dn(),
            None => format!("uid={name},ou=gone,dc=example,dc=org"),
        });
        let inner = self.teams.iter().filter_map(|name| teams.get(name)).map(Team::dn);
        let attribute = |name: &str, values: Vec<String>| Attribute {
            name: name.into(),
            values: values.into_iter().map(String::into_bytes).collect(),
        };
        DirectoryEntry {
            dn: self.dn(),
            attributes: vec![
                attribute("entryuuid", vec![anchor_of_team(name)]),
                attribute("cn", vec![self.cn.clone()]),
                attribute("member", people.chain(inner).collect()),
            ],
        }
    }
}

/// Every group's entry, in the order of short names.
pub(super) fn entries(teams: &Teams, company: &Company) -> Vec<DirectoryEntry> {
    teams
        .iter()
        .map(|(name, team)| team.entry(name, teams, company))
        .collect()
}

/// Everybody who is in a group or in a group in it, found in the simplest way there is.
pub(super) fn people_of(teams: &Teams, name: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::from([name]);
    loop {
        let inner = found
            .iter()
            .filter_map(|name| teams.get(*name))
            .flat_map(|team| &team.teams);
        let more: BTreeSet<&str> = inner.map(String::as_str).chain(found.iter().copied()).collect();
        if more == found {
            break;
        }
        found = more;
    }
    let all = found.into_iter().filter_map(|name| teams.get(name));
    all.flat_map(|team| team.people.iter().cloned()).collect()
}
