//! The state after `kill -9` at many instants, and after damage to its files.
//!
//! The writer is this test binary itself, started again with [`child_writer`] as its only test.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy knows tests by their attribute, not their helpers"
)]

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::DirBuilderExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use scimward::{
    model::{
        Action, Anchor, AnchorKey, AttributePath, Digest, GroupLink, Link, Mark, MemberSum, Operation, Phase, Pushed,
        Resource, ResourceId, Value,
    },
    ports::{Change, GroupChange, GroupStore, StateStore, Step},
    store::{OpenError, SledStore, export, inspect_lock},
};

const DIR: &str = "SCIMWARD_TEST_STORE_DIR";
const FIRST: &str = "SCIMWARD_TEST_FIRST_BATCH";
const KILLS: usize = 30;
/// More than one transaction of the store.
const PEOPLE_PER_BATCH: u32 = 70;

fn anchor(number: u32) -> Anchor {
    Anchor::new(format!("person-{number}"))
}

/// Mark and link say the same `batch`, so that a torn pair shows.
fn put(number: u32, batch: u32) -> Change {
    let mut pushed = Pushed::default();
    let filler = format!("batch {batch} ").repeat(60);
    pushed
        .resource
        .attributes
        .insert(AttributePath::new("displayName"), Value::Text(filler));
    let mark = Mark {
        source: Digest::of(&batch.to_le_bytes()),
        body: pushed.resource.digest(),
        deactivated_at: i64::from(batch),
        ..Mark::default()
    };
    let link = Link {
        anchor: anchor(number),
        id: ResourceId(format!("id-{number}")),
        dn: format!("uid={number}"),
        pushed,
        adopted: false,
        perhaps_named: Vec::new(),
    };
    Change::Put(anchor(number).key(), mark, Box::new(link))
}

/// New people, and person 0 once more.
fn batch(number: u32) -> Vec<Change> {
    let first = 1 + number * PEOPLE_PER_BATCH;
    (first..first + PEOPLE_PER_BATCH)
        .chain([0])
        .map(|person| put(person, number))
        .collect()
}

/// More than one transaction of the store.
const MEMBERS_PER_BATCH: u32 = 250;

fn members(batches: std::ops::Range<u32>) -> Vec<AnchorKey> {
    let numbers = batches.start * MEMBERS_PER_BATCH..batches.end * MEMBERS_PER_BATCH;
    let mut keys: Vec<_> = numbers.map(|number| anchor(number).key()).collect();
    keys.sort_unstable();
    keys
}

/// The members of batch `number` come into the one group, and those of the batch before go. What a kill
/// left of the batch is in the sum already.
fn move_members(store: &SledStore, number: u32) -> GroupChange {
    let group = Anchor::new("group");
    let before = store.groups().unwrap().pop().map(|(_, link)| link.members);
    let there = store.members(group.key(), before.unwrap_or_default()).unwrap();
    let add = members(number..number + 1);
    let remove: Vec<_> = there.into_iter().filter(|key| !add.contains(key)).collect();
    GroupChange::Members {
        group: group.key(),
        link: Box::new(GroupLink {
            anchor: group,
            id: Some(ResourceId("group".into())),
            dn: "cn=group".into(),
            resource: Resource::default(),
            members: MemberSum::of(add.iter().copied()),
            adopted: false,
            missed: 0,
            emptied_at: 0,
            perhaps_named: Vec::new(),
        }),
        add,
        remove,
    }
}

/// The members of the one group, which are those that its sum speaks of.
fn group_members(store: &SledStore) -> Vec<AnchorKey> {
    match store.groups().unwrap().pop() {
        Some((key, link)) => store.members(key, link.members).unwrap(),
        None => Vec::new(),
    }
}

fn create(batch: u32) -> Operation {
    Operation {
        anchor: Anchor::new(format!("create-{batch}")),
        dn: String::new(),
        action: Action::Create,
        id: None,
        before: None,
        after: None,
        source: Digest::default(),
        dn_key: Default::default(),
        manager_dn: Default::default(),
        look_up_first: false,
        tell_all: false,
        perhaps_named: Vec::new(),
    }
}

/// Writes until it is killed. Says `claimed N` once the create of batch N may be sent, and `ack N`
/// once batch N is durable and its plan finished.
#[test]
fn child_writer() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let first: u32 = std::env::var(FIRST).unwrap().parse().unwrap();
    let store = SledStore::open(Path::new(&dir)).unwrap();
    let spool = store.spool();
    for number in first.. {
        spool.clear().unwrap();
        spool.push(&[create(number)]).unwrap();
        let step = Step {
            phase: Phase::Create,
            depth: 0,
            index: 0,
        };
        spool.seal(&format!("plan {number}"), &[step]).unwrap();
        spool.claim(1).unwrap();
        println!("claimed {number}");
        store.apply(&batch(number)).unwrap();
        store.apply_groups(&[move_members(&store, number)]).unwrap();
        store.flush().unwrap();
        spool.finish(&[]).unwrap();
        println!("ack {number}");
    }
}

fn start_writer(dir: &Path, first: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_writer", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The last `claimed` and `ack` among everything a killed writer said, after `lines` of which it
/// was killed.
fn kill_after(mut child: Child, lines: usize) -> (Option<u32>, Option<u32>) {
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut claimed, mut acknowledged) = (None, None);
    let mut heard = 0;
    // The first line may begin with libtest's own words; a line that was cut off is none.
    while let Some(Ok(line)) = said.next() {
        let number = line.rsplit(' ').next().and_then(|number| number.parse().ok());
        if line.contains("claimed ") {
            claimed = number;
        } else if line.contains("ack ") {
            acknowledged = number;
        } else {
            continue;
        }
        heard += 1;
        if heard == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(heard >= lines, "the writer stopped by itself after {heard} lines");
    (claimed, acknowledged)
}

fn links(store: &SledStore) -> BTreeMap<AnchorKey, Link> {
    let mut links = BTreeMap::new();
    store
        .each_link(&mut |link| {
            links.insert(link.anchor.key(), link);
            true
        })
        .unwrap();
    links
}

/// Every mark has its link of the same batch, and the other way round.
fn assert_pairs_are_whole(marks: &BTreeMap<AnchorKey, Mark>, links: &BTreeMap<AnchorKey, Link>) {
    assert!(
        marks.keys().eq(links.keys()),
        "a mark without its link or a link without its mark"
    );
    for (mark, link) in marks.values().zip(links.values()) {
        assert_eq!(link.pushed.resource.digest(), mark.body);
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("state");
    let mut chance = fastrand::Rng::with_seed(0x5c1f);
    let mut next = 0;
    let mut last_acknowledged = None;
    for round in 0..KILLS {
        let (claimed, acknowledged) = kill_after(start_writer(&dir, next), chance.usize(1..14));
        last_acknowledged = acknowledged.or(last_acknowledged);
        assert_eq!(inspect_lock(&dir), None, "the kernel gave the lock back");
        fs::write(dir.join("db/snap.0000.generating"), "half a snapshot").unwrap();

        let store = open_again(&dir).unwrap();
        let marks: BTreeMap<_, _> = store.marks().unwrap().into_iter().collect();
        assert_pairs_are_whole(&marks, &links(&store));
        for number in 0..last_acknowledged.map_or(0, |last| last + 1) {
            for person in 1 + number * PEOPLE_PER_BATCH..=(number + 1) * PEOPLE_PER_BATCH {
                let mark = marks.get(&anchor(person).key());
                let found = mark.map(|mark| mark.deactivated_at);
                assert_eq!(found, Some(i64::from(number)), "round {round}, person {person}");
            }
        }
        let in_group = group_members(&store);
        if let Some(last) = last_acknowledged {
            // The batches that came after may have got as far as putting some in and taking some out.
            let later = members(last..last + 15);
            assert!(
                !in_group.is_empty() && in_group.iter().all(|key| later.contains(key)),
                "round {round}"
            );
            assert!(
                marks[&anchor(0).key()].deactivated_at >= i64::from(last),
                "round {round}"
            );
        }
        let in_doubt = store.spool().in_doubt().unwrap();
        if claimed > acknowledged {
            // Finished just before the kill, or in doubt; never anybody else's.
            let doubted = create(claimed.unwrap()).anchor.key();
            let finished = marks.contains_key(&anchor(1 + claimed.unwrap() * PEOPLE_PER_BATCH).key());
            assert!(finished || in_doubt.contains(&doubted), "round {round}");
        }
        // The next writer takes over what this one left half done, as a new cycle would.
        next = last_acknowledged.map_or(0, |last| last + 1);
    }
    assert!(
        last_acknowledged.is_some_and(|last| last as usize > KILLS),
        "the writers got on"
    );
}

/// A closed store of 2,000 people, several of sled's segments.
fn closed_store(dir: &Path) {
    let store = SledStore::open(dir).unwrap();
    for number in 0..2_000 / PEOPLE_PER_BATCH {
        store.apply(&batch(number)).unwrap();
        store.apply_groups(&[move_members(&store, number)]).unwrap();
    }
    store.flush().unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_dir() {
            copy(&file.path(), &to.join(file.file_name()));
        } else {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

/// Every link with its mark.
type Content = BTreeMap<AnchorKey, (Mark, Link)>;

fn content(marks: Vec<(AnchorKey, Mark)>, links: BTreeMap<AnchorKey, Link>) -> Content {
    let marks: BTreeMap<_, _> = marks.into_iter().collect();
    assert_pairs_are_whole(&marks, &links);
    marks
        .into_iter()
        .zip(links)
        .map(|((key, mark), (_, link))| (key, (mark, link)))
        .collect()
}

/// Opens a state that this process had open a moment ago. Another test that starts a program just then has a
/// copy of everything that was open, its lock included, until that program runs.
fn open_again(dir: &Path) -> Result<SledStore, OpenError> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match SledStore::open(dir) {
            Err(OpenError::Io { source, .. })
                if source.to_string().contains("could not acquire lock") && Instant::now() < deadline =>
            {
                thread::yield_now();
            }
            opened => return opened,
        }
    }
}

/// Opens a damaged state and reads all of it: nothing when the damage was noticed.
fn read_damaged(dir: &Path) -> Option<Content> {
    let store = match open_again(dir) {
        Ok(store) => store,
        Err(error @ OpenError::Corrupt { .. }) => {
            let text = error.to_string();
            assert!(text.contains("move the state folder aside"), "{text}");
            return None;
        }
        Err(error) => panic!("{error:?}"),
    };
    let marks = store.marks();
    let walked = export(&store, &mut std::io::sink());
    match (marks, walked) {
        (Ok(marks), Ok(_)) => {
            let last = 2_000 / PEOPLE_PER_BATCH;
            assert_eq!(group_members(&store), members(last - 1..last));
            Some(content(marks, links(&store)))
        }
        (marks, walked) => {
            let error = marks
                .err()
                .map_or_else(|| walked.unwrap_err().to_string(), |error| error.to_string());
            assert!(error.contains("move the state folder aside"), "{error}");
            // Whatever it was, later calls fail as well instead of hanging or panicking.
            let _ = store.apply(&batch(1));
            let _ = store.flush();
            None
        }
    }
}

/// The store in two shapes: as it was closed, and opened once more, when sled keeps a snapshot that
/// points into the log.
fn shapes(base: &Path) -> Vec<std::path::PathBuf> {
    let closed = base.join("closed");
    closed_store(&closed);
    let reopened = base.join("reopened");
    copy(&closed, &reopened);
    drop(open_again(&reopened).unwrap());
    vec![closed, reopened]
}

/// What is in the state `whole`, read from a copy: opening it would change its shape.
fn undamaged(base: &Path, whole: &Path) -> Content {
    let dir = base.join("copy");
    copy(whole, &dir);
    let content = read_damaged(&dir).unwrap();
    fs::remove_dir_all(dir).unwrap();
    content
}

fn log(dir: &Path) -> std::path::PathBuf {
    dir.join("db/db")
}

#[test]
fn a_truncated_log_is_an_error_or_nothing_is_missing() {
    let base = tempfile::tempdir().unwrap();
    let mut chance = fastrand::Rng::with_seed(0x5c1f);
    for whole in shapes(base.path()) {
        let length = fs::metadata(log(&whole)).unwrap().len();
        let expected = undamaged(base.path(), &whole);
        let cuts = [0, 1, length / 2, length * 9 / 10]
            .into_iter()
            .chain((0..12).map(|_| chance.u64(0..length)));
        let mut noticed = 0;
        for cut in cuts {
            let dir = base.path().join("cut");
            copy(&whole, &dir);
            fs::OpenOptions::new()
                .write(true)
                .open(log(&dir))
                .unwrap()
                .set_len(cut)
                .unwrap();
            for attempt in ["first", "second"] {
                // What was cut off may hold nothing that is still needed: replaced pages, unused room.
                match read_damaged(&dir) {
                    None => noticed += 1,
                    Some(found) => assert!(
                        found == expected,
                        "{attempt} look at {} cut at {cut} of {length}: quiet, and {} of {} records are as they were",
                        whole.display(),
                        found
                            .iter()
                            .filter(|(key, pair)| expected.get(key) == Some(pair))
                            .count(),
                        expected.len()
                    ),
                }
            }
            fs::remove_dir_all(dir).unwrap();
        }
        // Half of a log cannot hold everything; most cuts fall where it hurts.
        assert!(
            noticed >= 16,
            "only {noticed} of 32 looks at {} noticed a cut",
            whole.display()
        );
    }
}

#[test]
fn a_damaged_log_never_gives_wrong_records() {
    let base = tempfile::tempdir().unwrap();
    let mut chance = fastrand::Rng::with_seed(0x5c1f);
    let mut noticed = 0;
    for whole in shapes(base.path()) {
        let bytes = fs::read(log(&whole)).unwrap();
        let expected = undamaged(base.path(), &whole);
        for _ in 0..12 {
            let dir = base.path().join("damaged");
            copy(&whole, &dir);
            let mut damaged = bytes.clone();
            let start = chance.usize(0..bytes.len() - 4096);
            chance.fill(&mut damaged[start..start + 4096]);
            fs::write(log(&dir), damaged).unwrap();
            // Where only replaced pages were hit, nothing is wrong.
            match read_damaged(&dir) {
                None => noticed += 1,
                Some(found) => assert!(found == expected, "quiet, with other records"),
            }
            fs::remove_dir_all(dir).unwrap();
        }
    }
    assert!(noticed > 0);
}
