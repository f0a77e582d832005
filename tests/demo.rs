//! `scimward demo` by black box: what its story says is what happened, as a user without rights or
//! environment, and nothing of it stays.
#![cfg(test)]

mod support;

use std::{
    fs,
    io::{BufReader, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use support::scimward::program;
use tempfile::TempDir;

/// The program in a place where anybody can run it, and a folder for its temporary files.
struct Bench {
    folder: TempDir,
    program: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (copy, temporary) = (folder.path().join("scimward"), folder.path().join("tmp"));
        fs::copy(program(), &copy).unwrap();
        fs::create_dir(&temporary).unwrap();
        for (path, mode) in [(folder.path(), 0o755), (&copy, 0o755), (&temporary, 0o1777)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        Self { folder, program: copy }
    }

    fn temporary(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    /// The program as `nobody` where we may become that, with a path and nothing else around it.
    fn command(&self) -> Command {
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
                .arg(&self.program);
            command
        } else {
            Command::new(&self.program)
        };
        command
            .current_dir("/")
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("TMPDIR", self.temporary());
        command
    }

    fn left_behind(&self) -> Vec<String> {
        let entries = fs::read_dir(self.temporary()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect()
    }
}

/// What stands between two headings.
#[track_caller]
fn chapter(story: &str, number: u32) -> &str {
    let from = story
        .find(&format!("\n{number}. "))
        .unwrap_or_else(|| panic!("no chapter {number}\n{story}"));
    let rest = &story[from..];
    let next = rest
        .find(&format!("\n{}. ", number + 1))
        .or_else(|| rest.find("\nWhat next"));
    &rest[..next.unwrap_or(rest.len())]
}

#[test]
fn the_story_is_what_happens() {
    let bench = Bench::new();
    let output = bench.command().arg("demo").stdin(Stdio::null()).output().unwrap();
    let story = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{story}");
    assert_eq!(bench.left_behind(), [""; 0], "nothing stays");
    assert!(story.contains("/scimward-demo-"), "{story}");
    assert!(
        !story.contains('\u{1b}') && !story.contains("Press Enter"),
        "no terminal: {story}"
    );

    let first = chapter(&story, 1);
    assert!(
        first.contains("\n  + create             13\n  ! rejected            1\n\n13 requests, "),
        "{first}"
    );
    assert_eq!(
        first.matches("userName   ").count(),
        1,
        "one whole person is enough: {first}"
    );
    assert_eq!(
        first.matches("\n  + ").count(),
        14,
        "13 people and their number: {first}"
    );
    let sync = chapter(&story, 2);
    assert!(
        sync.contains("13 created, 1 rejected; 14 entries read, 13 requests sent in "),
        "{sync}"
    );
    let again = chapter(&story, 3);
    assert!(
        again.contains("nothing changed, 1 rejected; 14 entries read, 0 requests sent in "),
        "{again}"
    );
    let week = chapter(&story, 4);
    for word in ["joiner", "mover", "renamed", "leaver"] {
        assert!(week.contains(word), "{week}");
    }
    let plan = chapter(&story, 5);
    assert!(
        plan.contains("  + create              1\n  ~ update              2\n  - deactivate          1\n"),
        "{plan}"
    );
    assert!(plan.contains("\n4 requests, "), "{plan}");
    let last = chapter(&story, 6);
    assert!(
        last.contains("1 created, 2 updated, 1 deactivated, 1 rejected; 14 entries read, 4 requests sent in "),
        "{last}"
    );
    let (_, seen) = last.split_once("The cloud saw:\n").expect("the requests");
    let words = |line: &str| {
        let mut words = line.split_whitespace();
        let method = words.next().unwrap_or_default().to_owned();
        (method, words.next_back().unwrap_or_default().to_owned())
    };
    let seen: Vec<(String, String)> = seen.lines().filter(|line| !line.is_empty()).map(words).collect();
    let expected = [("POST", "201"), ("PUT", "200"), ("PUT", "200"), ("PATCH", "200")];
    assert_eq!(
        seen,
        expected.map(|(method, status)| (method.to_owned(), status.to_owned()))
    );
    for step in [
        "scimward check",
        "scimward --dry-run",
        "scimward --sync-now",
        "config.example.toml",
    ] {
        assert!(story.rsplit("What next").next().unwrap().contains(step), "{story}");
    }
    assert!(
        story.lines().count() < 150,
        "{} lines are too long a story",
        story.lines().count()
    );
}

#[test]
fn a_reader_who_leaves_early_ends_it_quietly() {
    let bench = Bench::new();
    let mut child = bench
        .command()
        .arg("demo")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()),
        (Some(0), "")
    );
    assert_eq!(bench.left_behind(), [""; 0]);
}

/// The demo on a terminal: each key is typed when the demo waits for the next one.
fn on_a_terminal(bench: &Bench, keys: &[&str]) -> (Option<i32>, String) {
    let mut script = Command::new("script")
        .args(["-qec", &format!("{} demo", bench.program.display()), "/dev/null"])
        .env("SHELL", "/bin/bash")
        .env("TERM", "xterm-256color")
        .env("TMPDIR", bench.temporary())
        .env_remove("NO_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script is missing: run tests/run.sh");
    let mut typed = script.stdin.take().unwrap();
    let mut shown = BufReader::new(script.stdout.take().unwrap());
    let (mut text, mut byte, mut keys) = (Vec::new(), [0], keys.iter());
    while shown.read(&mut byte).is_ok_and(|read| read > 0) {
        text.push(byte[0]);
        if text.ends_with(b"Press Enter to go on") {
            typed.write_all(keys.next().expect("one more key").as_bytes()).unwrap();
            typed.flush().unwrap();
        }
    }
    (
        script.wait().unwrap().code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn on_a_terminal_it_waits_between_the_chapters() {
    let bench = Bench::new();
    let (code, story) = on_a_terminal(&bench, &["\r"; 6]);
    assert_eq!(code, Some(0), "{story}");
    assert!(story.contains("\u{1b}[1m1. What would"), "{story}");
    assert!(story.contains("pushing  ["), "progress: {story}");
    assert!(story.contains("What next"), "{story}");
    assert_eq!(bench.left_behind(), [""; 0]);
}

#[test]
fn an_interrupt_ends_it_and_takes_everything_along() {
    for keys in [&["\u{3}"][..], &["\r", "\r", "\r", "\u{3}"]] {
        let bench = Bench::new();
        let (code, story) = on_a_terminal(&bench, keys);
        assert_eq!(code, Some(130), "{story}");
        assert!(
            story.contains("scimward: interrupted") && !story.contains("What next"),
            "{story}"
        );
        assert_eq!(bench.left_behind(), [""; 0], "nothing stays");
        assert!(Path::new(&bench.temporary()).exists());
    }
}
