//! Huawei Cloud's access tokens and Alibaba Cloud's SCIM credentials: the same thing under two names.

use std::path::Path;

use chrono::Utc;
use serde_json::{Map, Value, json};

use super::{
    super::signals,
    Failure,
    answer::{Answer, columns, expiry, time, time_json},
    consent,
    destination::{Keeping, NotKept, Replaced},
    held::Held,
    words::Words,
};
use crate::{
    cli::cloud::{Consent, Destination},
    cloud::{CloudError, IssuedToken, TokenAuthority, TokenFile},
    outcome::exit,
};

/// Tokens of one endpoint, and the file that holds the one in use.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'a> {
    pub(super) words: Words,
    /// `[scim] token`, when that is a file.
    pub(super) configured: Option<&'a Path>,
}

impl Tokens<'_> {
    /// `list`
    pub(super) async fn list(&self, authority: &impl TokenAuthority) -> Result<Answer, Failure> {
        let tokens = authority.list().await?;
        let in_use = self.in_use();
        let now = Utc::now();
        let rows: Vec<Vec<String>> = tokens
            .iter()
            .map(|token| {
                vec![
                    token.id.clone(),
                    token.created.map(time).unwrap_or_default(),
                    expiry(token.expires, now),
                    self.standing(token, in_use.as_deref()),
                ]
            })
            .collect();
        let text = match tokens.len() {
            0 => format!(
                "There is no {0}; make one: {1} create --out FILE",
                self.words.one, self.words.command
            ),
            _ => columns(&["id", "made", "good until", ""], &rows),
        };
        let json: Vec<Value> = tokens.iter().map(|token| json_of(token, in_use.as_deref())).collect();
        Ok(Answer::new(text, one(self.words.many, json.into())))
    }

    fn standing(&self, token: &IssuedToken, in_use: Option<&str>) -> String {
        let mut words = Vec::new();
        if !token.enabled {
            words.push("disabled".to_owned());
        }
        if let Some(file) = self.configured.filter(|_| in_use == Some(&*token.id)) {
            words.push(format!("in use: {}", file.display()));
        }
        words.join(", ")
    }

    /// The id of the one in the configured file, as far as the note beside it tells.
    fn in_use(&self) -> Option<String> {
        let file = TokenFile::open(self.configured?).ok()?;
        // What cannot be read is no hindrance: nothing depends on it but a word in a list.
        file.in_use().ok()?.map(|token| token.id)
    }

    /// Where a new one goes, looked at before anything is sent.
    pub(super) fn prepare(&self, destination: &Destination) -> Result<Keeping, Failure> {
        Keeping::prepare(destination, self.configured)
    }

    /// `create`
    pub(super) async fn create(&self, authority: &impl TokenAuthority, keeping: &Keeping) -> Result<Answer, Failure> {
        let Words { one, command, .. } = &self.words;
        let held = keeping.hold()?;
        let replaced = keeping.replaced();
        let before = authority.room().await.map_err(|error| self.refused(error))?;
        let left = format!(
            "a new {one} may be there that nobody has: look with {command} list, and delete it: {command} delete ID"
        );
        // From the request to the last file: a token that nobody has takes up one of two places.
        signals::finish(self.make(authority, keeping, held.as_ref(), &before, replaced), &left).await?
    }

    async fn make(
        &self,
        authority: &impl TokenAuthority,
        keeping: &Keeping,
        held: Option<&Held>,
        before: &[String],
        replaced: Option<Replaced>,
    ) -> Result<Answer, Failure> {
        let Words { one: name, command, .. } = &self.words;
        let (token, secret) = authority.make(before).await.map_err(|error| self.refused(error))?;
        if let Err(not_kept) = keeping.keep(held, &token, &secret) {
            return Err(self.give_up(authority, keeping, &token, not_kept).await);
        }
        let mut text = format!(
            "Made {} {}, good until {}.\n{}",
            self.words.one,
            token.id,
            expiry(token.expires, Utc::now()),
            keeping.words(&secret)
        );
        let left = replaced.map(|replaced| self.left_over(before, &replaced));
        let (left, words) = left.unwrap_or_default();
        text.push_str(&words);
        let mut json = one(self.words.one, json_of(&token, None));
        if let Value::Object(json) = &mut json {
            json.extend(keeping.json(&secret).map(|(key, value)| (key.to_owned(), value)));
            json.insert("replaced".to_owned(), left.into());
        }
        let id = &token.id;
        let loss = format!("the new {name} {id} is lost; delete it: {command} delete {id}");
        Ok(Answer {
            loss: keeping.is_shown_only().then_some(loss),
            ..Answer::new(text, json)
        })
    }

    /// Why there is none, in this cloud's words.
    fn refused(&self, error: CloudError) -> Failure {
        let Words { one, many, command, .. } = &self.words;
        let words = match &error {
            CloudError::TooManyTokens { ids } => format!(
                "there are two {many} already ({}), and the cloud allows no more: delete the one that is not in use \
                 ({command} delete ID), or use `rotate`, which does it for you",
                ids.join(", ")
            ),
            CloudError::TokenLost { ids, why } => format!(
                "a {one} was made, but the answer with its text was lost ({why}): delete {} and try again: {command} delete ID",
                ids.join(", ")
            ),
            _ => return error.into(),
        };
        Failure {
            words,
            code: error.exit_code(),
        }
    }

    /// The token that the file held, as far as that is known and it was there `before`, and what there is to say of
    /// it: whoever has it is let in.
    fn left_over(&self, before: &[String], Replaced { path, id }: &Replaced) -> (Option<String>, String) {
        let Words { one, command, .. } = &self.words;
        let file = path.display();
        let [other] = before else { return (None, String::new()) };
        let is_known = id.as_ref() == Some(other);
        let which = match is_known {
            true => format!("{one} {other}, which {file} held before, is still there"),
            false => format!("there is also {one} {other}; if {file} held it before, it is still good"),
        };
        let words = format!("Note: {which}: when nobody uses it any more, delete it: {command} delete {other}\n");
        (is_known.then(|| other.clone()), words)
    }

    /// What nobody has takes up one of two places. What a file holds stays.
    async fn give_up(
        &self,
        authority: &impl TokenAuthority,
        keeping: &Keeping,
        token: &IssuedToken,
        NotKept { problem, held }: NotKept,
    ) -> Failure {
        let Words { one, command, .. } = &self.words;
        if let Some(held) = held {
            return Failure {
                words: format!(
                    "{problem}; the new {one} {} was left alone, because {} may hold it: look at that file, and delete \
                     what you do not need: {command} delete ID",
                    token.id,
                    held.display()
                ),
                code: exit::OBJECTS,
            };
        }
        let after = match authority.delete(&token.id).await {
            Ok(()) => {
                keeping.forget(token);
                format!("the new {one} was deleted again")
            }
            Err(error) => format!(
                "the new {one} {id} is lost and could not be deleted again ({error}); delete it: {command} delete {id}",
                id = token.id
            ),
        };
        Failure {
            words: format!("{problem}; {after}"),
            code: exit::OBJECTS,
        }
    }

    /// `delete`
    pub(super) async fn delete(
        &self,
        authority: &impl TokenAuthority,
        id: &str,
        consent: Consent,
    ) -> Result<Answer, Failure> {
        let Words { one: name, .. } = &self.words;
        let token = self.find(authority, id).await?;
        let place = match (self.in_use(), self.configured) {
            (Some(in_use), Some(file)) if in_use == token.id => format!(" It is the one in {}.", file.display()),
            _ => String::new(),
        };
        let follows = format!("Whoever uses {name} {id} is refused from then on.{place}");
        consent::ask(consent, &follows, id)?;
        authority.delete(id).await?;
        Ok(Answer::new(format!("Deleted {name} {id}."), one("deleted", id.into())))
    }

    /// By its id; a slip of the finger is not taken for something that is gone already.
    pub(super) async fn find(&self, authority: &impl TokenAuthority, id: &str) -> Result<IssuedToken, Failure> {
        let tokens = authority.list().await?;
        if let Some(token) = tokens.iter().find(|token| token.id == id) {
            return Ok(token.clone());
        }
        let ids: Vec<&str> = tokens.iter().map(|token| &*token.id).collect();
        let there = match ids.as_slice() {
            [] => "there is none".to_owned(),
            ids => format!("there are: {}", ids.join(", ")),
        };
        Err(Failure {
            words: format!("there is no {} {id}; {there}", self.words.one),
            code: exit::PROVIDER,
        })
    }
}

/// A token for programs.
pub(super) fn json_of(token: &IssuedToken, in_use: Option<&str>) -> Value {
    json!({
        "id": token.id,
        "created": time_json(token.created),
        "expires": time_json(token.expires),
        "enabled": token.enabled,
        "in_use": in_use.map(|in_use| in_use == token.id),
    })
}

/// An object with one key.
pub(super) fn one(key: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), value)]))
}
