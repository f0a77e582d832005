//! Requests about groups as values: pure, as those about people are.
//!
//! Members are put in and taken out by name, never "all" of them: some clouds refuse that, and one
//! answers 204 and does nothing.

use percent_encoding::utf8_percent_encode;
use serde_json::{Value as Json, json};

use crate::{
    model::{Resource, ResourceId},
    ports::{GroupPayload, ListFrom, MemberChange},
    profile::{MemberRemoval, MembersReturned, Profile},
    scim::{
        body, patch,
        request::{PlannedRequest, RESERVED, filter, page},
    },
};

/// Members in one request where the service provider names no limit: with the longest ids we know this
/// stays below the 100 kB that some web frameworks read at most.
const MEMBER_CHUNK: usize = 500;

/// Most members that one request names; at least 1.
#[must_use]
pub fn most_members(profile: &Profile) -> usize {
    profile.groups.member_chunk.unwrap_or(MEMBER_CHUNK).max(1)
}

/// The POST that creates a group without members.
#[must_use]
pub fn create(payload: &GroupPayload) -> PlannedRequest {
    PlannedRequest {
        method: "POST",
        path: "Groups".into(),
        body: Some(body::group(&payload.resource)),
    }
}

/// The PATCH that brings a group's attributes from `before` to `payload`. When nothing differs, all of
/// them are sent: an empty PATCH is an error (RFC 7644 section 3.5.2).
#[must_use]
pub fn update(id: &ResourceId, before: &Resource, payload: &GroupPayload) -> PlannedRequest {
    let from = |before: &Resource| patch::of_attributes(before, &payload.resource, &["displayName"]);
    let mut operations = from(before);
    if operations.is_empty() {
        operations = from(&Resource::default());
    }
    patched(id, operations)
}

/// The PATCH that takes people out and puts people in, in this order. At least one has to be named.
#[must_use]
pub fn change_members(profile: &Profile, id: &ResourceId, change: &MemberChange) -> PlannedRequest {
    let mut operations = Vec::new();
    match profile.groups.member_removal {
        MemberRemoval::Filter => operations.extend(change.remove.iter().map(|member| {
            let value = Json::String(member.0.clone());
            patch::remove(&format!("members[value eq {value}]"))
        })),
        MemberRemoval::List if change.remove.is_empty() => {}
        MemberRemoval::List => {
            operations.push(json!({ "op": "remove", "path": "members", "value": members(&change.remove) }));
        }
    }
    if !change.add.is_empty() {
        operations.push(json!({ "op": "add", "path": "members", "value": members(&change.add) }));
    }
    patched(id, operations)
}

/// The PUT of a whole group.
#[must_use]
pub fn replace(id: &ResourceId, body: Json) -> PlannedRequest {
    PlannedRequest {
        method: "PUT",
        path: path(id),
        body: Some(body),
    }
}

/// The GET of one group with its members.
#[must_use]
pub fn get(id: &ResourceId) -> PlannedRequest {
    without_body("GET", path(id))
}

/// The DELETE.
#[must_use]
pub fn delete(id: &ResourceId) -> PlannedRequest {
    without_body("DELETE", path(id))
}

/// The GET that looks for groups with `attribute eq "value"`.
#[must_use]
pub fn find(profile: &Profile, attribute: &str, value: &str) -> PlannedRequest {
    let filter = filter(attribute, value);
    without_body("GET", format!("Groups?{filter}{}", without_members(profile)))
}

/// The GET of a page of all groups.
#[must_use]
pub fn list(profile: &Profile, from: &ListFrom) -> PlannedRequest {
    let page = page(from, profile.page_cap);
    without_body("GET", format!("Groups?{page}{}", without_members(profile)))
}

/// Where a list shows members it is asked to leave them out (RFC 7644 section 3.9): there may be any
/// number of them.
fn without_members(profile: &Profile) -> &'static str {
    match profile.groups.members_returned {
        MembersReturned::Always => "&excludedAttributes=members",
        MembersReturned::One | MembersReturned::Never => "",
    }
}

/// The value of `members` (RFC 7643 section 4.2), with nothing but what is mandatory: `type`, `$ref` and
/// `display` are refused by some.
fn members(ids: &[ResourceId]) -> Json {
    ids.iter().map(member).collect()
}

/// One member.
#[must_use]
pub(super) fn member(id: &ResourceId) -> Json {
    json!({ "value": id.0 })
}

fn patched(id: &ResourceId, operations: Vec<Json>) -> PlannedRequest {
    PlannedRequest {
        method: "PATCH",
        path: path(id),
        body: Some(patch::body(operations)),
    }
}

fn without_body(method: &'static str, path: String) -> PlannedRequest {
    PlannedRequest {
        method,
        path,
        body: None,
    }
}

fn path(id: &ResourceId) -> String {
    format!("Groups/{}", utf8_percent_encode(&id.0, RESERVED))
}
