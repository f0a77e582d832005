//! What people see of groups: the dry run and what it announces, `explain`, `status`, `approve`, `rejects` and
//! `check`.
#![cfg(test)]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::{
    people::{PEOPLE, SUFFIX, person},
    scim_servers::Kind,
    scimward::Run,
    slapd::{NOREAD, Slapd},
    world::{World, text},
};

fn dn(cn: &str) -> String {
    format!("cn={cn},ou=groups,{SUFFIX}")
}

fn entry(cn: &str, members: &[String]) -> String {
    let members: String = members.iter().map(|dn| format!("member: {dn}\n")).collect();
    format!("dn: {}\nobjectClass: groupOfNames\ncn: {cn}\n{members}\n", dn(cn))
}

fn people(numbers: &[usize]) -> Vec<String> {
    numbers.iter().map(|number| person(*number).dn()).collect()
}

/// People, and the group `all` with `staff` in it, which lists the first three.
fn world() -> World {
    let slapd = Slapd::with_people(12);
    slapd.modify(&format!(
        "dn: ou=groups,{SUFFIX}\nobjectClass: organizationalUnit\nou: groups\n"
    ));
    slapd.modify(&entry("staff", &people(&[1, 2, 3])));
    slapd.modify(&entry("all", &[vec![dn("staff")], people(&[3, 4])].concat()));
    World::new(Kind::Scimmy, slapd)
        .set_text("groups", "base", &format!("ou=groups,{SUFFIX}"))
        .set("scim", "concurrency", "1")
}

/// Id → DN of people and groups in the cloud.
fn ids(world: &World) -> Vec<(String, String)> {
    let groups = world.cloud.request("GET", "Groups?count=100", None).json();
    let groups = groups["Resources"].as_array().cloned().unwrap_or_default();
    let groups = groups
        .iter()
        .map(|group| (text(group, "/id"), dn(&text(group, "/displayName"))));
    let people = world.names().into_iter();
    people
        .map(|(id, name)| (id, format!("uid={name},{PEOPLE}")))
        .chain(groups)
        .collect()
}

/// What a dry run announces is, ids of the new ones aside, what a run then sends.
#[track_caller]
fn comes_true(world: &World, code: i32) -> Vec<Value> {
    let report = world.dry_run(&[], code);
    let known = ids(world);
    world.sync(code);
    let new: Vec<_> = ids(world)
        .into_iter()
        .filter(|one| !known.iter().any(|(id, _)| *id == one.0))
        .collect();
    let braced = |text: String| {
        new.iter()
            .fold(text, |text, (id, dn)| text.replace(id, &format!("{{id of {dn}}}")))
    };
    let requests = world.recorder.requests();
    let sent: Vec<Value> = requests
        .iter()
        .filter(|request| request.method != "GET")
        .map(|request| {
            let path = braced(world.below_endpoint(request));
            json!({ "method": request.method, "path": path, "body": serde_json::from_str::<Value>(&braced(request.body.to_string())).unwrap() })
        })
        .collect();
    let of = |key: &str| report[key].as_array().cloned().unwrap_or_default().into_iter();
    let announced: Vec<Value> = of("operations")
        .chain(of("groups").filter(|group| group["held"] == false))
        .flat_map(|one| one["requests"].as_array().cloned().unwrap_or_default())
        .collect();
    // Of one group they come in this order; the groups themselves before anybody's members.
    let sorted = |requests: &[Value]| {
        let mut lines: Vec<String> = requests.iter().map(Value::to_string).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&announced), sorted(&sent), "{report:#}");
    assert_eq!(report["summary"]["requests"], announced.len());
    announced
}

fn of_group<'a>(report: &'a Value, name: &str) -> &'a Value {
    let groups = report["groups"].as_array().unwrap();
    let found = groups.iter().find(|group| group["displayName"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

fn names(members: &Value) -> Vec<&str> {
    members
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect()
}

#[test]
fn what_it_announces_is_what_is_sent() {
    let world = world();
    let report = world.dry_run(&["--exit-code"], 10);
    let all = of_group(&report, "all");
    assert_eq!(
        (&all["action"], &all["membersBefore"], &all["membersAfter"]),
        (&json!("create"), &json!(0), &json!(4))
    );
    assert_eq!(report["summary"]["groups"]["depth"], 1);
    // Twelve people, two groups, and the members of each.
    assert_eq!(comes_true(&world, 0).len(), 16);
    assert_eq!(comes_true(&world, 0), Vec::<Value>::new());
    world.dry_run(&["--exit-code"], 0);

    world.slapd.modify(&person(13).ldif());
    world.slapd.rename(&dn("staff"), "cn=crew", None);
    world.slapd.replace(
        &dn("all"),
        "member",
        &people(&[4, 13]).iter().map(String::as_str).collect::<Vec<_>>(),
    );
    world.slapd.modify(&entry("new", &people(&[5])));
    let report = world.dry_run(&["--exit-code"], 10);
    let crew = of_group(&report, "crew");
    assert_eq!(
        crew["changes"],
        json!([{"path": "displayName", "before": "staff", "after": "crew"}])
    );
    assert_eq!((&crew["added"], &crew["removed"]), (&json!([]), &json!([])));
    let all = of_group(&report, "all");
    assert_eq!(names(&all["added"]), ["u00013"]);
    assert_eq!(all["added"][0]["id"], Value::Null);
    assert_eq!(names(&all["removed"]).len(), 3);
    let run = world.run(&["--dry-run"]).expect(0);
    run.says("      ~ displayName               staff → crew\n")
        .says("      ~ members                   4 → 2\n")
        .says("      + put in                    u00013\n");
    // A joiner, a new group and its member, a rename, one change of members.
    assert_eq!(comes_true(&world, 0).len(), 5);
    world.slapd.delete(&dn("new"));
    let report = world.dry_run(&[], 0);
    assert_eq!(of_group(&report, "new")["action"], "empty");
    assert_eq!(comes_true(&world, 0).len(), 1);
}

#[test]
fn a_probe_tells_who_would_be_added_and_how_many_others_there_are() {
    let world = world().set_text("scim", "adopt", "unowned");
    // People first, so that they have ids that can be in a group already.
    world.slapd.delete(&dn("all"));
    world.sync(0);
    let member = |uid: &str| json!({ "value": world.id(uid) });
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "old",
        "members": [member("u00005"), member("u00006"), member("u00007")],
    });
    assert_eq!(world.cloud.request("POST", "Groups", Some(&group)).status(), 201);
    world.slapd.modify(&entry("old", &people(&[7, 8])));
    let report = world.dry_run(&["--probe"], 0);
    let probe = &of_group(&report, "old")["probe"];
    assert_eq!(probe["found"], "adoptable", "{probe}");
    let counts = ["members", "membersMissing", "membersOthers"].map(|key| probe[key].as_u64());
    assert_eq!(counts, [Some(3), Some(1), Some(2)]);
    world
        .run(&["--dry-run", "--probe"])
        .expect(0)
        .says("would be adopted")
        .says("3 in it, 1 of those wanted would be added; of 2 others the run after it takes out people of this directory");
    world.sync(0);
    let groups = world.cloud.request("GET", "Groups?count=100", None).json();
    let groups = groups["Resources"].as_array().unwrap();
    let old = groups.iter().find(|group| group["displayName"] == "old").unwrap();
    // This server keeps somebody who is added twice twice.
    let members = old["members"].as_array().unwrap().iter();
    let members: BTreeSet<String> = members.map(|member| text(member, "/value")).collect();
    let wanted = [5, 6, 7, 8].map(|number| world.id(&person(number).uid));
    assert_eq!(members, BTreeSet::from(wanted));
}

#[test]
fn held_members_are_shown_and_approved_by_their_own_id() {
    let world = world().set("groups.limits", "max_member_removals", "1");
    world.sync(0);
    world.slapd.replace(
        &dn("staff"),
        "member",
        &people(&[1, 9]).iter().map(String::as_str).collect::<Vec<_>>(),
    );
    // Of both groups u00002 goes; of staff u00003 as well, who stays in all by himself.
    let report = world.dry_run(&[], 5);
    let staff: Vec<_> = report["groups"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["displayName"] == "staff")
        .collect();
    assert_eq!(
        (staff.len(), &staff[0]["held"], &staff[1]["held"]),
        (2, &json!(false), &json!(true))
    );
    assert_eq!(
        (names(&staff[0]["added"]), names(&staff[1]["removed"]).len()),
        (vec!["u00009"], 2)
    );
    let held = &report["summary"]["groups"]["held"];
    assert_eq!(
        (&held["removals"], &held["since"], &report["summary"]["held"]),
        (&json!(2), &Value::Null, &Value::Null)
    );
    comes_true(&world, 5);

    let status: Value = serde_json::from_str(&world.run(&["status", "--json"]).expect(0).stdout).unwrap();
    assert_eq!(
        (&status["held"], &status["groupsHeld"]["planId"]),
        (&Value::Null, &held["planId"])
    );
    assert_eq!(status["cycles"][0]["groups"]["entries"], 2);
    let id = text(held, "/planId");
    world
        .run(&["status"])
        .expect(0)
        .says("Held back in groups: 2 removals.")
        .says(&format!("scimward approve {id}"));
    world
        .run(&["explain", "staff"])
        .expect(0)
        .says("but the limits hold that back")
        .says(&id);
    world
        .run(&["explain", "u00002"])
        .expect(0)
        .says("taking it back is held by the limits");
    world
        .run(&["approve", "other"])
        .expect(2)
        .says(&format!("Held is {id}, 2 removals"));
    world.run(&["approve", &id]).expect(0).says("exactly these 2 removals");
    assert_eq!(comes_true(&world, 0).len(), 1);
    world.run(&["approve", &id]).expect(2).says("no removals are held");
}

#[test]
fn rejected_groups_are_on_the_list() {
    let world = world();
    world.slapd.modify(&format!(
        "dn: ou=more,ou=groups,{SUFFIX}\nobjectClass: organizationalUnit\nou: more\n"
    ));
    world
        .slapd
        .modify(&entry("staff", &people(&[1])).replace("cn=staff,", "cn=staff,ou=more,"));
    world.sync(1);
    world
        .run(&["rejects"])
        .expect(0)
        .says("Rejected: 2 groups")
        .says("has the same displayName");
    let list: Value = serde_json::from_str(&world.run(&["rejects", "list", "--json"]).expect(0).stdout).unwrap();
    assert_eq!(
        (list.as_array().unwrap().len(), &list[0]["resource"]),
        (2, &json!("Group"))
    );
    world
        .run(&["rejects", "retry", &dn("staff")])
        .expect(0)
        .says("tried in every cycle anyway");
    world.dry_run(&[], 1);
    world
        .run(&["explain", &dn("staff")])
        .expect(0)
        .says("a group that cannot be pushed")
        .says("has the same displayName");
}

#[test]
fn a_refused_group_is_tried_again_on_request() {
    use support::recorder::{Fault, Rule, Which};
    let world = world();
    world.recorder.rule(
        Rule::new("POST", Which::From(1), Fault::Answer(400))
            .target("/Groups")
            .body("staff"),
    );
    world.sync(1);
    world.recorder.clear_rules();
    assert_eq!(
        world.sync(1),
        Vec::<String>::new(),
        "what was refused is not sent again"
    );
    world
        .run(&["explain", "staff"])
        .expect(0)
        .says("scimward rejects retry");
    world
        .run(&["rejects", "retry", "staff"])
        .expect(0)
        .says("tried again in the next cycle");
    assert!(!world.sync(0).is_empty());
    world.run(&["rejects"]).expect(0).says("Nobody is on the reject list.");
}

#[track_caller]
fn says_line(run: &Run, line: &str) {
    assert!(
        run.stdout.lines().any(|one| one == line),
        "no line {line:?}\n{}",
        run.everything()
    );
}

#[test]
fn explain_names_the_way_and_who_waits() {
    let world = world().set_text("scim", "profile", "huawei");
    world.slapd.replace(&person(2).dn(), "mail", &[]);
    let run = world.run(&["explain", "u00001"]).expect(0);
    says_line(
        &run,
        &format!(
            "  Groups     all ({}) through {}: put in by the next run",
            dn("all"),
            dn("staff")
        ),
    );
    says_line(
        &run,
        &format!("             staff ({}): put in by the next run", dn("staff")),
    );
    let run = world.run(&["explain", "u00002"]).expect(0);
    says_line(
        &run,
        &format!("             staff ({}): waits until there is an account", dn("staff")),
    );
    world
        .run(&["explain", "u00012"])
        .expect(0)
        .says("  Groups     in none that was read");
    for who in ["ALL", &dn("all")] {
        let run = world.run(&["explain", who]).expect(0);
        says_line(&run, "  Next       create the group, put 3 members in");
        says_line(
            &run,
            "  Members    3 members, over 1 group within it; 1 of those listed not provisioned",
        );
        says_line(
            &run,
            &format!("      u00001 ({}) through {}", person(1).dn(), dn("staff")),
        );
        says_line(&run, &format!("      u00003 ({})", person(3).dn()));
        run.says(&format!("    ! {} waits until there is an account", person(2).dn()));
    }
    world.sync(1);
    let run = world.run(&["explain", "staff"]).expect(0);
    says_line(&run, "  Next       nothing: the group is as the directory wants it");
    run.says(", 2 members pushed");
    world.slapd.delete(&dn("staff"));
    let run = world.run(&["explain", "staff"]).expect(0);
    run.says("counts as gone").says("take everybody out (2 members)");
    world
        .run(&["explain", "u00001"])
        .expect(0)
        .says(&format!("staff ({}): taken out by the next run", dn("staff")));
}

#[test]
fn explain_says_which_group_lets_somebody_in() {
    let world = world().set("users", "member_of", &format!("[{:?}]", dn("all")));
    let run = world.run(&["explain", "u00001"]).expect(0);
    says_line(
        &run,
        &format!("  Scope      let in by {} through {}", dn("all"), dn("staff")),
    );
    let run = world.run(&["explain", "u00009"]).expect(0);
    run.says("left out by rule: in none of the groups in [users] member_of")
        .says(&format!(
            "  Scope      [users] member_of asks for one of: {}",
            dn("all")
        ));
}

#[test]
fn check_counts_groups_and_names_what_is_missing() {
    let squeezed = |run: &Run| run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let world = world().set("users", "member_of", &format!("[{:?}]", dn("all")));
    let run = world.run(&["check"]).expect(0);
    let said = squeezed(&run);
    for words in [
        "2 groups, 6 members listed; 2 can be pushed",
        "found, with 1 group in it",
        "a group that is gone is emptied",
    ] {
        assert!(said.contains(words), "no {words:?}\n{}", run.everything());
    }
    let world = world.set("users", "member_of", &format!("[{:?}]", dn("none")));
    let run = world.run(&["check"]).expect(3);
    assert!(
        squeezed(&run).contains("was not found below [groups] base"),
        "{}",
        run.everything()
    );
    let world = world
        .set("users", "member_of", &format!("[{:?}]", dn("all")))
        .set("groups", "members", "[\"owner\"]");
    let run = world.run(&["check"]).expect(3);
    assert!(
        squeezed(&run).contains("no group shows a member (owner)"),
        "{}",
        run.everything()
    );
    // This account sees the people's base and nothing below it.
    let world = world
        .set_text("ldap", "bind_dn", NOREAD)
        .set_text("groups", "base", PEOPLE);
    let run = world.run(&["check"]).expect(3);
    assert!(squeezed(&run).contains("no group matches"), "{}", run.everything());
}
