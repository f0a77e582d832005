//! Histories in which something was lost once, each for every cloud.

mod teams;

use std::collections::BTreeMap;

use super::{
    checker::Permit,
    company::{Person, anchor, person},
    directory::ReadFault,
    fault::{Fault, Lasts},
    net::{Weather, What},
    view::View,
    world::{Ended, TWO_DAYS, World},
};
use crate::{profile::Profile, testing::MemoryStore};

/// Every request from the `nth` one on takes effect, and no answer arrives; or the program dies when that
/// one has taken effect.
fn unheard_from(nth: u64) -> [Weather; 2] {
    let deaf = What::Fails(Fault::ResetAfterEffect, Lasts::TillTheEnd);
    [deaf, What::KillAfter].map(|what| Weather::At { nth, what })
}

/// Ann, her boss and two more, all in step.
async fn office(profile: &str) -> World<MemoryStore> {
    let mut world = World::new(profile, MemoryStore::default());
    for name in ["ann", "boss", "cal", "dan"] {
        world.company.insert(name.into(), person(name));
    }
    world.fair_cycle().await;
    world
}

fn ann(world: &mut World<MemoryStore>) -> &mut Person {
    world.company.get_mut("ann").unwrap()
}

/// Days later one cycle brings the cloud to `before`, and the next one has nothing to say.
async fn check_return(world: &mut World<MemoryStore>, before: &View, what: &str) {
    tokio::time::advance(TWO_DAYS).await;
    world.fair_cycle().await;
    assert_eq!(world.view(), *before, "{what}");
    world.fair_cycle().await;
    assert_eq!(world.net.inner().requests, 0, "{what}");
    assert_eq!(world.net.inner().checker.violations, [""; 0], "{what}");
}

/// Days later the first answer is a 404 that is not true: all the same everything stays that account or group
/// which it was.
async fn check_404_by_mistake(world: &mut World<MemoryStore>, ids: &BTreeMap<String, String>, what: &str) {
    let fails = What::Fails(Fault::Status(404), Lasts::Once);
    tokio::time::advance(TWO_DAYS).await;
    world.cycle(Weather::At { nth: 1, what: fails }, ReadFault::None).await;
    tokio::time::advance(TWO_DAYS).await;
    world.fair_cycle().await;
    assert_eq!(world.ids(), *ids, "{what}");
}

/// For every cloud: `change` reaches the cloud without our learning of it, by a lost answer and by a kill;
/// then the directory goes back to what it was, and so has the cloud to.
async fn check_way_back(change: impl Fn(&mut World<MemoryStore>)) {
    for profile in Profile::NAMES {
        for weather in unheard_from(1) {
            let mut world = office(profile).await;
            let (before, people) = (world.view(), world.company.clone());
            change(&mut world);
            world.cycle(weather.clone(), ReadFault::None).await;
            world.company = people;
            check_return(&mut world, &before, &format!("{profile}, {weather:?}")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_that_may_have_arrived_is_taken_back() {
    check_way_back(|world| ann(world).sn = "Married".into()).await;
    check_way_back(|world| ann(world).phone = Some("+33 1".into())).await;
    check_way_back(|world| ann(world).off = true).await;
}

#[tokio::test(start_paused = true)]
async fn a_manager_who_may_have_arrived_is_taken_back() {
    check_way_back(|world| ann(world).manager = Some("boss".into())).await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_may_have_arrived_is_taken_back() {
    check_way_back(|world| {
        if world.profile().user_name_mutable {
            ann(world).uid = "anna".into();
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_update_that_was_refused_may_have_arrived_the_time_before() {
    for profile in Profile::NAMES {
        let mut world = office(profile).await;
        let (before, people) = (world.view(), world.company.clone());
        ann(&mut world).sn = "Married".into();
        let refused = Weather::InTurn(&[Fault::StatusAfterEffect(500), Fault::Status(400)]);
        world.cycle(refused, ReadFault::None).await;
        assert_ne!(world.view(), before, "{profile}: it has arrived");
        world.company = people;
        tokio::time::advance(TWO_DAYS).await;
        world.fair_cycle().await;
        assert_eq!(world.view(), before, "{profile}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_swap_of_names_that_may_have_happened_is_taken_back() {
    for profile in Profile::NAMES {
        if !Profile::named(profile).unwrap().user_name_mutable {
            continue;
        }
        // Ann steps aside, Cal takes her name, and she takes his.
        for weather in (1..=3).flat_map(unheard_from) {
            let mut world = office(profile).await;
            let (before, people) = (world.view(), world.company.clone());
            ann(&mut world).uid = "cal".into();
            world.company.get_mut("cal").unwrap().uid = "ann".into();
            world.cycle(weather.clone(), ReadFault::None).await;
            world.company = people;
            check_return(&mut world, &before, &format!("{profile}, {weather:?}")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_have_been_deactivated_comes_back_in() {
    check_way_back(|world| drop(world.company.remove("ann"))).await;
}

#[tokio::test(start_paused = true)]
async fn what_may_have_arrived_before_somebody_left_is_taken_back_when_he_returns() {
    for profile in Profile::NAMES {
        for weather in unheard_from(1) {
            let mut world = office(profile).await;
            let (before, people) = (world.view(), world.company.clone());
            ann(&mut world).sn = "Married".into();
            ann(&mut world).phone = Some("+33 1".into());
            world.cycle(weather.clone(), ReadFault::None).await;
            world.company.remove("ann");
            tokio::time::advance(TWO_DAYS).await;
            world.fair_cycle().await;
            world.company = people;
            check_return(&mut world, &before, &format!("{profile}, {weather:?}")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_404_by_mistake_hides_nobody_whose_name_is_in_doubt() {
    for profile in Profile::NAMES {
        if !Profile::named(profile).unwrap().user_name_mutable {
            continue;
        }
        // Told a third name, and gone: the account has the second one all the while.
        for leaves in [false, true] {
            let [deaf, _] = unheard_from(1);
            let mut world = office(profile).await;
            let ids = world.ids();
            ann(&mut world).uid = "anna".into();
            world.cycle(deaf, ReadFault::None).await;
            if leaves {
                world.company.remove("ann");
            } else {
                ann(&mut world).uid = "annie".into();
            }
            check_404_by_mistake(&mut world, &ids, &format!("{profile}, {leaves}")).await;
            let is_off = world.view()[&anchor("ann")]["active"] == serde_json::json!(false);
            assert_eq!(is_off, leaves, "{profile}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_have_been_let_in_again_and_leaves_is_shut_out() {
    for profile in Profile::NAMES {
        for weather in unheard_from(1) {
            let mut world = office(profile).await;
            let ann = world.company.remove("ann").unwrap();
            world.fair_cycle().await;
            let gone = world.view();
            world.company.insert("ann".into(), ann);
            world.cycle(weather.clone(), ReadFault::None).await;
            assert_ne!(world.view(), gone, "she is in again");
            world.company.remove("ann");
            tokio::time::advance(TWO_DAYS).await;
            world.fair_cycle().await;
            assert_eq!(world.view(), gone, "{profile}, {weather:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_interrupted_create_left_is_cleared() {
    for profile in Profile::NAMES {
        // By externalId and by name.
        let looks_first = 2 * u64::from(Profile::named(profile).unwrap().silent_takeover);
        for weather in unheard_from(1 + looks_first) {
            let mut world = office(profile).await;
            let mut eve = person("eve");
            (eve.phone, eve.manager) = (Some("+33 2".into()), Some("boss".into()));
            world.company.insert("eve".into(), eve);
            world.cycle(weather.clone(), ReadFault::None).await;
            assert!(world.view().contains_key(&anchor("eve")));
            let eve = world.company.get_mut("eve").unwrap();
            (eve.phone, eve.manager, eve.title) = (None, None, None);
            let mut fresh = World::new(profile, MemoryStore::default());
            fresh.company = world.company.clone();
            fresh.fair_cycle().await;
            tokio::time::advance(TWO_DAYS).await;
            world.fair_cycle().await;
            assert_eq!(world.view(), fresh.view(), "{profile}, {weather:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_404_by_mistake_makes_no_second_account() {
    for profile in Profile::NAMES {
        let mut world = office(profile).await;
        if world.profile().user_name_mutable {
            ann(&mut world).uid = "anna".into();
        }
        ann(&mut world).sn = "Married".into();
        let (ids, mut sober) = (world.ids(), world.fork());
        sober.fair_cycle().await;
        let what = What::Fails(Fault::Status(404), Lasts::Once);
        world.cycle(Weather::At { nth: 1, what }, ReadFault::None).await;
        tokio::time::advance(TWO_DAYS).await;
        world.fair_cycle().await;
        assert_eq!((world.view(), world.ids()), (sober.view(), ids), "{profile}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_search_answered_with_404_does_not_settle_a_create_in_doubt() {
    for profile in Profile::NAMES {
        let looks_first = 2 * u64::from(Profile::named(profile).unwrap().silent_takeover);
        let [deaf, _] = unheard_from(1 + looks_first);
        let mut world = office(profile).await;
        world.company.insert("eve".into(), person("eve"));
        world.cycle(deaf, ReadFault::None).await;
        let ids = world.ids();
        assert!(ids.contains_key(&anchor("eve")), "{profile}");
        // Her account has the old name: nobody finds it by the new one where that is all one can ask for.
        if world.profile().user_name_mutable {
            world.company.get_mut("eve").unwrap().uid = "eva".into();
        }
        let what = What::Fails(Fault::Status(404), Lasts::Once);
        tokio::time::advance(TWO_DAYS).await;
        world.cycle(Weather::At { nth: 1, what }, ReadFault::None).await;
        tokio::time::advance(TWO_DAYS).await;
        world.fair_cycle().await;
        assert_eq!(world.ids(), ids, "{profile}");
        assert_eq!(world.net.inner().checker.violations, [""; 0], "{profile}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_adoption_takes_nothing_away_that_the_limits_do_not_count() {
    for profile in Profile::NAMES {
        let mut world = office(profile).await;
        let before = world.view();
        // The state is lost, and a wrong rule says that everybody is disabled.
        world.store = std::sync::Arc::default();
        world.company.values_mut().for_each(|person| person.off = true);
        world.net.inner().checker.permit(Permit::default());
        world.fair_cycle().await;
        assert_eq!(world.view(), before, "{profile}: adopted as they were");
        let Ended::Done(done) = world.cycle(Weather::Fair, ReadFault::None).await else {
            panic!("the cycle ends");
        };
        assert!(done.planned.approved.hold.is_some(), "{profile}");
        assert_eq!(world.view(), before, "{profile}: held");
        world.approves = true;
        world.fair_cycle().await;
        let is_off = |account: &serde_json::Value| account["active"] == serde_json::json!(false);
        assert!(world.view().values().all(is_off), "{profile}: approved");
    }
}
