//! Requests as values: pure, so that a report can show exactly what would be sent.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value as Json;

use super::{body, patch};
use crate::{
    model::{Pushed, Resource, ResourceId, Value},
    ports::{ListFrom, Payload},
    profile::{Profile, UpdateVerb},
};

/// Everything but the unreserved characters of RFC 3986: an id cannot leave its path segment, and a
/// filter's `+`, `&` and spaces arrive as they are.
pub(super) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request before it is sent. Nothing secret is in it: the token is added by the client.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlannedRequest {
    /// `POST`, `PUT`, `PATCH`, `DELETE`, `GET`.
    pub method: &'static str,
    /// Path and query below the endpoint, e.g. `Users/2819c223`.
    pub path: String,
    /// The JSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Json>,
}

/// The POST that creates an account.
#[must_use]
pub fn create(_profile: &Profile, payload: &Payload) -> PlannedRequest {
    PlannedRequest {
        method: "POST",
        path: "Users".into(),
        body: Some(body::user(&payload.pushed.resource, manager(payload))),
    }
}

/// The PUT or PATCH that brings an account from `before` to `payload`. When nothing is known of
/// `before` (an adopted account: the default value), the whole of `payload` is sent.
#[must_use]
pub fn update(profile: &Profile, id: &ResourceId, before: &Pushed, payload: &Payload) -> PlannedRequest {
    let after = Pushed {
        resource: usable(before, &payload.pushed.resource),
        manager: payload.pushed.manager.clone(),
    };
    let operations = || patch::operations(before, &after, manager(payload));
    match profile.update {
        UpdateVerb::Put => put(id, &after.resource, payload),
        UpdateVerb::PutAndPatchActive if only_active_differs(before, &after) => patch(id, operations()),
        UpdateVerb::PutAndPatchActive => put(id, &after.resource, payload),
        UpdateVerb::Patch => {
            let operations = operations();
            if operations.is_empty() {
                // An empty PATCH is an error (RFC 7644 section 3.5.2); saying everything again is not.
                patch(id, patch::operations(&Pushed::default(), &after, manager(payload)))
            } else {
                patch(id, operations)
            }
        }
    }
}

/// The request that sets `active: false`.
#[must_use]
pub fn deactivate(profile: &Profile, id: &ResourceId, payload: &Payload) -> PlannedRequest {
    match profile.update {
        UpdateVerb::Put => put(id, &payload.pushed.resource.clone().with_active(false), payload),
        UpdateVerb::Patch | UpdateVerb::PutAndPatchActive => {
            patch(id, vec![patch::replace("active", Json::Bool(false))])
        }
    }
}

/// The DELETE.
#[must_use]
pub fn delete(id: &ResourceId) -> PlannedRequest {
    PlannedRequest {
        method: "DELETE",
        path: user_path(id),
        body: None,
    }
}

/// The GET that looks for accounts with `attribute eq "value"`. Values of filters are JSON strings
/// (RFC 7644 section 3.4.2.2).
#[must_use]
pub fn find(attribute: &str, value: &str) -> PlannedRequest {
    PlannedRequest {
        method: "GET",
        path: format!("Users?{}", filter(attribute, value)),
        body: None,
    }
}

/// The query parameter of a look-up.
pub(super) fn filter(attribute: &str, value: &str) -> String {
    let filter = format!("{attribute} eq {}", Json::String(value.to_owned()));
    format!("filter={}", utf8_percent_encode(&filter, RESERVED))
}

/// The GET of one account.
#[must_use]
pub fn get(id: &ResourceId) -> PlannedRequest {
    PlannedRequest {
        method: "GET",
        path: user_path(id),
        body: None,
    }
}

/// The GET of a page of all accounts.
#[must_use]
pub fn list(from: &ListFrom, count: u32) -> PlannedRequest {
    PlannedRequest {
        method: "GET",
        path: format!("Users?{}", page(from, count)),
        body: None,
    }
}

/// The query parameters of a page: `startIndex` (RFC 7644 section 3.4.2.4) or `cursor` (RFC 9865
/// section 2, where an empty one asks for the first page).
pub(super) fn page(from: &ListFrom, count: u32) -> String {
    match from {
        ListFrom::Start => format!("cursor&count={count}"),
        ListFrom::Cursor(cursor) => {
            let cursor = utf8_percent_encode(cursor, RESERVED);
            format!("cursor={cursor}&count={count}")
        }
        ListFrom::Index(index) => format!("startIndex={index}&count={count}"),
    }
}

/// The GET of what the provider says of itself (RFC 7644 section 4).
#[must_use]
pub fn provider_config() -> PlannedRequest {
    PlannedRequest {
        method: "GET",
        path: "ServiceProviderConfig".into(),
        body: None,
    }
}

fn put(id: &ResourceId, resource: &Resource, payload: &Payload) -> PlannedRequest {
    PlannedRequest {
        method: "PUT",
        path: user_path(id),
        body: Some(body::user(resource, manager(payload))),
    }
}

fn patch(id: &ResourceId, operations: Vec<Json>) -> PlannedRequest {
    PlannedRequest {
        method: "PATCH",
        path: user_path(id),
        body: Some(patch::body(operations)),
    }
}

fn user_path(id: &ResourceId) -> String {
    format!("Users/{}", utf8_percent_encode(&id.0, RESERVED))
}

/// The manager's id, when a manager is wanted and has one.
fn manager(payload: &Payload) -> Option<&ResourceId> {
    payload.pushed.manager.as_ref().and(payload.manager_id.as_ref())
}

/// A mapping without `active` means "usable". That has to be said aloud to an account that is, or
/// may be, switched off: leaving it out would leave it off.
fn usable(before: &Pushed, resource: &Resource) -> Resource {
    let told = before.resource.get("active");
    let maybe_off = *before == Pushed::default() || told.is_some_and(|told| *told != Value::Boolean(true));
    if maybe_off && resource.get("active").is_none() {
        resource.clone().with_active(true)
    } else {
        resource.clone()
    }
}

fn only_active_differs(before: &Pushed, after: &Pushed) -> bool {
    let active = after.resource.get("active");
    active.is_some()
        && active != before.resource.get("active")
        && before.manager == after.manager
        && before.resource.clone().with_active(true) == after.resource.clone().with_active(true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::testing::{payload, profile, pushed, with_manager};

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn id() -> ResourceId {
        ResourceId("7".into())
    }

    fn wanted(pushed: Pushed) -> Payload {
        Payload {
            manager_id: pushed.manager.as_ref().map(|_| ResourceId("m-1".into())),
            ..payload(pushed)
        }
    }

    #[test]
    fn a_whole_user() {
        let person = with_manager(pushed(&json!({
            "userName": "ada",
            "active": true,
            "name.familyName": "Lovelace",
            "name.givenName": "Ada",
            "emails": [{"value": "ada@example.org", "type": "work", "primary": true}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department": "Engines",
            "urn:example:custom:2.0:User:badge.colour": "red",
        })));
        let request = create(&profile(UpdateVerb::Put), &wanted(person));
        assert_eq!((request.method, request.path.as_str()), ("POST", "Users"));
        assert_eq!(
            request.body,
            Some(json!({
                "schemas": [
                    "urn:ietf:params:scim:schemas:core:2.0:User",
                    "urn:example:custom:2.0:User",
                    ENTERPRISE,
                ],
                "userName": "ada",
                "active": true,
                "name": {"familyName": "Lovelace", "givenName": "Ada"},
                "emails": [{"value": "ada@example.org", "type": "work", "primary": true}],
                "urn:example:custom:2.0:User": {"badge": {"colour": "red"}},
                ENTERPRISE: {"department": "Engines", "manager": {"value": "m-1"}},
            }))
        );
    }

    #[test]
    fn schemas_names_only_what_is_used() {
        let request = create(&profile(UpdateVerb::Put), &wanted(pushed(&json!({"userName": "ada"}))));
        assert_eq!(
            request.body,
            Some(json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada"}))
        );
    }

    #[test]
    fn a_manager_without_an_id_is_left_out() {
        let mut unknown = wanted(with_manager(pushed(&json!({"userName": "ada"}))));
        unknown.manager_id = None;
        let body = create(&profile(UpdateVerb::Put), &unknown).body.unwrap();
        assert_eq!(body.get(ENTERPRISE), None);
    }

    /// The operations as `op path value`, and the method.
    fn patched(before: Pushed, after: Pushed) -> Vec<String> {
        let request = update(&profile(UpdateVerb::Patch), &id(), &before, &wanted(after));
        assert_eq!((request.method, request.path.as_str()), ("PATCH", "Users/7"));
        let body = request.body.unwrap();
        assert_eq!(
            body["schemas"],
            json!(["urn:ietf:params:scim:api:messages:2.0:PatchOp"])
        );
        let line = |op: &Json| {
            let value = op.get("value").map(ToString::to_string).unwrap_or_default();
            format!(
                "{} {} {value}",
                op["op"].as_str().unwrap(),
                op["path"].as_str().unwrap()
            )
            .trim_end()
            .replace(ENTERPRISE, "E")
        };
        body["Operations"].as_array().unwrap().iter().map(line).collect()
    }

    #[test]
    fn patches_are_minimal() {
        let user = |more: Json| {
            let mut all = json!({"userName": "ada", "active": true});
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            pushed(&all)
        };
        let check = |before: Pushed, after: Pushed, expected: &[&str]| assert_eq!(patched(before, after), expected);
        check(
            user(json!({"title": "a"})),
            user(json!({"title": "b"})),
            &["replace title \"b\""],
        );
        check(user(json!({"title": "a"})), user(json!({})), &["remove title"]);
        check(
            user(json!({})),
            user(json!({"name.familyName": "L"})),
            &["replace name.familyName \"L\""],
        );
        check(
            user(json!({(format!("{ENTERPRISE}:department")): "x", "nickName": "a"})),
            user(json!({(format!("{ENTERPRISE}:division")): "y"})),
            &["remove nickName", "remove E:department", "replace E:division \"y\""],
        );
        check(
            user(json!({"emails": [{"value": "a@b"}]})),
            user(json!({"emails": [{"value": "a@b", "primary": true}]})),
            &["replace emails [{\"primary\":true,\"value\":\"a@b\"}]"],
        );
        check(
            user(json!({})),
            with_manager(user(json!({}))),
            &["replace E:manager {\"value\":\"m-1\"}"],
        );
        check(with_manager(user(json!({}))), user(json!({})), &["remove E:manager"]);
        check(
            with_manager(user(json!({}))),
            with_manager(user(json!({}))),
            &["replace E:manager {\"value\":\"m-1\"}"],
        );
        check(
            pushed(&json!({"userName": "a", "active": true})),
            pushed(&json!({"userName": "b"})),
            &["replace userName \"b\""],
        );
        check(
            pushed(&json!({"userName": "a", "active": false})),
            pushed(&json!({"userName": "a"})),
            &["replace active true"],
        );
        check(
            Pushed::default(),
            user(json!({"title": "a"})),
            &["replace active true", "replace title \"a\"", "replace userName \"ada\""],
        );
        check(
            Pushed::default(),
            pushed(&json!({"userName": "ada"})),
            &["replace active true", "replace userName \"ada\""],
        );
    }

    #[test]
    fn a_patch_is_never_empty() {
        let same = pushed(&json!({"userName": "ada", "title": "a"}));
        assert_eq!(
            patched(same.clone(), same),
            ["replace title \"a\"", "replace userName \"ada\""]
        );
    }

    #[test]
    fn the_profile_chooses_the_verb() {
        let check = |verb, before: Json, after: Json, method: &str| {
            let request = update(&profile(verb), &id(), &pushed(&before), &wanted(pushed(&after)));
            assert_eq!(request.method, method, "{verb:?} {before} {after}");
        };
        let (on, off) = (
            json!({"userName": "a", "active": true}),
            json!({"userName": "a", "active": false}),
        );
        check(UpdateVerb::Put, on.clone(), off.clone(), "PUT");
        check(UpdateVerb::Patch, on.clone(), off.clone(), "PATCH");
        check(UpdateVerb::PutAndPatchActive, on.clone(), off.clone(), "PATCH");
        check(UpdateVerb::PutAndPatchActive, off.clone(), on.clone(), "PATCH");
        check(UpdateVerb::PutAndPatchActive, off, json!({"userName": "a"}), "PATCH");
        check(UpdateVerb::PutAndPatchActive, json!({}), on.clone(), "PUT");
        check(
            UpdateVerb::PutAndPatchActive,
            on,
            json!({"userName": "b", "active": true}),
            "PUT",
        );
    }

    #[test]
    fn put_switches_an_account_on_again() {
        let before = pushed(&json!({"userName": "a", "active": false, "title": "x"}));
        let after = wanted(pushed(&json!({"userName": "a"})));
        let body = update(&profile(UpdateVerb::Put), &id(), &before, &after).body.unwrap();
        assert_eq!(body["active"], json!(true));
    }

    #[test]
    fn an_account_that_may_hold_anything_is_told_everything() {
        let before = with_manager(pushed(&json!({"userName": "a", "active": false, "title": "x"})));
        let before = before.with_unknown_values();
        let after = wanted(pushed(&json!({"userName": "a"})));
        let request = update(&profile(UpdateVerb::Patch), &id(), &before, &after);
        assert_eq!(
            request.body.unwrap()["Operations"],
            json!([
                {"op": "remove", "path": "title"},
                {"op": "replace", "path": "active", "value": true},
                {"op": "replace", "path": "userName", "value": "a"},
                {"op": "remove", "path": format!("{ENTERPRISE}:manager")},
            ])
        );
        for verb in [UpdateVerb::Put, UpdateVerb::PutAndPatchActive] {
            let request = update(&profile(verb), &id(), &before, &after);
            assert_eq!(
                (request.method, &request.body.unwrap()["active"]),
                ("PUT", &json!(true))
            );
        }
    }

    #[test]
    fn deactivation() {
        let person = wanted(pushed(&json!({"userName": "a", "active": true})));
        let put = deactivate(&profile(UpdateVerb::Put), &id(), &person);
        assert_eq!((put.method, &put.body.unwrap()["active"]), ("PUT", &json!(false)));
        for verb in [UpdateVerb::Patch, UpdateVerb::PutAndPatchActive] {
            let patch = deactivate(&profile(verb), &id(), &person);
            assert_eq!(patch.method, "PATCH");
            assert_eq!(
                patch.body.unwrap()["Operations"],
                json!([{"op": "replace", "path": "active", "value": false}])
            );
        }
    }

    #[test]
    fn ids_stay_in_their_segment() {
        let check = |id: &str, path: &str| assert_eq!(delete(&ResourceId(id.into())).path, path);
        check("2819c223-7f76", "Users/2819c223-7f76");
        check("../Groups/1", "Users/..%2FGroups%2F1");
        check("a?b=c#d", "Users/a%3Fb%3Dc%23d");
        check("50% é", "Users/50%25%20%C3%A9");
    }

    #[test]
    fn pages_and_single_accounts() {
        let check = |from: ListFrom, path: &str| assert_eq!(list(&from, 50).path, path);
        check(ListFrom::Start, "Users?cursor&count=50");
        check(ListFrom::Cursor("a+/=".into()), "Users?cursor=a%2B%2F%3D&count=50");
        check(ListFrom::Index(51), "Users?startIndex=51&count=50");
        let one = get(&ResourceId("a/b".into()));
        assert_eq!((one.method, one.path.as_str()), ("GET", "Users/a%2Fb"));
    }

    #[test]
    fn filters_are_quoted_and_encoded() {
        let check = |value: &str, path: &str| assert_eq!(find("userName", value).path, path);
        check("ada", "Users?filter=userName%20eq%20%22ada%22");
        check("a+b&c", "Users?filter=userName%20eq%20%22a%2Bb%26c%22");
        check(r#"a"b\c"#, "Users?filter=userName%20eq%20%22a%5C%22b%5C%5Cc%22");
        check("Zoë", "Users?filter=userName%20eq%20%22Zo%C3%AB%22");
    }
}
