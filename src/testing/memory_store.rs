//! A state in memory that forgets what the real one would forget in a crash.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use super::lock;
use crate::{
    model::{Action, AnchorKey, Link, Mark, Operation},
    ports::{Change, CycleRecord, Meta, PlanSpool, Reject, StateStore, Step, StoreError},
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
                    inner.links.insert(*key, (**link).clone());
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
