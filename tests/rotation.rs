//! The token's life as a daemon sees it: told in time, and renewed without a cycle that fails.
#![cfg(test)]

mod support;

use std::fs;

use chrono::{TimeDelta, Utc};
use rustix::process::Signal;
use scimward::{
    cloud::{Alibaba, Huawei, ScimProbe, TokenAuthority, TokenFile, rotate, settings::ControlPlane as Plane},
    config::{self as configuration, Checks},
};
use serde_json::Value;
use support::{
    config::Config,
    control::ControlPlane,
    pair::{EVERY_SECOND, NEVER, Pair},
    people::person,
    sandbox::Sandbox,
    scimward::{Process, Scimward},
    slapd::Slapd,
    wait_for,
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

/// A directory, and a cloud whose tokens live so many days.
struct Ground {
    slapd: Slapd,
    cloud: Sandbox,
    control: ControlPlane,
}

impl Ground {
    fn new(profile: &str, people: usize, token_days: &str) -> Self {
        let cloud = Sandbox::start(&["--profile", profile, "--token-days", token_days]);
        Self {
            slapd: Slapd::with_people(people),
            control: ControlPlane::of(&cloud.said()),
            cloud,
        }
    }

    fn config(&self) -> Config {
        let config = Config::new(&self.slapd.ldaps_url(), &self.cloud.endpoint);
        self.control
            .join(&self.cloud, config)
            .set_text("schedule", "cron", EVERY_SECOND)
    }

    fn token(&self, config: &Config) -> String {
        fs::read_to_string(config.folder().join("token")).unwrap()
    }

    /// How often the control plane was asked for this.
    fn asked(&self, method: &str, path: &str) -> usize {
        let fits = |request: &&Value| {
            let target = request["target"].as_str().unwrap_or_default();
            request["method"] == method && target.contains(path)
        };
        self.cloud.log().iter().filter(fits).count()
    }

    /// Changes somebody and waits until the cloud knows.
    fn change(&self, name: &str) {
        self.slapd.replace(&person(1).dn(), "displayName", &[name]);
        wait_for("the change", || {
            let pushed = |request: &Value| request.to_string().contains(name);
            self.cloud.log().iter().any(pushed).then_some(())
        });
    }
}

/// Every cycle of the daemon, and of `status`, ended well.
fn no_cycle_failed(daemon: Process) {
    daemon.signal(Signal::TERM);
    let log = daemon.wait().expect(0).stderr;
    let ends: Vec<_> = log.lines().filter(|line| line.contains("cycle ended")).collect();
    assert!(!ends.is_empty(), "{log}");
    for end in ends {
        assert!(end.contains("code=0"), "{log}");
    }
}

#[test]
fn the_daemon_renews_its_token_and_no_cycle_fails() {
    for profile in ["huawei", "alibaba"] {
        let ground = Ground::new(profile, 3, "20");
        let config = ground.config().set("scim", "rotate_before_days", "30");
        renew(&config);
        let mut tokens = vec![ground.token(&config)];
        let daemon = Scimward::new(&config).spawn();
        for round in 1..=3 {
            daemon.wait_said_times("the token was renewed", round);
            tokens.push(ground.token(&config));
            ground.change(&format!("Lighthouse Keeper {round}"));
            daemon.signal(Signal::HUP);
        }
        daemon.wait_said_times("the token was renewed", 4);
        tokens.push(ground.token(&config));
        tokens.sort();
        tokens.dedup();
        assert_eq!(tokens.len(), 5);
        let token = wait_for("the daemon knows the new token", || {
            let token = token_of(&config);
            let text = token.to_string();
            (token["knownFrom"] == "control-plane" && text.contains("is in use until")).then_some(token)
        });
        assert_eq!(
            (&token["renewal"]["done"], &token["severity"]),
            (&true.into(), &"warning".into()),
            "{token}"
        );
        assert_eq!(token["daysLeft"], 19, "{token}");
        ground.change("Ferryman");
        let refused = ground
            .cloud
            .log()
            .iter()
            .filter(|request| request["status"] == 401)
            .count();
        assert_eq!(refused, 0);
        daemon.wait_said("lives no longer than [scim] rotate_before_days");
        no_cycle_failed(daemon);
    }
}

/// Renews the token of a configuration as another process would, which is told the token's name: the sandbox gives
/// out its first one without a note, and whose that is nobody guesses.
fn renew(config: &Config) {
    let path = config.write();
    let read = configuration::load(&path, &Checks::shape_only()).unwrap();
    let probe = ScimProbe::new(&read.scim.endpoint, None, false).unwrap();
    let file = TokenFile::open(&config.folder().join("token")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let plane = read.cloud.of_profile(&read.profile).unwrap();
        match plane {
            Plane::Huawei(settings) => {
                let tokens = Huawei::new(settings).unwrap().tokens().await.unwrap();
                let only = tokens.list().await.unwrap().remove(0).id;
                rotate(&tokens, &file, &probe, Some(&only)).await.unwrap();
                assert_eq!(tokens.list().await.unwrap().len(), 1);
            }
            Plane::Alibaba(settings) => {
                let alibaba = Alibaba::new(settings).unwrap();
                let only = alibaba.list().await.unwrap().remove(0).id;
                rotate(&alibaba, &file, &probe, Some(&only)).await.unwrap();
                assert_eq!(alibaba.list().await.unwrap().len(), 1);
            }
        }
    });
}

/// In the middle of a cycle the old token is refused, the file read again, and the request sent once more.
#[test]
fn whoever_renews_the_token_in_mid_cycle_fails_none() {
    for profile in ["huawei", "alibaba"] {
        let ground = Ground::new(profile, 60, "365");
        let config = ground.config().set("scim", "rate_per_s", "10");
        let daemon = Scimward::new(&config).spawn();
        for posted in [5, 20, 35] {
            wait_for("the cycle is on its way", || {
                (ground.asked("POST", "/Users") >= posted).then_some(())
            });
            renew(&config);
        }
        daemon.wait_said("60 created");
        daemon.wait_said("the token was refused and has changed at its source");
        ground.change("Lighthouse Keeper");
        renew(&config);
        ground.change("Ferryman");
        no_cycle_failed(daemon);
    }
}

#[test]
fn what_fails_is_told_and_tried_again_on_another_day() {
    let ground = Ground::new("huawei", 2, "20");
    let config = ground
        .control
        .with_wrong_key(ground.config())
        .set("scim", "rotate_before_days", "30")
        .set_text("scim", "token_expires", &in_days(20));
    let before = ground.token(&config);
    let daemon = Scimward::new(&config).spawn();
    daemon.wait_said("the token could not be renewed");
    daemon.signal(Signal::HUP);
    daemon.wait_said_times("the control plane does not say", 2);
    daemon.wait_said("left alone until");
    ground.change("Ferryman");
    let token = token_of(&config);
    assert_eq!(
        (&token["renewal"]["done"], &token["knownFrom"]),
        (&false.into(), &"configuration".into()),
        "{token}"
    );
    let text = run(&config, &["status"]).expect(0).stdout;
    assert!(text.contains("Token renewal (UTC): "), "{text}");
    assert_eq!(daemon.times_said("the token could not be renewed"), 1);
    no_cycle_failed(daemon);

    // The same day, and another process: not again, and the key that was refused is not used.
    let daemon = Scimward::new(&config).spawn();
    daemon.wait_said("left alone until");
    ground.change("Lighthouse Keeper");
    assert_eq!(daemon.times_said("the token could not be renewed"), 0);
    no_cycle_failed(daemon);
    assert_eq!(ground.token(&config), before);
    assert_eq!(ground.asked("POST", "bearer-token"), 0);
}
