//! `explain WHO`: in scope or why not, what was pushed, what comes next and why, and what the entry
//! maps to.

mod groups;
mod lines;
mod person;
mod wanted;

use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::Arc,
};

use self::{
    groups::Circle,
    lines::{label, mapped_to},
    person::{Context, Person},
    wanted::{Wanted, anchor, links},
};
use super::{
    engine::{Engine, chain, unix_now},
    order::{OrderError, Surroundings},
    setup::Setup,
};
use crate::{
    model::{DirectoryEntry, DnKey, Mapped, shortened},
    outcome::exit,
    ports::StateStore,
    store::SledStore,
};

/// A value longer than this is cut.
const VALUE_CHARS: usize = 200;
/// Columns of a label.
const LABEL: usize = 11;
/// Columns of an attribute's name, as in the dry run.
const NAME: usize = 26;

/// Looks somebody up in the directory, the state and the plan. Blocking.
///
/// # Errors
/// When the directory or the state cannot be read.
pub fn run(engine: &Arc<Engine>, who: &str, out: &mut dyn Write, around: &Surroundings) -> Result<u8, OrderError> {
    let setup = &around.setup;
    let scratch = SledStore::scratch().map_err(|error| OrderError::Words(chain(&error), exit::OBJECTS))?;
    let store = &*engine.store;
    let wanted = Wanted::new(who);
    // Who was pushed under an old name, or is asked for by the account's id, is found by anchor.
    let links = links(store, &wanted)?;
    let mut found = Vec::new();
    let spool = scratch.spool();
    let (now, observer, stop) = (unix_now(), &around.observer, &around.stop);
    let planned = engine.plan_beside_cycles(|| {
        found.clear();
        let mut watch = |entry: &DirectoryEntry, mapped: &Mapped| {
            let linked = anchor(mapped).is_some_and(|anchor| links.contains_key(&anchor.key()));
            if linked || wanted.entry(entry, mapped) {
                let enrolment = setup.policy.groups.as_ref().map(|groups| groups.roster.read(entry));
                found.push((entry.dn.clone(), mapped.clone(), enrolment));
            }
        };
        Engine::plan_into(store, setup, spool, now, observer, stop, Some(&mut watch))
    })?;
    let circle = Circle::new(setup, &planned, store, spool)?;
    let groups = circle.as_ref().map(|circle| circle.find(&wanted)).unwrap_or_default();
    if found.is_empty() && links.is_empty() && groups.is_empty() {
        nobody(out, who, setup)?;
        return Ok(exit::OBJECTS);
    }
    let marks = store.marks()?.into_iter().collect();
    let context = Context {
        setup,
        store,
        planned: &planned,
        rejects: store.rejects()?.into_iter().collect(),
        marks,
        now,
    };
    let mut here = BTreeSet::new();
    let mut people: Vec<Person> = Vec::new();
    for (dn, mapped, enrolment) in found {
        let key = match anchor(&mapped) {
            Some(anchor) => Some(anchor.key()),
            // An entry that lost its anchor is still the one that was pushed under its name.
            None => links
                .iter()
                .find(|(_, link)| DnKey::of(&link.dn) == DnKey::of(&dn))
                .map(|(key, _)| *key),
        };
        here.extend(key);
        let link = key.map(|key| store.link(key)).transpose()?.flatten();
        people.push(Person {
            enrolment,
            ..context.person(spool, dn, Some(mapped), key, link)?
        });
    }
    for (key, link) in links.into_iter().filter(|(key, _)| !here.contains(key)) {
        people.push(context.person(spool, link.dn.clone(), None, Some(key), Some(link))?);
    }
    for (at, person) in people.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        context.say(out, person)?;
        if let (Some(circle), Some(key)) = (&circle, person.key) {
            circle.of_person(out, (key, &person.dn), person.enrolment.as_ref())?;
        }
        mapped_to(out, person)?;
    }
    for (at, group) in groups.iter().enumerate() {
        if at > 0 || !people.is_empty() {
            writeln!(out)?;
        }
        circle.iter().try_for_each(|circle| circle.say(out, group))?;
    }
    Ok(exit::DONE)
}

fn nobody(out: &mut dyn Write, who: &str, setup: &Setup) -> io::Result<()> {
    writeln!(out, "Nobody found: {}", shortened(who, VALUE_CHARS))?;
    let bases = setup.search.bases.join(" or ");
    label(
        out,
        "Directory",
        &format!(
            "no entry of that name below {bases} that matches {}",
            setup.search.filter
        ),
    )?;
    let unknown =
        "nothing is remembered of that name: never pushed, called otherwise by now, or deleted, which is forgotten";
    label(out, "State", unknown)?;
    label(
        out,
        "Hint",
        "give a DN, an anchor, a user name, a mail address, an account's id, or a group's name; \
         an entry outside of base and filter is not read",
    )
}
