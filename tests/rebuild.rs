//! `state rebuild`: a lost state made anew, with questions only, after which a cycle sends nothing but
//! what really differs.
#![cfg(test)]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{
    people::person,
    recorder::{Fault, Rule, Which},
    scim_servers::Kind,
    scimward::{Run, Scimward},
    slapd::{READER_STRICT, Slapd},
    world::{ENTERPRISE, World, on_both},
};

const REBUILD: [&str; 2] = ["state", "rebuild"];
const NOTHING: [&str; 0] = [];

/// Loses the state.
fn lose(world: &World) {
    fs::remove_dir_all(world.config.state()).unwrap();
}

/// Rebuilds and returns what was asked, in the order of arrival.
#[track_caller]
fn rebuild(world: &World, arguments: &[&str], code: i32) -> (Vec<String>, Run) {
    world.recorder.forget();
    let run = world.run(&[&REBUILD, arguments].concat()).expect(code);
    let requests = world.recorder.requests();
    let asked = requests
        .iter()
        .map(|request| format!("{} {}", request.method, world.below_endpoint(request)));
    (asked.collect(), run)
}

/// The state without what no cloud can tell: when and how it came about.
fn memory(world: &World) -> Vec<Value> {
    let exported = world.exported();
    let lines = exported
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter(|line| line.get("mark").is_some() || line.get("link").is_some())
        .collect()
}

/// The world with a copy of the generic profile that has `change` in it.
fn with_profile(world: World, change: &[(&str, &str)]) -> World {
    let mut profile = include_str!("../src/profile/generic.toml").to_owned();
    for (from, to) in change {
        assert!(profile.contains(from), "{from}");
        profile = profile.replace(from, to);
    }
    let path = world.config.folder().join("profile.toml");
    fs::write(&path, profile).unwrap();
    let path = path.display().to_string();
    world.set_text("scim", "profile", &path)
}

/// A cloud that cannot be listed and filters on user names only.
fn without_lists(world: World) -> World {
    let filterable = r#"filterable = ["userName", "externalId"]"#;
    with_profile(
        world,
        &[
            (r#"paging = "index""#, r#"paging = "none""#),
            (filterable, r#"filterable = ["userName"]"#),
        ],
    )
}

fn patch(world: &World, user_name: &str, operations: &Value) {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    });
    let answer = world
        .cloud
        .request("PATCH", &format!("Users/{}", world.id(user_name)), Some(&body));
    assert!(
        (200..300).contains(&answer.status()),
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
}

#[test]
fn by_listing_the_state_is_what_it_was_and_a_cycle_sends_nothing() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(130));
        world.sync(0);
        let before = memory(&world);
        lose(&world);
        let (asked, run) = rebuild(&world, &[], 0);
        assert_eq!(
            asked,
            ["GET Users?startIndex=1&count=100", "GET Users?startIndex=101&count=100"]
        );
        let _ = run.says("in scope              130").says("linked                130");
        assert_eq!(memory(&world), before, "marks and links, managers included");
        assert_eq!(world.sync(0), NOTHING);
    });
}

#[test]
fn by_looking_up_the_state_is_what_it_was_and_a_cycle_sends_nothing() {
    on_both(|kind| {
        let world = without_lists(World::new(kind, Slapd::with_people(60)));
        world.sync(0);
        let before = memory(&world);
        lose(&world);
        let (mut asked, run) = rebuild(&world, &[], 0);
        asked.sort();
        let expected: Vec<_> = (1..=60)
            .map(|number| format!("GET Users?filter=userName eq \"{}\"", person(number).uid))
            .collect();
        assert_eq!(asked, expected, "one question for each");
        let _ = run.says("cannot list").says("linked                 60");
        assert_eq!(memory(&world), before);
        assert_eq!(world.sync(0), NOTHING);
    });
}

#[test]
fn what_differs_is_pushed_by_the_next_cycle_and_nothing_else() {
    on_both(|kind| {
        for lists in [true, false] {
            let world = World::new(kind, Slapd::with_people(6));
            let world = if lists { world } else { without_lists(world) };
            world.sync(0);
            lose(&world);
            // By hand: changed, cleared, added, switched off, another manager, none.
            patch(
                &world,
                "u00001",
                &json!([{"op": "replace", "path": "title", "value": "King"}]),
            );
            patch(&world, "u00002", &json!([{"op": "remove", "path": "title"}]));
            patch(
                &world,
                "u00003",
                &json!([{"op": "replace", "path": "active", "value": false}]),
            );
            let manager = format!("{ENTERPRISE}:manager");
            let other = json!({"value": world.id("u00003")});
            patch(
                &world,
                "u00004",
                &json!([{"op": "replace", "path": manager, "value": other}]),
            );
            patch(&world, "u00005", &json!([{"op": "remove", "path": manager}]));
            // While the state was lost: somebody lost a title in the directory.
            world.slapd.replace(&person(6).dn(), "title", &[]);
            let (_, run) = rebuild(&world, &[], 0);
            let _ = run.says("linked                  6  4 of them hold something else");
            let boss = r#"{"value":"u00001"}"#;
            assert_eq!(
                world.sync_sorted(0),
                [
                    r#"PATCH Users/u00001 replace title "Analyst""#.to_owned(),
                    r#"PATCH Users/u00002 replace title "Analyst""#.to_owned(),
                    "PATCH Users/u00003 replace active true".to_owned(),
                    format!("PATCH Users/u00004 replace E:manager {boss}"),
                    format!("PATCH Users/u00005 replace E:manager {boss}"),
                    "PATCH Users/u00006 remove title".to_owned(),
                ]
            );
            assert_eq!(world.sync(0), NOTHING);
        }
    });
}

#[test]
fn a_manager_whom_the_directory_does_not_know_is_taken_away_only_when_the_entry_names_none() {
    let world = World::new(Kind::Scim2Server, Slapd::with_people(3));
    world.sync(0);
    let stranger = world.cloud.create(&json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "stranger",
    }));
    lose(&world);
    let value = json!({"value": stranger["id"]});
    for uid in ["u00001", "u00002"] {
        let path = format!("{ENTERPRISE}:manager");
        patch(&world, uid, &json!([{"op": "replace", "path": path, "value": value}]));
    }
    // Nobody above the first; a name that leads nowhere above the second.
    let nowhere = "uid=nobody,ou=people,dc=example,dc=com";
    world.slapd.replace(&person(2).dn(), "manager", &[nowhere]);
    let (_, run) = rebuild(&world, &[], 0);
    let _ = run
        .says("1 account that nobody in the directory matches")
        .says("stranger");
    assert_eq!(world.sync(0), ["PATCH Users/u00001 remove E:manager"]);
    assert_eq!(world.sync(0), NOTHING);
    assert_eq!(world.manager("u00002").as_deref(), Some("stranger"));
}

#[test]
fn accounts_that_nobody_matches_are_named_and_never_removed() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(5))
            .set("limits", "max_removals_percent", "100")
            .set_text("leavers", "action", "delete")
            .set("leavers", "delete_after_days", "0");
        world.sync(0);
        lose(&world);
        world.slapd.delete(&person(5).dn());
        world.cloud.create(&json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "breakglass",
        }));
        let (_, run) = rebuild(&world, &[], 0);
        let _ = run
            .says("2 accounts that nobody in the directory matches")
            .says("breakglass")
            .says("u00005");
        assert_eq!(world.sync(0), NOTHING);
        // Who was linked is ours again, with all that follows.
        let id = world.id("u00004");
        world.slapd.delete(&person(4).dn());
        let sent = world.sync(0);
        assert_eq!((sent.len(), sent[0].starts_with("DELETE")), (1, true), "{sent:?} {id}");
        assert!(world.cloud.user("u00005").is_some() && world.cloud.user("breakglass").is_some());
    });
}

#[test]
fn whose_an_account_is_follows_the_adopt_policy() {
    for lists in [true, false] {
        for (policy, linked) in [("ours", 1), ("never", 1), ("unowned", 2), ("any", 3)] {
            let world = World::new(Kind::Scim2Server, Slapd::with_people(4)).set_text("scim", "adopt", policy);
            let world = if lists { world } else { without_lists(world) };
            let account = |uid: &str, external_id: Option<String>| {
                let mut user = json!({
                    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": uid,
                });
                if let Some(id) = external_id {
                    user["externalId"] = id.into();
                }
                world.cloud.create(&user);
            };
            account("U00001", Some(world.anchor("u00001")));
            account("u00002", None);
            account("u00003", Some("of-another-system".into()));
            let (_, run) = rebuild(&world, &[], i32::from(!lists && linked < 3));
            let _ = run
                .says(&format!("linked                  {linked}"))
                .says("without account");
            let exported = world.exported();
            let links = exported.lines().filter(|line| line.starts_with(r#"{"link""#)).count();
            assert_eq!(links, linked, "{policy}");
        }
    }
}

#[test]
fn an_interrupted_rebuild_goes_on_where_it_stopped() {
    let world = without_lists(World::new(Kind::Scimmy, Slapd::with_people(40))).set("scim", "concurrency", "1");
    world.sync(0);
    let before = memory(&world);
    lose(&world);
    world.recorder.forget();
    world.recorder.rule(Rule::new("GET", Which::Nth(21), Fault::Hold));
    let running = Scimward::new(&world.config).args(&REBUILD).spawn();
    world
        .recorder
        .wait_until("the 21st question", |requests| requests.len() == 21);
    assert_eq!(running.kill().code, None);
    world.recorder.clear_rules();
    world.recorder.release();

    let (asked, run) = rebuild(&world, &[], 0);
    // What is not on disk yet when the program is killed is asked for again: the last few.
    assert!(
        (20..=24).contains(&asked.len()),
        "those found before are not asked for again: {asked:?}"
    );
    let _ = run
        .says("linked                 40")
        .says("went on from an interrupted one");
    assert_eq!(memory(&world), before);
    assert_eq!(world.sync(0), NOTHING);
}

#[test]
fn an_interrupted_listing_begins_again() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(250));
    world.sync(0);
    let before = memory(&world);
    lose(&world);
    world.recorder.rule(Rule::new("GET", Which::Nth(2), Fault::Hold));
    world.recorder.forget();
    let running = Scimward::new(&world.config).args(&REBUILD).spawn();
    world
        .recorder
        .wait_until("the second page", |requests| requests.len() == 2);
    assert_eq!(running.kill().code, None);
    world.recorder.clear_rules();
    world.recorder.release();
    // What there is by now is no harm to a cycle either; here it is rebuilt first.
    let (asked, _) = rebuild(&world, &[], 0);
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert_eq!(memory(&world), before);
    assert_eq!(world.sync(0), NOTHING);
}

#[test]
fn a_cycle_after_an_interrupted_rebuild_does_no_harm() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(150));
    world.sync(0);
    let accounts = world.cloud.users();
    lose(&world);
    world.recorder.rule(Rule::new("GET", Which::Nth(2), Fault::Answer(401)));
    let (_, run) = rebuild(&world, &[], 4);
    let _ = run.says("interrupted").says("To go on: scimward state rebuild");
    world.recorder.clear_rules();
    world.sync(0);
    assert_eq!(world.cloud.users().len(), accounts.len());
    assert_eq!(world.sync(0), NOTHING);
    // The cycle has adopted the others: there is nothing left to rebuild.
    let (asked, run) = rebuild(&world, &[], 2);
    assert_eq!(asked, NOTHING);
    let _ = run.says("not empty");
}

#[test]
fn a_list_that_proves_nothing_is_followed_by_look_ups() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(30));
    world.sync(0);
    let before = memory(&world);
    lose(&world);
    // Something in between refuses lists.
    let list = Rule::new("GET", Which::From(1), Fault::Answer(400)).target("startIndex");
    world.recorder.rule(list);
    let (asked, run) = rebuild(&world, &[], 0);
    assert_eq!(asked.len(), 31, "{asked:?}");
    let _ = run.says("could not all be listed").says("linked                 30");
    assert_eq!(memory(&world), before);
    world.recorder.clear_rules();
    assert_eq!(world.sync(0), NOTHING);
}

#[test]
fn a_state_that_remembers_somebody_is_not_thrown_away_unasked() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(4)).set("limits", "max_removals_percent", "100");
    world.sync(0);
    world.slapd.delete(&person(4).dn());
    world.sync(0);
    let before = memory(&world);
    let (asked, run) = rebuild(&world, &[], 2);
    assert_eq!(asked, NOTHING);
    let _ = run.says("remembers 4 people").says("--force");
    assert_eq!(memory(&world), before);
    let (_, run) = rebuild(&world, &["--force"], 0);
    let _ = run.says("linked                  3").says("1 account that nobody");
    assert_eq!(world.sync(0), NOTHING);
}

#[test]
fn an_incomplete_read_rebuilds_nothing() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(520));
    let world = world.set_text("ldap", "bind_dn", READER_STRICT);
    let (asked, run) = rebuild(&world, &[], 3);
    assert_eq!(asked, NOTHING);
    let _ = run.says("nothing was rebuilt").says("sizeLimitExceeded");
    assert_eq!(memory(&world), Vec::<Value>::new());
}

#[test]
fn what_the_cloud_never_shows_counts_as_pushed() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(3));
    let world = with_profile(world, &[("[wire]\n", "[wire]\nnot_returned = [\"title\"]\n")]);
    world.sync(0);
    lose(&world);
    patch(&world, "u00002", &json!([{"op": "remove", "path": "title"}]));
    rebuild(&world, &[], 0);
    assert_eq!(world.sync(0), NOTHING);
}

#[test]
fn a_daemon_that_holds_the_state_is_left_alone() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(2));
    let world = world.set_text("schedule", "cron", "0 0 1 1 *");
    let daemon = Scimward::new(&world.config).spawn();
    daemon.wait_said("cycle ended");
    let (asked, run) = rebuild(&world, &["--force"], 1);
    assert_eq!(asked, NOTHING);
    let _ = run
        .says("in use by another scimward process")
        .says(&format!("pid {}", daemon.id()));
    assert_eq!(
        world
            .exported()
            .lines()
            .filter(|line| line.starts_with(r#"{"link""#))
            .count(),
        2
    );
}
