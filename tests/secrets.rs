//! Neither the password nor the token is ever written anywhere, at whatever level.
#![cfg(test)]

mod support;

use std::{fs, io::BufReader, net::TcpStream, path::Path};

use serde_json::json;

use support::{
    certs::certs,
    http::Message,
    listener::Listener,
    people::person,
    port::Port,
    recorder::{Fault, Rule, Which},
    scim_servers::{Kind, TOKEN},
    scimward::Run,
    slapd::{PASSWORD, Slapd},
    world::World,
};

/// Wrong ones, for runs that are refused.
const WRONG_PASSWORD: &str = "Wr0ng-Pa55word-8d21c7";
const WRONG_TOKEN: &str = "wr0ng-t0ken-5be90f";

/// The secrets, and forms in which they might slip out: Base64, URL, bytes as Debug prints them.
fn forms() -> Vec<String> {
    let mut forms = Vec::new();
    for secret in [PASSWORD, TOKEN, WRONG_PASSWORD, WRONG_TOKEN] {
        let bytes: Vec<_> = secret.bytes().map(|byte| byte.to_string()).collect();
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        forms.extend([
            secret.to_owned(),
            support::people::base64(secret.as_bytes()),
            bytes.join(", "),
            bytes.join(","),
            hex,
        ]);
    }
    forms
}

#[track_caller]
fn silent(run: &Run) {
    for form in forms() {
        assert!(!run.everything().contains(&form), "{form}\n{}", run.everything());
    }
}

/// Looks into every file below a folder; returns how many.
fn silent_files(folder: &Path) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += silent_files(&path);
            continue;
        }
        // A control socket has no content.
        let Ok(content) = fs::read(&path) else { continue };
        files += 1;
        for form in forms() {
            let found = content.windows(form.len()).any(|window| window == form.as_bytes());
            assert!(!found, "{form} in {}", path.display());
        }
    }
    files
}

/// Every task at `trace`; the sync ends with `code`.
fn tasks(world: &World, format: &str, code: i32) {
    let trace = ["--log-level", "trace", "--log-format", format];
    let run = |task: &[&str]| {
        let run = world.run(&[&trace[..], task].concat());
        silent(&run);
        run
    };
    drop(run(&["--sync-now"]).expect(code));
    for task in [
        &["--dry-run", "--probe"][..],
        &["--dry-run", "--probe", "--format", "json"],
        &["explain", "u00001"],
        &["check"],
        &["status", "--json"],
        &["rejects"],
        &["state", "export"],
    ] {
        run(task);
    }
    assert!(silent_files(&world.config.state()) > 0);
}

/// In both formats of the log.
fn everything(world: &World, code: i32) {
    for format in ["text", "json"] {
        tasks(world, format, code);
    }
}

#[test]
fn a_run_that_succeeds_does_not_tell_them() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(5));
    let file = world.config.folder().join("report");
    let output = file.display().to_string();
    silent(&world.run(&["--log-level", "trace", "--dry-run", "--output", &output]));
    assert!(silent_files_in_one(&file));
    everything(&world, 0);
    assert!(
        world.run(&["--log-level", "trace", "check"]).stderr.contains("TRACE"),
        "there is something to look at"
    );
    // A run with something to do, a conflict and a retry in it.
    world.slapd.modify(&person(6).ldif());
    world
        .recorder
        .rule(Rule::new("POST", Which::Nth(1), Fault::Answer(503)));
    world
        .recorder
        .rule(Rule::new("POST", Which::Nth(2), Fault::ResetAfterEffect));
    everything(&world, 0);
}

fn silent_files_in_one(file: &Path) -> bool {
    let content = fs::read_to_string(file).unwrap();
    !content.is_empty() && forms().iter().all(|form| !content.contains(form.as_str()))
}

#[test]
fn a_run_that_fails_does_not_tell_them() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(3));
    let right = [
        world.config.secret("right-password", PASSWORD),
        world.config.secret("right-token", TOKEN),
    ];
    let wrong_password = world.config.secret("wrong-password", WRONG_PASSWORD);
    let wrong_token = world.config.secret("wrong-token", WRONG_TOKEN);

    let world = world.set("ldap", "bind_password", &wrong_password);
    everything(&world, 3);
    let world = world
        .set("ldap", "bind_password", &right[0])
        .set("scim", "token", &wrong_token);
    everything(&world, 4);
    let world = world.set("scim", "token", &right[1]);

    // A cloud that answers badly.
    for fault in [Fault::Answer(400), Fault::Answer(403), Fault::Answer(302)] {
        world.recorder.clear_rules();
        world.recorder.rule(Rule::new("POST", Which::From(1), fault.clone()));
        for format in ["text", "json"] {
            let run = world.run(&["--log-level", "trace", "--log-format", format, "--sync-now"]);
            assert_ne!(run.code, Some(0), "{fault:?}");
            silent(&run);
        }
    }
    world.recorder.clear_rules();

    // No trust, no TLS, nobody there.
    let stranger = certs().stranger_ca.display().to_string();
    let world = world.set_text("ldap", "ca_file", &stranger);
    tasks(&world, "json", 3);
    let world = world.set_text("ldap", "ca_file", &certs().ca.display().to_string());
    let nowhere = Port::reserve();
    let nobody = format!("http://{nowhere}/scim/v2/");
    fs::remove_dir_all(world.config.state()).unwrap();
    let world = world
        .set_text("scim", "endpoint", &nobody)
        .set("scim", "max_tries", "1");
    tasks(&world, "text", 4);
}

/// Answers everything with `status` and the request's own headers, also as the place to go to.
fn echo(status: u16) -> Listener {
    Listener::start(move |mut client: TcpStream| {
        let mut reader = BufReader::new(client.try_clone().unwrap());
        while let Ok(Some(request)) = Message::read(&mut reader) {
            let said = request.header("authorization").unwrap_or_default().to_owned();
            let error = "urn:ietf:params:scim:api:messages:2.0:Error";
            let body =
                json!({ "schemas": [error], "status": status.to_string(), "detail": format!("not good: {said}") });
            let kept = Message {
                start: format!("HTTP/1.1 {status} {said}"),
                headers: vec![
                    ("Content-Type".into(), "application/scim+json".into()),
                    ("Location".into(), format!("http://127.0.0.1:9/?{said}")),
                    ("WWW-Authenticate".into(), said.clone()),
                    ("X-Request-Id".into(), said),
                ],
                body: body.to_string().into_bytes(),
            };
            // The program may hang up at any time.
            let _ = kept.write(&mut client, "keep-alive");
        }
    })
}

#[test]
fn a_cloud_that_says_the_token_back_is_not_quoted() {
    let mut world = World::new(Kind::Scimmy, Slapd::with_people(1)).set("scim", "max_tries", "1");
    for (status, code) in [(400, 1), (401, 4), (403, 4), (404, 4), (409, 4), (302, 4)] {
        let cloud = echo(status);
        world = world.set_text("scim", "endpoint", &format!("http://{}/scim/v2/", cloud.address));
        tasks(&world, "text", code);
        fs::remove_dir_all(world.config.state()).unwrap();
    }
}

#[test]
fn a_configuration_that_is_wrong_does_not_tell_them() {
    let world = World::new(Kind::Scimmy, Slapd::with_people(1));
    // Written where they do not belong: the message points at the place, and does not repeat it.
    let world = world
        .set_text("ldap", "bind_password", PASSWORD)
        .set_text("scim", "token", TOKEN);
    let run = world.run(&["--log-level", "trace", "--sync-now"]).expect(2);
    silent(&run);
    let run = run.says("bind_password").says("token");
    drop(run);

    // An environment variable and a file that cannot be used as a header.
    let odd = world.config.secret("odd", &format!("{TOKEN}\n{WRONG_TOKEN}"));
    let good = world.config.secret("good", PASSWORD);
    let world = world.set("ldap", "bind_password", &good).set("scim", "token", &odd);
    silent(&world.run(&["--log-level", "trace", "--sync-now"]));
}
