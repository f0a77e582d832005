//! The example that goes with the program.

use std::path::Path;

use crate::{
    config::{Checks, keys, parse},
    mapping::spec::{DetailedRule, OverrideSpec, TransformTable},
};

const EXAMPLE: &str = include_str!("../../../config.example.toml");

/// The example with every key that is commented out put to use.
fn everything() -> String {
    let is_key = |line: &str| {
        let rest = line.strip_prefix('#').unwrap_or("");
        rest.starts_with('"') || rest.starts_with('[') || rest.starts_with(|char: char| char.is_ascii_lowercase())
    };
    let lines = EXAMPLE.lines().map(|line| if is_key(line) { &line[1..] } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_is_right() {
    for text in [EXAMPLE.to_owned(), everything()] {
        let config = parse(&text, Path::new("config.example.toml"), &Checks::shape_only());
        let config = config.unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(config.profile, "huawei");
    }
}

#[test]
fn what_is_commented_out_is_the_default() {
    let read = |text: &str| parse(text, Path::new("config.example.toml"), &Checks::shape_only()).unwrap();
    let (plain, mut full) = (read(EXAMPLE), read(&everything()));
    // These have no default, or one that only the profile or the environment knows.
    full.ldap.ca_file = None;
    (full.ldap.client_cert, full.ldap.client_key) = (None, None);
    full.scim.ca_file = None;
    (full.scim.rate_per_s, full.scim.concurrency) = (plain.scim.rate_per_s, plain.scim.concurrency);
    (full.cloud, full.token_life) = (plain.cloud.clone(), plain.token_life);
    full.limits.protected.clear();
    full.audit.cron = None;
    full.schedule.iter_mut().for_each(|schedule| schedule.audit_cron = None);
    full.users.mapping = plain.users.mapping.clone();
    full.users.member_of.clear();
    let bare = EXAMPLE.replace("#[groups]\n", "[groups]\nbase = \"ou=groups,dc=example,dc=org\"\n");
    let (bare, mut groups) = (read(&bare).groups.unwrap(), full.groups.take().unwrap());
    let spec = std::mem::replace(&mut groups.mapping, bare.mapping.clone());
    assert_eq!(groups, bare);
    assert_eq!(spec.preset, bare.mapping.preset);
    assert_eq!(full, plain);
}

#[test]
fn every_key_is_in_the_example() {
    let everything = everything();
    for (table, known) in keys::TABLES {
        let header = format!("\n[{table}");
        let at = everything
            .find(&header)
            .unwrap_or_else(|| panic!("{header} is not in the example"));
        let end = everything[at..]
            .find("\n# ----")
            .map_or(everything.len(), |end| at + end);
        let part = &everything[at..end];
        for key in known {
            let forms = [
                format!("\n{key} = "),
                format!("\n[{table}.{key}]"),
                format!("\n[[{table}.{key}]]"),
            ];
            assert!(
                forms.iter().any(|form| part.contains(form)),
                "[{table}] {key} is not in the example"
            );
        }
    }
    for key in fields::<DetailedRule>()
        .iter()
        .chain(&fields::<TransformTable>())
        .chain(&fields::<OverrideSpec>())
    {
        // A field may have a second spelling.
        let key = key.replace('-', "_");
        assert!(everything.contains(&format!("{key} = ")), "{key} is not in the example");
    }
    for key in keys::SECRET {
        assert!(
            everything.contains(&format!("{{ {key} = ")),
            "{key} is not in the example"
        );
    }
}

/// The fields that a type takes, from what it says of one that it does not take.
fn fields<T: serde::de::DeserializeOwned>() -> Vec<String> {
    let message = match toml::from_str::<T>("no_such_field = 1") {
        Ok(_) => panic!("an unknown field was taken"),
        Err(error) => error.message().to_owned(),
    };
    let fields: Vec<String> = message.split('`').skip(3).step_by(2).map(ToOwned::to_owned).collect();
    assert!(fields.len() > 2, "{message}");
    fields
}
