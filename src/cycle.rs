//! One pass: read, map, plan, approve. What is carried out afterwards is `executor`'s business, and
//! a dry run is a cycle that ends here.
//!
//! Deliberately absent: any knowledge of LDAP, HTTP or sled, and any difference between a dry run
//! and a real one.

pub mod groups;

use tokio_util::sync::CancellationToken;

use self::groups::{Admission, GroupPolicy, GroupsRead, PlannedGroups};

use crate::{
    mapping::{Mapper, groups::Enrolment},
    model::{Anchor, AnchorKey, Digest, DirectoryEntry, Mapped, Operation, Rejection},
    plan::{
        self, Approved, Inputs, Plan, PlanError, Planner, Protected, Unmet, decide::Rules, groups::Sightings, settings,
    },
    ports::{
        Absence, Directory, DirectoryError, EntrySink, Event, GroupStore, Meta, PlanSpool, SharedObserver, SinkError,
        StateStore, StoreError,
    },
    profile::Profile,
};

/// Everything a cycle goes by.
pub struct Policy {
    /// Entry → resource.
    pub mapper: Mapper,
    /// The cloud's rules.
    pub profile: std::sync::Arc<Profile>,
    /// What happens to leavers.
    pub leavers: settings::Leavers,
    /// How much may be taken away.
    pub limits: settings::Limits,
    /// What an incomplete read allows.
    pub on_incomplete: settings::OnIncomplete,
    /// Digest of what decides who is in scope.
    pub scope: Digest,
    /// What groups go by; nothing when they are left alone.
    pub groups: Option<GroupPolicy>,
}

/// Why a cycle ended before there was a plan.
#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    /// The directory could not be read at all.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The state or the disk.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state does not hold together.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A group that decides who is in scope is not there, or cannot be seen.
    #[error(
        "[users] member_of: the group {0} was not found below [groups] base with its filter; nobody can be said to be in scope or out of it"
    )]
    NoSuchGroup(String),
}

/// A plan, what of it may be carried out, and what was seen on the way.
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// What the limits let through.
    pub approved: Approved,
    /// The server that answered.
    pub server: String,
    /// What the state said of itself before.
    pub meta: Meta,
    /// The same for groups, where they are pushed.
    pub groups: Option<PlannedGroups>,
    /// People named in the configuration whom the read did not show by that name.
    pub unmet: Unmet,
}

impl Policy {
    /// Everybody whom the configuration names.
    #[must_use]
    pub fn named(&self) -> Unmet {
        Unmet::new(&self.limits.protected, &self.mapper.overridden())
    }
}

/// Where groups come from and what is remembered of them.
pub struct GroupSource<'a> {
    /// The directory, searched for groups.
    pub directory: &'a mut dyn Directory,
    /// The memory.
    pub store: &'a dyn GroupStore,
}

/// Looks at each entry on its way, for `explain`.
pub type Watch<'a> = &'a mut dyn FnMut(&DirectoryEntry, &Mapped);

/// What a plan is made with.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// The rules.
    pub policy: &'a Policy,
    /// The memory, which planning only reads.
    pub store: &'a dyn StateStore,
    /// Where the plan goes.
    pub spool: &'a dyn PlanSpool,
    /// Unix seconds.
    pub now: i64,
    /// Progress.
    pub observer: &'a SharedObserver,
    /// Ends the read early.
    pub stop: &'a CancellationToken,
}

/// Reads, maps, plans and approves. Writes nothing but the spool. Blocking.
///
/// # Errors
/// When there is nothing to plan from.
pub fn plan(
    directory: &mut dyn Directory,
    groups: Option<GroupSource<'_>>,
    means: Means<'_>,
    watch: Option<Watch<'_>>,
) -> Result<Planned, CycleError> {
    let Means {
        policy,
        store,
        spool,
        observer,
        stop,
        ..
    } = means;
    let meta = store.meta()?;
    // Groups first: they may decide who is in scope.
    let (enrolling, circle) = match (&policy.groups, groups) {
        (Some(policy_of_groups), Some(source)) => {
            let read = groups::read(source.directory, policy_of_groups, &policy.profile, stop)?;
            (
                Some(Enrolling::new(policy_of_groups, &read)?),
                Some((read, source.store)),
            )
        }
        _ => (None, None),
    };
    let decides_scope = enrolling
        .as_ref()
        .is_some_and(|enrolling| enrolling.admission.is_some());
    let mut intake = Intake::new(means, &meta, watch, enrolling);
    intake.in_doubt = store.spool().in_doubt()?;
    intake.begin()?;
    let read = directory.read(&mut intake, stop);
    if let Some(error) = intake.failed.take() {
        return Err(error);
    }
    let outcome = read?;
    observer.event(&Event::Read {
        entries: outcome.entries,
    });
    let unmet = std::mem::take(&mut intake.unmet);
    let absence = match &circle {
        // Who is in none of the groups is out of scope only if all of them were read.
        Some((read, _)) if decides_scope => groups::least(&read.absence, outcome.absence),
        _ => outcome.absence,
    };
    let (plan, enrolling) = intake.finish(absence)?;
    let context = plan::limits::Context {
        approved: meta.approved.as_deref(),
        scope_changed: !meta.scope.is_empty() && meta.scope != policy.scope.to_string(),
        on_incomplete: policy.on_incomplete,
    };
    let approved = plan::approve(&plan, &policy.limits, &context);
    let groups = match (circle, enrolling) {
        (Some((read, store)), Some(enrolling)) => {
            let people = (&plan, &approved, enrolling.sightings);
            Some(groups::plan_groups(
                enrolling.policy,
                means,
                store,
                &meta,
                people,
                read,
            )?)
        }
        _ => None,
    };
    // A plan of no steps has nothing to be remembered by a crash.
    if !approved.steps.is_empty() {
        spool.seal(&plan.id, &approved.steps)?;
    }
    observer.event(&Event::Planned {
        operations: approved.steps.len() as u64
            + groups
                .as_ref()
                .map_or(0, |groups| groups.approved.operations.len() as u64),
    });
    Ok(Planned {
        plan,
        approved,
        server: outcome.server,
        meta,
        groups,
        unmet,
    })
}

/// Digest of everything a mapped resource depends on besides its entry.
#[must_use]
pub fn mapping_digest(policy: &Policy) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&policy.mapper.digest().0);
    hasher.update(policy.profile.name.as_bytes());
    hasher.update(format!("{:?}", policy.profile).as_bytes());
    hasher.update(policy.limits.protected.join("\n").as_bytes());
    Digest::finish(&hasher)
}

/// What is done with groups while people are read.
struct Enrolling<'a> {
    policy: &'a GroupPolicy,
    admission: Option<Admission>,
    sightings: Sightings,
}

impl<'a> Enrolling<'a> {
    fn new(policy: &'a GroupPolicy, read: &GroupsRead) -> Result<Self, CycleError> {
        Ok(Self {
            policy,
            admission: Admission::new(policy, read)?,
            sightings: Sightings::default(),
        })
    }

    /// Takes down which groups a person is in; false when that puts the person out of scope.
    fn admits(&mut self, key: AnchorKey, entry: &DirectoryEntry) -> bool {
        let Enrolment { names, groups } = self.policy.roster.read(entry);
        let admitted = self
            .admission
            .as_ref()
            .is_none_or(|admission| admission.admits(&names, &groups));
        // The first name, the distinguished one, is known from the plan.
        self.sightings
            .names
            .extend(names.into_iter().skip(1).map(|name| (name, key)));
        self.sightings
            .edges
            .extend(groups.into_iter().map(|group| (group, key)));
        admitted
    }
}

/// Takes entries from the directory to the planner and operations from there to the spool.
struct Intake<'a, 'w> {
    means: Means<'a>,
    enrolling: Option<Enrolling<'a>>,
    trust_sources: bool,
    in_doubt: Vec<AnchorKey>,
    watch: Option<Watch<'w>>,
    unmet: Unmet,
    planner: Option<Planner>,
    pending: Vec<Operation>,
    entries: u64,
    failed: Option<CycleError>,
}

/// Operations handed to the spool at a time.
const SPOOL_BATCH: usize = 100;
/// Entries between two progress events.
const PROGRESS_EVERY: u64 = 256;

impl<'a, 'w> Intake<'a, 'w> {
    fn new(means: Means<'a>, meta: &Meta, watch: Option<Watch<'w>>, enrolling: Option<Enrolling<'a>>) -> Self {
        // A mapping that looks at the clock gives another result for the same entry tomorrow.
        let trust_sources = watch.is_none()
            && !means.policy.mapper.depends_on_time()
            && meta.mapping == mapping_digest(means.policy).to_string();
        Self {
            means,
            enrolling,
            trust_sources,
            in_doubt: Vec::new(),
            watch,
            unmet: means.policy.named(),
            planner: None,
            pending: Vec::new(),
            entries: 0,
            failed: None,
        }
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        self.means.spool.clear()?;
        self.pending.clear();
        self.entries = 0;
        if let Some(enrolling) = &mut self.enrolling {
            enrolling.sightings = Sightings::default();
        }
        let rules = Rules {
            profile: self.means.policy.profile.name.clone(),
            user_name_mutable: self.means.policy.profile.user_name_mutable,
            protected: Protected::new(&self.means.policy.limits.protected),
        };
        let inputs = Inputs {
            marks: self.means.store.marks()?,
            rejects: self.means.store.rejects()?,
            in_doubt: self.in_doubt.clone(),
            wants_accounts: self.enrolling.is_some(),
            trust_sources: self.trust_sources,
            now: self.means.now,
        };
        self.planner = Some(Planner::new(rules, inputs));
        Ok(())
    }

    fn take(&mut self, entry: &DirectoryEntry) -> Result<(), CycleError> {
        let Some(planner) = &mut self.planner else {
            return Ok(());
        };
        let source = entry.digest();
        let anchor = self.means.policy.mapper.anchor(entry);
        let admitted = match (&mut self.enrolling, &anchor) {
            (Some(enrolling), Ok(anchor)) => enrolling.admits(anchor.key(), entry),
            _ => true,
        };
        self.unmet
            .meet(&entry.dn, anchor.as_ref().ok().map(Anchor::as_str), None);
        if let Ok(anchor) = &anchor
            && admitted
            && planner.glance(anchor.key(), source)
        {
            return Ok(());
        }
        let mapped = match anchor {
            Ok(anchor) if !admitted => Mapped::OutOfScope {
                anchor,
                dn: entry.dn.clone(),
                reason: "in none of the groups in [users] member_of".to_owned(),
            },
            _ => {
                let mapped = self.means.policy.mapper.map(entry, self.means.now);
                within_profile(mapped, &self.means.policy.profile)
            }
        };
        if let Mapped::InScope(user) = &mapped {
            self.unmet.meet(&entry.dn, None, Some(user.resource.user_name()));
        }
        if let Some(watch) = &mut self.watch {
            watch(entry, &mapped);
        }
        let store = self.means.store;
        if let Some(operation) = planner.observe(source, mapped, &|key| store.link(key))? {
            self.pending.push(operation);
            if self.pending.len() >= SPOOL_BATCH {
                self.means.spool.push(&self.pending)?;
                self.pending.clear();
            }
        }
        Ok(())
    }

    fn finish(mut self, absence: Absence) -> Result<(Plan, Option<Enrolling<'a>>), CycleError> {
        self.means.spool.push(&self.pending)?;
        let (store, spool) = (self.means.store, self.means.spool);
        let Some(planner) = self.planner.take() else {
            return Err(StoreError("the plan was never begun".into()).into());
        };
        let plan = planner.finish(
            absence,
            &self.means.policy.leavers,
            &|key| store.link(key),
            &|index| spool.operation(index),
            &mut |operation| spool.push(std::slice::from_ref(operation)).map(drop),
        )?;
        Ok((plan, self.enrolling))
    }

    fn stopped(&mut self, error: CycleError) -> SinkError {
        let words = SinkError(error.to_string());
        self.failed = Some(error);
        words
    }
}

impl EntrySink for Intake<'_, '_> {
    fn restart(&mut self) -> Result<(), SinkError> {
        self.begin().map_err(|error| self.stopped(error.into()))
    }

    fn entry(&mut self, entry: DirectoryEntry) -> Result<(), SinkError> {
        self.entries += 1;
        if self.entries.is_multiple_of(PROGRESS_EVERY) {
            self.means.observer.event(&Event::Read { entries: self.entries });
        }
        self.take(&entry).map_err(|error| self.stopped(error))
    }
}

/// A resource that the cloud would refuse is a rejection before it is a request.
#[must_use]
pub fn within_profile(mapped: Mapped, profile: &Profile) -> Mapped {
    let Mapped::InScope(user) = mapped else { return mapped };
    let problems = profile.check(&user.resource);
    if problems.is_empty() {
        Mapped::InScope(user)
    } else {
        Mapped::Rejected(Rejection {
            dn: user.dn,
            anchor: Some(user.anchor),
            problems,
        })
    }
}
