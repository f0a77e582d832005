//! Whole cycles of the program, measured beside tools that do nothing else: `ldapsearch` for the read,
//! `wrk` for the requests.
//!
//! ```text
//! cargo bench --bench cycle -- [people]        100,000 unless given
//! ```
//!
//! Needs slapd, ldap-utils and wrk. Every figure of a pair is taken in turn with its partner, and the
//! median of each pair's ratios counts, so that a busy machine slows both.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that cannot be made ends at once"
)]

mod sink;
mod usage;
mod wrk;

#[path = "../../tests/support/mod.rs"]
mod support;

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use sink::Sink;
use support::{
    config::Config,
    people::person,
    scimward,
    slapd::{PASSWORD, Slapd},
};
use usage::Usage;

/// Operations in flight, and connections of `wrk`.
const CONCURRENCY: usize = 32;
/// Runs of each tool for the read.
const READS: usize = 7;
/// Runs of each tool for the first sync.
const PUSHES: usize = 3;
/// Above this only memory is of interest, and one run of each has to do.
const LARGE: usize = 500_000;
/// An answer of a service provider close by.
const CLOSE_BY: Duration = Duration::from_millis(5);

fn main() {
    // `cargo bench` adds `--bench`.
    let people = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let people: usize = people.unwrap_or(100_000);
    let bench = Bench::new(people);
    println!("{people} people, concurrency {CONCURRENCY}\n");
    println!(
        "{:44} {:>8} {:>8} {:>8} {:>9} {:>9}",
        "", "wall s", "user s", "sys s", "peak MiB", "requests"
    );
    bench.first_sync();
    bench.no_change();
    bench.churn();
}

struct Bench {
    people: usize,
    slapd: Slapd,
    sink: Sink,
    config: Config,
}

impl Bench {
    fn new(people: usize) -> Self {
        let slapd = Slapd::with_people(people);
        let sink = Sink::start();
        let config = Config::new(&slapd.url(), &sink.endpoint())
            .set("ldap", "page_size", "1000")
            .set("scim", "rate_per_s", "10000")
            .set("scim", "concurrency", &CONCURRENCY.to_string());
        Self {
            people,
            slapd,
            sink,
            config,
        }
    }

    /// One cycle of the program, its log in a file as a service's would be.
    fn cycle(&self) -> (Usage, sink::Seen) {
        self.sink.forget();
        let log = self.config.folder().join("log");
        let mut command = Command::new(scimward::program());
        command
            .arg("--sync-now")
            .arg("--config")
            .arg(self.config.write())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap());
        let usage = usage::of(&mut command);
        assert_eq!(usage.code, Some(0), "{}", tail(&log));
        (usage, self.sink.seen())
    }

    /// Into an empty state, beside `wrk` with the same bodies.
    fn first_sync(&self) {
        let (mut ratios, mut runs) = (Vec::new(), Vec::new());
        let pushes = if self.people >= LARGE { 1 } else { PUSHES };
        for round in 0..pushes {
            let _ = fs::remove_dir_all(self.config.state());
            self.sink.keep_bodies(round == 0 && self.people < LARGE);
            let (usage, seen) = self.cycle();
            assert_eq!(seen.requests, self.people as u64);
            if self.people < LARGE {
                let bodies = self.sink.bodies();
                self.sink.keep_bodies(false);
                let wrk_per_s = wrk::requests_per_s(&self.sink, bodies, CONCURRENCY, self.config.folder());
                ratios.push([seen.per_s() / wrk_per_s, wrk_per_s]);
            }
            runs.push((usage, seen));
        }
        runs.sort_by_key(|(usage, _)| usage.wall);
        let (usage, seen) = &runs[runs.len() / 2];
        row("first sync", usage, seen.requests);
        let whole_per_s = self.people as f64 / usage.wall.as_secs_f64();
        println!(
            "    requests/s: {:.0} while pushing, {whole_per_s:.0} over the whole process",
            seen.per_s()
        );
        if ratios.is_empty() {
            return;
        }
        let (ratio, wrk_per_s) = (median(ratios.iter().map(|r| r[0])), median(ratios.iter().map(|r| r[1])));
        println!("    wrk, same bodies: {wrk_per_s:.0} requests/s; ratio {ratio:.2} (aim: 0.85 or more)");
        let _ = fs::remove_dir_all(self.config.state());
        self.sink.answer_after(CLOSE_BY);
        let (usage, seen) = self.cycle();
        let wrk_per_s = wrk::requests_per_s(&self.sink, self.sink.bodies(), CONCURRENCY, self.config.folder());
        self.sink.answer_after(Duration::ZERO);
        row("first sync, answers after 5 ms", &usage, seen.requests);
        println!(
            "    requests/s: {:.0} while pushing; wrk {wrk_per_s:.0}; ratio {:.2}",
            seen.per_s(),
            seen.per_s() / wrk_per_s
        );
    }

    /// Nothing has changed, beside `ldapsearch` with the same account, base, filter and attributes.
    fn no_change(&self) {
        let search = self.ldapsearch();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let reads = if self.people >= LARGE { 1 } else { READS };
        for _ in 0..reads {
            let (usage, seen) = self.cycle();
            assert_eq!(seen.requests, 0, "nothing has changed");
            ours.push(usage);
            theirs.push(usage::of(
                Command::new("sh")
                    .args(["-c", &search])
                    .stdin(Stdio::null())
                    .stdout(Stdio::null()),
            ));
            assert_eq!(theirs.last().and_then(|usage| usage.code), Some(0), "{search}");
        }
        let ratio = median(
            ours.iter()
                .zip(&theirs)
                .map(|(a, b)| a.wall.as_secs_f64() / b.wall.as_secs_f64()),
        );
        for (name, runs) in [("no-change cycle", &mut ours), ("ldapsearch, same search", &mut theirs)] {
            runs.sort_by_key(|usage| usage.wall);
            row(name, &runs[runs.len() / 2], 0);
        }
        println!("    ratio {ratio:.2} (aim: 1.00 or less)");
    }

    /// The search that the program says it makes, as a command for a shell.
    fn ldapsearch(&self) -> String {
        let output = Command::new(scimward::program())
            .args(["--dry-run", "-v", "--config"])
            .arg(self.config.write())
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        let command = log
            .lines()
            .find_map(|line| line.split_once("ldapsearch ").map(|(_, rest)| rest))
            .unwrap_or_else(|| panic!("no search in the log:\n{log}"));
        let command = command.trim_end_matches('"').replace("\\\"", "\"");
        format!(
            "exec ldapsearch {}",
            command.replacen("-W", &format!("-w {PASSWORD}"), 1)
        )
    }

    /// One in a hundred has another title.
    fn churn(&self) {
        let changed = self.people / 100;
        let ldif: String = (1..=changed)
            .map(|n| {
                let dn = person(n * 100).dn();
                format!("dn: {dn}\nchangetype: modify\nreplace: title\ntitle: Moved\n-\n\n")
            })
            .collect();
        self.slapd.modify(&ldif);
        let (usage, seen) = self.cycle();
        assert_eq!(seen.requests, changed as u64);
        row(&format!("{changed} people changed"), &usage, seen.requests);
        let (_, seen) = self.cycle();
        assert_eq!(seen.requests, 0, "nothing has changed since");
    }
}

fn row(name: &str, usage: &Usage, requests: u64) {
    println!(
        "{name:44} {:8.2} {:8.2} {:8.2} {:9.0} {requests:9}",
        usage.wall.as_secs_f64(),
        usage.user.as_secs_f64(),
        usage.system.as_secs_f64(),
        usage.peak_kib as f64 / 1024.0
    );
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().rev().take(20).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
