//! Groups in SCIM servers that are not ours.

use std::collections::BTreeMap;

use crate::support::{
    circle::{GROUPS, group, group_dn, people, uids},
    people::{self, person},
    scim_servers::Kind,
    slapd::Slapd,
    world::{World, on_both},
};

/// Who is in each group, as the server shows it.
fn shown(world: &World) -> BTreeMap<String, Vec<String>> {
    let names = world.names();
    let groups = world.cloud.request("GET", "Groups", None).json();
    let groups = groups["Resources"].as_array().cloned().unwrap_or_default();
    let told = groups.iter().map(|group| {
        let members = group["members"].as_array().into_iter().flatten();
        let ids = members.filter_map(|member| member["value"].as_str());
        let mut members: Vec<String> = ids
            .map(|id| names.get(id).cloned().unwrap_or_else(|| format!("unknown {id}")))
            .collect();
        members.sort();
        (group["displayName"].as_str().unwrap_or_default().to_owned(), members)
    });
    told.collect()
}

#[test]
fn a_life_of_two_groups() {
    on_both(|kind: Kind| {
        let skeleton = format!("dn: {GROUPS}\nobjectClass: organizationalUnit\nou: groups\n\n");
        let groups = [group("vpn", &people(&[1, 2])), group("staff", &people(&[1, 2, 3]))];
        let ldif = format!("{}{skeleton}{}", people::ldif(4), groups.concat());
        let world = World::new(kind, Slapd::with_ldif(&ldif))
            .set_text("groups", "base", GROUPS)
            .set_text("groups", "gone", "delete")
            .set("groups", "delete_after_days", "0")
            .set("groups.limits", "max_member_removals_percent", "100");
        let said = |expected: &[(&str, &[usize])]| {
            let expected = expected
                .iter()
                .map(|(name, numbers)| ((*name).to_owned(), uids(numbers)));
            assert_eq!(shown(&world), expected.collect(), "{kind:?}");
        };
        drop(world.sync(0));
        said(&[("vpn", &[1, 2]), ("staff", &[1, 2, 3])]);
        assert_eq!(world.sync(0), [""; 0], "{kind:?}");
        // One comes, one goes, and the name is another one.
        world.slapd.rename(&group_dn("vpn"), "cn=remote access", None);
        let (second, fourth) = (person(2).dn(), person(4).dn());
        world
            .slapd
            .replace(&group_dn("remote access"), "member", &[&second, &fourth]);
        assert_eq!(world.sync(0).len(), 2, "{kind:?}: the name, then the members");
        said(&[("remote access", &[2, 4]), ("staff", &[1, 2, 3])]);
        world.slapd.delete(&group_dn("remote access"));
        assert_eq!(world.sync(0).len(), 1, "{kind:?}");
        said(&[("staff", &[1, 2, 3])]);
        assert_eq!(world.sync(0), [""; 0], "{kind:?}");
    });
}
