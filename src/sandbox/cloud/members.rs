//! The members of a request, and the changes that a PATCH collects before any of them takes effect.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Cloud, Kind, filter::Filter, path::AttrPath, refusal::Refusal};

/// What becomes of a membership: first everybody leaves if `cleared`, then `removed` leave and `added`
/// come. Nobody is in both.
#[derive(Debug, Default)]
pub(super) struct Delta {
    pub cleared: bool,
    pub added: BTreeMap<String, Kind>,
    pub removed: BTreeSet<String>,
}

impl Delta {
    pub(super) fn add(&mut self, id: String, kind: Kind) {
        self.removed.remove(&id);
        self.added.insert(id, kind);
    }

    pub(super) fn remove(&mut self, id: String) {
        self.added.remove(&id);
        self.removed.insert(id);
    }

    pub(super) fn clear(&mut self) {
        *self = Self {
            cleared: true,
            ..Self::default()
        };
    }

    /// The ids that `filter` means, among `held` as changed so far.
    pub(super) fn fitting(&self, held: &BTreeMap<String, Kind>, filter: &Filter) -> Vec<String> {
        // The usual question names one member, who need not be searched for.
        if let Some([(path, id)]) = filter.equalities().as_deref()
            && path.folded() == "value"
        {
            return vec![(*id).to_owned()];
        }
        let exact = |path: &AttrPath| path.folded() == "value";
        let kept = held
            .iter()
            .filter(|(id, _)| !self.cleared && !self.removed.contains(*id));
        let all = kept.chain(&self.added);
        let fits = all.filter(|(id, kind)| {
            let member = serde_json::json!({ "value": id, "type": kind.name() });
            filter.fits(&member, &exact)
        });
        fits.map(|(id, _)| id.clone()).collect()
    }
}

impl Cloud {
    /// The members in a value: a list of objects, or one object.
    pub(super) fn members(&self, value: &Value) -> Result<Vec<(String, Kind)>, Refusal> {
        let items = match value {
            Value::Array(items) => items.as_slice(),
            Value::Object(_) => std::slice::from_ref(value),
            _ => return Err(Refusal::value("members: has the wrong JSON type")),
        };
        self.within_chunk(items.len())?;
        items.iter().map(|item| self.member(item)).collect()
    }

    /// The ids in a value, whether there are such people or not.
    pub(super) fn member_ids(&self, value: &Value) -> Result<Vec<String>, Refusal> {
        let items = match value {
            Value::Array(items) => items.as_slice(),
            Value::Object(_) => std::slice::from_ref(value),
            _ => return Err(Refusal::value("members: has the wrong JSON type")),
        };
        items
            .iter()
            .map(|item| self.member_id(item).map(str::to_owned))
            .collect()
    }

    /// Refuses more members, or changes of members, than one request may hold.
    pub(super) fn within_chunk(&self, count: usize) -> Result<(), Refusal> {
        match self.profile.groups.member_chunk {
            Some(most) if count > most => Err(Refusal::value(format!("members: {most} in one request at most"))),
            _ => Ok(()),
        }
    }

    /// Refuses to put somebody into more groups than one can be in.
    pub(super) fn within_quota(&self, group: Option<&str>, delta: &Delta) -> Result<(), Refusal> {
        let Some(most) = self.profile.groups.groups_of_a_user_max else {
            return Ok(());
        };
        let full = |id: &&String| {
            let groups = self.memberships.get(*id);
            groups.is_some_and(|held| held.len() >= most && !group.is_some_and(|group| held.contains(group)))
        };
        match delta.added.keys().find(full) {
            Some(id) => Err(Refusal::new(
                403,
                None,
                format!("members: {id} is in {most} groups, which is the quota"),
            )),
            None => Ok(()),
        }
    }

    fn member_id<'a>(&self, item: &'a Value) -> Result<&'a str, Refusal> {
        let item = item
            .as_object()
            .ok_or_else(|| Refusal::value("members: every item is an object"))?;
        let known = &self.profile.groups.member_parts;
        if let Some(unknown) = item.keys().find(|name| !known.contains(name)) {
            return Err(Refusal::value(format!("members.{unknown}: is not supported")));
        }
        if item.values().any(|part| !part.is_string()) {
            return Err(Refusal::value("members: has the wrong JSON type"));
        }
        let id = item.get("value").and_then(Value::as_str).unwrap_or_default();
        if id.is_empty() {
            Err(Refusal::value("members.value: must be present"))
        } else {
            Ok(id)
        }
    }

    fn member(&self, item: &Value) -> Result<(String, Kind), Refusal> {
        let id = self.member_id(item)?;
        let user = self.find(Kind::User, id).ok().map(|_| Kind::User);
        let group = || self.find(Kind::Group, id).ok().map(|_| Kind::Group);
        let nested = self.profile.groups.nested;
        let kind = user.or_else(|| group().filter(|_| nested)).ok_or_else(|| {
            let status = self.profile.groups.unknown_member_status;
            let scim_type = (status == 400).then_some("invalidValue");
            Refusal::new(status, scim_type, format!("members.value: there is no {id}"))
        })?;
        match item.get("type").and_then(Value::as_str) {
            Some(other) if other != kind.name() => {
                Err(Refusal::value(format!("members.type: {id} is a {}", kind.name())))
            }
            _ => Ok((id.to_owned(), kind)),
        }
    }
}
