//! Rebuilds and audits against clouds with each profile's rules: their caps and pages, what they never
//! give back, what they give back in another shape.
#![cfg(test)]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{
    people::person,
    sandbox::{Joined, Sandbox},
    slapd::Slapd,
};

/// More than fits into one page of any of them.
const PEOPLE: usize = 120;
const FAST: &str =
    "rate_per_s = 1000\nconcurrency = 4\n[users.map]\nprofileUrl = { template = \"https://example.com/{{ uid }}\" }";
/// For clouds that do not take it.
const PLAIN: &str = "rate_per_s = 1000\nconcurrency = 4";

/// `GET /Users?…` of everything logged after `from`, in order, without the path before it.
fn asked(sandbox: &Sandbox, from: usize) -> Vec<String> {
    let line = |line: &Value| {
        let target = line["target"].as_str().unwrap();
        let at = target.find("Users").unwrap_or_default();
        format!("{} {}", line["method"].as_str().unwrap(), &target[at..])
    };
    sandbox.log()[from..].iter().map(line).collect()
}

/// The id of that user.
fn id(sandbox: &Sandbox, user_name: &str) -> String {
    let filter = format!("Users?filter=userName%20eq%20%22{user_name}%22");
    let list = sandbox.ask("GET", &filter, None).unwrap().json();
    list["Resources"][0]["id"].as_str().unwrap().to_owned()
}

fn edit(sandbox: &Sandbox, user_name: &str, path: &str, value: &Value) {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": path, "value": value}],
    });
    let target = format!("Users/{}", id(sandbox, user_name));
    let answer = sandbox.ask("PATCH", &target, Some(&body)).unwrap();
    let said = String::from_utf8_lossy(&answer.body).into_owned();
    assert!((200..300).contains(&answer.status()), "{} {said}", answer.status());
}

#[test]
fn a_lost_state_comes_back_in_every_cloud() {
    let slapd = Slapd::with_people(PEOPLE);
    for (profile, keys, questions) in [
        ("huawei", FAST, PEOPLE),
        ("aws", FAST, 2),
        ("alibaba", PLAIN, 2),
        ("generic", FAST, 2),
    ] {
        let sandbox = Sandbox::start(&["--profile", profile]);
        let joined = Joined::new(&slapd);
        joined.run(&sandbox, keys, &["--sync-now"]).expect(0);
        let exported = |joined: &Joined| {
            let text = joined.run(&sandbox, keys, &["state", "export"]).expect(0).stdout;
            // The first two lines say of themselves which scope was seen and when.
            text.lines().skip(2).map(str::to_owned).collect::<Vec<_>>()
        };
        let before = exported(&joined);
        fs::remove_dir_all(joined.state()).unwrap();

        let from = sandbox.log().len();
        let run = joined.run(&sandbox, keys, &["state", "rebuild"]).expect(0);
        drop(run.says(&format!("linked                {PEOPLE}")));
        let sent = asked(&sandbox, from);
        assert_eq!(sent.len(), questions, "{profile}: {sent:#?}");
        assert!(sent.iter().all(|line| line.starts_with("GET ")), "{profile}: {sent:#?}");
        assert_eq!(exported(&joined), before, "{profile}");
        let from = sandbox.log().len();
        joined.run(&sandbox, keys, &["--sync-now"]).expect(0);
        assert_eq!(asked(&sandbox, from), [""; 0], "{profile}");
    }
}

#[test]
fn hand_edits_are_found_and_pushed_right_in_every_cloud() {
    let slapd = Slapd::with_people(12);
    for (profile, keys) in [("huawei", FAST), ("aws", FAST), ("alibaba", PLAIN), ("generic", FAST)] {
        let sandbox = Sandbox::start(&["--profile", profile]);
        let joined = Joined::new(&slapd);
        joined.run(&sandbox, keys, &["--sync-now"]).expect(0);
        let audit = ["--dry-run", "--audit", "--exit-code"];
        let run = joined.run(&sandbox, keys, &audit).expect(0);
        drop(
            run.says("12 of 12 accounts compared: 0 changed, 0 gone")
                .says_not("no account shows"),
        );

        edit(&sandbox, "u00002", "displayName", &json!("By Hand"));
        edit(&sandbox, "u00003", "active", &json!(false));
        let gone = format!("Users/{}", id(&sandbox, "u00012"));
        assert_eq!(sandbox.ask("DELETE", &gone, None).unwrap().status(), 204, "{profile}");
        let run = joined.run(&sandbox, keys, &audit).expect(10);
        let run = run.says("there By Hand").says("pushed true, there false");
        drop(run.says("12 of 12 accounts compared: 2 changed, 1 gone"));

        let from = sandbox.log().len();
        joined.run(&sandbox, keys, &["--sync-now", "--audit"]).expect(0);
        let mut sent = asked(&sandbox, from);
        sent.retain(|line| !line.starts_with("GET "));
        sent.iter_mut().for_each(|line| line.truncate(5));
        sent.sort();
        let expected = match profile {
            "huawei" => ["PATCH", "POST ", "PUT U"],
            "alibaba" => ["POST ", "PUT U", "PUT U"],
            _ => ["PATCH", "PATCH", "POST "],
        };
        assert_eq!(sent, expected, "{profile}");
        let answer = sandbox.ask("GET", &format!("Users/{}", id(&sandbox, "u00002")), None);
        assert_eq!(
            answer.unwrap().json()["displayName"],
            person(2).full_name(),
            "{profile}"
        );
        joined.run(&sandbox, keys, &audit).expect(0);
    }
}
