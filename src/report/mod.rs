//! The dry run's report: what would change, attribute by attribute, for people and for programs.
//!
//! Deliberately absent: deciding anything. It renders what planner and limits said, line by line, so
//! that a report of a hundred thousand operations needs no more memory than one of ten.

mod changes;
mod closing;
mod drift;
mod findings;
mod groups;
mod json;
mod look;
mod metrics;
mod rejects;
mod status;
mod text;
mod token;
mod width;
mod words;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod samples;

use std::{collections::BTreeMap, io};

pub use changes::{AttributeChange, changes};
pub use findings::{Finding, Findings, Mark, write_findings, write_groups};
pub use groups::{FoundMembers, GroupLine, GroupProbe, GroupSummary, Member};
pub use json::rejects_json;
pub use metrics::status_metrics;
pub use rejects::rejects_text;
pub use status::{DaemonView, Status, audit_json, audit_line, cycle_line, status_json, status_text};
pub use token::{TokenView, token_json, token_lines};
pub use words::{count, grouped, instant, people, value_text};

use crate::{
    model::{Action, Operation},
    ports::{Held, Probe, Reject},
    scim::request::PlannedRequest,
    survey::audit::Audited,
};

/// What stands above and below the lines.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The directory server that answered.
    pub source: String,
    /// The endpoint.
    pub target: String,
    /// Profile name.
    pub profile: String,
    /// Entries read.
    pub entries: u64,
    /// Entries in scope and fine.
    pub in_scope: u64,
    /// Entries left out by rule.
    pub out_of_scope: u64,
    /// People for whom nothing changes.
    pub unchanged: u64,
    /// Operations by action, held ones not counted.
    pub operations: BTreeMap<Action, u64>,
    /// Requests these operations send when nothing goes wrong.
    pub requests: u64,
    /// The configured rate.
    pub rate_per_s: f64,
    /// Why the read does not count as complete, when it does not.
    pub incomplete: Option<String>,
    /// Removals that would be held.
    pub held: Option<Held>,
    /// Entries that cannot be pushed, and people still waiting after an earlier failure.
    pub rejects: Vec<Reject>,
    /// Things worth knowing that stop nothing (dangling managers, protected people left alone).
    pub warnings: Vec<String>,
    /// The same for groups, where they are pushed.
    pub groups: Option<GroupSummary>,
    /// What `--audit` found in the cloud.
    pub audit: Option<Audited>,
    /// The id of the plan.
    pub plan_id: String,
}

/// One operation of the report.
#[derive(Clone, Debug)]
pub struct Line {
    /// What would be done.
    pub operation: Operation,
    /// The exact requests.
    pub requests: Vec<PlannedRequest>,
    /// True when the limits hold it back.
    pub held: bool,
    /// What `--probe` found in the cloud.
    pub probe: Option<Probe>,
}

/// Every action, in the order of execution.
const ACTIONS: [Action; 6] = [
    Action::Create,
    Action::Reactivate,
    Action::Update,
    Action::Reference,
    Action::Deactivate,
    Action::Delete,
];

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For programs; `docs/dry-run-json.md` describes it.
    Json,
}

/// How text is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextStyle {
    /// With terminal colours.
    pub colour: bool,
    /// Columns of a line; longer values are shortened. Below 60 it is taken as 60.
    pub width: usize,
    /// How much is shown; nothing means all of it.
    pub brief: Option<Brief>,
}

/// What of a long report is shown to somebody who reads it on a terminal. What is left out is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Brief {
    /// New accounts shown with all their attributes; the others take a line each.
    pub whole_creates: u64,
    /// People of each action, and of each kind of reject.
    pub people: u64,
}

impl Brief {
    /// For a terminal: what a person scrolls through.
    pub const TERMINAL: Self = Self {
        whole_creates: 3,
        people: 100,
    };
}

/// A report on its way out: [`Report::line`] for each operation, [`Report::group`] for each of a group, then
/// [`Report::finish`].
///
/// Lines come ordered by action, those of people before those of groups. Nothing is kept of a line once it is written.
pub struct Report<'w> {
    out: &'w mut dyn io::Write,
    form: Form,
}

enum Form {
    Text(text::TextReport),
    Json(json::JsonReport),
}

impl<'w> Report<'w> {
    /// A report to `out`, which should be buffered. `style` is of no account to JSON.
    pub fn new(out: &'w mut dyn io::Write, format: Format, style: TextStyle) -> Self {
        let form = match format {
            Format::Text => Form::Text(text::TextReport::new(style)),
            Format::Json => Form::Json(json::JsonReport::default()),
        };
        Self { out, form }
    }

    /// Writes one operation.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn line(&mut self, line: &Line) -> io::Result<()> {
        match &mut self.form {
            Form::Text(text) => text.line(self.out, line),
            Form::Json(json) => json.line(self.out, line),
        }
    }

    /// Writes what would be done to one group.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn group(&mut self, line: &GroupLine) -> io::Result<()> {
        match &mut self.form {
            Form::Text(text) => text.group(self.out, line),
            Form::Json(json) => json.group(self.out, line),
        }
    }

    /// Writes what stands below the lines.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn finish(self, summary: &Summary) -> io::Result<()> {
        match self.form {
            Form::Text(text) => text.finish(self.out, summary)?,
            Form::Json(json) => json.finish(self.out, summary)?,
        }
        self.out.flush()
    }
}

impl Summary {
    /// How long the requests take at the configured rate, in seconds; nothing without a usable rate.
    #[must_use]
    pub fn seconds(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "an estimate, shown to the second")]
        let seconds = self.requests as f64 / self.rate_per_s;
        (self.rate_per_s > 0.0 && seconds.is_finite()).then_some(seconds)
    }
}

/// What `write` writes, as text.
fn as_text(write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> String {
    let mut buffer = Vec::new();
    // Memory takes everything, and what is written is text.
    let _always_ok = write(&mut buffer);
    String::from_utf8_lossy(&buffer).into_owned()
}
