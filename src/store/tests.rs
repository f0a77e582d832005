//! The store as its users see it.

use std::{collections::BTreeMap, fs, io::BufReader, os::unix::fs::PermissionsExt, path::Path};

use super::{
    OpenError, SledStore, TransferError,
    database::{Database, Table, Write},
    export, import, inspect_lock,
};
use crate::{
    model::{
        Anchor, AnchorKey, AttributePath, Digest, DnKey, Link, ManagerRef, Mark, Problem, Pushed, Rejection,
        ResourceId, Value,
    },
    ports::{
        Audit, AuditPosition, AuditRecord, AuditStage, Change, CycleRecord, Held, KeyRefusal, Meta, Reject, RejectKind,
        RotationRecord, StateStore, TokenRefusal,
    },
};

pub(super) fn private_folder() -> tempfile::TempDir {
    tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir()
        .unwrap()
}

fn person(number: u32) -> (AnchorKey, Mark, Box<Link>) {
    let anchor = Anchor::new(format!("anchor-{number}"));
    let mut pushed = Pushed::default();
    let text = Value::Text(format!("user{number} ünï"));
    pushed.resource.attributes.insert(AttributePath::new("userName"), text);
    pushed.manager = (number > 0).then(|| ManagerRef {
        key: Anchor::new("anchor-0").key(),
        dn: "uid=boss".into(),
    });
    let mark = Mark {
        source: Digest::of(&number.to_le_bytes()),
        body: pushed.resource.digest(),
        dn: DnKey([1; 16]),
        manager_dn: DnKey::default(),
        manager: AnchorKey::default(),
        missed: 3,
        deactivated_at: 1_700_000_000,
        active: number > 100,
    };
    let link = Link {
        anchor: anchor.clone(),
        id: ResourceId(format!("id-{number}")),
        dn: format!("uid=user{number}"),
        pushed,
        adopted: true,
        perhaps_named: vec!["perhaps".into()],
    };
    (anchor.key(), mark, Box::new(link))
}

fn put(number: u32) -> Change {
    let (key, mark, link) = person(number);
    Change::Put(key, mark, link)
}

fn reject(number: u32) -> (AnchorKey, Reject) {
    let (key, _, link) = person(number);
    let reject = Reject {
        rejection: Rejection {
            dn: link.dn,
            anchor: Some(link.anchor),
            problems: vec![Problem {
                attribute: "sn".into(),
                rule: "missing".into(),
                value: String::new(),
            }],
        },
        kind: RejectKind::Waiting,
        wanted: Digest([9; 16]),
        first: 1,
        last: 2,
        tries: 3,
        next_try: 4,
    };
    (key, reject)
}

fn meta() -> Meta {
    Meta {
        endpoint: "https://scim.example/v2".into(),
        mapping: "m".into(),
        scope: "s".into(),
        approved: None,
        held: Some(Held {
            plan_id: "p".into(),
            removals: 7,
            reason: "too many".into(),
            since: 5,
        }),
        groups_scope: "g".into(),
        groups_approved: Some("a".into()),
        groups_held: None,
        audit: Some(Audit {
            position: AuditPosition {
                stage: AuditStage::Groups,
                after: Some(AnchorKey([9; 16])),
                by_id: true,
            },
            last: AuditRecord {
                started: 6,
                outcome: "audit".into(),
                ..AuditRecord::default()
            },
        }),
        rebuild: None,
        rotation: Some(RotationRecord {
            at: 8,
            done: true,
            outcome: "renewed".into(),
            token: Some("t".into()),
        }),
        key_refused: Some(KeyRefusal {
            at: 9,
            key: "k".into(),
            outcome: "refused".into(),
        }),
        token_refused: Some(TokenRefusal {
            at: 10,
            token: "t".into(),
            outcome: "refused".into(),
        }),
    }
}

fn links(store: &SledStore) -> Vec<Link> {
    let mut links = Vec::new();
    store
        .each_link(&mut |link| {
            links.push(link);
            true
        })
        .unwrap();
    links
}

/// A store with 250 people, two rejects and meta data: more than two batches.
fn filled() -> SledStore {
    let store = SledStore::scratch().unwrap();
    let people: Vec<_> = (0..250).map(put).collect();
    store.apply(&people).unwrap();
    let rejects: Vec<_> = [1, 2]
        .map(reject)
        .into_iter()
        .map(|(key, reject)| (key, Some(reject)))
        .collect();
    store.save_rejects(&rejects).unwrap();
    store.save_meta(&meta()).unwrap();
    store
}

fn exported(store: &SledStore) -> String {
    let mut text = Vec::new();
    export(store, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn everything_comes_back_after_a_restart() {
    let folder = private_folder();
    let dir = folder.path().join("state");
    let store = SledStore::open(&dir).unwrap();
    assert_eq!(store.meta().unwrap(), Meta::default());
    assert_eq!(store.marks().unwrap(), []);
    store.apply(&(0..250).map(put).collect::<Vec<_>>()).unwrap();
    store
        .apply(&[Change::Forget(person(7).0), Change::Mark(person(8).0, Mark::default())])
        .unwrap();
    store
        .save_rejects(&[(reject(1).0, Some(reject(1).1)), (reject(2).0, Some(reject(2).1))])
        .unwrap();
    store.save_rejects(&[(reject(2).0, None)]).unwrap();
    store.save_meta(&meta()).unwrap();
    store.flush().unwrap();
    drop(store);

    let store = SledStore::open(&dir).unwrap();
    let mut wanted: BTreeMap<_, _> = (0..250)
        .filter(|number| *number != 7)
        .map(person)
        .map(|(key, mark, link)| (key, (mark, *link)))
        .collect();
    wanted.get_mut(&person(8).0).unwrap().0 = Mark::default();
    let marks: Vec<_> = wanted.iter().map(|(key, (mark, _))| (*key, *mark)).collect();
    assert_eq!(store.marks().unwrap(), marks, "in key order");
    assert_eq!(
        links(&store),
        wanted.values().map(|(_, link)| link.clone()).collect::<Vec<_>>()
    );
    assert_eq!(store.link(person(9).0).unwrap(), Some(*person(9).2));
    assert_eq!(store.link(person(7).0).unwrap(), None);
    assert_eq!(store.rejects().unwrap(), [reject(1)]);
    assert_eq!(store.meta().unwrap(), meta());
}

#[test]
fn each_link_stops_when_told() {
    let store = filled();
    let mut seen = 0;
    store
        .each_link(&mut |_| {
            seen += 1;
            seen < 3
        })
        .unwrap();
    assert_eq!(seen, 3);
}

#[test]
fn a_link_under_a_foreign_key_is_refused() {
    let store = SledStore::scratch().unwrap();
    let (_, mark, link) = person(1);
    let error = store.apply(&[Change::Put(person(2).0, mark, link)]).unwrap_err();
    assert!(error.0.contains("anchor-1"), "{error}");
    assert_eq!(store.marks().unwrap(), []);
}

#[test]
fn the_newest_five_hundred_cycles_are_kept() {
    let store = SledStore::scratch().unwrap();
    for started in 0..507 {
        let cycle = CycleRecord {
            started,
            ..CycleRecord::default()
        };
        store.save_cycle(&cycle).unwrap();
    }
    let started = |limit| -> Vec<i64> {
        let cycles = store.cycles(limit).unwrap();
        cycles.iter().map(|cycle| cycle.started).collect()
    };
    assert_eq!(started(2), [506, 505]);
    assert!(started(0).is_empty());
    assert_eq!(started(usize::MAX), (7..507).rev().collect::<Vec<_>>());
}

#[test]
fn a_record_that_is_not_as_written_is_named_with_the_way_back() {
    let folder = private_folder();
    drop(SledStore::open(folder.path()).unwrap());
    let key = person(1).0;
    let database = Database::open(folder.path()).unwrap();
    for table in [Table::Meta, Table::Marks, Table::Links, Table::Rejects, Table::Cycles] {
        database
            .write(&[Write {
                table,
                key: if table == Table::Meta {
                    b"meta".to_vec()
                } else {
                    key.0.to_vec()
                },
                value: Some(b"\x01nonsense".to_vec()),
            }])
            .unwrap();
    }
    database.flush().unwrap();
    drop(database);

    let store = SledStore::open(folder.path()).unwrap();
    let errors = [
        ("meta", store.meta().unwrap_err()),
        ("marks", store.marks().unwrap_err()),
        ("links", store.link(key).unwrap_err()),
        ("links", store.each_link(&mut |_| true).unwrap_err()),
        ("rejects", store.rejects().unwrap_err()),
        ("cycles", store.cycles(1).unwrap_err()),
        ("cycles", store.save_cycle(&CycleRecord::default()).unwrap_err()),
    ];
    for (tree, error) in errors {
        let text = error.to_string();
        let name = if tree == "meta" {
            "meta".into()
        } else {
            format!("{key:?}")
        };
        assert!(text.contains(&format!("record {name} in the tree `{tree}`")), "{text}");
        assert!(text.contains("scimward state import"), "{text}");
    }
}

/// After `harm` was done to its records, the state says what is missed and what to do.
pub(super) fn check_missed(home: &Path, harm: &dyn Fn(&sled::Db), expected: &str) {
    SledStore::open(home).unwrap().flush().unwrap();
    let db = sled::open(home.join("db")).unwrap();
    harm(&db);
    db.flush().unwrap();
    drop(db);
    let text = match SledStore::open(home) {
        Ok(store) => export(&store, &mut std::io::sink()).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    assert!(
        text.contains(expected) && text.contains("move the state folder aside"),
        "{text}"
    );
}

/// What sled does with damage in the middle of its log: the rest opens, and some records are not there
/// or say what they said earlier.
#[test]
fn records_that_vanish_or_fall_back_are_missed() {
    let check = |harm: &dyn Fn(&sled::Db), expected: &str| {
        let home = private_folder();
        let store = SledStore::open(home.path()).unwrap();
        let changes: Vec<_> = (0..30).map(put).collect();
        store.apply(&changes).unwrap();
        drop(store);
        check_missed(home.path(), harm, expected);
    };
    let (key, mark, _) = person(7);
    let marks = |db: &sled::Db| db.open_tree("marks").unwrap();
    let links = |db: &sled::Db| db.open_tree("links").unwrap();
    check(
        &|db| drop(marks(db).remove(key.0)),
        "29 records are in it, and there were 30",
    );
    let earlier = super::record::seal_mark(&key.0, &Mark { missed: 2, ..mark });
    check(
        &|db| drop(marks(db).insert(key.0, earlier.as_slice())),
        "older than they were",
    );
    check(&|db| drop(links(db).remove(key.0)), "marked as pushed");
    let (_, _, mut link) = person(7);
    link.pushed.resource = Default::default();
    let earlier = super::record::seal_json(&key.0, &link).unwrap();
    check(
        &|db| drop(links(db).insert(key.0, earlier.as_slice())),
        "around anchor-7",
    );
    check(
        &|db| drop(db.open_tree("meta").unwrap().remove("sum")),
        "the sum over its marks",
    );
}

#[test]
fn a_second_process_is_told_who_holds_the_state() {
    let folder = private_folder();
    let store = SledStore::open(folder.path()).unwrap();
    let us = Some(std::process::id());
    assert_eq!(inspect_lock(folder.path()), us);
    match SledStore::open(folder.path()) {
        Err(error @ OpenError::InUse { .. }) => {
            let wanted = format!("(pid {})", std::process::id());
            assert!(error.to_string().contains(&wanted), "{error}");
        }
        _ => panic!("opened twice"),
    }
    drop(store);
    assert_eq!(inspect_lock(folder.path()), None);
    SledStore::open(folder.path()).unwrap();
}

#[test]
fn a_newer_format_is_refused() {
    let folder = private_folder();
    drop(SledStore::open(folder.path()).unwrap());
    let database = Database::open(folder.path()).unwrap();
    let schema = |text: &str| Write {
        table: Table::Meta,
        key: b"schema".to_vec(),
        value: Some(text.as_bytes().to_vec()),
    };
    database.write(&[schema("2")]).unwrap();
    database.flush().unwrap();
    drop(database);
    assert!(matches!(
        SledStore::open(folder.path()),
        Err(OpenError::NewerSchema { found: 2, known: 1, .. })
    ));
}

#[test]
fn what_a_kill_leaves_in_the_folder_does_not_stop_the_next_start() {
    let folder = private_folder();
    fs::create_dir(folder.path().join("db.creating")).unwrap();
    fs::write(folder.path().join("db.creating/conf"), "").unwrap();
    let store = SledStore::open(folder.path()).unwrap();
    store.apply(&[put(1)]).unwrap();
    store.flush().unwrap();
    drop(store);
    let stale = folder.path().join("db/snap.FFFFFFFFFFFFFFFF.generating");
    fs::write(&stale, "half a snapshot").unwrap();
    let store = SledStore::open(folder.path()).unwrap();
    assert_eq!(store.link(person(1).0).unwrap(), Some(*person(1).2));
    assert!(!stale.exists());
}

#[test]
fn a_backup_round_trips() {
    let store = filled();
    let text = exported(&store);
    assert!(text.starts_with(r#"{"format":"scimward-state","version":1,"endpoint":"https://scim.example/v2"}"#));
    let copy = SledStore::scratch().unwrap();
    assert_eq!(import(&copy, &mut BufReader::new(text.as_bytes())).unwrap(), 502);
    assert_eq!(exported(&copy), text);
    assert_eq!(copy.meta().unwrap(), meta());
    assert!(matches!(
        import(&copy, &mut text.as_bytes()),
        Err(TransferError::NotEmpty { .. })
    ));
    assert_eq!(exported(&copy), text);
}

#[test]
fn a_backup_that_is_not_whole_leaves_nothing_behind() {
    let text = exported(&filled());
    let lines: Vec<&str> = text.lines().collect();
    let without = |at: usize| [&lines[..at], &lines[at + 1..]].concat().join("\n");
    let twice = [&lines[..4], &lines[3..]].concat().join("\n");
    let end = lines.len() - 1;
    for (what, input) in [
        ("empty", String::new()),
        ("another file", "hello\n".into()),
        ("another format", text.replace("scimward-state", "other")),
        ("a newer version", text.replace(r#""version":1"#, r#""version":2"#)),
        ("no header", without(0)),
        ("no meta", without(1)),
        ("a line lost", without(200)),
        ("cut off", without(end)),
        ("cut in a line", text[..text.len() / 2].into()),
        ("a line twice", twice),
        ("more", format!("{text}{}\n", lines[5])),
        ("an unknown line", text.replace(r#"{"end""#, r#"{"fin""#)),
        ("a bad digest", text.replacen(r#""source":""#, r#""source":"+"#, 1)),
    ] {
        let store = SledStore::scratch().unwrap();
        match import(&store, &mut input.as_bytes()) {
            Err(TransferError::Malformed { .. }) => {}
            other => panic!("{what}: {other:?}"),
        }
        assert_eq!(exported(&store), exported(&SledStore::scratch().unwrap()), "{what}");
    }
}

#[test]
fn a_crash_while_a_backup_is_loaded_leaves_an_empty_state() {
    let folder = private_folder();
    let store = SledStore::open(folder.path()).unwrap();
    store.begin_import().unwrap();
    store.apply(&[put(1)]).unwrap();
    store.flush().unwrap();
    drop(store);
    let store = SledStore::open(folder.path()).unwrap();
    assert_eq!(store.marks().unwrap(), []);
    assert_eq!(store.link(person(1).0).unwrap(), None);
}
