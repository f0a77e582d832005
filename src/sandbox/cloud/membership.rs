//! Changes of groups: collected operation by operation, then put into effect at once.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{
    Change, Cloud, Kind, Stored, What,
    members::Delta,
    operations::{Op, Operation},
    refusal::Refusal,
    schema::{self, GROUP_ATTRIBUTES},
};

type Object = Map<String, Value>;

impl Cloud {
    /// Collects one operation; the number of members it names.
    pub(super) fn patch_one(
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
                if members.is_empty() && !self.profile.wire.empty_is_absent {
                    return Err(Refusal::value("members: is empty"));
                }
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
    pub(super) fn change_group(
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
