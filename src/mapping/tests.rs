use std::fmt::Write;

use proptest::prelude::*;
use serde::Deserialize;

use super::{
    spec::{OverrideSpec, Preset, RuleSpec},
    *,
};
use crate::model::{Attribute, Scalar, Value};

mod forms;
mod presets;
mod properties;

/// 2024-06-01T00:00:00Z
const NOW: i64 = 1_717_200_000;
const UUID: &str = "597ae2f6-16a6-1027-98f4-d28b5365dc14";

#[derive(Deserialize)]
struct Written {
    preset: Option<Preset>,
    anchor: Option<String>,
    #[serde(default)]
    map: std::collections::BTreeMap<String, RuleSpec>,
    #[serde(default, rename = "override")]
    overrides: Vec<OverrideSpec>,
}

fn spec(toml: &str) -> MappingSpec {
    let written: Written = toml::from_str(toml).expect(toml);
    MappingSpec {
        preset: written.preset,
        anchor: written.anchor,
        map: written.map,
        overrides: written.overrides,
    }
}

fn mapper(toml: &str) -> Mapper {
    Mapper::compile(&spec(toml)).unwrap_or_else(|errors| panic!("{toml}: {errors:?}"))
}

/// A mapper of `lines` beside `userName`; no `externalId` unless a line says so.
fn with_line(lines: &str) -> Mapper {
    let external_id = if lines.contains("externalId") {
        ""
    } else {
        "externalId = false"
    };
    mapper(&format!(
        "anchor = 'entryUUID'\n[map]\nuserName = 'uid'\n{external_id}\n{lines}"
    ))
}

/// An entry out of lines like LDIF's; `name:: 00ff` gives bytes in hex.
fn entry(dn: &str, lines: &str) -> DirectoryEntry {
    let mut entry = DirectoryEntry {
        dn: dn.to_owned(),
        attributes: Vec::new(),
    };
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').expect(line);
        let value = match value.strip_prefix(':') {
            Some(hex) => bytes(hex.trim()),
            None => value.trim_start().as_bytes().to_vec(),
        };
        let name = name.to_ascii_lowercase();
        match entry.attributes.iter_mut().find(|attribute| attribute.name == name) {
            Some(attribute) => attribute.values.push(value),
            None => entry.attributes.push(Attribute {
                name,
                values: vec![value],
            }),
        }
    }
    entry
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect(hex))
        .collect()
}

fn person(lines: &str) -> DirectoryEntry {
    entry("uid=jdoe,ou=R&D,o=x", &format!("entryUUID: {UUID}\nuid: jdoe\n{lines}"))
}

fn in_scope(mapped: Mapped) -> MappedUser {
    match mapped {
        Mapped::InScope(user) => user,
        other => panic!("{other:?}"),
    }
}

fn problems(mapped: Mapped) -> Vec<String> {
    match mapped {
        Mapped::Rejected(rejection) => rejection
            .problems
            .into_iter()
            .map(|problem| format!("{} | {} | {}", problem.attribute, problem.rule, problem.value))
            .collect(),
        other => panic!("{other:?}"),
    }
}

/// One line for each attribute of a resource.
fn shown(user: &MappedUser) -> String {
    let mut text = String::new();
    for (path, value) in &user.resource.attributes {
        let value = match value {
            Value::Boolean(value) => value.to_string(),
            Value::Text(value) => value.clone(),
            Value::List(items) => items.iter().map(item).collect::<Vec<_>>().join("; "),
        };
        writeln!(text, "{}: {}", path.short(), value.replace('\n', "\\n")).expect("a String");
    }
    if let Some(manager) = &user.manager {
        writeln!(text, "manager: {manager}").expect("a String");
    }
    text
}

fn item(item: &crate::model::Item) -> String {
    let part = |(name, value): (&std::sync::Arc<str>, &Scalar)| match value {
        Scalar::Boolean(value) => format!("{name}={value}"),
        Scalar::Text(value) => format!("{name}={value}"),
    };
    item.iter().map(part).collect::<Vec<_>>().join(" ")
}
