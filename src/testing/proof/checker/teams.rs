//! The same for groups: was somebody taken out, or a group taken away, that may not be?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use super::text;
use crate::sandbox::Cloud;

/// What may happen to groups in the cycle that has just been planned.
#[derive(Clone, Debug, Default)]
pub(in crate::testing::proof) struct TeamsPermit {
    /// The groups were all shown, and the read of the people did not say that it was incomplete: who is in
    /// no group of the directory is in none, whoever else was seen.
    pub complete: bool,
    /// Groups that may be emptied or deleted.
    pub allowed: usize,
    /// Groups that the state had linked before the first request, by id.
    pub linked: BTreeMap<String, LinkedTeam>,
}

/// What is true of a linked group.
#[derive(Clone, Debug, Default)]
pub(in crate::testing::proof) struct LinkedTeam {
    /// It is not in the directory.
    pub gone: bool,
    /// Emptied for as long as the grace lasts.
    pub grace_over: bool,
    /// Anchors of everybody whom the directory lists.
    pub belong: BTreeSet<String>,
    /// How many may be taken out.
    pub allowed: usize,
}

/// A group of the cloud.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    resource: Map<String, Json>,
    members: BTreeSet<String>,
}

/// Looks at the groups.
#[derive(Default)]
pub(super) struct Teams {
    seen: BTreeMap<String, Seen>,
    permit: TeamsPermit,
    /// Groups emptied or deleted under this permit.
    removed: BTreeSet<String>,
    /// Who was taken out under this permit, by group.
    taken_out: BTreeMap<String, BTreeSet<String>>,
}

impl Teams {
    pub(super) fn permit(&mut self, permit: TeamsPermit) {
        self.permit = permit;
        self.removed.clear();
        self.taken_out.clear();
    }

    pub(super) fn accept(&mut self, cloud: &Cloud) {
        self.seen = snapshot(cloud);
    }

    /// After a request; what must not have happened.
    pub(super) fn look(&mut self, cloud: &Cloud, foreign: &BTreeSet<String>) -> Vec<String> {
        let now = snapshot(cloud);
        let before = std::mem::take(&mut self.seen);
        let owners: BTreeMap<&str, Option<&str>> = cloud
            .users()
            .map(|user| (user.id.as_str(), user.text("externalId").filter(|id| !id.is_empty())))
            .collect();
        let mut violations = Vec::new();
        for (id, old) in &before {
            let new = now.get(id);
            if foreign.contains(id) && new != Some(old) {
                violations.push(format!("somebody else's group was changed: {old:?} to {new:?}"));
            }
            match new {
                None => violations.extend(self.deleted(id)),
                Some(new) => {
                    let (was, is) = (text(&old.resource, "externalId"), text(&new.resource, "externalId"));
                    let left = self.permit.linked.get(id).is_some_and(|team| team.gone);
                    let is_handed_over = left && old.members.is_empty();
                    if was.is_some() && was != is && !is_handed_over {
                        violations.push(format!("the group {id} was given to another one: {old:?} to {new:?}"));
                    }
                    for member in old.members.difference(&new.members) {
                        // Who has no account any more is in no group.
                        if let Some(owner) = owners.get(member.as_str()) {
                            violations.extend(self.taken_out(id, member, *owner));
                        }
                    }
                }
            }
        }
        violations.extend(twins(&now));
        self.seen = now;
        violations
    }

    fn deleted(&mut self, id: &str) -> Option<String> {
        let problem = match self.permit.linked.get(id) {
            None => "without a link of ours",
            Some(_) if !self.permit.complete => "without a complete read",
            Some(team) if !team.gone => "but it is in the directory",
            Some(team) if !team.grace_over => "before its time",
            Some(_) => return self.removal(id),
        };
        Some(format!("the group {id} was deleted {problem}"))
    }

    fn removal(&mut self, id: &str) -> Option<String> {
        self.removed.insert(id.to_owned());
        (self.removed.len() > self.permit.allowed).then(|| format!("the group {id} was taken away above the limit"))
    }

    fn taken_out(&mut self, id: &str, member: &str, owner: Option<&str>) -> Option<String> {
        let out = self.taken_out.entry(id.to_owned()).or_default();
        out.insert(member.to_owned());
        let problem = match (self.permit.linked.get(id), owner) {
            (None, _) => "without a link of ours",
            (Some(_), None) => "but is nobody of ours",
            (Some(team), Some(owner)) if team.belong.contains(owner) => "but belongs there",
            (Some(_), _) if !self.permit.complete => "without a complete read",
            (Some(team), _) if team.gone => return self.removal(id),
            (Some(team), _) if out.len() > team.allowed => "above the limit",
            _ => return None,
        };
        Some(format!("{member} was taken out of the group {id} {problem}"))
    }
}

fn twins(groups: &BTreeMap<String, Seen>) -> Vec<String> {
    let mut owners = BTreeMap::new();
    let mut violations = Vec::new();
    for (id, group) in groups {
        if let Some(owner) = text(&group.resource, "externalId")
            && let Some(other) = owners.insert(owner, id)
        {
            violations.push(format!("{owner} has two groups: {other} and {id}"));
        }
    }
    violations
}

fn snapshot(cloud: &Cloud) -> BTreeMap<String, Seen> {
    let seen = |group: &crate::sandbox::cloud::Stored| {
        let members = group.members.keys().cloned().collect();
        let resource = group.resource.clone();
        (group.id.clone(), Seen { resource, members })
    };
    cloud.groups().map(seen).collect()
}
