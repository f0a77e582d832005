//! `[ldap]`: how to reach the directory.

use std::time::Duration;

use super::{item::Item, section::Section, url};
use crate::{
    ldap::settings::{Bind, LdapSettings, LdapUrl, MinTls},
    plan::settings::OnIncomplete,
};

/// Longest timeout: a run that hangs longer than this on one answer helps nobody.
const TIMEOUT_MAX: Duration = Duration::from_secs(3600);

/// Most entries in a page. Memory is bounded by a page, and servers cap it anyway (1000 in AD).
const PAGE_SIZE_MAX: u64 = 10_000;

/// How `bind` is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BindKind {
    Anonymous,
    Simple,
    External,
}

/// Reads the table.
pub(super) fn read(ldap: &Section<'_>) -> (Option<LdapSettings>, OnIncomplete) {
    let urls = read_urls(ldap);
    let start_tls = ldap.flag("start_tls", false);
    let allow_plaintext = ldap.flag("allow_plaintext", false);
    check_transport(ldap, &urls, start_tls, allow_plaintext);
    let (client_cert, client_key) = (ldap.file("client_cert"), ldap.file("client_key"));
    check_client_certificate(ldap);
    let encrypted = start_tls || urls.iter().any(|(_, url)| url.tls);
    let bind = read_bind(ldap, encrypted);
    let timeout = |key, default| {
        ldap.duration(
            key,
            Duration::from_secs(default),
            Duration::from_millis(100)..=TIMEOUT_MAX,
        )
    };
    let page_size = ldap.number("page_size", 1000, 1..=PAGE_SIZE_MAX, "1000 suits every server");
    let min_tls = [("1.2", MinTls::Tls12), ("1.3", MinTls::Tls13)];
    let on_incomplete = [
        ("abort", OnIncomplete::Abort),
        ("no-removals", OnIncomplete::NoRemovals),
    ];
    let on_incomplete = ldap.choice("on_incomplete", OnIncomplete::Abort, &on_incomplete);
    let settings = LdapSettings {
        urls: urls.into_iter().map(|(_, url)| url).collect(),
        start_tls,
        allow_plaintext,
        ca_file: ldap.file("ca_file"),
        client_cert,
        client_key,
        min_tls: ldap.choice("min_tls", MinTls::Tls12, &min_tls),
        bind: bind.clone().unwrap_or(Bind::Anonymous),
        page_size: u32::try_from(page_size).unwrap_or(u32::MAX),
        connect_timeout: timeout("connect_timeout", 10),
        bind_timeout: timeout("bind_timeout", 10),
        read_timeout: timeout("read_timeout", 60),
    };
    let complete = bind.is_some() && !settings.urls.is_empty();
    (complete.then_some(settings), on_incomplete)
}

fn read_urls<'a>(ldap: &Section<'a>) -> Vec<(Item<'a>, LdapUrl)> {
    const EXAMPLE: &str = "write urls = [\"ldaps://ldap.example.org\"]";
    let mut urls: Vec<(Item<'a>, LdapUrl)> = Vec::new();
    for item in ldap
        .required("urls", EXAMPLE)
        .and_then(|item| item.one_or_many(EXAMPLE))
        .unwrap_or_default()
    {
        let Some(text) = item.text() else { continue };
        match (ldap.report.checks.ldap_url)(text) {
            Err(problem) => {
                // It may hold a password.
                if text.contains(['@', '?', '#']) {
                    item.hide();
                }
                item.wrong(problem, "write ldaps://host, ldaps://host:port or ldap://host");
            }
            Ok(url) if urls.iter().any(|(_, earlier)| *earlier == url) => {
                item.wrong(format!("{text} is listed twice"), "take one out");
            }
            Ok(url) => urls.push((item, url)),
        }
    }
    urls
}

/// No password and no person's data goes over the wire in clear, unless somebody asked for it.
fn check_transport(ldap: &Section<'_>, urls: &[(Item<'_>, LdapUrl)], start_tls: bool, allow_plaintext: bool) {
    if let Some(item) = ldap.item("start_tls").filter(|_| start_tls) {
        let secure = urls.iter().filter(|(_, url)| url.tls).count();
        if secure > 0 {
            item.wrong(
                "contradicts ldaps:// in urls, which is encrypted from the first byte",
                "take start_tls out, or write ldap:// in urls",
            );
        }
    }
    if start_tls || allow_plaintext {
        return;
    }
    for (item, url) in urls.iter().filter(|(_, url)| !url.tls && !url::is_loopback(&url.host)) {
        item.wrong(
            format!(
                "ldap:// to {} would send the password and everybody's data in clear",
                url.host
            ),
            "write ldaps://, or add start_tls = true; allow_plaintext = true only if you really mean it",
        );
    }
}

fn check_client_certificate(ldap: &Section<'_>) {
    for (has, needs) in [("client_cert", "client_key"), ("client_key", "client_cert")] {
        if let (Some(item), None) = (ldap.item(has), ldap.item(needs)) {
            item.wrong(
                format!("is given without {needs}; one is of no use without the other"),
                format!("add {needs} = \"…\", or take {has} out"),
            );
        }
    }
}

/// The way to authenticate; nothing when a mistake was noted.
fn read_bind(ldap: &Section<'_>, encrypted: bool) -> Option<Bind> {
    let dn = ldap.item("bind_dn");
    let password = ldap.item("bind_password");
    let credentials = (
        dn.as_ref().and_then(Item::text),
        password.as_ref().and_then(Item::secret),
    );
    let kinds = [
        ("simple", BindKind::Simple),
        ("anonymous", BindKind::Anonymous),
        ("external", BindKind::External),
    ];
    let kind = match ldap.item("bind") {
        Some(item) => item.choice(&kinds)?,
        None if dn.is_some() || password.is_some() => BindKind::Simple,
        None => BindKind::Anonymous,
    };
    if kind != BindKind::Simple {
        check_no_credentials(ldap, kind, encrypted);
        return Some(if kind == BindKind::External {
            Bind::External
        } else {
            Bind::Anonymous
        });
    }
    for (key, item) in [("bind_dn", &dn), ("bind_password", &password)] {
        if item.is_none() {
            ldap.missing(
                key,
                "is missing; a simple bind needs bind_dn and bind_password",
                format!("add {key}, or write bind = \"anonymous\""),
            );
        }
    }
    let (Some(dn), Some(password)) = credentials else {
        return None;
    };
    Some(Bind::Simple {
        dn: dn.to_owned(),
        password,
    })
}

fn check_no_credentials(ldap: &Section<'_>, kind: BindKind, encrypted: bool) {
    let name = if kind == BindKind::External {
        "external"
    } else {
        "anonymous"
    };
    for key in ["bind_dn", "bind_password"] {
        if let Some(item) = ldap.item(key) {
            item.wrong(
                format!("has no meaning with bind = \"{name}\""),
                format!("take {key} out, or write bind = \"simple\""),
            );
        }
    }
    let Some(item) = ldap.item("bind").filter(|_| kind == BindKind::External) else {
        return;
    };
    if ldap.item("client_cert").is_none() && ldap.item("client_key").is_none() {
        item.wrong(
            "authenticates with the client certificate, and there is none",
            "add client_cert and client_key",
        );
    } else if !encrypted {
        item.wrong(
            "needs TLS, because the certificate is shown in its handshake",
            "write ldaps:// in urls, or add start_tls = true",
        );
    }
}
