//! Managers: named by DN in the directory, by id in the cloud, and not always there when they are
//! named.
#![cfg(test)]

mod support;

use support::{
    people::{PEOPLE, person},
    scim_servers::Kind,
    slapd::Slapd,
    world::{World, on_both},
};

const NOTHING: [&str; 0] = [];

/// Names whoever `manager` is, there or not.
fn reports_to(world: &World, number: usize, manager: &str) {
    world.slapd.replace(&person(number).dn(), "manager", &[manager]);
}

#[test]
fn a_manager_who_appears_later_is_linked_then() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(2));
        reports_to(&world, 2, &person(7).dn());
        let said = world.run(&["--dry-run"]).expect(0);
        drop(said.says("1 person has a manager who is not among those provisioned"));
        assert_eq!(world.sync_sorted(0), ["POST Users u00001", "POST Users u00002"]);
        assert_eq!(world.sync(0), NOTHING, "a name that leads nowhere is asked for once");

        world.slapd.modify(&person(7).ldif());
        assert_eq!(
            world.sync(0),
            [
                "POST Users u00007 under u00001",
                r#"PATCH Users/u00002 replace E:manager {"value":"u00007"}"#,
            ]
        );
        assert_eq!(world.manager("u00002").as_deref(), Some("u00007"));
        assert_eq!(world.sync(0), NOTHING);
    });
}

#[test]
fn a_name_that_leads_nowhere_takes_nothing_away() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(10));
    assert_eq!(world.sync(0).len(), 10);
    reports_to(&world, 5, &format!("uid=nobody,{PEOPLE}"));
    assert_eq!(world.sync(0), NOTHING);
    assert_eq!(world.manager("u00005").as_deref(), Some("u00001"));
    // With something else to say, the manager still stays.
    world.slapd.replace(&person(5).dn(), "title", &["Boss"]);
    assert_eq!(world.sync(0), [r#"PATCH Users/u00005 replace title "Boss""#]);
    assert_eq!(world.manager("u00005").as_deref(), Some("u00001"));
}

#[test]
fn a_circle_of_managers_is_closed_by_one_more_request() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(4)).set("scim", "concurrency", "1");
        for (number, manager) in [(1, 3), (2, 1), (3, 2), (4, 4)] {
            reports_to(&world, number, &person(manager).dn());
        }
        let sent = world.sync(0);
        let posts = sent.iter().filter(|line| line.starts_with("POST ")).count();
        // Whose turn is last depends on the keys; that one of the circle and the one who is his own
        // manager come late does not.
        assert_eq!((posts, sent.len()), (4, 6), "{sent:#?}");
        for (number, manager) in [(1, 3), (2, 1), (3, 2), (4, 4)] {
            assert_eq!(world.manager(&person(number).uid), Some(person(manager).uid));
        }
        assert_eq!(world.sync(0), NOTHING);
    });
}

#[test]
fn names_are_compared_as_the_directory_compares_them() {
    let odd = person(3)
        .ldif()
        .replace(&person(3).dn(), &format!(r"uid=o\2Cdd\20,{PEOPLE}"));
    let odd = odd.replace("uid: u00003", "uid:: byxkZCA=\nuid: u00003");
    let people = format!("{}{}{odd}{}", person(1).ldif(), person(2).ldif(), person(4).ldif());
    let world =
        World::new(Kind::Scimmy, Slapd::with_ldif(&people)).set("users.map", "userName", "{ attribute = \"mail\" }");
    reports_to(&world, 2, "UID = U00001 , OU=People,  DC=EXAMPLE,dc=com");
    reports_to(&world, 4, &format!(r"uid=O\,DD\ ,{PEOPLE}"));
    let mails = |number: usize| person(number).mail();
    assert_eq!(
        world.sync_sorted(0),
        [
            format!("POST Users {}", mails(1)),
            format!("POST Users {} under {}", mails(2), mails(1)),
            format!("POST Users {} under {}", mails(3), mails(1)),
            format!("POST Users {} under {}", mails(4), mails(3)),
        ]
    );
    // Another spelling of the same name is not another manager.
    reports_to(&world, 4, &format!(r"userid=o\2cdd\20,{PEOPLE}"));
    reports_to(&world, 2, &person(1).dn());
    assert_eq!(world.sync(0), NOTHING);
}

#[test]
fn a_manager_who_left_stays_named_until_the_account_is_gone() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(3))
            .set_text("leavers", "action", "delete")
            .set("leavers", "delete_after_days", "0")
            .set("limits", "max_removals_percent", "100");
        assert_eq!(world.sync(0).len(), 3);
        world.slapd.delete(&person(1).dn());
        let gone = world.id("u00001");
        assert_eq!(world.sync(0), ["DELETE Users/u00001"]);
        assert!(!world.names().contains_key(&gone));
        assert_eq!(
            world.sync_sorted(0),
            [
                "PATCH Users/u00002 remove E:manager",
                "PATCH Users/u00003 remove E:manager"
            ]
        );
        assert_eq!(world.sync(0), NOTHING);
    });
}
