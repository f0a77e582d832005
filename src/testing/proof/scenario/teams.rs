//! A cycle that does everything there is to do with groups.

use serde_json::json;

use super::{HOUR, account};
use crate::{
    sandbox::cloud::Kind,
    testing::proof::{
        company::{anchor, person},
        policy::GRACE_DAYS,
        teams::{Team, anchor_of_team, team},
        world::{Mortal, World},
    },
};

const ALL: [&str; 7] = ["ann", "bea", "cal", "dan", "eli", "fay", "gus"];

/// A world on the eve of that cycle.
pub(in crate::testing::proof) async fn eve<S: Mortal>(profile: &str, store: S) -> World<S> {
    let mut world = World::new(profile, store);
    found(&mut world);
    world.fair_cycle().await;
    // One group leaves for good, and one person.
    tokio::time::advance(HOUR).await;
    world.teams.remove("old");
    world.company.remove("xena");
    world.approves = true;
    world.fair_cycle().await;
    world.approves = false;
    tokio::time::advance(HOUR * 24 * (GRACE_DAYS + 1)).await;
    change(&mut world);
    world
}

/// What is there at the beginning, and what the cloud holds that is not ours.
fn found<S: Mortal>(world: &mut World<S>) {
    for name in ALL.into_iter().chain(["hal", "ivy", "xena", "zoe"]) {
        world.company.insert(name.into(), person(name));
    }
    let teams = [
        ("all", &ALL[..]),
        ("board", &["hal", "ivy"]),
        ("closing", &["ann", "bea", "cal", "dan"]),
        ("dev", &["ann", "bea", "gus", "hal"]),
        ("lab", &["cal", "dan"]),
        ("old", &["ann", "bea"]),
        ("press", &["eli"]),
        ("quiet", &["zoe", "xena", "gus"]),
        ("sales", &["fay", "gus"]),
    ];
    for (name, people) in teams {
        world.teams.insert(name.into(), team(name, people));
    }
    edit(world, "all", |all| all.teams.extend(["board".to_owned()]));
    let now = world.net.inner().now();
    let mut inner = world.net.inner();
    let inner = &mut *inner;
    // Not by hand: such accounts are members of nothing where nobody can see them.
    let visitor = account("visitor", None);
    let visitor = inner.cloud.seed(Kind::User, visitor, false, now).unwrap();
    let by_hand = json!({ "displayName": "console", "members": [{ "value": visitor }] });
    let console = inner.cloud.seed(Kind::Group, by_hand, true, now).unwrap();
    // It is there already and is ours; somebody else has been put in.
    let guests = json!({
        "displayName": "guests",
        "externalId": anchor_of_team("guests"),
        "members": [{ "value": visitor }],
    });
    inner.cloud.seed(Kind::Group, guests, false, now).unwrap();
    inner.checker.accept(&inner.cloud, [visitor, console]);
}

fn edit<S: Mortal>(world: &mut World<S>, name: &str, change: impl Fn(&mut Team)) {
    change(world.teams.get_mut(name).unwrap());
}

/// Everything happens on one day.
fn change<S: Mortal>(world: &mut World<S>) {
    let renames = world.profile().user_name_mutable;
    // Two come, one goes, one has another name and so another DN.
    for name in ["nina", "ned"] {
        world.company.insert(name.into(), person(name));
    }
    world.company.remove("zoe");
    if renames {
        world.company.get_mut("gus").unwrap().uid = "gustav".into();
    }
    // Members come and go, here and in a group within; one is a name that leads nowhere.
    edit(world, "all", |all| {
        for name in ["bea", "cal", "dan", "eli"] {
            all.people.remove(name);
        }
        all.people.insert("nobody".into());
    });
    edit(world, "board", |board| {
        board.people.remove("hal");
        board.people.extend(["nina", "cal", "dan", "eli"].map(str::to_owned));
    });
    edit(world, "dev", |dev| dev.people.retain(|name| name != "hal"));
    // A new name, a new name for one whose members change as well, and two that swap theirs.
    edit(world, "sales", |sales| sales.cn = "markets".into());
    edit(world, "dev", |dev| dev.cn = "engineering".into());
    edit(world, "lab", |lab| lab.cn = "press".into());
    edit(world, "press", |press| press.cn = "lab".into());
    // One leaves; a new one has the name of the one that is deleted today; one is empty, one is found.
    world.teams.remove("closing");
    for (name, cn, people) in [
        (
            "project",
            "project",
            &["ann", "bea", "cal", "dan", "eli", "nina", "ned"][..],
        ),
        ("later", "old", &["fay"]),
        ("vpn", "vpn", &[]),
        ("guests", "guests", &["hal", "ned"]),
    ] {
        world.teams.insert(name.into(), team(cn, people));
    }
}

#[tokio::test(start_paused = true)]
async fn the_cycle_does_everything_with_groups() {
    use crate::model::GroupAction;
    for profile in crate::profile::Profile::NAMES {
        let mut world = eve(profile, crate::testing::MemoryStore::default()).await;
        let run = world.fair_cycle().await;
        assert_eq!((run.groups.failed, run.groups.skipped), (0, 0), "{profile}");
        assert_eq!(run.groups.adopted, 1, "{profile}");
        for action in [
            GroupAction::Create,
            GroupAction::Update,
            GroupAction::Members,
            GroupAction::Empty,
            GroupAction::Delete,
        ] {
            assert!(
                run.groups.done.contains_key(&action),
                "{profile}: no {action}: {:?}",
                run.groups
            );
        }
        assert!(
            run.groups.added > 10 && run.groups.removed > 5,
            "{profile}: {:?}",
            run.groups
        );
        world.fair_cycle().await;
        assert_eq!(world.net.inner().requests, 0, "{profile}");
        assert_eq!(world.net.inner().checker.violations, [""; 0], "{profile}");
        let view = world.view();
        let members = |name: &str| view[&anchor_of_team(name)]["members"].clone();
        let owned = |names: &[&str]| {
            let mut owners: Vec<String> = names
                .iter()
                .map(|name| format!("account of {}", anchor(name)))
                .collect();
            owners.sort();
            json!(owners)
        };
        assert_eq!(
            members("all"),
            owned(&["ann", "fay", "gus", "ivy", "nina", "cal", "dan", "eli"])
        );
        assert_eq!(
            members("project"),
            owned(&["ann", "bea", "cal", "dan", "eli", "nina", "ned"])
        );
        assert_eq!(view[&anchor_of_team("lab")]["displayName"], "press");
        assert!(!view.contains_key(&anchor_of_team("old")));
        assert_eq!(view[&anchor_of_team("later")]["displayName"], "old");
    }
}
