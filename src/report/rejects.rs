//! People and groups that cannot be pushed, and why.

use std::io::{self, Write};

use super::{
    TextStyle, as_text,
    look::{Look, NAME_COLUMNS},
    width::{columns, fit, pad},
    words::{count, grouped, instant, people},
};
use crate::{
    model::{Problem, shown},
    ports::{Reject, RejectKind},
};

const KINDS: [(RejectKind, &str, &str); 3] = [
    (
        RejectKind::Entry,
        "Rejected",
        "tried again in every run; mend the entry or the mapping",
    ),
    (
        RejectKind::Refused,
        "Refused by the cloud",
        "tried again when the entry or the mapping changes",
    ),
    (RejectKind::Waiting, "Waiting", "tried again by itself"),
];

/// Who is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    People,
    Groups,
}

impl Who {
    fn count(self, number: u64) -> String {
        match self {
            Self::People => people(number),
            Self::Groups => count(number, "group"),
        }
    }
}

/// Every reject, people before groups, by what happens next.
#[must_use]
pub fn rejects_text(people: &[Reject], groups: &[Reject]) -> String {
    if people.is_empty() && groups.is_empty() {
        return "Nobody is rejected.\n".to_owned();
    }
    let look = Look::new(TextStyle {
        width: usize::MAX,
        ..TextStyle::default()
    });
    as_text(|out| {
        write(out, &look, Who::People, people, usize::MAX, "")?;
        write(out, &look, Who::Groups, groups, usize::MAX, "")
    })
}

/// One block for each kind, with an empty line below it. Of each kind at most `show_max` are shown; `rest`
/// says where the others are.
pub(super) fn write(
    out: &mut dyn Write,
    look: &Look,
    who: Who,
    rejects: &[Reject],
    show_max: usize,
    rest: &str,
) -> io::Result<()> {
    let Look { heading, .. } = look;
    for (kind, title, next) in KINDS {
        let of_kind = rejects.iter().filter(|reject| reject.kind == kind);
        let number = of_kind.clone().count();
        if number == 0 {
            continue;
        }
        writeln!(out, "{heading}{title}{heading:#}: {}, {next}", who.count(number as u64))?;
        of_kind.take(show_max).try_for_each(|reject| one(out, look, reject))?;
        if number > show_max {
            let more = grouped((number - show_max) as u64);
            writeln!(out, "  … and {more} more: {rest}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn one(out: &mut dyn Write, look: &Look, reject: &Reject) -> io::Result<()> {
    let Look {
        alert, strong, faint, ..
    } = look;
    let dn = fit(&shown(&reject.rejection.dn), look.width.saturating_sub(4));
    writeln!(out, "  {alert}!{alert:#} {strong}{dn}{strong:#}")?;
    for problem in &reject.rejection.problems {
        writeln!(out, "      {}", sentence(problem, look.width.saturating_sub(6)))?;
    }
    if reject.tries > 0 {
        let times = if reject.tries == 1 {
            "once"
        } else {
            &format!("{} times", reject.tries)
        };
        write!(out, "      {faint}tried {times}, last {} UTC", instant(reject.last))?;
        if reject.next_try > 0 {
            write!(out, ", next {} UTC", instant(reject.next_try))?;
        }
        writeln!(out, "{faint:#}")?;
    }
    Ok(())
}

/// Attribute, rule and value. The rule stays whole, for it says what to do.
fn sentence(problem: &Problem, room: usize) -> String {
    let rule = shown(&problem.rule);
    let mut line = match problem.attribute.as_str() {
        // An operation that failed; the value is whom it was about.
        "" if problem.value.is_empty() => return rule.into_owned(),
        "" => return format!("{}: {rule}", shown(&problem.value)),
        attribute => format!("{}{rule}", pad(&format!("{} ", shown(attribute)), NAME_COLUMNS)),
    };
    if !problem.value.is_empty() {
        /// Short values are shown even where a long rule leaves no room.
        const VALUE_COLUMNS_MIN: usize = 24;
        let left = room.saturating_sub(columns(&line) + 2).max(VALUE_COLUMNS_MIN);
        line.push_str(": ");
        line.push_str(&fit(&shown(&problem.value), left));
    }
    line
}
