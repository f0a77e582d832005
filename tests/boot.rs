//! The shipped unit files on a booted systemd: sandbox, credentials, users, reload and stop are real.
//!
//! Needs root and systemd-nspawn, so it runs only where `tests/run.sh` found with `tests/can-boot.sh`
//! that this machine can, and said so in the environment.
#![cfg(test)]

mod support;

use std::fs;

use serde_json::Value;
use support::{
    config::Config,
    pair::{NEVER, Pair},
    people::person,
    scim_servers::TOKEN,
    slapd::PASSWORD,
    systemd_box::{Files, SystemdBox},
    wait_for,
};

/// Set to 1 when a machine that does not boot is a failure.
const ENABLED: &str = "SCIMWARD_BOOT_TESTS";

fn can_boot() -> bool {
    let enabled = std::env::var_os(ENABLED).is_some_and(|value| value == "1");
    if !enabled {
        eprintln!("not run: {ENABLED} is not 1; tests/run.sh sets it where tests/can-boot.sh succeeds");
    }
    enabled
}

/// As an administrator writes it: secrets from the service manager, the state where that puts it.
fn configuration(pair: &Pair) -> Config {
    pair.daemon(NEVER, true)
        .unset("ldap", "ca_file")
        .set("ldap", "bind_password", "{ credential = \"ldap-password\" }")
        .set("scim", "token", "{ credential = \"scim-token\" }")
        .set_text("log", "format", "journald")
        .unset("state", "path")
}

fn toml(config: &Config) -> String {
    fs::read_to_string(config.write()).unwrap()
}

fn credentials(files: Files, folder: &str) -> Files {
    files
        .add(&format!("{folder}/ldap-password"), 0o600, &format!("{PASSWORD}\n"))
        .add(&format!("{folder}/scim-token"), 0o600, &format!("{TOKEN}\n"))
}

fn wait_status(machine: &SystemdBox, unit: &str, text: &str) -> String {
    wait_for(&format!("the status of {unit} has {text:?}"), || {
        Some(machine.show(unit, "StatusText")).filter(|status| status.contains(text))
    })
}

fn messages(machine: &SystemdBox, unit: &str, message: &str) -> Vec<Value> {
    let journal = machine.journal(unit);
    let lines = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["MESSAGE"] == message).collect()
}

#[test]
fn the_daemon_lives_in_its_sandbox() {
    if !can_boot() {
        return;
    }
    let pair = Pair::with_people(5);
    let config = configuration(&pair).set_text("users", "filter", "(&(uid=*)(!(uid=u00005)))");
    let files = Files::new()
        .unit("scimward.service")
        .add(
            "/etc/systemd/system/scimward.service.d/soon.conf",
            0o644,
            "[Service]\nRestartSec=0\n",
        )
        .add("/etc/scimward/config.toml", 0o644, &toml(&config));
    let machine = credentials(files, "/etc/scimward/credentials").boot();
    let unit = "scimward.service";

    // Starting returns when the daemon says READY.
    machine.run(&["systemctl", "enable", "--now", unit]);
    assert_eq!(machine.show(unit, "ActiveState"), "active");
    assert_eq!(machine.show(unit, "SubState"), "running");
    let status = wait_status(&machine, unit, "; last run ");
    assert!(
        status.starts_with("next run 2099-01-01 00:00:00 UTC; last run "),
        "{status}"
    );
    assert!(status.ends_with(": 4 created"), "{status}");
    assert_eq!(pair.cloud.count(), 4);

    // A user that exists only while the service does, and a state that only it and root can enter.
    let main = machine.show(unit, "MainPID");
    assert_eq!(machine.run(&["ps", "-o", "user=", "-p", &main]), "scimward");
    assert_eq!(machine.run(&["id", "-un", "scimward"]), "scimward");
    assert_eq!(
        machine.run(&["stat", "-L", "-c", "%U %a", "/var/lib/scimward", "/run/scimward"]),
        "scimward 700\nscimward 700"
    );
    let proc_status = machine.run(&["cat", &format!("/proc/{main}/status")]);
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "CapBnd:\t0000000000000000"] {
        assert!(proc_status.contains(line), "{line}\n{proc_status}");
    }

    // Fields of the journal, and no secret in it.
    let done = messages(&machine, unit, "done");
    assert_eq!(done.len(), 4);
    assert!(
        done.iter()
            .all(|line| line["SCIMWARD_ACTION"] == "create" && line["PRIORITY"] == "5"),
        "{done:#?}"
    );
    assert_eq!(messages(&machine, unit, "cycle ended").len(), 1);
    let journal = machine.journal(unit);
    assert!(!journal.contains(TOKEN) && !journal.contains(PASSWORD));

    // Root reaches the daemon through the socket, without the credentials.
    let asked = machine.try_run(&["scimward", "--log-format", "text", "--sync-now"]);
    assert!(asked.status.success(), "{asked:?}");
    assert!(
        String::from_utf8_lossy(&asked.stderr).contains("the daemon holds the state"),
        "{asked:?}"
    );
    let status: Value = serde_json::from_str(&machine.run(&["scimward", "status", "--json"])).unwrap();
    assert_eq!(status["cycles"].as_array().unwrap().len(), 2);
    assert_eq!(status["daemon"]["skipped"], 0);

    // A new filter by `systemctl reload`.
    let config = config.set_text("users", "filter", "(uid=*)");
    machine.write("/etc/scimward/config.toml", &toml(&config));
    machine.run(&["systemctl", "reload", unit]);
    wait_for("the reload", || {
        (messages(&machine, unit, "configuration read again").len() == 1).then_some(())
    });
    machine.run(&["scimward", "--sync-now"]);
    assert_eq!(pair.cloud.count(), 5);

    // A daemon that dies is started again, finds the lock and the socket of the dead one, and is in step.
    machine.run(&["systemctl", "kill", "--signal=KILL", unit]);
    wait_for("the next daemon", || {
        (machine.show(unit, "NRestarts") == "1" && machine.show(unit, "SubState") == "running").then_some(())
    });
    wait_status(&machine, unit, "; last run ");
    assert_eq!(pair.recorder.count_of("POST"), 5);

    machine.run(&["systemctl", "stop", unit]);
    for (property, expected) in [
        ("ActiveState", "inactive"),
        ("Result", "success"),
        ("ExecMainStatus", "0"),
    ] {
        assert_eq!(machine.show(unit, property), expected, "{property}");
    }
    assert!(!machine.try_run(&["test", "-e", "/run/scimward"]).status.success());
    assert_eq!(pair.recorder.count(), 5, "{}", pair.recorder.log());
}

#[test]
fn a_timer_in_place_of_the_daemon_and_one_daemon_for_each_cloud() {
    if !can_boot() {
        return;
    }
    let (pair, other) = (Pair::with_people(3), Pair::with_people(2));
    let once = configuration(&pair)
        .unset("schedule", "cron")
        .unset("schedule", "run_at_start");
    let once = toml(&once).replace("[schedule]\n", "");
    let soon = "[Timer]\nOnCalendar=\nOnActiveSec=0\nRandomizedDelaySec=0\n";
    let mut files = Files::new();
    for unit in ["scimward@.service", "scimward-sync.service", "scimward-sync.timer"] {
        files = files.unit(unit);
    }
    files = files
        .add("/etc/systemd/system/scimward-sync.timer.d/soon.conf", 0o644, soon)
        .add("/etc/scimward/config.toml", 0o644, &once)
        .add("/etc/scimward/other.toml", 0o644, &toml(&configuration(&other)))
        .add("/etc/scimward/broken.toml", 0o644, "[ldap]\n");
    for folder in ["", "/other", "/broken"] {
        files = credentials(files, &format!("/etc/scimward/credentials{folder}"));
    }
    let machine = files.boot();

    machine.run(&["systemctl", "enable", "--now", "scimward-sync.timer"]);
    wait_for("the cycle of the timer", || {
        (messages(&machine, "scimward-sync.service", "cycle ended").len() == 1).then_some(())
    });
    wait_for("the end of the cycle", || {
        (machine.show("scimward-sync.service", "ActiveState") == "inactive").then_some(())
    });
    assert_eq!(machine.show("scimward-sync.service", "Result"), "success");
    assert_eq!(pair.cloud.count(), 3);
    // The state is still there for the next one, under a user made anew.
    machine.run(&["systemctl", "start", "scimward-sync.service"]);
    assert_eq!(messages(&machine, "scimward-sync.service", "cycle ended").len(), 2);
    assert_eq!(pair.recorder.count(), 3, "{}", pair.recorder.log());

    machine.run(&["systemctl", "start", "scimward@other.service"]);
    wait_status(&machine, "scimward@other.service", "; last run ");
    assert_eq!(other.cloud.count(), 2);
    assert!(other.cloud.user(&person(1).uid).is_some());
    let main = machine.show("scimward@other.service", "MainPID");
    assert_eq!(machine.run(&["ps", "-o", "user:32=", "-p", &main]), "scimward-other");
    assert_eq!(
        machine.run(&["stat", "-L", "-c", "%U %a", "/var/lib/scimward-other"]),
        "scimward-other 700"
    );
    machine.run(&["systemctl", "stop", "scimward@other.service"]);
    assert_eq!(machine.show("scimward@other.service", "Result"), "success");

    // A wrong configuration is not tried again and again.
    let broken = "scimward@broken.service";
    assert!(!machine.try_run(&["systemctl", "start", broken]).status.success());
    assert_eq!(machine.show(broken, "ExecMainStatus"), "2");
    assert_eq!(machine.show(broken, "NRestarts"), "0");
    assert_eq!(machine.show(broken, "ActiveState"), "failed");
}
