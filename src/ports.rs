//! The seam: what the core needs of the outside, in the core's words.
//!
//! Deliberately absent: any type of ldap3, reqwest or sled. Each trait is owned by its user (the
//! cycle and the executor) and implemented by one shell.

mod groups;

use std::{future::Future, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

pub use self::groups::{
    CloudGroup, FoundGroup, GroupChange, GroupPayload, GroupProvider, GroupReader, GroupRecord, GroupStore,
    MemberChange, MembersTold,
};
pub use crate::model::{Absence, Reject, RejectKind, Step, StoreError};
use crate::model::{AnchorKey, DirectoryEntry, Link, Mark, Operation, Pushed, Resource, ResourceId};

// --- the directory ------------------------------------------------------------------------------

/// How a read ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOutcome {
    /// What absence means after this read.
    pub absence: Absence,
    /// The server that answered, as configured.
    pub server: String,
    /// Entries handed to the sink since its last restart.
    pub entries: u64,
}

/// Takes entries while they arrive, on the thread that reads.
pub trait EntrySink {
    /// Forget everything seen so far: the read starts again on another server.
    ///
    /// # Errors
    /// What stops the read.
    fn restart(&mut self) -> Result<(), SinkError>;

    /// One entry.
    ///
    /// # Errors
    /// What stops the read.
    fn entry(&mut self, entry: DirectoryEntry) -> Result<(), SinkError>;
}

/// Why a sink stopped a read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SinkError(pub String);

/// Whose fault a failed read is, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// No server could be reached, or the connection was lost.
    #[error("cannot reach the directory: {0}")]
    Unreachable(String),
    /// The server refused the bind.
    #[error("the directory refused to let us in: {0}")]
    Bind(String),
    /// The server refused the search outright (a base that does not exist, rights).
    #[error("the directory refused the search: {0}")]
    Refused(String),
    /// The sink stopped the read.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The caller asked to stop.
    #[error("interrupted")]
    Cancelled,
}

/// The LDAP side. Blocking: it is called on a thread of its own.
pub trait Directory: Send {
    /// Reads every entry in scope. An entry counts only once: bases that overlap are the sink's
    /// concern. Fails over between servers by itself, after [`EntrySink::restart`].
    ///
    /// # Errors
    /// When nothing usable was read. A read that broke off part-way on every server is an `Ok` with
    /// [`Absence::Unknown`].
    fn read(&mut self, sink: &mut dyn EntrySink, stop: &CancellationToken) -> Result<ReadOutcome, DirectoryError>;
}

// --- the service provider -----------------------------------------------------------------------

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

// --- the state ----------------------------------------------------------------------------------

/// How far a rebuild of the state has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RebuildStage {
    /// Accounts are listed: when interrupted, that begins again.
    Listing,
    /// Accounts are looked up one by one: when interrupted, it goes on with those not linked yet.
    LookingUp,
    /// All people are settled, and it is the groups' turn: when interrupted, it goes on with those not
    /// linked yet.
    Groups,
}

/// What the state says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// The endpoint this state was made for, normalised; empty in a new state.
    pub endpoint: String,
    /// Digest of everything a mapping depends on; when it changes every entry is mapped again.
    pub mapping: String,
    /// Digest of what decides who is in scope (bases, scope, filter, anchor rule); when it changes,
    /// removals are held until approved or gone.
    pub scope: String,
    /// The removals an operator approved, by plan id.
    pub approved: Option<String>,
    /// Removals held at the end of the last cycle.
    pub held: Option<Held>,
    /// Digest of what decides which groups are in scope; as with people.
    #[serde(default)]
    pub groups_scope: String,
    /// The removals of groups and members an operator approved, by plan id.
    #[serde(default)]
    pub groups_approved: Option<String>,
    /// Removals of groups and members held at the end of the last cycle.
    #[serde(default)]
    pub groups_held: Option<Held>,
    /// The last audit, and where the next one goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<Audit>,
    /// A rebuild that has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuild: Option<RebuildStage>,
    /// The last time the daemon renewed the token by itself, or tried to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<RotationRecord>,
    /// The last time the control plane refused the daemon's access key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_refused: Option<KeyRefusal>,
}

/// An access key that was refused. It is left alone for a day: a cloud locks a key that is refused repeatedly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRefusal {
    /// When, unix seconds.
    pub at: i64,
    /// Digest of the key and of where it was used, by which another one is told from it.
    pub key: String,
    /// What the control plane said, in words.
    pub outcome: String,
}

/// One attempt to renew the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationRecord {
    /// When, unix seconds.
    pub at: i64,
    /// The new token is in use.
    pub done: bool,
    /// How it ended, in words.
    pub outcome: String,
}

/// How far audits have come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Where the next one begins.
    #[serde(default)]
    pub position: AuditPosition,
    /// The last one.
    pub last: AuditRecord,
}

/// What an audit looks at, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditStage {
    /// Accounts.
    #[default]
    People,
    /// Groups, with their members where they are shown.
    Groups,
    /// The groups of each person, where only that can be asked for.
    Memberships,
}

/// Where an audit begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPosition {
    /// With what.
    #[serde(default)]
    pub stage: AuditStage,
    /// After this person or group; with the first one when there is nothing.
    #[serde(default)]
    pub after: Option<AnchorKey>,
    /// Accounts are asked for one by one, because a list was no proof or too long.
    #[serde(default)]
    pub by_id: bool,
}

/// One finished audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Unix seconds.
    pub started: i64,
    /// Unix seconds.
    pub ended: i64,
    /// The exit code it would end the program with.
    pub exit_code: u8,
    /// One sentence.
    pub outcome: String,
    /// People the state remembers.
    pub people: u64,
    /// Accounts compared.
    pub compared: u64,
    /// Of them, changed by hand.
    pub differing: u64,
    /// Of them, gone.
    pub missing: u64,
    /// What was found is pushed right by the cycle that follows.
    pub repaired: bool,
    /// With this one everybody has been looked at since the first.
    pub round_complete: bool,
    /// Requests sent.
    pub requests: u64,
    /// What came of the groups, where it was their turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<GroupAuditRecord>,
}

/// Groups in a finished audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupAuditRecord {
    /// Groups the state remembers.
    pub groups: u64,
    /// Groups compared.
    pub compared: u64,
    /// People about whose groups was asked, where a cloud tells nothing else.
    pub people_asked: u64,
    /// Groups changed by hand.
    pub differing: u64,
    /// Groups that are gone.
    pub missing: u64,
}

/// Removals that the limits hold back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What `scimward approve` takes.
    pub plan_id: String,
    /// How many.
    pub removals: u64,
    /// Why, in words.
    pub reason: String,
    /// When first held, unix seconds; 0 when no run has held them yet.
    pub since: i64,
}

/// One finished cycle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleRecord {
    /// Unix seconds.
    pub started: i64,
    /// Unix seconds; 0 when it never came to an end, and then all counts but `entries` are unknown.
    pub ended: i64,
    /// The exit code the cycle would end the program with.
    pub exit_code: u8,
    /// One sentence.
    pub outcome: String,
    /// Entries read.
    pub entries: u64,
    /// Operations done, by action.
    pub done: std::collections::BTreeMap<String, u64>,
    /// Operations that failed in this cycle.
    pub failed: u64,
    /// Entries rejected by mapping or profile.
    pub rejected: u64,
    /// SCIM requests sent.
    pub requests: u64,
    /// What was done to groups, where they are pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<GroupRecord>,
}

/// A change of the state; a batch of them is applied whole or not at all for each person.
#[derive(Clone, Debug)]
pub enum Change {
    /// Remember mark and link. An account of another id is another account: the groups remembered of the
    /// one before are forgotten, because the new one is in none of them.
    Put(AnchorKey, Mark, Box<Link>),
    /// Remember a mark; the link stays.
    Mark(AnchorKey, Mark),
    /// Forget the person.
    Forget(AnchorKey),
}

/// A plan on its way to execution: operations in the order in which they were found, then the order
/// in which they are carried out. Kept on disk; only the steps are in memory.
pub trait PlanSpool: Send + Sync {
    /// Throws away what is there.
    ///
    /// # Errors
    /// When the disk says no.
    fn clear(&self) -> Result<(), StoreError>;

    /// Appends operations and returns the index of the first one.
    ///
    /// # Errors
    /// When the disk says no.
    fn push(&self, operations: &[Operation]) -> Result<u32, StoreError>;

    /// The operation at `index`.
    ///
    /// # Errors
    /// When there is none or it cannot be read.
    fn operation(&self, index: u32) -> Result<Operation, StoreError>;

    /// Writes the order and makes everything durable: from here on the plan survives a crash.
    ///
    /// # Errors
    /// When the disk says no.
    fn seal(&self, plan_id: &str, steps: &[Step]) -> Result<(), StoreError>;

    /// Durably records that steps before `upto` may have been sent.
    ///
    /// # Errors
    /// When the disk says no.
    fn claim(&self, upto: usize) -> Result<(), StoreError>;

    /// The creates of an unfinished plan that may have been sent without our learning the answer:
    /// every claimed create, and what finished plans left in doubt.
    ///
    /// # Errors
    /// When the disk says no.
    fn in_doubt(&self) -> Result<Vec<AnchorKey>, StoreError>;

    /// Hands every claimed operation of an unfinished plan to `visit`, in the order of its steps. To be
    /// called before [`PlanSpool::clear`], which keeps no more than the keys of creates.
    ///
    /// # Errors
    /// When the disk says no, or `visit` does.
    fn unfinished(&self, visit: &mut dyn FnMut(Operation) -> Result<(), StoreError>) -> Result<(), StoreError>;

    /// The plan is done: nothing is in doubt any more but the creates named here.
    ///
    /// # Errors
    /// When the disk says no.
    fn finish(&self, in_doubt: &[AnchorKey]) -> Result<(), StoreError>;
}

/// The memory between cycles.
pub trait StateStore: Send + Sync + 'static {
    /// What the state says of itself.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn meta(&self) -> Result<Meta, StoreError>;

    /// Replaces it, durably.
    ///
    /// # Errors
    /// When the state cannot be written.
    fn save_meta(&self, meta: &Meta) -> Result<(), StoreError>;

    /// Every mark, in key order.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn marks(&self) -> Result<Vec<(AnchorKey, Mark)>, StoreError>;

    /// One link.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn link(&self, key: AnchorKey) -> Result<Option<Link>, StoreError>;

    /// Hands every link to `visit`, in key order, until it returns false.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn each_link(&self, visit: &mut dyn FnMut(Link) -> bool) -> Result<(), StoreError>;

    /// Applies changes. Durable after the next [`StateStore::flush`].
    ///
    /// # Errors
    /// When the state cannot be written.
    fn apply(&self, changes: &[Change]) -> Result<(), StoreError>;

    /// Every reject, in key order.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn rejects(&self) -> Result<Vec<(AnchorKey, Reject)>, StoreError>;

    /// Adds or replaces rejects (`Some`), or removes them (`None`).
    ///
    /// # Errors
    /// When the state cannot be written.
    fn save_rejects(&self, rejects: &[(AnchorKey, Option<Reject>)]) -> Result<(), StoreError>;

    /// The last cycles, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn cycles(&self, limit: usize) -> Result<Vec<CycleRecord>, StoreError>;

    /// Remembers a cycle; old ones are dropped past a fixed number.
    ///
    /// # Errors
    /// When the state cannot be written.
    fn save_cycle(&self, record: &CycleRecord) -> Result<(), StoreError>;

    /// Makes everything applied so far survive a power cut.
    ///
    /// # Errors
    /// When the disk says no.
    fn flush(&self) -> Result<(), StoreError>;

    /// Where this store's plans are spooled.
    fn spool(&self) -> &dyn PlanSpool;
}

// --- who watches ---------------------------------------------------------------------------------

/// What happens during a cycle, for progress bars, the control socket and counters.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Entries read so far in this attempt.
    Read {
        /// How many.
        entries: u64,
    },
    /// The plan is made.
    Planned {
        /// Operations that will be carried out.
        operations: u64,
    },
    /// One operation ended.
    Done {
        /// Operations ended so far.
        done: u64,
        /// Operations in all.
        total: u64,
        /// Of those ended, how many failed.
        failed: u64,
    },
    /// The lane pauses because the provider asked for it.
    Paused {
        /// For how long.
        #[serde(with = "seconds")]
        delay: Duration,
    },
}

mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(value.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Watches a cycle. Cheap, must not block.
pub trait Observer: Send + Sync + 'static {
    /// Something happened.
    fn event(&self, event: &Event);
}

/// Nobody watches.
#[derive(Debug)]
pub struct Unwatched;

impl Observer for Unwatched {
    fn event(&self, _event: &Event) {}
}

/// A shared watcher.
pub type SharedObserver = Arc<dyn Observer>;
