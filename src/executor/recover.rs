//! After a run that was killed: which of the operations that were under way have taken effect?

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Linked, doubt,
    lane::Ids,
    send::{link, mark, payload},
};
use crate::{
    model::{Action, Digest, Mark},
    ports::{Change, ProviderError, ServiceProvider, StateStore, StoreError},
};

/// Links the accounts that an interrupted run created without our learning it, so that they are
/// remembered even when their people have left since. Asks the provider only after a crash, and only
/// for those. Of every other operation that was under way it is remembered that it may have taken effect.
///
/// # Errors
/// The inner error is the provider's: then nothing can be said of those accounts, and planning has to
/// wait, because a new plan forgets what was asked for.
pub async fn recover<P: ServiceProvider, S: StateStore>(
    provider: &Arc<P>,
    store: &Arc<S>,
) -> Result<Result<u64, ProviderError>, StoreError> {
    let (mut doubtful, mut changes) = (Vec::new(), BTreeMap::new());
    store.spool().unfinished(&mut |operation| {
        let key = operation.anchor.key();
        match store.link(key)? {
            None if operation.action == Action::Create => doubtful.push(operation),
            // Of two operations for one person the last one counts.
            Some(link) if !doubt::is_told(&operation, &link) => drop(changes.insert(key, operation)),
            _ => drop(changes.remove(&key)),
        }
        Ok(())
    })?;
    doubt::remember(&**store, changes.into_values().collect())?;
    let (linked, ids) = (Linked::new(store), Ids::new(store));
    let mut found = 0;
    for operation in doubtful {
        let (mut payload, _) = payload(&ids, &operation)?;
        let id = match provider.find_own(&payload, &|id| linked.has(id)).await {
            Ok(Some(id)) => id,
            // Nothing there, or nothing that can be told apart: the next plan looks again.
            Ok(None) | Err(ProviderError::Conflict { .. }) => continue,
            Err(error) => return Ok(Err(error)),
        };
        tracing::info!(anchor = operation.anchor.as_str(), %id, "an interrupted run had created this account");
        // Whether its manager arrived is not known: told again when there is one, taken away when not.
        payload.pushed = operation.after.clone().unwrap_or_default();
        let link = link(&operation, &payload, id, false);
        // It may be an account of before, with what was pushed then: everything is told again.
        let mark = Mark {
            body: Digest::default(),
            ..mark(&operation, &link, true, 0)
        };
        linked.add(&link.id, operation.anchor.key());
        store.apply(&[Change::Put(operation.anchor.key(), mark, link)])?;
        found += 1;
    }
    store.flush()?;
    Ok(Ok(found))
}
