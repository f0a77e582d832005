//! User names that change hands within one cycle.
#![cfg(test)]

mod support;

use std::collections::BTreeMap;

use support::{
    people::person,
    slapd::Slapd,
    world::{World, on_both, text},
};

const NOTHING: [&str; 0] = [];

/// Renames entries so that in the end each `(before, after)` holds.
fn renamed(world: &World, changes: &[(&str, &str)]) {
    let dn = |uid: &str| format!("uid={uid},{}", support::people::PEOPLE);
    for (before, _) in changes {
        world.slapd.rename(&dn(before), &format!("uid=aside-{before}"), None);
    }
    for (before, after) in changes {
        world
            .slapd
            .rename(&dn(&format!("aside-{before}")), &format!("uid={after}"), None);
    }
}

/// Anchor → id.
fn owners(world: &World) -> BTreeMap<String, String> {
    world
        .cloud
        .users()
        .iter()
        .map(|user| (text(user, "/externalId"), text(user, "/id")))
        .collect()
}

/// Every account has the name that its anchor has in the directory.
fn in_step(world: &World, uids: &[&str]) {
    for uid in uids {
        assert_eq!(text(&world.account(uid), "/externalId"), world.anchor(uid), "{uid}");
    }
}

#[test]
fn two_people_swap_names() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(3));
        assert_eq!(world.sync(0).len(), 3);
        let before = owners(&world);
        renamed(&world, &[("u00002", "u00003"), ("u00003", "u00002")]);
        let sent = world.sync(0);
        assert_eq!(sent.len(), 3, "{sent:#?}");
        // One steps aside, the other takes the name, the first takes the other's.
        let (aside, first) = sent[0].split_once(" replace userName ").unwrap();
        let other = if aside.ends_with("u00002") { "u00003" } else { "u00002" };
        let name = &aside["PATCH Users/".len()..];
        assert!(first.starts_with(&format!("\"{name}-")), "{first}");
        assert_eq!(sent[1], format!("PATCH Users/{other} replace userName \"{name}\""));
        assert_eq!(sent[2], format!("PATCH Users/{name} replace userName \"{other}\""));
        in_step(&world, &["u00001", "u00002", "u00003"]);
        assert_eq!(owners(&world), before, "the accounts are those from before");
        assert_eq!(world.sync(0), NOTHING);
    });
}

#[test]
fn three_people_pass_names_round_and_one_of_them_changes_more() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(4));
        assert_eq!(world.sync(0).len(), 4);
        let before = owners(&world);
        renamed(
            &world,
            &[("u00002", "u00003"), ("u00003", "u00004"), ("u00004", "u00002")],
        );
        world.slapd.replace(&person(3).dn(), "title", &["Boss"]);
        let sent = world.sync(0);
        // The aside name, three names, and the attempt or two that met a name not yet given up.
        assert!(
            sent.iter()
                .all(|line| line.starts_with("PATCH ") || line.starts_with("GET ")),
            "{sent:#?}"
        );
        in_step(&world, &["u00001", "u00002", "u00003", "u00004"]);
        assert_eq!(world.account("u00003")["title"], "Boss");
        assert_eq!(owners(&world), before);
        assert_eq!(world.sync(0), NOTHING);
    });
}

#[test]
fn a_joiner_takes_the_name_of_a_leaver_deleted_in_the_same_run() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(20))
            .set_text("leavers", "action", "delete")
            .set("leavers", "delete_after_days", "0");
        assert_eq!(world.sync(0).len(), 20);
        let old = world.anchor("u00020");
        world.slapd.delete(&person(20).dn());
        world.slapd.modify(&person(20).ldif());
        let new = world.anchor("u00020");
        assert_eq!(
            world.sync(0),
            [
                "POST Users u00020 under u00003".to_owned(),
                format!("GET Users?filter=externalId eq \"{new}\""),
                "GET Users?filter=userName eq \"u00020\"".to_owned(),
                "DELETE Users/u00020".to_owned(),
                "POST Users u00020 under u00003".to_owned(),
            ]
        );
        assert_eq!(text(&world.account("u00020"), "/externalId"), new);
        assert!(!owners(&world).contains_key(&old));
        assert_eq!(world.cloud.count(), 20);
        assert_eq!(world.sync(0), NOTHING);
    });
}

#[test]
fn a_joiner_takes_the_name_that_somebody_gave_up() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(2));
        assert_eq!(world.sync(0).len(), 2);
        let before = world.id("u00002");
        renamed(&world, &[("u00002", "chloe")]);
        world.slapd.modify(&person(2).ldif());
        let new = world.anchor("u00002");
        assert_eq!(
            world.sync(0),
            [
                "POST Users u00002 under u00001".to_owned(),
                format!("GET Users?filter=externalId eq \"{new}\""),
                "GET Users?filter=userName eq \"u00002\"".to_owned(),
                "PATCH Users/u00002 replace userName \"chloe\"".to_owned(),
                "POST Users u00002 under u00001".to_owned(),
            ]
        );
        assert_eq!(world.id("chloe"), before);
        in_step(&world, &["u00001", "u00002", "chloe"]);
        assert_eq!(world.sync(0), NOTHING);
    });
}

#[test]
fn a_chain_of_renames_settles_in_one_run() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(5)).set("scim", "concurrency", "1");
        assert_eq!(world.sync(0).len(), 5);
        let before = owners(&world);
        // The later ones have to move first; the joiner takes what the first one gave up.
        renamed(
            &world,
            &[
                ("u00002", "u00003"),
                ("u00003", "u00004"),
                ("u00004", "u00005"),
                ("u00005", "eva"),
            ],
        );
        world.slapd.modify(&person(2).ldif());
        world.sync(0);
        in_step(&world, &["u00001", "u00002", "u00003", "u00004", "u00005", "eva"]);
        for (anchor, id) in before {
            assert_eq!(owners(&world)[&anchor], id);
        }
        assert_eq!(world.sync(0), NOTHING);
    });
}
