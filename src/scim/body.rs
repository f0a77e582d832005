//! Flat paths into the nested JSON of RFC 7643.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use crate::model::{ENTERPRISE_USER, Item, Resource, ResourceId, Scalar, USER, Value};

/// The whole User: attributes, manager, and `schemas` with exactly the URNs that are used.
#[must_use]
pub(super) fn user(resource: &Resource, manager: Option<&ResourceId>) -> Json {
    let mut body = Map::new();
    let mut schemas = BTreeSet::new();
    for (path, value) in &resource.attributes {
        let schema = path.schema().filter(|schema| *schema != USER);
        schemas.extend(schema.map(str::to_owned));
        let (attribute, sub) = path.attribute();
        let keys: Vec<_> = schema.into_iter().chain([attribute]).chain(sub).collect();
        put(&mut body, &keys, json_of(value));
    }
    if let Some(id) = manager {
        schemas.insert(ENTERPRISE_USER.to_owned());
        put(&mut body, &[ENTERPRISE_USER, "manager"], manager_json(id));
    }
    let schemas: Vec<_> = std::iter::once(USER.to_owned()).chain(schemas).collect();
    body.insert("schemas".into(), json!(schemas));
    Json::Object(body)
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
