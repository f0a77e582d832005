//! A whole read, streaming: entries are observed one by one, operations leave at once for the spool,
//! and what stays in memory is a fixed-size mark for each person and a fixed-size note for each
//! operation.

mod namesakes;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    model::{Absence, Reject, RejectKind, Step},
    model::{
        Action, Anchor, AnchorKey, Digest, DnKey, Link, ManagerRef, Mapped, MappedUser, Mark, Operation, Phase,
        Problem, Pushed, Rejection,
    },
    plan::{
        circles::{self, Rename},
        decide::{self, Known, Missing, Rules, Seen},
        groups::Account,
        keyed,
        losses::{Losses, Lost},
        managers::{self, Names},
        settings::Leavers,
    },
};

/// What a plan starts from.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Every mark, in key order.
    pub marks: Vec<(AnchorKey, Mark)>,
    /// Every reject, in key order.
    pub rejects: Vec<(AnchorKey, Reject)>,
    /// Creates of an unfinished plan whose answer may have been lost.
    pub in_doubt: Vec<AnchorKey>,
    /// Whether [`Plan::accounts`] is wanted: groups are pushed.
    pub wants_accounts: bool,
    /// The marks' source digests are of the mapping in force; else every entry is mapped again.
    pub trust_sources: bool,
    /// Unix seconds.
    pub now: i64,
}

/// Why planning stopped.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A link could not be read.
    #[error(transparent)]
    Store(#[from] crate::model::StoreError),
    /// A mark without its link: the state was tampered with or damaged.
    #[error(
        "the state remembers {0:?} but not what was pushed; restore it with `scimward state import`, or make it anew with `scimward state rebuild`"
    )]
    LinkMissing(AnchorKey),
}

/// Reads one link.
pub type Links<'a> = &'a dyn Fn(AnchorKey) -> Result<Option<Link>, crate::model::StoreError>;

/// Reads an operation that was spooled.
pub type ReadBack<'a> = &'a dyn Fn(u32) -> Result<Operation, crate::model::StoreError>;

/// What was counted while reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries observed.
    pub entries: u64,
    /// In scope and fine.
    pub in_scope: u64,
    /// Left out by rule.
    pub out_of_scope: u64,
    /// In scope, nothing to do.
    pub unchanged: u64,
    /// Cannot be pushed.
    pub rejected: u64,
    /// Of these, the ones whose anchor cannot be read.
    pub unidentified: u64,
    /// Waiting after an earlier failure.
    pub waiting: u64,
    /// Missing, but not yet for long enough, or waiting after a removal that failed.
    pub missing: u64,
    /// People whose manager is not among those provisioned.
    pub dangling: u64,
    /// Accounts in use before this cycle, as far as the state knows.
    pub in_use: u64,
}

/// A person not pushed before.
struct Fresh {
    dn: DnKey,
    operation: Option<u32>,
}

/// What is kept of an operation in memory.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) key: AnchorKey,
    pub(super) action: Action,
    pub(super) removal: bool,
    /// A removal of somebody whose name a new person of this plan wants.
    pub(super) has_namesake: bool,
    /// Digest of the operation as spooled.
    pub(super) content: Digest,
    /// The attributes that the person would be without.
    pub(super) lost: Lost,
    /// The manager's name as the entry has it.
    manager_dn: DnKey,
    /// The manager, once every entry is known.
    pub(super) manager: AnchorKey,
    /// The manager is created in this plan: whatever id was told before is not his any more.
    manager_is_new: bool,
    /// The name wanted, for people who are created or renamed.
    name: Digest,
    /// Cancelled: another person of this plan has the name already.
    dropped: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sight {
    Missing,
    Seen,
    OutOfScope,
}

/// Observes a read and makes the plan.
pub struct Planner {
    rules: Rules,
    marks: Vec<(AnchorKey, Mark)>,
    sights: Vec<(Sight, bool)>,
    fresh: BTreeMap<AnchorKey, Fresh>,
    rejects: BTreeMap<AnchorKey, Reject>,
    still_rejected: BTreeSet<AnchorKey>,
    reject_changes: Vec<(AnchorKey, Option<Reject>)>,
    in_doubt: BTreeSet<AnchorKey>,
    wants_accounts: bool,
    trust_sources: bool,
    now: i64,
    notes: Vec<Note>,
    renames: Vec<Rename>,
    /// Anchors that more than one entry has.
    twins: BTreeSet<AnchorKey>,
    /// People who are missing while somebody new wants their name.
    followed: BTreeSet<AnchorKey>,
    /// Rejections that are listed with their reasons.
    listed: usize,
    losses: Losses,
    /// People whose manager is not among those provisioned.
    dangling: Vec<AnchorKey>,
    warnings: Warnings,
    counts: Counts,
}

/// Warnings, as many as a person can read; the rest is counted.
#[derive(Default)]
struct Warnings {
    list: Vec<String>,
    more: u64,
}

/// More than this is a flood: the rest is only counted.
const WARNINGS_MAX: usize = 200;
/// Rejections remembered with their reasons in one cycle. Where everybody is rejected the rule is wrong,
/// and the first ten thousand say so as well as a million would, in a hundredth of the memory.
const REJECTS_LISTED_MAX: usize = 10_000;

impl Warnings {
    fn push(&mut self, warning: String) {
        if self.list.len() < WARNINGS_MAX {
            self.list.push(warning)
        } else {
            self.more += 1
        }
    }

    fn finish(mut self) -> Vec<String> {
        if self.more > 0 {
            self.list.push(format!("and {} more warnings like these", self.more));
        }
        self.list
    }
}

impl Planner {
    /// Before the first entry.
    #[must_use]
    pub fn new(rules: Rules, inputs: Inputs) -> Self {
        let in_use = inputs.marks.iter().filter(|(_, mark)| mark.deactivated_at == 0).count() as u64;
        Self {
            rules,
            sights: vec![(Sight::Missing, false); inputs.marks.len()],
            marks: inputs.marks,
            fresh: BTreeMap::new(),
            rejects: inputs.rejects.into_iter().collect(),
            still_rejected: BTreeSet::new(),
            reject_changes: Vec::new(),
            in_doubt: inputs.in_doubt.into_iter().collect(),
            wants_accounts: inputs.wants_accounts,
            trust_sources: inputs.trust_sources,
            now: inputs.now,
            notes: Vec::new(),
            renames: Vec::new(),
            twins: BTreeSet::new(),
            followed: BTreeSet::new(),
            listed: 0,
            losses: Losses::default(),
            dangling: Vec::new(),
            warnings: Warnings::default(),
            counts: Counts {
                in_use,
                ..Counts::default()
            },
        }
    }

    fn find(&self, key: AnchorKey) -> Option<usize> {
        keyed::find(&self.marks, key)
    }

    /// True when this entry is, byte for byte, the one that was mapped and pushed before: then it is
    /// taken as seen and need not be mapped.
    pub fn glance(&mut self, key: AnchorKey, source: Digest) -> bool {
        let Some(at) = self.find(key) else { return false };
        let mark = &self.marks[at].1;
        let same = self.trust_sources
            && mark.source == source
            && mark.missed == 0
            && mark.deactivated_at == 0
            && self.sights[at].0 == Sight::Missing
            && !self.rejects.contains_key(&key);
        if same {
            self.sights[at].0 = Sight::Seen;
            self.counts.entries += 1;
            self.counts.in_scope += 1;
            self.counts.unchanged += 1;
        }
        same
    }

    /// One entry. An operation that comes back has to be spooled before the next call; its index is
    /// the number of operations spooled before it.
    ///
    /// # Errors
    /// When a link cannot be read.
    pub fn observe(
        &mut self,
        source: Digest,
        mapped: Mapped,
        links: Links<'_>,
    ) -> Result<Option<Operation>, PlanError> {
        self.counts.entries += 1;
        match mapped {
            Mapped::InScope(user) => self.observe_user(source, user, links),
            Mapped::OutOfScope { anchor, dn, .. } => {
                self.counts.out_of_scope += 1;
                if let Some(at) = self.find(anchor.key())
                    && self.sights[at].0 == Sight::Missing
                {
                    self.sights[at].0 = Sight::OutOfScope;
                    self.moved(at, &dn);
                    self.look_again(at);
                }
                Ok(None)
            }
            Mapped::Rejected(rejection) => {
                self.reject(rejection);
                Ok(None)
            }
        }
    }

    fn observe_user(
        &mut self,
        source: Digest,
        user: MappedUser,
        links: Links<'_>,
    ) -> Result<Option<Operation>, PlanError> {
        let key = user.anchor.key();
        let dn = DnKey::of(&user.dn);
        if let Some(other) = self.seen_before(key) {
            if other != dn {
                self.reject(twin(&user.anchor, &user.dn));
                self.twins.insert(key);
            }
            return Ok(None);
        }
        self.counts.in_scope += 1;
        let manager_dn = user.manager.as_deref().map(DnKey::of).unwrap_or_default();
        let at = self.find(key);
        let link = match at {
            Some(_) => Some(links(key)?.ok_or(PlanError::LinkMissing(key))?),
            None => None,
        };
        let known = Known {
            mark: at.map(|at| &self.marks[at].1),
            link: link.as_ref(),
            reject: self.rejects.get(&key),
            in_doubt: self.in_doubt.contains(&key),
            now: self.now,
        };
        let (anchor, dn_text) = (user.anchor.clone(), user.dn.clone());
        let (seen, warning) = decide::seen(user, source, &known, &self.rules);
        if let Some(warning) = warning {
            self.warnings.push(warning);
        }
        let unchanged = seen == Seen::Unchanged;
        let operation = match seen {
            Seen::Unchanged => {
                self.counts.unchanged += 1;
                None
            }
            Seen::Operation(operation) => Some(*operation),
            Seen::Waiting => {
                self.counts.waiting += 1;
                self.still_rejected.insert(key);
                None
            }
            Seen::Rejected(problem) => {
                self.reject(Rejection {
                    dn: dn_text,
                    anchor: Some(anchor),
                    problems: vec![problem],
                });
                None
            }
        };
        let index = operation.as_ref().map(|operation| self.note(key, operation));
        self.remember(
            at,
            key,
            Mark {
                source,
                dn,
                manager_dn,
                ..Mark::default()
            },
            unchanged,
            index,
        );
        Ok(operation)
    }

    /// The name under which this person was seen earlier in this read.
    fn seen_before(&self, key: AnchorKey) -> Option<DnKey> {
        match self.find(key) {
            Some(at) => (self.sights[at].0 == Sight::Seen).then(|| self.marks[at].1.dn),
            None => self.fresh.get(&key).map(|fresh| fresh.dn),
        }
    }

    fn remember(&mut self, at: Option<usize>, key: AnchorKey, now: Mark, unchanged: bool, operation: Option<u32>) {
        let Some(at) = at else {
            self.fresh.insert(key, Fresh { dn: now.dn, operation });
            return;
        };
        let old = self.marks[at].1;
        let mark = Mark {
            // Until the operation succeeded the entry has to be looked at again.
            source: if unchanged { now.source } else { Digest::default() },
            dn: now.dn,
            manager_dn: now.manager_dn,
            missed: 0,
            // Who is here and needs nothing has not left, however the account came to be inactive.
            deactivated_at: if unchanged { 0 } else { old.deactivated_at },
            ..old
        };
        self.marks[at].1 = mark;
        self.sights[at] = (Sight::Seen, self.sights[at].1 || mark != old);
    }

    /// Whoever is not pushed may have another name all the same, by which groups list him.
    fn moved(&mut self, at: usize, dn: &str) {
        let dn = DnKey::of(dn);
        self.sights[at].1 |= self.marks[at].1.dn != dn;
        self.marks[at].1.dn = dn;
    }

    fn reject(&mut self, rejection: Rejection) {
        self.counts.rejected += 1;
        let key = match &rejection.anchor {
            Some(anchor) => {
                let key = anchor.key();
                if let Some(at) = self.find(key) {
                    if self.sights[at].0 == Sight::Missing {
                        self.moved(at, &rejection.dn);
                    }
                    self.sights[at].0 = Sight::Seen;
                    self.sights[at].1 |= std::mem::take(&mut self.marks[at].1.missed) != 0;
                    self.look_again(at);
                }
                key
            }
            None => {
                self.counts.unidentified += 1;
                AnchorKey(DnKey::of(&rejection.dn).0)
            }
        };
        self.still_rejected.insert(key);
        let old = self.rejects.get(&key).filter(|old| old.kind == RejectKind::Entry);
        if old.is_some_and(|old| old.rejection == rejection) {
            return;
        }
        if self.listed >= REJECTS_LISTED_MAX {
            return;
        }
        self.listed += 1;
        let reject = Reject {
            kind: RejectKind::Entry,
            wanted: Digest::default(),
            first: old.map_or(self.now, |old| old.first),
            last: self.now,
            tries: 0,
            next_try: 0,
            rejection,
        };
        self.reject_changes.push((key, Some(reject)));
    }

    /// Has the entry mapped again in the next cycle, even when it did not change.
    fn look_again(&mut self, at: usize) {
        if !self.marks[at].1.source.is_unset() {
            self.marks[at].1.source = Digest::default();
            self.sights[at].1 = true;
        }
    }

    fn note(&mut self, key: AnchorKey, operation: &Operation) -> u32 {
        let index = u32::try_from(self.notes.len()).unwrap_or(u32::MAX);
        let name = circles::name_key(operation.user_name());
        let takes_name = operation.action == Action::Create || operation.is_rename();
        self.note_names(index, operation, name);
        let lost = match (&operation.before, &operation.after) {
            (Some(before), Some(after)) => self.losses.of(before, after),
            _ => 0,
        };
        self.notes.push(Note {
            key,
            action: operation.action,
            removal: operation.is_removal(),
            has_namesake: false,
            lost,
            content: content(operation),
            manager_dn: operation.manager_dn,
            manager: AnchorKey::default(),
            manager_is_new: false,
            name: if takes_name { name } else { Digest::default() },
            dropped: false,
        });
        index
    }

    /// The names that this operation gives up, those included that the account perhaps has.
    fn note_names(&mut self, index: u32, operation: &Operation, after: Digest) {
        let changes_name = operation.is_rename() || !operation.perhaps_named.is_empty();
        let Some(before) = operation.before.as_ref().filter(|_| changes_name) else {
            return;
        };
        if !matches!(operation.action, Action::Update | Action::Reactivate) {
            return;
        }
        let perhaps = operation.perhaps_named.iter().map(String::as_str);
        self.renames
            .extend(perhaps.chain([before.resource.user_name()]).map(|name| Rename {
                index,
                before: circles::name_key(name),
                after,
            }));
    }

    /// After the last entry. Operations that only a complete view shows (managers, leavers, circles)
    /// go to `emit`, which has to spool them in order.
    ///
    /// # Errors
    /// When a link cannot be read, or `emit` fails.
    pub fn finish(
        mut self,
        absence: Absence,
        leavers: &Leavers,
        links: Links<'_>,
        read_back: ReadBack<'_>,
        emit: &mut dyn FnMut(&Operation) -> Result<(), crate::model::StoreError>,
    ) -> Result<Plan, PlanError> {
        let proof = self.proves_absence(&absence);
        self.drop_anchor_twins(read_back)?;
        self.drop_name_twins(read_back)?;
        if proof {
            self.drop_namesakes(leavers, links, read_back)?;
        }
        let names = self.names();
        self.resolve_managers(&names, links, read_back, emit)?;
        let mut steps = self.steps();
        self.break_circles(&mut steps, read_back, emit)?;
        self.distrust_unseen();
        if self.listed == REJECTS_LISTED_MAX {
            let all = self.counts.rejected;
            self.warnings.push(format!(
                "{all} people are rejected; the first {REJECTS_LISTED_MAX} are listed"
            ));
        }
        let mut quiet = Vec::new();
        if proof {
            self.find_leavers(leavers, links, emit, &mut steps, &mut quiet)?;
        }
        steps.extend(
            self.notes
                .iter()
                .zip(0..)
                .filter(|(note, _)| note.action == Action::Reference)
                .map(|(_, index)| Step {
                    phase: Phase::Reference,
                    depth: 0,
                    index,
                }),
        );
        steps.sort_unstable();
        self.release_rejects(proof);
        let accounts = self.accounts(proof);
        let dirty = self
            .sights
            .iter()
            .zip(&self.marks)
            .filter(|((_, dirty), _)| *dirty)
            .map(|(_, &mark)| mark);
        Ok(Plan {
            mark_changes: dirty.collect(),
            accounts,
            quietly_inactive: quiet,
            id: plan_id(&steps, &self.notes),
            steps,
            notes: self.notes,
            reject_changes: self.reject_changes,
            losses: self.losses,
            dangling: self.dangling,
            warnings: self.warnings.finish(),
            counts: self.counts,
            absence,
        })
    }

    /// Whether somebody who was not seen is not there. An entry whose anchor could not be read might be
    /// anybody, so then it proves nothing; for those who were seen the read is as good as any.
    fn proves_absence(&mut self, absence: &Absence) -> bool {
        if self.counts.unidentified > 0 {
            self.warnings.push(format!(
                "{} entries have no readable anchor and might be anybody: nobody counts as missing in this run",
                self.counts.unidentified
            ));
        }
        *absence == Absence::AllButPresent && self.counts.unidentified == 0
    }

    /// Two entries with one anchor: which of them the account belongs to is a guess, so neither is pushed.
    fn drop_anchor_twins(&mut self, read_back: ReadBack<'_>) -> Result<(), PlanError> {
        for at in 0..self.notes.len() {
            if !self.twins.contains(&self.notes[at].key) {
                continue;
            }
            let index = u32::try_from(at).unwrap_or(u32::MAX);
            let first = read_back(index)?;
            self.drop_operation(index);
            self.reject(twin(&first.anchor, &first.dn));
        }
        Ok(())
    }

    /// Takes an observed operation out of the plan.
    fn drop_operation(&mut self, index: u32) {
        self.notes[index as usize].dropped = true;
        self.renames.retain(|rename| rename.index != index);
        self.counts.in_scope = self.counts.in_scope.saturating_sub(1);
    }

    /// Two people of this plan who want one name: the first keeps it, the others are rejected.
    fn drop_name_twins(&mut self, read_back: ReadBack<'_>) -> Result<(), PlanError> {
        let mut names: Vec<(Digest, u32)> = self
            .notes
            .iter()
            .zip(0..)
            .filter(|(note, _)| !note.name.is_unset() && !note.dropped)
            .map(|(note, at)| (note.name, at))
            .collect();
        names.sort_unstable();
        for pair in names.windows(2) {
            if pair[0].0 != pair[1].0 {
                continue;
            }
            let (first, second) = (read_back(pair[0].1)?, read_back(pair[1].1)?);
            self.drop_operation(pair[1].1);
            self.reject(Rejection {
                dn: second.dn.clone(),
                anchor: Some(second.anchor.clone()),
                problems: vec![Problem {
                    attribute: "userName".into(),
                    rule: format!("{} has the same userName; names are compared without case", first.dn),
                    value: second.user_name().to_owned(),
                }],
            });
        }
        Ok(())
    }

    /// Everybody who can be a manager: seen now and linked already, or about to be created.
    fn names(&self) -> Names {
        let linked = self
            .marks
            .iter()
            .zip(&self.sights)
            .filter(|(_, (sight, _))| *sight == Sight::Seen);
        let linked = linked.map(|(&(key, mark), _)| (mark.dn, key));
        let fresh = self
            .fresh
            .iter()
            .filter(|(_, fresh)| self.is_created(fresh))
            .map(|(&key, fresh)| (fresh.dn, key));
        Names::new(linked.chain(fresh).collect())
    }

    /// Everybody who can be a member of a group. Who was not seen is among them: an account that is still
    /// there keeps its groups until it is gone, or until the directory says otherwise.
    fn accounts(&self, proof: bool) -> Vec<Account> {
        if !self.wants_accounts {
            return Vec::new();
        }
        let known = self.marks.iter().zip(&self.sights).map(|(&(key, mark), (sight, _))| {
            let is_seen = *sight != Sight::Missing;
            let is_settled = is_seen || mark.deactivated_at != 0;
            Account {
                key,
                dn: mark.dn,
                is_new: false,
                is_seen,
                may_be_here: !is_settled && (!proof || mark.missed != 0),
            }
        });
        let new = self.fresh.iter().filter(|(_, fresh)| self.is_created(fresh));
        let new = new.map(|(&key, fresh)| Account {
            key,
            dn: fresh.dn,
            is_new: true,
            is_seen: true,
            may_be_here: false,
        });
        known.chain(new).collect()
    }

    fn is_created(&self, fresh: &Fresh) -> bool {
        fresh
            .operation
            .is_some_and(|index| self.notes.get(index as usize).is_some_and(|note| !note.dropped))
    }

    fn resolve_managers(
        &mut self,
        names: &Names,
        links: Links<'_>,
        read_back: ReadBack<'_>,
        emit: &mut dyn FnMut(&Operation) -> Result<(), crate::model::StoreError>,
    ) -> Result<(), PlanError> {
        let mut has_operation = BTreeSet::new();
        for at in 0..self.notes.len() {
            let (key, manager_dn) = (self.notes[at].key, self.notes[at].manager_dn);
            let pushed = self.find(key).map(|at| self.marks[at].1.manager).unwrap_or_default();
            let manager = self.manager(key, names, manager_dn, pushed);
            self.notes[at].manager = manager;
            self.lose_manager(at, pushed, manager);
            self.notes[at].manager_is_new = self.fresh.contains_key(&manager);
            if self.find(key).is_some() {
                has_operation.insert(key);
            }
        }
        for at in 0..self.marks.len() {
            let (key, mark) = self.marks[at];
            if self.sights[at].0 != Sight::Seen || mark.deactivated_at != 0 || has_operation.contains(&key) {
                continue;
            }
            let manager = self.manager(key, names, mark.manager_dn, mark.manager);
            // A manager who is created in this plan gets an id that nobody was told yet.
            let told = manager == mark.manager && !self.fresh.contains_key(&manager);
            if told || self.still_rejected.contains(&key) {
                continue;
            }
            let manager_dn = self.dn_of(manager, links, read_back)?;
            let manager_ref = manager_dn.map(|dn| ManagerRef { key: manager, dn });
            let operation = reference(key, &mark, manager_ref, links)?;
            if self.is_waiting(key, &operation) {
                self.counts.unchanged = self.counts.unchanged.saturating_sub(1);
                continue;
            }
            let index = self.note(key, &operation);
            self.notes[index as usize].manager = manager;
            self.lose_manager(index as usize, mark.manager, manager);
            emit(&operation)?;
            self.counts.unchanged = self.counts.unchanged.saturating_sub(1);
            // Until this has succeeded the entry has to be looked at again.
            self.look_again(at);
        }
        Ok(())
    }

    fn lose_manager(&mut self, note: usize, pushed: AnchorKey, manager: AnchorKey) {
        if manager.is_none() && !pushed.is_none() {
            self.notes[note].lost |= self.losses.manager();
        }
    }

    /// Who is behind the name. A name that leads to nobody we provision keeps the manager who was
    /// pushed, as long as that account is there: a dangling name is no reason to take something away.
    fn manager(&mut self, person: AnchorKey, names: &Names, dn: DnKey, pushed: AnchorKey) -> AnchorKey {
        if dn.is_none() {
            return AnchorKey::default();
        }
        if let Some(manager) = names.find(dn) {
            return manager;
        }
        self.counts.dangling += 1;
        self.dangling.push(person);
        if self.find(pushed).is_some() {
            pushed
        } else {
            AnchorKey::default()
        }
    }

    /// The distinguished name of somebody who has an account or gets one in this plan.
    fn dn_of(&self, key: AnchorKey, links: Links<'_>, read_back: ReadBack<'_>) -> Result<Option<String>, PlanError> {
        if let Some(link) = links(key)? {
            return Ok(Some(link.dn));
        }
        let created = self.fresh.get(&key).and_then(|fresh| fresh.operation);
        Ok(created.map(read_back).transpose()?.map(|operation| operation.dn))
    }

    /// The steps for what was observed, leavers and references apart.
    fn steps(&self) -> Vec<Step> {
        let new: BTreeMap<AnchorKey, AnchorKey> = self
            .notes
            .iter()
            .filter(|note| note.action == Action::Create && !note.dropped)
            .map(|note| (note.key, note.manager))
            .collect();
        let depths = managers::depths(&new);
        let step = |(note, index): (&Note, u32)| {
            let (phase, depth) = match note.action {
                Action::Create => (Phase::Create, depths.get(&note.key).copied().unwrap_or(0)),
                Action::Reactivate => (Phase::Reactivate, 0),
                Action::Update => (Phase::Update, 0),
                Action::Reference | Action::Deactivate | Action::Delete => return None,
            };
            (!note.dropped).then_some(Step { phase, depth, index })
        };
        self.notes.iter().zip(0..).filter_map(step).collect()
    }

    /// Gives one member of each circle of renames a temporary name first and its final one last.
    fn break_circles(
        &mut self,
        steps: &mut Vec<Step>,
        read_back: ReadBack<'_>,
        emit: &mut dyn FnMut(&Operation) -> Result<(), crate::model::StoreError>,
    ) -> Result<(), PlanError> {
        for point in circles::break_points(&self.renames) {
            let last = read_back(point)?;
            let Some(before) = last.before.clone() else { continue };
            let mut aside = before.clone();
            let stays_in = last.after.as_ref().is_some_and(|after| after.resource.is_active());
            if last.tell_all && stays_in && !aside.resource.is_active() {
                // Everything is told, and an account that may be in use is not shut out on the way.
                aside.resource = aside.resource.with_active(true);
            }
            let name = format!("{}-{}", before.resource.user_name(), &content(&last).to_string()[..8]);
            aside.resource.attributes.insert(
                crate::model::AttributePath::new("userName"),
                crate::model::Value::Text(name),
            );
            let first = Operation {
                action: Action::Update,
                after: Some(aside),
                source: Digest::default(),
                ..last
            };
            let index = self.note(first.anchor.key(), &first);
            self.notes[index as usize].manager = before.manager.map(|manager| manager.key).unwrap_or_default();
            emit(&first)?;
            steps.push(Step {
                phase: Phase::Unname,
                depth: 0,
                index,
            });
            steps
                .iter_mut()
                .filter(|step| step.index == point)
                .for_each(|step| step.phase = Phase::Rename);
        }
        Ok(())
    }

    fn find_leavers(
        &mut self,
        leavers: &Leavers,
        links: Links<'_>,
        emit: &mut dyn FnMut(&Operation) -> Result<(), crate::model::StoreError>,
        steps: &mut Vec<Step>,
        quiet: &mut Vec<AnchorKey>,
    ) -> Result<(), PlanError> {
        for at in 0..self.marks.len() {
            if self.sights[at].0 == Sight::Seen {
                continue;
            }
            let (key, mark) = self.marks[at];
            let action = match decide::missing(&mark, leavers, self.now) {
                Missing::Nothing => continue,
                Missing::Counted(missed) => {
                    self.counts.missing += 1;
                    self.marks[at].1.missed = missed;
                    self.sights[at].1 = true;
                    continue;
                }
                Missing::AlreadyInactive => {
                    quiet.push(key);
                    continue;
                }
                Missing::Deactivate => Action::Deactivate,
                Missing::Delete => Action::Delete,
            };
            let link = links(key)?.ok_or(PlanError::LinkMissing(key))?;
            let (dns, name) = ([mark.dn, DnKey::of(&link.dn)], link.pushed.resource.user_name());
            if self.rules.protected.covers(link.anchor.as_str(), &dns, name) {
                self.warnings
                    .push(format!("{} is protected and was not {}", link.dn, past(action)));
                continue;
            }
            let operation = decide::removal(link, &mark, action);
            if self.is_waiting(key, &operation) {
                self.counts.missing += 1;
                continue;
            }
            let index = self.note(key, &operation);
            self.notes[index as usize].manager = mark.manager;
            self.notes[index as usize].has_namesake = self.followed.contains(&key);
            emit(&operation)?;
            let phase = if action == Action::Delete {
                Phase::Delete
            } else {
                Phase::Deactivate
            };
            steps.push(Step { phase, depth: 0, index });
        }
        Ok(())
    }

    /// After a change of the mapping the digests of entries that were not seen are worth nothing.
    fn distrust_unseen(&mut self) {
        for at in 0..self.marks.len() {
            if !self.trust_sources && self.sights[at].0 == Sight::Missing {
                self.look_again(at);
            }
        }
    }

    /// Whether this very operation failed before and is not due; then the person stays on the list.
    fn is_waiting(&mut self, key: AnchorKey, operation: &Operation) -> bool {
        let failed = self.rejects.get(&key);
        let waits = failed.is_some_and(|reject| decide::is_waiting(reject, operation.wanted(), self.now));
        if waits {
            self.counts.waiting += 1;
            self.still_rejected.insert(key);
        }
        waits
    }

    /// Rejects of people who are fine now, or gone, are over. A failed operation that is tried again
    /// in this plan stays on the list until it has succeeded.
    fn release_rejects(&mut self, complete: bool) {
        let tried: BTreeSet<AnchorKey> = self.notes.iter().map(|note| note.key).collect();
        for (&key, reject) in &self.rejects {
            if self.still_rejected.contains(&key) || (reject.kind != RejectKind::Entry && tried.contains(&key)) {
                continue;
            }
            let seen =
                self.fresh.contains_key(&key) || self.find(key).is_some_and(|at| self.sights[at].0 == Sight::Seen);
            if seen || complete {
                self.reject_changes.push((key, None));
            }
        }
    }
}

fn past(action: Action) -> &'static str {
    if action == Action::Delete {
        "deleted"
    } else {
        "deactivated"
    }
}

/// Only the manager changes.
fn reference(
    key: AnchorKey,
    mark: &Mark,
    manager: Option<ManagerRef>,
    links: Links<'_>,
) -> Result<Operation, PlanError> {
    let link = links(key)?.ok_or(PlanError::LinkMissing(key))?;
    let after = Pushed {
        manager,
        ..link.pushed.clone()
    };
    Ok(Operation {
        anchor: link.anchor,
        dn: link.dn,
        action: Action::Reference,
        id: Some(link.id),
        before: Some(link.pushed),
        after: Some(after),
        source: mark.source,
        dn_key: mark.dn,
        manager_dn: mark.manager_dn,
        look_up_first: false,
        tell_all: mark.body.is_unset(),
        perhaps_named: link.perhaps_named,
    })
}

fn twin(anchor: &Anchor, dn: &str) -> Rejection {
    Rejection {
        dn: dn.to_owned(),
        // Not the anchor alone: it names two people, and neither is the account's for certain.
        anchor: Some(Anchor::new(format!("{anchor} at {dn}"))),
        problems: vec![Problem {
            attribute: "anchor".into(),
            rule: "another entry has the same anchor; choose an anchor attribute that is unique".into(),
            value: anchor.to_string(),
        }],
    }
}

/// Digest of everything an operation says.
fn content(operation: &Operation) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(operation.anchor.as_str().as_bytes());
    hasher.update(operation.action.to_string().as_bytes());
    for pushed in [&operation.before, &operation.after].into_iter().flatten() {
        hasher.update(&pushed.resource.digest().0);
        hasher.update(&pushed.manager.as_ref().map(|manager| manager.key).unwrap_or_default().0);
    }
    Digest::finish(&hasher)
}

/// Twelve hexadecimal digits over the steps and what they do.
fn plan_id(steps: &[Step], notes: &[Note]) -> String {
    let mut hasher = blake3::Hasher::new();
    for step in steps {
        let Some(note) = notes.get(step.index as usize) else {
            continue;
        };
        hasher.update(&note.key.0);
        hasher.update(&note.content.0);
        hasher.update(&note.manager.0);
    }
    Digest::finish(&hasher).to_string()[..12].to_owned()
}

/// An ordered list of operations, and what is to be remembered beside them.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Hash of the content.
    pub id: String,
    /// What is carried out, in order.
    pub steps: Vec<Step>,
    pub(super) notes: Vec<Note>,
    /// Everybody who has an account or gets one, as far as that was asked for.
    pub accounts: Vec<Account>,
    pub(super) losses: Losses,
    /// Marks that changed without an operation.
    pub mark_changes: Vec<(AnchorKey, Mark)>,
    /// People who left while their account was inactive already.
    pub quietly_inactive: Vec<AnchorKey>,
    /// The reject list's changes.
    pub reject_changes: Vec<(AnchorKey, Option<Reject>)>,
    /// People whose manager is not among those provisioned.
    pub dangling: Vec<AnchorKey>,
    /// For people to read.
    pub warnings: Vec<String>,
    /// What was counted.
    pub counts: Counts,
    /// What absence meant.
    pub absence: Absence,
}

impl Plan {
    /// An operation as spooled, with its manager filled in.
    #[must_use]
    pub fn complete(&self, step: Step, mut operation: Operation) -> Operation {
        let note = self.notes.get(step.index as usize);
        if note.is_some_and(|note| note.manager_is_new)
            && let Some(before) = &mut operation.before
        {
            before.manager = None;
        }
        let manager = note.map(|note| note.manager).unwrap_or_default();
        let kept = operation.before.as_ref().and_then(|before| before.manager.clone());
        if let Some(after) = &mut operation.after {
            after.manager = match (manager.is_none(), after.manager.take(), kept) {
                (true, ..) => None,
                (false, _, Some(kept)) if kept.key == manager => Some(kept),
                (false, Some(named), _) => Some(ManagerRef {
                    key: manager,
                    dn: named.dn,
                }),
                (false, None, _) => None,
            };
        }
        operation
    }

    /// Whom a step is for.
    #[must_use]
    pub fn person(&self, step: Step) -> Option<AnchorKey> {
        self.notes.get(step.index as usize).map(|note| note.key)
    }

    /// Whether a step takes out somebody whose `userName` a new person of this plan has.
    #[must_use]
    pub fn has_namesake(&self, step: Step) -> bool {
        let note = self.notes.get(step.index as usize);
        note.is_some_and(|note| note.has_namesake)
    }

    /// What a step does and whether it takes access away.
    #[must_use]
    pub fn action(&self, step: Step) -> Option<(Action, bool)> {
        self.notes
            .get(step.index as usize)
            .map(|note| (note.action, note.removal))
    }
}
