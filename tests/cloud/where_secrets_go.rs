//! A token that is shown once: files, credentials, the terminal.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::Command,
};

use serde_json::Value;

use crate::support::cloud::Cloud;

fn enabled() -> Cloud {
    let cloud = Cloud::huawei();
    let _ = cloud.run(&["tenant", "enable"]).expect(0);
    cloud.recorder.forget();
    cloud
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
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
        .says("cannot write /nowhere/token");
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
fn a_credential_is_for_systemd_alone() {
    let cloud = enabled();
    // As on a machine with a key of its own, without making one on this one.
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
    let path = format!("{}:/usr/bin:/bin", programs.display());
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
    fs::write(
        &stand_in,
        "#!/bin/sh\ntest $1 = --version || { echo no key >&2; exit 1; }\n",
    )
    .unwrap();
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
