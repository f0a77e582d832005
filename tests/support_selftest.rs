//! The test harness itself: the servers are what the other tests take them for, and the faults
//! happen as told.
#![cfg(test)]

mod support;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::Output,
};

use serde_json::{Value, json};
use support::{
    certs::certs,
    config::Config,
    people::{self, person},
    proxy::{Mode, Proxy},
    recorder::{Fault, Recorder, Rule, Which},
    scim_servers::{Kind, ScimServer, send},
    scimward::Scimward,
    slapd::{NOREAD, READER, READER_STRICT, Slapd},
};

fn entries(output: &Output) -> usize {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|line| line.starts_with("dn:"))
        .count()
}

/// The LDAP result code, which is ldapsearch's exit code.
fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

#[test]
fn slapd_serves_everybody_over_ldaps_and_starttls_in_pages() {
    let slapd = Slapd::with_people(1200);
    for transport in [vec!["-H", &slapd.ldaps_url()], vec!["-ZZ", "-H", &slapd.url()]] {
        let arguments = [
            &transport[..],
            &["-E", "pr=500/noprompt", "(objectClass=inetOrgPerson)", "entryUUID"],
        ]
        .concat();
        let output = slapd.search(READER, &arguments);
        assert_eq!(
            (code(&output), entries(&output)),
            (0, 1200),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn slapd_limits_and_rights_are_those_of_the_accounts() {
    let slapd = Slapd::with_people(600);
    let url = slapd.url();
    let search = |account: &str, paging: &[&str]| {
        let output = slapd.search(account, &[&["-H", url.as_str()], paging, &["(uid=*)", "1.1"]].concat());
        (code(&output), entries(&output))
    };
    let pages: &[&str] = &["-E", "pr=100/noprompt"];
    assert_eq!(search(READER, pages), (0, 600));
    assert_eq!(search(READER, &[]), (4, 500));
    let strict = search(READER_STRICT, pages);
    assert_eq!(strict.0, 4);
    assert!(strict.1 <= 500, "{strict:?}");
    assert_eq!(search(NOREAD, pages), (0, 0));
    assert_eq!(search("cn=nobody,dc=example,dc=com", pages).0, 49);
}

#[test]
fn slapd_maps_the_client_certificate_to_the_reader() {
    let slapd = Slapd::with_people(1);
    let output = std::process::Command::new("ldapwhoami")
        .args(["-Q", "-Y", "EXTERNAL", "-H", &slapd.ldaps_url()])
        .env("LDAPTLS_CACERT", &certs().ca)
        .env("LDAPTLS_CERT", &certs().client)
        .env("LDAPTLS_KEY", &certs().client_key)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        format!("dn:{READER}"),
        "{output:?}"
    );
    let untrusted = std::process::Command::new("ldapwhoami")
        .args(["-x", "-H", &slapd.ldaps_url()])
        .env("LDAPTLS_CACERT", &certs().stranger_ca)
        .output()
        .unwrap();
    assert!(!untrusted.status.success());
}

#[test]
fn slapd_is_changed_stopped_and_started_again() {
    let mut slapd = Slapd::with_people(3);
    let [ana, björn, chloé] = [1, 2, 3].map(person);
    slapd.replace(&ana.dn(), "title", &["Größte"]);
    slapd.rename(&björn.dn(), "uid=renamed", Some("ou=services,dc=example,dc=com"));
    slapd.delete(&chloé.dn());
    slapd.modify(&person(4).ldif());
    slapd.stop();
    assert!(!support::accepts(slapd.address()));
    slapd.start();
    let output = slapd.search(READER, &["-H", &slapd.url(), "(uid=*)", "title"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(entries(&output), 2, "{text}");
    assert!(
        text.contains(&format!("title:: {}", people::base64("Größte".as_bytes()))),
        "{text}"
    );
}

#[test]
fn slapd_takes_active_directory_attributes() {
    let slapd = Slapd::with_ldif(&person(1).active_directory_ldif(514));
    let output = slapd.search(READER, &["-H", &slapd.url(), "(uid=u00001)", "objectGUID"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains(&format!("objectGUID:: {}", people::base64(&person(1).object_guid()))),
        "{text}"
    );
}

#[test]
fn the_proxy_cuts_stalls_and_refuses() {
    let slapd = Slapd::with_people(200);
    let mut proxy = Proxy::start(slapd.address());
    let url = format!("ldap://{}", proxy.address());
    let search = || slapd.search(READER, &["-H", &url, "(uid=*)"]);
    assert_eq!((code(&search()), entries(&search())), (0, 200));
    for mode in [Mode::CloseAfter(5000), Mode::ResetAfter(5000)] {
        proxy.set(mode);
        let output = search();
        assert!(
            code(&output) != 0 && (1..200).contains(&entries(&output)),
            "{mode:?}: {}",
            entries(&output)
        );
    }
    proxy.set(Mode::StallAfter(5000));
    let before = proxy.downstream_bytes();
    std::thread::scope(|scope| {
        let stalled = scope.spawn(search);
        support::wait_for("the stall", || {
            (proxy.downstream_bytes() == before + 5000).then_some(())
        });
        assert!(!stalled.is_finished());
        proxy.set(Mode::Pass);
        assert_eq!(entries(&stalled.join().unwrap()), 200);
    });
    proxy.refuse();
    assert!(!support::accepts(proxy.address()));
    proxy.accept();
    assert_eq!(entries(&search()), 200);
    assert_eq!(proxy.connections(), 6);
}

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

fn user(name: &str) -> Value {
    json!({ "schemas": [USER], "userName": name, "externalId": format!("x-{name}"), "active": true })
}

/// Sends to the recorder in front of a server.
fn through(recorder: &Recorder, method: &str, target: &str, body: Option<&Value>) -> u16 {
    let (address, path) = split(recorder.url());
    send(address, method, &format!("{path}{target}"), body).status()
}

fn split(url: &str) -> (SocketAddr, String) {
    let (address, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    (address.parse().unwrap(), format!("/{path}"))
}

#[test]
fn the_scim_servers_keep_users_and_refuse_duplicates() {
    for kind in Kind::ALL {
        let server = ScimServer::start(kind);
        let recorder = Recorder::start(&server.url());
        assert_eq!(through(&recorder, "POST", "Users", Some(&user("ana"))), 201, "{kind:?}");
        assert_eq!(through(&recorder, "POST", "Users", Some(&user("Ana"))), 409, "{kind:?}");
        let id = server.user("ana").unwrap()["id"].as_str().unwrap().to_owned();
        let filter = "Users?filter=userName%20eq%20%22ana%22";
        assert_eq!(
            server.request("GET", filter, None).json()["totalResults"],
            1,
            "{kind:?}"
        );
        assert_eq!(
            through(&recorder, "DELETE", &format!("Users/{id}"), None),
            204,
            "{kind:?}"
        );
        assert_eq!(server.count(), 0, "{kind:?}");
        let path = split(recorder.url()).1;
        let expected = format!("POST {path}Users\nPOST {path}Users\nDELETE {path}Users/{id}\n");
        assert_eq!(recorder.log(), expected, "{kind:?}");
        let statuses: Vec<_> = recorder
            .requests()
            .iter()
            .filter_map(|request| request.status)
            .collect();
        assert_eq!(statuses, [201, 409, 204], "{kind:?}");
    }
}

#[test]
fn the_scim_servers_page_and_want_the_token() {
    for kind in Kind::ALL {
        let server = ScimServer::start(kind);
        for number in 1..=120 {
            server.create(&user(&format!("u{number}")));
        }
        assert_eq!(server.count(), 120, "{kind:?}");
        let mut stream = TcpStream::connect(split(&server.url()).0).unwrap();
        let path = split(&server.url()).1;
        write!(
            stream,
            "GET {path}Users HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.split(' ').nth(1) == Some("401"), "{kind:?}: {answer}");
    }
}

#[test]
fn the_recorder_spoils_what_its_rules_say() {
    let server = ScimServer::start(Kind::Scimmy);
    let recorder = Recorder::start(&server.url());
    recorder.rule(Rule::new("POST", Which::Nth(1), Fault::Answer(503)));
    recorder.rule(Rule::new("POST", Which::Nth(2), Fault::AnswerAfterEffect(500)));
    recorder.rule(Rule::new("", Which::From(1), Fault::AnswerWith(429, "Retry-After", "7".into())).body("x-slow"));
    recorder.rule(Rule::new("GET", Which::From(2), Fault::Answer(401)).target("/Users"));
    assert_eq!(through(&recorder, "POST", "Users", Some(&user("ana"))), 503);
    assert_eq!(server.count(), 0, "no effect");
    assert_eq!(through(&recorder, "POST", "Users", Some(&user("ana"))), 500);
    assert_eq!(server.count(), 1, "effect, then the error");
    assert_eq!(through(&recorder, "POST", "Users", Some(&user("slow"))), 429);
    assert_eq!(through(&recorder, "GET", "ServiceProviderConfig", None), 200);
    assert_eq!(through(&recorder, "GET", "Users", None), 200);
    assert_eq!(through(&recorder, "GET", "Users", None), 401);
    assert_eq!(through(&recorder, "GET", "Users", None), 401);
    assert_eq!((recorder.count(), recorder.count_of("POST")), (7, 3));
    recorder.clear_rules();
    recorder.forget();
    assert_eq!(through(&recorder, "GET", "Users", None), 200);
    assert_eq!(recorder.count(), 1);
}

#[test]
fn the_recorder_loses_and_holds_answers() {
    let server = ScimServer::start(Kind::Scimmy);
    let recorder = Recorder::start(&server.url());
    let (address, path) = split(recorder.url());
    let lost = |name: &str| {
        let body = user(name).to_string();
        let mut stream = TcpStream::connect(address).unwrap();
        let token = support::scim_servers::TOKEN;
        let length = body.len();
        write!(
            stream,
            "POST {path}Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/scim+json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap_err().kind()
    };
    recorder.rule(Rule::new("POST", Which::Nth(1), Fault::Reset));
    recorder.rule(Rule::new("POST", Which::Nth(2), Fault::ResetAfterEffect));
    recorder.rule(Rule::new("POST", Which::Nth(3), Fault::HoldAfterEffect));
    assert_eq!(lost("ana"), std::io::ErrorKind::ConnectionReset);
    assert_eq!(server.count(), 0);
    assert_eq!(lost("ana"), std::io::ErrorKind::ConnectionReset);
    assert_eq!(server.count(), 1);
    std::thread::scope(|scope| {
        let held = scope.spawn(|| through(&recorder, "POST", "Users", Some(&user("bob"))));
        recorder.wait_until("the third POST", |requests| requests.len() == 3);
        support::wait_for("its effect", || server.user("bob"));
        assert!(!held.is_finished());
        recorder.release();
        assert_eq!(held.join().unwrap(), 201);
    });
}

#[test]
fn the_configuration_is_toml_and_the_program_is_run() {
    let config = Config::new("ldaps://127.0.0.1:1", "http://127.0.0.1:1/scim/")
        .set_text("users.map", "name.formatted", "cn")
        .set("limits", "max_removals", "5")
        .unset("ldap", "page_size")
        .append("[[users.override]]\ndn = \"uid=x\"\nexclude = true");
    let toml: toml::Table = std::fs::read_to_string(config.write()).unwrap().parse().unwrap();
    assert_eq!(toml["users"]["map"]["name.formatted"].as_str(), Some("cn"));
    assert_eq!(toml["users"]["override"][0]["exclude"].as_bool(), Some(true));
    assert_eq!(toml["limits"]["max_removals"].as_integer(), Some(5));
    assert!(toml["ldap"].get("page_size").is_none());
    assert!(Scimward::bare().args(&["--version"]).run().code.is_some());
}
