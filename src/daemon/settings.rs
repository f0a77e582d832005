//! `[schedule]`, checked already.

/// When cycles run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleSettings {
    /// Cron expression as written: 5, 6 (seconds first) or 7 (seconds first, year last) fields.
    pub cron: String,
    /// IANA zone in which it is meant.
    pub timezone: chrono_tz::Tz,
    /// One cycle right after the start.
    pub run_at_start: bool,
    /// Each start is put off by a random part of this many seconds.
    pub jitter_s: u64,
    /// One cycle after the start when a tick was missed while the daemon was down.
    pub catch_up: bool,
    /// When audits run: a cron expression like the first, in the same zone.
    pub audit_cron: Option<String>,
}
