//! The lines of an answer.

use std::io::{self, Write};

use super::{LABEL, NAME, VALUE_CHARS, person::Person};
use crate::{
    model::{AnchorKey, ManagerRef, Mapped, Problem, Pushed, Value, shortened, shown},
    plan::decide::RETRY_NOW,
    ports::Reject,
    report::{self, AttributeChange, instant},
};

pub(super) fn mapped_to(out: &mut dyn Write, person: &Person) -> io::Result<()> {
    let Some(Mapped::InScope(user)) = &person.mapped else {
        return Ok(());
    };
    writeln!(out)?;
    label(out, "Mapped to", "")?;
    let manager = user.manager.clone().map(|dn| ManagerRef {
        key: AnchorKey::default(),
        dn,
    });
    let pushed = Pushed {
        resource: user.resource.clone(),
        manager,
    };
    for AttributeChange { path, after, .. } in report::changes(None, Some(&pushed)) {
        attribute(out, ' ', &path, &after.map(|value| text(&value)).unwrap_or_default())?;
    }
    Ok(())
}

pub(super) fn account(out: &mut dyn Write, person: &Person) -> io::Result<()> {
    let Some(link) = &person.link else {
        return label(out, "Account", "none was pushed");
    };
    let mut words = format!("{}, id {}", shown(link.pushed.resource.user_name()), shown(&link.id.0));
    match person.mark.map_or(0, |mark| mark.deactivated_at) {
        0 if link.pushed.resource.is_active() => words.push_str(", active"),
        0 => words.push_str(", inactive"),
        at => words.push_str(&format!(", deactivated on {} UTC", instant(at))),
    }
    if link.adopted {
        words.push_str(", adopted");
    }
    label(out, "Account", &words)
}

/// A manager whom the account cannot have, and whom it has instead.
pub(super) fn manager(out: &mut dyn Write, person: &Person) -> io::Result<()> {
    let Some(Mapped::InScope(user)) = person.mapped.as_ref().filter(|_| person.is_dangling) else {
        return Ok(());
    };
    let wanted = shown(user.manager.as_deref().unwrap_or_default());
    let pushed = match (person.operations.last(), &person.link) {
        (Some((operation, _)), _) => operation.after.as_ref(),
        (None, Some(link)) => Some(&link.pushed),
        (None, None) => None,
    };
    let words = match pushed.and_then(|pushed| pushed.manager.as_ref()) {
        Some(kept) => format!(
            "{wanted} is not among those provisioned; the account keeps {}",
            shown(&kept.dn)
        ),
        None => format!("{wanted} is not among those provisioned; the account has none until it is"),
    };
    label(out, "Manager", &words)
}

pub(super) fn failure(out: &mut dyn Write, reject: Option<&Reject>) -> io::Result<()> {
    let Some(reject) = reject.filter(|reject| reject.tries > 0) else {
        return Ok(());
    };
    let times = match reject.tries {
        1 => "once".to_owned(),
        tries => format!("{tries} times"),
    };
    label(out, "Failed", &format!("{times}, last on {} UTC", instant(reject.last)))?;
    reject
        .rejection
        .problems
        .iter()
        .try_for_each(|found| problem(out, found))?;
    if reject.next_try == RETRY_NOW {
        label(out, "", "an operator asked to try it again")?;
    }
    Ok(())
}

pub(super) fn label(out: &mut dyn Write, label: &str, words: &str) -> io::Result<()> {
    writeln!(out, "{}", format!("  {label:<LABEL$}{words}").trim_end())
}

pub(super) fn problem(out: &mut dyn Write, problem: &Problem) -> io::Result<()> {
    let rule = shown(&problem.rule);
    let value = shortened(&problem.value, VALUE_CHARS);
    let words = if value.is_empty() {
        rule.into_owned()
    } else {
        format!("{rule}: {value}")
    };
    match problem.attribute.as_str() {
        "" => writeln!(out, "    ! {words}"),
        name => attribute(out, '!', name, &words),
    }
}

pub(super) fn change(out: &mut dyn Write, change: &AttributeChange) -> io::Result<()> {
    match (&change.before, &change.after) {
        (None, Some(after)) => attribute(out, '+', &change.path, &text(after)),
        (Some(before), None) => attribute(out, '-', &change.path, &text(before)),
        (Some(before), Some(after)) => {
            attribute(out, '~', &change.path, &format!("{} → {}", text(before), text(after)))
        }
        (None, None) => Ok(()),
    }
}

pub(super) fn attribute(out: &mut dyn Write, sign: char, name: &str, value: &str) -> io::Result<()> {
    writeln!(out, "    {sign} {:<NAME$}{value}", shown(name))
}

pub(super) fn text(value: &Value) -> String {
    shortened(&report::value_text(value), VALUE_CHARS)
}
