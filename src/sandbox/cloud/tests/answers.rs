use secrecy::SecretString;

use super::*;
use crate::sandbox::{Kind, What};

#[test]
fn errors_in_each_shape() {
    let error = "urn:ietf:params:scim:api:messages:2.0:Error";
    let body = |profile: &str, taken: bool| {
        let mut cloud = Bench::new(profile);
        cloud.user("ada");
        match taken {
            true => cloud.send("POST", "Users", &person("ada", &json!({}))).1,
            false => cloud.get("Users/none").1,
        }
    };
    assert_eq!(
        body("huawei", false),
        json!({
            "schema": error, "schemas": [error], "detail": "there is no user none", "status": 404,
            "timeStamp": "2026-01-02T03:04:07Z",
        })
    );
    let aws = body("aws", true);
    let id = aws["exceptionRequestId"].as_str().unwrap();
    assert_eq!(id.len(), 36);
    assert_eq!(
        aws,
        json!({
            "schema": [error], "schemas": [error], "detail": "Refused to create a new, duplicate resource.",
            "status": "409", "exceptionRequestId": id, "timeStamp": "2026-01-02 03:04:07.014",
        })
    );
    for profile in ["alibaba", "generic"] {
        assert_eq!(
            body(profile, true),
            json!({
                "schemas": [error], "detail": "userName: another one has this value", "status": "409",
                "scimType": "uniqueness",
            }),
            "{profile}"
        );
    }
}

#[test]
fn headers() {
    let check = |profile: &str, media: &str, location: bool| {
        let mut cloud = Bench::new(profile);
        let body = person("ada", &json!({})).to_string();
        let reply = cloud.reply(&request("POST", "Users", body.as_bytes()));
        let header = |name: &str| {
            reply
                .headers
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, value)| value.clone())
        };
        assert_eq!(header("content-type").as_deref(), Some(media), "{profile}");
        let id = cloud.cloud.users().next().unwrap().id.clone();
        assert_eq!(
            header("location"),
            location.then(|| format!("{BASE}Users/{id}")),
            "{profile}"
        );
        assert_eq!(header("x-amzn-requestid").is_some(), profile == "aws");
        let user = cloud.get(&format!("Users/{id}")).1;
        assert_eq!(user["meta"].get("location").is_some(), location, "{profile}");
        let gone = cloud.reply(&request("DELETE", &format!("Users/{id}"), b""));
        assert!(
            !gone.headers.iter().any(|(name, _)| name == "content-type"),
            "{profile}"
        );
    };
    check("huawei", "application/json", false);
    check("aws", "application/json", false);
    check("alibaba", "application/json", true);
    check("generic", "application/scim+json", true);
}

#[test]
fn tokens() {
    for profile in PROFILES {
        let mut cloud = Cloud::new(profile, BASE)
            .unwrap()
            .with_token(&SecretString::from("right"));
        let mut check = |path: &str, authorization: Option<&str>, expected: u16| {
            let request = Request {
                authorization: authorization.map(str::to_owned),
                ..request("GET", path, b"")
            };
            assert_eq!(
                cloud.answer(&request, at(0)).status,
                expected,
                "{profile} {path} {authorization:?}"
            );
        };
        for wrong in [
            None,
            Some("right"),
            Some("Bearer wrong"),
            Some("Bearer "),
            Some("Basic right"),
            Some(""),
        ] {
            check("Users", wrong, 401);
            check("nowhere", wrong, 401);
            check(
                "ServiceProviderConfig",
                wrong,
                if profile == "alibaba" { 200 } else { 401 },
            );
            check("Schemas", wrong, 401);
        }
        check("Users", Some("Bearer right"), 200);
        check("Users", Some("bearer right"), 200);
        let mut open = Cloud::new(profile, BASE).unwrap();
        assert_eq!(open.answer(&request("GET", "Users", b""), at(0)).status, 200);
        let none = Request {
            authorization: None,
            ..request("GET", "Users", b"")
        };
        assert_eq!(open.answer(&none, at(0)).status, 401);
        assert!(!format!("{cloud:?}").contains("right"));
    }
}

#[test]
fn routes() {
    for profile in PROFILES {
        let mut cloud = Bench::new(profile);
        let id = cloud.user("ada");
        let discovery = if profile == "huawei" { 404 } else { 200 };
        for (path, status) in [
            ("ServiceProviderConfig", 200),
            ("Schemas", discovery),
            ("ResourceTypes", discovery),
            ("ResourceTypes/User", discovery),
            ("Schemas/urn:ietf:params:scim:schemas:core:2.0:User", discovery),
            ("Schemas/none", 404),
            ("Me", 404),
            ("Bulk", 404),
            (".search", if profile == "generic" { 405 } else { 404 }),
            ("Users/", 404),
            ("Users/a/b", 404),
            ("users", 404),
            ("", 404),
            ("Users/%ff", 404),
        ] {
            assert_eq!(cloud.get(path).0, status, "{profile} {path}");
        }
        for (method, path) in [
            ("PUT", "Users"),
            ("DELETE", "Groups"),
            ("POST", "Users/x"),
            ("POST", "ServiceProviderConfig"),
            ("HEAD", "Users"),
        ] {
            assert_eq!(cloud.send(method, path, &json!({})).0, 405, "{profile} {method} {path}");
        }
        assert_eq!(cloud.get(&format!("Users/{}", id.replace('-', "%2D"))).0, 200);
        for body in ["", "{", "[]", "\"x\"", "null"] {
            assert_eq!(
                cloud.reply(&request("POST", "Users", body.as_bytes())).status,
                400,
                "{profile} {body}"
            );
        }
        let text = Request {
            content_type: Some("text/plain".into()),
            ..request("POST", "Users", b"{}")
        };
        assert_eq!(cloud.reply(&text).status, 415, "{profile}");
    }
}

#[test]
fn what_is_not_shown() {
    let url = json!({"profileUrl": "https://x"});
    for (profile, shown) in [("huawei", false), ("aws", true), ("generic", true)] {
        let mut cloud = Bench::new(profile);
        let (status, body) = cloud.send("POST", "Users", &person("ada", &url));
        assert_eq!((status, body.get("profileUrl").is_some()), (201, shown), "{profile}");
        let id = body["id"].as_str().unwrap().to_owned();
        assert_eq!(
            cloud.get(&format!("Users/{id}")).1.get("profileUrl").is_some(),
            shown,
            "{profile}"
        );
        assert_eq!(
            cloud.cloud.users().next().unwrap().text("profileUrl"),
            Some("https://x"),
            "{profile}"
        );
    }
}

#[test]
fn schemas_of_a_user() {
    for (profile, count) in [("huawei", 1), ("aws", 2), ("alibaba", 1), ("generic", 1)] {
        let mut cloud = Bench::new(profile);
        let id = cloud.user("ada");
        let user = cloud.get(&format!("Users/{id}")).1;
        assert_eq!(user["schemas"].as_array().unwrap().len(), count, "{profile}");
        assert_eq!(user["active"], json!(true));
    }
}

#[test]
fn an_extension_that_is_not_named() {
    for (profile, status) in [("huawei", 201), ("aws", 201), ("generic", 400)] {
        let core =
            json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], ENTERPRISE: {"department": "x"} });
        assert_eq!(
            Bench::new(profile).send("POST", "Users", &person("ada", &core)).0,
            status,
            "{profile}"
        );
    }
}

#[test]
fn accounts_made_by_hand() {
    for profile in PROFILES {
        let mut cloud = Bench::new(profile);
        let hand = json!({
            "userName": "ada", "displayName": "By hand", "name": {"familyName": "L", "givenName": "A"},
            "emails": [{"value": "hand@example.org", "type": "work", "primary": true}],
        });
        let id = cloud.cloud.seed(Kind::User, hand.clone(), true, at(0)).unwrap();
        assert!(cloud.cloud.seed(Kind::User, hand, true, at(0)).is_err(), "{profile}");
        assert!(cloud.cloud.history().is_empty());
        let hidden = profile == "alibaba";
        assert_eq!(
            cloud.get(&format!("Users/{id}")).0,
            if hidden { 404 } else { 200 },
            "{profile}"
        );
        let found = cloud.find("Users", "userName eq \"ada\"").1["totalResults"].clone();
        assert_eq!(found, json!(i32::from(!hidden)), "{profile}");
        let (status, body) = cloud.send("POST", "Users", &person("Ada", &json!({})));
        if !hidden {
            assert_eq!(status, 409, "{profile}");
            continue;
        }
        assert_eq!(
            (status, &body["id"], &body["externalId"]),
            (201, &json!(id), &json!("x-Ada"))
        );
        assert_eq!(cloud.cloud.users().count(), 1);
        let change = &cloud.cloud.history()[0];
        assert_eq!(
            (change.what, change.before.as_ref().unwrap()["displayName"].as_str()),
            (What::TakenOver, Some("By hand"))
        );
        assert!(!cloud.cloud.users().next().unwrap().manual);
        // From now on it is a synchronised account like any other.
        assert_eq!(cloud.send("POST", "Users", &person("ada", &json!({}))).0, 409);
    }
}

#[test]
fn the_same_seed_gives_the_same_ids() {
    let ids = |seed: u64| {
        let mut cloud = Bench::new("alibaba");
        cloud.cloud = cloud.cloud.with_seed(seed);
        [cloud.user("ada"), cloud.user("bob")]
    };
    assert_eq!(ids(1), ids(1));
    assert_ne!(ids(1), ids(2));
    assert!(ids(0)[0].starts_with("u-"));
}

#[test]
fn put_away_and_taken_out_again() {
    let mut cloud = Bench::new("generic");
    let ada = cloud.user("ada");
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "g", "members": [{"value": ada}],
    });
    cloud.send("POST", "Groups", &group);
    let state: Json = serde_json::from_str(&cloud.cloud.state().to_string()).unwrap();
    let mut other = Bench::new("generic");
    other.cloud.restore(state.clone()).unwrap();
    (other.second, other.cloud) = (cloud.second, other.cloud);
    for (method, path) in [("GET", "Users"), ("GET", "Groups"), ("DELETE", "Groups/none")] {
        assert_eq!(
            cloud.send(method, path, &Json::Null),
            other.send(method, path, &Json::Null)
        );
    }
    assert_eq!(cloud.user("bob"), other.user("bob"));
    assert_eq!(cloud.cloud.history(), other.cloud.history());
    assert!(
        Cloud::new("aws", BASE)
            .unwrap()
            .restore(state)
            .unwrap_err()
            .contains("generic")
    );
    assert!(other.cloud.restore(json!({"users": 7})).is_err());
    assert_eq!(other.cloud.users().count(), 2);
}

#[test]
fn discovery() {
    for profile in ["aws", "alibaba", "generic"] {
        let mut cloud = Bench::new(profile);
        let (_, body) = cloud.get("Schemas");
        let user = &body["Resources"][0]["attributes"];
        let names: Vec<_> = user
            .as_array()
            .unwrap()
            .iter()
            .map(|a| a["name"].as_str().unwrap())
            .collect();
        assert_eq!(names.contains(&"photos"), profile == "generic", "{profile}");
        assert!(names.contains(&"userName"));
        assert_eq!(cloud.send("POST", "Schemas", &json!({})).0, 405);
        assert_eq!(cloud.get("Schemas?filter=id%20pr").0, 403);
    }
    let config = Bench::new("huawei").get("ServiceProviderConfig").1;
    assert_eq!(
        (&config["filter"]["maxResults"], &config["patch"]["supported"]),
        (&json!(50), &json!(true))
    );
    assert_eq!(config["authenticationSchemes"][0]["type"], "Bearer Token");
    assert_eq!(config.get("meta"), None);
}
