//! What `scimward check` found, under headings, aligned.

use std::io::{self, Write};

use super::{
    TextStyle,
    look::Look,
    width::{pad, wrap},
};
use crate::model::shown;

/// How good a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// As it should be.
    Ok,
    /// Worth a look; a run can do its work.
    Note,
    /// A run would fail.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How good it is.
    pub mark: Mark,
    /// What was looked at.
    pub subject: String,
    /// What was found, and what to do about it.
    pub text: String,
}

impl Finding {
    /// One finding.
    pub fn new(mark: Mark, subject: &str, text: impl Into<String>) -> Self {
        Self {
            mark,
            subject: subject.to_owned(),
            text: text.into(),
        }
    }
}

/// Findings that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// The heading.
    pub title: String,
    /// What stands below it.
    pub list: Vec<Finding>,
}

impl Findings {
    /// Whether nothing here stops a run.
    #[must_use]
    pub fn are_good(&self) -> bool {
        self.count(Mark::Fail) == 0
    }

    fn count(&self, mark: Mark) -> usize {
        self.list.iter().filter(|finding| finding.mark == mark).count()
    }
}

/// Columns of the longest subject that others are aligned with.
const SUBJECT_COLUMNS_MAX: usize = 14;
/// Columns before the subject.
const MARK_COLUMNS: usize = 8;

/// Writes every finding, then how many there are of each kind. Lines are broken to `style.width`.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write_findings(out: &mut dyn Write, groups: &[Findings], style: TextStyle) -> io::Result<()> {
    write_groups(out, groups, style)?;
    let look = Look::new(style);
    let count = |mark| groups.iter().map(|group| group.count(mark)).sum::<usize>();
    let (failed, notes) = (count(Mark::Fail), count(Mark::Note));
    let (word, colour) = if failed > 0 {
        ("Not ready", look.alert)
    } else {
        ("Ready", look.added)
    };
    write!(out, "{colour}{word}{colour:#}")?;
    for (count, one, more) in [(failed, "failure", "failures"), (notes, "note", "notes")] {
        match count {
            0 => Ok(()),
            1 => write!(out, ", 1 {one}"),
            count => write!(out, ", {count} {more}"),
        }?;
    }
    writeln!(out)
}

/// Writes every finding, and no verdict: for one who goes on looking.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write_groups(out: &mut dyn Write, groups: &[Findings], style: TextStyle) -> io::Result<()> {
    let look = Look::new(style);
    for group in groups {
        let heading = look.heading;
        writeln!(out, "{heading}{}{heading:#}", shown(&group.title))?;
        group.list.iter().try_for_each(|finding| one(out, &look, finding))?;
        writeln!(out)?;
    }
    Ok(())
}

fn one(out: &mut dyn Write, look: &Look, finding: &Finding) -> io::Result<()> {
    let (word, colour) = match finding.mark {
        Mark::Ok => ("ok", look.added),
        Mark::Note => ("note", look.changed),
        Mark::Fail => ("FAIL", look.alert),
    };
    let subject = pad(&shown(&finding.subject), SUBJECT_COLUMNS_MAX);
    let indent = MARK_COLUMNS + SUBJECT_COLUMNS_MAX + 2;
    let mut lines = wrap(&shown(&finding.text), look.width.saturating_sub(indent)).into_iter();
    // A base's DN is longer than any other subject: its text goes below it.
    let first = if subject.len() > SUBJECT_COLUMNS_MAX {
        String::new()
    } else {
        lines.next().unwrap_or_default()
    };
    let line = format!("  {colour}{}{colour:#}{subject}  {first}", pad(word, MARK_COLUMNS - 2));
    writeln!(out, "{}", line.trim_end())?;
    lines.try_for_each(|line| writeln!(out, "{:indent$}{line}", ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::as_text;

    #[test]
    fn findings_are_aligned_and_broken() {
        let groups = [Findings {
            title: "Directory ldap://a".into(),
            list: vec![
                Finding::new(Mark::Ok, "bind", "as cn=reader"),
                Finding::new(Mark::Note, "ou=people,dc=example", "nobody has a value"),
                Finding::new(Mark::Fail, "anchor", "one two three four five six seven eight nine ten"),
            ],
        }];
        let text = as_text(|out| {
            write_findings(
                out,
                &groups,
                TextStyle {
                    colour: false,
                    width: 60,
                    ..TextStyle::default()
                },
            )
        });
        assert_eq!(
            text,
            "Directory ldap://a\n  \
               ok    bind            as cn=reader\n  \
               note  ou=people,dc=example\n                        \
                                     nobody has a value\n  \
               FAIL  anchor          one two three four five six seven\n                        \
                                     eight nine ten\n\
             \nNot ready, 1 failure, 1 note\n"
        );
        assert!(!groups[0].are_good());
    }
}
