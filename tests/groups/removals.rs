//! What is taken away, and what is not: groups that left, people out of scope, directories that show less
//! than there is.

use scimward::profile::Profile;

use crate::{
    NOTHING,
    support::{
        circle::{Circle, GROUPS, group, group_dn, people, uids},
        people::{SUFFIX, person},
        slapd::{NO_GROUPS, READER_STRICT},
    },
};

/// `vpn` with two people, `staff` with three; `vpn` has left the directory after a first sync.
fn without_vpn(profile: &str, gone: &str) -> Circle {
    let ldif = [group("vpn", &people(&[1, 2])), group("staff", &people(&[1, 2, 3]))].concat();
    let circle = Circle::new(profile, 3, &ldif)
        .set("groups", "gone", gone)
        .set("groups", "delete_after_days", "0");
    drop(circle.sync(0));
    circle.slapd.delete(&group_dn("vpn"));
    circle
}

#[test]
fn a_group_that_left_is_kept_emptied_or_deleted() {
    for profile in Profile::NAMES {
        let kept = without_vpn(profile, "\"keep\"");
        assert_eq!(kept.sync(0), NOTHING, "{profile}");
        assert_eq!(kept.members("vpn"), uids(&[1, 2]));

        let emptied = without_vpn(profile, "\"empty\"");
        assert_eq!(emptied.sync(0), ["PATCH vpn -u00001 -u00002"], "{profile}");
        assert_eq!(emptied.members("vpn"), NOTHING);
        emptied.is_in_step();
        // It comes back under its old name, which is another group for the directory: the one that is
        // there was made by us, and whether it is the same nobody can know.
        let deleted = without_vpn(profile, "\"delete\"");
        assert_eq!(deleted.sync(0), ["DELETE vpn"], "{profile}");
        assert_eq!(deleted.groups().keys().collect::<Vec<_>>(), ["staff"]);
        deleted.is_in_step();
    }
}

#[test]
fn a_group_that_only_left_the_filter_comes_back_as_it_was() {
    let circle = Circle::new("generic", 2, &group("vpn", &people(&[1, 2])))
        .set(
            "groups",
            "filter",
            "\"(&(objectClass=groupOfNames)(!(description=off)))\"",
        )
        .set("groups.limits", "max_removals", "5");
    let ours = group("other", &people(&[1]));
    circle.slapd.modify(&ours);
    drop(circle.sync(0));
    let id = circle.id("vpn");
    circle.slapd.replace(&group_dn("vpn"), "description", &["off"]);
    assert_eq!(circle.sync(0), ["PATCH vpn -u00001 -u00002"]);
    circle.slapd.replace(&group_dn("vpn"), "description", &[]);
    assert_eq!(circle.sync(0), ["PATCH vpn +u00001 +u00002"]);
    assert_eq!(circle.id("vpn"), id);
    circle.is_in_step();
}

#[test]
fn too_much_at_once_is_held_and_the_rest_goes_on() {
    let names = ["g1", "g2", "g3", "g4"];
    let ldif: String = names.iter().map(|cn| group(cn, &people(&[1, 2]))).collect();
    let circle = Circle::new(
        "generic",
        12,
        &format!("{ldif}{}", group("large", &people(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]))),
    )
    .set("groups.limits", "max_removals", "1")
    .set("groups.limits", "max_member_removals", "3");
    drop(circle.sync(0));
    // Two of five groups.
    circle.slapd.delete(&group_dn("g1"));
    circle.slapd.delete(&group_dn("g2"));
    circle
        .slapd
        .replace(&group_dn("g3"), "member", &[&person(1).dn(), &person(12).dn()]);
    assert_eq!(circle.sync(5), ["PATCH g3 -u00002 +u00012"]);
    assert_eq!(circle.sync(5), NOTHING);
    assert_eq!(circle.members("g1"), uids(&[1, 2]));
    // Nine of one group's members; who comes is put in all the same.
    circle
        .slapd
        .replace(&group_dn("large"), "member", &[&person(1).dn(), &person(11).dn()]);
    let (sent, run) = circle.sync_and_say(5);
    assert_eq!(sent, ["PATCH large +u00011"]);
    drop(run.says("scimward approve"));
    assert_eq!(circle.members("large").len(), 11);
}

#[test]
fn lost_rights_to_read_groups_remove_nothing() {
    for gone in ["\"empty\"", "\"delete\""] {
        let mut circle = Circle::new("generic", 3, &group("vpn", &people(&[1, 2])))
            .set("groups", "gone", gone)
            .set("groups", "delete_after_days", "0");
        drop(circle.sync(0));
        let reader = circle.config.get("ldap", "bind_dn").unwrap();
        circle.config.put("ldap", "bind_dn", &format!("\"{NO_GROUPS}\""));
        let (sent, run) = circle.sync_and_say(5);
        assert_eq!(sent, NOTHING);
        drop(run.says("without a single group"));
        circle.config.put("ldap", "bind_dn", &reader);
        circle.is_in_step();
        assert_eq!(circle.members("vpn"), uids(&[1, 2]));
    }
}

#[test]
fn a_base_that_is_missing_or_cut_short_removes_nothing() {
    let many: String = (0..600).map(|n| group(&format!("g{n:03}"), &people(&[1]))).collect();
    let mut circle = Circle::new("generic", 2, &format!("{}{many}", group("vpn", &people(&[1, 2])))).set(
        "groups",
        "filter",
        "\"(cn=vpn)\"",
    );
    drop(circle.sync(0));
    // A size limit: of 601 groups 500 are shown.
    circle.config.put("ldap", "bind_dn", &format!("\"{READER_STRICT}\""));
    circle.config.put("groups", "filter", "\"(cn=g*)\"");
    let sent = circle.sync(3);
    assert_eq!(
        sent.iter().filter(|line| line.starts_with("PATCH vpn")).count(),
        0,
        "{sent:?}"
    );
    assert_eq!(circle.members("vpn"), uids(&[1, 2]));

    let mut circle = Circle::new("generic", 2, &group("vpn", &people(&[1, 2])));
    drop(circle.sync(0));
    circle.slapd.delete(&group_dn("vpn"));
    circle
        .config
        .put("groups", "base", &format!("[\"{GROUPS}\", \"ou=nowhere,{SUFFIX}\"]"));
    assert_eq!(circle.sync(3), NOTHING);
    assert_eq!(circle.members("vpn"), uids(&[1, 2]));
}

#[test]
fn people_are_in_scope_by_their_groups() {
    let nested = [people(&[1]), vec![group_dn("inner")]].concat();
    let ldif = [
        group("cloud", &nested),
        group("inner", &people(&[2, 3])),
        group("other", &people(&[3, 4])),
    ]
    .concat();
    let scope = format!("[\"CN=cloud,{GROUPS}\"]");
    let mut circle = Circle::new("generic", 5, &ldif).set("users", "member_of", &scope);
    let sent = circle.sync(0);
    assert_eq!(
        sent.iter().filter(|line| line.starts_with("POST Users")).count(),
        3,
        "{sent:?}"
    );
    assert_eq!(circle.members("other"), uids(&[3]), "4 has no account");
    circle.is_in_step();
    // Who leaves the group is a leaver, who enters it gets an account.
    circle
        .slapd
        .replace(&group_dn("inner"), "member", &[&person(2).dn(), &person(5).dn()]);
    let sent = circle.sync(0);
    assert!(sent.contains(&"PATCH u00003 active".to_owned()), "{sent:?}");
    assert!(sent.contains(&"POST Users u00005".to_owned()), "{sent:?}");
    assert_eq!(circle.members("cloud"), uids(&[1, 2, 5]));
    circle.is_in_step();
    // And comes back to the same account.
    circle.slapd.replace(
        &group_dn("inner"),
        "member",
        &[&person(2).dn(), &person(3).dn(), &person(5).dn()],
    );
    assert!(circle.sync(0).contains(&"PATCH u00003 active".to_owned()));
    circle.is_in_step();

    // Without the group nobody can be said to be out of scope.
    let before = circle.groups();
    circle.slapd.rename(&group_dn("cloud"), "cn=renamed", None);
    let (sent, run) = circle.sync_and_say(3);
    assert_eq!(sent, NOTHING);
    drop(run.says("CN=cloud").says("member_of"));
    circle.slapd.rename(&group_dn("renamed"), "cn=cloud", None);
    circle.config.put("ldap", "bind_dn", &format!("\"{NO_GROUPS}\""));
    assert_eq!(circle.sync(3), NOTHING);
    circle.config.put("ldap", "bind_dn", &format!("\"{READER_STRICT}\""));
    let many: String = (0..600).map(|n| group(&format!("g{n:03}"), &people(&[4]))).collect();
    circle.slapd.modify(&many);
    circle.slapd.replace(&group_dn("inner"), "member", &[&person(2).dn()]);
    let sent = circle.sync(3);
    assert_eq!(
        sent.iter().filter(|line| line.starts_with("PATCH u")).count(),
        0,
        "{sent:?}"
    );
    assert_eq!(circle.groups()["cloud"], before["cloud"]);
}

#[test]
fn two_groups_of_one_name_are_both_refused() {
    for profile in Profile::NAMES {
        let sub = format!("ou=sub,{GROUPS}");
        let other = group("VPN", &people(&[2])).replace(&format!("cn=VPN,{GROUPS}"), &format!("cn=VPN,{sub}"));
        let ldif = [group("vpn", &people(&[1])), group("staff", &people(&[1]))].concat();
        let circle = Circle::new(profile, 2, &ldif);
        drop(circle.sync(0));
        circle.slapd.modify(&format!(
            "dn: {sub}\nobjectClass: organizationalUnit\nou: sub\n\n{other}"
        ));
        circle.slapd.replace(
            &group_dn("vpn"),
            "member",
            &people(&[1, 2]).iter().map(String::as_str).collect::<Vec<_>>(),
        );
        assert_eq!(circle.sync(1), NOTHING, "{profile}");
        assert_eq!(circle.members("vpn"), uids(&[1]), "it stays as it is");
        circle.slapd.delete(&format!("cn=VPN,{sub}"));
        assert_eq!(circle.sync(0), ["PATCH vpn +u00002"], "{profile}");
    }
}

#[test]
fn a_group_that_was_made_anew_in_the_directory_takes_the_place_of_the_old_one() {
    for profile in Profile::NAMES {
        let circle = without_vpn(profile, "\"delete\"");
        circle.slapd.modify(&group("vpn", &people(&[2, 3])));
        drop(circle.sync(0));
        assert_eq!(circle.members("vpn"), uids(&[2, 3]), "{profile}");
        assert_eq!(circle.groups().len(), 2);
        circle.is_in_step();

        // One that is only emptied is given to the new one of its name, once it is empty.
        let circle = without_vpn(profile, "\"empty\"");
        let id = circle.id("vpn");
        circle.slapd.modify(&group("vpn", &people(&[2, 3])));
        drop(circle.sync(0));
        assert_eq!(circle.members("vpn"), NOTHING, "{profile}");
        drop(circle.sync(0));
        assert_eq!(circle.members("vpn"), uids(&[2, 3]), "{profile}");
        assert_eq!(circle.id("vpn"), id, "{profile}");
        circle.is_in_step();
    }
}
