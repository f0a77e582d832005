//! Putting people into a group and taking them out, so that it may be repeated without harm.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::{not_the_group, request};
use crate::{
    model::{Resource, ResourceId},
    ports::{MemberChange, ProviderError},
    profile::GroupUpdate,
    scim::{account::judge, body, client::ScimClient, wire::is_no_target_error},
};

/// What a group's attributes were told to be, and shall be.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'a> {
    pub before: &'a Resource,
    pub after: &'a Resource,
}

/// What one PATCH came to.
enum Patched {
    Done,
    /// Refused as a whole, because a removal found nobody to take out.
    NoTarget(ProviderError),
}

impl ScimClient {
    pub(super) async fn move_members(&self, id: &ResourceId, change: &MemberChange) -> Result<(), ProviderError> {
        if change.is_empty() {
            return Ok(());
        }
        let result = match self.profile.groups.update {
            GroupUpdate::Patch => self.patch_in_parts(id, change).await,
            GroupUpdate::Put => self.rewrite(id, None, change).await,
        };
        match (&result, change.add.as_slice(), change.remove.as_slice()) {
            // RFC 7644 has no status for a member that does not exist, so many say 400.
            (Err(ProviderError::Refused { .. }), [alone], []) | (Err(ProviderError::Refused { .. }), [], [alone])
                if self.shows_member(alone).await == Ok(false) =>
            {
                Err(ProviderError::Gone)
            }
            _ => result,
        }
    }

    /// One PATCH. Where that is refused because somebody to be taken out is out already, it is halved
    /// until that removal stands alone, and then there is nothing to do for it.
    async fn patch_in_parts(&self, id: &ResourceId, change: &MemberChange) -> Result<(), ProviderError> {
        let mut parts = vec![change.clone()];
        while let Some(part) = parts.pop() {
            match self.patch_members(id, &part).await? {
                Patched::Done => {}
                Patched::NoTarget(error) if part.remove.is_empty() => return Err(error),
                Patched::NoTarget(_) if part.len() == 1 => {}
                Patched::NoTarget(_) => parts.extend(halves(part)),
            }
        }
        Ok(())
    }

    /// A conflict may be two changes at the same instant, so it is tried once more.
    async fn patch_members(&self, id: &ResourceId, change: &MemberChange) -> Result<Patched, ProviderError> {
        let request = request::change_members(&self.profile, id, change);
        let mut tried = false;
        loop {
            let answer = self.send(&request).await?;
            let no_target = answer.status == 400 && answer.body.as_ref().is_ok_and(|body| is_no_target_error(body));
            match judge(answer) {
                Ok(()) => return Ok(Patched::Done),
                Err(error) if no_target => return Ok(Patched::NoTarget(error)),
                Err(ProviderError::Conflict { .. }) if !tried => tried = true,
                Err(error) => return Err(error),
            }
            self.rest(self.limits.first_pause).await?;
        }
    }

    /// Reads the group, changes it, and sends all of it back, for clouds that have only PUT. Members who
    /// are not named stay as they were shown. After a conflict it is read again, once.
    pub(super) async fn rewrite(
        &self,
        id: &ResourceId,
        attributes: Option<Attributes<'_>>,
        change: &MemberChange,
    ) -> Result<(), ProviderError> {
        let mut tried = false;
        loop {
            let body = self.read_group(id).await?;
            let shown = shown(&body, id).ok_or_else(not_the_group)?;
            let wanted = rewritten(&shown, attributes, change).ok_or_else(not_the_group)?;
            if wanted == shown {
                return Ok(());
            }
            match self.change(&request::replace(id, sendable(wanted))).await {
                Err(ProviderError::Conflict { .. }) if !tried => tried = true,
                result => return result,
            }
            self.rest(self.limits.first_pause).await?;
        }
    }
}

/// Removals apart from additions, else the first half apart from the second.
fn halves(change: MemberChange) -> [MemberChange; 2] {
    let MemberChange { add, mut remove } = change;
    let of = |add, remove| MemberChange { add, remove };
    if add.is_empty() {
        let second = remove.split_off(remove.len() / 2);
        [of(Vec::new(), remove), of(Vec::new(), second)]
    } else {
        [of(add, Vec::new()), of(Vec::new(), remove)]
    }
}

/// The group in the body of an answer, with `members` in place.
fn shown(body: &[u8], id: &ResourceId) -> Option<Map<String, Json>> {
    let Json::Object(mut group) = serde_json::from_slice(body).ok()? else {
        return None;
    };
    if group.get("id").and_then(Json::as_str) != Some(id.0.as_str()) {
        return None;
    }
    // No members are told by null or by leaving them out, too (RFC 7643 section 2.5).
    let members = group.entry("members").or_insert(Json::Null);
    if members.is_null() {
        *members = Json::Array(Vec::new());
    }
    Some(group)
}

/// The group as wanted; nothing when somebody in it cannot be told from others.
fn rewritten(
    shown: &Map<String, Json>,
    attributes: Option<Attributes<'_>>,
    change: &MemberChange,
) -> Option<Map<String, Json>> {
    let mut group = shown.clone();
    if let Some(Attributes { before, after }) = attributes {
        let cleared = before
            .attributes
            .keys()
            .filter(|path| !after.attributes.contains_key(*path));
        cleared.for_each(|path| body::set_in_group(&mut group, path, None));
        for (path, value) in &after.attributes {
            body::set_in_group(&mut group, path, Some(value));
        }
    }
    let members = group.get_mut("members")?.as_array_mut()?;
    let mut there = BTreeSet::new();
    for member in members.iter() {
        there.insert(member.get("value")?.as_str()?.to_owned());
    }
    let out: BTreeSet<&str> = change.remove.iter().map(|id| id.0.as_str()).collect();
    let is_out = |member: &Json| {
        member
            .get("value")
            .and_then(Json::as_str)
            .is_some_and(|id| out.contains(id))
    };
    members.retain(|member| !is_out(member));
    let is_in = |id: &ResourceId| there.contains(&id.0) && !out.contains(id.0.as_str());
    members.extend(change.add.iter().filter(|id| !is_in(id)).map(request::member));
    Some(group)
}

/// Without what is the service provider's own.
fn sendable(mut group: Map<String, Json>) -> Json {
    for name in ["id", "meta"] {
        group.remove(name);
    }
    Json::Object(group)
}
