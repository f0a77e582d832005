//! What is left after a restart, what is shown in logs, what faults say, and hostile input.

use serde_json::json;

use super::*;
use crate::sandbox::{Delivery, FaultPlan, TENANT, delivery::deliver_control, record::Record};

const STORE: &str = "/v1/identity-stores/d-5a6e8b0d2c";

#[test]
fn tokens_end() {
    for plane in [Plane::Huawei, Plane::Alibaba] {
        let mut bench = Bench::with(
            plane,
            ControlOptions {
                life: Life::Days(3),
                ..options()
            },
        );
        bench.wait(2);
        assert_eq!(bench.scim(FIRST), 200);
        bench.wait(1);
        assert_eq!(bench.scim(FIRST), 401);
    }
}

#[test]
fn a_restart_loses_nothing_and_the_state_has_no_secret() {
    let mut bench = Bench::new(Plane::Huawei);
    let (_, made) = bench.ask(&format!("POST {STORE}/tenant/{TENANT}/bearer-token"), "");
    bench.ask(
        "PUT /v3/OS-FEDERATION/identity_providers/acme",
        r#"{"identity_provider":{}}"#,
    );
    let token = made["token"].as_str().unwrap();
    let state = bench.control.state();
    let text = state.to_string();
    for secret in [token, FIRST, SK, AUTH_TOKEN] {
        assert!(!text.contains(secret), "{text}");
    }
    let mut again = bench.restarted();
    assert_eq!(again.control.state(), state);
    assert_eq!((again.scim(FIRST), again.scim(token)), (200, 200));
    again.ask(&format!("DELETE {STORE}/tenant/{TENANT}"), "");
    let (_, enabled) = again.ask(&format!("POST {STORE}/provision-tenant"), "");
    let mut third = again.restarted();
    assert_eq!(third.cloud.base(), enabled["scim_endpoint"]);
    // A token that was deleted does not come back with its file.
    assert_eq!(third.scim(FIRST), 401);
    let other = Control::new(
        Plane::Alibaba,
        ControlOptions {
            state: Some(state),
            ..options()
        },
        &"t".to_owned().into(),
        &mut bench.cloud,
        moment(),
    );
    assert!(other.err().unwrap().contains("another cloud"));
}

#[test]
fn another_token_in_the_file_takes_the_place_of_the_first() {
    let bench = Bench::new(Plane::Alibaba);
    let mut cloud = bench.cloud.clone();
    let options = ControlOptions {
        state: Some(bench.control.state()),
        ..options()
    };
    let control = Control::new(
        Plane::Alibaba,
        options,
        &"named".to_owned().into(),
        &mut cloud,
        moment(),
    )
    .unwrap();
    assert!(control.knows(&"named".to_owned().into()) && !control.knows(&FIRST.to_owned().into()));
}

/// The line of the log, of one request under one rule.
fn logged(bench: &mut Bench, message: &Message, rule: Option<&str>) -> (Delivery, String) {
    let rules: Vec<String> = rule.into_iter().map(str::to_owned).collect();
    let shown = bench.control.shown(message);
    let fault = FaultPlan::parse(&rules, 0).unwrap().next_control(&shown);
    let delivery = deliver_control(
        (&mut bench.control, &mut bench.cloud),
        message,
        fault.as_ref(),
        bench.now,
    );
    let answer = Control::shown_delivery(&delivery);
    let record = Record::new((1, bench.now), &shown, String::new(), fault, &answer);
    (delivery, format!("{record}\n{}", record.json()))
}

#[test]
fn logs_have_no_key_no_token_no_signature() {
    let mut bench = Bench::new(Plane::Huawei);
    let create = bench.sdk(&format!("POST {STORE}/tenant/{TENANT}/bearer-token"), "");
    let signature = create
        .header("authorization")
        .unwrap()
        .split("Signature=")
        .nth(1)
        .unwrap()
        .to_owned();
    let (delivery, line) = logged(&mut bench, &create, None);
    let Delivery::Whole(reply) = &delivery else {
        panic!("{delivery:?}")
    };
    let token = json(reply)["token"].as_str().unwrap().to_owned();
    assert!(
        line.contains("201  POST    /v1/identity-stores/") && line.contains(r#""token":"***""#),
        "{line}"
    );
    for secret in [&*token, &*signature, AK, SK] {
        assert!(!line.contains(secret), "{line}");
    }
    let password = json!({"auth": {"identity": {"password": {"user": {"password": SK}}}}}).to_string();
    let (_, line) = logged(&mut bench, &unsigned("POST /v3/auth/tokens", &password), None);
    assert!(!line.contains(SK), "{line}");

    let mut bench = Bench::new(Plane::Alibaba);
    let query = "DirectoryId=d-00sandbox001&AccessKeyId=AK&Signature=s1gnature&SecurityToken=t0ken";
    let create = bench.acs3("POST", "CreateSCIMServerCredential", query, "");
    let (delivery, line) = logged(&mut bench, &create, None);
    let Delivery::Whole(reply) = &delivery else {
        panic!("{delivery:?}")
    };
    let secret = json(reply)["SCIMServerCredential"]["CredentialSecret"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        line.starts_with("200  POST    /CreateSCIMServerCredential?DirectoryId=d-00sandbox001\n"),
        "{line}"
    );
    for secret in [&*secret, "s1gnature", "t0ken", AK] {
        assert!(!line.contains(secret), "{line}");
    }
    let create = bench.acs3(
        "POST",
        "SetSCIMSynchronizationStatus",
        "",
        "DirectoryId=d-00sandbox001&Signature=s1g",
    );
    let (_, line) = logged(&mut bench, &create, None);
    assert!(
        line.contains(r#""request":{"DirectoryId":"d-00sandbox001"}"#) && !line.contains("s1g"),
        "{line}"
    );
}

#[test]
fn faults_strike_where_their_path_names_them() {
    let mut huawei = Bench::new(Plane::Huawei);
    let mut check = |rule: &str, line: &str, expected: u16, shape: &str| {
        let message = huawei.sdk(line, "");
        let (delivery, _) = logged(&mut huawei, &message, Some(rule));
        let Delivery::Whole(reply) = &delivery else {
            panic!("{delivery:?}")
        };
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert_eq!(reply.status, expected, "{rule}: {text}");
        assert!(text.contains(shape), "{rule}: {text}");
    };
    let store = "GET /v1/identity-stores/d-5a6e8b0d2c/provision-tenant";
    check("status=500,path=/v1/identity-stores", store, 500, "IIC.1209");
    check(
        "status=409,path=/v1/identity-stores/*/provision-tenant$",
        store,
        409,
        "IIC.1006",
    );
    check("status=403,path=/v1", store, 403, "encoded_authorization_message");
    check("status=429,path=/v1", store, 429, "APIGW.0308");
    check(
        "status=500,path=/v3",
        "GET /v3/OS-FEDERATION/mappings",
        500,
        "Internal Server Error",
    );
    check("status=500,path=/v3", store, 200, "provisioning_tenants");
    // Those of the SCIM side leave it alone.
    check("status=500", store, 200, "provisioning_tenants");
    check("status=500,path=/*", store, 200, "provisioning_tenants");

    let mut bench = Bench::new(Plane::Alibaba);
    let list = bench.acs3("POST", "ListDirectories", "", "");
    let rule = "status=429,retry-after=2,path=/ListDirectories";
    let (delivery, _) = logged(&mut bench, &list, Some(rule));
    let Delivery::Whole(reply) = &delivery else {
        panic!("{delivery:?}")
    };
    assert_eq!((reply.status, &json(reply)["Code"]), (429, &json!("Throttling.User")));
    assert!(
        reply.headers.contains(&("x-acs-retry-after".into(), "2000".into())),
        "{:?}",
        reply.headers
    );
    let create = bench.acs3("POST", "CreateSCIMServerCredential", "DirectoryId=d-00sandbox001", "");
    let (delivery, _) = logged(
        &mut bench,
        &create,
        Some("reset=after,path=/CreateSCIMServerCredential"),
    );
    assert_eq!(delivery, Delivery::Reset);
    let (_, listed) = bench.call("ListSCIMServerCredentials", "DirectoryId=d-00sandbox001");
    assert_eq!(listed["TotalCounts"], 2, "the effect is there");
}

#[test]
fn hostile_input_is_refused_and_nothing_else() {
    let texts = [
        "",
        "/",
        "//",
        "/%",
        "/%zz",
        "/v1",
        "/v1/",
        "/v1/identity-stores",
        "/v3/OS-FEDERATION",
        "/v3/%00/é",
        "/v1/instances?limit=99999999999999999999&marker=%FF&=&&=x",
    ];
    for plane in [Plane::Huawei, Plane::Alibaba] {
        let mut bench = Bench::new(plane);
        for text in texts {
            for body in ["", "[]", "{", "\u{0}", r#"{"identity_provider":[]}"#, "a=b&%FF=%FF&+=+"] {
                for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"] {
                    let mut message = unsigned(&format!("{method} {text}"), body);
                    for header in [
                        "",
                        "SDK-HMAC-SHA256 Access=",
                        "ACS3-HMAC-SHA256 Credential=,SignedHeaders=,Signature=",
                    ] {
                        message.headers.retain(|(name, _)| name != "authorization");
                        message.headers.push(("authorization".into(), header.into()));
                        assert!((400..500).contains(&bench.send(&message).0), "{message:?}");
                    }
                    if plane == Plane::Huawei {
                        let signed = bench.sdk(&format!("{method} {text}"), body);
                        let _ = bench.send(&signed);
                    } else {
                        let query = text.split_once('?').map_or("", |(_, query)| query);
                        let signed = bench.acs3(method, "ListUsers", query, body);
                        let _ = bench.send(&signed);
                    }
                }
            }
        }
    }
}
