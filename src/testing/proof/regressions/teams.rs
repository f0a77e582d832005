//! The same of groups.

use super::{check_404_by_mistake, check_return, unheard_from};
use crate::{
    profile::Profile,
    testing::{
        MemoryStore,
        proof::{
            company::{anchor, person},
            directory::ReadFault,
            net::Weather,
            teams::{Team, anchor_of_team, team},
            world::{TWO_DAYS, World},
        },
    },
};

/// Four people and two groups, all in step.
async fn club(profile: &str) -> World<MemoryStore> {
    let mut world = World::new(profile, MemoryStore::default());
    for name in ["ann", "bea", "cal", "dan"] {
        world.company.insert(name.into(), person(name));
    }
    world.teams.insert("chess".into(), team("chess", &["ann", "bea"]));
    world.teams.insert("rowing".into(), team("rowing", &["cal"]));
    world.fair_cycle().await;
    world
}

fn chess(world: &mut World<MemoryStore>) -> &mut Team {
    world.teams.get_mut("chess").unwrap()
}

/// Two days later all is as in `wanted`, and nothing more is to be done.
async fn check_end(world: &mut World<MemoryStore>, wanted: &World<MemoryStore>, what: &str) {
    world.approves = true;
    check_return(world, &wanted.view(), what).await;
}

/// For every cloud: `change` reaches the cloud without our learning of it, by a lost answer or by a kill, then
/// the directory goes back to what it was, and so has the cloud to.
async fn check_way_back(change: impl Fn(&mut World<MemoryStore>)) {
    for profile in Profile::NAMES {
        for (weather, keeps_unflushed) in unheard_from(1)
            .into_iter()
            .flat_map(|it| [(it.clone(), false), (it, true)])
        {
            let mut world = club(profile).await;
            world.keeps_unflushed = keeps_unflushed;
            let (before, teams) = (world.fork(), world.teams.clone());
            change(&mut world);
            world.cycle(weather.clone(), ReadFault::None).await;
            assert_ne!(world.view(), before.view(), "{profile}, {weather:?}: it has arrived");
            world.teams = teams;
            check_end(&mut world, &before, &format!("{profile}, {weather:?}")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_have_been_put_in_is_taken_out_again() {
    check_way_back(|world| chess(world).people.extend(["cal".to_owned()])).await;
}

#[tokio::test(start_paused = true)]
async fn who_may_have_been_taken_out_is_put_in_again() {
    check_way_back(|world| chess(world).people.retain(|name| name != "bea")).await;
}

#[tokio::test(start_paused = true)]
async fn a_group_that_may_have_been_emptied_is_filled_again() {
    check_way_back(|world| drop(world.teams.remove("chess"))).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_name_that_may_have_arrived_is_taken_back() {
    check_way_back(|world| chess(world).cn = "go".into()).await;
}

#[tokio::test(start_paused = true)]
async fn names_that_may_have_been_swapped_are_swapped_back() {
    check_way_back(|world| {
        chess(world).cn = "rowing".into();
        world.teams.get_mut("rowing").unwrap().cn = "chess".into();
    })
    .await;
}

/// A group is made and filled, unheard of from the `nth` request on; then it is not wanted any more.
#[tokio::test(start_paused = true)]
async fn nobody_is_left_in_a_group_that_was_not_heard_of() {
    for profile in Profile::NAMES {
        // Where names need not be unique: asked first by externalId and by name.
        let first = 1 + 2 * u64::from(!Profile::named(profile).unwrap().groups.display_name_unique);
        for nth in [first, first + 1, first + 2] {
            for (weather, keeps_unflushed) in unheard_from(nth)
                .into_iter()
                .flat_map(|it| [(it.clone(), false), (it, true)])
            {
                let mut world = club(profile).await;
                world.keeps_unflushed = keeps_unflushed;
                let people = ["ann", "bea", "cal", "dan"];
                world.teams.insert("polo".into(), team("polo", &people));
                world.cycle(weather.clone(), ReadFault::None).await;
                let what = format!("{profile}, {nth}, {weather:?}");
                assert!(
                    world.view().contains_key(&anchor_of_team("polo")),
                    "{what}: it has arrived"
                );
                world.teams.remove("polo");
                world.approves = true;
                tokio::time::advance(TWO_DAYS).await;
                world.fair_cycle().await;
                let left = &world.view()[&anchor_of_team("polo")];
                assert!(left.get("members").is_none(), "{what}: {left}");
            }
        }
    }
}

/// An emptied group comes back, is filled unheard of, and leaves again.
#[tokio::test(start_paused = true)]
async fn a_group_that_came_back_for_a_moment_is_emptied_again() {
    for profile in Profile::NAMES {
        for weather in unheard_from(1) {
            let mut world = club(profile).await;
            world.approves = true;
            let chess = world.teams.remove("chess").unwrap();
            world.fair_cycle().await;
            let before = world.fork();
            world.teams.insert("chess".into(), chess);
            world.cycle(weather.clone(), ReadFault::None).await;
            assert_ne!(world.view(), before.view(), "{profile}: it has arrived");
            world.teams.remove("chess");
            check_end(&mut world, &before, &format!("{profile}, {weather:?}")).await;
        }
    }
}

/// A create that was not heard of, then another name: not a second group.
#[tokio::test(start_paused = true)]
async fn a_group_that_may_have_been_made_under_another_name_is_found() {
    for profile in Profile::NAMES {
        let first = 1 + 2 * u64::from(!Profile::named(profile).unwrap().groups.display_name_unique);
        for weather in unheard_from(first) {
            let mut world = club(profile).await;
            world.teams.insert("polo".into(), team("polo", &["ann"]));
            world.cycle(weather.clone(), ReadFault::None).await;
            let made = world.ids()[&anchor_of_team("polo")].clone();
            world.teams.get_mut("polo").unwrap().cn = "water-polo".into();
            tokio::time::advance(TWO_DAYS).await;
            // Nor does a run in which it cannot be found lose it.
            world.cycle(unheard_from(1)[0].clone(), ReadFault::None).await;
            tokio::time::advance(TWO_DAYS).await;
            world.fair_cycle().await;
            assert_eq!(world.ids()[&anchor_of_team("polo")], made, "{profile}, {weather:?}");
            let polo = &world.view()[&anchor_of_team("polo")];
            assert_eq!(polo["displayName"], "water-polo", "{profile}");
            assert_eq!(
                polo["members"],
                serde_json::json!([format!("account of {}", anchor("ann"))])
            );
            assert_eq!(world.net.inner().checker.violations, [""; 0], "{profile}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_404_by_mistake_hides_no_group_whose_name_is_in_doubt() {
    for profile in Profile::NAMES {
        for leaves in [false, true] {
            let mut world = club(profile).await;
            world.approves = true;
            let ids = world.ids();
            chess(&mut world).cn = "go".into();
            world.cycle(unheard_from(1)[0].clone(), ReadFault::None).await;
            if leaves {
                world.teams.remove("chess");
            } else {
                chess(&mut world).cn = "bridge".into();
            }
            check_404_by_mistake(&mut world, &ids, &format!("{profile}, {leaves}")).await;
            let chess = &world.view()[&anchor_of_team("chess")];
            assert_eq!(chess.get("members").is_none(), leaves, "{profile}: {chess}");
        }
    }
}

/// Deleted and made anew in the directory: the new one gets the place of the old one, whatever happens on the
/// way.
#[tokio::test(start_paused = true)]
async fn a_group_made_anew_takes_over_the_emptied_one() {
    for profile in Profile::NAMES {
        for at_once in [false, true] {
            for weather in unheard_from(1).into_iter().chain([Weather::Fair]) {
                let what = format!("{profile}, at once {at_once}, {weather:?}");
                let mut world = club(profile).await;
                let id = world.ids()[&anchor_of_team("chess")].clone();
                world.approves = true;
                world.teams.remove("chess");
                if !at_once {
                    world.fair_cycle().await;
                }
                world.teams.insert("anew".into(), team("chess", &["bea", "cal"]));
                world.cycle(weather, ReadFault::None).await;
                for _ in 0..3 {
                    tokio::time::advance(TWO_DAYS).await;
                    world.fair_cycle().await;
                }
                assert_eq!(world.net.inner().requests, 0, "{what}");
                assert_eq!(world.ids()[&anchor_of_team("anew")], id, "{what}");
                let view = world.view();
                assert!(!view.contains_key(&anchor_of_team("chess")), "{what}");
                let members = ["bea", "cal"].map(|name| format!("account of {}", anchor(name)));
                let mut members = members.to_vec();
                members.sort();
                assert_eq!(
                    view[&anchor_of_team("anew")]["members"],
                    serde_json::json!(members),
                    "{what}"
                );
                assert_eq!(world.net.inner().checker.violations, [""; 0], "{what}");
                // And goes like any other.
                world.teams.remove("anew");
                world.fair_cycle().await;
                assert!(world.view()[&anchor_of_team("anew")].get("members").is_none(), "{what}");
            }
        }
    }
}
