//! The sandbox, driven by clients that are not ours: what they take for granted holds.
#![cfg(test)]

mod support;

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    process::{Command, Output, Stdio},
};

use support::{installed, sandbox::Sandbox};

/// Runs a script of `tests/support` against the sandbox, to its end.
fn run(script: &str, sandbox: &Sandbox) -> Output {
    run_with(script, &[sandbox.endpoint.as_ref(), sandbox.token_file.as_os_str()])
}

/// The same with other arguments.
fn run_with(script: &str, arguments: &[&OsStr]) -> Output {
    Command::new(installed("SCIMWARD_TEST_SCIM_CLIENTS", "scim-clients/bin/python"))
        // No bytecode beside the script: the tests leave the source tree as it is.
        .arg("-B")
        .arg(format!("{}/tests/support/{script}", env!("CARGO_MANIFEST_DIR")))
        .args(arguments)
        // The sandbox is on this machine, whatever proxy the person who runs the tests has.
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What it printed, when it went well.
#[track_caller]
fn expect_success(output: &Output, sandbox: &Sandbox) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}{}\n--- the sandbox\n{}",
        text(&output.stdout),
        text(&output.stderr),
        sandbox.said()
    );
    text(&output.stdout)
}

/// `POST /Users`, `PATCH /Groups/ID`: which of the cloud's operations a line of the log is.
fn operation(line: &serde_json::Value) -> Option<String> {
    let mut segments = line["target"].as_str()?.trim_start_matches('/').split('/');
    let kind = segments.next()?;
    let id = if segments.next().is_some() { "/ID" } else { "" };
    Some(format!("{} /{kind}{id}", line["method"].as_str()?))
}

#[test]
fn the_vendors_sdk_is_content_with_the_huawei_sandbox() {
    let sandbox = Sandbox::start(&["--profile", "huawei"]);
    expect_success(&run("huawei_sdk.py", &sandbox), &sandbox);
    let log = sandbox.log();
    let succeeded = |line: &&serde_json::Value| line["status"].as_u64().is_some_and(|status| status < 300);
    let done: BTreeSet<_> = log.iter().filter(succeeded).filter_map(operation).collect();
    let all = [
        "DELETE /Groups/ID",
        "DELETE /Users/ID",
        "GET /Groups",
        "GET /Groups/ID",
        "GET /ServiceProviderConfig",
        "GET /Users",
        "GET /Users/ID",
        "PATCH /Groups/ID",
        "PATCH /Users/ID",
        "POST /Groups",
        "POST /Users",
        "PUT /Users/ID",
    ];
    assert_eq!(done, BTreeSet::from(all.map(str::to_owned)), "the twelve operations");
    let answered: BTreeSet<_> = log.iter().filter_map(|line| line["status"].as_u64()).collect();
    assert_eq!(answered, BTreeSet::from([200, 201, 204, 400, 401, 404, 409]));
}

#[test]
fn scim2_tester_finds_nothing_wrong_with_the_generic_sandbox() {
    let sandbox = Sandbox::start(&["--profile", "generic"]);
    let said = expect_success(&run("examine.py", &sandbox), &sandbox);
    // COMPLIANT and ACCEPTABLE: a SHOULD that is followed, a MAY that is used. All else would need a reason here.
    let good = ["SUCCESS ", "COMPLIANT ", "ACCEPTABLE "];
    let bad: Vec<_> = said
        .lines()
        .filter(|line| !good.iter().any(|status| line.starts_with(status)))
        .collect();
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    // It looks at less when it does not understand what the server says of itself.
    for kind in [" User: ", " Group: ", " -: "] {
        let checks = said.lines().filter(|line| line.contains(kind)).count();
        assert!(checks >= 10, "only {checks} checks of{kind}\n{said}");
    }
}

/// Runs a script with the printed `[cloud.…]` table, against a sandbox that begins switched off.
fn drive_control(script: &str, arguments: &[&str]) -> Sandbox {
    let sandbox = Sandbox::start_unprovisioned(arguments);
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("cloud.toml");
    fs::write(&table, &sandbox.cloud_table).unwrap();
    let output = run_with(script, &[table.as_os_str(), sandbox.endpoint.as_ref()]);
    expect_success(&output, &sandbox);
    sandbox
}

/// Neither the log nor the terminal has a key or a signature.
fn expect_no_secrets(sandbox: &Sandbox) {
    let parsed: toml::Table = toml::from_str(&sandbox.cloud_table).unwrap();
    let cloud = parsed["cloud"].as_table().unwrap().values().next().unwrap();
    let log = sandbox.log();
    assert!(!log.is_empty());
    let text = serde_json::to_string(&log).unwrap() + sandbox.said().split_once("\n\n").unwrap().1;
    let requests = text.rsplit("[cloud.").next().unwrap();
    for name in ["access_key", "secret_key"] {
        let secret = fs::read_to_string(cloud[name]["file"].as_str().unwrap()).unwrap();
        assert!(!requests.contains(secret.trim()), "{name}");
        assert!(!serde_json::to_string(&log).unwrap().contains(secret.trim()), "{name}");
    }
    for word in ["Signature", "SignedHeaders", "Bearer "] {
        assert!(!requests.contains(word), "{word}");
    }
}

#[test]
fn the_vendors_sdks_are_content_with_huaweis_control_plane() {
    let sandbox = drive_control("huawei_control_sdk.py", &["--profile", "huawei", "--instances", "3"]);
    let log = sandbox.log();
    let answered: BTreeSet<_> = log.iter().filter_map(|line| line["status"].as_u64()).collect();
    assert_eq!(answered, BTreeSet::from([200, 201, 204, 400, 401, 403, 404, 409]));
    assert!(sandbox.said().contains("/bearer-token\n"), "{}", sandbox.said());
    expect_no_secrets(&sandbox);
}

#[test]
fn the_vendors_sdk_is_content_with_alibabas_control_plane() {
    let sandbox = drive_control("alibaba_control_sdk.py", &["--profile", "alibaba"]);
    let log = sandbox.log();
    let operations: BTreeSet<_> = log
        .iter()
        .filter_map(|line| line["target"].as_str()?.trim_start_matches('/').split('?').next())
        .collect();
    let all = [
        "CreateSCIMServerCredential",
        "DeleteSCIMServerCredential",
        "GetDirectoryStatistics",
        "GetSCIMSynchronizationStatus",
        "GetUserId",
        "ListDirectories",
        "ListSCIMServerCredentials",
        "ListUsers",
        "SetSCIMSynchronizationStatus",
        "UpdateSCIMServerCredentialStatus",
        "Users",
    ];
    assert_eq!(operations, BTreeSet::from(all));
    expect_no_secrets(&sandbox);
}
