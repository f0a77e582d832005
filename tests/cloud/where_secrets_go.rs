//! A token that is shown once: files, credentials, the terminal.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::support::{
    cloud::Cloud,
    recorder::{Fault, Rule, Which},
    sandbox::private,
    wait_for,
};

fn enabled() -> Cloud {
    let cloud = Cloud::huawei();
    let _ = cloud.run(&["tenant", "enable"]).expect(0);
    cloud.recorder.forget();
    cloud
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// A stand-in that seals as on a machine with a key of its own, without making one on this one; and the search path
/// it is found by.
fn systemd_creds(cloud: &Cloud) -> (PathBuf, String) {
    let programs = cloud.path("bin");
    fs::create_dir(&programs).unwrap();
    let stand_in = programs.join("systemd-creds");
    fs::write(
        &stand_in,
        "#!/bin/sh\nverb=$1; shift\ncase $verb in\nencrypt) exec /usr/bin/systemd-creds encrypt --with-key=tpm2-absent \"$@\";;\n*) \
         exec /usr/bin/systemd-creds \"$verb\" \"$@\";;\nesac\n",
    )
    .unwrap();
    fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
    (stand_in, format!("{}:/usr/bin:/bin", programs.display()))
}

/// From now on it cannot seal.
fn without_a_key(stand_in: &Path) {
    fs::write(
        stand_in,
        "#!/bin/sh\ntest $1 = --version || { echo no key >&2; exit 1; }\n",
    )
    .unwrap();
}

#[test]
fn files_are_for_nobody_else_and_are_not_replaced() {
    let cloud = enabled();
    let token = cloud.path("token");
    let out = token.display().to_string();
    // By `umask 000` the file would be open to all, if it went by that.
    let run = cloud
        .command(&["token", "create", "--out", &out])
        .after("umask 000")
        .run()
        .expect(0);
    let first = fs::read_to_string(&token).unwrap();
    let run = run.says("(mode 0600)").says_not(first.trim_end());
    assert_eq!(run.stderr, "");
    assert_eq!(mode(&token), 0o600);
    let note = cloud.path("token.json");
    assert!(!fs::read_to_string(&note).unwrap().contains(first.trim_end()));

    cloud.recorder.forget();
    let _ = cloud.run(&["token", "create", "--out", &out]).expect(2).says("--force");
    let _ = cloud
        .run(&["token", "create", "--out", "/nowhere/token"])
        .expect(2)
        .says("cannot write /nowhere/token")
        .says("make it: mkdir -m 700 /nowhere");
    fs::create_dir(cloud.path("token-2.json")).unwrap();
    let second = cloud.path("token-2").display().to_string();
    let _ = cloud
        .run(&["token", "create", "--out", &second])
        .expect(2)
        .says("is in the way");
    let _ = cloud.run(&["token", "create", "--out", "-"]).expect(2).says("--show");
    let _ = cloud.run(&["token", "create"]).expect(2).says("say where it goes");
    assert_eq!(cloud.recorder.log(), "", "nothing is made that cannot be kept");
    assert_eq!(fs::read_to_string(&token).unwrap(), first);

    let _ = cloud.run(&["token", "create", "--out", &out, "--force"]).expect(0);
    assert_ne!(fs::read_to_string(&token).unwrap(), first);
    assert_eq!(mode(&token), 0o600);
}

#[test]
fn a_token_is_shown_when_asked_for_only() {
    let cloud = enabled();
    let token = cloud.path("token");
    let out = token.display().to_string();
    let run = cloud.run(&["token", "create", "--show", "--out", &out]).expect(0);
    let _ = run.says(&fs::read_to_string(&token).unwrap());
    let shown = cloud.json(&["token", "create", "--show"]);
    assert_eq!(shown["file"], Value::Null);
    let secret = cloud.path("token-2");
    fs::write(&secret, shown["secret"].as_str().unwrap()).unwrap();
    assert_eq!(cloud.scim_status(&secret), 200);
}

#[test]
fn what_could_not_be_shown_is_said() {
    let cloud = enabled();
    let words = ["token", "create", "--show"];
    let run = cloud.command(&words).after("exec >/dev/full").run().expect(1);
    let id = cloud.json(&["token", "list"])["tokens"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let config = cloud.config();
    let config = config.display();
    let _ = run.says(&format!(
        "is lost; delete it: scimward --config {config} cloud huawei token delete {id}"
    ));
}

#[test]
fn a_credential_is_for_systemd_alone() {
    let cloud = enabled();
    let (stand_in, path) = systemd_creds(&cloud);
    let sealed = cloud.path("scim-token.cred");
    let (file, token) = (sealed.display().to_string(), cloud.path("token"));
    let out = token.display().to_string();
    let create = |words: &[&str]| {
        cloud
            .command(&[&["token", "create", "--credential", &file], words].concat())
            .env("PATH", &path)
            .run()
    };
    let run = create(&["--out", &out]).expect(0);
    let secret = fs::read_to_string(&token).unwrap();
    let _ = run
        .says(&format!("LoadCredentialEncrypted=scim-token:{file}"))
        .says_not(secret.trim_end());
    assert_eq!(mode(&sealed), 0o600);
    let opened = Command::new("systemd-creds")
        .args(["decrypt", "--name=scim-token", &file, "-"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&opened.stdout), secret.trim_end());

    cloud.recorder.forget();
    let _ = create(&[]).expect(2).says("--force");
    assert_eq!(cloud.recorder.log(), "");
    // systemd-creds fails: the token that nobody has is taken back.
    without_a_key(&stand_in);
    let _ = create(&["--force"]).expect(1).says("no key").says("was deleted again");
    assert_eq!(cloud.json(&["token", "list"])["tokens"].as_array().unwrap().len(), 1);
    // And none at all is known before.
    fs::remove_file(&stand_in).unwrap();
    cloud.recorder.forget();
    let nothing = cloud.path("empty");
    fs::create_dir(&nothing).unwrap();
    let _ = cloud
        .command(&["token", "create", "--force", "--credential", &file])
        .env("PATH", &nothing.display().to_string())
        .run()
        .expect(2)
        .says("--credential needs systemd-creds");
    assert_eq!(cloud.recorder.log(), "");
}

/// Both or none: a token that was taken back is in no file.
#[test]
fn a_file_keeps_its_token_when_the_credential_fails() {
    let cloud = enabled();
    let (stand_in, path) = systemd_creds(&cloud);
    let (token, sealed) = (cloud.path("token"), cloud.path("scim-token.cred"));
    let [out, credential] = [&token, &sealed].map(|path| path.display().to_string());
    let words = ["token", "create", "--out", &out, "--credential", &credential, "--force"];
    let create = || cloud.command(&words).env("PATH", &path).run();
    without_a_key(&stand_in);
    let _ = create().expect(1).says("no key").says("was deleted again");
    assert!(!token.exists() && !sealed.exists());

    let _ = cloud.run(&["token", "create", "--out", &out]).expect(0);
    let read = || [&token, &cloud.path("token.json")].map(|path| fs::read_to_string(path).unwrap());
    let before = read();
    let _ = create().expect(1).says("no key").says("was deleted again");
    assert_eq!(read(), before);
    assert!(!sealed.exists());
    assert_eq!(cloud.scim_status(&token), 200);
    assert_eq!(cloud.json(&["token", "list"])["tokens"].as_array().unwrap().len(), 1);
}

/// What is thrown away need not be fit for use, or it would be missed after the token was made.
#[test]
fn whatever_is_there_is_replaced_by_force() {
    let cloud = enabled();
    let (token, note) = (cloud.path("token"), cloud.path("token.json"));
    let out = token.display().to_string();
    let replaced = || {
        let made = cloud.json(&["token", "create", "--out", &out, "--force"]);
        assert_eq!(cloud.scim_status(&token), 200);
        assert_eq!(mode(&token), 0o600);
        let id = made["token"]["id"].as_str().unwrap();
        let _ = cloud.run(&["token", "delete", id, "--yes"]).expect(0);
    };
    private(&token, "");
    replaced();
    fs::write(&token, "by-hand").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    replaced();
    fs::write(&note, "{\"tokens\": 5}").unwrap();
    replaced();
    fs::write(&note, "{\"tokens\": 5}").unwrap();
    fs::remove_file(&token).unwrap();
    replaced();
}

#[test]
fn no_token_is_put_into_a_file_while_it_is_rotated() {
    let mut cloud = enabled();
    let token = cloud.path("token");
    cloud.configure_scim(&token);
    let _ = cloud.run(&["token", "create"]).expect(0);
    cloud.recorder.forget();
    cloud.recorder.rule(Rule::new("", Which::Nth(2), Fault::HoldAndReset));
    // Its second request tries the token out, with the lock in hand; the first asks for the tenant.
    let rotation = cloud.spawn(&["token", "rotate"]);
    wait_for("the rotation has begun", || (cloud.recorder.count() > 1).then_some(()));
    let before = fs::read_to_string(&token).unwrap();
    let run = cloud.run(&["token", "create", "--force"]).expect(2);
    let _ = run.says("is under way");
    assert_eq!(fs::read_to_string(&token).unwrap(), before);
    assert_eq!(cloud.recorder.count_of("POST"), 0);
    let _ = rotation.kill();
    cloud.recorder.clear_rules();
    cloud.recorder.release();
    let _ = cloud.run(&["token", "create", "--force"]).expect(0);
    assert_ne!(fs::read_to_string(&token).unwrap(), before);
}
