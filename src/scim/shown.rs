//! A user as the provider shows it, in our words. Lenient as all reading is: what makes no sense is
//! left out.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::wire::{Account, loose, truth_of};
use crate::{
    model::{AttributePath, ENTERPRISE_USER, Item, Resource, ResourceId, Scalar, USER, Value},
    ports::CloudAccount,
};

/// What is no attribute of the person: RFC 7643 sections 3 and 3.1, and what is read-only or never shown
/// (sections 4.1.1 and 4.1.2).
const NOT_ATTRIBUTES: [&str; 5] = ["id", "meta", "schemas", "groups", "password"];

/// The account in `body`; nothing when it has no usable `id`.
pub(super) fn account(body: &Json) -> Option<CloudAccount> {
    let id = Account::of(body).id?;
    let (resource, manager) = user(body.as_object()?);
    Some(CloudAccount { id, resource, manager })
}

/// The attributes and the manager's id.
fn user(body: &Map<String, Json>) -> (Resource, Option<ResourceId>) {
    let mut reader = Reader::default();
    for (name, value) in body {
        match (schema_of(name), value) {
            (Some(schema), Json::Object(extension)) => {
                let schema = (!schema.eq_ignore_ascii_case(USER)).then_some(schema);
                extension
                    .iter()
                    .for_each(|(name, value)| reader.attribute(schema, name, value));
            }
            _ if NOT_ATTRIBUTES.iter().any(|other| name.eq_ignore_ascii_case(other)) => {}
            _ => reader.attribute(None, name, value),
        }
    }
    (reader.resource, reader.manager)
}

/// The schema whose attributes stand below `name`, in canonical spelling where we know one.
fn schema_of(name: &str) -> Option<&str> {
    let is_urn = name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"));
    is_urn.then(|| {
        if name.eq_ignore_ascii_case(ENTERPRISE_USER) {
            ENTERPRISE_USER
        } else {
            name
        }
    })
}

#[derive(Default)]
struct Reader {
    resource: Resource,
    manager: Option<ResourceId>,
}

impl Reader {
    fn attribute(&mut self, schema: Option<&str>, name: &str, value: &Json) {
        if schema == Some(ENTERPRISE_USER) && name.eq_ignore_ascii_case("manager") {
            self.manager = manager(value);
            return;
        }
        let path = match schema {
            Some(schema) => format!("{schema}:{name}"),
            None => name.to_owned(),
        };
        match value {
            Json::Object(parts) => {
                for (part, value) in parts {
                    self.put(&format!("{path}.{part}"), scalar(part, value).map(single));
                }
            }
            Json::Array(items) => {
                let items: Vec<Item> = items.iter().map(item).filter(|item| !item.is_empty()).collect();
                self.put(&path, (!items.is_empty()).then_some(Value::List(items)));
            }
            value => self.put(&path, scalar(name, value).map(single)),
        }
    }

    fn put(&mut self, path: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.resource.attributes.insert(AttributePath::new(path), value);
        }
    }
}

/// `{"value": id}` by RFC 7643 section 4.3; some show the id alone, or a list of one.
fn manager(value: &Json) -> Option<ResourceId> {
    let value = match value {
        Json::Array(list) => list.first()?,
        value => value,
    };
    let id = match value {
        Json::Object(parts) => parts.get("value").and_then(loose),
        value => loose(value),
    };
    id.filter(|id| !id.is_empty()).map(ResourceId)
}

fn item(item: &Json) -> Item {
    match item {
        Json::Object(parts) => parts
            .iter()
            .filter_map(|(part, value)| Some((Arc::from(part.as_str()), scalar(part, value)?)))
            .collect(),
        value => scalar("value", value)
            .map(|value| (Arc::from("value"), value))
            .into_iter()
            .collect(),
    }
}

/// Empty values are no values (RFC 7643 section 2.5). The two booleans of a user may come as strings.
fn scalar(name: &str, value: &Json) -> Option<Scalar> {
    if matches!(name, "active" | "primary") {
        return truth_of(value).map(Scalar::Boolean);
    }
    match value {
        Json::Bool(value) => Some(Scalar::Boolean(*value)),
        value => loose(value).filter(|text| !text.is_empty()).map(Scalar::Text),
    }
}

fn single(scalar: Scalar) -> Value {
    match scalar {
        Scalar::Boolean(value) => Value::Boolean(value),
        Scalar::Text(text) => Value::Text(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn users_of_every_shape() {
        let check = |body: Json, flat: Json, manager: Option<&str>| {
            let account = account(&body).unwrap();
            assert_eq!(serde_json::to_value(&account.resource).unwrap(), flat, "{body}");
            assert_eq!(account.manager.as_ref().map(|id| id.0.as_str()), manager, "{body}");
        };
        check(json!({"id": "a"}), json!({}), None);
        check(
            json!({
                "schemas": [USER], "id": 7, "meta": {"version": "1"}, "groups": [{"value": "g"}],
                "userName": "ada", "active": "True", "nickName": "", "title": null,
                "name": {"familyName": "Lovelace", "givenName": ""},
                "emails": [{"value": "a@b", "primary": "true", "display": "A", "$ref": null}, {}],
                "roles": ["admin"], "photos": [],
                ENTERPRISE_USER: {"department": "E", "employeeNumber": 12, "manager": {"value": "m", "$ref": "x"}},
                "urn:x:2.0:Y": {"badge": {"colour": "red"}, "vip": true},
            }),
            json!({
                "userName": "ada", "active": true, "name.familyName": "Lovelace",
                "emails": [{"value": "a@b", "primary": true, "display": "A"}],
                "roles": [{"value": "admin"}],
                (format!("{ENTERPRISE_USER}:department")): "E", (format!("{ENTERPRISE_USER}:employeeNumber")): "12",
                "urn:x:2.0:Y:badge.colour": "red", "urn:x:2.0:Y:vip": true,
            }),
            Some("m"),
        );
        check(
            json!({"id": "a", "name.formatted": "A L", USER: {"title": "x"}}),
            json!({"name.formatted": "A L", "title": "x"}),
            None,
        );
        for manager in [json!("m"), json!([{"value": "m"}]), json!({"value": "m"})] {
            check(
                json!({"id": "a", (ENTERPRISE_USER.to_uppercase()): {"Manager": manager}}),
                json!({}),
                Some("m"),
            );
        }
        for nobody in [json!(null), json!({}), json!([]), json!({"value": ""})] {
            check(
                json!({"id": "a", ENTERPRISE_USER: {"manager": nobody}}),
                json!({}),
                None,
            );
        }
    }

    #[test]
    fn without_an_id_there_is_no_account() {
        for body in [json!({"userName": "a"}), json!({"id": ""}), json!([]), json!(null)] {
            assert_eq!(account(&body), None, "{body}");
        }
    }

    proptest! {
        #[test]
        fn nothing_from_the_network_panics(body in "[\\[\\]{}:,\"a-c0-9é ]{0,64}") {
            if let Ok(body) = serde_json::from_str::<Json>(&body) {
                let _ = account(&body);
            }
        }
    }
}
