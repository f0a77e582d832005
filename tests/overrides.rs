//! People treated apart: left out, given other values, or protected.
#![cfg(test)]

mod support;

use serde_json::json;
use support::{
    people::{PEOPLE, SUFFIX, person},
    scim_servers::Kind,
    slapd::Slapd,
    world::{World, on_both},
};

const NOTHING: [&str; 0] = [];

#[test]
fn who_is_excluded_counts_as_having_left() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(20));
        assert_eq!(world.sync(0).len(), 20);
        let dn = format!("UID=U00020, {PEOPLE}");
        let by_anchor = world.anchor("u00019").to_uppercase();
        let world = world.append(&format!(
            "[[users.override]]\ndn = {dn:?}\nexclude = true\n[[users.override]]\nanchor = {by_anchor:?}\nexclude = true"
        ));
        assert_eq!(
            world.sync_sorted(0),
            [
                "PATCH Users/u00019 replace active false",
                "PATCH Users/u00020 replace active false"
            ]
        );
        drop(world.run(&["explain", "u00020"]).expect(0).says("override"));
        assert_eq!(world.sync(0), NOTHING);
        // Taken back.
        let world = World {
            config: fresh(&world),
            ..world
        };
        assert_eq!(
            world.sync_sorted(0),
            [
                "PATCH Users/u00019 replace active true",
                "PATCH Users/u00020 replace active true"
            ]
        );
    });
}

/// The usual configuration over the state of this one.
fn fresh(world: &World) -> support::config::Config {
    let config = support::config::Config::new(&world.slapd.ldaps_url(), world.recorder.url());
    std::fs::rename(world.config.state(), config.state()).unwrap();
    config
}

#[test]
fn who_is_excluded_from_the_start_is_never_sent() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(3)).append(&format!(
        "[[users.override]]\ndn = {:?}\nexclude = true",
        person(2).dn()
    ));
    assert_eq!(
        world.sync_sorted(0),
        ["POST Users u00001", "POST Users u00003 under u00001"]
    );
    assert_eq!(world.sync(0), NOTHING);
}

#[test]
fn values_set_by_hand_win_over_the_directory() {
    on_both(|kind| {
        let world = World::new(kind, Slapd::with_people(3));
        assert_eq!(world.sync(0).len(), 3);
        let world = world.append(&format!(
            "[[users.override]]\ndn = {:?}\nset = {{ displayName = \"Countess\", title = \"\" }}",
            person(2).dn()
        ));
        assert_eq!(
            world.sync(0),
            [r#"PATCH Users/u00002 remove title, replace displayName "Countess""#]
        );
        assert_eq!(world.account("u00002")["displayName"], "Countess");
        world.slapd.replace(&person(2).dn(), "displayName", &["Anything"]);
        world.slapd.replace(&person(2).dn(), "title", &["Anything"]);
        assert_eq!(world.sync(0), NOTHING);
        world.slapd.replace(&person(2).dn(), "telephoneNumber", &[]);
        assert_eq!(world.sync(0), ["PATCH Users/u00002 remove phoneNumbers"]);
    });
}

#[test]
fn protected_people_are_never_deactivated_deleted_or_renamed() {
    for (action, days) in [("deactivate", "30"), ("delete", "0")] {
        let world = World::new(Kind::Scimmy, Slapd::with_people(20))
            .set_text("leavers", "action", action)
            .set("leavers", "delete_after_days", days)
            .set("users.map", "userType", "false")
            .set(
                "users.map",
                "active",
                "{ attribute = \"employeeType\", lookup = { no = false }, default = true }",
            );
        let by_anchor = world.anchor("u00019");
        let protected = json!([person(20).dn().to_uppercase(), by_anchor, "U00018", "u00017"]);
        let world = world.set("limits", "protected", &protected.to_string());
        assert_eq!(world.sync(0).len(), 20);
        let before = world.names();

        // Gone, out of the base, disabled, renamed: each of them is protected.
        world.slapd.delete(&person(20).dn());
        world
            .slapd
            .rename(&person(19).dn(), "uid=u00019", Some(&format!("ou=services,{SUFFIX}")));
        world.slapd.replace(&person(18).dn(), "employeeType", &["no"]);
        world.slapd.rename(&person(17).dn(), "uid=renamed", None);
        let report = world.dry_run(&[], 0);
        let warnings = report["warnings"].to_string();
        for words in [
            "uid=u00020,ou=people,dc=example,dc=com is protected and was not de",
            "uid=u00019,ou=people,dc=example,dc=com is protected and was not de",
            "uid=u00018,ou=people,dc=example,dc=com is protected and was not deactivated",
            "uid=renamed,ou=people,dc=example,dc=com is protected and was not renamed",
        ] {
            assert!(warnings.contains(words), "{words}: {warnings}");
        }
        assert_eq!(report["operations"], json!([]));
        assert_eq!(world.sync(0), NOTHING, "{action}");
        assert_eq!(world.names(), before);
        assert!(world.cloud.users().iter().all(|user| user["active"] == true));

        // Everything else about them is kept in step.
        world
            .slapd
            .replace(&format!("uid=renamed,{PEOPLE}"), "title", &["Boss"]);
        world.slapd.replace(&person(18).dn(), "title", &["Boss"]);
        assert_eq!(
            world.sync_sorted(0),
            [
                r#"PATCH Users/u00017 replace title "Boss""#,
                r#"PATCH Users/u00018 replace title "Boss""#
            ]
        );
        assert_eq!(world.account("u00018")["active"], true);
    }
}

#[test]
fn names_that_are_nobodys_are_told() {
    let protected = json!([person(2).dn(), "U00003", "uid=brekglass,dc=example,dc=com", "brekglass"]);
    let world = World::new(Kind::Scimmy, Slapd::with_people(3)).set("limits", "protected", &protected.to_string());
    let world = world.append(&format!(
        "[[users.override]]\ndn = {:?}\nexclude = true\n[[users.override]]\ndn = \"uid=typo,dc=example,dc=com\"\nexclude = true",
        person(1).dn()
    ));
    let told = |mode: &str| {
        let run = world.run(&[mode]).expect(0);
        let words: String = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        for name in ["uid=brekglass,dc=example,dc=com", "brekglass"] {
            let said = format!("[limits] protected names \"{name}\", who is neither in the directory nor provisioned");
            assert!(words.contains(&said), "{mode}: {words}");
        }
        assert!(words.contains("users.override[1] is for nobody"), "{mode}: {words}");
        for met in ["names \"U00003\"", "names \"uid=u00002", "users.override[0] is for"] {
            assert!(!words.contains(met), "{mode}: {words}");
        }
    };
    told("check");
    told("--dry-run");
    world.sync(0);
    // Known by what was pushed, though nothing is mapped anew.
    told("--dry-run");
}
