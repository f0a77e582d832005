//! What the program does when the cloud misbehaves: which requests follow, what is remembered, and
//! how the run ends.
#![cfg(test)]

mod support;

use std::time::Duration;

use serde_json::json;
use support::{
    config::text,
    people::{PEOPLE, person},
    port::Port,
    recorder::{Fault, Recorded, Recorder, Rule, Which},
    scim_servers::TOKEN,
    stage::Stage,
};

/// PATCH and PUT are both updates; which one it is depends on the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Update {
    Patch,
    Put,
}

/// Has the program update with PUT: a copy of the generic profile that says so.
fn with_update(stage: Stage, update: Update) -> Stage {
    if update == Update::Patch {
        return stage;
    }
    let path = stage.config.folder().join("put.toml");
    let generic = include_str!("../src/profile/generic.toml");
    assert!(generic.contains("update = \"patch\""));
    std::fs::write(&path, generic.replace("update = \"patch\"", "update = \"put\"")).unwrap();
    let profile = support::config::text(&path.display().to_string());
    stage.set("scim", "profile", &profile)
}

fn bodies_with<'a>(requests: &'a [Recorded], method: &str, text: &str) -> Vec<&'a Recorded> {
    let fits = |request: &&Recorded| request.method == method && request.body.to_string().contains(text);
    requests.iter().filter(fits).collect()
}

// --- the run as a whole -------------------------------------------------------------------------

#[test]
fn a_refused_token_stops_the_run_at_once_and_the_next_run_completes_it() {
    for status in [401, 403] {
        for first_refused in [1, 4] {
            let stage = Stage::with_people(8);
            stage
                .cloud
                .rule(Rule::new("", Which::From(first_refused), Fault::Answer(status)));
            stage
                .sync()
                .expect(4)
                .says(&format!("refused us with {status}"))
                .says("check")
                .says_not(TOKEN);
            assert_eq!(
                stage.cloud.count(),
                first_refused,
                "{status}: nothing after the refusal"
            );
            assert_eq!(stage.scim.count(), first_refused - 1);
            stage.cloud.clear_rules();
            stage.sync().expect(0);
            assert_eq!(
                stage.methods(),
                vec!["POST"; 8 - (first_refused - 1)].join(" "),
                "only the rest"
            );
            assert_eq!(stage.scim.count(), 8);
            stage.is_in_step();
        }
    }
}

#[test]
fn a_refused_token_stops_all_lanes() {
    let stage = Stage::with_people(30).set("scim", "concurrency", "4");
    stage.cloud.rule(Rule::new("", Which::From(10), Fault::Answer(401)));
    stage.sync().expect(4);
    // The tenth was refused; at most the three other lanes had a request under way.
    assert!((10..=13).contains(&stage.cloud.count()), "{}", stage.cloud.log());
    stage.cloud.clear_rules();
    stage.sync().expect(0);
    assert_eq!(stage.scim.count(), 30);
    stage.is_in_step();
}

#[test]
fn a_refused_token_stops_updates_and_removals_too() {
    let stage = Stage::with_people(12)
        .set("limits", "max_removals_percent", "100")
        .synced();
    for number in [2, 3] {
        stage.slapd.replace(&person(number).dn(), "title", &["Director"]);
    }
    stage.slapd.delete(&person(12).dn());
    stage.cloud.rule(Rule::new("PATCH", Which::From(1), Fault::Answer(401)));
    stage.sync().expect(4);
    assert_eq!(stage.methods(), "PATCH");
    stage.cloud.clear_rules();
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "PATCH PATCH PATCH");
    assert_eq!(stage.names_in_use().len(), 11);
    stage.is_in_step();
}

#[test]
fn a_redirect_is_not_followed_and_the_token_stays_here() {
    let stage = Stage::with_people(3);
    let elsewhere = Recorder::start(&stage.scim.url());
    for status in [301, 302, 307, 308] {
        stage.cloud.clear_rules();
        stage.cloud.rule(Rule::new(
            "",
            Which::From(1),
            Fault::AnswerWith(status, "Location", format!("{}Users", elsewhere.url())),
        ));
        stage
            .sync()
            .expect(4)
            .says("redirect")
            .says("correct the endpoint")
            .says(elsewhere.url());
        assert_eq!(stage.cloud.count(), 1, "{status}");
        assert_eq!(elsewhere.count(), 0, "{status}");
    }
    assert_eq!(stage.scim.count(), 0);
}

#[test]
fn an_endpoint_that_cannot_be_reached_is_exit_code_4() {
    for people in [1, 12] {
        let nowhere = Port::reserve();
        let stage = Stage::with_people(people).set("scim", "max_tries", "1").set(
            "scim",
            "endpoint",
            &format!("\"http://{nowhere}/scim/v2/\""),
        );
        stage
            .sync()
            .expect(4)
            .says("cannot reach the service provider")
            .says_not(TOKEN);
    }
}

// --- passing trouble ----------------------------------------------------------------------------

#[test]
fn passing_errors_without_effect_are_tried_again() {
    for status in [500, 502, 503, 504] {
        let stage = Stage::with_people(1);
        stage
            .cloud
            .rule(Rule::new("POST", Which::Nth(1), Fault::Answer(status)));
        stage.sync().expect(0);
        // Nobody knows that there was no effect: first by externalId, then by name.
        assert_eq!(stage.methods(), "POST GET GET POST", "{status}");
        stage.slapd.replace(&person(1).dn(), "title", &["Director"]);
        stage
            .cloud
            .rule(Rule::new("PATCH", Which::Nth(1), Fault::Answer(status)));
        stage.sync().expect(0);
        assert_eq!(stage.methods(), "PATCH PATCH", "{status}");
        assert_eq!(stage.scim.user("u00001").unwrap()["title"], "Director");
        stage.is_in_step();
    }
}

#[test]
fn an_account_made_with_an_error_for_an_answer_is_found_and_not_made_again() {
    for fault in [
        Fault::AnswerAfterEffect(500),
        Fault::AnswerAfterEffect(502),
        Fault::AnswerAfterEffect(504),
        Fault::ResetAfterEffect,
    ] {
        let stage = Stage::with_people(1);
        stage.cloud.rule(Rule::new("POST", Which::Nth(1), fault.clone()));
        stage.sync().expect(0);
        let requests = stage.cloud.requests();
        assert_eq!(stage.cloud.count_of("POST"), 1, "{fault:?}\n{}", stage.cloud.log());
        assert_eq!(requests[1].method, "GET", "{fault:?}");
        assert!(
            requests[1].target.contains("externalId"),
            "{fault:?}: {}",
            requests[1].target
        );
        assert_eq!(stage.scim.count(), 1, "{fault:?}");
        stage.is_in_step();
    }
}

#[test]
fn a_create_that_never_gets_a_usable_answer_is_looked_up_before_the_next_run_tries_again() {
    let stage = Stage::with_people(1).set("scim", "max_tries", "1");
    stage
        .cloud
        .rule(Rule::new("POST", Which::Nth(1), Fault::AnswerAfterEffect(500)));
    stage.cloud.rule(Rule::new("GET", Which::From(1), Fault::Answer(503)));
    stage.sync().expect(4);
    assert_eq!(stage.methods(), "POST GET");
    stage.cloud.clear_rules();
    stage.run(&["rejects", "retry", "u00001"]).expect(0);
    stage.sync().expect(0);
    assert!(stage.methods().starts_with("GET"), "{}", stage.cloud.log());
    assert_eq!(stage.cloud.count_of("POST"), 0);
    assert_eq!(stage.scim.count(), 1);
    stage.is_in_step();
}

#[test]
fn a_reset_before_the_effect_is_repeated() {
    let stage = Stage::with_people(1);
    stage.cloud.rule(Rule::new("POST", Which::Nth(1), Fault::Reset));
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "POST GET GET POST");
    assert_eq!(stage.scim.count(), 1);
    stage.is_in_step();
}

#[test]
fn lost_answers_to_updates_are_repeated() {
    for update in [Update::Patch, Update::Put] {
        for fault in [Fault::Reset, Fault::ResetAfterEffect, Fault::AnswerAfterEffect(500)] {
            let stage = with_update(Stage::with_people(1), update).synced();
            let method = if update == Update::Put { "PUT" } else { "PATCH" };
            stage.cloud.rule(Rule::new(method, Which::Nth(1), fault.clone()));
            stage.slapd.replace(&person(1).dn(), "title", &["Director"]);
            stage.sync().expect(0);
            assert_eq!(stage.methods(), format!("{method} {method}"), "{fault:?}");
            assert_eq!(stage.scim.user("u00001").unwrap()["title"], "Director", "{fault:?}");
            stage.is_in_step();
        }
    }
}

#[test]
fn lost_answers_to_deletions_are_repeated_and_gone_is_good() {
    // That it is gone is believed when it cannot be found in any other way either.
    let gone = "DELETE DELETE GET GET GET";
    for (fault, expected) in [
        (Fault::Reset, "DELETE DELETE"),
        (Fault::ResetAfterEffect, gone),
        (Fault::AnswerAfterEffect(500), gone),
    ] {
        let stage = Stage::with_people(3)
            .set("leavers", "action", "\"delete\"")
            .set("leavers", "delete_after_days", "0")
            .synced();
        stage.cloud.rule(Rule::new("DELETE", Which::Nth(1), fault.clone()));
        stage.slapd.delete(&person(3).dn());
        stage.sync().expect(0);
        assert_eq!(stage.methods(), expected, "{fault:?}");
        assert_eq!(stage.scim.count(), 2, "{fault:?}");
        stage.is_in_step();
    }
}

#[test]
fn an_answer_that_comes_too_late_leaves_one_account() {
    let stage = Stage::with_people(1).set("scim", "request_timeout", "\"1s\"");
    stage
        .cloud
        .rule(Rule::new("POST", Which::Nth(1), Fault::HoldAfterEffect));
    stage.sync().expect(0);
    assert_eq!(stage.cloud.count_of("POST"), 1);
    assert!(stage.methods().starts_with("POST GET"), "{}", stage.cloud.log());
    assert_eq!(stage.scim.count(), 1);
    stage.cloud.release();
    stage.is_in_step();
}

#[test]
fn a_request_that_arrives_after_its_repetition_leaves_one_account() {
    let stage = Stage::with_people(1).set("scim", "request_timeout", "\"1s\"");
    stage.cloud.rule(Rule::new("POST", Which::Nth(1), Fault::Hold));
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "POST GET GET POST");
    stage.cloud.release();
    stage.cloud.wait_until("the late request", |requests| {
        requests.iter().all(|request| request.status.is_some())
    });
    assert_eq!(stage.cloud.requests()[0].status, Some(409));
    assert_eq!(stage.scim.count(), 1);
    stage.is_in_step();
}

#[test]
fn retry_after_pauses_the_lane_in_both_forms() {
    let seconds = |status| Fault::AnswerWith(status, "Retry-After", "1".to_owned());
    let date = |status| Fault::AnswerRetryAt(status, Duration::from_secs(2));
    for (fault, expected) in [
        (seconds(429), "POST POST POST POST"),
        (date(429), "POST POST POST POST"),
        (seconds(503), "POST POST GET GET POST POST"),
        (date(503), "POST POST GET GET POST POST"),
    ] {
        let stage = Stage::with_people(3);
        stage.cloud.rule(Rule::new("POST", Which::Nth(2), fault.clone()));
        stage.sync().expect(0).says("asked for a pause").says("pause_s=");
        assert_eq!(stage.methods(), expected, "{fault:?}");
        // The same person again, before the next one.
        let requests = stage.cloud.requests();
        let posts: Vec<_> = requests.iter().filter(|request| request.method == "POST").collect();
        assert_eq!(posts[1].body, posts[2].body, "{fault:?}");
        assert_eq!(stage.scim.count(), 3);
    }
}

#[test]
fn a_retry_after_in_the_past_or_of_nonsense_does_not_pause() {
    for value in ["Sun, 06 Nov 1994 08:49:37 GMT", "soon", "-7"] {
        let stage = Stage::with_people(1);
        stage.cloud.rule(Rule::new(
            "POST",
            Which::Nth(1),
            Fault::AnswerWith(429, "Retry-After", value.to_owned()),
        ));
        stage.sync().expect(0).says_not("asked for a pause");
        assert_eq!(stage.methods(), "POST POST", "{value}");
    }
}

#[test]
fn a_pause_longer_than_the_time_there_is_ends_the_tries() {
    let stage = Stage::with_people(1).set("scim", "max_elapsed", "\"2s\"");
    stage.cloud.rule(Rule::new(
        "POST",
        Which::From(1),
        Fault::AnswerWith(429, "Retry-After", "3600".to_owned()),
    ));
    stage.sync().expect(4).says("longer than one request may take in all");
    assert_eq!(stage.methods(), "POST");
}

// --- one person ---------------------------------------------------------------------------------

#[test]
fn a_refused_person_waits_for_a_change_and_the_others_are_done() {
    let stage = Stage::with_people(5);
    let refused = || Rule::new("POST", Which::From(1), Fault::Answer(400)).body("u00003");
    stage.cloud.rule(refused());
    stage.sync().expect(1).says("refused with 400");
    assert_eq!(stage.methods(), "POST POST POST POST POST");
    assert_eq!(stage.scim.count(), 4);
    // Not repeated, not forgotten, not called a success.
    stage.sync().expect(1);
    assert_eq!(stage.cloud.log(), "");
    stage
        .run(&["rejects"])
        .expect(0)
        .says(&person(3).dn())
        .says("refused with 400: made up by the test");
    // The operator asks for another try, and it is refused again.
    stage.run(&["rejects", "retry", "u00003"]).expect(0);
    stage.sync().expect(1);
    assert_eq!(bodies_with(&stage.cloud.requests(), "POST", "u00003").len(), 1);
    assert_eq!(stage.cloud.count(), 1);
    stage.sync().expect(1);
    assert_eq!(stage.cloud.log(), "", "once for each asking");
    stage.run(&["rejects", "retry", "nobody"]).expect(2);
    // The entry changes.
    stage.slapd.replace(&person(3).dn(), "title", &["Director"]);
    stage.sync().expect(1);
    assert_eq!(stage.methods(), "POST");
    stage.cloud.clear_rules();
    stage.slapd.replace(&person(3).dn(), "title", &["Clerk"]);
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "POST");
    assert_eq!(stage.scim.count(), 5);
    stage.run(&["rejects"]).expect(0).says("Nobody");
    stage.is_in_step();
}

#[test]
fn a_refused_update_waits_for_a_change() {
    let stage = Stage::with_people(3).synced();
    stage
        .cloud
        .rule(Rule::new("PATCH", Which::From(1), Fault::Answer(400)).body("Director"));
    stage.slapd.replace(&person(2).dn(), "title", &["Director"]);
    stage.sync().expect(1);
    assert_eq!(stage.methods(), "PATCH");
    stage.sync().expect(1);
    assert_eq!(stage.cloud.log(), "");
    stage.slapd.replace(&person(2).dn(), "title", &["Clerk"]);
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "PATCH");
    assert_eq!(stage.scim.user("u00002").unwrap()["title"], "Clerk");
    stage.is_in_step();
}

#[test]
fn a_refused_person_whose_change_is_taken_back_is_fine_again() {
    let stage = Stage::with_people(3).synced();
    stage
        .cloud
        .rule(Rule::new("PATCH", Which::From(1), Fault::Answer(400)).body("Director"));
    let before = stage.scim.user("u00002").unwrap()["title"].as_str().unwrap().to_owned();
    stage.slapd.replace(&person(2).dn(), "title", &["Director"]);
    stage.sync().expect(1);
    stage.slapd.replace(&person(2).dn(), "title", &[&before]);
    stage.is_in_step();
    stage.run(&["rejects"]).expect(0).says("Nobody");
}

#[test]
fn a_page_of_html_is_told_in_readable_words() {
    let stage = Stage::with_people(2);
    let page = "<!doctype html><html><head><title>Request blocked</title><style>b{}</style></head>\
                <body><h1>Web Application Firewall</h1><p>Incident 4711</p></body></html>";
    stage
        .cloud
        .rule(Rule::new("POST", Which::Nth(2), Fault::AnswerPage(400, page)));
    stage.sync().expect(1);
    stage
        .run(&["rejects"])
        .expect(0)
        .says("Request blocked")
        .says_not("<html")
        .says_not("<h1>");
    assert_eq!(stage.scim.count(), 1);
}

#[test]
fn a_404_that_is_a_web_page_is_not_taken_for_a_deleted_account() {
    let stage = Stage::with_people(2).set("scim", "max_tries", "1").synced();
    stage.slapd.replace(&person(2).dn(), "title", &["Director"]);
    stage.cloud.rule(Rule::new(
        "PATCH",
        Which::Nth(1),
        Fault::AnswerPage(404, "<html><title>No such route</title></html>"),
    ));
    stage.sync().expect(4).says("No such route");
    assert_eq!(stage.methods(), "PATCH");
    stage.run(&["rejects", "retry", "u00002"]).expect(0);
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "PATCH");
    stage.is_in_step();
}

#[test]
fn an_account_that_somebody_deleted_there_is_made_again() {
    let stage = Stage::with_people(2).synced();
    let old = stage.scim.user("u00002").unwrap()["id"].as_str().unwrap().to_owned();
    stage.scim.request("DELETE", &format!("Users/{old}"), None);
    stage.slapd.replace(&person(2).dn(), "title", &["Director"]);
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "PATCH GET GET POST");
    let new = stage.scim.user("u00002").unwrap();
    assert_ne!(new["id"], old.as_str());
    assert_eq!(new["title"], "Director");
    // The new id is the one that is used from now on.
    stage.slapd.replace(&person(2).dn(), "title", &["Clerk"]);
    stage.sync().expect(0);
    assert!(stage.cloud.log().contains(new["id"].as_str().unwrap()));
    assert_eq!(stage.methods(), "PATCH");
    stage.is_in_step();
}

#[test]
fn a_leaver_whose_account_is_gone_already_needs_nothing() {
    let stage = Stage::with_people(3).synced();
    let id = stage.scim.user("u00003").unwrap()["id"].as_str().unwrap().to_owned();
    stage.scim.request("DELETE", &format!("Users/{id}"), None);
    stage.slapd.delete(&person(3).dn());
    stage.sync().expect(0);
    assert_eq!(
        stage.methods(),
        "PATCH GET GET GET",
        "gone, and not to be found in any other way"
    );
    assert_eq!(stage.scim.count(), 2);
    stage.is_in_step();
}

#[test]
fn a_name_that_somebody_else_holds_is_reported_with_its_holder() {
    let stage = Stage::with_people(3).synced();
    let holder = stage.scim.create(&json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "contested",
        "externalId": "of somebody else",
    }));
    let id = holder["id"].as_str().unwrap().to_owned();
    stage.slapd.rename(&person(2).dn(), "uid=contested", None);
    stage.slapd.replace(&person(3).dn(), "title", &["Director"]);
    stage.sync().expect(1);
    stage
        .run(&["rejects"])
        .expect(0)
        .says("contested")
        .says(&id)
        .says("of somebody else");
    assert_eq!(
        stage.scim.user("u00003").unwrap()["title"],
        "Director",
        "the others are done"
    );
    assert!(stage.scim.user("u00002").is_some(), "as it was");
    assert_eq!(stage.cloud.count_of("DELETE") + stage.cloud.count_of("POST"), 0);
    // Not due yet.
    stage.sync().expect(1);
    assert_eq!(stage.cloud.log(), "");
    stage.scim.request("DELETE", &format!("Users/{id}"), None);
    stage.run(&["rejects", "retry", "contested"]).expect(0);
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "PATCH");
    assert!(stage.scim.user("contested").is_some() && stage.scim.user("u00002").is_none());
    stage.is_in_step();
}

#[test]
fn a_name_that_is_free_again_at_the_end_of_the_run_is_taken() {
    let stage = Stage::with_people(12)
        .set("leavers", "action", "\"delete\"")
        .set("leavers", "delete_after_days", "0")
        .synced();
    let old = stage.scim.user("u00012").unwrap();
    stage.slapd.delete(&person(12).dn());
    stage.slapd.rename(&person(11).dn(), "uid=u00012", None);
    stage.sync().expect(0);
    let new = stage.scim.user("u00012").unwrap();
    assert_ne!(new["id"], old["id"], "another anchor is another person");
    assert_eq!(stage.scim.count(), 11);
    assert_eq!(stage.cloud.count_of("DELETE"), 1);
    assert_eq!(stage.cloud.count_of("POST"), 0);
    stage.is_in_step();
}

// --- what is in doubt stays in doubt ------------------------------------------------------------

/// With `adopt = "never"` an account of our own that was forgotten would be in the way for ever.
fn never_adopting(people: usize) -> Stage {
    Stage::with_people(people).set("scim", "adopt", "\"never\"")
}

#[test]
fn a_create_in_doubt_survives_a_run_that_was_stopped_before_its_look_up() {
    let stage = never_adopting(2);
    stage
        .cloud
        .rule(Rule::new("POST", Which::Nth(1), Fault::AnswerAfterEffect(500)));
    stage.cloud.rule(Rule::new("GET", Which::From(1), Fault::Answer(401)));
    stage.sync().expect(4);
    assert_eq!(stage.methods(), "POST GET");
    stage.cloud.clear_rules();
    stage.sync().expect(0);
    assert!(stage.methods().starts_with("GET"), "{}", stage.cloud.log());
    assert_eq!(stage.scim.count(), 2);
    stage.is_in_step();
}

#[test]
fn a_create_in_doubt_survives_a_stop_by_signal() {
    let stage = never_adopting(2);
    stage
        .cloud
        .rule(Rule::new("POST", Which::Nth(1), Fault::AnswerAfterEffect(500)));
    stage.cloud.rule(Rule::new("GET", Which::Nth(1), Fault::Hold));
    let running = stage.start_sync();
    stage
        .cloud
        .wait_until("the look-up", |requests| requests.iter().any(|r| r.method == "GET"));
    running.signal(rustix::process::Signal::TERM);
    running.wait_said("stopping");
    stage.cloud.release();
    let _ = running.wait();
    assert_eq!(stage.cloud.count_of("POST"), 1);
    stage.cloud.clear_rules();
    stage.sync().expect(0);
    assert_eq!(stage.cloud.count_of("POST"), 1, "only the other person");
    assert_eq!(stage.scim.count(), 2);
    stage.is_in_step();
}

#[test]
fn a_create_in_doubt_after_a_crash_survives_runs_that_come_to_nothing() {
    let nowhere = "ou=nowhere,dc=example,dc=com";
    let part = format!("[{}, {}]", text(PEOPLE), text(nowhere));
    for (useless, code) in [("401", 4), ("incomplete", 3)] {
        let mut stage = never_adopting(2);
        stage
            .cloud
            .rule(Rule::new("POST", Which::Nth(1), Fault::HoldAfterEffect));
        let running = stage.start_sync();
        support::wait_for("the account", || stage.scim.user("u00001"));
        let _ = running.kill();
        stage.cloud.clear_rules();
        stage.cloud.release();
        if useless == "401" {
            stage.cloud.rule(Rule::new("", Which::From(1), Fault::Answer(401)));
        } else {
            stage.change("users", "base", &part);
        }
        stage.sync().expect(code);
        assert_eq!(stage.cloud.count_of("POST"), 0, "{useless}");
        stage.cloud.clear_rules();
        stage.change("users", "base", &text(PEOPLE));
        stage.sync().expect(0);
        assert_eq!(stage.cloud.count_of("POST"), 1, "{useless}: only the other person");
        assert_eq!(stage.scim.count(), 2, "{useless}");
        stage.is_in_step();
    }
}

#[test]
fn a_joiner_who_left_before_the_next_run_does_not_keep_an_account_in_use() {
    let stage = Stage::with_people(3).set("limits", "max_removals_percent", "100");
    stage
        .cloud
        .rule(Rule::new("POST", Which::Nth(3), Fault::HoldAfterEffect));
    let running = stage.start_sync();
    support::wait_for("the account", || stage.scim.user("u00003"));
    let _ = running.kill();
    stage.cloud.clear_rules();
    stage.cloud.release();
    stage.slapd.delete(&person(3).dn());
    stage.sync().expect(0);
    assert_eq!(stage.names_in_use(), ["u00001", "u00002"]);
    stage.is_in_step();
}

#[test]
fn slow_answers_are_waited_for() {
    let stage = Stage::with_people(2);
    stage.cloud.rule(Rule::new(
        "POST",
        Which::From(1),
        Fault::Delay(Duration::from_millis(50)),
    ));
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "POST POST");
}
