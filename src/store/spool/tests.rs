//! What is left of a plan after a stop at each step, and after damage to each file.

use std::{fs, path::Path};

use super::*;
use crate::{
    model::{Anchor, AttributePath, Digest, DnKey, Phase, Pushed, Value},
    store::spool::FileSpool,
};

fn operation(name: &str, action: Action) -> Operation {
    let mut after = Pushed::default();
    after
        .resource
        .attributes
        .insert(AttributePath::new("userName"), Value::Text(name.repeat(20)));
    Operation {
        anchor: Anchor::new(name),
        dn: format!("uid={name},dc=example"),
        action,
        id: None,
        before: None,
        after: Some(after),
        source: Digest([7; 16]),
        dn_key: DnKey([8; 16]),
        manager_dn: DnKey::default(),
        look_up_first: false,
        tell_all: false,
        perhaps_named: Vec::new(),
    }
}

/// `u0` is an update, all others are creates.
fn operations(count: usize) -> Vec<Operation> {
    (0..count)
        .map(|at| operation(&format!("u{at}"), if at == 0 { Action::Update } else { Action::Create }))
        .collect()
}

fn steps(indices: &[u32]) -> Vec<Step> {
    let step = |index: &u32| Step {
        phase: Phase::Create,
        depth: 0,
        index: *index,
    };
    indices.iter().map(step).collect()
}

fn keys(names: &[&str]) -> Vec<AnchorKey> {
    let mut keys: Vec<_> = names.iter().map(|name| Anchor::new(*name).key()).collect();
    keys.sort();
    keys
}

fn open(folder: &Path) -> FileSpool {
    FileSpool::open(folder).unwrap()
}

/// A sealed plan of four operations, carried out in the order 2, 0, 3, 1, of which two are claimed.
fn sealed(folder: &Path) -> FileSpool {
    let spool = open(folder);
    spool.push(&operations(4)).unwrap();
    spool.seal("plan", &steps(&[2, 0, 3, 1])).unwrap();
    spool.claim(2).unwrap();
    spool
}

#[test]
fn operations_are_read_while_the_plan_is_made_sealed_and_finished() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let many = operations(5_000);
    assert_eq!(spool.push(&many[..3]).unwrap(), 0);
    assert_eq!(spool.operation(2).unwrap(), many[2]);
    assert_eq!(spool.push(&many[3..]).unwrap(), 3);
    assert_eq!(spool.push(&[]).unwrap(), 5_000);
    let all_there = |spool: &FileSpool| {
        for (index, wanted) in (0..).zip(&many) {
            assert_eq!(spool.operation(index).unwrap(), *wanted);
        }
        assert!(spool.operation(5_000).unwrap_err().0.contains("no operation 5000"));
    };
    all_there(&spool);
    spool.seal("plan", &steps(&[4_999, 1])).unwrap();
    all_there(&spool);
    drop(spool);
    let spool = open(folder.path());
    all_there(&spool);
    spool.finish(&[]).unwrap();
    all_there(&spool);
    spool.clear().unwrap();
    assert!(spool.operation(0).is_err());
    assert_eq!(spool.push(&many[..1]).unwrap(), 0);
}

#[test]
fn calls_out_of_turn_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    assert!(spool.claim(1).is_err());
    spool.push(&operations(2)).unwrap();
    assert!(
        spool
            .seal("plan", &steps(&[0, 2]))
            .unwrap_err()
            .0
            .contains("operation 2")
    );
    spool.seal("plan", &steps(&[0, 1])).unwrap();
    assert!(spool.push(&operations(1)).is_err());
    assert!(spool.seal("plan", &[]).is_err());
    spool.finish(&[]).unwrap();
    assert!(spool.push(&operations(1)).is_err());
    assert!(spool.claim(1).is_err());
}

#[test]
fn a_plan_that_was_not_sealed_is_no_plan() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    spool.push(&operations(5_000)).unwrap();
    drop(spool);
    let spool = open(folder.path());
    assert_eq!(spool.in_doubt().unwrap(), []);
    assert!(spool.operation(0).is_err());
    assert_eq!(spool.push(&operations(1)).unwrap(), 0);
}

#[test]
fn claimed_creates_are_in_doubt_until_the_plan_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let spool = sealed(folder.path());
    assert_eq!(spool.in_doubt().unwrap(), keys(&["u2"]), "step 2 is an update");
    drop(spool);
    let spool = open(folder.path());
    assert_eq!(spool.in_doubt().unwrap(), keys(&["u2"]));
    spool.claim(99).unwrap();
    assert_eq!(spool.in_doubt().unwrap(), keys(&["u1", "u2", "u3"]));
    spool.finish(&[]).unwrap();
    assert_eq!(spool.in_doubt().unwrap(), []);
    drop(spool);
    assert_eq!(open(folder.path()).in_doubt().unwrap(), []);
}

#[test]
fn doubt_outlives_clearing_until_a_later_plan_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    sealed(folder.path()).clear().unwrap();
    let spool = open(folder.path());
    assert_eq!(spool.in_doubt().unwrap(), keys(&["u2"]));
    spool.push(&[operation("new", Action::Create)]).unwrap();
    spool.seal("next", &steps(&[0])).unwrap();
    assert_eq!(spool.in_doubt().unwrap(), keys(&["u2"]));
    spool.claim(1).unwrap();
    spool.clear().unwrap();
    assert_eq!(spool.in_doubt().unwrap(), keys(&["u2", "new"]));
    drop(spool);
    let spool = open(folder.path());
    assert_eq!(spool.in_doubt().unwrap(), keys(&["u2", "new"]));
    spool.finish(&[]).unwrap();
    assert_eq!(open(folder.path()).in_doubt().unwrap(), []);
}

#[test]
fn what_a_finished_plan_leaves_in_doubt_stays_until_a_later_one_settles_it() {
    let folder = tempfile::tempdir().unwrap();
    let spool = sealed(folder.path());
    spool.finish(&keys(&["u3"])).unwrap();
    assert_eq!(spool.in_doubt().unwrap(), keys(&["u3"]), "u2 is settled");
    drop(spool);
    let spool = open(folder.path());
    spool.clear().unwrap();
    spool.seal("next", &[]).unwrap();
    assert_eq!(spool.in_doubt().unwrap(), keys(&["u3"]));
    spool.finish(&[]).unwrap();
    assert_eq!(open(folder.path()).in_doubt().unwrap(), []);
}

#[test]
fn a_damaged_order_or_claim_puts_more_in_doubt() {
    for (file, content) in [
        ("order", &b"nonsense"[..]),
        ("order", b""),
        ("claims", b""),
        ("claims", &[7; 8192]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        drop(sealed(folder.path()));
        fs::write(folder.path().join(file), content).unwrap();
        let spool = open(folder.path());
        let all = keys(&["u1", "u2", "u3"]);
        assert_eq!(spool.in_doubt().unwrap(), all, "{file}");
        spool.clear().unwrap();
        assert_eq!(spool.in_doubt().unwrap(), all, "{file}");
    }
}

#[test]
fn damaged_operations_are_an_error_with_the_way_out() {
    let whole = {
        let folder = tempfile::tempdir().unwrap();
        drop(sealed(folder.path()));
        fs::read(folder.path().join("operations")).unwrap()
    };
    let claimed_one = operations(2)
        .iter()
        .map(|operation| serde_json::to_vec(operation).unwrap().len() + 8)
        .sum::<usize>();
    let mut length = whole.clone();
    length[3] = 0x7f;
    let mut flipped = whole.clone();
    flipped[claimed_one + 30] ^= 1;
    for content in [&[][..], &whole[..5], &whole[..claimed_one + 9], &length, &flipped] {
        let folder = tempfile::tempdir().unwrap();
        drop(sealed(folder.path()));
        fs::write(folder.path().join("operations"), content).unwrap();
        let spool = open(folder.path());
        let error = spool.in_doubt().unwrap_err().0;
        assert!(error.contains("remove that folder"), "{error}");
        assert!(spool.clear().is_err(), "doubt must not be cleared away");
    }
}
