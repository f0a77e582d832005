//! Who holds this person's place? A filter is a question; the answer is checked, because some
//! providers ignore filters and answer with everybody.

use super::{
    client::ScimClient,
    request,
    transport::Answer,
    wire::{Account, Page, is_scim_error},
};
use crate::{
    model::ResourceId,
    ports::{Payload, ProviderError},
};

/// What a look-up came to.
pub(super) enum Found {
    /// No such account.
    Nothing,
    /// This one.
    One(Box<Holder>),
    /// It cannot be told, and why: several match, or this provider's answers prove nothing.
    Unclear(String),
    /// The question was not answered, and why.
    Unanswered(String),
}

/// An account that can be addressed.
pub(super) struct Holder {
    pub id: ResourceId,
    pub account: Account,
}

/// What one question came to.
enum Reply {
    /// Accounts that really match; none means that there is none.
    Matches(Vec<Holder>),
    /// None that matches, but the answer is no proof of that.
    NoProof(String),
    /// No list at all.
    Unanswered(String),
}

impl Holder {
    /// `account 2819 (userName "x", externalId "y")`, for messages.
    pub(super) fn describe(&self) -> String {
        let quoted = |name: &str, value: &Option<String>| match value {
            Some(value) => format!("{name} {value:?}"),
            None => format!("no {name}"),
        };
        format!(
            "account {} ({}, {}{})",
            self.id,
            quoted("userName", &self.account.user_name),
            quoted("externalId", &self.account.external_id),
            if self.account.active == Some(false) {
                ", inactive"
            } else {
                ""
            }
        )
    }
}

/// The `externalId` that an account of ours has there: as mapped, else the anchor.
pub(super) fn expected_external_id(payload: &Payload) -> &str {
    payload
        .pushed
        .resource
        .text("externalId")
        .unwrap_or(&payload.external_id)
}

impl ScimClient {
    /// Looks by `externalId` where the profile can filter on it, then by `userName`.
    pub(super) async fn find(&self, payload: &Payload) -> Result<Found, ProviderError> {
        let external_id = expected_external_id(payload);
        let mut by_external_id = None;
        if !external_id.is_empty() && self.can_filter("externalId") {
            let is_it = |account: &Account| account.external_id.as_deref() == Some(external_id);
            let found = conclude(self.ask("externalId", external_id, is_it).await?);
            if matches!(found, Found::One(_)) {
                return Ok(found);
            }
            by_external_id = Some(found);
        }
        match by_external_id {
            Some(Found::Unclear(why)) if why.starts_with(SEVERAL) => Ok(Found::Unclear(why)),
            // It may have another name there.
            Some(Found::Unanswered(why)) => Ok(match self.find_by_user_name(payload).await? {
                Found::Nothing => Found::Unanswered(why),
                found => found,
            }),
            // An account of that name may be there without an externalId, so the name decides.
            _ if self.can_filter("userName") => self.find_by_user_name(payload).await,
            Some(found) => Ok(found),
            None => Ok(Found::Unclear(
                "this profile can look accounts up neither by externalId nor by userName".into(),
            )),
        }
    }

    /// Whether a look-up by name was answered with a whole list without `id` in it.
    pub(super) async fn proves_absence(&self, id: &ResourceId, payload: &Payload) -> Result<bool, ProviderError> {
        let name = payload.pushed.resource.user_name();
        let answer = self.send(&request::find("userName", name)).await?;
        let body = answer.body.as_deref().unwrap_or_default();
        let page = match answer.status {
            200..=299 => Page::parse(body, self.profile.page_cap),
            _ => None,
        };
        Ok(page
            .is_some_and(|page| !page.partial && page.accounts.iter().all(|account| account.id.as_ref() != Some(id))))
    }

    /// Looks by `userName` only.
    pub(super) async fn find_by_user_name(&self, payload: &Payload) -> Result<Found, ProviderError> {
        let name = payload.pushed.resource.user_name();
        let lower = name.to_lowercase();
        let is_it = |account: &Account| {
            account
                .user_name
                .as_ref()
                .is_some_and(|there| there.to_lowercase() == lower)
        };
        let reply = self.ask("userName", name, is_it).await?;
        Ok(match reply {
            // Where case counts, "Ada" is not in the way of "ada"; but the filter decides that, so
            // this only settles which of several is meant.
            Reply::Matches(mut holders) if holders.len() > 1 && !self.profile.user_name_case_insensitive => {
                holders.sort_by_key(|holder| holder.account.user_name.as_deref() != Some(name));
                let same = |holder: &&Holder| holder.account.user_name.as_deref() == Some(name);
                if holders.iter().filter(same).count() == 1 {
                    holders.truncate(1);
                }
                conclude(Reply::Matches(holders))
            }
            reply => conclude(reply),
        })
    }

    fn can_filter(&self, attribute: &str) -> bool {
        self.profile.filterable.iter().any(|known| known == attribute)
    }

    async fn ask(
        &self,
        attribute: &'static str,
        value: &str,
        is_it: impl Fn(&Account) -> bool,
    ) -> Result<Reply, ProviderError> {
        let answer = self.send(&request::find(attribute, value)).await?;
        Ok(self.weigh(attribute, &answer, is_it))
    }

    fn weigh(&self, attribute: &str, answer: &Answer, is_it: impl Fn(&Account) -> bool) -> Reply {
        let body = answer.body.as_deref().unwrap_or_default();
        let page = match answer.status {
            200..=299 => Page::parse(body, self.profile.page_cap),
            // Elsewhere it says nothing of accounts: taken for "no match" it would make a second one.
            404 if self.profile.wire.no_match_is_404 && is_scim_error(body) => Some(Page::default()),
            404 if is_scim_error(body) => {
                return Reply::Unanswered(format!(
                    "the look-up by {attribute} was answered with 404, not with a list: {}; when this service provider \
                     says \"nobody matches\" like that, its profile needs wire.no_match_is_404 = true",
                    answer.detail
                ));
            }
            status @ (400 | 501) if is_scim_error(body) => {
                return Reply::NoProof(format!(
                    "the look-up by {attribute} was refused with {status}: {}",
                    answer.detail
                ));
            }
            status => {
                return Reply::Unanswered(format!(
                    "the look-up by {attribute} was answered with {status}: {}",
                    answer.detail
                ));
            }
        };
        let Some(page) = page else {
            return Reply::Unanswered(format!(
                "the look-up by {attribute} was answered with something that is not a list"
            ));
        };
        let matches: Vec<_> = page
            .accounts
            .into_iter()
            .filter(|account| is_it(account))
            .filter_map(holder)
            .collect();
        if matches.is_empty() && page.partial {
            return Reply::NoProof(format!(
                "the service provider ignores the filter on {attribute} and lists only a part of its accounts"
            ));
        }
        Reply::Matches(matches)
    }
}

const SEVERAL: &str = "several accounts match";

fn holder(account: Account) -> Option<Holder> {
    let id = account.id.clone()?;
    Some(Holder { id, account })
}

fn conclude(reply: Reply) -> Found {
    match reply {
        Reply::NoProof(why) => Found::Unclear(why),
        Reply::Unanswered(why) => Found::Unanswered(why),
        Reply::Matches(mut holders) => match (holders.pop(), holders.is_empty()) {
            (None, _) => Found::Nothing,
            (Some(holder), true) => Found::One(Box::new(holder)),
            (Some(last), false) => {
                let all: Vec<_> = holders.iter().chain([&last]).map(Holder::describe).collect();
                Found::Unclear(format!("{SEVERAL}: {}; remove all but one", all.join(", ")))
            }
        },
    }
}
