//! One tenant: a directory, a state, a cloud, and the cycles between them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::{
    checker::{Linked, Permit},
    company::{Company, anchor, entries},
    directory::{FakeDirectory, ReadFault},
    net::{BASE, Net, Weather},
    view::{View, view},
};
use crate::{
    cycle::{self, CycleError, Means, Planned, Policy},
    executor::{self, Execution, Pace},
    mapping::{
        Mapper,
        spec::{MappingSpec, Preset, RuleSpec},
    },
    model::{Anchor, Digest},
    outcome,
    plan::settings::{LeaverAction, Leavers, Limits, OnExceeded, OnIncomplete},
    ports::{Meta, ProviderError, SharedObserver, StateStore, StoreError, Unwatched},
    profile::Profile,
    sandbox::Cloud,
    scim::{
        ScimClient,
        settings::{Adopt, ScimSettings},
    },
    secret::SecretSource,
    testing::MemoryStore,
};

/// Days between deactivation and deletion.
pub(super) const GRACE_DAYS: u32 = 30;
/// When every history begins.
pub(super) const EPOCH: i64 = 1_800_000_000;
/// Longer than any pause before a failed object is tried again.
pub(super) const TWO_DAYS: Duration = Duration::from_secs(2 * 86_400);

/// A state that can be left behind by a kill.
pub(super) trait Mortal: StateStore + Sized {
    /// What the next run finds.
    fn after_kill(&self, keeps_unflushed: bool) -> Self;
}

impl Mortal for MemoryStore {
    fn after_kill(&self, keeps_unflushed: bool) -> Self {
        Self::after_kill(self, keeps_unflushed)
    }
}

/// How a run ended.
pub(super) enum Ended {
    /// After its last request.
    Done(Box<(Planned, Execution)>),
    /// Before there was a plan, in words.
    Unplanned(String),
    /// By a kill.
    Killed,
}

/// A tenant.
pub(super) struct World<S> {
    pub company: Company,
    pub net: Arc<Net>,
    pub store: Arc<S>,
    pub policy: Arc<Policy>,
    settings: ScimSettings,
    /// What a kill leaves of the state.
    pub keeps_unflushed: bool,
    /// The operator lets every held removal through.
    pub approves: bool,
}

impl<S: Mortal> World<S> {
    /// Nobody is there yet.
    pub(super) fn new(profile: &str, store: S) -> Self {
        let cloud = Cloud::new(profile, BASE).unwrap();
        let epoch = DateTime::<Utc>::from_timestamp(EPOCH, 0).unwrap();
        Self::with(policy(profile), store, Net::new(cloud, epoch), Company::new())
    }

    fn with(policy: Arc<Policy>, store: S, net: Net, company: Company) -> Self {
        let settings = settings(&policy.profile);
        Self {
            company,
            net: Arc::new(net),
            store: Arc::new(store),
            policy,
            settings,
            keeps_unflushed: false,
            approves: false,
        }
    }

    /// The same, in a world of its own.
    pub(super) fn fork(&self) -> Self {
        let inner = self.net.inner();
        let net = Net::new(inner.cloud.clone(), inner.now());
        Self::with(
            Arc::clone(&self.policy),
            self.store.after_kill(true),
            net,
            self.company.clone(),
        )
    }

    /// Unix seconds.
    pub(super) fn now(&self) -> i64 {
        self.net.inner().now().timestamp()
    }

    /// The profile's name.
    pub(super) fn profile(&self) -> &Profile {
        &self.policy.profile
    }

    /// Whether a read of this share of the entries would miss more people than the limits allow. What they
    /// allow is allowed to a directory that lies as well.
    pub(super) fn misses_too_many(&self, percent: usize) -> bool {
        let unseen = self.company.keys().skip(self.company.len() * percent / 100);
        let marks: BTreeMap<_, _> = self.store.marks().unwrap().into_iter().collect();
        let in_use = unseen.filter(|name| {
            let mark = marks.get(&Anchor::new(anchor(name)).key());
            mark.is_some_and(|mark| mark.active && mark.deactivated_at == 0)
        });
        in_use.count() as u64 > self.policy.limits.max_removals
    }

    /// What the cloud holds.
    pub(super) fn view(&self) -> View {
        view(&self.net.inner().cloud)
    }

    /// Ids by `externalId`.
    pub(super) fn ids(&self) -> BTreeMap<String, String> {
        let inner = self.net.inner();
        let of = |user: &crate::sandbox::cloud::Stored| (super::view::owner(&user.resource), user.id.clone());
        inner.cloud.users().map(of).collect()
    }

    /// One run of the program.
    pub(super) async fn cycle(&mut self, weather: Weather, read: ReadFault) -> Ended {
        let (kill, stop) = self.net.begin(weather);
        let run = self.run(read, stop);
        let ended = tokio::select! {
            biased;
            () = kill.cancelled() => Ended::Killed,
            ended = run => ended,
        };
        if matches!(ended, Ended::Killed) {
            // Tasks of the dead may not touch what the next run finds.
            tokio::task::yield_now().await;
            self.store = Arc::new(self.store.after_kill(self.keeps_unflushed));
        }
        ended
    }

    /// One run in which nothing goes wrong.
    pub(super) async fn fair_cycle(&mut self) -> Box<(Planned, Execution)> {
        match self.cycle(Weather::Fair, ReadFault::None).await {
            Ended::Done(done) => done,
            Ended::Unplanned(why) => panic!("nothing was planned: {why}"),
            Ended::Killed => panic!("nobody kills in fair weather"),
        }
    }

    async fn run(&self, read: ReadFault, stop: CancellationToken) -> Ended {
        let observer: SharedObserver = Arc::new(Unwatched);
        let client = Arc::new(ScimClient::local(
            &self.settings,
            Arc::clone(&self.policy.profile),
            || SecretString::from("token".to_owned()),
            Arc::clone(&self.net) as _,
            Arc::clone(&observer),
            stop.clone(),
        ));
        match self.pass(&client, read, &observer, &stop).await {
            Ok(done) => Ended::Done(Box::new(done)),
            Err(why) => Ended::Unplanned(why),
        }
    }

    /// The steps of `Engine::sync`, in its order.
    async fn pass(
        &self,
        client: &Arc<ScimClient>,
        read: ReadFault,
        observer: &SharedObserver,
        stop: &CancellationToken,
    ) -> Result<(Planned, Execution), String> {
        let words = |error: StoreError| error.to_string();
        executor::recover(client, &self.store)
            .await
            .map_err(words)?
            .map_err(|error: ProviderError| error.to_string())?;
        let now = self.now();
        let mut planned = self
            .plan(read, now, observer, stop)
            .map_err(|error| error.to_string())?;
        if let Some(hold) = planned.approved.hold.as_ref().filter(|_| self.approves) {
            let meta = self.store.meta().map_err(words)?;
            let approved = Some(hold.plan_id.clone());
            self.store.save_meta(&Meta { approved, ..meta }).map_err(words)?;
            planned = self
                .plan(read, now, observer, stop)
                .map_err(|error| error.to_string())?;
        }
        outcome::remember(&*self.store, &self.policy, &planned, now).map_err(words)?;
        self.permit(&planned, read, now);
        let pace = Pace {
            concurrency: self.settings.concurrency,
            now,
        };
        let steps = &planned.approved.steps;
        let execution = if steps.is_empty() {
            Execution::default()
        } else {
            executor::execute(&planned.plan, steps, client, &self.store, pace, observer, stop)
                .await
                .map_err(words)?
        };
        outcome::conclude(&*self.store, &planned, &execution).map_err(words)?;
        self.store.spool().finish(&execution.in_doubt).map_err(words)?;
        let record = outcome::record(&planned, &execution, client.requests_sent(), now, self.now());
        self.store
            .save_cycle(&record)
            .and_then(|()| self.store.flush())
            .map_err(words)?;
        Ok((planned, execution))
    }

    fn plan(
        &self,
        fault: ReadFault,
        now: i64,
        observer: &SharedObserver,
        stop: &CancellationToken,
    ) -> Result<Planned, CycleError> {
        let mut directory = FakeDirectory {
            entries: entries(&self.company),
            fault,
        };
        let means = Means {
            policy: &self.policy,
            store: &*self.store,
            spool: self.store.spool(),
            now,
            observer,
            stop,
        };
        cycle::plan(&mut directory, means, None)
    }

    /// Tells the checker what is true, from the directory's side and the state's.
    fn permit(&self, planned: &Planned, read: ReadFault, now: i64) {
        let people: BTreeMap<Anchor, bool> = self
            .company
            .iter()
            .map(|(name, person)| (Anchor::new(anchor(name)), person.off))
            .collect();
        let marks: BTreeMap<_, _> = self.store.marks().unwrap().into_iter().collect();
        let mut permit = Permit {
            complete: matches!(read, ReadFault::None | ReadFault::FailOver(_)),
            ..Permit::default()
        };
        let mut in_use = 0;
        self.store
            .each_link(&mut |link| {
                let since = marks[&link.anchor.key()].deactivated_at;
                in_use += usize::from(since == 0);
                let linked = Linked {
                    gone: !people.contains_key(&link.anchor),
                    off: people.get(&link.anchor) == Some(&true),
                    grace_over: since != 0 && now - since >= i64::from(GRACE_DAYS) * 86_400,
                };
                permit.linked.insert(link.id.0, linked);
                true
            })
            .unwrap();
        let limits = &self.policy.limits;
        let share = (in_use as f64 * limits.max_removals_percent / 100.0).ceil() as usize;
        permit.allowed = share.min(limits.max_removals as usize);
        if planned.approved.approval_used {
            permit.allowed = usize::MAX;
        }
        self.net.inner().checker.permit(permit);
    }
}

/// `[scim]` with its defaults.
fn settings(profile: &Profile) -> ScimSettings {
    ScimSettings {
        endpoint: BASE.into(),
        token: SecretSource::Env("UNUSED".into()),
        ca_file: None,
        allow_plaintext: false,
        rate_per_s: profile.default_rate_per_s,
        concurrency: profile.default_concurrency,
        adopt: Adopt::Ours,
        request_timeout: Duration::from_secs(30),
        max_tries: 6,
        max_elapsed: Duration::from_secs(300),
    }
}

fn policy(profile: &str) -> Arc<Policy> {
    #[derive(Deserialize)]
    struct Lines {
        map: BTreeMap<String, RuleSpec>,
    }
    let lines: Lines =
        toml::from_str(r#"map.active = { attribute = "accountStatus", lookup = { off = false }, default = true }"#)
            .unwrap();
    let profile = Profile::named(profile).unwrap();
    let spec = MappingSpec {
        preset: Some(Preset::InetOrgPerson),
        map: lines.map,
        ..MappingSpec::default()
    };
    Arc::new(Policy {
        mapper: Mapper::compile_for(&spec, &|path| profile.allows(path)).unwrap(),
        profile: Arc::new(profile),
        leavers: Leavers {
            action: LeaverAction::Delete,
            delete_after_days: GRACE_DAYS,
            confirm_cycles: 1,
        },
        limits: Limits {
            max_removals: 5,
            max_removals_percent: 30.0,
            on_exceeded: OnExceeded::Hold,
            protected: Vec::new(),
        },
        on_incomplete: OnIncomplete::NoRemovals,
        scope: Digest::of(b"everybody"),
    })
}
