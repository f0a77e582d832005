//! Storms: chance on both sides, a company that changes between runs, kills; afterwards the cloud is the
//! directory within two cycles, and nothing was ever taken away that may not be.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use fastrand::Rng;
use serde_json::Value as Json;

use super::{
    company::anchor,
    directory::ReadFault,
    kills::kill_at,
    net::{Weather, What},
    people::People,
    steps::{on_all_processors, paused},
    teams::anchor_of_team,
    view::{View, difference},
    world::{Ended, Mortal, TWO_DAYS, World},
};
use crate::{profile::Profile, testing::MemoryStore};

/// One seed alone, when set.
const SEED: &str = "SCIMWARD_STORM_SEED";
/// How many seeds.
const SEEDS: &str = "SCIMWARD_STORM_SEEDS";
/// The first of them: a soak takes others every time.
const FIRST: &str = "SCIMWARD_STORM_FIRST";
const SEEDS_DEFAULT: u64 = 400;

/// What one or more storms came to.
#[derive(Default)]
pub(super) struct Log {
    pub cycles: u64,
    kills: u64,
    people: u64,
    requests: u64,
    faults: BTreeMap<String, u64>,
    pub violations: Vec<String>,
}

impl Log {
    fn add(&mut self, other: Self) {
        self.cycles += other.cycles;
        self.kills += other.kills;
        self.people += other.people;
        self.requests += other.requests;
        for (name, count) in other.faults {
            *self.faults.entry(name).or_default() += count;
        }
        self.violations.extend(other.violations);
    }

    fn print(&self, seeds: u64, seconds: f64) {
        println!(
            "storms: {seeds}  cycles: {}  requests: {}  kills: {}  people: {}  violations: {}  seconds: {seconds:.1}",
            self.cycles,
            self.requests,
            self.kills,
            self.people,
            self.violations.len()
        );
        for (name, count) in &self.faults {
            println!("  {count:>8}  {name}");
        }
    }
}

#[test]
fn after_every_storm_the_cloud_is_the_directory() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (first, seeds) = match number(SEED) {
        Some(seed) => (seed, 1),
        None => (number(FIRST).unwrap_or(1), number(SEEDS).unwrap_or(SEEDS_DEFAULT)),
    };
    let begun = Instant::now();
    let mut log = Log::default();
    let one = |at: usize| {
        let seed = first + at as u64;
        let storm = std::panic::catch_unwind(|| paused(storm(seed, MemoryStore::default())));
        storm.unwrap_or_else(|_| Log {
            violations: vec![format!(
                "a panic; again: {SEED}={seed} cargo test --lib after_every_storm -- --nocapture"
            )],
            ..Log::default()
        })
    };
    for storm in on_all_processors(seeds as usize, one) {
        log.add(storm);
    }
    log.print(seeds, begun.elapsed().as_secs_f64());
    assert!(log.cycles > 0 && seeds > 0);
    let shown: Vec<_> = log.violations.iter().take(8).collect();
    assert!(
        shown.is_empty(),
        "{} violations:\n{}",
        log.violations.len(),
        shown.iter().map(|line| line.as_str()).collect::<Vec<_>>().join("\n")
    );
}

/// One history.
pub(super) async fn storm<S: Mortal>(seed: u64, store: S) -> Log {
    fastrand::seed(seed);
    let mut rng = Rng::with_seed(seed);
    let profile = Profile::NAMES[rng.usize(..Profile::NAMES.len())];
    let mut world = World::new(profile, store);
    world.keeps_unflushed = rng.bool();
    world.net.inner().is_told = std::env::var(SEED).is_ok();
    let mut log = Log::default();
    let mut people = People::new(&mut rng, &world);
    people.join(&mut world.company, 12);
    for _ in 0..rng.u32(3..9) {
        people.change(&mut world.company);
        people.change_teams(&mut world.teams, &world.company);
        stormy_cycle(&mut world, &mut rng, &mut log).await;
        tokio::time::advance(Duration::from_secs(rng.u64(600..100_000))).await;
    }
    if let Err(why) = settle(&mut world, &mut log).await {
        log.violations.push(why);
    }
    let inner = world.net.inner();
    log.violations.extend(inner.checker.violations.iter().cloned());
    for (fault, count) in &inner.met {
        *log.faults.entry(format!("{fault:?}")).or_default() += count;
    }
    log.people = people.born as u64;
    for violation in &mut log.violations {
        *violation =
            format!("{violation}\n  {profile}; again: {SEED}={seed} cargo test --lib after_every_storm -- --nocapture");
    }
    log
}

async fn stormy_cycle<S: Mortal>(world: &mut World<S>, rng: &mut Rng, log: &mut Log) {
    let weather = match rng.u8(..10) {
        0 => Weather::Fair,
        1 | 2 => kill_at(rng.u64(1..20), rng.bool()),
        3 => Weather::At {
            nth: rng.u64(1..20),
            what: What::Stop,
        },
        _ => Weather::Storm {
            rng: rng.fork(),
            probability: [0.02, 0.1, 0.3, 0.7][rng.usize(..4)],
        },
    };
    let read = match read_fault(rng) {
        ReadFault::LostRights(percent) if !world.misses_too_many(percent) => ReadFault::None,
        read => read,
    };
    world.read_of_groups = match read_fault(rng) {
        // As above: what the limits allow would be lost.
        ReadFault::LostRights(_) => ReadFault::None,
        read => read,
    };
    for read in [read, world.read_of_groups] {
        if read != ReadFault::None {
            *log.faults.entry(read.name().into()).or_default() += 1;
        }
    }
    log.cycles += 1;
    if world.net.inner().is_told {
        println!("cycle: {weather:?}, {read:?}, groups: {:?}", world.read_of_groups);
        for (name, person) in &world.company {
            println!("  {name} {}: {person:?}", anchor(name));
        }
        for (name, team) in &world.teams {
            println!("  {name} {}: {team:?}", anchor_of_team(name));
        }
    }
    if matches!(world.cycle(weather, read).await, Ended::Killed) {
        log.kills += 1;
    }
    log.requests += world.net.inner().requests;
    if rng.bool() {
        world.net.send_strangers_home();
    }
}

fn read_fault(rng: &mut Rng) -> ReadFault {
    let share = rng.usize(..100);
    match rng.u8(..20) {
        0 => ReadFault::Cut(share),
        1 => ReadFault::RefusedBind,
        2 => ReadFault::Unreachable,
        3 => ReadFault::SizeLimit(share),
        4 => ReadFault::EmptySuccess,
        5 => ReadFault::FailOver(share),
        // More than the limits allow: what they allow, they allow to a directory that lies as well.
        6 => ReadFault::LostRights(rng.usize(..50)),
        _ => ReadFault::None,
    }
}

/// The storm is over: two cycles, then none that sends anything.
async fn settle<S: Mortal>(world: &mut World<S>, log: &mut Log) -> Result<(), String> {
    world.net.send_strangers_home();
    rename_those_who_want_a_leavers_name(world);
    rename_teams_that_want_the_name_of_one_that_left(world);
    world.approves = true;
    world.read_of_groups = ReadFault::None;
    for _ in 0..2 {
        tokio::time::advance(TWO_DAYS).await;
        world.fair_cycle().await;
        log.cycles += 1;
        log.requests += world.net.inner().requests;
    }
    let wanted = wanted(world).await;
    let seen = living(world, &world.view());
    if seen != wanted {
        return Err(format!(
            "the cloud is not the directory:\n  {}",
            difference(&seen, &wanted)
        ));
    }
    let anchors: BTreeSet<String> = world.company.keys().map(|name| anchor(name)).collect();
    for (owner, account) in world.view() {
        let is_off = account.get("active") == Some(&Json::Bool(false)) || account.get("userName").is_none();
        if !anchors.contains(&owner) && !owner.starts_with("nobody's") && !is_off {
            return Err(format!("{owner} left and can still get in: {account}"));
        }
    }
    let anchors: BTreeSet<String> = world.teams.keys().map(|name| anchor_of_team(name)).collect();
    for (owner, group) in world.view() {
        if group.get("members").is_some() && !anchors.contains(&owner) {
            return Err(format!("the group {owner} left and has members: {group}"));
        }
    }
    world.fair_cycle().await;
    match world.net.inner().requests {
        0 => Ok(()),
        more => Err(format!("{more} requests when all is done")),
    }
}

/// A leaver's account keeps its name until it is deleted, and nobody else gets it: that is reported, and
/// mended by those who give out names.
fn rename_those_who_want_a_leavers_name<S: Mortal>(world: &mut World<S>) {
    let anchors: BTreeSet<String> = world.company.keys().map(|name| anchor(name)).collect();
    let view = world.view();
    let held: BTreeSet<&str> = view
        .iter()
        .filter(|(owner, _)| !anchors.contains(*owner))
        .filter_map(|(_, account)| account["userName"].as_str())
        .collect();
    for (name, person) in &mut world.company {
        if held.contains(person.uid.as_str()) {
            person.uid = format!("{name}y");
        }
    }
}

/// The same of groups: the place of one that left is a new one's, but no other's.
fn rename_teams_that_want_the_name_of_one_that_left<S: Mortal>(world: &mut World<S>) {
    let anchors: BTreeSet<String> = world.teams.keys().map(|name| anchor_of_team(name)).collect();
    let view = world.view();
    let held: BTreeSet<&str> = view
        .iter()
        .filter(|(owner, _)| !anchors.contains(*owner))
        .filter_map(|(_, group)| group["displayName"].as_str())
        .collect();
    for (name, team) in &mut world.teams {
        if held.contains(team.cn.as_str()) {
            team.cn = format!("{name}y");
        }
    }
}

/// What a new cloud comes to with this directory.
async fn wanted<S: Mortal>(world: &World<S>) -> View {
    let mut fresh = World::new(&world.profile().name, MemoryStore::default());
    fresh.company = world.company.clone();
    fresh.teams = world.teams.clone();
    fresh.fair_cycle().await;
    living(&fresh, &fresh.view())
}

/// The accounts of those who are here, and the groups that are. A manager who is not keeps his place until there is another one, so
/// what is said of him is left out.
fn living<S: Mortal>(world: &World<S>, view: &View) -> View {
    let mut living = View::new();
    for (name, person) in &world.company {
        let Some(mut account) = view.get(&anchor(name)).cloned() else {
            continue;
        };
        if person
            .manager
            .as_ref()
            .is_some_and(|manager| !world.company.contains_key(manager))
        {
            let extension = account
                .get_mut(crate::model::ENTERPRISE_USER)
                .and_then(Json::as_object_mut);
            if let Some(extension) = extension {
                extension.remove("manager");
            }
            if let Some(account) = account.as_object_mut() {
                account.retain(|_, value| value.as_object().is_none_or(|inner| !inner.is_empty()));
            }
        }
        living.insert(anchor(name), account);
    }
    for anchor in world.teams.keys().map(|name| anchor_of_team(name)) {
        if let Some(group) = view.get(&anchor) {
            living.insert(anchor, group.clone());
        }
    }
    living
}
