//! Carries out an approved plan and remembers each success. It decides nothing: which operations, in
//! which order, with which content is the plan's business; what a failed request means is the service
//! provider's.
//!
//! Deliberately absent: a dry run. A dry run is a plan that never gets here.

mod doubt;
mod groups;
mod lane;
mod linked;
mod overwritten;
mod recover;
mod reject;
mod send;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

pub use self::{
    groups::{GroupExecution, execute_groups},
    linked::Linked,
    recover::recover,
};
use self::{
    lane::{Lane, attempt, ends_run},
    reject::rejected,
    send::{Outcome, mark},
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
    /// Of those done, how many came to more than their action says; in no other number.
    pub turned_out: BTreeMap<(Action, Turn), u64>,
    /// Operations that failed and stand on the reject list.
    pub failed: u64,
    /// Operations that were not tried because the run stopped.
    pub skipped: u64,
    /// Why the run stopped early.
    pub stopped: Option<ProviderError>,
    /// Creates that may have taken effect without our learning of it.
    pub in_doubt: Vec<AnchorKey>,
}

/// What an operation came to besides what its action says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// The account had been lost and was made again.
    MadeAgain,
    /// The directory switched the account off.
    SwitchedOff,
}

/// Operations claimed at a time.
const CLAIM: usize = 256;
/// Claims made ahead of their execution, so that no lane waits for the disk. What is in doubt after a
/// crash is never more than these and what is in flight.
const CLAIMS_AHEAD: usize = 2;
/// Changes written at a time.
const SAVE_BATCH: usize = 64;
/// Changes written between two flushes, which go on beside the requests.
const FLUSH_EVERY: usize = CLAIM;
/// Objects in a row that fail because the provider is unavailable before the run gives up.
const UNAVAILABLE_MAX: u32 = 10;

/// Carries out `steps` of `plan`. `groups` is what is done once everybody is there and before anybody is
/// taken out; it is left out when the run stops early.
///
/// # Errors
/// When the state cannot be written: then nothing more is sent, because it could not be remembered.
#[expect(
    clippy::too_many_arguments,
    reason = "what is done, by whom, with what, and who watches"
)]
pub async fn execute<P: ServiceProvider, S: StateStore>(
    plan: &Plan,
    steps: &[Step],
    provider: &Arc<P>,
    store: &Arc<S>,
    pace: Pace,
    observer: &SharedObserver,
    stop: &CancellationToken,
    groups: impl AsyncFnOnce() -> Result<(), StoreError>,
) -> Result<Execution, StoreError> {
    let rejects = store.rejects()?.into_iter().collect();
    let mut run = Run {
        plan,
        lane: Arc::new(Lane::new(provider, store, stop)),
        pace,
        observer,
        rejects,
        result: Execution::default(),
        deferred: Vec::new(),
        done_before_deferred: 0,
        owed: Vec::new(),
        renewed: BTreeSet::new(),
        overwritten: BTreeSet::new(),
        in_doubt: BTreeSet::new(),
        doubtful: BTreeMap::new(),
        unavailable: 0,
        last_unavailable: None,
        total: steps.len() as u64,
        ended: 0,
        unflushed: 0,
        flush: None,
    };
    let lane = Arc::clone(&run.lane);
    if steps.iter().any(|step| step.phase == Phase::Create) {
        let lane = Arc::clone(&lane);
        blocking(move || lane.linked.load()).await?;
    }
    let mut from = 0;
    let mut groups = Some(groups);
    for phase in steps.chunk_by(|a, b| (a.phase, a.depth) == (b.phase, b.depth)) {
        if phase.first().is_some_and(|step| step.phase > Phase::Reference) {
            run.settle_managers().await?;
            run.pass_to(&mut groups).await?;
        }
        let booked = run.carry_out(claimed(plan, phase, from, &lane), Round::First).await?;
        run.result.skipped += phase.len() as u64 - booked;
        from += phase.len();
    }
    run.pass_to(&mut groups).await?;
    run.settle_deferred().await?;
    run.settle_managers().await?;
    run.settle_renewed()?;
    run.settle_doubtful()?;
    run.result.in_doubt = std::mem::take(&mut run.in_doubt).into_iter().collect();
    run.judge_silence();
    run.flushed().await?;
    let durable = Arc::clone(store);
    blocking(move || durable.flush()).await?;
    Ok(run.result)
}

/// The operations of `phase`, which begins at step `from`, each claimed before it is handed out; none
/// any more once the run is halted.
fn claimed<'a, P: ServiceProvider, S: StateStore>(
    plan: &'a Plan,
    phase: &'a [Step],
    from: usize,
    lane: &'a Arc<Lane<P, S>>,
) -> impl Stream<Item = Result<(Step, Operation), StoreError>> + Unpin + 'a {
    let chunks = phase.chunks(CLAIM).scan(from, |upto, chunk| {
        *upto += chunk.len();
        Some((*upto, chunk))
    });
    let load = move |(upto, chunk): (usize, &'a [Step])| {
        let steps = chunk.to_vec();
        let lane = Arc::clone(lane);
        async move {
            if lane.is_halted() {
                return Ok(stream::iter(Vec::new()));
            }
            let operations = blocking(move || {
                let spool = lane.store.spool();
                spool.claim(upto)?;
                let read = |step: Step| Ok((step, spool.operation(step.index)?));
                steps.into_iter().map(read).collect::<Result<Vec<_>, StoreError>>()
            });
            let complete = |(step, operation)| Ok((step, plan.complete(step, operation)));
            Ok(stream::iter(
                operations.await?.into_iter().map(complete).collect::<Vec<_>>(),
            ))
        }
    };
    Box::pin(stream::iter(chunks).map(load).buffered(CLAIMS_AHEAD).try_flatten())
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
    lane: Arc<Lane<P, S>>,
    pace: Pace,
    observer: &'a SharedObserver,
    rejects: BTreeMap<AnchorKey, Reject>,
    result: Execution,
    deferred: Vec<(Step, ProviderError)>,
    /// Operations done before the batch in which the first of them was deferred.
    done_before_deferred: u64,
    owed: Vec<Step>,
    /// People whose account was made anew, under another id.
    renewed: BTreeSet<AnchorKey>,
    /// People whose account was given to somebody else as well.
    overwritten: BTreeSet<AnchorKey>,
    /// Creates that failed and may have taken effect all the same.
    in_doubt: BTreeSet<AnchorKey>,
    /// Other changes of which that is true.
    doubtful: BTreeMap<AnchorKey, Step>,
    unavailable: u32,
    last_unavailable: Option<ProviderError>,
    total: u64,
    ended: u64,
    /// Changes written since a flush began.
    unflushed: usize,
    flush: Option<JoinHandle<Result<(), StoreError>>>,
}

impl<P: ServiceProvider, S: StateStore> Run<'_, P, S> {
    fn halted(&self) -> bool {
        self.result.stopped.is_some() || self.lane.is_halted()
    }

    /// Lets the groups have their turn, once.
    async fn pass_to<G: AsyncFnOnce() -> Result<(), StoreError>>(
        &self,
        groups: &mut Option<G>,
    ) -> Result<(), StoreError> {
        match groups.take() {
            Some(groups) if !self.halted() => groups().await,
            _ => Ok(()),
        }
    }

    /// Operations done so far.
    fn done(&self) -> u64 {
        self.result.done.values().sum()
    }

    fn load(&self, steps: &[Step]) -> Result<Vec<(Step, Operation)>, StoreError> {
        let spool = self.lane.store.spool();
        let load = |&step: &Step| Ok((step, self.plan.complete(step, spool.operation(step.index)?)));
        steps.iter().map(load).collect()
    }

    /// Sends operations side by side, each on a task of its own, and remembers what became of them.
    /// Returns how many that was.
    async fn carry_out(
        &mut self,
        work: impl Stream<Item = Result<(Step, Operation), StoreError>> + Unpin,
        round: Round,
    ) -> Result<u64, StoreError> {
        if self.deferred.is_empty() {
            self.done_before_deferred = self.done();
        }
        let lane = Arc::clone(&self.lane);
        let (mut booked, mut broken) = (0, None);
        let mut results = work
            .map_ok(move |(step, operation)| {
                // A run that cannot remember its results any more takes its requests with it.
                let task = AbortOnDropHandle::new(tokio::spawn(attempt(Arc::clone(&lane), step, operation)));
                async move { task.await.map_err(|error| StoreError(error.to_string())) }
            })
            .try_buffer_unordered(self.pace.concurrency.max(1))
            .ready_chunks(SAVE_BATCH);
        while let Some(batch) = results.next().await {
            let mut changes = Vec::with_capacity(batch.len());
            let mut rejects = Vec::new();
            for result in batch {
                match result {
                    Ok((_, _, Ok(None))) => self.result.skipped += 1,
                    Ok((step, operation, Ok(Some(outcome)))) => {
                        self.settle(step, &operation, outcome, round, &mut changes, &mut rejects);
                    }
                    // Nothing new is begun, but what is under way can still be remembered.
                    Ok((_, _, Err(error))) | Err(error) => {
                        broken.get_or_insert(error);
                    }
                }
                booked += 1;
                if self.result.stopped.is_some() || broken.is_some() {
                    self.lane.halt.cancel();
                }
            }
            self.save(&changes, &rejects).await?;
            overwritten::distrust(&*self.lane.store, &mut self.overwritten)?;
            let (done, failed) = (self.ended, self.result.failed);
            self.observer.event(&Event::Done {
                done,
                total: self.total,
                failed,
            });
        }
        broken.map_or(Ok(booked), Err)
    }

    async fn save(&mut self, changes: &[Change], rejects: &[(AnchorKey, Option<Reject>)]) -> Result<(), StoreError> {
        self.lane.store.apply(changes)?;
        self.lane.store.save_rejects(rejects)?;
        self.unflushed += changes.len() + rejects.len();
        if self.unflushed >= FLUSH_EVERY {
            self.flushed().await?;
            self.unflushed = 0;
            let store = Arc::clone(&self.lane.store);
            self.flush = Some(tokio::task::spawn_blocking(move || store.flush()));
        }
        Ok(())
    }

    /// Waits for the flush that is under way.
    async fn flushed(&mut self) -> Result<(), StoreError> {
        match self.flush.take() {
            Some(flush) => flush.await.map_err(|error| StoreError(error.to_string()))?,
            None => Ok(()),
        }
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
                self.doubtful.remove(&key);
                self.in_doubt.remove(&key);
                self.ended += 1;
                *self.result.done.entry(action).or_default() += 1;
                if self.rejects.remove(&key).is_some() {
                    rejects.push((key, None));
                }
                match outcome {
                    Outcome::Removed => {
                        tracing::info!(%action, anchor, "done");
                        self.lane.ids.put(key, None);
                        changes.push(Change::Forget(key));
                    }
                    Outcome::Linked { link, adopted, owed } => {
                        tracing::info!(%action, anchor, id = %link.id, adopted, "done");
                        self.result.adopted += u64::from(adopted && action == Action::Create);
                        let is_new = operation.id.as_ref().is_some_and(|id| *id != link.id);
                        let turn = if is_new && !adopted {
                            Some(Turn::MadeAgain)
                        } else if action == Action::Update && operation.is_removal() {
                            Some(Turn::SwitchedOff)
                        } else {
                            None
                        };
                        if let Some(turn) = turn {
                            *self.result.turned_out.entry((action, turn)).or_default() += 1;
                        }
                        self.lane.linked.add(&link.id, key);
                        self.lane.ids.put(key, Some(&link.id));
                        if is_new {
                            self.renewed.insert(key);
                        }
                        changes.push(Change::Put(key, mark(operation, &link, owed, self.pace.now), link));
                        if owed && step.phase != Phase::Unname {
                            self.owed.push(step);
                        }
                    }
                }
            }
            Err(ProviderError::InDoubt { cause }) => {
                if operation.id.is_none() {
                    self.in_doubt.insert(key);
                }
                self.doubt(step, operation);
                self.settle(step, operation, Err(*cause), round, changes, rejects);
            }
            // Who only steps aside does so now or not in this run.
            Err(error @ ProviderError::Conflict { .. }) if round == Round::First && step.phase != Phase::Unname => {
                tracing::debug!(%action, anchor, %error, "in conflict, tried again after the rest of the plan");
                self.deferred.push((step, error));
            }
            Err(cause) if ends_run(&cause) => {
                self.doubt(step, operation);
                self.result.skipped += 1;
                // A refusal stops the other lanes, so it may be booked after what it brought about.
                if !matches!(self.result.stopped, Some(ref error) if *error != ProviderError::Cancelled) {
                    self.result.stopped = Some(cause);
                }
            }
            Err(error) => {
                // Who says no to the content has not taken it.
                if !matches!(error, ProviderError::Refused { .. }) {
                    self.doubt(step, operation);
                }
                self.ended += 1;
                self.result.failed += 1;
                tracing::warn!(%action, anchor, why = error.brief(), "failed; scimward rejects says more");
                if matches!(error, ProviderError::Unavailable { .. }) {
                    self.unavailable += 1;
                    if action == Action::Create {
                        self.in_doubt.insert(key);
                    }
                    self.last_unavailable = Some(error.clone());
                    if self.unavailable >= UNAVAILABLE_MAX {
                        self.result.stopped = Some(error.clone());
                    }
                } else {
                    self.unavailable = 0;
                }
                if let ProviderError::NotOurs { owner, .. } = &error {
                    self.overwritten.insert(*owner);
                }
                let reject = rejected(operation, &error, self.rejects.get(&key), self.pace.now);
                rejects.push((key, Some(reject)));
            }
        }
    }

    /// A change that failed, whatever the last answer was: this or an earlier try may have taken effect.
    fn doubt(&mut self, step: Step, operation: &Operation) {
        if operation.id.is_some() {
            self.doubtful.insert(operation.anchor.key(), step);
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
    /// as something was done since that may have freed somebody.
    async fn settle_deferred(&mut self) -> Result<(), StoreError> {
        while !self.deferred.is_empty() {
            if self.halted() {
                self.result.skipped += std::mem::take(&mut self.deferred).len() as u64;
            } else if self.done() == self.done_before_deferred {
                self.give_up()?;
            } else {
                let waiting = std::mem::take(&mut self.deferred);
                let round = if waiting.len() == 1 { Round::Again } else { Round::First };
                for chunk in waiting.chunks(CLAIM) {
                    let steps: Vec<Step> = chunk.iter().map(|(step, _)| *step).collect();
                    let mut work = self.load(&steps)?;
                    for (_, operation) in &mut work {
                        operation.look_up_first |= self.in_doubt.contains(&operation.anchor.key());
                    }
                    self.carry_out(stream::iter(work).map(Ok), round).await?;
                }
            }
        }
        Ok(())
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
            self.lane.store.save_rejects(&rejects)?;
        }
        Ok(())
    }

    /// Managers who had no id when their people were pushed. Those who still have none may get it from
    /// a conflict that clears.
    async fn settle_managers(&mut self) -> Result<(), StoreError> {
        let owed = std::mem::take(&mut self.owed);
        for chunk in owed.chunks(CLAIM) {
            let mut late = Vec::new();
            for (step, mut operation) in self.load(chunk)? {
                let manager = operation.after.as_ref().and_then(|after| after.manager.as_ref());
                let manager = manager.map(|manager| manager.key).unwrap_or_default();
                if self.halted() || self.lane.store.link(manager)?.is_none() {
                    self.owed.push(step);
                    continue;
                }
                let Some(link) = self.lane.store.link(operation.anchor.key())? else {
                    continue;
                };
                operation.action = Action::Reference;
                operation.id = Some(link.id);
                operation.before = Some(link.pushed);
                late.push(Ok((step, operation)));
            }
            if !late.is_empty() {
                self.total += late.len() as u64;
                self.carry_out(stream::iter(late), Round::Again).await?;
            }
        }
        Ok(())
    }

    fn settle_doubtful(&mut self) -> Result<(), StoreError> {
        let steps: Vec<Step> = std::mem::take(&mut self.doubtful).into_values().collect();
        for chunk in steps.chunks(CLAIM) {
            let operations = self.load(chunk)?.into_iter().map(|(_, operation)| operation);
            doubt::remember(&*self.lane.store, operations.collect())?;
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
            .lane
            .store
            .marks()?
            .into_iter()
            .filter(told_the_old_id)
            .map(forget_manager)
            .collect();
        changes
            .chunks(SAVE_BATCH)
            .try_for_each(|batch| self.lane.store.apply(batch))
    }
}
