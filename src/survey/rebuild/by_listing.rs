//! Accounts come page by page; each finds its person by `externalId`, else by name.

use super::{Rebuild, Stranger, person};
use crate::{
    model::Digest,
    ports::{AccountReader, Change, CloudAccount, ProviderError, RebuildStage, StateStore, StoreError},
    survey::{Lens, Listing},
};

const ANOTHER: &str = "the person of that name has another account, with their externalId";

/// What has been found for a person so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    /// An account of that name.
    ByName,
    /// An account with the person's `externalId`.
    Theirs,
    /// Several of these: it cannot be told which is theirs.
    Several,
}

/// Finds people by what accounts show of them; 20 bytes of each in either list.
struct Index {
    external_ids: Vec<(Digest, u32)>,
    names: Vec<(Digest, u32)>,
}

impl Index {
    fn find(list: &[(Digest, u32)], text: &str) -> Option<usize> {
        let key = Digest::of(text.as_bytes());
        let at = list.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        usize::try_from(list[at].1).ok()
    }

    fn by_external_id(&self, account: &CloudAccount) -> Option<usize> {
        let id = account.external_id().filter(|id| !id.is_empty())?;
        Self::find(&self.external_ids, id)
    }

    fn by_name(&self, account: &CloudAccount, lens: &Lens) -> Option<usize> {
        let name = account.resource.user_name();
        Self::find(&self.names, &lens.name(name)).filter(|_| !name.is_empty())
    }
}

impl<R: AccountReader, S: StateStore> Rebuild<'_, R, S> {
    /// Links everybody who is on a page. The inner `Ok(Ok)` says that all pages were seen, so that who is
    /// not linked has no account; `Ok(Err)` why that is not so.
    pub(super) async fn by_listing(&mut self) -> Result<Result<Result<(), String>, ProviderError>, StoreError> {
        self.begin(RebuildStage::Listing)?;
        let index = self.index()?;
        let mut found = vec![Found::Nothing; self.people.places().len()];
        let mut listing = Listing::default();
        loop {
            if self.means.stop.is_cancelled() {
                return Ok(Err(ProviderError::Cancelled));
            }
            let page = match listing.page(&**self.means.reader).await {
                Ok(Some(page)) => page,
                Ok(None) => break,
                Err(error) => return Ok(Err(error)),
            };
            let mut changes = Vec::with_capacity(page.len());
            for account in &page {
                self.place(account, &index, &mut found, &mut changes)?;
            }
            self.means.store.apply(&changes)?;
            let total = listing.total().unwrap_or_default().max(listing.seen());
            self.progress(page.len() as u64, total);
        }
        self.conclude_listing(&found)?;
        let proof = listing.proof();
        let missing = found.iter().filter(|found| **found == Found::Nothing).count() as u64;
        if proof.is_ok() {
            self.result.without_account = missing;
        }
        Ok(Ok(proof.map_err(|why| {
            format!("the accounts could not all be listed ({why}), so some that are nobody's here may not be shown")
        })))
    }

    fn index(&self) -> Result<Index, StoreError> {
        let (mut external_ids, mut names) = (Vec::new(), Vec::new());
        for at in self.people.places() {
            let operation = self.people.operation(at)?;
            let place = u32::try_from(at).unwrap_or(u32::MAX);
            external_ids.push((Digest::of(person::external_id(&operation).as_bytes()), place));
            names.push((
                Digest::of(self.means.lens.name(operation.user_name()).as_bytes()),
                place,
            ));
        }
        external_ids.sort_unstable();
        names.sort_unstable();
        Ok(Index { external_ids, names })
    }

    /// One account: to its person, or among those that are nobody's.
    fn place(
        &mut self,
        account: &CloudAccount,
        index: &Index,
        found: &mut [Found],
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        if let Some(at) = index.by_external_id(account) {
            if found[at] == Found::ByName {
                self.displace(at, changes)?;
            }
            let first = matches!(found[at], Found::Nothing | Found::ByName);
            found[at] = if first { Found::Theirs } else { Found::Several };
            changes.push(if first {
                self.link(at, account)?
            } else {
                Change::Forget(self.people.key(at))
            });
            return Ok(());
        }
        let Some(at) = index.by_name(account, self.means.lens) else {
            self.stranger(account, None);
            return Ok(());
        };
        match found[at] {
            Found::Nothing => {
                let operation = self.people.operation(at)?;
                match self.means.reader.judge(account, &person::payload(&operation)) {
                    Ok(()) => {
                        found[at] = Found::ByName;
                        changes.push(self.link(at, account)?);
                    }
                    Err(because) => self.stranger(account, Some(because)),
                }
            }
            Found::ByName => {
                found[at] = Found::Several;
                changes.push(Change::Forget(self.people.key(at)));
            }
            Found::Theirs | Found::Several => {
                self.stranger(account, Some(ANOTHER.into()));
            }
        }
        Ok(())
    }

    /// The account of that name gives way to the one with the person's `externalId`.
    fn displace(&mut self, at: usize, changes: &[Change]) -> Result<(), StoreError> {
        let key = self.people.key(at);
        let pending = changes.iter().rev().find_map(|change| match change {
            Change::Put(other, _, link) if *other == key => Some((**link).clone()),
            _ => None,
        });
        let link = match pending {
            Some(link) => Some(link),
            None => self.means.store.link(key)?,
        };
        if let Some(link) = link {
            self.result.strangers.add(Stranger {
                user_name: link.pushed.resource.user_name().to_owned(),
                id: link.id,
                because: Some(ANOTHER.into()),
            });
        }
        Ok(())
    }

    fn stranger(&mut self, account: &CloudAccount, because: Option<String>) {
        self.result.strangers.add(Stranger {
            id: account.id.clone(),
            user_name: account.resource.user_name().to_owned(),
            because,
        });
    }

    fn conclude_listing(&mut self, found: &[Found]) -> Result<(), StoreError> {
        for (at, found) in found.iter().enumerate() {
            if *found == Found::Several {
                self.settled.insert(self.people.key(at));
                self.unclear(
                    at,
                    "several accounts carry this person's externalId or name; remove all but one".into(),
                )?;
            }
        }
        Ok(())
    }
}
