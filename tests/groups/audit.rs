//! Audits of groups: what somebody changed in the cloud's console is found, told, and pushed right when that
//! is wanted.

use scimward::profile::Profile;
use serde_json::{Value, json};

use crate::{
    NOTHING,
    support::{
        circle::{Circle, Far, GROUPS, group, group_dn, people, uids},
        people as folk,
        recorder::{Fault, Rule, Which},
        scim_servers::Kind,
        slapd::Slapd,
        world::{World, on_both, text},
    },
};

/// Clouds in which it can be learned who is in a group.
const TELL_MEMBERS: [&str; 3] = ["generic", "alibaba", "aws"];

/// `vpn` with three people and `staff` with five, in step.
fn in_step(profile: &str) -> Circle {
    let ldif = [
        group("vpn", &people(&[1, 2, 3])),
        group("staff", &people(&[1, 2, 3, 4, 5])),
    ]
    .concat();
    let circle = Circle::new(profile, 6, &ldif);
    drop(circle.sync(0));
    circle
}

fn patch(circle: &Circle, group: &str, operation: &Value) {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [operation],
    });
    let answer = circle.ask("PATCH", &format!("Groups/{}", circle.id(group)), Some(&body));
    let said = String::from_utf8_lossy(&answer.body).into_owned();
    assert!((200..300).contains(&answer.status()), "{said}");
}

fn put_in(circle: &Circle, group: &str, person: &str) {
    let value = json!([{"value": circle.id(person)}]);
    patch(circle, group, &json!({"op": "add", "path": "members", "value": value}));
}

fn take_out(circle: &Circle, group: &str, person: &str) {
    let path = format!("members[value eq \"{}\"]", circle.id(person));
    patch(circle, group, &json!({"op": "remove", "path": path}));
}

fn rename(circle: &Circle, group: &str, name: &str) {
    patch(
        circle,
        group,
        &json!({"op": "replace", "path": "displayName", "value": name}),
    );
}

/// The groups of the `audit` part of a dry run's report; nothing but questions may be sent for it.
#[track_caller]
fn audit(circle: &Far, arguments: &[&str], code: i32) -> Value {
    circle.recorder.forget();
    let arguments = [&["--dry-run", "--format", "json", "--audit"], arguments].concat();
    let run = circle.run(&arguments).expect(code);
    let requests = circle.recorder.requests();
    assert!(requests.iter().all(|request| request.method == "GET"), "{requests:#?}");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    report["audit"]["groups"].clone()
}

/// `vpn changed: displayName vpn → VPN; -u00001 +u00006`, one line for each group.
fn drifts(audit: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let line = |drift: &Value| {
        let mut words = vec![format!("{} {}:", text(drift, "/displayName"), text(drift, "/kind"))];
        for change in list(&drift["changes"]) {
            words
                .push(format!("{} {} → {}", text(&change, "/path"), change["pushed"], change["held"]).replace('"', ""));
        }
        for (sign, members) in [('-', &drift["takenOut"]), ('+', &drift["putIn"])] {
            words.extend(
                list(members)
                    .iter()
                    .map(|name| format!("{sign}{}", name.as_str().unwrap())),
            );
        }
        if drift["left"] == true {
            words.push("(left)".into());
        }
        words.join(" ")
    };
    let mut lines: Vec<String> = list(&audit["drift"]).iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn what_nobody_changed_is_no_drift() {
    for profile in Profile::NAMES {
        let circle = in_step(profile);
        let found = audit(&circle, &["--exit-code"], 0);
        assert_eq!(drifts(&found), NOTHING, "{profile}");
        assert_eq!(
            (&found["groups"], &found["compared"]),
            (&json!(2), &json!(2)),
            "{profile}"
        );
        let told = match profile {
            "huawei" => "never",
            "aws" => "by-person",
            _ => "with-the-group",
        };
        assert_eq!(found["membersTold"], told);
    }
}

#[test]
fn hand_edits_are_told_and_pushed_right() {
    for profile in Profile::NAMES {
        let circle = in_step(profile);
        let tells = TELL_MEMBERS.contains(&profile);
        put_in(&circle, "vpn", "u00006");
        take_out(&circle, "vpn", "u00001");
        rename(&circle, "staff", "crew");
        let found = audit(&circle, &["--exit-code"], 10);
        let expected: &[&str] = if tells {
            &[
                "staff changed: displayName staff → crew",
                "vpn changed: -u00001 +u00006",
            ]
        } else {
            &["staff changed: displayName staff → crew"]
        };
        assert_eq!(drifts(&found), expected, "{profile}");
        drop(circle.run(&["--sync-now", "--audit"]).expect(0));
        let groups = circle.groups();
        assert_eq!(groups.keys().collect::<Vec<_>>(), ["staff", "vpn"], "{profile}");
        if tells {
            assert_eq!(groups["vpn"], uids(&[1, 2, 3]), "{profile}");
        }
        assert_eq!(drifts(&audit(&circle, &[], 0)), NOTHING, "{profile}");
        circle.is_in_step();
    }
}

#[test]
fn a_report_for_people_names_who_was_put_in_and_taken_out() {
    let circle = in_step("generic");
    put_in(&circle, "vpn", "u00006");
    take_out(&circle, "vpn", "u00001");
    let run = circle.run(&["--dry-run", "--audit"]).expect(0);
    let _ = run
        .says("1 member taken out by hand: u00001")
        .says("1 member put in by hand: u00006")
        .says("2 of 2 groups compared: 1 changed, 0 gone")
        .says("To push it right");
    let circle = in_step("huawei");
    let run = circle.run(&["--dry-run", "--audit"]).expect(0);
    let _ = run.says("members were not compared: this cloud does not tell who is in a group");
    drop(circle.run(&["--sync-now", "--audit"]).expect(0));
    let status = circle.run(&["status", "--json"]).expect(0);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["audit"]["groups"]["compared"], 2);
}

#[test]
fn a_group_that_is_gone_is_made_anew_and_filled() {
    for profile in Profile::NAMES {
        let circle = in_step(profile);
        let target = format!("Groups/{}", circle.id("vpn"));
        assert_eq!(circle.ask("DELETE", &target, None).status(), 204);
        let found = audit(&circle, &[], 0);
        assert_eq!(drifts(&found), ["vpn missing:"], "{profile}");
        drop(circle.run(&["--sync-now", "--audit"]).expect(0));
        assert_eq!(circle.members("vpn"), uids(&[1, 2, 3]), "{profile}");
        circle.is_in_step();
    }
}

#[test]
fn a_404_that_a_look_up_does_not_bear_out_is_not_believed() {
    for profile in Profile::NAMES {
        let circle = in_step(profile);
        let target = format!("/Groups/{}", circle.id("vpn"));
        let refused = Rule::new("GET", Which::From(1), Fault::Answer(404)).target(&target);
        circle.recorder.rule(refused);
        let found = audit(&circle, &[], 1);
        assert_eq!(drifts(&found), NOTHING, "{profile}");
        assert_eq!(found["unanswered"], 1, "{profile}");
        let before = circle.groups();
        drop(circle.run(&["--sync-now", "--audit"]));
        assert_eq!((circle.groups(), circle.groups_made()), (before, 2), "{profile}");
    }
}

#[test]
fn taking_out_by_an_audit_is_within_the_limits() {
    for profile in TELL_MEMBERS {
        let circle = Circle::new(profile, 24, &group("vpn", &people(&(1..=10).collect::<Vec<_>>()))).set(
            "groups.limits",
            "max_member_removals_percent",
            "50",
        );
        drop(circle.sync(0));
        for number in 11..=24 {
            put_in(&circle, "vpn", &folk::person(number).uid);
        }
        drop(circle.run(&["--sync-now", "--audit"]).expect(5));
        assert_eq!(circle.members("vpn").len(), 24, "{profile}: held");
    }
}

#[test]
fn accounts_that_are_nobodys_here_may_be_in_our_groups() {
    for profile in TELL_MEMBERS {
        let circle = in_step(profile);
        let mut user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "breakglass", "displayName": "Break Glass",
            "name": {"familyName": "Glass", "givenName": "Break"},
        });
        user["emails"] = json!([{"value": "glass@example.com", "type": "work", "primary": true}]);
        assert_eq!(circle.ask("POST", "Users", Some(&user)).status(), 201, "{profile}");
        put_in(&circle, "vpn", "breakglass");
        assert_eq!(drifts(&audit(&circle, &[], 0)), NOTHING, "{profile}");
        drop(circle.run(&["--sync-now", "--audit"]).expect(0));
        assert!(
            circle.members("vpn").contains(&"breakglass".to_owned()),
            "{profile}: left alone"
        );
    }
}

#[test]
fn a_group_that_left_is_told_and_left_alone() {
    for profile in TELL_MEMBERS {
        let circle = in_step(profile).set("groups", "gone", "\"empty\"");
        circle.slapd.delete(&group_dn("vpn"));
        drop(circle.sync(0));
        put_in(&circle, "vpn", "u00006");
        assert_eq!(
            drifts(&audit(&circle, &[], 0)),
            ["vpn changed: +u00006 (left)"],
            "{profile}"
        );
        drop(circle.run(&["--sync-now", "--audit"]).expect(0));
        assert_eq!(circle.members("vpn"), uids(&[6]), "{profile}");
    }
}

#[test]
fn an_account_that_is_gone_is_in_its_groups_again() {
    for profile in TELL_MEMBERS {
        let circle = in_step(profile);
        let target = format!("Users/{}", circle.id("u00002"));
        assert_eq!(circle.ask("DELETE", &target, None).status(), 204);
        drop(circle.run(&["--sync-now", "--audit"]).expect(0));
        assert_eq!(circle.members("vpn"), uids(&[1, 2, 3]), "{profile}");
        assert_eq!(circle.members("staff"), uids(&[1, 2, 3, 4, 5]), "{profile}");
        circle.is_in_step();
    }
}

#[test]
fn few_requests_at_a_time_come_round_to_everybody() {
    for profile in TELL_MEMBERS {
        let circle = in_step(profile).set("audit", "max_requests", "3");
        put_in(&circle, "vpn", "u00006");
        take_out(&circle, "staff", "u00005");
        let mut audits = 0;
        while circle.members("vpn").len() != 3 || circle.members("staff").len() != 5 {
            circle.recorder.forget();
            drop(circle.run(&["--sync-now", "--audit"]).expect(0));
            let asked = circle.recorder.count_of("GET");
            assert!(asked <= 3, "{profile}: {asked}");
            audits += 1;
            assert!(audits < 10, "{profile}: {:?}", circle.groups());
        }
        assert_eq!(circle.members("vpn"), uids(&[1, 2, 3]), "{profile}");
        circle.is_in_step();
    }
}

#[test]
fn servers_that_are_not_ours_are_put_right() {
    on_both(|kind: Kind| {
        let skeleton = format!("dn: {GROUPS}\nobjectClass: organizationalUnit\nou: groups\n\n");
        let groups = [group("vpn", &people(&[1, 2])), group("staff", &people(&[1, 2, 3]))];
        let ldif = format!("{}{skeleton}{}", folk::ldif(4), groups.concat());
        let world = World::new(kind, Slapd::with_ldif(&ldif)).set_text("groups", "base", GROUPS);
        drop(world.sync(0));
        let report = world.dry_run(&["--audit", "--exit-code"], 0);
        assert_eq!(drifts(&report["audit"]["groups"]), NOTHING, "{kind:?}");
        let all = world.cloud.request("GET", "Groups", None).json();
        let all = all["Resources"].as_array().cloned().unwrap_or_default();
        let vpn = all.iter().find(|group| group["displayName"] == "vpn").unwrap();
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [
                {"op": "add", "path": "members", "value": [{"value": world.id("u00004")}]},
                {"op": "remove", "path": format!("members[value eq \"{}\"]", world.id("u00001"))},
            ],
        });
        let answer = world
            .cloud
            .request("PATCH", &format!("Groups/{}", text(vpn, "/id")), Some(&body));
        assert!((200..300).contains(&answer.status()), "{kind:?}");
        let report = world.dry_run(&["--audit"], 0);
        assert_eq!(
            drifts(&report["audit"]["groups"]),
            ["vpn changed: -u00001 +u00004"],
            "{kind:?}"
        );
        let _ = world.run(&["--sync-now", "--audit"]).expect(0);
        let report = world.dry_run(&["--audit", "--exit-code"], 0);
        assert_eq!(drifts(&report["audit"]["groups"]), NOTHING, "{kind:?}");
    });
}
