//! PATCH (RFC 7644 section 3.5.2). Operations change a copy of the user; the result is checked as a
//! whole by the caller, so that a PATCH happens entirely or not at all.

use serde_json::{Map, Value};

use super::{
    error::ScimError,
    schema::{self, ENTERPRISE, Kind, USER},
};

const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Where an operation points.
#[derive(Debug, PartialEq, Eq)]
struct Path {
    attribute: &'static str,
    kind: Kind,
    /// `[name eq value]`: the items meant.
    items: Option<(&'static str, Value)>,
    sub: Option<&'static str>,
}

/// Applies a PATCH body to a user.
pub(super) fn apply(user: &mut Map<String, Value>, body: &Value) -> Result<(), ScimError> {
    let schemas = body["schemas"].as_array();
    if !schemas.is_some_and(|list| list.iter().any(|s| s.as_str() == Some(PATCH_OP))) {
        return Err(ScimError::syntax(format!("schemas has to contain {PATCH_OP}")));
    }
    let operations = body["Operations"]
        .as_array()
        .filter(|operations| !operations.is_empty());
    for operation in operations.ok_or_else(|| ScimError::syntax("Operations: a list of at least one is needed"))? {
        apply_one(user, operation)?;
    }
    Ok(())
}

fn apply_one(user: &mut Map<String, Value>, operation: &Value) -> Result<(), ScimError> {
    let op = operation["op"].as_str().unwrap_or_default();
    let path = match operation.get("path") {
        None => None,
        Some(Value::String(path)) => Some(path.as_str()),
        Some(_) => return Err(ScimError::path("path: is not a string")),
    };
    match (op, path, operation.get("value")) {
        ("add" | "replace", Some(path), Some(value)) => set(user, &parse(path)?, value, op == "add"),
        ("add" | "replace", None, Some(Value::Object(values))) => values
            .iter()
            .try_for_each(|(path, value)| set(user, &parse(path)?, value, op == "add")),
        ("add" | "replace", _, None) => Err(ScimError::value(format!("{op}: needs a value"))),
        ("add" | "replace", None, _) => Err(ScimError::value(format!("{op}: without path the value is an object"))),
        ("remove", Some(path), None) => remove(user, &parse(path)?),
        ("remove", Some(_), Some(_)) => Err(ScimError::value("remove: takes no value")),
        ("remove", None, _) => Err(ScimError::new(400, Some("noTarget"), "remove: needs a path")),
        _ => Err(ScimError::syntax("op: one of add, replace, remove")),
    }
}

/// `userName`, `name.givenName`, `emails[type eq "work"].value`, `URN:department`, `URN:manager.value`.
fn parse(path: &str) -> Result<Path, ScimError> {
    let unknown = || ScimError::path(format!("{path}: not an attribute that can be changed"));
    if let Some(rest) = strip_urn(path, ENTERPRISE) {
        let (_, kind) = schema::attribute(ENTERPRISE).ok_or_else(unknown)?;
        // The manager is the one complex attribute there, and `value` all there is in it.
        let rest = rest
            .strip_suffix(".value")
            .filter(|head| head.eq_ignore_ascii_case("manager"))
            .unwrap_or(rest);
        let sub = if rest.is_empty() {
            None
        } else {
            Some(schema::sub_attribute(kind, rest).ok_or_else(unknown)?.0)
        };
        return Ok(Path {
            attribute: ENTERPRISE,
            kind,
            items: None,
            sub,
        });
    }
    let plain = strip_urn(path, USER).unwrap_or(path);
    let (head, rest) = plain.find(['[', '.']).map_or((plain, ""), |at| plain.split_at(at));
    let (attribute, kind) = schema::attribute(head).ok_or_else(unknown)?;
    let (items, rest) = match rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
        Some((condition, rest)) if matches!(kind, Kind::Many(_)) => (Some(parse_condition(kind, condition)?), rest),
        Some(_) => return Err(unknown()),
        None => (None, rest),
    };
    let sub = match rest.strip_prefix('.') {
        Some(name) => Some(schema::sub_attribute(kind, name).ok_or_else(unknown)?.0),
        None if rest.is_empty() => None,
        None => return Err(unknown()),
    };
    Ok(Path {
        attribute,
        kind,
        items,
        sub,
    })
}

/// What follows `urn` in `path`: nothing, or the part after the colon.
fn strip_urn<'a>(path: &'a str, urn: &str) -> Option<&'a str> {
    let head = path.get(..urn.len()).filter(|head| head.eq_ignore_ascii_case(urn))?;
    let rest = &path[head.len()..];
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix(':')
    }
}

fn parse_condition(kind: Kind, condition: &str) -> Result<(&'static str, Value), ScimError> {
    let refuse = || ScimError::path(format!("[{condition}]: expected [attribute eq value]"));
    let mut words = condition.trim().splitn(3, ' ');
    let (Some(name), Some(operator), Some(value)) = (words.next(), words.next(), words.next()) else {
        return Err(refuse());
    };
    let (name, _) = schema::sub_attribute(kind, name).ok_or_else(refuse)?;
    if !operator.eq_ignore_ascii_case("eq") {
        return Err(refuse());
    }
    Ok((name, serde_json::from_str(value.trim()).map_err(|_| refuse())?))
}

fn set(user: &mut Map<String, Value>, path: &Path, value: &Value, add: bool) -> Result<(), ScimError> {
    match (path.kind, &path.items, path.sub) {
        (Kind::Many(_), Some(items), sub) => set_items(user, path, items, sub, value),
        (Kind::Many(_), None, Some(_)) => Err(ScimError::path("a list needs a filter: attribute[type eq \"work\"]")),
        (Kind::Many(_), None, None) => {
            let mut list = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            if add && let Some(held) = user.get(path.attribute).and_then(Value::as_array) {
                list.retain(|item| !held.contains(item));
                list.splice(0..0, held.iter().cloned());
            }
            user.insert(path.attribute.to_owned(), Value::Array(list));
            Ok(())
        }
        (Kind::Complex(_), _, Some(sub)) => {
            // The short form of the manager is its id, as other providers take it too.
            let value = if sub == "manager" && value.is_string() {
                serde_json::json!({ "value": value })
            } else {
                value.clone()
            };
            object(user, path.attribute)?.insert(sub.to_owned(), value);
            Ok(())
        }
        (Kind::Complex(_), _, None) => {
            let given = value
                .as_object()
                .ok_or_else(|| ScimError::value("an object is needed"))?;
            let held = object(user, path.attribute)?;
            for (name, value) in given {
                let (name, _) = schema::sub_attribute(path.kind, name)
                    .ok_or_else(|| ScimError::path(format!("{name}: no such sub-attribute")))?;
                held.insert(name.to_owned(), value.clone());
            }
            Ok(())
        }
        (Kind::Text | Kind::Boolean, ..) => {
            user.insert(path.attribute.to_owned(), value.clone());
            Ok(())
        }
    }
}

fn set_items(
    user: &mut Map<String, Value>,
    path: &Path,
    (name, wanted): &(&'static str, Value),
    sub: Option<&'static str>,
    value: &Value,
) -> Result<(), ScimError> {
    let held = user.get_mut(path.attribute).and_then(Value::as_array_mut);
    let mut hits = 0;
    for item in held.into_iter().flatten().filter(|item| &item[*name] == wanted) {
        match (sub, item.as_object_mut()) {
            (Some(sub), Some(item)) => drop(item.insert(sub.to_owned(), value.clone())),
            _ => item.clone_from(value),
        }
        hits += 1;
    }
    if hits == 0 {
        return Err(ScimError::new(
            400,
            Some("noTarget"),
            format!("{}: no item matches the filter", path.attribute),
        ));
    }
    Ok(())
}

fn remove(user: &mut Map<String, Value>, path: &Path) -> Result<(), ScimError> {
    if ["userName", "active"].contains(&path.attribute) {
        return Err(ScimError::new(
            400,
            Some("mutability"),
            format!("{}: cannot be removed", path.attribute),
        ));
    }
    if let Some((name, wanted)) = &path.items {
        let list = user.get_mut(path.attribute).and_then(Value::as_array_mut);
        let list = list.ok_or_else(|| ScimError::new(400, Some("noTarget"), "no item matches the filter"))?;
        match path.sub {
            None => list.retain(|item| &item[*name] != wanted),
            Some(sub) => {
                let hit = list.iter_mut().filter(|item| &item[*name] == wanted);
                hit.filter_map(Value::as_object_mut)
                    .for_each(|item| drop(item.remove(sub)));
            }
        }
    } else if let Some(sub) = path.sub {
        if let Some(held) = user.get_mut(path.attribute).and_then(Value::as_object_mut) {
            held.remove(sub);
        }
    } else {
        user.remove(path.attribute);
    }
    let empty = |v: &Value| v.as_array().is_some_and(Vec::is_empty) || v.as_object().is_some_and(Map::is_empty);
    if user.get(path.attribute).is_some_and(empty) {
        user.remove(path.attribute);
    }
    Ok(())
}

fn object<'a>(user: &'a mut Map<String, Value>, attribute: &str) -> Result<&'a mut Map<String, Value>, ScimError> {
    user.entry(attribute)
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()
        .ok_or_else(|| ScimError::value(format!("{attribute}: is not an object")))
}
