//! What a rebuild says at its end.

use std::io::{self, Write};

use super::Groups;
use crate::{
    cycle::Planned,
    model::shown,
    report::{count, grouped, people},
    survey::rebuild::{
        Few, Rebuilt, Stranger, Unclear,
        groups::{GroupsRebuilt, Knowledge},
    },
};

/// Names shown of each kind; the rest are counted.
const SHOWN_MAX: usize = 100;

/// Tells it.
pub(super) fn tell(
    out: &mut dyn Write,
    planned: &Planned,
    rebuilt: &Rebuilt,
    groups: Option<&Groups>,
) -> io::Result<()> {
    match &rebuilt.stopped {
        None => writeln!(out, "The state is rebuilt.")?,
        Some(error) => writeln!(
            out,
            "The rebuild was interrupted: {}.\nWhat was found is kept. To go on: scimward state rebuild",
            shown(&error.to_string())
        )?,
    }
    writeln!(out)?;
    line(out, "in scope", rebuilt.people, "")?;
    line(out, "linked", rebuilt.linked, &differing(rebuilt.differing))?;
    line(out, "without account", rebuilt.without_account, "made in the next run")?;
    line(out, "unclear", rebuilt.unclear.count, "not linked")?;
    let rejected = planned.plan.counts.rejected;
    line(out, "rejected", rejected, "not linked; scimward --dry-run says why")?;
    unclear(out, &rebuilt.unclear)?;
    strangers(out, "account", rebuilt.not_listed.as_deref(), &rebuilt.strangers)?;
    if let Some((groups, rejected)) = groups {
        of_groups(out, groups, *rejected)?;
    }
    if rebuilt.stopped.is_none() {
        writeln!(out, "\nWhat is left to do: scimward --dry-run")?;
    }
    Ok(())
}

fn of_groups(out: &mut dyn Write, groups: &GroupsRebuilt, rejected: u64) -> io::Result<()> {
    writeln!(out, "\nGroups")?;
    line(out, "in scope", groups.groups, "")?;
    line(out, "linked", groups.linked, &differing(groups.differing))?;
    line(out, "without group", groups.without_group, "made in the next run")?;
    line(out, "unclear", groups.unclear.count, "not linked")?;
    line(out, "rejected", rejected, "not linked; scimward --dry-run says why")?;
    let surplus = match groups.surplus {
        0 => String::new(),
        number => format!(
            "{} of them the directory does not list; the next run takes them out, within [groups.limits]",
            grouped(number)
        ),
    };
    line(out, "members", groups.members, &surplus)?;
    unclear(out, &groups.unclear)?;
    strangers(out, "group", groups.not_listed.as_deref(), &groups.strangers)?;
    match groups.knowledge {
        Knowledge::Whole | Knowledge::Asked { unknown: 0, .. } => Ok(()),
        Knowledge::Asked { people: asked, unknown } => writeln!(
            out,
            "\nNote: this cloud tells the groups of one person at a time. {} asked about ([audit] max_requests); of \
             {} it is not known which groups they are in. The next run puts them in again where the directory lists \
             them, which changes nothing for those who are in; who is in a group and should not be is found by an \
             audit: scimward --sync-now --audit.",
            people_were(asked),
            people(unknown),
        ),
        Knowledge::Nothing => writeln!(
            out,
            "\nNote: this cloud does not tell who is in a group. The next run puts everybody in again whom the \
             directory lists, which changes nothing for those who are in; who is in a group and should not be is not \
             known and stays. To be sure, compare these groups in the cloud's console."
        ),
    }
}

fn people_were(number: u64) -> String {
    let were = if number == 1 { "was" } else { "were" };
    format!("{} {were}", people(number))
}

fn differing(number: u64) -> String {
    match number {
        0 => String::new(),
        number => format!(
            "{} of them hold something else; the next run brings them in step",
            grouped(number)
        ),
    }
}

fn line(out: &mut dyn Write, what: &str, number: u64, words: &str) -> io::Result<()> {
    let words = if number > 0 { words } else { "" };
    let line = format!("  {what:<16}{:>9}  {words}", grouped(number));
    writeln!(out, "{}", line.trim_end())
}

fn unclear(out: &mut dyn Write, unclear: &Few<Unclear>) -> io::Result<()> {
    if unclear.count == 0 {
        return Ok(());
    }
    writeln!(out, "\nUnclear")?;
    for one in unclear.first.iter().take(SHOWN_MAX) {
        writeln!(out, "  {}  {}", shown(&one.user_name), shown(&one.dn))?;
        writeln!(out, "      {}", shown(&one.why))?;
    }
    more(out, unclear)
}

fn strangers(out: &mut dyn Write, noun: &str, not_listed: Option<&str>, strangers: &Few<Stranger>) -> io::Result<()> {
    if let Some(why) = not_listed {
        writeln!(out, "\nNote: {}.", shown(why))?;
    }
    if strangers.count == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "\n{} that nobody in the directory matches: not linked, so never changed or removed from here",
        count(strangers.count, noun)
    )?;
    for one in strangers.first.iter().take(SHOWN_MAX) {
        writeln!(out, "  {}  id {}", shown(&one.user_name), shown(&one.id.0))?;
        if let Some(because) = &one.because {
            writeln!(out, "      {}", shown(because))?;
        }
    }
    more(out, strangers)
}

fn more<T>(out: &mut dyn Write, few: &Few<T>) -> io::Result<()> {
    match few.count.saturating_sub(SHOWN_MAX as u64) {
        0 => Ok(()),
        more => writeln!(out, "  … and {} more", grouped(more)),
    }
}
