//! Identity providers of IAM.

use std::fs;

use serde_json::json;

use crate::support::cloud::Cloud;

#[test]
fn a_provider_is_made_or_brought_up_to_date() {
    let cloud = Cloud::huawei();
    let of_methods = || {
        let log = cloud.recorder.requests();
        cloud.recorder.forget();
        log.into_iter().map(|request| request.method).collect::<Vec<_>>()
    };
    let create = |words: &[&str]| cloud.json(&[&["idp", "create", "ACME"], words].concat());

    let made = create(&["--description", "Staff", "--enabled"]);
    assert_eq!(of_methods(), ["GET", "PUT"]);
    let provider = json!({
        "id": "ACME",
        "sso_type": "virtual_user_sso",
        "description": "Staff",
        "enabled": true,
        "remote_ids": made["identity_provider"]["remote_ids"],
    });
    assert_eq!(made, json!({ "identity_provider": provider, "outcome": "created" }));

    let changed = create(&["--description", "All staff", "--enabled"]);
    assert_eq!(of_methods(), ["GET", "PATCH"]);
    assert_eq!(changed["outcome"], "changed");
    assert_eq!(changed["identity_provider"]["description"], "All staff");
    let same = create(&["--description", "All staff"]);
    assert_eq!(
        (of_methods(), &same["outcome"]),
        (vec!["GET".to_owned()], &json!("unchanged"))
    );

    let off = cloud.json(&["idp", "update", "ACME", "--enabled=false"]);
    assert_eq!(off["identity_provider"]["enabled"], false);
    let _ = cloud.run(&["idp", "update", "ACME"]).expect(2).says("say what changes");
    let _ = cloud
        .run(&["idp", "update", "OTHER", "--enabled"])
        .expect(4)
        .says("OTHER");

    let shown = cloud.json(&["idp", "show", "ACME"]);
    assert_eq!(shown["identity_provider"], off["identity_provider"]);
    assert_eq!(
        cloud.json(&["idp", "list"]),
        json!({ "identity_providers": [shown["identity_provider"]] })
    );
    let _ = cloud
        .run(&["idp", "list"])
        .expect(0)
        .says("ACME  virtual_user_sso  no       All staff");
    // One account has providers of one type.
    let _ = cloud
        .run(&["idp", "create", "IAM", "--sso-type", "iam_user_sso"])
        .expect(4);

    let _ = cloud.run(&["idp", "delete", "ACME"]).expect(2).says("say --yes");
    assert_eq!(
        cloud.json(&["idp", "delete", "ACME", "--yes"]),
        json!({ "deleted": "ACME" })
    );
    let _ = cloud
        .run(&["idp", "delete", "ACME", "--yes"])
        .expect(4)
        .says("there is no identity provider ACME");
    let _ = cloud.run(&["idp", "show", "ACME"]).expect(4).says("ACME");
}

#[test]
fn mapping_and_protocol_follow() {
    let cloud = Cloud::huawei();
    let _ = cloud.run(&["idp", "create", "ACME", "--enabled"]).expect(0);
    let rules = json!([{
        "local": [{ "user": { "name": "{0}" } }, { "group": { "name": "admin" } }],
        "remote": [{ "type": "uid" }],
    }]);
    let file = cloud.path("rules.json");
    fs::write(&file, rules.to_string()).unwrap();
    let file = file.display().to_string();
    let create = || cloud.json(&["idp", "mapping", "create", "staff", "--rules", &file]);
    let mapping = json!({ "id": "staff", "rules": rules });
    assert_eq!(create(), json!({ "mapping": mapping, "outcome": "created" }));
    assert_eq!(create()["outcome"], "unchanged");
    assert_eq!(
        cloud.json(&["idp", "mapping", "show", "staff"]),
        json!({ "mapping": mapping })
    );
    assert_eq!(
        cloud.json(&["idp", "mapping", "list"]),
        json!({ "mappings": [mapping] })
    );

    let protocol = json!({ "id": "saml", "mapping_id": "staff" });
    let words = ["idp", "protocol", "create", "ACME", "saml", "--mapping", "staff"];
    assert_eq!(
        cloud.json(&words),
        json!({ "protocol": protocol, "outcome": "created" })
    );
    assert_eq!(cloud.json(&words)["outcome"], "unchanged");
    let show = ["idp", "protocol", "show", "ACME", "saml"];
    assert_eq!(cloud.json(&show), json!({ "protocol": protocol }));
    assert_eq!(
        cloud.json(&["idp", "protocol", "list", "ACME"]),
        json!({ "protocols": [protocol] })
    );
    let delete = ["idp", "protocol", "delete", "ACME", "saml", "--yes"];
    assert_eq!(cloud.json(&delete), json!({ "deleted": "saml" }));
    let _ = cloud.run(&show).expect(4);
    // Of a provider that is not there: the identity store has nothing to do with it.
    let words = ["idp", "protocol", "create", "OTHER", "saml", "--mapping", "staff"];
    let _ = cloud.run(&words).expect(4).says("idp list").says_not("instance list");
    let delete = ["idp", "mapping", "delete", "staff", "--yes"];
    assert_eq!(cloud.json(&delete), json!({ "deleted": "staff" }));
    let _ = cloud.run(&["idp", "mapping", "show", "staff"]).expect(4);
}

#[test]
fn rules_that_are_none_are_refused_here() {
    let cloud = Cloud::huawei();
    let file = cloud.path("rules.json");
    let path = file.display().to_string();
    for text in ["[", "{}", "[{}]"] {
        fs::write(&file, text).unwrap();
        let _ = cloud
            .run(&["idp", "mapping", "create", "staff", "--rules", &path])
            .expect(2)
            .says("write a list");
    }
    let _ = cloud
        .run(&["idp", "mapping", "create", "staff", "--rules", "/nowhere/rules"])
        .expect(2)
        .says("/nowhere/rules");
    assert_eq!(cloud.recorder.log(), "");
}
