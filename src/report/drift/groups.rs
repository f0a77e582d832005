//! Groups that are not as they were pushed.

use std::io::{self, Write};

use serde::Serialize;

use super::{Change, differences, rest, title, write_changes};
use crate::{
    model::{Pushed, Resource, shown},
    ports::MembersTold,
    report::{
        look::Look,
        width::fit,
        words::{count, grouped, people},
    },
    survey::audit::groups::{GroupDrift, GroupsAudited, HeldGroup, Member},
};

/// Names on a line of members; the rest are counted.
const NAMES_MAX: usize = 20;

/// Every group that differs.
pub(super) fn write(out: &mut dyn Write, look: &Look, audited: &GroupsAudited) -> io::Result<()> {
    let most = look.brief.map_or(u64::MAX, |brief| brief.people);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    for drift in audited.drifts.iter().take(most) {
        group(out, look, drift)?;
    }
    rest(out, look, audited.drifts.len().saturating_sub(most))
}

fn group(out: &mut dyn Write, look: &Look, drift: &GroupDrift) -> io::Result<()> {
    let Look {
        faint, removed, added, ..
    } = *look;
    title(out, look, drift.held.is_some(), name_of(drift), &drift.dn)?;
    match &drift.held {
        None => {
            let id = shown(&drift.id.0);
            writeln!(
                out,
                "      {removed}the group is gone: there is no {id} any more{removed:#}"
            )?;
        }
        Some(held) => {
            write_changes(out, look, changes(drift))?;
            members(out, look, ('-', removed, "taken out"), &held.missing)?;
            members(out, look, ('+', added, "put in"), &held.extra)?;
        }
    }
    if drift.left {
        writeln!(
            out,
            "      {faint}this group has left the directory, so nothing is repaired{faint:#}"
        )?;
    }
    Ok(())
}

fn members(
    out: &mut dyn Write,
    look: &Look,
    (sign, style, what): (char, anstyle::Style, &str),
    members: &[Member],
) -> io::Result<()> {
    if members.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = members
        .iter()
        .take(NAMES_MAX)
        .map(|member| shown(&member.name).into_owned())
        .collect();
    let more = match members.len().saturating_sub(NAMES_MAX) {
        0 => String::new(),
        more => format!(", … and {} more", grouped(more as u64)),
    };
    let words = format!("{} {what} by hand: ", count(members.len() as u64, "member"));
    let room = look.width.saturating_sub(8 + words.len() + more.len());
    let names = fit(&names.join(", "), room);
    writeln!(out, "      {style}{sign}{style:#} {words}{style}{names}{style:#}{more}")
}

/// How much was looked at.
pub(super) fn totals(out: &mut dyn Write, look: &Look, audited: &GroupsAudited) -> io::Result<()> {
    let Look { alert, faint, .. } = look;
    write!(
        out,
        "  {} of {} compared: {} changed, {} gone",
        grouped(audited.compared),
        count(audited.groups, "group"),
        grouped(audited.differing()),
        grouped(audited.missing()),
    )?;
    match audited.members_told {
        MembersTold::WithTheGroup => writeln!(out)?,
        MembersTold::ByPerson => writeln!(out, "; the groups of {} asked for", people(audited.people_asked))?,
        MembersTold::Never => writeln!(
            out,
            "\n  {faint}members were not compared: this cloud does not tell who is in a group{faint:#}"
        )?,
    }
    match audited.unanswered {
        0 => Ok(()),
        number => writeln!(
            out,
            "  {alert}{} about groups had no usable answer{alert:#}",
            count(number, "question")
        ),
    }
}

fn name_of(drift: &GroupDrift) -> &str {
    drift.told.text("displayName").unwrap_or_default()
}

fn changes(drift: &GroupDrift) -> Vec<Change> {
    let pushed = |resource: &Resource| Pushed {
        resource: resource.clone(),
        manager: None,
    };
    match &drift.held {
        None => Vec::new(),
        Some(held) => differences(&pushed(&drift.told), &pushed(&held.resource)),
    }
}

/// The same for programs (`docs/dry-run-json.md`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupsView<'a> {
    drift: Vec<DriftView<'a>>,
    groups: u64,
    compared: u64,
    differing: u64,
    missing: u64,
    unanswered: u64,
    members_told: &'static str,
    people_asked: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DriftView<'a> {
    kind: &'static str,
    anchor: &'a str,
    dn: &'a str,
    display_name: &'a str,
    id: &'a str,
    left: bool,
    changes: Vec<Change>,
    taken_out: Vec<&'a str>,
    put_in: Vec<&'a str>,
}

impl<'a> GroupsView<'a> {
    pub(super) fn new(audited: &'a GroupsAudited) -> Self {
        let drift = |drift: &'a GroupDrift| {
            let names = |list: fn(&HeldGroup) -> &Vec<Member>| {
                let members = drift.held.iter().flat_map(list);
                members.map(|member| member.name.as_str()).collect()
            };
            DriftView {
                kind: if drift.held.is_some() { "changed" } else { "missing" },
                anchor: drift.anchor.as_str(),
                dn: &drift.dn,
                display_name: name_of(drift),
                id: &drift.id.0,
                left: drift.left,
                changes: changes(drift),
                taken_out: names(|held| &held.missing),
                put_in: names(|held| &held.extra),
            }
        };
        Self {
            drift: audited.drifts.iter().map(drift).collect(),
            groups: audited.groups,
            compared: audited.compared,
            differing: audited.differing(),
            missing: audited.missing(),
            unanswered: audited.unanswered,
            members_told: match audited.members_told {
                MembersTold::WithTheGroup => "with-the-group",
                MembersTold::ByPerson => "by-person",
                MembersTold::Never => "never",
            },
            people_asked: audited.people_asked,
        }
    }
}
