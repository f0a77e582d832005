//! A new token in place of the old one, killed between any two requests.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::support::{
    cloud::Cloud,
    recorder::{Fault, Rule, Which},
    sandbox::private,
    wait_for,
};

/// More requests than a rotation has.
const REQUESTS_MAX: usize = 40;

/// One kind of token.
struct Kind {
    cloud: Cloud,
    token: PathBuf,
    /// "token" or "credential".
    command: &'static str,
    /// "tokens" or "credentials".
    many: &'static str,
}

impl Kind {
    /// With a token in use.
    fn huawei() -> Self {
        let cloud = Cloud::huawei();
        let _ = cloud.run(&["tenant", "enable"]).expect(0);
        Self::with_token(cloud, "token", "tokens")
    }

    fn alibaba() -> Self {
        let cloud = Cloud::alibaba();
        let _ = cloud.run(&["scim", "enable"]).expect(0);
        Self::with_token(cloud, "credential", "credentials")
    }

    fn with_token(mut cloud: Cloud, command: &'static str, many: &'static str) -> Self {
        let token = cloud.path("token");
        cloud.configure_scim(&token);
        let _ = cloud.run(&[command, "create"]).expect(0);
        Self {
            cloud,
            token,
            command,
            many,
        }
    }

    /// What the cloud knows.
    fn list(&self) -> Vec<Value> {
        self.cloud.json(&[self.command, "list"])[self.many]
            .as_array()
            .unwrap()
            .clone()
    }

    #[track_caller]
    fn rotate(&self) -> Value {
        self.cloud.json(&[self.command, "rotate"])
    }

    /// The id of what is in use, when the cloud has nothing else.
    #[track_caller]
    fn the_one_in_use(&self) -> String {
        let list = self.list();
        assert_eq!(list.len(), 1, "{list:?}");
        assert_eq!(list[0]["in_use"], true, "{list:?}");
        assert_eq!(self.cloud.scim_status(&self.token), 200);
        list[0]["id"].as_str().unwrap().to_owned()
    }

    /// Kills a rotation at its request of this number; false when it had fewer.
    fn kill_at(&self, request: usize, fault: &Fault) -> bool {
        let recorder = &self.cloud.recorder;
        recorder.clear_rules();
        recorder.forget();
        recorder.rule(Rule::new("", Which::Nth(request), fault.clone()));
        let held_before = recorder.held_after_effect();
        let process = self.cloud.spawn(&[self.command, "rotate"]);
        let held = wait_for("the request is held or the rotation ends", || {
            // In this order: one that has ended sends nothing more.
            let ended = process.ended();
            let held = match fault {
                Fault::HoldAfterEffect => recorder.held_after_effect() > held_before,
                _ => recorder.count() >= request,
            };
            (held || ended).then_some(held)
        });
        let run = if held { process.kill() } else { process.wait().expect(0) };
        recorder.clear_rules();
        recorder.release();
        assert_eq!(run.code.is_none(), held, "{}", run.everything());
        held
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_rotation_leaves_one_token_and_it_works() {
    for kind in [Kind::huawei(), Kind::alibaba()] {
        let (old, text) = (kind.the_one_in_use(), read(&kind.token));
        let rotated = kind.rotate();
        let new = kind.the_one_in_use();
        assert_ne!((&new, read(&kind.token)), (&old, text));
        assert_eq!(
            (&rotated["outcome"], &rotated["deleted"]),
            (&json!("rotated"), &json!([old]))
        );
        assert_eq!(rotated[kind.command]["id"], new);
        let run = kind.cloud.run(&[kind.command, "rotate"]).expect(0);
        let _ = run.says("which works").says(&format!("{new} is deleted"));
        let _ = kind.the_one_in_use();
    }
}

fn is_safe_wherever_it_is_killed(kind: &Kind, fault: &Fault) {
    for request in 1..REQUESTS_MAX {
        let before = kind.the_one_in_use();
        if !kind.kill_at(request, fault) {
            assert!(request > 5, "only {} requests", request - 1);
            assert_ne!(kind.the_one_in_use(), before);
            return;
        }
        // Whatever was in hand: what the file holds lets us in, and the cloud has no more than two.
        assert_eq!(kind.cloud.scim_status(&kind.token), 200, "killed at request {request}");
        let there = kind.list().len();
        assert!((1..=2).contains(&there), "{there} after request {request}");
        let completed = kind.rotate();
        let after = kind.the_one_in_use();
        assert_eq!(completed[kind.command]["id"], after, "{completed}");
        assert_ne!(
            after, before,
            "killed at request {request}: the next call goes on, or begins anew"
        );
    }
    panic!("a rotation has no {REQUESTS_MAX} requests");
}

#[test]
fn killed_after_any_request_of_huawei_it_is_completed_by_the_next_call() {
    is_safe_wherever_it_is_killed(&Kind::huawei(), &Fault::HoldAfterEffect);
}

#[test]
fn killed_before_any_request_of_huawei_it_is_completed_by_the_next_call() {
    is_safe_wherever_it_is_killed(&Kind::huawei(), &Fault::HoldAndReset);
}

#[test]
fn killed_after_any_request_of_alibaba_it_is_completed_by_the_next_call() {
    is_safe_wherever_it_is_killed(&Kind::alibaba(), &Fault::HoldAfterEffect);
}

#[test]
fn killed_before_any_request_of_alibaba_it_is_completed_by_the_next_call() {
    is_safe_wherever_it_is_killed(&Kind::alibaba(), &Fault::HoldAndReset);
}

/// Made in the console, so there is no note beside it.
#[test]
fn a_token_from_elsewhere_is_taken_for_the_only_one_or_named() {
    let kind = Kind::huawei();
    let cloud = &kind.cloud;
    fs::remove_file(cloud.path("token.json")).unwrap();
    let first = cloud.json(&["token", "list"])["tokens"][0].clone();
    assert_eq!(first["in_use"], Value::Null);
    // Of one only it can be told.
    assert_eq!(kind.rotate()["deleted"], json!([first["id"]]));

    fs::remove_file(cloud.path("token.json")).unwrap();
    let mine = cloud.json(&["token", "list"])["tokens"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let other = cloud.path("token-2").display().to_string();
    let other = cloud.json(&["token", "create", "--out", &other])["token"]["id"].clone();
    let before = read(&kind.token);
    let _ = cloud.run(&["token", "rotate"]).expect(2).says("--keep ID").says(&mine);
    assert_eq!(read(&kind.token), before);
    assert_eq!(kind.list().len(), 2, "nothing was deleted on a guess");
    let rotated = cloud.json(&["token", "rotate", "--keep", &mine]);
    let deleted = rotated["deleted"].as_array().unwrap();
    assert!(deleted.contains(&other) && deleted.contains(&json!(mine)), "{rotated}");
    let _ = kind.the_one_in_use();
}

/// Deleted in the console, or never good.
#[test]
fn what_is_let_in_no_more_is_replaced_where_the_endpoint_proves_the_new_one() {
    let kind = Kind::huawei();
    let cloud = &kind.cloud;
    let gone = kind.the_one_in_use();
    let _ = cloud.run(&["token", "delete", &gone, "--yes"]).expect(0);
    assert_eq!(cloud.scim_status(&kind.token), 401);
    let replaced = kind.rotate();
    let new = kind.the_one_in_use();
    assert_eq!(
        (&replaced["outcome"], &replaced["deleted"], &replaced["token"]["id"]),
        (&json!("replaced"), &json!([]), &json!(new))
    );

    private(&kind.token, "not-a-token-of-this-cloud");
    let _ = cloud.run(&["token", "rotate"]).expect(0).says("was let in no more");
    assert_eq!(cloud.scim_status(&kind.token), 200);
    let ids: Vec<Value> = kind.list().into_iter().map(|token| token["id"].clone()).collect();
    assert_eq!(ids.len(), 2, "whose the other one is nobody knows");
    assert!(ids.contains(&json!(new)));

    // No room, and both are alive: nothing is deleted on a guess.
    private(&kind.token, "not-a-token-of-this-cloud");
    let run = cloud.run(&["token", "rotate"]).expect(2).says("no room for a new one");
    let _ = run.says(" cloud huawei token delete ID").says(&new);
    assert_eq!(kind.list().len(), 2);
}

/// At Alibaba Cloud the endpoint takes the credentials of every directory.
#[test]
fn what_is_let_in_no_more_is_left_alone_where_nothing_proves_whose_it_was() {
    let kind = Kind::alibaba();
    let cloud = &kind.cloud;
    let gone = kind.the_one_in_use();
    let _ = cloud.run(&["credential", "disable", &gone, "--yes"]).expect(0);
    let run = cloud.run(&["credential", "rotate"]).expect(4).says("is switched off");
    let _ = run.says(&format!(" cloud alibaba credential enable {gone}"));
    let _ = cloud.run(&["credential", "delete", &gone, "--yes"]).expect(0);
    let before = read(&kind.token);
    let run = cloud.run(&["credential", "rotate"]).expect(2);
    let mend = format!(
        "scimward --config {} cloud alibaba credential create --force --out {}",
        cloud.config().display(),
        kind.token.display()
    );
    let _ = run.says(&mend);
    assert_eq!((kind.list().len(), read(&kind.token)), (0, before));
    let words: Vec<&str> = mend.split(' ').skip(5).collect();
    let _ = cloud.run(&words).expect(0);
    let _ = kind.the_one_in_use();
}

#[test]
fn an_endpoint_that_is_closed_or_away_is_not_taken_for_a_bad_token() {
    let kind = Kind::alibaba();
    let cloud = &kind.cloud;
    let _ = cloud.run(&["scim", "disable", "--yes"]).expect(0);
    let run = cloud
        .run(&["credential", "rotate"])
        .expect(4)
        .says_not("refuses the token");
    let _ = run
        .says("403")
        .says("switch it on: scimward --config ")
        .says(" cloud alibaba scim enable");
    let _ = cloud.run(&["scim", "enable"]).expect(0);
    let away = ["credential", "rotate", "--scim-endpoint", "http://127.0.0.1:1/"];
    let run = cloud.run(&away).expect(4).says_not("refuses the token");
    let _ = run.says("whether the token works cannot be told").says("try again");
    assert!(cloud.path("token.json").exists());
    let before = kind.the_one_in_use();
    let _ = kind.rotate();
    assert_ne!(kind.the_one_in_use(), before);
}

#[test]
fn a_token_that_gives_way_by_force_is_named_while_it_is_there() {
    for kind in [Kind::huawei(), Kind::alibaba()] {
        let (old, command) = (kind.the_one_in_use(), kind.command);
        let run = kind.cloud.run(&[command, "create", "--force"]).expect(0);
        let delete = format!(" cloud {} {command} delete {old}", kind.cloud.name());
        let _ = run.says("is still there").says(&delete);
        let _ = kind.cloud.run(&[command, "delete", &old, "--yes"]).expect(0);
        let new = kind.the_one_in_use();
        let run = kind.cloud.json(&[command, "create", "--force"]);
        assert_eq!(run["replaced"], json!(new));
        let _ = kind.cloud.run(&[command, "delete", &new, "--yes"]).expect(0);
        let _ = kind
            .cloud
            .run(&[command, "delete", &kind.the_one_in_use(), "--yes"])
            .expect(0);
        // Nothing is there any more.
        let run = kind.cloud.run(&[command, "create", "--force"]).expect(0);
        let _ = run.says_not("is still there").says_not("There is also");
    }
}

#[test]
fn what_is_not_there_is_not_rotated() {
    let kind = Kind::huawei();
    let cloud = &kind.cloud;
    fs::remove_file(&kind.token).unwrap();
    let _ = cloud.run(&["token", "rotate"]).expect(2).says("make the first token");
    cloud.recorder.forget();
    let mut bare = Cloud::huawei();
    bare.scim.clear();
    let _ = bare.run(&["token", "rotate"]).expect(2).says("--out FILE");
    assert_eq!(bare.recorder.log(), "");
}
