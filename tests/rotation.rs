//! The token's life as a daemon sees it: told in time, and renewed without a cycle that fails.
#![cfg(test)]

mod support;

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
};

use chrono::{TimeDelta, Utc};
use rustix::process::Signal;
use scimward::{
    cloud::{
        Alibaba, Huawei, ScimProbe, TokenAuthority, TokenFile, huawei::Tokens, rotate, settings::ControlPlane as Plane,
    },
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
use tempfile::TempDir;

fn run(config: &Config, arguments: &[&str]) -> support::scimward::Run {
    Scimward::new(config).args(arguments).run()
}

fn token_of(config: &Config) -> Value {
    let status = run(config, &["status", "--json"]).expect(0).stdout;
    serde_json::from_str::<Value>(&status).unwrap()["token"].take()
}

/// What the metrics say.
fn metric(config: &Config, name: &str) -> Option<i64> {
    let metrics = run(config, &["status", "--metrics"]).expect(0).stdout;
    let name = format!("scimward_{name} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
    value.map(|value| value.parse().unwrap())
}

fn seconds_of(time: &Value) -> Option<i64> {
    Some(time.as_str()?.parse::<chrono::DateTime<Utc>>().unwrap().timestamp())
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
        assert_eq!(
            metric(&config, "token_expires_timestamp_seconds"),
            seconds_of(&token["expires"])
        );
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
    _data: Option<TempDir>,
}

impl Ground {
    fn new(profile: &str, people: usize, token_days: &str) -> Self {
        let cloud = Sandbox::start(&["--profile", profile, "--token-days", token_days]);
        Self {
            slapd: Slapd::with_people(people),
            control: ControlPlane::of(&cloud.said()),
            cloud,
            _data: None,
        }
    }

    /// The same with a first token that has expired, unlike those that are made from now on.
    fn with_expired_token(profile: &str, people: usize) -> Self {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().display().to_string();
        let arguments = ["--profile", profile, "--data", &folder];
        let now = chrono::Utc::now().to_rfc3339();
        let _ = Sandbox::start(&[&arguments[..], &["--token-expires", &now]].concat()).stop();
        let cloud = Sandbox::start(&arguments);
        Self {
            slapd: Slapd::with_people(people),
            control: ControlPlane::of(&cloud.said()),
            cloud,
            _data: Some(data),
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
    // A look at a refusing control plane is one request, and then there is none.
    assert_eq!(ground.asked("GET", "provision-tenant"), 1);

    // The same day, and another process: not again, and the key that was refused is not used.
    let daemon = Scimward::new(&config).spawn();
    daemon.wait_said("left alone until");
    ground.change("Lighthouse Keeper");
    assert_eq!(daemon.times_said("the token could not be renewed"), 0);
    no_cycle_failed(daemon);
    assert_eq!(ground.token(&config), before);
    assert_eq!(ground.asked("POST", "bearer-token"), 0);
    assert_eq!(ground.asked("GET", "provision-tenant"), 1);

    // Mended by hand: what failed with the other token is over.
    assert_eq!(token_of(&config)["renewal"]["done"], false);
    by_hand(&ground.config(), async |authority| {
        let (token, text) = authority.create().await.unwrap();
        let file = TokenFile::open(&config.folder().join("token")).unwrap();
        file.replace(&token, &text).unwrap();
    });
    let token = token_of(&config);
    assert_eq!((&token["renewal"], &token["knownFrom"]), (&Value::Null, &"note".into()));
    let _ = run(&config, &["status"]).expect(0).says_not("Token renewal");
}

#[test]
fn what_would_keep_the_daemon_from_renewing_is_found_by_check() {
    let ground = Ground::new("huawei", 1, "20");
    let config = ground.config().set("scim", "rotate_before_days", "30");
    let unnamed = run(&config, &["check"]).expect(4);
    let _ = unnamed
        .says("nothing tells which token the file holds")
        .says(" rotate --keep ");
    note(&config);
    let _ = run(&config, &["check"]).expect(0);
    let (theirs, _) = by_hand(&config, async |tokens| tokens.create().await.unwrap());
    let mend = format!(" cloud huawei token delete {}", theirs.id);
    let _ = run(&config, &["check"])
        .expect(4)
        .says("the daemon could not renew it")
        .says(&mend);
    // Whoever renews by hand is not kept from it.
    let by_itself = ground.config();
    let _ = run(&by_itself, &["check"]).expect(0).says_not(&mend);
    by_hand(&config, async |tokens| tokens.delete(&theirs.id).await.unwrap());
    let _ = run(&config, &["check"]).expect(0).says_not("could not renew");

    let wrong_key = ground.control.with_wrong_key(config);
    let _ = run(&wrong_key, &["check"])
        .expect(4)
        .says("the daemon could not renew it");
}

/// What an administrator does at the control plane of a configuration.
fn by_hand<T>(config: &Config, act: impl AsyncFnOnce(Tokens) -> T) -> T {
    let read = configuration::load(&config.write(), &Checks::shape_only()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let Some(Plane::Huawei(settings)) = read.cloud.of_profile(&read.profile) else {
            panic!("{}", read.profile)
        };
        act(Huawei::new(settings).unwrap().tokens().await.unwrap()).await
    })
}

#[test]
fn a_token_that_has_expired_is_replaced() {
    for profile in ["huawei", "alibaba"] {
        let ground = Ground::with_expired_token(profile, 2);
        let config = ground.config().set("scim", "rotate_before_days", "30");
        note(&config);
        let _ = run(&config, &["check"]).expect(4).says("expired less than an hour ago");
        let daemon = Scimward::new(&config).spawn();
        daemon.wait_said("the token was let in no more");
        ground.change("Lighthouse Keeper");
        let token = wait_for("the daemon knows the new token", || {
            let token = token_of(&config);
            (token["severity"] == "ok").then_some(token)
        });
        assert_eq!(token["renewal"]["done"], true, "{token}");
        assert_eq!(daemon.times_said("the token could not be renewed"), 0);
        daemon.signal(Signal::TERM);
        let _ = daemon.wait().expect(0);
        let _ = run(&config, &["check"]).expect(0).says("expires in 36");
        // The old one is gone.
        let command = match profile {
            "huawei" => ["cloud", "huawei", "token", "list", "--json"],
            _ => ["cloud", "alibaba", "credential", "list", "--json"],
        };
        let list = run(&config, &command).expect(0).stdout;
        let list: Value = serde_json::from_str(&list).unwrap();
        let list = list.as_object().unwrap().values().next().unwrap().as_array().unwrap();
        assert_eq!((list.len(), &list[0]["in_use"]), (1, &true.into()), "{list:?}");
    }
}

/// Puts a note of the only token beside it.
fn note(config: &Config) {
    let read = configuration::load(&config.write(), &Checks::shape_only()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let only = runtime.block_on(async {
        let mut listed = match read.cloud.of_profile(&read.profile).unwrap() {
            Plane::Huawei(settings) => {
                let tokens = Huawei::new(settings).unwrap().tokens().await.unwrap();
                tokens.list().await.unwrap()
            }
            Plane::Alibaba(settings) => Alibaba::new(settings).unwrap().list().await.unwrap(),
        };
        assert_eq!(listed.len(), 1);
        listed.remove(0)
    });
    let file = TokenFile::open(&config.folder().join("token")).unwrap();
    let text = file.token().unwrap().unwrap();
    file.replace(&only, &text).unwrap();
}

#[test]
fn nothing_is_said_of_the_end_of_a_token_that_was_deleted() {
    let ground = Ground::new("huawei", 2, "365");
    let config = ground.config();
    note(&config);
    let daemon = Scimward::new(&config).spawn();
    daemon.wait_said("cycle ended");
    wait_for("the daemon knows the token", || {
        (token_of(&config)["severity"] == "ok").then_some(())
    });
    let id = token_of(&config)["id"].as_str().unwrap().to_owned();
    by_hand(&config, async |tokens| tokens.delete(&id).await.unwrap());
    ground
        .slapd
        .replace(&person(1).dn(), "displayName", &["Lighthouse Keeper"]);
    let token = wait_for("a cycle finds out", || {
        let token = token_of(&config);
        (token["severity"] == "error").then_some(token)
    });
    assert_eq!((&token["expires"], &token["daysLeft"]), (&Value::Null, &Value::Null));
    let mend =
        |config: &str| format!("put a new one in its place: scimward --config {config} cloud huawei token rotate");
    let told = mend(config.write().to_str().unwrap());
    let text = run(&config, &["status"]).expect(0).says(&told).stdout;
    assert!(!text.contains("Token: expires"), "{text}");
    // With an access key, and without.
    let gone = format!("the control plane has no token {id} (any more)");
    let _ = run(&config, &["check"])
        .expect(4)
        .says(&gone)
        .says(&told)
        .says_not("expires in");
    let text = fs::read_to_string(config.write()).unwrap();
    let tables: Vec<_> = text
        .split("\n\n")
        .filter(|table| !table.starts_with("[\"cloud") && !table.starts_with("[cloud"))
        .collect();
    let bare = config.folder().join("bare.toml");
    fs::write(&bare, tables.join("\n\n")).unwrap();
    let bare = bare.display().to_string();
    let _ = Scimward::bare()
        .args(&["--config", &bare, "check"])
        .run()
        .expect(4)
        .says("it is refused")
        .says(&mend(&bare))
        .says_not("expires in");
    // As it said.
    let _ = run(&config, &["cloud", "huawei", "token", "rotate"])
        .expect(0)
        .says("was let in no more");
    wait_for("the daemon goes on with the new token", || {
        let token = token_of(&config);
        (token["severity"] == "ok" && token["id"] != id.as_str()).then_some(())
    });
    daemon.signal(Signal::TERM);
    let _ = daemon.wait().expect(0);
}

#[test]
fn a_folder_that_takes_no_new_token_is_found_before_it_is_needed() {
    let ground = Ground::new("huawei", 1, "365");
    let config = ground.config().set("scim", "rotate_before_days", "30");
    note(&config);
    let names = || {
        let names = fs::read_dir(config.folder()).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    config.write();
    let before = names();
    let _ = run(&config, &["check"])
        .expect(0)
        .says("a new token can be put in place of");
    assert_eq!(names(), before);
    let mode = |mode| fs::set_permissions(config.folder(), fs::Permissions::from_mode(mode)).unwrap();
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere; the daemon is the user whose state it is.
        fs::create_dir(config.state()).unwrap();
        chown(config.state(), Some(12345), Some(12345)).unwrap();
        let _ = run(&config, &["check"])
            .expect(2)
            .says("cannot write to")
            .says("chown 12345");
    } else {
        mode(0o500);
        let found = run(&config, &["check"]);
        mode(0o700);
        let _ = found.expect(2).says("cannot be written").says("ReadWritePaths");
    }
}
