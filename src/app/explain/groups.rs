//! Groups in `explain`: who is in one and over which groups, and in which groups somebody is.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use super::{
    VALUE_CHARS,
    lines::{failure, label, problem},
    wanted::Wanted,
};
use crate::{
    app::{names::Names, order::OrderError, setup::Setup},
    cycle::{
        Planned,
        groups::{GroupPolicy, PlannedGroups},
    },
    mapping::groups::Enrolment,
    model::{
        Absence, Anchor, AnchorKey, DnKey, GroupAction, GroupLink, GroupOperation, MappedGroup, MemberKey, Resource,
        shortened, shown,
    },
    outcome,
    plan::{
        groups::{Account, Graph, Roster, Sightings},
        settings::{GoneAction, Nesting},
    },
    ports::{GroupStore, PlanSpool, Reject, StateStore, StoreError},
    report::{Member, count, grouped, instant},
    store::SledStore,
};

/// Members of a group that are named; the others are counted.
const MEMBERS_SHOWN: usize = 50;

/// Everything known of groups.
pub(super) struct Circle<'a> {
    policy: &'a GroupPolicy,
    groups: &'a PlannedGroups,
    planned: &'a Planned,
    store: &'a SledStore,
    names: Names<'a>,
    links: Vec<(AnchorKey, GroupLink)>,
    rejects: BTreeMap<AnchorKey, Reject>,
    /// People who cannot be pushed.
    people: Vec<Reject>,
}

/// A group that was asked for.
pub(super) struct Found {
    key: AnchorKey,
    /// Its place among those read; nothing when the read did not show it.
    at: Option<usize>,
}

impl<'a> Circle<'a> {
    /// Nothing where groups are left alone.
    pub(super) fn new(
        setup: &'a Setup,
        planned: &'a Planned,
        store: &'a SledStore,
        spool: &'a dyn PlanSpool,
    ) -> Result<Option<Self>, StoreError> {
        let (Some(policy), Some(groups)) = (&setup.policy.groups, &planned.groups) else {
            return Ok(None);
        };
        let mut rejects: BTreeMap<_, _> = store.group_rejects()?.into_iter().collect();
        for (key, reject) in &groups.plan.reject_changes {
            match reject {
                Some(reject) => rejects.insert(*key, reject.clone()),
                None => rejects.remove(key),
            };
        }
        Ok(Some(Self {
            policy,
            groups,
            planned,
            store,
            names: Names::new(store, planned, spool)?,
            links: store.groups()?,
            rejects,
            people: outcome::rejects_after(store.rejects()?, &planned.plan.reject_changes),
        }))
    }

    // --- a person's groups ------------------------------------------------------------------------

    /// The groups somebody is in. `enrolment` is nothing for somebody whose entry was not seen.
    pub(super) fn of_person(
        &self,
        out: &mut dyn Write,
        (key, dn): (AnchorKey, &str),
        enrolment: Option<&Enrolment>,
    ) -> Result<(), OrderError> {
        let own;
        let has_account = self.groups.roster.has_account(key);
        // Whoever has no account is nobody to the plan, but in the groups that list them all the same.
        let roster = if has_account {
            &self.groups.roster
        } else {
            own = alone(key, dn, enrolment);
            &own
        };
        let graph = Graph::new(&self.groups.read, roster);
        if enrolment.is_some() {
            self.admission(out, &graph, key)?;
        }
        let mut rows = Vec::new();
        let mut wanted = BTreeSet::new();
        for (at, group) in self.groups.read.iter().enumerate() {
            let Some(path) = graph.path(at, key).filter(|_| enrolment.is_some()) else {
                continue;
            };
            let own_key = group_key(group);
            wanted.insert(own_key);
            let way = through(&self.groups.read, &path);
            let state = self.membership(own_key, key, has_account, path.len())?;
            rows.push(format!("{}{way}: {state}", named(group)));
        }
        for (group, link) in self.links.iter().filter(|(group, _)| !wanted.contains(group)) {
            if self.store.is_member(*group, key)? {
                let name = link.resource.text("displayName").unwrap_or_default();
                rows.push(format!(
                    "{} ({}): {}",
                    shown(name),
                    shown(&link.dn),
                    self.leaving(*group, key)
                ));
            }
        }
        rows.sort();
        if rows.is_empty() {
            rows.push("in none that was read".to_owned());
        }
        for (at, row) in rows.iter().enumerate() {
            label(out, if at == 0 { "Groups" } else { "" }, row)?;
        }
        Ok(())
    }

    /// By which of the groups in `[users] member_of` somebody is in scope.
    fn admission(&self, out: &mut dyn Write, graph: &Graph<'_>, key: AnchorKey) -> io::Result<()> {
        let list = &self.policy.member_of;
        if list.is_empty() {
            return Ok(());
        }
        let by = list.iter().find_map(|dn| {
            let path = graph.path(graph.find(MemberKey::dn(dn))?, key)?;
            Some(format!("let in by {}{}", shown(dn), through(&self.groups.read, &path)))
        });
        let words = by.unwrap_or_else(|| {
            let all: Vec<_> = list.iter().map(|dn| shown(dn)).collect();
            format!("[users] member_of asks for one of: {}", all.join("; "))
        });
        label(out, "Scope", &words)
    }

    fn membership(
        &self,
        group: AnchorKey,
        person: AnchorKey,
        has_account: bool,
        depth: usize,
    ) -> Result<&'static str, StoreError> {
        let adds = |operation: &GroupOperation| operation.add.binary_search(&person).is_ok();
        Ok(if !has_account {
            "waits until there is an account"
        } else if self.policy.nesting == Nesting::Push && depth > 1 {
            "by way of the group in it, which is a member itself"
        } else if self.operations(group).any(|(operation, _)| adds(operation)) {
            "put in by the next run"
        } else if self.store.is_member(group, person)? {
            "in it"
        } else if self.rejects.contains_key(&group) {
            "not in it, because the group cannot be pushed"
        } else {
            "not in it yet"
        })
    }

    fn leaving(&self, group: AnchorKey, person: AnchorKey) -> &'static str {
        let removes = |operation: &GroupOperation| {
            operation.action == GroupAction::Delete
                || operation.remove.binary_search(&person).is_ok()
                || operation.forget.binary_search(&person).is_ok()
        };
        match self.operations(group).find(|(operation, _)| removes(operation)) {
            Some((_, true)) => "pushed, but not in it any more; taking it back is held by the limits",
            Some((_, false)) => "taken out by the next run",
            None => "pushed, and left as it is",
        }
    }

    /// What is planned for a group, and whether it is held.
    fn operations(&self, group: AnchorKey) -> impl Iterator<Item = (&GroupOperation, bool)> {
        let approved = &self.groups.approved;
        let free = approved.operations.iter().filter(|_| !self.planned.approved.aborted);
        let all = free
            .map(|operation| (operation, false))
            .chain(approved.held.iter().map(|operation| (operation, true)));
        all.filter(move |(operation, _)| operation.anchor.key() == group)
    }

    // --- a group ----------------------------------------------------------------------------------

    /// The groups of that name.
    pub(super) fn find(&self, wanted: &Wanted) -> Vec<Found> {
        let is_named = |resource: &Resource| resource.text("displayName").is_some_and(|name| wanted.is(name));
        let is_link = |link: &GroupLink| {
            wanted.is(link.anchor.as_str())
                || link.id.as_ref().is_some_and(|id| wanted.is(&id.0))
                || DnKey::of(&link.dn) == wanted.dn
                || is_named(&link.resource)
        };
        let by_link: BTreeSet<AnchorKey> = self
            .links
            .iter()
            .filter(|(_, link)| is_link(link))
            .map(|(key, _)| *key)
            .collect();
        let is_read = |group: &MappedGroup| {
            DnKey::of(&group.dn) == wanted.dn
                || group.anchor.as_ref().is_some_and(|anchor| wanted.is(anchor.as_str()))
                || group.resource.as_ref().is_ok_and(is_named)
                || by_link.contains(&group_key(group))
        };
        let read = self.groups.read.iter().enumerate();
        let mut found: Vec<Found> = read
            .filter(|(_, group)| is_read(group))
            .map(|(at, group)| Found {
                key: group_key(group),
                at: Some(at),
            })
            .collect();
        let here: BTreeSet<AnchorKey> = found.iter().map(|found| found.key).collect();
        let gone = by_link.into_iter().filter(|key| !here.contains(key));
        found.extend(gone.map(|key| Found { key, at: None }));
        found
    }

    /// The whole story of a group.
    pub(super) fn say(&self, out: &mut dyn Write, found: &Found) -> Result<(), OrderError> {
        let group = found.at.map(|at| (at, &self.groups.read[at]));
        let link = self.names.link(found.key);
        let dn = group.map(|(_, group)| &group.dn).or(link.map(|link| &link.dn));
        writeln!(out, "{}", shown(dn.map_or("", |dn| dn)))?;
        self.directory(out, group.map(|(_, group)| group), found.key)?;
        label(out, "Group", &pushed(link))?;
        failure(out, self.rejects.get(&found.key))?;
        self.next(out, found.key, link, group.is_some())?;
        match group {
            Some((at, _)) => self.members(out, at),
            None => Ok(()),
        }
    }

    fn directory(&self, out: &mut dyn Write, group: Option<&MappedGroup>, key: AnchorKey) -> io::Result<()> {
        let Some(group) = group else {
            let words = match &self.groups.plan.absence {
                Absence::AllButPresent => {
                    "no entry any more (or it is outside of [groups] base or filter): counts as gone".to_owned()
                }
                Absence::Unknown(reason) => format!("not seen, but the read was not complete: {reason}"),
            };
            return label(out, "Directory", &words);
        };
        let anchor = group.anchor.as_ref().map(Anchor::as_str).unwrap_or_default();
        let reject = self.rejects.get(&key).filter(|reject| reject.tries == 0);
        let problems = reject.map(|reject| &reject.rejection.problems);
        let problems = problems.or(group.resource.as_ref().err());
        let name = group.resource.as_ref().ok().and_then(|it| it.text("displayName"));
        let words = match problems {
            Some(_) => "a group that cannot be pushed; in the cloud it stays as it is".to_owned(),
            None => format!("a group in scope, displayName {}", shown(name.unwrap_or_default())),
        };
        label(out, "Directory", &format!("{words}; anchor {}", shown(anchor)))?;
        problems.into_iter().flatten().try_for_each(|found| problem(out, found))
    }

    fn next(
        &self,
        out: &mut dyn Write,
        key: AnchorKey,
        link: Option<&GroupLink>,
        is_there: bool,
    ) -> Result<(), OrderError> {
        let mut nothing = true;
        for (operation, held) in self.operations(key) {
            nothing = false;
            let mut words = doing(operation);
            if let Some(hold) = self.groups.approved.hold.as_ref().filter(|_| held) {
                words = format!(
                    "{words}, but the limits hold that back: {}; to let it through: scimward approve {}",
                    hold.reason, hold.plan_id
                );
            }
            label(out, "Next", &words)?;
            self.named(out, '+', &operation.add)?;
            self.named(out, '-', &operation.remove)?;
        }
        if nothing {
            label(out, "Next", &self.nothing(key, link, is_there))?;
        }
        Ok(())
    }

    fn nothing(&self, key: AnchorKey, link: Option<&GroupLink>, is_there: bool) -> String {
        if self.planned.approved.aborted || self.groups.approved.aborted {
            return "nothing, because the run would be aborted".to_owned();
        }
        if let Some(reject) = self.rejects.get(&key) {
            return match reject.tries {
                0 => "nothing, until the entry or the mapping is mended".to_owned(),
                _ => format!(
                    "nothing for now; to have it tried in the next run: scimward rejects retry '{}'",
                    shown(&reject.rejection.dn).replace('\'', r"'\''")
                ),
            };
        }
        match (
            is_there,
            self.policy.gone.action,
            link.map_or(0, |link| link.emptied_at),
        ) {
            (true, ..) => "nothing: the group is as the directory wants it".to_owned(),
            (false, GoneAction::Keep, _) => "nothing: groups that are gone stay ([groups] gone = \"keep\")".to_owned(),
            (false, GoneAction::Delete, at) if at != 0 => {
                let days = i64::from(self.policy.gone.delete_after_days);
                let when = instant(at.saturating_add(days * 86_400));
                format!("delete, in the first complete run after {when} UTC")
            }
            _ => "nothing".to_owned(),
        }
    }

    /// People of an operation, one a line.
    fn named(&self, out: &mut dyn Write, sign: char, keys: &[AnchorKey]) -> Result<(), OrderError> {
        for key in keys.iter().take(MEMBERS_SHOWN) {
            let name = self
                .names
                .of(*key)?
                .map_or_else(|| "somebody unknown".to_owned(), |one| name_of(&one));
            writeln!(out, "    {sign} {name}")?;
        }
        more(out, keys.len())
    }

    fn members(&self, out: &mut dyn Write, at: usize) -> Result<(), OrderError> {
        let graph = Graph::new(&self.groups.read, &self.groups.roster);
        let flat = match self.policy.nesting {
            Nesting::Flatten => graph.flatten(at),
            Nesting::Push => graph.direct_members(at, &|_| true),
        };
        let mut words = count(flat.members.len() as u64, "member");
        let inner = graph.reach(at).len().saturating_sub(1) as u64;
        if inner > 0 {
            words.push_str(&format!(", over {} within it", count(inner, "group")));
        }
        if flat.circular {
            words.push_str(", itself among them");
        }
        if flat.outside > 0 {
            words.push_str(&format!("; {} of those listed not provisioned", grouped(flat.outside)));
        }
        writeln!(out)?;
        label(out, "Members", &words)?;
        let mut lines = Vec::new();
        for key in &flat.members {
            if let Some(member) = self.names.of(*key)? {
                lines.push((name_of(&member), *key));
            }
        }
        lines.sort();
        for (name, key) in lines.iter().take(MEMBERS_SHOWN) {
            let way = graph.path(at, *key).map(|path| through(&self.groups.read, &path));
            writeln!(out, "      {name}{}", way.unwrap_or_default())?;
        }
        more(out, lines.len())?;
        self.waiting(out, &graph.reach(at))
    }

    /// Who is listed, and cannot be pushed.
    fn waiting(&self, out: &mut dyn Write, groups: &BTreeSet<usize>) -> Result<(), OrderError> {
        let listed: BTreeSet<MemberKey> = groups
            .iter()
            .flat_map(|at| self.groups.read[*at].members.iter().copied())
            .collect();
        let has_account = |reject: &Reject| {
            let anchor = reject.rejection.anchor.as_ref();
            anchor.is_some_and(|anchor| self.groups.roster.has_account(anchor.key()))
        };
        let waits = |reject: &&Reject| listed.contains(&MemberKey::dn(&reject.rejection.dn)) && !has_account(reject);
        let all: Vec<&Reject> = self.people.iter().filter(waits).collect();
        for reject in all.iter().take(MEMBERS_SHOWN) {
            let dn = shown(&reject.rejection.dn);
            writeln!(
                out,
                "    ! {dn} waits until there is an account; scimward explain says why there is none"
            )?;
        }
        more(out, all.len())
    }
}

/// Somebody as if there were an account.
fn alone(key: AnchorKey, dn: &str, enrolment: Option<&Enrolment>) -> Roster {
    let account = Account {
        key,
        dn: DnKey::of(dn),
        is_new: false,
        is_seen: true,
        may_be_here: false,
    };
    let enrolment = enrolment.cloned().unwrap_or_default();
    let seen = Sightings {
        names: enrolment.names.into_iter().skip(1).map(|name| (name, key)).collect(),
        edges: enrolment.groups.into_iter().map(|group| (group, key)).collect(),
    };
    Roster::new(&[account], seen)
}

fn group_key(group: &MappedGroup) -> AnchorKey {
    let anchor = group.anchor.as_ref().map(Anchor::key);
    // As the plan has it for a group whose anchor cannot be read.
    anchor.unwrap_or_else(|| Anchor::new(group.dn.as_str()).key())
}

fn named(group: &MappedGroup) -> String {
    let name = group.resource.as_ref().ok().and_then(|it| it.text("displayName"));
    match name {
        Some(name) => format!("{} ({})", shown(name), shown(&group.dn)),
        None => shown(&group.dn).into_owned(),
    }
}

/// The groups between a group and somebody in it.
fn through(groups: &[MappedGroup], path: &[usize]) -> String {
    let way: Vec<_> = path.iter().skip(1).map(|at| shown(&groups[*at].dn)).collect();
    match way.is_empty() {
        true => String::new(),
        false => format!(" through {}", way.join(" → ")),
    }
}

fn name_of(member: &Member) -> String {
    let kind = if member.is_group { "group " } else { "" };
    shortened(&format!("{kind}{} ({})", member.name, member.dn), VALUE_CHARS)
}

fn more(out: &mut dyn Write, all: usize) -> Result<(), OrderError> {
    match all.saturating_sub(MEMBERS_SHOWN) {
        0 => Ok(()),
        more => Ok(writeln!(out, "      … and {} more", grouped(more as u64))?),
    }
}

fn pushed(link: Option<&GroupLink>) -> String {
    let Some((link, id)) = link.and_then(|link| Some((link, link.id.as_ref()?))) else {
        return "none was pushed".to_owned();
    };
    let name = link.resource.text("displayName").unwrap_or_default();
    let members = count(link.members.count, "member");
    let mut words = format!("{}, id {}, {members} pushed", shown(name), shown(&id.0));
    if link.emptied_at != 0 {
        words.push_str(&format!(", emptied on {} UTC", instant(link.emptied_at)));
    }
    if link.adopted {
        words.push_str(", adopted");
    }
    words
}

fn doing(operation: &GroupOperation) -> String {
    let (add, remove) = (operation.add.len() as u64, operation.remove.len() as u64);
    let itself = match operation.action {
        GroupAction::Create => Some("create the group"),
        GroupAction::Update if operation.takes_over.is_some() => {
            Some("take over the emptied group of this name, which left the directory")
        }
        GroupAction::Update => Some("update the group"),
        GroupAction::Members => None,
        GroupAction::Empty => return format!("take everybody out ({})", count(remove, "member")),
        GroupAction::Delete => return "delete the group".to_owned(),
    };
    let puts = (add > 0).then(|| format!("put {} in", count(add, "member")));
    let takes = (remove > 0).then(|| format!("take {} out", count(remove, "member")));
    let again = operation.again.len() as u64;
    let tells = (again > 0).then(|| {
        format!(
            "tell again whether {} {} in, because an answer was lost",
            count(again, "member"),
            if again == 1 { "is" } else { "are" }
        )
    });
    let all: Vec<String> = itself
        .map(str::to_owned)
        .into_iter()
        .chain(puts)
        .chain(takes)
        .chain(tells)
        .collect();
    match all.is_empty() {
        true => "forget members without an account".to_owned(),
        false => all.join(", "),
    }
}
