//! The users that the cloud holds.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    error::ScimError,
    schema::{self, ENTERPRISE, USER},
};
use crate::demo::uuid_of;

/// Users by the number of their creation, and who holds which name.
#[derive(Default)]
pub(super) struct Users {
    created: u64,
    users: BTreeMap<u64, Value>,
    by_id: BTreeMap<String, u64>,
    by_name: BTreeMap<String, u64>,
}

impl Users {
    pub(super) fn all(&self) -> impl Iterator<Item = &Value> {
        self.users.values()
    }

    pub(super) fn get(&self, id: &str) -> Result<&Value, ScimError> {
        self.by_id
            .get(id)
            .and_then(|n| self.users.get(n))
            .ok_or_else(|| not_found(id))
    }

    /// The users whose `attribute` (in the schema's spelling) is `wanted`.
    pub(super) fn find<'a>(&'a self, attribute: &'a str, wanted: &'a str) -> Vec<&'a Value> {
        if attribute == "userName" {
            return self
                .by_name
                .get(&folded(wanted))
                .and_then(|n| self.users.get(n))
                .into_iter()
                .collect();
        }
        self.all()
            .filter(|user| user[attribute].as_str() == Some(wanted))
            .collect()
    }

    /// Adds a checked user and returns it.
    pub(super) fn create(&mut self, user: Map<String, Value>, base: &str) -> Result<&Value, ScimError> {
        let number = self.created + 1;
        self.claim_name(number, &user)?;
        self.created = number;
        let id = uuid_of(&format!("user {number}"));
        let now = now();
        let meta = json!({
            "resourceType": "User", "created": now, "lastModified": now, "location": format!("{base}Users/{id}"),
        });
        self.by_id.insert(id.clone(), number);
        Ok(self.users.entry(number).or_insert(whole(user, &id, meta)))
    }

    /// Replaces a user by a checked one and returns it.
    pub(super) fn replace(&mut self, id: &str, user: Map<String, Value>) -> Result<&Value, ScimError> {
        let number = *self.by_id.get(id).ok_or_else(|| not_found(id))?;
        let old = self.users.get(&number).ok_or_else(|| not_found(id))?;
        let (old_name, mut meta) = (name_of(old), old["meta"].clone());
        meta["lastModified"] = now().into();
        let new_name = self.claim_name(number, &user)?;
        if old_name != new_name {
            self.by_name.remove(&old_name);
        }
        let user = whole(user, id, meta);
        Ok(self
            .users
            .entry(number)
            .and_modify(|held| held.clone_from(&user))
            .or_insert(user))
    }

    pub(super) fn delete(&mut self, id: &str) -> Result<(), ScimError> {
        let number = self.by_id.remove(id).ok_or_else(|| not_found(id))?;
        if let Some(user) = self.users.remove(&number) {
            self.by_name.remove(&name_of(&user));
        }
        Ok(())
    }

    /// Takes the `userName` for user `number`, or says that it is another's.
    fn claim_name(&mut self, number: u64, user: &Map<String, Value>) -> Result<String, ScimError> {
        let name = user
            .get("userName")
            .and_then(Value::as_str)
            .map(folded)
            .unwrap_or_default();
        if *self.by_name.entry(name.clone()).or_insert(number) == number {
            return Ok(name);
        }
        Err(ScimError::new(409, Some("uniqueness"), "userName: is taken"))
    }
}

fn whole(mut user: Map<String, Value>, id: &str, meta: Value) -> Value {
    let mut schemas = vec![USER];
    if user.contains_key(ENTERPRISE) {
        schemas.push(ENTERPRISE);
    }
    user.insert("schemas".into(), schemas.into());
    user.insert("id".into(), id.into());
    user.insert("meta".into(), meta);
    // RFC 7643 leaves the default open; an account without the attribute is in use.
    user.entry("active").or_insert(true.into());
    Value::Object(user)
}

fn name_of(user: &Value) -> String {
    user["userName"].as_str().map(folded).unwrap_or_default()
}

/// `userName` is compared without case (RFC 7643 section 4.1.1).
fn folded(name: &str) -> String {
    name.to_lowercase()
}

fn now() -> String {
    chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn not_found(id: &str) -> ScimError {
    ScimError::new(404, None, format!("no user {id}"))
}

/// A simple filter: `attribute eq "value"`, with the attribute in the schema's spelling.
pub(super) fn parse_filter(filter: &str) -> Result<(&'static str, String), ScimError> {
    let refuse = |why: &str| ScimError::new(400, Some("invalidFilter"), why);
    let (name, rest) = filter
        .trim()
        .split_once(' ')
        .ok_or_else(|| refuse("expected: attribute eq \"value\""))?;
    let (operator, value) = rest
        .trim()
        .split_once(' ')
        .ok_or_else(|| refuse("expected: attribute eq \"value\""))?;
    if !operator.eq_ignore_ascii_case("eq") {
        return Err(refuse("the only operator here is eq"));
    }
    let name = name
        .strip_prefix(USER)
        .and_then(|n| n.strip_prefix(':'))
        .unwrap_or(name);
    let attribute = if name.eq_ignore_ascii_case("id") {
        Some("id")
    } else {
        schema::attribute(name).map(|(n, _)| n)
    };
    match attribute {
        Some(attribute @ ("id" | "userName" | "externalId" | "displayName")) => {
            let value = serde_json::from_str(value.trim()).map_err(|_| refuse("the value is not a JSON string"))?;
            Ok((attribute, value))
        }
        _ => Err(refuse("filters work on id, userName, externalId and displayName")),
    }
}
