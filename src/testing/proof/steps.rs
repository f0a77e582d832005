//! Every step fails once: each request of the cycle that does everything, in every way, for one try, for
//! every try, and with everything after it.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{
    directory::ReadFault,
    fault::{FAULTS, Fault, Lasts, applies},
    net::{Weather, What},
    scenario::Day,
    view::{View, difference},
    world::{Ended, Mortal, TWO_DAYS, World},
};
use crate::{profile::Profile, testing::MemoryStore};

/// What the cycle comes to when nothing goes wrong.
pub(super) struct Wanted {
    pub requests: u64,
    pub view: View,
    /// Accounts that were there before have to be the same ones afterwards.
    pub ids: BTreeMap<String, String>,
}

impl Wanted {
    pub(super) async fn of<S: Mortal>(eve: &World<S>) -> Self {
        let mut world = eve.fork();
        world.fair_cycle().await;
        let requests = world.net.inner().requests;
        let view = world.view();
        world.fair_cycle().await;
        assert_eq!(world.net.inner().requests, 0, "one cycle is enough");
        let mut ids = eve.ids();
        ids.retain(|owner, _| view.contains_key(owner));
        Self { requests, view, ids }
    }

    /// After one or two runs without faults it has come to just this.
    pub(super) async fn reached<S: Mortal>(&self, world: &mut World<S>) -> Result<(), String> {
        world.net.send_strangers_home();
        for _ in 0..2 {
            tokio::time::advance(TWO_DAYS).await;
            world.fair_cycle().await;
            if world.view() == self.view {
                break;
            }
        }
        let seen = world.view();
        if seen != self.view {
            return Err(format!("another end:\n  {}", difference(&seen, &self.view)));
        }
        tokio::time::advance(TWO_DAYS).await;
        world.fair_cycle().await;
        let ids = world.ids();
        let inner = world.net.inner();
        if inner.requests != 0 {
            return Err(format!("still {} requests when all is done", inner.requests));
        }
        if let Some((owner, id)) = self.ids.iter().find(|(owner, id)| ids.get(*owner) != Some(id)) {
            return Err(format!("what {owner} has was {id} and is {:?}", ids.get(owner)));
        }
        match inner.checker.violations.first() {
            Some(violation) => Err(violation.clone()),
            None => Ok(()),
        }
    }
}

/// Runs `case` for every number below `count` on every processor, each in a runtime whose clock is paused.
/// Returns what failed.
pub(super) fn on_all_processors<T: Send>(count: usize, case: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut results = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                return results;
            }
            results.push(case(at));
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect()
    })
}

/// A runtime whose clock stands still until everybody waits.
pub(super) fn paused<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(work)
}

#[test]
fn every_step_fails_once_in_every_way() {
    every_step(Day::People);
}

#[test]
fn every_step_with_groups_fails_once_in_every_way() {
    every_step(Day::Teams);
}

fn every_step(day: Day) {
    let begun = std::time::Instant::now();
    let cases: Vec<(&str, Fault, Lasts)> = Profile::NAMES
        .into_iter()
        .flat_map(|profile| FAULTS.map(|fault| (profile, fault)))
        .flat_map(|(profile, fault)| fault.lasts().iter().map(move |lasts| (profile, fault, *lasts)))
        .filter(|(profile, fault, _)| applies(&Profile::named(profile).unwrap(), *fault))
        .collect();
    let results = on_all_processors(cases.len(), |at| {
        let (profile, fault, lasts) = cases[at];
        (cases[at], paused(all_steps(day, profile, fault, lasts)))
    });
    let mut covered: BTreeMap<Fault, u64> = BTreeMap::new();
    let mut failures = Vec::new();
    for ((_, fault, _), (count, failed)) in results {
        *covered.entry(fault).or_default() += count;
        failures.extend(failed);
    }
    let total: u64 = covered.values().sum();
    println!(
        "{day:?}: {total} runs with a fault: {} profiles, {} faults, each request in turn, in {:.1} s",
        Profile::NAMES.len(),
        FAULTS.len(),
        begun.elapsed().as_secs_f64()
    );
    for (fault, count) in &covered {
        println!("  {count:>6}  {fault:?}");
    }
    assert!(
        FAULTS
            .iter()
            .all(|fault| covered.get(fault).is_some_and(|count| *count > 0))
    );
    let shown: Vec<&String> = failures.iter().take(12).collect();
    assert!(failures.is_empty(), "{} of {total} runs: {shown:#?}", failures.len());
}

/// Each request in turn meets `fault`. How many met it, and what went wrong.
async fn all_steps(day: Day, profile: &str, fault: Fault, lasts: Lasts) -> (u64, Vec<String>) {
    let eve = day.eve(profile, MemoryStore::default()).await;
    let wanted = Wanted::of(&eve).await;
    let (mut met, mut failed) = (0, Vec::new());
    for nth in 1..=wanted.requests {
        fastrand::seed(nth);
        let mut world = eve.fork();
        let what = What::Fails(fault, lasts);
        let ended = world.cycle(Weather::At { nth, what }, ReadFault::None).await;
        assert!(matches!(ended, Ended::Done(_)));
        met += u64::from(world.net.inner().met.contains_key(&fault));
        if let Err(why) = wanted.reached(&mut world).await {
            failed.push(format!("{profile}, request {nth}, {fault:?} {lasts:?}: {why}"));
        }
    }
    (met, failed)
}
