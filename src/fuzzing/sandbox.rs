//! Requests to the sandbox, and plans of faults.

use std::cell::OnceCell;

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

use crate::{
    profile::Profile,
    sandbox::{
        cloud::{Cloud, Kind, Stored},
        exchange::Request,
        fault::FaultPlan,
    },
};

thread_local! {
    static CLOUDS: OnceCell<Vec<Cloud>> = const { OnceCell::new() };
}

/// Requests one after the other, with an empty line between them: `METHOD path?query`, then the body, in
/// which `$u` and `$g` stand for the ids of a user and a group. A request that begins with `fault` is a
/// plan of faults.
pub(super) fn request(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut clouds = CLOUDS.with(|clouds| clouds.get_or_init(clouds_with_somebody).clone());
    for part in text.split("\n\n") {
        let (head, body) = part.split_once('\n').unwrap_or((part, ""));
        let (method, target) = head.split_once(' ').unwrap_or((head, ""));
        if method == "fault" {
            faults(target);
            continue;
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        for cloud in &mut clouds {
            let id = |stored: Option<&Stored>| stored.map_or_else(String::new, |stored| stored.id.clone());
            let (user, group) = (id(cloud.users().next()), id(cloud.groups().next()));
            let with_ids = |text: &str| text.replace("$u", &user).replace("$g", &group);
            let request = Request {
                method: method.to_owned(),
                path: with_ids(path),
                query: query.clone(),
                authorization: Some("Bearer token".to_owned()),
                content_type: Some("application/scim+json".to_owned()),
                body: with_ids(body).into_bytes(),
            };
            answered(cloud, &request);
        }
    }
    for cloud in &clouds {
        assert_eq!(cloud.duplicates(), [""; 0], "{}", cloud.profile().name);
        let mut again = Cloud::of(cloud.profile().clone(), "http://sandbox/");
        assert_eq!(again.restore(cloud.state()), Ok(()));
        assert_eq!(again.state(), cloud.state(), "what is kept comes back");
    }
}

fn answered(cloud: &mut Cloud, request: &Request) {
    let before = cloud.history().len();
    let reply = cloud.answer(request, now());
    assert!((200..600).contains(&reply.status));
    if !reply.body.is_empty() {
        assert!(
            serde_json::from_slice::<Json>(&reply.body).is_ok(),
            "{}: {request:?} is answered with JSON",
            cloud.profile().name
        );
    }
    if !(200..300).contains(&reply.status) || request.method == "GET" {
        assert_eq!(
            cloud.history().len(),
            before,
            "{request:?} was refused and changed something"
        );
    }
}

fn faults(spec: &str) {
    match FaultPlan::parse(&[spec.to_owned()], 7) {
        Ok(mut plan) => {
            let request = Request {
                method: "GET".to_owned(),
                path: "Users".to_owned(),
                query: None,
                authorization: None,
                content_type: None,
                body: Vec::new(),
            };
            for _ in 0..3 {
                let _ = plan.next(&request);
            }
        }
        Err(mistakes) => assert!(!mistakes.to_string().is_empty()),
    }
}

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

fn clouds_with_somebody() -> Vec<Cloud> {
    let mut clouds: Vec<Cloud> = Profile::NAMES
        .into_iter()
        .filter_map(|name| Cloud::new(name, "http://sandbox/"))
        .collect();
    for cloud in &mut clouds {
        let ada = json!({
            "userName": "ada", "externalId": "a", "displayName": "Ada Lovelace", "active": true,
            "name": { "familyName": "Lovelace", "givenName": "Ada" },
            "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }],
        });
        assert!(cloud.seed(Kind::User, ada, false, now()).is_ok());
        let group = json!({ "displayName": "Engineers" });
        assert!(cloud.seed(Kind::Group, group, false, now()).is_ok());
    }
    clouds
}
