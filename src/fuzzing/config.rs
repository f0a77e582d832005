//! Configurations, and the mappings in them.

#![expect(clippy::panic, reason = "what a fuzzer finds is told by a panic")]

use std::path::Path;

use crate::{
    app::setup_checks,
    config::{self, Checks},
    mapping::Mapper,
    model::{Attribute, DirectoryEntry},
};

/// A configuration file. It reaches neither files nor the environment.
pub(super) fn config(text: &str) {
    let checks = Checks {
        profile: |name| match name.contains('/') {
            true => Err("files are not read here".into()),
            false => (setup_checks().profile)(name),
        },
        file: |_| Ok(()),
        env: |_| None,
        ..setup_checks()
    };
    match config::parse(text, Path::new("/etc/scimward/config.toml"), &checks) {
        Ok(config) => {
            let Ok(mapper) = Mapper::compile(&config.users.mapping) else {
                panic!("the configuration was checked");
            };
            for person in people() {
                let _ = super::mapping::holds(&mapper, &person);
            }
        }
        Err(errors) => {
            assert!(!errors.to_string().is_empty());
            assert!(!errors.mistakes.is_empty());
        }
    }
}

/// Somebody usual, and somebody with something odd in each attribute.
fn people() -> [DirectoryEntry; 2] {
    let values: [(&str, &[u8], &[u8]); 12] = [
        (
            "entryuuid",
            b"597ae2f6-16a6-1027-98f4-d28b5365dc14",
            b"597ae2f6-16a6-1027-98f4-d28b5365dc15",
        ),
        ("objectguid", &[7; 16], &[255; 16]),
        ("uid", b"ada", "\u{130}\u{df}\u{301}".as_bytes()),
        ("samaccountname", b"ada", b"$\\{{"),
        ("userprincipalname", b"ada@example.com", b"@"),
        ("cn", b"Ada Lovelace", "\u{202e}\u{0}\u{1f600}".as_bytes()),
        ("sn", b"Lovelace", b" "),
        ("givenname", b"Ada", b"\xff\xfe"),
        ("mail", b"ada@example.com", b"a\nb@c"),
        ("useraccountcontrol", b"512", b"-99999999999999999999"),
        ("accountexpires", b"9223372036854775807", b"-9223372036854775808"),
        ("manager", b"uid=boss,o=x", b"cn=\\"),
    ];
    let entry = |dn: &str, odd: bool| DirectoryEntry {
        dn: dn.to_owned(),
        attributes: values
            .iter()
            .map(|(name, usual, other)| Attribute {
                name: (*name).to_owned(),
                values: vec![if odd { other.to_vec() } else { usual.to_vec() }],
            })
            .collect(),
    };
    [entry("uid=ada,o=x", false), entry("cn=\\,", true)]
}
