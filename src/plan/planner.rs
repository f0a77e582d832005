//! A whole read, streaming: entries are observed one by one, operations leave at once for the spool,
//! and what stays in memory is a fixed-size mark for each person and a fixed-size note for each
//! operation.

mod conclude;
mod namesakes;
mod observe;
mod plan;
mod references;
mod warnings;

pub use plan::Plan;

use std::collections::{BTreeMap, BTreeSet};

use self::{conclude::plan_id, observe::REJECTS_LISTED_MAX, warnings::Warnings};
use crate::{
    model::{Absence, Action, AnchorKey, Digest, DnKey, Link, Mark, Operation, Phase, Reject, Step, StoreError},
    plan::{
        circles::{self, Rename},
        decide::{self, Rules},
        keyed,
        losses::{Losses, Lost},
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
    Store(#[from] StoreError),
    /// A mark without its link: the state was tampered with or damaged.
    #[error(
        "the state remembers {0:?} but not what was pushed; restore it with `scimward state import`, or make it anew with `scimward state rebuild`"
    )]
    LinkMissing(AnchorKey),
}

/// Reads one link.
pub type Links<'a> = &'a dyn Fn(AnchorKey) -> Result<Option<Link>, StoreError>;

/// Reads an operation that was spooled.
pub type ReadBack<'a> = &'a dyn Fn(u32) -> Result<Operation, StoreError>;

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
        emit: &mut dyn FnMut(&Operation) -> Result<(), StoreError>,
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
