//! The preset for Active Directory, against a directory that has its attributes.
#![cfg(test)]

mod support;

use support::{
    people::{PEOPLE, person},
    scim_servers::Kind,
    slapd::Slapd,
    world::{World, on_both, text},
};

const NOTHING: [&str; 0] = [];
/// An account in use, and a disabled one (ADS_UF_NORMAL_ACCOUNT, with ADS_UF_ACCOUNTDISABLE).
const IN_USE: u32 = 512;
const DISABLED: u32 = 514;

fn world(kind: Kind, people: &str) -> World {
    World::new(kind, Slapd::with_ldif(people))
        .set_text("users", "preset", "active-directory")
        // slapd has no objectCategory and no class user.
        .set_text("users", "filter", "(sAMAccountName=*)")
}

/// `objectGUID` as Active Directory's tools show it: the first three groups stand the other way round.
fn guid(number: usize) -> String {
    format!("44332211-6655-8877-99aa-bbcc{number:08x}")
}

/// The people's user names come from `userPrincipalName`.
fn name(number: usize) -> String {
    person(number).mail()
}

#[test]
fn people_are_known_by_their_guid_and_disabled_ones_are_inactive() {
    on_both(|kind| {
        let control = |number| if number == 3 { DISABLED } else { IN_USE };
        let people: String = (1..=20).map(|n| person(n).active_directory_ldif(control(n))).collect();
        let world = world(kind, &people);
        let sent = world.sync(0);
        assert_eq!((sent.len(), sent[0].clone()), (20, format!("POST Users {}", name(1))));
        for number in 1..=20 {
            let account = world.account(&name(number));
            assert_eq!(text(&account, "/externalId"), guid(number));
            assert_eq!(account["active"], number != 3, "{number}");
            assert_eq!(world.manager(&name(number)), person(number).manager.map(name));
        }
        assert_eq!(world.sync(0), NOTHING);

        // Switched off and on in the directory.
        let control = |number: usize, value: u32| {
            world
                .slapd
                .replace(&person(number).dn(), "userAccountControl", &[&value.to_string()]);
        };
        control(5, 66_050);
        assert_eq!(world.sync(0), [format!("PATCH Users/{} replace active false", name(5))]);
        control(5, 66_048);
        control(3, IN_USE);
        assert_eq!(
            world.sync_sorted(0),
            [3, 5].map(|number| format!("PATCH Users/{} replace active true", name(number)))
        );
        assert_eq!(world.sync(0), NOTHING);

        // An account that ended long ago (1601 plus a little) is as good as disabled.
        world
            .slapd
            .replace(&person(7).dn(), "accountExpires", &["116444736000000000"]);
        assert_eq!(world.sync(0), [format!("PATCH Users/{} replace active false", name(7))]);

        // Another name, another place: the same account.
        let id = world.id(&name(8));
        world
            .slapd
            .replace(&person(8).dn(), "userPrincipalName", &["wei@example.com"]);
        world.slapd.rename(&person(8).dn(), "uid=wei", None);
        assert_eq!(
            world.sync(0),
            [format!("PATCH Users/{} replace userName \"wei@example.com\"", name(8))]
        );
        assert_eq!(world.id("wei@example.com"), id);

        world.slapd.delete(&person(20).dn());
        assert_eq!(
            world.sync(0),
            [format!("PATCH Users/{} replace active false", name(20))]
        );
        assert_eq!(world.sync(0), NOTHING);
    });
}

#[test]
fn without_a_principal_name_the_account_name_serves() {
    let principal = format!("userPrincipalName: {}\n", name(1));
    let people = person(1).active_directory_ldif(IN_USE).replace(&principal, "");
    let world = world(Kind::Scimmy, &people);
    assert_eq!(world.sync(0), ["POST Users u00001"]);
    drop(world.run(&["explain", &guid(1)]).expect(0).says("u00001"));
}

#[test]
fn without_the_right_to_read_the_account_control_nobody_is_changed() {
    let people: String = (1..=2).map(|n| person(n).active_directory_ldif(IN_USE)).collect();
    let world = world(Kind::Scimmy, &people);
    assert_eq!(world.sync(0).len(), 2);
    // The same as losing the right to see it.
    world.slapd.replace(&person(2).dn(), "userAccountControl", &[]);
    world.slapd.replace(&person(2).dn(), "title", &["Boss"]);
    assert_eq!(world.sync(1), NOTHING);
    let run = world.run(&["rejects"]).expect(0).says(&format!("uid=u00002,{PEOPLE}"));
    drop(run.says("useraccountcontrol"));
    assert_eq!(world.account(&name(2))["active"], true);
}

#[test]
fn an_override_names_somebody_by_guid() {
    let people: String = (1..=2).map(|n| person(n).active_directory_ldif(IN_USE)).collect();
    let world = world(Kind::Scimmy, &people).append(&format!(
        "[[users.override]]\nanchor = {:?}\nset = {{ title = \"Boss\" }}",
        guid(2).to_uppercase()
    ));
    assert_eq!(world.sync(0).len(), 2);
    assert_eq!(world.account(&name(2))["title"], "Boss");
}
