//! Who is put in and who is taken out, request by request.

use scimward::profile::Profile;

use crate::{
    NOTHING,
    support::{
        circle::{Circle, group, group_dn, people, uids},
        people::{PEOPLE, SUFFIX, person},
        recorder::{Fault, Rule, Which},
    },
};

#[test]
fn every_cloud_gets_the_difference_and_nothing_else() {
    for profile in Profile::NAMES {
        let ldif = [group("vpn", &people(&[1, 2])), group("staff", &people(&[1, 2, 3]))].concat();
        let circle = Circle::new(profile, 4, &ldif);
        let sent = circle.sync(0);
        let last_person = sent
            .iter()
            .rposition(|line| line.contains("Users") || line.contains("PATCH u"));
        let (of_people, groups) = sent.split_at(last_person.unwrap() + 1);
        let created = of_people.iter().filter(|line| line.starts_with("POST Users")).count();
        assert_eq!(created, 4, "{profile}: {of_people:?}");
        let mut groups = groups.to_vec();
        // Where two groups may have one name, a look-up stands before each create.
        groups.retain(|line| !line.starts_with("GET Groups?"));
        groups.sort();
        assert_eq!(
            groups,
            [
                "PATCH staff +u00001 +u00002 +u00003",
                "PATCH vpn +u00001 +u00002",
                "POST Groups staff",
                "POST Groups vpn"
            ],
            "{profile}"
        );
        assert_eq!(circle.members("vpn"), uids(&[1, 2]));
        assert_eq!(circle.members("staff"), uids(&[1, 2, 3]));
        circle.is_in_step();

        let vpn = group_dn("vpn");
        circle.slapd.replace(&vpn, "member", &refs(&people(&[1, 2, 4])));
        assert_eq!(circle.sync(0), ["PATCH vpn +u00004"], "{profile}");
        circle.slapd.replace(&vpn, "member", &refs(&people(&[2, 3, 4])));
        assert_eq!(circle.sync(0), ["PATCH vpn -u00001 +u00003"], "{profile}");
        circle.slapd.replace(&vpn, "description", &["nothing we push"]);
        circle.is_in_step();
    }
}

fn refs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[test]
fn a_rename_moves_nobody() {
    for profile in Profile::NAMES {
        let circle = Circle::new(profile, 3, &group("vpn", &people(&[1, 2])));
        circle.slapd.modify(&format!(
            "dn: ou=berlin,{PEOPLE}\nobjectClass: organizationalUnit\nou: berlin\n\n"
        ));
        drop(circle.sync(0));
        // The group.
        circle.slapd.rename(&group_dn("vpn"), "cn=vpn-2", None);
        assert_eq!(circle.sync(0), ["PATCH vpn displayName"], "{profile}");
        assert_eq!(circle.members("vpn-2"), uids(&[1, 2]));
        // A person, of which a directory tells its groups. Where login names never change, the entry alone.
        let renames = Profile::named(profile).unwrap().user_name_mutable;
        let rdn = if renames { "uid=anna" } else { "cn=anna" };
        let anna = format!("{rdn},{PEOPLE}");
        circle.slapd.replace(&person(1).dn(), "cn", &["anna"]);
        circle.slapd.modify(&format!(
            "dn: {}\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: {}\n",
            person(1).dn(),
            u8::from(renames)
        ));
        circle
            .slapd
            .replace(&group_dn("vpn-2"), "member", &[&anna, &person(2).dn()]);
        let sent = circle.sync(0);
        assert!(
            sent.iter()
                .all(|line| line.ends_with(" u00001") || line.starts_with("PATCH u00001 ")),
            "{profile}: {sent:?}"
        );
        let name = if renames { "anna" } else { "u00001" };
        assert_eq!(circle.members("vpn-2"), [name, "u00002"], "{profile}");
        // Another place, and so another name for the directory alone.
        let place = format!("ou=berlin,{PEOPLE}");
        circle.slapd.rename(&person(2).dn(), "uid=u00002", Some(&place));
        circle
            .slapd
            .replace(&group_dn("vpn-2"), "member", &[&anna, &format!("uid=u00002,{place}")]);
        circle.is_in_step();
        // Both at once, and one of them leaves.
        circle.slapd.rename(&group_dn("vpn-2"), "cn=vpn", None);
        circle.slapd.replace(&group_dn("vpn"), "member", &[&anna]);
        assert_eq!(
            circle.sync(0),
            ["PATCH vpn-2 displayName", "PATCH vpn-2 -u00002"],
            "{profile}"
        );
        circle.is_in_step();
    }
}

#[test]
fn names_in_a_circle_are_given_in_turn() {
    for profile in Profile::NAMES {
        let ldif = [group("red", &people(&[1])), group("blue", &people(&[2]))].concat();
        let circle = Circle::new(profile, 2, &ldif);
        drop(circle.sync(0));
        circle.slapd.rename(&group_dn("red"), "cn=tmp", None);
        circle.slapd.rename(&group_dn("blue"), "cn=red", None);
        circle.slapd.rename(&group_dn("tmp"), "cn=blue", None);
        assert_eq!(circle.sync(0).len(), 3, "{profile}");
        assert_eq!(circle.members("red"), uids(&[2]));
        assert_eq!(circle.members("blue"), uids(&[1]));
        circle.is_in_step();
    }
}

#[test]
fn whoever_comes_is_put_in_and_whoever_goes_is_taken_out() {
    for profile in Profile::NAMES {
        let circle = Circle::new(profile, 3, &group("vpn", &people(&[1, 2, 4])));
        let (_, run) = circle.sync_and_say(0);
        drop(run);
        assert_eq!(circle.members("vpn"), uids(&[1, 2]), "{profile}");
        // The account is made in this very cycle.
        circle.slapd.modify(&person(4).ldif());
        let sent = circle.sync(0);
        assert!(sent.contains(&"POST Users u00004".to_owned()), "{profile}: {sent:?}");
        assert_eq!(sent.last().unwrap(), "PATCH vpn +u00004", "{profile}");
        circle.is_in_step();
        // Out of scope, with a name left behind in the group: an account that is out of use keeps it.
        circle
            .slapd
            .rename(&person(2).dn(), "uid=u00002", Some(&format!("ou=services,{SUFFIX}")));
        let sent = circle.sync(0);
        assert!(
            sent == ["PATCH u00002 active"] || sent == ["PUT u00002"],
            "{profile}: {sent:?}"
        );
        circle.is_in_step();
        circle
            .slapd
            .replace(&group_dn("vpn"), "member", &refs(&people(&[1, 4])));
        assert_eq!(circle.sync(0), ["PATCH vpn -u00002"], "{profile}");
        assert_eq!(circle.members("vpn"), uids(&[1, 4]));
        circle.is_in_step();
        // And back: the account is the same, and the group has her again.
        let away = format!("uid=u00002,ou=services,{SUFFIX}");
        circle.slapd.rename(&away, "uid=u00002", Some(PEOPLE));
        circle
            .slapd
            .replace(&group_dn("vpn"), "member", &refs(&people(&[1, 2, 4])));
        drop(circle.sync(0));
        assert_eq!(circle.members("vpn"), uids(&[1, 2, 4]), "{profile}");
        circle.is_in_step();
    }
}

#[test]
fn whoever_is_deleted_is_forgotten_in_every_group() {
    let circle = Circle::new("generic", 3, &group("vpn", &people(&[1, 2]))).set("leavers", "action", "\"delete\"");
    let circle = circle.set("leavers", "delete_after_days", "0");
    drop(circle.sync(0));
    circle.slapd.delete(&person(2).dn());
    // The cloud takes a deleted account out of its groups.
    assert_eq!(circle.sync(0), ["DELETE u00002"]);
    assert_eq!(circle.members("vpn"), uids(&[1]));
    circle.is_in_step();
    // The same person once more: another account, which has to be put in again.
    circle.slapd.modify(&person(2).ldif());
    drop(circle.sync(0));
    assert_eq!(circle.members("vpn"), uids(&[1, 2]));
    circle.is_in_step();
}

#[test]
fn a_member_without_an_account_waits_for_it() {
    for profile in Profile::NAMES {
        let circle = Circle::new(profile, 3, &group("vpn", &people(&[1, 3])));
        let refused = Rule::new("POST", Which::From(1), Fault::Answer(400)).target("/Users");
        circle.recorder.rule(refused.body("u00003"));
        drop(circle.sync(1));
        assert_eq!(circle.members("vpn"), uids(&[1]), "{profile}");
        circle.recorder.clear_rules();
        // Something about her is mended.
        circle.slapd.replace(&person(3).dn(), "displayName", &["The Boss"]);
        let sent = circle.sync(0);
        assert!(sent.contains(&"POST Users u00003".to_owned()), "{profile}: {sent:?}");
        assert_eq!(sent.last().unwrap(), "PATCH vpn +u00003", "{profile}");
        circle.is_in_step();
    }
}

#[test]
fn people_out_of_scope_are_no_members_until_they_are() {
    let outside = format!("uid=eve,ou=guests,{SUFFIX}");
    let circle = Circle::new(
        "generic",
        2,
        &group("vpn", &[people(&[1]), vec![outside.clone()]].concat()),
    );
    let eve = person(9)
        .ldif()
        .replace(&person(9).dn(), &outside)
        .replace("uid: u00009", "uid: eve");
    circle.slapd.modify(&format!(
        "dn: ou=guests,{SUFFIX}\nobjectClass: organizationalUnit\nou: guests\n\n{eve}"
    ));
    drop(circle.sync(0));
    assert_eq!(circle.members("vpn"), uids(&[1]));
    circle.is_in_step();
    circle.slapd.rename(&outside, "uid=eve", Some(PEOPLE));
    circle.slapd.replace(
        &group_dn("vpn"),
        "member",
        &[&person(1).dn(), &format!("uid=eve,{PEOPLE}")],
    );
    assert_eq!(circle.sync(0), ["POST Users eve", "PATCH vpn +eve"]);
    assert_eq!(circle.sync(0), NOTHING);
}
