//! What the daemon says of itself, to the service manager and over the control socket.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::due::Cause;
use crate::ports::CycleRecord;

/// The daemon at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// The schedule in words.
    pub schedule: String,
    /// The next time on the schedule; before jitter.
    pub next: Option<DateTime<Utc>>,
    /// The cycle in progress.
    pub running: Option<Running>,
    /// The last cycle that ended since the daemon was started.
    pub last: Option<CycleRecord>,
    /// Scheduled times that passed while a cycle was in progress.
    pub skipped: u64,
    /// Cycles that ended in a panic.
    pub panics: u64,
    /// Why the configuration in force is not the one in the file.
    pub reload_error: Option<String>,
    /// The daemon takes no more work.
    pub stopping: bool,
    /// What is known of the token; nothing until it was looked at for the first time.
    #[serde(default)]
    pub token: Option<TokenStatus>,
}

/// How long the token in use works, if it does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenStatus {
    /// When it stops working, if anybody knows.
    pub expires: Option<DateTime<Utc>>,
    /// Who says so.
    pub known_from: Option<KnownFrom>,
    /// Its id at the control plane.
    pub id: Option<String>,
    /// By which it is told from another one.
    #[serde(default)]
    pub digest: Option<String>,
    /// It is let in no more.
    #[serde(default)]
    pub refused: bool,
    /// Why that is so, or why not more is known.
    pub problem: Option<String>,
}

/// Who says when a token stops working; the later ones know better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KnownFrom {
    /// `[scim] token_expires`.
    Configuration,
    /// The note beside the token file.
    Note,
    /// The cloud.
    ControlPlane,
}

/// A cycle in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// When it began.
    pub since: DateTime<Utc>,
    /// Why it began.
    #[serde(flatten)]
    pub cause: Cause,
}

impl DaemonStatus {
    /// One line for people, times as the clock in `zone` shows them.
    pub fn line(&self, zone: Tz) -> String {
        let mut parts = self.doing(zone);
        match self.next {
            _ if self.running.is_some() || self.stopping => {}
            Some(next) => parts.push(format!("next run {}", show(next, zone))),
            None => parts.push("no further run on the schedule".to_owned()),
        }
        if let Some(last) = &self.last {
            let ended = DateTime::from_timestamp(last.ended, 0).map(|at| show(at, zone));
            parts.push(format!("last run {}: {}", ended.unwrap_or_default(), last.outcome));
        }
        parts.extend(self.notes());
        parts.join("; ")
    }

    /// What stands in [`DaemonStatus::line`] besides the next and the last run; empty when all is quiet.
    pub fn now(&self, zone: Tz) -> String {
        let mut parts = self.doing(zone);
        parts.extend(self.notes());
        parts.join("; ")
    }

    fn doing(&self, zone: Tz) -> Vec<String> {
        let stopping = self.stopping.then(|| "stopping".to_owned());
        let running = self.running.as_ref();
        let running = running.map(|running| format!("a run in progress since {}", show(running.since, zone)));
        stopping.into_iter().chain(running).collect()
    }

    fn notes(&self) -> Vec<String> {
        let skipped = (self.skipped > 0).then(|| format!("{} skipped", self.skipped));
        let panics = (self.panics > 0).then(|| format!("{} broken off", self.panics));
        let kept = self.reload_error.as_ref();
        let kept = kept.map(|error| format!("old configuration kept: {error}"));
        skipped.into_iter().chain(panics).chain(kept).collect()
    }
}

/// A time for people, as the clock in `zone` shows it.
pub fn show(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S %Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc);
        let check = |status: &DaemonStatus, expected: &str| assert_eq!(status.line(Tz::Europe__Berlin), expected);
        let mut status = DaemonStatus::default();
        check(&status, "no further run on the schedule");
        status.next = Some(at("2026-07-01T00:30:00Z"));
        check(&status, "next run 2026-07-01 02:30:00 CEST");
        status.last = Some(CycleRecord {
            ended: 1_767_225_600,
            outcome: "3 updated".into(),
            ..Default::default()
        });
        status.skipped = 2;
        status.reload_error = Some("[ldap] is missing".into());
        check(
            &status,
            "next run 2026-07-01 02:30:00 CEST; last run 2026-01-01 01:00:00 CET: 3 updated; 2 skipped; \
             old configuration kept: [ldap] is missing",
        );
        assert_eq!(
            status.now(Tz::Europe__Berlin),
            "2 skipped; old configuration kept: [ldap] is missing"
        );
        status = DaemonStatus {
            stopping: true,
            ..Default::default()
        };
        check(&status, "stopping");
        status.running = Some(Running {
            since: at("2026-01-01T00:00:00Z"),
            cause: Cause::Requested,
        });
        check(&status, "stopping; a run in progress since 2026-01-01 01:00:00 CET");
    }
}
