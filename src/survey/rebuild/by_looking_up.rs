//! People are asked for one by one, at the configured rate, where the cloud cannot list or its list is
//! no proof.

use std::sync::Arc;

use futures_util::{StreamExt, stream};

use super::{Rebuild, person};
use crate::{
    model::{AnchorKey, Operation},
    ports::{AccountReader, Change, CloudAccount, Match, ProviderError, StateStore, StoreError},
    survey::{
        asking::{UNAVAILABLE_MAX, ends},
        owners::Owners,
    },
};

/// Answers remembered between two flushes: no more than these are asked for again after a crash.
const FLUSH_EVERY: u64 = 16;
/// People whose operations are in memory at a time.
const BATCH: usize = 256;

/// What was answered for the person at a place.
type Answer<'o> = (usize, &'o Operation, Result<Match, ProviderError>);

impl<R: AccountReader, S: StateStore> Rebuild<'_, R, S> {
    /// Links everybody who has no link yet and can be found. The inner error is the provider's, when it
    /// is of no use to anybody.
    pub(super) async fn by_looking_up(&mut self) -> Result<Result<(), ProviderError>, StoreError> {
        let mut owners = Owners::of_people(&**self.means.store)?;
        let wanted = self.without_link()?;
        let total = wanted.len() as u64;
        self.looked_at = 0;
        let mut unavailable = 0;
        for places in wanted.chunks(BATCH) {
            let load = |&at: &usize| Ok((at, self.people.operation(at)?));
            let operations = places.iter().map(load).collect::<Result<Vec<_>, StoreError>>()?;
            let reader = Arc::clone(self.means.reader);
            let mut answers = stream::iter(&operations)
                .map(|(at, operation)| ask(&*reader, *at, operation))
                .buffer_unordered(self.means.concurrency.max(1));
            while let Some(answer) = answers.next().await {
                unavailable = match &answer.2 {
                    Err(ProviderError::Unavailable { .. }) => unavailable + 1,
                    _ => 0,
                };
                match answer.2 {
                    Err(error) if unavailable >= UNAVAILABLE_MAX || ends(&error) => return Ok(Err(error)),
                    _ => self.book(answer, &mut owners)?,
                }
                self.progress(1, total);
                if self.looked_at.is_multiple_of(FLUSH_EVERY) {
                    self.flush().await?;
                }
                if self.means.stop.is_cancelled() {
                    return Ok(Err(ProviderError::Cancelled));
                }
            }
        }
        Ok(Ok(()))
    }

    /// Off the asynchronous threads, because it waits for the disk.
    async fn flush(&self) -> Result<(), StoreError> {
        let store = Arc::clone(self.means.store);
        tokio::task::spawn_blocking(move || store.flush())
            .await
            .map_err(|error| StoreError(error.to_string()))?
    }

    /// Places of those who are not linked and of whom nothing is known.
    fn without_link(&self) -> Result<Vec<usize>, StoreError> {
        let linked = self.means.store.marks()?;
        let has_link = |key: AnchorKey| linked.binary_search_by_key(&key, |(key, _)| *key).is_ok();
        let open = |at: &usize| {
            let key = self.people.key(*at);
            !has_link(key) && !self.settled.contains(&key)
        };
        Ok(self.people.places().filter(open).collect())
    }

    fn book(&mut self, (at, operation, answer): Answer<'_>, owners: &mut Owners) -> Result<(), StoreError> {
        match answer {
            Ok(Match::Theirs(account)) => self.take(at, operation, &account, owners),
            Ok(Match::Nothing) => {
                self.result.without_account += 1;
                Ok(())
            }
            Ok(Match::Foreign { id, user_name, because }) => {
                self.unclear(at, format!("account {id} (userName {user_name:?}): {because}"))
            }
            Ok(Match::Unclear(why)) => self.unclear(at, why),
            Err(error) => self.unclear(at, error.to_string()),
        }
    }

    /// Under `adopt = "any"` a name may lead to the account of somebody else in this directory; the one
    /// whose `externalId` it carries has it.
    fn take(
        &mut self,
        at: usize,
        operation: &Operation,
        account: &CloudAccount,
        owners: &mut Owners,
    ) -> Result<(), StoreError> {
        let key = self.people.key(at);
        let mut changes = Vec::new();
        if let Some(other) = owners.of(&account.id).filter(|other| *other != key) {
            if account.external_id() != Some(person::external_id(operation)) {
                return self.unclear(
                    at,
                    format!("account {} is that of somebody else in this directory", account.id),
                );
            }
            changes.push(Change::Forget(other));
            let place = self.people.places().find(|place| self.people.key(*place) == other);
            if let Some(place) = place {
                self.unclear(
                    place,
                    format!("account {} is that of somebody else in this directory", account.id),
                )?;
            }
        }
        owners.add(&account.id, key);
        changes.push(self.link(at, account)?);
        self.means.store.apply(&changes)
    }
}

async fn ask<'o, R: AccountReader>(reader: &R, at: usize, operation: &'o Operation) -> Answer<'o> {
    // Whose an account is, is settled when it is booked: here several people ask at the same time.
    let answer = reader.account_of(&person::payload(operation), &|_| false).await;
    (at, operation, answer)
}
