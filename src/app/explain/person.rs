//! One person: what is known of him, and what comes next.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use super::{
    lines::{account, change, failure, label, manager, problem},
    wanted::anchor,
};
use crate::{
    app::{
        hints::{Names, holder},
        setup::Setup,
    },
    cycle::Planned,
    mapping::groups::Enrolment,
    model::{Action, AnchorKey, DnKey, Link, Mapped, Mark, Operation, Problem, shown},
    plan::{
        Protected,
        settings::{LeaverAction, Leavers},
    },
    ports::{Absence, PlanSpool, Reject, RejectKind, StateStore, Step, StoreError},
    report::{self, count, instant},
};

/// Everything about one person.
pub(super) struct Person {
    pub(super) dn: String,
    pub(super) key: Option<AnchorKey>,
    /// What the entry says of groups.
    pub(super) enrolment: Option<Enrolment>,
    /// Nothing when the read did not show an entry.
    pub(super) mapped: Option<Mapped>,
    pub(super) link: Option<Link>,
    pub(super) mark: Option<Mark>,
    pub(super) reject: Option<Reject>,
    pub(super) operations: Vec<(Operation, bool)>,
    /// Those whose accounts have the name that this person wants.
    pub(super) rivals: Vec<Link>,
    /// The entry names a manager who is not provisioned.
    pub(super) is_dangling: bool,
}

/// Where it is gathered from.
pub(super) struct Context<'a> {
    pub(super) setup: &'a Setup,
    pub(super) store: &'a dyn StateStore,
    pub(super) planned: &'a Planned,
    pub(super) rejects: BTreeMap<AnchorKey, Reject>,
    pub(super) marks: BTreeMap<AnchorKey, Mark>,
    pub(super) now: i64,
}

impl Context<'_> {
    /// Gathers it.
    pub(super) fn person(
        &self,
        spool: &dyn PlanSpool,
        dn: String,
        mapped: Option<Mapped>,
        key: Option<AnchorKey>,
        link: Option<Link>,
    ) -> Result<Person, StoreError> {
        let (plan, approved) = (&self.planned.plan, &self.planned.approved);
        let own = |step: &&Step| key.is_some() && plan.person(**step) == key;
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
    fn rivals(&self, spool: &dyn PlanSpool, names: &Names) -> Result<Vec<Link>, StoreError> {
        let mut holders = Vec::new();
        names.taken(self.store, &mut |_, link| holders.push(link))?;
        let plan = &self.planned.plan;
        let mut rivals = Vec::new();
        for link in holders {
            let own = |step: &&Step| plan.person(**step) == Some(link.anchor.key());
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

    /// All of it, but what the entry maps to.
    pub(super) fn say(&self, out: &mut dyn Write, person: &Person) -> io::Result<()> {
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

fn name_taken(operation: &Operation, link: &Link) -> Problem {
    Problem {
        attribute: "userName".to_owned(),
        rule: format!("{}, {}", operation.user_name(), holder(link)),
        value: String::new(),
    }
}
