//! What an audit found: accounts and groups that are not as they were pushed.

mod groups;

use std::io::{self, Write};

use serde::Serialize;

use self::groups::GroupsView;
use super::{
    changes,
    look::{Look, NAME_COLUMNS, USER_COLUMNS},
    width::{columns, fit, fit_pair, pad},
    words::{count, grouped, value_text},
};
use crate::{
    model::{Pushed, Value, shown},
    survey::audit::{Audited, Drift},
};

/// People shown when nobody said how many.
const ALL: u64 = u64::MAX;

/// The section of the text report.
pub(super) fn write(out: &mut dyn Write, look: &Look, audited: &Audited) -> io::Result<()> {
    let heading = look.heading;
    writeln!(out, "{heading}Audit{heading:#}")?;
    let most = look.brief.map_or(ALL, |brief| brief.people);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    for drift in audited.drifts.iter().take(most) {
        person(out, look, drift)?;
    }
    rest(out, look, audited.drifts.len().saturating_sub(most))?;
    if let Some(of_groups) = &audited.groups {
        groups::write(out, look, of_groups)?;
    }
    totals(out, look, audited)
}

/// How many a brief report leaves out.
fn rest(out: &mut dyn Write, look: &Look, more: usize) -> io::Result<()> {
    let faint = look.faint;
    match more {
        0 => Ok(()),
        more => {
            let whole = super::closing::WHOLE_REPORT;
            writeln!(out, "  {faint}… and {} more: {whole}{faint:#}", grouped(more as u64))
        }
    }
}

fn person(out: &mut dyn Write, look: &Look, drift: &Drift) -> io::Result<()> {
    let Look { faint, removed, .. } = look;
    title(
        out,
        look,
        drift.held.is_some(),
        drift.told.resource.user_name(),
        &drift.dn,
    )?;
    let id = shown(&drift.id.0);
    if drift.held.is_none() {
        writeln!(
            out,
            "      {removed}the account is gone: there is no {id} any more{removed:#}"
        )?;
    }
    write_changes(out, look, attributes(drift))?;
    if drift.left {
        writeln!(
            out,
            "      {faint}this person has left, so nothing is repaired{faint:#}"
        )?;
    }
    Ok(())
}

/// The first line of a person or group.
fn title(out: &mut dyn Write, look: &Look, is_there: bool, name: &str, dn: &str) -> io::Result<()> {
    let Look {
        strong,
        faint,
        changed,
        removed,
        width,
        ..
    } = *look;
    let (sign, style) = if is_there { ('~', changed) } else { ('-', removed) };
    let name = pad(&fit(&shown(name), width / 2), USER_COLUMNS);
    let dn = fit(&shown(dn), width.saturating_sub(4 + columns(&name) + 2));
    writeln!(
        out,
        "  {style}{sign}{style:#} {strong}{name}{strong:#}  {faint}{dn}{faint:#}"
    )
}

fn write_changes(out: &mut dyn Write, look: &Look, changes: Vec<Change>) -> io::Result<()> {
    let Look { changed, width, .. } = look;
    for Change { path, pushed, held } in changes {
        let name = pad(&fit(&shown(&path), NAME_COLUMNS - 1), NAME_COLUMNS);
        let room = width.saturating_sub(8 + NAME_COLUMNS + "pushed , there ".len());
        let text = |value: Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), value_text);
        let (pushed, held) = fit_pair(&text(pushed), &text(held), room);
        writeln!(
            out,
            "      {changed}~{changed:#} {name}pushed {pushed}, there {changed}{held}{changed:#}"
        )?;
    }
    Ok(())
}

fn totals(out: &mut dyn Write, look: &Look, audited: &Audited) -> io::Result<()> {
    let Look { alert, faint, .. } = look;
    let compared = format!(
        "{} of {} compared: {} changed, {} gone",
        grouped(audited.compared),
        count(audited.people, "account"),
        grouped(audited.differing()),
        grouped(audited.missing()),
    );
    writeln!(out, "  {compared} ({})", count(audited.requests, "request"))?;
    if let Some(of_groups) = &audited.groups {
        groups::totals(out, look, of_groups)?;
    }
    if audited.unanswered > 0 {
        let number = count(audited.unanswered, "account");
        writeln!(
            out,
            "  {alert}{number} could not be compared{alert:#}: the cloud gave no usable answer"
        )?;
    }
    if let Some(error) = &audited.stopped {
        writeln!(out, "  {alert}It ended early:{alert:#} {}", shown(&error.to_string()))?;
    } else if !audited.round_complete() {
        writeln!(
            out,
            "  {faint}[audit] max_requests ended it; the next audit goes on from here{faint:#}"
        )?;
    }
    for path in &audited.not_shown {
        writeln!(
            out,
            "  {alert}!{alert:#} no account shows {}, so it was not compared; if this cloud never does, say so in \
             [wire] not_returned of a profile file",
            shown(path)
        )?;
    }
    let of_groups = audited.groups.iter().flat_map(|groups| &groups.drifts);
    if audited.drifts.iter().any(|drift| !drift.left) || of_groups.into_iter().any(|drift| !drift.left) {
        writeln!(out, "  To push it right: scimward --sync-now --audit")?;
    }
    writeln!(out)
}

/// One attribute of an account that is there.
#[derive(Serialize)]
pub(super) struct Change {
    path: String,
    pushed: Option<Value>,
    held: Option<Value>,
}

fn attributes(drift: &Drift) -> Vec<Change> {
    let Some(held) = &drift.held else { return Vec::new() };
    differences(&drift.told, held)
}

fn differences(told: &Pushed, held: &Pushed) -> Vec<Change> {
    let change = |change: super::AttributeChange| Change {
        path: change.path,
        pushed: change.before,
        held: change.after,
    };
    changes(Some(told), Some(held)).into_iter().map(change).collect()
}

/// The same for programs (`docs/dry-run-json.md`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditView<'a> {
    drift: Vec<DriftView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<GroupsView<'a>>,
    people: u64,
    compared: u64,
    differing: u64,
    missing: u64,
    unanswered: u64,
    not_shown: &'a [String],
    requests: u64,
    round_complete: bool,
    stopped: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DriftView<'a> {
    kind: &'static str,
    anchor: &'a str,
    dn: &'a str,
    user_name: &'a str,
    id: &'a str,
    left: bool,
    changes: Vec<Change>,
}

impl<'a> AuditView<'a> {
    pub(super) fn new(audited: &'a Audited) -> Self {
        let drift = |drift: &'a Drift| DriftView {
            kind: if drift.held.is_some() { "changed" } else { "missing" },
            anchor: drift.anchor.as_str(),
            dn: &drift.dn,
            user_name: drift.told.resource.user_name(),
            id: &drift.id.0,
            left: drift.left,
            changes: attributes(drift),
        };
        Self {
            drift: audited.drifts.iter().map(drift).collect(),
            groups: audited.groups.as_ref().map(GroupsView::new),
            people: audited.people,
            compared: audited.compared,
            differing: audited.differing(),
            missing: audited.missing(),
            unanswered: audited.unanswered,
            not_shown: &audited.not_shown,
            requests: audited.requests,
            round_complete: audited.round_complete(),
            stopped: audited.stopped.as_ref().map(ToString::to_string),
        }
    }
}
