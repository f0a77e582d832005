//! What one cycle after another sends: everybody once, then nothing, then exactly what changed.
#![cfg(test)]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::{
    people::{PEOPLE, SUFFIX, person},
    scim_servers::Kind,
    slapd::Slapd,
    world::{ENTERPRISE, World, on_both, text},
};

const NOTHING: [&str; 0] = [];

/// The body that person `number` is created with, or replaced with.
fn body(world: &World, number: usize, manager: Option<&str>) -> Value {
    let person = person(number);
    let mut body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "externalId": world.anchor(&person.uid),
        "userName": person.uid,
        "active": true,
        "displayName": person.full_name(),
        "name": {
            "formatted": person.full_name(),
            "familyName": person.family_name,
            "givenName": person.given_name,
        },
        "title": if number.is_multiple_of(5) { "Engineer" } else { "Analyst" },
        "preferredLanguage": "en",
        "emails": [{ "value": person.mail(), "type": "work", "primary": true }],
        "phoneNumbers": [{ "value": format!("+49 30 {number:07}"), "type": "work", "primary": true }],
        ENTERPRISE: {
            "employeeNumber": (10_000 + number).to_string(),
            "department": format!("D{:02}", number % 20),
        },
    });
    if let Some(manager) = manager {
        body[ENTERPRISE]["manager"] = json!({ "value": manager });
    }
    body
}

#[test]
fn everybody_once_then_nothing_then_only_what_changed() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(300)).set("ldap", "page_size", "50");

        // A manager's id is known only when the account is there: it stands in each POST at once.
        let mut sent = world.sync(0);
        assert_eq!(sent[0], "POST Users u00001");
        sent.sort();
        let created = |number| match person(number).manager {
            Some(manager) => format!("POST Users u{number:05} under u{manager:05}"),
            None => format!("POST Users u{number:05}"),
        };
        assert_eq!(sent, (1..=300).map(created).collect::<Vec<_>>());
        assert!(
            world
                .recorder
                .requests()
                .iter()
                .all(|request| request.status == Some(201))
        );
        let posted = world.recorder.requests();
        let posted = |uid: &str| {
            posted
                .iter()
                .find(|request| request.body["userName"] == uid)
                .unwrap()
                .body
                .clone()
        };
        assert_eq!(posted("u00001"), body(&world, 1, None));
        assert_eq!(posted("u00042"), body(&world, 42, Some(&world.id("u00006"))));
        assert_eq!(world.cloud.count(), 300);
        assert_eq!(world.manager("u00300").as_deref(), Some("u00038"));

        assert_eq!(world.sync(0), NOTHING);

        world.slapd.replace(&person(42).dn(), "title", &["Boss"]);
        assert_eq!(world.sync(0), [r#"PATCH Users/u00042 replace title "Boss""#]);
        assert_eq!(world.account("u00042")["title"], "Boss");

        world.slapd.replace(&person(42).dn(), "departmentNumber", &["D99"]);
        world.slapd.replace(&person(42).dn(), "manager", &[&person(7).dn()]);
        assert_eq!(
            world.sync(0),
            [r#"PATCH Users/u00042 replace E:department "D99", replace E:manager {"value":"u00007"}"#]
        );
        assert_eq!(world.account("u00042")[ENTERPRISE]["department"], "D99");
        assert_eq!(world.manager("u00042").as_deref(), Some("u00007"));

        assert_eq!(world.sync(0), NOTHING);
    });
}

#[test]
fn a_rename_and_a_move_are_the_same_account() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(12));
        let branch = format!("ou=branch,{PEOPLE}");
        world
            .slapd
            .modify(&format!("dn: {branch}\nobjectClass: organizationalUnit\nou: branch\n"));
        assert_eq!(world.sync(0).len(), 12);
        let ids: BTreeSet<_> = world.names().into_keys().collect();

        // Its people still name the old DN.
        world.slapd.rename(&person(1).dn(), "uid=ana.new", None);
        assert_eq!(world.sync(0), [r#"PATCH Users/u00001 replace userName "ana.new""#]);
        assert_eq!(world.manager("u00002").as_deref(), Some("ana.new"));

        world.slapd.rename(&person(2).dn(), "uid=u00002", Some(&branch));
        assert_eq!(world.sync(0), NOTHING);
        // The reports of the one who moved follow in the directory: it is the same manager.
        world
            .slapd
            .replace(&person(10).dn(), "manager", &[&format!("uid=u00002,{branch}")]);
        assert_eq!(world.sync(0), NOTHING);
        assert_eq!(world.manager("u00010").as_deref(), Some("u00002"));

        world.slapd.replace(&person(3).dn(), "mail", &["chloe@example.org"]);
        let sent = world.sync(0);
        assert_eq!(sent.len(), 1, "{sent:?}");
        let mails = json!([{ "value": "chloe@example.org", "type": "work", "primary": true }]);
        let operation = json!({ "op": "replace", "path": "emails", "value": mails });
        assert_eq!(world.recorder.requests()[0].body["Operations"], json!([operation]));
        assert_eq!(text(&world.account("u00003"), "/emails/0/value"), "chloe@example.org");
        assert_eq!(world.account("u00003")["emails"].as_array().unwrap().len(), 1);

        // All of it at once is still one request.
        world.slapd.rename(&person(4).dn(), "uid=dmitro", Some(&branch));
        world.slapd.replace(&format!("uid=dmitro,{branch}"), "title", &["Boss"]);
        assert_eq!(
            world.sync(0),
            [r#"PATCH Users/u00004 replace title "Boss", replace userName "dmitro""#]
        );

        assert_eq!(world.sync(0), NOTHING);
        assert_eq!(world.names().into_keys().collect::<BTreeSet<_>>(), ids);
    });
}

#[test]
fn what_is_cleared_in_the_directory_is_cleared_in_the_cloud() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(2));
        assert_eq!(world.sync(0).len(), 2);
        for (attribute, path, pointer) in [
            ("title", "title", "/title".to_owned()),
            ("telephoneNumber", "phoneNumbers", "/phoneNumbers".to_owned()),
            ("givenName", "name.givenName", "/name/givenName".to_owned()),
            ("departmentNumber", "E:department", format!("/{ENTERPRISE}/department")),
            ("manager", "E:manager", format!("/{ENTERPRISE}/manager/value")),
        ] {
            let set = |user: &Value| user.pointer(&pointer).is_some_and(|value| *value != json!([]));
            assert!(set(&world.account("u00002")), "{attribute}");
            world.slapd.replace(&person(2).dn(), attribute, &[]);
            assert_eq!(world.sync(0), [format!("PATCH Users/u00002 remove {path}")]);
            assert!(
                !set(&world.account("u00002")),
                "{attribute}: {:#}",
                world.account("u00002")
            );
        }
        assert_eq!(world.sync(0), NOTHING);
    });
}

#[test]
fn with_put_what_is_cleared_is_left_out() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(2)).set_text("scim", "profile", "huawei");
        assert_eq!(world.sync(0).len(), 2);
        let mut expected = body(&world, 2, Some(&world.id("u00001")));
        assert_eq!(world.recorder.requests()[1].body, expected);

        world.slapd.replace(&person(2).dn(), "title", &[]);
        world.slapd.replace(&person(2).dn(), "manager", &[]);
        assert_eq!(world.sync(0), ["PUT Users/u00002"]);
        expected.as_object_mut().unwrap().remove("title");
        expected[ENTERPRISE].as_object_mut().unwrap().remove("manager");
        assert_eq!(world.recorder.requests()[0].body, expected);
        assert_eq!(world.account("u00002").get("title"), None);
        assert_eq!(world.manager("u00002"), None);

        assert_eq!(world.sync(0), NOTHING);
    });
}

#[test]
fn a_directory_larger_than_any_unpaged_answer_is_read_to_its_end() {
    // Without pages slapd ends a search of the reader's after 500 entries.
    let world = World::new(Kind::Scimmy, Slapd::with_people(601)).set("ldap", "page_size", "50");
    let report = world.dry_run(&[], 0);
    assert_eq!(report["summary"]["entries"], 601);
    assert_eq!(report["summary"]["requests"], 601);
    assert_eq!(report["summary"]["incomplete"], Value::Null);
}

#[test]
fn bases_may_overlap_and_nobody_comes_twice() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(60));
    let branch = format!("ou=branch,{PEOPLE}");
    world
        .slapd
        .modify(&format!("dn: {branch}\nobjectClass: organizationalUnit\nou: branch\n"));
    for number in 20..40 {
        world.slapd.rename(
            &person(number).dn(),
            &format!("uid={}", person(number).uid),
            Some(&branch),
        );
    }
    let bases = format!("[{branch:?}, {PEOPLE:?}, {SUFFIX:?}]");
    let world = world.set("ldap", "page_size", "7").set("users", "base", &bases);
    let created = world.sync(0);
    assert!(
        created.iter().all(|line| line.starts_with("POST Users ")),
        "{created:?}"
    );
    assert_eq!((created.len(), world.cloud.count()), (60, 60));
    assert_eq!(world.sync(0), NOTHING);

    world
        .slapd
        .replace(&person(25).dn().replace(PEOPLE, &branch), "title", &["Boss"]);
    assert_eq!(world.sync(0), [r#"PATCH Users/u00025 replace title "Boss""#]);
}
