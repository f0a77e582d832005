//! The provisioning tenant, its tokens, and the instances.

use serde_json::json;

use super::*;
use crate::sandbox::TENANT;

const STORE: &str = "/v1/identity-stores/d-5a6e8b0d2c";

fn of_tenant(method: &str, tenant: &str, below: &str) -> String {
    format!("{method} {STORE}/tenant/{tenant}{below}")
}

#[test]
fn a_tenant_is_switched_on_looked_at_and_switched_off() {
    let mut bench = Bench::with(
        Plane::Huawei,
        ControlOptions {
            unprovisioned: true,
            ..options()
        },
    );
    let tenants = format!("GET {STORE}/provision-tenant");
    let enable = format!("POST {STORE}/provision-tenant");
    assert_eq!(bench.ask(&tenants, ""), (200, json!({"provisioning_tenants": []})));
    assert_eq!(bench.scim(FIRST), 403);
    let (status, made) = bench.ask(&enable, "");
    assert_eq!(status, 201);
    let endpoint = format!("http://{HOST}/{TENANT}/scim/v2/");
    let expected = json!({"creation_time": 1_767_323_045_678_u64, "scim_endpoint": endpoint, "tenant_id": TENANT});
    assert_eq!(made, expected);
    assert_eq!(bench.ask(&tenants, ""), (200, json!({"provisioning_tenants": [made]})));
    let (status, said) = bench.ask(&enable, "");
    assert_eq!((status, &said["error_code"]), (409, &json!("IIC.1006")));
    assert!(said["request_id"].is_string() && said["error_msg"].is_string());
    assert_eq!(bench.ask(&of_tenant("DELETE", "other", ""), "").0, 404);
    assert_eq!(bench.ask(&of_tenant("DELETE", TENANT, ""), ""), (200, Value::Null));
    assert_eq!(bench.ask(&of_tenant("DELETE", TENANT, ""), "").0, 404);
    assert_eq!(bench.ask(&tenants, ""), (200, json!({"provisioning_tenants": []})));
    // Another tenant each time, at another address.
    let (_, again) = bench.ask(&enable, "");
    assert_ne!(again["tenant_id"], TENANT);
    assert_eq!(again["scim_endpoint"], bench.cloud.base());
}

#[test]
fn the_answer_to_switching_on_again_can_be_chosen() {
    let mut bench = Bench::with(
        Plane::Huawei,
        ControlOptions {
            second_enable: SecondEnable::BadRequest,
            ..options()
        },
    );
    let (status, said) = bench.ask(&format!("POST {STORE}/provision-tenant"), "");
    assert_eq!((status, &said["error_code"]), (400, &json!("IIC.400")));
}

#[test]
fn there_are_two_tokens_at_most() {
    let mut bench = Bench::new(Plane::Huawei);
    let path = of_tenant("GET", TENANT, "/bearer-token");
    let create = of_tenant("POST", TENANT, "/bearer-token");
    let (status, made) = bench.ask(&create, "");
    assert_eq!(status, 201);
    let token = made["token"].as_str().unwrap().to_owned();
    assert_eq!(made["creation_time"], 1_767_323_045_678_u64);
    // 365 days later, on a whole second.
    assert_eq!(made["expiration_time"], 1_798_859_045_000_u64);
    assert_eq!((bench.scim(FIRST), bench.scim(&token)), (200, 200));
    let (status, said) = bench.ask(&create, "");
    assert_eq!((status, &said["error_code"]), (400, &json!("IIC.400")));
    let (_, listed) = bench.ask(&path, "");
    let listed = listed["bearer_tokens"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[1]["token_id"], made["token_id"]);
    assert_eq!(listed[1]["creation_time"], 1_767_323_045_679_u64);
    assert!(listed.iter().all(|token| token.get("token").is_none()));

    let id = listed[0]["token_id"].as_str().unwrap();
    let delete = of_tenant("DELETE", TENANT, &format!("/bearer-token/{id}"));
    assert_eq!(bench.ask(&delete, ""), (200, Value::Null));
    assert_eq!((bench.scim(FIRST), bench.scim(&token)), (401, 200));
    let (status, said) = bench.ask(&delete, "");
    assert_eq!((status, &said["error_code"]), (404, &json!("IIC.404")));
    let (_, second) = bench.ask(&create, "");
    assert_ne!(second["token"], made["token"]);
    assert_ne!(second["token_id"], made["token_id"]);
    bench.ask(&of_tenant("DELETE", TENANT, ""), "");
    assert_eq!(bench.scim(&token), 403, "the tenant is off");
    let (_, again) = bench.ask(&format!("POST {STORE}/provision-tenant"), "");
    assert_eq!(bench.scim(&token), 401, "its tokens are gone");
    assert_eq!(bench.ask(&path, "").0, 404);
    let path = of_tenant("GET", again["tenant_id"].as_str().unwrap(), "/bearer-token");
    assert_eq!(bench.ask(&path, ""), (200, json!({"bearer_tokens": []})));
}

#[test]
fn ids_that_cannot_be_are_told_from_those_that_are_not() {
    let mut bench = Bench::with(
        Plane::Huawei,
        ControlOptions {
            instances: 2,
            ..options()
        },
    );
    let mut check = |store: &str, expected: (u16, &str)| {
        let (status, said) = bench.ask(&format!("GET /v1/identity-stores/{store}/provision-tenant"), "");
        assert_eq!((status, said["error_code"].as_str().unwrap()), expected, "{store}");
        assert_eq!(
            said.get("encoded_authorization_message").is_some(),
            status == 403,
            "{store}"
        );
    };
    check("d-012345678", (400, "IIC.400"));
    check("x-0123456789", (400, "IIC.400"));
    check("d-012345678%C3%A9", (400, "IIC.400"));
    check("d-9999999999", (404, "IIC.404"));
    check("d-0000000001", (403, "IIC.1000"));
    let mut check = |line: &str| {
        let (status, said) = bench.ask(line, "");
        assert_eq!((status, &said["error_code"]), (404, &json!("APIGW.0101")), "{line}");
    };
    check("GET /v1/nothing");
    check("PUT /v1/instances");
    check("GET /v1/instances/");
    check("GET /v1/%FF");
    check(&format!("DELETE {STORE}/provision-tenant/{TENANT}"));
}

#[test]
fn instances_come_in_pages() {
    let mut bench = Bench::with(
        Plane::Huawei,
        ControlOptions {
            instances: 5,
            ..options()
        },
    );
    let (_, all) = bench.ask("GET /v1/instances", "");
    assert_eq!(all["page_info"], json!({"next_marker": null, "current_count": 5}));
    assert_eq!(all["instances"][0]["identity_store_id"], "d-5a6e8b0d2c");
    let (mut marker, mut seen) = (String::new(), Vec::new());
    loop {
        let (status, page) = bench.ask(&format!("GET /v1/instances?limit=2{marker}"), "");
        assert_eq!(status, 200);
        let instances = page["instances"].as_array().unwrap();
        assert_eq!(page["page_info"]["current_count"], instances.len());
        seen.extend(instances.iter().cloned());
        match page["page_info"]["next_marker"].as_str() {
            Some(next) => marker = format!("&marker={next}"),
            None => break,
        }
    }
    assert_eq!(json!(seen), all["instances"]);
    for query in ["limit=0", "limit=101", "limit=a", "marker=nothing"] {
        assert_eq!(bench.ask(&format!("GET /v1/instances?{query}"), "").0, 400, "{query}");
    }
    let id = all["instances"][0]["instance_id"].as_str().unwrap();
    let (_, stores) = bench.ask(&format!("GET /v1/instances/{id}/identity-store-associations"), "");
    assert_eq!(
        stores["identity_store_associations"][0]["identity_store_id"],
        "d-5a6e8b0d2c"
    );
    assert_eq!(bench.ask("GET /v1/instances/no/identity-store-associations", "").0, 404);
    let (_, summary) = bench.ask(&format!("GET {STORE}/identity-store-summary"), "");
    assert_eq!((&summary["users"], &summary["groups"]), (&json!(0), &json!(0)));
}
