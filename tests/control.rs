//! Commands while a daemon holds the state: what it does for them, and what it refuses.
#![cfg(test)]

mod support;

use std::fs;

use rustix::process::Signal;
use serde_json::Value;
use support::{
    config::Config,
    pair::{NEVER, Pair},
    people::person,
    recorder::{Fault, Rule, Which},
    scimward::{Process, Run, Scimward},
};

const ENDED: &str = "cycle ended";
const ASKED: &str = "the daemon holds the state; it is asked for a cycle";

/// A daemon whose first cycle has ended; its requests are forgotten.
fn daemon(pair: &Pair, config: &Config) -> Process {
    let daemon = Scimward::new(config).spawn();
    daemon.wait_said(ENDED);
    pair.recorder.forget();
    daemon
}

fn leave(daemon: Process) -> Run {
    daemon.signal(Signal::TERM);
    daemon.wait().expect(0)
}

fn command(config: &Config, arguments: &[&str]) -> Run {
    Scimward::new(config).args(arguments).run()
}

#[test]
fn a_sync_is_done_by_the_daemon_and_followed_to_its_end_and_exit_code() {
    let pair = Pair::with_people(5);
    let config = pair.daemon(NEVER, true);
    let daemon = daemon(&pair, &config);
    pair.slapd.replace(&person(2).dn(), "title", &["Lighthouse Keeper"]);
    let run = command(&config, &["--sync-now"]).expect(0).says(ASKED);
    let summary = "1 updated; 5 entries read, 1 request sent in ";
    assert!(
        run.stdout.starts_with(summary) && run.stdout.lines().count() == 1,
        "{}",
        run.everything()
    );
    let _ = run.says(&format!("cycle ended code=0 summary={summary}"));
    assert_eq!(pair.recorder.count_of("PATCH"), 1);
    assert_eq!(pair.recorder.count(), 1);

    // The cloud refuses one person: 1, as without a daemon.
    pair.recorder
        .rule(Rule::new("PATCH", Which::From(1), Fault::Answer(400)));
    pair.slapd.replace(&person(3).dn(), "title", &["Refused"]);
    let _ = command(&config, &["--sync-now"]).expect(1).says("1 failed");
    pair.recorder.clear_rules();
    pair.slapd.replace(&person(3).dn(), "title", &["Let In"]);
    let _ = command(&config, &["--sync-now"]).expect(0).says("1 updated");
    // It refuses us: 4.
    pair.recorder
        .rule(Rule::new("PATCH", Which::From(1), Fault::Answer(401)));
    pair.slapd.replace(&person(3).dn(), "title", &["Nobody Knows"]);
    let _ = command(&config, &["--sync-now"]).expect(4);
    let run = leave(daemon);
    assert_eq!(run.stderr.matches(ENDED).count(), 5, "{}", run.everything());
}

/// The directory goes away: 3, and nobody is touched.
#[test]
fn a_sync_without_a_directory_ends_with_its_code() {
    let mut pair = Pair::with_people(2);
    let config = pair.daemon(NEVER, true);
    let daemon = daemon(&pair, &config);
    pair.slapd.stop();
    let _ = command(&config, &["--sync-now"])
        .expect(3)
        .says("cannot reach the directory");
    assert_eq!(pair.recorder.count(), 0);
    let _ = leave(daemon);
}

/// Two ask while a cycle is in progress: both follow it, and share the one after it.
#[test]
fn two_who_ask_during_a_cycle_share_the_next_one() {
    let pair = Pair::with_people(2);
    let config = pair.daemon(NEVER, true);
    pair.recorder.rule(Rule::new("POST", Which::Nth(1), Fault::Hold));
    let daemon = Scimward::new(&config).spawn();
    pair.recorder
        .wait_until("a cycle in progress", |requests| requests.len() == 1);
    let clients = [(); 2].map(|()| Scimward::new(&config).args(&["--sync-now"]).spawn());
    for client in &clients {
        client.wait_said("a cycle is in progress; following it, then running another one");
    }
    pair.recorder.release();
    for client in clients {
        let _ = client
            .wait()
            .expect(0)
            .says("nothing changed; 2 entries read, 0 requests sent");
    }
    assert_eq!(pair.recorder.count_of("POST"), 2);
    assert_eq!(pair.recorder.count(), 2);
    let run = leave(daemon);
    assert_eq!(run.stderr.matches(ENDED).count(), 2, "{}", run.everything());
}

/// Whoever follows may leave; the cycle goes on. Whoever still waits when the daemon leaves is told.
#[test]
fn a_cycle_outlives_those_who_follow_it_but_not_the_daemon() {
    let pair = Pair::with_people(3);
    let config = pair.daemon(NEVER, false);
    pair.recorder.rule(Rule::new("POST", Which::Nth(1), Fault::Hold));
    let daemon = Scimward::new(&config).spawn();
    daemon.wait_said("the daemon is ready");
    let client = Scimward::new(&config).args(&["--sync-now"]).spawn();
    pair.recorder
        .wait_until("a cycle in progress", |requests| requests.len() == 1);
    let _ = client.kill();
    let second = Scimward::new(&config).args(&["--sync-now"]).spawn();
    second.wait_said("a cycle is in progress");
    daemon.signal(Signal::TERM);
    daemon.wait_said("stopping: the cycle in progress");
    pair.recorder.release();
    let _ = second
        .wait()
        .expect(143)
        .says("the daemon left before the cycle had ended");
    let run = daemon.wait().expect(0);
    assert_eq!(run.stderr.matches(ENDED).count(), 1, "{}", run.everything());
    assert_eq!(pair.recorder.count_of("POST"), 1);
}

/// Every command answers from the daemon, also during a cycle, and none of them writes to the cloud.
#[test]
fn questions_are_answered_by_the_daemon_also_during_a_cycle() {
    let pair = Pair::with_people(4);
    let config = pair.daemon(NEVER, true);
    let daemon = daemon(&pair, &config);
    pair.slapd.replace(&person(2).dn(), "title", &["Lighthouse Keeper"]);
    pair.slapd.replace(&person(3).dn(), "title", &["Ferryman"]);
    let questions = || {
        let run = command(&config, &["--dry-run", "--exit-code"]).expect(10);
        assert!(run.stdout.contains("Ferryman"), "{}", run.everything());
        let run = command(&config, &["--dry-run", "--format", "json"]).expect(0);
        let plan: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(plan["format"], "scimward-dry-run");
        let file = config.folder().join("plan.json");
        let arguments = ["--dry-run", "--format", "json", "--output", &file.display().to_string()];
        assert_eq!(command(&config, &arguments).expect(0).stdout, "");
        let plan: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(plan["format"], "scimward-dry-run");

        let run = command(&config, &["explain", &person(3).uid]).expect(0);
        assert!(run.stdout.contains("Ferryman"), "{}", run.everything());
        let _ = command(&config, &["explain", "nobody"]).says("nobody");
        let run = command(&config, &["rejects"]).expect(0);
        assert_eq!(run.stdout, "Nobody is on the reject list.\n");
        let run = command(&config, &["rejects", "list", "--json"]).expect(0);
        assert_eq!(run.stdout, "[]\n");
        let _ = command(&config, &["rejects", "retry", "nobody"]).expect(2);
        let _ = command(&config, &["approve", "nothing"])
            .expect(2)
            .says("no removals are held");

        let export = command(&config, &["state", "export"]).expect(0).stdout;
        let lines: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.len() > 4, "{export}");
        let file = config.folder().join("export.jsonl");
        let _ = command(&config, &["state", "export", &file.display().to_string()]).expect(0);
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), lines.len());

        let run = command(&config, &["status", "--json"]).expect(0);
        let status: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(status["nextRun"], "2099-01-01T00:00:00Z");
        assert_eq!(status["cycles"].as_array().unwrap().len(), 1);
        status["daemon"]["runningSince"].is_string()
    };
    assert!(!questions());
    let text = command(&config, &["status"]).expect(0).stdout;
    assert!(
        text.ends_with("Next run: 2099-01-01 00:00:00 UTC\nDaemon: running, no run in progress\n"),
        "{text}"
    );
    assert_eq!(pair.recorder.count(), 0);

    pair.recorder.rule(Rule::new("PATCH", Which::From(1), Fault::Hold));
    let sync = Scimward::new(&config).args(&["--sync-now"]).spawn();
    pair.recorder.wait_until("the cycle", |requests| requests.len() == 2);
    assert!(questions());
    let text = command(&config, &["status"]).expect(0).stdout;
    assert!(text.contains("\nDaemon: running; a run in progress since 20"), "{text}");
    assert_eq!(pair.recorder.count(), 2);
    pair.recorder.release();
    let _ = sync.wait().expect(0).says("2 updated");
    let _ = leave(daemon);
}

/// Removals held in one cycle of the daemon are released by an approval through it.
#[test]
fn held_removals_are_approved_through_the_daemon() {
    let pair = Pair::with_people(10);
    let config = pair.daemon(NEVER, true).set("limits", "max_removals", "1");
    let daemon = daemon(&pair, &config);
    for number in [9, 10] {
        pair.slapd.delete(&person(number).dn());
    }
    let _ = command(&config, &["--sync-now"]).expect(5).says("2 removals held");
    assert_eq!(pair.recorder.count(), 0);
    let run = command(&config, &["status", "--json"]).expect(0);
    let status: Value = serde_json::from_str(&run.stdout).unwrap();
    let _ = command(&config, &["status", "--metrics"])
        .expect(0)
        .says("\nscimward_daemon_up 1\n")
        .says("\nscimward_last_run_exit_code 5\n")
        .says("\nscimward_held_removals{resource=\"User\"} 2\n");
    let plan = status["held"]["planId"].as_str().unwrap();
    let _ = command(&config, &["approve", "another"]).expect(2).says(plan);
    let _ = command(&config, &["approve", plan])
        .expect(0)
        .says("exactly these 2 removals");
    let _ = command(&config, &["status"])
        .expect(0)
        .says("Approved: 2 removals")
        .says_not("To let exactly these through");
    let run = command(&config, &["status", "--json"]).expect(0);
    let status: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(status["held"]["approved"], true);
    let _ = command(&config, &["--sync-now"]).expect(0).says("2 deactivated");
    assert_eq!(pair.recorder.count_of("PATCH"), 2);
    assert_eq!(pair.cloud.user(&person(10).uid).unwrap()["active"], false);
    let _ = leave(daemon);
}

/// Somebody the cloud refused for now is tried again on request.
#[test]
fn rejects_are_listed_and_tried_again_through_the_daemon() {
    let pair = Pair::with_people(2);
    let config = pair.daemon(NEVER, true).set("scim", "max_tries", "1");
    pair.recorder.rule(Rule::new("POST", Which::Nth(2), Fault::Answer(503)));
    let daemon = Scimward::new(&config).spawn();
    daemon.wait_said("1 failed");
    let run = command(&config, &["rejects", "list", "--json"]).expect(0);
    let list: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 1);
    let _ = command(&config, &["--sync-now"])
        .expect(1)
        .says("1 waiting after an earlier failure");
    assert_eq!(pair.recorder.count_of("POST"), 2);
    let _ = command(&config, &["rejects", "retry", &person(2).dn()]).expect(0);
    let _ = command(&config, &["--sync-now"]).expect(0).says("1 created");
    assert_eq!(pair.recorder.count_of("POST"), 3);
    let _ = leave(daemon);
}

/// Commands that replace the state need it for themselves.
#[test]
fn what_would_replace_the_state_is_refused_while_a_daemon_holds_it() {
    let pair = Pair::with_people(2);
    let config = pair.daemon(NEVER, true);
    let daemon = daemon(&pair, &config);
    let backup = config.folder().join("backup.jsonl").display().to_string();
    let _ = command(&config, &["state", "export", &backup]).expect(0);
    let who = format!("in use by another scimward process (pid {})", daemon.id());
    for arguments in [&["state", "import", &backup][..], &["state", "accept-endpoint"]] {
        let _ = command(&config, arguments).expect(1).says(&who).says("or stop it");
    }
    let _ = command(&config, &["--sync-now"]).expect(0).says("nothing changed");
    let _ = leave(daemon);
    // Once it has left, nothing is in the way.
    let _ = command(&config, &["state", "accept-endpoint"]).expect(0);
    fs::rename(config.state(), config.folder().join("old")).unwrap();
    let _ = command(&config, &["state", "import", &backup]).expect(0);
    let _ = command(&config, &["--sync-now"]).expect(0).says("nothing changed");
    assert_eq!(pair.recorder.count(), 0);
}

/// A file that the daemon has not read: questions are answered by it all the same, or refused; a cycle,
/// which would go by the old one, is refused.
#[test]
fn a_configuration_that_the_daemon_has_not_read_is_not_passed_over() {
    let pair = Pair::with_people(4);
    let config = pair.daemon(NEVER, true);
    let daemon = daemon(&pair, &config);
    let text = fs::read_to_string(config.write()).unwrap();
    let another = |from: &str, to: &str| {
        let path = config.folder().join("another.toml");
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        path.display().to_string()
    };
    let ask = |path: &str, arguments: &[&str]| Scimward::bare().args(&["--config", path]).args(arguments).run();

    // What a cycle does not go by makes no difference.
    let path = another("[state]", "[log]\nlevel = \"debug\"\n\n[state]");
    let _ = ask(&path, &["--sync-now"]).expect(0).says("nothing changed");
    let run = ask(&path, &["--dry-run"]).expect(0).says_not("answer is by");
    assert!(run.stdout.contains("Nothing to do"), "{}", run.everything());

    let path = another("[users]", &format!("[users]\nfilter = \"(uid={})\"", person(1).uid));
    let run = ask(&path, &["--dry-run"])
        .expect(5)
        .says("this answer is by")
        .says("systemctl reload");
    assert!(run.stdout.contains("1 entry read"), "{}", run.everything());
    let run = ask(&path, &["explain", &person(2).uid]).says("this answer is by");
    assert!(
        run.stdout.contains("not in the directory") || run.stdout.contains("outside"),
        "{}",
        run.everything()
    );
    let _ = ask(&path, &["--sync-now"])
        .expect(2)
        .says("would not go by")
        .says("another.toml")
        .says("reload");

    assert_eq!(pair.recorder.count(), 0);

    // Its own file has changed: once it has read that, it goes by it.
    let config = config.set("limits", "max_removals", "1");
    config.write();
    let _ = command(&config, &["--sync-now"]).expect(2).says("would not go by");
    daemon.signal(Signal::HUP);
    daemon.wait_said("configuration read again");
    let _ = command(&config, &["--sync-now"]).expect(0).says_not("would not");
    let run = leave(daemon);
    assert_eq!(run.stderr.matches(ENDED).count(), 3, "{}", run.everything());
}

/// A file that is wrong by now keeps nobody from asking the daemon that runs what does not depend on it.
#[test]
fn a_broken_configuration_does_not_hide_the_daemon() {
    let pair = Pair::with_people(2);
    let config = pair.daemon(NEVER, true);
    let daemon = daemon(&pair, &config);
    let config = config
        .set("ldap", "page_size", "\"many\"")
        .set("no_such_table", "x", "1");
    for arguments in [&["status"][..], &["rejects"], &["state", "export"]] {
        let run = command(&config, arguments).expect(0).says("the configuration is wrong");
        assert!(!run.stdout.is_empty(), "{}", run.everything());
    }
    for arguments in [&["--dry-run"][..], &["--sync-now"], &["explain", "x"]] {
        let _ = command(&config, arguments)
            .expect(2)
            .says("page_size")
            .says_not("the daemon");
    }
    let _ = leave(daemon);
    let _ = command(&config, &["status"]).expect(2).says("page_size");
    assert_eq!(pair.recorder.count(), 0);
}

/// A single run answers nobody: whoever asks is told to wait, and not to ask it.
#[test]
fn a_single_run_in_progress_is_waited_for() {
    let pair = Pair::with_people(2);
    let config = pair.config();
    pair.recorder.rule(Rule::new("POST", Which::Nth(1), Fault::Hold));
    let first = Scimward::new(&config).args(&["--sync-now"]).spawn();
    pair.recorder
        .wait_until("a run in progress", |requests| requests.len() == 1);
    for arguments in [
        &["status"][..],
        &["--dry-run"],
        &["--sync-now"],
        &["explain", "x"],
        &["state", "export"],
    ] {
        let _ = command(&config, arguments)
            .expect(1)
            .says("a single run is in progress")
            .says(&format!("(pid {})", first.id()))
            .says_not("scimward status");
    }
    pair.recorder.release();
    let run = first.wait().expect(0);
    assert!(
        run.stdout.starts_with("2 created; 2 entries read, 2 requests sent in "),
        "{}",
        run.everything()
    );
    assert_eq!(run.stdout.lines().count(), 1);
}
