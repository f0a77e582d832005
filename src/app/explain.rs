//! `explain WHO`: in scope or why not, what was pushed, what comes next and why, and what the entry
//! maps to.

mod groups;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    sync::Arc,
};

use self::groups::Circle;
use super::{
    engine::{Engine, chain, unix_now},
    hints::{Names, holder},
    order::{OrderError, Surroundings},
    setup::Setup,
};
use crate::{
    cycle::Planned,
    mapping::groups::Enrolment,
    model::{
        Action, Anchor, AnchorKey, DirectoryEntry, DnKey, Item, Link, ManagerRef, Mapped, Mark, Operation, Problem,
        Pushed, Resource, Scalar, Value, shortened, shown,
    },
    outcome::exit,
    plan::{
        Protected,
        decide::RETRY_NOW,
        settings::{LeaverAction, Leavers},
    },
    ports::{Absence, Reject, RejectKind, StateStore, StoreError},
    report::{self, AttributeChange, count, instant},
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

fn anchor(mapped: &Mapped) -> Option<&Anchor> {
    match mapped {
        Mapped::InScope(user) => Some(&user.anchor),
        Mapped::OutOfScope { anchor, .. } => Some(anchor),
        Mapped::Rejected(rejection) => rejection.anchor.as_ref(),
    }
}

// --- who is meant ---------------------------------------------------------------------------------

/// Who is looked for.
struct Wanted {
    who: String,
    dn: DnKey,
}

impl Wanted {
    fn new(who: &str) -> Self {
        Self {
            who: who.trim().to_lowercase(),
            dn: DnKey::of(who),
        }
    }

    fn is(&self, text: &str) -> bool {
        !self.who.is_empty() && text.to_lowercase() == self.who
    }

    fn resource(&self, resource: &Resource) -> bool {
        let mail = |item: &Item| matches!(item.get("value"), Some(Scalar::Text(mail)) if self.is(mail));
        self.is(resource.user_name())
            || matches!(resource.get("emails"), Some(Value::List(items)) if items.iter().any(mail))
    }

    fn entry(&self, entry: &DirectoryEntry, mapped: &Mapped) -> bool {
        let raw = |name: &str| {
            let mut values = entry.values(name).iter();
            values.any(|value| std::str::from_utf8(value).is_ok_and(|text| self.is(text)))
        };
        DnKey::of(&entry.dn) == self.dn
            || anchor(mapped).is_some_and(|anchor| self.is(anchor.as_str()))
            || ["uid", "mail", "samaccountname", "userprincipalname"]
                .into_iter()
                .any(raw)
            || matches!(mapped, Mapped::InScope(user) if self.resource(&user.resource))
    }

    fn link(&self, link: &Link) -> bool {
        self.is(link.anchor.as_str())
            || self.is(&link.id.0)
            || DnKey::of(&link.dn) == self.dn
            || self.resource(&link.pushed.resource)
    }
}

fn links(store: &dyn StateStore, wanted: &Wanted) -> Result<BTreeMap<AnchorKey, Link>, StoreError> {
    let mut links = BTreeMap::new();
    store.each_link(&mut |link| {
        if wanted.link(&link) {
            links.insert(link.anchor.key(), link);
        }
        true
    })?;
    Ok(links)
}

// --- what is known of them ------------------------------------------------------------------------

/// Everything about one person.
struct Person {
    dn: String,
    key: Option<AnchorKey>,
    /// What the entry says of groups.
    enrolment: Option<Enrolment>,
    /// Nothing when the read did not show an entry.
    mapped: Option<Mapped>,
    link: Option<Link>,
    mark: Option<Mark>,
    reject: Option<Reject>,
    operations: Vec<(Operation, bool)>,
    /// Those whose accounts have the name that this person wants.
    rivals: Vec<Link>,
    /// The entry names a manager who is not provisioned.
    is_dangling: bool,
}

struct Context<'a> {
    setup: &'a Setup,
    store: &'a dyn StateStore,
    planned: &'a Planned,
    rejects: BTreeMap<AnchorKey, Reject>,
    marks: BTreeMap<AnchorKey, Mark>,
    now: i64,
}

impl Context<'_> {
    fn person(
        &self,
        spool: &dyn crate::ports::PlanSpool,
        dn: String,
        mapped: Option<Mapped>,
        key: Option<AnchorKey>,
        link: Option<Link>,
    ) -> Result<Person, StoreError> {
        let (plan, approved) = (&self.planned.plan, &self.planned.approved);
        let own = |step: &&crate::ports::Step| key.is_some() && plan.person(**step) == key;
        let carried_out = approved.steps.iter().filter(own).map(|step| (step, false));
        let held = approved.held.iter().filter(own).map(|step| (step, true));
        let (mut operations, mut names) = (Vec::new(), Names::default());
        for (step, held) in carried_out.chain(held) {
            let operation = plan.complete(*step, spool.operation(step.index)?);
            names.operation(*step, &operation);
            operations.push((operation, held));
        }
        // The plan knows of rejections that mapping alone does not see: two people with one name.
        let changed = plan
            .reject_changes
            .iter()
            .rev()
            .find(|(changed, _)| Some(*changed) == key);
        let reject = match changed {
            Some((_, reject)) => reject.clone(),
            None => key.and_then(|key| self.rejects.get(&key).cloned()),
        };
        Ok(Person {
            dn,
            key,
            enrolment: None,
            mapped,
            rivals: self.rivals(spool, &names)?,
            is_dangling: key.is_some_and(|key| plan.dangling.contains(&key)),
            link,
            mark: key.and_then(|key| self.marks.get(&key).copied()),
            reject,
            operations,
        })
    }

    /// Those who have a name that is wanted, and keep it in this plan.
    fn rivals(&self, spool: &dyn crate::ports::PlanSpool, names: &Names) -> Result<Vec<Link>, StoreError> {
        let mut holders = Vec::new();
        names.taken(self.store, &mut |_, link| holders.push(link))?;
        let plan = &self.planned.plan;
        let mut rivals = Vec::new();
        for link in holders {
            let own = |step: &&crate::ports::Step| plan.person(**step) == Some(link.anchor.key());
            let mut freed = Names::default();
            for step in self.planned.approved.steps.iter().filter(own) {
                freed.operation(*step, &spool.operation(step.index)?);
            }
            if !freed.frees(link.anchor.key()) {
                rivals.push(link);
            }
        }
        Ok(rivals)
    }

    fn say(&self, out: &mut dyn Write, person: &Person) -> io::Result<()> {
        writeln!(out, "{}", shown(&person.dn))?;
        self.directory(out, person)?;
        account(out, person)?;
        self.protected(out, person)?;
        manager(out, person)?;
        failure(out, person.reject.as_ref())?;
        self.next(out, person)
    }

    fn directory(&self, out: &mut dyn Write, person: &Person) -> io::Result<()> {
        let with_anchor = |words: String| match person.mapped.as_ref().and_then(anchor) {
            Some(anchor) => format!("{words}; anchor {}", shown(anchor.as_str())),
            None => words,
        };
        match (&person.mapped, &person.reject) {
            (Some(Mapped::OutOfScope { reason, .. }), _) => {
                label(out, "Directory", &with_anchor(format!("left out by rule: {reason}")))
            }
            (Some(Mapped::Rejected(rejection)), _) => {
                let words = "there, but cannot be pushed; an account that exists stays as it is";
                label(out, "Directory", &with_anchor(words.to_owned()))?;
                rejection.problems.iter().try_for_each(|found| problem(out, found))
            }
            (Some(Mapped::InScope(_)), Some(reject)) if reject.kind == RejectKind::Entry => {
                let words = "in scope, but cannot be pushed; an account that exists stays as it is";
                label(out, "Directory", &with_anchor(words.to_owned()))?;
                reject
                    .rejection
                    .problems
                    .iter()
                    .try_for_each(|found| problem(out, found))
            }
            (Some(Mapped::InScope(_)), _) => label(out, "Directory", &with_anchor("in scope".to_owned())),
            (None, _) => {
                let anchor = person
                    .link
                    .as_ref()
                    .map(|link| link.anchor.as_str())
                    .unwrap_or_default();
                let words = match &self.planned.plan.absence {
                    Absence::AllButPresent => format!(
                        "no entry any more (or it is outside of [users] base or filter): counts as having left; anchor {}",
                        shown(anchor)
                    ),
                    Absence::Unknown(reason) => format!("not seen, but the read was not complete: {reason}"),
                };
                label(out, "Directory", &words)
            }
        }
    }

    fn is_protected(&self, person: &Person) -> bool {
        let Some(link) = &person.link else { return false };
        let mut dns = vec![DnKey::of(&person.dn), DnKey::of(&link.dn)];
        dns.extend(person.mark.map(|mark| mark.dn));
        let list = Protected::new(&self.setup.policy.limits.protected);
        list.covers(link.anchor.as_str(), &dns, link.pushed.resource.user_name())
    }

    fn protected(&self, out: &mut dyn Write, person: &Person) -> io::Result<()> {
        if !self.is_protected(person) {
            return Ok(());
        }
        label(
            out,
            "Protected",
            "never renamed, deactivated or deleted ([limits] protected)",
        )
    }

    /// What the next run does for this person, or why it does nothing.
    fn next(&self, out: &mut dyn Write, person: &Person) -> io::Result<()> {
        if person.operations.is_empty() {
            return label(out, "Next", &self.nothing(person));
        }
        for (operation, held) in &person.operations {
            let mut words = doing(operation.action).to_owned();
            if let Some(hold) = self.planned.approved.hold.as_ref().filter(|_| *held) {
                let known = self.planned.meta.held.as_ref();
                let when = match known.is_some_and(|known| known.plan_id == hold.plan_id) {
                    true => "to let it through",
                    false => "after that run, to let it through",
                };
                words = format!(
                    "{words}, but the limits hold that back: {}; {when}: scimward approve {}",
                    hold.reason, hold.plan_id
                );
            }
            label(out, "Next", &words)?;
            for link in &person.rivals {
                problem(out, &name_taken(operation, link))?;
            }
            // A new account is told whole below, a deleted one goes whole.
            if !matches!(operation.action, Action::Create | Action::Delete) {
                let changes = report::changes(operation.before.as_ref(), operation.after.as_ref());
                changes.iter().try_for_each(|one| change(out, one))?;
            }
        }
        Ok(())
    }

    fn nothing(&self, person: &Person) -> String {
        if let Absence::Unknown(reason) = &self.planned.plan.absence
            && self.planned.approved.aborted
        {
            return format!("nothing, because the directory was not read completely: {reason}");
        }
        if self.planned.approved.aborted {
            let why = self.planned.approved.hold.as_ref().map(|hold| hold.reason.as_str());
            return format!("nothing, because the run would be aborted: {}", why.unwrap_or_default());
        }
        if let Some(reject) = &person.reject {
            return waiting(reject, person, self.now);
        }
        match (&person.mapped, &person.link, &person.mark) {
            (Some(Mapped::Rejected(_)), ..) => "nothing, until the entry or the mapping is mended".to_owned(),
            (Some(Mapped::OutOfScope { .. }), None, _) => "nothing: there is no account".to_owned(),
            (Some(Mapped::OutOfScope { .. }) | None, Some(_), Some(mark)) => {
                if self.is_protected(person) {
                    return "nothing: the account stays, because this person is protected".to_owned();
                }
                if matches!(self.planned.plan.absence, Absence::Unknown(_)) {
                    return "nothing: nobody is removed after a read that was not complete".to_owned();
                }
                leaver(mark, &self.setup.policy.leavers)
            }
            _ if person.is_dangling => {
                "nothing: but for the manager the account is as the directory wants it".to_owned()
            }
            _ => "nothing: the account is as the directory wants it".to_owned(),
        }
    }
}

/// A leaver for whom this run has no operation.
fn leaver(mark: &Mark, leavers: &Leavers) -> String {
    let missed = mark.missed.saturating_add(1);
    match (leavers.action, mark.deactivated_at) {
        (LeaverAction::Keep, _) => "nothing: the accounts of leavers are kept ([leavers] action = \"keep\")".to_owned(),
        (LeaverAction::Delete, at) if at != 0 => {
            let days = i64::from(leavers.delete_after_days);
            format!(
                "delete, in the first complete run after {} UTC ({} after the deactivation)",
                instant(at.saturating_add(days * 86_400)),
                count(days.unsigned_abs(), "day")
            )
        }
        (_, 0) if missed < leavers.confirm_cycles => format!(
            "nothing yet: missing for {missed} of {} complete runs in a row ([leavers] confirm_cycles)",
            leavers.confirm_cycles
        ),
        _ => "nothing: the account is inactive, and leavers are not deleted ([leavers] action = \"deactivate\")"
            .to_owned(),
    }
}

/// Somebody on the reject list for whom this run has no operation.
fn waiting(reject: &Reject, person: &Person, now: i64) -> String {
    let who = person.reject.as_ref().map(|reject| reject.rejection.dn.as_str());
    let who = shown(who.unwrap_or_default()).replace('\'', r"'\''");
    match reject.kind {
        RejectKind::Entry => "nothing, until the entry or the mapping is mended".to_owned(),
        RejectKind::Refused => format!(
            "nothing, until the entry or the mapping changes; to try again as it is: scimward rejects retry '{who}'"
        ),
        RejectKind::Waiting if reject.next_try > now => format!(
            "tried again in the first run after {} UTC; to have it tried in the next one: scimward rejects retry '{who}'",
            instant(reject.next_try)
        ),
        RejectKind::Waiting => "tried again".to_owned(),
    }
}

fn doing(action: Action) -> &'static str {
    match action {
        Action::Create => "create an account",
        Action::Reactivate => "reactivate the account",
        Action::Update => "update the account",
        Action::Reference => "give the account another manager",
        Action::Deactivate => "deactivate the account",
        Action::Delete => "delete the account",
    }
}

fn mapped_to(out: &mut dyn Write, person: &Person) -> io::Result<()> {
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

// --- words ----------------------------------------------------------------------------------------

fn account(out: &mut dyn Write, person: &Person) -> io::Result<()> {
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

fn name_taken(operation: &Operation, link: &Link) -> Problem {
    Problem {
        attribute: "userName".to_owned(),
        rule: format!("{}, {}", operation.user_name(), holder(link)),
        value: String::new(),
    }
}

/// A manager whom the account cannot have, and whom it has instead.
fn manager(out: &mut dyn Write, person: &Person) -> io::Result<()> {
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

fn failure(out: &mut dyn Write, reject: Option<&Reject>) -> io::Result<()> {
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

fn label(out: &mut dyn Write, label: &str, words: &str) -> io::Result<()> {
    writeln!(out, "{}", format!("  {label:<LABEL$}{words}").trim_end())
}

fn problem(out: &mut dyn Write, problem: &Problem) -> io::Result<()> {
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

fn change(out: &mut dyn Write, change: &AttributeChange) -> io::Result<()> {
    match (&change.before, &change.after) {
        (None, Some(after)) => attribute(out, '+', &change.path, &text(after)),
        (Some(before), None) => attribute(out, '-', &change.path, &text(before)),
        (Some(before), Some(after)) => {
            attribute(out, '~', &change.path, &format!("{} → {}", text(before), text(after)))
        }
        (None, None) => Ok(()),
    }
}

fn attribute(out: &mut dyn Write, sign: char, name: &str, value: &str) -> io::Result<()> {
    writeln!(out, "    {sign} {:<NAME$}{value}", shown(name))
}

fn text(value: &Value) -> String {
    shortened(&report::value_text(value), VALUE_CHARS)
}
