//! `kill -9` at any instant, and an orderly stop: the next run reaches the same end, with nobody twice
//! and nothing lost.
#![cfg(test)]

mod support;

use std::collections::BTreeMap;

use support::{
    people::{Person, person},
    proxy::Proxy,
    recorder::{Fault, Recorded, Rule, Which},
    scim_servers::ScimServer,
    scimward::Process,
    stage::Stage,
};

const PEOPLE: usize = 150;
/// After so many there is nobody left to whom nothing has happened.
const WEEKS: usize = 6;
/// Kills in all, unless `SCIMWARD_KILLS` says otherwise.
const KILLS: u64 = 200;

/// A small generator with a seed (Steele and others, SplitMix64): the same instants in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }
}

/// When a run is killed.
#[derive(Clone, Copy, Debug)]
enum Instant {
    /// As soon as the cloud has seen so many requests.
    Seen(usize),
    /// While this request is on its way.
    Before(usize),
    /// With this request carried out and its answer on its way.
    After(usize),
    /// As soon as the directory has sent so many bytes.
    Reading(u64),
}

impl Instant {
    fn any(random: &mut Random, requests: usize) -> Self {
        let n = 1 + random.below(requests);
        match random.below(7) {
            0 | 1 => Self::Seen(n),
            2 | 3 => Self::Before(n),
            4 | 5 => Self::After(n),
            _ => Self::Reading(random.below(90_000) as u64),
        }
    }
}

/// The stage with a proxy before its directory.
struct Scene {
    stage: Stage,
    ldap: Proxy,
}

impl Scene {
    fn with_people(count: usize) -> Self {
        let stage = Stage::with_people(count);
        let ldap = Proxy::start(stage.slapd.address());
        let urls = format!("[{}]", support::config::text(&ldap.ldap_url()));
        let stage = stage
            .set("ldap", "urls", &urls)
            .set("limits", "max_removals", "1000")
            .set("limits", "max_removals_percent", "100")
            .set("scim", "concurrency", "4");
        Self { stage, ldap }
    }

    /// Runs a cycle and kills it at `instant`; false when it ended before.
    fn kill_at(&self, instant: Instant) -> bool {
        let cloud = &self.stage.cloud;
        let fault = match instant {
            Instant::Before(n) => Some((n, Fault::Hold)),
            Instant::After(n) => Some((n, Fault::HoldAfterEffect)),
            Instant::Seen(_) | Instant::Reading(_) => None,
        };
        if let Some((n, fault)) = fault {
            cloud.rule(Rule::new("", Which::Nth(n), fault));
        }
        let read_before = self.ldap.downstream_bytes();
        let running = self.stage.start_sync();
        let reached = || match instant {
            Instant::Seen(n) | Instant::Before(n) | Instant::After(n) => cloud.count() >= n,
            Instant::Reading(bytes) => self.ldap.downstream_bytes() - read_before >= bytes,
        };
        let killed = support::wait_for("the instant, or the end", || {
            // In this order: what has ended can still have reached it.
            let ended = running.ended();
            reached().then_some(true).or(ended.then_some(false))
        });
        let run = if killed { running.kill() } else { running.wait() };
        let killed = run.code.is_none();
        if !killed {
            let _ = run.expect(0);
        }
        cloud.clear_rules();
        cloud.release();
        // What was on its way arrives before the next run, as far as it ever does.
        support::wait_for("the cloud is at rest", || {
            cloud.release();
            cloud
                .requests()
                .iter()
                .all(|request| request.status.is_some())
                .then_some(())
        });
        killed
    }

    /// One run to the end; what it brings about must be what is wanted, and nothing more to do.
    fn settle(&self, wanted: &Wanted, after: &dyn std::fmt::Debug) {
        let run = self.stage.sync();
        assert_eq!(run.code, Some(0), "{after:?}\n{}", run.everything());
        wanted.check(&self.stage.scim, after);
        self.stage.sync().expect(0);
        assert_eq!(self.stage.cloud.log(), "", "{after:?}: one more run has nothing to do");
    }

    /// As before the first sync.
    fn start_over(&self) {
        for user in self.stage.scim.users() {
            let target = format!("Users/{}", user["id"].as_str().unwrap());
            assert_eq!(self.stage.scim.request("DELETE", &target, None).status(), 204);
        }
        let _ = std::fs::remove_dir_all(self.stage.config.state());
    }
}

/// What the cloud has to hold in the end: title and whether in use, by `externalId`.
struct Wanted(BTreeMap<String, (String, String, bool)>);

impl Wanted {
    /// The directory as it is, and the leavers by anchor.
    fn of(stage: &Stage, leavers: &BTreeMap<String, (String, String)>) -> Self {
        let listed = stage.slapd.search(
            support::slapd::READER,
            &[
                "-H",
                &stage.slapd.url(),
                "-E",
                "pr=500/noprompt",
                "(uid=*)",
                "uid",
                "title",
                "entryUUID",
            ],
        );
        let listed = String::from_utf8(listed.stdout).unwrap();
        let mut wanted = BTreeMap::new();
        for record in listed.split("\n\n") {
            let value = |name: &str| {
                let start = format!("{name}: ");
                let line = record.lines().find_map(|line| line.strip_prefix(&start));
                line.unwrap_or_default().to_owned()
            };
            if !value("uid").is_empty() {
                wanted.insert(value("entryUUID"), (value("uid"), value("title"), true));
            }
        }
        for (anchor, (name, title)) in leavers {
            wanted.insert(anchor.clone(), (name.clone(), title.clone(), false));
        }
        Self(wanted)
    }

    fn check(&self, scim: &ScimServer, after: &dyn std::fmt::Debug) {
        let mut there = BTreeMap::new();
        let users = scim.users();
        for user in &users {
            let text = |name: &str| user[name].as_str().unwrap_or_default().to_owned();
            let active = user["active"].as_bool().unwrap_or(true);
            let earlier = there.insert(text("externalId"), (text("userName"), text("title"), active));
            assert_eq!(earlier, None, "{after:?}: twice in the cloud");
        }
        assert_eq!(there, self.0, "{after:?}");
        let mut names: Vec<_> = there.values().map(|(name, ..)| name.to_lowercase()).collect();
        names.dedup();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), users.len(), "{after:?}: names are unique");
        managers(&users, after);
    }
}

/// Everybody but the first has a manager who is there.
fn managers(users: &[serde_json::Value], after: &dyn std::fmt::Debug) {
    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let ids: Vec<_> = users.iter().filter_map(|user| user["id"].as_str()).collect();
    for user in users.iter().filter(|user| user["userName"] != person(1).uid) {
        let manager = user[ENTERPRISE]["manager"]["value"].as_str();
        assert!(manager.is_some_and(|id| ids.contains(&id)), "{after:?}: {user:#}");
    }
}

/// What share of the kills falls to each kind of test, and how many of them there have been so far.
struct Kills {
    wanted: usize,
    done: usize,
    random: Random,
}

impl Kills {
    /// `percent` of all. A soak wants more of them than a run of the tests, and from other seeds.
    fn share(percent: usize, seed: u64) -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
        let all = usize::try_from(number("SCIMWARD_KILLS").unwrap_or(KILLS)).unwrap();
        Self {
            wanted: (all * percent).div_ceil(100),
            done: 0,
            random: Random(seed + number("SCIMWARD_KILL_SEED").unwrap_or(0)),
        }
    }

    fn are_enough(&self) -> bool {
        self.done >= self.wanted
    }

    /// Kills a cycle that has `requests` to send again and again, at most `times` times, and stops when
    /// one ended before its instant.
    fn of_one_cycle(&mut self, scene: &Scene, times: usize, requests: usize) -> Vec<Instant> {
        let mut instants = Vec::new();
        for _ in 0..times {
            let instant = Instant::any(&mut self.random, requests);
            instants.push(instant);
            if !scene.kill_at(instant) {
                break;
            }
            self.done += 1;
        }
        instants
    }

    /// For the figures of a soak.
    fn print(&self, what: &str) {
        println!("kills: {} {what}", self.done);
    }
}

#[test]
fn a_first_sync_killed_once_is_completed_by_the_next_run() {
    let scene = Scene::with_people(PEOPLE);
    let wanted = Wanted::of(&scene.stage, &BTreeMap::new());
    let mut kills = Kills::share(10, 1);
    while !kills.are_enough() {
        let instants = kills.of_one_cycle(&scene, 1, PEOPLE);
        scene.settle(&wanted, &instants);
        scene.start_over();
    }
    kills.print("of first syncs, once each");
}

#[test]
fn a_first_sync_killed_time_and_again_gets_done() {
    let scene = Scene::with_people(PEOPLE);
    let wanted = Wanted::of(&scene.stage, &BTreeMap::new());
    let mut kills = Kills::share(55, 2);
    while !kills.are_enough() {
        let instants = kills.of_one_cycle(&scene, 16, 20);
        scene.settle(&wanted, &instants);
        scene.start_over();
    }
    kills.print("of first syncs, time and again");
}

/// Joiners, movers, people with a new name and leavers: `round` decides who.
fn week(stage: &Stage, round: usize, leavers: &mut BTreeMap<String, (String, String)>) {
    for joiner in 1..=6 {
        // Their managers are people who stay, with their names.
        stage.slapd.modify(&person(PEOPLE + 6 * round + joiner).ldif());
    }
    let regular = |offset: usize| person(20 + 20 * round + offset);
    for offset in 0..6 {
        stage
            .slapd
            .replace(&regular(offset).dn(), "title", &[&format!("Title {round}")]);
    }
    for offset in 6..10 {
        let Person { uid, .. } = regular(offset);
        stage
            .slapd
            .rename(&regular(offset).dn(), &format!("uid={uid}-{round}"), None);
    }
    for offset in 10..16 {
        let leaver = regular(offset);
        let account = stage.scim.user(&leaver.uid).unwrap();
        let text = |name: &str| account[name].as_str().unwrap().to_owned();
        leavers.insert(text("externalId"), (text("userName"), text("title")));
        stage.slapd.delete(&leaver.dn());
    }
}

#[test]
fn a_mixed_cycle_killed_time_and_again_gets_done() {
    let mut kills = Kills::share(35, 3);
    while !kills.are_enough() {
        let scene = Scene::with_people(PEOPLE);
        scene.stage.sync().expect(0);
        let mut leavers = BTreeMap::new();
        for round in 0..WEEKS {
            week(&scene.stage, round, &mut leavers);
            let wanted = Wanted::of(&scene.stage, &leavers);
            let instants = kills.of_one_cycle(&scene, 10, 8);
            scene.settle(&wanted, &(round, instants));
            if kills.are_enough() {
                break;
            }
        }
    }
    kills.print("of mixed cycles");
}

// --- an orderly stop ----------------------------------------------------------------------------

/// A first sync of 40 whose requests are held from the tenth on, with all four lanes busy.
fn held_in_the_middle(fault: Fault) -> (Stage, Process) {
    let stage = Stage::with_people(40).set("scim", "concurrency", "4");
    stage.cloud.rule(Rule::new("POST", Which::From(10), fault));
    let running = stage.start_sync();
    stage.cloud.wait_until("four requests in hand", |requests| {
        let waiting = |request: &&Recorded| request.status.is_none();
        requests.len() == 13 && requests.iter().filter(waiting).count() == 4
    });
    (stage, running)
}

#[test]
fn a_stop_finishes_the_requests_in_hand_and_remembers_them() {
    let (stage, running) = held_in_the_middle(Fault::HoldAfterEffect);
    let in_hand = stage.cloud.count();
    assert_eq!(in_hand, 13);
    running.signal(rustix::process::Signal::TERM);
    running.wait_said("stopping");
    stage.cloud.release();
    running
        .wait()
        .expect(1)
        .says("interrupted; 27 operations were not tried");
    assert_eq!(stage.cloud.count(), in_hand, "nothing was begun after the signal");
    assert_eq!(stage.scim.count(), in_hand);
    stage.cloud.clear_rules();
    stage.sync().expect(0);
    assert_eq!(stage.methods(), ["POST"; 27].join(" "), "exactly the rest");
    assert_eq!(stage.scim.count(), 40);
    stage.is_in_step();
}

#[test]
fn a_stop_does_not_wait_longer_than_one_request_may_take() {
    let stage = Stage::with_people(3).set("scim", "request_timeout", "\"1s\"");
    stage
        .cloud
        .rule(Rule::new("POST", Which::From(1), Fault::HoldAfterEffect));
    let running = stage.start_sync();
    stage
        .cloud
        .wait_until("a request in hand", |requests| !requests.is_empty());
    running.signal(rustix::process::Signal::TERM);
    // Nobody releases anything: the request runs into its own time-out.
    running.wait().expect(1).says("interrupted");
    assert_eq!(stage.methods(), "POST");
    stage.cloud.clear_rules();
    stage.cloud.release();
    stage.sync().expect(0);
    assert!(stage.methods().starts_with("GET"), "in doubt: {}", stage.cloud.log());
    assert_eq!((stage.cloud.count_of("POST"), stage.scim.count()), (2, 3));
    stage.is_in_step();
}

#[test]
fn a_second_signal_leaves_at_once() {
    let (stage, running) = held_in_the_middle(Fault::HoldAfterEffect);
    running.signal(rustix::process::Signal::TERM);
    running.wait_said("stopping");
    running.signal(rustix::process::Signal::TERM);
    let run = running.wait();
    assert_eq!(run.code, Some(143), "{}", run.everything());
    stage.cloud.clear_rules();
    stage.cloud.release();
    stage.sync().expect(0);
    assert_eq!(stage.scim.count(), 40);
    stage.is_in_step();
}
