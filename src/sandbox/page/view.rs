//! What the templates are given.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, SecondsFormat, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::sandbox::{
    Cloud,
    cloud::{Change, Kind, Stored, What},
    record::Record,
    service::Shared,
};

/// Rows of a table. A browser is slow with more, and nobody reads them.
const ROWS_MAX: usize = 500;
/// Requests shown.
const REQUESTS_MAX: usize = 100;

#[derive(Debug, Serialize)]
pub(super) struct Home {
    title: String,
    endpoint: String,
    find: String,
    requests: usize,
    changes: usize,
    users: Vec<User>,
    users_total: usize,
    users_more: usize,
    deleted: Vec<Deleted>,
    deleted_total: usize,
    groups: Vec<Group>,
    groups_total: usize,
    groups_more: usize,
    records: Vec<Request>,
}

#[derive(Debug, Serialize)]
struct User {
    href: String,
    name: String,
    display_name: String,
    external_id: String,
    active: bool,
    manual: bool,
    last_modified: String,
}

#[derive(Debug, Serialize)]
struct Deleted {
    href: String,
    name: String,
}

#[derive(Debug, Serialize)]
struct Group {
    name: String,
    members: usize,
    last_modified: String,
}

#[derive(Debug, Serialize)]
struct Request {
    number: u64,
    at: String,
    status: String,
    bad: bool,
    method: String,
    target: String,
    who: String,
    fault: String,
}

impl Home {
    pub(super) fn new(shared: &Shared, cloud: &Cloud, records: &VecDeque<Record>, find: &str) -> Self {
        let wanted = find.to_lowercase();
        let found = |stored: &&Stored| stored.name().to_lowercase().contains(&wanted);
        let fitting = cloud.users().filter(found).count();
        let groups_total = cloud.groups().count();
        let deleted = deleted(cloud.history());
        Self {
            title: shared.title.to_string(),
            endpoint: cloud.base().to_owned(),
            find: find.to_owned(),
            requests: records.len(),
            changes: cloud.history().len(),
            users: cloud.users().filter(found).take(ROWS_MAX).map(User::new).collect(),
            users_total: cloud.users().count(),
            users_more: fitting.saturating_sub(ROWS_MAX),
            deleted_total: deleted.len(),
            deleted: deleted
                .into_iter()
                .rev()
                .take(ROWS_MAX)
                .map(|change| Deleted {
                    href: href(&change.id),
                    name: change.name.clone(),
                })
                .collect(),
            groups: cloud.groups().take(ROWS_MAX).map(Group::new).collect(),
            groups_total,
            groups_more: groups_total.saturating_sub(ROWS_MAX),
            records: records.iter().rev().take(REQUESTS_MAX).map(Request::new).collect(),
        }
    }
}

fn deleted(history: &[Change]) -> Vec<&Change> {
    history
        .iter()
        .filter(|change| change.kind == Kind::User && change.what == What::Deleted)
        .collect()
}

fn href(id: &str) -> String {
    format!("/users/{}", utf8_percent_encode(id, NON_ALPHANUMERIC))
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl User {
    fn new(stored: &Stored) -> Self {
        let text = |name: &str| {
            stored
                .resource
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            href: href(&stored.id),
            name: stored.name().to_owned(),
            display_name: text("displayName"),
            external_id: text("externalId"),
            active: stored.resource.get("active").and_then(Value::as_bool).unwrap_or(true),
            manual: stored.manual,
            last_modified: time(stored.last_modified),
        }
    }
}

impl Group {
    fn new(stored: &Stored) -> Self {
        Self {
            name: stored.name().to_owned(),
            members: stored.members.len(),
            last_modified: time(stored.last_modified),
        }
    }
}

impl Request {
    fn new(record: &Record) -> Self {
        Self {
            number: record.number,
            at: time(record.at),
            status: record
                .status
                .map_or_else(|| "reset".to_owned(), |status| status.to_string()),
            bad: record.status.is_none_or(|status| status >= 400),
            method: record.method.clone(),
            target: record.target.clone(),
            who: record.who.clone(),
            fault: record.fault.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Person {
    id: String,
    name: String,
    manual: bool,
    gone: bool,
    changes: Vec<Effect>,
    resource: String,
}

#[derive(Debug, Serialize)]
struct Effect {
    number: u64,
    at: String,
    what: &'static str,
    lines: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    attribute: String,
    before: String,
    after: String,
}

impl Person {
    /// Nothing when there never was such an account.
    pub(super) fn new(cloud: &Cloud, id: &str) -> Option<Self> {
        let stored = cloud.get(Kind::User, id);
        let own = |change: &&Change| change.kind == Kind::User && change.id == id;
        let changes: Vec<&Change> = cloud.history().iter().filter(own).collect();
        let last = changes.last().map(|change| change.name.as_str());
        Some(Self {
            id: id.to_owned(),
            name: stored.map(Stored::name).or(last)?.to_owned(),
            manual: stored.is_some_and(|stored| stored.manual),
            gone: stored.is_none(),
            changes: changes.into_iter().map(Effect::new).collect(),
            resource: stored
                .and_then(|stored| serde_json::to_string_pretty(&stored.resource).ok())
                .unwrap_or_default(),
        })
    }
}

impl Effect {
    fn new(change: &Change) -> Self {
        let empty = Map::new();
        let before = flat(change.before.as_ref().unwrap_or(&empty));
        let after = flat(change.after.as_ref().unwrap_or(&empty));
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let shown = |side: &BTreeMap<String, String>, name: &str| side.get(name).cloned().unwrap_or_default();
        let lines = names
            .into_iter()
            .filter(|name| before.get(*name) != after.get(*name))
            .map(|name| Line {
                attribute: name.clone(),
                before: shown(&before, name),
                after: shown(&after, name),
            });
        Self {
            number: change.number,
            at: time(change.at),
            what: match change.what {
                What::Created => "created",
                What::TakenOver => "taken over",
                What::Replaced => "replaced",
                What::Patched => "patched",
                What::Deleted => "deleted",
            },
            lines: lines.collect(),
        }
    }
}

/// Attributes with their paths, objects taken apart, lists as they are.
fn flat(resource: &Map<String, Value>) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    let mut left: Vec<(String, &Value)> = resource.iter().map(|(name, value)| (name.clone(), value)).collect();
    while let Some((path, value)) = left.pop() {
        match value {
            Value::Object(parts) => left.extend(parts.iter().map(|(name, part)| (format!("{path}.{name}"), part))),
            Value::String(text) => drop(flat.insert(path, text.clone())),
            other => drop(flat.insert(path, other.to_string())),
        }
    }
    flat
}
