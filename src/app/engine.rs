//! Cycles, as the one-shot and the daemon run them.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use tokio_util::sync::CancellationToken;

use super::{
    audit, runner,
    setup::{self, Setup},
    tally::Tally,
};
use crate::{
    cycle::{CycleError, Means, Planned, Watch},
    daemon::settings::ScheduleSettings,
    executor::{self, Execution, GroupExecution, Pace},
    logging::LogHandle,
    model::{Anchor, Problem, Rejection},
    outcome::{self, exit},
    plan::PlanError,
    ports::{
        CycleRecord, DirectoryError, Meta, PlanSpool, ProviderError, Reject, RejectKind, SharedObserver, StateStore,
        StoreError, TokenRefusal,
    },
    report,
    scim::{ScimClient, TokenVerdict},
    store::SledStore,
};

/// The program with its state open.
pub struct Engine {
    path: PathBuf,
    setup: Mutex<Arc<Setup>>,
    /// The memory between cycles.
    pub store: Arc<SledStore>,
    /// One cycle at a time.
    pub(super) busy: tokio::sync::Mutex<()>,
    /// Why the state takes nothing more, once that is so.
    unusable: Mutex<Option<String>>,
    /// The log whose level the configuration decides; none when the command line does.
    log: Option<LogHandle>,
}

/// Plans made for one question before the state counts as damaged.
const PLANS_MAX: usize = 5;

/// Unix seconds.
#[must_use]
pub fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl Engine {
    /// With a state that is open. A configuration that is read again sets the level of `log`.
    #[must_use]
    pub fn new(path: &Path, setup: Setup, store: SledStore, log: Option<LogHandle>) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_owned(),
            setup: Mutex::new(Arc::new(setup)),
            store: Arc::new(store),
            busy: tokio::sync::Mutex::new(()),
            unusable: Mutex::new(None),
            log,
        })
    }

    /// The configuration in force.
    #[must_use]
    pub fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.setup.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Why the state takes nothing more from this process, once that is so.
    #[must_use]
    pub fn unusable(&self) -> Option<String> {
        self.unusable.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the configuration again; the old one stays in force, whole, when the new one is wrong.
    ///
    /// # Errors
    /// In words: every mistake in the file, or what cannot change while the daemon runs.
    pub fn reload(&self) -> Result<ScheduleSettings, String> {
        let new = setup::load(&self.path).map_err(|error| error.one_line())?;
        let old = self.setup();
        if new.config.state_path != old.config.state_path {
            return Err("[state] path cannot change while the daemon runs; restart it".to_owned());
        }
        let schedule = runner::schedule(new.config.schedule.clone())?;
        if let Some(log) = &self.log {
            log.set_level(&new.config.log.level).map_err(|error| chain(&error))?;
        }
        if new.config.log.format != old.config.log.format {
            tracing::warn!("[log] format cannot change while the daemon runs; it does at the next start");
        }
        *self.setup.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        Ok(schedule)
    }

    /// One cycle: plan, remember, execute, conclude. Never fails: what went wrong is in the record.
    pub async fn sync(self: &Arc<Self>, observer: SharedObserver, stop: CancellationToken) -> CycleRecord {
        let _single_flight = self.busy.lock().await;
        self.cycle_alone(observer, stop).await
    }

    /// An audit; what it finds is pushed right in a cycle that follows when `repair` says so.
    pub async fn sync_after_audit(
        self: &Arc<Self>,
        repair: bool,
        observer: SharedObserver,
        stop: CancellationToken,
    ) -> CycleRecord {
        let _single_flight = self.busy.lock().await;
        let started = unix_now();
        let setup = self.setup();
        let audited = match self.claim_endpoint(&setup) {
            Ok(()) => match self.audit(&setup, repair, &observer, &stop).await {
                Ok(record) if record.exit_code == exit::PROVIDER || stop.is_cancelled() || !repair => {
                    audit::as_cycle(record)
                }
                Ok(_) => return self.cycle_alone(observer, stop).await,
                Err(audit::AuditError::Store(error)) => outcome::failure(&error.into(), started, unix_now()),
                Err(audit::AuditError::Usage(words)) => usage(words, started),
            },
            Err(Trouble::Cycle(error)) => outcome::failure(&error, started, unix_now()),
            Err(Trouble::Provider(words) | Trouble::Usage(words)) => usage(words, started),
        };
        log_cycle(&audited);
        audited
    }

    /// A cycle while no other one is in progress.
    async fn cycle_alone(self: &Arc<Self>, observer: SharedObserver, stop: CancellationToken) -> CycleRecord {
        let started = unix_now();
        let setup = self.setup();
        let tally = Arc::new(Tally::new(observer));
        let ended = self.run(&setup, started, &tally, stop).await;
        self.remember_token(&tally);
        let state_failed = matches!(ended, Err(Trouble::Cycle(CycleError::Store(_) | CycleError::Plan(_))));
        let record = match ended {
            Ok(record) => record,
            Err(Trouble::Cycle(error)) => tally.complete(outcome::failure(&error, started, unix_now())),
            Err(Trouble::Provider(outcome)) => CycleRecord {
                started,
                ended: unix_now(),
                exit_code: exit::PROVIDER,
                outcome,
                ..CycleRecord::default()
            },
            Err(Trouble::Usage(outcome)) => usage(outcome, started),
        };
        let saved = self.store.save_cycle(&record).and_then(|()| self.store.flush());
        if let Err(error) = saved {
            tracing::error!(%error, "the cycle could not be recorded");
            self.store.leave_cycle(&record);
            *self.unusable.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        }
        if state_failed {
            tracing::error!(code = record.exit_code, summary = %report::cycle_line(&record), "cycle ended");
        } else {
            log_cycle(&record);
        }
        record
    }

    /// Whether the token was refused, for `status`: until it is taken again, or another is in its place.
    fn remember_token(&self, tally: &Tally) {
        let verdict = tally.client.get().and_then(|client| client.token_verdict());
        let Some(TokenVerdict { token, refused }) = verdict else {
            return;
        };
        let refusal = refused.map(|outcome| TokenRefusal {
            at: unix_now(),
            token,
            outcome,
        });
        let saved = self
            .store
            .meta()
            .and_then(|meta| match (&meta.token_refused, &refusal) {
                (None, None) => Ok(()),
                _ => self.store.save_meta(&Meta {
                    token_refused: refusal,
                    ..meta
                }),
            });
        if let Err(error) = saved {
            tracing::error!(%error, "the state does not remember what became of the token");
        }
    }

    async fn run(
        self: &Arc<Self>,
        setup: &Arc<Setup>,
        started: i64,
        tally: &Arc<Tally>,
        stop: CancellationToken,
    ) -> Result<CycleRecord, Trouble> {
        let observer: SharedObserver = Arc::<Tally>::clone(tally);
        self.claim_endpoint(setup)?;
        let profile = Arc::clone(&setup.policy.profile);
        let client = ScimClient::new(setup.config.scim.clone(), profile, Arc::clone(&observer), stop.clone());
        let client = Arc::new(client.map_err(|error| Trouble::Usage(chain(&error)))?);
        let client = Arc::clone(tally.client.get_or_init(|| client));
        match executor::recover(&client, &self.store).await? {
            Ok(_) => {}
            Err(ProviderError::Cancelled) => return Err(CycleError::Directory(DirectoryError::Cancelled).into()),
            Err(error) => {
                return Err(Trouble::Provider(format!(
                    "after an interrupted run its accounts have to be looked up first: {error}"
                )));
            }
        }
        let mut planned = self.plan(setup, started, &observer, &stop).await?;
        log_rejections(&planned);
        let pace = Pace {
            concurrency: setup.config.scim.concurrency,
            now: started,
        };
        let mut of_groups = GroupExecution::default();
        let steps = &planned.approved.steps;
        // Where nothing may be done to people, nothing is done to their groups.
        let may_act = !planned.approved.aborted;
        let operations = planned
            .groups
            .as_mut()
            .map(|groups| std::mem::take(&mut groups.approved.operations));
        let operations = operations.filter(|_| may_act);
        if !steps.is_empty() || operations.as_ref().is_some_and(|operations| !operations.is_empty()) {
            self.store.begin_cycle(&outcome::unended(&planned, started))?;
        }
        let groups = async || {
            if let Some(operations) = operations.filter(|operations| !operations.is_empty()) {
                let run = executor::execute_groups(operations, &client, &self.store, pace, &observer, &stop);
                of_groups = run.await?;
            }
            Ok(())
        };
        let execution = if steps.is_empty() {
            groups().await?;
            Execution::default()
        } else {
            executor::execute(
                &planned.plan,
                steps,
                &client,
                &self.store,
                pace,
                &observer,
                &stop,
                groups,
            )
            .await?
        };
        outcome::conclude(&*self.store, &planned, &execution)?;
        if let Some(groups) = &planned.groups {
            outcome::groups::conclude(&*self.store, groups, &of_groups)?;
        }
        self.store.spool().finish(&execution.in_doubt)?;
        Ok(outcome::record(
            &planned,
            &execution,
            &of_groups,
            client.requests_sent(),
            started,
            unix_now(),
        ))
    }

    /// Plans on a thread that may block, and remembers what planning found out.
    async fn plan(
        self: &Arc<Self>,
        setup: &Arc<Setup>,
        now: i64,
        observer: &SharedObserver,
        stop: &CancellationToken,
    ) -> Result<Planned, CycleError> {
        let (engine, setup) = (Arc::clone(self), Arc::clone(setup));
        let (observer, stop) = (Arc::clone(observer), stop.clone());
        let work = move || {
            let planned = Self::plan_into(&engine.store, &setup, engine.store.spool(), now, &observer, &stop, None)?;
            outcome::remember(&*engine.store, &setup.policy, &planned, now)?;
            if let (Some(policy), Some(groups)) = (&setup.policy.groups, &planned.groups) {
                outcome::groups::remember(
                    &*engine.store,
                    policy,
                    (groups, &planned.meta),
                    planned.approved.aborted,
                    now,
                )?;
            }
            Ok(planned)
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| StoreError(format!("planning broke off: {error}")))?
    }

    /// Plans for a question, which may be asked while a cycle changes the state: a person forgotten
    /// between two looks is no damage then, and the plan is made once more. Blocking.
    ///
    /// # Errors
    /// When there is nothing to plan from.
    pub fn plan_beside_cycles(
        &self,
        mut plan: impl FnMut() -> Result<Planned, CycleError>,
    ) -> Result<Planned, CycleError> {
        for _ in 1..PLANS_MAX {
            let in_cycle = self.busy.try_lock().is_err();
            match plan() {
                Err(CycleError::Plan(PlanError::LinkMissing(_))) if in_cycle => {}
                other => return other,
            }
        }
        plan()
    }

    /// Plans into `spool`. Blocking.
    ///
    /// # Errors
    /// When there is nothing to plan from.
    pub fn plan_into(
        store: &SledStore,
        setup: &Setup,
        spool: &dyn PlanSpool,
        now: i64,
        observer: &SharedObserver,
        stop: &CancellationToken,
        watch: Option<Watch<'_>>,
    ) -> Result<Planned, CycleError> {
        let means = Means {
            policy: &setup.policy,
            store,
            spool,
            now,
            observer,
            stop,
        };
        setup.plan(means, store, watch)
    }

    /// A state belongs to one endpoint: its ids mean nothing anywhere else.
    fn claim_endpoint(&self, setup: &Setup) -> Result<(), Trouble> {
        let meta = self.store.meta().map_err(CycleError::from)?;
        let endpoint = &setup.config.scim.endpoint;
        if meta.endpoint.is_empty() {
            return Ok(self
                .store
                .save_meta(&Meta {
                    endpoint: endpoint.clone(),
                    ..meta
                })
                .map_err(CycleError::from)?);
        }
        if let Some(words) = foreign_endpoint(&*self.store, setup)? {
            return Err(Trouble::Usage(words));
        }
        if !follows(&*self.store, setup)? {
            return Ok(());
        }
        tracing::warn!(
            from = meta.endpoint,
            to = endpoint,
            "no account was linked there, so the state follows"
        );
        // What that address had against people says nothing of this one.
        let there = |(_, reject): &(_, Reject)| reject.kind != RejectKind::Entry;
        let rejects = self.store.rejects()?.into_iter().filter(there);
        self.store
            .save_rejects(&rejects.map(|(key, _)| (key, None)).collect::<Vec<_>>())?;
        Ok(self.store.save_meta(&Meta {
            endpoint: endpoint.clone(),
            ..meta
        })?)
    }
}

fn usage(outcome: String, started: i64) -> CycleRecord {
    CycleRecord {
        started,
        ended: unix_now(),
        exit_code: exit::USAGE,
        outcome,
        ..CycleRecord::default()
    }
}

/// The one line of a cycle.
pub fn log_cycle(record: &CycleRecord) {
    let (code, summary) = (record.exit_code, report::cycle_line(record));
    match code {
        exit::DONE => tracing::info!(code, %summary, "cycle ended"),
        exit::OBJECTS | exit::HELD => tracing::warn!(code, %summary, "cycle ended"),
        _ => tracing::error!(code, %summary, "cycle ended"),
    }
}

/// Points to those who cannot be pushed, once: as long as nothing changes they are only counted. Who they
/// are and what is wrong with them stays below info, as everything personal does.
fn log_rejections(planned: &Planned) {
    /// A mapping that fits nobody would fill the log.
    const LOGGED_MAX: usize = 100;
    let changes = &planned.plan.reject_changes;
    let new = changes.iter().filter_map(|(_, reject)| reject.as_ref());
    for Reject { rejection, .. } in new.clone().take(LOGGED_MAX) {
        let Rejection { dn, anchor, problems } = rejection;
        let anchor = anchor.as_ref().map(Anchor::as_str);
        let mut attributes: Vec<&str> = problems.iter().map(|problem| problem.attribute.as_str()).collect();
        attributes.dedup();
        tracing::warn!(
            anchor,
            attributes = attributes.join(", "),
            "rejected; scimward rejects says more"
        );
        for Problem { attribute, rule, value } in problems {
            tracing::debug!(dn, attribute, rule, value, "rejected");
        }
    }
    let more = new.count().saturating_sub(LOGGED_MAX);
    if more > 0 {
        tracing::warn!(more, "further people are rejected; scimward rejects shows them");
    }
}

/// Whether the next cycle has this state follow to another endpoint: what it holds against people says
/// nothing there.
///
/// # Errors
/// When the state cannot be read.
pub fn follows(store: &dyn StateStore, setup: &Setup) -> Result<bool, StoreError> {
    let endpoint = store.meta()?.endpoint;
    Ok(!endpoint.is_empty() && endpoint != setup.config.scim.endpoint)
}

/// Why this state cannot be used with the configured endpoint, and the ways out. One without any link is
/// bound to no endpoint: there is no id in it that could mean something else elsewhere.
///
/// # Errors
/// When the state cannot be read.
pub fn foreign_endpoint(store: &dyn StateStore, setup: &Setup) -> Result<Option<String>, StoreError> {
    let (meta, endpoint) = (store.meta()?, &setup.config.scim.endpoint);
    let foreign = !meta.endpoint.is_empty() && meta.endpoint != *endpoint && !store.marks()?.is_empty();
    Ok(foreign.then(|| {
        format!(
            "the state in {} was made for {}, but [scim] endpoint is {endpoint}; nothing was sent. \
             For another cloud give it a state of its own ([state] path); if the same cloud has a new address, \
             run: scimward state accept-endpoint",
            setup.config.state_path.display(),
            meta.endpoint,
        )
    }))
}

/// An error and its causes in one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            words = format!("{words}: {cause_words}");
        }
        source = cause.source();
    }
    words
}

enum Trouble {
    Cycle(CycleError),
    Provider(String),
    Usage(String),
}

impl From<CycleError> for Trouble {
    fn from(error: CycleError) -> Self {
        Self::Cycle(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Cycle(error.into())
    }
}
