//! The unit files, judged by systemd itself.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const UNITS: [&str; 4] = [
    "scimward.service",
    "scimward@.service",
    "scimward-sync.service",
    "scimward-sync.timer",
];

/// Where a package puts the program.
const INSTALLED: &str = "/usr/bin/scimward";

/// `systemd-analyze security`: 1.5, in tenths.
const EXPOSURE_MAX: &str = "15";

fn unit(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn services() -> impl Iterator<Item = &'static str> {
    UNITS.into_iter().filter(|name| name.ends_with(".service"))
}

/// Copies of all units that start the program which was just built, and a template as one of its
/// instances.
fn installed() -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for name in UNITS {
        let path = folder.path().join(name.replace('@', "@instance"));
        fs::write(&path, unit(name).replace(INSTALLED, env!("CARGO_BIN_EXE_scimward"))).unwrap();
        paths.push(path);
    }
    (folder, paths)
}

fn systemd_analyze(arguments: &[&str], unit: &Path) -> Output {
    Command::new("systemd-analyze")
        .args(arguments)
        .arg(unit)
        .env("SYSTEMD_PAGER", "cat")
        .output()
        .expect("systemd-analyze is needed: install the package systemd (tests/run.sh does)")
}

#[test]
fn systemd_finds_nothing_to_complain_of() {
    let (_folder, paths) = installed();
    for path in paths {
        let output = systemd_analyze(&["verify"], &path);
        // Unknown keys and bad values are warnings only, so silence is what counts.
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && complaints.is_empty(),
            "{}: {complaints}",
            path.display()
        );
    }
}

#[test]
fn services_are_well_fenced_in() {
    let (_folder, paths) = installed();
    for path in paths
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "service"))
    {
        let threshold = format!("--threshold={EXPOSURE_MAX}");
        let output = systemd_analyze(&["security", "--offline=true", "--no-pager", &threshold], path);
        let report = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{}:\n{report}{}",
            path.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(report.contains("Overall exposure level"), "{report}");
    }
}

/// systemd has no way to share lines between units; a fence that was mended in one and forgotten in
/// another is a hole.
#[test]
fn all_services_have_the_same_fence() {
    let fence = |name: &str| -> BTreeSet<String> {
        let text = unit(name);
        let (_, fence) = text.split_once("# --- what it may do").unwrap();
        let (fence, _) = fence.split_once("[Install]").unwrap_or((fence, ""));
        fence
            .lines()
            .filter(|line| line.contains('=') && !line.starts_with('#'))
            .map(str::to_owned)
            .collect()
    };
    let expected = fence("scimward.service");
    assert!(expected.len() > 25);
    for name in services() {
        assert_eq!(fence(name), expected, "{name}");
    }
}

#[test]
fn services_start_the_program_where_it_is_installed() {
    for name in services() {
        let text = unit(name);
        let start: Vec<&str> = text.lines().filter(|line| line.starts_with("ExecStart=")).collect();
        assert_eq!(start.len(), 1, "{name}");
        assert!(
            start[0].starts_with(&format!("ExecStart={INSTALLED} --config /etc/scimward/")),
            "{name}: {}",
            start[0]
        );
    }
}

/// The daemon must have ended by itself before systemd loses its patience.
#[test]
fn there_is_time_to_drain() {
    for name in services() {
        let text = unit(name);
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix("TimeoutStopSec="))
            .unwrap();
        let seconds: u64 = value.strip_suffix('s').unwrap().parse().unwrap();
        assert!(seconds >= scimward::daemon::DRAIN.as_secs() + 5, "{name}: {value}");
    }
}
