//! The token's life as a daemon sees it: told in time, and renewed without a cycle that fails.
#![cfg(test)]

mod support;

use chrono::{TimeDelta, Utc};
use rustix::process::Signal;
use serde_json::Value;
use support::{
    config::Config,
    pair::{EVERY_SECOND, NEVER, Pair},
    scimward::Scimward,
};

fn run(config: &Config, arguments: &[&str]) -> support::scimward::Run {
    Scimward::new(config).args(arguments).run()
}

fn token_of(config: &Config) -> Value {
    let status = run(config, &["status", "--json"]).expect(0).stdout;
    serde_json::from_str::<Value>(&status).unwrap()["token"].take()
}

/// A time so many days and an hour from now, as the configuration has it.
fn in_days(days: i64) -> String {
    (Utc::now() + TimeDelta::days(days) + TimeDelta::hours(1)).to_rfc3339()
}

#[test]
fn the_nearer_the_end_the_louder_it_is_told_and_once_a_day_only() {
    let pair = Pair::with_people(1);
    for (days, severity, level, words) in [
        (61, "ok", None, "the token expires in 61 days"),
        (60, "ok", None, "the token expires in 60 days"),
        (59, "info", Some("INFO"), "the token expires in 59 days"),
        (29, "warning", Some("WARN"), "the token expires in 29 days"),
        (6, "error", Some("ERROR"), "the token expires in 6 days"),
        (-3, "error", Some("ERROR"), "the token expired 2 days ago"),
    ] {
        let config = pair
            .daemon(EVERY_SECOND, false)
            .set_text("scim", "token_expires", &in_days(days));
        let daemon = Scimward::new(&config).spawn();
        daemon.wait_said_times("cycle ended", 2);
        let token = token_of(&config);
        assert_eq!(
            (&token["severity"], &token["daysLeft"]),
            (&severity.into(), &days.into()),
            "{token}"
        );
        assert_eq!(token["knownFrom"], "configuration");
        let text = run(&config, &["status"]).expect(0).stdout;
        assert!(text.contains(&words.replace("the token ", "Token: ")), "{text}");
        daemon.signal(Signal::TERM);
        let log = daemon.wait().expect(0).stderr;
        let lines: Vec<_> = log.lines().filter(|line| line.contains("the token ")).collect();
        match level {
            None => assert_eq!(lines, [] as [&str; 0]),
            Some(level) => {
                let [line] = lines.as_slice() else { panic!("{log}") };
                assert!(line.contains(level) && line.contains(words), "{line}");
            }
        }
        // Without a daemon just as well.
        assert_eq!(token_of(&config)["severity"], severity);
        let _ = run(&config, &["check"])
            .expect(0)
            .says(words.trim_start_matches("the token "));
    }
    let config = pair.daemon(NEVER, false);
    assert_eq!(token_of(&config), Value::Null);
}
