//! What a cloud holds: the resources of one kind, and who holds which value.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::schema;

/// User or Group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// A user (RFC 7643 section 4.1).
    User,
    /// A group (RFC 7643 section 4.2).
    Group,
}

impl Kind {
    /// The name of the resource type: `User`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// The endpoint: `Users`.
    #[must_use]
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::User => "Users",
            Self::Group => "Groups",
        }
    }

    pub(super) fn schema(self) -> &'static str {
        match self {
            Self::User => schema::USER,
            Self::Group => schema::GROUP,
        }
    }
}

/// One resource as the cloud holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// Its `id`.
    pub id: String,
    /// Every attribute that was set, also those that no answer shows; without `id`, `meta`, `schemas` and
    /// `members`.
    pub resource: Map<String, Value>,
    /// Of a group: its members by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<String, Kind>,
    /// Made by hand in the console, not over SCIM.
    pub manual: bool,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When it was last changed.
    pub last_modified: DateTime<Utc>,
}

impl Stored {
    /// The text at a top-level attribute.
    #[must_use]
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.resource.get(attribute).and_then(Value::as_str)
    }

    /// `userName` of a user, `displayName` of a group.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text("userName")
            .or_else(|| self.text("displayName"))
            .unwrap_or_default()
    }
}

/// An attribute by whose values resources are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Indexed {
    /// `userName`, `emails.value`.
    pub path: String,
    /// Values are compared without case.
    pub folded: bool,
    /// No two resources have one value.
    pub unique: bool,
}

impl Indexed {
    /// The form in which values are compared.
    pub(super) fn key(&self, value: &str) -> String {
        if self.folded {
            value.to_lowercase()
        } else {
            value.to_owned()
        }
    }

    fn keys(&self, resource: &Map<String, Value>) -> Vec<String> {
        texts(resource, &self.path).map(|text| self.key(text)).collect()
    }
}

/// The texts at `attribute` or, in each item of a list, at `attribute.part`.
fn texts<'a>(resource: &'a Map<String, Value>, path: &str) -> impl Iterator<Item = &'a str> {
    // The extension's URN has dots of its own.
    let split = path.split_once('.').filter(|_| !path.starts_with("urn:"));
    let (attribute, part) = split.map_or((path, None), |(attribute, part)| (attribute, Some(part.to_owned())));
    let value = resource.get(attribute);
    let items = value.and_then(Value::as_array).map(Vec::as_slice);
    let items = items.unwrap_or_else(|| value.map(std::slice::from_ref).unwrap_or_default());
    items.iter().filter_map(move |item| match &part {
        None => item.as_str(),
        Some(part) => item.get(part).and_then(Value::as_str),
    })
}

/// Resources of one kind, by the number of their creation.
#[derive(Clone, Debug)]
pub(super) struct Table {
    rows: BTreeMap<u64, Stored>,
    by_id: BTreeMap<String, u64>,
    indexed: Vec<Indexed>,
    /// For each of `indexed`: who has which value.
    holders: Vec<BTreeMap<String, BTreeSet<u64>>>,
}

impl Table {
    pub(super) fn new(indexed: Vec<Indexed>) -> Self {
        Self {
            rows: BTreeMap::new(),
            by_id: BTreeMap::new(),
            holders: vec![BTreeMap::new(); indexed.len()],
            indexed,
        }
    }

    /// All of them with their numbers, in the order of creation.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u64, &Stored)> {
        self.rows.iter().map(|(number, stored)| (*number, stored))
    }

    pub(super) fn number(&self, id: &str) -> Option<u64> {
        self.by_id.get(id).copied()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Stored> {
        self.rows.get(self.by_id.get(id)?)
    }

    pub(super) fn row(&self, number: u64) -> Option<&Stored> {
        self.rows.get(&number)
    }

    pub(super) fn insert(&mut self, number: u64, stored: Stored) {
        self.forget(number);
        for (indexed, holders) in self.indexed.iter().zip(&mut self.holders) {
            for key in indexed.keys(&stored.resource) {
                holders.entry(key).or_default().insert(number);
            }
        }
        self.by_id.insert(stored.id.clone(), number);
        self.rows.insert(number, stored);
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Stored> {
        let number = self.number(id)?;
        self.forget(number)
    }

    /// Changes the members of a group and when it was changed: nothing that is indexed.
    pub(super) fn members_mut(&mut self, id: &str, now: DateTime<Utc>) -> Option<&mut BTreeMap<String, Kind>> {
        let stored = self.rows.get_mut(self.by_id.get(id)?)?;
        stored.last_modified = now;
        Some(&mut stored.members)
    }

    fn forget(&mut self, number: u64) -> Option<Stored> {
        let old = self.rows.remove(&number)?;
        self.by_id.remove(&old.id);
        for (indexed, holders) in self.indexed.iter().zip(&mut self.holders) {
            for key in indexed.keys(&old.resource) {
                if let Some(numbers) = holders.get_mut(&key) {
                    numbers.remove(&number);
                    if numbers.is_empty() {
                        holders.remove(&key);
                    }
                }
            }
        }
        Some(old)
    }

    /// Those who have `value` at `path`; nothing when that is not indexed.
    pub(super) fn holders(&self, path: &str, value: &str) -> Option<Vec<u64>> {
        let at = self.indexed.iter().position(|indexed| indexed.path == path)?;
        let key = self.indexed[at].key(value);
        Some(self.holders[at].get(&key).into_iter().flatten().copied().collect())
    }

    /// The first value of `resource` that has to be unique and is somebody else's: the path, and whose.
    pub(super) fn conflict(&self, resource: &Map<String, Value>, own: Option<u64>) -> Option<(&str, u64)> {
        let unique = self
            .indexed
            .iter()
            .zip(&self.holders)
            .filter(|(indexed, _)| indexed.unique);
        for (indexed, holders) in unique {
            for key in indexed.keys(resource) {
                let other = holders.get(&key).into_iter().flatten().find(|n| Some(**n) != own);
                if let Some(number) = other {
                    return Some((&indexed.path, *number));
                }
            }
        }
        None
    }

    /// Values of an indexed attribute that more than one resource has.
    pub(super) fn repeated(&self) -> impl Iterator<Item = (&str, &str, usize)> {
        self.indexed.iter().zip(&self.holders).flat_map(|(indexed, holders)| {
            let repeated = holders.iter().filter(|(_, numbers)| numbers.len() > 1);
            repeated.map(|(value, numbers)| (indexed.path.as_str(), value.as_str(), numbers.len()))
        })
    }
}
