//! The SCIM side, looked at and not changed.

use std::future::Future;

use super::{Payload, ProviderError, Taken};
use crate::model::{Resource, ResourceId};

/// An account as the service provider shows it: what it returns, which need not be all it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloudAccount {
    /// Its id; never empty.
    pub id: ResourceId,
    /// Its attributes, as far as they are attributes of a user.
    pub resource: Resource,
    /// Its manager's id.
    pub manager: Option<ResourceId>,
}

impl CloudAccount {
    /// `externalId`, when it is shown and not empty.
    #[must_use]
    pub fn external_id(&self) -> Option<&str> {
        self.resource.text("externalId")
    }
}

/// Where a listing goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListFrom {
    /// At the beginning.
    Start,
    /// At this account, counted from 1 (RFC 7644 section 3.4.2.4).
    Index(u64),
    /// Where the provider said (RFC 9865).
    Cursor(String),
}

/// What follows a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListNext {
    /// Another page.
    More(ListFrom),
    /// Nothing: this was the last one.
    End,
    /// It cannot be told, and why: a page at its cap is no proof that there is no more.
    Unproved(String),
}

/// Some of the accounts there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPage {
    /// Those that can be addressed.
    pub accounts: Vec<CloudAccount>,
    /// How many there are in all, as the provider says.
    pub total: Option<u64>,
    /// What follows.
    pub next: ListNext,
}

/// Whose account was found for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// There is none.
    Nothing,
    /// The person's.
    Theirs(Box<CloudAccount>),
    /// One that the adopt policy leaves alone.
    Foreign {
        /// Its id.
        id: ResourceId,
        /// Its `userName` there.
        user_name: String,
        /// Why it is left alone, and what to do.
        because: String,
    },
    /// It cannot be told, and why.
    Unclear(String),
}

/// The SCIM side, looked at and not changed: for a rebuild of the state and for audits.
pub trait AccountReader: Send + Sync + 'static {
    /// Whether all accounts can be listed, page by page.
    fn lists(&self) -> bool;

    /// Most accounts in one page.
    fn page_size(&self) -> u64;

    /// One page of all accounts.
    fn list(&self, from: &ListFrom) -> impl Future<Output = Result<ListPage, ProviderError>> + Send;

    /// The account of that id; nothing when the provider itself says that there is none.
    fn account(&self, id: &ResourceId) -> impl Future<Output = Result<Option<CloudAccount>, ProviderError>> + Send;

    /// Looks for this person's account by what the provider can filter on, and judges it by the adopt
    /// policy; one that carries the person's `externalId` is theirs whatever the policy. Changes nothing.
    fn account_of(
        &self,
        payload: &Payload,
        taken: Taken<'_>,
    ) -> impl Future<Output = Result<Match, ProviderError>> + Send;

    /// The same judgement for an account that is at hand.
    ///
    /// # Errors
    /// Why it is left alone, and what to do.
    fn judge(&self, account: &CloudAccount, payload: &Payload) -> Result<(), String>;

    /// Requests sent so far, repetitions included.
    fn requests(&self) -> u64;
}
