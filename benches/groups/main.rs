//! Cycles with groups: what many memberships, or one large group, cost.
//!
//! ```text
//! cargo bench --bench groups -- [people [groups [members of each]]]      20,000, 10,000 and 100 unless given
//! cargo bench --bench groups -- 50000 1 50000
//! ```
//!
//! Needs slapd and ldap-utils.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that cannot be made ends at once"
)]

#[path = "../cycle/sink.rs"]
#[expect(dead_code, reason = "the other measurement uses the rest")]
mod sink;
#[path = "../cycle/usage.rs"]
mod usage;

#[path = "../../tests/support/mod.rs"]
mod support;

use std::{
    fs::{self, File},
    process::{Command, Stdio},
};

use sink::Sink;
use support::{
    circle::{GROUPS, group, group_dn},
    config::Config,
    people::{self, person},
    scimward,
    slapd::Slapd,
};

/// Requests in flight.
const CONCURRENCY: usize = 32;

fn main() {
    // `cargo bench` adds `--bench`.
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let number = |at: usize, default| numbers.get(at).copied().unwrap_or(default);
    let (people, groups, members) = (number(0, 20_000), number(1, 10_000), number(2, 100));
    assert!(members < people || groups == 1, "a group has each person once");
    println!(
        "{people} people, {groups} groups of {members}: {} memberships\n",
        groups * members
    );
    println!(
        "{:32} {:>8} {:>8} {:>8} {:>9} {:>9}",
        "", "wall s", "user s", "sys s", "peak MiB", "requests"
    );
    let slapd = Slapd::with_ldif(&ldif(people, groups, members));
    let sink = Sink::start();
    // A profile in which a group is created without a look-up, which the sink could not answer.
    let config = Config::new(&slapd.url(), &sink.endpoint())
        .set_text("scim", "profile", "huawei")
        .set_text("groups", "base", GROUPS)
        .set("ldap", "page_size", "1000")
        .set("scim", "rate_per_s", "10000")
        .set("scim", "concurrency", &CONCURRENCY.to_string());
    cycle("first sync", &config, &sink);
    assert_eq!(cycle("no-change cycle", &config, &sink), 0, "nothing has changed");
    let leaver = person(1).dn();
    slapd.modify(&format!(
        "dn: {}\nchangetype: modify\ndelete: member\nmember: {leaver}\n-\n",
        group_dn("g0")
    ));
    assert_eq!(cycle("one member less", &config, &sink), 1, "one request");
}

/// The members of one group stand side by side among the people, those of the next one after them.
fn ldif(people: usize, groups: usize, members: usize) -> String {
    let mut ldif = people::ldif(people);
    ldif += &format!("dn: {GROUPS}\nobjectClass: organizationalUnit\nou: groups\n\n");
    for at in 0..groups {
        let numbers = (0..members).map(|place| (at * members + place) % people + 1);
        let dns: Vec<String> = numbers.map(|number| person(number).dn()).collect();
        ldif += &group(&format!("g{at}"), &dns);
    }
    ldif
}

/// One cycle of the program; returns how many requests it made.
fn cycle(name: &str, config: &Config, sink: &Sink) -> u64 {
    sink.forget();
    let log = config.folder().join("log");
    let mut command = Command::new(scimward::program());
    command
        .arg("--sync-now")
        .arg("--config")
        .arg(config.write())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap());
    let usage = usage::of(&mut command);
    let said = fs::read_to_string(&log).unwrap_or_default();
    assert_eq!(usage.code, Some(0), "{}", said.lines().last().unwrap_or_default());
    let requests = sink.seen().requests;
    println!(
        "{name:32} {:8.2} {:8.2} {:8.2} {:9.0} {requests:9}",
        usage.wall.as_secs_f64(),
        usage.user.as_secs_f64(),
        usage.system.as_secs_f64(),
        usage.peak_kib as f64 / 1024.0
    );
    requests
}
