//! Ctrl-C while a token is being made: it has a place, or it is gone again, or it is said that it may be left.

use std::fs;

use rustix::process::Signal;

use crate::support::{
    cloud::Cloud,
    recorder::{Fault, Rule, Which},
    scimward::Process,
    wait_for,
};

/// Both clouds, switched on; and what their tokens are called.
fn both() -> [(Cloud, &'static str, &'static str); 2] {
    let (huawei, alibaba) = (Cloud::huawei(), Cloud::alibaba());
    let _ = huawei.run(&["tenant", "enable"]).expect(0);
    let _ = alibaba.run(&["scim", "enable"]).expect(0);
    [(huawei, "token", "tokens"), (alibaba, "credential", "credentials")]
}

/// A `create` whose token is made in the cloud, while the answer has not come yet.
fn held(cloud: &Cloud, command: &str) -> Process {
    let recorder = &cloud.recorder;
    // The first two look: for the tenant and the tokens, at Alibaba Cloud for the credentials only.
    let last = if command == "token" { 3 } else { 2 };
    let before = recorder.held_after_effect();
    recorder.rule(Rule::new("", Which::Nth(last), Fault::HoldAfterEffect));
    let out = cloud.path("token").display().to_string();
    let process = cloud.spawn(&[command, "create", "--out", &out]);
    wait_for("the answer is held", || {
        (recorder.held_after_effect() > before).then_some(())
    });
    recorder.clear_rules();
    process
}

#[test]
fn what_was_asked_for_gets_its_place() {
    for (cloud, command, many) in both() {
        let process = held(&cloud, command);
        process.signal(Signal::INT);
        process.wait_said("brought to its end first");
        cloud.recorder.release();
        let _ = process.wait().expect(0).says(&format!("Made {command} "));
        assert_eq!(cloud.scim_status(&cloud.path("token")), 200);
        let list = cloud.json(&[command, "list"]);
        assert_eq!(list[many].as_array().unwrap().len(), 1, "{list}");
    }
}

#[test]
fn what_has_no_place_is_deleted_again() {
    for (cloud, command, many) in both() {
        let process = held(&cloud, command);
        process.signal(Signal::TERM);
        process.wait_said("brought to its end first");
        fs::create_dir(cloud.path("token.json")).unwrap();
        cloud.recorder.release();
        let _ = process.wait().expect(1).says("was deleted again");
        let list = cloud.json(&[command, "list"]);
        assert_eq!(list[many].as_array().unwrap().len(), 0, "{list}");
    }
}

#[test]
fn who_insists_is_told_what_may_be_left() {
    for (cloud, command, _) in both() {
        let process = held(&cloud, command);
        process.signal(Signal::INT);
        process.wait_said("brought to its end first");
        process.signal(Signal::INT);
        let run = process.wait().expect(130);
        let _ = run
            .says("may be there that nobody has")
            .says(&format!("{command} list"));
        assert!(!cloud.path("token").exists());
        assert!(!cloud.path("token.lock").exists());
        cloud.recorder.release();
    }
}

/// Nothing is made yet, so nothing is waited for.
#[test]
fn before_anything_is_made_it_ends_at_once() {
    for (cloud, command, many) in both() {
        cloud.recorder.rule(Rule::new("", Which::Nth(1), Fault::HoldAndReset));
        cloud.recorder.forget();
        let out = cloud.path("token").display().to_string();
        let process = cloud.spawn(&[command, "create", "--out", &out]);
        cloud.recorder.wait_until("it looks", |requests| !requests.is_empty());
        process.signal(Signal::INT);
        let run = process.wait();
        assert_eq!(run.code, None, "{}", run.everything());
        cloud.recorder.clear_rules();
        cloud.recorder.release();
        let list = cloud.json(&[command, "list"]);
        assert_eq!(list[many].as_array().unwrap().len(), 0, "{list}");
    }
}
