//! A cloud that fails, and a program that is killed, in the middle of it all.

use std::thread;

use scimward::profile::Profile;

use crate::support::{
    circle::{Circle, group, group_dn, people, uids},
    people::person,
    recorder::{Fault, Rule, Which},
    wait_for,
};

/// Three groups; then somebody new, a rename, changes of members, a group that left.
fn ldif() -> String {
    [
        group("vpn", &people(&[1, 2, 3])),
        group("staff", &people(&[1, 2, 3, 4])),
        group("old", &people(&[4])),
    ]
    .concat()
}

fn change(circle: &Circle) {
    circle.slapd.modify(&person(5).ldif());
    circle.slapd.rename(&group_dn("vpn"), "cn=vpn-2", None);
    let now = people(&[3, 4, 5]);
    let now: Vec<&str> = now.iter().map(String::as_str).collect();
    circle.slapd.replace(&group_dn("vpn-2"), "member", &now);
    circle.slapd.delete(&group_dn("old"));
    circle.slapd.modify(&group("new", &people(&[1, 5])));
}

/// Runs until all is done: who failed is tried again when something about the run says so.
#[track_caller]
fn settled(circle: &Circle, after: &str) {
    let mut codes = Vec::new();
    loop {
        circle.recorder.forget();
        let code = circle.run(&["--sync-now"]).code;
        codes.push(code);
        if code == Some(0) && circle.recorder.count() == 0 {
            return;
        }
        assert!(
            codes.len() < 6,
            "{after}: {codes:?}\n{}{}",
            circle.recorder.log(),
            circle.run(&["state", "export"]).everything()
        );
    }
}

#[track_caller]
fn is_right(circle: &Circle, after: &str) {
    let groups = circle.groups();
    assert_eq!(groups["vpn-2"], uids(&[3, 4, 5]), "{after}");
    assert_eq!(groups["staff"], uids(&[1, 2, 3, 4]), "{after}");
    assert_eq!(groups["new"], uids(&[1, 5]), "{after}");
    assert_eq!(groups.get("old"), None, "{after}");
    assert_eq!(groups.len(), 3, "{after}");
    assert_eq!(circle.groups_made(), 4, "{after}: none was made twice");
    assert!(circle.cloud.look(|cloud| cloud.duplicates()).is_empty(), "{after}");
}

fn circle(profile: &str, faults: &[&str]) -> Circle {
    Circle::with_faults(profile, 4, &ldif(), faults)
        .set("groups", "gone", "\"delete\"")
        .set("groups", "delete_after_days", "0")
}

const FAULTS: [&str; 5] = [
    "status=500,after-effect",
    "reset=after",
    "reset=before",
    "status=429,retry-after=0",
    "truncate",
];

#[test]
fn whatever_fails_in_the_middle_the_end_is_right() {
    // Side by side: most of the time is pauses.
    thread::scope(|scope| {
        for profile in Profile::NAMES {
            for fault in FAULTS {
                scope.spawn(move || fails_and_recovers(profile, fault));
            }
        }
    });
}

fn fails_and_recovers(profile: &str, fault: &str) {
    let after = format!("{profile} {fault}");
    let rules = [2, 5, 8, 12, 15].map(|nth| format!("{fault},path=/Groups,nth={nth}"));
    let circle = circle(profile, &rules.each_ref().map(String::as_str)).set("scim", "max_tries", "5");
    drop(circle.run(&["--sync-now"]));
    change(&circle);
    settled(&circle, &after);
    is_right(&circle, &after);
}

/// Kills a run at its request `number`; false when it has fewer.
fn killed_at(profile: &str, number: usize, fault: Fault) -> bool {
    let after = format!("{profile} {number} {fault:?}");
    let circle = circle(profile, &[]);
    drop(circle.sync(0));
    change(&circle);
    circle.recorder.rule(Rule::new("", Which::Nth(number), fault));
    let running = circle.start_sync();
    let reached = wait_for("the request, or the end", || {
        let ended = running.ended();
        (circle.recorder.count() >= number)
            .then_some(true)
            .or(ended.then_some(false))
    });
    if !reached {
        drop(running.wait().expect(0));
        return false;
    }
    assert_eq!(running.kill().code, None, "{after}");
    circle.recorder.clear_rules();
    wait_for("the cloud is at rest", || {
        circle.recorder.release();
        let requests = circle.recorder.requests();
        requests.iter().all(|request| request.status.is_some()).then_some(())
    });
    drop(circle.sync(0));
    is_right(&circle, &after);
    circle.is_in_step();
    true
}

#[test]
fn kill_at_any_request() {
    for profile in ["generic", "huawei"] {
        for fault in [Fault::Hold, Fault::HoldAfterEffect] {
            let requests = (1..)
                .take_while(|number| killed_at(profile, *number, fault.clone()))
                .count();
            assert!(requests >= 6, "{profile}: {requests}");
        }
    }
}
