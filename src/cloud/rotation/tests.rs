//! Broken off between any two steps, a rotation leaves a working token in the file, and the next one ends it.

mod over;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tempfile::TempDir;

use super::*;
use crate::cloud::{TOKENS_MAX, TokenFileError, token_file::tests::Fault};

/// What happens at one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strike {
    /// The process is killed before it.
    Dies,
    /// The step is done, and the process is killed before it learns so.
    DiesAfter,
    /// The step fails, and the process goes on.
    Fails,
    /// The step is done, and the process is told that it failed.
    FailsAfter,
}

/// The control plane, the SCIM endpoint and the disk, and when they fail.
#[derive(Default)]
struct State {
    /// Ids and texts of the tokens that work.
    alive: BTreeMap<String, String>,
    made: usize,
    steps: usize,
    strike: Option<(usize, Strike)>,
    struck: bool,
    dead: bool,
    /// Looks at a new token that fail before it works.
    lag: usize,
    /// New tokens never work.
    barren: bool,
    /// Nobody sees what is done.
    unwatched: bool,
    /// From when the file holds a new token, the endpoint is away.
    fades: bool,
    /// A directory whose tokens are taken at the endpoint of another one too.
    shared_endpoint: bool,
    /// Tokens can be switched off, and these are.
    switches: bool,
    off: BTreeMap<String, String>,
    /// Listed, and let in no more.
    over: BTreeMap<String, IssuedToken>,
    /// Listed as one whose time is over, and let in all the same.
    says_expired: Option<String>,
    /// What the file may hold though it does not work: it did not at the beginning.
    spent: Option<String>,
    /// What is said of every token, whatever it is.
    says: Option<NotWorking>,
    /// Looked at in every step.
    file: Option<TokenFile>,
}

impl State {
    /// One step: whether it takes effect, and whether it is said to have worked.
    fn step(&mut self) -> (bool, bool) {
        if self.dead {
            return (false, false);
        }
        self.check();
        let strike = self
            .strike
            .filter(|(at, _)| *at == self.steps)
            .map(|(_, strike)| strike);
        self.steps += 1;
        let Some(strike) = strike else { return (true, true) };
        self.struck = true;
        self.dead = matches!(strike, Strike::Dies | Strike::DiesAfter);
        (matches!(strike, Strike::DiesAfter | Strike::FailsAfter), false)
    }

    /// The law: what the file holds works, or is switched off and the next rotation knows it.
    fn check(&self) {
        let file = self
            .file
            .as_ref()
            .map(|file| TokenFile::open(file.path()).unwrap())
            .unwrap();
        let (held, suspended) = (file.token().unwrap().unwrap(), file.suspended().unwrap());
        assert!(
            self.off.keys().all(|off| suspended.as_ref() == Some(off)),
            "{:?} are off, and the note says {suspended:?}",
            self.off.keys()
        );
        let mut working = self.alive.values().chain(self.off.values());
        let works = working.any(|text| text == held.expose_secret());
        let is_spent = self.spent.as_deref() == Some(held.expose_secret());
        assert!(
            works || is_spent,
            "the file holds {}, but alive are {:?}",
            held.expose_secret(),
            self.alive
        );
    }
}

#[derive(Clone)]
struct World {
    state: Arc<Mutex<State>>,
    file: TokenFile,
    _folder: Arc<TempDir>,
}

fn issued(id: &str) -> IssuedToken {
    IssuedToken {
        id: id.to_owned(),
        created: None,
        expires: None,
        enabled: true,
    }
}

fn text(id: &str) -> SecretString {
    SecretString::from(format!("text of {id}"))
}

impl World {
    /// The first of these tokens is in the file; with a note of it or without.
    fn new(ids: &[&str], noted: bool) -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        let mut file = TokenFile::open(&folder.path().join("token")).unwrap();
        file.replace(&issued(ids[0]), &text(ids[0])).unwrap();
        if !noted {
            file.forget(ids[0]).unwrap();
        }
        if ids.contains(&"stray") {
            // Made by a rotation that was broken off.
            file.begin(&[ids[0].to_owned()], chrono::Utc::now()).unwrap();
        }
        let state = State {
            alive: ids
                .iter()
                .map(|id| ((*id).to_owned(), text(id).expose_secret().to_owned()))
                .collect(),
            file: Some(file.clone()),
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        let writes = state.clone();
        file.fault = Some(Fault(Arc::new(move |path| {
            // What comes after a write is a step of its own.
            match writes.lock().unwrap().step() {
                (_, true) => Ok(()),
                _ => Err(TokenFileError {
                    path: path.to_owned(),
                    problem: "struck".into(),
                }),
            }
        })));
        Self {
            state,
            file,
            _folder: folder,
        }
    }

    async fn rotate(&self, strike: Option<(usize, Strike)>) -> Result<Rotated, RotateError> {
        self.rotate_keeping(None, strike).await
    }

    async fn rotate_keeping(
        &self,
        keep: Option<&str>,
        strike: Option<(usize, Strike)>,
    ) -> Result<Rotated, RotateError> {
        {
            let mut state = self.state.lock().unwrap();
            (state.steps, state.strike, state.struck, state.dead) = (0, strike, false, false);
        }
        let rotated = rotate(self, &self.file, self, keep).await;
        let mut state = self.state.lock().unwrap();
        (state.dead, state.strike) = (false, None);
        state.check();
        rotated
    }

    fn struck(&self) -> bool {
        self.state.lock().unwrap().struck
    }

    /// One token is there, the file holds it, and its note knows it.
    fn check_end(&self, what: &dyn std::fmt::Debug) {
        let alive = self.state.lock().unwrap().alive.clone();
        let ids: Vec<_> = alive.keys().collect();
        assert_eq!(ids.len(), 1, "{what:?}: {ids:?}");
        let file = TokenFile::open(self.file.path()).unwrap();
        assert_eq!(
            file.in_use().unwrap().map(|token| token.id).as_ref(),
            Some(ids[0]),
            "{what:?}"
        );
        assert!(file.earlier().unwrap().is_empty(), "{what:?}");
        assert_eq!(file.begun().unwrap(), None, "{what:?}");
    }
}

fn outcome<T>(said: bool, value: T) -> Result<T, CloudError> {
    said.then_some(value).ok_or_else(|| CloudError::Lost {
        host: "cloud".into(),
        why: "struck".into(),
        reads: false,
    })
}

impl TokenAuthority for World {
    async fn list(&self) -> Result<Vec<IssuedToken>, CloudError> {
        let mut state = self.state.lock().unwrap();
        let (_, said) = state.step();
        let alive = state.alive.keys().map(|id| IssuedToken {
            // A moment ago, for a rotation's own.
            created: (id.starts_with("new-") || id == "stray").then(chrono::Utc::now),
            expires: (state.says_expired.as_ref() == Some(id))
                .then(|| chrono::Utc::now() - chrono::TimeDelta::hours(1)),
            ..issued(id)
        });
        let off = state.off.keys().map(|id| IssuedToken {
            enabled: false,
            ..issued(id)
        });
        outcome(said, alive.chain(off).chain(state.over.values().cloned()).collect())
    }

    async fn ask(&self) -> Result<(IssuedToken, SecretString), CloudError> {
        let mut state = self.state.lock().unwrap();
        let (done, said) = state.step();
        let id = format!("new-{}", state.made);
        if done {
            state.made += 1;
            assert!(
                state.alive.len() + state.over.len() + state.off.len() < TOKENS_MAX,
                "{:?}",
                state.alive
            );
            state.alive.insert(id.clone(), text(&id).expose_secret().to_owned());
        }
        outcome(said, (issued(&id), text(&id)))
    }

    async fn delete(&self, id: &str) -> Result<(), CloudError> {
        let mut state = self.state.lock().unwrap();
        let (done, said) = state.step();
        if done {
            state.alive.remove(id);
            state.off.remove(id);
            state.over.remove(id);
            state.check();
        }
        outcome(said, ())
    }

    fn may_guess(&self) -> bool {
        !self.state.lock().unwrap().shared_endpoint
    }

    fn endpoint_tells(&self) -> bool {
        !self.state.lock().unwrap().shared_endpoint
    }

    fn is_watched(&self) -> bool {
        !self.state.lock().unwrap().unwatched
    }

    async fn suspend(&self, id: &str) -> Result<bool, CloudError> {
        let mut state = self.state.lock().unwrap();
        if !state.switches {
            return Ok(false);
        }
        let (done, said) = state.step();
        if done {
            let text = state.alive.remove(id).unwrap();
            state.off.insert(id.to_owned(), text);
        }
        outcome(said, true)
    }

    async fn resume(&self, id: &str) -> Result<(), CloudError> {
        let mut state = self.state.lock().unwrap();
        let (done, said) = state.step();
        if done && let Some(text) = state.off.remove(id) {
            state.alive.insert(id.to_owned(), text);
        }
        outcome(said, ())
    }
}

impl Verify for World {
    async fn works(&self, token: &SecretString) -> Result<(), NotWorking> {
        let mut state = self.state.lock().unwrap();
        if !state.step().1 {
            return Err(NotWorking::Unclear("struck".into()));
        }
        if let Some(says) = state.says.clone() {
            return Err(says);
        }
        let held = self.file.token().unwrap().unwrap();
        if state.fades && held.expose_secret().contains("new-") {
            return Err(NotWorking::Unclear("no connection".into()));
        }
        let token = token.expose_secret();
        let is_new = token.contains("new-");
        if is_new && state.lag > 0 {
            state.lag -= 1;
            return Err(NotWorking::Refused("not yet".into()));
        }
        let works = state.alive.values().any(|text| text == token) && !(is_new && state.barren);
        works.then_some(()).ok_or(NotWorking::Refused("no such token".into()))
    }
}

/// How the world is before: what is alive, and whether the file's token is noted.
const BEGINNINGS: [(&[&str], bool); 3] = [(&["a"], true), (&["a"], false), (&["a", "stray"], true)];

const STRIKES: [Strike; 4] = [Strike::Dies, Strike::DiesAfter, Strike::Fails, Strike::FailsAfter];

#[tokio::test(start_paused = true)]
async fn broken_off_at_any_step_the_next_one_ends_it() {
    for (ids, noted) in BEGINNINGS {
        for strike in STRIKES {
            for at in 0.. {
                let world = World::new(ids, noted);
                let what = (ids, noted, strike, at);
                let first = world.rotate(Some((at, strike))).await;
                if !world.struck() {
                    assert!(
                        at > 12 && matches!(first, Ok(Rotated::Renewed { .. })),
                        "{what:?}: {first:?}"
                    );
                    world.check_end(&what);
                    break;
                }
                let second = world.rotate(None).await;
                assert!(second.is_ok(), "{what:?}: {first:?}, {second:?}");
                world.check_end(&what);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn broken_off_twice() {
    for at in 0.. {
        let mut ended = false;
        // Every third: each run waits for the disk many times.
        for again in (at % 3..).step_by(3) {
            let world = World::new(&["a"], false);
            let _ = world.rotate(Some((at, Strike::DiesAfter))).await;
            ended = !world.struck();
            let _ = world.rotate(Some((again, Strike::Dies))).await;
            if ended || !world.struck() {
                break;
            }
            let third = world.rotate(None).await;
            assert!(third.is_ok(), "{at}, {again}: {third:?}");
            world.check_end(&(at, again));
        }
        if ended {
            break;
        }
    }
}

/// At one of the steps, and then somebody else makes a token for another purpose.
#[tokio::test(start_paused = true)]
async fn what_somebody_makes_after_an_interruption_is_not_deleted() {
    for strike in STRIKES {
        let mut tried = 0;
        for at in 0.. {
            let world = World::new(&["a"], true);
            let first = world.rotate(Some((at, strike))).await;
            if !world.struck() {
                break;
            }
            {
                let mut state = world.state.lock().unwrap();
                if state.alive.len() == TOKENS_MAX {
                    continue;
                }
                state.alive.insert("theirs".into(), "text of theirs".into());
            }
            tried += 1;
            for _ in 0..2 {
                let again = world.rotate(None).await;
                assert!(
                    matches!(
                        again,
                        Err(RotateError::Occupied { .. }) | Ok(Rotated::Completed { removed: None, .. })
                    ),
                    "{strike:?} {at}: {first:?}, {again:?}"
                );
            }
            assert!(
                world.state.lock().unwrap().alive.contains_key("theirs"),
                "{strike:?} {at}"
            );
        }
        assert!(tried > 4, "{strike:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn when_certainly_none_was_made_nothing_is_begun() {
    let mut not_made = 0;
    for at in 0.. {
        let world = World::new(&["a"], true);
        let first = world.rotate(Some((at, Strike::Fails))).await;
        match first {
            Err(RotateError::Cloud(CloudError::NotMade(_))) => not_made += 1,
            Err(RotateError::Cloud(_)) => {}
            _ if world.struck() => continue,
            _ => break,
        }
        assert_eq!(world.file.begun().unwrap(), None, "{at}: {first:?}");
    }
    assert_eq!(not_made, 1);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_lost_its_last_step_is_completed_and_not_repeated() {
    let world = World::new(&["a"], true);
    let deletes_old = (0..).map(|at| (at, Strike::Dies));
    for strike in deletes_old {
        let world = World::new(&["a"], true);
        if let Err(RotateError::OldRemains { new, old, .. }) = world.rotate(Some(strike)).await {
            assert_eq!((new.as_str(), old.as_str()), ("new-0", "a"));
            let completed = world.rotate(None).await;
            assert!(
                matches!(&completed, Ok(Rotated::Completed { in_use, removed: Some(old) }) if in_use.id == "new-0" && old == "a"),
                "{completed:?}"
            );
            break;
        }
    }
    let renewed = Rotated::Renewed {
        new: issued("new-0"),
        old: issued("a"),
        removed: None,
    };
    assert_eq!(world.rotate(None).await.unwrap(), renewed);
}

#[tokio::test(start_paused = true)]
async fn a_token_of_somebody_else_is_not_deleted_unasked() {
    let world = World::new(&["a", "theirs"], true);
    let refused = world.rotate(None).await;
    assert!(
        matches!(&refused, Err(RotateError::Occupied { in_use, other }) if in_use == "a" && other == "theirs"),
        "{refused:?}"
    );
    assert_eq!(world.state.lock().unwrap().alive.len(), 2);
    // One that was in the file before, and was replaced by hand, may be in use elsewhere.
    let world = World::new(&["b", "a"], true);
    world.file.replace(&issued("a"), &text("a")).unwrap();
    assert!(matches!(world.rotate(None).await, Err(RotateError::Occupied { .. })));
    let asked = rotate(&world, &world.file, &world, Some("a")).await.unwrap();
    let renewed = Rotated::Renewed {
        new: issued("new-0"),
        old: issued("a"),
        removed: Some("b".into()),
    };
    assert_eq!(asked, renewed);
    world.check_end(&"asked");
}

#[tokio::test(start_paused = true)]
async fn a_new_token_may_take_a_moment() {
    let world = World::new(&["a", "stray"], true);
    world.state.lock().unwrap().lag = 3;
    let renewed = Rotated::Renewed {
        new: issued("new-0"),
        old: issued("a"),
        removed: Some("stray".into()),
    };
    assert_eq!(world.rotate(None).await.unwrap(), renewed);

    let world = World::new(&["a"], true);
    world.state.lock().unwrap().barren = true;
    assert!(matches!(world.rotate(None).await, Err(RotateError::New(_))));
    world.check_end(&"barren");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_told_is_refused_and_nothing_is_changed() {
    let check = async |ids: &[&str], noted, keep: Option<&str>, expected: &str| {
        let world = World::new(ids, noted);
        match rotate(&world, &world.file, &world, keep).await {
            Ok(rotated) => assert_eq!(expected, "", "{rotated:?}"),
            Err(error) => {
                assert!(!expected.is_empty() && error.to_string().contains(expected), "{error}");
                assert_eq!(world.state.lock().unwrap().alive.len(), ids.len());
            }
        }
    };
    check(&["a", "b"], false, None, "--keep ID").await;
    check(&["a", "b"], false, Some("a"), "").await;
    check(&["a", "b"], false, Some("c"), "there is no token c").await;
    check(&["a", "b"], true, Some("b"), "holds token a, and not b").await;
    check(&["a", "b"], true, Some("a"), "").await;

    let world = World::new(&["a"], true);
    world
        .state
        .lock()
        .unwrap()
        .alive
        .insert("z".into(), text("a").expose_secret().to_owned());
    world.state.lock().unwrap().alive.remove("a");
    let error = world.rotate(None).await.unwrap_err();
    assert!(error.to_string().contains("is not listed there"), "{error}");

    let lock = world.file.lock().unwrap();
    assert!(matches!(world.rotate(None).await, Err(RotateError::Busy(_))));
    drop(lock);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_guessed_where_a_wrong_guess_would_not_show() {
    let world = World::new(&["a"], false);
    world.state.lock().unwrap().shared_endpoint = true;
    let error = world.rotate(None).await.unwrap_err();
    assert!(error.to_string().contains("--keep a"), "{error}");
    assert_eq!(error.exit_code(), 2);
    assert_eq!(world.state.lock().unwrap().made, 0);
    // Said once, it is known.
    let named = rotate(&world, &world.file, &world, Some("a")).await;
    assert!(matches!(named, Ok(Rotated::Renewed { .. })), "{named:?}");
    assert!(matches!(world.rotate(None).await, Ok(Rotated::Renewed { .. })));
    world.check_end(&"named");
}

#[tokio::test(start_paused = true)]
async fn what_was_presumed_is_not_certain_once_it_is_put_back() {
    for (noted, presumed) in [(false, Some("a")), (true, None)] {
        let world = World::new(&["a"], noted);
        world.state.lock().unwrap().fades = true;
        let error = world.rotate(None).await.unwrap_err();
        assert!(matches!(error, RotateError::New(NotWorking::Unclear(_))), "{error}");
        let id = |token: Option<IssuedToken>| token.map(|token| token.id);
        let (in_use, said) = (world.file.in_use().unwrap(), world.file.presumed().unwrap());
        assert_eq!((in_use.is_some(), id(said).as_deref()), (noted, presumed));
        let ids: Vec<_> = world.state.lock().unwrap().alive.keys().cloned().collect();
        assert_eq!(ids, ["a"]);
    }
}

/// The control plane of another tenant, and then that of the right one.
#[tokio::test(start_paused = true)]
async fn a_wrong_guess_is_not_remembered() {
    let world = World::new(&["a"], false);
    let alive = |id: &str| BTreeMap::from([(id.to_owned(), text("a").expose_secret().to_owned())]);
    // As the other tenant lists it; its new tokens do not work here.
    (world.state.lock().unwrap().alive, world.state.lock().unwrap().barren) = (alive("foreign"), true);
    assert!(matches!(world.rotate(None).await, Err(RotateError::New(_))));
    let ids: Vec<_> = world.state.lock().unwrap().alive.keys().cloned().collect();
    assert_eq!(ids, ["foreign"]);
    assert_eq!(world.file.in_use().unwrap(), None);

    (world.state.lock().unwrap().alive, world.state.lock().unwrap().barren) = (alive("a"), false);
    assert!(matches!(world.rotate(None).await, Ok(Rotated::Renewed { old, .. }) if old.id == "a"));
    world.check_end(&"the right one");
}

#[tokio::test(start_paused = true)]
async fn what_is_said_overrides_a_note_of_a_token_that_is_not_there() {
    let world = World::new(&["a"], true);
    let renamed = BTreeMap::from([("z".to_owned(), text("a").expose_secret().to_owned())]);
    world.state.lock().unwrap().alive = renamed;
    assert!(matches!(world.rotate(None).await, Err(RotateError::Stranger(_))));
    let done = rotate(&world, &world.file, &world, Some("z")).await;
    assert!(
        matches!(&done, Ok(Rotated::Renewed { old, .. }) if old.id == "z"),
        "{done:?}"
    );
    assert!(matches!(world.rotate(None).await, Ok(Rotated::Renewed { .. })));
    world.check_end(&"overridden");
}

/// With the right id, and with the wrong one.
#[tokio::test(start_paused = true)]
async fn a_trial_that_is_broken_off_leaves_nothing_switched_off() {
    for keep in ["a", "b"] {
        for strike in STRIKES {
            for at in 0.. {
                let world = World::new(&["a", "b"], false);
                world.state.lock().unwrap().switches = true;
                let what = (keep, strike, at);
                let first = world.rotate_keeping(Some(keep), Some((at, strike))).await;
                if !world.struck() {
                    let expected = match keep {
                        "a" => matches!(first, Ok(Rotated::Renewed { .. })),
                        _ => matches!(first, Err(RotateError::Mistaken { resumed: true, .. })),
                    };
                    assert!(at > 8 && expected, "{what:?}: {first:?}");
                    break;
                }
                let off = world.state.lock().unwrap().off.len();
                let is_said = matches!(
                    first,
                    Err(RotateError::Mistaken { resumed: false, .. }
                        | RotateError::Untold { resumed: false, .. }
                        | RotateError::NotRemoved { resumed: false, .. })
                );
                let is_killed = matches!(strike, Strike::Dies | Strike::DiesAfter);
                assert!(off == 0 || is_said || is_killed, "{what:?}: {first:?}");
                let held = world.file.token().unwrap().unwrap();
                let keep = (held.expose_secret() == text("a").expose_secret()).then_some("a");
                let second = world.rotate_keeping(keep, None).await;
                assert!(second.is_ok(), "{what:?}: {first:?}, {second:?}");
                assert!(world.state.lock().unwrap().off.is_empty(), "{what:?}");
                world.check_end(&what);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_switched_on_again_is_named() {
    let world = World::new(&["a", "b"], false);
    {
        let mut state = world.state.lock().unwrap();
        state.switches = true;
        let text = state.alive.remove("b").unwrap();
        state.off.insert("b".into(), text);
    }
    TokenFile::open(world.file.path()).unwrap().begin_trial("b").unwrap();
    // After the list.
    let error = world.rotate(Some((1, Strike::Fails))).await.unwrap_err();
    assert!(
        matches!(&error, RotateError::StillOff { id, .. } if id == "b"),
        "{error}"
    );
    assert_eq!(world.file.suspended().unwrap().as_deref(), Some("b"));
    let _ = world.rotate(None).await;
    assert_eq!(world.file.suspended().unwrap(), None);
    assert_eq!(world.state.lock().unwrap().alive.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_wrong_id_is_found_out_before_anything_is_deleted() {
    let world = World::new(&["a", "b"], false);
    world.state.lock().unwrap().switches = true;
    let error = rotate(&world, &world.file, &world, Some("b")).await.unwrap_err();
    assert!(error.to_string().contains("holds that one and not b"), "{error}");
    assert!(error.to_string().contains("it is on again"), "{error}");
    assert_eq!(world.state.lock().unwrap().alive.len(), 2);
    assert_eq!(
        (world.file.in_use().unwrap(), world.file.presumed().unwrap()),
        (None, None)
    );

    let done = rotate(&world, &world.file, &world, Some("a")).await.unwrap();
    assert!(matches!(done, Rotated::Renewed { removed: Some(id), .. } if id == "b"));
    world.check_end(&"the right id");
}
