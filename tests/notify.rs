//! The daemon and its service manager: what it tells, and what a hang-up changes.
#![cfg(test)]

mod support;

use rustix::process::Signal;
use support::{
    config::Config,
    pair::{NEVER, Pair},
    people::person,
    recorder::{Fault, Rule, Which},
    scimward::{Process, Scimward},
    service_manager::ServiceManager,
};

/// How often a daemon under [`watched`] must be heard.
const WATCHDOG_US: &str = "200000";

fn sync_now(config: &Config) {
    let run = Scimward::new(config).args(&["--sync-now"]).run();
    let _ = run.expect(0).says("the daemon holds the state");
}

/// Asks to read the file again and waits until it is said how that ended.
fn reload(daemon: &Process, manager: &ServiceManager) {
    let done = manager.count_of("READY=1") + 1;
    daemon.signal(Signal::HUP);
    manager.wait_until("the end of the reload", |messages| {
        messages.iter().filter(|message| *message == "READY=1").count() == done
    });
}

/// The words of the protocol, in order, without the status lines and the watchdog's.
fn words(manager: &ServiceManager) -> Vec<String> {
    let first_line = |message: &String| message.lines().next().unwrap_or_default().to_owned();
    let words = manager.messages().iter().map(first_line).collect::<Vec<_>>();
    words
        .into_iter()
        .filter(|word| !word.starts_with("STATUS=") && word != "WATCHDOG=1")
        .collect()
}

fn last_status(manager: &ServiceManager) -> String {
    let messages = manager.messages();
    let status = messages
        .iter()
        .rev()
        .find_map(|message| message.strip_prefix("STATUS="));
    status.unwrap_or_default().to_owned()
}

#[test]
fn a_hang_up_brings_the_new_filter_into_the_next_cycle() {
    let pair = Pair::with_people(4);
    let config = pair.daemon(NEVER, true);
    let config = config.set_text("users", "filter", "(uid=u00001)");
    let manager = ServiceManager::start();
    let daemon = manager.of(Scimward::new(&config)).spawn();
    manager.wait_for("last run");
    assert_eq!(pair.cloud.count(), 1);
    assert!(
        last_status(&manager).contains("; last run "),
        "{}",
        last_status(&manager)
    );

    let config = config.set_text("users", "filter", "(|(uid=u00001)(uid=u00003))");
    config.write();
    reload(&daemon, &manager);
    // Nothing happens before the next cycle.
    assert_eq!(pair.recorder.count_of("POST"), 1);
    sync_now(&config);
    assert_eq!(pair.recorder.count_of("POST"), 2);
    assert!(pair.cloud.user(&person(3).uid).is_some());

    daemon.signal(Signal::TERM);
    let _ = daemon.wait().expect(0).says("configuration read again");
    assert_eq!(words(&manager), ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]);
    // Type=notify-reload needs the time beside the word.
    let reloading = manager.messages().into_iter().find(|m| m.starts_with("RELOADING=1"));
    let (_, time) = reloading.as_deref().unwrap().split_once("\nMONOTONIC_USEC=").unwrap();
    assert!(time.parse::<u64>().is_ok(), "{time}");
}

/// Each of these files is wrong in its own way, and each has the filter that would bring a second
/// person. What was in force stays so, whole.
#[test]
fn a_wrong_configuration_changes_nothing_and_is_told() {
    let pair = Pair::with_people(4);
    let config = pair.daemon(NEVER, true).set_text("users", "filter", "(uid=u00001)");
    let manager = ServiceManager::start();
    let daemon = manager.of(Scimward::new(&config)).spawn();
    manager.wait_for("last run");
    let mut config = config.set_text("users", "filter", "(uid=*)");
    let state = config.state().display().to_string();

    for (table, key, wrong, right, problem) in [
        (
            "ldap",
            "page_size",
            "\"many\"",
            Some("100"),
            "config.toml: line 5: [ldap] page_size: must be a whole number",
        ),
        ("users", "filter", "\"(uid=\"", Some("\"(uid=*)\""), "[users] filter: "),
        (
            "state",
            "path",
            "\"/elsewhere\"",
            Some(&*format!("{state:?}")),
            "[state] path cannot change",
        ),
        (
            "schedule",
            "timezone",
            "\"Mars/Olympus\"",
            None,
            "[schedule] timezone: ",
        ),
    ] {
        config = config.set(table, key, wrong);
        config.write();
        reload(&daemon, &manager);
        daemon.wait_said(problem);
        manager.wait_for(problem);
        assert!(last_status(&manager).contains("old configuration kept"));
        config = match right {
            Some(right) => config.set(table, key, right),
            None => config.unset(table, key),
        };
        // The client reads a good file; the daemon does not go by it yet.
        let run = Scimward::new(&config).args(&["--sync-now"]).run();
        let _ = run.expect(2).says("would not go by");
        assert_eq!(pair.cloud.count(), 1, "{problem}");
    }

    // Without its table a daemon has nothing to go by.
    let bare = config.unset("schedule", "cron").unset("schedule", "run_at_start");
    let text = std::fs::read_to_string(bare.write())
        .unwrap()
        .replace("[schedule]\n", "");
    std::fs::write(bare.folder().join("config.toml"), text).unwrap();
    reload(&daemon, &manager);
    daemon.wait_said("there is no [schedule]");
    let run = Scimward::bare().args(&["--config", &bare.folder().join("config.toml").display().to_string()]);
    let _ = run.args(&["--sync-now"]).run().expect(2).says("would not go by");
    assert_eq!(pair.cloud.count(), 1);

    // A good file mends it all.
    let good = bare.set_text("schedule", "cron", NEVER);
    good.write();
    reload(&daemon, &manager);
    assert!(
        !last_status(&manager).contains("old configuration"),
        "{}",
        last_status(&manager)
    );
    sync_now(&good);
    assert_eq!(pair.cloud.count(), 4);
    daemon.signal(Signal::TERM);
    let run = daemon.wait().expect(0);
    // Whoever reads the log line by line finds a time at the start of each.
    assert!(
        run.stderr.lines().all(|line| line.starts_with("20")),
        "{}",
        run.everything()
    );
}

#[test]
fn a_hang_up_changes_the_log_level_unless_the_command_line_decides() {
    // Said at debug of every request.
    const DEBUG: &str = "answered method=";
    for (arguments, expected) in [(&[][..], true), (&["--log-level", "info"][..], false)] {
        let pair = Pair::with_people(1);
        let config = pair.daemon(NEVER, true).set_text("log", "level", "info");
        let manager = ServiceManager::start();
        let daemon = manager.of(Scimward::new(&config).args(arguments)).spawn();
        daemon.wait_said("cycle ended");
        assert_eq!(daemon.times_said(DEBUG), 0);
        let config = config.set_text("log", "level", "debug");
        config.write();
        reload(&daemon, &manager);
        pair.slapd.replace(&person(1).dn(), "title", &["Lighthouse Keeper"]);
        sync_now(&config);
        daemon.signal(Signal::TERM);
        let run = daemon.wait().expect(0);
        assert_eq!(run.stderr.contains(DEBUG), expected, "{}", run.everything());
    }
}

#[test]
fn the_watchdog_is_fed_also_during_a_cycle_and_while_leaving() {
    let pair = Pair::with_people(1);
    pair.recorder.rule(Rule::new("POST", Which::Nth(1), Fault::Hold));
    let config = pair.daemon(NEVER, true);
    let manager = ServiceManager::start();
    let daemon = manager
        .of(Scimward::new(&config))
        .env("WATCHDOG_USEC", WATCHDOG_US)
        .spawn();
    let fed = |times: usize| {
        let enough = manager.count_of("WATCHDOG=1") + times;
        manager.wait_until("the watchdog is fed", |messages| {
            messages.iter().filter(|message| *message == "WATCHDOG=1").count() >= enough
        });
    };
    pair.recorder.wait_until("a request", |requests| requests.len() == 1);
    manager.wait_for("STATUS=a run in progress since");
    fed(3);
    daemon.signal(Signal::TERM);
    manager.wait_for("STOPPING=1");
    fed(3);
    assert!(
        last_status(&manager).starts_with("stopping; a run in progress since"),
        "{}",
        last_status(&manager)
    );
    pair.recorder.release();
    let _ = daemon.wait().expect(0);
    assert_eq!(words(&manager), ["READY=1", "STOPPING=1"]);
}

/// Without a watchdog nobody is fed, and without a manager nobody is told.
#[test]
fn no_watchdog_no_food() {
    let pair = Pair::with_people(1);
    let config = pair.daemon(NEVER, true);
    let manager = ServiceManager::start();
    let daemon = manager.of(Scimward::new(&config)).spawn();
    manager.wait_for("last run");
    daemon.signal(Signal::TERM);
    let _ = daemon.wait().expect(0);
    assert_eq!(manager.count_of("WATCHDOG"), 0);
}
