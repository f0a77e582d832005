//! The program as a daemon: when it runs, how it stops, what survives, what it refuses.
#![cfg(test)]

mod support;

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt};

use rustix::process::Signal;
use serde_json::Value;
use support::{
    config::Config,
    pair::{EVERY_SECOND, NEVER, Pair},
    people::person,
    recorder::{Fault, Recorded, Rule, Which},
    scimward::{Run, Scimward},
    service_manager::ServiceManager,
};

/// What ends a cycle in the log.
const ENDED: &str = "cycle ended";

/// Method and target of each request, users' ids taken out.
fn requests(pair: &Pair) -> Vec<String> {
    let plain = |request: &Recorded| match request.target.split_once("/Users/") {
        Some((_, _)) => format!("{} user", request.method),
        None => format!("{} {}", request.method, request.target.rsplit('/').next().unwrap()),
    };
    pair.recorder.requests().iter().map(plain).collect()
}

fn answered(requests: &[Recorded], method: &str) -> usize {
    requests
        .iter()
        .filter(|request| request.method == method && request.status.is_some())
        .count()
}

fn status(config: &Config) -> Value {
    let run = Scimward::new(config).args(&["status", "--json"]).run().expect(0);
    serde_json::from_str(&run.stdout).unwrap()
}

/// Outcome and exit code of every cycle that is remembered, oldest first.
fn cycles(config: &Config) -> Vec<(String, i64)> {
    let status = status(config);
    let cycles = status["cycles"].as_array().unwrap().iter().rev();
    let cycle = |cycle: &Value| {
        (
            cycle["outcome"].as_str().unwrap().to_owned(),
            cycle["exitCode"].as_i64().unwrap(),
        )
    };
    cycles.map(cycle).collect()
}

/// Everybody in the cloud, each once, with the anchor of the person.
fn assert_in_step(pair: &Pair, people: usize) {
    let users = pair.cloud.users();
    let names: BTreeSet<&str> = users.iter().filter_map(|user| user["userName"].as_str()).collect();
    let anchors: BTreeSet<&str> = users.iter().filter_map(|user| user["externalId"].as_str()).collect();
    assert_eq!((users.len(), names.len(), anchors.len()), (people, people, people));
}

fn sync_now(config: &Config) -> Run {
    Scimward::new(config).args(&["--sync-now"]).run()
}

#[test]
fn one_cycle_at_the_start_in_a_private_folder_and_none_before_its_time() {
    let pair = Pair::with_people(3);
    let config = pair.daemon(NEVER, true);
    let daemon = Scimward::new(&config).spawn();
    daemon.wait_said(ENDED);
    assert_eq!(requests(&pair), ["POST Users"; 3]);
    assert_in_step(&pair, 3);
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(config.state()), 0o700);
    assert_eq!(mode(config.state().join("control.sock")), 0o600);
    daemon.signal(Signal::TERM);
    let run = daemon.wait().expect(0);
    assert_eq!(run.stderr.matches(ENDED).count(), 1, "{}", run.everything());
    assert!(!config.state().join("control.sock").exists());

    let lazy = pair.daemon(NEVER, false);
    let daemon = Scimward::new(&lazy).spawn();
    daemon.wait_said("the daemon is ready");
    assert_eq!(cycles(&lazy), []);
    daemon.signal(Signal::INT);
    let run = daemon.wait().expect(0);
    assert_eq!(run.stderr.matches(ENDED).count(), 0, "{}", run.everything());
}

#[test]
fn a_schedule_of_every_second_runs_again_and_again_and_sends_only_changes() {
    let pair = Pair::with_people(3);
    let config = pair.daemon(EVERY_SECOND, false);
    let daemon = Scimward::new(&config).spawn();
    daemon.wait_said_times(ENDED, 2);
    assert_eq!(requests(&pair), ["POST Users"; 3]);
    pair.recorder.forget();
    pair.slapd.replace(&person(2).dn(), "title", &["Lighthouse Keeper"]);
    pair.recorder
        .wait_until("the change", |requests| requests.iter().any(|r| r.status.is_some()));
    let seen = daemon.times_said(ENDED);
    daemon.wait_said_times(ENDED, seen + 3);
    daemon.signal(Signal::TERM);
    let _ = daemon.wait().expect(0).says_not("failed");
    assert_eq!(requests(&pair), ["PATCH user"]);
    let keeper = pair.cloud.user(&person(2).uid).unwrap();
    assert_eq!(keeper["title"], "Lighthouse Keeper");
}

/// Times that come during a run are skipped and counted. The schedule is changed to one that never
/// comes before the run may end: whatever runs after it would have been queued.
#[test]
fn a_time_that_comes_during_a_run_is_skipped_counted_and_never_queued() {
    let pair = Pair::with_people(1);
    pair.recorder.rule(Rule::new("POST", Which::Nth(1), Fault::Hold));
    let config = pair.daemon(EVERY_SECOND, false);
    let daemon = Scimward::new(&config).spawn();
    daemon.wait_said_times("skipped: the last cycle has not ended", 2);
    let told = status(&config)["daemon"].take();
    assert!(
        told["skipped"].as_u64() >= Some(2) && told["runningSince"].is_string(),
        "{told}"
    );
    let config = config.set_text("schedule", "cron", NEVER);
    config.write();
    daemon.signal(Signal::HUP);
    daemon.wait_said("configuration read again");
    pair.recorder.release();
    daemon.wait_said(ENDED);
    let _ = sync_now(&config).expect(0);
    assert_eq!(cycles(&config).len(), 2);
    assert_eq!(requests(&pair), ["POST Users"]);
    daemon.signal(Signal::TERM);
    let _ = daemon.wait().expect(0);
}

/// Forty people, four requests at a time; the four that are in hand when the signal comes are
/// answered, remembered, and nothing is sent after them.
#[test]
fn leaving_in_the_middle_of_a_first_sync_finishes_what_is_in_hand() {
    let pair = Pair::with_people(40);
    let config = pair.daemon(NEVER, true).set("scim", "concurrency", "4");
    pair.recorder
        .rule(Rule::new("POST", Which::From(11), Fault::HoldAfterEffect));
    let manager = ServiceManager::start();
    let daemon = manager.of(Scimward::new(&config)).spawn();
    pair.recorder
        .wait_until("four in hand", |all| all.len() == 14 && answered(all, "POST") == 10);
    daemon.signal(Signal::TERM);
    manager.wait_for("STOPPING=1");
    pair.recorder.release();
    let run = daemon.wait().expect(0);
    assert!(
        run.stderr.contains("26 operations were not tried"),
        "{}",
        run.everything()
    );
    assert_eq!(run.stderr.matches("action=create").count(), 14, "{}", run.everything());
    assert_eq!(requests(&pair), ["POST Users"; 14]);

    pair.recorder.clear_rules();
    pair.recorder.forget();
    let _ = sync_now(&config).expect(0);
    assert_eq!(requests(&pair), ["POST Users"; 26]);
    assert_in_step(&pair, 40);
}

/// The answer of a create is lost, and the signal comes before it could be looked up: the next run
/// asks before it posts, although this one ended in good order.
#[test]
fn a_create_in_doubt_when_leaving_is_looked_up_by_the_next_run() {
    let pair = Pair::with_people(1);
    let config = pair.daemon(NEVER, true).set_text("scim", "adopt", "never");
    let recorder = &pair.recorder;
    recorder.rule(Rule::new("POST", Which::Nth(1), Fault::ResetAfterEffect));
    recorder.rule(Rule::new(
        "GET",
        Which::From(1),
        Fault::AnswerWith(503, "Retry-After", "60".to_owned()),
    ));
    let daemon = Scimward::new(&config).spawn();
    daemon.wait_said("asked for a pause");
    daemon.signal(Signal::TERM);
    let _ = daemon.wait().expect(0).says("1 operation was not tried");
    assert_eq!(recorder.count_of("POST"), 1);

    recorder.clear_rules();
    recorder.forget();
    let _ = sync_now(&config).expect(0);
    assert_eq!(recorder.requests()[0].method, "GET", "{}", recorder.log());
    assert_eq!(recorder.count_of("POST"), 0, "{}", recorder.log());
    assert_in_step(&pair, 1);
}

#[test]
fn a_second_signal_leaves_at_once_and_the_next_run_makes_nobody_twice() {
    let pair = Pair::with_people(20);
    let config = pair.daemon(NEVER, true).set("scim", "concurrency", "4");
    pair.recorder
        .rule(Rule::new("POST", Which::From(11), Fault::HoldAfterEffect));
    let daemon = Scimward::new(&config).spawn();
    pair.recorder.wait_until("four in hand", |all| all.len() == 14);
    daemon.signal(Signal::TERM);
    daemon.wait_said("a second one leaves at once");
    daemon.signal(Signal::TERM);
    let _ = daemon.wait().expect(143).says("leaving at once");
    pair.recorder.clear_rules();
    pair.recorder.release();

    let _ = sync_now(&config).expect(0);
    assert_in_step(&pair, 20);
}

/// The disk takes nothing more in the middle of a first sync: the run says what it had done, the daemon
/// leaves so that it is started again, and the next one carries on and knows of the run.
#[test]
fn a_disk_that_is_full_ends_the_daemon_with_the_truth() {
    let pair = Pair::with_people(20);
    let config = pair.daemon(NEVER, true).set("scim", "concurrency", "1");
    pair.recorder.rule(Rule::new("POST", Which::Nth(11), Fault::Hold));
    // The signal would kill it before the write could fail.
    let daemon = Scimward::new(&config).after("trap '' XFSZ").spawn();
    pair.recorder.wait_until("the eleventh", |all| all.len() == 11);
    let no_growth = rustix::process::Rlimit {
        current: Some(4096),
        maximum: Some(4096),
    };
    let pid = rustix::process::Pid::from_raw(daemon.id().cast_signed());
    rustix::process::prlimit(pid, rustix::process::Resource::Fsize, no_growth).unwrap();
    pair.recorder.release();
    let run = daemon
        .wait()
        .expect(1)
        .says("File too large (os error 27)")
        .says("of 20 operations had been carried out")
        .says("20 entries read, ")
        .says_not("0 requests sent")
        .says_not("Os {");
    let last = run.stderr.lines().last().unwrap();
    assert!(
        last.contains("ERROR") && last.contains("leaving, to be started again"),
        "{last}"
    );

    let lazy = config.set("schedule", "run_at_start", "false");
    let daemon = Scimward::new(&lazy).spawn();
    daemon.wait_said("the daemon is ready");
    let told = cycles(&lazy);
    assert!(
        told.len() == 1 && told[0].1 == 1 && told[0].0.contains("of 20 operations"),
        "{told:?}"
    );
    let _ = sync_now(&lazy).expect(0);
    assert_eq!(cycles(&lazy)[0], told[0]);
    assert_eq!(cycles(&lazy).len(), 2);
    assert_in_step(&pair, 20);
    daemon.signal(Signal::TERM);
    let _ = daemon.wait().expect(0);
}

/// What a killed daemon leaves behind is in nobody's way: its socket, its lock, its unfinished plan.
#[test]
fn a_daemon_that_was_killed_is_followed_by_another() {
    let pair = Pair::with_people(20);
    let config = pair.daemon(NEVER, true).set("scim", "concurrency", "4");
    pair.recorder
        .rule(Rule::new("POST", Which::From(11), Fault::HoldAfterEffect));
    let daemon = Scimward::new(&config).spawn();
    let killed = daemon.id().to_string();
    pair.recorder.wait_until("four in hand", |all| all.len() == 14);
    let _ = daemon.kill();
    let socket = config.state().join("control.sock");
    let lock = || {
        fs::read_to_string(config.state().join("lock"))
            .unwrap()
            .trim()
            .to_owned()
    };
    assert!(socket.exists() && lock() == killed);
    // Nobody answers there, so a command takes the state itself.
    let _ = Scimward::new(&config).args(&["rejects"]).run().expect(0);
    let told = Scimward::new(&config).args(&["status"]).run().expect(0);
    let _ = told
        .says("no end  never ended: scimward was killed")
        .says("in the middle of 20 operations")
        .says_not("0 requests");
    assert_eq!(status(&config)["cycles"][0]["ended"], Value::Null);
    pair.recorder.clear_rules();
    pair.recorder.release();

    let daemon = Scimward::new(&config).spawn();
    daemon.wait_said(ENDED);
    assert_eq!(lock(), daemon.id().to_string());
    let _ = sync_now(&config).expect(0).says("the daemon holds the state");
    assert_in_step(&pair, 20);
    daemon.signal(Signal::TERM);
    let _ = daemon.wait().expect(0);
}

#[test]
fn a_daemon_needs_a_schedule() {
    let pair = Pair::with_people(1);
    let config = pair.config();
    let _ = Scimward::new(&config)
        .run()
        .expect(2)
        .says("there is no [schedule]")
        .says("--sync-now");
    assert!(!config.state().exists());
    assert_eq!(pair.recorder.count(), 0);
}

#[test]
fn one_state_serves_one_daemon() {
    let pair = Pair::with_people(1);
    let config = pair.daemon(NEVER, true);
    let first = Scimward::new(&config).spawn();
    first.wait_said(ENDED);
    pair.recorder.forget();
    let second = Scimward::new(&config).run();
    let pid = format!("in use by another scimward process (pid {})", first.id());
    let _ = second.expect(1).says(&pid).says_not(ENDED);
    assert_eq!(pair.recorder.count(), 0);
    // The first one is none the worse for it.
    let _ = sync_now(&config).expect(0).says("the daemon holds the state");
    first.signal(Signal::TERM);
    let _ = first.wait().expect(0);
}

#[test]
fn others_may_not_read_the_state() {
    let pair = Pair::with_people(1);
    let config = pair.daemon(NEVER, true);
    fs::create_dir(config.state()).unwrap();
    fs::set_permissions(config.state(), fs::Permissions::from_mode(0o755)).unwrap();
    let way_out = format!("chmod 0700 {}", config.state().display());
    let _ = Scimward::new(&config).run().expect(1).says(&way_out);
    assert_eq!(pair.recorder.count(), 0);
}

/// What would tell who the people are.
fn personal_words(people: usize) -> Vec<String> {
    let words = |number| {
        let person = person(number);
        [
            person.uid.clone(),
            person.mail(),
            person.given_name.to_owned(),
            person.family_name.to_owned(),
        ]
    };
    let mut words: Vec<String> = (1..=people).flat_map(words).collect();
    words.push("ou=people".to_owned());
    words
}

/// Runs a daemon for one cycle over four people, one of whom has a namesake in the cloud that is
/// not ours; returns its log.
fn log_of_a_cycle(arguments: &[&str]) -> (Pair, String) {
    let pair = Pair::with_people(4);
    pair.cloud.create(&serde_json::json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": person(4).uid,
        "externalId": "somebody else",
    }));
    let config = pair.daemon(NEVER, true);
    let daemon = Scimward::new(&config).args(arguments).spawn();
    daemon.wait_said(ENDED);
    daemon.signal(Signal::TERM);
    let run = daemon.wait().expect(0);
    assert_eq!(run.stdout, "");
    (pair, run.stderr)
}

#[test]
fn text_lines_are_one_for_each_operation_and_one_for_each_cycle_and_name_nobody() {
    let (_pair, log) = log_of_a_cycle(&[]);
    for line in log.lines() {
        let mut words = line.split_whitespace();
        let time = words.next().unwrap();
        assert!(time.parse::<chrono::DateTime<chrono::Utc>>().is_ok(), "{line}");
        assert!(["INFO", "WARN"].contains(&words.next().unwrap()), "{line}");
        assert!(words.next().unwrap().starts_with("scimward::"), "{line}");
    }
    let count = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(count(": done action=create anchor="), 3, "{log}");
    assert_eq!(
        count(": failed; scimward rejects says more action=create anchor="),
        1,
        "{log}"
    );
    assert_eq!(count(" why=\"conflict\""), 1, "{log}");
    assert_eq!(count(" action="), 4, "{log}");
    assert_eq!(count(": cycle starts cause=AtStart"), 1, "{log}");
    assert_eq!(
        count(": cycle ended code=1 summary=3 created, 1 failed; 4 entries read, "),
        1,
        "{log}"
    );
    for word in personal_words(4) {
        assert_eq!(count(&word), 0, "{word}: {log}");
    }
}

#[test]
fn json_lines_are_objects_with_the_same() {
    let (pair, log) = log_of_a_cycle(&["--log-format", "json"]);
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let with = |message: &str| {
        lines
            .iter()
            .filter(|line| line["message"] == message)
            .collect::<Vec<_>>()
    };
    let done = with("done");
    assert_eq!(done.len(), 3, "{log}");
    let id_of = |number| pair.cloud.user(&person(number).uid).unwrap()["id"].take();
    for number in 1..=3 {
        let line = done.iter().find(|line| line["id"] == id_of(number)).unwrap();
        assert_eq!((&line["action"], &line["level"]), (&"create".into(), &"INFO".into()));
        assert!(line["anchor"].is_string() && line["timestamp"].is_string());
    }
    let failed = with("failed; scimward rejects says more");
    assert_eq!(failed.len(), 1, "{log}");
    assert_eq!(
        (&failed[0]["why"], &failed[0]["level"]),
        (&"conflict".into(), &"WARN".into())
    );
    let ended = with(ENDED);
    assert_eq!(ended.len(), 1, "{log}");
    assert_eq!(ended[0]["code"], 1);
    for word in personal_words(4) {
        assert!(!log.contains(&word), "{word}: {log}");
    }
}

/// From debug on people have names, and the cloud its own words; secrets stay out at any level.
#[test]
fn debug_lines_name_people_and_no_level_names_secrets() {
    for (level, detail) in [("debug", false), ("trace", true)] {
        let (_pair, log) = log_of_a_cycle(&["--log-level", level]);
        for number in 1..=4 {
            let line = format!("user=\"{}\" dn=\"{}\"", person(number).uid, person(number).dn());
            assert_eq!(log.matches(&line).count(), if number == 4 { 2 } else { 1 }, "{log}");
        }
        assert!(log.contains("is held by"), "{log}");
        // Whole bodies are for trace.
        assert_eq!(log.contains(&person(1).mail()), detail, "{log}");
        for secret in [support::scim_servers::TOKEN, support::slapd::PASSWORD] {
            assert!(!log.contains(secret), "{level}");
        }
    }
}
