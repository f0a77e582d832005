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
    let again = |shall_be_in: bool| -> Vec<AnchorKey> {
        let these = operation.again.iter().filter(|(_, it)| *it == shall_be_in);
        these.map(|(key, _)| *key).collect()
    };
    let (added, removed) = (all(&operation.add)?, all(&operation.remove)?);
    let (joining, leaving) = (all(&again(true))?, all(&again(false))?);
    let known = operation.link.as_ref().filter(|link| link.id.is_some());
    let members_before = known.map_or(0, |link| link.members.count);
    let without = members_before.saturating_sub((operation.remove.len() + operation.forget.len()) as u64);
    let members_after = match operation.action {
        GroupAction::Delete => 0,
        _ => without + operation.add.len() as u64,
    };
    Ok(GroupLine {
        requests: requests(
            profile,
            &operation,
            &[&added[..], &joining].concat(),
            &[&removed[..], &leaving].concat(),
        ),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Anchor, AttributePath, Digest, GroupLink, MemberSum, Value};

    fn named(name: &str) -> Resource {
        let mut resource = Resource::default();
        let name = Value::Text(name.to_owned());
        resource.attributes.insert(AttributePath::new("displayName"), name);
        resource
    }

    fn operation(action: GroupAction, old: Option<&str>) -> GroupOperation {
        let anchor = Anchor::new("a");
        GroupOperation {
            dn: "cn=g".into(),
            action,
            link: old.map(|old| GroupLink {
                anchor: anchor.clone(),
                id: Some(ResourceId("7".into())),
                dn: "cn=g".into(),
                resource: named(old),
                members: MemberSum::default(),
                adopted: false,
                missed: 0,
                emptied_at: 0,
                perhaps_named: Vec::new(),
            }),
            anchor,
            aside: None,
            after: named("new"),
            add: Vec::new(),
            remove: Vec::new(),
            forget: Vec::new(),
            again: Vec::new(),
            takes_over: None,
            wanted: Digest::default(),
        }
    }

    fn members(count: usize) -> Vec<Member> {
        let member = |at: usize| Member {
            is_group: false,
            name: format!("p{at}"),
            dn: format!("uid=p{at}"),
            id: (at > 0).then(|| ResourceId(at.to_string())),
        };
        (0..count).map(member).collect()
    }

    /// Method and path, and the members named.
    fn said(profile: &Profile, operation: &GroupOperation, added: usize, removed: usize) -> Vec<String> {
        let requests = requests(profile, operation, &members(added), &members(removed));
        let words = |request: &PlannedRequest| {
            let body = request.body.as_ref().map(ToString::to_string).unwrap_or_default();
            let members = body.matches("\"value\":\"").count() + body.matches("value eq").count();
            format!("{} {} {members}", request.method, request.path)
        };
        requests.iter().map(words).collect()
    }

    #[test]
    fn requests_of_every_action() {
        let check = |operation: &GroupOperation, added, removed, expected: &[&str]| {
            let mut profile = Profile::named("huawei").unwrap();
            profile.groups.member_removal = crate::profile::MemberRemoval::Filter;
            assert_eq!(said(&profile, operation, added, removed), expected);
        };
        let known = |action| operation(action, Some("old"));
        check(
            &operation(GroupAction::Create, None),
            2,
            0,
            &["POST Groups 0", "PATCH Groups/{id of cn=g} 2"],
        );
        check(
            &known(GroupAction::Members),
            60,
            150,
            &["PATCH Groups/7 100", "PATCH Groups/7 100", "PATCH Groups/7 10"],
        );
        check(&known(GroupAction::Empty), 0, 1, &["PATCH Groups/7 1"]);
        check(&known(GroupAction::Delete), 0, 0, &["DELETE Groups/7 0"]);
        let swapped = GroupOperation {
            aside: Some(named("aside")),
            ..known(GroupAction::Update)
        };
        assert_eq!(said(&Profile::named("aws").unwrap(), &swapped, 0, 0).len(), 2);
    }

    #[test]
    fn a_rewrite_has_no_body_that_could_be_told() {
        let mut profile = Profile::named("generic").unwrap();
        profile.groups.update = GroupUpdate::Put;
        let update = operation(GroupAction::Update, Some("old"));
        let expected = ["GET Groups/7 0", "PUT Groups/7 0", "GET Groups/7 0", "PUT Groups/7 0"];
        assert_eq!(said(&profile, &update, 1, 0), expected);
    }
}
