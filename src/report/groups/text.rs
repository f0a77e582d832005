//! For people.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use anstyle::Style;

use super::{ACTIONS, FoundMembers, GroupLine, GroupProbe, GroupSummary, Member, attributes};
use crate::{
    model::{GroupAction, shown},
    ports::Probe,
    report::{
        look::{Look, NAME_COLUMNS, USER_COLUMNS},
        text::{HELD, INDENT, found_in_cloud},
        width::{columns, fit, fit_pair, pad, wrap},
        words::{count, grouped, instant, value_text},
    },
};

/// The heading of an action.
pub(in crate::report) fn title(action: GroupAction) -> &'static str {
    match action {
        GroupAction::Create => "Create groups",
        GroupAction::Update => "Update groups",
        GroupAction::Members => "Members of groups",
        GroupAction::Empty => "Empty groups (they left the directory)",
        GroupAction::Delete => "Delete groups (they left the directory)",
    }
}

/// Names of members shown of one group where a report is brief.
const NAMES_BRIEF: usize = 12;

fn sign(look: &Look, action: GroupAction) -> (char, Style) {
    match action {
        GroupAction::Create => ('+', look.added),
        GroupAction::Update | GroupAction::Members => ('~', look.changed),
        GroupAction::Empty | GroupAction::Delete => ('-', look.removed),
    }
}

/// One group and everything that would be done to it.
pub(in crate::report) fn group(out: &mut dyn Write, look: &Look, line: &GroupLine) -> io::Result<()> {
    heading(out, look, line)?;
    let operation = &line.operation;
    if let Some(taken_over) = &operation.takes_over {
        let words = format!(
            "takes over the emptied group {} of {} UTC, and with it what was assigned to it",
            shown(&taken_over.dn),
            instant(taken_over.emptied_at)
        );
        for part in wrap(&words, look.width.saturating_sub(INDENT.len())) {
            writeln!(out, "{INDENT}{part}")?;
        }
    }
    if operation.action == GroupAction::Update {
        names(out, look, line)?;
    }
    if line.members_before != line.members_after || !(line.added.is_empty() && line.removed.is_empty()) {
        let counts = format!("{} → {}", grouped(line.members_before), grouped(line.members_after));
        let changed = look.changed;
        writeln!(
            out,
            "{INDENT}{changed}~{changed:#} {}{counts}",
            pad("members", NAME_COLUMNS)
        )?;
    }
    members(out, look, ('+', look.added, "put in"), &line.added)?;
    members(out, look, ('-', look.removed, "taken out"), &line.removed)?;
    line.probe.iter().try_for_each(|found| probe(out, look, found))
}

fn heading(out: &mut dyn Write, look: &Look, line: &GroupLine) -> io::Result<()> {
    let Look {
        strong,
        faint,
        alert,
        width,
        ..
    } = *look;
    let operation = &line.operation;
    let (sign, style) = sign(look, operation.action);
    let name = pad(&fit(&shown(operation.display_name()), width / 2), USER_COLUMNS);
    let mark = if line.held { HELD } else { "" };
    let room = width.saturating_sub(4 + columns(&name) + 2 + mark.len());
    let dn = fit(&shown(&operation.dn), room);
    write!(
        out,
        "  {style}{sign}{style:#} {strong}{name}{strong:#}  {faint}{dn}{faint:#}"
    )?;
    writeln!(out, "{alert}{mark}{alert:#}")
}

/// Old and new values, the name above all.
fn names(out: &mut dyn Write, look: &Look, line: &GroupLine) -> io::Result<()> {
    let Look {
        added,
        removed,
        changed,
        ..
    } = look;
    let room = look.width.saturating_sub(INDENT.len() + 2 + NAME_COLUMNS);
    for change in attributes(&line.operation) {
        let name = pad(&fit(&shown(&change.path), NAME_COLUMNS - 1), NAME_COLUMNS);
        let text = |value: &Option<_>| value.as_ref().map_or_else(|| "nothing".to_owned(), value_text);
        let (before, after) = fit_pair(&text(&change.before), &text(&change.after), room.saturating_sub(2));
        write!(out, "{INDENT}{changed}~{changed:#} {name}{removed}{before}{removed:#}")?;
        if columns(&before) + 3 + columns(&after) > room {
            write!(out, "\n{INDENT}  {}", pad("", NAME_COLUMNS.saturating_sub(3)))?;
        }
        writeln!(out, " → {added}{after}{added:#}")?;
    }
    Ok(())
}

fn members(
    out: &mut dyn Write,
    look: &Look,
    (sign, style, label): (char, Style, &str),
    members: &[Member],
) -> io::Result<()> {
    if members.is_empty() {
        return Ok(());
    }
    let most = if look.brief.is_some() { NAMES_BRIEF } else { usize::MAX };
    let room = look.width.saturating_sub(INDENT.len() + 2 + NAME_COLUMNS);
    let name = |member: &Member| {
        let name = if member.name.is_empty() {
            &member.dn
        } else {
            &member.name
        };
        fit(&shown(name), room.saturating_sub(1))
    };
    let mut text = members.iter().take(most).map(name).collect::<Vec<_>>().join(", ");
    let more = members.len().saturating_sub(most);
    if more > 0 {
        text.push_str(&format!(" … and {} more", grouped(more as u64)));
    }
    for (at, line) in wrap(&text, room).into_iter().enumerate() {
        match at {
            0 => writeln!(out, "{INDENT}{style}{sign}{style:#} {}{line}", pad(label, NAME_COLUMNS))?,
            _ => writeln!(out, "{INDENT}  {}{line}", pad("", NAME_COLUMNS))?,
        }
    }
    Ok(())
}

fn probe(out: &mut dyn Write, look: &Look, found: &GroupProbe) -> io::Result<()> {
    found_in_cloud(out, look, "group", &found.probe)?;
    if !matches!(found.probe, Probe::Adoptable { .. }) {
        return Ok(());
    }
    let words = match found.members {
        None => "this cloud does not show who is in it; whoever is stays".to_owned(),
        Some(FoundMembers {
            there,
            missing,
            others: Some(others),
        }) => format!(
            "{} in it, {} of those wanted would be added; of {} others the run after it takes out people of this \
             directory",
            grouped(there),
            grouped(missing),
            grouped(others)
        ),
        Some(FoundMembers { there, missing, .. }) => format!(
            "of those wanted {} in it, {} would be added; this cloud does not show who else is in it",
            grouped(there),
            grouped(missing)
        ),
    };
    let faint = look.faint;
    writeln!(out, "{INDENT}{faint}{words}{faint:#}")
}

/// What was read.
pub(in crate::report) fn counts(out: &mut dyn Write, look: &Look, summary: &GroupSummary) -> io::Result<()> {
    let mut words = format!(
        "{} read, {} unchanged, {}",
        count(summary.entries, "group"),
        grouped(summary.unchanged),
        count(summary.memberships, "membership"),
    );
    if summary.nested > 0 {
        words.push_str(&format!(
            ", {} with groups in them, {} deep",
            grouped(summary.nested),
            summary.depth
        ));
    }
    if summary.outside > 0 {
        words.push_str(&format!(
            ", {} not among those provisioned",
            count(summary.outside, "listed member")
        ));
    }
    for line in wrap(&words, look.width.saturating_sub(6)) {
        writeln!(out, "      {line}")?;
    }
    Ok(())
}

/// Operations by action, and people moved.
pub(in crate::report) fn totals(
    out: &mut dyn Write,
    look: &Look,
    summary: &GroupSummary,
    held_lines: &BTreeMap<GroupAction, u64>,
) -> io::Result<()> {
    let alert = look.alert;
    for action in ACTIONS {
        let number = summary.operations.get(&action).copied().unwrap_or_default();
        let held = held_lines.get(&action).copied().unwrap_or_default();
        if number == 0 && held == 0 {
            continue;
        }
        let (sign, style) = sign(look, action);
        let name = match action {
            GroupAction::Create => "group create",
            GroupAction::Update => "group update",
            GroupAction::Members => "group change",
            GroupAction::Empty => "group empty",
            GroupAction::Delete => "group delete",
        };
        write!(out, "  {style}{sign}{style:#} {name:<12}{:>9}", grouped(number))?;
        if held > 0 {
            write!(out, "  {alert}and {} held{alert:#}", grouped(held))?;
        }
        writeln!(out)?;
    }
    for (sign, style, name, number) in [
        ('+', look.added, "members in", summary.added),
        ('-', look.removed, "members out", summary.removed),
    ] {
        if number > 0 {
            writeln!(out, "  {style}{sign}{style:#} {name:<12}{:>9}", grouped(number))?;
        }
    }
    Ok(())
}
