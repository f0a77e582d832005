//! Listing everybody, page by page, and what a page proves: one that is full, or that came from a
//! service which may not know paging at all, proves nothing.

use super::{
    client::ScimClient,
    request::{self, PlannedRequest},
    transport::Answer,
    wire::{Page, is_scim_answer},
};
use crate::{
    model::ResourceId,
    ports::{AccountReader, CloudAccount, ListFrom, ListNext, ListPage, Match, Payload, ProviderError, Taken},
    profile::Paging,
};

/// Below this many accounts a first page without a cursor is the whole list even where cursor paging is
/// not offered yet: the oldest known cap of such services.
const OLD_CAP: u64 = 50;

impl AccountReader for ScimClient {
    fn lists(&self) -> bool {
        self.profile.paging != Paging::None
    }

    fn page_size(&self) -> u64 {
        u64::from(self.profile.page_cap)
    }

    async fn list(&self, from: &ListFrom) -> Result<ListPage, ProviderError> {
        let from = self.first_or(from);
        self.page(&request::list(from, self.profile.page_cap), from).await
    }

    async fn account(&self, id: &ResourceId) -> Result<Option<CloudAccount>, ProviderError> {
        let account = match self.send(&request::get(id)).await {
            Ok(answer) => shown(answer, id),
            // Such an id has no place in a URL, so no account can have it.
            Err(ProviderError::Gone) => Ok(None),
            Err(error) => Err(error),
        };
        self.heed(account)
    }

    async fn account_of(&self, payload: &Payload, taken: Taken<'_>) -> Result<Match, ProviderError> {
        self.heed(self.match_for(payload, taken).await)
    }

    fn judge(&self, account: &CloudAccount, payload: &Payload) -> Result<(), String> {
        self.judge_shown(account.external_id(), payload)
    }

    fn requests(&self) -> u64 {
        self.requests_sent()
    }
}

impl ScimClient {
    /// Where a list begins depends on its kind of paging.
    pub(super) fn first_or<'a>(&self, from: &'a ListFrom) -> &'a ListFrom {
        match from {
            ListFrom::Start if self.profile.paging != Paging::Cursor => &ListFrom::Index(1),
            from => from,
        }
    }

    /// The page that `request` asks for.
    pub(super) async fn page(&self, request: &PlannedRequest, from: &ListFrom) -> Result<ListPage, ProviderError> {
        let answer = self.send(request).await;
        self.heed(answer.map(|answer| judge(&answer, from, self.page_size())))
    }
}

/// The account in the answer to a GET of its id.
fn shown(answer: Answer, id: &ResourceId) -> Result<Option<CloudAccount>, ProviderError> {
    let Some(body) = body_of(answer)? else { return Ok(None) };
    match super::wire::account(&body) {
        Some(account) if account.id == *id => Ok(Some(account)),
        _ => Err(unusable(
            "the service provider answered with something that is not the account asked for".into(),
        )),
    }
}

/// The body of the answer to a GET of something by its id; nothing when there is no such thing.
pub(super) fn body_of(answer: Answer) -> Result<Option<Vec<u8>>, ProviderError> {
    match answer.status {
        200..=299 => Ok(Some(answer.body.unwrap_or_default())),
        404 if answer.body.as_deref().is_ok_and(is_scim_answer) => Ok(None),
        404 => Err(unusable(format!(
            "something in front of the service provider answered 404: {}",
            answer.detail
        ))),
        status => Err(super::account::refused(status, answer.detail)),
    }
}

/// An answer that says nothing of what was asked for.
pub(super) fn unusable(reason: String) -> ProviderError {
    ProviderError::Unavailable { reason, tries: 1 }
}

/// What a page is and what it proves.
pub(super) fn judge(answer: &Answer, from: &ListFrom, page_size: u64) -> ListPage {
    let empty = |why: String| ListPage {
        accounts: Vec::new(),
        total: None,
        next: ListNext::Unproved(why),
    };
    if !(200..=299).contains(&answer.status) {
        return empty(format!(
            "the list was answered with {}: {}",
            answer.status, answer.detail
        ));
    }
    let body = answer.body.as_deref().unwrap_or_default();
    match Page::parse(body, 0) {
        None => empty("the list was answered with something that is not a list".into()),
        Some(page) => ListPage {
            next: next(&page, from, page_size),
            total: page.total,
            accounts: page.accounts.iter().filter_map(|account| account.shown()).collect(),
        },
    }
}

fn next(page: &Page, from: &ListFrom, page_size: u64) -> ListNext {
    if let Some(cursor) = &page.cursor {
        return ListNext::More(ListFrom::Cursor(cursor.clone()));
    }
    match from {
        // The end of a list with cursors is the absence of one (RFC 9865 section 2).
        ListFrom::Cursor(_) => ListNext::End,
        ListFrom::Start => match page.total {
            Some(total) if page.held >= total && page.held < page_size.min(OLD_CAP) => ListNext::End,
            None if page.held < page_size => ListNext::End,
            _ => ListNext::Unproved("the service provider lists a part of its accounts and gives no cursor".into()),
        },
        ListFrom::Index(index) => next_by_index(page, *index, page_size),
    }
}

fn next_by_index(page: &Page, index: u64, page_size: u64) -> ListNext {
    let Some(total) = page.total else {
        return ListNext::Unproved("the service provider does not say how many accounts there are".into());
    };
    let seen = index.saturating_sub(1).saturating_add(page.held);
    match (page.held, seen >= total) {
        (0, true) => ListNext::End,
        (0, false) => ListNext::Unproved(format!("the list ends after {seen} of {total} accounts")),
        // Some count only what they return, so a full page has to be followed by an empty one.
        (held, true) if held < page_size => ListNext::End,
        _ => ListNext::More(ListFrom::Index(seen + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_proves() {
        let more = |from| Some(ListNext::More(from));
        let check = |from: ListFrom, body: &str, expected: Option<ListNext>| {
            let answer = Answer {
                status: 200,
                body: Ok(body.as_bytes().to_vec()),
                retry_after: None,
                location: None,
                detail: String::new(),
            };
            let next = judge(&answer, &from, 2).next;
            match expected {
                Some(expected) => assert_eq!(next, expected, "{from:?} {body}"),
                None => assert!(matches!(next, ListNext::Unproved(_)), "{from:?} {body}: {next:?}"),
            }
        };
        let end = Some(ListNext::End);
        let two = r#""Resources":[{"id":"a"},{"id":"b"}]"#;
        let one = r#""Resources":[{"id":"a"}]"#;
        let index = ListFrom::Index;
        check(index(1), &format!(r#"{{"totalResults":5,{two}}}"#), more(index(3)));
        check(index(5), &format!(r#"{{"totalResults":"5",{one}}}"#), end.clone());
        check(index(1), &format!(r#"{{"totalResults":2,{two}}}"#), more(index(3)));
        check(index(3), r#"{"totalResults":2,"Resources":[]}"#, end.clone());
        check(index(1), r#"{"totalResults":0}"#, end.clone());
        check(index(3), r#"{"totalResults":9,"Resources":[]}"#, None);
        check(index(1), &format!("{{{two}}}"), None);
        check(index(1), "<html>", None);
        let cursor = |text: &str| ListFrom::Cursor(text.into());
        check(
            ListFrom::Start,
            &format!(r#"{{"nextCursor":"c",{one}}}"#),
            more(cursor("c")),
        );
        check(cursor("c"), r#"{"nextCursor":"d","Resources":[]}"#, more(cursor("d")));
        check(cursor("d"), &format!("{{{two}}}"), end.clone());
        check(ListFrom::Start, &format!("{{{one}}}"), end.clone());
        check(ListFrom::Start, &format!("{{{two}}}"), None);
        check(ListFrom::Start, &format!(r#"{{"totalResults":1,{one}}}"#), end);
        check(ListFrom::Start, &format!(r#"{{"totalResults":9,{one}}}"#), None);
        check(ListFrom::Start, &format!(r#"{{"totalResults":2,{two}}}"#), None);
    }
}
