//! After the last entry: what only the whole view shows. Who is missing, whose name is taken, which
//! renames stand in each other's way, and in what order all of it is done.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fresh, Links, Note, PlanError, Planner, ReadBack, Sight, content, observe::twin};
use crate::{
    model::{
        Absence, Action, AnchorKey, AttributePath, Digest, DnKey, Operation, Phase, Problem, RejectKind, Rejection,
        Step, StoreError, Value,
    },
    plan::{
        circles,
        decide::{self, Missing},
        groups::Account,
        managers::{self, Names},
        settings::Leavers,
    },
};

impl Planner {
    /// Whether somebody who was not seen is not there. An entry whose anchor could not be read might be
    /// anybody, so then it proves nothing; for those who were seen the read is as good as any.
    pub(super) fn proves_absence(&mut self, absence: &Absence) -> bool {
        if self.counts.unidentified > 0 {
            self.warnings.push(format!(
                "{} entries have no readable anchor and might be anybody: nobody counts as missing in this run",
                self.counts.unidentified
            ));
        }
        *absence == Absence::AllButPresent && self.counts.unidentified == 0
    }

    /// Two entries with one anchor: which of them the account belongs to is a guess, so neither is pushed.
    pub(super) fn drop_anchor_twins(&mut self, read_back: ReadBack<'_>) -> Result<(), PlanError> {
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
    pub(super) fn drop_operation(&mut self, index: u32) {
        self.notes[index as usize].dropped = true;
        self.renames.retain(|rename| rename.index != index);
        self.counts.in_scope = self.counts.in_scope.saturating_sub(1);
    }

    /// Two people of this plan who want one name: the first keeps it, the others are rejected.
    pub(super) fn drop_name_twins(&mut self, read_back: ReadBack<'_>) -> Result<(), PlanError> {
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
    pub(super) fn names(&self) -> Names {
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
    pub(super) fn accounts(&self, proof: bool) -> Vec<Account> {
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

    pub(super) fn is_created(&self, fresh: &Fresh) -> bool {
        fresh
            .operation
            .is_some_and(|index| self.notes.get(index as usize).is_some_and(|note| !note.dropped))
    }

    /// The steps for what was observed, leavers and references apart.
    pub(super) fn steps(&self) -> Vec<Step> {
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
    pub(super) fn break_circles(
        &mut self,
        steps: &mut Vec<Step>,
        read_back: ReadBack<'_>,
        emit: &mut dyn FnMut(&Operation) -> Result<(), StoreError>,
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
            aside
                .resource
                .attributes
                .insert(AttributePath::new("userName"), Value::Text(name));
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

    pub(super) fn find_leavers(
        &mut self,
        leavers: &Leavers,
        links: Links<'_>,
        emit: &mut dyn FnMut(&Operation) -> Result<(), StoreError>,
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
    pub(super) fn distrust_unseen(&mut self) {
        for at in 0..self.marks.len() {
            if !self.trust_sources && self.sights[at].0 == Sight::Missing {
                self.look_again(at);
            }
        }
    }

    /// Rejects of people who are fine now, or gone, are over. A failed operation that is tried again
    /// in this plan stays on the list until it has succeeded.
    pub(super) fn release_rejects(&mut self, complete: bool) {
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

/// Twelve hexadecimal digits over the steps and what they do.
pub(super) fn plan_id(steps: &[Step], notes: &[Note]) -> String {
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
