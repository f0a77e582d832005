//! The program is killed before and after each request of the cycle that does everything.

use super::{
    directory::ReadFault,
    net::Weather,
    scenario::eve,
    steps::{Wanted, on_all_processors, paused},
    world::Ended,
};
use crate::{profile::Profile, testing::MemoryStore};

#[test]
fn killed_before_and_after_every_request() {
    let cases: Vec<(&str, bool, bool)> = Profile::NAMES
        .into_iter()
        .flat_map(|profile| [(profile, false), (profile, true)])
        .flat_map(|(profile, after)| [(profile, after, false), (profile, after, true)])
        .collect();
    let results = on_all_processors(cases.len(), |at| {
        let (profile, after_effect, keeps_unflushed) = cases[at];
        paused(every_request(profile, after_effect, keeps_unflushed))
    });
    let kills: u64 = results.iter().map(|(kills, _)| kills).sum();
    let failed: Vec<_> = results.iter().flat_map(|(_, failed)| failed).collect();
    println!("{kills} kills");
    assert!(
        kills > 0 && failed.is_empty(),
        "{} of {kills}: {:#?}",
        failed.len(),
        failed.first()
    );
}

async fn every_request(profile: &str, after_effect: bool, keeps_unflushed: bool) -> (u64, Vec<String>) {
    let eve = eve(profile, MemoryStore::default()).await;
    let wanted = Wanted::of(&eve).await;
    let (mut kills, mut failed) = (0, Vec::new());
    for nth in 1..=wanted.requests {
        let mut world = eve.fork();
        world.keeps_unflushed = keeps_unflushed;
        let ended = world
            .cycle(Weather::KillAt { nth, after_effect }, ReadFault::None)
            .await;
        kills += u64::from(matches!(ended, Ended::Killed));
        if let Err(why) = wanted.reached(&mut world).await {
            failed.push(format!(
                "{profile}, request {nth}, after its effect {after_effect}, keeps what was not flushed {keeps_unflushed}: {why}"
            ));
        }
    }
    (kills, failed)
}
