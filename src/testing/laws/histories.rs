//! Any history: planning again after execution plans nothing.

use super::*;

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
