//! Groups of some size: chunks, and what a lost one costs.

use crate::support::{
    circle::{Circle, group, group_dn, people},
    people::person,
    recorder::{Fault, Rule, Which},
};

const MEMBERS: usize = 5_000;

#[test]
fn five_thousand_members_go_in_chunks() {
    let numbers: Vec<usize> = (1..=MEMBERS).collect();
    let circle = Circle::new("huawei", MEMBERS, &group("all", &people(&numbers)))
        .set("scim", "concurrency", "8")
        .set("scim", "rate_per_s", "10000")
        .set("ldap", "page_size", "1000");
    // One chunk gets lost: it is repeated, and no other.
    let lost = Rule::new("PATCH", Which::Nth(7), Fault::ResetAfterEffect).target("/Groups");
    circle.recorder.rule(lost);
    let sent = circle.sync(0);
    let chunks: Vec<&String> = sent.iter().filter(|line| line.starts_with("PATCH all")).collect();
    assert_eq!(chunks.len(), MEMBERS / 100 + 1);
    assert!(chunks.iter().all(|chunk| chunk.matches('+').count() == 100));
    assert_eq!(circle.members("all").len(), MEMBERS);
    circle.is_in_step();
    let gone = format!(
        "dn: {}\nchangetype: modify\ndelete: member\nmember: {}\n-\n",
        group_dn("all"),
        person(4_321).dn()
    );
    circle.slapd.modify(&gone);
    assert_eq!(circle.sync(0), ["PATCH all -u04321"]);
}
