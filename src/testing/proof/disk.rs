//! The same over the real state, sled on a disk: fewer runs, for each of them waits for the disk.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
};

use tempfile::TempDir;

use super::{
    directory::ReadFault,
    kills::kill_at,
    scenario::Day,
    steps::{Wanted, on_all_processors, paused},
    storm::storm,
    world::{Ended, Mortal},
};
use crate::{
    model::{AnchorKey, GroupLink, Link, Mark, MemberSum},
    ports::{Change, CycleRecord, GroupChange, GroupStore, Meta, PlanSpool, Reject, StateStore, StoreError},
    store::SledStore,
};

/// A state in a folder of its own. A kill leaves of it what the files hold at that instant.
pub(super) struct Disk {
    store: SledStore,
    folder: TempDir,
}

impl Disk {
    pub(super) fn new() -> Self {
        Self::open(private_folder())
    }

    fn open(folder: TempDir) -> Self {
        Self {
            store: SledStore::open(folder.path()).unwrap(),
            folder,
        }
    }
}

impl Mortal for Disk {
    fn after_kill(&self, keeps_unflushed: bool) -> Self {
        if keeps_unflushed {
            self.store.flush().unwrap();
        }
        let left = private_folder();
        copy(self.folder.path(), left.path());
        Self::open(left)
    }
}

fn private_folder() -> TempDir {
    let mut folder = tempfile::Builder::new();
    folder.permissions(fs::Permissions::from_mode(0o700)).tempdir().unwrap()
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::DirBuilder::new().mode(0o700).create(&there).unwrap();
            copy(&entry.path(), &there);
        } else {
            fs::copy(entry.path(), there).unwrap();
        }
    }
}

impl StateStore for Disk {
    fn meta(&self) -> Result<Meta, StoreError> {
        self.store.meta()
    }

    fn save_meta(&self, meta: &Meta) -> Result<(), StoreError> {
        self.store.save_meta(meta)
    }

    fn marks(&self) -> Result<Vec<(AnchorKey, Mark)>, StoreError> {
        self.store.marks()
    }

    fn link(&self, key: AnchorKey) -> Result<Option<Link>, StoreError> {
        self.store.link(key)
    }

    fn each_link(&self, visit: &mut dyn FnMut(Link) -> bool) -> Result<(), StoreError> {
        self.store.each_link(visit)
    }

    fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        self.store.apply(changes)
    }

    fn rejects(&self) -> Result<Vec<(AnchorKey, Reject)>, StoreError> {
        self.store.rejects()
    }

    fn save_rejects(&self, rejects: &[(AnchorKey, Option<Reject>)]) -> Result<(), StoreError> {
        self.store.save_rejects(rejects)
    }

    fn cycles(&self, limit: usize) -> Result<Vec<CycleRecord>, StoreError> {
        self.store.cycles(limit)
    }

    fn save_cycle(&self, record: &CycleRecord) -> Result<(), StoreError> {
        self.store.save_cycle(record)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.store.flush()
    }

    fn spool(&self) -> &dyn PlanSpool {
        self.store.spool()
    }
}

impl GroupStore for Disk {
    fn groups(&self) -> Result<Vec<(AnchorKey, GroupLink)>, StoreError> {
        self.store.groups()
    }

    fn members(&self, group: AnchorKey, sum: MemberSum) -> Result<Vec<AnchorKey>, StoreError> {
        self.store.members(group, sum)
    }

    fn is_member(&self, group: AnchorKey, person: AnchorKey) -> Result<bool, StoreError> {
        self.store.is_member(group, person)
    }

    fn members_in_doubt(&self) -> Result<BTreeMap<AnchorKey, Vec<AnchorKey>>, StoreError> {
        self.store.members_in_doubt()
    }

    fn apply_groups(&self, changes: &[GroupChange]) -> Result<(), StoreError> {
        self.store.apply_groups(changes)
    }

    fn group_rejects(&self) -> Result<Vec<(AnchorKey, Reject)>, StoreError> {
        self.store.group_rejects()
    }

    fn save_group_rejects(&self, rejects: &[(AnchorKey, Option<Reject>)]) -> Result<(), StoreError> {
        self.store.save_group_rejects(rejects)
    }
}

#[test]
fn killed_over_the_real_state() {
    /// Every so many requests.
    const STRIDE: u64 = 5;
    let cases: Vec<(Day, &str, bool)> = Day::ALL
        .into_iter()
        .flat_map(|day| ["huawei", "generic"].map(|profile| (day, profile)))
        .flat_map(|(day, profile)| [false, true].map(|after_effect| (day, profile, after_effect)))
        .collect();
    let results = on_all_processors(cases.len(), |at| {
        let (day, profile, after_effect) = cases[at];
        paused(async move {
            let eve = day.eve(profile, Disk::new()).await;
            let wanted = Wanted::of(&eve).await;
            let mut kills = 0;
            for nth in (1 + u64::from(after_effect)..=wanted.requests).step_by(STRIDE as usize) {
                let mut world = eve.fork();
                let ended = world.cycle(kill_at(nth, after_effect), ReadFault::None).await;
                assert!(matches!(ended, Ended::Killed));
                kills += 1;
                wanted.reached(&mut world).await.unwrap();
            }
            kills
        })
    });
    let kills: u64 = results.iter().sum();
    println!("{kills} kills over the real state");
    assert!(kills > 0);
}

#[test]
fn storms_over_the_real_state() {
    const SEEDS: usize = 12;
    let storms = on_all_processors(SEEDS, |at| paused(storm(at as u64 + 1, Disk::new())));
    assert!(storms.iter().all(|log| log.cycles > 0));
    let violations: Vec<_> = storms.iter().flat_map(|log| &log.violations).collect();
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn a_copy_of_the_files_is_what_a_kill_leaves() {
    let disk = Disk::new();
    let key = AnchorKey([7; 16]);
    disk.apply(&[Change::Mark(key, Mark::default())]).unwrap();
    assert_eq!(disk.after_kill(false).marks().unwrap(), [], "not flushed");
    assert_eq!(disk.after_kill(true).marks().unwrap(), [(key, Mark::default())]);
}
