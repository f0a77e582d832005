//! The SCIM side: what is sent, and what came of it.

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::model::{AnchorKey, Pushed, ResourceId};

/// What a create or update carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Goes into `externalId` where the mapping put it; used to recognise our own accounts.
    pub external_id: String,
    /// Attributes and manager as wanted.
    pub pushed: Pushed,
    /// The manager's SCIM id, when `pushed.manager` is set and known.
    pub manager_id: Option<ResourceId>,
}

/// What became of a create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// A new account.
    New(ResourceId),
    /// An account that was there before, now brought to the wanted state.
    Adopted(ResourceId),
    /// The same, but for access: the account is in use and is not meant to be. An adoption takes nothing
    /// away; that is an update of an account that is ours, and counts as a removal.
    AdoptedInUse(ResourceId),
}

/// Whose fault a failed request is, and what follows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// This person's data: not repeated until the entry or the mapping changes.
    #[error("refused with {status}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The provider's words.
        detail: String,
    },
    /// Somebody else holds what this person needs. May clear later in the run.
    #[error("conflict: {detail}")]
    Conflict {
        /// What is in the way, and what to do.
        detail: String,
    },
    /// The answer to a create names an account that is linked to somebody else. Not repeated: each time
    /// that account may be overwritten.
    #[error("{detail}")]
    NotOurs {
        /// Whose account it is.
        owner: AnchorKey,
        /// Which account, and what to do.
        detail: String,
    },
    /// The resource is gone (404).
    #[error("the account is gone at the service provider")]
    Gone,
    /// The token or the endpoint: the run stops.
    #[error("the service provider refused us with {status}: {detail}")]
    Unauthorized {
        /// 401 or 403.
        status: u16,
        /// The provider's words.
        detail: String,
    },
    /// Passing trouble that outlasted the retries.
    #[error("{reason}{}", if *tries > 1 { format!(" (after {tries} tries)") } else { String::new() })]
    Unavailable {
        /// The last failure.
        reason: String,
        /// How often it was tried.
        tries: u32,
    },
    /// The run is being stopped.
    #[error("interrupted")]
    Cancelled,
    /// A request failed, and it is not known whether an earlier try took effect: after a create one has to
    /// look first the next time, after a change everything has to be told.
    #[error("{cause}; whether an earlier try took effect is not known")]
    InDoubt {
        /// Why it failed in the end.
        cause: Box<ProviderError>,
    },
}

impl ProviderError {
    /// Whose fault it is, without the provider's own words: those may name people, which logs must not.
    #[must_use]
    pub fn brief(&self) -> String {
        match self {
            Self::Refused { status, .. } => format!("refused with {status}"),
            Self::Conflict { .. } => "conflict".to_owned(),
            Self::NotOurs { .. } => "answered with the account of somebody else".to_owned(),
            Self::Unauthorized { status, .. } => format!("the service provider refused us with {status}"),
            Self::Unavailable { tries: 0 | 1, .. } => "unavailable".to_owned(),
            Self::Unavailable { tries, .. } => format!("unavailable (after {tries} tries)"),
            Self::InDoubt { cause } => cause.brief(),
            Self::Gone | Self::Cancelled => self.to_string(),
        }
    }
}

/// Whether an account is linked to somebody already.
pub type Taken<'a> = &'a (dyn Fn(&ResourceId) -> bool + Send + Sync);

/// The SCIM side. Implementations retry, pace themselves and resolve conflicts; what they return is
/// final for this run.
pub trait ServiceProvider: Send + Sync + 'static {
    /// Creates the account, or adopts the one in its place by the configured policy. With
    /// `look_up_first` an earlier run may have created it already. An account that `taken` says is
    /// linked to somebody is never adopted, whatever the policy: another anchor is another person.
    fn create(
        &self,
        payload: &Payload,
        look_up_first: bool,
        taken: Taken<'_>,
    ) -> impl Future<Output = Result<Created, ProviderError>> + Send;

    /// Brings the account to the wanted state. `before` is what it was last told, with the
    /// manager's id, for a minimal PATCH.
    fn update(
        &self,
        id: &ResourceId,
        before: &Pushed,
        payload: &Payload,
    ) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Sets `active: false` and nothing else where the profile allows that.
    fn deactivate(&self, id: &ResourceId, payload: &Payload) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Deletes the account. [`ProviderError::Gone`] when there is none of that id.
    fn delete(&self, id: &ResourceId) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Whether the account is really not there: proved by a look-up that was answered, not by a 404,
    /// which a gateway or a wrong address gives as well. A removal must not believe less.
    fn is_gone(&self, id: &ResourceId, payload: &Payload) -> impl Future<Output = Result<bool, ProviderError>> + Send;

    /// Asks for the account that an interrupted create of `payload` may have left behind: one that
    /// carries this person's `externalId`. Changes nothing.
    fn find_own(
        &self,
        payload: &Payload,
        taken: Taken<'_>,
    ) -> impl Future<Output = Result<Option<ResourceId>, ProviderError>> + Send;

    /// Asks for the account that would stand in the way of `payload` (the dry run's `--probe`).
    fn probe(&self, payload: &Payload, taken: Taken<'_>) -> impl Future<Output = Result<Probe, ProviderError>> + Send;
}

/// What a look-up before the first request found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "found", rename_all = "kebab-case")]
pub enum Probe {
    /// No such account.
    Nothing,
    /// An account that the policy lets us adopt.
    Adoptable {
        /// Its id.
        id: ResourceId,
        /// Its `userName` there.
        user_name: String,
        /// Why it may be adopted.
        because: String,
    },
    /// An account that the policy leaves alone.
    Foreign {
        /// Its id.
        id: ResourceId,
        /// Its `userName` there.
        user_name: String,
        /// Why it is left alone, and what to do.
        because: String,
    },
}
