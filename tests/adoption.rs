//! Accounts that are there already: our own are taken back, other people's are left alone.
#![cfg(test)]

mod support;

use std::fs;

use chrono::DateTime;
use serde_json::{Value, json};
use support::{
    people::person,
    scim_servers::Kind,
    slapd::Slapd,
    world::{World, on_both, text},
};

const NOTHING: [&str; 0] = [];
const POLICIES: [&str; 4] = ["ours", "unowned", "any", "never"];

/// An account made behind the program's back.
fn account(world: &World, user_name: &str, external_id: Option<&str>) {
    let mut user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": user_name,
        "displayName": format!("{user_name} by hand"),
        "active": true,
    });
    if let Some(id) = external_id {
        user["externalId"] = id.into();
    }
    world.cloud.create(&user);
}

/// The requests of looking for a person in the cloud.
fn look_up(world: &World, uid: &str) -> [String; 2] {
    [
        format!("GET Users?filter=externalId eq \"{}\"", world.anchor(uid)),
        format!("GET Users?filter=userName eq \"{uid}\""),
    ]
}

/// Everybody's id by anchor.
fn ids(world: &World) -> Vec<(String, String)> {
    let mut ids: Vec<_> = world
        .cloud
        .users()
        .iter()
        .map(|user| (text(user, "/externalId"), text(user, "/id")))
        .collect();
    ids.sort();
    ids
}

#[test]
fn a_lost_state_takes_its_own_accounts_back_and_removes_nobody() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(12));
        assert_eq!(world.sync(0).len(), 12);
        let before = ids(&world);
        // Since then one person left and one changed; the state that knew of them is gone.
        world.slapd.delete(&person(12).dn());
        world.slapd.replace(&person(11).dn(), "title", &["Boss"]);
        fs::remove_dir_all(world.config.state()).unwrap();

        let (sent, run) = world.sync_and_say(0);
        let of = |method: &str| sent.iter().filter(|line| line.starts_with(method)).count();
        // For each of eleven: a POST that is refused with 409, the look-up, and the account brought
        // into step.
        assert_eq!(
            (of("POST "), of("GET "), of("PATCH "), sent.len()),
            (11, 11, 11, 33),
            "{sent:#?}"
        );
        drop(run.says("11 adopted"));
        assert_eq!(ids(&world), before, "no account more, no account less");
        assert_eq!(
            world.account("u00012")["active"],
            true,
            "who is not known is not removed"
        );
        assert_eq!(world.account("u00011")["title"], "Boss");
        assert_eq!(world.manager("u00011").as_deref(), Some("u00002"));
        assert_eq!(world.sync(0), NOTHING);
    });
}

#[test]
fn somebody_elses_account_is_in_the_way_and_stays_as_it_is() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(3));
        account(&world, "u00002", Some("somebody else"));
        let there = world.account("u00002");

        let mut expected = vec!["POST Users u00002 under u00001".to_owned()];
        expected.extend(look_up(&world, "u00002"));
        let sent = world.sync(1);
        // The others are pushed; after them this one is tried once more.
        let about_2: Vec<_> = sent.iter().filter(|line| expected.contains(line)).collect();
        assert_eq!((sent.len(), about_2.len()), (2 + 6, 6), "{sent:#?}");
        let said = world.run(&["rejects"]).expect(0).says("is held by account");
        let said = said.says("externalId \"somebody else\"");
        drop(said.says("it belongs to somebody else or to another system"));
        assert_eq!(world.account("u00002"), there);
        assert_eq!(world.cloud.count(), 3);

        // It waits, and every run says so. The waits grow.
        let wait = || {
            let list = world.run(&["rejects", "list", "--json"]).expect(0).stdout;
            let list: Value = serde_json::from_str(&list).unwrap();
            let time = |key: &str| DateTime::parse_from_rfc3339(&text(&list[0], key)).unwrap();
            assert_eq!(list.as_array().unwrap().len(), 1);
            let pause = time("/nextTry") - time("/last");
            (list[0]["tries"].as_u64().unwrap(), pause.num_seconds())
        };
        assert_eq!(wait(), (1, 300));
        assert_eq!(world.sync(1), NOTHING);
        for expected_wait in [(2, 600), (3, 1200), (4, 2400)] {
            drop(world.run(&["rejects", "retry", "u00002"]).expect(0));
            // An account of ours may have been made in the meantime, so it is looked for first.
            assert_eq!(world.sync(1), look_up(&world, "u00002"));
            assert_eq!(wait(), expected_wait);
        }

        // The other one goes: the person gets an account.
        world
            .cloud
            .request("DELETE", &format!("Users/{}", text(&there, "/id")), None);
        drop(world.run(&["rejects", "retry", &person(2).dn()]).expect(0));
        expected.rotate_left(1);
        assert_eq!(world.sync(0), expected);
        assert_eq!(text(&world.account("u00002"), "/externalId"), world.anchor("u00002"));
        assert_eq!(world.sync(0), NOTHING);
    });
}

#[test]
fn the_policy_says_which_accounts_may_become_ours_and_a_probe_says_it_before() {
    for policy in POLICIES {
        let world = World::new(Kind::Scimmy, Slapd::with_people(4))
            .set_text("scim", "adopt", policy)
            .set("scim", "concurrency", "1");
        // One is ours, one has no owner, one is somebody's, and the fourth is not there.
        account(&world, "u00001", Some(&world.anchor("u00001")));
        account(&world, "u00002", None);
        account(&world, "u00003", Some("somebody else"));
        let before = world.cloud.users();
        let may: Vec<_> = match policy {
            "ours" => vec!["u00001"],
            "unowned" => vec!["u00001", "u00002"],
            "any" => vec!["u00001", "u00002", "u00003"],
            _ => vec![],
        };

        let report = world.dry_run(&["--probe"], 0);
        for operation in report["operations"].as_array().unwrap() {
            let (name, probe) = (text(operation, "/userName"), &operation["probe"]);
            let expected = match name.as_str() {
                "u00004" => "nothing",
                name if may.contains(&name) => "adoptable",
                _ => "foreign",
            };
            assert_eq!(probe["found"], expected, "{policy}: {operation:#}");
            if expected == "nothing" {
                continue;
            }
            assert_eq!(
                (text(probe, "/userName"), text(probe, "/id")),
                (name.clone(), world.id(&name))
            );
            assert!(!text(probe, "/because").is_empty(), "{policy}: {operation:#}");
        }
        let asked = world.recorder.requests();
        assert!(
            asked.iter().all(|request| request.method == "GET"),
            "{}",
            world.recorder.log()
        );
        assert_eq!(
            asked.len(),
            7,
            "ours is found by externalId, the others are looked for by name as well"
        );
        assert_eq!(world.cloud.users(), before, "{policy}");
        drop(world.run(&["--dry-run", "--probe"]).expect(0).says("u00002"));

        let run = world.sync_and_say(if may.len() == 3 { 0 } else { 1 }).1;
        assert_eq!(world.cloud.count(), 4, "{policy}");
        if !may.is_empty() {
            drop(run.says(&format!("{} adopted", may.len())));
        }
        for user in &before {
            let name = text(user, "/userName");
            let now = world.account(&name);
            assert_eq!(now["id"], user["id"], "{policy}");
            if may.contains(&name.as_str()) {
                assert_eq!(text(&now, "/externalId"), world.anchor(&name), "{policy}");
                let number = name[1..].parse().unwrap();
                assert_eq!(now["displayName"], person(number).full_name(), "{policy}");
            } else {
                assert_eq!(now, *user, "{policy}");
            }
        }
        assert_eq!(world.sync(if may.len() == 3 { 0 } else { 1 }), NOTHING, "{policy}");
    }
}

#[test]
fn nobody_gets_the_account_of_a_leaver_of_ours() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(20)).set_text("scim", "adopt", "any");
        assert_eq!(world.sync(0).len(), 20);
        let old = world.anchor("u00020");
        world.slapd.delete(&person(20).dn());
        assert_eq!(world.sync(0), ["PATCH Users/u00020 replace active false"]);
        // Hired again with a new entry, or another person of the same name: nobody can tell.
        world.slapd.modify(&person(20).ldif());
        let report = world.dry_run(&["--probe"], 0);
        assert_eq!(report["operations"][0]["probe"]["found"], "foreign");
        let sent = world.sync(1);
        let mut expected = vec!["POST Users u00020 under u00003".to_owned()];
        expected.extend(look_up(&world, "u00020"));
        assert_eq!(sent, expected);
        drop(
            world
                .run(&["rejects"])
                .expect(0)
                .says("another anchor is another person"),
        );
        let account = world.account("u00020");
        assert_eq!(
            (text(&account, "/externalId"), &account["active"]),
            (old, &json!(false))
        );
    });
}

#[test]
fn an_account_deleted_behind_our_back_is_made_again() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(2));
        assert_eq!(world.sync(0).len(), 2);
        let old = world.id("u00002");
        world.cloud.request("DELETE", &format!("Users/{old}"), None);
        assert_eq!(world.sync(0), NOTHING, "nobody told us");
        world.slapd.replace(&person(2).dn(), "title", &["Boss"]);
        let mut expected = vec![format!("PATCH Users/{old} replace title \"Boss\"")];
        expected.extend(look_up(&world, "u00002"));
        expected.push("POST Users u00002 under u00001".to_owned());
        assert_eq!(world.sync(0), expected);
        assert_eq!(world.account("u00002")["title"], "Boss");
        assert_eq!(world.sync(0), NOTHING);
    });
}

#[test]
fn a_state_of_another_endpoint_is_refused_with_the_way_out() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(2));
    assert_eq!(world.sync(0).len(), 2);
    let before = world.exported();
    // Another address of the same server, as far as anybody can tell from its name.
    let other = world.recorder.url().replace("127.0.0.1", "localhost");
    let world = world.set_text("scim", "endpoint", &other);
    for mode in ["--sync-now", "--dry-run"] {
        world.recorder.forget();
        let run = world.run(&[mode]).expect(2).says(&other).says("state accept-endpoint");
        drop(run.says("nothing was sent"));
        assert_eq!(world.recorder.count(), 0);
    }
    drop(world.run(&["state", "accept-endpoint"]).expect(0));
    assert_eq!(world.sync(0), NOTHING);
    assert_eq!(
        world.exported().replace(&other, world.recorder.url()).len(),
        before.len()
    );
}
