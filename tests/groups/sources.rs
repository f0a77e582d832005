//! Where memberships are written down: in groups, in groups of groups, with login names, with the people.

use crate::{
    NOTHING,
    support::{
        circle::{Circle, GROUPS, group, group_dn, people, uids},
        people::{SUFFIX, person},
    },
};

#[test]
fn groups_in_groups_are_flattened_also_in_a_circle() {
    let inner = |cn: &str, numbers: &[usize], groups: &[&str]| {
        let groups = groups.iter().map(|cn| group_dn(cn));
        group(cn, &people(numbers).into_iter().chain(groups).collect::<Vec<_>>())
    };
    let ldif = [
        inner("all", &[1], &["berlin", "paris"]),
        inner("berlin", &[2], &["desk"]),
        inner("paris", &[3], &["desk", "all"]),
        inner("desk", &[4, 2], &[]),
    ];
    let circle = Circle::new("generic", 5, &ldif.concat());
    drop(circle.sync(0));
    assert_eq!(circle.members("all"), uids(&[1, 2, 3, 4]));
    assert_eq!(circle.members("berlin"), uids(&[2, 4]));
    assert_eq!(
        circle.members("paris"),
        uids(&[1, 2, 3, 4]),
        "over all, a member of itself"
    );
    assert_eq!(circle.members("desk"), uids(&[2, 4]));
    circle.is_in_step();
    // One change deep down is one request for each group that it reaches.
    circle
        .slapd
        .replace(&group_dn("desk"), "member", &[&person(2).dn(), &person(5).dn()]);
    let mut sent = circle.sync(0);
    sent.sort();
    assert_eq!(
        sent,
        ["all", "berlin", "desk", "paris"].map(|cn| format!("PATCH {cn} -u00004 +u00005"))
    );
    circle.is_in_step();
}

#[test]
fn groups_are_pushed_as_members_where_that_is_wanted() {
    let ldif = [
        group("all", &[people(&[1]), vec![group_dn("desk")]].concat()),
        group("desk", &people(&[2])),
    ];
    let circle = Circle::new("generic", 2, &ldif.concat()).set("groups", "nested", "\"push\"");
    drop(circle.sync(0));
    assert_eq!(circle.members("all"), ["desk", "u00001"]);
    assert_eq!(circle.members("desk"), uids(&[2]));
    circle.is_in_step();
    circle.slapd.replace(&group_dn("all"), "member", &[&person(1).dn()]);
    assert_eq!(circle.sync(0), ["PATCH all -desk"]);
    circle.is_in_step();
}

#[test]
fn login_names() {
    let posix = |names: &[&str]| {
        let names: String = names.iter().map(|name| format!("memberUid: {name}\n")).collect();
        format!("dn: cn=vpn,{GROUPS}\nobjectClass: posixGroup\ncn: vpn\ngidNumber: 100\n{names}\n")
    };
    let circle =
        Circle::new("generic", 3, &posix(&["u00001", "u00002", "nobody"])).set("groups", "preset", "\"posixgroup\"");
    drop(circle.sync(0));
    assert_eq!(circle.members("vpn"), uids(&[1, 2]));
    circle
        .slapd
        .replace(&group_dn("vpn"), "memberUid", &["u00003", "u00002"]);
    assert_eq!(circle.sync(0), ["PATCH vpn -u00001 +u00003"]);
    // Nobody at all: a posixGroup may be empty.
    circle.slapd.replace(&group_dn("vpn"), "memberUid", &[]);
    assert_eq!(circle.sync(0), ["PATCH vpn -u00002 -u00003"]);
    assert_eq!(circle.sync(0), NOTHING);
}

#[test]
fn people_who_say_where_they_belong() {
    let circle = Circle::new("generic", 3, &group("vpn", &people(&[3])))
        .set("groups", "members", "[]")
        .set("groups", "from_people", "\"memberOf\"");
    let says = |number: usize, groups: &[&str]| {
        circle.slapd.modify(&format!(
            "dn: {}\nchangetype: modify\nadd: objectClass\nobjectClass: extensibleObject\n-\n",
            person(number).dn()
        ));
        circle.slapd.replace(&person(number).dn(), "memberOf", groups);
    };
    let vpn = group_dn("vpn");
    says(1, &[&vpn]);
    says(2, &[&vpn, "cn=elsewhere,dc=example,dc=com"]);
    drop(circle.sync(0));
    assert_eq!(circle.members("vpn"), uids(&[1, 2]));
    circle.is_in_step();
    circle.slapd.replace(&person(2).dn(), "memberOf", &[]);
    assert_eq!(circle.sync(0), ["PATCH vpn -u00002"]);
    says(3, &[&vpn]);
    assert_eq!(circle.sync(0), ["PATCH vpn +u00003"]);
    circle.is_in_step();
}

#[test]
fn unique_members_and_several_bases() {
    let roles = format!("ou=roles,{SUFFIX}");
    let unique = format!(
        "dn: {roles}\nobjectClass: organizationalUnit\nou: roles\n\n\
         dn: cn=admins,{roles}\nobjectClass: groupOfUniqueNames\ncn: admins\n\
         uniqueMember: {}\nuniqueMember: {}#'0101'B\n\n",
        person(1).dn(),
        person(2).dn()
    );
    let circle = Circle::new("generic", 3, &[group("vpn", &people(&[3])), unique].concat());
    // The second base lies below the first: every group is there once.
    let circle = circle.set("groups", "base", &format!("[\"{SUFFIX}\", \"{roles}\"]"));
    drop(circle.sync(0));
    assert_eq!(circle.members("admins"), uids(&[1, 2]));
    assert_eq!(circle.members("vpn"), uids(&[3]));
    assert_eq!(circle.groups_made(), 2);
    circle.is_in_step();
}
