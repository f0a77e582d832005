//! Carries out what was approved for groups: first the groups themselves, then their members. Groups go
//! side by side; of one group there is one request in flight.
//!
//! Deliberately absent: deciding anything, and a spool. A request about members may be repeated without
//! harm, and a create that may have got lost is remembered as a link without an id before it is sent.

mod members;
mod single;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use self::single::{Done, Way, carry_out};
use super::{Linked, Pace, UNAVAILABLE_MAX, lane::ends_run, reject::Failed};
use crate::{
    model::{AnchorKey, Digest, GroupAction, GroupLink, GroupOperation, Mark, MemberSum, ResourceId},
    ports::{
        Change, Event, GroupChange, GroupProvider, GroupStore, ProviderError, Reject, SharedObserver, StateStore,
        StoreError,
    },
};

/// What became of the operations on groups.
#[derive(Clone, Debug, Default)]
pub struct GroupExecution {
    /// Groups done, by action.
    pub done: BTreeMap<GroupAction, u64>,
    /// Of those created, how many turned out to exist and were adopted.
    pub adopted: u64,
    /// People put in.
    pub added: u64,
    /// People taken out.
    pub removed: u64,
    /// Members who have no account yet.
    pub waiting: u64,
    /// Groups that failed and stand on the reject list.
    pub failed: u64,
    /// Groups that were not tried, or not to the end, because the run stopped.
    pub skipped: u64,
    /// Why the run stopped early.
    pub stopped: Option<ProviderError>,
}

/// People by group.
type InDoubt = BTreeMap<AnchorKey, Vec<AnchorKey>>;

/// Who sends, and what is shared by those who do.
pub(super) struct Crew<P, S> {
    pub(super) provider: Arc<P>,
    pub(super) store: Arc<S>,
    /// Groups that are linked: never adopted for another one.
    linked: Mutex<BTreeSet<Digest>>,
    /// Ids of groups, for groups in groups; known once all of them are there.
    pub(super) ids: OnceLock<BTreeMap<AnchorKey, ResourceId>>,
    /// Of whom nobody knew when the run began whether they are in a group, and who is told in it.
    pub(super) in_doubt: InDoubt,
    /// Whose account has which id.
    accounts: Linked<S>,
    stop: CancellationToken,
    halt: CancellationToken,
}

impl<P, S> Crew<P, S> {
    pub(super) fn is_halted(&self) -> bool {
        self.stop.is_cancelled() || self.halt.is_cancelled()
    }

    pub(super) fn is_taken(&self, id: &ResourceId) -> bool {
        let linked = self.linked.lock().unwrap_or_else(PoisonError::into_inner);
        linked.contains(&id.digest())
    }

    pub(super) fn take(&self, id: &ResourceId) {
        let mut linked = self.linked.lock().unwrap_or_else(PoisonError::into_inner);
        linked.insert(id.digest());
    }
}

/// Carries out `operations`.
///
/// # Errors
/// When the state cannot be written: then nothing more is sent, because it could not be remembered.
pub async fn execute_groups<P: GroupProvider, S: StateStore + GroupStore>(
    mut operations: Vec<GroupOperation>,
    provider: &Arc<P>,
    store: &Arc<S>,
    pace: Pace,
    observer: &SharedObserver,
    stop: &CancellationToken,
) -> Result<GroupExecution, StoreError> {
    let in_doubt = announce(&operations, &**store)?;
    let links: BTreeMap<AnchorKey, GroupLink> = store.groups()?.into_iter().collect();
    for operation in &mut operations {
        catch_up(operation, &links, &**store)?;
    }
    let ids = links.values().filter_map(|link| link.id.as_ref());
    let mut run = Run {
        crew: Arc::new(Crew {
            provider: Arc::clone(provider),
            store: Arc::clone(store),
            linked: Mutex::new(ids.map(|id| id.digest()).collect()),
            ids: OnceLock::new(),
            in_doubt,
            accounts: Linked::new(store),
            stop: stop.clone(),
            halt: CancellationToken::new(),
        }),
        pace,
        observer,
        rejects: store.group_rejects()?.into_iter().collect(),
        total: operations.len() as u64,
        ended: 0,
        result: GroupExecution::default(),
        deferred: Vec::new(),
        unavailable: 0,
    };
    let ready = run.groups_themselves(operations).await?;
    // Whoever is put in from here on is in a group that is remembered.
    store.flush()?;
    run.learn_ids()?;
    run.their_members(ready).await?;
    store.flush()?;
    Ok(run.result)
}

/// People whose account was made anew since the plan was made are members no more; the next plan puts them in.
fn catch_up<S: GroupStore>(
    operation: &mut GroupOperation,
    links: &BTreeMap<AnchorKey, GroupLink>,
    store: &S,
) -> Result<(), StoreError> {
    let key = operation.anchor.key();
    let (Some(link), Some(stored)) = (&mut operation.link, links.get(&key)) else {
        return Ok(());
    };
    if link.members == stored.members {
        return Ok(());
    }
    link.members = stored.members;
    for people in [&mut operation.remove, &mut operation.forget] {
        let mut members = Vec::with_capacity(people.len());
        for &person in people.iter() {
            if store.is_member(key, person)? {
                members.push(person);
            }
        }
        *people = members;
    }
    Ok(())
}

/// Writes down what may become true from here on without our learning of it: after a crash or a lost answer
/// groups that may have been created are looked up first, names are told again, and so is who is a member.
/// Else a directory that goes back to what was pushed before would leave what was not meant to stay.
///
/// Returns who is in doubt from here on.
fn announce<S: StateStore + GroupStore>(operations: &[GroupOperation], store: &S) -> Result<InDoubt, StoreError> {
    let mut in_doubt = store.members_in_doubt()?;
    let mut changes = Vec::new();
    for operation in operations {
        let group = operation.anchor.key();
        changes.extend(perhaps(operation).map(|link| GroupChange::Put(group, Box::new(link))));
        if let Some(taken_over) = &operation.takes_over {
            tracing::info!(anchor = operation.anchor.as_str(), from = %taken_over.anchor, "a new group takes over an emptied one");
            changes.push(GroupChange::Forget(taken_over.anchor.key()));
        }
        let mut people = operation.people();
        if !people.is_empty() {
            // Those of before stay who are not told now; without an id nobody was put in.
            let is_known = operation.link.as_ref().is_some_and(|link| link.id.is_some());
            let all = in_doubt.entry(group).or_default();
            all.retain(|_| is_known);
            all.append(&mut people);
            all.sort_unstable();
            all.dedup();
            let people = all.clone();
            changes.push(GroupChange::InDoubt { group, people });
        }
    }
    if !changes.is_empty() {
        store.apply_groups(&changes)?;
        store.flush()?;
    }
    Ok(in_doubt)
}

/// What is true of a group if its operation takes effect and nobody hears of it; nothing when that is what
/// is remembered.
fn perhaps(operation: &GroupOperation) -> Option<GroupLink> {
    let wanted = operation.display_name();
    let Some(link) = &operation.link else {
        return Some(blank(operation));
    };
    let mut perhaps = link.clone();
    match (operation.action, &link.id) {
        // It may have been created under another name before.
        (GroupAction::Create, None) if link.resource != operation.after => {
            perhaps.perhaps_rename(link.resource.text("displayName").unwrap_or_default());
            perhaps.resource = operation.after.clone();
        }
        (GroupAction::Update, Some(_)) => {
            let aside = operation.aside.iter().filter_map(|aside| aside.text("displayName"));
            aside.chain([wanted]).for_each(|name| perhaps.perhaps_rename(name));
        }
        _ => {}
    }
    (perhaps != *link).then_some(perhaps)
}

fn blank(operation: &GroupOperation) -> GroupLink {
    GroupLink {
        anchor: operation.anchor.clone(),
        id: None,
        dn: operation.dn.clone(),
        resource: operation.after.clone(),
        members: MemberSum::default(),
        adopted: false,
        missed: 0,
        emptied_at: 0,
        perhaps_named: Vec::new(),
    }
}

struct Run<'a, P, S> {
    crew: Arc<Crew<P, S>>,
    pace: Pace,
    observer: &'a SharedObserver,
    rejects: BTreeMap<AnchorKey, Reject>,
    total: u64,
    ended: u64,
    result: GroupExecution,
    /// Groups whose name somebody else had.
    deferred: Vec<(GroupOperation, ProviderError)>,
    /// Groups in a row that failed because the service provider was of no use.
    unavailable: u32,
}

impl<P: GroupProvider, S: StateStore + GroupStore> Run<'_, P, S> {
    /// Creates and renames. What comes back has a link and members to look after.
    async fn groups_themselves(&mut self, operations: Vec<GroupOperation>) -> Result<Vec<GroupOperation>, StoreError> {
        let is_itself =
            |operation: &GroupOperation| matches!(operation.action, GroupAction::Create | GroupAction::Update);
        let (themselves, mut ready): (Vec<_>, Vec<_>) = operations.into_iter().partition(is_itself);
        let (aside, mut waiting): (Vec<_>, Vec<_>) = themselves.into_iter().partition(|it| it.aside.is_some());
        waiting.extend(self.send(aside, Way::Aside).await?);
        loop {
            let before = self.done();
            ready.extend(self.send(waiting, Way::Itself).await?);
            // A name may be free now that its holder has another one.
            let conflicts = std::mem::take(&mut self.deferred);
            if conflicts.is_empty() {
                return Ok(ready);
            }
            if self.done() == before || self.crew.is_halted() {
                let is_end = |operation: &GroupOperation| operation.action == GroupAction::Delete;
                let (ends, rest): (Vec<_>, Vec<_>) = ready.into_iter().partition(is_end);
                ready = rest;
                if ends.is_empty() {
                    for (operation, error) in conflicts {
                        self.fail(&operation, &error)?;
                    }
                    return Ok(ready);
                }
                // Or now that its holder is no more: a group made anew in the directory has its old name.
                self.their_members(ends).await?;
            }
            waiting = conflicts.into_iter().map(|(operation, _)| operation).collect();
        }
    }

    fn done(&self) -> u64 {
        self.result.done.values().sum()
    }

    /// Members, and groups that left.
    async fn their_members(&mut self, operations: Vec<GroupOperation>) -> Result<(), StoreError> {
        self.send(operations, Way::Members).await.map(drop)
    }

    fn learn_ids(&self) -> Result<(), StoreError> {
        let links = self.crew.store.groups()?.into_iter();
        let known = links.filter_map(|(key, link)| Some((key, link.id?)));
        self.crew.ids.get_or_init(|| known.collect());
        Ok(())
    }

    /// Sends one half of each operation; what comes back has members that are still to be looked after.
    async fn send(&mut self, operations: Vec<GroupOperation>, way: Way) -> Result<Vec<GroupOperation>, StoreError> {
        let mut ready = Vec::new();
        let (now, crew) = (self.pace.now, Arc::clone(&self.crew));
        let work = operations.into_iter().map(|operation| {
            let crew = Arc::clone(&crew);
            async move {
                if crew.is_halted() {
                    return Ok((operation, Err(ProviderError::Cancelled)));
                }
                let outcome = carry_out(&crew, &operation, way, now).await?;
                if matches!(&outcome, Err(error) if ends_run(error)) {
                    crew.halt.cancel();
                }
                Ok((operation, outcome))
            }
        });
        let mut results = stream::iter(work).buffer_unordered(self.pace.concurrency.max(1));
        while let Some(result) = results.next().await {
            let (operation, outcome) = result?;
            match outcome {
                Err(error @ ProviderError::Conflict { .. }) if way == Way::Itself => {
                    self.deferred.push((operation, error));
                }
                outcome => ready.extend(self.book(operation, outcome, way)?),
            }
            self.ended += 1;
            self.observer.event(&Event::Done {
                done: self.ended.min(self.total),
                total: self.total,
                failed: self.result.failed,
            });
        }
        Ok(ready)
    }

    /// Books what became of one group; gives it back with its new link when its members are still to be
    /// looked after.
    fn book(
        &mut self,
        mut operation: GroupOperation,
        outcome: Result<Done, ProviderError>,
        way: Way,
    ) -> Result<Option<GroupOperation>, StoreError> {
        let key = operation.anchor.key();
        let action = operation.action;
        let anchor = operation.anchor.as_str();
        match outcome {
            Ok(Done::Itself { link, .. }) if way == Way::Aside => {
                operation.link = Some(*link);
                operation.aside = None;
                Ok(Some(operation))
            }
            Ok(Done::Itself { link, adopted, members }) => {
                tracing::info!(%action, anchor, adopted, "group done");
                self.result.adopted += u64::from(adopted);
                *self.result.done.entry(action).or_default() += 1;
                operation.link = Some(*link);
                if let Some(members) = members {
                    // It is not the group that the plan was made for: nobody is in it but these.
                    let is_in = |person: &AnchorKey| members.binary_search(person).is_ok();
                    operation.add.retain(|person| !is_in(person));
                    operation.remove.retain(is_in);
                    operation.forget.retain(is_in);
                }
                if operation.is_without_members() {
                    self.release(key)?;
                    return Ok(None);
                }
                Ok(Some(operation))
            }
            Ok(Done::Members(tally)) => {
                tracing::info!(%action, anchor, added = tally.added, removed = tally.removed, "members of a group done");
                self.result.added += tally.added;
                self.result.removed += tally.removed;
                self.result.waiting += tally.waiting;
                self.look_again_at(&tally.people_gone)?;
                match tally.ended {
                    None => {
                        let changed = tally.added + tally.removed > 0;
                        if matches!(action, GroupAction::Empty | GroupAction::Delete)
                            || (action == GroupAction::Members && changed)
                        {
                            *self.result.done.entry(action).or_default() += 1;
                        }
                        self.release(key)?;
                    }
                    Some(error) => self.fail(&operation, &error)?,
                }
                Ok(None)
            }
            Err(error) => self.fail(&operation, &error).map(|()| None),
        }
    }

    /// What failed before has succeeded.
    fn release(&mut self, key: AnchorKey) -> Result<(), StoreError> {
        self.unavailable = 0;
        match self.rejects.remove(&key) {
            Some(_) => self.crew.store.save_group_rejects(&[(key, None)]),
            None => Ok(()),
        }
    }

    fn fail(&mut self, operation: &GroupOperation, error: &ProviderError) -> Result<(), StoreError> {
        if ends_run(error) {
            self.result.skipped += 1;
            let cause = match error {
                ProviderError::InDoubt { cause } => (**cause).clone(),
                error => error.clone(),
            };
            if !matches!(self.result.stopped, Some(ref error) if *error != ProviderError::Cancelled) {
                self.result.stopped = Some(cause);
            }
            return Ok(());
        }
        self.result.failed += 1;
        self.judge_silence(error);
        let (action, anchor) = (operation.action, operation.anchor.as_str());
        tracing::warn!(%action, anchor, why = error.brief(), "a group failed; scimward rejects says more");
        let key = operation.anchor.key();
        let failed = Failed {
            anchor: &operation.anchor,
            dn: &operation.dn,
            name: operation.display_name(),
            action: format!("group {action}"),
            wanted: operation.wanted,
            is_removal: operation.takes_out() || matches!(action, GroupAction::Empty | GroupAction::Delete),
        };
        let mut reject = failed.rejected(error, self.rejects.get(&key), self.pace.now);
        if *error == ProviderError::Gone {
            // It was forgotten, and there is nothing to wait for before it is made anew.
            reject.next_try = self.pace.now;
        }
        self.rejects.insert(key, reject.clone());
        self.crew.store.save_group_rejects(&[(key, Some(reject))])
    }

    /// A service provider that is of no use to many groups in a row will not be to the next one.
    fn judge_silence(&mut self, error: &ProviderError) {
        if !matches!(error, ProviderError::Unavailable { .. }) {
            self.unavailable = 0;
            return;
        }
        self.unavailable += 1;
        if self.unavailable >= UNAVAILABLE_MAX {
            self.crew.halt.cancel();
            self.result.stopped = Some(error.clone());
        }
    }

    /// People whose account turned out not to be there: the next plan brings them up to date, which finds
    /// that out, too, and makes the account anew.
    fn look_again_at(&self, people: &[AnchorKey]) -> Result<(), StoreError> {
        if people.is_empty() {
            return Ok(());
        }
        let gone: BTreeSet<AnchorKey> = people.iter().copied().collect();
        let marks = self.crew.store.marks()?;
        let changes: Vec<Change> = marks
            .into_iter()
            .filter(|(key, _)| gone.contains(key))
            .map(|(key, mark)| {
                let unknown = Mark {
                    source: Digest::default(),
                    body: Digest::default(),
                    ..mark
                };
                Change::Mark(key, unknown)
            })
            .collect();
        self.crew.store.apply(&changes)
    }
}
