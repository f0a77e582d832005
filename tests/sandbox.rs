//! `scimward sandbox` by black box: its table pasted as it is, its faults on the wire, its page, and
//! what is left after a restart.
#![cfg(test)]

mod support;

use std::{fs, io::ErrorKind, os::unix::fs::PermissionsExt, path::Path};

use rustix::process::Signal;
use scimward::sandbox::FaultPlan;
use serde_json::{Value, json};
use support::{
    http::exchange,
    people::person,
    sandbox::{Joined, Sandbox, private},
    scimward::Scimward,
    slapd::Slapd,
};

/// Keys that only make it faster.
const FAST: &str = "rate_per_s = 1000";
const LIST: &str = "Users";

fn ada() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "ada",
        "displayName": "Ada",
        "name": { "givenName": "Ada", "familyName": "Lovelace" },
        "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }],
    })
}

/// The user names the cloud shows, sorted. It shows all of them here: there are fewer than a page.
fn names(sandbox: &Sandbox) -> Vec<String> {
    let list = sandbox.ask("GET", LIST, None).unwrap().json();
    let mut names: Vec<String> = list["Resources"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|user| user["userName"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

fn everybody(count: usize) -> Vec<String> {
    (1..=count).map(|number| person(number).uid).collect()
}

#[test]
fn the_table_it_prints_works_as_it_is() {
    let slapd = Slapd::with_people(5);
    for profile in ["huawei", "alibaba", "aws", "generic"] {
        let sandbox = Sandbox::start(&["--profile", profile]);
        let joined = Joined::new(&slapd);
        joined.run(&sandbox, "", &["check"]).expect(0);
        joined.run(&sandbox, "", &["--sync-now"]).expect(0);
        assert_eq!(names(&sandbox), everybody(5), "{profile}");
        let before = sandbox.log();
        joined.run(&sandbox, "", &["--sync-now"]).expect(0);
        assert_eq!(sandbox.log(), before, "{profile}: nothing changed, nothing said");
        let token = sandbox.token_file.clone();
        assert_eq!(fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);
        sandbox.stop().says("  201  POST    /Users  u00001\n");
        assert!(!token.exists(), "{profile}: the token goes with the sandbox");
    }
}

#[test]
fn a_folder_keeps_all_of_it_across_a_restart() {
    let slapd = Slapd::with_people(6);
    let joined = Joined::new(&slapd);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let first = Sandbox::start_bare(&["--profile", "aws", "--data", &data]);
    joined.run(&first, FAST, &["--sync-now"]).expect(0);
    let table = first.table.clone();
    Scimward::bare()
        .args(&["sandbox", "--data", &data])
        .run()
        .expect(2)
        .says("another sandbox uses the folder");
    first.stop();

    // Profile, port and token are those of last time: the configuration still fits.
    let second = Sandbox::start_bare(&["--data", &data]);
    assert_eq!(second.table, table);
    assert!(second.said().contains("6, from last time"), "{}", second.said());
    joined.run(&second, FAST, &["--sync-now"]).expect(0);
    slapd.replace(&person(2).dn(), "title", &["Director"]);
    joined.run(&second, FAST, &["--sync-now"]).expect(0);
    assert_eq!(names(&second), everybody(6));
    let said = second.stop().stdout;
    assert_eq!(said.matches("POST").count(), 0, "{said}");
    assert_eq!(said.matches("u00002").count(), 1, "{said}");

    let log = fs::read_to_string(folder.path().join("data/requests.jsonl")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().filter(|line| line["method"] == "POST").count(), 6);
    let first = lines.iter().find(|line| line["method"] == "POST").unwrap();
    assert_eq!(first["request"]["userName"], first["who"]);
    assert_eq!(first["answer"]["userName"], first["who"]);
    assert!(!log.contains("Bearer"), "{log}");
    for name in ["state.json", "requests.jsonl", "token"] {
        let mode = fs::metadata(folder.path().join("data").join(name))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
    }
    let run = Scimward::bare()
        .args(&["sandbox", "--data", &data, "--profile", "huawei"])
        .run();
    run.expect(2).says("holds a cloud with the rules of aws, not huawei");
}

#[test]
fn a_sandbox_that_is_killed_begins_with_what_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let sandbox = Sandbox::start_bare(&["--profile", "huawei", "--data", &data]);
    assert_eq!(sandbox.ask("POST", LIST, Some(&ada())).unwrap().status(), 201);
    support::wait_for("the state to be saved", || {
        let state = fs::read_to_string(folder.path().join("state.json")).ok()?;
        // Never half a state.
        serde_json::from_str::<Value>(&state).unwrap();
        state.contains("Lovelace").then_some(())
    });
    sandbox.kill();
    assert_eq!(names(&Sandbox::start_bare(&["--data", &data])), ["ada"]);
}

#[test]
fn faults_are_real_on_the_wire() {
    let faulty = |rule: &str| Sandbox::start(&["--profile", "huawei", "--fault", rule]);
    for (rule, created) in [("reset=before,nth=1", false), ("reset=after,nth=1", true)] {
        let sandbox = faulty(rule);
        let (bytes, end) = sandbox.ask_raw(&sandbox.request("POST", LIST, Some(&ada())));
        assert_eq!(bytes, "", "{rule}");
        assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset, "{rule}");
        assert_eq!(!names(&sandbox).is_empty(), created, "{rule}");
    }
    let sandbox = faulty("truncate,nth=1");
    let (text, end) = sandbox.ask_raw(&sandbox.request("POST", LIST, Some(&ada())));
    end.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    assert_eq!(length.parse::<usize>().unwrap() / 2, body.len(), "{text}");
    assert!(head.starts_with("HTTP/1.1 201 "), "{text}");
    assert_eq!(names(&sandbox), ["ada"]);

    let sandbox = faulty("html,nth=1");
    let page = sandbox.ask("GET", LIST, None).unwrap();
    assert_eq!(
        (page.status(), page.header("content-type")),
        (502, Some("text/html; charset=utf-8"))
    );
    assert!(page.body.starts_with(b"<!DOCTYPE html>"));

    let sandbox = faulty("status=429,retry-after=7,nth=1");
    let refused = sandbox.ask("POST", LIST, Some(&ada())).unwrap();
    assert_eq!((refused.status(), refused.header("retry-after")), (429, Some("7")));
    // In the words of this cloud: a number, and both spellings.
    assert_eq!(refused.json()["status"], 429);
    assert_eq!(refused.json()["schema"], "urn:ietf:params:scim:api:messages:2.0:Error");
    assert_eq!(names(&sandbox), [""; 0]);

    let sandbox = faulty("status=503,retry-after=date:7,nth=1");
    let refused = sandbox.ask("POST", LIST, Some(&ada())).unwrap();
    let date = refused.header("retry-after").unwrap();
    assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");

    let sandbox = faulty("race,nth=1");
    assert_eq!(sandbox.ask("POST", LIST, Some(&ada())).unwrap().status(), 409);
    assert_eq!(names(&sandbox), ["ada"]);

    let sandbox = faulty("delay=60m,method=POST");
    let mut waiting = std::net::TcpStream::connect(sandbox.address()).unwrap();
    sandbox
        .request("POST", LIST, Some(&ada()))
        .write(&mut waiting, "close")
        .unwrap();
    support::wait_for("the effect of a request without an answer", || {
        (names(&sandbox) == ["ada"]).then_some(())
    });
    // It does not hold up the end either.
    sandbox.stop();
}

#[test]
fn a_sync_ends_right_in_spite_of_any_fault() {
    let slapd = Slapd::with_people(6);
    // The rule, further keys of [scim], how the first run ends; the second one always ends well.
    let check = |rule: &str, keys: &str, code: i32| {
        let joined = Joined::new(&slapd);
        let sandbox = Sandbox::start(&["--profile", "huawei", "--fault", rule]);
        let keys = format!("{FAST}\nconcurrency = 1\n{keys}");
        let run = joined.run(&sandbox, &keys, &["--sync-now"]);
        assert_eq!(run.code, Some(code), "{rule}\n{}\n{}", run.everything(), sandbox.said());
        joined.run(&sandbox, &keys, &["--sync-now"]).expect(0);
        assert_eq!(names(&sandbox), everybody(6), "{rule}\n{}", sandbox.said());
        let log = sandbox.log();
        let struck = log.iter().any(|line| line.get("fault").is_some());
        assert!(struck, "{rule} never struck\n{}", sandbox.said());
        joined.run(&sandbox, &keys, &["--sync-now"]).expect(0);
        assert_eq!(sandbox.log(), log, "{rule}: not in step");
    };
    let post = "path=/Users,method=POST,nth=3";
    check(&format!("status=500,{post}"), "", 0);
    check(&format!("status=500,after-effect,{post}"), "", 0);
    check(&format!("status=503,retry-after=1,{post}"), "", 0);
    check(&format!("status=429,retry-after=date:1,{post}"), "", 0);
    check(&format!("reset=before,{post}"), "", 0);
    check(&format!("reset=after,{post}"), "", 0);
    check(&format!("truncate,{post}"), "", 0);
    check(&format!("html,{post}"), "", 0);
    check(&format!("html,after-effect,{post}"), "", 0);
    check(&format!("delay=60s,{post}"), "request_timeout = \"1s\"", 0);
    check("race=twin,nth=2", "", 0);
    check("status=401,from=4,to=4", "", 4);
    check("reset=after,every=2,to=9", "max_tries = 10", 0);
}

#[test]
fn a_stranger_in_a_race_keeps_the_account() {
    let slapd = Slapd::with_people(3);
    let joined = Joined::new(&slapd);
    let sandbox = Sandbox::start(&["--profile", "generic", "--fault", "race,nth=2"]);
    let keys = format!("{FAST}\nconcurrency = 1");
    joined.run(&sandbox, &keys, &["--sync-now"]).expect(1);
    let rejects = joined.run(&sandbox, &keys, &["rejects"]).expect(0);
    rejects.says("u00002").says("adopt");
    assert_eq!(names(&sandbox), everybody(3));
    let page = sandbox.page("/");
    assert!(String::from_utf8_lossy(&page.body).contains("by hand"));
}

#[test]
fn the_page_shows_people_and_their_history_and_nothing_it_is_told_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let seeds = folder.path().join("people.json");
    let mut person = ada();
    person["displayName"] = "<script>alert(1)</script>".into();
    person["title"] = "\"><img src=x onerror=alert(1)>".into();
    fs::write(&seeds, json!({ "totalResults": 1, "Resources": [person] }).to_string()).unwrap();
    let sandbox = Sandbox::start(&["--profile", "generic", "--seed-users", &seeds.display().to_string()]);
    assert!(sandbox.said().contains("1, made by hand"), "{}", sandbox.said());
    let home = sandbox.page("/");
    // Slashes are escaped as well.
    let text = String::from_utf8_lossy(&home.body).replace("&#x2f;", "/");
    assert_eq!(home.status(), 200);
    assert!(
        home.header("content-security-policy")
            .unwrap()
            .starts_with("default-src 'none'")
    );
    assert!(text.contains("&lt;script&gt;") && !text.contains("<script"), "{text}");
    assert!(text.contains("ada") && text.contains("by hand"), "{text}");

    let link = text.split("href=\"").find(|part| part.starts_with("/users/")).unwrap();
    let link = link.split('"').next().unwrap();
    let id = percent_encoding::percent_decode_str(link.trim_start_matches("/users/")).decode_utf8_lossy();
    let change = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": "title", "value": "Analyst <b>" }],
    });
    let patched = sandbox.ask("PATCH", &format!("Users/{id}"), Some(&change)).unwrap();
    assert!([200, 204].contains(&patched.status()), "{patched:?}");
    let person = String::from_utf8(sandbox.page(link).body).unwrap();
    assert!(
        person.contains("patched") && person.contains("Analyst &lt;b&gt;"),
        "{person}"
    );
    assert!(person.contains("onerror=alert") && !person.contains("<img"), "{person}");
    assert!(!person.contains("<script"), "{person}");
    assert_eq!(
        sandbox.ask("DELETE", &format!("Users/{id}"), None).unwrap().status(),
        204
    );
    let person = String::from_utf8(sandbox.page(link).body).unwrap();
    assert!(person.contains("deleted"), "{person}");
    assert!(
        String::from_utf8(sandbox.page("/").body)
            .unwrap()
            .contains("Deleted: 1")
    );
    assert_eq!(sandbox.page("/users/nobody").status(), 404);
    assert_eq!(sandbox.page("/?find=nobody").status(), 200);
    assert_eq!(
        sandbox.page("/style.css").header("content-type"),
        Some("text/css; charset=utf-8")
    );

    // Another site that had its name point here.
    let mut request = sandbox.request("GET", "", None);
    request.start = "GET / HTTP/1.1".into();
    request.headers = vec![("Host".into(), "evil.example".into())];
    let refused = exchange(sandbox.address(), &request).unwrap();
    assert_eq!(refused.status(), 403);
    assert!(!String::from_utf8_lossy(&refused.body).contains("ada"));
}

#[test]
fn who_has_no_token_or_the_wrong_address_gets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    private(&token, "t0k3n-of-mine\n");
    let token = token.display().to_string();
    let sandbox = Sandbox::start(&["--profile", "huawei", "--token-file", &token]);
    assert_eq!(sandbox.ask("GET", LIST, None).unwrap().status(), 200);
    let mut request = sandbox.request("GET", LIST, None);
    request.headers[1].1 = "Bearer another".into();
    assert_eq!(exchange(sandbox.address(), &request).unwrap().status(), 401);
    request.headers.pop();
    assert_eq!(exchange(sandbox.address(), &request).unwrap().status(), 401);
    let mut request = sandbox.request("GET", LIST, None);
    request.start = "GET /another-tenant/scim/v2/Users HTTP/1.1".into();
    assert_eq!(exchange(sandbox.address(), &request).unwrap().status(), 401);
    request.start = "GET /nonsense HTTP/1.1".into();
    let nothing = exchange(sandbox.address(), &request).unwrap();
    assert_eq!(nothing.status(), 404);
    assert!(String::from_utf8_lossy(&nothing.body).contains(&sandbox.endpoint));
    let mut large = sandbox.request("POST", LIST, Some(&ada()));
    large.body = vec![b' '; 1024 * 1024 + 1];
    assert_eq!(exchange(sandbox.address(), &large).unwrap().status(), 413);

    let slapd = Slapd::with_people(1);
    private(folder.path().join("token").as_path(), "t0k3n-of-another\n");
    let run = Joined::new(&slapd).run(&sandbox, FAST, &["--sync-now"]);
    run.expect(4).says("refused us with 401").says_not("t0k3n");
    assert!(!sandbox.stop().says_not("t0k3n").stdout.is_empty());
}

#[test]
fn what_makes_no_sense_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let check = |arguments: &[&str], words: &[&str]| {
        let mut run = Scimward::bare().args(&["sandbox"]).args(arguments).run().expect(2);
        for word in words {
            run = run.says(word);
        }
        assert_eq!(run.stdout, "");
    };
    check(
        &["--listen", "0.0.0.0:0"],
        &["--token-file", "--allow-network", "not encrypted"],
    );
    check(&["--listen", "[::]:0"], &["--token-file"]);
    check(
        &["--fault", "stauts=500", "--fault", "reset=after,nth=0"],
        &[
            "2 mistakes",
            "did you mean status?",
            "--fault number 2: nth=0 is not at least 1",
            "^^^^^",
        ],
    );
    check(
        &["--seed-users", "/nowhere"],
        &["--seed-users /nowhere", "No such file"],
    );
    check(
        &["--seed-users", &file("seven.json", "7")],
        &["is neither a list of users"],
    );
    check(
        &["--profile", "generic", "--seed-users", &file("nameless.json", "[{}]")],
        &["user number 1"],
    );
    check(
        &["--token-file", &file("open", "secret")],
        &["open to other users", "chmod 600"],
    );
    check(&["--log", "/nowhere/log"], &["--log /nowhere/log"]);
    check(&["--profile", "other"], &["huawei"]);
    check(&["--profile", "aws", "--unprovisioned"], &["aws has no control plane"]);
    check(
        &[
            "--access-key-file",
            &file("ak", "AK"),
            "--secret-key-file",
            &file("sk", "SK"),
        ],
        &["access key of the sandbox", "chmod 600"],
    );
}

/// A request to IAM with the token in `file`.
fn iam(sandbox: &Sandbox, file: &Path, method: &str, body: Option<&Value>) -> (u16, Value) {
    let token = fs::read_to_string(file).unwrap();
    let mut request = sandbox.request(method, "", body);
    request.start = format!("{method} /v3/OS-FEDERATION/identity_providers/acme HTTP/1.1");
    request.headers[1] = ("X-Auth-Token".into(), token.trim_end().into());
    let answer = exchange(sandbox.address(), &request).unwrap();
    (answer.status(), answer.json())
}

#[test]
fn the_control_plane_is_kept_with_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let file = |name: &str| folder.path().join(name);
    let provider = json!({ "identity_provider": { "description": "d" } });
    let sandbox = Sandbox::start_bare(&["--data", &data]);
    let table = sandbox.cloud_table.clone();
    assert_eq!(iam(&sandbox, &file("auth-token"), "PUT", Some(&provider)).0, 201);
    sandbox
        .stop()
        .says("  201  PUT     /v3/OS-FEDERATION/identity_providers/acme\n");
    let secrets: Vec<String> = ["access-key", "secret-key", "auth-token", "token"]
        .iter()
        .map(|name| {
            let mode = fs::metadata(file(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
            fs::read_to_string(file(name)).unwrap().trim_end().to_owned()
        })
        .collect();
    for name in ["state.json", "requests.jsonl"] {
        let text = fs::read_to_string(file(name)).unwrap();
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "{name}: {text}");
    }

    let sandbox = Sandbox::start_bare(&["--data", &data]);
    assert_eq!(sandbox.cloud_table, table);
    let (status, shown) = iam(&sandbox, &file("auth-token"), "GET", None);
    assert_eq!((status, &shown["identity_provider"]["description"]), (200, &json!("d")));
    sandbox.stop();

    // A folder from before there was a control plane: its token goes on to be good.
    let mut state: Value = serde_json::from_str(&fs::read_to_string(file("state.json")).unwrap()).unwrap();
    assert!(state.as_object_mut().unwrap().remove("control").is_some());
    fs::write(file("state.json"), state.to_string()).unwrap();
    for name in ["access-key", "secret-key", "auth-token"] {
        fs::remove_file(file(name)).unwrap();
    }
    let sandbox = Sandbox::start_bare(&["--data", &data]);
    assert_eq!(sandbox.ask("GET", LIST, None).unwrap().status(), 200);
    let (status, shown) = iam(&sandbox, &file("auth-token"), "GET", None);
    assert_eq!((status, &shown["error"]["title"]), (404, &json!("Not Found")));
}

/// Tokens of an earlier run too: the end of a token is what it is said for.
#[test]
fn all_tokens_end_when_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let status = |arguments: &[&str]| {
        let sandbox = Sandbox::start_bare(&[&["--data", &data], arguments].concat());
        let status = sandbox.ask("GET", LIST, None).unwrap().status();
        sandbox.stop();
        status
    };
    assert_eq!(status(&[]), 200);
    assert_eq!(status(&["--token-expires", "2020-01-01T00:00:00Z"]), 401);
    assert_eq!(status(&["--token-expires", "2120-01-01T00:00:00Z"]), 200);
}

/// The terminal is closed: no key is left behind.
#[test]
fn nothing_is_left_when_the_terminal_is_closed() {
    let sandbox = Sandbox::start_bare(&[]);
    let folder = sandbox.token_file.parent().unwrap().to_owned();
    assert!(folder.join("secret-key").exists());
    sandbox.end(Signal::HUP);
    assert!(!folder.exists());
}

#[test]
fn the_control_plane_begins_as_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        private(&folder.path().join(name), text);
        folder.path().join(name).display().to_string()
    };
    let (access, secret) = (file("ak", "AKOFMINE\n"), file("sk", "s3cret-of-mine\n"));
    let session = file("sts", "s3ssion\n");
    let sandbox = Sandbox::start_unprovisioned(&[
        "--access-key-file",
        &access,
        "--secret-key-file",
        &secret,
        "--security-token-file",
        &session,
    ]);
    for path in [&access, &secret, &session] {
        assert!(sandbox.cloud_table.contains(path), "{}", sandbox.cloud_table);
    }
    // What is not signed gets nowhere, and neither does anybody on the SCIM side.
    let mut request = sandbox.page("/");
    request.start = "GET /v1/instances HTTP/1.1".into();
    request.headers = vec![("Host".into(), sandbox.address().to_string())];
    request.body = Vec::new();
    let refused = exchange(sandbox.address(), &request).unwrap();
    assert_eq!(
        (refused.status(), &refused.json()["error_code"]),
        (401, &json!("APIGW.0301"))
    );
    let said = sandbox.stop().stdout;
    assert!(said.contains("AKOFMINE") && !said.contains("s3"), "{said}");
    assert!(said.contains("switched off") && !said.contains("[scim]"), "{said}");

    let ended = Sandbox::start(&["--profile", "alibaba", "--token-expires", "2026-01-01T00:00:00Z"]);
    assert_eq!(ended.ask("GET", LIST, None).unwrap().status(), 401);
    assert_eq!(ended.ask("GET", "ServiceProviderConfig", None).unwrap().status(), 200);
    // At the address of the page, and beside it.
    let mut request = ended.request("GET", "", None);
    for (start, status) in [
        ("GET / HTTP/1.1", 200),
        ("GET /?Action=ListDirectories HTTP/1.1", 400),
        ("POST / HTTP/1.1", 400),
    ] {
        request.start = start.into();
        let answer = exchange(ended.address(), &request).unwrap();
        assert_eq!(answer.status(), status, "{start}");
        assert_eq!(
            status == 400 && answer.json()["Code"] == "MissingAccessKeyId",
            status == 400,
            "{start}"
        );
    }
    let mut large = ended.request("POST", "", None);
    large.start = "POST / HTTP/1.1".into();
    large.body = vec![b' '; 1024 * 1024 + 1];
    let refused = exchange(ended.address(), &large).unwrap();
    assert_eq!(
        (refused.status(), &refused.json()["Code"]),
        (413, &json!("InvalidParameter"))
    );
    // The clouds that have none here.
    let generic = Sandbox::start(&["--profile", "generic"]);
    assert_eq!(generic.cloud_table, "");
    request.start = "GET /v1/instances HTTP/1.1".into();
    request.headers[0].1 = generic.address().to_string();
    assert_eq!(exchange(generic.address(), &request).unwrap().status(), 404);
}

#[test]
fn faults_strike_the_control_plane_where_they_name_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let rule = "status=503,path=/v3/OS-FEDERATION,nth=1";
    let sandbox = Sandbox::start_bare(&["--data", &data, "--fault", rule, "--fault", "status=500"]);
    let token = folder.path().join("auth-token");
    assert_eq!(iam(&sandbox, &token, "GET", None).0, 503);
    assert_eq!(iam(&sandbox, &token, "GET", None).0, 404);
    assert_eq!(sandbox.ask("GET", LIST, None).unwrap().status(), 500);
    sandbox.stop().says("[503 before the effect]");
}

#[test]
fn every_rule_in_the_manual_is_understood() {
    let page = include_str!("../docs/sandbox.md");
    let rules: Vec<String> = page
        .split("--fault '")
        .skip(1)
        .map(|rest| rest.split('\'').next().unwrap().to_owned())
        .collect();
    assert!(rules.len() >= 10, "{rules:?}");
    if let Err(mistakes) = FaultPlan::parse(&rules, 0) {
        panic!("{mistakes}");
    }
}
