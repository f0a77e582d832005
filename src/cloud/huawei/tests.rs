//! The client against a script: what is asked in which order, and what is made of the answers.

use std::sync::Arc;

use secrecy::ExposeSecret;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::cloud::{
    settings::HuaweiEndpoints,
    testing::{self, Line, Script, line, lost},
};

const TENANTS: &str = "GET /v1/identity-stores/d-0123456789/provision-tenant";
const ENABLE: &str = "POST /v1/identity-stores/d-0123456789/provision-tenant";
const TOKENS: &str = "GET /v1/identity-stores/d-0123456789/tenant/t-1/bearer-token";
const CREATE: &str = "POST /v1/identity-stores/d-0123456789/tenant/t-1/bearer-token";
const TENANT: &str =
    r#"{"creation_time":1754278569275,"scim_endpoint":"https://scim.example.org/t-1/scim/v2/","tenant_id":"t-1"}"#;
const BUSY: &str = r#"{"error_code":"IIC.1006","error_msg":"conflict","request_id":"r"}"#;

struct World {
    huawei: Huawei,
    script: Arc<Script>,
    _folder: TempDir,
}

fn settings(folder: &TempDir) -> HuaweiSettings {
    let here = || Some("http://127.0.0.1:18080/".to_owned());
    HuaweiSettings {
        identity_store_id: Some("d-0123456789".into()),
        keys: Some(testing::keys(folder)),
        project_id: Some("p-1".into()),
        domain_id: Some("a-1".into()),
        endpoints: HuaweiEndpoints {
            identitystore: here(),
            identitycenter: here(),
            iam: here(),
        },
        ..HuaweiSettings::default()
    }
}

fn world(lines: Vec<Line>) -> World {
    let folder = TempDir::new().unwrap();
    let script = Script::new("Authorization", lines);
    World {
        huawei: Huawei::over(&settings(&folder), script.clone()).unwrap(),
        script,
        _folder: folder,
    }
}

fn tenants(tenants: &str) -> String {
    format!(r#"{{"provisioning_tenants":[{tenants}]}}"#)
}

fn tokens(ids: &[&str]) -> String {
    let token =
        |id: &&str| json!({ "token_id": id, "creation_time": 1754278569276_i64, "expiration_time": 1785814569000_i64 });
    json!({ "bearer_tokens": ids.iter().map(token).collect::<Vec<_>>() }).to_string()
}

#[tokio::test]
async fn every_page_of_instances() {
    let page = |id: &str, next: &str| {
        format!(
            r#"{{"instances":[{{"identity_store_id":"{id}","instance_id":"i","alias":""}}],"page_info":{{"next_marker":{next},"current_count":1}}}}"#
        )
    };
    let world = world(vec![
        line("GET /v1/instances?limit=100", 200, &page("d-1", "\"m/1\"")),
        line("GET /v1/instances?limit=100&marker=m%2F1", 200, &page("d-2", "null")),
    ]);
    let instances = world.huawei.instances().await.unwrap();
    let ids: Vec<_> = instances
        .iter()
        .map(|instance| instance.identity_store_id.as_str())
        .collect();
    assert_eq!(ids, ["d-1", "d-2"]);
    let seen = world.script.end();
    assert!(
        seen[0]
            .0
            .contains("Access=AK1, SignedHeaders=content-type;host;x-domain-id;x-sdk-date, "),
        "{seen:?}"
    );
}

#[tokio::test]
async fn enabling_looks_first() {
    let check = async |lines, expected: bool| {
        let world = world(lines);
        let (tenant, was_on) = world.huawei.enable().await.unwrap();
        assert_eq!((tenant.tenant_id.as_str(), was_on), ("t-1", expected));
        assert_eq!(tenant.created.unwrap().timestamp_millis(), 1_754_278_569_275);
        world.script.end();
    };
    check(vec![line(TENANTS, 200, &tenants(TENANT))], true).await;
    let (off, on) = (tenants(""), tenants(TENANT));
    check(vec![line(TENANTS, 200, &off), line(ENABLE, 201, TENANT)], false).await;
    let between = |status| {
        vec![
            line(TENANTS, 200, &off),
            line(ENABLE, status, "{}"),
            line(TENANTS, 200, &on),
        ]
    };
    check(between(409), true).await;
    check(between(400), true).await;
    check(between(500), false).await;
    check(
        vec![line(TENANTS, 200, &off), lost(ENABLE), line(TENANTS, 200, &on)],
        false,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn only_a_busy_service_is_asked_again() {
    let world = world(vec![
        line(TENANTS, 200, &tenants("")),
        line(ENABLE, 409, BUSY),
        line(ENABLE, 429, "{}"),
        line(ENABLE, 201, TENANT),
        line(TENANTS, 503, "{}"),
        lost(TENANTS),
        line(
            TENANTS,
            401,
            r#"{"error_code":"APIGW.0301","error_msg":"verify aksk signature fail, hunter2"}"#,
        ),
    ]);
    assert!(!world.huawei.enable().await.unwrap().1);
    let error = world.huawei.tenants().await.unwrap_err();
    assert_eq!((error.status(), error.exit_code()), (Some(401), 4));
    let text = error.to_string();
    assert!(
        text.contains("APIGW.0301") && text.contains("secret key does not belong"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
    world.script.end();
}

#[tokio::test]
async fn a_token_is_made_once() {
    let made = r#"{"token_id":"b","token":"t0k3n","creation_time":1754278569275,"expiration_time":1785814569000}"#;
    let world = world(vec![
        line(TENANTS, 200, &tenants(TENANT)),
        line(TOKENS, 200, &tokens(&["a"])),
        line(CREATE, 201, made),
    ]);
    let (token, text) = world.huawei.tokens().await.unwrap().create().await.unwrap();
    assert_eq!((token.id.as_str(), text.expose_secret()), ("b", "t0k3n"));
    assert_eq!(token.expires.unwrap().to_rfc3339(), "2026-08-04T03:36:09+00:00");
    world.script.end();
}

#[tokio::test]
async fn a_token_whose_text_was_lost_is_named() {
    let check = async |lines, expected: &str| {
        let world = world(lines);
        let error = world.huawei.tokens_of("t-1").create().await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        world.script.end();
    };
    let one = || line(TOKENS, 200, &tokens(&["a"]));
    let two = || line(TOKENS, 200, &tokens(&["a", "b"]));
    check(vec![two()], "two tokens already (a, b)").await;
    check(vec![one(), lost(CREATE), two()], "delete b and try again").await;
    check(vec![one(), line(CREATE, 500, "{}"), two()], "delete b").await;
    check(vec![one(), line(CREATE, 201, r#"{"token_id":"b"}"#), two()], "delete b").await;
    check(vec![one(), lost(CREATE), one()], "no token was made: the answer of").await;
    check(vec![one(), line(CREATE, 403, "{}")], "403").await;
}

#[tokio::test]
async fn what_is_gone_already_is_no_error() {
    const DELETE: &str = "DELETE /v1/identity-stores/d-0123456789/tenant/t-1/bearer-token/a%2Fb";
    const DISABLE: &str = "DELETE /v1/identity-stores/d-0123456789/tenant/t-1";
    let world = world(vec![
        line(DELETE, 404, r#"{"error_code":"IIC.400"}"#),
        line(DELETE, 404, r#"{"error_code":"APIGW.0101"}"#),
        line(DELETE, 404, "<html><h1>Not found</h1></html>"),
        line(DISABLE, 204, ""),
        line(DISABLE, 404, r#"{"error_code":"IIC.404"}"#),
        line(DISABLE, 404, "{}"),
        line(TENANTS, 200, &tenants("")),
    ]);
    let tokens = world.huawei.tokens_of("t-1");
    tokens.delete("a/b").await.unwrap();
    let error = tokens.delete("a/b").await.unwrap_err();
    assert!(error.to_string().contains("check region and endpoints"), "{error}");
    // A proxy on the way.
    assert_eq!(tokens.delete("a/b").await.unwrap_err().status(), Some(404));
    world.huawei.disable("t-1").await.unwrap();
    world.huawei.disable("t-1").await.unwrap();
    assert_eq!(world.huawei.disable("t-1").await.unwrap_err().status(), Some(404));
    let Err(error) = world.huawei.tokens().await else {
        panic!("there is no tenant");
    };
    assert!(error.to_string().contains("tenant enable"), "{error}");
    world.script.end();
}

const PROVIDER: &str = "/v3/OS-FEDERATION/identity_providers/ACME";

fn provider(enabled: bool, description: &str) -> String {
    json!({ "identity_provider": { "sso_type": "", "id": "ACME", "description": description, "enabled": enabled } })
        .to_string()
}

#[tokio::test]
async fn providers_are_put_or_patched() {
    let get = format!("GET {PROVIDER}").leak() as &str;
    let (put, patch) = (
        format!("PUT {PROVIDER}").leak() as &str,
        format!("PATCH {PROVIDER}").leak() as &str,
    );
    let check = async |lines, fields: ProviderFields, expected: Written| {
        let world = world(lines);
        let (provider, written) = world.huawei.idp().create_or_update("ACME", &fields).await.unwrap();
        assert_eq!((provider.id.as_str(), written), ("ACME", expected));
        assert_eq!(provider.sso_type, SsoType::VirtualUser);
        world.script.end()
    };
    let absent = || {
        line(
            get,
            404,
            r#"{"error":{"code":404,"message":"Could not find","title":"Not Found"}}"#,
        )
    };
    let there = || line(get, 200, &provider(true, "x"));
    let fields = || ProviderFields {
        sso_type: Some(SsoType::VirtualUser),
        description: None,
        enabled: Some(true),
    };
    let seen = check(
        vec![absent(), line(put, 201, &provider(true, ""))],
        fields(),
        Written::Created,
    )
    .await;
    assert_eq!(
        seen[1].1,
        r#"{"identity_provider":{"enabled":true,"sso_type":"virtual_user_sso"}}"#
    );
    check(vec![there()], fields(), Written::Unchanged).await;
    let off = ProviderFields {
        enabled: Some(false),
        ..ProviderFields::default()
    };
    let seen = check(
        vec![there(), line(patch, 200, &provider(false, "x"))],
        off,
        Written::Changed,
    )
    .await;
    assert_eq!(seen[1].1, r#"{"identity_provider":{"enabled":false}}"#);
    check(
        vec![absent(), line(put, 409, "{}"), there()],
        fields(),
        Written::Unchanged,
    )
    .await;

    let world = world(vec![there(), absent()]);
    let other = ProviderFields {
        sso_type: Some(SsoType::IamUser),
        ..ProviderFields::default()
    };
    let error = world.huawei.idp().update("ACME", &other).await.unwrap_err();
    assert_eq!(error.exit_code(), 2, "{error}");
    let error = world.huawei.idp().show("ACME").await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("identity provider ACME is not there"), "{text}");
    world.script.end();
}

#[tokio::test]
async fn protocols_and_mappings() {
    const PROTOCOL: &str = "GET /v3/OS-FEDERATION/identity_providers/ACME/protocols/saml";
    const PUT: &str = "PUT /v3/OS-FEDERATION/identity_providers/ACME/protocols/saml";
    const MAPPING: &str = "GET /v3/OS-FEDERATION/mappings/m";
    const PATCH: &str = "PATCH /v3/OS-FEDERATION/mappings/m";
    let world = world(vec![
        line(PROTOCOL, 404, "{}"),
        line(PUT, 201, r#"{"protocol":{"id":"saml","mapping_id":"m"}}"#),
        line(MAPPING, 200, r#"{"mapping":{"id":"m","rules":[]}}"#),
        line(PATCH, 200, r#"{"mapping":{"id":"m","rules":[{}]}}"#),
        line("DELETE /v3/OS-FEDERATION/mappings/m", 204, ""),
    ]);
    let idp = world.huawei.idp();
    let (protocol, written) = idp.protocol_create("ACME", "saml", Some("m")).await.unwrap();
    assert_eq!((protocol.mapping_id.as_deref(), written), (Some("m"), Written::Created));
    let (_, written) = idp.mapping_create("m", &json!([{}])).await.unwrap();
    assert_eq!(written, Written::Changed);
    assert!(idp.mapping_delete("m").await.unwrap());
    let seen = world.script.end();
    assert_eq!(seen[1].1, r#"{"protocol":{"mapping_id":"m"}}"#);
    assert_eq!(seen[3].1, r#"{"mapping":{"rules":[{}]}}"#);
}

#[tokio::test]
async fn a_token_in_place_of_a_signature() {
    let folder = TempDir::new().unwrap();
    let settings = HuaweiSettings {
        auth_token: Some(testing::keys(&folder).secret_key),
        ..settings(&folder)
    };
    let script = Script::new(
        "X-Auth-Token",
        vec![line("GET /v3/OS-FEDERATION/mappings", 200, r#"{"mappings":[]}"#)],
    );
    let huawei = Huawei::over(&settings, script.clone()).unwrap();
    assert_eq!(huawei.idp().mapping_list().await.unwrap(), []);
    assert_eq!(script.end()[0].0, "hunter2");
}

#[test]
fn what_a_dry_run_shows() {
    let folder = TempDir::new().unwrap();
    let huawei = Huawei::over(&settings(&folder), Script::new("", Vec::new())).unwrap();
    let shown = huawei.requests().delete_token("{tenant_id}", "{token_id}").unwrap();
    assert_eq!(
        shown.to_string(),
        "DELETE http://127.0.0.1:18080/v1/identity-stores/d-0123456789/tenant/{tenant_id}/bearer-token/{token_id}\n\
         Host: 127.0.0.1:18080\nContent-Type: application/json\nX-Project-Id: p-1\nX-Sdk-Date: [made when it is sent]\n\
         Authorization: SDK-HMAC-SHA256 Access=[redacted], SignedHeaders=content-type;host;x-project-id;x-sdk-date, \
         Signature=[redacted]"
    );
    let fields = ProviderFields {
        description: Some("d".into()),
        ..ProviderFields::default()
    };
    let shown = huawei.requests().create_provider("ACME", &fields).unwrap().to_json();
    assert_eq!(shown["body"], json!({ "identity_provider": { "description": "d" } }));
    assert_eq!(shown["headers"]["Content-Type"], "application/json;charset=utf-8");
}

#[test]
fn what_is_missing_is_said() {
    let check = |settings: HuaweiSettings, expected: &str| {
        let requests = Requests::new(&settings).and_then(|requests| requests.tenants());
        let error = requests.unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(expected), "{error}");
    };
    let id = || Some("d-0123456789".to_owned());
    check(HuaweiSettings::default(), "instance list");
    let with = |region: Option<&str>| HuaweiSettings {
        region: region.map(ToOwned::to_owned),
        identity_store_id: id(),
        ..HuaweiSettings::default()
    };
    check(with(None), "--region");
    check(with(Some("cn-nowhere-1")), "not a region known");
    check(
        HuaweiSettings {
            endpoints: HuaweiEndpoints {
                iam: Some("http://iam.example.org/".into()),
                ..HuaweiEndpoints::default()
            },
            ..with(Some("cn-north-4"))
        },
        "in clear",
    );
    let requests = Requests::new(&with(Some("cn-north-4"))).unwrap();
    let shown = requests.tenants().unwrap().shown_url();
    assert!(
        shown.starts_with("https://identitystore.cn-north-4.myhuaweicloud.com/v1/"),
        "{shown}"
    );
    assert!(requests.delete_tenant("..").is_err());
}
