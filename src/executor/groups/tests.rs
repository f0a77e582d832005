//! Plans for groups carried out against a state and a cloud in memory.

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::{GroupExecution, execute_groups};
use crate::{
    executor::Pace,
    model::{Absence, DnKey, MappedGroup, MemberKey},
    plan::{
        groups::{
            Account, GroupPlan, Inputs, Roster, Sightings, plan,
            testing::{group, key, resource},
        },
        settings::{GoneAction, GoneGroups, Nesting},
    },
    ports::{GroupStore, ProviderError, SharedObserver, StateStore, Unwatched},
    testing::{MemoryCloud, MemoryStore, give_account, world},
};

struct World {
    store: Arc<MemoryStore>,
    cloud: Arc<MemoryCloud>,
    people: BTreeSet<String>,
    gone: GoneAction,
    now: i64,
}

impl World {
    /// With accounts for these people.
    async fn with(people: &[&str]) -> Self {
        let (store, cloud) = world();
        let mut world = Self {
            store,
            cloud,
            people: BTreeSet::new(),
            gone: GoneAction::Delete,
            now: 1_000,
        };
        for name in people {
            world.join(name).await;
        }
        world
    }

    async fn join(&mut self, name: &str) {
        give_account(&self.cloud, &self.store, name, serde_json::json!({"userName": name})).await;
        self.people.insert(name.to_owned());
    }

    fn plan(&self, groups: &[MappedGroup]) -> GroupPlan {
        let account = |name: &String| Account {
            key: key(name),
            dn: DnKey::of(&format!("uid={name}")),
            is_new: false,
            is_seen: true,
            may_be_here: false,
        };
        let accounts: Vec<Account> = self.people.iter().map(account).collect();
        plan(Inputs {
            groups,
            links: self.store.groups().unwrap(),
            in_doubt: self.store.members_in_doubt().unwrap(),
            rejects: self.store.group_rejects().unwrap(),
            roster: &Roster::new(&accounts, Sightings::default()),
            absence: Absence::AllButPresent,
            nesting: Nesting::Flatten,
            gone: GoneGroups {
                action: self.gone,
                delete_after_days: 0,
            },
            confirm_cycles: 1,
            pushed: &|group, sum| self.store.members(group, sum),
            now: self.now,
        })
        .unwrap()
    }

    async fn execute(&self, plan: GroupPlan) -> GroupExecution {
        for (group, link) in plan.link_changes {
            let change = match link {
                Some(link) => crate::ports::GroupChange::Put(group, Box::new(link)),
                None => crate::ports::GroupChange::Forget(group),
            };
            self.store.apply_groups(&[change]).unwrap();
        }
        self.store.save_group_rejects(&plan.reject_changes).unwrap();
        let pace = Pace {
            concurrency: 4,
            now: self.now,
        };
        let observer: SharedObserver = Arc::new(Unwatched);
        let stop = CancellationToken::new();
        execute_groups(plan.operations, &self.cloud, &self.store, pace, &observer, &stop)
            .await
            .unwrap()
    }

    async fn sync(&self, groups: &[MappedGroup]) -> GroupExecution {
        self.execute(self.plan(groups)).await
    }

    /// Every group of the cloud as `name: people`.
    fn cloud_says(&self) -> Vec<String> {
        let accounts = self.cloud.accounts();
        let name = |id: &String| accounts[id].resource.user_name().to_owned();
        let line = |group: &crate::testing::groups::Group| {
            let people: BTreeSet<String> = group.members.iter().map(name).collect();
            let people: Vec<String> = people.into_iter().collect();
            format!(
                "{}: {}",
                group.resource.text("displayName").unwrap_or_default(),
                people.join(" ")
            )
        };
        let mut lines: Vec<String> = self.cloud.groups().values().map(line).collect();
        lines.sort();
        lines
    }

    fn requests(&self) -> usize {
        self.cloud.group_log().len()
    }
}

const A: &str = "uid=ada";
const B: &str = "uid=bob";
const C: &str = "uid=cyd";

#[tokio::test]
async fn a_life_of_groups() {
    let world = World::with(&["ada", "bob", "cyd"]).await;
    let done = world.sync(&[group("vpn", &[A, B]), group("empty", &[])]).await;
    assert_eq!((done.added, done.failed), (2, 0));
    assert_eq!(world.cloud_says(), ["empty: ", "vpn: ada bob"]);
    let before = world.requests();
    world.sync(&[group("vpn", &[B, A]), group("empty", &[])]).await;
    assert_eq!(world.requests(), before, "nothing changed");
    world.sync(&[group("vpn", &[A, C]), group("empty", &[])]).await;
    assert_eq!(world.requests(), before + 1, "one request for one group");
    assert_eq!(world.cloud_says(), ["empty: ", "vpn: ada cyd"]);
    let mut renamed = group("vpn", &[A, C]);
    renamed.resource = Ok(resource("remote"));
    world.sync(&[renamed.clone(), group("empty", &[])]).await;
    assert_eq!(world.requests(), before + 2, "a rename touches no member");
    world.sync(&[renamed]).await;
    assert_eq!(world.cloud_says(), ["remote: ada cyd"]);
    assert!(world.plan(&[]).operations.len() == 1);
}

#[tokio::test]
async fn members_travel_in_chunks_and_one_more_is_one_request() {
    let names: Vec<String> = (0..25).map(|at| format!("p{at:02}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = World::with(&all).await;
    world.cloud.set_member_chunk(10);
    let dns: Vec<String> = names.iter().map(|name| format!("uid={name}")).collect();
    let listed: Vec<&str> = dns.iter().map(String::as_str).collect();
    world.sync(&[group("all", &listed[..24])]).await;
    assert_eq!(world.requests(), 1 + 3);
    world.sync(&[group("all", &listed)]).await;
    assert_eq!(world.cloud.group_log()[4..], ["members g-1 +id-25"]);
}

#[tokio::test]
async fn somebody_deleted_by_hand_stops_nobody_else() {
    let mut world = World::with(&["ada", "bob", "cyd"]).await;
    world.cloud.remove("id-2");
    let done = world.sync(&[group("vpn", &[A, B, C])]).await;
    assert_eq!((done.added, done.waiting, done.failed), (2, 1, 0));
    assert_eq!(world.cloud_says(), ["vpn: ada cyd"]);
    let marks = world.store.marks().unwrap();
    let looked_at_again = |name: &str| marks.iter().any(|(it, mark)| *it == key(name) && mark.body.is_unset());
    assert!(looked_at_again("bob") && !looked_at_again("ada"));
    // Made anew, under another id.
    world.people.remove("bob");
    world.join("bob").await;
    world.sync(&[group("vpn", &[A, B, C])]).await;
    assert_eq!(world.cloud_says(), ["vpn: ada bob cyd"]);
}

#[tokio::test]
async fn an_account_made_anew_is_put_in_again() {
    let mut world = World::with(&["ada", "bob"]).await;
    world.sync(&[group("vpn", &[A, B]), group("other", &[A])]).await;
    world.cloud.remove("id-2");
    world.people.remove("bob");
    world.join("bob").await;
    let before = world.requests();
    world.sync(&[group("vpn", &[A, B]), group("other", &[A])]).await;
    assert_eq!(world.cloud.group_log()[before..], ["members g-2 +id-3"]);
    assert_eq!(world.cloud_says(), ["other: ada", "vpn: ada bob"]);
}

#[tokio::test]
async fn a_group_deleted_by_hand_is_made_again() {
    let world = World::with(&["ada", "bob"]).await;
    world.sync(&[group("vpn", &[A])]).await;
    world.cloud.remove_group("g-1");
    let done = world.sync(&[group("vpn", &[A, B])]).await;
    assert_eq!(done.failed, 1);
    let mut later = world;
    later.now += 100_000;
    later.sync(&[group("vpn", &[A, B])]).await;
    assert_eq!(later.cloud_says(), ["vpn: ada bob"]);
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_is_found_again() {
    let world = World::with(&["ada"]).await;
    let plan = world.plan(&[group("vpn", &[A])]);
    super::announce(&plan.operations, &*world.store).unwrap();
    // It took effect, and the program was killed before it learned of that.
    let payload = super::single::payload(&plan.operations[0]);
    crate::ports::GroupProvider::create_group(&*world.cloud, &payload, false, &|_| false)
        .await
        .unwrap();
    world.sync(&[group("vpn", &[A])]).await;
    assert_eq!(world.cloud.group_log()[1..], ["look, create vpn", "members g-1 +id-1"]);
    assert_eq!(world.cloud_says(), ["vpn: ada"]);
}

#[tokio::test]
async fn a_refused_group_waits_and_others_go_on() {
    let world = World::with(&["ada"]).await;
    world.cloud.refuse("bad");
    let groups = [group("bad", &[A]), group("good", &[A])];
    assert_eq!(world.sync(&groups).await.failed, 1);
    assert_eq!(world.cloud_says(), ["good: ada"]);
    let before = world.requests();
    world.sync(&groups).await;
    assert_eq!(world.requests(), before, "not repeated until it changes");
    assert_eq!(world.store.group_rejects().unwrap().len(), 1);
}

#[tokio::test]
async fn names_are_swapped_and_passed_on() {
    let world = World::with(&[]).await;
    let named = |anchor: &str, name: &str| {
        let mut group = group(anchor, &[]);
        group.resource = Ok(resource(name));
        group
    };
    world.sync(&[named("1", "a"), named("2", "b"), named("3", "c")]).await;
    let ids = |world: &World| -> Vec<(String, String)> {
        let groups = world.cloud.groups();
        groups.into_iter().map(|(id, it)| (id, it.external_id)).collect()
    };
    let before = ids(&world);
    let done = world
        .sync(&[named("1", "b"), named("2", "a"), named("3", "d"), named("4", "c")])
        .await;
    assert_eq!(done.failed, 0);
    assert_eq!(world.cloud_says(), ["a: ", "b: ", "c: ", "d: "]);
    assert_eq!(ids(&world)[..3], before, "nobody was deleted and made again");
}

#[tokio::test]
async fn emptied_then_deleted() {
    let mut world = World::with(&["ada"]).await;
    world.gone = GoneAction::Empty;
    world.sync(&[group("vpn", &[A])]).await;
    world.sync(&[]).await;
    assert_eq!(world.cloud_says(), ["vpn: "]);
    let (before, link) = (world.requests(), world.store.groups().unwrap()[0].1.clone());
    assert_eq!((link.emptied_at, link.members.count), (1_000, 0));
    world.sync(&[]).await;
    assert_eq!(world.requests(), before);
    world.sync(&[group("vpn", &[A])]).await;
    assert_eq!(world.cloud_says(), ["vpn: ada"]);
    assert_eq!(world.store.groups().unwrap()[0].1.emptied_at, 0);
}

#[tokio::test]
async fn a_stop_sends_nothing_more_and_says_so() {
    let world = World::with(&["ada"]).await;
    let plan = world.plan(&[group("vpn", &[A])]);
    let (pace, observer): (_, SharedObserver) = (Pace { concurrency: 1, now: 0 }, Arc::new(Unwatched));
    let stop = CancellationToken::new();
    stop.cancel();
    let done = execute_groups(plan.operations, &world.cloud, &world.store, pace, &observer, &stop)
        .await
        .unwrap();
    assert_eq!((done.skipped, done.stopped), (1, Some(ProviderError::Cancelled)));
    assert_eq!(world.requests(), 0);
    world.sync(&[group("vpn", &[A])]).await;
    assert_eq!(world.cloud_says(), ["vpn: ada"]);
}

/// Group → people and inner groups, by number.
type Shape = Vec<(bool, BTreeSet<u8>, BTreeSet<u8>)>;

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    let people = proptest::collection::btree_set(0..6_u8, 0..5);
    let inner = proptest::collection::btree_set(0..4_u8, 0..3);
    let group = (any::<bool>(), people, inner);
    proptest::collection::vec(proptest::collection::vec(group, 4), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the groups become, the cloud has them after one cycle, and the next one sends nothing.
    #[test]
    fn the_cloud_follows_the_directory(history in shapes()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let names = ["p0", "p1", "p2", "p3", "p4", "p5"];
            let world = World::with(&names[..5]).await;
            for shape in history {
                let read = shape.iter().enumerate().filter(|(_, (present, ..))| *present);
                let groups: Vec<MappedGroup> = read
                    .map(|(at, (_, people, inner))| {
                        let mut group = group(&format!("g{at}"), &[]);
                        group.members = people.iter().map(|p| MemberKey::dn(&format!("uid=p{p}"))).collect();
                        group.members.extend(inner.iter().map(|g| MemberKey::dn(&format!("cn=g{g}"))));
                        group
                    })
                    .collect();
                world.sync(&groups).await;
                let expected: Vec<String> = shape
                    .iter()
                    .enumerate()
                    .filter(|(_, (present, ..))| *present)
                    .map(|(at, _)| format!("g{at}: {}", people_below(&shape, at)))
                    .collect();
                assert_eq!(world.cloud_says(), expected);
                let before = world.requests();
                world.sync(&groups).await;
                assert_eq!(world.requests(), before);
            }
        });
    }
}

/// Everybody below a group, found in the simplest way there is: until nothing is added any more. Person 5
/// has no account.
fn people_below(shape: &Shape, group: usize) -> String {
    let mut groups = BTreeSet::from([group]);
    loop {
        let inner = groups.iter().flat_map(|at| &shape[*at].2).map(|at| usize::from(*at));
        let more: BTreeSet<usize> = inner.filter(|at| shape[*at].0).chain(groups.iter().copied()).collect();
        if more == groups {
            break;
        }
        groups = more;
    }
    let people: BTreeSet<u8> = groups.iter().flat_map(|at| shape[*at].1.iter().copied()).collect();
    let names: Vec<String> = people.iter().filter(|p| **p < 5).map(|p| format!("p{p}")).collect();
    names.join(" ")
}
