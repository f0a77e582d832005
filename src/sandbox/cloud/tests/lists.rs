use super::*;

fn hits((status, body): &(u16, Json)) -> (u16, Option<usize>) {
    (*status, body["Resources"].as_array().map(Vec::len))
}

#[test]
fn filters_that_each_cloud_knows() {
    let check = |profile: &str, endpoint: &str, filter: &str, expected: Option<usize>| {
        let mut cloud = Bench::new(profile);
        let id = cloud.user("ada");
        let manager = if profile == "alibaba" {
            json!({})
        } else {
            json!({ENTERPRISE: {"manager": {"value": "m1"}}})
        };
        cloud.send("POST", "Users", &person("bob", &manager));
        let group = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Staff", "externalId": "g1" });
        cloud.send("POST", "Groups", &group);
        let bob = cloud.cloud.users().nth(1).unwrap().id.clone();
        let answer = cloud.find(endpoint, &filter.replace("@bob", &bob).replace('@', &id));
        let status = if expected.is_some() { 200 } else { 400 };
        assert_eq!(hits(&answer), (status, expected), "{profile} {filter}: {}", answer.1);
    };
    for profile in PROFILES {
        check(profile, "Users", "userName eq \"ada\"", Some(1));
        check(profile, "Users", "USERNAME EQ \"ADA\"", Some(1));
        check(profile, "Users", "userName eq \"nobody\"", Some(0));
        check(profile, "Groups", "displayName eq \"Staff\"", Some(1));
        for bad in [
            "userName",
            "userName eq",
            "userName eq ada",
            "userName is \"ada\"",
            "\"ada\" eq userName",
            "userName eq \"ada\" and",
            "(userName eq \"ada\"",
            "userName eq {}",
            "",
        ] {
            check(profile, "Users", bad, None);
        }
    }
    for profile in ["huawei", "aws"] {
        check(profile, "Users", "id eq \"@\"", Some(1));
        check(profile, "Groups", "displayName eq \"staff\"", Some(0));
    }
    for profile in ["huawei", "aws", "alibaba"] {
        for refused in [
            "userName sw \"a\"",
            "title eq \"x\"",
            "userName pr",
            "not (userName eq \"a\")",
            "userName eq \"a\" or userName eq \"b\"",
        ] {
            check(profile, "Users", refused, None);
        }
    }
    check("huawei", "Users", "externalId eq \"x-ada\"", None);
    check("huawei", "Groups", "externalId eq \"g1\"", None);
    check("huawei", "Users", "userName eq \"ada\" and id eq \"@\"", None);
    check("aws", "Users", "externalId eq \"x-ada\"", Some(1));
    check("aws", "Groups", "externalId eq \"g1\"", Some(1));
    check("aws", "Users", "manager eq \"m1\"", None);
    check("aws", "Users", "id eq \"@bob\" and manager eq \"m1\"", Some(1));
    check("aws", "Users", "manager eq \"m1\" and id eq \"@\"", Some(0));
    check("aws", "Users", "userName eq \"ada\" and id eq \"@\"", None);
    check("alibaba", "Users", "externalId eq \"x-ada\"", Some(1));
    check(
        "alibaba",
        "Users",
        "externalId eq \"x-ada\" and userName eq \"ada\"",
        Some(1),
    );
    check("alibaba", "Groups", "displayName eq \"staff\"", Some(1));
}

#[test]
fn the_whole_language() {
    let mut cloud = Bench::new("generic");
    cloud.user("ada");
    cloud.send(
        "POST",
        "Users",
        &person(
            "bob",
            &json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE, "urn:x:y"], "title": "Chief \"B\"", "active": false, "externalId": null, "nickName": "Bobby",
                "emails": [{"value": "bob@a.org", "type": "work"}, {"value": "b@home.org", "type": "home"}],
                ENTERPRISE: {"department": "R&D", "manager": {"value": "M1"}}, "urn:x:y": {"size": "44"},
            }),
        ),
    );
    let mut check = |filter: &str, expected: &[&str]| {
        let (status, body) = cloud.find("Users", filter);
        assert_eq!(status, 200, "{filter}: {body}");
        let names: Vec<_> = body["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["userName"].as_str().unwrap())
            .collect();
        assert_eq!(names, expected, "{filter}");
    };
    check("userName co \"d\"", &["ada"]);
    check("userName sw \"B\" or userName ew \"DA\"", &["ada", "bob"]);
    check("nickName pr", &["bob"]);
    check("not (nickName pr)", &["ada"]);
    check("active eq false", &["bob"]);
    check("active ne false", &["ada"]);
    check("title eq \"chief \\\"b\\\"\"", &["bob"]);
    check("externalId eq null", &["bob"]);
    check("externalId eq \"X-ada\"", &[]);
    check("emails co \"home\"", &["bob"]);
    check("emails[type eq \"work\" and value co \"home\"]", &[]);
    check("emails[type eq \"home\" and value co \"home\"]", &["bob"]);
    check("emails.type eq \"HOME\"", &["bob"]);
    check(
        "name.familyName eq \"body\" and (nickName eq \"bobby\" or title pr) and not (active eq true)",
        &["bob"],
    );
    check(
        "urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"bob\"",
        &["bob"],
    );
    check(&format!("{ENTERPRISE}:department eq \"r&d\""), &["bob"]);
    check(&format!("{ENTERPRISE}:manager eq \"m1\""), &[]);
    check(&format!("{ENTERPRISE}:manager.value eq \"M1\""), &["bob"]);
    check("urn:x:y:size eq \"44\"", &["bob"]);
    check("meta.created gt \"2026-01-02T03:04:06Z\"", &["bob"]);
    check("meta.lastModified le \"2026-01-02T03:04:06Z\"", &["ada"]);
    // `and` binds closer than `or`.
    check(
        "userName eq \"ada\" or userName eq \"bob\" and title eq \"x\"",
        &["ada"],
    );
    assert_eq!(cloud.find("Users", "active gt true").0, 400);
    let deep = format!("{}userName pr{}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(cloud.find("Users", &deep).0, 400);
}

fn crowd(profile: &str, count: usize) -> Bench {
    let mut cloud = Bench::new(profile);
    (0..count).for_each(|n| drop(cloud.user(&format!("user{n:03}"))));
    cloud
}

#[test]
fn huawei_shows_fifty_and_no_more() {
    let mut cloud = crowd("huawei", 60);
    let (status, body) = cloud.get("Users");
    assert_eq!(hits(&(status, body.clone())), (200, Some(50)));
    // Numbers as texts, and none that tells of the rest.
    assert_eq!(
        (&body["itemsPerPage"], &body["startIndex"], &body["totalResults"]),
        (&json!("50"), &json!("1"), &json!(50))
    );
    assert_eq!(body.get("nextCursor"), None);
    for refused in [
        "startIndex=51",
        "attributes=userName",
        "excludedAttributes=name",
        "cursor=",
        "page=2",
    ] {
        assert_eq!(cloud.get(&format!("Users?{refused}")).0, 400, "{refused}");
    }
    assert_eq!(hits(&cloud.get("Users?count=10")), (200, Some(50)));
    let groups = cloud.get("Groups").1;
    assert_eq!(
        (&groups["itemsPerPage"], &groups["startIndex"]),
        (&json!(0), &json!("1"))
    );
}

#[test]
fn aws_has_cursors() {
    let mut cloud = crowd("aws", 130);
    let (status, body) = cloud.get("Users");
    assert_eq!(hits(&(status, body.clone())), (200, Some(100)));
    assert_eq!(
        (&body["itemsPerPage"], &body["startIndex"], &body["totalResults"]),
        (&json!(100), &json!(1), &json!(130))
    );
    let (mut cursor, mut seen, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let (status, body) = cloud.get(&format!("Users?count=50&cursor={cursor}"));
        assert_eq!(
            (status, body.get("totalResults"), body.get("startIndex")),
            (200, None, None)
        );
        let page = body["Resources"].as_array().unwrap();
        seen.extend(page.iter().map(|user| user["userName"].as_str().unwrap().to_owned()));
        pages += 1;
        match body.get("nextCursor") {
            Some(next) => cursor = next.as_str().unwrap().to_owned(),
            None => break,
        }
        // Short pages do not mean the end.
        assert!(page.len() < 50);
    }
    assert_eq!((seen.len(), pages), (130, 3));
    seen.dedup();
    assert_eq!(seen.len(), 130);
    assert_eq!(
        cloud.get("Users?cursor&count=1").1["Resources"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    for refused in [
        "count=0",
        "count=101",
        "cursor=what",
        "startIndex=1",
        "attributes=id",
        "count=x",
    ] {
        assert_eq!(cloud.get(&format!("Users?{refused}")).0, 400, "{refused}");
    }
}

#[test]
fn pages_by_index() {
    for profile in ["alibaba", "generic"] {
        let mut cloud = crowd(profile, 130);
        let mut check = |query: &str, first: Option<&str>, count: usize, start: usize| {
            let (status, body) = cloud.get(&format!("Users?{query}"));
            let page = body["Resources"].as_array().unwrap();
            assert_eq!((status, page.len()), (200, count), "{query}");
            assert_eq!(
                page.first().and_then(|user| user["userName"].as_str()),
                first,
                "{query}"
            );
            assert_eq!(
                (&body["totalResults"], &body["startIndex"], &body["itemsPerPage"]),
                (&json!(130), &json!(start), &json!(count))
            );
        };
        check("", Some("user000"), 100, 1);
        check("startIndex=101", Some("user100"), 30, 101);
        check("startIndex=0&count=10", Some("user000"), 10, 1);
        check("startIndex=-5&count=1000", Some("user000"), 100, 1);
        check("count=0", None, 0, 1);
        check("count=-3", None, 0, 1);
        check("startIndex=131", None, 0, 131);
        assert_eq!(cloud.get("Users?count=ten").0, 400);
        assert_eq!(cloud.get("Users?cursor=").0, 400);
    }
}

#[test]
fn chosen_attributes() {
    let mut cloud = Bench::new("generic");
    let id = cloud.user("ada");
    let keys = |body: &Json| body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let (_, body) = cloud.get(&format!("Users/{id}?attributes=USERNAME,name.givenName,emails.value"));
    assert_eq!(keys(&body), ["emails", "id", "name", "schemas", "userName"]);
    assert_eq!(
        (&body["name"], &body["emails"]),
        (&json!({"givenName": "Some"}), &json!([{"value": "ada@example.org"}]))
    );
    let (_, body) = cloud.get(&format!("Users/{id}?excludedAttributes=meta,id,emails.type,name"));
    assert_eq!(
        keys(&body),
        [
            "active",
            "displayName",
            "emails",
            "externalId",
            "id",
            "schemas",
            "userName"
        ]
    );
    let (_, body) = cloud.get("Users?attributes=active");
    assert_eq!(keys(&body["Resources"][0]), ["active", "id", "schemas"]);
    assert_eq!(cloud.get("Users?attributes=active&excludedAttributes=id").0, 400);
}

#[test]
fn searches_as_post() {
    let mut cloud = crowd("generic", 3);
    let group = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "g" });
    cloud.send("POST", "Groups", &group);
    let mut check = |path: &str, more: &Json, expected: Option<usize>| {
        let mut search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"] });
        search
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let status = if expected.is_some() { 200 } else { 400 };
        let answer = cloud.send("POST", path, &search);
        assert_eq!(hits(&answer), (status, expected), "{path} {more}");
    };
    check(".search", &json!({}), Some(4));
    check("Users/.search", &json!({}), Some(3));
    check("Groups/.search", &json!({ "attributes": ["displayName"] }), Some(1));
    check(".search", &json!({ "filter": "displayName eq \"g\"" }), Some(1));
    check(".search", &json!({ "startIndex": 2, "count": 2 }), Some(2));
    check(".search", &json!({ "filter": 7 }), None);
    check(".search", &json!({ "page": 7 }), None);
    check(
        ".search",
        &json!({ "attributes": ["id"], "excludedAttributes": ["meta"] }),
        None,
    );
    for profile in ["huawei", "aws", "alibaba"] {
        assert_eq!(
            Bench::new(profile).send("POST", ".search", &json!({})).0,
            404,
            "{profile}"
        );
    }
}
