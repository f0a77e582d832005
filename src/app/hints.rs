//! What a plan does not say by itself, for those who read one: names that are taken already, managers
//! who are not there.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cycle::Planned,
    model::{Action, AnchorKey, Digest, Link, Operation, Step, shown},
    plan::{Plan, circles::name_key},
    ports::{PlanSpool, StateStore, StoreError},
};

/// People or pairs of people who are named; the rest is counted.
const NAMED_MAX: usize = 3;

/// Names that a plan wants, and those it gives up: twenty bytes for each.
#[derive(Default)]
pub(super) struct Names {
    wanted: BTreeMap<Digest, u32>,
    freed: BTreeSet<AnchorKey>,
}

impl Names {
    /// One step of the plan, with its operation.
    pub(super) fn operation(&mut self, step: Step, operation: &Operation) {
        let renames = operation.is_rename();
        if operation.action == Action::Create || renames {
            self.wanted.insert(name_key(operation.user_name()), step.index);
        }
        if renames || operation.action == Action::Delete {
            self.freed.insert(operation.anchor.key());
        }
    }

    /// Hands everybody to `visit` who has an account of a name that is wanted, and keeps it, with the step that
    /// wants it.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(super) fn taken(&self, store: &dyn StateStore, visit: &mut dyn FnMut(u32, Link)) -> Result<(), StoreError> {
        if self.wanted.is_empty() {
            return Ok(());
        }
        store.each_link(&mut |link| {
            let index = self.wanted.get(&name_key(link.pushed.resource.user_name()));
            if let Some(index) = index.filter(|_| !self.freed.contains(&link.anchor.key())) {
                visit(*index, link);
            }
            true
        })
    }

    /// Whether this person gives up a name.
    pub(super) fn frees(&self, person: AnchorKey) -> bool {
        self.freed.contains(&person)
    }

    /// The same in words, for a report.
    ///
    /// # Errors
    /// When the state or the plan cannot be read.
    pub(super) fn warnings(&self, store: &dyn StateStore, spool: &dyn PlanSpool) -> Result<Vec<String>, StoreError> {
        let (mut pairs, mut more) = (Vec::new(), 0_u64);
        self.taken(store, &mut |index, link| match pairs.len() {
            NAMED_MAX => more += 1,
            _ => pairs.push((index, link)),
        })?;
        let mut warnings = Vec::new();
        for (index, link) in pairs {
            let newcomer = spool.operation(index)?;
            warnings.push(format!(
                "{} wants the userName {}, {}",
                newcomer.dn,
                newcomer.user_name(),
                holder(&link)
            ));
        }
        if more > 0 {
            warnings.push(format!("and {more} more people want userNames that others have"));
        }
        Ok(warnings)
    }
}

/// What is in the way of somebody who wants a name.
pub(super) fn holder(link: &Link) -> String {
    format!(
        "which account {} has, of {}: it will be refused as long as that account has the name",
        shown(&link.id.0),
        shown(&link.dn)
    )
}

/// Names in the configuration that are nobody's: not in the directory, and nobody was pushed under them.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn unmet(planned: &Planned, store: &dyn StateStore) -> Result<Vec<String>, StoreError> {
    let mut unmet = planned.unmet.clone();
    if !unmet.is_empty() {
        store.each_link(&mut |link| {
            unmet.meet(
                &link.dn,
                Some(link.anchor.as_str()),
                Some(link.pushed.resource.user_name()),
            );
            !unmet.is_empty()
        })?;
    }
    Ok(unmet.words().cloned().collect())
}

/// The people whose manager is not among those provisioned, in words; nothing when there are none.
///
/// # Errors
/// When the state or the plan cannot be read.
pub(super) fn dangling(
    plan: &Plan,
    store: &dyn StateStore,
    spool: &dyn PlanSpool,
) -> Result<Option<String>, StoreError> {
    let people = &plan.dangling;
    let mut named = Vec::new();
    for &key in people.iter().take(NAMED_MAX) {
        let step = plan.steps.iter().find(|step| plan.person(**step) == Some(key));
        named.extend(match (store.link(key)?, step) {
            (Some(link), _) => Some(link.dn),
            (None, Some(step)) => Some(spool.operation(step.index)?.dn),
            (None, None) => None,
        });
    }
    let number = people.len();
    if number > NAMED_MAX {
        named.push(format!("and {} more", number - NAMED_MAX));
    }
    let who = named.join("; ");
    Ok(match number {
        0 => None,
        1 => Some(format!(
            "1 person has a manager who is not among those provisioned, and keeps the one pushed before, if any: {who}"
        )),
        _ => Some(format!(
            "{number} people have a manager who is not among those provisioned, and keep the one pushed before, if any: {who}"
        )),
    })
}
