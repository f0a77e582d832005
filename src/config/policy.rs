//! The small tables: `[leavers]`, `[limits]`, `[state]`, `[schedule]`, `[audit]`, `[log]`.

use std::path::{Path, PathBuf};

use super::{item::Item, keys, section::Section};
use crate::{
    daemon::settings::ScheduleSettings,
    logging::settings::{LogFormat, LogSettings},
    plan::settings::{LeaverAction, Leavers, Limits, OnExceeded},
    survey::settings::AuditSettings,
};

/// `[leavers]`
pub(super) fn leavers(leavers: &Section<'_>) -> Leavers {
    let actions = [
        ("deactivate", LeaverAction::Deactivate),
        ("delete", LeaverAction::Delete),
        ("keep", LeaverAction::Keep),
    ];
    let days = leavers.number("delete_after_days", 30, 0..=36_500, "0 deletes at once");
    let cycles = leavers.number("confirm_cycles", 1, 1..=1000, "1 acts in the first complete cycle");
    Leavers {
        action: leavers.choice("action", LeaverAction::Deactivate, &actions),
        delete_after_days: u32::try_from(days).unwrap_or(u32::MAX),
        confirm_cycles: u16::try_from(cycles).unwrap_or(u16::MAX),
    }
}

/// `[limits]`
pub(super) fn limits(limits: &Section<'_>) -> Limits {
    const EXAMPLE: &str = "write protected = [\"uid=root,ou=people,dc=example,dc=org\"]";
    let on_exceeded = [("hold", OnExceeded::Hold), ("abort", OnExceeded::Abort)];
    let percent = share(limits, "max_removals_percent", "the accounts in use");
    let protected = limits.item("protected").and_then(|item| item.texts(EXAMPLE));
    Limits {
        max_removals: limits.number("max_removals", 50, 0..=1_000_000_000, "0 holds every removal"),
        max_removals_percent: percent.unwrap_or(10.0),
        on_exceeded: limits.choice("on_exceeded", OnExceeded::Hold, &on_exceeded),
        protected: protected.unwrap_or_default(),
    }
}

/// A share in percent, of what.
pub(super) fn share(section: &Section<'_>, key: &str, what: &str) -> Option<f64> {
    let item = section.item(key)?;
    let percent = item.fraction()?;
    if (0.0..=100.0).contains(&percent) {
        return Some(percent);
    }
    item.wrong(
        format!("{percent} is not from 0 to 100"),
        format!("write a share of {what} in percent, e.g. 10"),
    );
    None
}

/// `[state]`: the folder as written, else the service's own, else the usual one.
pub(super) fn state_path(state: &Section<'_>) -> PathBuf {
    let written = state.item("path").and_then(|item| item.path());
    written
        .or_else(|| service_folder(state))
        .unwrap_or_else(|| Path::new("/var/lib/scimward").to_owned())
}

/// systemd names several folders with colons between them; the first is ours.
fn service_folder(state: &Section<'_>) -> Option<PathBuf> {
    let folders = (state.report.checks.env)("STATE_DIRECTORY")?;
    std::env::split_paths(&folders)
        .next()
        .filter(|folder| folder.is_absolute())
}

/// `[schedule]`; nothing when the table is not there. The daemon runs audits by the same clock.
pub(super) fn schedule(schedule: &Section<'_>, audit_cron: Option<&str>) -> Option<ScheduleSettings> {
    if !schedule.is_present() {
        return None;
    }
    let cron = schedule
        .required("cron", "write cron = \"*/15 * * * *\" for every quarter of an hour")
        .and_then(|item| cron_text(schedule, &item));
    Some(ScheduleSettings {
        cron: cron.unwrap_or_default(),
        timezone: timezone(schedule),
        run_at_start: schedule.flag("run_at_start", true),
        jitter_s: schedule.number("jitter_s", 0, 0..=86_400, "seconds, at most a day"),
        catch_up: schedule.flag("catch_up", true),
        audit_cron: audit_cron.map(str::to_owned),
    })
}

fn cron_text(section: &Section<'_>, item: &Item<'_>) -> Option<String> {
    let text = item.text()?;
    if let Err(problem) = (section.report.checks.cron)(text) {
        let mend = if problem.contains("never comes") {
            "write a day that the month has"
        } else {
            "write 5 fields (minute hour day month weekday), 6 (seconds first) or 7 (year last)"
        };
        item.wrong(format!("is not a schedule: {problem}"), mend);
    }
    Some(text.to_owned())
}

/// `[audit]`
pub(super) fn audit(audit: &Section<'_>) -> AuditSettings {
    let defaults = AuditSettings::default();
    AuditSettings {
        cron: audit.item("cron").and_then(|item| cron_text(audit, &item)),
        repair: audit.flag("repair", defaults.repair),
        max_requests: audit.number(
            "max_requests",
            defaults.max_requests,
            1..=1_000_000_000,
            "requests in one audit",
        ),
    }
}

fn timezone(schedule: &Section<'_>) -> chrono_tz::Tz {
    let Some(item) = schedule.item("timezone") else {
        return chrono_tz::UTC;
    };
    let Some(text) = item.text() else { return chrono_tz::UTC };
    text.parse().unwrap_or_else(|_| {
        let mend = match keys::nearest(text, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())) {
            Some(near) => format!("did you mean {near:?}?"),
            None => "write \"UTC\", \"Europe/Berlin\", \"Asia/Shanghai\" or the like".to_owned(),
        };
        item.wrong(format!("{text:?} is not a time zone of the IANA database"), mend);
        chrono_tz::UTC
    })
}

/// `[log]`
pub(super) fn log(log: &Section<'_>) -> LogSettings {
    let defaults = LogSettings::default();
    let level = log.item("level").and_then(|item| {
        let text = item.text()?;
        if let Err(problem) = (log.report.checks.log_level)(text) {
            item.wrong(
                format!("is not a log level: {problem}"),
                "write error, warn, info, debug or trace, or a list such as \"info,scimward::scim=debug\"",
            );
        }
        Some(text.to_owned())
    });
    let formats = [
        ("text", LogFormat::Text),
        ("json", LogFormat::Json),
        ("journald", LogFormat::Journald),
    ];
    LogSettings {
        format: log.choice("format", defaults.format, &formats),
        level: level.unwrap_or(defaults.level),
    }
}
