//! The command line by black box: errors said once with the right exit code, reports to files, pipes
//! and terminals, progress, completions and manual pages.
#![cfg(test)]

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use support::{
    config::{Config, text},
    people::{PEOPLE, person},
    recorder::{Fault, Rule, Which},
    scimward::{Run, Scimward, program},
    stage::Stage,
};

/// What a shell makes of `line`, in which `$scimward` is the program with its configuration.
fn shell(config: &Config, line: &str) -> Output {
    Command::new("bash")
        .args(["-c", line])
        .env(
            "scimward",
            format!("{} --config {}", program().display(), config.write().display()),
        )
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The same on a terminal of 80 columns: all that it was sent, with its commands.
fn terminal(config: &Config, line: &str) -> (Option<i32>, String) {
    let line = format!("stty cols 80 rows 24; {line}");
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env(
            "scimward",
            format!("{} --config {}", program().display(), config.write().display()),
        )
        .env("SHELL", "/bin/bash")
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .output()
        .expect("script is missing: run tests/run.sh");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

/// What stays on a terminal: each line as its last writer left it, without colours.
fn screen(sent: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut chars = sent.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            plain.push(c);
        } else if chars.next_if_eq(&'[').is_some() {
            let end = chars.by_ref().find(char::is_ascii_alphabetic);
            // Erase in line: as a mark that the last writer is whoever comes after it.
            if end == Some('K') {
                plain.push('\r');
            }
        }
    }
    let last = |line: &str| {
        let line = line.trim_end_matches('\r');
        line.rsplit('\r').next().unwrap_or_default().trim_end().to_owned()
    };
    plain.split('\n').map(last).collect()
}

/// Exactly this on standard error, nothing on standard output.
#[track_caller]
fn fails_with(run: Run, code: i32, parts: &[&str]) {
    let run = run.expect(code);
    assert_eq!(run.stdout, "", "{}", run.everything());
    for part in parts {
        assert_eq!(
            run.stderr.matches(part).count(),
            1,
            "{part:?} once\n{}",
            run.everything()
        );
    }
    assert!(!run.stderr.contains("panicked"), "{}", run.everything());
}

#[test]
fn a_configuration_that_is_not_there_says_where_it_was_looked_for() {
    let run = Scimward::bare()
        .args(&["--config", "/nowhere/scimward.toml", "check"])
        .run();
    let hints = [
        "/nowhere/scimward.toml",
        "No such file",
        "--config FILE",
        "$SCIMWARD_CONFIG",
        "config.example.toml",
    ];
    fails_with(run, 2, &hints);
    let run = Scimward::bare()
        .env("SCIMWARD_CONFIG", "/nowhere/else.toml")
        .args(&["status"])
        .run();
    fails_with(run, 2, &["/nowhere/else.toml"]);
    let folder = tempfile::tempdir().unwrap();
    let run = Scimward::bare()
        .args(&["--config", &folder.path().display().to_string(), "check"])
        .run();
    fails_with(run, 2, &["cannot be read: Is a directory"]);
    let broken = folder.path().join("broken.toml");
    fs::write(&broken, b"[ldap]\nurls = [\"\xff\"]\n").unwrap();
    let run = Scimward::bare()
        .args(&["--config", &broken.display().to_string(), "check"])
        .run();
    fails_with(run, 2, &["line 2 is not UTF-8 text"]);
}

#[test]
fn bad_usage_is_exit_code_2_with_a_suggestion() {
    let run = |arguments: &[&str]| Scimward::bare().args(arguments).run();
    fails_with(run(&["chekc"]), 2, &["unrecognized subcommand 'chekc'", "'check'"]);
    fails_with(run(&["--dry-run", "--sync-now"]), 2, &["cannot be used with"]);
    fails_with(
        run(&["--sync-now", "status"]),
        2,
        &["--sync-now cannot be used with a command"],
    );
    fails_with(run(&["--exit-code"]), 2, &["required arguments were not provided"]);
    let run = run(&["--version"]).expect(0);
    assert_eq!(run.stdout, concat!("scimward ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_token_that_cannot_be_used_is_said_once_before_anything_is_sent() {
    let stage = Stage::with_people(1);
    let token = stage.config.folder().join("scim-token");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    let run = stage.sync().expect(2);
    assert_eq!(
        run.stderr
            .matches("is open to other users (mode 0644); type: chmod 600 ")
            .count(),
        1
    );
    fs::remove_file(&token).unwrap();
    fails_with(stage.sync(), 2, &["[scim] token", "there is no such file"]);
    fs::create_dir(&token).unwrap();
    fails_with(stage.sync(), 2, &["is a folder, not a file"]);
    assert_eq!(stage.cloud.log(), "");
}

#[test]
fn a_directory_that_is_down_is_said_once_with_exit_code_3() {
    let mut stage = Stage::with_people(1);
    stage.slapd.stop();
    for arguments in [&["--dry-run"][..], &["explain", "u00001"]] {
        fails_with(
            stage.run(arguments),
            3,
            &["cannot reach the directory", "Connection refused"],
        );
    }
    let run = stage.sync().expect(3);
    assert_eq!(run.stderr.matches("Connection refused").count(), 1, "{}", run.stderr);
}

#[test]
fn a_report_for_300_people_is_whole_in_files_and_pipes() {
    let stage = Stage::with_people(300);
    let piped = stage.run(&["--dry-run"]).expect(0);
    assert_eq!(piped.stderr, "", "no progress where there is no terminal");
    assert!(
        !piped.stdout.contains('\u{1b}'),
        "no colours where there is no terminal"
    );
    assert_eq!(piped.stdout.matches("      userName                  u").count(), 300);
    assert!(
        piped
            .stdout
            .contains("\n300 requests, less than 1 s at 1000 requests/s\n")
    );

    let file = stage.config.folder().join("plan.json");
    let path = file.display().to_string();
    fs::write(&file, "an older one").unwrap();
    let run = stage
        .run(&["--dry-run", "--format", "json", "--output", &path, "--exit-code"])
        .expect(10);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    let report: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let operations = report["operations"].as_array().unwrap();
    assert_eq!(operations.len(), 300);
    assert_eq!(report["summary"]["requests"], 300);
    assert!(
        operations
            .iter()
            .all(|one| one["requests"][0]["body"]["userName"] == one["userName"])
    );
    let left = fs::read_dir(stage.config.folder()).unwrap().count();
    assert_eq!(left, 4, "config, two secrets and the report: no temporary file stays");

    let run = stage.run(&["--dry-run", "--output", "/nowhere/plan.txt"]);
    fails_with(run, 2, &["cannot write /nowhere/plan.txt"]);
    assert_eq!(stage.cloud.log(), "");
}

#[test]
fn a_file_is_not_replaced_by_half_a_report() {
    let mut stage = Stage::with_people(1);
    stage.slapd.stop();
    let file = stage.config.folder().join("plan.txt");
    fs::write(&file, "an older one").unwrap();
    let run = stage.run(&["--dry-run", "--output", &file.display().to_string()]);
    fails_with(run, 3, &["cannot reach the directory"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "an older one");
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let stage = Stage::with_people(300);
    for command in [
        "--dry-run",
        "--dry-run --format json",
        "completions zsh",
        "check",
        "explain u00001",
    ] {
        // Nobody reads: the pipe is closed before the first line comes, or soon after.
        let line = format!("{{ $scimward {command}; echo code=$? >&2; }} | true");
        let output = shell(&stage.config, &line);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !said.contains("panicked") && !said.contains("roken pipe"),
            "{command}: {said}"
        );
        assert_eq!(said.lines().last(), Some("code=0"), "{command}: {said}");
    }
    // Also when nobody reads the log: the run goes on to its end.
    shell(&stage.config, "$scimward --sync-now 2>&1 | head -1");
    assert_eq!(stage.scim.count(), 300);
    stage.run(&["status"]).expect(0).says("exit 0  300 created");
}

#[test]
fn a_terminal_gets_colours_progress_and_a_report_that_can_be_read() {
    let stage = Stage::with_people(300);
    let (code, sent) = terminal(&stage.config, "$scimward --dry-run");
    assert_eq!(code, Some(0), "{sent}");
    assert!(sent.contains("reading  ") && sent.contains(" entries"), "{sent}");
    assert!(!sent.contains("pushing"), "a dry run pushes nothing: {sent}");
    assert!(sent.contains("\u{1b}[32m+"), "colours: {sent}");
    let screen = screen(&sent);
    assert!(
        !screen.iter().any(|line| line.contains("reading")),
        "cleared: {screen:#?}"
    );
    let creates = screen
        .iter()
        .filter(|line| line.contains(PEOPLE) && line.starts_with("  + "))
        .count();
    let whole = screen.iter().filter(|line| line.contains("userName   ")).count();
    assert_eq!((creates, whole), (100, 3), "{screen:#?}");
    assert!(
        screen
            .iter()
            .any(|line| line.starts_with("  … and 200 more: add --output FILE")),
        "{screen:#?}"
    );
    assert!(screen.iter().all(|line| line.chars().count() <= 80), "{screen:#?}");

    let (_, sent) = terminal(&stage.config, "NO_COLOR=1 $scimward --dry-run 2>/dev/null");
    assert!(!sent.contains('\u{1b}'), "{sent}");
    let (_, sent) = terminal(&stage.config, "$scimward --dry-run --color never 2>/dev/null");
    assert!(!sent.contains('\u{1b}'), "{sent}");
}

#[test]
fn progress_on_a_terminal_leaves_log_lines_whole_and_nothing_behind() {
    let stage = Stage::with_people(40);
    stage.cloud.rule(Rule::new("POST", Which::Nth(20), Fault::Answer(400)));
    let (code, sent) = terminal(&stage.config, "$scimward --sync-now --color never");
    assert_eq!(code, Some(1), "{sent}");
    assert!(sent.contains("pushing  [") && sent.contains("/40"), "{sent}");
    let screen = screen(&sent);
    let log: Vec<&String> = screen.iter().filter(|line| line.starts_with("20")).collect();
    let done = log.iter().filter(|line| line.contains(": done action=create")).count();
    assert_eq!(done, 39, "{screen:#?}");
    assert!(
        log.last()
            .unwrap()
            .contains("39 created, 1 failed; 40 entries read, 40 requests sent in "),
        "{log:#?}"
    );
    let others: Vec<&String> = screen
        .iter()
        .filter(|line| !line.starts_with("20") && !line.is_empty())
        .collect();
    // Besides the log stands what goes to standard output.
    assert!(
        matches!(&others[..], [summary] if summary.starts_with("39 created, 1 failed; 40 entries read, ")),
        "left behind: {others:#?}"
    );
}

#[test]
fn a_dry_run_of_changes_and_held_removals_reads_well() {
    let stage = Stage::with_people(6).synced().set("limits", "max_removals", "0");
    stage.slapd.replace(&person(5).dn(), "title", &["Director"]);
    stage.slapd.delete(&person(6).dn());
    let run = stage.run(&["--dry-run"]).expect(5);
    let expected = format!(
        "Update\n\
         \x20 ~ u00005                uid=u00005,{PEOPLE}\n\
         \x20     ~ title                     Engineer → Director\n\
         \n\
         Deactivate\n\
         \x20 - u00006                uid=u00006,{PEOPLE}  [held]\n\
         \n\
         From  {}: 5 entries read, 5 in scope, 0 out of scope, 4 unchanged\n\
         To    {} (generic)\n",
        stage.slapd.url(),
        stage.cloud.url()
    );
    assert!(run.stdout.starts_with(&expected), "{}", run.stdout);
    run.says("  ~ update              1\n  - deactivate          0  and 1 held\n\n1 request, less than 1 s at 1000 requests/s\n")
        .says("Held back: 1 removal. 1 of 6 accounts in use, allowed are 0 (max_removals = 0, ");
    stage.run(&["--dry-run", "--exit-code"]).expect(10).says("[held]");
}

#[test]
fn rejected_people_are_pointed_to_in_the_log_once_and_counted_ever_after() {
    let stage = Stage::with_people(3).set("scim", "profile", &text("huawei"));
    stage.slapd.replace(&person(2).dn(), "mail", &[]);
    stage
        .sync()
        .expect(1)
        .says("rejected; scimward rejects says more")
        .says("attributes=\"emails\"")
        .says_not(&person(2).dn())
        .says("2 created, 1 rejected; 3 entries read, 2 requests sent in ");
    stage
        .sync()
        .expect(1)
        .says_not("scimward rejects says more")
        .says("nothing changed, 1 rejected; 3 entries read, 0 requests sent in ");
    stage
        .run(&["rejects"])
        .expect(0)
        .says(&person(2).dn())
        .says("huawei: must be present");
}

#[test]
fn completions_are_scripts_their_shells_understand() {
    for shell in ["bash", "zsh", "fish"] {
        let script = Scimward::bare().args(&["completions", shell]).run().expect(0).stdout;
        assert!(
            script.contains("scimward") && script.contains("sync-now"),
            "{shell}: {script}"
        );
        // A shell that is not installed reads nothing; bash always is.
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &script).unwrap();
        let Ok(read) = Command::new(shell).arg("-n").arg(file.path()).output() else {
            assert_ne!(shell, "bash");
            continue;
        };
        assert!(
            read.status.success(),
            "{shell}: {}",
            String::from_utf8_lossy(&read.stderr)
        );
    }
}

#[test]
fn manual_pages_are_written_into_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    Scimward::bare()
        .args(&["man", &folder.path().display().to_string()])
        .run()
        .expect(0);
    for name in [
        "scimward.1",
        "scimward-check.1",
        "scimward-explain.1",
        "scimward-state-export.1",
        "scimward-cloud-huawei-token-rotate.1",
    ] {
        assert!(fs::read_to_string(path(name)).unwrap().contains(".TH"), "{name}");
    }
    // A folder that is not there is made; a file is no folder.
    let made = path("share/man/man1");
    let _ = Scimward::bare()
        .args(&["man", &made.display().to_string()])
        .run()
        .expect(0);
    assert!(made.join("scimward.1").is_file());
    let run = Scimward::bare()
        .args(&["man", &path("scimward.1").display().to_string()])
        .run();
    fails_with(run, 2, &["cannot write into"]);
    assert!(!Path::new(&path("missing")).exists());
}

#[test]
fn a_device_is_written_to_and_not_replaced() {
    use std::os::unix::fs::FileTypeExt;

    let world = support::slapd::Slapd::with_people(3);
    let config = Config::new(&world.url(), "http://127.0.0.1:9/scim/v2/");
    drop(
        Scimward::new(&config)
            .args(&["--dry-run", "--output", "/dev/null"])
            .run()
            .expect(0),
    );
    assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
}

#[test]
fn a_dash_is_standard_output() {
    let stage = Stage::with_people(2).synced();
    let run = stage.run(&["--dry-run", "--output", "-"]).expect(0);
    assert!(run.stdout.contains("Nothing to do."), "{}", run.everything());
    let run = stage.run(&["state", "export", "-"]).expect(0);
    assert!(run.stdout.lines().count() > 2, "{}", run.everything());
    assert!(!Path::new("-").exists());
}

/// Messages that name the thing itself, and nothing of what is behind it.
#[test]
fn messages_are_about_what_was_asked() {
    let stage = Stage::with_people(1);
    let nowhere = stage.config.folder().join("nowhere/plan.json").display().to_string();
    let run = stage.run(&["--dry-run", "--output", &nowhere]);
    fails_with(run.says_not(".tmp/").says_not("at path"), 2, &["cannot write"]);

    let program = || Scimward::bare().env("SCIMWARD_CONFIG", "");
    fails_with(program().args(&["check"]).run(), 2, &["/etc/scimward/config.toml"]);
    fails_with(program().args(&["sync"]).run(), 2, &["scimward --sync-now"]);

    let wrong = |table: &str, key: &str, value: &str, parts: &[&str]| {
        let stage = Stage::with_people(0).set(table, key, value);
        let run = stage.run(&["check"]).expect(2);
        fails_with(run, 2, &[&["one mistake in the configuration"], parts].concat());
    };
    wrong("users", "preset", "\"openldap\"", &["is not one of"]);
    wrong(
        "schedule",
        "cron",
        "\"0 0 30 2 *\"",
        &["never comes", "to mend: write a day that the month has"],
    );

    let file = stage.config.folder().join("a file");
    fs::write(&file, "").unwrap();
    let stage = stage.set("state", "path", &text(&file.display().to_string()));
    let run = stage.run(&["--sync-now"]).says_not("control socket");
    fails_with(run, 1, &["a file for the state: not a directory"]);

    let stage = stage.set("scim", "token", "{ credential = \"scim-token\" }");
    let run = Scimward::new(&stage.config)
        .env("CREDENTIALS_DIRECTORY", "/nowhere")
        .args(&["check"])
        .run();
    let _ = run.says("$CREDENTIALS_DIRECTORY: /nowhere/scim-token");
    let _ = stage
        .run(&["check"])
        .says("CREDENTIALS_DIRECTORY=/etc/scimward/credentials scimward check");
}
