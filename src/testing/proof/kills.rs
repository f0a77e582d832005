//! The program is killed before and after each request of the cycle that does everything, and asked to stop
//! with each of them on its way.

use super::{
    directory::ReadFault,
    net::{Weather, What},
    scenario::Day,
    steps::{Wanted, on_all_processors, paused},
    world::Ended,
};
use crate::{profile::Profile, testing::MemoryStore};

/// Death at the `nth` request.
pub(super) fn kill_at(nth: u64, after_effect: bool) -> Weather {
    let what = if after_effect {
        What::KillAfter
    } else {
        What::KillBefore
    };
    Weather::At { nth, what }
}

#[test]
fn killed_or_stopped_at_every_request() {
    let cases: Vec<(Day, &str, What, bool)> = Day::ALL
        .into_iter()
        .flat_map(|day| Profile::NAMES.map(|profile| (day, profile)))
        .flat_map(|(day, profile)| [What::KillBefore, What::KillAfter, What::Stop].map(|what| (day, profile, what)))
        .flat_map(|(day, profile, what)| [false, true].map(|keeps_unflushed| (day, profile, what, keeps_unflushed)))
        .collect();
    let results = on_all_processors(cases.len(), |at| {
        let (day, profile, what, keeps_unflushed) = cases[at];
        paused(every_request(day, profile, what, keeps_unflushed))
    });
    let kills: u64 = results.iter().map(|(kills, _, _)| kills).sum();
    let stops: u64 = results.iter().map(|(_, stops, _)| stops).sum();
    let failed: Vec<_> = results.iter().flat_map(|(_, _, failed)| failed).collect();
    println!("{kills} kills, {stops} stops");
    assert!(kills > 0 && stops > 0);
    assert!(failed.is_empty(), "{} runs: {:#?}", failed.len(), failed.first());
}

async fn every_request(day: Day, profile: &str, what: What, keeps_unflushed: bool) -> (u64, u64, Vec<String>) {
    let eve = day.eve(profile, MemoryStore::default()).await;
    let wanted = Wanted::of(&eve).await;
    let (mut kills, mut stops, mut failed) = (0, 0, Vec::new());
    for nth in 1..=wanted.requests {
        let mut world = eve.fork();
        world.keeps_unflushed = keeps_unflushed;
        match world.cycle(Weather::At { nth, what }, ReadFault::None).await {
            Ended::Killed => kills += 1,
            Ended::Done(_) | Ended::Unplanned(_) => stops += 1,
        }
        if let Err(why) = wanted.reached(&mut world).await {
            failed.push(format!(
                "{day:?}, {profile}, request {nth}, {what:?}, keeps what was not flushed {keeps_unflushed}: {why}"
            ));
        }
    }
    (kills, stops, failed)
}
