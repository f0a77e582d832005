//! From the JSON of a request to attributes in the schema's spelling, checked by JSON type and then by
//! the rules of the profile: the same ones that the client checks before it sends.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value};

use super::{
    refusal::Refusal,
    schema::{self, ENTERPRISE_USER, Known, Type, USER_ATTRIBUTES},
};
use crate::{
    model::{self, AttributePath, Item, Problem, Resource, Scalar},
    profile::Profile,
};

/// The JSON object in a body.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refusal::syntax("the body is not a JSON object")),
        Err(error) => Err(Refusal::syntax(format!("the body is not JSON: {error}"))),
    }
}

/// The attributes of a user that a POST or PUT brings. What is read-only (`id`, `meta`) is left out, as
/// RFC 7644 section 3.3 says.
pub(super) fn user(profile: &Profile, body: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    let named = schemas(body, schema::USER)?;
    if profile.wire.schemas_name_extensions {
        let unnamed = body
            .keys()
            .filter(|name| schema::strip_urn(name, "urn").is_some())
            .find(|name| !named.iter().any(|urn| urn.eq_ignore_ascii_case(name)));
        if let Some(urn) = unnamed {
            return Err(Refusal::syntax(format!("schemas has to contain {urn}")));
        }
    }
    checked_user(profile, body)
}

/// The same without a look at `schemas`: for a user that a PATCH has changed.
pub(super) fn checked_user(profile: &Profile, body: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    let user = spelled(profile, body)?;
    let (resource, manager) = flat(&user);
    let mut problems = profile.check(&resource);
    problems.extend(manager.into_iter().flat_map(|id| profile.check_manager(id)));
    if problems.is_empty() {
        Ok(user)
    } else {
        Err(refused(profile, &problems))
    }
}

/// The answer to what the profile's rules found.
pub(super) fn refused(profile: &Profile, problems: &[Problem]) -> Refusal {
    let ours = format!("{}: ", profile.name);
    let line = |problem: &Problem| {
        let rule = problem.rule.strip_prefix(&ours).unwrap_or(&problem.rule);
        format!("{}: {rule}", problem.attribute)
    };
    Refusal::value(problems.iter().map(line).collect::<Vec<_>>().join("; "))
}

/// The URNs in `schemas`, when `core` is among them.
pub(super) fn schemas<'a>(body: &'a Map<String, Value>, core: &str) -> Result<BTreeSet<&'a str>, Refusal> {
    let needed = || Refusal::syntax(format!("schemas has to be a list with {core}"));
    let list = member(body, "schemas").and_then(Value::as_array).ok_or_else(needed)?;
    let urns: Option<BTreeSet<&str>> = list.iter().map(Value::as_str).collect();
    urns.filter(|urns| urns.iter().any(|urn| urn.eq_ignore_ascii_case(core)))
        .ok_or_else(needed)
}

/// A member of an object, its name compared without case.
pub(super) fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| {
        let mut members = object.iter();
        members.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    })
}

/// Every attribute in its spelling, with a value of its type.
fn spelled(profile: &Profile, body: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    let mut user = Map::new();
    for (name, value) in body {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is("schemas") || is("id") || is("meta") || (is("groups") && profile.allowed.is_empty()) {
            continue;
        }
        let (name, value) = match schema::find(USER_ATTRIBUTES, name) {
            Some((known, kind)) => (known.to_owned(), typed(profile, known, kind, value)?),
            None if takes_extension(profile, name) => (name.clone(), extension(name, value)?),
            None => return Err(Refusal::syntax(format!("{name}: not an attribute of User"))),
        };
        if let Some(value) = value
            && user.insert(name.clone(), value).is_some()
        {
            return Err(Refusal::syntax(format!("{name}: is there twice")));
        }
    }
    Ok(user)
}

/// Whether an extension besides the enterprise one is taken.
fn takes_extension(profile: &Profile, name: &str) -> bool {
    let core = [schema::USER, schema::GROUP, ENTERPRISE_USER];
    let foreign = name.starts_with("urn:") && !core.iter().any(|urn| schema::strip_urn(name, urn).is_some());
    let prefix = format!("{name}:");
    foreign && (profile.allowed.is_empty() || profile.allowed.iter().any(|path| path.starts_with(&prefix)))
}

/// A value of the wanted type in the schema's spelling, or nothing where nothing is said.
fn typed(profile: &Profile, path: &str, kind: Type, value: &Value) -> Result<Option<Value>, Refusal> {
    if is_empty(value) {
        return if profile.wire.empty_is_absent {
            Ok(None)
        } else {
            Err(Refusal::value(format!("{path}: is empty")))
        };
    }
    match (kind, value) {
        (Type::Text, Value::String(_)) | (Type::Boolean, Value::Bool(_)) => Ok(Some(value.clone())),
        (Type::Complex(parts), Value::Object(object)) => {
            let object = typed_object(profile, path, parts, object)?;
            // An object of nothing but nulls.
            Ok((!object.is_empty()).then_some(Value::Object(object)))
        }
        (Type::Many(parts), Value::Array(items)) => {
            let item = |item: &Value| match item {
                Value::Object(item) => typed_object(profile, path, parts, item).map(Value::Object),
                _ => Err(Refusal::value(format!("{path}: every item is an object"))),
            };
            Ok(Some(items.iter().map(item).collect::<Result<_, _>>()?))
        }
        _ => Err(Refusal::value(format!("{path}: has the wrong JSON type"))),
    }
}

fn typed_object(
    profile: &Profile,
    path: &str,
    parts: &'static [Known],
    object: &Map<String, Value>,
) -> Result<Map<String, Value>, Refusal> {
    let is_manager = path.ends_with("manager");
    let mut typed_parts = Map::new();
    for (name, value) in object {
        // Some libraries name the schema inside of the extension once more; it is no attribute of it.
        if path == ENTERPRISE_USER && profile.allowed.is_empty() && name.eq_ignore_ascii_case("schemas") {
            continue;
        }
        let (known, kind) =
            schema::find(parts, name).ok_or_else(|| Refusal::syntax(format!("{path}: has no sub-attribute {name}")))?;
        // Clouds that list what they take know `value` alone; elsewhere the name is read-only.
        if is_manager && known != "value" && !profile.allowed.is_empty() {
            return Err(Refusal::value(format!("{path}.{known}: is not supported")));
        }
        if is_manager && known == "displayName" {
            continue;
        }
        let inner = match path.strip_prefix(ENTERPRISE_USER) {
            Some("") => format!("{path}:{known}"),
            _ => format!("{path}.{known}"),
        };
        if let Some(value) = typed(profile, &inner, kind, value)?
            && typed_parts.insert(known.to_owned(), value).is_some()
        {
            return Err(Refusal::syntax(format!("{inner}: is there twice")));
        }
    }
    if is_manager && !typed_parts.is_empty() && !typed_parts.contains_key("value") {
        return Err(Refusal::value(format!("{path}.value: must be present")));
    }
    Ok(typed_parts)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// The value of an extension whose schema is not known: attributes that are texts, booleans, lists of
/// objects, or objects of these.
fn extension(urn: &str, value: &Value) -> Result<Option<Value>, Refusal> {
    let simple = |value: &Value| match value {
        Value::String(text) => !text.is_empty(),
        Value::Bool(_) => true,
        Value::Array(items) => items.iter().all(|item| {
            let scalar = |value: &Value| value.is_string() || value.is_boolean();
            item.as_object().is_some_and(|item| item.values().all(scalar))
        }),
        _ => false,
    };
    let attribute = |value: &Value| match value {
        Value::Object(parts) => parts.values().all(simple),
        value => simple(value),
    };
    match value {
        Value::Object(attributes) if attributes.values().all(attribute) => {
            Ok((!attributes.is_empty()).then(|| value.clone()))
        }
        _ => Err(Refusal::value(format!("{urn}: has the wrong JSON type"))),
    }
}

/// The user as the client's side knows it, and the manager's id beside it.
fn flat(user: &Map<String, Value>) -> (Resource, Option<&str>) {
    let mut resource = Resource::default();
    let mut manager = None;
    for (name, value) in user {
        match value {
            Value::Object(parts) if name.starts_with("urn:") => {
                for (part, value) in parts {
                    if name == ENTERPRISE_USER && part == "manager" {
                        manager = value.get("value").and_then(Value::as_str);
                    } else {
                        put(&mut resource, &format!("{name}:{part}"), value);
                    }
                }
            }
            value => put(&mut resource, name, value),
        }
    }
    (resource, manager)
}

fn put(resource: &mut Resource, path: &str, value: &Value) {
    let value = match value {
        Value::Object(parts) => {
            for (part, value) in parts {
                put(resource, &format!("{path}.{part}"), value);
            }
            return;
        }
        Value::Bool(value) => model::Value::Boolean(*value),
        Value::Array(items) => model::Value::List(items.iter().filter_map(Value::as_object).map(item).collect()),
        Value::String(text) => model::Value::Text(text.clone()),
        Value::Null | Value::Number(_) => return,
    };
    resource.attributes.insert(AttributePath::new(path), value);
}

fn item(item: &Map<String, Value>) -> Item {
    let part = |(name, value): (&String, &Value)| {
        let scalar = match value {
            Value::Bool(value) => Scalar::Boolean(*value),
            value => Scalar::Text(value.as_str().unwrap_or_default().to_owned()),
        };
        (Arc::from(name.as_str()), scalar)
    };
    item.iter().map(part).collect()
}
