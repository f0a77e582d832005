//! All groups of a read: from what was seen and what is remembered to an ordered list of operations.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Roster,
    decide::{self, Difference, Missing},
    flatten::{Flat, Graph},
    handover::{self, Left},
};
use crate::{
    model::{
        Absence, Anchor, AnchorKey, AttributePath, Digest, GroupAction, GroupLink, GroupOperation, MappedGroup,
        MemberSum, Problem, Reject, RejectKind, Rejection, Resource, StoreError, Value,
    },
    plan::{
        circles::{self, Rename},
        decide::is_waiting,
        settings::{GoneGroups, Nesting},
    },
};

/// Reads the members of a group that were pushed last.
pub type Pushed<'a> = &'a dyn Fn(AnchorKey, MemberSum) -> Result<Vec<AnchorKey>, StoreError>;

/// What a plan for groups starts from.
pub struct Inputs<'a> {
    /// Every group that was read.
    pub groups: &'a [MappedGroup],
    /// Every group remembered, in key order.
    pub links: Vec<(AnchorKey, GroupLink)>,
    /// People of whom nobody knows whether they are in a group, by group; each in key order.
    pub in_doubt: BTreeMap<AnchorKey, Vec<AnchorKey>>,
    /// Every group that could not be pushed, in key order.
    pub rejects: Vec<(AnchorKey, Reject)>,
    /// Everybody who can be a member.
    pub roster: &'a Roster,
    /// What absence means after the read of the groups.
    pub absence: Absence,
    /// Groups in groups.
    pub nesting: Nesting,
    /// What happens to groups that left.
    pub gone: GoneGroups,
    /// Complete cycles in a row in which a group has to be missing.
    pub confirm_cycles: u16,
    /// Members pushed last.
    pub pushed: Pushed<'a>,
    /// Unix seconds.
    pub now: i64,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupCounts {
    /// Groups read.
    pub entries: u64,
    /// Fine and as remembered.
    pub unchanged: u64,
    /// Cannot be pushed.
    pub rejected: u64,
    /// Of these, the ones whose anchor cannot be read.
    pub unidentified: u64,
    /// Waiting after an earlier failure.
    pub waiting: u64,
    /// Missing, but not yet for long enough.
    pub missing: u64,
    /// Memberships wanted.
    pub memberships: u64,
    /// Listed members whom we do not provision.
    pub outside: u64,
    /// Groups that hold others, and how deep the deepest goes.
    pub nested: u64,
    /// See [`GroupCounts::nested`].
    pub depth: u32,
    /// Groups in use before this cycle, as far as the state knows.
    pub in_use: u64,
}

/// What is to be done to groups, and what is to be remembered beside it.
#[derive(Clone, Debug)]
pub struct GroupPlan {
    /// In the order in which they are carried out: by action, then by anchor.
    pub operations: Vec<GroupOperation>,
    /// What is remembered without a request; nothing for a group to be forgotten.
    pub link_changes: Vec<(AnchorKey, Option<GroupLink>)>,
    /// The reject list's changes.
    pub reject_changes: Vec<(AnchorKey, Option<Reject>)>,
    /// For people to read.
    pub warnings: Vec<String>,
    /// What was counted.
    pub counts: GroupCounts,
    /// What absence meant.
    pub absence: Absence,
}

/// Makes the plan.
///
/// # Errors
/// When the members pushed last cannot be read.
pub fn plan(inputs: Inputs<'_>) -> Result<GroupPlan, StoreError> {
    let mut planner = Planner::new(&inputs);
    planner.find_twins();
    planner.find_contested();
    for at in 0..inputs.groups.len() {
        planner.observe(at)?;
    }
    planner.find_gone()?;
    planner.release_rejects();
    Ok(planner.finish())
}

struct Planner<'a> {
    inputs: &'a Inputs<'a>,
    graph: Graph<'a>,
    links: BTreeMap<AnchorKey, &'a GroupLink>,
    rejects: BTreeMap<AnchorKey, &'a Reject>,
    /// Why a group is not pushed although its entry is fine in itself.
    refused: BTreeMap<usize, Problem>,
    /// Names and who wants them, of those who do not have them yet.
    contested: BTreeMap<Digest, AnchorKey>,
    seen: BTreeSet<AnchorKey>,
    still_rejected: BTreeSet<AnchorKey>,
    /// Groups that can be members of others: remembered, or about to be created.
    pushable: BTreeSet<AnchorKey>,
    operations: Vec<GroupOperation>,
    link_changes: Vec<(AnchorKey, Option<GroupLink>)>,
    reject_changes: Vec<(AnchorKey, Option<Reject>)>,
    warnings: Vec<String>,
    counts: GroupCounts,
}

impl<'a> Planner<'a> {
    fn new(inputs: &'a Inputs<'a>) -> Self {
        let in_use = inputs.links.iter().filter(|(_, link)| is_in_use(link)).count() as u64;
        let read = inputs.groups.iter().filter(|group| group.resource.is_ok());
        let read = read.filter_map(|group| group.anchor.as_ref()).map(Anchor::key);
        Self {
            inputs,
            graph: Graph::new(inputs.groups, inputs.roster),
            links: inputs.links.iter().map(|(key, link)| (*key, link)).collect(),
            rejects: inputs.rejects.iter().map(|(key, reject)| (*key, reject)).collect(),
            refused: BTreeMap::new(),
            contested: BTreeMap::new(),
            seen: BTreeSet::new(),
            still_rejected: BTreeSet::new(),
            pushable: inputs.links.iter().map(|(key, _)| *key).chain(read).collect(),
            operations: Vec::new(),
            link_changes: Vec::new(),
            reject_changes: Vec::new(),
            warnings: Vec::new(),
            counts: GroupCounts {
                entries: inputs.groups.len() as u64,
                in_use,
                ..GroupCounts::default()
            },
        }
    }

    /// Two groups with one anchor or one name: which is meant would be a guess, so neither is pushed.
    fn find_twins(&mut self) {
        let mut anchors: BTreeMap<&str, usize> = BTreeMap::new();
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        for (at, group) in self.inputs.groups.iter().enumerate() {
            if let Some(anchor) = &group.anchor
                && let Some(first) = anchors.insert(anchor.as_str(), at)
            {
                self.refuse_both(first, at, "anchor", anchor.as_str());
            }
            let name = group.resource.as_ref().ok().and_then(|it| it.text("displayName"));
            if let Some(name) = name
                && let Some(first) = names.insert(name.to_lowercase(), at)
            {
                self.refuse_both(first, at, "displayName", name);
            }
        }
    }

    fn refuse_both(&mut self, first: usize, second: usize, attribute: &str, value: &str) {
        for (at, other) in [(first, second), (second, first)] {
            let other = &self.inputs.groups[other].dn;
            let rule = match attribute {
                "anchor" => format!("{other} has the same anchor; choose an anchor attribute that is unique"),
                _ => format!("{other} has the same displayName; names are compared without case"),
            };
            let problem = Problem {
                attribute: attribute.to_owned(),
                rule,
                value: value.to_owned(),
            };
            self.refused.entry(at).or_insert(problem);
        }
    }

    fn observe(&mut self, at: usize) -> Result<(), StoreError> {
        let group = &self.inputs.groups[at];
        let problems = match (&group.resource, self.refused.remove(&at)) {
            (Err(problems), _) => problems.clone(),
            (Ok(_), Some(problem)) => vec![problem],
            (Ok(resource), None) => {
                if let Some(anchor) = &group.anchor {
                    return self.observe_sound(at, anchor, resource);
                }
                Vec::new()
            }
        };
        self.reject(group, problems);
        Ok(())
    }

    fn observe_sound(&mut self, at: usize, anchor: &Anchor, resource: &Resource) -> Result<(), StoreError> {
        let key = anchor.key();
        self.seen.insert(key);
        let flat = self.flat(at);
        let link = self.links.get(&key).copied();
        let wanted = decide::wanted(resource, &flat);
        if !self.may_clear_a_name(key, link, resource) && self.waits(key, wanted) {
            return Ok(());
        }
        let difference = self.difference(key, link, Some(&flat.members))?;
        let group = &self.inputs.groups[at];
        let operation = decide::present(group, anchor.clone(), resource, link, difference, wanted);
        match (operation, link) {
            (Some(operation), _) => self.operations.push(operation),
            (None, link) => {
                self.counts.unchanged += 1;
                self.settle(key, link, &group.dn);
            }
        }
        Ok(())
    }

    fn flat(&mut self, at: usize) -> Flat {
        let flat = match self.inputs.nesting {
            Nesting::Flatten => self.graph.flatten(at),
            Nesting::Push => {
                let mut flat = self.graph.direct_members(at, &|key| self.pushable.contains(&key));
                // A service provider need not follow a circle to its end.
                let own = self.inputs.groups[at].anchor.as_ref().map(Anchor::key);
                flat.members.retain(|key| Some(*key) != own);
                flat
            }
        };
        self.counts.memberships += flat.members.len() as u64;
        self.counts.outside += flat.outside;
        self.counts.nested += u64::from(flat.depth > 0);
        self.counts.depth = self.counts.depth.max(flat.depth);
        if flat.circular {
            let dn = &self.inputs.groups[at].dn;
            self.warnings
                .push(format!("{dn} is, over others or at once, a member of itself"));
        }
        flat
    }

    /// What has to be done about members; nothing wanted stands for a group that is gone.
    fn difference(
        &self,
        key: AnchorKey,
        link: Option<&GroupLink>,
        wanted: Option<&[AnchorKey]>,
    ) -> Result<Difference, StoreError> {
        let is_gone = wanted.is_none();
        let wanted = wanted.unwrap_or_default();
        let roster = self.inputs.roster;
        let in_doubt = self.in_doubt(key, link);
        let pushed = match link {
            Some(link) if in_doubt.is_empty() && decide::same_members(wanted, link, roster) => {
                return Ok(Difference::default());
            }
            Some(link) => (self.inputs.pushed)(key, link.members)?,
            None => Vec::new(),
        };
        let groups = &self.pushable;
        Ok(decide::difference(wanted, &pushed, in_doubt, roster, groups, is_gone))
    }

    /// Of whom nobody knows whether they are in the group. Before there is an id nobody can have been put in.
    fn in_doubt(&self, key: AnchorKey, link: Option<&GroupLink>) -> &'a [AnchorKey] {
        let known = link.filter(|link| link.id.is_some());
        let in_doubt = known.and_then(|_| self.inputs.in_doubt.get(&key));
        in_doubt.map(Vec::as_slice).unwrap_or_default()
    }

    /// Remembers that a group which needs nothing is here, and where.
    fn settle(&mut self, key: AnchorKey, link: Option<&GroupLink>, dn: &str) {
        let Some(link) = link else { return };
        let settled = GroupLink {
            dn: dn.to_owned(),
            missed: 0,
            emptied_at: 0,
            ..link.clone()
        };
        if settled != *link {
            self.link_changes.push((key, Some(settled)));
        }
    }

    /// Who asks for a name that is not, or not surely, its own.
    fn find_contested(&mut self) {
        for group in self.inputs.groups {
            let (Some(anchor), Ok(resource)) = (&group.anchor, &group.resource) else {
                continue;
            };
            let key = anchor.key();
            let wanted = circles::name_key(resource.text("displayName").unwrap_or_default());
            let link = self.links.get(&key);
            let mut names = link.into_iter().flat_map(|link| link.names());
            if link.is_none() || names.any(|name| circles::name_key(name) != wanted) {
                self.contested.insert(wanted, key);
            }
        }
    }

    /// Whether another group wants a name that this one is to give up. It does not wait for its time then:
    /// two that swap names have to do so in one run.
    fn is_in_the_way(&self, key: AnchorKey, link: Option<&GroupLink>, resource: &Resource) -> bool {
        let wanted = circles::name_key(resource.text("displayName").unwrap_or_default());
        let names = link
            .filter(|link| link.id.is_some())
            .into_iter()
            .flat_map(GroupLink::names);
        names
            .map(circles::name_key)
            .filter(|name| *name != wanted)
            .any(|name| self.contested.get(&name).is_some_and(|other| *other != key))
    }

    /// The same of a group that is not refused for what it is itself: waiting would change nothing for it.
    fn may_clear_a_name(&self, key: AnchorKey, link: Option<&GroupLink>, resource: &Resource) -> bool {
        let is_refused = self
            .rejects
            .get(&key)
            .is_some_and(|reject| reject.kind == RejectKind::Refused);
        !is_refused && self.is_in_the_way(key, link, resource)
    }

    /// Whether this very state could not be reached before and is not due.
    fn waits(&mut self, key: AnchorKey, wanted: Digest) -> bool {
        let failed = self.rejects.get(&key);
        let waits = failed.is_some_and(|reject| is_waiting(reject, wanted, self.inputs.now));
        if waits {
            self.counts.waiting += 1;
            self.still_rejected.insert(key);
        }
        waits
    }

    /// A group that cannot be pushed counts as present: it stays as it is.
    fn reject(&mut self, group: &MappedGroup, problems: Vec<Problem>) {
        self.counts.rejected += 1;
        let key = match &group.anchor {
            Some(anchor) => anchor.key(),
            None => {
                self.counts.unidentified += 1;
                Anchor::new(group.dn.as_str()).key()
            }
        };
        self.seen.insert(key);
        self.still_rejected.insert(key);
        let rejection = Rejection {
            dn: group.dn.clone(),
            anchor: group.anchor.clone(),
            problems,
        };
        let old = self.rejects.get(&key).filter(|old| old.kind == RejectKind::Entry);
        if old.is_some_and(|old| old.rejection == rejection) {
            return;
        }
        let reject = Reject {
            kind: RejectKind::Entry,
            wanted: Digest::default(),
            first: old.map_or(self.inputs.now, |old| old.first),
            last: self.inputs.now,
            tries: 0,
            next_try: 0,
            rejection,
        };
        self.reject_changes.push((key, Some(reject)));
    }

    /// Whether a group that was not seen is not there. One whose anchor could not be read might be any.
    fn proves_absence(&mut self) -> bool {
        if self.counts.unidentified > 0 {
            self.warnings.push(format!(
                "{} groups have no readable anchor and might be any: no group counts as missing in this run",
                self.counts.unidentified
            ));
        }
        self.inputs.absence == Absence::AllButPresent && self.counts.unidentified == 0
    }

    fn find_gone(&mut self) -> Result<(), StoreError> {
        if !self.proves_absence() {
            return Ok(());
        }
        let inputs = self.inputs;
        let handed_over = handover::handed_over(&self.links, &self.seen);
        let mut left = Left::default();
        for (key, link) in inputs
            .links
            .iter()
            .filter(|(key, _)| !self.seen.contains(key))
            .collect::<Vec<_>>()
        {
            if handed_over.contains(key) {
                self.link_changes.push((*key, None));
                continue;
            }
            // Somebody may have been put in since it was emptied.
            let is_empty = self.in_doubt(*key, Some(link)).is_empty();
            let seen_as = GroupLink {
                emptied_at: if is_empty { link.emptied_at } else { 0 },
                ..link.clone()
            };
            let action = match decide::missing(&seen_as, &inputs.gone, inputs.confirm_cycles, inputs.now) {
                Missing::Nothing => {
                    if seen_as.emptied_at != 0 {
                        left.is_empty(link);
                    }
                    continue;
                }
                Missing::Counted(missed) => {
                    self.counts.missing += 1;
                    left.is_emptied(link);
                    let counted = GroupLink { missed, ..link.clone() };
                    self.link_changes.push((*key, Some(counted)));
                    continue;
                }
                Missing::Empty => GroupAction::Empty,
                Missing::Delete => GroupAction::Delete,
            };
            if action == GroupAction::Empty {
                left.is_emptied(link);
            }
            let wanted = decide::wanted(&link.resource, &Flat::default());
            if self.waits(*key, wanted) {
                self.counts.missing += 1;
                continue;
            }
            self.take_away(*key, link, action, wanted)?;
        }
        self.warnings.extend(left.hand_over(&mut self.operations));
        Ok(())
    }

    fn take_away(
        &mut self,
        key: AnchorKey,
        link: &GroupLink,
        action: GroupAction,
        wanted: Digest,
    ) -> Result<(), StoreError> {
        let difference = match action {
            GroupAction::Empty => self.difference(key, Some(link), None)?,
            _ => Difference::default(),
        };
        self.operations.push(GroupOperation {
            anchor: link.anchor.clone(),
            dn: link.dn.clone(),
            action,
            link: Some(link.clone()),
            aside: None,
            after: link.resource.clone(),
            add: Vec::new(),
            remove: difference.remove,
            forget: difference.forget,
            again: difference.again,
            takes_over: None,
            wanted,
        });
        Ok(())
    }

    /// Rejects of groups that are fine now, or gone, are over; those that are tried again stay on the
    /// list until that has succeeded.
    fn release_rejects(&mut self) {
        let tried: BTreeSet<AnchorKey> = self.operations.iter().map(|operation| operation.anchor.key()).collect();
        let complete = self.inputs.absence == Absence::AllButPresent && self.counts.unidentified == 0;
        for (&key, reject) in &self.rejects {
            let stays =
                self.still_rejected.contains(&key) || (reject.kind != RejectKind::Entry && tried.contains(&key));
            if !stays && (complete || self.seen.contains(&key)) {
                self.reject_changes.push((key, None));
            }
        }
    }

    fn finish(mut self) -> GroupPlan {
        self.operations
            .sort_by(|one, other| (one.action, &one.anchor).cmp(&(other.action, &other.anchor)));
        break_circles(&mut self.operations);
        GroupPlan {
            operations: self.operations,
            link_changes: self.link_changes,
            reject_changes: self.reject_changes,
            warnings: self.warnings,
            counts: self.counts,
            absence: self.inputs.absence.clone(),
        }
    }
}

/// Gives one group of each circle of renames a temporary name first.
fn break_circles(operations: &mut [GroupOperation]) {
    let name = |resource: &Resource| circles::name_key(resource.text("displayName").unwrap_or_default());
    let renames_of = |(operation, index): (&GroupOperation, u32)| -> Vec<Rename> {
        let after = name(&operation.after);
        let known = operation.link.as_ref().filter(|link| link.id.is_some());
        let names = known.into_iter().flat_map(GroupLink::names).map(circles::name_key);
        let names: Vec<_> = names.collect();
        // One whose name is in doubt may have any of them.
        let changes = names.iter().any(|before| *before != after);
        let renames = names.into_iter().filter(|_| changes);
        renames.map(|before| Rename { index, before, after }).collect()
    };
    let renames: Vec<Rename> = operations.iter().zip(0..).flat_map(renames_of).collect();
    for point in circles::break_points(&renames) {
        let operation = &mut operations[point as usize];
        let Some(link) = &operation.link else { continue };
        let before = link.resource.text("displayName").unwrap_or_default();
        let temporary = format!("{before}-{}", &operation.wanted.to_string()[..8]);
        let mut aside = link.resource.clone();
        aside
            .attributes
            .insert(AttributePath::new("displayName"), Value::Text(temporary));
        operation.aside = Some(aside);
    }
}

/// Whether people are, as far as we know, in this group because of us.
fn is_in_use(link: &GroupLink) -> bool {
    link.id.is_some() && link.emptied_at == 0
}
