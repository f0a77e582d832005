//! Groups looked at and not changed.

use super::{not_the_group, request};
use crate::{
    model::ResourceId,
    ports::{
        CloudAccount, CloudGroup, GroupPayload, GroupReader, ListFrom, ListPage, Match, MembersTold, ProviderError,
        Taken,
    },
    profile::MembersReturned,
    scim::{
        client::ScimClient,
        list::{body_of, unusable},
        wanted::Wanted,
        wire::{self, GroupShown, Page},
    },
};

/// The attribute by which the groups of a person are asked for (RFC 7643 section 4.2).
const BY_PERSON: &str = "members.value";

impl GroupReader for ScimClient {
    fn members_told(&self) -> MembersTold {
        match self.profile.groups.members_returned {
            MembersReturned::Always | MembersReturned::One => MembersTold::WithTheGroup,
            MembersReturned::Never if GroupPayload::can_filter(&self.profile, BY_PERSON) => MembersTold::ByPerson,
            MembersReturned::Never => MembersTold::Never,
        }
    }

    async fn list_groups(&self, from: &ListFrom) -> Result<ListPage, ProviderError> {
        let from = self.first_or(from);
        self.page(&request::list(&self.profile, from), from).await
    }

    async fn group(&self, id: &ResourceId) -> Result<Option<CloudGroup>, ProviderError> {
        self.heed(self.read_whole_group(id).await)
    }

    async fn has_no_group(&self, id: &ResourceId, payload: &GroupPayload) -> Result<bool, ProviderError> {
        self.heed(self.proves_group_absence(id, payload).await)
    }

    async fn group_of(&self, payload: &GroupPayload, taken: Taken<'_>) -> Result<Match, ProviderError> {
        self.heed(self.match_for(payload, taken).await)
    }

    fn judge_group(&self, external_id: Option<&str>, payload: &GroupPayload) -> Result<(), String> {
        self.judge_shown(external_id, payload)
    }

    async fn groups_of(&self, person: &ResourceId) -> Result<Option<Vec<ResourceId>>, ProviderError> {
        self.heed(self.read_groups_of(person).await)
    }
}

impl ScimClient {
    async fn read_whole_group(&self, id: &ResourceId) -> Result<Option<CloudGroup>, ProviderError> {
        let answer = match self.send(&request::get(id)).await {
            Ok(answer) => answer,
            // Such an id has no place in a URL, so no group can have it.
            Err(ProviderError::Gone) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(body) = body_of(answer)? else { return Ok(None) };
        match (wire::account(&body), GroupShown::parse(&body)) {
            (
                Some(CloudAccount {
                    id: there, resource, ..
                }),
                Some(group),
            ) if there == *id => {
                let told = self.profile.groups.members_returned != MembersReturned::Never;
                Ok(Some(CloudGroup {
                    id: there,
                    resource,
                    members: told.then(|| group.into_members()),
                }))
            }
            _ => Err(not_the_group()),
        }
    }

    /// A list that may not be whole tells nothing of the groups that are not in it.
    async fn read_groups_of(&self, person: &ResourceId) -> Result<Option<Vec<ResourceId>>, ProviderError> {
        if self.members_told() != MembersTold::ByPerson {
            return Ok(None);
        }
        let answer = self.send(&request::find(&self.profile, BY_PERSON, &person.0)).await?;
        let Some(body) = body_of(answer)? else {
            return Err(unusable("the groups of a person were answered with 404".into()));
        };
        let page = Page::parse(&body, self.profile.page_cap)
            .ok_or_else(|| unusable("the groups of a person were answered with something that is not a list".into()))?;
        let ids = page.accounts.into_iter().filter_map(|group| group.id);
        Ok((!page.partial).then(|| ids.collect()))
    }
}
