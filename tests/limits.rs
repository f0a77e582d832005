//! How much may be taken away: limits, held removals, approvals, and reads that prove nothing.
#![cfg(test)]

mod support;

use support::{
    config::text,
    people::{PEOPLE, SUFFIX, person},
    slapd::NOREAD,
    stage::Stage,
};

/// The id that `scimward approve` takes, from the status; nothing when nothing is held.
fn held(stage: &Stage) -> Option<String> {
    let status = stage.run(&["status", "--json"]).expect(0);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    status["held"]["planId"].as_str().map(str::to_owned)
}

fn leave(stage: &Stage, numbers: &[usize]) {
    for number in numbers {
        stage.slapd.delete(&person(*number).dn());
    }
}

/// How many are not to be seen in use among the first `of`.
fn gone(stage: &Stage, of: usize) -> usize {
    of - stage.names_in_use().len()
}

/// `count` people who were pushed; removals up to `max_removals`.
fn company(count: usize, max_removals: u32) -> Stage {
    Stage::with_people(count)
        .set("limits", "max_removals", &max_removals.to_string())
        .set("limits", "max_removals_percent", "100")
        .synced()
}

#[test]
fn removals_up_to_the_limit_go_out() {
    let stage = company(12, 2);
    leave(&stage, &[11, 12]);
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "PATCH PATCH");
    assert_eq!(gone(&stage, 12), 2);
    stage.is_in_step();
}

#[test]
fn removals_above_the_limit_are_held_and_everything_else_is_done() {
    let stage = company(12, 2);
    leave(&stage, &[10, 11, 12]);
    stage.slapd.replace(&person(2).dn(), "title", &["Director"]);
    stage.slapd.modify(&person(20).ldif());
    let run = stage.sync().expect(5).says("3 removals held");
    assert_eq!(stage.methods(), "POST PATCH", "the joiner and the new title");
    assert_eq!(gone(&stage, 13), 0);
    let id = held(&stage).unwrap();
    let _ = run.says(&format!("scimward approve {id}"));
    // Held is a state, not an event.
    stage.sync().expect(5);
    assert_eq!(stage.cloud.log(), "");
    assert_eq!(held(&stage).as_ref(), Some(&id), "the same removals have the same id");

    stage.run(&["approve", "000000000000"]).expect(2).says(&id);
    stage.sync().expect(5);
    assert_eq!(gone(&stage, 13), 0);

    stage.run(&["approve", &id]).expect(0).says("3 removals");
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "PATCH PATCH PATCH");
    assert_eq!(gone(&stage, 13), 3);
    assert_eq!(held(&stage), None);
    stage.run(&["approve", &id]).expect(2).says("nothing to approve");
    stage.is_in_step();
}

#[test]
fn an_approval_is_for_these_removals_and_no_others() {
    let stage = company(12, 2);
    leave(&stage, &[10, 11, 12]);
    stage.sync().expect(5);
    let id = held(&stage).unwrap();
    stage.run(&["approve", &id]).expect(0);
    leave(&stage, &[9]);
    stage.sync().expect(5).says("4 removals held");
    assert_eq!(stage.cloud.log(), "");
    let other = held(&stage).unwrap();
    assert_ne!(other, id);
    // The old approval is not kept for later: four is not what somebody looked at.
    stage.slapd.modify(&person(9).ldif());
    stage.run(&["approve", &id]).expect(2);
    stage.run(&["approve", &other]).expect(0);
}

#[test]
fn a_higher_limit_releases_what_was_held() {
    let mut stage = company(12, 2);
    leave(&stage, &[10, 11, 12]);
    stage.sync().expect(5);
    stage.change("limits", "max_removals", "3");
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "PATCH PATCH PATCH");
    assert_eq!(held(&stage), None);
    stage.is_in_step();
}

#[test]
fn the_smaller_of_number_and_share_binds() {
    for (number, percent, leavers, code) in [
        ("50", "10", 2, 0),
        ("50", "10", 3, 5),
        ("1", "100", 2, 5),
        ("0", "100", 1, 5),
        ("50", "0", 1, 5),
        // A share is rounded up, so that a small company can lose somebody.
        ("50", "1", 1, 0),
    ] {
        let stage = Stage::with_people(20)
            .set("limits", "max_removals", number)
            .set("limits", "max_removals_percent", percent)
            .synced();
        leave(&stage, &(21 - leavers..=20).collect::<Vec<_>>());
        stage.sync().expect(code);
        let expected = if code == 0 { leavers } else { 0 };
        assert_eq!(gone(&stage, 20), expected, "{number} {percent} {leavers}");
    }
}

#[test]
fn deletions_count_like_deactivations() {
    let stage = company(12, 2)
        .set("leavers", "action", "\"delete\"")
        .set("leavers", "delete_after_days", "0");
    leave(&stage, &[10, 11, 12]);
    stage.sync().expect(5);
    assert_eq!(stage.cloud.log(), "");
    stage.run(&["approve", &held(&stage).unwrap()]).expect(0);
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "DELETE DELETE DELETE");
    assert_eq!(stage.scim.count(), 9);
    stage.is_in_step();
}

#[test]
fn abort_does_nothing_at_all() {
    let stage = company(12, 2).set("limits", "on_exceeded", "\"abort\"");
    leave(&stage, &[10, 11, 12]);
    stage.slapd.replace(&person(2).dn(), "title", &["Director"]);
    stage.slapd.modify(&person(20).ldif());
    stage.sync().expect(5);
    assert_eq!(stage.cloud.log(), "");
    stage.run(&["approve", &held(&stage).unwrap()]).expect(0);
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "POST PATCH PATCH PATCH PATCH");
    stage.is_in_step();
}

#[test]
fn a_wave_of_disabled_accounts_is_a_wave_of_removals() {
    let stage = Stage::with_people(12)
        .set("limits", "max_removals", "2")
        .set("limits", "max_removals_percent", "100")
        .set(
            "users.map",
            "active",
            "{ attribute = \"employeeType\", lookup = { off = false }, default = true }",
        )
        .synced();
    for number in [10, 11, 12] {
        stage.slapd.replace(&person(number).dn(), "employeeType", &["off"]);
    }
    stage.slapd.replace(&person(2).dn(), "title", &["Director"]);
    stage.sync().expect(5).says("3 removals held");
    assert_eq!(stage.methods(), "PATCH", "the new title");
    assert_eq!(gone(&stage, 12), 0);
    stage.run(&["approve", &held(&stage).unwrap()]).expect(0);
    stage.sync().expect(0).says("3 switched off");
    assert_eq!(stage.methods(), "PATCH PATCH PATCH");
    assert_eq!(gone(&stage, 12), 3);
    stage.is_in_step();
    // Coming back is no removal.
    for number in [10, 11, 12] {
        stage.slapd.replace(&person(number).dn(), "employeeType", &[]);
    }
    stage.sync().expect(0);
    assert_eq!(gone(&stage, 12), 0);
    stage.is_in_step();
}

#[test]
fn a_change_of_who_is_in_scope_holds_removals_once() {
    let sub = format!("ou=kept,{PEOPLE}");
    for (key, value) in [
        ("filter", "(&(objectClass=inetOrgPerson)(!(uid=u00012)))".to_owned()),
        ("base", sub.clone()),
        ("scope", "one".to_owned()),
    ] {
        let stage = Stage::with_people(12);
        stage
            .slapd
            .modify(&format!("dn: {sub}\nobjectClass: organizationalUnit\nou: kept\n\n"));
        for number in 1..=11 {
            let place = if key == "scope" { PEOPLE } else { &sub };
            if place == sub {
                let rdn = format!("uid={}", person(number).uid);
                stage.slapd.rename(&person(number).dn(), &rdn, Some(place));
            }
        }
        if key == "scope" {
            stage.slapd.rename(&person(12).dn(), "uid=u00012", Some(&sub));
        }
        let mut stage = stage.set("users", "filter", "\"(objectClass=inetOrgPerson)\"").synced();
        stage.change("users", key, &text(&value));
        // One person is far below the limits; it is the change that makes it suspicious.
        stage.sync().expect(5).says("changed since the last complete cycle");
        assert_eq!(stage.cloud.log(), "", "{key}");
        stage.sync().expect(5);
        stage.run(&["approve", &held(&stage).unwrap()]).expect(0);
        stage.sync().expect(0);
        assert_eq!(stage.methods(), "PATCH", "{key}");
        assert_eq!(gone(&stage, 12), 1);
        // From here on the new scope is the usual one.
        let another = if key == "scope" {
            person(11).dn()
        } else {
            format!("uid=u00011,{sub}")
        };
        stage.slapd.delete(&another);
        stage.sync().expect(0);
        assert_eq!(stage.methods(), "PATCH", "{key}");
        stage.is_in_step();
    }
}

#[test]
fn another_anchor_takes_nothing_away() {
    let mut stage = Stage::with_people(5).synced();
    let before = stage.accounts();
    stage.change("users", "anchor", "\"uid\"");
    stage.sync().expect(5).says("5 removals held");
    assert_eq!(stage.cloud.count_of("PATCH") + stage.cloud.count_of("DELETE"), 0);
    assert_eq!(stage.accounts(), before);
    // Back to what it was: nothing happened.
    stage.change("users", "anchor", "\"entryUUID\"");
    stage.sync().expect(0);
    stage.is_in_step();
    assert_eq!(stage.accounts(), before);
}

#[test]
fn a_directory_loaded_anew_locks_nobody_out() {
    let mut stage = company(12, 12);
    for number in 7..=12 {
        let entry = person(number).ldif();
        stage.slapd.delete(&person(number).dn());
        stage.slapd.modify(&entry);
    }
    let before = stage.accounts();
    for mode in ["--dry-run", "--sync-now"] {
        let run = stage.run(&[mode]).expect(5).says("you must not approve this");
        let _ = run.says("Anchors changed");
        assert_eq!(stage.cloud.log(), "", "{mode}");
    }
    let who = stage
        .run(&["explain", "u00012"])
        .expect(0)
        .says("belongs to uid=u00012");
    let _ = who.says("deactivate the account, but the limits hold that back");
    assert_eq!(stage.accounts(), before);
    // The way out: an empty state that may adopt anything.
    let state = stage.config.folder().join("another-state");
    stage.change("state", "path", &text(&state.display().to_string()));
    stage.change("scim", "adopt", "\"any\"");
    stage.sync().expect(0).says("12 adopted");
    assert_eq!((stage.scim.count(), gone(&stage, 12)), (12, 0));
    assert_ne!(stage.accounts(), before, "the new anchors are known there");
    stage.change("scim", "adopt", "\"ours\"");
    stage.is_in_step();
}

#[test]
fn an_attribute_that_vanishes_for_everybody_is_held() {
    let stage = company(12, 2);
    for number in 1..=12 {
        stage.slapd.replace(&person(number).dn(), "mail", &[]);
    }
    stage.slapd.modify(&person(20).ldif());
    stage
        .run(&["--dry-run"])
        .expect(5)
        .says("12 of 12 accounts in use would lose emails: lost read rights look exactly like this");
    stage.sync().expect(5).says("12 removals held (12 of 12");
    assert_eq!(stage.methods(), "POST", "the joiner");
    stage.run(&["approve", &held(&stage).unwrap()]).expect(0);
    stage.sync().expect(0);
    assert_eq!(stage.methods(), ["PATCH"; 12].join(" "));
    stage.is_in_step();
}

#[test]
fn an_empty_answer_is_not_believed() {
    // Even where every removal is allowed.
    let mut stage = company(12, 1000);
    let reader = text(support::slapd::READER);
    stage.change("ldap", "bind_dn", &text(NOREAD));
    stage.sync().expect(5).says("without a single entry").says("12");
    assert_eq!(stage.cloud.log(), "");
    stage.sync().expect(5);
    assert_eq!(stage.cloud.log(), "");
    stage.change("ldap", "bind_dn", &reader);
    stage.is_in_step();
    assert_eq!(held(&stage), None, "what is over is not held any more");
    assert_eq!(gone(&stage, 12), 0);
}

#[test]
fn a_person_in_two_bases_is_one_person() {
    let stage = Stage::with_people(4).set("users", "base", &format!("[{}, {}]", text(PEOPLE), text(SUFFIX)));
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "POST POST POST POST");
    stage.is_in_step();
}

#[test]
fn protected_people_are_never_removed() {
    let stage = Stage::with_people(4)
        .set("limits", "max_removals_percent", "100")
        .set(
            "limits",
            "protected",
            &format!("[{}, \"u00003\"]", text(&person(4).dn())),
        )
        .synced();
    leave(&stage, &[2, 3, 4]);
    stage.sync().expect(0);
    assert_eq!(stage.names_in_use(), ["u00001", "u00003", "u00004"]);
    assert_eq!(stage.methods(), "PATCH");
    stage.is_in_step();
}
