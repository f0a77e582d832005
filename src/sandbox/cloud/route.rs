//! From a request to what it is about, and from the outcome to an answer.

use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{Cloud, Kind, input, query::Query, refusal::Refusal};
use crate::{
    made_uuid::uuid_of,
    profile::Profile,
    sandbox::{Reply, Request},
};

/// An answer that is not a refusal.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
    pub(super) location: Option<String>,
}

impl Answer {
    pub(super) fn ok(body: Value) -> Self {
        Self {
            status: 200,
            body: Some(body),
            location: None,
        }
    }

    /// 204.
    pub(super) fn empty() -> Self {
        Self {
            status: 204,
            body: None,
            location: None,
        }
    }
}

impl Cloud {
    /// The answer to one request at `now`, and its effect on the state.
    pub fn answer(&mut self, request: &Request, now: DateTime<Utc>) -> Reply {
        self.answered += 1;
        let wire = self.profile.wire.clone();
        let request_id = uuid_of(&format!("{} request {}", self.seed, self.answered));
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
        if !open {
            self.access.check(request.authorization.as_deref(), now)?;
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
            [".search"] if self.profile.wire.search => self.search(&[Kind::User, Kind::Group], request),
            ["Users", ".search"] if self.profile.wire.search => self.search(&[Kind::User], request),
            ["Groups", ".search"] if self.profile.wire.search => self.search(&[Kind::Group], request),
            ["Users"] => self.collection(Kind::User, request, &query(&self.profile)?, now),
            ["Groups"] => self.collection(Kind::Group, request, &query(&self.profile)?, now),
            ["Users", id] if !id.is_empty() => self.resource(Kind::User, id, request, &query(&self.profile)?, now),
            ["Groups", id] if !id.is_empty() => self.resource(Kind::Group, id, request, &query(&self.profile)?, now),
            _ => Err(no_endpoint()),
        }
    }

    fn search(&self, kinds: &[Kind], request: &Request) -> Result<Answer, Refusal> {
        if request.method != "POST" {
            return Err(not_offered());
        }
        let query = Query::search(&input::object(content(request)?)?)?;
        self.list(kinds, &query).map(Answer::ok)
    }

    fn collection(
        &mut self,
        kind: Kind,
        request: &Request,
        query: &Query,
        now: DateTime<Utc>,
    ) -> Result<Answer, Refusal> {
        match (request.method.as_str(), kind) {
            ("GET", _) => self.list(&[kind], query).map(Answer::ok),
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
