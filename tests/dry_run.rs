//! A dry run says what a run would send, and changes nothing: neither the cloud nor the state.
#![cfg(test)]

mod support;

use serde_json::{Value, json};
use support::{
    people::{PEOPLE, SUFFIX, person},
    scim_servers::Kind,
    slapd::Slapd,
    world::{World, on_both, text},
};

/// Method, path and body of what a report announces, in its order. Ids that are not known yet stand
/// in braces.
fn announced(report: &Value) -> Vec<Value> {
    let operations = report["operations"].as_array().unwrap();
    let requests = operations
        .iter()
        .flat_map(|operation| operation["requests"].as_array().unwrap());
    requests.cloned().collect()
}

/// What was sent, in the same form: ids of people who were new in this run as `{id of DN}`.
fn sent(world: &World, new: &[(String, String)]) -> Vec<Value> {
    let braced = |text: String| {
        new.iter()
            .fold(text, |text, (id, dn)| text.replace(id, &format!("{{id of {dn}}}")))
    };
    let requests = world.recorder.requests();
    let form = |request: &support::recorder::Recorded| {
        let mut form = json!({ "method": request.method, "path": braced(world.below_endpoint(request)) });
        if !request.body.is_null() {
            form["body"] = serde_json::from_str(&braced(request.body.to_string())).unwrap();
        }
        form
    };
    requests.iter().map(form).collect()
}

/// Plans, runs, and compares.
fn comes_true(world: &World) -> Vec<Value> {
    let report = world.dry_run(&[], 0);
    let known = world.names();
    world.sync(0);
    let new: Vec<_> = world
        .names()
        .into_iter()
        .filter(|(id, _)| !known.contains_key(id))
        .map(|(id, name)| (id, format!("uid={name},{PEOPLE}")))
        .collect();
    let (announced, sent) = (announced(&report), sent(world, &new));
    for (at, (announced, sent)) in announced.iter().zip(&sent).enumerate() {
        assert_eq!(announced, sent, "request {at}");
    }
    assert_eq!(announced.len(), sent.len(), "{announced:#?}\n{sent:#?}");
    assert_eq!(report["summary"]["requests"], sent.len());
    sent
}

/// Joiners, movers, a rename, a cleared value, a swap of names, leavers: a bit of everything.
fn a_busy_day(world: &World) {
    let slapd = &world.slapd;
    slapd.modify(&person(31).ldif());
    slapd.modify(&format!(
        "dn: uid=boss,{PEOPLE}\nobjectClass: inetOrgPerson\nuid: boss\ncn: B\nsn: Oss\n"
    ));
    slapd.replace(&person(31).dn(), "manager", &[&format!("uid=boss,{PEOPLE}")]);
    slapd.replace(&person(5).dn(), "manager", &[&format!("uid=boss,{PEOPLE}")]);
    slapd.replace(&person(6).dn(), "title", &["Boss"]);
    slapd.replace(&person(6).dn(), "telephoneNumber", &[]);
    slapd.rename(&person(7).dn(), "uid=hana", None);
    for (from, to) in [(8, "aside"), (9, "u00008")] {
        slapd.rename(&person(from).dn(), &format!("uid={to}"), None);
    }
    slapd.rename(&format!("uid=aside,{PEOPLE}"), "uid=u00009", None);
    slapd.delete(&person(30).dn());
    slapd.rename(&person(29).dn(), "uid=u00029", Some(&format!("ou=services,{SUFFIX}")));
}

#[test]
fn what_it_announces_is_what_is_sent() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(30)).set("scim", "concurrency", "1");
        assert_eq!(comes_true(&world).len(), 30);
        assert_eq!(comes_true(&world), [json!(null); 0]);
        a_busy_day(&world);
        let methods: Vec<_> = comes_true(&world)
            .iter()
            .map(|request| text(request, "/method"))
            .collect();
        let of = |method: &str| methods.iter().filter(|m| *m == method).count();
        // Two joiners; a title, a name, three for the swap, a new manager, two leavers.
        assert_eq!((of("POST"), of("PATCH"), methods.len()), (2, 8, 10), "{methods:?}");
        assert_eq!(comes_true(&world), [json!(null); 0]);
    });
}

#[test]
fn with_put_and_deletions_as_well() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(30))
        .set("scim", "concurrency", "1")
        .set_text("scim", "profile", "huawei")
        .set_text("leavers", "action", "delete")
        .set("leavers", "delete_after_days", "0");
    assert_eq!(comes_true(&world).len(), 30);
    a_busy_day(&world);
    world
        .slapd
        .replace(&format!("uid=boss,{PEOPLE}"), "mail", &["boss@example.com"]);
    world.slapd.replace(&format!("uid=boss,{PEOPLE}"), "givenName", &["B"]);
    let methods: Vec<_> = comes_true(&world)
        .iter()
        .map(|request| text(request, "/method"))
        .collect();
    let of = |method: &str| methods.iter().filter(|m| *m == method).count();
    assert_eq!(
        (of("POST"), of("PUT"), of("DELETE"), methods.len()),
        (2, 6, 2, 10),
        "{methods:?}"
    );
}

#[test]
fn a_circle_of_managers_is_announced_as_it_is_sent() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(3)).set("scim", "concurrency", "1");
    for (number, manager) in [(1, 2), (2, 1), (3, 3)] {
        world
            .slapd
            .replace(&person(number).dn(), "manager", &[&person(manager).dn()]);
    }
    assert_eq!(comes_true(&world).len(), 5);
}

#[test]
fn it_changes_nothing() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(30)).set_text("users.map", "nickName", "audio");
        // Before there is a state, there is none afterwards.
        for arguments in [
            &["--dry-run"][..],
            &["--dry-run", "--probe", "--format", "json", "--exit-code"],
        ] {
            world.run(arguments).expect(if arguments.len() == 1 { 0 } else { 10 });
            assert!(!world.config.state().exists(), "{arguments:?}");
        }
        assert!(world.recorder.requests().iter().all(|request| request.method == "GET"));
        assert_eq!(world.cloud.count(), 0);

        assert_eq!(world.sync(0).len(), 30);
        a_busy_day(&world);
        // Rejects, marks and counted absences are state as well.
        let dn = person(20).dn();
        world.slapd.modify(&format!(
            "dn: {dn}\nchangetype: modify\nreplace: audio\naudio:: /w==\n-\n"
        ));
        let (users, state) = (world.cloud.users(), world.exported());
        world.recorder.forget();
        for arguments in [
            &["--dry-run"][..],
            &["--dry-run", "--format", "json"],
            &["--dry-run", "--exit-code"],
            &["--dry-run", "--format", "json", "--probe"],
            &["explain", "u00006"],
            &["status"],
            &["rejects"],
        ] {
            let run = world.run(arguments);
            let expected = match arguments {
                [_, "--exit-code"] => 10,
                ["--dry-run", ..] => 1,
                _ => 0,
            };
            drop(run.expect(expected));
            assert_eq!(world.exported(), state, "{arguments:?}");
        }
        assert!(world.recorder.requests().iter().all(|request| request.method == "GET"));
        assert_eq!(world.cloud.users(), users);
    });
}

#[test]
fn the_exit_code_tells_whether_there_are_changes() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(2));
    let exit_code = |expected: i32| {
        drop(world.run(&["--dry-run", "--exit-code"]).expect(expected));
        drop(
            world
                .run(&["--dry-run", "--exit-code", "--format", "json"])
                .expect(expected),
        );
        drop(world.run(&["--dry-run"]).expect(0));
    };
    exit_code(10);
    assert_eq!(world.sync(0).len(), 2);
    exit_code(0);
    world.slapd.replace(&person(2).dn(), "title", &["Boss"]);
    exit_code(10);
    assert_eq!(world.sync(0).len(), 1);
    exit_code(0);
}

#[test]
fn a_report_goes_to_a_file_when_told_so() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(2));
    let file = world.config.folder().join("plan.json");
    let run = world
        .run(&["--dry-run", "--format", "json", "--output", &file.display().to_string()])
        .expect(0);
    assert_eq!(run.stdout, "");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(report, world.dry_run(&[], 0));
}
