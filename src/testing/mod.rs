//! Fakes with behaviour for the tests of the core: a state in memory and a cloud in memory. Compiled for
//! tests only.

pub(crate) mod groups;
mod laws;
mod memory_store;
mod proof;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

pub(crate) use self::memory_store::MemoryStore;
use crate::{
    model::{Anchor, DnKey, Link, Mark, Pushed, Resource, ResourceId},
    ports::{
        AccountReader, Change, CloudAccount, Created, ListFrom, ListNext, ListPage, Match, Payload, Probe,
        ProviderError, ServiceProvider, StateStore, Taken,
    },
};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
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
    merge: Mutex<Option<String>>,
    any: Mutex<bool>,
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

    /// From now on an account of the same name is adopted, whoever it says it is.
    pub(crate) fn adopt_any(&self) {
        *lock(&self.any) = true;
    }

    /// From now on every create ends at the account `id`.
    pub(crate) fn merge_into(&self, id: &str) {
        *lock(&self.merge) = Some(id.to_owned());
    }

    pub(crate) fn by_name(&self, user_name: &str) -> Option<(String, Account)> {
        lock(&self.accounts)
            .iter()
            .find(|(_, a)| a.resource.user_name() == user_name)
            .map(|(id, a)| (id.clone(), a.clone()))
    }

    fn is_namesake(&self, account: &Account, payload: &Payload) -> bool {
        *lock(&self.any) && account.resource.user_name() == payload.pushed.resource.user_name()
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
        let merged = lock(&self.merge).clone().map(ResourceId);
        let id = match id.or(merged.as_ref()) {
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
                .find(|(id, a)| {
                    (a.external_id == payload.external_id || self.is_namesake(a, payload))
                        && !taken(&ResourceId((*id).clone()))
                })
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

/// Gives the person `name` an account with these attributes, which the state knows.
pub(crate) async fn give_account(cloud: &MemoryCloud, store: &MemoryStore, name: &str, attributes: serde_json::Value) {
    let pushed = Pushed {
        resource: serde_json::from_value(attributes).unwrap(),
        manager: None,
    };
    let payload = Payload {
        external_id: name.to_owned(),
        pushed: pushed.clone(),
        manager_id: None,
    };
    let Created::New(id) = cloud.create(&payload, false, &|_| false).await.unwrap() else {
        panic!("{name} was there");
    };
    let link = Link {
        anchor: Anchor::new(name),
        id,
        dn: format!("uid={name}"),
        pushed,
        adopted: false,
        perhaps_named: Vec::new(),
    };
    let mark = Mark {
        dn: DnKey::of(&link.dn),
        body: link.pushed.resource.digest(),
        ..Mark::default()
    };
    let put = Change::Put(link.anchor.key(), mark, Box::new(link));
    store.apply(&[put]).unwrap();
}

/// Shared, as the executor wants it.
pub(crate) fn world() -> (Arc<MemoryStore>, Arc<MemoryCloud>) {
    (Arc::default(), Arc::default())
}
