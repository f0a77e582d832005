//! Carries out an approved plan and remembers each success. It decides nothing: which operations, in
//! which order, with which content is the plan's business; what a failed request means is the service
//! provider's.
//!
//! Deliberately absent: a dry run. A dry run is a plan that never gets here.

mod linked;
mod recover;
mod reject;
mod send;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

pub use self::{linked::Linked, recover::recover};
use self::{
    reject::rejected,
    send::{Outcome, mark, one},
};
use crate::{
    model::{Action, AnchorKey, Digest, Mark, Operation, Phase},
    plan::Plan,
    ports::{Change, Event, ProviderError, Reject, ServiceProvider, SharedObserver, StateStore, Step, StoreError},
};

/// How a plan is carried out.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Operations in flight.
    pub concurrency: usize,
    /// Unix seconds, for what is remembered.
    pub now: i64,
}

/// What became of a plan.
#[derive(Clone, Debug, Default)]
pub struct Execution {
    /// Operations done, by action.
    pub done: BTreeMap<Action, u64>,
    /// Of those created, how many turned out to exist and were adopted.
    pub adopted: u64,
    /// Operations that failed and stand on the reject list.
    pub failed: u64,
    /// Operations that were not tried because the run stopped.
    pub skipped: u64,
    /// Why the run stopped early.
    pub stopped: Option<ProviderError>,
    /// Creates that may have taken effect without our learning of it.
    pub in_doubt: Vec<AnchorKey>,
}

/// Operations claimed ahead of their execution; what is in doubt after a crash is never more than
/// this and what is in flight.
const CLAIM: usize = 256;
/// Changes written at a time.
const SAVE_BATCH: usize = 64;
/// Objects in a row that fail because the provider is unavailable before the run gives up.
const UNAVAILABLE_MAX: u32 = 10;

/// Carries out `steps` of `plan`.
///
/// # Errors
/// When the state cannot be written: then nothing more is sent, because it could not be remembered.
pub async fn execute<P: ServiceProvider, S: StateStore>(
    plan: &Plan,
    steps: &[Step],
    provider: &Arc<P>,
    store: &Arc<S>,
    pace: Pace,
    observer: &SharedObserver,
    stop: &CancellationToken,
) -> Result<Execution, StoreError> {
    let rejects = store.rejects()?.into_iter().collect();
    let mut run = Run {
        plan,
        provider: Arc::clone(provider),
        store: Arc::clone(store),
        pace,
        observer,
        stop: stop.clone(),
        rejects,
        result: Execution::default(),
        deferred: Vec::new(),
        owed: Vec::new(),
        renewed: BTreeSet::new(),
        linked: Arc::new(Linked::new(store)),
        unavailable: 0,
        last_unavailable: None,
        total: steps.len() as u64,
        ended: 0,
    };
    let mut from = 0;
    for phase in steps.chunk_by(|a, b| (a.phase, a.depth) == (b.phase, b.depth)) {
        for chunk in phase.chunks(CLAIM) {
            from += chunk.len();
            if run.halted() {
                run.result.skipped += chunk.len() as u64;
                continue;
            }
            let claimed = Arc::clone(store);
            blocking(move || claimed.spool().claim(from)).await?;
            let work = run.load(chunk)?;
            run.carry_out(work, Round::First).await?;
        }
    }
    run.settle_deferred().await?;
    run.settle_managers().await?;
    run.settle_renewed()?;
    run.judge_silence();
    let durable = Arc::clone(store);
    blocking(move || durable.flush()).await?;
    Ok(run.result)
}

/// Runs a call that may wait for the disk off the asynchronous threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError(error.to_string()))?
}

/// Whether a conflict may still clear.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    First,
    Again,
}

struct Run<'a, P, S> {
    plan: &'a Plan,
    provider: Arc<P>,
    store: Arc<S>,
    pace: Pace,
    observer: &'a SharedObserver,
    stop: CancellationToken,
    rejects: BTreeMap<AnchorKey, Reject>,
    result: Execution,
    deferred: Vec<(Step, ProviderError)>,
    owed: Vec<Step>,
    /// People whose account was made anew, under another id.
    renewed: BTreeSet<AnchorKey>,
    linked: Arc<Linked<S>>,
    unavailable: u32,
    last_unavailable: Option<ProviderError>,
    total: u64,
    ended: u64,
}

impl<P: ServiceProvider, S: StateStore> Run<'_, P, S> {
    fn halted(&self) -> bool {
        self.result.stopped.is_some() || self.stop.is_cancelled()
    }

    fn load(&self, steps: &[Step]) -> Result<Vec<(Step, Operation)>, StoreError> {
        let spool = self.store.spool();
        let load = |&step: &Step| Ok((step, self.plan.complete(step, spool.operation(step.index)?)));
        steps.iter().map(load).collect()
    }

    async fn carry_out(&mut self, work: Vec<(Step, Operation)>, round: Round) -> Result<(), StoreError> {
        let (provider, store, stop) = (Arc::clone(&self.provider), Arc::clone(&self.store), self.stop.clone());
        let linked = Arc::clone(&self.linked);
        let halt = CancellationToken::new();
        let halted = halt.clone();
        let mut results = stream::iter(work)
            .map(move |(step, operation)| {
                let (provider, store, linked) = (Arc::clone(&provider), Arc::clone(&store), Arc::clone(&linked));
                let (stop, halt) = (stop.clone(), halted.clone());
                async move {
                    if stop.is_cancelled() || halt.is_cancelled() {
                        return (step, operation, None);
                    }
                    let outcome = one(&*provider, &*store, &linked, &operation).await;
                    // Here, not when the result is booked: by then the next operation would be under way.
                    if matches!(&outcome, Ok(Err(error)) if ends_run(error)) {
                        halt.cancel();
                    }
                    (step, operation, Some(outcome))
                }
            })
            .buffer_unordered(self.pace.concurrency.max(1))
            .ready_chunks(SAVE_BATCH);
        while let Some(batch) = results.next().await {
            let mut changes = Vec::with_capacity(batch.len());
            let mut rejects = Vec::new();
            for (step, operation, outcome) in batch {
                match outcome {
                    None => self.result.skipped += 1,
                    Some(outcome) => self.settle(step, &operation, outcome?, round, &mut changes, &mut rejects),
                }
                if self.result.stopped.is_some() {
                    halt.cancel();
                }
            }
            self.store.apply(&changes)?;
            self.store.save_rejects(&rejects)?;
            let (done, failed) = (self.ended, self.result.failed);
            self.observer.event(&Event::Done {
                done,
                total: self.total,
                failed,
            });
        }
        let store = Arc::clone(&self.store);
        blocking(move || store.flush()).await
    }

    /// Books one result.
    fn settle(
        &mut self,
        step: Step,
        operation: &Operation,
        outcome: Result<Outcome, ProviderError>,
        round: Round,
        changes: &mut Vec<Change>,
        rejects: &mut Vec<(AnchorKey, Option<Reject>)>,
    ) {
        let key = operation.anchor.key();
        // Who it is about, for those who asked to know; what others said may name people, too.
        tracing::debug!(
            anchor = operation.anchor.as_str(),
            user = operation.user_name(),
            dn = operation.dn,
            error = outcome.as_ref().err().map(tracing::field::display),
            "tried"
        );
        let (action, anchor) = (operation.action, operation.anchor.as_str());
        match outcome {
            Ok(outcome) => {
                self.unavailable = 0;
                self.ended += 1;
                *self.result.done.entry(action).or_default() += 1;
                if self.rejects.remove(&key).is_some() {
                    rejects.push((key, None));
                }
                match outcome {
                    Outcome::Removed => {
                        tracing::info!(%action, anchor, "done");
                        changes.push(Change::Forget(key));
                    }
                    Outcome::Linked { link, adopted, owed } => {
                        tracing::info!(%action, anchor, id = %link.id, adopted, "done");
                        self.result.adopted += u64::from(adopted);
                        self.linked.add(&link.id);
                        if operation.id.as_ref().is_some_and(|id| *id != link.id) {
                            self.renewed.insert(key);
                        }
                        changes.push(Change::Put(key, mark(operation, &link, owed, self.pace.now), link));
                        if owed && step.phase != Phase::Unname {
                            self.owed.push(step);
                        }
                    }
                }
            }
            // Who only steps aside does so now or not in this run.
            Err(error @ ProviderError::Conflict { .. }) if round == Round::First && step.phase != Phase::Unname => {
                tracing::debug!(%action, anchor, %error, "in conflict, tried again after the rest of the plan");
                self.deferred.push((step, error));
            }
            Err(error) if ends_run(&error) => {
                self.result.skipped += 1;
                let cause = match error {
                    ProviderError::InDoubt { cause } => {
                        self.result.in_doubt.push(key);
                        *cause
                    }
                    error => error,
                };
                // A refusal stops the other lanes, so it may be booked after what it brought about.
                if !matches!(self.result.stopped, Some(ref error) if *error != ProviderError::Cancelled) {
                    self.result.stopped = Some(cause);
                }
            }
            Err(error) => {
                self.ended += 1;
                self.result.failed += 1;
                tracing::warn!(%action, anchor, why = error.brief(), "failed; scimward rejects says more");
                if matches!(error, ProviderError::Unavailable { .. }) {
                    self.unavailable += 1;
                    if action == Action::Create {
                        self.result.in_doubt.push(key);
                    }
                    self.last_unavailable = Some(error.clone());
                    if self.unavailable >= UNAVAILABLE_MAX {
                        self.result.stopped = Some(error.clone());
                    }
                } else {
                    self.unavailable = 0;
                }
                let reject = rejected(operation, &error, self.rejects.get(&key), self.pace.now);
                rejects.push((key, Some(reject)));
            }
        }
    }

    /// A run in which the service provider was of no use to anybody has not done its work but for a few
    /// objects, however few people it was about.
    fn judge_silence(&mut self) {
        let result = &mut self.result;
        if result.stopped.is_none() && result.done.is_empty() && u64::from(self.unavailable) == result.failed {
            result.stopped = self.last_unavailable.take();
        }
    }

    /// Conflicts may have cleared: a name given up later in the plan, a leaver deleted. Tried as long
    /// as that frees somebody.
    async fn settle_deferred(&mut self) -> Result<(), StoreError> {
        loop {
            let waiting = std::mem::take(&mut self.deferred);
            if waiting.is_empty() {
                return Ok(());
            }
            if self.halted() {
                self.result.skipped += waiting.len() as u64;
                return Ok(());
            }
            let before: u64 = self.result.done.values().sum();
            let round = if waiting.len() == 1 { Round::Again } else { Round::First };
            let steps: Vec<Step> = waiting.into_iter().map(|(step, _)| step).collect();
            for chunk in steps.chunks(CLAIM) {
                let work = self.load(chunk)?;
                self.carry_out(work, round).await?;
            }
            let after: u64 = self.result.done.values().sum();
            if after == before {
                return self.give_up();
            }
        }
    }

    /// Conflicts that nothing in this plan clears.
    fn give_up(&mut self) -> Result<(), StoreError> {
        for chunk in std::mem::take(&mut self.deferred).chunks(CLAIM) {
            let (mut changes, mut rejects) = (Vec::new(), Vec::new());
            for (step, error) in chunk {
                for (step, operation) in self.load(&[*step])? {
                    self.settle(
                        step,
                        &operation,
                        Err(error.clone()),
                        Round::Again,
                        &mut changes,
                        &mut rejects,
                    );
                }
            }
            self.store.save_rejects(&rejects)?;
        }
        Ok(())
    }

    /// Managers who had no id when their people were pushed.
    async fn settle_managers(&mut self) -> Result<(), StoreError> {
        let owed = std::mem::take(&mut self.owed);
        for chunk in owed.chunks(CLAIM) {
            let mut late = Vec::new();
            for (step, mut operation) in self.load(chunk)? {
                let manager = operation.after.as_ref().and_then(|after| after.manager.as_ref());
                let manager = manager.map(|manager| manager.key).unwrap_or_default();
                if self.halted() || self.store.link(manager)?.is_none() {
                    continue;
                }
                let Some(link) = self.store.link(operation.anchor.key())? else {
                    continue;
                };
                operation.action = Action::Reference;
                operation.id = Some(link.id);
                operation.before = Some(link.pushed);
                late.push((step, operation));
            }
            self.total += late.len() as u64;
            self.carry_out(late, Round::Again).await?;
        }
        Ok(())
    }

    /// Whoever reports to somebody whose account was made anew is told the new id in the next cycle.
    fn settle_renewed(&mut self) -> Result<(), StoreError> {
        if self.renewed.is_empty() {
            return Ok(());
        }
        let told_the_old_id = |(_, mark): &(AnchorKey, Mark)| self.renewed.contains(&mark.manager);
        let forget_manager = |(key, mark)| {
            Change::Mark(
                key,
                Mark {
                    manager: AnchorKey::default(),
                    source: Digest::default(),
                    ..mark
                },
            )
        };
        let changes: Vec<Change> = self
            .store
            .marks()?
            .into_iter()
            .filter(told_the_old_id)
            .map(forget_manager)
            .collect();
        changes.chunks(SAVE_BATCH).try_for_each(|batch| self.store.apply(batch))
    }
}
/// Whether this says something about the whole run, not about one operation.
fn ends_run(error: &ProviderError) -> bool {
    matches!(
        error,
        ProviderError::Unauthorized { .. } | ProviderError::Cancelled | ProviderError::InDoubt { .. }
    )
}
