//! The schemas as a cloud describes them (RFC 7643 section 7): what its profile takes, and no more.

use serde_json::{Value, json};

use super::{
    Cloud,
    schema::{ENTERPRISE, ENTERPRISE_USER, GROUP, Known, Type, USER, USER_ATTRIBUTES},
    stored::Kind,
};
use crate::model::AttributePath;

impl Cloud {
    /// All schemas.
    pub(super) fn schemas(&self) -> Vec<Value> {
        let one = |id: &str, name: &str, attributes: Vec<Value>| {
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
                "id": id,
                "name": name,
                "description": name,
                "attributes": attributes,
                "meta": { "resourceType": "Schema", "location": format!("{}Schemas/{id}", self.base) },
            })
        };
        let core = USER_ATTRIBUTES
            .iter()
            .filter(|(name, _)| *name != ENTERPRISE_USER && *name != "externalId");
        let mut user = self.described("", core);
        if !self.profile.wire.not_returned.iter().any(|name| name == "groups") {
            user.push(groups_of_a_user());
        }
        let mut schemas = vec![one(USER, "User", user), one(GROUP, "Group", self.group())];
        if self.takes_enterprise() {
            let attributes = self.described(&format!("{ENTERPRISE_USER}:"), ENTERPRISE.iter());
            schemas.push(one(ENTERPRISE_USER, "EnterpriseUser", attributes));
        }
        schemas
    }

    /// Whether anything of the enterprise extension is taken.
    pub(super) fn takes_enterprise(&self) -> bool {
        ENTERPRISE
            .iter()
            .any(|(name, _)| self.takes(&format!("{ENTERPRISE_USER}:{name}")))
    }

    fn takes(&self, path: &str) -> bool {
        self.profile.allows(&AttributePath::new(path))
    }

    /// The attributes below `prefix` that this cloud takes.
    fn described<'a>(&self, prefix: &str, attributes: impl Iterator<Item = &'a Known>) -> Vec<Value> {
        attributes
            .filter_map(|(name, kind)| {
                let path = format!("{prefix}{name}");
                let parts: Vec<Value> = match kind {
                    Type::Many(parts) => self.parts_of(&path, parts),
                    Type::Complex(_) if name == &"manager" => vec![attribute("value", Type::Text, true)],
                    Type::Complex(parts) => self.described(&format!("{path}."), parts.iter()),
                    Type::Text | Type::Boolean => Vec::new(),
                };
                let offered = match kind {
                    Type::Complex(_) if name != &"manager" => !parts.is_empty(),
                    _ => self.takes(&path),
                };
                offered.then(|| {
                    let mut one = attribute(name, *kind, name == &"manager");
                    one["required"] = self.is_mandatory(&path).into();
                    if path == "userName" && !self.profile.user_name_mutable {
                        one["mutability"] = "immutable".into();
                    }
                    if self.profile.unique.contains(&path) {
                        one["uniqueness"] = "server".into();
                    }
                    if self.profile.wire.not_returned.contains(&path) {
                        one["returned"] = "never".into();
                        one["mutability"] = "writeOnly".into();
                    }
                    if !parts.is_empty() {
                        one["subAttributes"] = parts.into();
                    }
                    one
                })
            })
            .collect()
    }

    fn parts_of(&self, list: &str, parts: &'static [Known]) -> Vec<Value> {
        let allowed = self.profile.allowed_sub_attributes.get(list);
        let taken = parts
            .iter()
            .filter(|(name, _)| allowed.is_none_or(|all| all.iter().any(|known| known == name)));
        taken
            .map(|(name, kind)| {
                let mut part = attribute(name, *kind, list == "x509Certificates" && *name == "value");
                part["required"] = self.profile.mandatory.contains(&format!("{list}.{name}")).into();
                part
            })
            .collect()
    }

    /// A complex attribute is required when one of its parts is.
    fn is_mandatory(&self, path: &str) -> bool {
        let inside = format!("{path}.");
        let is_name = path == "name";
        let mut mandatory = self.profile.mandatory.iter();
        mandatory.any(|known| known == path || (is_name && known.starts_with(&inside)))
    }

    fn group(&self) -> Vec<Value> {
        let mut name = attribute(
            "displayName",
            Type::Text,
            !self.profile.groups.display_name_case_insensitive,
        );
        name["required"] = true.into();
        if self.profile.groups.display_name_unique {
            name["uniqueness"] = "server".into();
        }
        let mut members = attribute("members", Type::Many(&[]), false);
        // A member's name is taken and not kept: it is the member's own affair.
        let parts = self
            .profile
            .groups
            .member_parts
            .iter()
            .filter(|part| *part != "display");
        let parts: Vec<Value> = parts
            .map(|part| {
                let mut one = attribute(part, Type::Text, part != "type");
                one["mutability"] = "immutable".into();
                one["required"] = (part == "value").into();
                if part == "type" {
                    let kinds = if self.profile.groups.nested {
                        json!(["User", "Group"])
                    } else {
                        json!(["User"])
                    };
                    one["canonicalValues"] = kinds;
                }
                if part == "$ref" {
                    one["type"] = "reference".into();
                    one["referenceTypes"] = if self.profile.groups.nested {
                        json!(["User", "Group"])
                    } else {
                        json!(["User"])
                    };
                }
                one
            })
            .collect();
        members["subAttributes"] = parts.into();
        vec![name, members]
    }
}

fn attribute(name: &str, kind: Type, case_exact: bool) -> Value {
    let (of, many) = match kind {
        Type::Text => ("string", false),
        Type::Boolean => ("boolean", false),
        Type::Complex(_) => ("complex", false),
        Type::Many(_) => ("complex", true),
    };
    let mut attribute = json!({
        "name": name,
        "type": of,
        "multiValued": many,
        "description": name,
        "required": false,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
    });
    if kind == Type::Text {
        attribute["caseExact"] = case_exact.into();
    }
    attribute
}

fn groups_of_a_user() -> Value {
    let mut groups = attribute("groups", Type::Many(&[]), false);
    groups["mutability"] = "readOnly".into();
    let part = |name: &str| {
        let mut part = attribute(name, Type::Text, name != "type");
        part["mutability"] = "readOnly".into();
        if name == "$ref" {
            part["type"] = "reference".into();
            part["referenceTypes"] = json!([Kind::Group.name()]);
        }
        if name == "type" {
            part["canonicalValues"] = json!(["direct", "indirect"]);
        }
        part
    };
    groups["subAttributes"] = json!([part("value"), part("$ref"), part("type")]);
    groups
}
