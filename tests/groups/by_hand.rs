//! What somebody did to groups and accounts in the cloud's own console.

use scimward::profile::Profile;
use serde_json::json;

use crate::{
    NOTHING,
    support::{
        circle::{Circle, group, group_dn, people, uids},
        people::person,
    },
};

/// RFC 7643 section 4.2.
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// The anchor of a group in the directory.
fn anchor(circle: &Circle, cn: &str) -> String {
    let url = circle.slapd.url();
    let dn = group_dn(cn);
    let said = circle.slapd.search(
        crate::support::slapd::READER,
        &["-H", &url, "-b", &dn, "-s", "base", "entryUUID"],
    );
    let said = String::from_utf8(said.stdout).unwrap();
    said.lines()
        .find_map(|line| line.strip_prefix("entryUUID: "))
        .unwrap()
        .to_owned()
}

#[test]
fn a_group_that_is_there_is_adopted_when_it_is_ours() {
    for profile in Profile::NAMES {
        let circle = Circle::new(profile, 3, &group("vpn", &people(&[1, 2])));
        let external_id = anchor(&circle, "vpn");
        let made = circle.ask(
            "POST",
            "Groups",
            Some(&json!({"schemas": [GROUP], "displayName": "vpn", "externalId": external_id})),
        );
        assert_eq!(made.status(), 201, "{profile}: {}", String::from_utf8_lossy(&made.body));
        let id = circle.id("vpn");
        drop(circle.sync(0));
        assert_eq!(circle.groups_made(), 1, "{profile}");
        assert_eq!(circle.id("vpn"), id);
        assert_eq!(circle.members("vpn"), uids(&[1, 2]), "{profile}");
        circle.is_in_step();
    }
}

#[test]
fn a_group_of_nobody_is_adopted_when_the_operator_says_so() {
    for profile in Profile::NAMES {
        let mut circle = Circle::new(profile, 3, &group("vpn", &people(&[1, 2])));
        let made = circle.ask(
            "POST",
            "Groups",
            Some(&json!({"schemas": [GROUP], "displayName": "vpn"})),
        );
        assert_eq!(made.status(), 201, "{profile}: {}", String::from_utf8_lossy(&made.body));
        drop(circle.sync(1));
        assert_eq!(circle.members("vpn"), NOTHING, "{profile}: it is not ours");
        circle.config.put("scim", "adopt", "\"unowned\"");
        // Something changed, so it is tried at once.
        circle
            .slapd
            .replace(&group_dn("vpn"), "member", &[&person(1).dn(), &person(3).dn()]);
        drop(circle.sync(0));
        assert_eq!(circle.groups_made(), 1, "{profile}");
        assert_eq!(circle.members("vpn"), uids(&[1, 3]), "{profile}");
        circle.is_in_step();
    }
}

#[test]
fn a_group_that_somebody_deleted_is_made_anew() {
    for profile in Profile::NAMES {
        let circle = Circle::new(profile, 3, &group("vpn", &people(&[1, 2])));
        drop(circle.sync(0));
        let target = format!("Groups/{}", circle.id("vpn"));
        assert_eq!(circle.ask("DELETE", &target, None).status(), 204);
        circle
            .slapd
            .replace(&group_dn("vpn"), "member", &[&person(2).dn(), &person(3).dn()]);
        drop(circle.run(&["--sync-now"]));
        drop(circle.sync(0));
        assert_eq!(circle.members("vpn"), uids(&[2, 3]), "{profile}");
        circle.is_in_step();
    }
}

#[test]
fn a_deleted_group_that_is_renamed_is_made_anew_at_once() {
    for profile in Profile::NAMES {
        let circle = Circle::new(profile, 3, &group("vpn", &people(&[1, 2])));
        drop(circle.sync(0));
        let target = format!("Groups/{}", circle.id("vpn"));
        assert_eq!(circle.ask("DELETE", &target, None).status(), 204);
        circle.slapd.rename(&group_dn("vpn"), "cn=vpn-2", None);
        circle
            .slapd
            .replace(&group_dn("vpn-2"), "member", &[&person(1).dn(), &person(3).dn()]);
        drop(circle.sync(0));
        drop(circle.sync(0));
        assert_eq!(circle.members("vpn-2"), uids(&[1, 3]), "{profile}");
        circle.is_in_step();
    }
}

#[test]
fn an_account_that_somebody_deleted_is_a_member_again_once_it_is_made_anew() {
    for profile in Profile::NAMES {
        let ldif = [group("vpn", &people(&[1, 2])), group("staff", &people(&[1]))].concat();
        let circle = Circle::new(profile, 3, &ldif);
        drop(circle.sync(0));
        let target = format!("Users/{}", circle.id("u00001"));
        assert_eq!(circle.ask("DELETE", &target, None).status(), 204);
        assert_eq!(circle.members("vpn"), uids(&[2]), "{profile}: the cloud took her out");
        // It is found out as soon as there is something to say about her.
        circle.slapd.replace(&person(1).dn(), "displayName", &["The Boss"]);
        drop(circle.sync(0));
        drop(circle.sync(0));
        assert_eq!(circle.members("vpn"), uids(&[1, 2]), "{profile}");
        assert_eq!(circle.members("staff"), uids(&[1]), "{profile}");
        circle.is_in_step();
    }
}

#[test]
fn an_account_that_somebody_deleted_does_not_stop_the_group() {
    for profile in Profile::NAMES {
        let circle = Circle::new(profile, 5, &group("vpn", &people(&[1])));
        drop(circle.sync(0));
        let target = format!("Users/{}", circle.id("u00003"));
        assert_eq!(circle.ask("DELETE", &target, None).status(), 204);
        let all = people(&[1, 2, 3, 4, 5]);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        circle.slapd.replace(&group_dn("vpn"), "member", &all);
        drop(circle.run(&["--sync-now"]));
        assert_eq!(
            circle.members("vpn"),
            uids(&[1, 2, 4, 5]),
            "{profile}: the others are in"
        );
        drop(circle.sync(0));
        drop(circle.sync(0));
        assert_eq!(circle.members("vpn"), uids(&[1, 2, 3, 4, 5]), "{profile}");
        circle.is_in_step();
    }
}

#[test]
fn who_was_in_an_adopted_group_and_should_not_be_is_taken_out() {
    for profile in ["generic", "alibaba"] {
        let circle = Circle::new(profile, 4, &group("vpn", &people(&[1, 2, 3])));
        drop(circle.sync(0));
        // The state is lost, and somebody left the group before the next cycle.
        std::fs::remove_dir_all(circle.config.state()).unwrap();
        circle
            .slapd
            .replace(&group_dn("vpn"), "member", &[&person(1).dn(), &person(4).dn()]);
        drop(circle.sync(0));
        drop(circle.sync(0));
        assert_eq!(circle.groups_made(), 1, "{profile}");
        assert_eq!(circle.members("vpn"), uids(&[1, 4]), "{profile}");
        circle.is_in_step();
    }
}

#[test]
fn where_only_people_can_be_asked_about_a_probe_asks_about_those_wanted() {
    let mut circle = Circle::new("aws", 3, &group("staff", &people(&[1])));
    drop(circle.sync(0));
    circle.config.put("scim", "adopt", "\"unowned\"");
    let member = |uid: &str| json!({ "value": circle.id(uid) });
    let made = json!({"schemas": [GROUP], "displayName": "vpn", "members": [member("u00001"), member("u00003")]});
    assert_eq!(circle.ask("POST", "Groups", Some(&made)).status(), 201);
    circle.slapd.modify(&group("vpn", &people(&[1, 2])));
    let probe = |circle: &Circle| {
        circle.recorder.forget();
        let run = circle.run(&["--dry-run", "--probe", "--format", "json"]).expect(0);
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let counts = ["members", "membersMissing", "membersOthers"];
        counts.map(|key| report["groups"][0]["probe"][key].as_u64())
    };
    assert_eq!(probe(&circle), [Some(1), Some(1), None]);
    circle.config.put("audit", "max_requests", "1");
    assert_eq!(probe(&circle), [None; 3], "not for more requests than may be sent");
}
