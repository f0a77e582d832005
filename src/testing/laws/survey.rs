//! A lost state and hand edits: after a rebuild, or an audit that repairs, the cloud is what the
//! directory says again, and nobody was removed for it.

use std::sync::atomic::Ordering;

use super::*;
use crate::{
    model::{Link, Mark, ResourceId},
    ports::AuditPosition,
    survey::{
        Lens,
        audit::{self, Audited},
        rebuild::{self, Rebuilt},
    },
    testing::Account,
};

impl Town {
    fn lens(&self) -> Lens {
        Lens::new(&self.policy.mapper, &self.policy.profile)
    }

    /// The state is lost and made anew.
    fn rebuild(&mut self, people: &[Person]) -> Rebuilt {
        let meta = self.store.meta().unwrap();
        let empty = Self {
            store: Arc::default(),
            cloud: Arc::clone(&self.cloud),
            ..Self::new()
        };
        let planned = empty.plan(people, Absence::AllButPresent);
        self.store = Arc::default();
        self.store
            .save_meta(&crate::ports::Meta { rebuild: None, ..meta })
            .unwrap();
        let (observer, stop): (crate::ports::SharedObserver, _) = (Arc::new(Unwatched), CancellationToken::new());
        let means = rebuild::Means {
            plan: &planned.plan,
            spool: empty.store.spool(),
            reader: &self.cloud,
            store: &self.store,
            lens: &self.lens(),
            concurrency: 2,
            observer: &observer,
            stop: &stop,
        };
        block_on(rebuild::rebuild(means)).unwrap()
    }

    fn audit(&self, max_requests: u64, position: AuditPosition) -> Audited {
        let (observer, stop): (crate::ports::SharedObserver, _) = (Arc::new(Unwatched), CancellationToken::new());
        let means = audit::Means {
            reader: &self.cloud,
            store: &self.store,
            lens: &self.lens(),
            position,
            max_requests,
            concurrency: 2,
            observer: &observer,
            stop: &stop,
        };
        block_on(audit::audit(means)).unwrap()
    }

    fn memory(&self) -> (Vec<(crate::model::AnchorKey, Mark)>, Vec<Link>) {
        let mut links = Vec::new();
        self.store
            .each_link(&mut |link| {
                links.push(link);
                true
            })
            .unwrap();
        (self.store.marks().unwrap(), links)
    }

    fn unlisted(self, unlisted: bool) -> Self {
        self.cloud.unlisted.store(unlisted, Ordering::Relaxed);
        self
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

/// A company with a manager's manager, a circle, somebody who manages himself and a dangling manager.
fn company() -> Vec<Person> {
    let mut people: Vec<Person> = ["a", "b", "c", "d", "e", "f", "g"].map(person).to_vec();
    for (at, manager) in [(1, "a"), (2, "b"), (3, "e"), (4, "d"), (5, "f"), (6, "nobody")] {
        people[at].manager = Some(manager);
    }
    people
}

#[test]
fn a_rebuilt_state_is_the_one_that_was_lost() {
    for unlisted in [false, true] {
        let mut town = Town::new().unlisted(unlisted);
        let people = company();
        town.cycle(&people);
        town.cycle(&people);
        let (before, sent) = (town.memory(), town.cloud.requests());
        let rebuilt = town.rebuild(&people);
        assert_eq!((rebuilt.linked, rebuilt.differing, rebuilt.unclear.count), (7, 0, 0));
        assert_eq!(rebuilt.not_listed.is_some(), unlisted);
        assert_eq!(town.memory(), before);
        let (planned, _) = town.cycle(&people);
        assert_eq!((planned.plan.steps.len(), town.cloud.requests()), (0, sent));
    }
}

#[test]
fn two_accounts_of_one_person_are_left_alone_and_names_give_way_to_anchors() {
    let mut town = Town::new();
    let people: Vec<Person> = ["a", "b"].map(person).to_vec();
    town.cycle(&people);
    let copy = |name: &str, external_id: &str| {
        let resource = Resource::default();
        let mut account = Account {
            external_id: external_id.into(),
            resource,
            manager_id: None,
        };
        for (path, text) in [("userName", name), ("externalId", external_id)] {
            let value = Value::Text(text.into());
            account.resource.attributes.insert(AttributePath::new(path), value);
        }
        account
    };
    // The same externalId twice; and a name that is somebody else's account.
    town.cloud.make("zz", copy("another", "a"));
    town.cloud.make("zy", copy("b", "of-nobody"));
    let rebuilt = town.rebuild(&people);
    assert_eq!(
        (rebuilt.linked, rebuilt.unclear.count, rebuilt.strangers.count),
        (1, 1, 1)
    );
    assert_eq!(rebuilt.unclear.first[0].user_name, "a");
    assert_eq!(rebuilt.strangers.first[0].id, ResourceId("zy".into()));
}

#[test]
fn an_audit_goes_on_where_it_stopped_and_comes_round() {
    let mut town = Town::new().unlisted(true);
    let people = company();
    town.cycle(&people);
    let mut position = AuditPosition::default();
    let mut seen = Vec::new();
    for (compared, complete) in [(3, false), (3, false), (1, true), (3, false)] {
        let audited = town.audit(3, position);
        assert_eq!((audited.compared, audited.round_complete()), (compared, complete));
        position = audited.next;
        seen.push(position.after);
    }
    assert_eq!(seen[0], seen[3]);
    // A list that takes fewer requests than there are is used; one that takes more is not.
    let town = town.unlisted(false);
    assert_eq!(town.audit(3, AuditPosition::default()).requests, 3);
    let short = town.audit(2, AuditPosition::default());
    assert_eq!((short.compared, short.next.by_id), (2, true));
}

/// What somebody does in the cloud by hand.
#[derive(Clone, Debug)]
enum Edit {
    Title(usize, Option<&'static str>),
    Active(usize, bool),
    Name(usize),
    Manager(usize, Option<usize>),
    Delete(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let who = 0..7_usize;
    prop_oneof![
        (who.clone(), prop::option::of(Just("King"))).prop_map(|(at, title)| Edit::Title(at, title)),
        (who.clone(), any::<bool>()).prop_map(|(at, active)| Edit::Active(at, active)),
        who.clone().prop_map(Edit::Name),
        (who.clone(), prop::option::of(who.clone())).prop_map(|(at, manager)| Edit::Manager(at, manager)),
        who.prop_map(Edit::Delete),
    ]
}

impl Edit {
    fn make(&self, cloud: &MemoryCloud, ids: &[String]) {
        match self {
            Self::Title(at, title) => cloud.edit(&ids[*at], |account| {
                let path = AttributePath::new("title");
                match title {
                    Some(title) => drop(account.resource.attributes.insert(path, Value::Text((*title).into()))),
                    None => drop(account.resource.attributes.remove(&path)),
                }
            }),
            Self::Active(at, active) => cloud.edit(&ids[*at], |account| {
                account.resource = account.resource.clone().with_active(*active);
            }),
            Self::Name(at) => cloud.edit(&ids[*at], |account| {
                let name = format!("{}-by-hand", account.resource.user_name());
                let path = AttributePath::new("userName");
                account.resource.attributes.insert(path, Value::Text(name));
            }),
            Self::Manager(at, manager) => {
                let manager = manager.map(|at| ResourceId(ids[at].clone()));
                let manager = manager.filter(|id| cloud.accounts().contains_key(&id.0));
                cloud.edit(&ids[*at], |account| account.manager_id = manager);
            }
            Self::Delete(at) => {
                let id = ResourceId(ids[*at].clone());
                cloud.remove(&id.0);
                // The cloud clears what points to him.
                for other in ids {
                    cloud.edit(other, |account| {
                        account.manager_id.take_if(|manager| *manager == id);
                    });
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn hand_edits_are_undone_and_nobody_is_removed(
        edits in prop::collection::vec(edit(), 0..8),
        lost in any::<bool>(),
        unlisted in any::<bool>(),
    ) {
        let mut town = Town::new().unlisted(unlisted);
        let mut people = company();
        // What a dangling name does is not certain: who it was is not known to anybody.
        people[6].manager = None;
        town.cycle(&people);
        town.cycle(&people);
        let wanted = town.view();
        let ids: Vec<String> = people.iter().map(|person| town.cloud.by_name(&person.name).unwrap().0).collect();
        for edit in &edits {
            edit.make(&town.cloud, &ids);
        }
        let touched = wanted != town.view();
        if lost {
            town.rebuild(&people);
        } else {
            let audited = town.audit(1000, AuditPosition::default());
            prop_assert_eq!(audited.drifts.is_empty(), !touched, "{:?}", audited.drifts);
            prop_assert!(audited.round_complete());
            audit::repair(&*town.store, &audited.drifts).unwrap();
        }
        // Twice: whoever was made anew has another id for those who report to him.
        let mut removals = 0;
        for _ in 0..2 {
            let (planned, _) = town.cycle(&people);
            let steps = planned.plan.steps.iter().filter_map(|step| planned.plan.action(*step));
            removals += steps.filter(|(action, _)| matches!(action, Action::Deactivate | Action::Delete)).count();
        }
        prop_assert_eq!(removals, 0);
        prop_assert_eq!(town.view(), wanted);
        let sent = town.cloud.requests();
        town.cycle(&people);
        prop_assert_eq!(town.cloud.requests(), sent);
        prop_assert!(town.audit(1000, AuditPosition::default()).drifts.is_empty());
    }
}
