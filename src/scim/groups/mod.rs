//! The port for groups. Creating is the business of `conflict`, as it is for people; here is what is done
//! to a group that has an id.

mod members;
mod reader;
pub mod request;
#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;

use super::{
    account::judge,
    client::ScimClient,
    request::PlannedRequest,
    transport::Answer,
    wanted::Wanted,
    wire::{Account, GroupShown},
};
use crate::{
    model::{Resource, ResourceId},
    ports::{Created, FoundGroup, GroupPayload, GroupProvider, MemberChange, Probe, ProviderError, Taken},
    profile::{GroupUpdate, MembersReturned},
};

impl GroupProvider for ScimClient {
    fn member_chunk(&self) -> usize {
        request::most_members(&self.profile)
    }

    async fn create_group(
        &self,
        payload: &GroupPayload,
        look_up_first: bool,
        taken: Taken<'_>,
    ) -> Result<Created, ProviderError> {
        self.heed(self.create_or_adopt(payload, look_up_first, taken).await)
    }

    async fn update_group(
        &self,
        id: &ResourceId,
        before: &Resource,
        payload: &GroupPayload,
    ) -> Result<(), ProviderError> {
        self.heed(self.bring_group_up_to_date(id, before, payload).await)
    }

    async fn change_members(&self, id: &ResourceId, change: &MemberChange) -> Result<(), ProviderError> {
        self.heed(self.move_members(id, change).await)
    }

    async fn members(&self, id: &ResourceId) -> Result<Option<Vec<ResourceId>>, ProviderError> {
        self.heed(self.read_members(id).await)
    }

    async fn delete_group(&self, id: &ResourceId) -> Result<(), ProviderError> {
        self.heed(self.change(&request::delete(id)).await)
    }

    async fn group_is_gone(&self, id: &ResourceId, payload: &GroupPayload) -> Result<bool, ProviderError> {
        self.heed(self.proves_group_absence(id, payload).await)
    }

    async fn find_own_group(
        &self,
        payload: &GroupPayload,
        taken: Taken<'_>,
    ) -> Result<Option<ResourceId>, ProviderError> {
        self.heed(self.own(payload, taken).await)
    }

    async fn has_person(&self, id: &ResourceId) -> Result<bool, ProviderError> {
        self.heed(self.shows_member(id).await)
    }

    async fn probe_group(&self, payload: &GroupPayload, taken: Taken<'_>) -> Result<FoundGroup, ProviderError> {
        self.heed(self.probe_with_members(payload, taken).await)
    }
}

impl ScimClient {
    /// The attributes only. A conflict may be two changes at the same instant, so it is tried once more.
    pub(super) async fn bring_group_up_to_date(
        &self,
        id: &ResourceId,
        before: &Resource,
        payload: &GroupPayload,
    ) -> Result<(), ProviderError> {
        let result = match self.profile.groups.update {
            GroupUpdate::Patch => self.change_twice(&request::update(id, before, payload)).await,
            GroupUpdate::Put => {
                let attributes = members::Attributes {
                    before,
                    after: &payload.resource,
                };
                self.rewrite(id, Some(attributes), &MemberChange::default()).await
            }
        };
        match result {
            Err(ProviderError::Conflict { detail }) => Err(self.name_holder(id, payload, detail).await),
            result => result,
        }
    }

    async fn read_members(&self, id: &ResourceId) -> Result<Option<Vec<ResourceId>>, ProviderError> {
        if self.profile.groups.members_returned == MembersReturned::Never {
            return Ok(None);
        }
        let body = self.read_group(id).await?;
        match GroupShown::parse(&body).filter(|group| group.id.as_ref() == Some(id)) {
            Some(group) => Ok(Some(group.into_members())),
            None => Err(not_the_group()),
        }
    }

    /// The body of the answer to a GET of the group.
    pub(super) async fn read_group(&self, id: &ResourceId) -> Result<Vec<u8>, ProviderError> {
        read(self.send(&request::get(id)).await?)
    }

    /// By name, and where that can be asked by `externalId` as well: somebody may have renamed it there.
    async fn proves_group_absence(&self, id: &ResourceId, payload: &GroupPayload) -> Result<bool, ProviderError> {
        let questions = [("displayName", payload.name()), ("externalId", payload.external_id())]
            .into_iter()
            .filter(|(attribute, value)| !value.is_empty() && GroupPayload::can_filter(&self.profile, attribute));
        let mut proved = false;
        for (attribute, value) in questions {
            let look_up = request::find(&self.profile, attribute, value);
            proved = self.lists_without(&look_up, id).await?;
            if !proved {
                break;
            }
        }
        Ok(proved)
    }

    /// Whether there is an account of that id, or a group where groups can be in groups.
    pub(super) async fn shows_member(&self, id: &ResourceId) -> Result<bool, ProviderError> {
        if self.shows(&super::request::get(id), id).await? {
            return Ok(true);
        }
        Ok(self.profile.groups.nested && self.shows(&request::get(id), id).await?)
    }

    async fn shows(&self, request: &PlannedRequest, id: &ResourceId) -> Result<bool, ProviderError> {
        match self.send(request).await.and_then(read) {
            Ok(body) if Account::parse(&body).id.as_ref() == Some(id) => Ok(true),
            Ok(_) => Err(not_what_was_asked("one member")),
            Err(ProviderError::Gone) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn probe_with_members(&self, payload: &GroupPayload, taken: Taken<'_>) -> Result<FoundGroup, ProviderError> {
        let probe = self.probe_for(payload, taken).await?;
        let members = match &probe {
            Probe::Adoptable { id, .. } => self.read_members(id).await?,
            Probe::Nothing | Probe::Foreign { .. } => None,
        };
        Ok(FoundGroup { probe, members })
    }
}

/// The body of a success; any other answer is what it is for a change.
fn read(answer: Answer) -> Result<Vec<u8>, ProviderError> {
    match answer {
        Answer {
            status: 200..=299,
            body: Ok(body),
            ..
        } => Ok(body),
        answer => judge(answer).and(Err(not_what_was_asked("one resource"))),
    }
}

/// Something answered 200, but with something else.
fn not_what_was_asked(what: &str) -> ProviderError {
    ProviderError::Unavailable {
        reason: format!("the answer to a request for {what} is something else; is [scim] endpoint right?"),
        tries: 1,
    }
}

fn not_the_group() -> ProviderError {
    not_what_was_asked("one group")
}
