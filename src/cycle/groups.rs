//! Groups in a cycle: read before the people, planned after them.

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;

use super::{CycleError, Means};
use crate::{
    mapping::groups::{GroupMapper, RosterRule},
    model::{Absence, Digest, DirectoryEntry, MappedGroup, MemberKey},
    plan::{
        self, Approved, Plan,
        groups::{ApprovedGroups, GroupPlan, Inputs, Roster, Sightings},
        limits::Context,
        settings::{GoneGroups, GroupLimits, Nesting},
    },
    ports::{Directory, EntrySink, GroupStore, Meta, SinkError},
    profile::Profile,
};

/// Everything groups go by.
pub struct GroupPolicy {
    /// Entry → group.
    pub mapper: GroupMapper,
    /// What a person's entry says about groups.
    pub roster: RosterRule,
    /// Groups in groups.
    pub nesting: Nesting,
    /// What happens to groups that left.
    pub gone: GoneGroups,
    /// How much may be taken away.
    pub limits: GroupLimits,
    /// Only people in one of these groups are provisioned; everybody when empty.
    pub member_of: Vec<String>,
    /// Digest of what decides which groups are in scope.
    pub scope: Digest,
}

/// The groups of one read.
pub struct GroupsRead {
    /// As they came.
    pub groups: Vec<MappedGroup>,
    /// What absence means.
    pub absence: Absence,
}

/// Reads and maps every group. Blocking.
///
/// # Errors
/// When nothing usable was read.
pub fn read(
    directory: &mut dyn Directory,
    policy: &GroupPolicy,
    profile: &Profile,
    stop: &CancellationToken,
) -> Result<GroupsRead, CycleError> {
    let mut intake = GroupIntake {
        policy,
        profile,
        groups: Vec::new(),
        seen: BTreeSet::new(),
    };
    let outcome = directory.read(&mut intake, stop)?;
    Ok(GroupsRead {
        groups: intake.groups,
        absence: outcome.absence,
    })
}

struct GroupIntake<'a> {
    policy: &'a GroupPolicy,
    profile: &'a Profile,
    groups: Vec<MappedGroup>,
    /// Bases may overlap.
    seen: BTreeSet<MemberKey>,
}

impl EntrySink for GroupIntake<'_> {
    fn restart(&mut self) -> Result<(), SinkError> {
        self.groups.clear();
        self.seen.clear();
        Ok(())
    }

    fn entry(&mut self, entry: DirectoryEntry) -> Result<(), SinkError> {
        if !self.seen.insert(MemberKey::dn(&entry.dn)) {
            return Ok(());
        }
        let mut group = self.policy.mapper.map(&entry);
        if let Ok(resource) = &group.resource {
            let name = resource.text("displayName").unwrap_or_default();
            let problems = self.profile.check_group(name, resource.text("externalId"));
            if !problems.is_empty() {
                group.resource = Err(problems);
            }
        }
        self.groups.push(group);
        Ok(())
    }
}

/// Who is in scope by `member_of`.
pub struct Admission {
    /// Names of people listed by one of the groups, or by a group in it.
    names: BTreeSet<MemberKey>,
    /// Names of these groups, for people who list their groups themselves.
    groups: BTreeSet<MemberKey>,
}

impl Admission {
    /// Nothing when everybody is in scope.
    ///
    /// # Errors
    /// When one of the groups was not read: then nobody can be said to be out of scope.
    pub fn new(policy: &GroupPolicy, read: &GroupsRead) -> Result<Option<Self>, CycleError> {
        if policy.member_of.is_empty() {
            return Ok(None);
        }
        let roster = Roster::default();
        let graph = plan::groups::Graph::new(&read.groups, &roster);
        let mut admission = Self {
            names: BTreeSet::new(),
            groups: BTreeSet::new(),
        };
        for dn in &policy.member_of {
            let Some(at) = graph.find(MemberKey::dn(dn)) else {
                return Err(CycleError::NoSuchGroup(dn.clone()));
            };
            for inner in graph.reach(at) {
                let group = &read.groups[inner];
                admission.names.extend(&group.members);
                admission.groups.insert(MemberKey::dn(&group.dn));
                admission.groups.extend(&group.aliases);
            }
        }
        Ok(Some(admission))
    }

    /// Whether a person of these names, who lists these groups, is in scope.
    #[must_use]
    pub fn admits(&self, names: &[MemberKey], groups: &[MemberKey]) -> bool {
        names.iter().any(|name| self.names.contains(name)) || groups.iter().any(|group| self.groups.contains(group))
    }
}

/// A plan for groups, and what of it may be carried out.
pub struct PlannedGroups {
    /// The plan.
    pub plan: GroupPlan,
    /// What the limits let through.
    pub approved: ApprovedGroups,
    /// The groups it was made from, for `explain`.
    pub read: Vec<MappedGroup>,
    /// Who can be a member, for `explain`.
    pub roster: Roster,
}

/// Plans and approves groups, once the people are planned. Blocking.
///
/// # Errors
/// When the state cannot be read.
pub fn plan_groups(
    policy: &GroupPolicy,
    means: Means<'_>,
    groups: &dyn GroupStore,
    meta: &Meta,
    people: (&Plan, &Approved, Sightings),
    read: GroupsRead,
) -> Result<PlannedGroups, CycleError> {
    let (people, approved_people, sightings) = people;
    let mut accounts = people.accounts.clone();
    if approved_people.aborted || approved_people.hold.is_some() {
        // What holds back people holds back what rests on their absence.
        accounts
            .iter_mut()
            .for_each(|account| account.may_be_here |= !account.is_seen);
    }
    let roster = Roster::new(&accounts, sightings);
    let plan = plan::groups::plan(Inputs {
        groups: &read.groups,
        links: groups.groups()?,
        in_doubt: groups.members_in_doubt()?,
        rejects: groups.group_rejects()?,
        roster: &roster,
        absence: least(&people.absence, read.absence),
        nesting: policy.nesting,
        gone: policy.gone,
        confirm_cycles: means.policy.leavers.confirm_cycles,
        pushed: &|group, sum| groups.members(group, sum),
        now: means.now,
    })?;
    let context = Context {
        approved: meta.groups_approved.as_deref(),
        scope_changed: !meta.groups_scope.is_empty() && meta.groups_scope != policy.scope.to_string(),
        on_incomplete: means.policy.on_incomplete,
    };
    let approved = plan::groups::approve(&plan, &policy.limits, means.policy.limits.on_exceeded, &context);
    Ok(PlannedGroups {
        plan,
        approved,
        read: read.groups,
        roster,
    })
}

/// What absence means when two reads have to be complete.
pub(super) fn least(one: &Absence, other: Absence) -> Absence {
    match one {
        Absence::Unknown(_) => one.clone(),
        Absence::AllButPresent => other,
    }
}
