//! One pass: read, map, plan, approve. What is carried out afterwards is `executor`'s business, and
//! a dry run is a cycle that ends here.
//!
//! Deliberately absent: any knowledge of LDAP, HTTP or sled, and any difference between a dry run
//! and a real one.

use tokio_util::sync::CancellationToken;

use crate::{
    mapping::Mapper,
    model::{Anchor, AnchorKey, Digest, DirectoryEntry, Mapped, Operation, Rejection},
    plan::{self, Approved, Inputs, Plan, PlanError, Planner, Protected, Unmet, decide::Rules, settings},
    ports::{
        Absence, Directory, DirectoryError, EntrySink, Event, Meta, PlanSpool, SharedObserver, SinkError, StateStore,
        StoreError,
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
pub fn plan(directory: &mut dyn Directory, means: Means<'_>, watch: Option<Watch<'_>>) -> Result<Planned, CycleError> {
    let Means {
        policy,
        store,
        spool,
        observer,
        stop,
        ..
    } = means;
    let meta = store.meta()?;
    let mut intake = Intake::new(means, &meta, watch);
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
    let plan = intake.finish(outcome.absence)?;
    let context = plan::limits::Context {
        approved: meta.approved.as_deref(),
        scope_changed: !meta.scope.is_empty() && meta.scope != policy.scope.to_string(),
        on_incomplete: policy.on_incomplete,
    };
    let approved = plan::approve(&plan, &policy.limits, &context);
    // A plan of no steps has nothing to be remembered by a crash.
    if !approved.steps.is_empty() {
        spool.seal(&plan.id, &approved.steps)?;
    }
    observer.event(&Event::Planned {
        operations: approved.steps.len() as u64,
    });
    Ok(Planned {
        plan,
        approved,
        server: outcome.server,
        meta,
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

/// Takes entries from the directory to the planner and operations from there to the spool.
struct Intake<'a, 'w> {
    means: Means<'a>,
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
    fn new(means: Means<'a>, meta: &Meta, watch: Option<Watch<'w>>) -> Self {
        // A mapping that looks at the clock gives another result for the same entry tomorrow.
        let trust_sources = watch.is_none()
            && !means.policy.mapper.depends_on_time()
            && meta.mapping == mapping_digest(means.policy).to_string();
        Self {
            means,
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
        let rules = Rules {
            profile: self.means.policy.profile.name.clone(),
            user_name_mutable: self.means.policy.profile.user_name_mutable,
            protected: Protected::new(&self.means.policy.limits.protected),
        };
        let inputs = Inputs {
            marks: self.means.store.marks()?,
            rejects: self.means.store.rejects()?,
            in_doubt: self.in_doubt.clone(),
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
        self.unmet
            .meet(&entry.dn, anchor.as_ref().ok().map(Anchor::as_str), None);
        if let Ok(anchor) = &anchor
            && planner.glance(anchor.key(), source)
        {
            return Ok(());
        }
        let mapped = self.means.policy.mapper.map(entry, self.means.now);
        let mapped = within_profile(mapped, &self.means.policy.profile);
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

    fn finish(mut self, absence: Absence) -> Result<Plan, CycleError> {
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
        Ok(plan)
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
