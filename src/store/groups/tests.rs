//! Groups as the store's users see them.

use super::super::{
    SledStore, TransferError, export, import,
    tests::{check_missed, private_folder},
};
use crate::{
    model::{Anchor, AnchorKey, AttributePath, Digest, GroupLink, MemberSum, Rejection, Resource, ResourceId, Value},
    ports::{Change, GroupChange, GroupStore, Reject, RejectKind, StateStore},
};

fn group(number: u32) -> GroupLink {
    let mut resource = Resource::default();
    let name = Value::Text(format!("group {number}"));
    resource.attributes.insert(AttributePath::new("displayName"), name);
    GroupLink {
        anchor: Anchor::new(format!("group-{number}")),
        id: Some(ResourceId(format!("id-{number}"))),
        dn: format!("cn={number}"),
        resource,
        members: MemberSum::default(),
        adopted: true,
        missed: 1,
        emptied_at: 2,
        perhaps_named: vec!["perhaps".into()],
    }
}

fn key(number: u32) -> AnchorKey {
    group(number).anchor.key()
}

fn people(numbers: std::ops::Range<u32>) -> Vec<AnchorKey> {
    let mut keys: Vec<_> = numbers
        .map(|number| Anchor::new(format!("person-{number}")).key())
        .collect();
    keys.sort_unstable();
    keys
}

fn with(number: u32, members: &[AnchorKey]) -> GroupLink {
    GroupLink {
        members: MemberSum::of(members.iter().copied()),
        ..group(number)
    }
}

fn change(number: u32, after: &[AnchorKey], add: &[AnchorKey], remove: &[AnchorKey]) -> GroupChange {
    GroupChange::Members {
        group: key(number),
        link: Box::new(with(number, after)),
        add: add.to_vec(),
        remove: remove.to_vec(),
    }
}

fn reject() -> Reject {
    Reject {
        rejection: Rejection {
            dn: "cn=x".into(),
            anchor: None,
            problems: Vec::new(),
        },
        kind: RejectKind::Entry,
        wanted: Digest([9; 16]),
        first: 1,
        last: 2,
        tries: 3,
        next_try: 4,
    }
}

/// Two groups, one of them large, and a reject.
fn fill(store: &SledStore) {
    let many = people(0..2500);
    store
        .apply_groups(&[
            GroupChange::Put(key(1), Box::new(group(1))),
            change(1, &many, &many, &[]),
            GroupChange::Put(key(2), Box::new(group(2))),
        ])
        .unwrap();
    store.save_group_rejects(&[(key(3), Some(reject()))]).unwrap();
}

fn exported(store: &SledStore) -> String {
    let mut text = Vec::new();
    export(store, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn groups_and_members_come_back_after_a_restart() {
    let folder = private_folder();
    let store = SledStore::open(folder.path()).unwrap();
    fill(&store);
    store.flush().unwrap();
    drop(store);
    let store = SledStore::open(folder.path()).unwrap();
    let many = people(0..2500);
    let mut wanted = vec![(key(1), with(1, &many)), (key(2), group(2))];
    wanted.sort_by_key(|(key, _)| *key);
    assert_eq!(store.groups().unwrap(), wanted);
    assert_eq!(store.members(key(1), with(1, &many).members).unwrap(), many);
    assert_eq!(store.members(key(2), MemberSum::default()).unwrap(), []);
    assert_eq!(store.group_rejects().unwrap(), [(key(3), reject())]);
    store.save_group_rejects(&[(key(3), None)]).unwrap();
    assert_eq!(store.group_rejects().unwrap(), []);
}

#[test]
fn who_is_in_doubt_comes_back_and_goes() {
    let folder = private_folder();
    let store = SledStore::open(folder.path()).unwrap();
    fill(&store);
    let in_doubt = |group: u32, people: Vec<AnchorKey>| GroupChange::InDoubt {
        group: key(group),
        people,
    };
    let said = |store: &SledStore| -> Vec<(AnchorKey, usize)> {
        let all = store.members_in_doubt().unwrap();
        all.into_iter().map(|(group, people)| (group, people.len())).collect()
    };
    let both = [in_doubt(1, people(0..2500)), in_doubt(2, people(5..6))];
    store.apply_groups(&both).unwrap();
    assert_eq!(store.members_in_doubt().unwrap()[&key(1)], people(0..2500));
    store.apply_groups(&[in_doubt(1, people(0..1500))]).unwrap();
    store.flush().unwrap();
    let text = exported(&store);
    drop(store);
    let copy = SledStore::scratch().unwrap();
    import(&copy, &mut text.as_bytes()).unwrap();
    for store in [SledStore::open(folder.path()).unwrap(), copy] {
        assert_eq!(store.members_in_doubt().unwrap()[&key(1)], people(0..1500));
        store.apply_groups(&[in_doubt(2, Vec::new())]).unwrap();
        assert_eq!(said(&store), [(key(1), 1500)]);
        store.apply_groups(&[GroupChange::Forget(key(1))]).unwrap();
        assert_eq!(said(&store), []);
    }
}

#[test]
fn members_come_and_go() {
    let store = SledStore::scratch().unwrap();
    fill(&store);
    let (gone, new) = (people(0..300), people(2500..2650));
    let left = people(300..2650);
    store.apply_groups(&[change(1, &left, &new, &gone)]).unwrap();
    let sum = MemberSum::of(left.iter().copied());
    assert_eq!(store.members(key(1), sum).unwrap(), left);
    // Once more: who is in already and who is not in are no change.
    store.apply_groups(&[change(1, &left, &new, &gone)]).unwrap();
    assert_eq!(store.members(key(1), sum).unwrap(), left);
    store.apply_groups(&[GroupChange::Forget(key(1))]).unwrap();
    assert_eq!(store.groups().unwrap(), [(key(2), group(2))]);
    assert_eq!(store.members(key(1), MemberSum::default()).unwrap(), []);
}

#[test]
fn a_link_that_says_something_else_than_its_members_is_refused() {
    let store = SledStore::scratch().unwrap();
    fill(&store);
    let (many, other) = (people(0..2500), people(5000..5001));
    for wrong in [
        GroupChange::Put(key(1), Box::new(group(1))),
        change(1, &many, &other, &[]),
        change(1, &many, &[], &many[..1]),
        GroupChange::Put(key(2), Box::new(group(1))),
    ] {
        let error = store.apply_groups(std::slice::from_ref(&wrong)).unwrap_err();
        assert!(error.0.contains("please report this"), "{wrong:?}: {error}");
        assert_eq!(store.members(key(1), with(1, &many).members).unwrap(), many);
    }
}

/// A change of several transactions that is cut off after each of them: link and members agree, and the
/// change made again is completed.
#[test]
fn between_two_transactions_link_and_members_agree() {
    let (many, some, none) = (people(0..2500), people(0..250), Vec::new());
    let check = |change: &GroupChange, from: &[AnchorKey], cut: usize| -> bool {
        let store = SledStore::scratch().unwrap();
        if !from.is_empty() {
            store.apply_groups(&[self::change(1, from, from, &[])]).unwrap();
        }
        let batches = store.batches_of(change).unwrap();
        let count = batches.len();
        assert!(batches.iter().all(|batch| batch.len() <= super::BATCH_RECORDS_MAX));
        for batch in &batches[..cut] {
            store.database.write(batch).unwrap();
        }
        for (key, link) in store.groups().unwrap() {
            store.members(key, link.members).unwrap();
        }
        store.apply_groups(std::slice::from_ref(change)).unwrap();
        match change {
            GroupChange::Members { link, .. } => {
                assert_eq!(store.groups().unwrap(), [(key(1), (**link).clone())]);
                store.members(key(1), link.members).unwrap();
            }
            _ => assert_eq!(store.members(key(1), MemberSum::default()).unwrap(), []),
        }
        cut < count
    };
    let both = people(200..500);
    for (change, from) in [
        (change(1, &some, &some, &none), &none),
        (change(1, &none, &none, &some), &some),
        (change(1, &both, &both, &people(0..200)), &some),
        (GroupChange::Forget(key(1)), &some),
        (GroupChange::Forget(key(1)), &people(0..99)),
        (GroupChange::Forget(key(1)), &people(0..100)),
        (change(1, &many[..199], &many[..199], &none), &none),
    ] {
        let mut cut = 0;
        while check(&change, from, cut) {
            cut += 1;
        }
    }
}

/// What sled does with damage in the middle of its log: the rest opens, and some records are not there
/// or say what they said earlier.
#[test]
fn records_that_vanish_or_fall_back_are_missed() {
    let check = |harm: &dyn Fn(&sled::Db), expected: &str| {
        let home = private_folder();
        fill(&SledStore::open(home.path()).unwrap());
        check_missed(home.path(), harm, expected);
    };
    let tree = |db: &sled::Db, name: &str| db.open_tree(name).unwrap();
    let member = [key(1).0, people(0..2500)[7].0].concat();
    check(
        &|db| drop(tree(db, "members").remove(&member)),
        "2499 members of the group",
    );
    check(
        &|db| drop(tree(db, "members").insert(&member, b"\x01nonsense")),
        "in the tree `members`",
    );
    check(
        &|db| drop(tree(db, "groups").remove(key(1).0)),
        "1 records are in it, and there were 2",
    );
    let earlier = super::record::seal_json(&key(2).0, &GroupLink { missed: 0, ..group(2) }).unwrap();
    check(
        &|db| drop(tree(db, "groups").insert(key(2).0, earlier.as_slice())),
        "older than they were",
    );
    check(
        &|db| drop(tree(db, "meta").remove("sum-groups")),
        "the sum over its groups",
    );
}

#[test]
fn a_state_of_a_version_without_groups_opens() {
    let home = private_folder();
    let store = SledStore::open(home.path()).unwrap();
    store.flush().unwrap();
    drop(store);
    let db = sled::open(home.path().join("db")).unwrap();
    for name in ["groups", "members", "group-rejects"] {
        assert!(db.drop_tree(name).unwrap());
    }
    db.open_tree("meta").unwrap().remove("sum-groups").unwrap();
    db.flush().unwrap();
    drop(db);
    let store = SledStore::open(home.path()).unwrap();
    assert_eq!(store.groups().unwrap(), []);
    fill(&store);
    store.flush().unwrap();
    drop(store);
    assert_eq!(SledStore::open(home.path()).unwrap().groups().unwrap().len(), 2);
}

#[test]
fn a_backup_carries_groups() {
    let store = SledStore::scratch().unwrap();
    fill(&store);
    let text = exported(&store);
    let copy = SledStore::scratch().unwrap();
    assert_eq!(import(&copy, &mut text.as_bytes()).unwrap(), 2503);
    assert_eq!(exported(&copy), text);
    assert_eq!(copy.groups().unwrap(), store.groups().unwrap());
    let error = import(&copy, &mut text.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("2 groups"), "{error}");

    let lines: Vec<&str> = text.lines().collect();
    let member_lines = lines.iter().filter(|line| line.starts_with(r#"{"members""#)).count();
    assert_eq!(member_lines, 3);
    let first = lines.iter().position(|line| line.starts_with(r#"{"members""#)).unwrap();
    let without = |at: usize| [&lines[..at], &lines[at + 1..]].concat().join("\n");
    let twice = |at: usize| [&lines[..=at], &lines[at..]].concat().join("\n");
    let mut swapped = lines.clone();
    swapped.swap(first, first + 1);
    for (what, input) in [
        ("members lost", without(first)),
        ("members twice", twice(first)),
        ("members without their group", without(first - 1)),
        ("a group twice", twice(first - 1)),
        ("members in another order", swapped.join("\n")),
        ("a reject lost", without(lines.len() - 2)),
        ("a reject twice", twice(lines.len() - 2)),
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
fn a_backup_of_a_version_without_groups_loads() {
    let text = exported(&SledStore::scratch().unwrap());
    let end = text.lines().last().unwrap();
    let old = text.replace(end, r#"{"end":{"marks":0,"links":0,"rejects":0}}"#);
    assert_ne!(text, old);
    let store = SledStore::scratch().unwrap();
    assert_eq!(import(&store, &mut old.as_bytes()).unwrap(), 0);
}

#[test]
fn a_crash_while_a_backup_is_loaded_leaves_no_group() {
    let home = private_folder();
    let store = SledStore::open(home.path()).unwrap();
    store.begin_import().unwrap();
    fill(&store);
    store.put_members(&[(key(9), key(9))]).unwrap();
    store.apply(&[Change::Mark(key(1), Default::default())]).unwrap();
    store.flush().unwrap();
    drop(store);
    let store = SledStore::open(home.path()).unwrap();
    assert_eq!(exported(&store), exported(&SledStore::scratch().unwrap()));
    assert_eq!(store.members(key(9), MemberSum::default()).unwrap(), []);
}
