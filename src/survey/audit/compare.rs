//! One account against what was pushed to it.

use std::{borrow::Cow, collections::BTreeSet};

use crate::{
    model::{AnchorKey, AttributePath, ManagerRef, Pushed, ResourceId, StoreError},
    ports::{CloudAccount, StateStore},
    survey::{Lens, owners::Owners, stand_in},
};

/// Sees what an account holds of what was pushed.
pub(super) struct Eye<'a> {
    store: &'a dyn StateStore,
    lens: Cow<'a, Lens>,
    /// Whose the accounts are: managers come as ids.
    owners: std::sync::Arc<Owners>,
}

impl<'a> Eye<'a> {
    pub(super) fn new(store: &'a dyn StateStore, lens: &'a Lens) -> Result<Self, StoreError> {
        Ok(Self {
            store,
            lens: Cow::Borrowed(lens),
            owners: Owners::of_people(store)?.into(),
        })
    }

    /// The same, but blind to these paths.
    pub(super) fn ignoring(&self, paths: &BTreeSet<String>) -> Self {
        Self {
            store: self.store,
            lens: Cow::Owned(self.lens.ignoring(paths)),
            owners: std::sync::Arc::clone(&self.owners),
        }
    }

    /// Whose account this is.
    pub(super) fn owner(&self, id: &ResourceId) -> Option<AnchorKey> {
        self.owners.of(id)
    }

    /// What the account holds, when that is not what was told.
    pub(super) fn held(&self, told: &Pushed, account: &CloudAccount) -> Result<Option<Pushed>, StoreError> {
        let held = Pushed {
            resource: self.lens.held(&told.resource, &account.resource),
            manager: self.manager(told.manager.as_ref(), account.manager.as_ref())?,
        };
        Ok((held != *told).then_some(held))
    }

    fn manager(&self, told: Option<&ManagerRef>, there: Option<&ResourceId>) -> Result<Option<ManagerRef>, StoreError> {
        if !self.lens.sees_managers() {
            return Ok(told.cloned());
        }
        let there_key = there.map(|id| self.owner(id).unwrap_or_else(|| stand_in::of(id).key));
        if told.map(|manager| manager.key) == there_key {
            return Ok(told.cloned());
        }
        // A manager whose account is not ours any more: clouds differ in what they leave of him.
        if let Some(told) = told
            && !stand_in::is_one(told)
            && self.store.link(told.key)?.is_none()
        {
            return Ok(Some(told.clone()));
        }
        let Some(id) = there else { return Ok(None) };
        Ok(Some(match self.owner(id) {
            Some(key) => match self.store.link(key)? {
                Some(link) => ManagerRef { key, dn: link.dn },
                None => stand_in::of(id),
            },
            None => stand_in::of(id),
        }))
    }
}

/// Takes `held` for what was told at these paths.
pub(super) fn put_back(told: &Pushed, held: &mut Pushed, paths: &BTreeSet<String>) {
    for path in paths {
        if *path == AttributePath::enterprise("manager").as_str() {
            held.manager.clone_from(&told.manager);
        } else if let Some(value) = told.resource.get(path) {
            held.resource.attributes.insert(AttributePath::new(path), value.clone());
        }
    }
}
