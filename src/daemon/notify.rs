//! What the service manager is told (sd_notify(3)). Nothing happens without `$NOTIFY_SOCKET`.

use std::time::Duration;

use sd_notify::NotifyState;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// Started, or done with reloading.
    Ready,
    /// Reading the configuration again.
    Reloading,
    /// On the way out.
    Stopping,
    /// Still alive.
    Watchdog,
    /// One line for `systemctl status`.
    Status(String),
}

/// Who is told.
pub trait ServiceManager: Send + Sync + 'static {
    /// Tells it.
    fn say(&self, what: Say);

    /// How often it wants to hear [`Say::Watchdog`] at least, if at all.
    fn watchdog(&self) -> Option<Duration>;
}

/// systemd, or another that speaks its protocol.
#[derive(Clone, Copy, Debug)]
pub struct Systemd;

impl ServiceManager for Systemd {
    fn say(&self, what: Say) {
        let sent = match &what {
            Say::Ready => sd_notify::notify(&[NotifyState::Ready]),
            // Type=notify-reload wants the time of the reload beside the word.
            Say::Reloading => {
                NotifyState::monotonic_usec_now().and_then(|since| sd_notify::notify(&[NotifyState::Reloading, since]))
            }
            Say::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
            Say::Watchdog => sd_notify::notify(&[NotifyState::Watchdog]),
            Say::Status(line) => sd_notify::notify(&[NotifyState::Status(&one_line(line))]),
        };
        if let Err(error) = sent {
            tracing::debug!(%error, message = ?what, "the service manager could not be told");
        }
    }

    fn watchdog(&self) -> Option<Duration> {
        sd_notify::watchdog_enabled().filter(|period| !period.is_zero())
    }
}

/// A line break would begin another assignment of the protocol.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixDatagram, process::Command};

    use super::*;

    /// Set in the child that [`speaks_the_protocol`] starts: an environment cannot be changed safely
    /// in a running process.
    const CHILD: &str = "SCIMWARD_TEST_NOTIFY_CHILD";

    #[test]
    fn child_of_speaks_the_protocol() {
        if std::env::var_os(CHILD).is_none() {
            return;
        }
        assert_eq!(Systemd.watchdog(), Some(Duration::from_secs(3)));
        Systemd.say(Say::Ready);
        Systemd.say(Say::Status("next run\nREADY=1".to_owned()));
        Systemd.say(Say::Reloading);
        Systemd.say(Say::Watchdog);
        Systemd.say(Say::Stopping);
    }

    #[test]
    fn speaks_the_protocol() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let test = "daemon::notify::tests::child_of_speaks_the_protocol";
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env(CHILD, "1")
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "3000000")
            .env_remove("WATCHDOG_PID")
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));

        let mut buffer = [0; 1024];
        let mut next = || {
            let len = socket.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..len].to_vec()).unwrap()
        };
        assert_eq!(next(), "READY=1\n");
        assert_eq!(next(), "STATUS=next run READY=1\n");
        let reloading = next();
        let since = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(since.trim_end().parse::<u64>().unwrap() > 0);
        assert_eq!(next(), "WATCHDOG=1\n");
        assert_eq!(next(), "STOPPING=1\n");
    }

    #[test]
    fn nobody_to_tell_is_fine() {
        assert_eq!(one_line("a\r\nb"), "a  b");
    }
}
