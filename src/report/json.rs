//! The dry run for programs: one JSON document, written operation by operation. Every field is
//! described in `docs/dry-run-json.md`; a field that changes its meaning raises [`VERSION`].

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::{
    AttributeChange, GroupLine, Line, Summary, changes,
    drift::AuditView,
    groups::{GroupSummaryView, GroupView},
    words::timestamp,
};
use crate::{
    model::{Action, Problem, is_hostile},
    ports::{Held, Probe, Reject, RejectKind},
    scim::request::PlannedRequest,
};

const FORMAT: &str = "scimward-dry-run";
const VERSION: u32 = 1;

/// What has to be remembered between two lines.
#[derive(Default)]
pub(super) struct JsonReport {
    lines: u64,
    groups: u64,
}

impl JsonReport {
    pub(super) fn line(&mut self, out: &mut dyn Write, line: &Line) -> io::Result<()> {
        if self.lines == 0 {
            begin(out)?;
        }
        write!(out, "{}", if self.lines == 0 { "\n" } else { ",\n" })?;
        self.lines += 1;
        put(out, &OperationView::new(line))
    }

    pub(super) fn group(&mut self, out: &mut dyn Write, line: &GroupLine) -> io::Result<()> {
        if self.groups == 0 {
            self.begin_groups(out)?;
        }
        write!(out, "{}", if self.groups == 0 { "\n" } else { ",\n" })?;
        self.groups += 1;
        put(out, &GroupView::new(line))
    }

    fn begin_groups(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.lines == 0 {
            begin(out)?;
        }
        write!(out, "],\n\"groups\":[")
    }

    pub(super) fn finish(self, out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
        let groups = summary.groups.as_ref();
        if self.groups == 0 && groups.is_some() {
            self.begin_groups(out)?;
        } else if self.groups == 0 && self.lines == 0 {
            begin(out)?;
        }
        write!(out, "],\n\"rejects\":[")?;
        let rejected_groups = groups.map_or(&[][..], |groups| &groups.rejects);
        put_lines(out, reject_views(&summary.rejects, rejected_groups))?;
        write!(out, "],\n\"warnings\":")?;
        put(out, &summary.warnings)?;
        if let Some(audited) = &summary.audit {
            write!(out, ",\n\"audit\":")?;
            put(out, &AuditView::new(audited))?;
        }
        write!(out, ",\n\"summary\":")?;
        put(out, &SummaryView::new(summary))?;
        writeln!(out, "}}")
    }
}

/// `scimward rejects list --json`: an array of what the dry run has under `rejects`, one a line.
///
/// # Errors
/// When nobody reads the output.
pub fn rejects_json(people: &[Reject], groups: &[Reject], out: &mut dyn Write) -> io::Result<()> {
    write!(out, "[")?;
    put_lines(out, reject_views(people, groups))?;
    writeln!(out, "]")
}

/// People before groups.
pub(super) fn reject_views<'a>(
    people: &'a [Reject],
    groups: &'a [Reject],
) -> impl Iterator<Item = RejectView<'a>> + use<'a> {
    let people = people.iter().map(|reject| RejectView::new("User", reject));
    people.chain(groups.iter().map(|reject| RejectView::new("Group", reject)))
}

fn put_lines(out: &mut dyn Write, items: impl Iterator<Item = impl Serialize>) -> io::Result<()> {
    for (at, item) in items.enumerate() {
        write!(out, "{}", if at == 0 { "\n" } else { ",\n" })?;
        put(out, &item)?;
    }
    Ok(())
}

fn begin(out: &mut dyn Write) -> io::Result<()> {
    write!(
        out,
        "{{\"format\":\"{FORMAT}\",\"version\":{VERSION},\n\"operations\":["
    )
}

fn put(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    value
        .serialize(&mut Serializer::with_formatter(out, SafeFormatter))
        .map_err(io::Error::from)
}

/// JSON that a terminal can be shown: what serde leaves as it is although a terminal would obey it
/// goes out as `\uXXXX`, which means the same to a parser.
struct SafeFormatter;

impl Formatter for SafeFormatter {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_hostile) {
            let (safe, tail) = rest.split_at(at);
            writer.write_all(safe.as_bytes())?;
            let mut chars = tail.chars();
            if let Some(c) = chars.next() {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationView<'a> {
    action: Action,
    anchor: &'a str,
    dn: &'a str,
    user_name: &'a str,
    id: Option<&'a str>,
    held: bool,
    changes: Vec<AttributeChange>,
    requests: &'a [PlannedRequest],
    probe: Option<ProbeView<'a>>,
}

impl<'a> OperationView<'a> {
    fn new(line: &'a Line) -> Self {
        let operation = &line.operation;
        Self {
            action: operation.action,
            anchor: operation.anchor.as_str(),
            dn: &operation.dn,
            user_name: operation.user_name(),
            id: operation.id.as_ref().map(|id| id.0.as_str()),
            held: line.held,
            changes: changes(operation.before.as_ref(), operation.after.as_ref()),
            requests: &line.requests,
            probe: line.probe.as_ref().map(ProbeView::new),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProbeView<'a> {
    found: &'static str,
    id: Option<&'a str>,
    user_name: Option<&'a str>,
    because: Option<&'a str>,
}

impl<'a> ProbeView<'a> {
    fn new(probe: &'a Probe) -> Self {
        let (found, account) = match probe {
            Probe::Nothing => ("nothing", None),
            Probe::Adoptable { id, user_name, because } => ("adoptable", Some((id, user_name, because))),
            Probe::Foreign { id, user_name, because } => ("foreign", Some((id, user_name, because))),
        };
        Self {
            found,
            id: account.map(|(id, _, _)| id.0.as_str()),
            user_name: account.map(|(_, user_name, _)| user_name.as_str()),
            because: account.map(|(_, _, because)| because.as_str()),
        }
    }
}

/// A person or a group that cannot be pushed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RejectView<'a> {
    resource: &'static str,
    dn: &'a str,
    anchor: Option<&'a str>,
    kind: RejectKind,
    problems: &'a [Problem],
    tries: u32,
    first: Option<String>,
    last: Option<String>,
    next_try: Option<String>,
}

impl<'a> RejectView<'a> {
    fn new(resource: &'static str, reject: &'a Reject) -> Self {
        Self {
            resource,
            dn: &reject.rejection.dn,
            anchor: reject.rejection.anchor.as_ref().map(|anchor| anchor.as_str()),
            kind: reject.kind,
            problems: &reject.rejection.problems,
            tries: reject.tries,
            first: timestamp(reject.first),
            last: timestamp(reject.last),
            next_try: timestamp(reject.next_try),
        }
    }
}

/// Removals that the limits hold back.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HeldView<'a> {
    plan_id: &'a str,
    removals: u64,
    reason: &'a str,
    since: Option<String>,
}

impl<'a> HeldView<'a> {
    pub(super) fn new(held: &'a Held) -> Self {
        Self {
            plan_id: &held.plan_id,
            removals: held.removals,
            reason: &held.reason,
            since: timestamp(held.since),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SummaryView<'a> {
    plan_id: &'a str,
    source: &'a str,
    target: &'a str,
    profile: &'a str,
    entries: u64,
    in_scope: u64,
    out_of_scope: u64,
    unchanged: u64,
    operations: BTreeMap<Action, u64>,
    requests: u64,
    rate_per_second: f64,
    seconds: Option<f64>,
    rejected: usize,
    incomplete: Option<&'a str>,
    held: Option<HeldView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<GroupSummaryView<'a>>,
}

impl<'a> SummaryView<'a> {
    fn new(summary: &'a Summary) -> Self {
        let number = |action| (action, summary.operations.get(&action).copied().unwrap_or_default());
        Self {
            plan_id: &summary.plan_id,
            source: &summary.source,
            target: &summary.target,
            profile: &summary.profile,
            entries: summary.entries,
            in_scope: summary.in_scope,
            out_of_scope: summary.out_of_scope,
            unchanged: summary.unchanged,
            operations: super::ACTIONS.map(number).into(),
            requests: summary.requests,
            rate_per_second: summary.rate_per_s,
            seconds: summary.seconds(),
            rejected: summary.rejects.len() + summary.groups.as_ref().map_or(0, |groups| groups.rejects.len()),
            incomplete: summary.incomplete.as_deref(),
            held: summary.held.as_ref().map(HeldView::new),
            groups: summary.groups.as_ref().map(GroupSummaryView::new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Status, samples},
        *,
    };

    #[test]
    fn rejects_for_programs_are_those_of_the_status() {
        let all = samples::every_reject();
        for (people, groups) in [
            (&all[..0], &all[..0]),
            (&all[..1], &all[..0]),
            (&all[..0], &all[..2]),
            (&all, &all),
        ] {
            let mut text = Vec::new();
            rejects_json(people, groups, &mut text).unwrap();
            let list: serde_json::Value = serde_json::from_slice(&text).unwrap();
            let status = Status {
                rejects: people.to_vec(),
                group_rejects: groups.to_vec(),
                ..Status::default()
            };
            assert_eq!(list, super::super::status_json(&status)["rejects"]);
        }
    }
}
