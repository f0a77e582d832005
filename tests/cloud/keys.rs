//! Access keys: where they come from, and what is said when they are wrong.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use crate::support::{
    cloud::Cloud,
    recorder::{Fault, Rule, Which},
    sandbox::private,
    scimward::Scimward,
};

#[test]
fn a_wrong_key_is_tried_once() {
    for (mut cloud, question, said) in [
        (Cloud::huawei(), ["tenant", "show"], "APIGW.0301"),
        (Cloud::alibaba(), ["scim", "status"], "SignatureDoesNotMatch"),
    ] {
        let wrong = cloud.path("wrong-key");
        private(&wrong, "notTheRightOneAtAll0000000000000000000001");
        let file = toml::Table::from_iter([("file".to_owned(), wrong.display().to_string().into())]);
        cloud.set("secret_key", file.into());
        let _ = cloud.run(&question).expect(4).says(said).says("request id");
        assert_eq!(cloud.recorder.count(), 1, "{}", cloud.recorder.log());
    }
}

/// With the clocks together it is not the clock.
#[test]
fn a_wrong_key_is_not_taken_for_the_clock() {
    let cloud = Cloud::huawei();
    cloud.recorder.rule(Rule::new(
        "GET",
        Which::From(1),
        Fault::AnswerWith(401, "Date", httpdate::fmt_http_date(SystemTime::now())),
    ));
    let run = cloud.run(&["tenant", "show"]).expect(4);
    let _ = run.says("check access key and secret key").says_not("clock");
}

#[test]
fn a_pause_that_the_cloud_asks_for_is_said() {
    for (cloud, question) in [
        (Cloud::huawei(), ["tenant", "show"]),
        (Cloud::alibaba(), ["scim", "status"]),
    ] {
        let wait = Fault::AnswerWith(429, "Retry-After", "1".to_owned());
        cloud.recorder.rule(Rule::new("", Which::Nth(1), wait));
        let run = cloud.run(&question).expect(0);
        assert!(run.stderr.contains("asks to wait 1 s"), "{}", run.everything());
        assert_eq!(cloud.recorder.count(), 2);
    }
}

#[test]
fn a_clock_that_is_wrong_is_said_with_how_much() {
    let cloud = Cloud::huawei();
    let in_an_hour = SystemTime::now() + Duration::from_secs(3600 + 30);
    cloud.recorder.rule(Rule::new(
        "GET",
        Which::From(1),
        Fault::AnswerWith(401, "Date", httpdate::fmt_http_date(in_an_hour)),
    ));
    let _ = cloud
        .run(&["tenant", "show"])
        .expect(4)
        .says("the clock of this machine is 1 h 0 min behind")
        .says("NTP")
        .says_not("secret key");
    assert_eq!(cloud.recorder.count(), 1);
}

/// Region, ids and keys by option and environment: no configuration is needed.
#[test]
fn options_and_environment_are_enough() {
    let cloud = Cloud::huawei();
    let read = |key: &str| {
        fs::read_to_string(cloud.secret_file(key))
            .unwrap()
            .trim_end()
            .to_owned()
    };
    let words = [
        "cloud",
        "huawei",
        "tenant",
        "show",
        "--endpoint",
        cloud.recorder.url().trim_end_matches('/'),
        "--identity-store-id",
        cloud.get("identity_store_id").as_str().unwrap(),
    ];
    let (access, secret) = (cloud.secret_file("access_key"), cloud.secret_file("secret_key"));
    let (access, secret) = (access.display().to_string(), secret.display().to_string());
    let files = ["--access-key-file", &access, "--secret-key-file", &secret];
    let program = || Scimward::bare().args(&words);
    let _ = program()
        .args(&files)
        .run()
        .expect(0)
        .says("Automatic provisioning is off");
    let _ = program().args(&files[..2]).run().expect(2).says("belong together");

    // Keys of a configuration go before those of the environment, so it has to be one without.
    let empty = cloud.path("empty.toml");
    fs::write(&empty, "").unwrap();
    let empty = empty.display().to_string();
    let program = || {
        program()
            .args(&["--config", &empty])
            .env("HUAWEICLOUD_SDK_AK", &read("access_key"))
    };
    let _ = program().env("HUAWEICLOUD_SDK_SK", &read("secret_key")).run().expect(0);
    let said = program().run().expect(2).says("HUAWEICLOUD_SDK_SK is not set");
    let _ = said.says("--access-key-file FILE").says("[cloud.huawei]");
}

#[test]
fn a_temporary_key_goes_with_its_token() {
    let folder = tempfile::tempdir().unwrap();
    let session = folder.path().join("session");
    private(&session, "a-session-token-of-some-hours");
    let session = session.display().to_string();
    for (name, question) in [("huawei", ["tenant", "show"]), ("alibaba", ["scim", "status"])] {
        let mut cloud = Cloud::start(name, &["--security-token-file", &session]);
        let _ = cloud.run(&question).expect(0);
        let planned = cloud.run(&[&question[..], &["--dry-run"]].concat()).expect(0);
        let _ = planned.says("ecurity-").says_not("a-session-token-of-some-hours");
        cloud.unset("security_token");
        let _ = cloud.run(&question).expect(4).says_not("a-session-token-of-some-hours");
        let (access, secret) = (cloud.secret_file("access_key"), cloud.secret_file("secret_key"));
        let files = [
            ("--access-key-file", access.display().to_string()),
            ("--secret-key-file", secret.display().to_string()),
            ("--security-token-file", session.clone()),
        ];
        let files: Vec<&str> = files.iter().flat_map(|(option, path)| [*option, path]).collect();
        let _ = cloud.run(&[&question[..], &files].concat()).expect(0);
    }
}

/// Without any access key.
#[test]
fn identity_providers_take_a_token_of_iam() {
    let mut cloud = Cloud::huawei();
    let token = cloud.auth_token_file();
    let text = fs::read_to_string(&token).unwrap();
    cloud.unset("access_key");
    cloud.unset("secret_key");
    let create = ["idp", "create", "ACME", "--enabled", "--auth-token-file", &token];
    let _ = cloud
        .run(&create)
        .expect(0)
        .says("Made the identity provider")
        .says_not(text.trim_end());
    let keys = ["--access-key-file", &token, "--secret-key-file", &token];
    let run = cloud.run(&[&create[..], &keys].concat()).expect(2);
    let _ = run.says("leave one of them out");
    let planned = cloud.run(&[&create[..], &["--dry-run"]].concat()).expect(0);
    let _ = planned
        .says("X-Auth-Token: [redacted]")
        .says_not("Signature")
        .says_not(text.trim_end());
    // It is for IAM alone.
    let _ = cloud.run(&["tenant", "show", "--auth-token-file", &token]).expect(2);
    let _ = cloud
        .run(&["tenant", "show"])
        .expect(2)
        .says("HUAWEICLOUD_SDK_AK is not set");
}

#[test]
fn a_cloud_that_is_not_there_is_exit_code_4() {
    let cloud = Cloud::huawei();
    let free = crate::support::port::Port::reserve();
    let address = format!("http://{free}/");
    let _ = cloud
        .run(&["tenant", "show", "--endpoint", &address])
        .expect(4)
        .says("cannot be reached")
        .says("Connection refused");
    let _ = cloud.run(&["tenant", "show", "--endpoint", "nowhere"]).expect(2);
    let _ = cloud
        .run(&["tenant", "show", "--endpoint", "http://identitystore.example.org/"])
        .expect(2)
        .says("allow_plaintext = true in [cloud.huawei]");
    let run = cloud.run(&["tenant", "show", "--region", "cn-north-4"]).expect(2);
    let _ = run.says("--region cn-north-4 has no effect");
}

#[test]
fn a_configuration_that_is_asked_for_has_to_be_there() {
    let _ = Scimward::bare()
        .args(&["--config", "/nowhere/config.toml", "cloud", "huawei", "tenant", "show"])
        .run()
        .expect(2)
        .says("/nowhere/config.toml");
}
