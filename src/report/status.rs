//! Finished cycles in one sentence, and what `scimward status` says.

use std::io::{self, Write};

use serde_json::json;

use super::{
    TextStyle, as_text, closing, json as dry_run,
    look::Look,
    rejects::{self, Who},
    width::{columns, pad},
    words::{count, duration, grouped, instant, timestamp},
};
use crate::{
    model::shown,
    ports::{AuditRecord, CycleRecord, GroupRecord, Held, Reject},
};

/// Rejected people of each kind that a status shows; the rest are counted.
const REJECTS_SHOWN_MAX: usize = 5;

/// A finished cycle in one sentence: how it ended, what it took.
#[must_use]
pub fn cycle_line(record: &CycleRecord) -> String {
    let took = match seconds(record) {
        0 => "less than 1 s".to_owned(),
        seconds => duration(seconds),
    };
    format!("{} in {took}", sentence(record))
}

fn seconds(record: &CycleRecord) -> u64 {
    u64::try_from(record.ended.saturating_sub(record.started)).unwrap_or_default()
}

fn sentence(record: &CycleRecord) -> String {
    let outcome = match record.outcome.trim_end_matches(['.', ' ']) {
        "" => ending(record.exit_code),
        outcome => outcome,
    };
    if record.ended == 0 {
        return shown(outcome).into_owned();
    }
    let entries = match record.entries {
        1 => "1 entry".to_owned(),
        entries => format!("{} entries", grouped(entries)),
    };
    let groups = match &record.groups {
        Some(groups) => format!(" and {}", count(groups.entries, "group")),
        None => String::new(),
    };
    let requests = count(record.requests, "request");
    format!("{}; {entries}{groups} read, {requests} sent", shown(outcome))
}

/// The meaning of the exit code, for a record without words of its own.
fn ending(exit_code: u8) -> &'static str {
    match exit_code {
        0 => "done",
        1 => "done, but not for everybody",
        2 => "wrong configuration",
        3 => "the directory could not be read completely",
        4 => "the service provider refused or could not be reached",
        5 => "done, removals are held back",
        _ => "ended",
    }
}

/// The daemon that was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaemonView {
    /// When it runs next: unix seconds, and as its own clock shows it. Nothing when the schedule has no
    /// further time.
    pub next_run: Option<(i64, String)>,
    /// What there is to say of it besides; empty when all is quiet.
    pub now: String,
}

/// What a status is made from.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The last cycles, newest first.
    pub records: Vec<CycleRecord>,
    /// Removals of people that are held.
    pub held: Option<Held>,
    /// The id of an approval that no run has used yet.
    pub approved: Option<String>,
    /// Removals of groups and from groups that are held.
    pub groups_held: Option<Held>,
    /// As `approved`, for groups.
    pub groups_approved: Option<String>,
    /// People who cannot be pushed.
    pub rejects: Vec<Reject>,
    /// Groups that cannot be pushed.
    pub group_rejects: Vec<Reject>,
    /// Nothing when none is running.
    pub daemon: Option<DaemonView>,
}

impl Status {
    /// What is held, of whom, and whether it is approved.
    fn held(&self) -> impl Iterator<Item = (Who, &Held, bool)> {
        let people = (Who::People, &self.held, &self.approved);
        let groups = (Who::Groups, &self.groups_held, &self.groups_approved);
        [people, groups].into_iter().filter_map(|(who, held, approved)| {
            let held = held.as_ref()?;
            Some((who, held, approved.as_ref() == Some(&held.plan_id)))
        })
    }
}

/// What `scimward status` says.
#[must_use]
pub fn status_text(status: &Status) -> String {
    let look = Look::new(TextStyle {
        width: usize::MAX,
        ..TextStyle::default()
    });
    as_text(|out| {
        cycles(out, &status.records)?;
        for (who, held, is_approved) in status.held() {
            if is_approved {
                closing::approved(out, &look, who, held)?;
            } else {
                closing::held_back(out, &look, who, held)?;
            }
            writeln!(out, "  Held since {} UTC\n", instant(held.since))?;
        }
        for (who, rejects) in [(Who::People, &status.rejects), (Who::Groups, &status.group_rejects)] {
            rejects::write(out, &look, who, rejects, REJECTS_SHOWN_MAX, "scimward rejects")?;
        }
        let Some(daemon) = &status.daemon else {
            return writeln!(out, "Daemon: not running; a single run is: scimward --sync-now");
        };
        match &daemon.next_run {
            Some((_, time)) => writeln!(out, "Next run: {}", shown(time))?,
            None => writeln!(out, "Next run: none; the schedule has no further time")?,
        }
        match &*daemon.now {
            "" => writeln!(out, "Daemon: running, no run in progress"),
            now => writeln!(out, "Daemon: running; {}", shown(now)),
        }
    })
}

/// What a status says of the last audit.
#[must_use]
pub fn audit_line(audit: &AuditRecord) -> String {
    let then = if audit.repaired {
        "; the cycle after it brought them in step"
    } else {
        ""
    };
    let outcome = audit.outcome.strip_prefix("audit: ").unwrap_or(&audit.outcome);
    format!("Last audit (UTC): {}  {}{then}", instant(audit.started), shown(outcome))
}

/// The same for programs (`docs/status-json.md`).
#[must_use]
pub fn audit_json(audit: &AuditRecord) -> serde_json::Value {
    json!({
        "started": timestamp(audit.started),
        "ended": timestamp(audit.ended),
        "exitCode": audit.exit_code,
        "outcome": audit.outcome,
        "people": audit.people,
        "compared": audit.compared,
        "differing": audit.differing,
        "missing": audit.missing,
        "repaired": audit.repaired,
        "roundComplete": audit.round_complete,
        "requests": audit.requests,
        "groups": audit.groups.as_ref().map(|groups| json!({
            "groups": groups.groups,
            "compared": groups.compared,
            "peopleAsked": groups.people_asked,
            "differing": groups.differing,
            "missing": groups.missing,
        })),
    })
}

fn cycles(out: &mut dyn Write, records: &[CycleRecord]) -> io::Result<()> {
    if records.is_empty() {
        return writeln!(out, "No run yet.\n");
    }
    let took = |record: &CycleRecord| duration(seconds(record));
    let widest = records
        .iter()
        .map(|record| columns(&took(record)))
        .max()
        .unwrap_or_default();
    writeln!(out, "Last runs (UTC)")?;
    for record in records {
        let time = pad(&took(record), widest);
        let end = match record.ended {
            0 => "no end".to_owned(),
            _ => format!("exit {}", record.exit_code),
        };
        writeln!(
            out,
            "  {}  {time}  {end}  {}",
            instant(record.started),
            sentence(record)
        )?;
    }
    writeln!(out)
}

/// The same for programs (`docs/status-json.md`).
#[must_use]
pub fn status_json(status: &Status) -> serde_json::Value {
    let held = |who: Who| {
        let found = status.held().find(|(of, ..)| *of == who);
        found.map(|(_, held, is_approved)| {
            let mut view = json!(dry_run::HeldView::new(held));
            view["approved"] = json!(is_approved);
            view
        })
    };
    let cycle = |record: &CycleRecord| {
        json!({
            "started": timestamp(record.started),
            "ended": timestamp(record.ended),
            "exitCode": record.exit_code,
            "outcome": record.outcome,
            "entries": record.entries,
            "done": record.done,
            "failed": record.failed,
            "rejected": record.rejected,
            "requests": record.requests,
            "groups": record.groups.as_ref().map(groups_json),
        })
    };
    let daemon = status.daemon.as_ref();
    json!({
        "format": "scimward-status",
        "version": 1,
        "cycles": status.records.iter().map(cycle).collect::<Vec<_>>(),
        "held": held(Who::People),
        "groupsHeld": held(Who::Groups),
        "rejects": dry_run::reject_views(&status.rejects, &status.group_rejects).collect::<Vec<_>>(),
        "daemon": daemon.map(|daemon| &daemon.now),
        "nextRun": daemon.and_then(|daemon| timestamp(daemon.next_run.as_ref()?.0)),
    })
}

fn groups_json(groups: &GroupRecord) -> serde_json::Value {
    json!({
        "entries": groups.entries,
        "done": groups.done,
        "adopted": groups.adopted,
        "added": groups.added,
        "removed": groups.removed,
        "waitingMembers": groups.waiting_members,
        "failed": groups.failed,
        "rejected": groups.rejected,
    })
}
