use super::*;

/// Somebody with much to change, patched: what became of it, or the `scimType`.
fn patched(profile: &str, operations: &Json) -> Result<Json, Json> {
    let mut cloud = Bench::new(profile);
    let mut more = json!({"emails": [{"value": "a@b", "type": "work", "primary": true}]});
    if profile != "alibaba" {
        more["title"] = json!("Chief");
        more[ENTERPRISE] = json!({"department": "R&D", "manager": {"value": "m1"}});
    }
    let (_, body) = cloud.send("POST", "Users", &person("ada", &more));
    let path = format!("Users/{}", body["id"].as_str().unwrap());
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
    let (status, body) = cloud.send("PATCH", &path, &body);
    match status {
        200 => Ok(body),
        400 => Err(body.get("scimType").cloned().unwrap_or_default()),
        other => panic!("{other}: {body}"),
    }
}

fn op(op: &str, path: &str, value: Json) -> Json {
    let mut operation = json!({ "op": op, "path": path });
    if !value.is_null() {
        operation["value"] = value;
    }
    operation
}

#[test]
fn what_changes() {
    let check = |operations: &[Json], pointer: &str, expected: Option<Json>| {
        for profile in ["huawei", "aws", "generic"] {
            let user = patched(profile, &json!(operations)).unwrap();
            assert_eq!(user.pointer(pointer), expected.as_ref(), "{profile} {operations:?}");
        }
    };
    let department = format!("{ENTERPRISE}:department");
    let at = |name: &str| format!("/{ENTERPRISE}/{name}");
    check(&[op("replace", "title", json!("x"))], "/title", Some(json!("x")));
    check(&[op("Replace", "TITLE", json!("x"))], "/title", Some(json!("x")));
    check(&[op("add", "nickName", json!("x"))], "/nickName", Some(json!("x")));
    check(&[op("remove", "title", Json::Null)], "/title", None);
    check(
        &[op("remove", "title", Json::Null), op("remove", "title", Json::Null)],
        "/title",
        None,
    );
    check(
        &[op("replace", "name.givenName", json!("A"))],
        "/name",
        Some(json!({"familyName": "Body", "givenName": "A"})),
    );
    check(
        &[op("replace", "name", json!({"givenName": "A"}))],
        "/name/familyName",
        Some(json!("Body")),
    );
    check(
        &[op("replace", &department, json!("x"))],
        &at("department"),
        Some(json!("x")),
    );
    check(&[op("remove", &department, Json::Null)], &at("department"), None);
    check(&[op("remove", ENTERPRISE, Json::Null)], &format!("/{ENTERPRISE}"), None);
    check(
        &[op("replace", ENTERPRISE, json!({"division": "d"}))],
        &at("division"),
        Some(json!("d")),
    );
    check(
        &[op("replace", &format!("{ENTERPRISE}:manager"), json!({"value": "m2"}))],
        &at("manager"),
        Some(json!({"value": "m2"})),
    );
    check(
        &[op("replace", &format!("{ENTERPRISE}:manager.value"), json!("m2"))],
        &at("manager/value"),
        Some(json!("m2")),
    );
    check(
        &[op("remove", &format!("{ENTERPRISE}:manager"), Json::Null)],
        &at("manager"),
        None,
    );
    check(
        &[op(
            "replace",
            "emails",
            json!([{"value": "c@d", "type": "home", "primary": true}]),
        )],
        "/emails/0/value",
        Some(json!("c@d")),
    );
    check(
        &[op("replace", "emails[type eq \"work\"].value", json!("c@d"))],
        "/emails/0/value",
        Some(json!("c@d")),
    );
    check(
        &[op(
            "replace",
            "emails[type eq \"work\"]",
            json!({"value": "c@d", "type": "x", "primary": true}),
        )],
        "/emails/0/type",
        Some(json!("x")),
    );
    check(
        &[op("add", "phoneNumbers", json!({"value": "1"}))],
        "/phoneNumbers",
        Some(json!([{"value": "1"}])),
    );
    check(
        &[json!({"op": "replace", "value": {"title": "x"}})],
        "/title",
        Some(json!("x")),
    );
}

#[test]
fn what_is_refused() {
    for profile in PROFILES {
        for (operation, scim_type) in [
            (op("remove", "userName", Json::Null), "mutability"),
            (op("replace", "id", json!("x")), "mutability"),
            (op("replace", "meta.created", json!("x")), "mutability"),
            (op("replace", "shoe", json!("x")), "invalidPath"),
            (op("replace", "name.shoe", json!("x")), "invalidPath"),
            (op("replace", "emails[", json!("x")), "invalidPath"),
            (op("replace", "emails[type eq \"work\"]x", json!("x")), "invalidPath"),
            (op("replace", "emails.value", json!("x")), "invalidPath"),
            (op("replace", "userName[type eq \"x\"]", json!("x")), "invalidPath"),
            (op("replace", "emails[type eq \"none\"].value", json!("x")), "noTarget"),
            (op("replace", "active", json!("true")), "invalidValue"),
            (op("replace", "displayName", json!("")), "invalidValue"),
            (op("replace", "displayName", json!({"a": 1})), "invalidValue"),
            (
                op("replace", "emails[type eq \"work\"].value", json!("")),
                "invalidValue",
            ),
            (op("replace", "active", Json::Null), "invalidValue"),
            (op("remove", "displayName", json!("x")), "invalidValue"),
            (json!({"op": "remove"}), "noTarget"),
            (json!({"op": "replace", "value": "x"}), "invalidValue"),
            (json!({"op": "move", "path": "title"}), "invalidSyntax"),
            (json!({"path": "title", "value": "x"}), "invalidSyntax"),
            (json!("x"), "invalidSyntax"),
        ] {
            let told = ["alibaba", "generic"].contains(&profile);
            let expected = if told { json!(scim_type) } else { Json::Null };
            assert_eq!(
                patched(profile, &json!([operation])),
                Err(expected),
                "{profile} {operation}"
            );
        }
        assert!(patched(profile, &json!([])).is_err());
        assert!(patched(profile, &json!({})).is_err());
    }
}

#[test]
fn what_only_some_refuse() {
    let check = |operations: Json, refusing: &[&str]| {
        for profile in ["huawei", "aws", "generic"] {
            let refused = patched(profile, &operations).is_err();
            assert_eq!(refused, refusing.contains(&profile), "{profile} {operations}");
        }
    };
    check(json!([op("remove", "active", Json::Null)]), &["huawei", "aws"]);
    check(
        json!([
            op("replace", "active", json!(false)),
            op("replace", "active", json!(true))
        ]),
        &["huawei", "aws"],
    );
    check(
        json!([
            op("replace", "userName", json!("bob")),
            op("add", "userName", json!("eve"))
        ]),
        &["huawei", "aws"],
    );
    check(
        json!([op("replace", "title", json!("a")), op("replace", "title", json!("b"))]),
        &[],
    );
    check(
        json!([{"op": "replace", "value": {"title": "a", "nickName": "b"}}]),
        &["aws"],
    );
    check(
        json!([op("replace", "emails[value sw \"a\"].type", json!("x"))]),
        &["huawei", "aws"],
    );
    check(
        json!([op(
            "add",
            "emails",
            json!([{"value": "c@d", "type": "x", "primary": false}])
        )]),
        &["huawei", "aws"],
    );
    check(json!([op("remove", "name.familyName", Json::Null)]), &["huawei", "aws"]);
    check(json!([op("remove", "emails", Json::Null)]), &["huawei"]);
    check(
        json!([op("replace", "photos", json!([{"value": "x"}]))]),
        &["huawei", "aws"],
    );
    check(json!([op("replace", "roles", json!([{"value": "x"}]))]), &["huawei"]);
    check(
        json!([op("replace", "title", json!("x".repeat(1025)))]),
        &["huawei", "aws"],
    );
    check(json!([op("replace", "emails", json!([]))]), &["huawei", "aws"]);
}

#[test]
fn a_new_primary_takes_the_place_of_the_old_one() {
    let second = json!({"value": "c@d", "type": "home", "primary": true});
    let user = patched("generic", &json!([op("add", "emails", json!([second]))])).unwrap();
    assert_eq!(user["emails"][0]["primary"], json!(false));
    assert_eq!(user["emails"][1], second);
}

#[test]
fn names_that_cannot_change() {
    assert!(patched("alibaba", &json!([op("replace", "userName", json!("bob"))])).is_err());
    assert!(patched("alibaba", &json!([op("replace", "userName", json!("ada"))])).is_ok());
    assert_eq!(
        patched("huawei", &json!([op("replace", "userName", json!("bob"))])).unwrap()["userName"],
        "bob"
    );
}

#[test]
fn a_refused_patch_has_no_effect_at_all() {
    let mut cloud = Bench::new("generic");
    let id = cloud.user("ada");
    let before = cloud.cloud.state();
    let operations = json!([op("replace", "title", json!("x")), op("replace", "shoe", json!("y"))]);
    cloud.patch(&format!("Users/{id}"), &operations, 400);
    let mut after = cloud.cloud.state();
    after["answered"] = before["answered"].clone();
    assert_eq!(after, before);
}
