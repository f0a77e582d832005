//! Who is who: names that change hands, anchors that change or are not there, accounts of somebody else.

use super::*;

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
