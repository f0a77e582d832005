//! One bad entry never stops the others, is named with its reason, and is never taken for a leaver.
#![cfg(test)]

mod support;

use serde_json::Value;
use support::{
    people::{PEOPLE, person},
    scim_servers::Kind,
    scimward::Run,
    slapd::Slapd,
    world::{World, on_both},
};

const NOTHING: [&str; 0] = [];

/// Not UTF-8: `Jos` and an é of ISO 8859-1.
fn with_bad_bytes(world: &World, number: usize) {
    let dn = person(number).dn();
    world.slapd.modify(&format!(
        "dn: {dn}\nchangetype: modify\nreplace: audio\naudio:: Sm9z6Q==\n-\n"
    ));
}

fn without_audio(world: &World, number: usize) {
    world.slapd.replace(&person(number).dn(), "audio", &[]);
}

/// Everything that has to stand in a text about a reject.
#[track_caller]
fn named(run: Run, parts: &[&str]) {
    drop(parts.iter().fold(run, |run, part| run.says(part)));
}

/// The rejects of a JSON list as (DN, kind, attribute, rule, value).
fn rejects(list: &Value) -> Vec<(String, String, String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut rejects = Vec::new();
    for reject in list.as_array().unwrap() {
        for problem in reject["problems"].as_array().unwrap() {
            let [attribute, rule, value] = ["attribute", "rule", "value"].map(|key| text(&problem[key]));
            rejects.push((text(&reject["dn"]), text(&reject["kind"]), attribute, rule, value));
        }
    }
    rejects.sort();
    rejects
}

#[test]
fn bytes_that_are_no_text_concern_one_person_only() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(12)).set_text("users.map", "nickName", "audio");
        with_bad_bytes(&world, 12);
        let mut expected: Vec<_> = (2..12)
            .map(|n| format!("POST Users u{n:05} under u{:05}", (n - 2) / 8 + 1))
            .collect();
        expected.insert(0, "POST Users u00001".into());
        assert_eq!(world.sync_sorted(1), expected);
        assert_eq!((world.cloud.count(), world.cloud.user("u00012")), (11, None));
        // Again: reported again, and nothing sent.
        assert_eq!(world.sync(1), NOTHING);
        // There is nothing to hurry: one answer, not two that contradict each other.
        let retry = world.run(&["rejects", "retry", &person(12).dn()]).expect(0);
        drop(retry.says("tried in every cycle anyway").says_not("nobody called"));

        let dn = person(12).dn();
        named(
            world.run(&["rejects", "list"]).expect(0),
            &[&dn, "audio", "UTF-8", "nickName"],
        );
        named(
            world.run(&["--dry-run"]).expect(1),
            &[&dn, "audio", "UTF-8", "nickName"],
        );
        let report = world.dry_run(&[], 1);
        let said = rejects(&report["rejects"]);
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(
            (said[0].0.as_str(), said[0].1.as_str(), said[0].2.as_str()),
            (dn.as_str(), "entry", "audio")
        );
        assert!(!said[0].4.is_empty(), "the value: {said:?}");

        // Mended: pushed, and off the list.
        without_audio(&world, 12);
        assert_eq!(world.sync(0), ["POST Users u00012 under u00002"]);
        drop(world.run(&["rejects"]).expect(0).says("Nobody is on the reject list."));
    });
}

#[test]
fn a_rejected_person_is_present_and_keeps_the_account() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(12))
            .set_text("users.map", "nickName", "audio")
            .set_text("leavers", "action", "delete")
            .set("leavers", "delete_after_days", "0");
        assert_eq!(world.sync(0).len(), 12);
        let before = world.account("u00012");
        with_bad_bytes(&world, 12);
        world.slapd.replace(&person(12).dn(), "title", &["Boss"]);
        world.slapd.replace(&person(11).dn(), "title", &["Boss"]);
        world.slapd.delete(&person(10).dn());
        assert_eq!(
            world.sync(1),
            [r#"PATCH Users/u00011 replace title "Boss""#, "DELETE Users/u00010"]
        );
        assert_eq!(world.account("u00012"), before);
        assert_eq!(world.sync(1), NOTHING);
        // What changed meanwhile is not lost.
        without_audio(&world, 12);
        assert_eq!(world.sync(0), [r#"PATCH Users/u00012 replace title "Boss""#]);
    });
}

#[test]
fn what_the_cloud_would_refuse_is_known_before_a_request() {
    let without_sn = format!(
        "dn: uid=nosn,{PEOPLE}\nobjectClass: account\nobjectClass: extensibleObject\nuid: nosn\ncn: No Sn\n\
         givenName: No\nmail: nosn@example.com\n\n"
    );
    let odd_name = person(4).ldif().replace("u00004", "dmitro#4");
    let people = format!("{}{}{without_sn}{odd_name}", person(1).ldif(), person(2).ldif());
    let world = World::new(Kind::Scimmy, Slapd::with_ldif(&people))
        .set_text("scim", "profile", "huawei")
        .set_text("users", "filter", "(uid=*)");
    let characters = "huawei: letters, digits and _+=,.@- only";
    let expected = [
        (
            "uid=dmitro#4,ou=people,dc=example,dc=com",
            "userName",
            characters,
            "dmitro#4",
        ),
        (
            "uid=nosn,ou=people,dc=example,dc=com",
            "name.familyName",
            "huawei: must be present",
            "",
        ),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|&(dn, attribute, rule, value)| (dn.into(), "entry".into(), attribute.into(), rule.into(), value.into()))
        .collect();

    // The dry run says so first, and a run says the same.
    assert_eq!(rejects(&world.dry_run(&[], 1)["rejects"]), expected);
    assert_eq!(world.recorder.count(), 0);
    assert_eq!(
        world.sync_sorted(1),
        ["POST Users u00001", "POST Users u00002 under u00001"]
    );
    assert_eq!(world.cloud.count(), 2);
    let list = world.run(&["rejects", "list", "--json"]).expect(0).stdout;
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(rejects(&list), expected);
    let text = [
        "uid=nosn",
        "name.familyName",
        "must be present",
        "uid=dmitro#4",
        characters,
        "dmitro#4",
    ];
    named(world.run(&["rejects", "list"]).expect(0), &text);
    named(world.run(&["--dry-run"]).expect(1), &text);
    named(world.run(&["status"]).expect(0), &["rejected"]);
}

#[test]
fn an_entry_without_an_anchor_makes_nobody_a_leaver() {
    // Anybody could be behind it: absence proves nothing while it is there.
    let mut people: String = (1..=20).map(|number| person(number).ldif()).collect();
    people = people.replace("employeeNumber: 10020\n", "");
    let world = World::new(Kind::Scimmy, Slapd::with_ldif(&people)).set_text("users", "anchor", "employeeNumber");
    assert_eq!(world.sync(1).len(), 19);
    world.slapd.replace(&person(20).dn(), "employeeNumber", &["10020"]);
    assert_eq!(world.sync(0), ["POST Users u00020 under u00003"]);

    // One loses the number, another one leaves: which of them is missing cannot be told.
    world.slapd.replace(&person(20).dn(), "employeeNumber", &[]);
    world.slapd.delete(&person(19).dn());
    world.slapd.replace(&person(18).dn(), "title", &["Boss"]);
    drop(
        world
            .run(&["--dry-run"])
            .expect(1)
            .says("nobody counts as missing in this run"),
    );
    assert_eq!(world.sync(1), [r#"PATCH Users/u00018 replace title "Boss""#]);
    assert_eq!(world.sync(1), NOTHING);
    assert!(world.cloud.users().iter().all(|user| user["active"] == true));
    world.slapd.replace(&person(20).dn(), "employeeNumber", &["10020"]);
    assert_eq!(world.sync(0), ["PATCH Users/u00019 replace active false"]);
}

#[test]
fn two_who_want_one_name_are_the_first_and_a_reject() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(3)).set_text("users.map", "userName", "carLicense");
        for (number, name) in [(1, "ana"), (2, "Chris"), (3, "chris")] {
            world.slapd.replace(&person(number).dn(), "carLicense", &[name]);
        }
        let sent = world.sync(1);
        assert_eq!(sent.len(), 2, "{sent:?}");
        assert_eq!(world.cloud.count(), 2);
        drop(
            world
                .run(&["rejects"])
                .expect(0)
                .says("has the same userName; names are compared without case"),
        );
        // The one who has the name keeps it; the cloud is asked once, then not for a while.
        let tried = world.sync(1);
        assert_eq!(
            (tried.len(), tried[0].as_str()),
            (3, "POST Users chris under ana"),
            "{tried:?}"
        );
        assert_eq!(world.sync(1), NOTHING);
        world.slapd.replace(&person(2).dn(), "carLicense", &["chloe"]);
        assert_eq!(world.sync(1), [r#"PATCH Users/Chris replace userName "chloe""#]);
        // The name is free now. The operator need not wait for the next try.
        drop(
            world
                .run(&["rejects", "retry", "chris"])
                .expect(0)
                .says(&person(3).dn()),
        );
        let sent = world.sync(0);
        assert_eq!(
            (sent.len(), sent[2].as_str()),
            (3, "POST Users chris under ana"),
            "looked up before: {sent:?}"
        );
        let mut names: Vec<_> = world.names().into_values().collect();
        names.sort();
        assert_eq!(names, ["ana", "chloe", "chris"]);
        assert_eq!(world.sync(0), NOTHING);
    });
}
