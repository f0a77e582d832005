//! What the cloud holds against what was pushed.
//!
//! Where the cloud lists, the whole list is compared and only what seems to differ, or seems to be gone,
//! is asked for on its own; where it does not, one account after the other is. Either way the number of
//! requests is bounded, and the next audit goes on where this one stopped.
//!
//! Nothing is sent but questions. [`repair`] writes what was found into the state as what the cloud
//! holds: the next plan makes updates of it, under the same limits as all others. What cannot be an
//! update of somebody who is in the directory is told and left alone, so that nothing is ever removed
//! because of an audit.

mod compare;
pub mod groups;
mod repair;
mod shown;

use std::{collections::BTreeSet, sync::Arc};

use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

pub use self::repair::{repair, repair_groups};
use self::{compare::Eye, groups::GroupsAudited, shown::Shown};
use super::{
    Lens, Listing,
    asking::{UNAVAILABLE_MAX, ends},
};
use crate::{
    model::{Anchor, AnchorKey, Link, Mark, Pushed, ResourceId},
    ports::{
        AccountReader, AuditPosition, AuditStage, CloudAccount, Event, Match, Payload, ProviderError, SharedObserver,
        StateStore, StoreError,
    },
};

/// Accounts asked for between two looks at how many requests are left.
const BATCH: u64 = 64;

/// What an audit works with.
pub struct Means<'a, R, S> {
    /// The cloud.
    pub reader: &'a Arc<R>,
    /// What was pushed; only read.
    pub store: &'a Arc<S>,
    /// How accounts and groups are read.
    pub lens: &'a Lens,
    /// Where to begin.
    pub position: AuditPosition,
    /// Requests to send, give or take what has to be sent again.
    pub max_requests: u64,
    /// Requests in flight.
    pub concurrency: usize,
    /// Progress.
    pub observer: &'a SharedObserver,
    /// Ends it early.
    pub stop: &'a CancellationToken,
}

/// An account that is not as it was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The person.
    pub anchor: Anchor,
    /// The distinguished name when last pushed.
    pub dn: String,
    /// The account.
    pub id: ResourceId,
    /// What was pushed.
    pub told: Pushed,
    /// What is there, of that; nothing when the account is gone.
    pub held: Option<Pushed>,
    /// The person has left, and the account is only waiting for its deletion: nothing is repaired.
    pub left: bool,
}

/// What an audit came to.
#[derive(Clone, Debug, Default)]
pub struct Audited {
    /// People the state remembers.
    pub people: u64,
    /// Accounts compared.
    pub compared: u64,
    /// Those that are not as they were pushed, at most one for each request.
    pub drifts: Vec<Drift>,
    /// People for whom the cloud gave no usable answer.
    pub unanswered: u64,
    /// What came of the groups, where they are pushed and it was their turn.
    pub groups: Option<GroupsAudited>,
    /// Paths that were pushed and that no account shows: this cloud seems not to give them back.
    pub not_shown: Vec<String>,
    /// Requests sent.
    pub requests: u64,
    /// Where the next audit begins.
    pub next: AuditPosition,
    /// Why it ended early.
    pub stopped: Option<ProviderError>,
}

impl Audited {
    /// Whether everybody has been looked at, up to the last person and the last group.
    #[must_use]
    pub fn round_complete(&self) -> bool {
        self.stopped.is_none() && self.next == AuditPosition::default()
    }

    /// Whether anything is not as it was pushed.
    #[must_use]
    pub fn has_drifts(&self) -> bool {
        let groups = self.groups.as_ref().map_or(0, |groups| groups.drifts.len());
        self.drifts.len() + groups > 0
    }

    /// Takes in what came of the groups, which ended the run.
    pub fn add_groups(&mut self, groups: GroupsAudited, requests: u64) {
        self.requests += requests;
        self.next = groups.next;
        self.stopped.clone_from(&groups.stopped);
        self.groups = Some(groups);
    }

    /// Accounts that are gone.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.drifts.iter().filter(|drift| drift.held.is_none()).count() as u64
    }

    /// Accounts that were changed.
    #[must_use]
    pub fn differing(&self) -> u64 {
        self.drifts.len() as u64 - self.missing()
    }
}

/// The account as it is. That it is gone is believed only when a look-up does not find it either: a link
/// that is forgotten for nothing would leave an account behind that nobody removes any more.
async fn look<R: AccountReader>(reader: &R, link: &Link) -> Result<Option<CloudAccount>, ProviderError> {
    if let Some(account) = reader.account(&link.id).await? {
        return Ok(Some(account));
    }
    let payload = Payload {
        external_id: link.anchor.to_string(),
        pushed: link.pushed.clone(),
        manager_id: None,
    };
    let unproved = |why: String| ProviderError::Unavailable {
        reason: format!("the service provider says that there is no such account, but {why}"),
        tries: 1,
    };
    match reader.account_of(&payload, &|_| false).await? {
        Match::Nothing => Ok(None),
        Match::Theirs(account) if account.id == link.id => Err(unproved("a look-up finds it".into())),
        Match::Foreign { id, .. } if id == link.id => Err(unproved("a look-up finds it".into())),
        Match::Theirs(_) | Match::Foreign { .. } => Ok(None),
        Match::Unclear(why) => Err(unproved(format!("a look-up does not prove it: {why}"))),
    }
}

/// Compares. Changes neither cloud nor state.
///
/// # Errors
/// When the state cannot be read. What the provider said is in [`Audited::stopped`].
pub async fn audit<R: AccountReader, S: StateStore>(means: Means<'_, R, S>) -> Result<Audited, StoreError> {
    let marks = means.store.marks()?;
    let mut work = Work {
        eye: Eye::new(&**means.store, means.lens)?,
        shown: Shown::new(means.lens),
        done: BTreeSet::new(),
        postponed: Vec::new(),
        unavailable: 0,
        requests_before: means.reader.requests(),
        result: Audited {
            people: marks.len() as u64,
            next: means.position,
            ..Audited::default()
        },
        marks,
        means,
    };
    if let Err(error) = work.run().await? {
        work.result.stopped = Some(error);
    }
    Ok(work.conclude())
}

struct Work<'a, R, S> {
    means: Means<'a, R, S>,
    /// Everybody, in key order.
    marks: Vec<(AnchorKey, Mark)>,
    eye: Eye<'a>,
    shown: Shown,
    /// People of whom everything is known.
    done: BTreeSet<AnchorKey>,
    /// People whose accounts only lack what no account shows.
    postponed: Vec<AnchorKey>,
    unavailable: u32,
    requests_before: u64,
    result: Audited,
}

impl<R: AccountReader, S: StateStore> Work<'_, R, S> {
    async fn run(&mut self) -> Result<Result<(), ProviderError>, StoreError> {
        let mut proved = false;
        if self.may_list() {
            match self.by_list().await? {
                Ok(whole) => proved = whole,
                Err(error) => return Ok(Err(error)),
            }
        }
        self.by_id(proved).await
    }

    /// Whether the whole list can be read with the requests there are.
    fn may_list(&self) -> bool {
        let pages = self.marks.len() as u64 / self.means.reader.page_size().max(1) + 1;
        self.means.reader.lists() && self.means.position == AuditPosition::default() && pages <= self.means.max_requests
    }

    /// Requests left.
    fn left(&self) -> u64 {
        let sent = self.means.reader.requests().saturating_sub(self.requests_before);
        self.means.max_requests.saturating_sub(sent)
    }

    /// Compares the whole list; true when it is proved to be whole.
    async fn by_list(&mut self) -> Result<Result<bool, ProviderError>, StoreError> {
        let mut listing = Listing::default();
        while self.left() > 0 && !self.means.stop.is_cancelled() {
            let page = match listing.page(&**self.means.reader).await {
                Ok(Some(page)) => page,
                Ok(None) => break,
                Err(error) => return Ok(Err(error)),
            };
            for account in &page {
                if let Some(key) = self.eye.owner(&account.id)
                    && let Err(error) = self.glance(key, account).await?
                {
                    return Ok(Err(error));
                }
            }
            self.progress();
        }
        for key in std::mem::take(&mut self.postponed) {
            // What was not shown so far may have been shown since.
            if let Some(link) = self.means.store.link(key)?
                && !self.shown.never(&link.pushed).is_empty()
            {
                self.settle(key);
            }
        }
        Ok(Ok(listing.proof().is_ok()))
    }

    /// An account in a list. One that seems to differ is asked for on its own: a list may show less.
    async fn glance(
        &mut self,
        key: AnchorKey,
        account: &CloudAccount,
    ) -> Result<Result<(), ProviderError>, StoreError> {
        let Some((_, link)) = self.known(key)? else {
            self.settle_unknown(key);
            return Ok(Ok(()));
        };
        self.shown.listed(&link.pushed, account);
        if self.eye.held(&link.pushed, account)?.is_none() {
            self.settle(key);
            return Ok(Ok(()));
        }
        let never = self.shown.never(&link.pushed);
        if !never.is_empty() && self.eye.ignoring(&never).held(&link.pushed, account)?.is_none() {
            self.postponed.push(key);
            return Ok(Ok(()));
        }
        if self.left() == 0 {
            return Ok(Ok(()));
        }
        let answer = look(&**self.means.reader, &link).await;
        self.book(key, link, answer)
    }

    /// Asks for everybody else in key order, as far as the requests last. After a list that was `proved`
    /// these are the ones who seem to be gone.
    async fn by_id(&mut self, proved: bool) -> Result<Result<(), ProviderError>, StoreError> {
        let after = self.result.next.after;
        let open = |key: &AnchorKey| after.is_none_or(|after| *key > after) && !self.done.contains(key);
        let keys: Vec<AnchorKey> = self.marks.iter().map(|(key, _)| *key).filter(open).collect();
        let mut at = 0;
        while at < keys.len() {
            let room = usize::try_from(self.left().min(BATCH)).unwrap_or(usize::MAX);
            if self.means.stop.is_cancelled() {
                return Ok(Err(ProviderError::Cancelled));
            }
            if room == 0 {
                break;
            }
            let batch = &keys[at..keys.len().min(at + room)];
            if let Err(error) = self.ask(batch).await? {
                return Ok(Err(error));
            }
            at += batch.len();
            if let (false, Some(last)) = (proved, batch.last()) {
                self.result.next = AuditPosition {
                    stage: AuditStage::People,
                    after: Some(*last),
                    by_id: true,
                };
            }
            self.progress();
        }
        if at >= keys.len() {
            self.result.next = AuditPosition::default();
        } else if !proved && at == 0 {
            self.result.next.by_id = true;
        }
        Ok(Ok(()))
    }

    async fn ask(&mut self, keys: &[AnchorKey]) -> Result<Result<(), ProviderError>, StoreError> {
        let mut links = Vec::with_capacity(keys.len());
        for &key in keys {
            match self.known(key)? {
                Some((_, link)) => links.push((key, link)),
                None => self.settle_unknown(key),
            }
        }
        let reader = Arc::clone(self.means.reader);
        let mut answers = stream::iter(links)
            .map(|(key, link)| {
                let reader = &reader;
                async move {
                    let answer = look(&**reader, &link).await;
                    (key, link, answer)
                }
            })
            .buffered(self.means.concurrency.max(1));
        while let Some((key, link, answer)) = answers.next().await {
            if let Err(error) = self.book(key, link, answer)? {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }

    /// What is remembered of somebody; nothing when what the account holds is not known, because then
    /// the next cycle tells it everything anyway.
    fn known(&self, key: AnchorKey) -> Result<Option<(Mark, Link)>, StoreError> {
        let Ok(at) = self.marks.binary_search_by_key(&key, |(key, _)| *key) else {
            return Ok(None);
        };
        let mark = self.marks[at].1;
        if mark.body.is_unset() {
            return Ok(None);
        }
        Ok(self.means.store.link(key)?.map(|link| (mark, link)))
    }

    /// Books the answer for one account. The error is about the whole run.
    fn book(
        &mut self,
        key: AnchorKey,
        link: Link,
        answer: Result<Option<CloudAccount>, ProviderError>,
    ) -> Result<Result<(), ProviderError>, StoreError> {
        let account = match answer {
            Ok(account) => account,
            Err(error) if ends(&error) => return Ok(Err(error)),
            Err(error) => {
                self.unavailable += 1;
                self.result.unanswered += 1;
                self.settle_unknown(key);
                tracing::warn!(
                    anchor = link.anchor.as_str(),
                    why = error.brief(),
                    "an account could not be compared"
                );
                let given_up = self.unavailable >= UNAVAILABLE_MAX;
                return Ok(if given_up { Err(error) } else { Ok(()) });
            }
        };
        self.unavailable = 0;
        let held = match &account {
            Some(account) => {
                self.shown.fetched(&link.pushed, account);
                self.eye.held(&link.pushed, account)?.map(Some)
            }
            None => Some(None),
        };
        if let Some(held) = held {
            let mark = self
                .marks
                .binary_search_by_key(&key, |(key, _)| *key)
                .ok()
                .map(|at| self.marks[at].1);
            self.result.drifts.push(Drift {
                anchor: link.anchor,
                dn: link.dn,
                id: link.id,
                told: link.pushed,
                held,
                left: mark.is_some_and(|mark| mark.deactivated_at != 0),
            });
        }
        self.settle(key);
        Ok(Ok(()))
    }

    fn settle(&mut self, key: AnchorKey) {
        self.result.compared += 1;
        self.done.insert(key);
    }

    fn settle_unknown(&mut self, key: AnchorKey) {
        self.done.insert(key);
    }

    fn progress(&self) {
        self.means.observer.event(&Event::Done {
            done: self.done.len() as u64,
            total: self.result.people,
            failed: self.result.drifts.len() as u64,
        });
    }

    /// What only lacks what no account shows is no drift.
    fn conclude(mut self) -> Audited {
        let not_shown = self.shown.never_shown();
        self.result.drifts.retain_mut(|drift| {
            let Some(held) = &mut drift.held else { return true };
            compare::put_back(&drift.told, held, &not_shown);
            *held != drift.told
        });
        self.result.not_shown = not_shown.into_iter().collect();
        self.result.requests = self.means.reader.requests().saturating_sub(self.requests_before);
        self.result
    }
}
