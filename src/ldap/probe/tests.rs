use ldap3_proto::proto::LdapResultCode as Code;
use secrecy::SecretString;

use super::*;
use crate::ldap::testing::{self, Asked, Reply, Server, done, entry, page, person, settings};

fn root(asked: &Asked) -> Option<Vec<Reply>> {
    let controls: &[&[u8]] = &[b"1.2.840.113556.1.4.319"];
    let root = entry(
        "",
        &[
            ("vendorName", &[b"Maker"]),
            ("vendorVersion", &[b"7"]),
            ("supportedControl", controls),
        ],
    );
    asked.search.base.is_empty().then(|| vec![root, done(Code::Success)])
}

/// Findings as `VERDICT subject: text`.
fn check(server: &Server, bases: &[&str], expected: &[&str]) {
    let findings = probe(
        &settings(vec![server.url.clone()]),
        &testing::search(bases),
        "entryuuid",
        &mut |_| {},
    );
    let shown: Vec<_> = findings
        .iter()
        .map(|f| format!("{:?} {}: {}", f.verdict, f.subject, f.text))
        .collect();
    assert_eq!(shown.len(), expected.len(), "{shown:#?}");
    for (shown, expected) in shown.iter().zip(expected) {
        assert!(shown.starts_with(expected), "{shown:?}, expected {expected:?}");
    }
}

#[test]
fn what_a_server_shows() {
    let server = Server::start(|asked| {
        root(asked).unwrap_or_else(|| match asked.search.base.as_str() {
            "o=good" => vec![person("a"), person("b"), page("more")],
            "o=empty" => vec![page("")],
            "o=blind" => vec![person("a"), entry("cn=b", &[("cn", &[b"b"])]), page("")],
            "o=unpaged" => vec![person("a"), person("b"), done(Code::Success)],
            _ => vec![done(Code::NoSuchObject)],
        })
    });
    check(
        &server,
        &["o=good", "o=empty", "o=blind", "o=unpaged", "o=gone"],
        &[
            "Good connect: reached without TLS",
            "Good bind: anonymous",
            "Good server: Maker 7, pages its results",
            "Good o=good: 2 entries in the first page, more follow",
            "Good o=good: every entry of the first page shows entryuuid",
            "Note o=good: no entry of the first page has member:",
            "Bad o=empty: no entry matches",
            "Good o=blind: 2 entries in the first page",
            "Bad o=blind: 1 of 2 entries do not show entryuuid",
            "Note o=blind: no entry of the first page has member:",
            "Good o=unpaged: 2 entries",
            "Bad o=unpaged: the server did not say whether more entries follow",
            "Good o=unpaged: every entry",
            "Note o=unpaged: no entry",
            "Bad o=gone: noSuchObject (32)",
        ],
    );
}

#[test]
fn a_wrong_password_is_tried_once() {
    let server = || Server::with_bind(testing::result(Code::InvalidCredentials, ""), |_| vec![]);
    let (first, second) = (server(), server());
    let ldap = settings(vec![Server::nobody(), first.url.clone(), second.url.clone()]);
    let who = |_: &Bind| {
        Ok(Identity::Simple {
            dn: "cn=reader".into(),
            password: SecretString::from("wrong"),
        })
    };
    let findings = probe_as(&ldap, &testing::search(&["o=x"]), "entryuuid", &mut |_| {}, &who);
    let shown: Vec<_> = findings.iter().map(|f| (f.verdict, f.subject.as_str())).collect();
    let expected = [
        (Verdict::Bad, "connect"),
        (Verdict::Good, "connect"),
        (Verdict::Bad, "bind"),
        (Verdict::Note, "bind"),
    ];
    assert_eq!(shown, expected);
    assert_eq!((first.log().as_str(), second.log().as_str()), ("connect bind", ""));
}
