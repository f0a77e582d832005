//! The people of the directory, and their entries.

use std::collections::BTreeMap;

use crate::model::{Attribute, Digest, DirectoryEntry};

/// Who works here, by a short name that never changes.
pub(super) type Company = BTreeMap<String, Person>;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub uid: String,
    pub sn: String,
    pub mail: Option<String>,
    pub title: Option<String>,
    pub phone: Option<String>,
    /// By short name.
    pub manager: Option<String>,
    /// Disabled in the directory.
    pub off: bool,
    pub unit: String,
}

/// Somebody ordinary.
pub(super) fn person(name: &str) -> Person {
    Person {
        uid: name.into(),
        sn: format!("{name}son"),
        mail: Some(format!("{name}@example.org")),
        title: Some("Clerk".into()),
        phone: None,
        manager: None,
        off: false,
        unit: "people".into(),
    }
}

/// The `entryUUID` of somebody.
pub(super) fn anchor(name: &str) -> String {
    let hex = Digest::of(name.as_bytes()).to_string();
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]];
    parts.join("-")
}

impl Person {
    pub(super) fn dn(&self) -> String {
        format!("uid={},ou={},dc=example,dc=org", self.uid, self.unit)
    }

    fn entry(&self, name: &str, company: &Company) -> DirectoryEntry {
        let manager = self.manager.as_ref().map(|manager| match company.get(manager) {
            Some(manager) => manager.dn(),
            None => format!("uid={manager},ou=gone,dc=example,dc=org"),
        });
        let values = [
            ("entryuuid", Some(anchor(name))),
            ("uid", Some(self.uid.clone())),
            ("cn", Some(format!("{name} {}", self.sn))),
            ("sn", Some(self.sn.clone())),
            ("givenname", Some(name.to_owned())),
            ("mail", self.mail.clone()),
            ("title", self.title.clone()),
            ("telephonenumber", self.phone.clone()),
            ("manager", manager),
            ("accountstatus", self.off.then(|| "off".into())),
        ];
        let attribute = |(name, value): (&str, Option<String>)| {
            Some(Attribute {
                name: name.into(),
                values: vec![value?.into_bytes()],
            })
        };
        DirectoryEntry {
            dn: self.dn(),
            attributes: values.into_iter().filter_map(attribute).collect(),
        }
    }
}

/// Everybody's entry, in the order of short names.
pub(super) fn entries(company: &Company) -> Vec<DirectoryEntry> {
    company
        .iter()
        .map(|(name, person)| person.entry(name, company))
        .collect()
}
