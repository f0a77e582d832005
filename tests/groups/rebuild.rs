//! `state rebuild` with groups: what can be known of them is known again, and nobody is taken out of a group
//! on a guess.

use std::fs;

use scimward::profile::Profile;
use serde_json::{Value, json};

use crate::{
    NOTHING,
    support::{
        circle::{Circle, Far, GROUPS, group, group_dn, people, uids},
        people::{self as folk, person},
        recorder::{Fault, Rule, Which},
        scim_servers::Kind,
        scimward::{Run, Scimward},
        slapd::Slapd,
        world::{World, on_both},
    },
};

/// Clouds in which it can be learned who is in a group.
const TELL_MEMBERS: [&str; 3] = ["generic", "alibaba", "aws"];
/// RFC 7643 section 4.2.
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// Loses the state and makes it anew; returns what was asked, and what the program said.
#[track_caller]
fn rebuild(circle: &Circle, code: i32) -> (Vec<String>, Run) {
    fs::remove_dir_all(circle.config.state()).unwrap();
    again(circle, code)
}

#[track_caller]
fn again(circle: &Far, code: i32) -> (Vec<String>, Run) {
    circle.recorder.forget();
    let run = circle.run(&["state", "rebuild"]).expect(code);
    let requests = circle.recorder.requests();
    assert!(requests.iter().all(|request| request.method == "GET"), "{requests:#?}");
    let groups = requests.iter().filter(|request| request.target.contains("/Groups"));
    (groups.map(|request| request.target.clone()).collect(), run)
}

/// The state without what no cloud can tell: when and how it came about.
fn memory(circle: &Far) -> Vec<Value> {
    let exported = circle.run(&["state", "export"]).expect(0).stdout;
    let lines = exported
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter(|line| {
            ["mark", "link", "group", "members"]
                .iter()
                .any(|kind| line.get(kind).is_some())
        })
        .collect()
}

/// A line of the rebuild's report.
fn counted(what: &str, number: u64, then: &str) -> String {
    format!("{what:<16}{number:>9}  {then}").trim_end().to_owned()
}

fn vpn_and_staff() -> String {
    [
        group("vpn", &people(&[1, 2, 3])),
        group("staff", &people(&[1, 2, 3, 4, 5])),
    ]
    .concat()
}

#[test]
fn where_members_can_be_learned_the_state_is_what_it_was() {
    for profile in TELL_MEMBERS {
        let circle = Circle::new(profile, 6, &vpn_and_staff());
        drop(circle.sync(0));
        let before = memory(&circle);
        let (asked, run) = rebuild(&circle, 0);
        let _ = run.says(&counted("in scope", 2, "")).says(&counted("members", 8, ""));
        // A page of groups, then each group; or nobody, whose groups are none, and each person.
        let expected = if profile == "aws" { 1 + 1 + 6 } else { 1 + 2 };
        assert_eq!(asked.len(), expected, "{profile}: {asked:?}");
        assert_eq!(memory(&circle), before, "{profile}");
        circle.is_in_step();
    }
}

#[test]
fn where_members_are_never_told_they_are_put_in_again_and_nobody_is_taken_out() {
    let circle = Circle::new("huawei", 6, &vpn_and_staff());
    drop(circle.sync(0));
    fs::remove_dir_all(circle.config.state()).unwrap();
    circle
        .slapd
        .replace(&group_dn("vpn"), "member", &[&person(1).dn(), &person(6).dn()]);
    let (asked, run) = again(&circle, 0);
    assert_eq!(asked.len(), 2, "one look-up for each group: {asked:?}");
    let _ = run
        .says("does not tell who is in a group")
        .says("cannot list all of its groups")
        .says(&counted("members", 0, ""));
    let mut sent = circle.sync(0);
    sent.sort();
    assert_eq!(
        sent,
        [
            "PATCH staff +u00001 +u00002 +u00003 +u00004 +u00005",
            "PATCH vpn +u00001 +u00006"
        ]
    );
    assert_eq!(circle.groups_made(), 2);
    assert_eq!(circle.members("vpn"), uids(&[1, 2, 3, 6]), "nobody knows of 2 and 3");
    circle.is_in_step();
}

#[test]
fn what_changed_in_the_meantime_is_pushed_and_nothing_else() {
    for profile in TELL_MEMBERS {
        let circle = Circle::new(profile, 6, &vpn_and_staff());
        drop(circle.sync(0));
        let id = circle.id("vpn");
        // In the directory another name, one who came and one who went; in the cloud one put in by hand.
        circle.slapd.rename(&group_dn("vpn"), "cn=remote", None);
        circle.slapd.replace(
            &group_dn("remote"),
            "member",
            &[&person(1).dn(), &person(2).dn(), &person(4).dn()],
        );
        put_in(&circle, "staff", "u00006");
        let (_, run) = rebuild(&circle, 0);
        let _ = run
            .says(&counted("linked", 2, "2 of them hold something else"))
            .says(&counted("members", 9, "2 of them the directory does not list"));
        let mut sent = circle.sync(0);
        sent.sort();
        assert_eq!(
            sent,
            [
                "PATCH staff -u00006",
                "PATCH vpn -u00003 +u00004",
                "PATCH vpn displayName"
            ],
            "{profile}"
        );
        assert_eq!(circle.id("remote"), id, "{profile}");
        assert_eq!(circle.members("remote"), uids(&[1, 2, 4]), "{profile}");
        assert_eq!(circle.members("staff"), uids(&[1, 2, 3, 4, 5]), "{profile}");
        circle.is_in_step();
    }
}

fn put_in(circle: &Circle, group: &str, person: &str) {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "add", "path": "members", "value": [{"value": circle.id(person)}]}],
    });
    let answer = circle.ask("PATCH", &format!("Groups/{}", circle.id(group)), Some(&body));
    assert!((200..300).contains(&answer.status()), "{}", answer.status());
}

#[test]
fn taking_out_after_a_rebuild_is_within_the_limits() {
    for profile in TELL_MEMBERS {
        let circle = Circle::new(profile, 12, &group("vpn", &people(&(1..=12).collect::<Vec<_>>()))).set(
            "groups.limits",
            "max_member_removals_percent",
            "50",
        );
        drop(circle.sync(0));
        circle.slapd.replace(&group_dn("vpn"), "member", &[&person(1).dn()]);
        let (_, run) = rebuild(&circle, 0);
        let _ = run.says("11 of them the directory does not list");
        assert_eq!(circle.sync(5), NOTHING, "{profile}");
        assert_eq!(circle.members("vpn").len(), 12, "{profile}");
    }
}

#[test]
fn groups_that_are_none_of_ours_are_named_and_left_alone() {
    for profile in Profile::NAMES {
        let circle = Circle::new(profile, 3, &vpn_and_staff());
        for (name, external_id) in [("by-hand", None), ("vpn", Some("of-another-system"))] {
            let mut made = json!({"schemas": [GROUP], "displayName": name});
            if let Some(id) = external_id {
                made["externalId"] = id.into();
            }
            assert_eq!(circle.ask("POST", "Groups", Some(&made)).status(), 201, "{profile}");
        }
        let lists = profile != "huawei";
        // Its name is taken, as the next run says too; where nothing can be listed the look-up says it.
        let (_, run) = again(&circle, i32::from(!lists));
        let run = run.says("its externalId is not this group's anchor");
        if lists {
            let _ = run
                .says("2 groups that nobody in the directory matches")
                .says("by-hand")
                .says(&counted("without group", 2, ""));
        }
        drop(circle.sync(1));
        assert_eq!(circle.members("by-hand"), NOTHING, "{profile}");
        assert_eq!(circle.members("vpn"), NOTHING, "{profile}");
        assert_eq!(circle.members("staff"), uids(&[1, 2, 3]), "{profile}");
    }
}

#[test]
fn an_interrupted_rebuild_goes_on_with_the_groups() {
    let circle = Circle::new("generic", 5, &vpn_and_staff());
    drop(circle.sync(0));
    let before = memory(&circle);
    fs::remove_dir_all(circle.config.state()).unwrap();
    circle.recorder.forget();
    let second = Rule::new("GET", Which::Nth(2), Fault::Hold).target("/Groups/");
    circle.recorder.rule(second);
    let running = Scimward::new(&circle.config).args(&["state", "rebuild"]).spawn();
    circle.recorder.wait_until("the second group", |requests| {
        requests
            .iter()
            .filter(|request| request.target.contains("/Groups/"))
            .count()
            == 2
    });
    assert_eq!(running.kill().code, None);
    circle.recorder.clear_rules();
    circle.recorder.release();
    let (_, run) = again(&circle, 0);
    let _ = run.says("had settled all people").says(&counted("members", 8, ""));
    let users = circle.recorder.requests();
    assert!(
        users.iter().all(|request| request.target.contains("/Groups")),
        "the people are not asked for again: {users:#?}"
    );
    assert_eq!(memory(&circle), before);
    circle.is_in_step();
}

#[test]
fn people_who_are_not_asked_about_are_put_in_again() {
    let circle = Circle::new("aws", 6, &vpn_and_staff()).set("audit", "max_requests", "2");
    drop(circle.sync(0));
    put_in(&circle, "vpn", "u00006");
    let (asked, run) = rebuild(&circle, 0);
    assert_eq!(asked.len(), 1 + 1 + 2, "{asked:?}");
    let _ = run.says("2 people were asked about").says("4 people it is not known");
    let sent = circle.sync(0);
    assert!(sent.iter().all(|line| line.starts_with("PATCH ")), "{sent:?}");
    assert_eq!(circle.members("staff"), uids(&[1, 2, 3, 4, 5]));
    circle.sync(0);
    circle.is_in_step();
}

#[test]
fn groups_in_groups_are_members_again() {
    let nested = format!(
        "dn: cn=all,{GROUPS}\nobjectClass: groupOfNames\ncn: all\nmember: {}\nmember: {}\n\n",
        group_dn("vpn"),
        person(4).dn()
    );
    let circle = Circle::new("generic", 5, &[vpn_and_staff(), nested].concat()).set("groups", "nested", "\"push\"");
    drop(circle.sync(0));
    assert_eq!(circle.members("all"), ["u00004", "vpn"]);
    let before = memory(&circle);
    drop(rebuild(&circle, 0));
    assert_eq!(memory(&circle), before);
    circle.is_in_step();
}

#[test]
fn a_group_read_that_is_not_complete_rebuilds_nothing() {
    let circle = Circle::new("generic", 2, &group("vpn", &people(&[1]))).set(
        "groups",
        "base",
        "[\"ou=groups,dc=example,dc=com\", \"ou=nowhere,dc=example,dc=com\"]",
    );
    let (asked, _) = again(&circle, 3);
    assert_eq!(asked, NOTHING);
}

#[test]
fn servers_that_are_not_ours_tell_all_of_it() {
    on_both(|kind: Kind| {
        let skeleton = format!("dn: {GROUPS}\nobjectClass: organizationalUnit\nou: groups\n\n");
        let ldif = format!("{}{skeleton}{}", folk::ldif(6), vpn_and_staff());
        let world = World::new(kind, Slapd::with_ldif(&ldif)).set_text("groups", "base", GROUPS);
        drop(world.sync(0));
        fs::remove_dir_all(world.config.state()).unwrap();
        let run = world.run(&["state", "rebuild"]).expect(0);
        let _ = run.says(&counted("linked", 2, "")).says(&counted("members", 8, ""));
        assert_eq!(world.sync(0), NOTHING, "{kind:?}");
        // Somebody leaves while the state is lost again.
        fs::remove_dir_all(world.config.state()).unwrap();
        world.slapd.replace(
            &group_dn("staff"),
            "member",
            &[&person(1).dn(), &person(2).dn(), &person(3).dn(), &person(4).dn()],
        );
        let _ = world.run(&["state", "rebuild"]).expect(0);
        assert_eq!(world.sync(0).len(), 1, "{kind:?}");
        assert_eq!(world.sync(0), NOTHING, "{kind:?}");
    });
}

#[test]
fn a_list_that_proves_nothing_is_followed_by_look_ups() {
    for profile in TELL_MEMBERS {
        let circle = Circle::new(profile, 5, &vpn_and_staff());
        drop(circle.sync(0));
        let before = memory(&circle);
        // Something in between refuses lists.
        for paging in ["Groups?startIndex", "Groups?cursor"] {
            let refused = Rule::new("GET", Which::From(1), Fault::Answer(400)).target(paging);
            circle.recorder.rule(refused);
        }
        let (_, run) = rebuild(&circle, 0);
        let _ = run
            .says("the groups could not all be listed")
            .says(&counted("linked", 2, ""));
        assert_eq!(memory(&circle), before, "{profile}");
    }
}

#[test]
fn a_group_with_our_external_id_goes_before_one_of_the_name_and_of_two_neither_is_taken() {
    let circle = Circle::new("generic", 3, &vpn_and_staff()).set("scim", "adopt", "\"unowned\"");
    drop(circle.sync(0));
    rename(&circle, "vpn", "elsewhere");
    let namesake = json!({"schemas": [GROUP], "displayName": "VPN"});
    assert_eq!(circle.ask("POST", "Groups", Some(&namesake)).status(), 201);
    let staff = circle
        .ask("GET", &format!("Groups/{}", circle.id("staff")), None)
        .json();
    let twin = json!({"schemas": [GROUP], "displayName": "twin", "externalId": staff["externalId"]});
    assert_eq!(circle.ask("POST", "Groups", Some(&twin)).status(), 201);
    let id = circle.id("elsewhere");
    let (_, run) = rebuild(&circle, 1);
    let _ = run
        .says("several groups carry this group's externalId or name")
        .says("1 group that nobody in the directory matches")
        .says("the group of that name has another one, with its externalId")
        .says(&counted(
            "linked",
            1,
            "1 of them hold something else; the next run brings them in step",
        ));
    drop(circle.run(&["--sync-now"]));
    assert_eq!(circle.id("vpn"), id);
    assert_eq!(circle.members("vpn"), uids(&[1, 2, 3]));
    assert_eq!(circle.members("VPN"), NOTHING);
}

fn rename(circle: &Circle, group: &str, name: &str) {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "displayName", "value": name}],
    });
    let answer = circle.ask("PATCH", &format!("Groups/{}", circle.id(group)), Some(&body));
    assert!((200..300).contains(&answer.status()), "{}", answer.status());
}

#[test]
fn a_group_of_which_nothing_is_told_is_not_linked_and_does_not_stop_the_others() {
    for (profile, target, nth) in [("generic", "/Groups/", 1), ("aws", "members.value", 2)] {
        let circle = Circle::new(profile, 5, &vpn_and_staff());
        drop(circle.sync(0));
        let before = circle.groups();
        circle
            .recorder
            .rule(Rule::new("GET", Which::Nth(nth), Fault::AnswerPage(404, "<html>")).target(target));
        let (_, run) = rebuild(&circle, i32::from(profile == "generic"));
        let _ = match profile {
            "aws" => run.says("of 1 person it is not known"),
            _ => run.says(&counted("unclear", 1, "not linked")),
        };
        circle.recorder.clear_rules();
        drop(circle.sync(0));
        assert_eq!((circle.groups(), circle.groups_made()), (before, 2), "{profile}");
        circle.sync(0);
        circle.is_in_step();
    }
}

#[test]
fn a_token_that_is_refused_ends_it_and_the_next_one_goes_on() {
    for profile in TELL_MEMBERS {
        let circle = Circle::new(profile, 5, &vpn_and_staff());
        drop(circle.sync(0));
        let before = memory(&circle);
        let target = if profile == "aws" { "members.value" } else { "/Groups/" };
        circle
            .recorder
            .rule(Rule::new("GET", Which::Nth(2), Fault::Answer(401)).target(target));
        let (_, run) = rebuild(&circle, 4);
        let _ = run
            .says("The rebuild was interrupted")
            .says("To go on: scimward state rebuild");
        circle.recorder.clear_rules();
        drop(again(&circle, 0));
        assert_eq!(memory(&circle), before, "{profile}");
        circle.is_in_step();
    }
}
