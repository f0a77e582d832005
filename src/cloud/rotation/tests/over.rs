//! The token of the file is let in no more.

use chrono::Utc;

use super::*;

fn expired(id: &str) -> IssuedToken {
    IssuedToken {
        expires: Some(Utc::now() - chrono::TimeDelta::days(3)),
        ..issued(id)
    }
}

/// What is there besides the file, which holds "a".
#[derive(Clone, Copy, Debug, Default)]
struct There {
    /// The file has a note.
    noted: bool,
    /// Listed, expired.
    expired: &'static [&'static str],
    /// Listed, and somebody else's.
    alive: &'static [&'static str],
    /// The endpoint takes the tokens of other directories too.
    shared: bool,
}

impl There {
    fn world(self) -> World {
        let world = World::new(&["a"], self.noted);
        let mut state = world.state.lock().unwrap();
        state.spent = Some(text("a").expose_secret().to_owned());
        state.alive = self
            .alive
            .iter()
            .map(|id| ((*id).to_owned(), text(id).expose_secret().to_owned()))
            .collect();
        state.over = self.expired.iter().map(|id| ((*id).to_owned(), expired(id))).collect();
        state.shared_endpoint = self.shared;
        drop(state);
        world
    }
}

impl World {
    fn ids(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.alive.keys().chain(state.over.keys()).cloned().collect()
    }

    fn held(&self) -> String {
        self.file.token().unwrap().unwrap().expose_secret().to_owned()
    }
}

const NOTED: There = There {
    noted: true,
    expired: &[],
    alive: &[],
    shared: false,
};

#[tokio::test(start_paused = true)]
async fn what_is_over_is_replaced_and_nothing_of_others_is_deleted() {
    let check = async |there: There, keep: Option<&str>, removed: &[&str], left: &[&str]| {
        let world = there.world();
        let done = rotate(&world, &world.file, &world, keep).await.unwrap();
        let expected = Rotated::Replaced {
            new: issued("new-0"),
            removed: removed.iter().map(|id| (*id).to_owned()).collect(),
        };
        assert_eq!(
            (done, world.ids()),
            (expected, left.iter().map(|id| (*id).to_owned()).collect()),
            "{there:?}"
        );
        assert_eq!(world.held(), text("new-0").expose_secret());
        assert_eq!(world.file.in_use().unwrap(), Some(issued("new-0")));
        assert_eq!(
            (world.file.earlier().unwrap(), world.file.begun().unwrap()),
            (vec![], None)
        );
    };
    // Expired, and gone.
    let with = |expired, alive| There {
        expired,
        alive,
        ..NOTED
    };
    check(with(&["a"], &[]), None, &["a"], &["new-0"]).await;
    check(NOTED, None, &[], &["new-0"]).await;
    check(with(&["a"], &["theirs"]), None, &["a"], &["new-0", "theirs"]).await;
    check(with(&[], &["theirs"]), None, &[], &["new-0", "theirs"]).await;
    check(with(&["z"], &["theirs"]), None, &["z"], &["new-0", "theirs"]).await;
    // The file's own goes at the end, and only when the new one is in place.
    check(with(&["a", "z"], &[]), None, &["z", "a"], &["new-0"]).await;
    let bare = |there| There { noted: false, ..there };
    check(bare(NOTED), None, &[], &["new-0"]).await;
    check(bare(with(&["a"], &[])), None, &[], &["new-0", "a"]).await;
    check(bare(with(&["a"], &[])), Some("a"), &["a"], &["new-0"]).await;
    // Where the endpoint does not say whose it is, the list has to.
    let shared = |there| There { shared: true, ..there };
    check(shared(with(&["a"], &[])), None, &["a"], &["new-0"]).await;
    check(shared(with(&["a"], &["theirs"])), None, &["a"], &["new-0", "theirs"]).await;
    check(shared(bare(with(&["a"], &[]))), Some("a"), &["a"], &["new-0"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_told_changes_nothing() {
    let check = async |there: There, keep: Option<&str>, prepare: &dyn Fn(&mut State), expected: &str| {
        let world = there.world();
        prepare(&mut world.state.lock().unwrap());
        let before = world.ids();
        let error = rotate(&world, &world.file, &world, keep).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{there:?}: {error}");
        assert_eq!(world.ids(), before, "{there:?}");
        assert_eq!(world.held(), text("a").expose_secret());
        assert_eq!(world.file.in_use().unwrap().is_some(), there.noted, "the note is kept");
        assert_eq!(world.file.begun().unwrap(), None, "{there:?}: nothing is begun");
        error
    };
    let nothing: &dyn Fn(&mut State) = &|_| ();
    let with = |expired, alive| There {
        expired,
        alive,
        ..NOTED
    };
    let full = with(&[], &["theirs", "others"]);
    let error = check(
        full,
        None,
        nothing,
        "no room for a new one: others and theirs are alive",
    )
    .await;
    assert_eq!(error.exit_code(), 2);
    let _ = check(with(&[], &["b"]), Some("b"), nothing, "the file holds another").await;
    let _ = check(
        with(&["a"], &["b"]),
        Some("b"),
        nothing,
        "the file holds token a, and not b",
    )
    .await;
    let _ = check(NOTED, Some("c"), nothing, "there is no token c there").await;

    let shared = There { shared: true, ..NOTED };
    let _ = check(shared, None, nothing, "nothing shows that it was given out here").await;
    let unnamed = There {
        noted: false,
        expired: &["z"],
        ..shared
    };
    let _ = check(unnamed, None, nothing, "nothing shows that it was given out here").await;

    let off: &dyn Fn(&mut State) = &|state| {
        let off = IssuedToken {
            enabled: false,
            ..issued("a")
        };
        state.over.insert("a".to_owned(), off);
    };
    let _ = check(NOTED, None, off, "is switched off").await;
    let barren: &dyn Fn(&mut State) = &|state| state.barren = true;
    let _ = check(NOTED, None, barren, "a new one was not let in either").await;
}

/// The note knows "b", which was in the file before and may be in use elsewhere.
#[tokio::test(start_paused = true)]
async fn after_a_refusal_for_want_of_room_nothing_of_others_is_deleted() {
    let world = World::new(&["b", "a"], true);
    world.file.replace(&issued("a"), &text("a")).unwrap();
    world.state.lock().unwrap().says = Some(NotWorking::Refused("401, once".into()));
    let refused = world.rotate(None).await;
    assert!(matches!(refused, Err(RotateError::NoRoom { .. })), "{refused:?}");
    world.state.lock().unwrap().says = None;
    let refused = world.rotate(None).await;
    assert!(matches!(refused, Err(RotateError::Occupied { .. })), "{refused:?}");
    assert_eq!(world.ids(), ["a", "b"]);
}

/// The file holds "a", which is still let in after its end; the living one is somebody else's.
#[tokio::test(start_paused = true)]
async fn the_only_one_alive_is_not_taken_for_the_one_in_the_file() {
    let world = World::new(&["a", "theirs"], false);
    world.state.lock().unwrap().says_expired = Some("a".to_owned());
    let refused = world.rotate(None).await;
    assert!(
        matches!(&refused, Err(RotateError::Ambiguous { ids }) if ids == &["a", "theirs"]),
        "{refused:?}"
    );
    assert_eq!(world.ids(), ["a", "theirs"]);
    // Alone, it is the one.
    world.state.lock().unwrap().alive.remove("theirs");
    let renewed = world.rotate(None).await;
    assert!(
        matches!(&renewed, Ok(Rotated::Renewed { old, .. }) if old.id == "a"),
        "{renewed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn unasked_only_a_noted_token_that_has_expired_is_replaced() {
    let check = async |there: There, note: Option<IssuedToken>, is_replaced: bool| {
        let world = there.world();
        if let Some(note) = &note {
            world.file.replace(note, &text("a")).unwrap();
        }
        world.state.lock().unwrap().unwatched = true;
        let before = world.ids();
        match world.rotate(None).await {
            Ok(Rotated::Replaced { .. }) if is_replaced => {}
            Err(RotateError::Unasked(NotWorking::Refused(_))) if !is_replaced => {
                assert_eq!(world.ids(), before, "{there:?}");
                assert_eq!(world.file.begun().unwrap(), None);
            }
            other => panic!("{there:?} {note:?}: {other:?}"),
        }
    };
    let with = |expired, alive| There {
        expired,
        alive,
        ..NOTED
    };
    check(with(&["a"], &[]), None, true).await;
    check(NOTED, Some(expired("a")), true).await;
    check(with(&[], &["theirs"]), Some(expired("a")), true).await;
    // Deleted by somebody.
    check(NOTED, None, false).await;
    check(with(&[], &["theirs"]), None, false).await;
    let bare = |there| There { noted: false, ..there };
    check(bare(NOTED), None, false).await;
    check(bare(with(&["theirs"], &[])), None, false).await;
    check(bare(with(&[], &["theirs"])), None, false).await;
}

/// The endpoint says the same of every token.
#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_closed_or_away_says_nothing_of_a_token() {
    let closed = || NotWorking::Closed("403".into());
    let away = || NotWorking::Unclear("no connection".into());
    for (says, expired, made) in [
        (away(), true, 0),
        (away(), false, 0),
        (closed(), false, 0),
        (closed(), true, 1),
    ] {
        let there = There {
            expired: if expired { &["a"] } else { &[] },
            ..NOTED
        };
        let world = there.world();
        if !expired {
            let mut state = world.state.lock().unwrap();
            state.alive.insert("a".into(), text("a").expose_secret().to_owned());
        }
        world.state.lock().unwrap().says = Some(says.clone());
        let error = rotate(&world, &world.file, &world, None).await.unwrap_err();
        // Some clouds answer a token that has expired with 403 as well.
        match (&error, made) {
            (RotateError::Current(why), 0) | (RotateError::NeitherWorks(why), 1) => assert_eq!(*why, says),
            _ => panic!("{error}"),
        }
        assert_eq!(world.state.lock().unwrap().made, made, "{error}");
        assert_eq!(world.ids(), ["a"]);
        assert_eq!(world.file.in_use().unwrap().map(|token| token.id).as_deref(), Some("a"));
    }
}

/// While the other one is switched off.
#[tokio::test(start_paused = true)]
async fn silence_is_no_proof_that_the_wrong_token_was_named() {
    let world = World::new(&["a", "b"], false);
    world.state.lock().unwrap().switches = true;
    for at in 0.. {
        {
            let mut state = world.state.lock().unwrap();
            (state.steps, state.strike, state.struck) = (0, Some((at, Strike::Fails)), false);
        }
        let error = rotate(&world, &world.file, &world, Some("a")).await;
        if let Err(RotateError::Untold { other, resumed, .. }) = &error {
            assert_eq!((other.as_str(), *resumed), ("b", true));
            assert_eq!(world.state.lock().unwrap().alive.len(), 2);
            let presumed = world.file.presumed().unwrap().map(|token| token.id);
            assert_eq!(presumed.as_deref(), Some("a"), "what was said is kept");
            return;
        }
        assert!(error.is_err(), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn broken_off_at_any_step_the_next_one_replaces_it() {
    let with = |expired, alive, shared| There {
        expired,
        alive,
        shared,
        ..NOTED
    };
    let bare = There { noted: false, ..NOTED };
    let beginnings = [
        NOTED,
        bare,
        with(&["a"], &[], false),
        with(&["a"], &["theirs"], false),
        with(&["a"], &["theirs"], true),
        with(&["a", "z"], &[], true),
    ];
    for there in beginnings {
        for strike in STRIKES {
            for at in 0.. {
                let world = there.world();
                let what = (there, strike, at);
                let first = world.rotate(Some((at, strike))).await;
                let struck = world.struck();
                let is_done = || world.file.begun().unwrap().is_none() && world.held() != text("a").expose_secret();
                if struck && !is_done() {
                    let second = world.rotate(None).await;
                    assert!(second.is_ok(), "{what:?}: {first:?}, {second:?}");
                }
                let theirs = world.ids().iter().filter(|id| *id == "theirs").count();
                assert_eq!(
                    (theirs, world.ids().len()),
                    (there.alive.len(), there.alive.len() + 1),
                    "{what:?}"
                );
                let in_use = world.file.in_use().unwrap().unwrap().id;
                assert!(in_use.starts_with("new-") && world.ids().contains(&in_use), "{what:?}");
                assert!(world.file.earlier().unwrap().is_empty(), "{what:?}");
                assert_eq!(world.file.begun().unwrap(), None, "{what:?}");
                if !struck {
                    assert!(
                        at > 8 && matches!(first, Ok(Rotated::Replaced { .. })),
                        "{what:?}: {first:?}"
                    );
                    break;
                }
            }
        }
    }
}
