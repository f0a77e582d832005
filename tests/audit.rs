//! Audits: what somebody changed in the cloud by hand is found, told, and pushed right when that is
//! wanted; nobody is ever removed because of one.
#![cfg(test)]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{
    people::person,
    recorder::{Fault, Rule, Which},
    scim_servers::Kind,
    scimward::{Run, Scimward},
    slapd::Slapd,
    world::{ENTERPRISE, World, on_both, text},
};

const NOTHING: [&str; 0] = [];
const PAGE: &str = "GET Users?startIndex=1&count=100";

/// A world in step, with no more said in its recorder.
fn in_step(world: World) -> World {
    world.sync(0);
    world.recorder.forget();
    world
}

fn patch(world: &World, user_name: &str, operations: &Value) {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    });
    let answer = world
        .cloud
        .request("PATCH", &format!("Users/{}", world.id(user_name)), Some(&body));
    let said = String::from_utf8_lossy(&answer.body).into_owned();
    assert!((200..300).contains(&answer.status()), "{said}");
}

fn replace(world: &World, user_name: &str, path: &str, value: Value) {
    patch(
        world,
        user_name,
        &json!([{"op": "replace", "path": path, "value": value}]),
    );
}

fn remove(world: &World, user_name: &str) {
    let target = format!("Users/{}", world.id(user_name));
    assert_eq!(world.cloud.request("DELETE", &target, None).status(), 204);
}

/// Requests since the recorder last forgot, ids as names.
fn asked(world: &World) -> Vec<String> {
    let names = world.names();
    let requests = world.recorder.requests();
    requests.iter().map(|request| world.words(request, &names)).collect()
}

/// The `audit` part of a dry run's report; the state and the cloud have to be as before.
#[track_caller]
fn audit(world: &World, arguments: &[&str], code: i32) -> Value {
    let (state, users) = (world.exported(), world.cloud.users());
    world.recorder.forget();
    let report = world.dry_run(&[&["--audit"], arguments].concat(), code);
    let requests = world.recorder.requests();
    assert!(requests.iter().all(|request| request.method == "GET"), "{requests:#?}");
    assert_eq!(world.exported(), state, "a dry run leaves the state alone");
    assert_eq!(world.cloud.users(), users);
    report["audit"].clone()
}

/// `u00002 changed: title Analyst → King`, one line for each person.
fn drifts(audit: &Value) -> Vec<String> {
    let line = |drift: &Value| {
        let changes = drift["changes"].as_array().unwrap().iter().map(|change| {
            format!(
                "{} {} → {}",
                text(change, "/path"),
                change["pushed"].to_string().trim_matches('"'),
                change["held"].to_string().trim_matches('"')
            )
        });
        let changes: Vec<_> = changes.collect();
        let left = if drift["left"] == true { " (left)" } else { "" };
        format!(
            "{} {}{left}: {}",
            text(drift, "/userName"),
            text(drift, "/kind"),
            changes.join(", ")
        )
        .trim_end_matches([':', ' '])
        .to_owned()
    };
    let mut lines: Vec<String> = audit["drift"].as_array().unwrap().iter().map(line).collect();
    lines.sort();
    lines
}

/// A cloud that cannot be listed.
fn without_lists(world: World) -> World {
    let profile = include_str!("../src/profile/generic.toml");
    let paging = r#"paging = "index""#;
    assert!(profile.contains(paging));
    let path = world.config.folder().join("profile.toml");
    fs::write(&path, profile.replace(paging, r#"paging = "none""#)).unwrap();
    let path = path.display().to_string();
    world.set_text("scim", "profile", &path)
}

#[test]
fn what_nobody_changed_is_no_drift() {
    on_both(|kind| {
        for lists in [true, false] {
            let world = World::new(kind, Slapd::with_people(30));
            let world = in_step(if lists { world } else { without_lists(world) });
            // Told otherwise and meaning the same.
            replace(&world, "u00003", "userName", json!("U00003"));
            let found = audit(&world, &["--exit-code"], 0);
            assert_eq!(drifts(&found), NOTHING);
            assert_eq!(
                (&found["compared"], &found["people"], &found["roundComplete"]),
                (&json!(30), &json!(30), &json!(true))
            );
            let requests = if lists { 1 } else { 30 };
            assert_eq!((&found["requests"], asked(&world).len()), (&json!(requests), requests));
        }
    });
}

#[test]
fn hand_edits_and_missing_accounts_are_told_attribute_by_attribute() {
    on_both(|kind| {
        for lists in [true, false] {
            let world = World::new(kind, Slapd::with_people(8));
            let world = in_step(if lists { world } else { without_lists(world) });
            replace(&world, "u00001", "title", json!("King"));
            patch(&world, "u00002", &json!([{"op": "remove", "path": "title"}]));
            replace(&world, "u00003", "active", json!(false));
            let manager = format!("{ENTERPRISE}:manager");
            replace(&world, "u00004", &manager, json!({"value": world.id("u00002")}));
            replace(&world, "u00005", "nickName", json!("not ours"));
            remove(&world, "u00006");
            let found = audit(&world, &["--exit-code"], 10);
            let dn = |number| person(number).dn();
            assert_eq!(
                drifts(&found),
                [
                    "u00001 changed: title Analyst → King".to_owned(),
                    "u00002 changed: title Analyst → null".to_owned(),
                    "u00003 changed: active true → false".to_owned(),
                    format!("u00004 changed: enterprise.manager {} → {}", dn(1), dn(2)),
                    "u00006 missing".to_owned(),
                ]
            );
            if lists {
                let mut asked = asked(&world);
                assert_eq!(asked.remove(0), PAGE);
                asked.sort();
                // Whatever seems to differ or to be gone is looked at on its own before it is told; who is
                // gone must not be found by a look-up either.
                let names = ["u00001", "u00002", "u00003", "u00004"];
                let expected: Vec<_> = names.iter().map(|name| format!("GET Users/{name}")).collect();
                assert_eq!(asked.len(), 7);
                assert!(expected.iter().all(|line| asked.contains(line)), "{asked:?}");
            }
            // Without --exit-code drift is told and no failure; the text says the same.
            let run = world.run(&["--dry-run", "--audit"]).expect(0);
            let run = run
                .says("title")
                .says("pushed Analyst, there King")
                .says("the account is gone");
            drop(
                run.says("8 of 8 accounts compared: 4 changed, 1 gone")
                    .says("--sync-now --audit"),
            );
            // A plain dry run asks nothing and finds nothing.
            world.recorder.forget();
            drop(world.run(&["--dry-run", "--exit-code"]).expect(0).says("Nothing to do"));
            assert_eq!(world.recorder.count(), 0);
        }
    });
}

#[test]
fn asked_for_before_a_cycle_it_pushes_right_what_it_finds_and_nothing_else() {
    on_both(|kind| {
        let world = in_step(World::new(kind, Slapd::with_people(8)));
        replace(&world, "u00001", "title", json!("King"));
        patch(&world, "u00002", &json!([{"op": "remove", "path": "title"}]));
        replace(&world, "u00003", "active", json!(false));
        let manager = format!("{ENTERPRISE}:manager");
        let by_hand = world.cloud.create(&json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "by-hand",
        }));
        replace(&world, "u00001", &manager, json!({"value": by_hand["id"]}));
        patch(&world, "u00004", &json!([{"op": "remove", "path": manager}]));
        replace(&world, "u00005", "nickName", json!("not ours"));
        remove(&world, "u00006");
        let run = world.run(&["--sync-now", "--audit"]).expect(0);
        drop(run.says("audit ended").says("4 changed by hand, 1 gone"));
        let mut sent = asked(&world);
        sent.retain(|line| !line.starts_with("GET "));
        sent.sort();
        // Managers exist before their people, so whoever is made again comes first.
        assert_eq!(
            sent,
            [
                r#"PATCH Users/u00001 replace title "Analyst", remove E:manager"#,
                r#"PATCH Users/u00002 replace title "Analyst""#,
                "PATCH Users/u00003 replace active true",
                r#"PATCH Users/u00004 replace E:manager {"value":"u00001"}"#,
                "POST Users u00006 under u00001",
            ]
        );
        assert_eq!(world.account("u00005")["nickName"], "not ours");
        assert_eq!(world.sync(0), NOTHING);
        assert_eq!(drifts(&audit(&world, &["--exit-code"], 0)), NOTHING);
    });
}

#[test]
fn nobody_is_removed_because_of_an_audit() {
    let world = World::new(Kind::Scim2Server, Slapd::with_people(6))
        .set("limits", "max_removals_percent", "100")
        .set_text("leavers", "action", "delete")
        .set("leavers", "delete_after_days", "30");
    let world = in_step(world);
    world.slapd.delete(&person(6).dn());
    world.slapd.delete(&person(5).dn());
    assert_eq!(world.sync(0).len(), 2, "both are switched off");
    // Somebody switches one of them on again and removes the other one.
    replace(&world, "u00005", "active", json!(true));
    remove(&world, "u00006");
    let found = audit(&world, &["--exit-code"], 10);
    assert_eq!(
        drifts(&found),
        ["u00005 changed (left): active false → true", "u00006 missing (left)"]
    );
    world.recorder.forget();
    drop(world.run(&["--sync-now", "--audit"]).expect(0));
    assert!(
        asked(&world).iter().all(|line| line.starts_with("GET ")),
        "{:?}",
        asked(&world)
    );
    assert_eq!(world.account("u00005")["active"], true);
    assert!(world.cloud.user("u00006").is_none());
}

#[test]
fn turning_off_what_was_turned_on_by_hand_is_held_by_the_limits() {
    let world = World::new(Kind::Scim2Server, Slapd::with_people(6))
        .set(
            "users.map",
            "active",
            r#"{ attribute = "employeeType", transform = "bool", default = true }"#,
        )
        .set("limits", "max_removals", "1");
    for number in 1..=3 {
        world.slapd.replace(&person(number).dn(), "employeeType", &["FALSE"]);
    }
    let world = in_step(world);
    assert_eq!(world.account("u00003")["active"], false);
    for name in ["u00001", "u00002", "u00003"] {
        replace(&world, name, "active", json!(true));
    }
    drop(world.run(&["--sync-now", "--audit"]).expect(5).says("3 removals held"));
    assert!(asked(&world).iter().all(|line| line.starts_with("GET ")));
}

#[test]
fn requests_are_bounded_and_the_next_audit_goes_on() {
    let world = without_lists(World::new(Kind::Scimmy, Slapd::with_people(25))).set("audit", "max_requests", "10");
    let world = in_step(world);
    for number in 1..=25 {
        replace(&world, &person(number).uid, "title", json!("King"));
    }
    // A dry run begins at the same place each time.
    let first = drifts(&audit(&world, &["--exit-code"], 10));
    assert_eq!(first.len(), 10);
    assert_eq!(drifts(&audit(&world, &["--exit-code"], 10)), first);
    for (repaired, more) in [(10, true), (10, true), (5, false), (0, true)] {
        world.recorder.forget();
        let run = world.run(&["--sync-now", "--audit"]).expect(0);
        let run = if more {
            run.says("goes on from here")
        } else {
            run.says_not("goes on from here")
        };
        drop(run);
        let sent = asked(&world);
        let of = |method: &str| sent.iter().filter(|line| line.starts_with(method)).count();
        assert_eq!((of("GET ") <= 10, of("PATCH ")), (true, repaired), "{sent:#?}");
    }
    let status = world.run(&["status", "--json"]).expect(0);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(
        (&status["audit"]["compared"], &status["audit"]["people"]),
        (&json!(10), &json!(25))
    );
    drop(
        world
            .run(&["status"])
            .expect(0)
            .says("Last audit (UTC)")
            .says("10 of 25 accounts compared"),
    );
}

#[test]
fn a_list_that_is_cut_off_is_followed_by_single_look_ups() {
    let world = in_step(World::new(Kind::Scimmy, Slapd::with_people(120)));
    replace(&world, "u00110", "title", json!("King"));
    remove(&world, "u00111");
    world
        .recorder
        .rule(Rule::new("GET", Which::From(1), Fault::Answer(400)).target("startIndex=101"));
    let found = audit(&world, &["--exit-code"], 10);
    assert_eq!(
        drifts(&found),
        ["u00110 changed: title Engineer → King", "u00111 missing"]
    );
    assert_eq!(found["compared"], 120);
}

#[test]
fn a_404_of_something_in_front_is_no_missing_account() {
    let world = without_lists(World::new(Kind::Scimmy, Slapd::with_people(3)));
    let world = in_step(world).set("scim", "max_tries", "1");
    let page = Rule::new("GET", Which::From(1), Fault::AnswerPage(404, "<html>no route</html>"));
    world.recorder.rule(page);
    let found = audit(&world, &[], 1);
    assert_eq!((drifts(&found), &found["unanswered"]), (vec![], &json!(3)));
    world.recorder.clear_rules();
    world.recorder.rule(Rule::new("GET", Which::Nth(2), Fault::Answer(401)));
    let found = audit(&world, &[], 4);
    assert!(text(&found, "/stopped").contains("401"), "{found}");
}

#[test]
fn what_no_account_shows_was_hardly_taken_away_by_hand() {
    let world = without_lists(World::new(Kind::Scimmy, Slapd::with_people(15)));
    let world = in_step(world);
    for number in 1..=15 {
        patch(
            &world,
            &person(number).uid,
            &json!([{"op": "remove", "path": "preferredLanguage"}]),
        );
    }
    replace(&world, "u00002", "title", json!("King"));
    let found = audit(&world, &["--exit-code"], 10);
    assert_eq!(drifts(&found), ["u00002 changed: title Analyst → King"]);
    assert_eq!(found["notShown"], json!(["preferredLanguage"]));
    drop(
        world
            .run(&["--dry-run", "--audit"])
            .expect(0)
            .says("no account shows preferredLanguage"),
    );
}

/// Waits for the daemon's first cycle and what follows.
fn daemon(world: World) -> (World, support::scimward::Process) {
    let world = world
        .set_text("schedule", "cron", "0 0 1 1 *")
        .set("schedule", "run_at_start", "false");
    let daemon = Scimward::new(&world.config).spawn();
    (world, daemon)
}

#[test]
fn a_daemon_audits_on_its_schedule_and_repairs_when_it_is_told_to() {
    for repair in [false, true] {
        let world = in_step(World::new(Kind::Scimmy, Slapd::with_people(4)));
        replace(&world, "u00002", "title", json!("King"));
        let world = world.set_text("audit", "cron", "* * * * * *").set(
            "audit",
            "repair",
            if repair { "true" } else { "false" },
        );
        let (world, daemon) = daemon(world);
        daemon.wait_said("1 changed by hand");
        if repair {
            daemon.wait_said("1 updated");
            assert_eq!(world.account("u00002")["title"], "Analyst");
        } else {
            daemon.wait_said_times("1 changed by hand", 2);
            assert_eq!(world.account("u00002")["title"], "King");
            assert!(asked(&world).iter().all(|line| line.starts_with("GET ")));
        }
        drop(daemon.kill());
    }
}

#[test]
fn a_daemon_is_asked_for_an_audit() {
    let (world, daemon) = daemon(in_step(World::new(Kind::Scimmy, Slapd::with_people(4))));
    daemon.wait_said("the daemon is ready");
    support::wait_for("the control socket", || {
        world.config.state().join("control.sock").exists().then_some(())
    });
    replace(&world, "u00002", "title", json!("King"));
    let report = world.dry_run(&["--audit", "--exit-code"], 10);
    assert_eq!(drifts(&report["audit"]), ["u00002 changed: title Analyst → King"]);
    let run: Run = world.run(&["--sync-now", "--audit"]).expect(0);
    drop(run.says("1 updated"));
    assert_eq!(world.account("u00002")["title"], "Analyst");
    drop(daemon.kill());
}
