//! After a run that was killed: which of the creates that were under way have taken effect?

use std::sync::Arc;

use super::{
    Linked,
    lane::Ids,
    send::{link, mark, payload},
};
use crate::{
    model::{Digest, Mark},
    ports::{Change, ProviderError, ServiceProvider, StateStore, StoreError},
};

/// Links the accounts that an interrupted run created without our learning it, so that they are
/// remembered even when their people have left since. Asks the provider only after a crash, and only
/// for those.
///
/// # Errors
/// The inner error is the provider's: then nothing can be said of those accounts, and planning has to
/// wait, because a new plan forgets what was asked for.
pub async fn recover<P: ServiceProvider, S: StateStore>(
    provider: &Arc<P>,
    store: &Arc<S>,
) -> Result<Result<u64, ProviderError>, StoreError> {
    let mut doubtful = Vec::new();
    store.spool().unfinished_creates(&mut |operation| {
        if store.link(operation.anchor.key())?.is_none() {
            doubtful.push(operation);
        }
        Ok(())
    })?;
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
        // Whether its manager arrived is not known: told again when there is one.
        payload.pushed.manager = None;
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
