//! Everybody in the cloud, or every group, page by page, and whether that was all.

use std::collections::BTreeSet;

use crate::{
    model::Digest,
    ports::{AccountReader, CloudAccount, GroupReader, ListFrom, ListNext, ListPage, ProviderError},
};

/// Pages without anybody in a row before a list with cursors counts as endless.
const EMPTY_PAGES_MAX: u32 = 100;

/// A listing under way. Keeps 16 bytes of every account seen, so that none comes twice.
#[derive(Debug)]
pub struct Listing {
    next: Result<Option<ListFrom>, String>,
    seen: BTreeSet<Digest>,
    total: Option<u64>,
    by_index: bool,
    empty: u32,
}

impl Default for Listing {
    fn default() -> Self {
        Self {
            next: Ok(Some(ListFrom::Start)),
            seen: BTreeSet::new(),
            total: None,
            by_index: false,
            empty: 0,
        }
    }
}

impl Listing {
    /// The next page's accounts that were on none before; nothing when there is no further page.
    ///
    /// # Errors
    /// The provider's.
    pub async fn page<R: AccountReader>(&mut self, reader: &R) -> Result<Option<Vec<CloudAccount>>, ProviderError> {
        match &self.next {
            Ok(Some(from)) => Ok(Some(self.turn(reader.list(from).await?))),
            _ => Ok(None),
        }
    }

    /// The same for groups.
    ///
    /// # Errors
    /// The provider's.
    pub async fn groups<R: GroupReader>(&mut self, reader: &R) -> Result<Option<Vec<CloudAccount>>, ProviderError> {
        match &self.next {
            Ok(Some(from)) => Ok(Some(self.turn(reader.list_groups(from).await?))),
            _ => Ok(None),
        }
    }

    /// What of a page is new.
    fn turn(&mut self, page: ListPage) -> Vec<CloudAccount> {
        let shown = page.accounts.len();
        let new: Vec<CloudAccount> = page
            .accounts
            .into_iter()
            .filter(|account| self.seen.insert(account.id.digest()))
            .collect();
        self.total = page.total.or(self.total);
        self.next = match page.next {
            ListNext::Unproved(why) => Err(why),
            ListNext::End => Ok(None),
            ListNext::More(_) if shown > 0 && new.is_empty() => {
                Err("the service provider shows the same page again and again".into())
            }
            ListNext::More(next) => Ok(Some(next)),
        };
        self.by_index |= matches!(self.next, Ok(Some(ListFrom::Index(_))));
        self.empty = if shown == 0 { self.empty + 1 } else { 0 };
        if self.empty > EMPTY_PAGES_MAX {
            self.next = Err("the service provider gives one empty page after the other".into());
        }
        new
    }

    /// Accounts seen so far.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen.len() as u64
    }

    /// How many there are in all, as the provider says.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Whether an account of this id was on a page.
    #[must_use]
    pub fn has(&self, id: &crate::model::ResourceId) -> bool {
        self.seen.contains(&id.digest())
    }

    /// Whether everybody was seen: then who was not is not there.
    ///
    /// # Errors
    /// Why it is not proved, in words.
    pub fn proof(&self) -> Result<(), String> {
        match (&self.next, self.total) {
            (Err(why), _) => Err(why.clone()),
            (Ok(Some(_)), _) => Err("the list was not read to its end".into()),
            // Places shift while people come and go, so somebody can slip from one page to another.
            (Ok(None), Some(total)) if self.by_index && self.seen() < total => {
                Err(format!("{} of {total} were listed", self.seen()))
            }
            (Ok(None), _) => Ok(()),
        }
    }
}
