//! `scimward explain`, `status`, `rejects` and `approve` by black box: one person's whole story, in
//! words, for every situation a person can be in.
#![cfg(test)]

mod support;

use support::{
    config::text,
    people::{PEOPLE, person},
    recorder::{Fault, Rule, Which},
    scimward::Run,
    stage::Stage,
};

fn explain(stage: &Stage, who: &str) -> Run {
    stage.cloud.forget();
    let run = stage.run(&["explain", who]);
    assert_eq!(stage.cloud.log(), "", "explaining asks the cloud nothing");
    run
}

/// What stands behind a label of the first person.
#[track_caller]
fn label<'a>(run: &'a Run, label: &str) -> &'a str {
    let start = format!("  {label:<11}");
    let found = run.stdout.lines().find_map(|line| line.strip_prefix(start.as_str()));
    found.unwrap_or_else(|| panic!("no {label}\n{}", run.everything()))
}

fn id(stage: &Stage, user_name: &str) -> String {
    stage.scim.user(user_name).expect("an account")["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn anchor(stage: &Stage, user_name: &str) -> String {
    stage.scim.user(user_name).expect("an account")["externalId"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn somebody_new_is_found_by_every_name_and_shown_as_mapped() {
    let stage = Stage::with_people(3);
    for who in [
        "u00002",
        "U00002",
        "u00002@example.com",
        "UID=u00002 , OU=People,DC=example,dc=com",
    ] {
        let run = explain(&stage, who).expect(0);
        assert_eq!(run.stdout.lines().next(), Some(person(2).dn().as_str()));
        assert!(
            label(&run, "Directory").starts_with("in scope; anchor "),
            "{}",
            run.stdout
        );
        assert_eq!(label(&run, "Account"), "none was pushed");
        assert_eq!(label(&run, "Next"), "create an account");
        run.says("      userName                  u00002\n")
            .says("      emails                    u00002@example.com (work, primary)\n")
            .says(&format!("      enterprise.manager        {}\n", person(1).dn()));
    }
    assert!(!stage.config.state().exists(), "explaining makes no state");
}

#[test]
fn nobody_of_that_name_is_exit_code_1_and_a_hint() {
    let stage = Stage::with_people(1);
    for who in ["somebody.else", "", "uid=nobody,ou=people,dc=example,dc=com"] {
        explain(&stage, who)
            .expect(1)
            .says("Nobody found")
            .says(&format!("below {PEOPLE} that matches (objectClass=inetOrgPerson)"))
            .says("give a DN, an anchor, a user name, a mail address, an account's id, or a group's name");
    }
}

#[test]
fn somebody_linked_is_found_by_id_anchor_and_old_name() {
    let stage = Stage::with_people(3).synced();
    let (id, anchor) = (id(&stage, "u00003"), anchor(&stage, "u00003"));
    stage.slapd.rename(&person(3).dn(), "uid=renamed", None);
    for who in [
        id.as_str(),
        &id.to_uppercase(),
        &anchor,
        "u00003",
        &person(3).dn(),
        "renamed",
    ] {
        let run = explain(&stage, who).expect(0);
        assert_eq!(
            run.stdout.lines().next(),
            Some(&*format!("uid=renamed,{PEOPLE}")),
            "{who}"
        );
        assert_eq!(label(&run, "Account"), format!("u00003, id {id}, active"));
        assert_eq!(label(&run, "Next"), "update the account");
        run.says("    ~ userName                  u00003 → renamed\n");
    }
    let run = explain(&stage, "u00001").expect(0);
    assert_eq!(label(&run, "Next"), "nothing: the account is as the directory wants it");
}

#[test]
fn an_override_that_excludes_is_named() {
    let stage = Stage::with_people(2);
    let exclude = |stage: Stage, dn: &str| Stage {
        config: stage
            .config
            .append(&format!("[[users.override]]\ndn = {}\nexclude = true", text(dn))),
        ..stage
    };
    let stage = exclude(stage, &person(2).dn());
    let run = explain(&stage, "u00002").expect(0);
    assert!(label(&run, "Directory").starts_with("left out by rule: users.override[0] excludes this person; anchor "));
    assert_eq!(label(&run, "Next"), "nothing: there is no account");

    stage.sync().expect(0);
    let stage = exclude(stage, &person(1).dn());
    let run = explain(&stage, "u00001").expect(0);
    assert!(label(&run, "Directory").starts_with("left out by rule: users.override[1]"));
    assert_eq!(label(&run, "Next"), "deactivate the account");
}

#[test]
fn a_rejected_person_is_told_with_every_reason() {
    let stage = Stage::with_people(2).set("scim", "profile", &text("huawei"));
    stage.slapd.replace(&person(2).dn(), "mail", &[]);
    stage.slapd.replace(&person(2).dn(), "telephoneNumber", &["no number"]);
    let run = explain(&stage, "u00002").expect(0);
    assert!(label(&run, "Directory").starts_with("there, but cannot be pushed; an account that exists stays as it is"));
    assert_eq!(label(&run, "Next"), "nothing, until the entry or the mapping is mended");
    run.says("    ! emails                    huawei: must be present\n");

    // What mapping alone does not see: somebody else has the name.
    stage.slapd.replace(&person(2).dn(), "mail", &["two@example.com"]);
    let stage = stage.set("users.map", "userName", &text("employeeType"));
    for number in [1, 2] {
        stage.slapd.replace(&person(number).dn(), "employeeType", &["same"]);
    }
    let one = explain(&stage, &person(1).dn()).expect(0);
    let other = explain(&stage, &person(2).dn()).expect(0);
    let all = format!("{}{}", one.stdout, other.stdout);
    assert_eq!(
        all.matches("has the same userName; names are compared without case: same")
            .count(),
        1,
        "{all}"
    );
    assert_eq!(all.matches("create an account").count(), 1, "{all}");
}

#[test]
fn a_leaver_is_told_what_comes_when() {
    let stage = Stage::with_people(3).synced().set("leavers", "confirm_cycles", "2");
    let stage = stage
        .set("leavers", "action", &text("delete"))
        .set("leavers", "delete_after_days", "30");
    let id = id(&stage, "u00003");
    stage.slapd.delete(&person(3).dn());
    let run = explain(&stage, "u00003").expect(0);
    assert!(label(&run, "Directory").starts_with("no entry any more (or it is outside of [users] base or filter)"));
    assert_eq!(
        label(&run, "Next"),
        "nothing yet: missing for 1 of 2 complete runs in a row ([leavers] confirm_cycles)"
    );
    stage.sync().expect(0);
    let run = explain(&stage, &person(3).dn()).expect(0);
    assert_eq!(label(&run, "Next"), "deactivate the account");
    stage.sync().expect(0);
    let run = explain(&stage, &id).expect(0);
    assert!(label(&run, "Account").starts_with(&format!("u00003, id {id}, deactivated on 20")));
    let next = label(&run, "Next");
    assert!(next.starts_with("delete, in the first complete run after 20"), "{next}");
    assert!(next.ends_with("UTC (30 days after the deactivation)"), "{next}");

    let stage = stage.set("leavers", "action", &text("deactivate"));
    let run = explain(&stage, "u00003").expect(0);
    assert!(label(&run, "Next").contains("leavers are not deleted ([leavers] action = \"deactivate\")"));
    let stage = stage.set("leavers", "action", &text("keep"));
    let run = explain(&stage, "u00003").expect(0);
    assert!(label(&run, "Next").contains("[leavers] action = \"keep\""));
}

#[test]
fn protection_is_named() {
    let stage = Stage::with_people(3)
        .synced()
        .set("limits", "protected", &format!("[{}]", text("U00003")));
    let run = explain(&stage, "u00003").expect(0);
    assert_eq!(
        label(&run, "Protected"),
        "never renamed, deactivated or deleted ([limits] protected)"
    );
    stage.slapd.delete(&person(3).dn());
    let run = explain(&stage, "u00003").expect(0);
    assert_eq!(
        label(&run, "Next"),
        "nothing: the account stays, because this person is protected"
    );
}

#[test]
fn who_waits_is_told_how_often_it_failed_and_when_it_is_tried_again() {
    let stage = Stage::with_people(2);
    stage
        .cloud
        .rule(Rule::new("POST", Which::From(1), Fault::Answer(503)).body("u00001"));
    stage
        .cloud
        .rule(Rule::new("POST", Which::From(1), Fault::Answer(400)).body("u00002"));
    stage.sync().expect(1).says("nothing changed, 2 failed; 2 entries read");
    stage.cloud.clear_rules();

    let waiting = explain(&stage, "u00001").expect(0);
    assert!(label(&waiting, "Failed").starts_with("once, last on 20"));
    let next = label(&waiting, "Next");
    assert!(next.starts_with("tried again in the first run after 20"), "{next}");
    assert!(
        next.ends_with(&format!("scimward rejects retry '{}'", person(1).dn())),
        "{next}"
    );
    let refused = explain(&stage, "u00002")
        .expect(0)
        .says("refused with 400: made up by the test");
    let next = label(&refused, "Next");
    assert!(
        next.starts_with("nothing, until the entry or the mapping changes"),
        "{next}"
    );

    stage
        .run(&["rejects"])
        .expect(0)
        .says("Waiting: 1 person")
        .says("Refused by the cloud: 1 person")
        .says("tried once");
    stage
        .run(&["rejects", "retry", "nobody"])
        .expect(2)
        .says("`scimward rejects` shows who does");
    for number in [1, 2] {
        let again = format!("{}: tried again in the next cycle", person(number).dn());
        stage
            .run(&["rejects", "retry", &person(number).dn()])
            .expect(0)
            .says(&again);
        let run = explain(&stage, &person(number).dn()).expect(0);
        assert_eq!(label(&run, "Next"), "create an account");
    }
    stage.sync().expect(0).says("2 created; 2 entries read");
    assert!(!explain(&stage, "u00001").expect(0).stdout.contains("Failed"));
}

#[test]
fn held_removals_are_told_with_the_way_to_release_them() {
    let stage = Stage::with_people(4).synced().set("limits", "max_removals", "0");
    stage.slapd.delete(&person(4).dn());
    let run = explain(&stage, "u00004").expect(0);
    let next = label(&run, "Next").to_owned();
    assert!(
        next.starts_with("deactivate the account, but the limits hold that back: 1 of 4"),
        "{next}"
    );
    assert!(
        next.contains("; after that run, to let it through: scimward approve "),
        "{next}"
    );
    let plan_id = next.rsplit(' ').next().unwrap();
    stage
        .run(&["approve", plan_id])
        .expect(2)
        .says("no removals are held, so there is nothing to approve");
    stage
        .run(&["--dry-run"])
        .expect(5)
        .says("A run holds them and does the rest. Then, to let exactly these through: ");

    let release = format!("scimward approve {plan_id}");
    stage.sync().expect(5).says("1 removal held (1 of 4").says(&release);
    let run = explain(&stage, "u00004").expect(0);
    assert!(
        label(&run, "Next").ends_with(&format!("; to let it through: {release}")),
        "{}",
        run.stdout
    );
    stage
        .run(&["status"])
        .expect(0)
        .says("Held back: 1 removal. 1 of 4")
        .says(&format!("To let exactly these through: {release}\n"))
        .says("exit 5  1 removal held");
    stage
        .run(&["approve", "0123456789ab"])
        .expect(2)
        .says(&format!("Held is {plan_id}, 1 removal: "));
    stage
        .run(&["approve", plan_id])
        .expect(0)
        .says("Approved: the next run carries out exactly this 1 removal.");
    let run = explain(&stage, "u00004").expect(0);
    assert_eq!(label(&run, "Next"), "deactivate the account");
    stage
        .sync()
        .expect(0)
        .says("1 deactivated; 3 entries read, 1 request sent");
    stage
        .run(&["status"])
        .expect(0)
        .says("1 deactivated")
        .says_not("Held back");
}

#[test]
fn without_a_state_everything_says_so_and_makes_none() {
    let stage = Stage::with_people(1);
    let nothing = format!(
        "There is no state in {} yet: nothing was pushed from here.",
        stage.config.state().display()
    );
    stage
        .run(&["status"])
        .expect(0)
        .says(&nothing)
        .says("scimward --sync-now");
    stage
        .run(&["rejects"])
        .expect(0)
        .says(&nothing)
        .says("Nobody is on the reject list.");
    for command in [
        &["approve", "0123456789ab"][..],
        &["rejects", "retry", "u00001"],
        &["state", "export"],
    ] {
        let run = stage
            .run(command)
            .expect(2)
            .says("Is [state] path the one of the service?");
        assert_eq!((run.stdout.as_str(), run.stderr.matches(&nothing).count()), ("", 1));
    }
    let status: serde_json::Value = serde_json::from_str(&stage.run(&["status", "--json"]).expect(0).stdout).unwrap();
    assert_eq!(
        (&status["cycles"], &status["daemon"]),
        (&serde_json::json!([]), &serde_json::Value::Null)
    );
    assert_eq!(stage.run(&["rejects", "list", "--json"]).expect(0).stdout, "[]\n");
    assert!(!stage.config.state().exists(), "a question makes no state");
    assert_eq!(stage.cloud.log(), "");
}

#[test]
fn status_tells_the_last_runs_and_that_no_daemon_is_there() {
    let mut stage = Stage::with_people(2).synced();
    stage
        .sync()
        .expect(0)
        .says("in step, nothing changed; 2 entries read, 0 requests sent");
    stage.slapd.stop();
    stage.sync().expect(3);
    stage
        .run(&["status"])
        .expect(0)
        .says("exit 0  2 created; 2 entries read, 2 requests sent\n")
        .says("exit 0  in step, nothing changed; 2 entries read, 0 requests sent\n")
        .says("exit 3  cannot reach the directory: ")
        .says("Daemon: not running; a single run is: scimward --sync-now\n");
    stage.slapd.start();
}

#[test]
fn a_manager_out_of_scope_is_named_and_so_is_the_one_who_stays() {
    let stage = Stage::with_people(3).synced();
    let outside = "uid=nobody,ou=elsewhere,dc=example,dc=com";
    stage.slapd.replace(&person(3).dn(), "manager", &[outside]);
    let run = explain(&stage, "u00003").expect(0);
    assert_eq!(
        label(&run, "Manager"),
        format!(
            "{outside} is not among those provisioned; the account keeps {}",
            person(1).dn()
        )
    );
    assert_eq!(
        label(&run, "Next"),
        "nothing: but for the manager the account is as the directory wants it"
    );
    let warning = format!("keeps the one pushed before, if any: {}", person(3).dn());
    drop(stage.run(&["--dry-run"]).expect(0).says(&warning));
}

#[test]
fn a_name_that_is_forgotten_is_not_said_to_be_new() {
    let stage = Stage::with_people(12)
        .set("leavers", "action", &text("delete"))
        .set("leavers", "delete_after_days", "0")
        .synced();
    stage.slapd.delete(&person(12).dn());
    stage.slapd.rename(&person(11).dn(), "uid=renamed", None);
    stage.sync().expect(0);
    for who in ["u00012", "u00011"] {
        drop(
            explain(&stage, who)
                .expect(1)
                .says("called otherwise by now, or deleted"),
        );
    }
}

#[test]
fn a_name_that_somebody_has_already_is_foreseen() {
    let stage = Stage::with_people(2).set("users.map", "userName", &text("employeeType"));
    for number in [1, 2] {
        stage.slapd.replace(&person(number).dn(), "employeeType", &["same"]);
    }
    stage.sync().expect(1);
    let linked = stage.scim.user("same").unwrap();
    let one = explain(&stage, &person(1).dn()).expect(0);
    let (other, first) = if label(&one, "Account") == "none was pushed" {
        (1, 2)
    } else {
        (2, 1)
    };
    let said = format!(
        "which account {} has, of {}",
        linked["id"].as_str().unwrap(),
        person(first).dn()
    );
    drop(explain(&stage, &person(other).dn()).expect(0).says(&said));
    drop(stage.run(&["--dry-run"]).expect(0).says(&said));
}
