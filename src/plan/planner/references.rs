//! Managers: from the name an entry gives to the person behind it, once everybody is known.

use std::collections::BTreeSet;

use super::{Links, PlanError, Planner, ReadBack, Sight};
use crate::{
    model::{Action, AnchorKey, DnKey, ManagerRef, Mark, Operation, Pushed, StoreError},
    plan::managers::Names,
};

impl Planner {
    pub(super) fn resolve_managers(
        &mut self,
        names: &Names,
        links: Links<'_>,
        read_back: ReadBack<'_>,
        emit: &mut dyn FnMut(&Operation) -> Result<(), StoreError>,
    ) -> Result<(), PlanError> {
        let mut has_operation = BTreeSet::new();
        for at in 0..self.notes.len() {
            let (key, manager_dn) = (self.notes[at].key, self.notes[at].manager_dn);
            let pushed = self.find(key).map(|at| self.marks[at].1.manager).unwrap_or_default();
            let manager = self.manager(key, names, manager_dn, pushed);
            self.notes[at].manager = manager;
            self.lose_manager(at, pushed, manager);
            self.notes[at].manager_is_new = self.fresh.contains_key(&manager);
            if self.find(key).is_some() {
                has_operation.insert(key);
            }
        }
        for at in 0..self.marks.len() {
            let (key, mark) = self.marks[at];
            if self.sights[at].0 != Sight::Seen || mark.deactivated_at != 0 || has_operation.contains(&key) {
                continue;
            }
            let manager = self.manager(key, names, mark.manager_dn, mark.manager);
            // A manager who is created in this plan gets an id that nobody was told yet.
            let told = manager == mark.manager && !self.fresh.contains_key(&manager);
            if told || self.still_rejected.contains(&key) {
                continue;
            }
            let manager_dn = self.dn_of(manager, links, read_back)?;
            let manager_ref = manager_dn.map(|dn| ManagerRef { key: manager, dn });
            let operation = reference(key, &mark, manager_ref, links)?;
            if self.is_waiting(key, &operation) {
                self.counts.unchanged = self.counts.unchanged.saturating_sub(1);
                continue;
            }
            let index = self.note(key, &operation);
            self.notes[index as usize].manager = manager;
            self.lose_manager(index as usize, mark.manager, manager);
            emit(&operation)?;
            self.counts.unchanged = self.counts.unchanged.saturating_sub(1);
            // Until this has succeeded the entry has to be looked at again.
            self.look_again(at);
        }
        Ok(())
    }

    pub(super) fn lose_manager(&mut self, note: usize, pushed: AnchorKey, manager: AnchorKey) {
        if manager.is_none() && !pushed.is_none() {
            self.notes[note].lost |= self.losses.manager();
        }
    }

    /// Who is behind the name. A name that leads to nobody we provision keeps the manager who was
    /// pushed, as long as that account is there: a dangling name is no reason to take something away.
    pub(super) fn manager(&mut self, person: AnchorKey, names: &Names, dn: DnKey, pushed: AnchorKey) -> AnchorKey {
        if dn.is_none() {
            return AnchorKey::default();
        }
        if let Some(manager) = names.find(dn) {
            return manager;
        }
        self.counts.dangling += 1;
        self.dangling.push(person);
        if self.find(pushed).is_some() {
            pushed
        } else {
            AnchorKey::default()
        }
    }

    /// The distinguished name of somebody who has an account or gets one in this plan.
    pub(super) fn dn_of(
        &self,
        key: AnchorKey,
        links: Links<'_>,
        read_back: ReadBack<'_>,
    ) -> Result<Option<String>, PlanError> {
        if let Some(link) = links(key)? {
            return Ok(Some(link.dn));
        }
        let created = self.fresh.get(&key).and_then(|fresh| fresh.operation);
        Ok(created.map(read_back).transpose()?.map(|operation| operation.dn))
    }
}

/// Only the manager changes.
pub(super) fn reference(
    key: AnchorKey,
    mark: &Mark,
    manager: Option<ManagerRef>,
    links: Links<'_>,
) -> Result<Operation, PlanError> {
    let link = links(key)?.ok_or(PlanError::LinkMissing(key))?;
    let after = Pushed {
        manager,
        ..link.pushed.clone()
    };
    Ok(Operation {
        anchor: link.anchor,
        dn: link.dn,
        action: Action::Reference,
        id: Some(link.id),
        before: Some(link.pushed),
        after: Some(after),
        source: mark.source,
        dn_key: mark.dn,
        manager_dn: mark.manager_dn,
        look_up_first: false,
        tell_all: mark.body.is_unset(),
        perhaps_named: link.perhaps_named,
    })
}
