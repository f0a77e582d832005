//! The fewest PATCH operations between two states (RFC 7644 section 3.5.2).
//!
//! Written for the narrowest readers: lower-case `op`, always a `path`, one operation for a path,
//! JSON booleans, a whole list at a time, and never `remove` of `userName` or `active`.

use serde_json::{Value as Json, json};

use super::body::{json_of, manager_json};
use crate::model::{ENTERPRISE_USER, Pushed, Resource, ResourceId};

const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The operations that bring an account from `before` to `after`; empty when nothing differs.
#[must_use]
pub(super) fn operations(before: &Pushed, after: &Pushed, manager: Option<&ResourceId>) -> Vec<Json> {
    let mut operations = of_attributes(&before.resource, &after.resource, &["userName", "active"]);
    let manager_path = format!("{ENTERPRISE_USER}:manager");
    match manager {
        Some(id) if before.manager != after.manager || operations.is_empty() => {
            operations.push(replace(&manager_path, manager_json(id)));
        }
        None if before.manager.is_some() => operations.push(remove(&manager_path)),
        _ => {}
    }
    operations
}

/// Those for the attributes. What is `kept` is never removed.
pub(super) fn of_attributes(before: &Resource, after: &Resource, kept: &[&str]) -> Vec<Json> {
    let (old, new) = (&before.attributes, &after.attributes);
    let changed = new
        .iter()
        .filter(|(path, value)| old.get(*path) != Some(value))
        .map(|(path, value)| replace(path.as_str(), json_of(value)));
    let cleared = old
        .keys()
        .filter(|path| !new.contains_key(*path) && !kept.contains(&path.as_str()))
        .map(|path| remove(path.as_str()));
    cleared.chain(changed).collect()
}

/// A `replace` of one path. On an attribute without a value it acts as `add` (RFC 7644 section 3.5.2.3).
pub(super) fn replace(path: &str, value: Json) -> Json {
    json!({ "op": "replace", "path": path, "value": value })
}

/// A `remove` of one path.
pub(super) fn remove(path: &str) -> Json {
    json!({ "op": "remove", "path": path })
}

/// The body around the operations.
pub(super) fn body(operations: Vec<Json>) -> Json {
    json!({ "schemas": [PATCH_OP], "Operations": operations })
}
