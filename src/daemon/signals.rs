//! Signals, as the daemon understands them.

use std::io;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `SIGTERM` or `SIGINT`: leave; the second one: at once. Holds the signal's number.
    Leave(u8),
    /// `SIGHUP`: read the configuration again.
    Reload,
}

/// `SIGHUP`, `SIGINT` and `SIGTERM` on Linux, for the exit status 128 + n.
const SIGINT: u8 = 2;
const SIGTERM: u8 = 15;

/// Takes the three signals over from now on; within a runtime only. Signals that come while many
/// others wait are dropped: the ones that wait say the same.
///
/// # Errors
/// When the system does not let us.
pub fn listen() -> io::Result<mpsc::Receiver<Signal>> {
    let (send, signals) = mpsc::channel(8);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            let seen = tokio::select! {
                Some(()) = terminate.recv() => Signal::Leave(SIGTERM),
                Some(()) = interrupt.recv() => Signal::Leave(SIGINT),
                Some(()) = hang_up.recv() => Signal::Reload,
                () = send.closed() => return,
                else => return,
            };
            let _ = send.try_send(seen);
        }
    });
    Ok(signals)
}

#[cfg(test)]
mod tests {
    use rustix::process::{Signal as Kill, getpid, kill_process};

    use super::*;

    #[tokio::test]
    async fn signals_are_taken_over() {
        let mut signals = listen().unwrap();
        for (kill, expected) in [
            (Kill::HUP, Signal::Reload),
            (Kill::TERM, Signal::Leave(15)),
            (Kill::INT, Signal::Leave(2)),
            (Kill::TERM, Signal::Leave(15)),
        ] {
            kill_process(getpid(), kill).unwrap();
            assert_eq!(signals.recv().await, Some(expected));
        }
    }
}
