//! What holds for every answer of a service provider.

#![expect(clippy::panic, reason = "what a fuzzer finds is told by a panic")]

use std::time::{Duration, SystemTime};

use super::{
    body,
    check::judge_config,
    list,
    retry::{self, Idempotency, Outcome, Progress, RETRY_AFTER_MAX, RetryLimits},
    transport::Answer,
    wire::{self, Account, Page},
};
use crate::{
    ports::{CloudAccount, ListFrom, ListNext},
    profile::Profile,
};

/// Accounts on a page, for lists.
const PAGE_SIZE: u64 = 3;
/// The longest explanation in characters: words and request id, each bounded, and what stands around them.
const EXPLANATION_CHARS_MAX: usize = 2 * 301 + " (request id )".len();

/// The body of an answer to a GET of a user.
pub(crate) fn user(bytes: &[u8]) {
    let seen = Account::parse(bytes);
    let account = wire::account(bytes);
    assert_eq!(seen.id, account.as_ref().map(|account| account.id.clone()));
    account.iter().for_each(usable);
}

/// The body of an answer to a list.
pub(crate) fn users(bytes: &[u8]) {
    let answer = Answer {
        status: 200,
        retry_after: None,
        location: None,
        body: Ok(bytes.to_vec()),
        detail: String::new(),
    };
    let page = Page::parse(bytes, 0);
    let last = u64::MAX - 1;
    for from in [
        ListFrom::Start,
        ListFrom::Index(1),
        ListFrom::Index(last),
        ListFrom::Cursor("c".into()),
    ] {
        let judged = list::judge(&answer, &from, PAGE_SIZE);
        let accounts = page.as_ref().map_or(0, |page| page.accounts.len());
        assert_eq!(judged.accounts.len(), accounts, "who has an id is shown");
        judged.accounts.iter().for_each(usable);
        match (judged.next, &from) {
            (ListNext::More(ListFrom::Index(next)), ListFrom::Index(index)) => {
                assert!(next > *index || *index == last, "{next} after {index}");
            }
            (ListNext::More(ListFrom::Cursor(cursor)), _) => assert!(!cursor.is_empty()),
            (ListNext::More(next), _) => panic!("{next:?} after {from:?}"),
            (ListNext::End, _) => assert!(page.is_some(), "what is no list proves nothing"),
            (ListNext::Unproved(_), _) => {}
        }
    }
}

/// What the provider says about itself. The first byte is the status, divided by 2.
pub(crate) fn provider_config(bytes: &[u8]) {
    let Some((status, body)) = bytes.split_first() else {
        return;
    };
    let Some(profile) = Profile::named("generic") else {
        return;
    };
    let status = u16::from(*status) * 2;
    assert!(!judge_config(&profile, status, Some(body)).is_empty());
}

/// The body of an error, and what follows from it. The first line is the header with the request's id.
pub(crate) fn error(bytes: &[u8]) {
    let (id, body) = match bytes.split(|byte| *byte == b'\n').next() {
        Some(line) if line.len() < bytes.len() => (std::str::from_utf8(line).ok(), &bytes[line.len() + 1..]),
        _ => (None, bytes),
    };
    let words = wire::explain(body, id);
    assert!(!words.trim().is_empty());
    assert!(!words.contains(char::is_control), "{words:?} is one line");
    assert!(words.chars().count() <= EXPLANATION_CHARS_MAX, "{words}");
    if wire::is_scim_error(body) {
        assert!(wire::is_scim_answer(body) && !wire::is_web_page(body));
    } else {
        assert!(!wire::is_uniqueness_error(body));
    }
}

/// The header `Retry-After`, on every status that may carry it, read at `now`.
pub(crate) fn retry_after(header: &str) {
    let limits = RetryLimits {
        max_tries: 3,
        max_elapsed: Duration::from_secs(60),
        first_pause: Duration::from_secs(1),
        longest_pause: Duration::from_secs(8),
    };
    let later = Duration::from_secs(1_717_200_000);
    for now in [SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + later] {
        let pause = retry::retry_after(header, now);
        assert!(pause.is_none_or(|pause| pause <= RETRY_AFTER_MAX));
        for status in [200, 202, 301, 400, 409, 429, 500, 503] {
            let outcome = Outcome::Answered {
                status,
                detail: header,
                retry_after: pause,
            };
            for tries in [0, 1, 3, u32::MAX] {
                let progress = Progress {
                    tries,
                    elapsed: Duration::from_secs(tries.into()),
                };
                for idempotency in [Idempotency::Idempotent, Idempotency::Creates] {
                    let _ = retry::decide(outcome, idempotency, progress, &limits, 0.5);
                }
            }
        }
    }
}

/// An account out of an answer can be addressed, kept and sent.
fn usable(account: &CloudAccount) {
    assert!(!account.id.0.is_empty() && !account.id.0.contains(char::is_control));
    let resource = &account.resource;
    let kept = serde_json::to_string(resource).ok();
    let again = kept.and_then(|text| serde_json::from_str(&text).ok());
    assert_eq!(again.as_ref(), Some(resource));
    let _ = body::user(resource, account.manager.as_ref());
    let _ = (account.external_id(), resource.user_name());
}
