//! What requests do to groups.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{
    Answer, Change, Cloud, Kind, Stored, What, input,
    members::Delta,
    operations::{self, Op, Operation},
    query::Query,
    refusal::Refusal,
    schema::{self, GROUP_ATTRIBUTES},
};

type Object = Map<String, Value>;

impl Cloud {
    pub(super) fn create_group(&mut self, body: &[u8], query: &Query, now: DateTime<Utc>) -> Result<Answer, Refusal> {
        let (group, members) = self.group_input(body)?;
        self.unique_name(&group, None)?;
        let id = self.store_new(Kind::Group, group.clone(), false, now);
        let delta = Delta {
            added: members,
            ..Delta::default()
        };
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

    /// Collects one operation; the number of members it names.
    fn patch_one(
        &self,
        id: &str,
        group: &mut Object,
        delta: &mut Delta,
        operation: &Operation,
    ) -> Result<usize, Refusal> {
        let Operation { op, place, value } = operation;
        let unknown = || Refusal::path(format!("{}: not an attribute of Group", place.written));
        let attribute = place.path.attribute.as_deref().filter(|_| place.path.urn.is_none());
        let attribute = attribute.ok_or_else(unknown)?;
        if attribute.eq_ignore_ascii_case("members") {
            return self.patch_members(id, delta, operation);
        }
        if ["id", "meta", "schemas"]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(attribute))
        {
            return Err(Refusal::mutability(format!("{attribute}: is read-only")));
        }
        let (known, _) = schema::find(GROUP_ATTRIBUTES, attribute)
            .filter(|_| place.path.part.is_none() && place.items.is_none())
            .ok_or_else(unknown)?;
        match (op, value) {
            (Op::Remove, None) if known == "displayName" => {
                return Err(Refusal::mutability("displayName: cannot be removed"));
            }
            (Op::Remove, None) => drop(group.remove(known)),
            (Op::Remove, Some(_)) => return Err(Refusal::value("remove: takes no value")),
            (_, Some(value)) => drop(group.insert(known.to_owned(), value.clone())),
            (_, None) => return Err(Refusal::value("add and replace need a value")),
        }
        Ok(0)
    }

    fn patch_members(&self, id: &str, delta: &mut Delta, operation: &Operation) -> Result<usize, Refusal> {
        let Operation { op, place, value } = operation;
        let whole = self.profile.groups.whole_membership;
        let all_at_once = || Refusal::value("members: replacing or removing all of them is not supported");
        if place.path.part.is_some() {
            return Err(Refusal::mutability(format!("{}: cannot be changed", place.written)));
        }
        match (op, &place.items, value) {
            (Op::Add | Op::Replace, None, Some(value)) => {
                if *op == Op::Replace {
                    if !whole {
                        return Err(all_at_once());
                    }
                    delta.clear();
                }
                let members = self.members(value)?;
                if members.iter().any(|(member, _)| member == id) {
                    return Err(Refusal::value("members: a group is no member of itself"));
                }
                let count = members.len();
                members.into_iter().for_each(|(id, kind)| delta.add(id, kind));
                Ok(count)
            }
            (Op::Remove, Some(filter), None) => {
                let one = filter.equalities().is_some_and(|all| all.len() == 1);
                if self.profile.patch.filters_are_eq && !one {
                    return Err(Refusal::filter("members: filters in paths are [value eq \"id\"]"));
                }
                let held = self.groups.get(id).map(|group| &group.members);
                let ids = held.map(|held| delta.fitting(held, filter)).unwrap_or_default();
                let count = ids.len();
                ids.into_iter().for_each(|id| delta.remove(id));
                Ok(count)
            }
            (Op::Remove, None, Some(value)) => {
                let ids = self.member_ids(value)?;
                if ids.is_empty() && !whole {
                    return Err(all_at_once());
                }
                let count = ids.len();
                ids.into_iter().for_each(|id| delta.remove(id));
                Ok(count)
            }
            (Op::Remove, None, None) if whole => {
                delta.clear();
                Ok(0)
            }
            (Op::Remove, None, None) => Err(all_at_once()),
            _ => Err(Refusal::path(format!("{}: not supported for members", place.written))),
        }
    }

    /// Puts the change into effect and on record. No `after` means that the group goes.
    fn change_group(
        &mut self,
        id: &str,
        what: What,
        (before, after): (Option<Object>, Option<Object>),
        delta: Delta,
        now: DateTime<Utc>,
    ) {
        let (Some(number), Some(held)) = (self.groups.number(id), self.groups.get(id)) else {
            return;
        };
        let stays = |member: &String| delta.added.contains_key(member);
        let leaving: Vec<String> = if delta.cleared {
            held.members.keys().filter(|member| !stays(member)).cloned().collect()
        } else {
            delta
                .removed
                .iter()
                .filter(|member| held.members.contains_key(*member))
                .cloned()
                .collect()
        };
        let coming: Vec<(String, Kind)> = delta
            .added
            .into_iter()
            .filter(|(member, _)| !held.members.contains_key(member))
            .collect();
        if let Some(resource) = after.clone().filter(|after| *after != held.resource) {
            let changed = Stored {
                resource,
                ..held.clone()
            };
            self.groups.insert(number, changed);
        }
        let added: Vec<String> = coming.iter().map(|(member, _)| member.clone()).collect();
        self.move_members(id, &leaving, coming, now);
        self.record(Kind::Group, id, what, (before, after.clone()), now);
        if let Some(Change {
            added: a, removed: r, ..
        }) = self.history.last_mut()
        {
            (*a, *r) = (added, leaving);
        }
        if after.is_none() {
            self.groups.remove(id);
        }
    }

    fn move_members(&mut self, id: &str, leaving: &[String], coming: Vec<(String, Kind)>, now: DateTime<Utc>) {
        for member in leaving {
            if let Some(groups) = self.memberships.get_mut(member) {
                groups.remove(id);
                if groups.is_empty() {
                    self.memberships.remove(member);
                }
            }
        }
        for (member, _) in &coming {
            self.memberships
                .entry(member.clone())
                .or_default()
                .insert(id.to_owned());
        }
        if let Some(members) = self.groups.members_mut(id, now) {
            for member in leaving {
                members.remove(member);
            }
            members.extend(coming);
        }
    }

    /// Takes somebody who goes out of every group.
    pub(super) fn leave_all_groups(&mut self, id: &str, now: DateTime<Utc>) {
        for group in self.memberships.remove(id).into_iter().flatten() {
            if let Some(members) = self.groups.members_mut(&group, now) {
                members.remove(id);
            }
        }
    }
}
