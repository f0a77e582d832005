//! Carries out an approved plan and remembers each success. It decides nothing: which operations, in
//! which order, with which content is the plan's business; what a failed request means is the service
//! provider's.
//!
//! Deliberately absent: a dry run. A dry run is a plan that never gets here.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::{
    model::{Action, AnchorKey, Digest, Link, Mark, Operation, Problem, Pushed, Rejection, ResourceId},
    plan::{Plan, decide::RETRY_MAX_S},
    ports::{
        Change, Created, Event, Payload, ProviderError, Reject, RejectKind, ServiceProvider, SharedObserver,
        StateStore, Step, StoreError,
    },
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
/// First pause before a failed object is tried again, in seconds; doubles up to a day.
const RETRY_FIRST_S: i64 = 300;

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
            let operations: Vec<Operation> = chunk.iter().map(|step| run.load(*step)).collect::<Result<_, _>>()?;
            run.carry_out(operations, Round::First).await?;
        }
    }
    run.settle_deferred().await?;
    run.settle_managers().await?;
    run.judge_silence();
    let durable = Arc::clone(store);
    blocking(move || durable.flush()).await?;
    Ok(run.result)
}

/// Links the accounts that an interrupted run created without our learning it, so that they are
/// remembered even when their people have left since. Asks the provider only after a crash, and only
/// for those.
///
/// # Errors
/// The inner error is the provider's: then nothing can be said of those accounts, and planning has to
/// wait, because a new plan forgets what was asked for.
pub async fn recover<P: ServiceProvider, S: StateStore>(
    provider: &Arc<P>,
    store: &Arc<S>,
) -> Result<Result<u64, ProviderError>, StoreError> {
    let mut doubtful = Vec::new();
    store.spool().unfinished_creates(&mut |operation| {
        if store.link(operation.anchor.key())?.is_none() {
            doubtful.push(operation);
        }
        Ok(())
    })?;
    let linked = Linked::new(store);
    let mut found = 0;
    for operation in doubtful {
        let (mut payload, _) = payload(&**store, &operation)?;
        let id = match provider.find_own(&payload, &|id| linked.has(id)).await {
            Ok(Some(id)) => id,
            // Nothing there, or nothing that can be told apart: the next plan looks again.
            Ok(None) | Err(ProviderError::Conflict { .. }) => continue,
            Err(error) => return Ok(Err(error)),
        };
        tracing::info!(anchor = operation.anchor.as_str(), %id, "an interrupted run had created this account");
        // Whether its manager arrived is not known: told again when there is one.
        payload.pushed.manager = None;
        let link = link(&operation, &payload, id, false);
        // It may be an account of before, with what was pushed then: everything is told again.
        let mark = Mark {
            body: Digest::default(),
            ..mark(&operation, &link, true, 0)
        };
        linked.add(&link.id);
        store.apply(&[Change::Put(operation.anchor.key(), mark, link)])?;
        found += 1;
    }
    store.flush()?;
    Ok(Ok(found))
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
    deferred: Vec<(Operation, ProviderError)>,
    owed: Vec<Operation>,
    linked: Arc<Linked<S>>,
    unavailable: u32,
    last_unavailable: Option<ProviderError>,
    total: u64,
    ended: u64,
}

/// What one operation came to.
enum Outcome {
    /// Remember this; `owed` when the manager had no id yet.
    Linked { link: Box<Link>, adopted: bool, owed: bool },
    /// The account is gone, as wanted.
    Removed,
}

impl<P: ServiceProvider, S: StateStore> Run<'_, P, S> {
    fn halted(&self) -> bool {
        self.result.stopped.is_some() || self.stop.is_cancelled()
    }

    fn load(&self, step: Step) -> Result<Operation, StoreError> {
        Ok(self.plan.complete(step, self.store.spool().operation(step.index)?))
    }

    async fn carry_out(&mut self, operations: Vec<Operation>, round: Round) -> Result<(), StoreError> {
        let (provider, store, stop) = (Arc::clone(&self.provider), Arc::clone(&self.store), self.stop.clone());
        let linked = Arc::clone(&self.linked);
        let halt = CancellationToken::new();
        let halted = halt.clone();
        let mut results = stream::iter(operations)
            .map(move |operation| {
                let (provider, store, linked) = (Arc::clone(&provider), Arc::clone(&store), Arc::clone(&linked));
                let (stop, halt) = (stop.clone(), halted.clone());
                async move {
                    if stop.is_cancelled() || halt.is_cancelled() {
                        return (operation, None);
                    }
                    let outcome = one(&*provider, &*store, &linked, &operation).await;
                    // Here, not when the result is booked: by then the next operation would be under way.
                    if matches!(&outcome, Ok(Err(error)) if ends_run(error)) {
                        halt.cancel();
                    }
                    (operation, Some(outcome))
                }
            })
            .buffer_unordered(self.pace.concurrency.max(1))
            .ready_chunks(SAVE_BATCH);
        while let Some(batch) = results.next().await {
            let mut changes = Vec::with_capacity(batch.len());
            let mut rejects = Vec::new();
            for (operation, outcome) in batch {
                match outcome {
                    None => self.result.skipped += 1,
                    Some(outcome) => self.settle(operation, outcome?, round, &mut changes, &mut rejects),
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
        operation: Operation,
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
                        let mark = mark(&operation, &link, owed, self.pace.now);
                        changes.push(Change::Put(key, mark, link));
                        if owed {
                            self.owed.push(operation);
                        }
                    }
                }
            }
            Err(error @ ProviderError::Conflict { .. }) if round == Round::First => {
                tracing::debug!(%action, anchor, %error, "in conflict, tried again after the rest of the plan");
                self.deferred.push((operation, error));
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
                let reject = rejected(&operation, &error, self.rejects.get(&key), self.pace.now);
                self.rejects.insert(key, reject.clone());
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
            let count = waiting.len();
            let operations: Vec<Operation> = waiting.into_iter().map(|(operation, _)| operation).collect();
            let round = if count == 1 { Round::Again } else { Round::First };
            self.carry_out(operations, round).await?;
            let after: u64 = self.result.done.values().sum();
            if after == before {
                let stuck = std::mem::take(&mut self.deferred);
                let (mut changes, mut rejects) = (Vec::new(), Vec::new());
                for (operation, error) in stuck {
                    self.settle(operation, Err(error), Round::Again, &mut changes, &mut rejects);
                }
                return self.store.save_rejects(&rejects);
            }
        }
    }

    /// Managers who had no id when their people were pushed.
    async fn settle_managers(&mut self) -> Result<(), StoreError> {
        let mut late = Vec::new();
        for mut operation in std::mem::take(&mut self.owed) {
            let Some(after) = operation.after.clone() else { continue };
            let manager = after.manager.as_ref().map(|manager| manager.key).unwrap_or_default();
            if self.halted() || self.store.link(manager)?.is_none() {
                continue;
            }
            let Some(link) = self.store.link(operation.anchor.key())? else {
                continue;
            };
            operation.action = Action::Reference;
            operation.id = Some(link.id);
            operation.before = Some(link.pushed);
            late.push(operation);
        }
        self.total += late.len() as u64;
        self.carry_out(late, Round::Again).await
    }
}

/// The accounts that belong to somebody. Read from the state when first asked, which only an adoption
/// does.
pub struct Linked<S> {
    store: Arc<S>,
    ids: Mutex<Option<BTreeSet<Digest>>>,
}

impl<S: StateStore> Linked<S> {
    /// Over the links of `store`.
    pub fn new(store: &Arc<S>) -> Self {
        Self {
            store: Arc::clone(store),
            ids: Mutex::default(),
        }
    }

    /// Whether `id` belongs to somebody. When the state cannot be read the answer is yes: then nothing
    /// is adopted.
    pub fn has(&self, id: &ResourceId) -> bool {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let key = |id: &ResourceId| Digest::of(id.0.as_bytes());
        if ids.is_none() {
            let mut all = BTreeSet::new();
            let read = self.store.each_link(&mut |link| {
                all.insert(key(&link.id));
                true
            });
            if let Err(error) = read {
                tracing::error!(%error, "links cannot be read, so nothing is adopted");
                return true;
            }
            *ids = Some(all);
        }
        ids.as_ref().is_some_and(|ids| ids.contains(&key(id)))
    }

    fn add(&self, id: &ResourceId) {
        if let Some(ids) = self.ids.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            ids.insert(Digest::of(id.0.as_bytes()));
        }
    }
}

/// Whether this says something about the whole run, not about one operation.
fn ends_run(error: &ProviderError) -> bool {
    matches!(
        error,
        ProviderError::Unauthorized { .. } | ProviderError::Cancelled | ProviderError::InDoubt { .. }
    )
}

/// Sends one operation.
async fn one<P: ServiceProvider, S: StateStore>(
    provider: &P,
    store: &S,
    linked_ids: &Linked<S>,
    operation: &Operation,
) -> Result<Result<Outcome, ProviderError>, StoreError> {
    let (payload, owed) = payload(store, operation)?;
    let taken = |id: &ResourceId| linked_ids.has(id);
    let nothing = Pushed::default();
    let before = operation.before.as_ref().unwrap_or(&nothing);
    let linked = |id: ResourceId, adopted| Outcome::Linked {
        link: link(operation, &payload, id, adopted),
        adopted,
        owed,
    };
    let sent = match (operation.action, &operation.id) {
        (Action::Delete, Some(id)) => provider.delete(id).await.map(|()| Outcome::Removed),
        (Action::Deactivate, Some(id)) => match provider.deactivate(id, &payload).await {
            // Somebody deleted it there: there is no access left to take away.
            Err(ProviderError::Gone) => Ok(Outcome::Removed),
            other => other.map(|()| linked(id.clone(), false)),
        },
        (Action::Create, _) | (_, None) => provider
            .create(&payload, operation.look_up_first, &taken)
            .await
            .map(|created| made(created, linked)),
        (Action::Update | Action::Reactivate | Action::Reference, Some(id)) => {
            match provider.update(id, before, &payload).await {
                // Deleted there by somebody: forget the id, look up, create again.
                Err(ProviderError::Gone) => provider
                    .create(&payload, true, &taken)
                    .await
                    .map(|created| made(created, linked)),
                other => other.map(|()| linked(id.clone(), false)),
            }
        }
    };
    Ok(sent)
}

fn made(created: Created, linked: impl Fn(ResourceId, bool) -> Outcome) -> Outcome {
    match created {
        Created::New(id) => linked(id, false),
        Created::Adopted(id) => linked(id, true),
    }
}

/// The payload, and whether its manager is owed because he has no id yet.
fn payload<S: StateStore>(store: &S, operation: &Operation) -> Result<(Payload, bool), StoreError> {
    let mut pushed = operation.after.clone().unwrap_or_default();
    let manager_id = match &pushed.manager {
        Some(manager) => store.link(manager.key)?.map(|link| link.id),
        None => None,
    };
    let owed = pushed.manager.is_some() && manager_id.is_none();
    if owed {
        pushed.manager = None;
    }
    Ok((
        Payload {
            external_id: operation.anchor.to_string(),
            pushed,
            manager_id,
        },
        owed,
    ))
}

fn link(operation: &Operation, payload: &Payload, id: ResourceId, adopted: bool) -> Box<Link> {
    Box::new(Link {
        anchor: operation.anchor.clone(),
        id,
        dn: operation.dn.clone(),
        pushed: payload.pushed.clone(),
        adopted,
    })
}

fn mark(operation: &Operation, link: &Link, owed: bool, now: i64) -> Mark {
    Mark {
        // Who is owed a manager has to be looked at again.
        source: if owed { Digest::default() } else { operation.source },
        body: link.pushed.resource.digest(),
        dn: operation.dn_key,
        manager_dn: operation.manager_dn,
        manager: link
            .pushed
            .manager
            .as_ref()
            .map(|manager| manager.key)
            .unwrap_or_default(),
        missed: 0,
        deactivated_at: if operation.action == Action::Deactivate { now } else { 0 },
        active: link.pushed.resource.is_active(),
    }
}

/// What stands on the reject list, and when it is tried again.
fn rejected(operation: &Operation, error: &ProviderError, old: Option<&Reject>, now: i64) -> Reject {
    let wanted = operation.wanted();
    let old = old.filter(|old| old.wanted == wanted && old.kind != RejectKind::Entry);
    let tries = old.map_or(0, |old| old.tries).saturating_add(1);
    // A refused removal is an open door: it is tried again, whatever the answer was.
    let is_final = matches!(error, ProviderError::Refused { .. }) && !operation.is_removal();
    let pause = RETRY_FIRST_S.saturating_mul(1 << (tries - 1).min(16)).min(RETRY_MAX_S);
    Reject {
        rejection: Rejection {
            dn: operation.dn.clone(),
            anchor: Some(operation.anchor.clone()),
            problems: vec![Problem {
                attribute: String::new(),
                rule: format!("{}: {error}", operation.action),
                value: operation.user_name().to_owned(),
            }],
        },
        kind: if is_final {
            RejectKind::Refused
        } else {
            RejectKind::Waiting
        },
        wanted,
        first: old.map_or(now, |old| old.first),
        last: now,
        tries,
        next_try: if is_final { 0 } else { now.saturating_add(pause) },
    }
}
