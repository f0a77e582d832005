//! The sandbox, driven by clients that are not ours: what they take for granted holds.
#![cfg(test)]

mod support;

use std::{
    collections::BTreeSet,
    process::{Command, Output, Stdio},
};

use support::{installed, sandbox::Sandbox};

/// Runs a script of `tests/support` against the sandbox, to its end.
fn run(script: &str, sandbox: &Sandbox) -> Output {
    Command::new(installed("SCIMWARD_TEST_SCIM_CLIENTS", "scim-clients/bin/python"))
        // No bytecode beside the script: the tests leave the source tree as it is.
        .arg("-B")
        .arg(format!("{}/tests/support/{script}", env!("CARGO_MANIFEST_DIR")))
        .arg(&sandbox.endpoint)
        .arg(&sandbox.token_file)
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
