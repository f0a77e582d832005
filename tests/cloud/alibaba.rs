//! Alibaba Cloud: the SCIM switch, credentials, directories.

use std::fs;

use serde_json::{Value, json};

use crate::support::{cloud::Cloud, sandbox::private};

/// The operations asked for so far.
fn asked(cloud: &Cloud) -> usize {
    let count = cloud.recorder.count();
    cloud.recorder.forget();
    count
}

#[test]
fn synchronisation_is_switched_and_read_before_and_after() {
    let cloud = Cloud::alibaba();
    assert_eq!(cloud.json(&["scim", "status"]), json!({ "status": "Disabled" }));
    cloud.recorder.forget();
    let on = |before: &str| json!({ "status": "Enabled", "before": before, "endpoint": null, "config": null });
    assert_eq!((cloud.json(&["scim", "enable"]), asked(&cloud)), (on("Disabled"), 3));
    assert_eq!(cloud.json(&["scim", "enable"]), on("Enabled"));
    let _ = cloud.run(&["scim", "enable"]).expect(0).says("was on already");
    let _ = cloud.run(&["scim", "status"]).expect(0).says("is on");

    cloud.recorder.forget();
    let run = cloud.run(&["scim", "disable"]).expect(2);
    let _ = run.says("nothing can be pushed").says("say --yes");
    assert_eq!(asked(&cloud), 1, "only whether there is anything to ask");
    let off = json!({ "status": "Disabled", "before": "Enabled" });
    assert_eq!(cloud.json(&["scim", "disable", "--yes"]), off);
    let _ = cloud.run(&["scim", "disable"]).expect(0).says("was off already");
}

/// The region tells it, and behind a host of one's own the configuration.
#[test]
fn the_endpoint_goes_into_the_configuration() {
    let mut cloud = Cloud::alibaba();
    let path = cloud.path("mine.toml");
    let file = path.display().to_string();
    let enable = ["scim", "enable", "--write-config", &file];
    let _ = cloud.run(&enable).expect(2).says("[scim] endpoint");
    let nowhere = cloud.path("none/mine.toml").display().to_string();
    let nowhere = ["scim", "enable", "--write-config", &nowhere];
    let _ = cloud.run(&nowhere).expect(2).says("make it: mkdir -p ");
    let dry = [&nowhere[..], &["--dry-run"]].concat();
    let _ = cloud.run(&dry).expect(2).says("make it: mkdir -p ");
    assert_eq!(cloud.recorder.log(), "");

    cloud.configure_scim(&cloud.path("token"));
    let endpoint = cloud.scim_endpoint();
    let run = cloud.run(&[&enable[..], &["--dry-run"]].concat()).expect(0);
    let _ = run.says("is not written either");
    assert!(!path.exists());
    let run = cloud.run(&enable).expect(0);
    let run = run.says(&format!("endpoint  {endpoint}\n")).says("Still to do:");
    let _ = run.says("alibaba credential create --out ");
    let written: toml::Table = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(written["scim"]["profile"].as_str(), Some("alibaba"));
    assert_eq!(written["scim"]["endpoint"].as_str(), Some(&*endpoint));
    let answer = cloud.json(&enable);
    assert_eq!(
        (&answer["endpoint"], &answer["config"]),
        (&json!(endpoint), &json!(file))
    );

    let mut usual = Cloud::alibaba();
    usual.unset("endpoint");
    let _ = usual.run(&[&enable[..], &["--dry-run"]].concat()).expect(0);
}

#[test]
fn credentials_are_made_disabled_enabled_and_deleted() {
    let mut cloud = Cloud::alibaba();
    let _ = cloud.run(&["scim", "enable"]).expect(0);
    let token = cloud.path("token");
    cloud.configure_scim(&token);
    let made = cloud.json(&["credential", "create"]);
    assert_eq!(
        (&made["file"], &made["secret"]),
        (&json!(token.display().to_string()), &Value::Null)
    );
    let id = made["credential"]["id"].as_str().unwrap();
    assert!(id.starts_with("scimcred-"), "{made}");
    assert_eq!(cloud.scim_status(&token), 200);
    let list = cloud.json(&["credential", "list"]);
    assert_eq!(list["credentials"][0]["in_use"], true, "{list}");

    let _ = cloud.run(&["credential", "disable", id]).expect(2).says("say --yes");
    let off = cloud.json(&["credential", "disable", id, "--yes"]);
    assert_eq!(
        (&off["credential"]["id"], &off["credential"]["enabled"]),
        (&json!(id), &json!(false))
    );
    assert!([401, 403].contains(&cloud.scim_status(&token)));
    let _ = cloud.run(&["credential", "list"]).expect(0).says("disabled");
    let on = cloud.json(&["credential", "enable", id]);
    assert_eq!(on["credential"]["enabled"], true);
    assert_eq!(cloud.scim_status(&token), 200);
    let _ = cloud
        .run(&["credential", "enable", "scimcred-x"])
        .expect(4)
        .says("there are: ");

    let second = cloud.path("token-2").display().to_string();
    let _ = cloud.run(&["credential", "create", "--out", &second]).expect(0);
    cloud.recorder.forget();
    let third = cloud.path("token-3").display().to_string();
    let _ = cloud
        .run(&["credential", "create", "--out", &third])
        .expect(4)
        .says("two credentials already")
        .says("alibaba credential delete ID");
    assert_eq!(asked(&cloud), 1);

    assert_eq!(
        cloud.json(&["credential", "delete", id, "--yes"]),
        json!({ "deleted": id })
    );
    assert!([401, 403].contains(&cloud.scim_status(&token)));
}

/// Throttling is waited for; each try is signed anew, or the second would be refused for its nonce.
#[test]
fn throttling_is_waited_for() {
    use crate::support::recorder::{Fault, Rule, Which};
    let cloud = Cloud::alibaba();
    cloud
        .recorder
        .rule(Rule::new("POST", Which::Nth(1), Fault::AnswerAfterEffect(503)));
    assert_eq!(cloud.json(&["scim", "status"]), json!({ "status": "Disabled" }));
    assert_eq!(asked(&cloud), 2);
}

#[test]
fn a_dry_run_sends_nothing_and_shows_no_signature() {
    let mut cloud = Cloud::alibaba();
    let check = |words: &[&str], expected: &[&str]| {
        let answer = cloud.json(&[words, &["--dry-run"]].concat());
        let shown: Vec<&str> = answer["requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|request| {
                let signed = request["headers"]["Authorization"].as_str().unwrap();
                assert!(
                    signed.starts_with("ACS3-HMAC-SHA256 ") && signed.contains("Signature=["),
                    "{signed}"
                );
                request["headers"]["x-acs-action"].as_str().unwrap()
            })
            .collect();
        assert_eq!(shown, expected, "{words:?}");
        let _ = cloud
            .run(&[words, &["--dry-run"]].concat())
            .expect(0)
            .says("Nothing was sent.");
    };
    let (status, list) = ("GetSCIMSynchronizationStatus", "ListSCIMServerCredentials");
    let switched = [status, "SetSCIMSynchronizationStatus", status];
    check(&["scim", "status"], &[status]);
    check(&["scim", "enable"], &switched);
    check(&["scim", "disable"], &switched);
    check(&["credential", "list"], &[list]);
    check(
        &["credential", "create", "--show"],
        &[list, "CreateSCIMServerCredential"],
    );
    check(&["credential", "delete", "x"], &[list, "DeleteSCIMServerCredential"]);
    check(
        &["credential", "enable", "x"],
        &[list, "UpdateSCIMServerCredentialStatus"],
    );
    check(
        &["credential", "disable", "x"],
        &[list, "UpdateSCIMServerCredentialStatus"],
    );
    check(&["directory", "list"], &["ListDirectories"]);
    let _ = cloud
        .run(&["credential", "create", "--dry-run"])
        .expect(2)
        .says("say where it goes");
    let _ = cloud
        .run(&["credential", "rotate", "--dry-run"])
        .expect(2)
        .says("--out FILE");
    assert_eq!(cloud.recorder.log(), "");
    let token = cloud.path("token");
    private(&token, "hunter2");
    cloud.configure_scim(&token);
    let rotate = cloud.json(&["credential", "rotate", "--dry-run"]);
    let shown: Vec<&str> = rotate["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| request["headers"]["x-acs-action"].as_str().unwrap())
        .collect();
    let (make, delete) = ("CreateSCIMServerCredential", "DeleteSCIMServerCredential");
    assert_eq!(shown, [list, delete, list, make, delete]);
    assert!(rotate["remark"].as_str().unwrap().contains("SCIM endpoint"), "{rotate}");
    assert_eq!(cloud.recorder.log(), "");
}
