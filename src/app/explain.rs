//! `explain WHO`: in scope or why not, the mapped payload, the last push, the next operation.

use std::{io::Write, sync::Arc};

use super::{
    engine::{Engine, chain, unix_now},
    order::{OrderError, Surroundings},
};
use crate::{
    model::{Action, DirectoryEntry, DnKey, Item, Link, Mapped, Operation, Pushed, Resource, Scalar, Value, shortened},
    outcome::exit,
    ports::{Absence, StateStore, StoreError},
    report::{self, AttributeChange},
    store::SledStore,
};

/// A value longer than this is cut.
const VALUE_CHARS: usize = 200;

/// Looks somebody up in the directory, the state and the plan. Blocking.
///
/// # Errors
/// When the directory or the state cannot be read.
pub fn run(engine: &Arc<Engine>, who: &str, out: &mut dyn Write, around: &Surroundings) -> Result<u8, OrderError> {
    let _quiet = engine.between_cycles(&around.stop)?;
    let setup = engine.setup();
    let scratch = SledStore::scratch().map_err(|error| OrderError::Words(chain(&error), exit::OBJECTS))?;
    let wanted = Wanted::new(who);
    let mut found = Vec::new();
    let mut watch = |entry: &DirectoryEntry, mapped: &Mapped| {
        if wanted.entry(entry, mapped) {
            found.push((entry.dn.clone(), mapped.clone()));
        }
    };
    let spool = scratch.spool();
    let planned = engine.plan_into(
        &setup,
        spool,
        unix_now(),
        &around.observer,
        &around.stop,
        Some(&mut watch),
    )?;
    let links = links(&*engine.store, &wanted)?;
    if found.is_empty() && links.is_empty() {
        writeln!(out, "{} was not found.", shortened(who, VALUE_CHARS))?;
        writeln!(
            out,
            "  directory   no entry below {} that matches {}",
            setup.search.bases.join(" or "),
            setup.search.filter
        )?;
        writeln!(out, "  state       nobody of that name was ever pushed")?;
        return Ok(exit::OBJECTS);
    }
    for (dn, mapped) in &found {
        let key = match mapped {
            Mapped::InScope(user) => Some(user.anchor.key()),
            Mapped::OutOfScope { anchor, .. } => Some(anchor.key()),
            Mapped::Rejected(rejection) => rejection.anchor.as_ref().map(crate::model::Anchor::key),
        };
        writeln!(out, "{dn}")?;
        say_mapped(out, mapped)?;
        let link = key.map(|key| engine.store.link(key)).transpose()?.flatten();
        say_link(out, link.as_ref())?;
        if let Some(key) = key {
            say_reject(out, engine, key)?;
        }
    }
    for link in links
        .iter()
        .filter(|link| !found.iter().any(|(dn, _)| DnKey::of(dn) == DnKey::of(&link.dn)))
    {
        writeln!(out, "{}", link.dn)?;
        let why = match &planned.plan.absence {
            Absence::AllButPresent => "not in the directory, or not in scope: counts as having left".to_owned(),
            Absence::Unknown(reason) => format!("not seen, but the read was not complete: {reason}"),
        };
        writeln!(out, "  directory   {why}")?;
        say_link(out, Some(link))?;
    }
    let held = planned.approved.held.iter().map(|step| (step, true));
    let mut next = Vec::new();
    for (step, held) in planned.approved.steps.iter().map(|step| (step, false)).chain(held) {
        let operation = planned.plan.complete(*step, spool.operation(step.index)?);
        if wanted.operation(&operation) || found.iter().any(|(dn, _)| *dn == operation.dn) {
            next.push((operation, held));
        }
    }
    say_next(out, &next)?;
    Ok(exit::DONE)
}

/// Who is looked for.
struct Wanted<'a> {
    who: &'a str,
    dn: DnKey,
}

impl<'a> Wanted<'a> {
    fn new(who: &'a str) -> Self {
        Self {
            who,
            dn: DnKey::of(who),
        }
    }

    fn is(&self, text: &str) -> bool {
        text.eq_ignore_ascii_case(self.who) || text.to_lowercase() == self.who.to_lowercase()
    }

    fn resource(&self, resource: &Resource) -> bool {
        let mail = |item: &Item| matches!(item.get("value"), Some(Scalar::Text(mail)) if self.is(mail));
        self.is(resource.user_name())
            || matches!(resource.get("emails"), Some(Value::List(items)) if items.iter().any(mail))
    }

    fn entry(&self, entry: &DirectoryEntry, mapped: &Mapped) -> bool {
        let raw = |name: &str| {
            entry
                .values(name)
                .iter()
                .any(|value| std::str::from_utf8(value).is_ok_and(|text| self.is(text)))
        };
        DnKey::of(&entry.dn) == self.dn
            || ["uid", "mail", "samaccountname", "userprincipalname"]
                .into_iter()
                .any(raw)
            || match mapped {
                Mapped::InScope(user) => self.is(user.anchor.as_str()) || self.resource(&user.resource),
                Mapped::OutOfScope { anchor, .. } => self.is(anchor.as_str()),
                Mapped::Rejected(rejection) => rejection.anchor.as_ref().is_some_and(|anchor| self.is(anchor.as_str())),
            }
    }

    fn operation(&self, operation: &Operation) -> bool {
        self.is(operation.anchor.as_str())
            || DnKey::of(&operation.dn) == self.dn
            || [&operation.before, &operation.after]
                .into_iter()
                .flatten()
                .any(|p: &Pushed| self.resource(&p.resource))
    }
}

fn links(store: &dyn StateStore, wanted: &Wanted<'_>) -> Result<Vec<Link>, StoreError> {
    let mut links = Vec::new();
    store.each_link(&mut |link| {
        let named = wanted.is(link.anchor.as_str()) || wanted.is(&link.id.0) || DnKey::of(&link.dn) == wanted.dn;
        if named || wanted.resource(&link.pushed.resource) {
            links.push(link);
        }
        true
    })?;
    Ok(links)
}

fn say_mapped(out: &mut dyn Write, mapped: &Mapped) -> std::io::Result<()> {
    match mapped {
        Mapped::InScope(user) => {
            writeln!(out, "  directory   in scope, anchor {}", user.anchor)?;
            writeln!(out, "  mapped to")?;
            let pushed = Pushed {
                resource: user.resource.clone(),
                manager: None,
            };
            say_changes(out, &report::changes(None, Some(&pushed)))?;
            if let Some(manager) = &user.manager {
                writeln!(out, "    + enterprise.manager  {manager}")?;
            }
        }
        Mapped::OutOfScope { anchor, reason, .. } => {
            writeln!(out, "  directory   out of scope: {reason} (anchor {anchor})")?
        }
        Mapped::Rejected(rejection) => {
            writeln!(
                out,
                "  directory   in scope, but cannot be pushed (and is never removed for it)"
            )?;
            for problem in &rejection.problems {
                let value = shortened(&problem.value, VALUE_CHARS);
                writeln!(
                    out,
                    "    ! {}: {}{}{value}",
                    problem.attribute,
                    problem.rule,
                    if value.is_empty() { "" } else { ": " }
                )?;
            }
        }
    }
    Ok(())
}

fn say_link(out: &mut dyn Write, link: Option<&Link>) -> std::io::Result<()> {
    let Some(link) = link else {
        return writeln!(out, "  state       never pushed");
    };
    let how = if link.adopted { ", adopted" } else { "" };
    let off = if link.pushed.resource.is_active() {
        ""
    } else {
        ", inactive"
    };
    writeln!(
        out,
        "  state       pushed as {} with id {}{how}{off}",
        link.pushed.resource.user_name(),
        link.id
    )
}

fn say_reject(out: &mut dyn Write, engine: &Engine, key: crate::model::AnchorKey) -> Result<(), OrderError> {
    let rejects = engine.store.rejects()?;
    let Ok(at) = rejects.binary_search_by_key(&key, |(key, _)| *key) else {
        return Ok(());
    };
    let reject = &rejects[at].1;
    for problem in reject.rejection.problems.iter().filter(|_| reject.tries > 0) {
        writeln!(out, "  failed      {} times: {}", reject.tries, problem.rule)?;
    }
    Ok(())
}

fn say_next(out: &mut dyn Write, next: &[(Operation, bool)]) -> std::io::Result<()> {
    if next.is_empty() {
        return writeln!(out, "  next        nothing to do");
    }
    for (operation, held) in next {
        let held = if *held { " (held by the limits)" } else { "" };
        writeln!(out, "  next        {}{held}", operation.action)?;
        if operation.action != Action::Create {
            say_changes(
                out,
                &report::changes(operation.before.as_ref(), operation.after.as_ref()),
            )?;
        }
    }
    Ok(())
}

fn say_changes(out: &mut dyn Write, changes: &[AttributeChange]) -> std::io::Result<()> {
    let text = |value: &Value| shortened(&report::value_text(value), VALUE_CHARS);
    for change in changes {
        match (&change.before, &change.after) {
            (None, Some(after)) => writeln!(out, "    + {}  {}", change.path, text(after))?,
            (Some(before), None) => writeln!(out, "    - {}  {}", change.path, text(before))?,
            (Some(before), Some(after)) => writeln!(out, "    ~ {}  {} -> {}", change.path, text(before), text(after))?,
            (None, None) => {}
        }
    }
    Ok(())
}
