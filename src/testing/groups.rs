//! The groups of the cloud in memory: stricter than any real one.

use std::collections::{BTreeMap, BTreeSet};

use super::{MemoryCloud, lock};
use crate::{
    model::{Resource, ResourceId},
    ports::{
        CloudAccount, CloudGroup, Created, FoundGroup, GroupPayload, GroupProvider, GroupReader, ListFrom, ListNext,
        ListPage, Match, MemberChange, MembersTold, Probe, ProviderError, Taken,
    },
};

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) external_id: String,
    pub(crate) resource: Resource,
    pub(crate) members: BTreeSet<String>,
}

/// All of them, and what was asked.
pub(super) struct Groups {
    all: BTreeMap<String, Group>,
    log: Vec<String>,
    chunk: usize,
    tells_members: bool,
    by_person: Option<ByPerson>,
    made: u64,
}

/// How questions for the groups of a person are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByPerson {
    /// Truly, but not for those in more groups than this.
    UpTo(usize),
    /// With every group, whoever is asked about.
    Ignored,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            all: BTreeMap::new(),
            log: Vec::new(),
            chunk: 100,
            tells_members: false,
            by_person: None,
            made: 0,
        }
    }
}

impl Groups {
    /// Somebody's account goes, and he with it.
    pub(super) fn leave(&mut self, person: &str) {
        self.all
            .values_mut()
            .for_each(|group| group.members.retain(|member| member != person));
    }

    fn free(&self, payload: &GroupPayload, own: Option<&ResourceId>) -> Result<(), ProviderError> {
        let name = payload.resource.text("displayName");
        assert!(
            name.is_some_and(|name| !name.is_empty()),
            "a group without a name: {payload:?}"
        );
        let is_other = |id: &String| own.is_none_or(|own| own.0 != *id);
        match self
            .all
            .iter()
            .find(|(id, g)| is_other(id) && g.resource.text("displayName") == name)
        {
            Some((id, _)) => Err(ProviderError::Conflict {
                detail: format!("{name:?} is held by group {id}"),
            }),
            None => Ok(()),
        }
    }

    fn ours(&self, payload: &GroupPayload, taken: Taken<'_>) -> Option<ResourceId> {
        let mut ids = self.all.iter().filter(|(_, g)| g.external_id == payload.external_id);
        ids.find_map(|(id, _)| Some(ResourceId(id.clone())).filter(|id| !taken(id)))
    }

    fn write(&mut self, id: &ResourceId, payload: &GroupPayload) -> Result<(), ProviderError> {
        if !self.all.contains_key(&id.0) {
            return Err(ProviderError::Gone);
        }
        self.free(payload, Some(id))?;
        if let Some(group) = self.all.get_mut(&id.0) {
            group.external_id.clone_from(&payload.external_id);
            group.resource.clone_from(&payload.resource);
        }
        Ok(())
    }
}

impl MemoryCloud {
    /// Every group by its id.
    pub(crate) fn groups(&self) -> BTreeMap<String, Group> {
        lock(&self.groups).all.clone()
    }

    /// The requests about groups, as `create VPN`, `members g-1 +id-2 -id-3`, in order.
    pub(crate) fn group_log(&self) -> Vec<String> {
        lock(&self.groups).log.clone()
    }

    /// Takes at most so many members in one request (100 unless told).
    pub(crate) fn set_member_chunk(&self, most: usize) {
        lock(&self.groups).chunk = most;
    }

    /// Tells members, as some clouds do.
    pub(crate) fn tell_members(&self) {
        lock(&self.groups).tells_members = true;
    }

    /// Tells the groups of one person at a time.
    pub(crate) fn tell_by_person(&self, how: ByPerson) {
        lock(&self.groups).by_person = Some(how);
    }

    /// Somebody puts people in by hand, or takes them out.
    pub(crate) fn edit_members(&self, id: &str, change: impl FnOnce(&mut BTreeSet<String>)) {
        if let Some(group) = lock(&self.groups).all.get_mut(id) {
            change(&mut group.members);
        }
    }

    /// Somebody deletes the group by hand.
    pub(crate) fn remove_group(&self, id: &str) {
        lock(&self.groups).all.remove(id);
    }

    fn note(&self, request: String) {
        *lock(&self.requests) += 1;
        lock(&self.groups).log.push(request);
    }

    fn refused(&self, payload: &GroupPayload) -> Result<(), ProviderError> {
        let name = payload.resource.text("displayName").unwrap_or_default().to_lowercase();
        if lock(&self.refuse).contains(&name) {
            return Err(ProviderError::Refused {
                status: 400,
                detail: "told to".into(),
            });
        }
        Ok(())
    }
}

impl GroupProvider for MemoryCloud {
    fn member_chunk(&self) -> usize {
        lock(&self.groups).chunk
    }

    async fn create_group(
        &self,
        payload: &GroupPayload,
        look_up_first: bool,
        taken: Taken<'_>,
    ) -> Result<Created, ProviderError> {
        let name = payload.resource.text("displayName").unwrap_or_default();
        let doubt = if look_up_first { "look, " } else { "" };
        self.note(format!("{doubt}create {name}"));
        self.refused(payload)?;
        let mut groups = lock(&self.groups);
        let ours = groups.ours(payload, taken);
        let free = groups.free(payload, None);
        match (free, ours) {
            (free, Some(id)) if look_up_first || free.is_err() => {
                groups.write(&id, payload).map(|()| Created::Adopted(id))
            }
            (Err(error), _) => Err(error),
            (Ok(()), _) => {
                groups.made += 1;
                let id = format!("g-{}", groups.made);
                let group = Group {
                    external_id: payload.external_id.clone(),
                    resource: payload.resource.clone(),
                    members: BTreeSet::new(),
                };
                groups.all.insert(id.clone(), group);
                Ok(Created::New(ResourceId(id)))
            }
        }
    }

    async fn update_group(
        &self,
        id: &ResourceId,
        _before: &Resource,
        payload: &GroupPayload,
    ) -> Result<(), ProviderError> {
        self.note(format!("update {id}"));
        self.refused(payload)?;
        lock(&self.groups).write(id, payload)
    }

    async fn change_members(&self, id: &ResourceId, change: &MemberChange) -> Result<(), ProviderError> {
        let signed = |sign: char, ids: &[ResourceId]| ids.iter().map(|id| format!(" {sign}{id}")).collect::<String>();
        self.note(format!(
            "members {id}{}{}",
            signed('+', &change.add),
            signed('-', &change.remove)
        ));
        let mut groups = lock(&self.groups);
        assert!(!change.is_empty(), "a request that changes nothing");
        assert!(
            change.len() <= groups.chunk,
            "too many members in one request: {change:?}"
        );
        let all: BTreeSet<&ResourceId> = change.add.iter().chain(&change.remove).collect();
        assert_eq!(all.len(), change.len(), "somebody is named twice: {change:?}");
        let accounts = lock(&self.accounts);
        let is_there = |id: &&ResourceId| accounts.contains_key(&id.0) || groups.all.contains_key(&id.0);
        if !all.iter().all(is_there) {
            return Err(ProviderError::Gone);
        }
        let group = groups.all.get_mut(&id.0).ok_or(ProviderError::Gone)?;
        group
            .members
            .retain(|member| change.remove.iter().all(|out| out.0 != *member));
        group.members.extend(change.add.iter().map(|id| id.0.clone()));
        Ok(())
    }

    async fn members(&self, id: &ResourceId) -> Result<Option<Vec<ResourceId>>, ProviderError> {
        if !lock(&self.groups).tells_members {
            return Ok(None);
        }
        self.note(format!("read {id}"));
        let groups = lock(&self.groups);
        let group = groups.all.get(&id.0).ok_or(ProviderError::Gone)?;
        Ok(Some(group.members.iter().cloned().map(ResourceId).collect()))
    }

    async fn delete_group(&self, id: &ResourceId) -> Result<(), ProviderError> {
        self.note(format!("delete {id}"));
        lock(&self.groups)
            .all
            .remove(&id.0)
            .map(drop)
            .ok_or(ProviderError::Gone)
    }

    async fn group_is_gone(&self, id: &ResourceId, _payload: &GroupPayload) -> Result<bool, ProviderError> {
        self.note(format!("is gone {id}?"));
        Ok(!lock(&self.groups).all.contains_key(&id.0))
    }

    async fn find_own_group(
        &self,
        payload: &GroupPayload,
        taken: Taken<'_>,
    ) -> Result<Option<ResourceId>, ProviderError> {
        self.note("look".to_owned());
        Ok(lock(&self.groups).ours(payload, taken))
    }

    async fn has_person(&self, id: &ResourceId) -> Result<bool, ProviderError> {
        self.note(format!("has {id}?"));
        Ok(lock(&self.accounts).contains_key(&id.0))
    }

    async fn probe_group(&self, payload: &GroupPayload, taken: Taken<'_>) -> Result<FoundGroup, ProviderError> {
        let ours = lock(&self.groups).ours(payload, taken);
        let Some(id) = ours else {
            return Ok(FoundGroup {
                probe: Probe::Nothing,
                members: None,
            });
        };
        let members = self.members(&id).await?;
        let user_name = payload.resource.text("displayName").unwrap_or_default().to_owned();
        Ok(FoundGroup {
            probe: Probe::Adoptable {
                id,
                user_name,
                because: "its externalId is this group's anchor".into(),
            },
            members,
        })
    }
}

fn shown(id: &str, group: &Group) -> CloudAccount {
    CloudAccount {
        id: ResourceId(id.to_owned()),
        resource: group.resource.clone(),
        manager: None,
    }
}

impl GroupReader for MemoryCloud {
    fn members_told(&self) -> MembersTold {
        let groups = lock(&self.groups);
        match (groups.tells_members, groups.by_person) {
            (true, _) => MembersTold::WithTheGroup,
            (false, Some(_)) => MembersTold::ByPerson,
            (false, None) => MembersTold::Never,
        }
    }

    async fn list_groups(&self, _from: &ListFrom) -> Result<ListPage, ProviderError> {
        *lock(&self.questions) += 1;
        let all: Vec<CloudAccount> = self.groups().iter().map(|(id, group)| shown(id, group)).collect();
        Ok(ListPage {
            total: Some(all.len() as u64),
            accounts: all,
            next: ListNext::End,
        })
    }

    async fn group(&self, id: &ResourceId) -> Result<Option<CloudGroup>, ProviderError> {
        *lock(&self.questions) += 1;
        let told = self.members_told() == MembersTold::WithTheGroup;
        Ok(self.groups().remove(&id.0).map(|group| CloudGroup {
            id: id.clone(),
            resource: group.resource,
            members: told.then(|| group.members.into_iter().map(ResourceId).collect()),
        }))
    }

    async fn has_no_group(&self, id: &ResourceId, _payload: &GroupPayload) -> Result<bool, ProviderError> {
        *lock(&self.questions) += 1;
        Ok(!self.groups().contains_key(&id.0))
    }

    async fn group_of(&self, payload: &GroupPayload, _taken: Taken<'_>) -> Result<Match, ProviderError> {
        *lock(&self.questions) += 1;
        let name = payload.resource.text("displayName");
        let groups = self.groups();
        let found = groups
            .iter()
            .find(|(_, group)| group.resource.text("displayName") == name);
        Ok(match found {
            None => Match::Nothing,
            Some((id, group)) => match self.judge_group(Some(&group.external_id), payload) {
                Ok(()) => Match::Theirs(Box::new(shown(id, group))),
                Err(because) => Match::Foreign {
                    id: ResourceId(id.clone()),
                    user_name: name.unwrap_or_default().to_owned(),
                    because,
                },
            },
        })
    }

    fn judge_group(&self, external_id: Option<&str>, payload: &GroupPayload) -> Result<(), String> {
        match external_id == Some(&payload.external_id) {
            true => Ok(()),
            false => Err("another one".into()),
        }
    }

    async fn groups_of(&self, person: &ResourceId) -> Result<Option<Vec<ResourceId>>, ProviderError> {
        *lock(&self.questions) += 1;
        let how = lock(&self.groups).by_person;
        let groups = self.groups();
        let is_in = |group: &Group| how == Some(ByPerson::Ignored) || group.members.contains(&person.0);
        let ids = groups.iter().filter(|(_, group)| is_in(group));
        let ids: Vec<ResourceId> = ids.map(|(id, _)| ResourceId(id.clone())).collect();
        let most = match how {
            Some(ByPerson::UpTo(most)) => most,
            Some(ByPerson::Ignored) => usize::MAX,
            None => 0,
        };
        Ok((ids.len() <= most).then_some(ids))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{model::Pushed, ports::Payload, ports::ServiceProvider};

    fn group(name: &str, anchor: &str) -> GroupPayload {
        GroupPayload {
            external_id: anchor.into(),
            resource: serde_json::from_value(json!({"displayName": name, "externalId": anchor})).unwrap(),
        }
    }

    fn change(add: &[&str], remove: &[&str]) -> MemberChange {
        let ids = |ids: &[&str]| ids.iter().map(|id| ResourceId((*id).into())).collect();
        MemberChange {
            add: ids(add),
            remove: ids(remove),
        }
    }

    fn nobody(_: &ResourceId) -> bool {
        false
    }

    async fn cloud_with_ada() -> MemoryCloud {
        let cloud = MemoryCloud::default();
        let ada = Payload {
            external_id: "a".into(),
            pushed: Pushed {
                resource: serde_json::from_value(json!({"userName": "ada"})).unwrap(),
                manager: None,
            },
            manager_id: None,
        };
        cloud.create(&ada, false, &nobody).await.unwrap();
        cloud
    }

    #[tokio::test]
    async fn strangers_and_names_in_use_are_refused() {
        let cloud = cloud_with_ada().await;
        let vpn = ResourceId("g-1".into());
        let made = cloud.create_group(&group("VPN", "x"), false, &nobody).await;
        assert_eq!(made, Ok(Created::New(vpn.clone())));
        let second = cloud.create_group(&group("VPN", "y"), false, &nobody).await;
        assert!(matches!(second, Err(ProviderError::Conflict { .. })), "{second:?}");
        let again = cloud.create_group(&group("VPN2", "x"), true, &nobody).await;
        assert_eq!(again, Ok(Created::Adopted(vpn.clone())));

        assert_eq!(cloud.change_members(&vpn, &change(&["id-1"], &[])).await, Ok(()));
        let stranger = cloud.change_members(&vpn, &change(&["id-2"], &[])).await;
        assert_eq!(stranger, Err(ProviderError::Gone));
        assert_eq!(cloud.has_person(&ResourceId("id-2".into())).await, Ok(false));
        assert_eq!(cloud.groups()["g-1"].members, ["id-1".to_owned()].into());
        cloud.remove("id-1");
        assert!(cloud.groups()["g-1"].members.is_empty(), "who goes leaves all groups");
        cloud.remove_group("g-1");
        assert_eq!(cloud.delete_group(&vpn).await, Err(ProviderError::Gone));
        assert_eq!(
            cloud.group_log(),
            [
                "create VPN",
                "create VPN",
                "look, create VPN2",
                "members g-1 +id-1",
                "members g-1 +id-2",
                "has id-2?",
                "delete g-1"
            ]
        );
    }

    #[tokio::test]
    async fn members_are_told_on_request() {
        let cloud = cloud_with_ada().await;
        let made = group("VPN", "x");
        cloud.create_group(&made, false, &nobody).await.unwrap();
        let vpn = ResourceId("g-1".into());
        cloud.change_members(&vpn, &change(&["id-1"], &[])).await.unwrap();
        assert_eq!(cloud.members(&vpn).await, Ok(None));
        cloud.tell_members();
        let found = cloud.probe_group(&made, &nobody).await.unwrap();
        assert_eq!(found.members, Some(vec![ResourceId("id-1".into())]));
    }

    #[tokio::test]
    #[should_panic(expected = "too many members")]
    async fn a_chunk_that_is_too_large_is_our_mistake() {
        let cloud = cloud_with_ada().await;
        cloud.set_member_chunk(1);
        let change = change(&["id-1"], &["id-2"]);
        let _ = cloud.change_members(&ResourceId("g-1".into()), &change).await;
    }
}
