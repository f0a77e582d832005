//! Reads that prove nothing take nothing away: limits of the server, cut connections, bases that are
//! not there. And the other servers that may do better.
#![cfg(test)]

mod support;

use std::collections::BTreeSet;

use support::{
    config::text,
    people::{PEOPLE, person},
    proxy::{Mode, Proxy},
    recorder::Recorded,
    slapd::{READER, READER_STRICT, Slapd},
    stage::Stage,
};

/// Somewhere in the middle of reading 300 people (about 150 kB), after the bind.
const MID_READ: u64 = 60_000;

fn urls(list: &[String]) -> String {
    let list: Vec<_> = list.iter().map(|url| text(url)).collect();
    format!("[{}]", list.join(", "))
}

fn takes_access_away(request: &Recorded) -> bool {
    request.method == "DELETE" || {
        let body = request.body.to_string();
        body.contains("\"active\":false") || body.contains("\"path\":\"active\",\"value\":false")
    }
}

fn removals(stage: &Stage) -> usize {
    let requests = stage.cloud.requests();
    requests.iter().filter(|request| takes_access_away(request)).count()
}

/// Somebody left and somebody changed, where any number may leave.
fn change_the_company(stage: &Stage, leaver: usize, mover: usize) {
    stage.slapd.delete(&person(leaver).dn());
    stage.slapd.replace(&person(mover).dn(), "title", &["Director"]);
}

fn anybody_may_leave(stage: Stage) -> Stage {
    stage
        .set("limits", "max_removals", "1000")
        .set("limits", "max_removals_percent", "100")
        .set("scim", "concurrency", "4")
}

#[test]
fn the_test_itself_notices_a_removal() {
    let stage = anybody_may_leave(Stage::with_people(3)).synced();
    change_the_company(&stage, 3, 2);
    stage.sync().expect(0);
    assert_eq!(removals(&stage), 1, "{:#?}", stage.cloud.requests());
}

#[test]
fn a_size_limit_of_the_server_changes_nothing() {
    let mut stage = anybody_may_leave(Stage::with_people(600)).synced();
    change_the_company(&stage, 3, 2);
    stage.change("ldap", "bind_dn", &text(READER_STRICT));
    stage
        .sync()
        .expect(3)
        .says("sizeLimitExceeded")
        .says("size.prtotal=unlimited");
    assert_eq!(stage.cloud.log(), "");
    // A hundred people are missing in this read, and nobody of them is touched.
    stage.change("ldap", "on_incomplete", "\"no-removals\"");
    stage.sync().expect(3).says("nothing was removed");
    assert_eq!(stage.methods(), "PATCH", "the mover");
    assert_eq!(removals(&stage), 0);
    stage.change("ldap", "bind_dn", &text(READER));
    stage.sync().expect(0);
    assert_eq!(stage.methods(), "PATCH", "the leaver");
    assert_eq!(removals(&stage), 1);
    stage.is_in_step();
}

#[test]
fn a_first_sync_from_an_incomplete_read_is_completed_later() {
    let stage = anybody_may_leave(Stage::with_people(300)).set("ldap", "on_incomplete", "\"no-removals\"");
    let proxy = Proxy::start(stage.slapd.address());
    let direct = urls(&[stage.slapd.url()]);
    let mut stage = stage.set("ldap", "urls", &urls(&[proxy.ldap_url()]));
    proxy.set(Mode::CloseAfter(MID_READ));
    stage.sync().expect(3);
    let some = stage.scim.count();
    assert!((1..300).contains(&some), "{some}");
    assert_eq!(stage.cloud.count_of("POST"), some);
    stage.change("ldap", "urls", &direct);
    stage.sync().expect(0);
    assert_eq!(stage.cloud.count_of("POST"), 300 - some);
    assert_eq!(stage.scim.count(), 300);
    stage.is_in_step();
}

#[test]
fn a_connection_that_is_lost_in_mid_read_takes_nothing_away() {
    let stage = anybody_may_leave(Stage::with_people(300)).set("ldap", "read_timeout", "\"500ms\"");
    let proxy = Proxy::start(stage.slapd.address());
    let mut stage = stage.set("ldap", "urls", &urls(&[proxy.ldap_url()])).synced();
    for (number, mode) in [
        Mode::CloseAfter(MID_READ),
        Mode::ResetAfter(MID_READ),
        Mode::StallAfter(MID_READ),
        Mode::CloseAfter(20),
        Mode::StallAfter(0),
    ]
    .into_iter()
    .enumerate()
    {
        proxy.set(Mode::Pass);
        change_the_company(&stage, 300 - number, 299 - number - 10);
        proxy.set(mode);
        for on_incomplete in ["abort", "no-removals"] {
            stage.change("ldap", "on_incomplete", &text(on_incomplete));
            stage.sync().expect(3);
            assert_eq!(removals(&stage), 0, "{mode:?} {on_incomplete}");
            if on_incomplete == "abort" {
                assert_eq!(stage.cloud.log(), "", "{mode:?}");
            }
        }
        proxy.set(Mode::Pass);
        stage.sync().expect(0);
        assert_eq!(
            removals(&stage),
            1,
            "{mode:?}: the leaver, from the first read that was whole"
        );
        stage.is_in_step();
    }
}

#[test]
fn a_base_that_is_not_there_takes_nothing_away() {
    let mut stage = anybody_may_leave(Stage::with_people(6)).synced();
    change_the_company(&stage, 6, 2);
    let nowhere = "ou=nowhere,dc=example,dc=com";
    stage.change("users", "base", &text(nowhere));
    stage.sync().expect(3).says("noSuchObject").says(nowhere);
    assert_eq!(stage.cloud.log(), "");
    stage.change("users", "base", &format!("[{}, {}]", text(PEOPLE), text(nowhere)));
    stage.sync().expect(3).says("noSuchObject").says(nowhere);
    assert_eq!(stage.cloud.log(), "");
    stage.change("ldap", "on_incomplete", "\"no-removals\"");
    stage.sync().expect(3);
    assert_eq!((stage.methods().as_str(), removals(&stage)), ("PATCH", 0));
    // The scope is the old one again: nothing is suspicious.
    stage.change("users", "base", &text(PEOPLE));
    stage.sync().expect(0);
    assert_eq!(removals(&stage), 1);
    stage.is_in_step();
}

#[test]
fn a_server_that_refuses_gives_way_to_the_next() {
    let stage = Stage::with_people(5);
    let mut first = Proxy::start(stage.slapd.address());
    first.refuse();
    let stage = {
        let list = urls(&[first.ldap_url(), stage.slapd.url()]);
        stage.set("ldap", "urls", &list)
    };
    stage.sync().expect(0).says(&first.ldap_url());
    assert_eq!(stage.scim.count(), 5);
    first.accept();
    stage.is_in_step();
    assert_eq!(first.connections(), 1, "the first one is asked first again");
}

#[test]
fn every_server_away_is_exit_code_3() {
    let stage = Stage::with_people(5).synced();
    let mut proxies = [Proxy::start(stage.slapd.address()), Proxy::start(stage.slapd.address())];
    let list = urls(&proxies.each_ref().map(Proxy::ldap_url));
    proxies.iter_mut().for_each(Proxy::refuse);
    let stage = stage.set("ldap", "urls", &list);
    let mut run = stage.sync().expect(3).says("cannot reach the directory");
    for proxy in &proxies {
        run = run.says(&proxy.ldap_url());
    }
    assert_eq!(stage.cloud.log(), "");
}

#[test]
fn a_read_that_breaks_off_starts_again_on_the_next_server_and_nothing_is_mixed() {
    // Another directory with other anchors: one entry of it kept would be one account too many.
    let other = Slapd::with_people(300);
    for cut in [
        Mode::CloseAfter(MID_READ),
        Mode::ResetAfter(MID_READ),
        Mode::StallAfter(MID_READ),
    ] {
        let broken = Proxy::start(other.address());
        broken.set(cut);
        let stage = Stage::with_people(120);
        let list = urls(&[broken.ldap_url(), stage.slapd.url()]);
        let stage = stage
            .set("ldap", "urls", &list)
            .set("ldap", "read_timeout", "\"500ms\"")
            .set("scim", "concurrency", "4");
        stage.sync().expect(0);
        assert_eq!(
            broken.downstream_bytes(),
            MID_READ,
            "{cut:?}: it was read, and then cut"
        );
        assert_eq!(
            (stage.cloud.count_of("POST"), stage.cloud.count()),
            (120, 120),
            "{cut:?}"
        );
        let names: BTreeSet<_> = stage.accounts().into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names, (1..=120).map(|n| person(n).uid).collect(), "{cut:?}");
        broken.set(Mode::CloseAfter(0));
        stage.is_in_step();
    }
}

#[test]
fn a_wrong_password_is_tried_once_and_on_one_server() {
    let stage = Stage::with_people(5).synced();
    let [first, second] = [Proxy::start(stage.slapd.address()), Proxy::start(stage.slapd.address())];
    let wrong = stage.config.secret("wrong-password", "not-the-password");
    let stage = stage
        .set("ldap", "urls", &urls(&[first.ldap_url(), second.ldap_url()]))
        .set("ldap", "bind_password", &wrong);
    stage
        .sync()
        .expect(3)
        .says("refused to let us in")
        .says("invalidCredentials")
        .says(READER)
        .says_not("not-the-password");
    assert_eq!(
        (first.connections(), second.connections()),
        (1, 0),
        "lock-outs count tries"
    );
    assert_eq!(stage.cloud.log(), "");
}

#[test]
fn a_stop_during_a_read_that_hangs_ends_it() {
    let stage = Stage::with_people(300).synced();
    let proxy = Proxy::start(stage.slapd.address());
    proxy.set(Mode::StallAfter(MID_READ));
    let stage = stage
        .set("ldap", "urls", &urls(&[proxy.ldap_url()]))
        .set("ldap", "read_timeout", "\"1h\"");
    let running = stage.start_sync();
    support::wait_for("the stall", || (proxy.downstream_bytes() == MID_READ).then_some(()));
    running.signal(rustix::process::Signal::TERM);
    running.wait().expect(3).says("interrupted");
    assert_eq!(stage.cloud.log(), "");
    proxy.set(Mode::Pass);
    stage.is_in_step();
}
