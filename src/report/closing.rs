//! What stands below the operations of a dry run: rejects, warnings, totals.

use std::io::{self, Write};

use super::{
    ACTIONS, Summary, drift, groups,
    look::Look,
    rejects::{self, Who},
    text::HeldLines,
    width::columns,
    words::{about, count, grouped},
};
use crate::{model::shown, ports::Held};

/// Where everything is that a terminal is not shown.
pub(super) const WHOLE_REPORT: &str = "add --output FILE, or | less, for all of them";

/// `held_lines` counts the lines that were marked as held.
pub(super) fn write(out: &mut dyn Write, look: &Look, summary: &Summary, held_lines: &HeldLines) -> io::Result<()> {
    let shown_max = look
        .brief
        .map_or(usize::MAX, |brief| usize::try_from(brief.people).unwrap_or(usize::MAX));
    rejects::write(out, look, Who::People, &summary.rejects, shown_max, WHOLE_REPORT)?;
    let rejected_groups = summary.groups.as_ref().map_or(&[][..], |groups| &groups.rejects);
    rejects::write(out, look, Who::Groups, rejected_groups, shown_max, WHOLE_REPORT)?;
    warnings(out, look, &summary.warnings)?;
    if let Some(audited) = &summary.audit {
        drift::write(out, look, audited)?;
    }
    ends(out, look, summary)?;
    let groups = summary.groups.as_ref();
    let done =
        summary.operations.values().sum::<u64>() + groups.map_or(0, |groups| groups.operations.values().sum::<u64>());
    let held = [
        (Who::People, summary.held.as_ref()),
        (Who::Groups, groups.and_then(|groups| groups.held.as_ref())),
    ];
    let nothing = done == 0 && held_lines.is_empty() && held.iter().all(|(_, held)| held.is_none());
    if !nothing {
        totals(out, look, summary, held_lines)?;
    }
    for (who, held) in held {
        if let Some(held) = held {
            held_back(out, look, who, held)?;
        }
    }
    if let Some(reason) = &summary.incomplete {
        let alert = look.alert;
        writeln!(
            out,
            "{alert}The read is not complete:{alert:#} {}.",
            shown(reason.trim_end_matches('.'))
        )?;
        writeln!(out, "  An incomplete read never deactivates or deletes anybody.")?;
    } else if let Some(reason) = groups.and_then(|groups| groups.incomplete.as_ref()) {
        let alert = look.alert;
        let reason = shown(reason.trim_end_matches('.')).into_owned();
        writeln!(out, "{alert}The read of the groups is not complete:{alert:#} {reason}.")?;
        writeln!(out, "  An incomplete read never takes anybody out of a group.")?;
    } else if nothing {
        let drifted = summary.audit.as_ref().is_some_and(|audited| !audited.drifts.is_empty());
        let nothing = if drifted {
            "Nothing to do on the directory's account."
        } else {
            "Nothing to do."
        };
        writeln!(out, "{nothing}")?;
    }
    Ok(())
}

fn warnings(out: &mut dyn Write, look: &Look, warnings: &[String]) -> io::Result<()> {
    if warnings.is_empty() {
        return Ok(());
    }
    let Look { heading, changed, .. } = look;
    writeln!(out, "{heading}Warnings{heading:#}")?;
    for warning in warnings {
        writeln!(out, "  {changed}!{changed:#} {}", shown(warning))?;
    }
    writeln!(out)
}

/// The two ends of the wire, and what was read.
fn ends(out: &mut dyn Write, look: &Look, summary: &Summary) -> io::Result<()> {
    let Look { strong, .. } = look;
    let source = shown(&summary.source);
    let counts = format!(
        "{} read, {} in scope, {} out of scope, {} unchanged",
        match summary.entries {
            1 => "1 entry".to_owned(),
            entries => format!("{} entries", grouped(entries)),
        },
        grouped(summary.in_scope),
        grouped(summary.out_of_scope),
        grouped(summary.unchanged),
    );
    let room = look.width.saturating_sub("From  : ".len() + columns(&source));
    let between = if columns(&counts) <= room { " " } else { "\n      " };
    writeln!(out, "{strong}From{strong:#}  {source}:{between}{counts}")?;
    if let Some(of_groups) = &summary.groups {
        groups::counts(out, look, of_groups)?;
    }
    writeln!(
        out,
        "{strong}To{strong:#}    {} ({})",
        shown(&summary.target),
        shown(&summary.profile)
    )
}

fn totals(out: &mut dyn Write, look: &Look, summary: &Summary, held_lines: &HeldLines) -> io::Result<()> {
    let Look { strong, alert, .. } = look;
    write!(out, "{strong}Plan{strong:#}  {}", shown(&summary.plan_id))?;
    if summary.held.is_some() {
        write!(out, "  (all of it; what is held has an id of its own, below)")?;
    }
    writeln!(out)?;
    writeln!(out)?;
    for action in ACTIONS {
        let number = summary.operations.get(&action).copied().unwrap_or_default();
        let held = held_lines.people.get(&action).copied().unwrap_or_default();
        if number == 0 && held == 0 {
            continue;
        }
        let (sign, style) = look.sign(action);
        write!(
            out,
            "  {style}{sign}{style:#} {:<12}{:>9}",
            action.to_string(),
            grouped(number)
        )?;
        if held > 0 {
            write!(out, "  {alert}and {} held{alert:#}", grouped(held))?;
        }
        writeln!(out)?;
    }
    let mut rejected = summary.rejects.len();
    if let Some(of_groups) = &summary.groups {
        groups::totals(out, look, of_groups, &held_lines.groups)?;
        rejected += of_groups.rejects.len();
    }
    if rejected > 0 {
        writeln!(
            out,
            "  {alert}!{alert:#} {:<12}{:>9}",
            "rejected",
            grouped(rejected as u64)
        )?;
    }
    writeln!(out)?;
    write!(out, "{}", count(summary.requests, "request"))?;
    if let Some(seconds) = summary.seconds().filter(|_| summary.requests > 0) {
        write!(out, ", {} at {} requests/s", about(seconds), summary.rate_per_s)?;
    }
    writeln!(out)
}

/// Held removals that were approved, and when they go.
pub(super) fn approved(out: &mut dyn Write, look: &Look, who: Who, held: &Held) -> io::Result<()> {
    let Look { strong, .. } = look;
    let number = count(held.removals, "removal");
    let id = shown(&held.plan_id);
    let title = match who {
        Who::People => "Approved",
        Who::Groups => "Approved in groups",
    };
    writeln!(
        out,
        "{title}: {number} ({strong}{id}{strong:#}). {}",
        shown(&held.reason)
    )?;
    writeln!(
        out,
        "  The next run carries them out, if they are still the same by then. To run now: scimward --sync-now"
    )
}

/// Held removals and the command that lets them through.
pub(super) fn held_back(out: &mut dyn Write, look: &Look, who: Who, held: &Held) -> io::Result<()> {
    let Look { alert, strong, .. } = look;
    let number = count(held.removals, "removal");
    let title = match who {
        Who::People => "Held back",
        Who::Groups => "Held back in groups",
    };
    writeln!(out, "{alert}{title}: {number}.{alert:#} {}", shown(&held.reason))?;
    let id = shown(&held.plan_id);
    let when = match held.since {
        // Only a dry run knows of them so far, and there is nothing yet that could be approved.
        0 => "A run holds them and does the rest. Then, to let exactly these through",
        _ => "To let exactly these through",
    };
    writeln!(out, "  {when}: {strong}scimward approve {id}{strong:#}")
}
