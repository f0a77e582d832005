//! What each operation of a plan would send: the executor's part of a dry run, without a wire.

mod groups;

use std::collections::BTreeSet;

pub(super) use self::groups::{foresee_group, payload};
use super::setup::Setup;
use crate::{
    model::{Action, AnchorKey, ManagerRef, Operation, Pushed, ResourceId},
    ports::{Payload, StateStore, StoreError},
    scim::request::{self, PlannedRequest},
};

/// Follows a plan in its order. The id of somebody who is yet to be created stands in braces.
pub(super) struct Foresight<'a> {
    setup: &'a Setup,
    store: &'a dyn StateStore,
    /// Who has an account by now that the state does not know.
    created: BTreeSet<AnchorKey>,
    /// Who goes without a manager until that manager has an account.
    owed: Vec<Operation>,
}

impl<'a> Foresight<'a> {
    /// Before the first operation.
    pub(super) fn new(setup: &'a Setup, store: &'a dyn StateStore) -> Self {
        Self {
            setup,
            store,
            created: BTreeSet::new(),
            owed: Vec::new(),
        }
    }

    /// The next operation as it would go out, with its requests. A manager without an id is left out
    /// and comes with [`Foresight::late`].
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(super) fn next(&mut self, mut operation: Operation) -> Result<(Operation, PlannedRequest), StoreError> {
        let manager = operation.after.as_ref().and_then(|after| after.manager.clone());
        let mut manager_id = None;
        if let Some(manager) = manager {
            manager_id = self.id_of(&manager)?;
            if manager_id.is_none() {
                let with_manager = operation.clone();
                operation.after.iter_mut().for_each(|after| after.manager = None);
                self.owed.push(Operation {
                    action: Action::Reference,
                    before: operation.after.clone(),
                    ..with_manager
                });
            }
        }
        if operation.action == Action::Create {
            self.created.insert(operation.anchor.key());
        }
        let request = self.request(&operation, manager_id);
        Ok((operation, request))
    }

    /// The managers left out so far, once everybody has an id.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(super) fn late(&mut self) -> Result<Vec<(Operation, PlannedRequest)>, StoreError> {
        std::mem::take(&mut self.owed)
            .into_iter()
            .map(|operation| self.next(operation))
            .collect()
    }

    fn id_of(&self, manager: &ManagerRef) -> Result<Option<ResourceId>, StoreError> {
        if self.created.contains(&manager.key) {
            return Ok(Some(yet_to_come(&manager.dn)));
        }
        Ok(self.store.link(manager.key)?.map(|link| link.id))
    }

    fn request(&self, operation: &Operation, manager_id: Option<ResourceId>) -> PlannedRequest {
        let profile = &self.setup.policy.profile;
        let payload = Payload {
            external_id: operation.anchor.to_string(),
            pushed: operation.after.clone().unwrap_or_default(),
            manager_id,
        };
        let nothing = Pushed::default();
        let before = operation.before.as_ref().unwrap_or(&nothing);
        match (operation.action, &operation.id) {
            (Action::Delete, Some(id)) => request::delete(id),
            (Action::Deactivate, Some(id)) => request::deactivate(profile, id, &payload),
            (Action::Update | Action::Reactivate | Action::Reference, Some(id)) => {
                request::update(profile, id, before, &payload)
            }
            (Action::Reference, None) => {
                let id = yet_to_come(&operation.dn);
                PlannedRequest {
                    path: format!("Users/{id}"),
                    ..request::update(profile, &id, before, &payload)
                }
            }
            _ => request::create(profile, &payload),
        }
    }
}

fn yet_to_come(dn: &str) -> ResourceId {
    ResourceId(format!("{{id of {dn}}}"))
}
