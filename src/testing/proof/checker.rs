//! Looks at the cloud after every request: was anything taken away that may not be?

mod teams;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use self::teams::{LinkedTeam, TeamsPermit};
use serde_json::{Map, Value as Json};

use crate::sandbox::Cloud;

/// What may happen in the cycle that has just been planned.
#[derive(Clone, Debug, Default)]
pub(super) struct Permit {
    /// The read was complete, as the directory's side knows.
    pub complete: bool,
    /// Accounts that the state had linked before the first request, by id.
    pub linked: BTreeMap<String, Linked>,
    /// How many may lose access.
    pub allowed: usize,
    /// The same for groups.
    pub teams: TeamsPermit,
}

/// What is true of a linked account's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Linked {
    /// No entry of his is in the directory.
    pub gone: bool,
    /// His entry says that he is disabled.
    pub off: bool,
    /// Deactivated for as long as the grace lasts.
    pub grace_over: bool,
}

/// The observer at the cloud.
#[derive(Default)]
pub(super) struct Checker {
    seen: BTreeMap<String, Map<String, Json>>,
    /// Accounts that are nobody's here.
    foreign: BTreeSet<String>,
    permit: Permit,
    /// Who lost access under this permit.
    removed: BTreeSet<String>,
    teams: teams::Teams,
    /// What must not have happened.
    pub violations: Vec<String>,
}

impl Checker {
    /// A cycle is about to send its first request.
    pub(super) fn permit(&mut self, permit: Permit) {
        self.teams.permit(permit.teams.clone());
        self.permit = permit;
        self.removed.clear();
    }

    /// Takes what is there for given; `foreign` are the ids that nobody may touch.
    pub(super) fn accept(&mut self, cloud: &Cloud, foreign: impl IntoIterator<Item = String>) {
        self.foreign.extend(foreign);
        self.seen = snapshot(cloud);
        self.teams.accept(cloud);
    }

    /// After a request.
    pub(super) fn look(&mut self, cloud: &Cloud) {
        let now = snapshot(cloud);
        let before = std::mem::take(&mut self.seen);
        for (id, old) in &before {
            match now.get(id) {
                None => self.deleted(id, old),
                Some(new) if new != old => self.changed(id, old, new),
                Some(_) => {}
            }
        }
        let mut owners = BTreeMap::new();
        for (id, account) in &now {
            if let Some(owner) = text(account, "externalId")
                && let Some(other) = owners.insert(owner, id)
            {
                self.violations
                    .push(format!("{owner} has two accounts: {other} and {id}"));
            }
        }
        self.seen = now;
        self.violations.extend(self.teams.look(cloud, &self.foreign));
    }

    fn deleted(&mut self, id: &str, old: &Map<String, Json>) {
        if self.foreign.contains(id) {
            self.violations
                .push(format!("somebody else's account was deleted: {old:?}"));
        }
        if self.removal(id, "deleted")
            && !self
                .permit
                .linked
                .get(id)
                .is_some_and(|linked| linked.gone && linked.grace_over)
        {
            self.violations
                .push(format!("{id} was deleted before its time: {old:?}"));
        }
    }

    fn changed(&mut self, id: &str, old: &Map<String, Json>, new: &Map<String, Json>) {
        if self.foreign.contains(id) {
            self.violations
                .push(format!("somebody else's account was changed: {old:?} to {new:?}"));
        }
        if text(old, "externalId").is_some() && text(old, "externalId") != text(new, "externalId") {
            self.violations
                .push(format!("{id} was given to somebody else: {old:?} to {new:?}"));
        }
        if is_active(old) && !is_active(new) {
            self.removal(id, "deactivated");
        }
    }

    /// Whether this was a removal of somebody who may lose access.
    fn removal(&mut self, id: &str, what: &str) -> bool {
        self.removed.insert(id.to_owned());
        let problem = match self.permit.linked.get(id) {
            None => "without a link of ours",
            Some(_) if !self.permit.complete => "without a complete read",
            Some(linked) if !linked.gone && !linked.off => "but its owner is here",
            Some(_) if self.removed.len() > self.permit.allowed => "above the limit",
            Some(_) => return true,
        };
        self.violations.push(format!("{id} was {what} {problem}"));
        false
    }
}

fn snapshot(cloud: &Cloud) -> BTreeMap<String, Map<String, Json>> {
    let account = |user: &crate::sandbox::cloud::Stored| {
        let mut resource = user.resource.clone();
        resource.remove("meta");
        (user.id.clone(), resource)
    };
    cloud.users().map(account).collect()
}

fn text<'a>(account: &'a Map<String, Json>, name: &str) -> Option<&'a str> {
    account.get(name).and_then(Json::as_str).filter(|text| !text.is_empty())
}

fn is_active(account: &Map<String, Json>) -> bool {
    account.get("active") != Some(&Json::Bool(false))
}
