//! What a child process cost, as the kernel tells it.

use std::{
    fs,
    process::Command,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// Ticks of `/proc/PID/stat` on every Linux we know.
const TICKS_PER_S: u64 = 100;
/// Peak memory only grows, so that looking now and then misses nothing but the very end.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Of one process.
pub struct Usage {
    /// From start to end.
    pub wall: Duration,
    pub user: Duration,
    pub system: Duration,
    /// Peak resident memory.
    pub peak_kib: u64,
    pub code: Option<i32>,
}

/// Runs `command` to its end.
pub fn of(command: &mut Command) -> Usage {
    let started = Instant::now();
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let id = child.id();
    let (over, peak_kib) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut wall = Duration::ZERO;
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                peak_kib.fetch_max(high_water_kib(id).unwrap_or(0), Ordering::Relaxed);
                thread::park_timeout(LOOK_EVERY);
            }
        });
        // It stays a zombie for now, so that its times can be read.
        waitid(
            WaitId::Pid(Pid::from_child(&child)),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        )
        .unwrap();
        wall = started.elapsed();
        over.store(true, Ordering::Relaxed);
    });
    let (user, system) = times(id);
    Usage {
        wall,
        user,
        system,
        peak_kib: peak_kib.into_inner(),
        code: child.wait().unwrap().code(),
    }
}

fn high_water_kib(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// `utime` and `stime` (proc_pid_stat(5), fields 14 and 15; the name in field 2 may hold spaces).
fn times(id: u32) -> (Duration, Duration) {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let time = |field: usize| Duration::from_millis(fields[field].parse::<u64>().unwrap() * 1000 / TICKS_PER_S);
    (time(11), time(12))
}
