//! One description serves both sides: what the client's checks let through, the sandbox takes, and
//! what they find, it refuses.

use std::sync::Arc;

use proptest::{prelude::*, strategy::ValueTree};

use super::*;
use crate::{
    model::{AnchorKey, AttributePath, Item, ManagerRef, Pushed, Resource, ResourceId, Scalar, Value},
    ports::Payload,
    profile::Profile,
    scim::request::{PlannedRequest, create, update},
};

const TEXTS: [&str; 21] = [
    "userName",
    "externalId",
    "displayName",
    "name.formatted",
    "name.familyName",
    "name.givenName",
    "name.middleName",
    "name.honorificPrefix",
    "name.honorificSuffix",
    "nickName",
    "profileUrl",
    "title",
    "userType",
    "preferredLanguage",
    "locale",
    "timezone",
    "enterprise.employeeNumber",
    "enterprise.costCenter",
    "enterprise.organization",
    "enterprise.division",
    "enterprise.department",
];
const LISTS: [&str; 7] = [
    "emails",
    "phoneNumbers",
    "ims",
    "photos",
    "roles",
    "entitlements",
    "addresses",
];

fn path(text: &str) -> AttributePath {
    match text.strip_prefix("enterprise.") {
        Some(name) => AttributePath::enterprise(name),
        None => AttributePath::new(text),
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-zA-Z0-9_.@-]{2,12}",
        1 => "\\PC{0,6}",
        1 => "[a-z+=, ]{0,4}",
        1 => (60_usize..140).prop_map(|n| "x".repeat(n)),
        1 => (1020_usize..1030).prop_map(|n| "ü".repeat(n)),
    ]
}

fn any_item(list: &'static str) -> impl Strategy<Value = Item> {
    let parts: &[&str] = if list == "addresses" {
        &["formatted", "streetAddress", "locality", "country", "type"]
    } else {
        &["value", "value", "value", "type", "type", "display"]
    };
    let text = proptest::collection::btree_map(
        proptest::sample::select(parts).prop_map(Arc::from),
        any_text().prop_map(Scalar::Text),
        0..5,
    );
    (text, proptest::option::weighted(0.7, any::<bool>())).prop_map(|(mut item, primary)| {
        item.extend(primary.map(|primary| (Arc::from("primary"), Scalar::Boolean(primary))));
        item
    })
}

fn any_list() -> impl Strategy<Value = (AttributePath, Value)> {
    proptest::sample::select(&LISTS[..]).prop_flat_map(|list| {
        let items = prop_oneof![8 => Just(1_usize), 1 => Just(2), 1 => Just(0)]
            .prop_flat_map(move |n| proptest::collection::vec(any_item(list), n));
        items.prop_map(move |items| (path(list), Value::List(items)))
    })
}

/// Mostly somebody whom all take, with some attributes set at will and some taken out.
fn any_resource() -> impl Strategy<Value = Resource> {
    let texts = proptest::collection::vec((proptest::sample::select(&TEXTS[..]), any_text()), 0..4);
    let gone = proptest::collection::vec(proptest::sample::select(&TEXTS[..6]), 0..2);
    let lists = proptest::collection::vec(any_list(), 0..2);
    let foreign = proptest::option::weighted(0.1, any_text());
    (texts, gone, lists, any::<Option<bool>>(), foreign).prop_map(|(texts, gone, lists, active, foreign)| {
        let mut resource = Resource::default();
        let base = [
            ("userName", "ada"),
            ("externalId", "7a6c"),
            ("displayName", "Ada"),
            ("name.familyName", "Lovelace"),
            ("name.givenName", "Ada"),
        ];
        let mut set = |at: AttributePath, value| drop(resource.attributes.insert(at, value));
        base.iter()
            .for_each(|(at, text)| set(path(at), Value::Text((*text).into())));
        let email =
            [("value", "a@b.c"), ("type", "work")].map(|(part, text)| (Arc::from(part), Scalar::Text(text.into())));
        let email = email
            .into_iter()
            .chain([(Arc::from("primary"), Scalar::Boolean(true))])
            .collect();
        set(path("emails"), Value::List(vec![email]));
        texts
            .into_iter()
            .for_each(|(at, text)| set(path(at), Value::Text(text)));
        lists.into_iter().for_each(|(at, list)| set(at, list));
        active
            .into_iter()
            .for_each(|active| set(path("active"), Value::Boolean(active)));
        foreign
            .into_iter()
            .for_each(|text| set(path("urn:example:Shoe:size"), Value::Text(text)));
        gone.iter().for_each(|at| drop(resource.attributes.remove(&path(at))));
        resource
    })
}

fn payload(resource: &Resource, manager: bool) -> Payload {
    let key = AnchorKey([7; 16]);
    Payload {
        external_id: "7a6c".into(),
        pushed: Pushed {
            resource: resource.clone(),
            manager: manager.then(|| ManagerRef {
                key,
                dn: "uid=boss".into(),
            }),
        },
        manager_id: manager.then(|| ResourceId("boss-1".into())),
    }
}

fn send(cloud: &mut Bench, planned: &PlannedRequest) -> (u16, Json) {
    cloud.send(
        planned.method,
        &planned.path,
        planned.body.as_ref().unwrap_or(&Json::Null),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_creation(resource in any_resource(), manager in any::<bool>()) {
        for name in PROFILES {
            let profile = Profile::named(name).unwrap();
            let problems = profile.check(&resource);
            let manager = manager && profile.allows_manager();
            let mut cloud = Bench::new(name);
            let (status, body) = send(&mut cloud, &create(&profile, &payload(&resource, manager)));
            let expected = if problems.is_empty() { 201 } else { 400 };
            // An empty list in a request means nothing where RFC 7643 section 2.5 is kept to, and the
            // client is stricter than the cloud.
            let empty = profile.wire.empty_is_absent
                && resource.attributes.values().any(|value| match value {
                    Value::List(items) => items.is_empty() || items.iter().any(Item::is_empty),
                    _ => false,
                });
            prop_assert!(
                status == expected || (empty && status == 201),
                "{}: {} for {:?}: {}", name, status, problems, body
            );
        }
    }

    #[test]
    fn an_update(before in any_resource(), after in any_resource(), managers in any::<(bool, bool)>()) {
        for name in PROFILES {
            let profile = Profile::named(name).unwrap();
            // Without what this cloud never takes, or hardly a pair would be left.
            let taken = |resource: &Resource| {
                let mut resource = resource.clone();
                resource.attributes.retain(|path, _| profile.allows(path));
                resource
            };
            let (before, mut after) = (taken(&before), taken(&after));
            if !profile.user_name_mutable && let Some(user_name) = before.get("userName") {
                after.attributes.insert(AttributePath::new("userName"), user_name.clone());
            }
            if !profile.check(&before).is_empty() || !profile.check(&after).is_empty() {
                continue;
            }
            let manager = |is| is && profile.allows_manager();
            let (before, after) = (payload(&before, manager(managers.0)), payload(&after, manager(managers.1)));
            let mut cloud = Bench::new(name);
            let (_, body) = send(&mut cloud, &create(&profile, &before));
            let id = ResourceId(body["id"].as_str().unwrap().into());
            let (status, body) = send(&mut cloud, &update(&profile, &id, &before.pushed, &after));
            prop_assert_eq!(status, 200, "{}: {}", name, body);
            // Updated or made so from the start: the same.
            let updated = cloud.cloud.users().next().unwrap().resource.clone();
            let mut fresh = Bench::new(name);
            let mut whole = after.clone();
            whole.pushed.resource = whole.pushed.resource.clone().with_active(updated["active"] == json!(true));
            send(&mut fresh, &create(&profile, &whole));
            prop_assert_eq!(&updated, &fresh.cloud.users().next().unwrap().resource, "{}", name);
        }
    }
}

proptest! {
    #[test]
    fn a_group(display_name in any_text(), external_id in proptest::option::of(any_text())) {
        for name in PROFILES {
            let profile = Profile::named(name).unwrap();
            let mut group = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": display_name,
            });
            external_id.iter().for_each(|id| group["externalId"] = json!(id));
            let problems = profile.check_group(&display_name, external_id.as_deref());
            let (status, body) = Bench::new(name).send("POST", "Groups", &group);
            let expected = if problems.is_empty() { 201 } else { 400 };
            prop_assert_eq!(status, expected, "{} {}: {}", name, group, body);
        }
    }
}

/// A property that only ever sees one side proves nothing about the other.
#[test]
fn both_outcomes_are_tried() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = any_resource();
    let people: Vec<Resource> = (0..300)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect();
    for name in PROFILES {
        let profile = Profile::named(name).unwrap();
        let good = people.iter().filter(|person| profile.check(person).is_empty()).count();
        assert!((20..280).contains(&good), "{name}: {good} of 300 are let through");
    }
}
