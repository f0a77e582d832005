//! What integration tests share: real servers, faults between them and us, the program itself.
//!
//! `mod support;` in a test file that begins with `#![cfg(test)]` (by which clippy knows that its
//! helpers may unwrap) brings all of it. Everything stops and is removed when dropped;
//! nothing listens outside loopback; nothing waits for time to pass, only for something to be so.
#![expect(dead_code, reason = "every test file uses its own part of this")]

use std::{
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    time::{Duration, Instant},
};

pub mod certs;
pub mod circle;
pub mod cloud;
pub mod config;
pub mod control;
pub mod http;
pub mod listener;
pub mod pair;
pub mod people;
pub mod port;
pub mod proxy;
pub mod pty;
pub mod ranged;
pub mod recorder;
pub mod sandbox;
pub mod scim_servers;
pub mod scimward;
pub mod service_manager;
pub mod slapd;
pub mod stage;
pub mod systemd_box;
pub mod world;

/// Longest wait for anything on this machine, also when it is busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Polls until `done` answers something; the test fails after [`PATIENCE`].
pub fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = done() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Whether something accepts connections there.
pub fn accepts(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// A path below the folder where `tests/run.sh` installs servers, or the one that `variable` names.
/// The test fails, with the way out, when there is nothing.
pub fn installed(variable: &str, below_cache: &str) -> PathBuf {
    let path = std::env::var_os(variable).map_or_else(
        || {
            PathBuf::from(env!("CARGO_MANIFEST_DIR"))
                .join(".cache")
                .join(below_cache)
        },
        PathBuf::from,
    );
    assert!(
        path.exists(),
        "{} is missing: run tests/run.sh --install-only (or set {variable})",
        path.display()
    );
    path
}

/// The first of `candidates` that exists.
pub fn system_program(name: &str, candidates: &[&str]) -> PathBuf {
    let found = candidates.iter().map(PathBuf::from).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is missing: run tests/run.sh"))
}
