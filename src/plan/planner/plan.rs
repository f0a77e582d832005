//! What planning comes to.

use super::{Counts, Note};
use crate::{
    model::{Absence, Action, AnchorKey, ManagerRef, Mark, Operation, Reject, Step},
    plan::{groups::Account, losses::Losses},
};

/// An ordered list of operations, and what is to be remembered beside them.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Hash of the content.
    pub id: String,
    /// What is carried out, in order.
    pub steps: Vec<Step>,
    pub(in crate::plan) notes: Vec<Note>,
    /// Everybody who has an account or gets one, as far as that was asked for.
    pub accounts: Vec<Account>,
    pub(in crate::plan) losses: Losses,
    /// Marks that changed without an operation.
    pub mark_changes: Vec<(AnchorKey, Mark)>,
    /// People who left while their account was inactive already.
    pub quietly_inactive: Vec<AnchorKey>,
    /// The reject list's changes.
    pub reject_changes: Vec<(AnchorKey, Option<Reject>)>,
    /// People whose manager is not among those provisioned.
    pub dangling: Vec<AnchorKey>,
    /// For people to read.
    pub warnings: Vec<String>,
    /// What was counted.
    pub counts: Counts,
    /// What absence meant.
    pub absence: Absence,
}

impl Plan {
    /// An operation as spooled, with its manager filled in.
    #[must_use]
    pub fn complete(&self, step: Step, mut operation: Operation) -> Operation {
        let note = self.notes.get(step.index as usize);
        if note.is_some_and(|note| note.manager_is_new)
            && let Some(before) = &mut operation.before
        {
            before.manager = None;
        }
        let manager = note.map(|note| note.manager).unwrap_or_default();
        let kept = operation.before.as_ref().and_then(|before| before.manager.clone());
        if let Some(after) = &mut operation.after {
            after.manager = match (manager.is_none(), after.manager.take(), kept) {
                (true, ..) => None,
                (false, _, Some(kept)) if kept.key == manager => Some(kept),
                (false, Some(named), _) => Some(ManagerRef {
                    key: manager,
                    dn: named.dn,
                }),
                (false, None, _) => None,
            };
        }
        operation
    }

    /// Whom a step is for.
    #[must_use]
    pub fn person(&self, step: Step) -> Option<AnchorKey> {
        self.notes.get(step.index as usize).map(|note| note.key)
    }

    /// Whether a step takes out somebody whose `userName` a new person of this plan has.
    #[must_use]
    pub fn has_namesake(&self, step: Step) -> bool {
        let note = self.notes.get(step.index as usize);
        note.is_some_and(|note| note.has_namesake)
    }

    /// What a step does and whether it takes access away.
    #[must_use]
    pub fn action(&self, step: Step) -> Option<(Action, bool)> {
        self.notes
            .get(step.index as usize)
            .map(|note| (note.action, note.removal))
    }
}
