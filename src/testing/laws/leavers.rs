//! Who leaves: when access and account go, and what the limits hold back.

use super::*;

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
    let record = outcome::record(&planned, &execution, &executor::GroupExecution::default(), 0, 0, 0);
    assert_eq!(record.outcome, "1 made again, 1 updated, 2 switched off");
    let done = [("made-again", 1), ("switched-off", 2), ("update", 1)];
    assert_eq!(record.done, done.map(|(name, count)| (name.to_owned(), count)).into());
}
