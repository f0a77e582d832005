//! A state in memory that forgets what the real one would forget in a crash.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use super::lock;
use crate::{
    model::{Action, AnchorKey, GroupLink, Link, Mark, MemberSum, Operation},
    ports::{Change, CycleRecord, GroupChange, GroupStore, Meta, PlanSpool, Reject, StateStore, Step, StoreError},
};

/// A state in memory. As on disk, the spool is durable with every call, the records only with a flush.
#[derive(Default)]
pub(crate) struct MemoryStore {
    records: Mutex<Records>,
    flushed: Mutex<Records>,
    plan: Mutex<SpooledPlan>,
}

#[derive(Clone, Default)]
struct Records {
    meta: Meta,
    marks: BTreeMap<AnchorKey, Mark>,
    links: BTreeMap<AnchorKey, Link>,
    rejects: BTreeMap<AnchorKey, Reject>,
    cycles: Vec<CycleRecord>,
    groups: BTreeMap<AnchorKey, GroupLink>,
    members: BTreeSet<(AnchorKey, AnchorKey)>,
    group_rejects: BTreeMap<AnchorKey, Reject>,
    in_doubt: BTreeMap<AnchorKey, Vec<AnchorKey>>,
}

#[derive(Clone, Default)]
struct SpooledPlan {
    operations: Vec<Operation>,
    /// The order, once the plan is sealed.
    order: Option<Vec<Step>>,
    claimed: usize,
    doubt: Vec<AnchorKey>,
}

impl MemoryStore {
    /// What the next run finds: all that was written, or only what had reached the disk.
    pub(crate) fn after_kill(&self, keeps_unflushed: bool) -> Self {
        let records = if keeps_unflushed { &self.records } else { &self.flushed };
        let records = lock(records).clone();
        Self {
            flushed: Mutex::new(records.clone()),
            records: Mutex::new(records),
            plan: Mutex::new(lock(&self.plan).clone()),
        }
    }
}

impl SpooledPlan {
    fn claimed_operations(&self) -> impl Iterator<Item = &Operation> {
        let steps = self.order.iter().flatten().take(self.claimed);
        steps.map(|step| &self.operations[step.index as usize])
    }

    fn in_doubt(&self) -> Vec<AnchorKey> {
        let creates = self
            .claimed_operations()
            .filter(|operation| operation.action == Action::Create);
        let keys: BTreeSet<_> = creates
            .map(|operation| operation.anchor.key())
            .chain(self.doubt.iter().copied())
            .collect();
        keys.into_iter().collect()
    }
}

impl StateStore for MemoryStore {
    fn meta(&self) -> Result<Meta, StoreError> {
        Ok(lock(&self.records).meta.clone())
    }

    fn save_meta(&self, meta: &Meta) -> Result<(), StoreError> {
        lock(&self.records).meta = meta.clone();
        Ok(())
    }

    fn marks(&self) -> Result<Vec<(AnchorKey, Mark)>, StoreError> {
        Ok(lock(&self.records)
            .marks
            .iter()
            .map(|(&key, &mark)| (key, mark))
            .collect())
    }

    fn link(&self, key: AnchorKey) -> Result<Option<Link>, StoreError> {
        Ok(lock(&self.records).links.get(&key).cloned())
    }

    fn each_link(&self, visit: &mut dyn FnMut(Link) -> bool) -> Result<(), StoreError> {
        let links: Vec<Link> = lock(&self.records).links.values().cloned().collect();
        links.into_iter().all(visit);
        Ok(())
    }

    fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut inner = lock(&self.records);
        for change in changes {
            match change {
                Change::Put(key, mark, link) => {
                    inner.marks.insert(*key, *mark);
                    let before = inner.links.insert(*key, (**link).clone());
                    if before.is_some_and(|before| before.id != link.id) {
                        inner.leave_groups(*key);
                    }
                }
                Change::Mark(key, mark) => {
                    inner.marks.insert(*key, *mark);
                }
                Change::Forget(key) => {
                    inner.marks.remove(key);
                    inner.links.remove(key);
                }
            }
        }
        Ok(())
    }

    fn rejects(&self) -> Result<Vec<(AnchorKey, Reject)>, StoreError> {
        Ok(lock(&self.records)
            .rejects
            .iter()
            .map(|(&key, reject)| (key, reject.clone()))
            .collect())
    }

    fn save_rejects(&self, rejects: &[(AnchorKey, Option<Reject>)]) -> Result<(), StoreError> {
        let mut inner = lock(&self.records);
        for (key, reject) in rejects {
            match reject {
                Some(reject) => inner.rejects.insert(*key, reject.clone()),
                None => inner.rejects.remove(key),
            };
        }
        Ok(())
    }

    fn cycles(&self, limit: usize) -> Result<Vec<CycleRecord>, StoreError> {
        Ok(lock(&self.records).cycles.iter().rev().take(limit).cloned().collect())
    }

    fn save_cycle(&self, record: &CycleRecord) -> Result<(), StoreError> {
        lock(&self.records).cycles.push(record.clone());
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        *lock(&self.flushed) = lock(&self.records).clone();
        Ok(())
    }

    fn spool(&self) -> &dyn PlanSpool {
        self
    }
}

impl Records {
    /// The account is another one now.
    fn leave_groups(&mut self, person: AnchorKey) {
        let groups: Vec<AnchorKey> = self.groups.keys().copied().collect();
        for group in groups {
            if self.members.remove(&(group, person))
                && let Some(link) = self.groups.get_mut(&group)
            {
                link.members.remove(person);
            }
        }
    }

    fn members_of(&self, group: AnchorKey) -> impl Iterator<Item = AnchorKey> {
        let all = (group, AnchorKey([0; 16]))..=(group, AnchorKey([0xff; 16]));
        self.members.range(all).map(|(_, member)| *member)
    }

    fn put_group(&mut self, group: AnchorKey, link: &GroupLink) -> Result<(), StoreError> {
        if link.members != MemberSum::of(self.members_of(group)) {
            return Err(StoreError(format!("the members of {} do not add up", link.anchor)));
        }
        self.groups.insert(group, link.clone());
        Ok(())
    }
}

impl GroupStore for MemoryStore {
    fn groups(&self) -> Result<Vec<(AnchorKey, GroupLink)>, StoreError> {
        let inner = lock(&self.records);
        Ok(inner.groups.iter().map(|(&key, link)| (key, link.clone())).collect())
    }

    fn members(&self, group: AnchorKey, sum: MemberSum) -> Result<Vec<AnchorKey>, StoreError> {
        let members: Vec<AnchorKey> = lock(&self.records).members_of(group).collect();
        if MemberSum::of(members.iter().copied()) == sum {
            Ok(members)
        } else {
            Err(StoreError("members are missing".into()))
        }
    }

    fn is_member(&self, group: AnchorKey, person: AnchorKey) -> Result<bool, StoreError> {
        Ok(lock(&self.records).members.contains(&(group, person)))
    }

    fn members_in_doubt(&self) -> Result<BTreeMap<AnchorKey, Vec<AnchorKey>>, StoreError> {
        Ok(lock(&self.records).in_doubt.clone())
    }

    fn apply_groups(&self, changes: &[GroupChange]) -> Result<(), StoreError> {
        let mut inner = lock(&self.records);
        for change in changes {
            match change {
                GroupChange::Put(key, link) => inner.put_group(*key, link)?,
                GroupChange::Members {
                    group,
                    link,
                    add,
                    remove,
                } => {
                    inner.members.extend(add.iter().map(|member| (*group, *member)));
                    remove.iter().for_each(|member| {
                        inner.members.remove(&(*group, *member));
                    });
                    inner.put_group(*group, link)?;
                }
                GroupChange::InDoubt { group, people } if people.is_empty() => drop(inner.in_doubt.remove(group)),
                GroupChange::InDoubt { group, people } => drop(inner.in_doubt.insert(*group, people.clone())),
                GroupChange::Forget(key) => {
                    inner.in_doubt.remove(key);
                    inner.groups.remove(key);
                    inner.members.retain(|(group, _)| group != key);
                }
            }
        }
        Ok(())
    }

    fn group_rejects(&self) -> Result<Vec<(AnchorKey, Reject)>, StoreError> {
        let inner = lock(&self.records);
        Ok(inner
            .group_rejects
            .iter()
            .map(|(&key, reject)| (key, reject.clone()))
            .collect())
    }

    fn save_group_rejects(&self, rejects: &[(AnchorKey, Option<Reject>)]) -> Result<(), StoreError> {
        let mut inner = lock(&self.records);
        for (key, reject) in rejects {
            match reject {
                Some(reject) => inner.group_rejects.insert(*key, reject.clone()),
                None => inner.group_rejects.remove(key),
            };
        }
        Ok(())
    }
}

impl PlanSpool for MemoryStore {
    fn clear(&self) -> Result<(), StoreError> {
        let mut plan = lock(&self.plan);
        *plan = SpooledPlan {
            doubt: plan.in_doubt(),
            ..SpooledPlan::default()
        };
        Ok(())
    }

    fn push(&self, operations: &[Operation]) -> Result<u32, StoreError> {
        let mut plan = lock(&self.plan);
        assert!(plan.order.is_none(), "a sealed plan cannot grow");
        let first = plan.operations.len() as u32;
        plan.operations.extend_from_slice(operations);
        Ok(first)
    }

    fn operation(&self, index: u32) -> Result<Operation, StoreError> {
        let operation = lock(&self.plan).operations.get(index as usize).cloned();
        operation.ok_or_else(|| StoreError(format!("no operation {index}")))
    }

    fn seal(&self, _plan_id: &str, steps: &[Step]) -> Result<(), StoreError> {
        let mut plan = lock(&self.plan);
        plan.order = Some(steps.to_vec());
        plan.claimed = 0;
        Ok(())
    }

    fn claim(&self, upto: usize) -> Result<(), StoreError> {
        let mut plan = lock(&self.plan);
        plan.claimed = plan.claimed.max(upto);
        Ok(())
    }

    fn in_doubt(&self) -> Result<Vec<AnchorKey>, StoreError> {
        Ok(lock(&self.plan).in_doubt())
    }

    fn unfinished(&self, visit: &mut dyn FnMut(Operation) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let plan = lock(&self.plan).clone();
        plan.claimed_operations()
            .try_for_each(|operation| visit(operation.clone()))
    }

    fn finish(&self, in_doubt: &[AnchorKey]) -> Result<(), StoreError> {
        let mut plan = lock(&self.plan);
        plan.doubt = in_doubt.to_vec();
        let order = plan.order.take().unwrap_or_default();
        let is_in_doubt = |step: &Step| {
            let operation = &plan.operations[step.index as usize];
            operation.action == Action::Create && in_doubt.contains(&operation.anchor.key())
        };
        let kept: Vec<Step> = order.into_iter().filter(is_in_doubt).collect();
        plan.order = (!in_doubt.is_empty()).then_some(kept);
        Ok(())
    }
}
