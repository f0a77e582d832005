//! One group: itself, its end, or its members.

use super::{
    Crew,
    members::{self, Tally},
};
use crate::{
    model::{AnchorKey, AttributePath, GroupAction, GroupLink, GroupOperation, MemberSum, Resource, ResourceId, Value},
    ports::{Created, GroupChange, GroupPayload, GroupProvider, GroupStore, ProviderError, StateStore, StoreError},
};

/// Which half of an operation is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Its temporary name.
    Aside,
    /// The group itself.
    Itself,
    /// Its members, or its end.
    Members,
}

/// What one half came to.
pub(super) enum Done {
    /// The group is there.
    Itself {
        link: Box<GroupLink>,
        adopted: bool,
        /// Who turned out to be in it, in key order; nothing where that is as remembered.
        members: Option<Vec<AnchorKey>>,
    },
    /// The members are, as far as possible, as wanted.
    Members(Tally),
}

pub(super) async fn carry_out<P: GroupProvider, S: StateStore + GroupStore>(
    crew: &Crew<P, S>,
    operation: &GroupOperation,
    way: Way,
    now: i64,
) -> Result<Result<Done, ProviderError>, StoreError> {
    match way {
        Way::Aside => match &operation.aside {
            Some(aside) => itself(crew, operation, aside).await,
            None => itself(crew, operation, &operation.after).await,
        },
        Way::Itself => itself(crew, operation, &operation.after).await,
        Way::Members => match (&operation.link, operation.action) {
            (Some(link), GroupAction::Delete) => delete(crew, operation, link).await,
            (Some(link), _) => Ok(Ok(Done::Members(members::change(crew, operation, link, now).await?))),
            (None, _) => Err(StoreError(format!(
                "the group {} has no link: please report this",
                operation.dn
            ))),
        },
    }
}

async fn itself<P: GroupProvider, S: StateStore + GroupStore>(
    crew: &Crew<P, S>,
    operation: &GroupOperation,
    wanted: &Resource,
) -> Result<Result<Done, ProviderError>, StoreError> {
    let payload = GroupPayload {
        resource: wanted.clone(),
        ..payload(operation)
    };
    let known = operation
        .link
        .as_ref()
        .and_then(|link| link.id.as_ref().map(|id| (link, id)));
    let outcome = match known {
        Some((link, id)) => match crew.provider.update_group(id, &link.resource, &payload).await {
            // Deleted there by somebody: forget the id, look up, create again.
            Err(ProviderError::Gone) => make_anew(crew, operation, (id, link), &payload).await,
            other => other.map(|()| (id.clone(), link.adopted, link.members)),
        },
        None => match made_before(crew, operation, &payload).await {
            Ok(Some((id, made))) => {
                // Known from here on, also when its new name is another one's: then the next plan sees both.
                let link = GroupChange::Put(operation.anchor.key(), Box::new(made.clone()));
                crew.store.apply_groups(&[link])?;
                let updated = crew.provider.update_group(&id, &made.resource, &payload).await;
                updated.map(|()| (id, true, MemberSum::default()))
            }
            Ok(None) => create(crew, &payload, operation.link.is_some()).await,
            Err(error) => Err(error),
        },
    };
    let (id, adopted, members) = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return Ok(Err(error)),
    };
    crew.take(&id);
    let is_new = known.is_none_or(|(_, known)| *known != id);
    let found = if adopted && is_new {
        match crew.provider.members(&id).await {
            Ok(ids) => crew.accounts.owners(&ids.unwrap_or_default())?,
            Err(error) => return Ok(Err(error)),
        }
    } else {
        Vec::new()
    };
    let mut link = GroupLink {
        anchor: operation.anchor.clone(),
        id: Some(id),
        dn: operation.dn.clone(),
        resource: wanted.clone(),
        members,
        adopted,
        missed: 0,
        emptied_at: 0,
        perhaps_named: Vec::new(),
    };
    if *wanted != operation.after {
        // Which is sent next.
        link.perhaps_rename(operation.display_name());
    }
    let key = operation.anchor.key();
    if is_new {
        // What is remembered of another group's members is void. Of our people, those who are in it are as
        // good as put in by us: who should not be is taken out by the next plan, within its limits.
        found.iter().for_each(|&person| link.members.add(person));
        let members = GroupChange::Members {
            group: key,
            link: Box::new(link.clone()),
            add: found.clone(),
            remove: Vec::new(),
        };
        let in_doubt = GroupChange::InDoubt {
            group: key,
            people: crew.in_doubt.get(&key).cloned().unwrap_or_default(),
        };
        crew.store
            .apply_groups(&[GroupChange::Forget(key), members, in_doubt])?;
    } else {
        crew.store
            .apply_groups(&[GroupChange::Put(key, Box::new(link.clone()))])?;
    }
    Ok(Ok(Done::Itself {
        adopted: adopted && is_new,
        link: Box::new(link),
        members: is_new.then_some(found),
    }))
}

async fn create<P: GroupProvider, S: GroupStore>(
    crew: &Crew<P, S>,
    payload: &GroupPayload,
    look_up_first: bool,
) -> Result<(ResourceId, bool, MemberSum), ProviderError> {
    let taken = |id: &ResourceId| crew.is_taken(id);
    let created = crew.provider.create_group(payload, look_up_first, &taken).await?;
    Ok(match created {
        Created::New(id) => (id, false, MemberSum::default()),
        Created::Adopted(id) | Created::AdoptedInUse(id) => (id, true, MemberSum::default()),
    })
}

/// What an earlier create of the group, of which nobody heard, has left under another name than is wanted now.
async fn made_before<P: GroupProvider, S: GroupStore>(
    crew: &Crew<P, S>,
    operation: &GroupOperation,
    wanted: &GroupPayload,
) -> Result<Option<(ResourceId, GroupLink)>, ProviderError> {
    let Some(link) = &operation.link else {
        return Ok(None);
    };
    let taken = |id: &ResourceId| crew.is_taken(id);
    for name in link.names().filter(|name| *name != operation.display_name()) {
        let asked = named(wanted, name);
        let Some(id) = crew.provider.find_own_group(&asked, &taken).await? else {
            continue;
        };
        let mut made = GroupLink {
            id: Some(id.clone()),
            resource: asked.resource,
            ..link.clone()
        };
        // Where it was found by its externalId it may have any of these.
        link.names().for_each(|name| made.perhaps_rename(name));
        made.perhaps_rename(operation.display_name());
        return Ok(Some((id, made)));
    }
    Ok(None)
}

/// Creates the group again that the provider says is not there. The look-up before the POST may go by the
/// new name alone, so every other name that it may have there has to prove it first: a 404 by mistake would
/// make a second group.
async fn make_anew<P: GroupProvider, S: GroupStore>(
    crew: &Crew<P, S>,
    operation: &GroupOperation,
    (id, link): (&ResourceId, &GroupLink),
    wanted: &GroupPayload,
) -> Result<(ResourceId, bool, MemberSum), ProviderError> {
    if !is_proved_gone(crew, operation, id, link).await? {
        return Err(unproved());
    }
    create(crew, wanted, true).await
}

/// Whether look-ups by every name that the group may have prove that it is not there.
pub(super) async fn is_proved_gone<P: GroupProvider, S>(
    crew: &Crew<P, S>,
    operation: &GroupOperation,
    id: &ResourceId,
    link: &GroupLink,
) -> Result<bool, ProviderError> {
    for name in link.names() {
        let known = named(&payload(operation), name);
        if !crew.provider.group_is_gone(id, &known).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn named(payload: &GroupPayload, name: &str) -> GroupPayload {
    let mut named = payload.clone();
    let name = Value::Text(name.to_owned());
    named
        .resource
        .attributes
        .insert(AttributePath::new("displayName"), name);
    named
}

/// That the group is gone is believed only when look-ups prove it.
async fn delete<P: GroupProvider, S: StateStore + GroupStore>(
    crew: &Crew<P, S>,
    operation: &GroupOperation,
    link: &GroupLink,
) -> Result<Result<Done, ProviderError>, StoreError> {
    let Some(id) = &link.id else {
        return Err(StoreError(format!(
            "the group {} has no id: please report this",
            operation.dn
        )));
    };
    let gone = match crew.provider.delete_group(id).await {
        Ok(()) => true,
        Err(ProviderError::Gone) => match is_proved_gone(crew, operation, id, link).await {
            Ok(gone) => gone,
            Err(error) => return Ok(Err(error)),
        },
        Err(error) => return Ok(Err(error)),
    };
    if !gone {
        return Ok(Err(unproved()));
    }
    crew.store
        .apply_groups(&[GroupChange::Forget(operation.anchor.key())])?;
    Ok(Ok(Done::Members(Tally::default())))
}

pub(super) fn payload(operation: &GroupOperation) -> GroupPayload {
    GroupPayload {
        external_id: operation.anchor.to_string(),
        resource: operation.after.clone(),
    }
}

pub(super) fn unproved() -> ProviderError {
    ProviderError::Unavailable {
        reason: "the service provider says that there is no such group, but a look-up does not prove it".to_owned(),
        tries: 1,
    }
}
