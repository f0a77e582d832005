//! The dry run for people: operations as they come, under a heading for each action.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use super::{
    AttributeChange, Brief, GroupLine, Line, Summary, TextStyle, changes,
    closing::{self, WHOLE_REPORT},
    groups,
    look::{Look, NAME_COLUMNS, USER_COLUMNS},
    width::{columns, fit, fit_pair, pad},
    words::{grouped, value_text},
};
use crate::{
    model::{Action, GroupAction, Operation, shown},
    ports::Probe,
};

/// What stands before an attribute's name.
pub(super) const INDENT: &str = "      ";
/// What stands behind an operation that is held back.
pub(super) const HELD: &str = "  [held]";

/// What has to be remembered between two lines.
pub(super) struct TextReport {
    look: Look,
    heading: Option<Heading>,
    /// People, or groups, of the action under the heading so far.
    people: u64,
    held: HeldLines,
}

/// Under what a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heading {
    People(Action),
    Groups(GroupAction),
}

/// Lines that were marked as held.
#[derive(Debug, Default)]
pub(super) struct HeldLines {
    pub people: BTreeMap<Action, u64>,
    pub groups: BTreeMap<GroupAction, u64>,
}

impl HeldLines {
    pub(super) fn is_empty(&self) -> bool {
        self.people.is_empty() && self.groups.is_empty()
    }
}

impl TextReport {
    pub(super) fn new(style: TextStyle) -> Self {
        Self {
            look: Look::new(style),
            heading: None,
            people: 0,
            held: HeldLines::default(),
        }
    }

    pub(super) fn line(&mut self, out: &mut dyn Write, line: &Line) -> io::Result<()> {
        let operation = &line.operation;
        self.begin(out, Heading::People(operation.action))?;
        if line.held {
            *self.held.people.entry(operation.action).or_default() += 1;
        }
        let brief = self.brief();
        if self.people > brief.people {
            return Ok(());
        }
        self.person(out, operation, line.held)?;
        if operation.action != Action::Create || self.people <= brief.whole_creates {
            self.attributes(out, operation)?;
        }
        line.probe
            .iter()
            .try_for_each(|probe| found_in_cloud(out, &self.look, "account", probe))
    }

    pub(super) fn group(&mut self, out: &mut dyn Write, line: &GroupLine) -> io::Result<()> {
        let action = line.operation.action;
        self.begin(out, Heading::Groups(action))?;
        if line.held {
            *self.held.groups.entry(action).or_default() += 1;
        }
        if self.people > self.brief().people {
            return Ok(());
        }
        groups::group(out, &self.look, line)
    }

    /// Counts a line, under a heading of its own where it is the first of its kind.
    fn begin(&mut self, out: &mut dyn Write, wanted: Heading) -> io::Result<()> {
        if self.heading != Some(wanted) {
            self.end_group(out)?;
            let heading = self.look.heading;
            writeln!(out, "{heading}{}{heading:#}", title(wanted))?;
            self.heading = Some(wanted);
            self.people = 0;
        }
        self.people += 1;
        Ok(())
    }

    fn brief(&self) -> Brief {
        self.look.brief.unwrap_or(Brief {
            whole_creates: u64::MAX,
            people: u64::MAX,
        })
    }

    pub(super) fn finish(self, out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
        self.end_group(out)?;
        closing::write(out, &self.look, summary, &self.held)
    }

    /// What was left out of the people under the heading, and an empty line.
    fn end_group(&self, out: &mut dyn Write) -> io::Result<()> {
        let Some(heading) = self.heading else { return Ok(()) };
        if let Some(brief) = self.look.brief {
            let faint = self.look.faint;
            let more = self.people.saturating_sub(brief.people);
            if more > 0 {
                writeln!(out, "  {faint}… and {} more: {WHOLE_REPORT}{faint:#}", grouped(more))?;
            } else if heading == Heading::People(Action::Create) && self.people > brief.whole_creates {
                writeln!(
                    out,
                    "  {faint}… the others without their attributes: {WHOLE_REPORT}{faint:#}"
                )?;
            }
        }
        writeln!(out)
    }

    fn person(&self, out: &mut dyn Write, operation: &Operation, held: bool) -> io::Result<()> {
        let Look {
            strong,
            faint,
            alert,
            width,
            ..
        } = self.look;
        let (sign, style) = self.look.sign(operation.action);
        let name = pad(&fit(&shown(operation.user_name()), width / 2), USER_COLUMNS);
        let mark = if held { HELD } else { "" };
        let room = width.saturating_sub(4 + columns(&name) + 2 + mark.len());
        let dn = fit(&shown(&operation.dn), room);
        write!(
            out,
            "  {style}{sign}{style:#} {strong}{name}{strong:#}  {faint}{dn}{faint:#}"
        )?;
        if held {
            write!(out, "{alert}{mark}{alert:#}")?;
        }
        writeln!(out)
    }

    fn attributes(&self, out: &mut dyn Write, operation: &Operation) -> io::Result<()> {
        let all = changes(operation.before.as_ref(), operation.after.as_ref());
        let hidden = |change: &AttributeChange| match operation.action {
            // The heading says it already, and what is deleted is deleted whole.
            Action::Deactivate => change.path == "active",
            Action::Delete => true,
            _ => false,
        };
        for change in all.iter().filter(|change| !hidden(change)) {
            let name = pad(&fit(&shown(&change.path), NAME_COLUMNS - 1), NAME_COLUMNS);
            self.attribute(out, operation.action, &name, change)?;
        }
        Ok(())
    }

    fn attribute(&self, out: &mut dyn Write, action: Action, name: &str, change: &AttributeChange) -> io::Result<()> {
        let Look {
            added,
            removed,
            changed,
            ..
        } = self.look;
        let room = self.look.width.saturating_sub(INDENT.len() + 2 + NAME_COLUMNS);
        match (&change.before, &change.after) {
            // Everything of a new account is new; signs would only be noise.
            (None, Some(after)) if action == Action::Create => {
                writeln!(out, "{INDENT}  {name}{}", fit(&value_text(after), room))
            }
            (None, Some(after)) => {
                writeln!(
                    out,
                    "{INDENT}{added}+{added:#} {name}{added}{}{added:#}",
                    fit(&value_text(after), room)
                )
            }
            (Some(before), None) => {
                writeln!(
                    out,
                    "{INDENT}{removed}-{removed:#} {name}{removed}{}{removed:#}",
                    fit(&value_text(before), room)
                )
            }
            (Some(before), Some(after)) => {
                let (before, after) = fit_pair(&value_text(before), &value_text(after), room.saturating_sub(2));
                write!(out, "{INDENT}{changed}~{changed:#} {name}{removed}{before}{removed:#}")?;
                if columns(&before) + 3 + columns(&after) > room {
                    write!(out, "\n{INDENT}  {}", pad("", NAME_COLUMNS.saturating_sub(3)))?;
                }
                writeln!(out, " → {added}{after}{added:#}")
            }
            (None, None) => Ok(()),
        }
    }
}

/// What the cloud holds under the name of a person or a group: `kind` is "account" or "group".
pub(super) fn found_in_cloud(out: &mut dyn Write, look: &Look, kind: &str, probe: &Probe) -> io::Result<()> {
    let (style, words, (id, name, because)) = match probe {
        Probe::Nothing => {
            let faint = look.faint;
            return writeln!(out, "{INDENT}{faint}in the cloud: no such {kind}{faint:#}");
        }
        Probe::Adoptable { id, user_name, because } => (look.added, "would be adopted", (id, user_name, because)),
        Probe::Foreign { id, user_name, because } => (look.alert, "stands in the way", (id, user_name, because)),
    };
    writeln!(
        out,
        "{INDENT}{style}in the cloud: {kind} {} ({}) {words}: {}{style:#}",
        shown(name),
        shown(&id.0),
        shown(because)
    )
}

fn title(heading: Heading) -> &'static str {
    match heading {
        Heading::People(Action::Create) => "Create",
        Heading::People(Action::Reactivate) => "Reactivate",
        Heading::People(Action::Update) => "Update",
        Heading::People(Action::Reference) => "Reference (only the manager)",
        Heading::People(Action::Deactivate) => "Deactivate",
        Heading::People(Action::Delete) => "Delete",
        Heading::Groups(action) => groups::title(action),
    }
}
