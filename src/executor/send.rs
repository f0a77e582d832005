//! One operation: its payload, its request, and what is remembered of it.

use super::lane::{Ids, Lane};
use crate::{
    model::{Action, Digest, Link, Mark, Operation, Pushed, ResourceId},
    ports::{Created, Payload, ProviderError, ServiceProvider, StateStore, StoreError, Taken},
};

/// What one operation came to.
pub(super) enum Outcome {
    /// Remember this; `owed` when the manager had no id yet.
    Linked { link: Box<Link>, adopted: bool, owed: bool },
    /// The account is gone, as wanted.
    Removed,
}

/// Sends one operation.
pub(super) async fn one<P: ServiceProvider, S: StateStore>(
    lane: &Lane<P, S>,
    operation: &Operation,
) -> Result<Result<Outcome, ProviderError>, StoreError> {
    let provider = &*lane.provider;
    let (payload, owed) = payload(&lane.ids, operation)?;
    let taken = |id: &ResourceId| lane.linked.has(id);
    let nothing = Pushed::default();
    let before = operation.before.as_ref().unwrap_or(&nothing);
    let adopted_before = match operation.id {
        Some(_) => lane
            .store
            .link(operation.anchor.key())?
            .is_some_and(|link| link.adopted),
        None => false,
    };
    let linked = |id: ResourceId, adopted| Outcome::Linked {
        link: link(operation, &payload, id, adopted || adopted_before),
        adopted,
        owed,
    };
    let made = |created: Created| match created {
        Created::New(id) => own(lane, operation, id).map(|own| own.map(|id| linked(id, false))),
        Created::Adopted(id) => own(lane, operation, id).map(|own| own.map(|id| linked(id, true))),
    };
    let created = match (operation.action, &operation.id) {
        (Action::Delete | Action::Deactivate, Some(id)) => {
            return Ok(remove(provider, operation, &payload, id, &taken).await);
        }
        (Action::Create, _) | (_, None) => provider.create(&payload, operation.look_up_first, &taken).await,
        (Action::Update | Action::Reactivate | Action::Reference, Some(id)) => {
            match provider.update(id, before, &payload).await {
                // Deleted there by somebody: forget the id, look up, create again.
                Err(ProviderError::Gone) => provider.create(&payload, true, &taken).await,
                other => return Ok(other.map(|()| linked(id.clone(), false))),
            }
        }
    };
    match created {
        Ok(created) => made(created),
        Err(error) => Ok(Err(error)),
    }
}

/// The account for this person, unless it is linked to somebody else already. Believing such an answer
/// would have two people share one account, and the first of them to leave would close it for both.
fn own<P, S: StateStore>(
    lane: &Lane<P, S>,
    operation: &Operation,
    id: ResourceId,
) -> Result<Result<ResourceId, ProviderError>, StoreError> {
    let Some(owner) = lane.linked.claim(&id, operation.anchor.key())? else {
        return Ok(Ok(id));
    };
    let who = match lane.store.link(owner)? {
        Some(link) => format!("{} ({})", link.dn, link.pushed.resource.user_name()),
        None => "somebody else of this run".to_owned(),
    };
    Ok(Err(ProviderError::NotOurs {
        owner,
        detail: format!(
            "the service provider answered with account {id}, which belongs to {who} and may have been overwritten; \
             nobody new is linked to it, and its owner is pushed again in the next run. Ask the provider why it did not \
             make another account: it may merge people by e-mail address or by name"
        ),
    }))
}

/// Takes access away. That the account is gone is believed only when a look-up proves it: forgetting an
/// account that is there would leave a door open for good.
async fn remove<P: ServiceProvider>(
    provider: &P,
    operation: &Operation,
    payload: &Payload,
    id: &ResourceId,
    taken: Taken<'_>,
) -> Result<Outcome, ProviderError> {
    let off = async |id: &ResourceId| match operation.action {
        Action::Delete => provider.delete(id).await.map(|()| Outcome::Removed),
        _ => provider.deactivate(id, payload).await.map(|()| Outcome::Linked {
            link: link(operation, payload, id.clone(), false),
            adopted: false,
            owed: false,
        }),
    };
    match off(id).await {
        Err(ProviderError::Gone) => {}
        other => return other,
    }
    let known = Payload {
        pushed: operation.before.clone().unwrap_or_default(),
        ..payload.clone()
    };
    // The account may have been made anew, under another id, without our learning it.
    match provider.find_own(&known, taken).await? {
        Some(other) if other != *id => return off(&other).await,
        _ => {}
    }
    if provider.is_gone(id, &known).await? {
        return Ok(Outcome::Removed);
    }
    Err(ProviderError::Unavailable {
        reason: "the service provider says that there is no such account, but a look-up does not prove it".to_owned(),
        tries: 1,
    })
}

/// The payload, and whether its manager is owed because he has no id yet.
pub(super) fn payload<S: StateStore>(ids: &Ids<S>, operation: &Operation) -> Result<(Payload, bool), StoreError> {
    let mut pushed = operation.after.clone().unwrap_or_default();
    let manager_id = match &pushed.manager {
        Some(manager) => ids.of(manager.key)?,
        None => None,
    };
    let owed = pushed.manager.is_some() && manager_id.is_none();
    if owed {
        pushed.manager = None;
    }
    Ok((
        Payload {
            external_id: operation.anchor.to_string(),
            pushed,
            manager_id,
        },
        owed,
    ))
}

pub(super) fn link(operation: &Operation, payload: &Payload, id: ResourceId, adopted: bool) -> Box<Link> {
    Box::new(Link {
        anchor: operation.anchor.clone(),
        id,
        dn: operation.dn.clone(),
        pushed: payload.pushed.clone(),
        adopted,
    })
}

pub(super) fn mark(operation: &Operation, link: &Link, owed: bool, now: i64) -> Mark {
    Mark {
        // Who is owed a manager has to be looked at again.
        source: if owed { Digest::default() } else { operation.source },
        body: link.pushed.resource.digest(),
        dn: operation.dn_key,
        manager_dn: operation.manager_dn,
        manager: link
            .pushed
            .manager
            .as_ref()
            .map(|manager| manager.key)
            .unwrap_or_default(),
        missed: 0,
        deactivated_at: if operation.action == Action::Deactivate { now } else { 0 },
        active: link.pushed.resource.is_active(),
    }
}
