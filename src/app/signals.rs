//! The signals by which somebody asks a command to end: Ctrl-C, `SIGTERM`, a terminal that is closed.

use std::{
    fs,
    io::{self, Write},
};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Failure;

/// An exit code after a signal is its number and this.
const BY_SIGNAL: u8 = 128;
/// The exit code after Ctrl-C.
pub(super) const INTERRUPTED: u8 = BY_SIGNAL + 2;

/// From here on these signals end nothing by themselves.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// Absent when it was ignored at the start (`nohup`): whoever said so does not mean it as an end.
    hangup: Option<Signal>,
}

impl Signals {
    /// Takes them over, for as long as the process lives.
    pub(super) fn listen() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: match is_ignored(SignalKind::hangup(), &status) {
                true => None,
                false => Some(signal(SignalKind::hangup())?),
            },
        })
    }

    /// The exit code that the next one asks for.
    pub(super) async fn next(&mut self) -> u8 {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        let kind = tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = hangup => SignalKind::hangup(),
        };
        BY_SIGNAL.saturating_add(u8::try_from(kind.as_raw_value()).unwrap_or_default())
    }
}

/// Ends what must not be left half done: the first signal is answered and waits, the second one leaves at once and
/// says what may be `left`.
///
/// # Errors
/// When it was left.
pub(super) async fn finish<T>(work: impl Future<Output = T>, left: &str) -> Result<T, Failure> {
    let mut signals = Signals::listen().map_err(|error| Failure::other(&error))?;
    let insisted = async {
        signals.next().await;
        // A terminal that is gone cannot be told.
        let _ = writeln!(
            io::stderr(),
            "scimward: what is under way is brought to its end first; once more (Ctrl-C) leaves at once"
        );
        signals.next().await
    };
    tokio::select! {
        biased;
        done = work => Ok(done),
        code = insisted => Err(Failure { words: format!("interrupted; {left}"), code }),
    }
}

/// Whether a process ignores this signal, by its `status` in `/proc`.
fn is_ignored(kind: SignalKind, status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or_default() >> (kind.as_raw_value() - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nohup_says_is_seen() {
        let check = |status: &str, expected: bool| {
            assert_eq!(is_ignored(SignalKind::hangup(), status), expected, "{status}");
        };
        check("SigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n", true);
        check("SigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\n", false);
        check("SigIgn:\tx\n", false);
        check("", false);
    }
}
