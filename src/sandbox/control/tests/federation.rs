//! IAM's identity providers, protocols and mappings.

use serde_json::json;

use super::*;

const IDP: &str = "/v3/OS-FEDERATION/identity_providers";
const MAPPINGS: &str = "/v3/OS-FEDERATION/mappings";
const RULES: &str = r#"{"mapping":{"rules":[{"local":[{"user":{"name":"{0}"}}],"remote":[{"type":"UserName"}]}]}}"#;

fn provider(sso_type: &str) -> String {
    json!({"identity_provider": {"sso_type": sso_type, "description": "d", "enabled": true}}).to_string()
}

#[test]
fn a_provider_is_made_shown_changed_and_deleted() {
    let mut bench = Bench::new(Plane::Huawei);
    let (status, made) = bench.ask(&format!("PUT {IDP}/acme"), &provider("virtual_user_sso"));
    assert_eq!(status, 201);
    let own = format!("http://{HOST}{IDP}/acme");
    let mut expected = json!({
        "sso_type": "virtual_user_sso",
        "id": "acme",
        "description": "d",
        "enabled": true,
        "remote_ids": [],
        "links": {"self": own, "protocols": format!("{own}/protocols")},
    });
    assert_eq!(made["identity_provider"], expected);
    let (status, said) = bench.ask(&format!("PUT {IDP}/acme"), &provider("virtual_user_sso"));
    assert_eq!(status, 409);
    let message = "Conflict occurred attempting to store identity_provider - Duplicate entry: acme";
    let error = json!({"code": 409, "error_code": null, "error_msg": null, "message": message, "title": "Conflict"});
    assert_eq!(said, json!({"error": error}));

    let mut patch = |body: &str| bench.ask(&format!("PATCH {IDP}/acme"), body).0;
    assert_eq!(patch(r#"{"identity_provider":{}}"#), 400);
    assert_eq!(patch(r#"{"identity_provider":{"sso_type":"iam_user_sso"}}"#), 400);
    assert_eq!(patch(r#"{"identity_provider":{"enabled":1}}"#), 400);
    assert_eq!(patch(r#"{"enabled":false}"#), 400);
    assert_eq!(patch("[]"), 400);
    assert_eq!(patch(r#"{"identity_provider":{"enabled":false}}"#), 200);
    expected["enabled"] = false.into();
    assert_eq!(
        bench.ask(&format!("GET {IDP}/acme"), ""),
        (200, json!({"identity_provider": expected}))
    );
    let (_, list) = bench.ask(&format!("GET {IDP}"), "");
    let links = json!({"self": format!("http://{HOST}{IDP}"), "previous": null, "next": null});
    assert_eq!(list, json!({"identity_providers": [expected], "links": links}));
    assert_eq!(bench.ask(&format!("POST {IDP}/acme"), "{}").0, 405);
    assert_eq!(bench.ask(&format!("DELETE {IDP}/acme"), ""), (204, Value::Null));
    for method in ["GET", "DELETE"] {
        let (status, said) = bench.ask(&format!("{method} {IDP}/acme"), "");
        assert_eq!((status, &said["error"]["title"]), (404, &json!("Not Found")));
    }
    assert_eq!(
        bench
            .ask(
                &format!("PATCH {IDP}/acme"),
                &json!({"identity_provider": {"enabled": true}}).to_string()
            )
            .0,
        404
    );
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let mut bench = Bench::new(Plane::Huawei);
    let (status, made) = bench.ask(&format!("PUT {IDP}/a"), r#"{"identity_provider":{}}"#);
    let made = &made["identity_provider"];
    assert_eq!(
        (status, &made["sso_type"], &made["enabled"]),
        (201, &json!("virtual_user_sso"), &json!(false))
    );
    let mut put = |id: &str, body: &str| bench.ask(&format!("PUT {IDP}/{id}"), body).0;
    assert_eq!(put("b%20c", r#"{"identity_provider":{}}"#), 400);
    assert_eq!(put("b", r#"{"identity_provider":{"sso_type":"other"}}"#), 400);
    assert_eq!(put("b", r#"{"identity_provider":{"more":1}}"#), 400);
    assert_eq!(put("b", "{"), 400);
}

#[test]
fn the_two_types_exclude_each_other() {
    let mut bench = Bench::new(Plane::Huawei);
    let mut put = |id: &str, kind: &str| bench.ask(&format!("PUT {IDP}/{id}"), &provider(kind)).0;
    assert_eq!(put("a", "virtual_user_sso"), 201);
    assert_eq!(put("b", "virtual_user_sso"), 201);
    assert_eq!(put("c", "iam_user_sso"), 409);
    for id in ["a", "b"] {
        bench.ask(&format!("DELETE {IDP}/{id}"), "");
    }
    let mut put = |id: &str, kind: &str| bench.ask(&format!("PUT {IDP}/{id}"), &provider(kind)).0;
    assert_eq!(put("c", "iam_user_sso"), 201);
    assert_eq!(put("d", "iam_user_sso"), 409);
    assert_eq!(put("a", "virtual_user_sso"), 409);
}

#[test]
fn a_protocol_needs_a_mapping_unless_people_are_iam_users() {
    let mut bench = Bench::new(Plane::Huawei);
    bench.ask(&format!("PUT {IDP}/acme"), &provider("virtual_user_sso"));
    let put = |bench: &mut Bench, protocol: &str, body: &str| {
        bench.ask(&format!("PUT {IDP}/acme/protocols/{protocol}"), body)
    };
    let with = r#"{"protocol":{"mapping_id":"m"}}"#;
    assert_eq!(put(&mut bench, "saml", r#"{"protocol":{}}"#).0, 400);
    assert_eq!(put(&mut bench, "saml", with).0, 404, "no such mapping");
    assert_eq!(bench.ask(&format!("PUT {MAPPINGS}/m"), RULES).0, 201);
    assert_eq!(put(&mut bench, "ldap", with).0, 400);
    let (status, made) = put(&mut bench, "saml", with);
    assert_eq!(
        (status, &made["protocol"]["id"], &made["protocol"]["mapping_id"]),
        (201, &json!("saml"), &json!("m"))
    );
    assert_eq!(put(&mut bench, "saml", with).0, 409);
    let path = format!("{IDP}/acme/protocols");
    let (_, list) = bench.ask(&format!("GET {path}"), "");
    assert_eq!(list["protocols"], json!([made["protocol"]]));
    assert_eq!(bench.ask(&format!("GET {path}/saml"), ""), (200, made));
    assert_eq!(bench.ask(&format!("PATCH {path}/saml"), with).0, 200);
    assert_eq!(bench.ask(&format!("PATCH {path}/oidc"), with).0, 404);
    assert_eq!(bench.ask(&format!("DELETE {path}/saml"), ""), (204, Value::Null));
    assert_eq!(bench.ask(&format!("DELETE {path}/saml"), "").0, 404);
    assert_eq!(bench.ask(&format!("GET {IDP}/other/protocols"), "").0, 404);

    let mut bench = Bench::new(Plane::Huawei);
    bench.ask(&format!("PUT {IDP}/acme"), &provider("iam_user_sso"));
    let (status, made) = put(&mut bench, "saml", r#"{"protocol":{}}"#);
    assert_eq!((status, &made["protocol"]["mapping_id"]), (201, &Value::Null));
    let metadata =
        json!({"domain_id": "d", "xaccount_type": "", "metadata": "<E entityID=\"https://idp\"/>"}).to_string();
    let import = "POST /v3-ext/OS-FEDERATION/identity_providers/acme/protocols/saml/metadata";
    assert_eq!(bench.ask(import, &metadata).0, 201);
    assert_eq!(bench.ask(import, "{}").0, 400);
    let (_, shown) = bench.ask(&format!("GET {IDP}/acme"), "");
    assert_eq!(shown["identity_provider"]["remote_ids"], json!(["https://idp"]));
}

#[test]
fn a_mapping_is_made_shown_changed_and_deleted() {
    let mut bench = Bench::new(Plane::Huawei);
    let (status, made) = bench.ask(&format!("PUT {MAPPINGS}/m"), RULES);
    assert_eq!((status, &made["mapping"]["id"]), (201, &json!("m")));
    assert_eq!(bench.ask(&format!("PUT {MAPPINGS}/m"), RULES).0, 409);
    assert_eq!(bench.ask(&format!("GET {MAPPINGS}/m"), ""), (200, made.clone()));
    assert_eq!(
        bench.ask(&format!("GET {MAPPINGS}"), "").1["mappings"],
        json!([made["mapping"]])
    );
    assert_eq!(bench.ask(&format!("PATCH {MAPPINGS}/m"), RULES).0, 200);
    assert_eq!(
        bench
            .ask(&format!("PATCH {MAPPINGS}/m"), r#"{"mapping":{"rules":[]}}"#)
            .0,
        400
    );
    assert_eq!(bench.ask(&format!("PATCH {MAPPINGS}/n"), RULES).0, 404);
    assert_eq!(bench.ask(&format!("DELETE {MAPPINGS}/m"), ""), (204, Value::Null));
    assert_eq!(bench.ask(&format!("DELETE {MAPPINGS}/m"), "").0, 404);
}

#[test]
fn a_token_in_a_header_is_as_good_as_a_signature_for_iam_alone() {
    let mut bench = Bench::new(Plane::Huawei);
    let with = |line: &str, token: &str| {
        let mut message = unsigned(line, "");
        message.headers.push(("x-auth-token".into(), token.into()));
        message
    };
    assert_eq!(bench.send(&with(&format!("GET {IDP}"), AUTH_TOKEN)).0, 200);
    assert_eq!(bench.send(&with(&format!("GET {IDP}"), "other")).0, 401);
    assert_eq!(bench.send(&with("GET /v1/instances", AUTH_TOKEN)).0, 401);

    let ask = |password: &str| {
        let user = json!({"domain": {"name": "sandbox"}, "name": "operator", "password": password});
        let identity = json!({"methods": ["password"], "password": {"user": user}});
        let body = json!({"auth": {"identity": identity, "scope": {"domain": {"name": "sandbox"}}}});
        unsigned("POST /v3/auth/tokens?nocatalog=true", &body.to_string())
    };
    let reply = bench.control.answer(&ask(SK), &mut bench.cloud, bench.now);
    let token = reply
        .headers
        .iter()
        .find(|(name, _)| name == "x-subject-token")
        .unwrap();
    assert_eq!(reply.status, 201);
    assert_eq!(bench.send(&with(&format!("GET {IDP}"), &token.1)).0, 200);
    bench.wait(1);
    assert_eq!(bench.send(&with(&format!("GET {IDP}"), &token.1)).0, 401);
    let (status, said) = bench.send(&ask("wrong"));
    assert_eq!((status, &said["error"]["title"]), (401, &json!("Unauthorized")));
    let (status, said) = bench.send(&unsigned("POST /v3/auth/tokens", "{}"));
    assert_eq!((status, &said["error_code"]), (400, &json!("IAM.0011")));
    assert!(said.get("request_id").is_none());
}

#[test]
fn an_oidc_configuration_is_made_once_and_changed() {
    let mut bench = Bench::new(Plane::Huawei);
    bench.ask(&format!("PUT {IDP}/acme"), &provider("virtual_user_sso"));
    let path = "/v3.0/OS-FEDERATION/identity-providers/acme/openid-connect-config";
    let config = json!({"access_mode": "program", "idp_url": "https://i", "client_id": "c", "signing_key": "{}"});
    let body = json!({"openid_connect_config": config}).to_string();
    assert_eq!(bench.ask(&format!("GET {path}"), "").0, 404);
    for other in ["{}", "[]", "7", "", r#"{"openid_connect_config":{}}"#] {
        let (status, said) = bench.ask(&format!("POST {path}"), other);
        assert_eq!((status, &said["error_code"]), (400, &json!("IAM.0011")), "{other}");
    }
    assert_eq!(
        bench.ask(&format!("POST {path}"), &body),
        (201, json!({"openid_connect_config": config}))
    );
    assert_eq!(bench.ask(&format!("POST {path}"), &body).0, 409);
    let change = json!({"openid_connect_config": {"client_id": "d"}}).to_string();
    let (status, changed) = bench.ask(&format!("PUT {path}"), &change);
    assert_eq!(
        (status, &changed["openid_connect_config"]["client_id"]),
        (200, &json!("d"))
    );
    assert_eq!(bench.ask(&format!("GET {path}"), ""), (200, changed));
}
