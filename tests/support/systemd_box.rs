//! A machine that runs systemd as process 1, to see the unit files at work (`systemd-box.sh`).

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use super::{scimward::program, wait_for};

/// Files to put on the machine before it boots.
pub struct Files(TempDir);

impl Files {
    /// None.
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A file of root's at `path` on the machine.
    pub fn add(self, path: &str, mode: u32, content: &str) -> Self {
        let place = self.0.path().join("add").join(path.trim_start_matches('/'));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, content).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    /// A unit file as it is shipped.
    pub fn unit(self, name: &str) -> Self {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name);
        let text = fs::read_to_string(shipped).unwrap();
        self.add(&format!("/etc/systemd/system/{name}"), 0o644, &text)
    }

    /// Boots the machine and waits until it is up.
    pub fn boot(self) -> SystemdBox {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/systemd-box.sh");
        let console = fs::File::create(self.0.path().join("console")).unwrap();
        let process = Command::new("bash")
            .arg(script)
            .arg(self.0.path())
            .arg(program())
            .stdin(Stdio::null())
            .stdout(console.try_clone().unwrap())
            .stderr(console)
            .spawn()
            .unwrap();
        let mut machine = SystemdBox { process, files: self };
        wait_for("the machine is up", || machine.is_up().then_some(()));
        machine
    }
}

/// A running machine; it is switched off when dropped.
pub struct SystemdBox {
    process: Child,
    files: Files,
}

impl SystemdBox {
    fn is_up(&mut self) -> bool {
        let ended = self.process.try_wait().unwrap();
        assert!(ended.is_none(), "the machine went down:\n{}", self.console());
        let state = self.leader().map(|_| self.try_run(&["systemctl", "is-system-running"]));
        // "degraded": something of this machine's own does not run in a container.
        state.is_some_and(|state| matches!(text(&state.stdout).as_str(), "running" | "degraded"))
    }

    fn console(&self) -> String {
        fs::read_to_string(self.files.0.path().join("console")).unwrap_or_default()
    }

    /// Its process 1 as we see it: the child of systemd-nspawn.
    fn leader(&self) -> Option<String> {
        let id = self.process.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
        children.split_whitespace().next().map(str::to_owned)
    }

    /// Runs a command of root's on the machine.
    pub fn try_run(&self, command: &[&str]) -> Output {
        Command::new("nsenter")
            .args(["--all", "--target", &self.leader().unwrap_or_default(), "--"])
            .args(["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_PAGER=cat"])
            .args(command)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// The same for one that has to succeed; returns its output.
    #[track_caller]
    pub fn run(&self, command: &[&str]) -> String {
        let output = self.try_run(command);
        assert!(
            output.status.success(),
            "{command:?}: {}\n{}{}\n{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr),
            text(&self.try_run(&["journalctl", "--no-pager", "-n", "100"]).stdout)
        );
        text(&output.stdout)
    }

    /// A property of a unit.
    pub fn show(&self, unit: &str, property: &str) -> String {
        self.run(&["systemctl", "show", unit, "--value", "-p", property])
    }

    /// Replaces a file on the machine.
    pub fn write(&self, path: &str, content: &str) {
        self.run(&["sh", "-c", "printf %s \"$1\" > \"$2\"", "sh", content, path]);
    }

    /// What a unit has logged, one JSON object a line.
    pub fn journal(&self, unit: &str) -> String {
        self.run(&["journalctl", "--no-pager", "-o", "json", "-u", unit])
    }
}

impl Drop for SystemdBox {
    fn drop(&mut self) {
        // An orderly power-off; the mounts go with the process's namespace.
        let _ = rustix::process::kill_process(Pid::from_child(&self.process), Signal::TERM);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            if std::time::Instant::now() > deadline {
                let _ = self.process.kill();
            }
            std::thread::park_timeout(std::time::Duration::from_millis(5));
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
