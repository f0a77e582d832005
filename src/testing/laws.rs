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
        let work = executor::execute(&planned.plan, steps, &self.cloud, &self.store, pace, &observer, &stop);
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

#[test]
fn a_first_sync_creates_managers_first_and_a_second_sends_nothing() {
    let mut town = Town::new();
    let mut people: Vec<Person> = ["e", "d", "c", "b", "a"].map(person).to_vec();
    for (at, manager) in [(0, "a"), (1, "a"), (2, "b"), (3, "a")] {
        people[at].manager = Some(manager);
    }
    let (_, execution) = town.cycle(&people);
    assert_eq!(execution.done[&Action::Create], 5);
    assert_eq!(
        town.cloud.requests(),
        5,
        "managers exist before their people, so one request each"
    );
    let (planned, _) = town.cycle(&people);
    assert_eq!((planned.plan.steps.len(), town.cloud.requests()), (0, 5));
    assert_eq!(planned.plan.counts.unchanged, 5);
}

#[test]
fn people_who_manage_each_other_or_themselves_are_linked_in_the_same_run() {
    let mut town = Town::new();
    let mut people = ["a", "b", "c"].map(person).to_vec();
    (people[0].manager, people[1].manager, people[2].manager) = (Some("b"), Some("a"), Some("c"));
    town.cycle(&people);
    let view = town.view();
    assert_eq!(["a", "b", "c"].map(|p| view[p].3.clone().unwrap()), ["b", "a", "c"]);
    assert_eq!(town.cycle(&people).0.plan.steps.len(), 0);
}

#[test]
fn a_manager_who_appears_later_is_linked_then() {
    let mut town = Town::new();
    let mut people = vec![person("a")];
    people[0].manager = Some("boss");
    let (planned, execution) = town.cycle(&people);
    assert_eq!((planned.plan.counts.dangling, execution.failed), (1, 0));
    assert_eq!(
        town.cycle(&people).0.plan.steps.len(),
        0,
        "dangling is no reason to send"
    );
    people.push(person("boss"));
    let (_, execution) = town.cycle(&people);
    assert_eq!(
        execution.done,
        BTreeMap::from([(Action::Create, 1), (Action::Reference, 1)])
    );
    assert_eq!(town.view()["a"].3.as_deref(), Some("boss"));
    assert_eq!(town.cycle(&people).0.plan.steps.len(), 0);
}

#[test]
fn leaving_and_coming_back_is_one_account() {
    let mut town = Town::new();
    let people = ["a", "b"].map(person).to_vec();
    town.cycle(&people);
    let id = town.cloud.by_name("b").unwrap().0;
    let (_, execution) = town.cycle(&people[..1]);
    assert_eq!(execution.done, BTreeMap::from([(Action::Deactivate, 1)]));
    assert!(!town.view()["b"].2);
    assert_eq!(town.cycle(&people[..1]).0.plan.steps.len(), 0);
    let (_, execution) = town.cycle(&people);
    assert_eq!(execution.done, BTreeMap::from([(Action::Reactivate, 1)]));
    assert!(town.view()["b"].2);
    assert_eq!(town.cloud.by_name("b").unwrap().0, id);
    assert_eq!(town.cycle(&people).0.plan.steps.len(), 0);
}

#[test]
fn deletion_waits_for_the_days_of_grace_and_confirmation_for_its_cycles() {
    let mut town = Town::new();
    town.policy.leavers = Leavers {
        action: LeaverAction::Delete,
        delete_after_days: 1,
        confirm_cycles: 3,
    };
    let people = ["a", "b"].map(person).to_vec();
    town.cycle(&people);
    for missing_for in 1..=3 {
        let (planned, _) = town.cycle(&people[..1]);
        assert_eq!(
            planned.plan.steps.len(),
            usize::from(missing_for == 3),
            "cycle {missing_for}"
        );
    }
    for hour in 1..=24 {
        let (_, execution) = town.cycle(&people[..1]);
        assert_eq!(execution.done.contains_key(&Action::Delete), hour == 24, "hour {hour}");
    }
    assert!(!town.view().contains_key("b"));
    assert_eq!(town.cycle(&people[..1]).0.plan.steps.len(), 0);
}

#[test]
fn seen_again_resets_the_confirmation() {
    let mut town = Town::new();
    town.policy.leavers.confirm_cycles = 2;
    let people = ["a", "b"].map(person).to_vec();
    town.cycle(&people);
    for seen in [1, 2, 1, 2, 1] {
        let (planned, _) = town.cycle(&people[..seen]);
        assert_eq!(planned.plan.steps.len(), 0);
    }
}

#[test]
fn nothing_is_removed_without_a_complete_read() {
    let mut town = Town::new();
    let people = ["a", "b", "c"].map(person).to_vec();
    town.cycle(&people);
    let unknown = || Absence::Unknown("size limit".into());
    let (planned, _) = town.cycle_with(&people[..1], unknown());
    assert!(planned.approved.aborted && planned.approved.steps.is_empty());
    town.policy.on_incomplete = OnIncomplete::NoRemovals;
    let mut partial = vec![people[0].clone(), person("new")];
    partial[0].active = false;
    let (planned, execution) = town.cycle_with(&partial, unknown());
    assert_eq!(
        execution.done,
        BTreeMap::from([(Action::Create, 1)]),
        "nor is somebody turned off"
    );
    assert!(planned.approved.hold.is_none());
    assert!(town.view().values().all(|person| person.2));
}

#[test]
fn limits_hold_exactly_the_removals_and_an_approval_releases_exactly_them() {
    let mut town = Town::new();
    town.policy.limits.max_removals_percent = 10.0;
    let people = ["a", "b", "c", "d", "e"].map(person).to_vec();
    town.cycle(&people);
    let mut left = people[..3].to_vec();
    left[0].title = Some("Chief".into());
    left[1].active = false;
    let (planned, execution) = town.cycle(&left);
    assert_eq!(execution.done, BTreeMap::from([(Action::Update, 1)]));
    assert_eq!(planned.approved.held.len(), 3, "two leavers and one who was turned off");
    let id = planned.approved.hold.unwrap().plan_id;
    let approve = |town: &Town, id: &str| {
        let mut meta = town.store.meta().unwrap();
        meta.approved = Some(id.to_owned());
        town.store.save_meta(&meta).unwrap();
    };
    approve(&town, &id);
    let (planned, _) = town.cycle(&left[..2]);
    assert!(planned.approved.hold.is_some(), "one more leaver is another plan");
    let (planned, _) = town.cycle(&left);
    assert!(planned.approved.hold.is_some(), "an approval lasts for one cycle");
    approve(&town, &id);
    let (planned, execution) = town.cycle(&left);
    assert!(planned.approved.approval_used);
    assert_eq!(
        execution.done,
        BTreeMap::from([(Action::Update, 1), (Action::Deactivate, 2)])
    );
}

#[test]
fn an_empty_answer_and_a_changed_scope_are_held_whatever_the_limits_say() {
    let mut town = Town::new();
    let people = ["a", "b"].map(person).to_vec();
    town.cycle(&people);
    let (planned, _) = town.cycle(&[]);
    assert!(planned.approved.hold.unwrap().reason.contains("without a single entry"));
    town.policy.scope = Digest::of(b"somebody");
    let (planned, _) = town.cycle(&people[..1]);
    assert!(planned.approved.hold.unwrap().reason.contains("changed"));
    town.policy.limits.on_exceeded = OnExceeded::Abort;
    let (planned, execution) = town.cycle(&[people[0].clone(), person("new")]);
    assert!(planned.approved.aborted && execution.done.is_empty());
}

#[test]
fn a_changed_scope_is_held_until_approved_also_when_leavers_are_confirmed_first() {
    let mut town = Town::new();
    town.policy.leavers.confirm_cycles = 3;
    let people = ["a", "b", "c"].map(person).to_vec();
    town.cycle(&people);
    town.policy.scope = Digest::of(b"somebody");
    for _ in 0..2 {
        assert_eq!(town.cycle(&people[..2]).0.plan.steps.len(), 0);
    }
    let held = |town: &mut Town| town.cycle(&people[..2]).0.approved.hold.unwrap().plan_id;
    let id = held(&mut town);
    assert_eq!(held(&mut town), id, "held for as long as it takes");
    let mut meta = town.store.meta().unwrap();
    assert_eq!(meta.held.as_ref().unwrap().plan_id, id);
    meta.approved = Some(id);
    town.store.save_meta(&meta).unwrap();
    let (_, execution) = town.cycle(&people[..2]);
    assert_eq!(execution.done, BTreeMap::from([(Action::Deactivate, 1)]));
    let (planned, _) = town.cycle(&people[..1]);
    assert!(planned.approved.hold.is_none(), "the new scope is the scope now");
}

#[test]
fn protected_people_keep_account_access_and_name() {
    let mut town = Town::new();
    town.policy.limits.protected = vec!["A".into(), "uid=B, dc=Test".into()];
    let mut people = ["a", "b", "c"].map(person).to_vec();
    town.cycle(&people);
    (people[0].active, people[0].name, people[0].title) = (false, "z".into(), Some("Chief".into()));
    let (planned, execution) = town.cycle(&people[..1]);
    assert_eq!(
        execution.done,
        BTreeMap::from([(Action::Update, 1), (Action::Deactivate, 1)])
    );
    let view = town.view();
    assert_eq!(view["a"], ("a".into(), Some("Chief".into()), true, None));
    assert!(view["b"].2 && !view["c"].2);
    assert_eq!(planned.plan.warnings.len(), 2, "{:?}", planned.plan.warnings);
    assert_eq!(town.cycle(&people[..1]).0.plan.steps.len(), 0);
}

#[test]
fn names_change_hands() {
    let mut town = Town::new();
    let mut people = ["a", "b", "c", "d", "e"].map(person).to_vec();
    town.cycle(&people);
    let ids: BTreeMap<_, _> = town
        .cloud
        .accounts()
        .into_iter()
        .map(|(id, a)| (a.external_id, id))
        .collect();
    // a and b swap, c takes d's name while d moves on, f takes e's name after e is deleted.
    for (at, name) in [(0, "b"), (1, "a"), (2, "d"), (3, "x")] {
        people[at].name = name.into();
    }
    people[4] = Person {
        name: "e".into(),
        ..person("f")
    };
    town.policy.leavers = Leavers {
        action: LeaverAction::Delete,
        delete_after_days: 0,
        confirm_cycles: 1,
    };
    let (_, execution) = town.cycle(&people);
    assert_eq!(execution.failed, 0);
    let view = town.view();
    assert_eq!(
        ["a", "b", "c", "d", "f"].map(|p| view[p].0.as_str()),
        ["b", "a", "d", "x", "e"]
    );
    let now: BTreeMap<_, _> = town
        .cloud
        .accounts()
        .into_iter()
        .map(|(id, a)| (a.external_id, id))
        .collect();
    assert!(
        ["a", "b", "c", "d"].iter().all(|&p| now[p] == ids[p]),
        "nobody became somebody else"
    );
    assert_ne!(now["f"], ids["e"]);
    assert_eq!(town.cycle(&people).0.plan.steps.len(), 0);
}

#[test]
fn an_entry_without_an_anchor_stops_removals_and_nothing_else() {
    let mut town = Town::new();
    let people = ["a", "b"].map(person).to_vec();
    town.cycle(&people);
    let problems = vec![Problem {
        attribute: "entryUUID".into(),
        rule: "missing".into(),
        value: String::new(),
    }];
    town.extra = vec![Mapped::Rejected(Rejection {
        dn: dn("x"),
        anchor: None,
        problems,
    })];
    let (planned, execution) = town.cycle(&[people[0].clone(), person("c")]);
    assert_eq!(execution.done, BTreeMap::from([(Action::Create, 1)]));
    assert!(town.view()["b"].2, "it might be her entry");
    assert!(
        planned
            .plan
            .warnings
            .iter()
            .any(|warning| warning.contains("no readable anchor"))
    );
    town.extra.clear();
    let (_, execution) = town.cycle(&[people[0].clone(), person("c")]);
    assert_eq!(execution.done, BTreeMap::from([(Action::Deactivate, 1)]));
}

#[test]
fn one_bad_object_stops_nobody_and_does_not_leave() {
    let mut town = Town::new();
    let mut people = ["a", "b", "c", "d"].map(person).to_vec();
    town.cycle(&people[..2]);
    people[0].broken = true;
    people[2].broken = true;
    let twin = Person {
        name: "B".into(),
        ..person("e")
    };
    people.push(twin);
    town.cloud.refuse("d");
    let (planned, execution) = town.cycle(&people);
    assert_eq!(
        (planned.plan.counts.rejected, execution.failed),
        (2, 2),
        "d is refused, e meets b's name"
    );
    assert!(town.view()["a"].2);
    assert_eq!(town.store.rejects().unwrap().len(), 4);
    let requests = town.cloud.requests();
    town.now -= 3590;
    let (planned, _) = town.cycle(&people);
    assert_eq!(
        (planned.plan.counts.waiting, town.cloud.requests()),
        (2, requests),
        "refused is not repeated"
    );
    people[2].broken = false;
    people[3].title = None;
    people[4].name = "e".into();
    let (_, execution) = town.cycle(&people);
    assert_eq!(
        (execution.failed, execution.done[&Action::Create]),
        (1, 2),
        "d was changed, so it was tried"
    );
}

#[test]
fn a_lost_state_adopts_its_own_and_removes_nobody() {
    let mut town = Town::new();
    let people = ["a", "b", "c"].map(person).to_vec();
    town.cycle(&people);
    let before = town.cloud.accounts();
    town.store = Arc::default();
    let (_, execution) = town.cycle(&people[..2]);
    assert_eq!(execution.adopted, 2);
    assert_eq!(town.cloud.accounts(), before);
}

#[test]
fn who_was_created_unknown_to_us_and_left_since_is_found_and_deactivated() {
    let mut town = Town::new();
    let people = ["a", "b", "c"].map(person).to_vec();
    let planned = town.plan(&people, Absence::AllButPresent);
    // The run is killed when every request was sent, two had arrived and no answer was heard.
    town.store.claim(3).unwrap();
    for step in &planned.approved.steps[..2] {
        let operation = town.store.operation(step.index).unwrap();
        let payload = Payload {
            external_id: operation.anchor.to_string(),
            pushed: operation.after.unwrap(),
            manager_id: None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime
            .block_on(town.cloud.create(&payload, false, &|_| false))
            .unwrap();
    }
    let (_, execution) = town.cycle(&people[1..]);
    assert_eq!(
        execution.done,
        BTreeMap::from([(Action::Create, 1), (Action::Update, 1), (Action::Deactivate, 1)]),
        "b is told everything again: nobody knows what her account holds"
    );
    let view = town.view();
    assert_eq!(["a", "b", "c"].map(|p| view[p].2), [false, true, true]);
    assert_eq!(town.cloud.accounts().len(), 3);
}

#[test]
fn after_an_interrupted_run_nothing_is_taken_for_told() {
    let mut town = Town::new();
    let mut people = ["a", "b"].map(person).to_vec();
    town.cycle(&people);
    town.store = Arc::default();
    // The state is lost, titles change, and the run is killed before its first request.
    people.iter_mut().for_each(|person| person.title = Some("Chief".into()));
    town.plan(&people, Absence::AllButPresent);
    town.store.claim(2).unwrap();
    town.cycle(&people);
    assert!(town.view().values().all(|person| person.1.as_deref() == Some("Chief")));
    assert_eq!(town.cycle(&people).0.plan.steps.len(), 0);
}

#[test]
fn a_failed_update_does_not_keep_a_leaver_in() {
    let mut town = Town::new();
    let mut people = ["a", "b"].map(person).to_vec();
    town.cycle(&people);
    people[1].name = "A".into();
    for _ in 0..5 {
        town.cycle(&people);
    }
    assert!(town.store.rejects().unwrap()[0].1.next_try > town.now);
    let (_, execution) = town.cycle(&people[..1]);
    assert_eq!(execution.done, BTreeMap::from([(Action::Deactivate, 1)]));
}

#[test]
fn an_anchor_that_two_people_have_moves_neither() {
    let mut town = Town::new();
    let people = ["a", "b"].map(person).to_vec();
    town.cycle(&people);
    let before = town.view();
    let mut twin = people[0].mapped();
    if let Mapped::InScope(user) = &mut twin {
        user.dn = "uid=impostor,dc=test".into();
        user.resource
            .attributes
            .insert(AttributePath::new("title"), Value::Text("Impostor".into()));
    }
    town.extra = vec![twin];
    let (planned, execution) = town.cycle(&people);
    assert_eq!((planned.plan.counts.rejected, execution.done.len()), (2, 0));
    assert_eq!(town.view(), before);
}

#[test]
fn an_account_made_anew_is_told_to_those_who_report_to_it() {
    let mut town = Town::new();
    let mut people = ["a", "b"].map(person).to_vec();
    people[0].manager = Some("b");
    town.cycle(&people);
    let id = town.cloud.by_name("b").unwrap().0;
    town.cloud.remove(&id);
    people[1].title = Some("Chief".into());
    town.cycle(&people);
    let (_, execution) = town.cycle(&people);
    assert_eq!(execution.done, BTreeMap::from([(Action::Reference, 1)]));
    assert_eq!(town.view()["a"].3.as_deref(), Some("b"));
    assert_eq!(town.cycle(&people).0.plan.steps.len(), 0);
}

#[test]
fn nobody_is_linked_to_the_account_of_somebody_else() {
    let mut town = Town::new();
    let mut people = ["a", "b"].map(person).to_vec();
    town.cycle(&people);
    let before = town.view();
    let id = town.cloud.by_name("a").unwrap().0;
    town.cloud.merge_into(&id);
    people.extend(["c", "d"].map(person));
    let (_, execution) = town.cycle(&people);
    assert_eq!((execution.failed, execution.done.len()), (2, 0));
    let rejects = town.store.rejects().unwrap();
    assert_eq!(rejects.len(), 2);
    for (_, reject) in rejects {
        let words = &reject.rejection.problems[0].rule;
        assert!(
            words.contains(&format!("account {id}, which belongs to uid=a,dc=test (a)")),
            "{words}"
        );
    }
    // The account is given back to its owner, and nobody else is sent again.
    let (_, execution) = town.cycle(&people);
    assert_eq!(execution.done, BTreeMap::from([(Action::Update, 1)]));
    assert_eq!(town.view(), before);
    let requests = town.cloud.requests();
    town.cycle(&people);
    assert_eq!(town.cloud.requests(), requests);
}

#[test]
fn a_cloud_with_one_account_for_everybody_gets_one_person() {
    let mut town = Town::new();
    let people = ["a", "b", "c", "d", "e"].map(person).to_vec();
    town.cycle(&people[..1]);
    town.store = Arc::default();
    let id = town.cloud.by_name("a").unwrap().0;
    town.cloud.merge_into(&id);
    let (_, execution) = town.cycle(&people[1..]);
    assert_eq!((execution.failed, execution.done[&Action::Create]), (3, 1));
    let mut linked = 0;
    town.store
        .each_link(&mut |_| {
            linked += 1;
            true
        })
        .unwrap();
    assert_eq!(linked, 1);
}

/// Everybody of `people` with another anchor, and the entry it had.
fn reloaded(people: &[Person], anchors: &[&'static str]) -> Vec<Person> {
    let other = |(person, anchor): (&Person, &&'static str)| Person {
        anchor,
        ..person.clone()
    };
    people.iter().zip(anchors).map(other).collect()
}

#[test]
fn people_whose_anchors_changed_are_neither_sent_nor_taken_out() {
    let mut town = Town::new();
    let people = ["a", "b", "c"].map(person).to_vec();
    town.cycle(&people);
    let (before, requests) = (town.view(), town.cloud.requests());
    // Whatever the limits say.
    for anchors in [&["x", "y", "z"][..], &["a", "b", "z"]] {
        let (planned, execution) = town.cycle(&reloaded(&people, anchors));
        let changed = anchors.iter().filter(|anchor| **anchor > "c").count();
        assert_eq!((planned.approved.held.len(), execution.done.len()), (changed, 0));
        let reason = planned.approved.hold.unwrap().reason;
        for part in ["same people", "must not approve", "docs/state.md"] {
            assert!(reason.contains(part), "{reason}");
        }
        assert_eq!(planned.plan.counts.rejected, changed as u64);
        let rejects = town.store.rejects().unwrap();
        assert_eq!(rejects.len(), changed);
        let words = &rejects[0].1.rejection.problems[0].rule;
        for part in ["belongs to uid=", "do not approve", "[[users.override]]"] {
            assert!(words.contains(part), "{words}");
        }
        assert_eq!((town.view(), town.cloud.requests()), (before.clone(), requests));
    }
    // The anchors are as they were: nothing happened.
    let (planned, _) = town.cycle(&people);
    assert!(planned.approved.hold.is_none() && town.store.rejects().unwrap().is_empty());
    assert_eq!(town.cloud.requests(), requests);
}

#[test]
fn a_namesake_waits_and_everybody_else_goes_on() {
    let mut town = Town::new();
    let people = ["a", "b", "c"].map(person).to_vec();
    town.cycle(&people);
    let mut now = reloaded(&people[..2], &["a", "x"]);
    now.push(person("d"));
    let (planned, execution) = town.cycle(&now);
    assert_eq!(
        execution.done,
        BTreeMap::from([(Action::Create, 1), (Action::Deactivate, 1)]),
        "d comes, c leaves"
    );
    // An operator says that b is not x.
    let mut meta = town.store.meta().unwrap();
    meta.approved = Some(planned.approved.hold.unwrap().plan_id);
    town.store.save_meta(&meta).unwrap();
    let (_, execution) = town.cycle(&now);
    assert_eq!(execution.done, BTreeMap::from([(Action::Deactivate, 1)]));
    assert!(!town.view()["b"].2);
    // The account still has the name, so x is refused by the cloud until she gets another one.
    let (planned, execution) = town.cycle(&now);
    assert_eq!((execution.failed, execution.done.len()), (1, 0));
    assert!(planned.approved.hold.is_none());
    now[1].name = "b2".into();
    let (_, execution) = town.cycle(&now);
    assert_eq!(execution.done, BTreeMap::from([(Action::Create, 1)]));
}

#[test]
fn another_name_for_the_newcomer_lets_the_leaver_go() {
    let mut town = Town::new();
    let people = ["a", "b"].map(person).to_vec();
    town.cycle(&people);
    let mut now = reloaded(&people, &["a", "x"]);
    assert!(town.cycle(&now).0.approved.hold.is_some());
    now[1].name = "b2".into();
    let (planned, execution) = town.cycle(&now);
    assert!(planned.approved.hold.is_none());
    assert_eq!(
        execution.done,
        BTreeMap::from([(Action::Create, 1), (Action::Deactivate, 1)])
    );
}

#[test]
fn an_empty_state_that_may_adopt_anything_is_the_way_out_of_changed_anchors() {
    let mut town = Town::new();
    let people = ["a", "b"].map(person).to_vec();
    town.cycle(&people);
    let ids: Vec<String> = town.cloud.accounts().into_keys().collect();
    town.store = Arc::default();
    town.cloud.adopt_any();
    let (_, execution) = town.cycle(&reloaded(&people, &["x", "y"]));
    assert_eq!(execution.adopted, 2);
    assert_eq!(town.cloud.accounts().into_keys().collect::<Vec<_>>(), ids);
    assert!(town.view().contains_key("x") && town.view().contains_key("y"));
}

const COMPANY: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

#[test]
fn an_attribute_that_nearly_everybody_loses_is_held_like_removals() {
    let mut town = Town::new();
    (town.policy.limits.max_removals, town.policy.limits.max_removals_percent) = (5, 50.0);
    let people = COMPANY.map(person).to_vec();
    town.cycle(&people);
    let before = town.view();
    let without_title = |from: usize| -> Vec<Person> {
        let mut people = people.clone();
        people[from..].iter_mut().for_each(|person| person.title = None);
        people
    };
    // Six of twelve are more than the limit, but not more than half.
    town.cycle(&without_title(6));
    town.cycle(&people);
    assert_eq!(town.view(), before);

    let mut lost = without_title(1);
    lost[0].title = Some("Chief".into());
    let (planned, execution) = town.cycle(&lost);
    assert_eq!(
        execution.done,
        BTreeMap::from([(Action::Update, 1)]),
        "everything else is done"
    );
    assert_eq!(planned.approved.held.len(), 11);
    let hold = planned.approved.hold.unwrap();
    for part in ["11 of 12 accounts in use would lose title", "lost read rights"] {
        assert!(hold.reason.contains(part), "{}", hold.reason);
    }
    assert_eq!(
        town.cycle(&lost).0.approved.hold.as_ref(),
        Some(&hold),
        "a state, not an event"
    );
    let approve = |town: &Town| {
        let mut meta = town.store.meta().unwrap();
        meta.approved = Some(hold.plan_id.clone());
        town.store.save_meta(&meta).unwrap();
    };
    // The right to read comes back.
    assert!(town.cycle(&people).0.approved.hold.is_none());
    approve(&town);
    town.cycle(&people);
    assert_eq!(town.view(), before);
    // It was meant.
    assert!(town.cycle(&lost).0.approved.hold.is_some());
    approve(&town);
    let (_, execution) = town.cycle(&lost);
    assert_eq!(execution.done[&Action::Update], 11);
    assert_eq!(town.cycle(&lost).0.plan.steps.len(), 0);
}

#[test]
fn managers_that_nearly_everybody_loses_are_held() {
    let mut town = Town::new();
    town.policy.limits.max_removals_percent = 10.0;
    let mut people = COMPANY.map(person).to_vec();
    people[1..].iter_mut().for_each(|person| person.manager = Some("a"));
    town.cycle(&people);
    let before = town.view();
    people.iter_mut().for_each(|person| person.manager = None);
    let (planned, execution) = town.cycle(&people);
    assert!(execution.done.is_empty());
    let reason = planned.approved.hold.unwrap().reason;
    assert!(reason.contains("would lose enterprise.manager"), "{reason}");
    assert_eq!(town.view(), before);
}

#[test]
fn what_an_update_came_to_is_told() {
    let mut town = Town::new();
    let mut people = ["a", "b", "c", "d"].map(person).to_vec();
    town.cycle(&people);
    let id = town.cloud.by_name("a").unwrap().0;
    town.cloud.remove(&id);
    people[..2]
        .iter_mut()
        .for_each(|person| person.title = Some("Chief".into()));
    people[2..].iter_mut().for_each(|person| person.active = false);
    let (planned, execution) = town.cycle(&people);
    let record = outcome::record(&planned, &execution, 0, 0, 0);
    assert_eq!(record.outcome, "1 made again, 1 updated, 2 switched off");
    let done = [("made-again", 1), ("switched-off", 2), ("update", 1)];
    assert_eq!(record.done, done.map(|(name, count)| (name.to_owned(), count)).into());
}

fn towns() -> impl Strategy<Value = Vec<Vec<Person>>> {
    const ANCHORS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    let one = |anchor: &'static str| {
        (
            0..8usize,
            0..3usize,
            0..7usize,
            proptest::bool::weighted(0.85),
            proptest::bool::weighted(0.05),
        )
            .prop_map(move |(name, title, manager, active, broken)| Person {
                anchor,
                name: if name < 6 { ANCHORS[name].into() } else { anchor.into() },
                title: [None, Some("Clerk".into()), Some("Chief".into())][title].clone(),
                manager: ANCHORS.get(manager).copied(),
                active,
                broken,
            })
    };
    let people = ANCHORS
        .map(|anchor| proptest::option::weighted(0.8, one(anchor)))
        .to_vec();
    let directory = people.prop_map(|people| people.into_iter().flatten().collect::<Vec<_>>());
    proptest::collection::vec(directory, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever happened before: once everybody has a name that nobody ever had, the cloud is the directory
    /// within two cycles (a conflict may need the second one), nobody has two accounts, nobody became
    /// somebody else, and one more cycle plans nothing.
    #[test]
    fn plan_again_after_execution_is_empty(history in towns()) {
        let mut town = Town::new();
        let mut owners: BTreeMap<String, String> = BTreeMap::new();
        for people in &history {
            town.cycle(people);
            for (id, account) in town.cloud.accounts() {
                let owner = owners.entry(id).or_insert_with(|| account.external_id.clone());
                prop_assert_eq!(owner, &account.external_id);
            }
        }
        let settled: Vec<Person> = history.last().into_iter().flatten().map(|p| Person { name: format!("{}-own", p.anchor), broken: false, ..p.clone() }).collect();
        // An empty directory is held, whatever the limits say.
        prop_assume!(!settled.is_empty());
        town.now += 1_000_000;
        town.cycle(&settled);
        town.now += 1_000_000;
        town.cycle(&settled);
        let view = town.view();
        prop_assert_eq!(town.cloud.accounts().len(), view.len());
        for person in &settled {
            let seen = &view[person.anchor];
            prop_assert_eq!((&seen.0, &seen.1, seen.2), (&person.name, &person.title, person.active));
            let wanted = person.manager.filter(|manager| settled.iter().any(|p| p.anchor == *manager));
            if wanted.is_some() {
                prop_assert_eq!(seen.3.as_deref(), wanted);
            }
        }
        for (anchor, account) in &view {
            prop_assert!(settled.iter().any(|p| p.anchor == anchor) || !account.2, "{} left and is active", anchor);
        }
        let requests = town.cloud.requests();
        let (planned, _) = town.cycle(&settled);
        prop_assert_eq!(planned.plan.steps.len(), 0);
        prop_assert_eq!(town.cloud.requests(), requests);
    }

    /// The same input gives the same plan, byte for byte.
    #[test]
    fn planning_is_deterministic(history in towns()) {
        let mut town = Town::new();
        for people in &history {
            let (first, again) = (town.plan(people, Absence::AllButPresent), town.plan(people, Absence::AllButPresent));
            prop_assert_eq!(&first.plan.id, &again.plan.id);
            prop_assert_eq!(&first.approved, &again.approved);
            town.cycle(people);
        }
    }
}
