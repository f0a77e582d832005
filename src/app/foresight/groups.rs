//! What each operation on a group would send.

use super::yet_to_come;
use crate::{
    app::names::Names,
    model::{AnchorKey, GroupAction, GroupOperation, Resource, ResourceId, StoreError},
    ports::{GroupPayload, MemberChange},
    profile::{GroupUpdate, Profile},
    report::{GroupLine, Member},
    scim::{
        groups::request::{self, most_members},
        request::PlannedRequest,
    },
};

/// The operation as a line of the report. The id of somebody who is yet to be created stands in braces.
///
/// # Errors
/// When the state cannot be read.
pub(in crate::app) fn foresee_group(
    names: &Names<'_>,
    profile: &Profile,
    operation: GroupOperation,
    held: bool,
) -> Result<GroupLine, StoreError> {
    let all = |keys: &[AnchorKey]| {
        let known = keys.iter().map(|key| names.of(*key)).filter_map(Result::transpose);
        known.collect::<Result<Vec<Member>, StoreError>>()
    };
    let (added, removed) = (all(&operation.add)?, all(&operation.remove)?);
    let known = operation.link.as_ref().filter(|link| link.id.is_some());
    let members_before = known.map_or(0, |link| link.members.count);
    let without = members_before.saturating_sub((operation.remove.len() + operation.forget.len()) as u64);
    let members_after = match operation.action {
        GroupAction::Delete => 0,
        _ => without + operation.add.len() as u64,
    };
    Ok(GroupLine {
        requests: requests(profile, &operation, &added, &removed),
        members_before,
        members_after,
        added,
        removed,
        held,
        probe: None,
        operation,
    })
}

/// What a request about a group carries.
pub(in crate::app) fn payload(operation: &GroupOperation, wanted: &Resource) -> GroupPayload {
    GroupPayload {
        external_id: operation.anchor.to_string(),
        resource: wanted.clone(),
    }
}

fn requests(
    profile: &Profile,
    operation: &GroupOperation,
    added: &[Member],
    removed: &[Member],
) -> Vec<PlannedRequest> {
    let known = operation.link.as_ref().and_then(|link| Some((link.id.as_ref()?, link)));
    let group = Group {
        profile,
        id: known.map_or_else(|| yet_to_come(&operation.dn), |(id, _)| id.clone()),
        is_known: known.is_some(),
    };
    let mut requests = Vec::new();
    match (operation.action, known) {
        (GroupAction::Create, _) => requests.push(request::create(&payload(operation, &operation.after))),
        (GroupAction::Update, Some((_, link))) => {
            let mut before = &link.resource;
            for wanted in operation.aside.iter().chain([&operation.after]) {
                requests.extend(group.update(before, &payload(operation, wanted)));
                before = wanted;
            }
        }
        (GroupAction::Delete, Some((id, _))) => requests.push(request::delete(id)),
        _ => {}
    }
    // As the executor has it: access goes before it comes.
    let members: Vec<(ResourceId, bool)> = removed
        .iter()
        .map(|member| (id_of(member), false))
        .chain(added.iter().map(|member| (id_of(member), true)))
        .collect();
    for chunk in members.chunks(most_members(profile)) {
        let of = |joins: bool| chunk.iter().filter(move |member| member.1 == joins);
        let change = MemberChange {
            add: of(true).map(|(id, _)| id.clone()).collect(),
            remove: of(false).map(|(id, _)| id.clone()).collect(),
        };
        requests.extend(group.change_members(&change));
    }
    requests
}

fn id_of(member: &Member) -> ResourceId {
    member.id.clone().unwrap_or_else(|| yet_to_come(&member.dn))
}

/// A group that requests are about.
struct Group<'a> {
    profile: &'a Profile,
    id: ResourceId,
    is_known: bool,
}

impl Group<'_> {
    fn update(&self, before: &Resource, payload: &GroupPayload) -> Vec<PlannedRequest> {
        match self.profile.groups.update {
            GroupUpdate::Patch => vec![self.at(request::update(&self.id, before, payload))],
            GroupUpdate::Put => self.rewrite(),
        }
    }

    fn change_members(&self, change: &MemberChange) -> Vec<PlannedRequest> {
        match self.profile.groups.update {
            GroupUpdate::Patch => vec![self.at(request::change_members(self.profile, &self.id, change))],
            GroupUpdate::Put => self.rewrite(),
        }
    }

    /// What is sent depends on what the cloud answers, so there is no body to be told.
    fn rewrite(&self) -> Vec<PlannedRequest> {
        let read = self.at(request::get(&self.id));
        let write = PlannedRequest {
            method: "PUT",
            ..read.clone()
        };
        vec![read, write]
    }

    /// Nobody would recognise an id to come in the encoding of a path.
    fn at(&self, request: PlannedRequest) -> PlannedRequest {
        match self.is_known {
            true => request,
            false => PlannedRequest {
                path: format!("Groups/{}", self.id),
                ..request
            },
        }
    }
}
