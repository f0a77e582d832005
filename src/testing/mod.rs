//! Fakes with behaviour for the tests of the core: a state in memory and a cloud in memory. Compiled for
//! tests only.

pub(crate) mod groups;
mod laws;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    model::{Action, AnchorKey, GroupLink, Link, Mark, MemberSum, Operation, Pushed, Resource, ResourceId},
    ports::{
        AccountReader, Change, CloudAccount, Created, CycleRecord, GroupChange, GroupStore, ListFrom, ListNext,
        ListPage, Match, Meta, Payload, PlanSpool, Probe, ProviderError, Reject, ServiceProvider, StateStore, Step,
        StoreError, Taken,
    },
};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

/// A state in memory.
#[derive(Default)]
pub(crate) struct MemoryStore {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    meta: Meta,
    marks: BTreeMap<AnchorKey, Mark>,
    links: BTreeMap<AnchorKey, Link>,
    rejects: BTreeMap<AnchorKey, Reject>,
    cycles: Vec<CycleRecord>,
    groups: BTreeMap<AnchorKey, GroupLink>,
    members: BTreeSet<(AnchorKey, AnchorKey)>,
    group_rejects: BTreeMap<AnchorKey, Reject>,
    spool: Vec<Operation>,
    claimed: Vec<AnchorKey>,
    steps: Vec<Step>,
}

impl StateStore for MemoryStore {
    fn meta(&self) -> Result<Meta, StoreError> {
        Ok(lock(&self.inner).meta.clone())
    }

    fn save_meta(&self, meta: &Meta) -> Result<(), StoreError> {
        lock(&self.inner).meta = meta.clone();
        Ok(())
    }

    fn marks(&self) -> Result<Vec<(AnchorKey, Mark)>, StoreError> {
        Ok(lock(&self.inner)
            .marks
            .iter()
            .map(|(&key, &mark)| (key, mark))
            .collect())
    }

    fn link(&self, key: AnchorKey) -> Result<Option<Link>, StoreError> {
        Ok(lock(&self.inner).links.get(&key).cloned())
    }

    fn each_link(&self, visit: &mut dyn FnMut(Link) -> bool) -> Result<(), StoreError> {
        let links: Vec<Link> = lock(&self.inner).links.values().cloned().collect();
        links.into_iter().all(visit);
        Ok(())
    }

    fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut inner = lock(&self.inner);
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
        Ok(lock(&self.inner)
            .rejects
            .iter()
            .map(|(&key, reject)| (key, reject.clone()))
            .collect())
    }

    fn save_rejects(&self, rejects: &[(AnchorKey, Option<Reject>)]) -> Result<(), StoreError> {
        let mut inner = lock(&self.inner);
        for (key, reject) in rejects {
            match reject {
                Some(reject) => inner.rejects.insert(*key, reject.clone()),
                None => inner.rejects.remove(key),
            };
        }
        Ok(())
    }

    fn cycles(&self, limit: usize) -> Result<Vec<CycleRecord>, StoreError> {
        Ok(lock(&self.inner).cycles.iter().rev().take(limit).cloned().collect())
    }

    fn save_cycle(&self, record: &CycleRecord) -> Result<(), StoreError> {
        lock(&self.inner).cycles.push(record.clone());
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn spool(&self) -> &dyn PlanSpool {
        self
    }
}

impl Inner {
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
        let inner = lock(&self.inner);
        Ok(inner.groups.iter().map(|(&key, link)| (key, link.clone())).collect())
    }

    fn members(&self, group: AnchorKey, sum: MemberSum) -> Result<Vec<AnchorKey>, StoreError> {
        let members: Vec<AnchorKey> = lock(&self.inner).members_of(group).collect();
        if MemberSum::of(members.iter().copied()) == sum {
            Ok(members)
        } else {
            Err(StoreError("members are missing".into()))
        }
    }

    fn is_member(&self, group: AnchorKey, person: AnchorKey) -> Result<bool, StoreError> {
        Ok(lock(&self.inner).members.contains(&(group, person)))
    }

    fn apply_groups(&self, changes: &[GroupChange]) -> Result<(), StoreError> {
        let mut inner = lock(&self.inner);
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
                GroupChange::Forget(key) => {
                    inner.groups.remove(key);
                    inner.members.retain(|(group, _)| group != key);
                }
            }
        }
        Ok(())
    }

    fn group_rejects(&self) -> Result<Vec<(AnchorKey, Reject)>, StoreError> {
        let inner = lock(&self.inner);
        Ok(inner
            .group_rejects
            .iter()
            .map(|(&key, reject)| (key, reject.clone()))
            .collect())
    }

    fn save_group_rejects(&self, rejects: &[(AnchorKey, Option<Reject>)]) -> Result<(), StoreError> {
        let mut inner = lock(&self.inner);
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
        lock(&self.inner).spool.clear();
        Ok(())
    }

    fn push(&self, operations: &[Operation]) -> Result<u32, StoreError> {
        let mut inner = lock(&self.inner);
        let first = inner.spool.len() as u32;
        inner.spool.extend_from_slice(operations);
        Ok(first)
    }

    fn operation(&self, index: u32) -> Result<Operation, StoreError> {
        lock(&self.inner)
            .spool
            .get(index as usize)
            .cloned()
            .ok_or_else(|| StoreError(format!("no operation {index}")))
    }

    fn seal(&self, _plan_id: &str, steps: &[Step]) -> Result<(), StoreError> {
        lock(&self.inner).steps = steps.to_vec();
        Ok(())
    }

    fn claim(&self, upto: usize) -> Result<(), StoreError> {
        let mut inner = lock(&self.inner);
        let claimed = inner.steps[..upto]
            .iter()
            .map(|s| inner.spool[s.index as usize].anchor.key())
            .collect();
        inner.claimed = claimed;
        Ok(())
    }

    fn in_doubt(&self) -> Result<Vec<AnchorKey>, StoreError> {
        Ok(lock(&self.inner).claimed.clone())
    }

    fn unfinished_creates(&self, visit: &mut dyn FnMut(Operation) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let claimed: BTreeSet<AnchorKey> = lock(&self.inner).claimed.iter().copied().collect();
        let spool = lock(&self.inner).spool.clone();
        let creates = spool
            .into_iter()
            .filter(|o| o.action == Action::Create && claimed.contains(&o.anchor.key()));
        creates.into_iter().try_for_each(visit)
    }

    fn finish(&self, in_doubt: &[AnchorKey]) -> Result<(), StoreError> {
        lock(&self.inner).claimed = in_doubt.to_vec();
        Ok(())
    }
}

/// A cloud in memory: unique names without case, adopts its own (`externalId` = anchor).
#[derive(Default)]
pub(crate) struct MemoryCloud {
    accounts: Mutex<BTreeMap<String, Account>>,
    requests: Mutex<u64>,
    next: Mutex<u64>,
    /// Questions, which change nothing.
    questions: Mutex<u64>,
    /// Cannot be listed.
    pub(crate) unlisted: AtomicBool,
    refuse: Mutex<BTreeSet<String>>,
    groups: Mutex<groups::Groups>,
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) external_id: String,
    pub(crate) resource: Resource,
    pub(crate) manager_id: Option<ResourceId>,
}

impl MemoryCloud {
    pub(crate) fn accounts(&self) -> BTreeMap<String, Account> {
        lock(&self.accounts).clone()
    }

    pub(crate) fn requests(&self) -> u64 {
        *lock(&self.requests)
    }

    /// Somebody changes the account by hand.
    pub(crate) fn edit(&self, id: &str, change: impl FnOnce(&mut Account)) {
        if let Some(account) = lock(&self.accounts).get_mut(id) {
            change(account);
        }
    }

    /// Somebody makes an account by hand.
    pub(crate) fn make(&self, id: &str, account: Account) {
        lock(&self.accounts).insert(id.to_owned(), account);
    }

    fn shown(&self, id: &str) -> Option<CloudAccount> {
        let account = lock(&self.accounts).get(id).cloned()?;
        Some(CloudAccount {
            id: ResourceId(id.to_owned()),
            resource: account.resource,
            manager: account.manager_id,
        })
    }

    /// Somebody deletes the account by hand.
    pub(crate) fn remove(&self, id: &str) {
        lock(&self.accounts).remove(id);
        lock(&self.groups).leave(id);
    }

    pub(crate) fn refuse(&self, user_name: &str) {
        lock(&self.refuse).insert(user_name.to_owned());
    }

    pub(crate) fn by_name(&self, user_name: &str) -> Option<(String, Account)> {
        lock(&self.accounts)
            .iter()
            .find(|(_, a)| a.resource.user_name() == user_name)
            .map(|(id, a)| (id.clone(), a.clone()))
    }

    fn put(&self, id: Option<&ResourceId>, payload: &Payload) -> Result<ResourceId, ProviderError> {
        *lock(&self.requests) += 1;
        let name = payload.pushed.resource.user_name().to_lowercase();
        if lock(&self.refuse).contains(&name) {
            return Err(ProviderError::Refused {
                status: 400,
                detail: "told to".into(),
            });
        }
        let mut accounts = lock(&self.accounts);
        let id = match id {
            Some(id) if !accounts.contains_key(&id.0) => return Err(ProviderError::Gone),
            Some(id) => id.clone(),
            None => {
                *lock(&self.next) += 1;
                ResourceId(format!("id-{}", lock(&self.next)))
            }
        };
        let holder = accounts
            .iter()
            .find(|(_, a)| a.resource.user_name().to_lowercase() == name)
            .map(|(id, _)| id.clone());
        if holder.is_some_and(|holder| holder != id.0) {
            return Err(ProviderError::Conflict {
                detail: format!("{name} is taken"),
            });
        }
        if let Some(manager) = &payload.manager_id {
            assert!(
                accounts.contains_key(&manager.0) || *manager == id,
                "a manager who does not exist: {manager}"
            );
        }
        let account = Account {
            external_id: payload.external_id.clone(),
            resource: payload.pushed.resource.clone(),
            manager_id: payload.manager_id.clone(),
        };
        accounts.insert(id.0.clone(), account);
        Ok(id)
    }
}

impl ServiceProvider for MemoryCloud {
    async fn create(&self, payload: &Payload, look_up_first: bool, taken: Taken<'_>) -> Result<Created, ProviderError> {
        let ours = || {
            lock(&self.accounts)
                .iter()
                .find(|(id, a)| a.external_id == payload.external_id && !taken(&ResourceId((*id).clone())))
                .map(|(id, _)| id.clone())
        };
        let adopt = |id: String| self.put(Some(&ResourceId(id)), payload).map(Created::Adopted);
        if let Some(id) = look_up_first.then(ours).flatten() {
            return adopt(id);
        }
        match (self.put(None, payload), ours()) {
            (Err(ProviderError::Conflict { .. }), Some(id)) => adopt(id),
            (other, _) => other.map(Created::New),
        }
    }

    async fn update(&self, id: &ResourceId, _before: &Pushed, payload: &Payload) -> Result<(), ProviderError> {
        self.put(Some(id), payload).map(drop)
    }

    async fn deactivate(&self, id: &ResourceId, _payload: &Payload) -> Result<(), ProviderError> {
        *lock(&self.requests) += 1;
        let mut accounts = lock(&self.accounts);
        let account = accounts.get_mut(&id.0).ok_or(ProviderError::Gone)?;
        account.resource = account.resource.clone().with_active(false);
        Ok(())
    }

    async fn delete(&self, id: &ResourceId) -> Result<(), ProviderError> {
        *lock(&self.requests) += 1;
        self.remove(&id.0);
        Ok(())
    }

    async fn is_gone(&self, id: &ResourceId, _payload: &Payload) -> Result<bool, ProviderError> {
        Ok(!self.accounts().contains_key(&id.0))
    }

    async fn find_own(&self, payload: &Payload, taken: Taken<'_>) -> Result<Option<ResourceId>, ProviderError> {
        let accounts = self.accounts();
        let own = accounts
            .iter()
            .find(|(_, account)| account.external_id == payload.external_id);
        Ok(own.map(|(id, _)| ResourceId(id.clone())).filter(|id| !taken(id)))
    }

    async fn probe(&self, _payload: &Payload, _taken: Taken<'_>) -> Result<Probe, ProviderError> {
        Ok(Probe::Nothing)
    }
}

impl AccountReader for MemoryCloud {
    fn lists(&self) -> bool {
        !self.unlisted.load(Ordering::Relaxed)
    }

    fn page_size(&self) -> u64 {
        3
    }

    async fn list(&self, from: &ListFrom) -> Result<ListPage, ProviderError> {
        *lock(&self.questions) += 1;
        let ids: Vec<String> = self.accounts().into_keys().collect();
        let start = match from {
            ListFrom::Index(index) => *index as usize - 1,
            _ => 0,
        };
        let page = ids.iter().skip(start).take(3);
        let end = start + 3;
        Ok(ListPage {
            accounts: page.filter_map(|id| self.shown(id)).collect(),
            total: Some(ids.len() as u64),
            next: if end >= ids.len() {
                ListNext::End
            } else {
                ListNext::More(ListFrom::Index(end as u64 + 1))
            },
        })
    }

    async fn account(&self, id: &ResourceId) -> Result<Option<CloudAccount>, ProviderError> {
        *lock(&self.questions) += 1;
        Ok(self.shown(&id.0))
    }

    async fn account_of(&self, payload: &Payload, _taken: Taken<'_>) -> Result<Match, ProviderError> {
        *lock(&self.questions) += 1;
        let accounts = self.accounts();
        let ours = accounts.iter().find(|(_, a)| a.external_id == payload.external_id);
        let name = payload.pushed.resource.user_name();
        let named = || accounts.iter().find(|(_, a)| a.resource.user_name() == name);
        Ok(match ours.or_else(named).and_then(|(id, _)| self.shown(id)) {
            None => Match::Nothing,
            Some(account) => match self.judge(&account, payload) {
                Ok(()) => Match::Theirs(Box::new(account)),
                Err(because) => Match::Foreign {
                    user_name: name.to_owned(),
                    id: account.id,
                    because,
                },
            },
        })
    }

    fn judge(&self, account: &CloudAccount, payload: &Payload) -> Result<(), String> {
        match account.external_id() == Some(&payload.external_id) {
            true => Ok(()),
            false => Err("of somebody else".into()),
        }
    }

    fn requests(&self) -> u64 {
        *lock(&self.questions)
    }
}

/// Shared, as the executor wants it.
pub(crate) fn world() -> (Arc<MemoryStore>, Arc<MemoryCloud>) {
    (Arc::default(), Arc::default())
}
