//! Managers: told once they have an account, and told again when that is another one.

use super::*;

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
