//! One operation: its payload, its request, and what is remembered of it.

use std::borrow::Cow;

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
    let before = match &operation.before {
        Some(before) if operation.tell_all => Cow::Owned(before.with_unknown_values()),
        Some(before) => Cow::Borrowed(before),
        None => Cow::Owned(Pushed::default()),
    };
    let told = match operation.id {
        Some(_) => lane.store.link(operation.anchor.key())?,
        None => None,
    };
    let adopted_before = told.as_ref().is_some_and(|link| link.adopted);
    let linked = |id: ResourceId, adopted| Outcome::Linked {
        link: link(operation, &payload, id, adopted || adopted_before),
        adopted,
        owed,
    };
    let made = |created: Created| {
        let (id, adopted, in_use) = match created {
            Created::New(id) => (id, false, false),
            Created::Adopted(id) => (id, true, false),
            Created::AdoptedInUse(id) => (id, true, true),
        };
        own(lane, operation, id).map(|own| own.map(|id| as_found(linked(id, adopted), in_use)))
    };
    let created = match (operation.action, &operation.id) {
        (Action::Delete | Action::Deactivate, Some(id)) => {
            return Ok(remove(provider, operation, &payload, id, &taken).await);
        }
        (Action::Create, _) | (_, None) => provider.create(&payload, operation.look_up_first, &taken).await,
        (Action::Update | Action::Reactivate | Action::Reference, Some(id)) => {
            match provider.update(id, &before, &payload).await {
                // Deleted there by somebody: forget the id, look up, create again.
                Err(ProviderError::Gone) => make_anew(provider, told.as_ref(), &payload, id, &taken).await,
                other => return Ok(other.map(|()| linked(id.clone(), false))),
            }
        }
    };
    match created {
        Ok(created) => made(created),
        Err(error) => Ok(Err(error)),
    }
}

/// An adopted account that is left in use is remembered as such.
fn as_found(outcome: Outcome, in_use: bool) -> Outcome {
    match outcome {
        Outcome::Linked {
            mut link,
            adopted,
            owed,
        } if in_use => {
            link.pushed.resource = link.pushed.resource.with_active(true);
            Outcome::Linked { link, adopted, owed }
        }
        outcome => outcome,
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

/// Creates the account again that the provider says is not there. The look-up before the POST may go by the
/// new name alone, so for somebody who is renamed the one that he has there has to prove it first: a 404 by
/// mistake would make a second account.
async fn make_anew<P: ServiceProvider>(
    provider: &P,
    told: Option<&Link>,
    payload: &Payload,
    id: &ResourceId,
    taken: Taken<'_>,
) -> Result<Created, ProviderError> {
    let there = Payload {
        pushed: told.map(|link| link.pushed.clone()).unwrap_or_default(),
        ..payload.clone()
    };
    let is_rename = there.pushed.resource.user_name() != payload.pushed.resource.user_name();
    if is_rename && !provider.is_gone(id, &there).await? {
        return Err(not_proved());
    }
    provider.create(payload, true, taken).await
}

fn not_proved() -> ProviderError {
    ProviderError::Unavailable {
        reason: "the service provider says that there is no such account, but a look-up does not prove it".to_owned(),
        tries: 1,
    }
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
    Err(not_proved())
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
        perhaps_named: Vec::new(),
    })
}

pub(super) fn mark(operation: &Operation, link: &Link, owed: bool, now: i64) -> Mark {
    let wanted = operation.after.as_ref().map(|after| &after.resource);
    let is_done = !owed && wanted == Some(&link.pushed.resource);
    Mark {
        // Who is owed a manager, or was not told everything, has to be looked at again.
        source: if is_done { operation.source } else { Digest::default() },
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
