//! Flat paths into the nested JSON of RFC 7643.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use crate::model::{AttributePath, ENTERPRISE_USER, GROUP, Item, Resource, ResourceId, Scalar, USER, Value};

/// The whole User: attributes, manager, and `schemas` with exactly the URNs that are used.
#[must_use]
pub(super) fn user(resource: &Resource, manager: Option<&ResourceId>) -> Json {
    let (mut body, mut schemas) = attributes(USER, resource);
    if let Some(id) = manager {
        schemas.insert(ENTERPRISE_USER.to_owned());
        put(&mut body, &[ENTERPRISE_USER, "manager"], manager_json(id));
    }
    with_schemas(USER, schemas, body)
}

/// The whole Group but for its members.
#[must_use]
pub(super) fn group(resource: &Resource) -> Json {
    let (body, schemas) = attributes(GROUP, resource);
    with_schemas(GROUP, schemas, body)
}

/// Sets an attribute of a group in JSON, or takes it out, and leaves everything else as it is.
pub(super) fn set_in_group(body: &mut Map<String, Json>, path: &AttributePath, value: Option<&Value>) {
    let keys = keys(GROUP, path);
    match (value, keys.as_slice()) {
        (Some(value), keys) => {
            put(body, keys, json_of(value));
            if let (Some(schema), Some(Json::Array(schemas))) = (path.schema(), body.get_mut("schemas"))
                && !schemas.iter().any(|known| known == schema)
            {
                schemas.push(json!(schema));
            }
        }
        (None, [keys @ .., last]) => {
            let parent = keys
                .iter()
                .try_fold(body, |parent, key| parent.get_mut(*key)?.as_object_mut());
            if let Some(parent) = parent {
                parent.remove(*last);
            }
        }
        (None, []) => {}
    }
}

/// The attributes as JSON, and the URNs of the extensions among them.
fn attributes(core: &str, resource: &Resource) -> (Map<String, Json>, BTreeSet<String>) {
    let mut body = Map::new();
    let mut schemas = BTreeSet::new();
    for (path, value) in &resource.attributes {
        schemas.extend(path.schema().filter(|schema| *schema != core).map(str::to_owned));
        put(&mut body, &keys(core, path), json_of(value));
    }
    (body, schemas)
}

fn with_schemas(core: &str, others: BTreeSet<String>, mut body: Map<String, Json>) -> Json {
    let schemas: Vec<_> = std::iter::once(core.to_owned()).chain(others).collect();
    body.insert("schemas".into(), json!(schemas));
    Json::Object(body)
}

/// The keys that lead to a path, from the outermost.
fn keys<'a>(core: &str, path: &'a AttributePath) -> Vec<&'a str> {
    let schema = path.schema().filter(|schema| *schema != core);
    let (attribute, sub) = path.attribute();
    schema.into_iter().chain([attribute]).chain(sub).collect()
}

/// The value of `manager` (RFC 7643 section 4.3).
pub(super) fn manager_json(id: &ResourceId) -> Json {
    json!({ "value": id.0 })
}

/// Puts `value` below `keys`, making the objects on the way.
fn put(parent: &mut Map<String, Json>, keys: &[&str], value: Json) {
    match keys {
        [] => {}
        [last] => {
            parent.insert((*last).to_owned(), value);
        }
        [first, rest @ ..] => {
            let mut child = match parent.remove(*first) {
                Some(Json::Object(child)) => child,
                _ => Map::new(),
            };
            put(&mut child, rest, value);
            parent.insert((*first).to_owned(), Json::Object(child));
        }
    }
}

/// A value as JSON.
pub(super) fn json_of(value: &Value) -> Json {
    match value {
        Value::Boolean(value) => Json::Bool(*value),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => items.iter().map(item).collect(),
    }
}

fn item(item: &Item) -> Json {
    let member = |(sub, scalar): (&std::sync::Arc<str>, &Scalar)| {
        let scalar = match scalar {
            Scalar::Boolean(value) => Json::Bool(*value),
            Scalar::Text(text) => Json::String(text.clone()),
        };
        (sub.to_string(), scalar)
    };
    Json::Object(item.iter().map(member).collect())
}
