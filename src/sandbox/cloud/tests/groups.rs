use super::*;

/// A cloud, a group, and some users.
fn bench(profile: &str, users: usize) -> (Bench, String, Vec<String>) {
    let mut cloud = Bench::new(profile);
    let people = (0..users).map(|n| cloud.user(&format!("user{n}"))).collect();
    let (status, body) = cloud.send("POST", "Groups", &group("all", &json!({})));
    assert_eq!(status, 201, "{body}");
    let id = body["id"].as_str().unwrap().to_owned();
    (cloud, format!("Groups/{id}"), people)
}

fn group(name: &str, more: &Json) -> Json {
    let mut group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name,
    });
    let more = more.as_object().unwrap().clone();
    group.as_object_mut().unwrap().extend(more);
    group
}

fn list(ids: &[String]) -> Json {
    ids.iter().map(|id| json!({ "value": id })).collect()
}

fn add(ids: &[String]) -> Json {
    json!([{ "op": "add", "path": "members", "value": list(ids) }])
}

fn held(cloud: &Bench) -> Vec<String> {
    cloud.cloud.groups().next().unwrap().members.keys().cloned().collect()
}

fn sorted(ids: &[String]) -> Vec<String> {
    let mut ids = ids.to_vec();
    ids.sort();
    ids
}

#[test]
fn members_come_and_go_in_both_spellings() {
    for profile in PROFILES {
        let (mut cloud, path, ids) = bench(profile, 4);
        assert_eq!(cloud.patch(&path, &add(&ids), 204), Json::Null);
        // Once more: nothing happens, and nobody minds.
        cloud.patch(&path, &add(&ids[..1]), 204);
        assert_eq!(held(&cloud), sorted(&ids), "{profile}");
        let one = json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", ids[0]) }]);
        cloud.patch(&path, &one, 204);
        cloud.patch(&path, &one, 204);
        cloud.patch(
            &path,
            &json!([{ "op": "remove", "path": "members", "value": list(&ids[1..3]) }]),
            204,
        );
        assert_eq!(held(&cloud), ids[3..], "{profile}");
        let changes: Vec<_> = cloud
            .cloud
            .history()
            .iter()
            .skip(5)
            .map(|c| (c.added.len(), c.removed.len()))
            .collect();
        assert_eq!(changes, [(4, 0), (0, 0), (0, 1), (0, 0), (0, 2)], "{profile}");
        // Who is deleted is no member any more.
        cloud.send("DELETE", &format!("Users/{}", ids[3]), &Json::Null);
        assert_eq!(held(&cloud), Vec::<String>::new(), "{profile}");
    }
}

#[test]
fn operations_of_one_request_follow_each_other() {
    let (mut cloud, path, ids) = bench("generic", 3);
    cloud.patch(&path, &add(&ids[..2]), 204);
    let operations = json!([
        { "op": "remove", "path": "members" },
        { "op": "add", "path": "members", "value": list(&ids[1..]) },
        { "op": "remove", "path": format!("members[value eq \"{}\" or value eq \"x\"]", ids[2]) },
        { "op": "replace", "path": "displayName", "value": "some" },
    ]);
    cloud.patch(&path, &operations, 204);
    assert_eq!(held(&cloud), ids[1..2]);
    let last = cloud.cloud.history().last().unwrap();
    assert_eq!(
        (last.name.as_str(), &last.added, &last.removed),
        ("some", &vec![], &vec![ids[0].clone()])
    );
}

#[test]
fn all_members_at_once() {
    for (profile, status) in [("huawei", 400), ("aws", 400), ("alibaba", 204), ("generic", 204)] {
        for operation in [
            json!({ "op": "remove", "path": "members" }),
            json!({ "op": "replace", "path": "members", "value": [] }),
            json!({ "op": "remove", "path": "members", "value": [] }),
        ] {
            let (mut cloud, path, ids) = bench(profile, 1);
            cloud.patch(&path, &add(&ids), 204);
            cloud.patch(&path, &json!([operation]), status);
            let names_nobody = operation["op"] == "remove" && operation["value"] == json!([]);
            let emptied = status == 204 && !names_nobody;
            assert_eq!(held(&cloud).is_empty(), emptied, "{profile} {operation}");
        }
    }
    let (mut cloud, path, ids) = bench("aws", 1);
    // What has emptied groups in the field is refused, as the page says.
    cloud.patch(
        &path,
        &json!([{ "op": "replace", "path": "members", "value": [{ "value": "" }] }]),
        400,
    );
    cloud.patch(
        &path,
        &json!([{ "op": "replace", "path": "members", "value": list(&ids) }]),
        400,
    );
}

#[test]
fn a_hundred_members_in_a_request() {
    for (profile, status) in [("huawei", 400), ("aws", 400), ("alibaba", 204), ("generic", 204)] {
        let (mut cloud, path, ids) = bench(profile, 101);
        cloud.patch(&path, &add(&ids[..100]), 204);
        cloud.patch(&path, &add(&ids), status);
        let halves =
            [&ids[..51], &ids[51..]].map(|half| json!({ "op": "add", "path": "members", "value": list(half) }));
        cloud.patch(&path, &json!(halves), status);
        cloud.patch(
            &path,
            &json!([{ "op": "remove", "path": "members", "value": list(&ids) }]),
            status,
        );
        let whole = group("big", &json!({ "members": list(&ids) }));
        let created = if status == 400 { 400 } else { 201 };
        assert_eq!(cloud.send("POST", "Groups", &whole).0, created, "{profile}");
    }
}

#[test]
fn who_shows_members() {
    for (profile, alone, listed) in [
        ("huawei", Some(0), Some(0)),
        ("aws", Some(0), Some(0)),
        ("alibaba", Some(2), None),
        ("generic", Some(2), Some(2)),
    ] {
        let (mut cloud, path, ids) = bench(profile, 2);
        cloud.patch(&path, &add(&ids), 204);
        let count = |group: &Json| group["members"].as_array().map(Vec::len);
        assert_eq!(count(&cloud.get(&path).1), alone, "{profile}");
        assert_eq!(count(&cloud.get("Groups").1["Resources"][0]), listed, "{profile}");
        let whole = group("more", &json!({ "members": list(&ids) }));
        assert_eq!(count(&cloud.send("POST", "Groups", &whole).1), alone, "{profile}");
        // A user's groups, where they are shown at all.
        let user = cloud.get(&format!("Users/{}", ids[0])).1;
        assert_eq!(
            user["groups"].as_array().map(Vec::len),
            (profile == "generic").then_some(2),
            "{profile}"
        );
    }
}

#[test]
fn put() {
    for (profile, status) in [("huawei", 405), ("aws", 405), ("alibaba", 200), ("generic", 200)] {
        let (mut cloud, path, ids) = bench(profile, 2);
        cloud.patch(&path, &add(&ids[..1]), 204);
        let whole = group("other", &json!({ "members": list(&ids[1..]) }));
        assert_eq!(cloud.send("PUT", &path, &whole).0, status, "{profile}");
        let expected = if status == 200 { &ids[1..] } else { &ids[..1] };
        assert_eq!(held(&cloud), expected, "{profile}");
    }
}

#[test]
fn names() {
    for (profile, same, folded) in [
        ("huawei", 409, 201),
        ("aws", 409, 201),
        ("alibaba", 409, 409),
        ("generic", 201, 201),
    ] {
        let (mut cloud, path, _) = bench(profile, 0);
        assert_eq!(
            cloud.send("POST", "Groups", &group("all", &json!({}))).0,
            same,
            "{profile}"
        );
        assert_eq!(
            cloud.send("POST", "Groups", &group("ALL", &json!({}))).0,
            folded,
            "{profile}"
        );
        cloud.send("POST", "Groups", &group("b", &json!({})));
        let rename = json!([{ "op": "replace", "path": "displayName", "value": "b" }]);
        cloud.patch(&path, &rename, if same == 409 { 409 } else { 204 });
        cloud.patch(
            &path,
            &json!([{ "op": "replace", "value": { "displayName": "c" } }]),
            204,
        );
        cloud.patch(&path, &json!([{ "op": "remove", "path": "displayName" }]), 400);
        cloud.patch(
            &path,
            &json!([{ "op": "replace", "path": "displayName", "value": "" }]),
            400,
        );
    }
    let mut alibaba = Bench::new("alibaba");
    for (name, status) in [("a b", 400), ("a@b", 400), ("ä", 400), ("A_b.c-1", 201)] {
        assert_eq!(
            alibaba.send("POST", "Groups", &group(name, &json!({}))).0,
            status,
            "{name}"
        );
    }
    assert_eq!(
        alibaba.send("POST", "Groups", &group(&"a".repeat(129), &json!({}))).0,
        400
    );
}

#[test]
fn bad_members() {
    let check = |profile: &str, member: &Json, status: u16| {
        let (mut cloud, path, ids) = bench(profile, 1);
        let member: Json = serde_json::from_str(&member.to_string().replace('@', &ids[0])).unwrap();
        cloud.patch(
            &path,
            &json!([{ "op": "add", "path": "members", "value": [member] }]),
            status,
        );
    };
    for profile in PROFILES {
        check(profile, &json!({ "value": "@" }), 204);
        check(
            profile,
            &json!({ "value": "@", "type": "User", "$ref": "https://x" }),
            204,
        );
        check(profile, &json!({ "value": "@", "type": "Group" }), 400);
        check(profile, &json!({ "value": 7 }), 400);
        check(profile, &json!({ "value": "" }), 400);
        check(profile, &json!({ "type": "User" }), 400);
        check(profile, &json!("@"), 400);
        let unknown = if profile == "generic" { 400 } else { 404 };
        check(profile, &json!({ "value": "nobody" }), unknown);
        let display = if ["huawei", "aws"].contains(&profile) { 400 } else { 204 };
        check(profile, &json!({ "value": "@", "display": "x" }), display);
        let (mut cloud, path, _) = bench(profile, 0);
        for operation in [
            json!({ "op": "replace", "path": "members[value eq \"x\"].display", "value": "y" }),
            json!({ "op": "replace", "path": "owner", "value": "y" }),
            json!({ "op": "replace", "path": "id", "value": "y" }),
            json!({ "op": "add", "path": "members" }),
            json!({ "op": "add", "path": "members", "value": "x" }),
        ] {
            cloud.patch(&path, &json!([operation]), 400);
        }
    }
}

#[test]
fn groups_in_groups() {
    for (profile, status) in [("huawei", 404), ("alibaba", 404), ("generic", 204)] {
        let (mut cloud, path, _) = bench(profile, 0);
        let (_, inner) = cloud.send("POST", "Groups", &group("inner", &json!({})));
        let inner = [inner["id"].as_str().unwrap().to_owned()];
        cloud.patch(&path, &add(&inner), status);
    }
    let (mut cloud, path, _) = bench("generic", 0);
    let own = [path.trim_start_matches("Groups/").to_owned()];
    cloud.patch(&path, &add(&own), 400);
}

#[test]
fn a_group_that_goes() {
    for profile in PROFILES {
        let (mut cloud, path, ids) = bench(profile, 1);
        cloud.patch(&path, &add(&ids), 204);
        assert_eq!(cloud.send("DELETE", &path, &Json::Null), (204, Json::Null));
        assert_eq!(cloud.get(&path).0, 404);
        assert_eq!(cloud.get(&format!("Users/{}", ids[0])).1.get("groups"), None);
        let last = cloud.cloud.history().last().unwrap();
        assert_eq!(last.removed, ids, "{profile}");
    }
}

#[test]
fn who_is_in_which_group() {
    let (mut cloud, path, ids) = bench("aws", 2);
    cloud.patch(&path, &add(&ids[..1]), 204);
    let gid = path.trim_start_matches("Groups/").to_owned();
    let hits = |(status, body): (u16, Json)| (status, body["Resources"].as_array().map(Vec::len));
    assert_eq!(
        hits(cloud.find("Groups", &format!("members.value eq \"{}\"", ids[0]))),
        (200, Some(1))
    );
    assert_eq!(
        hits(cloud.find("Groups", &format!("members.value eq \"{}\"", ids[1]))),
        (200, Some(0))
    );
    let both = format!("id eq \"{gid}\" and members.value eq \"{}\"", ids[0]);
    assert_eq!(hits(cloud.find("Groups", &both)), (200, Some(1)));
    assert_eq!(
        hits(cloud.find("Users", &format!("groups.value eq \"{gid}\""))),
        (200, Some(1))
    );
    let (mut cloud, _, ids) = bench("huawei", 1);
    assert_eq!(cloud.find("Groups", &format!("members.value eq \"{}\"", ids[0])).0, 400);
    assert_eq!(cloud.find("Users", "groups.value eq \"x\"").0, 400);
}

#[test]
fn a_thousand_groups_for_one_user() {
    for (profile, status) in [("huawei", 403), ("aws", 201)] {
        let (mut cloud, path, ids) = bench(profile, 1);
        cloud.patch(&path, &add(&ids), 204);
        for n in 1..1000 {
            let whole = group(&format!("g{n}"), &json!({ "members": list(&ids) }));
            assert_eq!(cloud.send("POST", "Groups", &whole).0, 201, "{profile} {n}");
        }
        let whole = group("one more", &json!({ "members": list(&ids) }));
        assert_eq!(cloud.send("POST", "Groups", &whole).0, status, "{profile}");
        assert_eq!(cloud.cloud.groups().count(), if status == 403 { 1000 } else { 1001 });
        // Where the user is already, there is no question.
        cloud.patch(&path, &add(&ids), 204);
    }
}
