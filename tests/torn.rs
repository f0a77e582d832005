//! The store's last write, torn: the real program is killed in the middle of a run, and what it wrote last
//! comes out of the disk cut off or wrong. The next run says so and how to go on, or ends where it should;
//! in neither case does anybody lose an account or get a second one.
#![cfg(test)]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use fastrand::Rng;
use support::{
    people::person,
    recorder::{Fault, Rule, Which},
    scimward::Run,
    slapd::READER,
    stage::Stage,
};

const PEOPLE: usize = 40;
const ROUNDS: usize = 20;
/// Of each round, and more requests than this number of them.
const JOINERS: usize = 4;
const LEAVERS: usize = 3;
const REQUESTS: usize = JOINERS + LEAVERS;

/// What became of sled's files.
#[derive(Clone, Copy, Debug)]
enum Tear {
    /// The log ends so many bytes before its end.
    Cut(usize),
    /// So many of the last bytes of the log have other values.
    FlipEnd(usize),
    /// Bytes which the killed run wrote have other values, wherever in the log it put them.
    FlipNew(usize),
    /// What the killed run wrote never arrived, from somewhere on, as if the disk had said yes and lost it.
    Unwritten(usize),
    /// Another file than the log ends after so many hundredths of its length: the database's snapshot, or
    /// one of ours beside it.
    Short(&'static str, usize),
}

impl Tear {
    fn any(rng: &mut Rng) -> Self {
        match rng.u8(..6) {
            0 => Self::Cut(rng.usize(1..4096)),
            1 => Self::FlipEnd(rng.usize(1..64)),
            2 => Self::FlipNew(rng.usize(1..64)),
            3 => Self::Unwritten(rng.usize(1..100)),
            4 => Self::Short("snap.", rng.usize(..100)),
            _ => Self::Short(rng.choice(["marks", "flushes"]).unwrap(), rng.usize(..100)),
        }
    }

    /// Damages the files in the folder; `before` is the log as it was before the run.
    fn tear(self, folder: &Path, before: &[u8], rng: &mut Rng) {
        let path = folder.join("db");
        let mut log = fs::read(&path).unwrap();
        let used = log.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        let new: Vec<usize> = (0..log.len())
            .filter(|at| before.get(*at).copied().unwrap_or(0) != log[*at])
            .collect();
        assert!(!new.is_empty(), "the run wrote nothing");
        match self {
            Self::Cut(bytes) => log.truncate(used - bytes.min(used)),
            Self::FlipEnd(bytes) => flip(&mut log[used - bytes.min(used)..used], rng),
            Self::FlipNew(bytes) => {
                let at = new[rng.usize(..new.len())];
                let end = log.len().min(at + bytes);
                flip(&mut log[at..end], rng);
            }
            Self::Unwritten(percent) => {
                for at in &new[new.len() * percent / 100..] {
                    log[*at] = before.get(*at).copied().unwrap_or(0);
                }
            }
            Self::Short(name, percent) => {
                let mut cut = 0;
                for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap()) {
                    if file.file_name().to_string_lossy().starts_with(name) {
                        let bytes = fs::read(file.path()).unwrap();
                        fs::write(file.path(), &bytes[..bytes.len() * percent / 100]).unwrap();
                        cut += 1;
                    }
                }
                assert!(cut > 0, "there is no {name}");
            }
        }
        fs::write(path, log).unwrap();
    }
}

fn flip(bytes: &mut [u8], rng: &mut Rng) {
    for byte in bytes {
        *byte ^= rng.u8(1..);
    }
}

/// How to go on after a damage that was noticed: the three ways the message names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum WayBack {
    Rebuild,
    Import,
    StartAgain,
}

struct Scene {
    stage: Stage,
    rng: Rng,
    /// Anchors of those who left → whether their accounts are in use; nothing for those of this round.
    leavers: BTreeMap<String, Option<bool>>,
}

impl Scene {
    fn new() -> Self {
        let stage = Stage::with_people(PEOPLE)
            .set("scim", "concurrency", "4")
            .set("limits", "max_removals", "1000")
            .set("limits", "max_removals_percent", "100")
            .synced();
        Self {
            stage,
            rng: Rng::with_seed(0x5c1f),
            leavers: BTreeMap::new(),
        }
    }

    /// Where the database's files are: its log, which is called `db` again, and what is beside it.
    fn files(&self) -> PathBuf {
        self.stage.config.state().join("db")
    }

    /// Anchor → user name, of everybody in the directory.
    fn directory(&self) -> BTreeMap<String, String> {
        let slapd = &self.stage.slapd;
        let listed = slapd.search(READER, &["-H", &slapd.url(), "(uid=*)", "uid", "entryUUID"]);
        let listed = String::from_utf8(listed.stdout).unwrap();
        let value = |record: &str, name: &str| {
            let line = record.lines().find_map(|line| line.strip_prefix(name));
            line.map(str::to_owned)
        };
        let person = |record| Some((value(record, "entryUUID: ")?, value(record, "uid: ")?));
        listed.split("\n\n").filter_map(person).collect()
    }

    /// People join, people get a new title, and those who joined in the round before leave.
    fn change(&mut self, round: usize) {
        let joiner = |round: usize, number: usize| person(PEOPLE + round * JOINERS + number + 1);
        for number in 0..JOINERS {
            let ldif = joiner(round, number).ldif();
            // Nobody's manager leaves here.
            let ldif: Vec<_> = ldif.lines().filter(|line| !line.starts_with("manager")).collect();
            self.stage.slapd.modify(&(ldif.join("\n") + "\n\n"));
        }
        let title = format!("Title {round}");
        self.stage
            .slapd
            .replace(&person(2 + round % 30).dn(), "title", &[&title]);
        if round == 0 {
            return;
        }
        let before = self.directory();
        for number in 0..LEAVERS {
            self.stage.slapd.delete(&joiner(round - 1, number).dn());
        }
        let now = self.directory();
        let gone = before.into_keys().filter(|anchor| !now.contains_key(anchor));
        self.leavers.extend(gone.map(|anchor| (anchor, None)));
    }

    /// Kills a run at its `nth` request, with the request carried out or not.
    fn kill_at(&mut self, nth: usize) {
        let cloud = &self.stage.cloud;
        let fault = self.rng.choice([Fault::Hold, Fault::HoldAfterEffect]).unwrap();
        cloud.rule(Rule::new("", Which::Nth(nth), fault));
        let running = self.stage.start_sync();
        cloud.wait_until("the request", |requests| requests.len() >= nth);
        let run = running.kill();
        assert_eq!(run.code, None, "{}", run.everything());
        cloud.clear_rules();
        // What was on its way arrives before the next run.
        support::wait_for("the cloud is at rest", || {
            cloud.release();
            let requests = cloud.requests();
            requests.iter().all(|request| request.status.is_some()).then_some(())
        });
    }

    /// What was sent takes nothing away, but from leavers, and from them only where they are remembered.
    fn takes_nothing_away(&self, are_leavers_known: bool, after: &dyn std::fmt::Debug) {
        let users = self.stage.scim.users().into_iter();
        let leaves = |user: &serde_json::Value| self.leavers.contains_key(user["externalId"].as_str().unwrap());
        let ids: BTreeSet<_> = users
            .filter(leaves)
            .map(|user| user["id"].as_str().unwrap().to_owned())
            .collect();
        for request in self.stage.cloud.requests() {
            assert_ne!(request.method, "DELETE", "{after:?}: {request:#?}");
            if request.body.to_string().contains("false") {
                let id = request.target.rsplit('/').next().unwrap();
                assert!(are_leavers_known && ids.contains(id), "{after:?}: {request:#?}");
            }
        }
    }

    /// The damage was noticed: nothing was sent, every command says what to do, and that works.
    fn go_back(&mut self, run: Run, way: WayBack, backup: &str, after: &dyn std::fmt::Debug) {
        let clear = |run: Run| {
            let run = run.expect(1).says("damaged").says("move the state folder aside");
            run.says("scimward state import").says("scimward state rebuild")
        };
        clear(run);
        clear(self.stage.run(&["--dry-run"]));
        clear(self.stage.run(&["status"]));
        assert_eq!(self.stage.cloud.log(), "", "{after:?}");
        let aside = self.stage.config.folder().join("aside");
        let _ = fs::remove_dir_all(&aside);
        fs::rename(self.stage.config.state(), &aside).unwrap();
        match way {
            WayBack::Rebuild => drop(self.stage.run(&["state", "rebuild"]).expect(0)),
            WayBack::Import => drop(self.stage.run(&["state", "import", backup]).expect(0)),
            WayBack::StartAgain => {}
        }
    }

    /// From now on the accounts of those who left in this round stay as they are: deactivated, or as the
    /// killed run left them when nobody knows any more that they left.
    fn settle_leavers(&mut self, are_known: bool) {
        for (_, anchor, active) in self.stage.accounts() {
            if let Some(in_use) = self.leavers.get_mut(&anchor) {
                in_use.get_or_insert(active && !are_known);
            }
        }
    }

    /// Everybody in the directory has one account that is in use, under the right name; nobody else is there
    /// but the leavers.
    fn check(&self, after: &dyn std::fmt::Debug) {
        let mut wanted: BTreeMap<String, (Option<String>, bool)> = BTreeMap::new();
        for (anchor, active) in &self.leavers {
            wanted.insert(anchor.clone(), (None, active.unwrap()));
        }
        for (anchor, uid) in self.directory() {
            wanted.insert(anchor, (Some(uid), true));
        }
        let accounts = self.stage.accounts();
        let anchors: BTreeSet<_> = accounts.iter().map(|(_, anchor, _)| anchor).collect();
        assert_eq!(
            anchors.len(),
            accounts.len(),
            "{after:?}: twice in the cloud: {accounts:#?}"
        );
        assert_eq!(accounts.len(), wanted.len(), "{after:?}: {accounts:#?}");
        for (name, anchor, active) in accounts {
            let Some((uid, is_active)) = wanted.get(&anchor) else {
                panic!("{after:?}: {name} is nobody's");
            };
            assert!(uid.as_ref().is_none_or(|uid| *uid == name), "{after:?}: {name}");
            assert_eq!(active, *is_active, "{after:?}: {name}");
        }
    }
}

fn backup(stage: &Stage, path: &Path) -> String {
    let path = path.display().to_string();
    stage.run(&["state", "export", &path]).expect(0);
    path
}

#[test]
fn a_torn_last_write_is_a_clear_error_or_the_right_end() {
    let mut scene = Scene::new();
    let mut quiet = 0;
    let mut ways = BTreeMap::new();
    for round in 0..ROUNDS {
        let file = scene.stage.config.folder().join(format!("backup-{round}"));
        let backup = backup(&scene.stage, &file);
        scene.change(round);
        let before = fs::read(scene.files().join("db")).unwrap();
        let nth = 1 + scene.rng.usize(..if round == 0 { JOINERS } else { REQUESTS });
        scene.kill_at(nth);
        let tear = Tear::any(&mut scene.rng);
        tear.tear(&scene.files(), &before, &mut scene.rng);

        let after = (round, nth, tear);
        let run = scene.stage.sync();
        let mut are_leavers_known = true;
        if run.code == Some(0) {
            // What was hit is not needed, or can be told anew: a kill alone would have left as much.
            quiet += 1;
        } else {
            // One after the other.
            let way = [WayBack::Rebuild, WayBack::Import, WayBack::StartAgain][ways.values().sum::<usize>() % 3];
            scene.go_back(run, way, &backup, &after);
            *ways.entry(way).or_default() += 1;
            are_leavers_known = way == WayBack::Import;
            scene.stage.sync().expect(0);
        }
        scene.takes_nothing_away(are_leavers_known, &after);
        scene.settle_leavers(are_leavers_known);
        scene.check(&after);
        scene.stage.is_in_step();
    }
    println!("{quiet} torn writes did no harm; noticed, by way back: {ways:?}");
    assert!(quiet > 0 && ways.len() == 3, "{quiet} quiet, {ways:?}");
}
