//! `scimward check` by black box: what it finds, the exit code, and that it changes nothing.
#![cfg(test)]

mod support;

use std::{
    fs,
    io::{BufReader, copy},
    net::{Shutdown, TcpStream},
    os::unix::fs::PermissionsExt,
    thread,
};

use support::{
    certs::certs,
    config::{Config, text},
    http::Message,
    listener::Listener,
    people::{PEOPLE, person},
    port::Port,
    recorder::{Fault, Recorder, Rule, Which},
    scim_servers::{Kind, ScimServer},
    scimward::{Run, Scimward},
    slapd::{NO_ANCHOR, NO_MAIL, NO_PAGES, NOREAD, Slapd},
};

/// A directory of a few people, a cloud, and a record of what it was asked.
struct Bench {
    slapd: Slapd,
    _cloud: ScimServer,
    recorder: Recorder,
}

impl Bench {
    fn start() -> Self {
        Self::with(Slapd::with_people(12))
    }

    fn with(slapd: Slapd) -> Self {
        let cloud = ScimServer::start(Kind::Scimmy);
        let recorder = Recorder::start(&cloud.url());
        Self {
            slapd,
            _cloud: cloud,
            recorder,
        }
    }

    fn config(&self) -> Config {
        Config::new(&self.slapd.url(), self.recorder.url())
    }
}

fn check(config: &Config) -> Run {
    Scimward::new(config).args(&["check"]).run()
}

/// The lines of a report without the spaces that align them.
fn lines(run: &Run) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    run.stdout.lines().map(words).collect()
}

#[track_caller]
fn has_line(run: &Run, start: &str) {
    let found = lines(run).iter().any(|line| line.starts_with(start));
    assert!(found, "no line starts with {start:?}\n{}", run.everything());
}

#[test]
fn a_good_installation_is_ready_and_nothing_was_changed() {
    let bench = Bench::start();
    let config = bench
        .config()
        .set_text("schedule", "cron", "30 2 * * *")
        .set_text("schedule", "timezone", "Europe/Berlin")
        .set_text("leavers", "action", "delete")
        .set("leavers", "delete_after_days", "14")
        .set("limits", "protected", &format!("[{}]", text("admin")));
    let run = check(&config).expect(0);
    for line in [
        &format!("Configuration {}", config.folder().join("config.toml").display()),
        &format!("ok users (objectClass=inetOrgPerson) below {PEOPLE}"),
        "ok profile",
        "ok attributes c, cn, departmentnumber,",
        "ok leavers deactivated in the first complete run that does not show them, deleted 14 days later",
        "ok limits at most 50 removals in a run, and at most 10 % of the accounts in use; if there are more, all",
        "ok protected never deactivated, deleted or renamed: admin",
        "ok schedule At 02:30 (Europe/Berlin); next: ",
        "This machine",
        &format!(
            "ok state {} is not there yet; the first run makes it",
            config.state().display()
        ),
        &format!(
            "ok bind password file {}/ldap-password can be read",
            config.folder().display()
        ),
        &format!("ok token file {}/scim-token can be read", config.folder().display()),
        &format!("Directory {}", bench.slapd.url()),
        "ok connect",
        "ok bind",
        "ok server OpenLDAP, pages its results",
        &format!("ok base {PEOPLE}: 12 entries in the first page"),
        "ok every entry of the first page shows entryuuid, the anchor",
        "ok mapping of 12 people in the first page 12 can be pushed, 0 are left out by rule, 0 would be rejected",
        &format!("Cloud {}", bench.recorder.url()),
        "ok the token is good, and users can be looked up",
        "Ready",
    ] {
        has_line(&run, line);
    }
    let next = lines(&run).into_iter().find(|line| line.contains("next: ")).unwrap();
    assert_eq!(
        next.matches("02:30:00 CE").count(),
        3,
        "three times of the zone: {next}"
    );
    assert_eq!(run.stderr, "");
    assert!(!config.state().exists(), "a check makes no state");
    assert_eq!(
        bench.recorder.count_of("GET"),
        bench.recorder.count(),
        "{}",
        bench.recorder.log()
    );
    assert_eq!(bench.recorder.count(), 2, "{}", bench.recorder.log());
}

#[test]
fn what_the_profile_has_no_place_for_is_said() {
    let bench = Bench::start();
    let run =
        check(&bench.config().set_text("scim", "profile", "alibaba")).says("of the preset, because profile alibaba");
    let left_out = lines(&run)
        .into_iter()
        .find(|line| line.starts_with("ok left out"))
        .unwrap();
    assert!(left_out.contains("enterprise.department"), "{left_out}");
}

#[test]
fn a_configuration_with_mistakes_shows_all_of_them_and_asks_nobody() {
    let bench = Bench::start();
    let config = bench
        .config()
        .set("ldap", "page_size", "0")
        .set_text("users", "filter", "(uid=*")
        .set_text("scim", "profle", "huawei");
    check(&config)
        .expect(2)
        .says("3 mistakes")
        .says("page_size")
        .says("filter")
        .says("did you mean profile?");
    assert_eq!(bench.recorder.count(), 0);
}

#[test]
fn the_directory_is_down_or_refuses() {
    let bench = Bench::start();
    let down = bench.config().set(
        "ldap",
        "urls",
        &format!("[{}]", text(&format!("ldap://{}", Port::reserve()))),
    );
    has_line(&check(&down).expect(3), "FAIL connect");

    let wrong_password = bench.config();
    let password = wrong_password.secret("wrong", "not the password");
    let run = check(&wrong_password.set("ldap", "bind_password", &password)).expect(3);
    has_line(&run, "FAIL bind");
    run.says("the bind DN or its password is wrong")
        .says("Not ready, 1 failure");

    let nowhere = bench.config().set_text("users", "base", "ou=nowhere,dc=example,dc=com");
    let run = check(&nowhere).expect(3);
    has_line(&run, "FAIL base ou=nowhere,dc=example,dc=com: noSuchObject (32)");
    assert_eq!(bench.recorder.count_of("GET"), bench.recorder.count());
}

#[test]
fn lost_read_rights_show_before_the_first_run() {
    let bench = Bench::start();
    let with = |account: &str| bench.config().set_text("ldap", "bind_dn", account);
    has_line(
        &check(&with(NO_ANCHOR)).expect(3),
        "FAIL 12 of 12 entries do not show entryuuid, the anchor: let the bind account read it",
    );
    has_line(
        &check(&with(NOREAD)).expect(3),
        &format!("FAIL base {PEOPLE}: no entry matches"),
    );
    // The generic profile asks for no mail address, so a run would go through; huawei's would not.
    let run = check(&with(NO_MAIL)).expect(0);
    has_line(&run, "note no entry of the first page has");
    run.says("mail")
        .says("nobody has a value, or the bind account may not read it");
    let run = check(&with(NO_MAIL).set_text("scim", "profile", "huawei")).expect(3);
    has_line(&run, "FAIL mapping of 12 people in the first page 0 can be pushed");
    run.says("emails: huawei: must be present").says("and 11 more)");
}

#[test]
fn a_server_that_does_not_page_for_us() {
    let bench = Bench::start();
    let run = check(&bench.config().set_text("ldap", "bind_dn", NO_PAGES)).expect(3);
    has_line(&run, &format!("FAIL base {PEOPLE}: "));
}

#[test]
fn certificates_that_do_not_fit() {
    let bench = Bench::start();
    let ldaps = |url: &str| bench.config().set("ldap", "urls", &format!("[{}]", text(url)));
    check(&ldaps(&bench.slapd.ldaps_url())).expect(0).says("TLS");

    let stranger = certs().stranger_ca.display().to_string();
    check(&ldaps(&bench.slapd.ldaps_url()).set_text("ldap", "ca_file", &stranger))
        .expect(3)
        .says("put that CA into ldap.ca_file");

    // The certificate names localhost and 127.0.0.1.
    let upstream = bench.slapd.ldaps_address();
    let other_name = Listener::start_at(([127, 0, 0, 2], 0).into(), move |client| pass_on(&client, upstream));
    check(&ldaps(&format!("ldaps://{}", other_name.address)))
        .expect(3)
        .says("write the host in ldap.urls as the server's certificate names it");
}

/// Passes bytes both ways until one side closes.
fn pass_on(client: &TcpStream, upstream: std::net::SocketAddr) {
    let Ok(server) = TcpStream::connect(upstream) else {
        return;
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = copy(&mut &*client, &mut &server);
            let _ = server.shutdown(Shutdown::Both);
        });
        let _ = copy(&mut &server, &mut &*client);
        let _ = client.shutdown(Shutdown::Both);
    });
}

#[test]
fn the_cloud_refuses_or_is_none() {
    let bench = Bench::start();
    let config = bench.config();
    let token = config.secret("wrong", "another-token");
    check(&config.set("scim", "token", &token))
        .expect(4)
        .says("FAIL")
        .says("401")
        .says("check the token, its expiry and the endpoint's tenant")
        .says_not("another-token");

    let endpoint = |url: &str| bench.config().set_text("scim", "endpoint", url);
    check(&endpoint(&format!("{}not/here/", bench.recorder.url())))
        .expect(4)
        .says("correct [scim] endpoint");
    let pages = Listener::start(|client| web_site(&client));
    check(&endpoint(&format!("http://{}/", pages.address)))
        .expect(4)
        .says("this is no SCIM endpoint; correct [scim] endpoint");
    check(&endpoint(&format!("http://{}/", Port::reserve())))
        .expect(4)
        .says("Connection refused");

    let elsewhere = "https://login.example.com/".to_owned();
    bench.recorder.rule(Rule::new(
        "",
        Which::From(1),
        Fault::AnswerWith(302, "Location", elsewhere),
    ));
    check(&bench.config())
        .expect(4)
        .says("a redirect to https://login.example.com/, which is not followed");
    bench.recorder.clear_rules();

    bench.recorder.rule(Rule::new("", Which::From(1), Fault::Answer(503)));
    bench.recorder.forget();
    check(&bench.config()).expect(4).says("503");
    assert_eq!(
        bench.recorder.count(),
        1,
        "a person waits: no repetition\n{}",
        bench.recorder.log()
    );
}

/// Answers everything with a page for people.
fn web_site(client: &TcpStream) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    while let Ok(Some(_)) = Message::read(&mut reader) {
        let page = Message {
            start: "HTTP/1.1 200 OK".to_owned(),
            headers: vec![("Content-Type".to_owned(), "text/html".to_owned())],
            body: b"<html>Welcome</html>".to_vec(),
        };
        if page.write(&mut client.try_clone().unwrap(), "keep-alive").is_err() {
            return;
        }
    }
}

#[test]
fn both_sides_broken_are_both_reported() {
    let config = Config::new(
        &format!("ldap://{}", Port::reserve()),
        &format!("http://{}/", Port::reserve()),
    );
    let run = check(&config).expect(3).says("Not ready, 2 failures");
    has_line(&run, "FAIL connect");
    has_line(&run, "FAIL service");
}

#[test]
fn secrets_and_state_that_cannot_be_used_are_findings_like_any_other() {
    let bench = Bench::start();
    let config = bench.config();
    let open = |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    open(&config.folder().join("scim-token"), 0o644);
    fs::create_dir(config.state()).unwrap();
    open(&config.state(), 0o755);
    let run = check(&config).expect(2).says("Not ready, 2 failures");
    has_line(&run, "FAIL token file");
    has_line(&run, "FAIL state the state folder");
    has_line(&run, "note service not asked: there is no token to show");
    run.says("type: chmod 600 ")
        .says("type `chmod 0700 ")
        .says("12 entries in the first page");
    assert_eq!(bench.recorder.count(), 0);

    open(&config.folder().join("scim-token"), 0o600);
    open(&config.state(), 0o700);
    check(&config)
        .expect(0)
        .says("is empty: nothing was pushed from here yet");
    assert_eq!(
        fs::read_dir(config.state()).unwrap().count(),
        0,
        "a check makes no state"
    );
}

#[test]
fn the_state_tells_whose_it_is() {
    let bench = Bench::start();
    let config = bench.config();
    Scimward::new(&config).args(&["--sync-now"]).run().expect(0);
    check(&config)
        .expect(0)
        .says("remembers 12 people linked to an account");
    let other = ScimServer::start(Kind::Scimmy);
    let run = check(&config.set_text("scim", "endpoint", &other.url())).expect(2);
    has_line(&run, "FAIL state the state in");
    run.says("scimward state accept-endpoint");
}

#[test]
fn one_bad_entry_is_a_note() {
    let bench = Bench::start();
    bench.slapd.replace(&person(3).dn(), "mail", &[]);
    let run = check(&bench.config().set_text("scim", "profile", "huawei")).says("11 can be pushed");
    has_line(&run, "note mapping of 12 people");
    run.says(&format!("emails: huawei: must be present ({})", person(3).dn()));
}
