//! What is there before the first request.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Cloud, Kind, Stored, query::Query};

impl Cloud {
    /// Puts something there that exists before the first request; `manual` means that it was made by
    /// hand in the console. Returns its id.
    ///
    /// # Errors
    /// What this cloud would refuse about it.
    pub fn seed(
        &mut self,
        kind: Kind,
        mut resource: Value,
        manual: bool,
        now: DateTime<Utc>,
    ) -> Result<String, String> {
        if let Some(object) = resource.as_object_mut() {
            let extensions: Vec<Value> = object
                .keys()
                .filter(|key| key.starts_with("urn:"))
                .cloned()
                .map(Value::from)
                .collect();
            let schemas = std::iter::once(kind.schema().into()).chain(extensions).collect();
            object.entry("schemas").or_insert(schemas);
        }
        let name = resource.get("userName").and_then(Value::as_str).unwrap_or_default();
        if kind == Kind::User
            && self
                .users
                .holders("userName", name)
                .is_some_and(|held| !held.is_empty())
        {
            return Err(format!("userName: there is a {name} already"));
        }
        let body = resource.to_string();
        let history = self.history.len();
        let made = match kind {
            Kind::User => self.create_user(body.as_bytes(), &Query::default(), now),
            Kind::Group => self.create_group(body.as_bytes(), &Query::default(), now),
        };
        made.map_err(|refusal| refusal.detail)?;
        let id = self.history.last().map(|change| change.id.clone()).unwrap_or_default();
        self.history.truncate(history);
        let table = self.table_mut(kind);
        if let (Some(number), Some(stored)) = (table.number(&id), table.get(&id).cloned()) {
            table.insert(number, Stored { manual, ..stored });
        }
        Ok(id)
    }
}
