//! The laws of a cycle, on fakes in memory: planner, limits, executor and memory together.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::{MemoryCloud, MemoryStore, world};
use crate::{
    cycle::{Planned, Policy},
    executor::{self, Execution, Pace},
    mapping::{
        Mapper,
        spec::{MappingSpec, Preset},
    },
    model::{Action, Anchor, AttributePath, Digest, Mapped, MappedUser, Problem, Rejection, Resource, Value},
    outcome,
    plan::{
        self, Inputs, Planner, Protected,
        decide::Rules,
        limits::Context,
        settings::{LeaverAction, Leavers, Limits, OnExceeded, OnIncomplete},
    },
    ports::{Absence, Payload, PlanSpool, ServiceProvider, StateStore, Unwatched},
    profile::Profile,
};

mod histories;
mod interruptions;
mod leavers;
mod managers;
mod names;
mod survey;

/// A person of the test directory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Person {
    anchor: &'static str,
    name: String,
    title: Option<String>,
    manager: Option<&'static str>,
    active: bool,
    broken: bool,
}

fn person(anchor: &'static str) -> Person {
    Person {
        anchor,
        name: anchor.into(),
        title: Some("Clerk".into()),
        manager: None,
        active: true,
        broken: false,
    }
}

fn dn(anchor: &str) -> String {
    format!("uid={anchor},dc=test")
}

impl Person {
    fn mapped(&self) -> Mapped {
        let mut resource = Resource::default();
        let mut set = |path: &str, value| resource.attributes.insert(AttributePath::new(path), value);
        set("userName", Value::Text(self.name.clone()));
        set("active", Value::Boolean(self.active));
        if let Some(title) = &self.title {
            set("title", Value::Text(title.clone()));
        }
        set("externalId", Value::Text(self.anchor.to_owned()));
        let anchor = Anchor::new(self.anchor);
        if self.broken {
            let problems = vec![Problem {
                attribute: "sn".into(),
                rule: "missing".into(),
                value: String::new(),
            }];
            return Mapped::Rejected(Rejection {
                dn: dn(self.anchor),
                anchor: Some(anchor),
                problems,
            });
        }
        Mapped::InScope(MappedUser {
            anchor,
            dn: dn(self.anchor),
            resource,
            manager: self.manager.map(dn),
        })
    }

    fn source(&self) -> Digest {
        Digest::of(format!("{self:?}").as_bytes())
    }
}

/// Enough people for a share of them to say something.
const COMPANY: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// The world and its rules.
struct Town {
    store: Arc<MemoryStore>,
    cloud: Arc<MemoryCloud>,
    policy: Policy,
    /// Entries read before everybody else.
    extra: Vec<Mapped>,
    now: i64,
}

impl Town {
    fn new() -> Self {
        let (store, cloud) = world();
        let spec = MappingSpec {
            preset: Some(Preset::InetOrgPerson),
            ..MappingSpec::default()
        };
        let policy = Policy {
            groups: None,
            mapper: Mapper::compile(&spec).unwrap(),
            profile: Arc::new(Profile::named("generic").unwrap()),
            leavers: Leavers {
                action: LeaverAction::Deactivate,
                delete_after_days: 0,
                confirm_cycles: 1,
            },
            limits: Limits {
                max_removals: 1000,
                max_removals_percent: 100.0,
                on_exceeded: OnExceeded::Hold,
                protected: Vec::new(),
            },
            on_incomplete: OnIncomplete::Abort,
            scope: Digest::of(b"everybody"),
        };
        Self {
            store,
            cloud,
            policy,
            extra: Vec::new(),
            now: 1_000_000,
        }
    }

    fn plan(&self, people: &[Person], absence: Absence) -> Planned {
        let rules = Rules {
            profile: "test".into(),
            user_name_mutable: true,
            protected: Protected::new(&self.policy.limits.protected),
        };
        let store = &*self.store;
        let in_doubt = store.in_doubt().unwrap();
        store.clear().unwrap();
        let inputs = Inputs {
            marks: store.marks().unwrap(),
            rejects: store.rejects().unwrap(),
            in_doubt: in_doubt.clone(),
            wants_accounts: false,
            trust_sources: true,
            now: self.now,
        };
        let mut planner = Planner::new(rules, inputs);
        for mapped in &self.extra {
            let operation = planner
                .observe(Digest::of(b"extra"), mapped.clone(), &|key| store.link(key))
                .unwrap();
            store.push(operation.as_slice()).unwrap();
        }
        for person in people {
            if planner.glance(Anchor::new(person.anchor).key(), person.source()) {
                continue;
            }
            let operation = planner
                .observe(person.source(), person.mapped(), &|key| store.link(key))
                .unwrap();
            store.push(operation.as_slice()).unwrap();
        }
        let plan = planner
            .finish(
                absence,
                &self.policy.leavers,
                &|key| store.link(key),
                &|index| store.operation(index),
                &mut |operation| store.push(std::slice::from_ref(operation)).map(drop),
            )
            .unwrap();
        let meta = store.meta().unwrap();
        let context = Context {
            approved: meta.approved.as_deref(),
            scope_changed: !meta.scope.is_empty() && meta.scope != self.policy.scope.to_string(),
            on_incomplete: self.policy.on_incomplete,
        };
        let approved = plan::approve(&plan, &self.policy.limits, &context);
        store.seal(&plan.id, &approved.steps).unwrap();
        Planned {
            plan,
            approved,
            server: "ldap://test".into(),
            meta,
            groups: None,
            unmet: plan::Unmet::default(),
        }
    }

    /// One cycle, as the program does it.
    fn cycle(&mut self, people: &[Person]) -> (Planned, Execution) {
        self.cycle_with(people, Absence::AllButPresent)
    }

    fn cycle_with(&mut self, people: &[Person], absence: Absence) -> (Planned, Execution) {
        self.now += 3600;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime
            .block_on(executor::recover(&self.cloud, &self.store))
            .unwrap()
            .unwrap();
        let planned = self.plan(people, absence);
        outcome::remember(&*self.store, &self.policy, &planned, self.now).unwrap();
        let observer: Arc<dyn crate::ports::Observer> = Arc::new(Unwatched);
        let pace = Pace {
            concurrency: 3,
            now: self.now,
        };
        let stop = CancellationToken::new();
        let steps = &planned.approved.steps;
        let work = executor::execute(
            &planned.plan,
            steps,
            &self.cloud,
            &self.store,
            pace,
            &observer,
            &stop,
            async || Ok(()),
        );
        let execution = runtime.block_on(work).unwrap();
        outcome::conclude(&*self.store, &planned, &execution).unwrap();
        self.store.finish(&execution.in_doubt).unwrap();
        (planned, execution)
    }

    /// What the cloud holds, by anchor: name, title, active, manager's anchor.
    fn view(&self) -> BTreeMap<String, (String, Option<String>, bool, Option<String>)> {
        let accounts = self.cloud.accounts();
        let of = |account: &super::Account| {
            let manager = account
                .manager_id
                .as_ref()
                .and_then(|id| accounts.get(&id.0))
                .map(|m| m.external_id.clone());
            let resource = &account.resource;
            (
                resource.user_name().to_owned(),
                resource.text("title").map(Into::into),
                resource.is_active(),
                manager,
            )
        };
        accounts
            .values()
            .map(|account| (account.external_id.clone(), of(account)))
            .collect()
    }
}
