//! Everybody in scope, and what is remembered of one of them.

use crate::{
    model::{Action, AnchorKey, Digest, Link, Mark, Operation, Pushed, Step, StoreError},
    plan::Plan,
    ports::{CloudAccount, Payload, PlanSpool},
    survey::{Lens, stand_in},
};

/// The people of a plan that an empty state led to. Only their steps are in memory.
pub(super) struct People<'a> {
    plan: &'a Plan,
    spool: &'a dyn PlanSpool,
    steps: Vec<Step>,
}

impl<'a> People<'a> {
    pub(super) fn new(plan: &'a Plan, spool: &'a dyn PlanSpool) -> Self {
        let creates = |step: &&Step| matches!(plan.action(**step), Some((Action::Create, _)));
        Self {
            steps: plan.steps.iter().filter(creates).copied().collect(),
            plan,
            spool,
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.steps.len() as u64
    }

    /// Places of everybody.
    pub(super) fn places(&self) -> std::ops::Range<usize> {
        0..self.steps.len()
    }

    /// Whom a place is for.
    pub(super) fn key(&self, at: usize) -> AnchorKey {
        let step = self.steps.get(at);
        step.and_then(|step| self.plan.person(*step)).unwrap_or_default()
    }

    /// The create that an empty state asks for.
    pub(super) fn operation(&self, at: usize) -> Result<Operation, StoreError> {
        let step = *self
            .steps
            .get(at)
            .ok_or_else(|| StoreError(format!("the plan has no person {at}")))?;
        Ok(self.plan.complete(step, self.spool.operation(step.index)?))
    }
}

/// What a look-up asks for.
pub(super) fn payload(operation: &Operation) -> Payload {
    Payload {
        external_id: operation.anchor.to_string(),
        pushed: operation.after.clone().unwrap_or_default(),
        manager_id: None,
    }
}

/// The `externalId` the person's account has: as mapped, else the anchor.
pub(super) fn external_id(operation: &Operation) -> &str {
    let mapped = operation
        .after
        .as_ref()
        .and_then(|after| after.resource.text("externalId"));
    mapped.unwrap_or(operation.anchor.as_str())
}

/// The memory of a person whose account this is: what it holds, not what it should hold. Whose the
/// manager's account is may not be known yet: see `managers`.
pub(super) fn linked(operation: &Operation, account: &CloudAccount, lens: &Lens) -> (Mark, Link) {
    let told = operation.after.clone().unwrap_or_default();
    let resource = lens.held(&told.resource, &account.resource);
    let manager = if lens.sees_managers() {
        account.manager.as_ref().map(stand_in::of)
    } else {
        told.manager
    };
    let body = resource.digest();
    let mark = Mark {
        // An account that holds something else has to be looked at again, whether or not its entry changes.
        source: if body == told.resource.digest() {
            operation.source
        } else {
            Digest::default()
        },
        body,
        dn: operation.dn_key,
        manager_dn: operation.manager_dn,
        manager: manager.as_ref().map(|manager| manager.key).unwrap_or_default(),
        active: resource.is_active(),
        ..Mark::default()
    };
    let link = Link {
        anchor: operation.anchor.clone(),
        id: account.id.clone(),
        dn: operation.dn.clone(),
        pushed: Pushed { resource, manager },
        adopted: false,
        perhaps_named: Vec::new(),
    };
    (mark, link)
}
