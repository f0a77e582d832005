//! What requests do to users.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{Answer, Cloud, Kind, Stored, What, input, operations, patch, query::Query, refusal::Refusal};

type Object = Map<String, Value>;

impl Cloud {
    pub(super) fn create_user(&mut self, body: &[u8], query: &Query, now: DateTime<Utc>) -> Result<Answer, Refusal> {
        let user = with_default(input::user(&self.profile, &input::object(body)?)?);
        if let Some((path, holder)) = self.users.conflict(&user, None) {
            let duplicate = Refusal::duplicate(&self.profile.wire.error, path);
            let same_name = path == "userName" && self.profile.silent_takeover;
            return match self.users.row(holder).filter(|held| same_name && held.manual).cloned() {
                Some(held) => self.take_over(held, user, query, now),
                None => Err(duplicate),
            };
        }
        let id = self.store_new(Kind::User, user.clone(), false, now);
        self.record(Kind::User, &id, What::Created, (None, Some(user)), now);
        self.created(Kind::User, &id, query)
    }

    /// An account made by hand becomes one of ours, without a word (CloudSSO).
    fn take_over(&mut self, held: Stored, user: Object, query: &Query, now: DateTime<Utc>) -> Result<Answer, Refusal> {
        let number = self.users.number(&held.id);
        if let Some((path, _)) = self.users.conflict(&user, number) {
            return Err(Refusal::duplicate(&self.profile.wire.error, path));
        }
        let id = held.id.clone();
        self.change_user(held, user, What::TakenOver, now);
        self.created(Kind::User, &id, query)
    }

    pub(super) fn replace_user(
        &mut self,
        id: &str,
        body: &[u8],
        query: &Query,
        now: DateTime<Utc>,
    ) -> Result<Answer, Refusal> {
        let held = self.find(Kind::User, id)?.clone();
        let body = input::object(body)?;
        // RFC 7644 section 3.5.1: what is left out is cleared, and so falls back to its default.
        let user = with_default(input::user(&self.profile, &body)?);
        self.put_in_place(held, user, What::Replaced, now)?;
        self.one(Kind::User, id, query)
    }

    pub(super) fn patch_user(
        &mut self,
        id: &str,
        body: &[u8],
        query: &Query,
        now: DateTime<Utc>,
    ) -> Result<Answer, Refusal> {
        let held = self.find(Kind::User, id)?.clone();
        let operations = operations::read(&self.profile.patch, &input::object(body)?)?;
        let mut user = held.resource.clone();
        patch::apply(&self.profile.patch, &mut user, &operations)?;
        let user = input::checked_user(&self.profile, &user)?;
        self.put_in_place(held, user, What::Patched, now)?;
        self.one(Kind::User, id, query)
    }

    pub(super) fn delete_user(&mut self, id: &str, now: DateTime<Utc>) -> Result<Answer, Refusal> {
        self.find(Kind::User, id)?;
        let before = self.users.get(id).map(|held| held.resource.clone());
        self.record(Kind::User, id, What::Deleted, (before, None), now);
        self.users.remove(id);
        self.leave_all_groups(id, now);
        Ok(Answer::empty())
    }

    fn put_in_place(&mut self, held: Stored, user: Object, what: What, now: DateTime<Utc>) -> Result<(), Refusal> {
        let name = |user: &Object| user.get("userName").and_then(Value::as_str).map(str::to_lowercase);
        if !self.profile.user_name_mutable && name(&user) != name(&held.resource) {
            return Err(Refusal::mutability("userName: cannot be changed"));
        }
        if let Some((path, _)) = self.users.conflict(&user, self.users.number(&held.id)) {
            return Err(Refusal::duplicate(&self.profile.wire.error, path));
        }
        self.change_user(held, user, what, now);
        Ok(())
    }

    fn change_user(&mut self, held: Stored, user: Object, what: What, now: DateTime<Utc>) {
        let Some(number) = self.users.number(&held.id) else {
            return;
        };
        let changed = Stored {
            resource: user.clone(),
            manual: held.manual && what != What::TakenOver,
            last_modified: now,
            ..held.clone()
        };
        self.users.insert(number, changed);
        self.record(Kind::User, &held.id, what, (Some(held.resource), Some(user)), now);
    }
}

/// An account without `active` is in use: RFC 7643 section 4.1.1 leaves the default open, and the
/// clouds do not state theirs.
fn with_default(mut user: Object) -> Object {
    user.entry("active").or_insert(Value::Bool(true));
    user
}
