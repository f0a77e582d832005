//! People who leave, come back, are switched off, or are replaced by somebody of the same name.
#![cfg(test)]

mod support;

use serde_json::{Value, json};
use support::{
    people::{SUFFIX, person},
    scim_servers::Kind,
    slapd::Slapd,
    world::{World, on_both},
};

const NOTHING: [&str; 0] = [];

/// Twenty people, all of them in the cloud.
fn twenty(kind: Kind) -> World {
    let world = World::new(kind, Slapd::with_people(20));
    world.slapd.modify(&format!(
        "dn: ou=former,{SUFFIX}\nobjectClass: organizationalUnit\nou: former\n"
    ));
    assert_eq!(world.sync(0).len(), 20);
    world
}

/// Out of the base and back: the entry, and with it the anchor, stays the same.
fn leave(world: &World, number: usize) {
    let person = person(number);
    world.slapd.rename(
        &person.dn(),
        &format!("uid={}", person.uid),
        Some(&format!("ou=former,{SUFFIX}")),
    );
}

fn come_back(world: &World, number: usize) {
    let uid = person(number).uid;
    world.slapd.rename(
        &format!("uid={uid},ou=former,{SUFFIX}"),
        &format!("uid={uid}"),
        Some(support::people::PEOPLE),
    );
}

#[test]
fn who_leaves_is_switched_off_and_who_returns_is_the_same_account() {
    on_both(|kind| {
        let world = twenty(kind);
        let id = world.id("u00020");
        leave(&world, 20);
        assert_eq!(world.sync(0), ["PATCH Users/u00020 replace active false"]);
        assert_eq!(world.account("u00020")["active"], false);
        assert_eq!(world.account("u00020")["title"], "Engineer", "nothing else is touched");
        assert_eq!(world.sync(0), NOTHING);

        come_back(&world, 20);
        assert_eq!(world.sync(0), ["PATCH Users/u00020 replace active true"]);
        assert_eq!(
            (world.id("u00020"), &world.account("u00020")["active"]),
            (id, &json!(true))
        );
        assert_eq!(world.sync(0), NOTHING);
    });
}

#[test]
fn who_returns_with_other_data_needs_one_request() {
    on_both(|kind| {
        let world = twenty(kind);
        leave(&world, 20);
        assert_eq!(world.sync(0).len(), 1);
        come_back(&world, 20);
        world.slapd.replace(&person(20).dn(), "title", &["Boss"]);
        assert_eq!(
            world.sync(0),
            [r#"PATCH Users/u00020 replace active true, replace title "Boss""#]
        );
        assert_eq!(world.account("u00020")["active"], true);
    });
}

#[test]
fn leavers_are_deleted_at_once_when_there_is_no_grace() {
    on_both(|kind| {
        let world = twenty(kind)
            .set_text("leavers", "action", "delete")
            .set("leavers", "delete_after_days", "0");
        world.slapd.delete(&person(20).dn());
        assert_eq!(world.sync(0), ["DELETE Users/u00020"]);
        assert_eq!((world.cloud.count(), world.cloud.user("u00020")), (19, None));
        assert_eq!(world.sync(0), NOTHING);
        // The same name with another anchor is another person with another account.
        world.slapd.modify(&person(20).ldif());
        assert_eq!(world.sync(0), ["POST Users u00020 under u00003"]);
        assert_eq!(
            world.account("u00020")["externalId"],
            Value::from(world.anchor("u00020"))
        );
    });
}

#[test]
fn with_a_grace_leavers_are_switched_off_first() {
    let world = twenty(Kind::Scimmy)
        .set_text("leavers", "action", "delete")
        .set("leavers", "delete_after_days", "1");
    leave(&world, 20);
    assert_eq!(world.sync(0), ["PATCH Users/u00020 replace active false"]);
    assert_eq!(world.sync(0), NOTHING, "the day is not over");
    assert_eq!(world.cloud.count(), 20);
    // Without a grace the day is over.
    let world = world.set("leavers", "delete_after_days", "0");
    assert_eq!(world.sync(0), ["DELETE Users/u00020"]);
}

#[test]
fn leavers_are_kept_when_told_so() {
    let world = twenty(Kind::Scimmy).set_text("leavers", "action", "keep");
    leave(&world, 20);
    assert_eq!(world.sync(0), NOTHING);
    assert_eq!(world.account("u00020")["active"], true);
    come_back(&world, 20);
    world.slapd.replace(&person(20).dn(), "title", &["Boss"]);
    assert_eq!(world.sync(0), [r#"PATCH Users/u00020 replace title "Boss""#]);
}

#[test]
fn absence_has_to_last_as_many_cycles_as_told() {
    let world = twenty(Kind::Scimmy).set("leavers", "confirm_cycles", "2");
    leave(&world, 20);
    assert_eq!(world.sync(0), NOTHING);
    // Who is back in between was never gone.
    come_back(&world, 20);
    assert_eq!(world.sync(0), NOTHING);
    leave(&world, 20);
    assert_eq!(world.sync(0), NOTHING);
    assert_eq!(world.sync(0), ["PATCH Users/u00020 replace active false"]);
    assert_eq!(world.sync(0), NOTHING);
}

#[test]
fn who_is_disabled_in_the_directory_is_updated() {
    on_both(|kind| {
        let world = twenty(kind).set(
            "users.map",
            "active",
            "{ attribute = \"employeeType\", lookup = { disabled = false }, default = true }",
        );
        let world = world.set("users.map", "userType", "false");
        assert_eq!(world.sync(0), NOTHING, "the new rule says the same of everybody");
        world.slapd.replace(&person(20).dn(), "employeeType", &["disabled"]);
        let report = world.dry_run(&[], 0);
        assert_eq!(report["operations"][0]["action"], "update");
        assert_eq!(world.sync(0), ["PATCH Users/u00020 replace active false"]);
        assert_eq!(world.account("u00020")["active"], false);
        assert_eq!(world.sync(0), NOTHING);
        // Leaving after that needs no request, and coming back enabled needs one.
        leave(&world, 20);
        assert_eq!(world.sync(0), NOTHING);
        come_back(&world, 20);
        assert_eq!(world.sync(0), NOTHING, "back, and still disabled");
        world.slapd.replace(&person(20).dn(), "employeeType", &[]);
        assert_eq!(world.sync(0), ["PATCH Users/u00020 replace active true"]);
    });
}

#[test]
fn with_put_and_patch_of_active_a_leaver_is_patched() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(20)).set_text("scim", "profile", "huawei");
    assert_eq!(world.sync(0).len(), 20);
    let entry = person(20).ldif();
    world.slapd.delete(&person(20).dn());
    assert_eq!(world.sync(0), ["PATCH Users/u00020 replace active false"]);
    // Somebody else of that name: not the leaver's account.
    world.slapd.modify(&entry);
    assert_eq!(
        world.sync(1),
        [
            "POST Users u00020 under u00003",
            r#"GET Users?filter=userName eq "u00020""#
        ]
    );
    drop(
        world
            .run(&["rejects"])
            .expect(0)
            .says("another anchor is another person"),
    );
    assert_eq!(world.account("u00020")["active"], false);
}
