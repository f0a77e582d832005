//! Groups in a dry run: after the people, as they are in a cycle.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    app::{
        foresight::{foresee_group, payload},
        names::Names,
        order::OrderError,
        setup::Setup,
    },
    cycle::{Planned, groups::PlannedGroups},
    model::{Absence, AnchorKey, Digest, GroupAction, GroupOperation, ResourceId},
    outcome::{self, exit},
    plan::settings::OnIncomplete,
    ports::{GroupProvider, GroupReader, GroupStore, Held, MembersTold, PlanSpool, Probe, ProviderError, StoreError},
    report::{FoundMembers, GroupLine, GroupProbe, GroupSummary, Report, count},
    scim::ScimClient,
    store::SledStore,
};

/// What a dry run goes by.
pub(super) struct Ground<'a> {
    pub(super) setup: &'a Setup,
    pub(super) store: &'a SledStore,
    pub(super) spool: &'a dyn PlanSpool,
    pub(super) planned: &'a Planned,
    /// Whom `--probe` asks.
    pub(super) client: Option<&'a ScimClient>,
}

/// What came of it, and how many requests it takes.
#[derive(Default)]
pub(super) struct Told {
    pub(super) summary: Option<GroupSummary>,
    pub(super) requests: u64,
    pub(super) warnings: Vec<String>,
}

/// Tells every group. Blocking.
///
/// # Errors
/// When the state cannot be read, the cloud not be asked, or nobody reads the report.
pub(super) fn tell(ground: &Ground<'_>, report: &mut Report<'_>) -> Result<Told, OrderError> {
    let Some(groups) = &ground.planned.groups else {
        return Ok(Told::default());
    };
    let mut told = Told {
        warnings: warnings(groups),
        ..Told::default()
    };
    let mut summary = summary(ground, groups)?;
    let names = Names::new(ground.store, ground.planned, ground.spool)?;
    let linked = linked(ground.store)?;
    let mut memberships = Memberships {
        known: BTreeMap::new(),
        left: ground.setup.config.audit.max_requests,
    };
    for (operation, held) in in_order(ground.planned, groups) {
        let mut line = foresee_group(&names, &ground.setup.policy.profile, operation, held)?;
        if let Some(client) = ground.client.filter(|_| line.operation.action == GroupAction::Create) {
            line.probe = Some(probe(client, &linked, &mut memberships, &line)?);
        }
        if !held {
            told.requests += line.requests.len() as u64;
            *summary.operations.entry(line.operation.action).or_default() += 1;
            summary.added += line.added.len() as u64;
            summary.removed += line.removed.len() as u64;
        }
        report.group(&line)?;
    }
    told.summary = Some(summary);
    Ok(told)
}

/// What would be carried out and what is held, by action, of one group side by side.
fn in_order(planned: &Planned, groups: &PlannedGroups) -> Vec<(GroupOperation, bool)> {
    let approved = &groups.approved;
    // Where nothing may be done to people, nothing is done to their groups.
    let free = approved.operations.iter().filter(|_| !planned.approved.aborted);
    let mut all: Vec<(GroupOperation, bool)> = free
        .map(|operation| (operation.clone(), false))
        .chain(approved.held.iter().map(|operation| (operation.clone(), true)))
        .collect();
    all.sort_by(|(one, one_held), (other, other_held)| {
        (one.action, &one.anchor, one_held).cmp(&(other.action, &other.anchor, other_held))
    });
    all
}

/// Groups that belong to somebody already.
fn linked(store: &SledStore) -> Result<BTreeSet<Digest>, StoreError> {
    let ids = store.groups()?.into_iter().filter_map(|(_, link)| link.id);
    Ok(ids.map(|id| id.digest()).collect())
}

fn probe(
    client: &ScimClient,
    linked: &BTreeSet<Digest>,
    memberships: &mut Memberships,
    line: &GroupLine,
) -> Result<GroupProbe, OrderError> {
    let operation = &line.operation;
    let wanted = payload(operation, &operation.after);
    let taken = |id: &ResourceId| linked.contains(&id.digest());
    let runtime = tokio::runtime::Handle::current();
    let found = runtime
        .block_on(client.probe_group(&wanted, &taken))
        .map_err(|error| unasked(&operation.dn, &error))?;
    let wanted: BTreeSet<&ResourceId> = line.added.iter().filter_map(|member| member.id.as_ref()).collect();
    let missing = |already: usize| line.added.len().saturating_sub(already) as u64;
    let members = match (found.members, &found.probe) {
        (Some(there), _) => {
            let there: BTreeSet<ResourceId> = there.into_iter().collect();
            let already = there.iter().filter(|id| wanted.contains(id)).count();
            Some(FoundMembers {
                there: there.len() as u64,
                missing: missing(already),
                others: Some(there.len().saturating_sub(already) as u64),
            })
        }
        (None, Probe::Adoptable { id, .. }) if client.members_told() == MembersTold::ByPerson => {
            let already = memberships.among(client, id, &wanted);
            let already = runtime
                .block_on(already)
                .map_err(|error| unasked(&operation.dn, &error))?;
            already.map(|already| FoundMembers {
                there: already as u64,
                missing: missing(already),
                others: None,
            })
        }
        _ => None,
    };
    Ok(GroupProbe {
        probe: found.probe,
        members,
    })
}

fn unasked(dn: &str, error: &ProviderError) -> OrderError {
    let code = match error {
        ProviderError::Cancelled => exit::OBJECTS,
        _ => exit::PROVIDER,
    };
    OrderError::Words(format!("asking the cloud for the group {dn}: {error}"), code)
}

/// In which groups people are, where a cloud tells only that. Each is asked about once.
struct Memberships {
    known: BTreeMap<ResourceId, Option<BTreeSet<ResourceId>>>,
    /// Questions left.
    left: u64,
}

impl Memberships {
    /// How many of these people are in the group; nothing when that is not known of each.
    async fn among(
        &mut self,
        client: &ScimClient,
        group: &ResourceId,
        people: &BTreeSet<&ResourceId>,
    ) -> Result<Option<usize>, ProviderError> {
        let unknown = people.iter().filter(|id| !self.known.contains_key(**id)).count() as u64;
        if unknown > self.left {
            return Ok(None);
        }
        self.left -= unknown;
        let mut found = Some(0);
        for &person in people {
            if !self.known.contains_key(person) {
                let groups = client.groups_of(person).await?;
                self.known
                    .insert(person.clone(), groups.map(|groups| groups.into_iter().collect()));
            }
            let groups = self.known.get(person).and_then(Option::as_ref);
            found = match (found, groups) {
                (Some(found), Some(groups)) => Some(found + usize::from(groups.contains(group))),
                _ => None,
            };
        }
        Ok(found)
    }
}

fn summary(ground: &Ground<'_>, groups: &PlannedGroups) -> Result<GroupSummary, StoreError> {
    let (plan, approved) = (&groups.plan, &groups.approved);
    let counts = &plan.counts;
    let since = ground.planned.meta.groups_held.as_ref();
    let held = approved.hold.as_ref().map(|hold| Held {
        plan_id: hold.plan_id.clone(),
        removals: outcome::groups::removals(groups),
        reason: hold.reason.clone(),
        since: since
            .filter(|old| old.plan_id == hold.plan_id)
            .map_or(0, |old| old.since),
    });
    Ok(GroupSummary {
        entries: counts.entries,
        unchanged: counts.unchanged,
        memberships: counts.memberships,
        outside: counts.outside,
        nested: counts.nested,
        depth: counts.depth,
        rejects: outcome::rejects_after(ground.store.group_rejects()?, &plan.reject_changes),
        incomplete: incomplete(ground, &plan.absence),
        held,
        ..GroupSummary::default()
    })
}

fn incomplete(ground: &Ground<'_>, absence: &Absence) -> Option<String> {
    let Absence::Unknown(reason) = absence else { return None };
    let then = match ground.setup.policy.on_incomplete {
        OnIncomplete::Abort => "no group would be changed ([ldap] on_incomplete = \"abort\")",
        OnIncomplete::NoRemovals => "nobody would be taken out of a group ([ldap] on_incomplete = \"no-removals\")",
    };
    Some(format!("{reason}; {then}"))
}

fn warnings(groups: &PlannedGroups) -> Vec<String> {
    let plan = &groups.plan;
    let mut warnings = plan.warnings.clone();
    let forgotten: usize = plan.operations.iter().map(|operation| void(operation).count()).sum();
    if forgotten > 0 {
        warnings.push(format!(
            "{} remembered without an account any more: forgotten without a request",
            match forgotten {
                1 => "1 member of a group is".to_owned(),
                _ => format!("{} of groups are", count(forgotten as u64, "member")),
            }
        ));
    }
    warnings
}

/// Who is forgotten and not put in again.
fn void(operation: &GroupOperation) -> impl Iterator<Item = &AnchorKey> {
    operation
        .forget
        .iter()
        .filter(|key| operation.add.binary_search(key).is_err())
}

/// The exit code as far as groups decide it; `changes` is what to say when there are some.
pub(super) fn exit_code(planned: &Planned, changes: Option<u8>) -> u8 {
    let Some(groups) = &planned.groups else {
        return exit::DONE;
    };
    let (counts, approved) = (&groups.plan.counts, &groups.approved);
    let nothing = (approved.operations.is_empty() || planned.approved.aborted) && approved.held.is_empty();
    if matches!(groups.plan.absence, Absence::Unknown(_)) {
        exit::DIRECTORY
    } else if let Some(code) = changes.filter(|_| !nothing) {
        code
    } else if approved.hold.is_some() {
        exit::HELD
    } else if counts.rejected + counts.waiting > 0 {
        exit::OBJECTS
    } else {
        exit::DONE
    }
}
