//! Whatever comes over the wire, there is an answer.

use proptest::prelude::*;

use super::*;

const NAMES: [&str; 20] = [
    "schemas",
    "userName",
    "active",
    "name",
    "emails",
    "value",
    "primary",
    "type",
    "displayName",
    "members",
    "Operations",
    "op",
    "path",
    ENTERPRISE,
    "manager",
    "urn:x:y",
    "externalId",
    "$ref",
    "groups",
    "id",
];
const WORDS: [&str; 17] = [
    "add",
    "remove",
    "replace",
    "members",
    "emails[type eq \"work\"].value",
    "members[value eq \"x\"]",
    "name",
    "urn:ietf:params:scim:api:messages:2.0:PatchOp",
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "urn:ietf:params:scim:schemas:core:2.0:Group",
    ENTERPRISE,
    "ada",
    "emails[",
    "a[b eq",
    "urn:",
    "é.é",
    "",
];

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "\\PC{0,8}".prop_map(Json::from),
        proptest::sample::select(&WORDS[..]).prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let key = prop_oneof![8 => proptest::sample::select(&NAMES[..]).prop_map(str::to_owned), 1 => "\\PC{0,5}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            proptest::collection::btree_map(key, inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// A body that gets past the first look, else anything.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let patch = (any_json(), any_json(), any_json()).prop_map(|(op, path, value)| {
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": op, "path": path, "value": value }, { "op": "add", "value": value }],
        })
    });
    let user = any_json().prop_map(|json| {
        let mut user = person("ada", &json!({}));
        if let Json::Object(json) = json {
            user.as_object_mut().unwrap().extend(json);
        }
        user
    });
    let group = any_json().prop_map(|members| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "g", "members": members,
        })
    });
    prop_oneof![
        3 => patch.prop_map(|json| json.to_string().into_bytes()),
        2 => user.prop_map(|json| json.to_string().into_bytes()),
        2 => group.prop_map(|json| json.to_string().into_bytes()),
        2 => any_json().prop_map(|json| json.to_string().into_bytes()),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

fn any_query() -> impl Strategy<Value = Option<String>> {
    let filter = prop_oneof![
        "\\PC{0,20}",
        "(userName|id|members.value|emails|name.x|urn:a:b) ?(eq|co|pr|gt|ne|\\[) ?(\"a\"|true|null|1|\\(|\\))( (and|or) (not )?(id pr|\\(id pr\\)|x))?",
    ];
    let filter = filter.prop_map(|text| format!("filter={}", text.replace(' ', "%20")));
    let other = "(startIndex|count|cursor|attributes|excludedAttributes|sortBy|%ff|é)=(-?[0-9]{0,20}|n:[0-9]{0,25}|name.x,id|%zz)";
    proptest::option::of(prop_oneof![filter, other.prop_map(String::from), "\\PC{0,12}"])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_panics(
        method in "(GET|POST|PUT|PATCH|DELETE|HEAD|[A-Z]{0,4})",
        path in "(Users|Groups|[.]search|Users/@|Groups/#|Users/%zz|Users/|Schemas|Schemas/x|ResourceTypes/User|ServiceProviderConfig|\\PC{0,10})",
        query in any_query(),
        body in any_body(),
        content_type in proptest::option::of("(application/(scim[+])?json(; charset=utf-8)?|\\PC{0,6})"),
    ) {
        for profile in PROFILES {
            let mut cloud = Bench::new(profile);
            let user = cloud.user("bob");
            let group = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "all", "members": [{"value": user}],
            });
            let (_, group) = cloud.send("POST", "Groups", &group);
            let path = path.replace('@', &user).replace('#', group["id"].as_str().unwrap());
            let request = Request {
                query: query.clone(),
                content_type: content_type.clone(),
                ..request(&method, &path, &body)
            };
            let reply = cloud.reply(&request);
            prop_assert!((200..500).contains(&reply.status), "{:?}: {}", request, reply.status);
            let json = reply.body.is_empty() || serde_json::from_slice::<Json>(&reply.body).is_ok();
            prop_assert!(json);
            prop_assert_eq!(cloud.cloud.duplicates(), Vec::<String>::new());
            // What is held can be put away and taken out again, and is asked for without harm.
            let state = cloud.cloud.state();
            let mut restored = Cloud::new(profile, BASE).unwrap();
            restored.restore(state.clone()).unwrap();
            prop_assert_eq!(restored.state(), state);
            prop_assert_eq!(cloud.get("Users").0, 200);
            prop_assert_eq!(cloud.get("Groups").0, 200);
        }
    }
}
