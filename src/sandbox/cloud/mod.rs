//! The cloud's state and its answers.
//!
//! Reading order: `stored` (what is held), `input` (a user from JSON, checked by the profile's own
//! rules), `users`, `operations` and `patch`, `groups` and `members`, then what goes out: `show`,
//! `filter` and `list`, `discovery`, `refusal`. What differs from cloud to cloud stands in the profile's
//! `[wire]`, `[patch]` and `[groups]`, not in branches on names.
//!
//! Deliberately absent: time and chance. Ids follow from a seed and a counter, moments from the caller.

mod change;
mod discovery;
mod filter;
mod groups;
mod input;
mod list;
mod members;
mod operations;
mod patch;
mod path;
mod query;
mod refusal;
mod schema;
mod show;
mod state;
mod stored;
#[cfg(test)]
mod tests;
mod users;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

pub use change::{Change, What};
pub use stored::{Kind, Stored};

use super::{Reply, Request};
use crate::profile::Profile;
use query::Query;
use refusal::Refusal;
use show::{Among, projected};
use stored::{Indexed, Table};

/// The users and groups of one tenant, and the rules they live under.
#[derive(Clone, Debug)]
pub struct Cloud {
    profile: Profile,
    /// Where it is reached, with a slash at the end: what locations begin with.
    base: String,
    token: Option<SecretString>,
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

/// An answer that is not a refusal.
#[derive(Debug)]
struct Answer {
    status: u16,
    body: Option<Value>,
    location: Option<String>,
}

impl Answer {
    fn ok(body: Value) -> Self {
        Self {
            status: 200,
            body: Some(body),
            location: None,
        }
    }

    /// 204.
    fn empty() -> Self {
        Self {
            status: 204,
            body: None,
            location: None,
        }
    }
}

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
            token: None,
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
    pub fn with_token(mut self, token: SecretString) -> Self {
        self.token = Some(token);
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

    /// The answer to one request at `now`, and its effect on the state.
    pub fn answer(&mut self, request: &Request, now: DateTime<Utc>) -> Reply {
        self.answered += 1;
        let wire = self.profile.wire.clone();
        let request_id = uuid(&format!("{} request {}", self.seed, self.answered));
        let mut headers = Vec::new();
        headers.extend(wire.request_id_header.map(|name| (name, request_id.clone())));
        let (status, body) = match self.route(request, now) {
            Ok(answer) => {
                headers.extend(answer.location.map(|location| ("location".to_owned(), location)));
                (answer.status, answer.body)
            }
            Err(refusal) => {
                if refusal.status == 401 {
                    headers.push(("www-authenticate".to_owned(), "Bearer".to_owned()));
                }
                (refusal.status, Some(refusal.body(&wire.error, now, &request_id)))
            }
        };
        if body.is_some() {
            headers.push(("content-type".to_owned(), wire.answer_type));
        }
        Reply {
            status,
            headers,
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
        }
    }

    fn route(&mut self, request: &Request, now: DateTime<Utc>) -> Result<Answer, Refusal> {
        let segments: Vec<String> = request
            .path
            .split('/')
            .map(decoded)
            .collect::<Option<_>>()
            .ok_or_else(no_endpoint)?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let open = segments == ["ServiceProviderConfig"] && self.profile.wire.config_without_token;
        if !open && !self.knows(request.authorization.as_deref()) {
            return Err(Refusal::new(401, None, "a valid bearer token is needed"));
        }
        let query = |profile: &Profile| Query::parse(profile, request.query.as_deref());
        let get = request.method == "GET";
        match segments.as_slice() {
            ["ServiceProviderConfig"] if get => Ok(Answer::ok(self.provider_config())),
            [endpoint, rest @ ..]
                if rest.len() < 2 && self.profile.wire.discovery.iter().any(|known| known == endpoint) =>
            {
                // RFC 7644 section 4: no filters here.
                match (get, query(&self.profile)?.filter) {
                    (false, _) => Err(not_offered()),
                    (true, Some(_)) => Err(Refusal::new(403, None, "there is no filter here")),
                    (true, None) => self.discovery(endpoint, rest.first().copied()).map(Answer::ok),
                }
            }
            ["ServiceProviderConfig"] => Err(not_offered()),
            ["Users"] => self.collection(Kind::User, request, &query(&self.profile)?, now),
            ["Groups"] => self.collection(Kind::Group, request, &query(&self.profile)?, now),
            ["Users", id] if !id.is_empty() => self.resource(Kind::User, id, request, &query(&self.profile)?, now),
            ["Groups", id] if !id.is_empty() => self.resource(Kind::Group, id, request, &query(&self.profile)?, now),
            _ => Err(no_endpoint()),
        }
    }

    fn knows(&self, authorization: Option<&str>) -> bool {
        let shown = authorization.and_then(|header| {
            let (scheme, token) = header.split_once(' ')?;
            scheme.eq_ignore_ascii_case("Bearer").then_some(token.trim())
        });
        match (&self.token, shown) {
            (Some(token), Some(shown)) => shown == token.expose_secret(),
            (None, Some(shown)) => !shown.is_empty(),
            (_, None) => false,
        }
    }

    fn collection(
        &mut self,
        kind: Kind,
        request: &Request,
        query: &Query,
        now: DateTime<Utc>,
    ) -> Result<Answer, Refusal> {
        match (request.method.as_str(), kind) {
            ("GET", _) => self.list(kind, query).map(Answer::ok),
            ("POST", Kind::User) => self.create_user(content(request)?, query, now),
            ("POST", Kind::Group) => self.create_group(content(request)?, query, now),
            _ => Err(not_offered()),
        }
    }

    fn resource(
        &mut self,
        kind: Kind,
        id: &str,
        request: &Request,
        query: &Query,
        now: DateTime<Utc>,
    ) -> Result<Answer, Refusal> {
        match (request.method.as_str(), kind) {
            ("GET", _) => self.one(kind, id, query),
            ("PUT", Kind::User) => self.replace_user(id, content(request)?, query, now),
            ("PATCH", Kind::User) => self.patch_user(id, content(request)?, query, now),
            ("DELETE", Kind::User) => self.delete_user(id, now),
            ("PUT", Kind::Group) if self.profile.groups.put => self.replace_group(id, content(request)?, query, now),
            ("PATCH", Kind::Group) => self.patch_group(id, content(request)?, query, now),
            ("DELETE", Kind::Group) => self.delete_group(id, now),
            _ => Err(not_offered()),
        }
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
        let uuid = uuid(&format!("{} {} {number}", self.seed, kind.name()));
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

/// The body of a request, when it says that it is JSON.
fn content(request: &Request) -> Result<&[u8], Refusal> {
    let media = |header: &str| header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match request.content_type.as_deref().map(media).as_deref() {
        None | Some("application/json" | "application/scim+json") => Ok(&request.body),
        Some(other) => {
            let why = format!("{other}: the content has to be application/scim+json or application/json");
            Err(Refusal::new(415, None, why))
        }
    }
}

fn decoded(segment: &str) -> Option<String> {
    percent_decode_str(segment).decode_utf8().ok().map(Into::into)
}

fn no_endpoint() -> Refusal {
    Refusal::not_found("there is no such endpoint")
}

fn not_offered() -> Refusal {
    Refusal::new(405, None, "this method is not offered here")
}

/// A UUID made from a text, so that one seed always gives the same ids.
fn uuid(text: &str) -> String {
    let hex = blake3::hash(text.as_bytes()).to_hex();
    // Version 8 (RFC 9562 section 5.8: made by a rule of our own), variant 10.
    format!(
        "{}-{}-8{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}
