//! A cycle that does everything there is to do.

pub(super) mod teams;

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{
    company::{anchor, person},
    directory::ReadFault,
    net::Weather,
    policy::GRACE_DAYS,
    world::{Mortal, World},
};
use crate::{model::Action, sandbox::cloud::Kind};

const HOUR: Duration = Duration::from_secs(3600);

/// Which of the two days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Day {
    /// Everything that is done to people.
    People,
    /// Everything that is done to groups.
    Teams,
}

impl Day {
    pub(super) const ALL: [Self; 2] = [Self::People, Self::Teams];

    /// A world on the eve of it.
    pub(super) async fn eve<S: Mortal>(self, profile: &str, store: S) -> World<S> {
        match self {
            Self::People => eve(profile, store).await,
            Self::Teams => teams::eve(profile, store).await,
        }
    }
}

/// A world on the eve of that cycle.
async fn eve<S: Mortal>(profile: &str, store: S) -> World<S> {
    let mut world = World::new(profile, store);
    found(&mut world);
    world.fair_cycle().await;
    // Two leave: one for good, one to come back.
    tokio::time::advance(HOUR).await;
    let rick = world.company.remove("rick").unwrap();
    world.company.remove("xena");
    world.fair_cycle().await;
    tokio::time::advance(HOUR * 24 * (GRACE_DAYS + 1)).await;
    world.company.insert("rick".into(), rick);
    change(&mut world);
    world
}

/// Who is there at the beginning, and what the cloud holds that is not ours.
fn found<S: Mortal>(world: &mut World<S>) {
    for name in [
        "bob", "boss", "cleo", "dean", "dora", "ken", "manu", "mia", "rick", "sam", "sue", "vera", "xena",
    ] {
        world.company.insert(name.into(), person(name));
    }
    for (name, manager) in [("mia", "boss"), ("manu", "boss"), ("ken", "mia")] {
        world.company.get_mut(name).unwrap().manager = Some(manager.into());
    }
    world.company.get_mut("cleo").unwrap().phone = Some("+33 1 23 45 67 89".into());
    let now = world.net.inner().now();
    let mut inner = world.net.inner();
    let inner = &mut *inner;
    // Ada's account is there already and is ours; the console's administrator is not.
    inner
        .cloud
        .seed(Kind::User, account("ada", Some(&anchor("ada"))), false, now)
        .unwrap();
    let admin = inner.cloud.seed(Kind::User, account("admin", None), true, now).unwrap();
    inner.checker.accept(&inner.cloud, [admin]);
}

fn account(name: &str, external_id: Option<&str>) -> Json {
    let mut account = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": name,
        "displayName": name,
        "name": {"familyName": "Old", "givenName": name},
        "emails": [{"value": format!("{name}@example.org"), "type": "work", "primary": true}],
        "active": true,
    });
    if let Some(external_id) = external_id {
        account["externalId"] = json!(external_id);
    }
    account
}

/// Everything happens on one day.
fn change<S: Mortal>(world: &mut World<S>) {
    let renames = world.profile().user_name_mutable;
    let needs_mail = world.profile().mandatory.iter().any(|path| path == "emails");
    let company = &mut world.company;
    let edit = |company: &mut super::company::Company, name: &str, change: &dyn Fn(&mut super::company::Person)| {
        change(company.get_mut(name).unwrap());
    };
    // Update, clear, another manager, no manager, a move.
    edit(company, "bob", &|bob| {
        (bob.title, bob.sn) = (Some("Chief".into()), "Builder".into())
    });
    edit(company, "cleo", &|cleo| {
        (cleo.title, cleo.phone) = (None, None);
        if !needs_mail {
            cleo.mail = None;
        }
    });
    edit(company, "mia", &|mia| mia.manager = Some("vera".into()));
    edit(company, "manu", &|manu| manu.manager = None);
    edit(company, "vera", &|vera| vera.unit = "board".into());
    // Two swap names.
    if renames {
        edit(company, "sam", &|sam| sam.uid = "sue".into());
        edit(company, "sue", &|sue| sue.uid = "sam".into());
    }
    // One is disabled, one leaves; a joiner has the name of one who is deleted today.
    edit(company, "dean", &|dean| dean.off = true);
    company.remove("dora");
    for name in ["ada", "nina", "ned", "noel", "nora", "xeno"] {
        company.insert(name.into(), person(name));
    }
    edit(company, "xeno", &|xeno| xeno.uid = "xena".into());
    for (name, manager) in [("nina", "boss"), ("ned", "nina"), ("noel", "nora"), ("nora", "noel")] {
        edit(company, name, &|person| person.manager = Some(manager.into()));
    }
    // The manager of somebody who does not change otherwise.
    edit(company, "ken", &|ken| ken.manager = Some("nina".into()));
}

#[tokio::test(start_paused = true)]
async fn the_cycle_does_everything() {
    for profile in crate::profile::Profile::NAMES {
        let mut world = eve(profile, crate::testing::MemoryStore::default()).await;
        let execution = world.fair_cycle().await.people;
        assert_eq!(
            (execution.failed, execution.skipped, execution.adopted),
            (0, 0, 1),
            "{profile}"
        );
        let mut kinds = vec![
            Action::Create,
            Action::Reactivate,
            Action::Update,
            Action::Deactivate,
            Action::Delete,
        ];
        if world.profile().allows_manager() {
            kinds.push(Action::Reference);
        }
        for kind in kinds {
            assert!(
                execution.done.contains_key(&kind),
                "{profile}: {kind} is missing in {:?}",
                execution.done
            );
        }
        let super::world::Ended::Done(again) = world.cycle(Weather::Fair, ReadFault::None).await else {
            panic!("the second cycle ends");
        };
        assert_eq!(
            (again.planned.plan.steps.len(), world.net.inner().requests),
            (0, 0),
            "{profile}"
        );
        assert_eq!(world.net.inner().checker.violations, [""; 0]);
    }
}
