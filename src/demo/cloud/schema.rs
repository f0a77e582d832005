//! The User schema with the enterprise extension (RFC 7643 sections 4.1 and 4.3), and the check of a
//! whole user against it.

use serde_json::{Map, Value};

use super::error::ScimError;

pub(super) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// What stands at an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Boolean,
    /// An object of these sub-attributes.
    Complex(&'static [(&'static str, Kind)]),
    /// A list of such objects.
    Many(&'static [(&'static str, Kind)]),
}

use Kind::{Boolean, Complex, Many, Text};

const NAME: &[(&str, Kind)] = &[
    ("formatted", Text),
    ("familyName", Text),
    ("givenName", Text),
    ("middleName", Text),
    ("honorificPrefix", Text),
    ("honorificSuffix", Text),
];
const PLURAL: &[(&str, Kind)] = &[("value", Text), ("type", Text), ("primary", Boolean)];
const ADDRESS: &[(&str, Kind)] = &[
    ("formatted", Text),
    ("streetAddress", Text),
    ("locality", Text),
    ("region", Text),
    ("postalCode", Text),
    ("country", Text),
    ("type", Text),
    ("primary", Boolean),
];
const ENTERPRISE_USER: &[(&str, Kind)] = &[
    ("employeeNumber", Text),
    ("costCenter", Text),
    ("organization", Text),
    ("division", Text),
    ("department", Text),
    ("manager", Complex(&[("value", Text)])),
];
const ATTRIBUTES: &[(&str, Kind)] = &[
    ("externalId", Text),
    ("userName", Text),
    ("name", Complex(NAME)),
    ("displayName", Text),
    ("nickName", Text),
    ("profileUrl", Text),
    ("title", Text),
    ("userType", Text),
    ("preferredLanguage", Text),
    ("locale", Text),
    ("timezone", Text),
    ("active", Boolean),
    ("emails", Many(PLURAL)),
    ("phoneNumbers", Many(PLURAL)),
    ("addresses", Many(ADDRESS)),
    (ENTERPRISE, Complex(ENTERPRISE_USER)),
];

/// The schema's spelling and kind of an attribute; names are compared without case (RFC 7643
/// section 2.1).
pub(super) fn attribute(name: &str) -> Option<(&'static str, Kind)> {
    find(ATTRIBUTES, name)
}

/// The same for a sub-attribute.
pub(super) fn sub_attribute(kind: Kind, name: &str) -> Option<(&'static str, Kind)> {
    match kind {
        Complex(parts) | Many(parts) => find(parts, name),
        Text | Boolean => None,
    }
}

fn find(among: &'static [(&'static str, Kind)], name: &str) -> Option<(&'static str, Kind)> {
    among
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .copied()
}

/// The attributes a client may set, checked, in the schema's spelling. What is read-only (`id`,
/// `meta`) is left out, as RFC 7644 section 3.3 says.
pub(super) fn checked_user(body: &Value) -> Result<Map<String, Value>, ScimError> {
    let body = body
        .as_object()
        .ok_or_else(|| ScimError::syntax("the body is not a JSON object"))?;
    let schemas = body.get("schemas").and_then(Value::as_array);
    let has = |urn: &str| schemas.is_some_and(|list| list.iter().any(|s| s.as_str() == Some(urn)));
    if !has(USER) {
        return Err(ScimError::syntax(format!("schemas has to contain {USER}")));
    }
    if body.contains_key(ENTERPRISE) && !has(ENTERPRISE) {
        return Err(ScimError::syntax(format!("schemas has to contain {ENTERPRISE}")));
    }
    let mut user = Map::new();
    for (name, value) in body {
        if ["schemas", "id", "meta"]
            .iter()
            .any(|read_only| read_only.eq_ignore_ascii_case(name))
        {
            continue;
        }
        let (name, kind) =
            attribute(name).ok_or_else(|| ScimError::syntax(format!("{name}: not an attribute of User")))?;
        user.insert(name.to_owned(), checked(name, kind, value)?);
    }
    if !user.contains_key("userName") {
        return Err(ScimError::value("userName: is mandatory"));
    }
    Ok(user)
}

/// A value in the schema's spelling, or what is wrong with it.
pub(super) fn checked(path: &str, kind: Kind, value: &Value) -> Result<Value, ScimError> {
    match (kind, value) {
        (Text, Value::String(text)) if text.trim().is_empty() => Err(ScimError::value(format!("{path}: is empty"))),
        (Text, Value::String(_)) | (Boolean, Value::Bool(_)) => Ok(value.clone()),
        (Complex(parts), Value::Object(object)) => checked_object(path, parts, object),
        (Many(_), Value::Array(items)) if items.is_empty() => Err(ScimError::value(format!("{path}: is empty"))),
        (Many(parts), Value::Array(items)) => {
            let item = |item: &Value| checked(path, Complex(parts), item);
            let items = items.iter().map(item).collect::<Result<Vec<_>, _>>()?;
            if items.iter().filter(|item| item["primary"] == Value::Bool(true)).count() > 1 {
                return Err(ScimError::value(format!("{path}: more than one is primary")));
            }
            Ok(Value::Array(items))
        }
        _ => Err(ScimError::value(format!("{path}: has the wrong JSON type"))),
    }
}

fn checked_object(
    path: &str,
    parts: &'static [(&'static str, Kind)],
    object: &Map<String, Value>,
) -> Result<Value, ScimError> {
    if object.is_empty() {
        return Err(ScimError::value(format!("{path}: is empty")));
    }
    let mut checked_parts = Map::new();
    for (name, value) in object {
        let (name, kind) =
            find(parts, name).ok_or_else(|| ScimError::syntax(format!("{path}.{name}: no such sub-attribute")))?;
        checked_parts.insert(name.to_owned(), checked(&format!("{path}.{name}"), kind, value)?);
    }
    Ok(Value::Object(checked_parts))
}
