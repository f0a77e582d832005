//! Who holds this person's or this group's place? A filter is a question; the answer is checked, because some
//! providers ignore filters and answer with everybody.

use super::{
    client::ScimClient,
    request::PlannedRequest,
    transport::Answer,
    wanted::Wanted,
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

/// An account, or a group, that can be addressed.
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
    pub(super) fn describe<W: Wanted>(&self) -> String {
        let quoted = |name: &str, value: Option<&str>| match value {
            Some(value) => format!("{name} {value:?}"),
            None => format!("no {name}"),
        };
        format!(
            "{} {} ({}, {}{})",
            W::NOUN,
            self.id,
            quoted(W::NAME, W::name_of(&self.account)),
            quoted("externalId", self.account.external_id.as_deref()),
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
    /// Looks by `externalId` where the profile can filter on it, then by name.
    pub(super) async fn find<W: Wanted>(&self, wanted: &W) -> Result<Found, ProviderError> {
        let external_id = wanted.external_id();
        let mut by_external_id = None;
        if !external_id.is_empty() && W::can_filter(&self.profile, "externalId") {
            let is_it = |account: &Account| account.external_id.as_deref() == Some(external_id);
            let found = conclude::<W>(self.ask::<W>("externalId", external_id, is_it).await?);
            if matches!(found, Found::One(_)) {
                return Ok(found);
            }
            by_external_id = Some(found);
        }
        match by_external_id {
            Some(Found::Unclear(why)) if why.starts_with(SEVERAL) => Ok(Found::Unclear(why)),
            // It may have another name there.
            Some(Found::Unanswered(why)) => Ok(match self.find_by_name(wanted).await? {
                Found::Nothing => Found::Unanswered(why),
                found => found,
            }),
            // One of that name may be there without an externalId, so the name decides.
            _ if W::can_filter(&self.profile, W::NAME) => self.find_by_name(wanted).await,
            Some(found) => Ok(found),
            None => Ok(Found::Unclear(format!(
                "this profile can look {}s up neither by externalId nor by {}",
                W::NOUN,
                W::NAME
            ))),
        }
    }

    /// Whether a look-up by name was answered with a whole list without `id` in it.
    pub(super) async fn proves_absence(&self, id: &ResourceId, payload: &Payload) -> Result<bool, ProviderError> {
        let name = payload.pushed.resource.user_name();
        self.lists_without(&Payload::look_up(&self.profile, Payload::NAME, name), id)
            .await
    }

    /// Whether `look_up` was answered with a whole list without `id` in it.
    pub(super) async fn lists_without(&self, look_up: &PlannedRequest, id: &ResourceId) -> Result<bool, ProviderError> {
        let answer = self.send(look_up).await?;
        let body = answer.body.as_deref().unwrap_or_default();
        let page = match answer.status {
            200..=299 => Page::parse(body, self.profile.page_cap),
            _ => None,
        };
        Ok(page
            .is_some_and(|page| !page.partial && page.accounts.iter().all(|account| account.id.as_ref() != Some(id))))
    }

    /// Looks by name only.
    pub(super) async fn find_by_name<W: Wanted>(&self, wanted: &W) -> Result<Found, ProviderError> {
        let name = wanted.name();
        let is_it =
            |account: &Account| W::name_of(account).is_some_and(|there| W::is_same_name(&self.profile, there, name));
        let reply = self.ask::<W>(W::NAME, name, is_it).await?;
        Ok(match reply {
            // This only settles which of several is meant.
            Reply::Matches(mut holders) if holders.len() > 1 && W::exact_name_decides(&self.profile) => {
                holders.sort_by_key(|holder| W::name_of(&holder.account) != Some(name));
                let same = |holder: &&Holder| W::name_of(&holder.account) == Some(name);
                if holders.iter().filter(same).count() == 1 {
                    holders.truncate(1);
                }
                conclude::<W>(Reply::Matches(holders))
            }
            reply => conclude::<W>(reply),
        })
    }

    async fn ask<W: Wanted>(
        &self,
        attribute: &'static str,
        value: &str,
        is_it: impl Fn(&Account) -> bool + Send,
    ) -> Result<Reply, ProviderError> {
        let answer = self.send(&W::look_up(&self.profile, attribute, value)).await?;
        Ok(self.weigh::<W>(attribute, &answer, is_it))
    }

    fn weigh<W: Wanted>(&self, attribute: &str, answer: &Answer, is_it: impl Fn(&Account) -> bool) -> Reply {
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
                "the service provider ignores the filter on {attribute} and lists only a part of its {}s",
                W::NOUN
            ));
        }
        Reply::Matches(matches)
    }
}

const SEVERAL: &str = "several ";

fn holder(account: Account) -> Option<Holder> {
    let id = account.id.clone()?;
    Some(Holder { id, account })
}

fn conclude<W: Wanted>(reply: Reply) -> Found {
    match reply {
        Reply::NoProof(why) => Found::Unclear(why),
        Reply::Unanswered(why) => Found::Unanswered(why),
        Reply::Matches(mut holders) => match (holders.pop(), holders.is_empty()) {
            (None, _) => Found::Nothing,
            (Some(holder), true) => Found::One(Box::new(holder)),
            (Some(last), false) => {
                let all: Vec<_> = holders.iter().chain([&last]).map(Holder::describe::<W>).collect();
                Found::Unclear(format!(
                    "{SEVERAL}{}s match: {}; remove all but one",
                    W::NOUN,
                    all.join(", ")
                ))
            }
        },
    }
}
