//! The cloud's state and its answers.
//!
//! Reading order: `stored` (what is held), `route` (from a request to an answer), `input` (a user from
//! JSON, checked by the profile's own rules), `users`, `operations` and `patch`, `groups`, `members` and
//! `membership`; then what goes out: `show`, `filter` and `list`, `discovery` and `describe`, `refusal`.
//! What differs from cloud to cloud stands in the profile's `[wire]`, `[patch]` and `[groups]`, not in
//! branches on names.
//!
//! Deliberately absent: time and chance. Ids follow from a seed and a counter, moments from the caller.

mod access;
mod change;
mod describe;
mod discovery;
mod filter;
mod groups;
mod input;
mod list;
mod members;
mod membership;
mod operations;
mod parse;
mod patch;
mod path;
mod query;
mod refusal;
mod route;
mod schema;
mod seed;
mod show;
mod state;
mod stored;
#[cfg(test)]
mod tests;
mod users;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::{Map, Value};

pub(in crate::sandbox) use access::digest;
pub use access::{Access, Holder};
pub use change::{Change, What};
pub use stored::{Kind, Stored};

use super::Reply;
use crate::{made_uuid::uuid_of, profile::Profile};
use query::Query;
use refusal::Refusal;
use route::Answer;
use show::{Among, projected};
use stored::{Indexed, Table};

/// The users and groups of one tenant, and the rules they live under.
#[derive(Clone, Debug)]
pub struct Cloud {
    profile: Profile,
    /// Where it is reached, with a slash at the end: what locations begin with.
    base: String,
    access: Access,
    seed: u64,
    /// Resources made so far, also those that are gone.
    made: u64,
    /// Requests answered so far.
    answered: u64,
    users: Table,
    groups: Table,
    /// The groups somebody is in.
    memberships: BTreeMap<String, BTreeSet<String>>,
    history: Vec<Change>,
}

/// What a resource holds.
type Attributes = Map<String, Value>;

impl Cloud {
    /// An empty cloud with the rules of the built-in profile of that name, reached at `base`, which ends
    /// with a slash. Nothing when there is no such profile.
    #[must_use]
    pub fn new(profile: &str, base: &str) -> Option<Self> {
        Profile::named(profile).map(|profile| Self::of(profile, base))
    }

    /// An empty cloud with the rules of `profile`.
    #[must_use]
    pub fn of(profile: Profile, base: &str) -> Self {
        let unique = |path: &str| profile.unique.iter().any(|unique| unique == path);
        let indexed = |path: &str, folded: bool, unique: bool| Indexed {
            path: path.to_owned(),
            folded,
            unique,
        };
        let mut users = vec![
            indexed("userName", profile.user_name_case_insensitive, unique("userName")),
            indexed("externalId", false, unique("externalId")),
        ];
        let others = profile
            .unique
            .iter()
            .filter(|path| !["userName", "externalId"].contains(&path.as_str()));
        users.extend(others.map(|path| indexed(path, true, true)));
        let names = &profile.groups;
        let groups = vec![
            indexed(
                "displayName",
                names.display_name_case_insensitive,
                names.display_name_unique,
            ),
            indexed("externalId", false, false),
        ];
        Self {
            base: base.to_owned(),
            access: Access::default(),
            seed: 0,
            made: 0,
            answered: 0,
            users: Table::new(users),
            groups: Table::new(groups),
            memberships: BTreeMap::new(),
            history: Vec::new(),
            profile,
        }
    }

    /// This cloud for those who show `token`. Without one, any bearer token is taken.
    #[must_use]
    pub fn with_token(mut self, token: &SecretString) -> Self {
        self.access.holders = Some(vec![Holder::of(token)]);
        self
    }

    /// This cloud with other ids.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The rules it lives under.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// All users, in the order of their creation.
    pub fn users(&self) -> impl Iterator<Item = &Stored> {
        self.users.rows().map(|(_, stored)| stored)
    }

    /// All groups, in the order of their creation.
    pub fn groups(&self) -> impl Iterator<Item = &Stored> {
        self.groups.rows().map(|(_, stored)| stored)
    }

    /// What has this id now.
    #[must_use]
    pub fn get(&self, kind: Kind, id: &str) -> Option<&Stored> {
        self.table(kind).get(id)
    }

    /// An error in the shape of this cloud, for one that something in front of it makes up.
    #[must_use]
    pub fn refusal(&self, status: u16, detail: &str, now: DateTime<Utc>) -> Reply {
        let wire = &self.profile.wire;
        let request_id = uuid_of(&format!("{} refusal {}", self.seed, self.answered));
        let body = Refusal::new(status, None, detail).body(&wire.error, now, &request_id);
        Reply {
            status,
            headers: vec![("content-type".to_owned(), wire.answer_type.clone())],
            body: body.to_string().into_bytes(),
        }
    }

    /// Every effect that a request had, oldest first.
    #[must_use]
    pub fn history(&self) -> &[Change] {
        &self.history
    }

    /// Values that should be one user's, or one group's, but are held by several: `userName`, `externalId`
    /// and what else is unique here. Empty when all is well; one sentence for each otherwise.
    #[must_use]
    pub fn duplicates(&self) -> Vec<String> {
        let said = |kind: Kind| {
            let line = move |(path, value, count): (&str, &str, usize)| {
                format!("{count} {} have the {path} {value:?}", kind.endpoint().to_lowercase())
            };
            self.table(kind).repeated().map(line)
        };
        said(Kind::User).chain(said(Kind::Group)).collect()
    }

    fn table(&self, kind: Kind) -> &Table {
        match kind {
            Kind::User => &self.users,
            Kind::Group => &self.groups,
        }
    }

    fn table_mut(&mut self, kind: Kind) -> &mut Table {
        match kind {
            Kind::User => &mut self.users,
            Kind::Group => &mut self.groups,
        }
    }

    /// Whether accounts made by hand are out of sight.
    fn hides_manual(&self, kind: Kind) -> bool {
        kind == Kind::User && self.profile.wire.manual_hidden
    }

    /// The resource of that id, as far as SCIM sees it.
    fn find(&self, kind: Kind, id: &str) -> Result<&Stored, Refusal> {
        let found = self.table(kind).get(id);
        found
            .filter(|stored| !(stored.manual && self.hides_manual(kind)))
            .ok_or_else(|| Refusal::not_found(format!("there is no {} {id}", kind.name().to_lowercase())))
    }

    fn one(&self, kind: Kind, id: &str, query: &Query) -> Result<Answer, Refusal> {
        let shown = self.shown(kind, self.find(kind, id)?, Among::Alone);
        Ok(Answer::ok(Value::Object(projected(shown, query))))
    }

    /// 201 with the new resource.
    fn created(&self, kind: Kind, id: &str, query: &Query) -> Result<Answer, Refusal> {
        let location = format!("{}{}/{id}", self.base, kind.endpoint());
        Ok(Answer {
            status: 201,
            location: self.profile.wire.location.then_some(location),
            ..self.one(kind, id, query)?
        })
    }

    /// Stores something new and returns its id.
    fn store_new(&mut self, kind: Kind, resource: Map<String, Value>, manual: bool, now: DateTime<Utc>) -> String {
        self.made += 1;
        let number = self.made;
        let id = self.id(kind, number);
        let stored = Stored {
            id: id.clone(),
            resource,
            members: BTreeMap::new(),
            manual,
            created: now,
            last_modified: now,
        };
        self.table_mut(kind).insert(number, stored);
        id
    }

    /// The id of what was made as number so-and-so.
    fn id(&self, kind: Kind, number: u64) -> String {
        let prefix = match kind {
            Kind::User => &self.profile.wire.user_id_prefix,
            Kind::Group => &self.profile.wire.group_id_prefix,
        };
        let uuid = uuid_of(&format!("{} {} {number}", self.seed, kind.name()));
        if prefix.is_empty() {
            uuid
        } else {
            let short: String = uuid.chars().filter(|c| *c != '-').take(20).collect();
            format!("{prefix}{short}")
        }
    }

    fn record(
        &mut self,
        kind: Kind,
        id: &str,
        what: What,
        (before, after): (Option<Attributes>, Option<Attributes>),
        at: DateTime<Utc>,
    ) {
        let named = |attributes: &Map<String, Value>| {
            let name = attributes.get("userName").or_else(|| attributes.get("displayName"));
            name.and_then(Value::as_str).map(str::to_owned)
        };
        let name = after.as_ref().or(before.as_ref()).and_then(named).unwrap_or_default();
        self.history.push(Change {
            number: self.history.len() as u64 + 1,
            at,
            kind,
            id: id.to_owned(),
            name,
            what,
            before,
            after,
            added: Vec::new(),
            removed: Vec::new(),
        });
    }
}
