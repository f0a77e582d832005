//! A resource as an answer shows it.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::{Cloud, Kind, Stored, input::member, path::AttrPath, query::Query, schema};
use crate::profile::MembersReturned;

/// Whether a resource is an answer of its own or one of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Among {
    Alone,
    List,
}

impl Cloud {
    /// The resource, without what this cloud never shows.
    pub(super) fn shown(&self, kind: Kind, stored: &Stored, among: Among) -> Map<String, Value> {
        let wire = &self.profile.wire;
        let mut shown = self.whole(kind, stored);
        if kind == Kind::User {
            for attribute in &wire.not_returned {
                shown.remove(attribute);
            }
            return shown;
        }
        match (self.profile.groups.members_returned, among) {
            (MembersReturned::Never, _) => drop(shown.insert("members".into(), json!([]))),
            (MembersReturned::One, Among::List) => drop(shown.remove("members")),
            (MembersReturned::One, Among::Alone) | (MembersReturned::Always, _) => {}
        }
        shown
    }

    /// The resource with everything it has: what filters look at.
    pub(super) fn whole(&self, kind: Kind, stored: &Stored) -> Map<String, Value> {
        let location = |kind: Kind, id: &str| format!("{}{}/{id}", self.base, kind.endpoint());
        let mut whole = stored.resource.clone();
        let extensions = stored.resource.keys().filter(|name| name.starts_with("urn:"));
        let mut schemas: Vec<&str> = std::iter::once(kind.schema())
            .chain(extensions.map(String::as_str))
            .collect();
        if kind == Kind::User && self.profile.wire.all_schemas && !schemas.contains(&schema::ENTERPRISE_USER) {
            schemas.push(schema::ENTERPRISE_USER);
        }
        let mut meta = json!({
            "resourceType": kind.name(),
            "created": moment(stored.created),
            "lastModified": moment(stored.last_modified),
        });
        if self.profile.wire.location {
            meta["location"] = location(kind, &stored.id).into();
        }
        whole.insert("schemas".into(), json!(schemas));
        whole.insert("id".into(), json!(stored.id));
        whole.insert("meta".into(), meta);
        let reference = |id: &str, of: Kind| {
            let mut reference = json!({ "value": id, "type": of.name() });
            if self.profile.wire.location {
                reference["$ref"] = location(of, id).into();
            }
            reference
        };
        if !stored.members.is_empty() {
            let members = stored.members.iter().map(|(id, kind)| reference(id, *kind));
            whole.insert("members".into(), members.collect());
        }
        if let Some(groups) = self.memberships.get(&stored.id).filter(|_| kind == Kind::User) {
            // RFC 7643 section 4.1.2: `type` there says whether the membership is direct, and it is.
            let group = |id: &String| {
                let mut group = reference(id, Kind::Group);
                group["type"] = "direct".into();
                group
            };
            whole.insert("groups".into(), groups.iter().map(group).collect());
        }
        whole
    }
}

fn moment(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Keeps what `attributes` asks for, or drops what `excludedAttributes` names (RFC 7644 section 3.9).
/// `id` and `schemas` are always there.
pub(super) fn projected(shown: Map<String, Value>, query: &Query) -> Map<String, Value> {
    let paths = |names: &[String]| -> Vec<AttrPath> { names.iter().filter_map(|name| AttrPath::parse(name)).collect() };
    let always = ["id", "schemas"];
    if !query.attributes.is_empty() {
        let mut kept = Map::new();
        for name in always {
            kept.extend(shown.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        for path in paths(&query.attributes) {
            keep(&shown, &mut kept, &steps(&path));
        }
        return kept;
    }
    let mut left = shown;
    for path in paths(&query.excluded) {
        let steps = steps(&path);
        if !steps
            .first()
            .is_some_and(|name| always.iter().any(|kept| kept.eq_ignore_ascii_case(name)))
        {
            drop_path(&mut left, &steps);
        }
    }
    left
}

fn steps(path: &AttrPath) -> Vec<&str> {
    [&path.urn, &path.attribute, &path.part]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect()
}

fn spelled(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned()
}

fn keep(from: &Map<String, Value>, into: &mut Map<String, Value>, steps: &[&str]) {
    let Some((first, rest)) = steps.split_first() else {
        return;
    };
    let (Some(name), Some(value)) = (spelled(from, first), member(from, first)) else {
        return;
    };
    let below = |item: &Value, held: Option<&Value>| match item {
        Value::Object(item) if !rest.is_empty() => {
            let mut part = held.and_then(Value::as_object).cloned().unwrap_or_default();
            keep(item, &mut part, rest);
            Value::Object(part)
        }
        other => other.clone(),
    };
    let held = into.get(&name);
    let kept = match value {
        Value::Array(items) => {
            let held = held.and_then(Value::as_array);
            let at = |n: usize| held.and_then(|held| held.get(n));
            items.iter().enumerate().map(|(n, item)| below(item, at(n))).collect()
        }
        other => below(other, held),
    };
    into.insert(name, kept);
}

fn drop_path(from: &mut Map<String, Value>, steps: &[&str]) {
    let Some((first, rest)) = steps.split_first() else {
        return;
    };
    let Some(name) = spelled(from, first) else { return };
    if rest.is_empty() {
        from.remove(&name);
        return;
    }
    match from.get_mut(&name) {
        Some(Value::Object(object)) => drop_path(object, rest),
        Some(Value::Array(items)) => items
            .iter_mut()
            .filter_map(Value::as_object_mut)
            .for_each(|item| drop_path(item, rest)),
        _ => {}
    }
}
