use std::{cell::Cell, rc::Rc, time::Duration};

use ldap3_proto::proto::LdapResultCode as Code;
use secrecy::SecretString;

use super::*;
use crate::ldap::testing::{
    Asked, Reply, Server, ber, done, entry, page, person, raw_message, reference, result, search, settings,
};

/// Remembers what it was told, in words.
#[derive(Default)]
struct Notes {
    words: Vec<String>,
    entries: Vec<DirectoryEntry>,
}

impl EntrySink for Notes {
    fn restart(&mut self) -> Result<(), SinkError> {
        self.words.push("restart".into());
        self.entries.clear();
        Ok(())
    }

    fn entry(&mut self, entry: DirectoryEntry) -> Result<(), SinkError> {
        self.words.push(entry.dn.clone());
        self.entries.push(entry);
        Ok(())
    }
}

fn read(servers: &[&Server]) -> (Result<ReadOutcome, DirectoryError>, Notes) {
    read_with(
        settings(servers.iter().map(|server| server.url.clone()).collect()),
        &["dc=x"],
    )
}

fn read_with(ldap: LdapSettings, bases: &[&str]) -> (Result<ReadOutcome, DirectoryError>, Notes) {
    let mut notes = Notes::default();
    let outcome = LdapDirectory::new(ldap, search(bases)).read(&mut notes, &CancellationToken::new());
    (outcome, notes)
}

/// Two pages of two people each; the second ends with `last`.
fn two_pages(last: fn() -> Vec<Reply>) -> impl FnMut(&Asked) -> Vec<Reply> + Send + 'static {
    move |asked| match asked.cookie.as_deref() {
        Some("") => vec![person("a"), person("b"), page("2")],
        Some("2") => last(),
        other => panic!("unexpected cookie {other:?}"),
    }
}

fn good() -> Server {
    Server::start(two_pages(|| vec![person("c"), page("")]))
}

/// The read of one server is incomplete, for this reason, after these words to the sink.
fn incomplete(server: &Server, reason: &[&str], words: &str) {
    let (outcome, notes) = read(&[server]);
    let outcome = outcome.unwrap();
    let Absence::Unknown(said) = outcome.absence else {
        panic!("taken for complete: {outcome:?}")
    };
    for part in reason {
        assert!(said.contains(part), "{said:?} lacks {part:?}");
    }
    assert!(said.starts_with(&server.url.to_string()), "{said}");
    assert_eq!(notes.words.join(" "), words);
    assert_eq!(outcome.entries, notes.entries.len() as u64);
}

#[test]
fn a_complete_read() {
    let server = good();
    let (outcome, notes) = read(&[&server]);
    let expected = ReadOutcome {
        absence: Absence::AllButPresent,
        server: server.url.to_string(),
        entries: 3,
    };
    assert_eq!(outcome.unwrap(), expected);
    assert_eq!(notes.words.join(" "), "cn=a cn=b cn=c");
    assert_eq!(notes.entries[0].values("cn"), [b"a"]);
    assert_eq!(server.log(), "connect search:dc=x: search:dc=x:2");
}

#[test]
fn nobody_there_is_a_complete_read() {
    let (outcome, notes) = read(&[&Server::start(|_| vec![page("")])]);
    assert_eq!(outcome.unwrap().absence, Absence::AllButPresent);
    assert!(notes.words.is_empty());
}

#[test]
fn every_base_is_read_on_one_connection() {
    let server = Server::start(|asked| vec![person(&asked.search.base), page("")]);
    let (outcome, notes) = read_with(settings(vec![server.url.clone()]), &["o=a", "o=b"]);
    assert_eq!(outcome.unwrap().entries, 2);
    assert_eq!(notes.words.join(" "), "cn=o=a cn=o=b");
    assert_eq!(server.log(), "connect search:o=a: search:o=b:");
}

#[test]
fn results_other_than_success_on_the_second_page() {
    for (code, name) in [
        (Code::SizeLimitExceeded, "sizeLimitExceeded (4)"),
        (Code::TimeLimitExceeded, "timeLimitExceeded (3)"),
        (Code::AdminLimitExceeded, "adminLimitExceeded (11)"),
        (Code::Busy, "busy (51)"),
        (Code::Unavailable, "unavailable (52)"),
        (Code::NoSuchObject, "noSuchObject (32)"),
        (Code::Referral, "referral (10)"),
        (Code::Other, "other (80)"),
    ] {
        let server = Server::start(move |asked| match asked.cookie.as_deref() {
            Some("") => vec![person("a"), page("2")],
            _ => vec![person("b"), done(code.clone())],
        });
        incomplete(&server, &["search of \"dc=x\", page 2", name], "cn=a cn=b");
    }
}

#[test]
fn a_connection_cut_in_mid_page() {
    let server = Server::start(two_pages(|| vec![person("c"), Reply::Close]));
    incomplete(&server, &["page 2", "server closed the connection"], "cn=a cn=b cn=c");
}

#[test]
fn a_connection_cut_in_mid_message() {
    let server = Server::start(two_pages(|| {
        vec![person("c"), Reply::Raw(vec![0x30, 0x7f, 0x02]), Reply::Close]
    }));
    incomplete(&server, &["page 2", "connection"], "cn=a cn=b cn=c");
}

#[test]
fn a_missing_cookie() {
    let server = Server::start(two_pages(|| vec![person("c"), done(Code::Success)]));
    incomplete(&server, &["page 2", "RFC 2696"], "cn=a cn=b cn=c");
    let full = Server::start(|_| vec![person("a"), person("b"), done(Code::Success)]);
    incomplete(&full, &["page 1", "ldap.page_size"], "cn=a cn=b");
    // Less than one page and success: nothing can be missing.
    let (outcome, _) = read(&[&Server::start(|_| vec![person("a"), done(Code::Success)])]);
    assert_eq!(outcome.unwrap().absence, Absence::AllButPresent);
}

#[test]
fn references() {
    let server = Server::start(|_| vec![person("a"), reference("ldap://child/DC=child,DC=x"), page("")]);
    incomplete(&server, &["ldap://child/DC=child,DC=x"], "cn=a");
    let other_context = || vec![person("a"), reference("ldap://x/CN=Configuration,DC=x"), page("")];
    let (outcome, _) = read(&[&Server::start(move |_| other_context())]);
    assert_eq!(outcome.unwrap().absence, Absence::AllButPresent);
}

#[test]
fn a_referral_in_place_of_data() {
    let server = Server::start(|_| {
        let mut moved = result(Code::Referral, "");
        moved.referral = vec!["ldap://elsewhere/dc=x".into()];
        vec![Reply::Op(ldap3_proto::proto::LdapOp::SearchResultDone(moved), vec![])]
    });
    let (outcome, _) = read(&[&server]);
    match outcome {
        Err(DirectoryError::Refused(text)) => assert!(text.contains("ldap://elsewhere/dc=x"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_missing_base_leaves_the_others_readable() {
    let script = |asked: &Asked| match asked.search.base.as_str() {
        "o=gone" => vec![done(Code::NoSuchObject)],
        _ => vec![person("a"), page("")],
    };
    let server = Server::start(script);
    let (outcome, notes) = read_with(settings(vec![server.url.clone()]), &["o=gone", "o=here"]);
    match outcome.unwrap().absence {
        Absence::Unknown(text) => assert!(text.contains("\"o=gone\"") && text.contains("noSuchObject"), "{text}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(notes.words.join(" "), "cn=a");
    let (outcome, _) = read_with(settings(vec![server.url.clone()]), &["o=gone"]);
    match outcome {
        Err(DirectoryError::Refused(text)) => assert!(text.contains("\"o=gone\""), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn bytes_that_are_not_utf8() {
    let entry = ber(
        0x64,
        &[
            &ber(0x04, &[b"cn=\xff"]),
            &ber(
                0x30,
                &[&ber(
                    0x30,
                    &[&ber(0x04, &[b"CN"]), &ber(0x31, &[&ber(0x04, &[b"\xfe\x00"])])],
                )],
            ),
        ],
    );
    // The first request on an anonymous connection has the number 1.
    let server = Server::start(move |_| vec![raw_message(1, &entry), page("")]);
    let (outcome, notes) = read(&[&server]);
    assert_eq!(outcome.unwrap().absence, Absence::AllButPresent);
    assert_eq!(notes.entries[0].dn, "cn=\\ff");
    assert_eq!(notes.entries[0].values("cn"), [b"\xfe\x00"]);
}

#[test]
fn messages_that_make_no_sense() {
    for (op, part) in [
        (ber(0x64, &[b"\x04\x01a"]), "an entry that is not one"),
        // An operation that no search brings: the client's driver panics.
        (ber(0x69, &[b""]), "not LDAP"),
        // A result without a result code: so does its parser.
        (ber(0x65, &[b""]), "not LDAP"),
    ] {
        let op = op.clone();
        let server = Server::start(move |_| vec![person("a"), raw_message(1, &op)]);
        incomplete(&server, &[part], "cn=a");
    }
    let server = Server::start(|_| {
        vec![
            person("a"),
            Reply::Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
            Reply::Close,
        ]
    });
    incomplete(&server, &["page 1", "connection"], "cn=a");
}

#[test]
fn ranged_attributes_are_collected() {
    let server = Server::start(|asked| {
        if asked.names("member;range=2-*") {
            vec![
                entry("cn=g", &[("member;range=2-3", &[b"c", b"d"])]),
                done(Code::Success),
            ]
        } else if asked.names("member;range=4-*") {
            vec![entry("cn=g", &[("Member;Range=4-*", &[b"e"])]), done(Code::Success)]
        } else {
            let first_piece = entry("cn=g", &[("member", &[]), ("member;range=0-1", &[b"a", b"b"])]);
            vec![first_piece, person("a"), page("")]
        }
    });
    let (outcome, notes) = read(&[&server]);
    assert_eq!(outcome.unwrap().absence, Absence::AllButPresent);
    assert_eq!(notes.words.join(" "), "cn=a cn=g");
    assert_eq!(notes.entries[1].values("member"), [b"a", b"b", b"c", b"d", b"e"]);
    assert_eq!(notes.entries[1].attributes.len(), 1);
    assert_eq!(server.log(), "connect search:dc=x: search:cn=g:- search:cn=g:-");
}

#[test]
fn a_range_that_is_not_sent_leaves_the_read_incomplete() {
    let server = Server::start(|asked| match asked.search.base.as_str() {
        "cn=g" => vec![done(Code::Success)],
        _ => vec![person("a"), entry("cn=g", &[("member;range=0-0", &[b"a"])]), page("")],
    });
    incomplete(&server, &["member of cn=g"], "cn=a");
}

#[test]
fn silence_ends_in_a_timeout() {
    let server = Server::start(two_pages(|| vec![person("c")]));
    let mut ldap = settings(vec![server.url.clone()]);
    ldap.read_timeout = Duration::from_millis(50);
    let (outcome, notes) = read_with(ldap, &["dc=x"]);
    match outcome.unwrap().absence {
        Absence::Unknown(text) => assert!(text.contains("page 2: no answer for 0.05 s"), "{text}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(notes.words.join(" "), "cn=a cn=b cn=c");
}

#[test]
fn the_next_server_is_read_from_the_start() {
    let broken = Server::start(two_pages(|| vec![person("c"), Reply::Close]));
    let second = good();
    let (outcome, notes) = read(&[&broken, &second]);
    let outcome = outcome.unwrap();
    assert_eq!(
        (outcome.absence, outcome.server, outcome.entries),
        (Absence::AllButPresent, second.url.to_string(), 3)
    );
    assert_eq!(notes.words.join(" "), "cn=a cn=b cn=c restart cn=a cn=b cn=c");
}

#[test]
fn an_empty_directory_after_a_broken_read_is_empty() {
    let broken = Server::start(|_| vec![person("a"), Reply::Close]);
    let (outcome, notes) = read(&[&broken, &Server::start(|_| vec![page("")])]);
    assert_eq!((outcome.unwrap().entries, notes.entries.len()), (0, 0));
    assert_eq!(notes.words.join(" "), "cn=a restart");
}

#[test]
fn what_one_server_gave_is_kept_when_the_next_gives_nothing() {
    let broken = Server::start(|_| vec![person("a"), done(Code::Busy)]);
    let urls = vec![Server::nobody(), broken.url.clone(), Server::nobody()];
    let (outcome, notes) = read_with(settings(urls.clone()), &["dc=x"]);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.server, outcome.entries), (broken.url.to_string(), 1));
    let Absence::Unknown(text) = outcome.absence else {
        panic!("taken for complete")
    };
    assert!(urls.iter().all(|url| text.contains(&url.to_string())), "{text}");
    assert_eq!(notes.words.join(" "), "cn=a");
}

#[test]
fn nobody_can_be_reached() {
    let (outcome, _) = read_with(settings(vec![Server::nobody(), Server::nobody()]), &["dc=x"]);
    match outcome {
        Err(DirectoryError::Unreachable(text)) => assert_eq!(text.matches("connect: 127.0.0.1").count(), 2, "{text}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn plain_text_stays_on_this_machine() {
    let url: LdapUrl = "ldap://192.0.2.1".parse().unwrap();
    let (outcome, _) = read_with(settings(vec![url]), &["dc=x"]);
    match outcome {
        Err(DirectoryError::Unreachable(text)) => assert!(text.contains("without TLS"), "{text}"),
        other => panic!("{other:?}"),
    }
}

fn read_bound(servers: &[&Server], password: &str) -> Result<ReadOutcome, DirectoryError> {
    let mut ldap = settings(servers.iter().map(|server| server.url.clone()).collect());
    ldap.bind_timeout = Duration::from_millis(200);
    let who = |_: &Bind| {
        Ok(Identity::Simple {
            dn: "cn=reader".into(),
            password: SecretString::from(password),
        })
    };
    LdapDirectory::new(ldap, search(&["dc=x"])).read_as(&mut Notes::default(), &CancellationToken::new(), &who)
}

#[test]
fn a_wrong_password_is_tried_once() {
    let text = "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 775, v2580";
    let strict = Server::with_bind(result(Code::InvalidCredentials, text), |_| vec![page("")]);
    let other = good();
    match read_bound(&[&strict, &other], "s3cret") {
        Err(DirectoryError::Bind(text)) => {
            assert!(
                text.contains("bind as \"cn=reader\"") && text.contains("locked out"),
                "{text}"
            );
            assert!(!text.contains("s3cret"), "{text}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((strict.log().as_str(), other.log().as_str()), ("connect bind", ""));
}

#[test]
fn a_server_that_cannot_bind_now_is_passed_over() {
    for bind in [result(Code::Busy, ""), result(Code::StrongerAuthRequired, "")] {
        let server = Server::with_bind(bind, |_| vec![page("")]);
        let second = good();
        assert_eq!(
            read_bound(&[&server, &second], "x").unwrap().server,
            second.url.to_string()
        );
    }
    let mute = Server::raw_bind(|| Reply::Raw(vec![]), |_| vec![page("")]);
    let garbled = Server::raw_bind(|| raw_message(1, &ber(0x61, &[b""])), |_| vec![page("")]);
    for (server, part) in [(&mute, "ldap.bind_timeout"), (&garbled, "not LDAP")] {
        match read_bound(&[server], "x") {
            Err(DirectoryError::Unreachable(text)) => assert!(text.contains(part), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_empty_password_is_not_a_bind() {
    let server = good();
    match read_bound(&[&server], "") {
        Err(DirectoryError::Bind(text)) => assert!(text.contains("RFC 4513 section 5.1.2"), "{text}"),
        other => panic!("{other:?}"),
    }
    assert!(!server.log().contains("bind "), "{}", server.log());
}

/// Stops the read after the first entry, one way or the other.
struct Stopper(Option<CancellationToken>, Rc<Cell<u32>>);

impl EntrySink for Stopper {
    fn restart(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn entry(&mut self, _entry: DirectoryEntry) -> Result<(), SinkError> {
        self.1.set(self.1.get() + 1);
        match &self.0 {
            Some(stop) => stop.cancel(),
            None => return Err(SinkError("disk full".into())),
        }
        Ok(())
    }
}

#[test]
fn the_caller_can_stop_a_read() {
    // The second page never comes: only the token ends this before the time-out does.
    let server = Server::start(two_pages(Vec::new));
    let second = good();
    let ldap = settings(vec![server.url.clone(), second.url.clone()]);
    let stop = CancellationToken::new();
    let seen = Rc::new(Cell::new(0));
    let mut sink = Stopper(Some(stop.clone()), Rc::clone(&seen));
    let outcome = LdapDirectory::new(ldap.clone(), search(&["dc=x"])).read(&mut sink, &stop);
    assert!(matches!(outcome, Err(DirectoryError::Cancelled)), "{outcome:?}");
    let mut sink = Stopper(None, seen);
    let outcome = LdapDirectory::new(ldap, search(&["dc=x"])).read(&mut sink, &CancellationToken::new());
    assert!(
        matches!(&outcome, Err(DirectoryError::Sink(error)) if error.0 == "disk full"),
        "{outcome:?}"
    );
    assert_eq!(second.log(), "");
}

#[test]
fn bad_tls_files_are_named() {
    let mut ldap = settings(vec![
        "ldaps://127.0.0.1:1".parse().unwrap(),
        "ldaps://127.0.0.1:2".parse().unwrap(),
    ]);
    ldap.ca_file = Some("/nonexistent/ca.pem".into());
    let (outcome, _) = read_with(ldap, &["dc=x"]);
    match outcome {
        Err(DirectoryError::Unreachable(text)) => {
            assert_eq!(
                text.matches("ldap.ca_file: cannot read /nonexistent/ca.pem").count(),
                1,
                "{text}"
            );
        }
        other => panic!("{other:?}"),
    }
}
