//! One tenant: a directory, a state, a cloud, and the cycles between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::{
    checker::{Linked, LinkedTeam, Permit, TeamsPermit},
    company::{Company, anchor, entries},
    directory::{FakeDirectory, ReadFault},
    net::{BASE, Net, Weather},
    policy::{GRACE_DAYS, policy, settings},
    teams::{self, Teams},
    view::{View, view},
};
use crate::{
    cycle::{self, CycleError, GroupSource, Means, Planned, Policy},
    executor::{self, Execution, GroupExecution, Pace},
    model::Anchor,
    outcome,
    ports::{GroupStore, Meta, ProviderError, SharedObserver, StateStore, StoreError, Unwatched},
    profile::Profile,
    sandbox::Cloud,
    scim::{ScimClient, settings::ScimSettings},
    testing::MemoryStore,
};

/// When every history begins.
pub(super) const EPOCH: i64 = 1_800_000_000;
/// Longer than any pause before a failed object is tried again.
pub(super) const TWO_DAYS: Duration = Duration::from_secs(2 * 86_400);

/// A state that can be left behind by a kill.
pub(super) trait Mortal: StateStore + GroupStore + Sized {
    /// What the next run finds.
    fn after_kill(&self, keeps_unflushed: bool) -> Self;
}

impl Mortal for MemoryStore {
    fn after_kill(&self, keeps_unflushed: bool) -> Self {
        Self::after_kill(self, keeps_unflushed)
    }
}

/// A run that came to its end.
pub(super) struct Run {
    pub planned: Planned,
    pub people: Execution,
    pub groups: GroupExecution,
}

/// How a run ended.
pub(super) enum Ended {
    /// After its last request.
    Done(Box<Run>),
    /// Before there was a plan, in words.
    Unplanned(String),
    /// By a kill.
    Killed,
}

/// A tenant.
pub(super) struct World<S> {
    pub company: Company,
    pub teams: Teams,
    /// What goes wrong while groups are read.
    pub read_of_groups: ReadFault,
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
            teams: Teams::new(),
            read_of_groups: ReadFault::None,
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
        let policy = Arc::clone(&self.policy);
        let world = Self::with(policy, self.store.after_kill(true), net, self.company.clone());
        Self {
            teams: self.teams.clone(),
            ..world
        }
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
        let all = inner.cloud.users().chain(inner.cloud.groups());
        all.map(|stored| (super::view::owner(&stored.resource), stored.id.clone()))
            .collect()
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
    pub(super) async fn fair_cycle(&mut self) -> Box<Run> {
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
    ) -> Result<Run, String> {
        let words = |error: StoreError| error.to_string();
        executor::recover(client, &self.store)
            .await
            .map_err(words)?
            .map_err(|error: ProviderError| error.to_string())?;
        let now = self.now();
        let plan = || self.plan(read, now, observer, stop).map_err(|error| error.to_string());
        let mut planned = plan()?;
        if self.approves && self.approve_all(&planned).map_err(words)? {
            planned = plan()?;
        }
        let in_use = self.in_use();
        outcome::remember(&*self.store, &self.policy, &planned, now).map_err(words)?;
        if let (Some(policy), Some(groups)) = (&self.policy.groups, &planned.groups) {
            outcome::groups::remember(
                &*self.store,
                policy,
                (groups, &planned.meta),
                planned.approved.aborted,
                now,
            )
            .map_err(words)?;
        }
        self.permit(&planned, in_use, read, now);
        let (people, groups) = self
            .carry_out(&mut planned, client, observer, stop)
            .await
            .map_err(words)?;
        self.conclude(&planned, &people, &groups).map_err(words)?;
        let sent = client.requests_sent();
        let record = outcome::record(&planned, &people, &groups, sent, now, self.now());
        self.store
            .save_cycle(&record)
            .and_then(|()| self.store.flush())
            .map_err(words)?;
        Ok(Run {
            planned,
            people,
            groups,
        })
    }

    /// What is held is approved; whether there was anything.
    fn approve_all(&self, planned: &Planned) -> Result<bool, StoreError> {
        let people = planned.approved.hold.as_ref();
        let groups = planned.groups.as_ref().and_then(|groups| groups.approved.hold.as_ref());
        if people.is_none() && groups.is_none() {
            return Ok(false);
        }
        let meta = self.store.meta()?;
        self.store.save_meta(&Meta {
            approved: people.map(|hold| hold.plan_id.clone()).or(meta.approved),
            groups_approved: groups.map(|hold| hold.plan_id.clone()).or(meta.groups_approved),
            ..meta
        })?;
        Ok(true)
    }

    async fn carry_out(
        &self,
        planned: &mut Planned,
        client: &Arc<ScimClient>,
        observer: &SharedObserver,
        stop: &CancellationToken,
    ) -> Result<(Execution, GroupExecution), StoreError> {
        let pace = Pace {
            concurrency: self.settings.concurrency,
            now: self.now(),
        };
        let mut of_groups = GroupExecution::default();
        let operations = match &mut planned.groups {
            Some(groups) if !planned.approved.aborted => std::mem::take(&mut groups.approved.operations),
            _ => Vec::new(),
        };
        let groups = async || {
            if !operations.is_empty() {
                of_groups = executor::execute_groups(operations, client, &self.store, pace, observer, stop).await?;
            }
            Ok(())
        };
        let steps = &planned.approved.steps;
        let people = if steps.is_empty() {
            groups().await?;
            Execution::default()
        } else {
            executor::execute(&planned.plan, steps, client, &self.store, pace, observer, stop, groups).await?
        };
        Ok((people, of_groups))
    }

    fn conclude(&self, planned: &Planned, people: &Execution, groups: &GroupExecution) -> Result<(), StoreError> {
        outcome::conclude(&*self.store, planned, people)?;
        if let Some(planned) = &planned.groups {
            outcome::groups::conclude(&*self.store, planned, groups)?;
        }
        self.store.spool().finish(&people.in_doubt)
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
        let mut of_groups = FakeDirectory {
            entries: teams::entries(&self.teams, &self.company),
            fault: self.read_of_groups,
        };
        let groups = GroupSource {
            directory: &mut of_groups,
            store: &*self.store,
        };
        let means = Means {
            policy: &self.policy,
            store: &*self.store,
            spool: self.store.spool(),
            now,
            observer,
            stop,
        };
        cycle::plan(&mut directory, Some(groups), means, None)
    }

    /// Accounts from which the limits reckon.
    fn in_use(&self) -> usize {
        let marks = self.store.marks().unwrap();
        marks.iter().filter(|(_, mark)| mark.deactivated_at == 0).count()
    }

    /// Tells the checker what is true, from the directory's side and the state's.
    fn permit(&self, planned: &Planned, in_use: usize, read: ReadFault, now: i64) {
        let people: BTreeMap<Anchor, bool> = self
            .company
            .iter()
            .map(|(name, person)| (Anchor::new(anchor(name)), person.off))
            .collect();
        let marks: BTreeMap<_, _> = self.store.marks().unwrap().into_iter().collect();
        let mut permit = Permit {
            complete: read.is_complete(),
            teams: self.permit_of_teams(planned, read, now),
            ..Permit::default()
        };
        self.store
            .each_link(&mut |link| {
                let since = marks[&link.anchor.key()].deactivated_at;
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
        permit.allowed = allowed(
            in_use,
            limits.max_removals,
            limits.max_removals_percent,
            planned.approved.approval_used,
        );
        self.net.inner().checker.permit(permit);
    }

    fn permit_of_teams(&self, planned: &Planned, read: ReadFault, now: i64) -> TeamsPermit {
        let links = self.store.groups().unwrap();
        let names: BTreeMap<String, &String> = self
            .teams
            .keys()
            .map(|name| (teams::anchor_of_team(name), name))
            .collect();
        let in_use = links
            .iter()
            .filter(|(_, link)| link.id.is_some() && link.emptied_at == 0)
            .count();
        let limits = self
            .policy
            .groups
            .as_ref()
            .map(|groups| groups.limits)
            .unwrap_or_default();
        let released = planned
            .groups
            .as_ref()
            .is_some_and(|groups| groups.approved.approval_used);
        let mut permit = TeamsPermit {
            complete: !read.says_so() && self.read_of_groups.is_complete(),
            allowed: allowed(in_use, limits.max_removals, limits.max_removals_percent, released),
            linked: BTreeMap::new(),
        };
        let here = |people: &BTreeSet<String>| -> BTreeSet<String> {
            let here = people.iter().filter(|name| self.company.contains_key(*name));
            here.map(|name| anchor(name)).collect()
        };
        let in_doubt = self.store.members_in_doubt().unwrap();
        for (key, link) in links {
            let Some(id) = link.id else { continue };
            let team = names.get(link.anchor.as_str());
            let people = team.map(|name| teams::people_of(&self.teams, name)).unwrap_or_default();
            let perhaps = in_doubt.get(&key).into_iter().flatten();
            let perhaps = perhaps.filter(|person| !self.store.is_member(key, **person).unwrap());
            let size = link.members.count as usize + perhaps.count();
            let percent = if size < limits.min_group_size as usize {
                100.0
            } else {
                limits.max_member_removals_percent
            };
            let linked = LinkedTeam {
                gone: team.is_none(),
                grace_over: link.emptied_at != 0 && now - link.emptied_at >= i64::from(GRACE_DAYS) * 86_400,
                belong: here(&people),
                allowed: allowed(size, limits.max_member_removals, percent, released),
            };
            permit.linked.insert(id.0, linked);
        }
        permit
    }
}

/// How many of `all` may go.
fn allowed(all: usize, most: u64, percent: f64, released: bool) -> usize {
    if released {
        return usize::MAX;
    }
    let share = (all as f64 * percent / 100.0).ceil() as usize;
    share.min(most as usize)
}
