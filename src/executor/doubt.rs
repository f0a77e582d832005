//! Changes of which nobody knows whether they took effect: a request that failed may have done its work all
//! the same. The state then says what the account may hold, and the next operation tells it everything. Else
//! a directory that goes back to what was pushed before would leave the account with what was not meant
//! to stay.

use std::collections::BTreeMap;

use super::SAVE_BATCH;
use crate::{
    model::{Action, AnchorKey, Digest, Link, Mark, Operation, Pushed},
    ports::{Change, StateStore, StoreError},
};

/// Whether `link` says that `operation` is done.
pub(super) fn is_told(operation: &Operation, link: &Link) -> bool {
    let dn = |pushed: &Pushed| pushed.manager.as_ref().map(|manager| manager.dn.clone());
    operation
        .after
        .as_ref()
        .is_some_and(|after| after.resource == link.pushed.resource && dn(after) == dn(&link.pushed))
}

/// Remembers that each of these may have taken effect. There is no more than one for a person.
pub(super) fn remember<S: StateStore>(store: &S, operations: Vec<Operation>) -> Result<(), StoreError> {
    if operations.is_empty() {
        return Ok(());
    }
    let marks: BTreeMap<AnchorKey, Mark> = store.marks()?.into_iter().collect();
    let mut changes = Vec::with_capacity(operations.len());
    for operation in operations {
        let key = operation.anchor.key();
        if let (Some(mark), Some(link)) = (marks.get(&key), store.link(key)?) {
            let (mark, link) = perhaps(&operation, *mark, link);
            changes.push(Change::Put(key, mark, Box::new(link)));
        }
    }
    changes.chunks(SAVE_BATCH).try_for_each(|batch| store.apply(batch))
}

/// What is remembered of an account after `operation`, if that took effect.
fn perhaps(operation: &Operation, mark: Mark, link: Link) -> (Mark, Link) {
    let nothing = Pushed::default();
    let after = operation.after.as_ref().unwrap_or(&nothing);
    let turns_on = !matches!(operation.action, Action::Deactivate | Action::Delete) && after.resource.is_active();
    let mark = Mark {
        source: Digest::default(),
        body: Digest::default(),
        // Who leaves now has to be deactivated, also when he had been before.
        active: mark.active || turns_on,
        deactivated_at: if turns_on { 0 } else { mark.deactivated_at },
        ..mark
    };
    let mut perhaps_named = link.perhaps_named;
    let name = after.resource.user_name();
    if !name.is_empty() && name != link.pushed.resource.user_name() && perhaps_named.iter().all(|other| other != name) {
        perhaps_named.push(name.to_owned());
    }
    let link = Link {
        pushed: link.pushed.or_perhaps(after),
        perhaps_named,
        ..link
    };
    (mark, link)
}
