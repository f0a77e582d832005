use super::*;

#[test]
fn a_life() {
    for profile in PROFILES {
        let mut cloud = Bench::new(profile);
        let id = cloud.user("ada");
        let (status, got) = cloud.get(&format!("Users/{id}"));
        assert_eq!(
            (status, &got["userName"], &got["id"]),
            (200, &json!("ada"), &json!(id)),
            "{profile}"
        );
        assert_eq!(got["meta"]["created"], "2026-01-02T03:04:06Z");
        let (status, _) = cloud.send(
            "PUT",
            &format!("Users/{id}"),
            &person("ada", &json!({"displayName": "Ada"})),
        );
        assert_eq!(status, 200, "{profile}");
        let patched = cloud.patch(
            &format!("Users/{id}"),
            &json!([{"op": "replace", "path": "active", "value": false}]),
            200,
        );
        assert_eq!(
            (&patched["active"], &patched["displayName"]),
            (&json!(false), &json!("Ada"))
        );
        assert_eq!(
            cloud.send("DELETE", &format!("Users/{id}"), &Json::Null),
            (204, Json::Null)
        );
        assert_eq!(cloud.get(&format!("Users/{id}")).0, 404);
        assert_eq!(cloud.send("DELETE", &format!("Users/{id}"), &Json::Null).0, 404);
        let what: Vec<_> = cloud.cloud.history().iter().map(|change| change.what).collect();
        use crate::sandbox::What::{Created, Deleted, Patched, Replaced};
        assert_eq!(what, [Created, Replaced, Patched, Deleted], "{profile}");
    }
}

#[track_caller]
fn refuses(profile: &str, changes: &Json, said: &str) {
    let (status, body) = Bench::new(profile).send("POST", "Users", &person("ada", changes));
    let detail = body["detail"].as_str().unwrap_or_default();
    assert_eq!(status, 400, "{profile} {changes}: {body}");
    assert!(detail.contains(said), "{profile} {changes}: {detail}");
}

#[track_caller]
fn takes(profile: &str, changes: &Json) {
    let (status, body) = Bench::new(profile).send("POST", "Users", &person("ada", changes));
    assert_eq!(status, 201, "{profile} {changes}: {body}");
}

#[test]
fn everywhere() {
    for profile in PROFILES {
        refuses(profile, &json!({"schemas": null}), "schemas");
        refuses(
            profile,
            &json!({"schemas": "urn:ietf:params:scim:schemas:core:2.0:User"}),
            "schemas",
        );
        refuses(profile, &json!({"schemas": [ENTERPRISE]}), "schemas");
        refuses(profile, &json!({"userName": null}), "userName");
        refuses(profile, &json!({"userName": ""}), "userName");
        refuses(profile, &json!({"userName": 7}), "userName: has the wrong JSON type");
        refuses(profile, &json!({"active": "true"}), "active: has the wrong JSON type");
        refuses(profile, &json!({"shoeSize": "44"}), "shoeSize");
        refuses(profile, &json!({"password": "x"}), "password");
        refuses(
            profile,
            &json!({"emails": [{"value": "a@b", "type": "work", "primary": "true"}]}),
            "primary",
        );
        refuses(profile, &json!({"emails": {"value": "a@b"}}), "emails");
        refuses(profile, &json!({"USERNAME": "ada"}), "twice");
    }
}

#[test]
fn mandatory_attributes() {
    for profile in ["huawei", "aws"] {
        refuses(profile, &json!({"displayName": null}), "displayName");
        refuses(profile, &json!({"name": {"familyName": "x"}}), "name.givenName");
        refuses(profile, &json!({"name": {"givenName": "x"}}), "name.familyName");
    }
    refuses("huawei", &json!({"emails": null}), "emails");
    for profile in ["aws", "alibaba", "generic"] {
        takes(profile, &json!({"emails": null}));
    }
    for part in ["value", "type", "primary"] {
        let mut email = json!({"value": "a@b", "type": "work", "primary": true});
        email.as_object_mut().unwrap().remove(part);
        refuses("huawei", &json!({"emails": [email]}), "emails");
    }
}

#[test]
fn unsupported_attributes() {
    for profile in ["huawei", "aws"] {
        for attribute in ["ims", "photos", "x509Certificates", "entitlements"] {
            refuses(profile, &json!({attribute: [{"value": "x"}]}), attribute);
            refuses(profile, &json!({attribute: []}), attribute);
        }
        refuses(profile, &json!({"groups": [{"value": "x"}]}), "groups");
        refuses(
            profile,
            &json!({ENTERPRISE: {"manager": {"value": "1", "displayName": "x"}}}),
            "displayName",
        );
        refuses(
            profile,
            &json!({"emails": [{"value": "a@b", "type": "work", "primary": true, "display": "x"}]}),
            "display",
        );
        refuses(
            profile,
            &json!({"phoneNumbers": [{"value": "1", "display": "x"}]}),
            "display",
        );
        refuses(profile, &json!({"phoneNumbers": []}), "phoneNumbers");
        refuses(profile, &json!({"addresses": []}), "addresses");
        refuses(profile, &json!({"title": ""}), "title");
        refuses(profile, &json!({"title": "x".repeat(1025)}), "title");
        refuses(profile, &json!({ENTERPRISE: {"manager": {"value": ""}}}), "manager");
        refuses(
            profile,
            &json!({ENTERPRISE: {"manager": {"value": "x".repeat(1025)}}}),
            "manager",
        );
        takes(profile, &json!({ENTERPRISE: {"manager": {"value": "x"}}}));
    }
    refuses("huawei", &json!({"roles": [{"value": "x"}]}), "roles");
    takes("aws", &json!({"roles": [{"value": "x"}]}));
    refuses("aws", &json!({"roles": [{"value": "x"}, {"value": "y"}]}), "roles");
    refuses("alibaba", &json!({"title": "x"}), "title");
    takes(
        "generic",
        &json!({"groups": [{"value": "x"}], "id": "7", "meta": {}, "photos": []}),
    );
}

#[test]
fn one_value_and_that_primary() {
    let email = |value: &str, primary: bool| json!({"value": value, "type": "work", "primary": primary});
    for profile in ["huawei", "aws", "alibaba"] {
        refuses(
            profile,
            &json!({"emails": [email("a@b", true), email("c@d", false)]}),
            "one item only",
        );
        refuses(profile, &json!({"emails": [email("a@b", false)]}), "primary");
    }
    takes("generic", &json!({"emails": [email("a@b", false), email("c@d", true)]}));
    refuses(
        "generic",
        &json!({"emails": [email("a@b", true), email("c@d", true)]}),
        "primary",
    );
    refuses(
        "huawei",
        &json!({"phoneNumbers": [{"value": "1"}, {"value": "2"}]}),
        "one item only",
    );
}

#[test]
fn names() {
    let check = |profile: &str, name: &str, status: u16| {
        let (answered, body) = Bench::new(profile).send("POST", "Users", &person("x", &json!({"userName": name})));
        assert_eq!(answered, status, "{profile} {name:?} {body}");
    };
    check("huawei", "a_b+c=d,e.f@g-h", 201);
    check("huawei", "müller", 400);
    check("huawei", "a", 400);
    check("aws", "müller#1!", 201);
    check("aws", "li lei", 400);
    check("alibaba", "a+b", 400);
    check("alibaba", &"a".repeat(65), 400);
    check("generic", "any thing ☃", 201);
}

#[test]
fn uniqueness() {
    for profile in PROFILES {
        let mut cloud = Bench::new(profile);
        cloud.user("ada");
        let (status, body) = cloud.send(
            "POST",
            "Users",
            &person(
                "ADA",
                &json!({"emails": [{"value": "o@b", "type": "work", "primary": true}]}),
            ),
        );
        assert_eq!(status, 409, "{profile}: {body}");
        let bob = cloud.user("bob");
        let (status, _) = cloud.send("PUT", &format!("Users/{bob}"), &person("ada", &json!({})));
        assert_eq!(status, if profile == "alibaba" { 400 } else { 409 }, "{profile}");
        assert_eq!(cloud.cloud.history().len(), 2, "{profile}: a refusal has no effect");
        // Another externalId holder is no conflict, but the sandbox tells of it.
        cloud.send("POST", "Users", &person("eve", &json!({"externalId": "x-bob"})));
        assert_eq!(
            cloud.cloud.duplicates(),
            ["2 users have the externalId \"x-bob\""],
            "{profile}"
        );
    }
}

#[test]
fn addresses_are_unique_at_alibaba() {
    let mut cloud = Bench::new("alibaba");
    cloud.user("ada");
    let mine = json!({"emails": [{"value": "ADA@example.org", "type": "work", "primary": true}]});
    let (status, body) = cloud.send("POST", "Users", &person("bob", &mine));
    assert_eq!((status, &body["scimType"]), (409, &json!("uniqueness")), "{body}");
}
