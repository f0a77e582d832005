//! What requests do to groups.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{
    Answer, Cloud, Kind, What, input,
    members::Delta,
    operations,
    query::Query,
    refusal::Refusal,
    schema::{self, GROUP_ATTRIBUTES},
};

type Object = Map<String, Value>;

impl Cloud {
    pub(super) fn create_group(&mut self, body: &[u8], query: &Query, now: DateTime<Utc>) -> Result<Answer, Refusal> {
        let (group, members) = self.group_input(body)?;
        self.unique_name(&group, None)?;
        let delta = Delta {
            added: members,
            ..Delta::default()
        };
        self.within_quota(None, &delta)?;
        let id = self.store_new(Kind::Group, group.clone(), false, now);
        self.change_group(&id, What::Created, (None, Some(group)), delta, now);
        self.created(Kind::Group, &id, query)
    }

    pub(super) fn replace_group(
        &mut self,
        id: &str,
        body: &[u8],
        query: &Query,
        now: DateTime<Utc>,
    ) -> Result<Answer, Refusal> {
        let before = self.find(Kind::Group, id)?.resource.clone();
        let (group, members) = self.group_input(body)?;
        self.unique_name(&group, self.groups.number(id))?;
        if members.contains_key(id) {
            return Err(Refusal::value("members: a group is no member of itself"));
        }
        let delta = Delta {
            cleared: true,
            added: members,
            ..Delta::default()
        };
        self.within_quota(Some(id), &delta)?;
        self.change_group(id, What::Replaced, (Some(before), Some(group)), delta, now);
        self.one(Kind::Group, id, query)
    }

    /// RFC 7644 section 3.5.2: 204 where nobody asked for attributes. No cloud here is known to send
    /// a body, and that of a large group would be a burden.
    pub(super) fn patch_group(
        &mut self,
        id: &str,
        body: &[u8],
        query: &Query,
        now: DateTime<Utc>,
    ) -> Result<Answer, Refusal> {
        let before = self.find(Kind::Group, id)?.resource.clone();
        let operations = operations::read(&self.profile.patch, &input::object(body)?)?;
        let mut group = before.clone();
        let mut delta = Delta::default();
        let mut changes = 0;
        for operation in &operations {
            changes += self.patch_one(id, &mut group, &mut delta, operation)?;
        }
        self.within_chunk(changes)?;
        self.within_quota(Some(id), &delta)?;
        let group = self.checked_group(&group)?;
        self.unique_name(&group, self.groups.number(id))?;
        self.change_group(id, What::Patched, (Some(before), Some(group)), delta, now);
        if query.attributes.is_empty() {
            Ok(Answer::empty())
        } else {
            self.one(Kind::Group, id, query)
        }
    }

    pub(super) fn delete_group(&mut self, id: &str, now: DateTime<Utc>) -> Result<Answer, Refusal> {
        let before = self.find(Kind::Group, id)?.resource.clone();
        let delta = Delta {
            cleared: true,
            ..Delta::default()
        };
        self.change_group(id, What::Deleted, (Some(before), None), delta, now);
        self.leave_all_groups(id, now);
        Ok(Answer::empty())
    }

    /// The attributes and the members of a POST or PUT.
    fn group_input(&self, body: &[u8]) -> Result<(Object, BTreeMap<String, Kind>), Refusal> {
        let body = input::object(body)?;
        input::schemas(&body, schema::GROUP)?;
        let mut attributes = body.clone();
        attributes.retain(|name, _| !name.eq_ignore_ascii_case("members"));
        let group = self.checked_group(&attributes)?;
        let members = match input::member(&body, "members") {
            None => Vec::new(),
            Some(Value::Null) if self.profile.wire.empty_is_absent => Vec::new(),
            Some(Value::Array(items)) if !items.is_empty() || self.profile.wire.empty_is_absent => {
                self.members(&Value::Array(items.clone()))?
            }
            Some(_) => return Err(Refusal::value("members: a list of at least one is needed")),
        };
        Ok((group, members.into_iter().collect()))
    }

    fn checked_group(&self, body: &Object) -> Result<Object, Refusal> {
        let mut group = Map::new();
        for (name, value) in body {
            if ["schemas", "id", "meta"]
                .iter()
                .any(|read_only| read_only.eq_ignore_ascii_case(name))
            {
                continue;
            }
            let Some((known, _)) = schema::find(GROUP_ATTRIBUTES, name) else {
                return Err(Refusal::syntax(format!("{name}: not an attribute of Group")));
            };
            match value {
                Value::Null if self.profile.wire.empty_is_absent => {}
                Value::String(_) if !group.contains_key(known) => drop(group.insert(known.to_owned(), value.clone())),
                Value::String(_) => return Err(Refusal::syntax(format!("{known}: is there twice"))),
                _ => return Err(Refusal::value(format!("{known}: has the wrong JSON type"))),
            }
        }
        let text = |name: &str| group.get(name).and_then(Value::as_str);
        let Some(display_name) = text("displayName") else {
            return Err(Refusal::value("displayName: must be present"));
        };
        let problems = self.profile.check_group(display_name, text("externalId"));
        if problems.is_empty() {
            Ok(group)
        } else {
            Err(input::refused(&self.profile, &problems))
        }
    }

    fn unique_name(&self, group: &Object, own: Option<u64>) -> Result<(), Refusal> {
        match self.groups.conflict(group, own) {
            Some((path, _)) => Err(Refusal::duplicate(&self.profile.wire.error, path)),
            None => Ok(()),
        }
    }
}
