//! The demo's directory and the sandbox, spoken to over their sockets by clients of other people.
#![cfg(test)]

use std::sync::{Arc, Mutex};

use ldap3::{LdapConnAsync, LdapError, Scope, SearchEntry, adapters::PagedResults};
use scimward::{
    demo::{
        company,
        directory::{DemoDirectory, Tree},
    },
    sandbox::{Options, Sandbox},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const PASSWORD: &str = "of-the-reader";

fn company_tree() -> Tree {
    company::tree(PASSWORD.to_owned().into()).unwrap()
}

async fn directory() -> DemoDirectory {
    DemoDirectory::start(Arc::new(Mutex::new(company_tree())))
        .await
        .unwrap()
}

async fn connect(directory: &DemoDirectory) -> ldap3::Ldap {
    let (connection, ldap) = LdapConnAsync::new(&directory.url()).await.unwrap();
    ldap3::drive!(connection);
    ldap
}

fn code(error: LdapError) -> u32 {
    match error {
        LdapError::LdapResult { result } => result.rc,
        other => panic!("{other}"),
    }
}

async fn paged(ldap: &mut ldap3::Ldap, size: i32, filter: &str, attributes: Vec<&str>) -> Vec<SearchEntry> {
    let adapters: Vec<Box<dyn ldap3::adapters::Adapter<_, _>>> = vec![Box::new(PagedResults::new(size))];
    let mut stream = ldap
        .streaming_search_with(adapters, company::PEOPLE, Scope::Subtree, filter, attributes)
        .await
        .unwrap();
    let mut entries = Vec::new();
    while let Some(entry) = stream.next().await.unwrap() {
        entries.push(SearchEntry::construct(entry));
    }
    assert_eq!(stream.finish().await.rc, 0);
    entries
}

#[tokio::test]
async fn pages_hold_everybody_once_whatever_their_size() {
    let directory = directory().await;
    let mut ldap = connect(&directory).await;
    ldap.simple_bind(company::READER, PASSWORD)
        .await
        .unwrap()
        .success()
        .unwrap();
    let mut expected: Option<Vec<String>> = None;
    for size in [1, 3, 14, 100] {
        let names: Vec<String> = paged(&mut ldap, size, "(uid=*)", vec!["1.1"])
            .await
            .into_iter()
            .map(|e| e.dn)
            .collect();
        assert_eq!(names.len(), 14, "page size {size}");
        assert_eq!(expected.get_or_insert_with(|| names.clone()), &names);
    }
}

#[tokio::test]
async fn attributes_are_those_asked_for() {
    let directory = directory().await;
    let mut ldap = connect(&directory).await;
    ldap.simple_bind(company::READER, PASSWORD)
        .await
        .unwrap()
        .success()
        .unwrap();
    let entries = paged(&mut ldap, 10, "(uid=lwei)", vec!["SN", "entryUUID"]).await;
    let names: Vec<&String> = entries[0].attrs.keys().collect();
    assert_eq!((entries.len(), names.len()), (1, 2), "{names:?}");
    assert_eq!(entries[0].attrs["sn"], ["李"]);
    assert_eq!(entries[0].attrs["entryUUID"][0].len(), 36);
    let all = paged(&mut ldap, 10, "(uid=lwei)", vec!["*"]).await;
    assert!(all[0].attrs.contains_key("mail") && !all[0].attrs.contains_key("entryUUID"));
}

#[tokio::test]
async fn result_codes_are_those_of_the_rfc() {
    let directory = directory().await;
    let mut ldap = connect(&directory).await;
    let mut search = async |base: &str| {
        let result = ldap
            .search(base, Scope::Subtree, "(objectClass=*)", vec!["1.1"])
            .await
            .unwrap();
        result.success().map(|(entries, _)| entries.len()).map_err(code)
    };
    assert_eq!(search(company::PEOPLE).await, Err(50), "anonymous");
    let mut ldap = connect(&directory).await;
    assert_eq!(ldap.simple_bind(company::READER, "wrong").await.unwrap().rc, 49);
    assert_eq!(ldap.simple_bind("cn=nobody", PASSWORD).await.unwrap().rc, 49);
    assert_eq!(ldap.simple_bind(company::READER, "").await.unwrap().rc, 53);
    assert_eq!(ldap.simple_bind(company::READER, PASSWORD).await.unwrap().rc, 0);
    let gone = format!("ou=gone,{}", company::PEOPLE);
    let result = ldap
        .search(&gone, Scope::Subtree, "(uid=*)", vec!["1.1"])
        .await
        .unwrap();
    assert_eq!((result.1.rc, result.1.matched.as_str()), (32, company::PEOPLE));
    let limited = ldap.with_search_options(ldap3::SearchOptions::new().sizelimit(3));
    let result = limited
        .search(company::PEOPLE, Scope::Subtree, "(uid=*)", vec!["1.1"])
        .await
        .unwrap();
    assert_eq!((result.0.len(), result.1.rc), (3, 4));
    assert_eq!(ldap.delete(company::PEOPLE).await.unwrap().rc, 50);
    assert_eq!(ldap.compare(company::SUFFIX, "o", "x").await.unwrap().0.rc, 53);
    ldap.unbind().await.unwrap();
}

#[tokio::test]
async fn the_root_dse_is_for_everybody() {
    let directory = directory().await;
    let mut ldap = connect(&directory).await;
    let (entries, _) = ldap
        .search("", Scope::Base, "(objectClass=*)", vec!["namingContexts"])
        .await
        .unwrap()
        .success()
        .unwrap();
    let entry = SearchEntry::construct(entries.into_iter().next().unwrap());
    assert_eq!(entry.attrs["namingContexts"], [company::SUFFIX]);
}

#[tokio::test]
async fn changes_show_in_the_next_search_and_the_server_stops_when_dropped() {
    let directory = directory().await;
    let mut ldap = connect(&directory).await;
    ldap.simple_bind(company::READER, PASSWORD)
        .await
        .unwrap()
        .success()
        .unwrap();
    company::joiner(&mut directory.tree()).unwrap();
    company::leaver(&mut directory.tree()).unwrap();
    assert_eq!(paged(&mut ldap, 5, "(uid=zlindqvist)", vec!["1.1"]).await.len(), 1);
    assert_eq!(paged(&mut ldap, 5, "(uid=tsato)", vec!["1.1"]).await.len(), 0);
    drop(directory);
    assert!(
        ldap.search(company::PEOPLE, Scope::Base, "(uid=*)", vec!["1.1"])
            .await
            .is_err()
    );
}

#[tokio::test]
async fn garbage_ends_the_connection_and_nothing_else() {
    let directory = directory().await;
    // Not BER, a length of 2 GiB, deep nesting, a response in place of a request, half a message.
    let nested: Vec<u8> = std::iter::repeat_n([0xa2, 0x7f], 4096).flatten().collect();
    let inputs: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02],
        &nested,
        &[
            0x30, 0x0c, 0x02, 0x01, 0x01, 0x65, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00,
        ],
        &[0x30, 0x0c, 0x02, 0x01],
        &[0xff; 600_000],
    ];
    for input in inputs {
        let mut stream = TcpStream::connect(directory.addr).await.unwrap();
        // The server may hang up before everything is written.
        let _ = stream.write_all(input).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    let mut ldap = connect(&directory).await;
    assert_eq!(ldap.simple_bind(company::READER, PASSWORD).await.unwrap().rc, 0);
}

// --- the cloud -----------------------------------------------------------------------------------

const TOKEN: &str = "a-token";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

struct Client {
    cloud: Sandbox,
    http: reqwest::Client,
}

impl Client {
    async fn new() -> Self {
        // Another test of this process may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            cloud: Sandbox::start(Options::new("generic", TOKEN.to_owned().into()))
                .await
                .unwrap(),
            http,
        }
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self
            .http
            .request(method.parse().unwrap(), format!("{}{path}", self.cloud.url()))
            .bearer_auth(TOKEN)
            .header("content-type", "application/scim+json");
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (
            status,
            serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null),
        )
    }

    async fn patch(&self, id: &str, operations: Value) -> (u16, Value) {
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
        self.send("PATCH", &format!("Users/{id}"), Some(body)).await
    }

    async fn create(&self, user_name: &str) -> String {
        let body = json!({
            "schemas": [USER, ENTERPRISE], "userName": user_name, "externalId": "x1", "name": { "familyName": "F" },
            "emails": [{ "value": "a@x", "type": "work", "primary": true }], ENTERPRISE: { "department": "D" },
        });
        let (status, user) = self.send("POST", "Users", Some(body)).await;
        assert_eq!(status, 201, "{user}");
        user["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_user_lives_from_post_to_delete() {
    let client = Client::new().await;
    let id = client.create("Ana").await;
    let (_, listed) = client.send("GET", "Users?filter=userName%20eq%20%22ANA%22", None).await;
    assert_eq!(listed["Resources"][0]["id"].as_str(), Some(id.as_str()));
    let (_, listed) = client
        .send("GET", "Users?filter=externalId%20eq%20%22X1%22", None)
        .await;
    assert_eq!(listed["totalResults"], 0, "externalId is case exact");
    let renamed = json!({ "schemas": [USER], "userName": "anna" });
    assert_eq!(client.send("PUT", &format!("Users/{id}"), Some(renamed)).await.0, 200);
    let (_, user) = client.send("GET", &format!("Users/{id}"), None).await;
    assert_eq!(
        (user["userName"].as_str(), user.get("emails")),
        (Some("anna"), None),
        "PUT replaces"
    );
    client.create("ana").await;
    assert_eq!(client.send("DELETE", &format!("Users/{id}"), None).await.0, 204);
    assert_eq!(client.send("DELETE", &format!("Users/{id}"), None).await.0, 404);
    assert_eq!(client.cloud.look(|cloud| cloud.users().count()), 1);
    assert_eq!(client.cloud.requests(), 8);
    assert_eq!(client.cloud.log()[0].status, Some(201));
}

#[tokio::test]
async fn patch_changes_what_its_paths_say() {
    let client = Client::new().await;
    let id = client.create("ana").await;
    let manager = format!("{ENTERPRISE}:manager");
    let (status, user) = client
        .patch(
            &id,
            json!([
                { "op": "replace", "path": "active", "value": false },
                { "op": "add", "path": "name.givenName", "value": "Ana" },
                { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "b@x" },
                { "op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "E" },
                { "op": "add", "path": manager, "value": { "value": "boss" } },
                { "op": "add", "value": { "title": "T" } },
            ]),
        )
        .await;
    assert_eq!(status, 200, "{user}");
    assert_eq!(user["active"], false);
    assert_eq!(user["name"], json!({ "familyName": "F", "givenName": "Ana" }));
    assert_eq!(user["emails"][0]["value"], "b@x");
    assert_eq!(
        user[ENTERPRISE],
        json!({ "department": "E", "manager": { "value": "boss" } })
    );
    assert_eq!(user["title"], "T");
    let (_, user) = client
        .patch(
            &id,
            json!([
                { "op": "remove", "path": manager },
                { "op": "remove", "path": format!("{ENTERPRISE}:department") },
                { "op": "remove", "path": "title" },
                { "op": "remove", "path": "emails[type eq \"work\"]" },
            ]),
        )
        .await;
    for gone in [ENTERPRISE, "title", "emails"] {
        assert_eq!(user.get(gone), None, "{user}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_an_error_body_and_changes_nothing() {
    let client = Client::new().await;
    let id = client.create("ana").await;
    let one = format!("Users/{id}");
    let users = || client.cloud.look(|cloud| cloud.users().cloned().collect::<Vec<_>>());
    let before = users();
    let user = |more: Value| {
        let mut user = json!({ "schemas": [USER], "userName": "bob" });
        user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Some(user)
    };
    let operation = |operation: Value| {
        Some(json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] }))
    };
    let cases = [
        ("POST", "Users", user(json!({ "userName": "ANA" })), 409, "uniqueness"),
        ("POST", "Users", user(json!({ "userName": "" })), 400, "invalidValue"),
        ("POST", "Users", Some(json!({ "schemas": [USER] })), 400, "invalidValue"),
        (
            "POST",
            "Users",
            Some(json!({ "userName": "bob" })),
            400,
            "invalidSyntax",
        ),
        ("POST", "Users", Some(json!(["bob"])), 400, "invalidSyntax"),
        ("POST", "Users", None, 400, "invalidSyntax"),
        ("POST", "Users", user(json!({ "active": "true" })), 400, "invalidValue"),
        ("POST", "Users", user(json!({ "title": 1 })), 400, "invalidValue"),
        (
            "POST",
            "Users",
            user(json!({ "emails": { "value": "a@x" } })),
            400,
            "invalidValue",
        ),
        ("POST", "Users", user(json!({ "shoes": 43 })), 400, "invalidSyntax"),
        (
            "POST",
            "Users",
            user(json!({ ENTERPRISE: { "department": "D" } })),
            400,
            "invalidSyntax",
        ),
        ("GET", "Users?filter=userName%20eq", None, 400, "invalidFilter"),
        ("GET", "Users/none", None, 404, ""),
        ("GET", "Nothing", None, 404, ""),
        ("PUT", "Users/none", user(json!({})), 404, ""),
        (
            "PATCH",
            &one,
            operation(json!({ "op": "replace", "path": "nothing", "value": 1 })),
            400,
            "invalidPath",
        ),
        (
            "PATCH",
            &one,
            operation(json!({ "op": "replace", "path": "active", "value": "no" })),
            400,
            "invalidValue",
        ),
        (
            "PATCH",
            &one,
            operation(json!({ "op": "remove", "path": "userName" })),
            400,
            "mutability",
        ),
        ("PATCH", &one, operation(json!({ "op": "remove" })), 400, "noTarget"),
        (
            "PATCH",
            &one,
            operation(json!({ "op": "move", "path": "title" })),
            400,
            "invalidSyntax",
        ),
        (
            "PATCH",
            &one,
            operation(json!({ "op": "replace", "path": "emails[type eq \"home\"].value", "value": "c@x" })),
            400,
            "noTarget",
        ),
    ];
    for (method, path, body, status, scim_type) in cases {
        let what = format!("{method} {path} {body:?}");
        let (got, error) = client.send(method, path, body).await;
        assert_eq!(
            (got, error["scimType"].as_str().unwrap_or_default()),
            (status, scim_type),
            "{what}: {error}"
        );
        assert_eq!(error["status"], status.to_string(), "{what}");
    }
    assert_eq!(users(), before);
    let response = client
        .http
        .get(format!("{}Users", client.cloud.url()))
        .bearer_auth("other")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), 401);
}
