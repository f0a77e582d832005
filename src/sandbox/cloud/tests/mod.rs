//! What each cloud takes, refuses and shows, request by request.

mod answers;
mod contract;
mod groups;
mod hostile;
mod lists;
mod patch;
mod users;

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

use super::Cloud;
use crate::sandbox::{Reply, Request};

const BASE: &str = "https://cloud.test/scim/v2/";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PROFILES: [&str; 4] = ["huawei", "aws", "alibaba", "generic"];

/// A moment so many seconds after the first one.
fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_323_045 + second, 14_000_000).unwrap()
}

fn request(method: &str, path: &str, body: &[u8]) -> Request {
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (path, None),
    };
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query,
        authorization: Some("Bearer t".to_owned()),
        content_type: Some("application/json".to_owned()),
        body: body.to_vec(),
    }
}

/// A cloud and short words for its requests.
struct Bench {
    cloud: Cloud,
    second: i64,
}

impl Bench {
    fn new(profile: &str) -> Self {
        let cloud = Cloud::new(profile, BASE).unwrap();
        Self { cloud, second: 0 }
    }

    fn reply(&mut self, request: &Request) -> Reply {
        self.second += 1;
        self.cloud.answer(request, at(self.second))
    }

    /// Status and body, `null` for none.
    fn send(&mut self, method: &str, path: &str, body: &Json) -> (u16, Json) {
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        let reply = self.reply(&request(method, path, &body));
        let body = match reply.body.as_slice() {
            [] => Json::Null,
            body => serde_json::from_slice(body).unwrap(),
        };
        (reply.status, body)
    }

    fn get(&mut self, path: &str) -> (u16, Json) {
        self.send("GET", path, &Json::Null)
    }

    /// A GET with this filter.
    fn find(&mut self, endpoint: &str, filter: &str) -> (u16, Json) {
        let filter = percent_encoding::utf8_percent_encode(filter, percent_encoding::NON_ALPHANUMERIC);
        self.get(&format!("{endpoint}?filter={filter}"))
    }

    /// The id of a new user of that name.
    #[track_caller]
    fn user(&mut self, name: &str) -> String {
        let (status, body) = self.send("POST", "Users", &person(name, &json!({})));
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn patch(&mut self, path: &str, operations: &Json, status: u16) -> Json {
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
        let (answered, body) = self.send("PATCH", path, &body);
        assert_eq!(answered, status, "{operations} {body}");
        body
    }
}

/// Somebody whom every cloud takes, with changes: `null` takes an attribute out.
fn person(name: &str, changes: &Json) -> Json {
    let mut person = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "userName": name,
        "externalId": format!("x-{name}"),
        "displayName": "Somebody",
        "name": { "familyName": "Body", "givenName": "Some" },
        "emails": [{ "value": format!("{name}@example.org"), "type": "work", "primary": true }],
        "active": true,
    });
    for (key, value) in changes.as_object().unwrap() {
        if value.is_null() {
            person.as_object_mut().unwrap().remove(key);
        } else {
            person[key] = value.clone();
        }
    }
    person
}
