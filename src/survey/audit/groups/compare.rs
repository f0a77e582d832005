//! Members as the cloud tells them against those that were put in.

use std::collections::BTreeMap;

use super::Member;
use crate::{
    model::{AnchorKey, GroupLink, ResourceId, StoreError},
    ports::{GroupStore, StateStore},
    survey::owners::Owners,
};

/// Who can be a member.
pub(super) struct Circle {
    owners: Owners,
    /// In key order.
    people: Vec<AnchorKey>,
    /// Names of the groups that can be members.
    groups: BTreeMap<AnchorKey, String>,
}

impl Circle {
    pub(super) fn new<S: StateStore + GroupStore>(
        store: &S,
        groups: &[(AnchorKey, GroupLink)],
        nested: bool,
    ) -> Result<Self, StoreError> {
        let mut owners = Owners::of_people(store)?;
        let mut names = BTreeMap::new();
        for (key, link) in groups.iter().filter(|_| nested) {
            if let Some(id) = &link.id {
                owners.add(id, *key);
            }
            let name = link.resource.text("displayName").unwrap_or_default();
            names.insert(*key, name.to_owned());
        }
        Ok(Self {
            owners,
            people: store.marks()?.into_iter().map(|(key, _)| key).collect(),
            groups: names,
        })
    }

    /// Whether there is an account, or a group, that can be in one. Who has none is forgotten as a member
    /// by the next plan.
    pub(super) fn is_known(&self, key: AnchorKey) -> bool {
        self.people.binary_search(&key).is_ok() || self.groups.contains_key(&key)
    }

    /// Everybody, in key order.
    pub(super) fn people(&self) -> &[AnchorKey] {
        &self.people
    }

    /// Who is missing in a group that shows `there`, and who should not be in it.
    pub(super) fn compare<S: StateStore + GroupStore>(
        &self,
        store: &S,
        (group, link): (AnchorKey, &GroupLink),
        there: &[ResourceId],
    ) -> Result<(Vec<Member>, Vec<Member>), StoreError> {
        let told = store.members(group, link.members)?;
        let (there, _) = self.owners.of_all(there);
        let missing = told.iter().filter(|key| there.binary_search(key).is_err());
        let extra = there.iter().filter(|key| told.binary_search(key).is_err());
        let missing: Vec<_> = missing.copied().filter(|key| self.is_known(*key)).collect();
        Ok((
            self.named(store, &missing)?,
            self.named(store, &extra.copied().collect::<Vec<_>>())?,
        ))
    }

    /// The same with names.
    pub(super) fn named<S: StateStore>(&self, store: &S, keys: &[AnchorKey]) -> Result<Vec<Member>, StoreError> {
        let mut members = Vec::with_capacity(keys.len());
        for &key in keys {
            let name = match self.groups.get(&key) {
                Some(name) => name.clone(),
                None => store
                    .link(key)?
                    .map(|link| link.pushed.resource.user_name().to_owned())
                    .unwrap_or_default(),
            };
            members.push(Member { key, name });
        }
        Ok(members)
    }
}
