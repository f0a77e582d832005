//! Runs that did not end, and a state that is lost: nobody is forgotten and nobody is made twice.

use super::*;

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
