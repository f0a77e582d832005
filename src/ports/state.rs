//! The memory between cycles, and the plan on its way to execution.

use serde::{Deserialize, Serialize};

use super::{Audit, CycleRecord, Held, KeyRefusal, RebuildStage, RotationRecord, TokenRefusal};
use crate::model::{AnchorKey, Link, Mark, Operation, Reject, Step, StoreError};

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
    /// Why the service provider refused the token when it was last used, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_refused: Option<TokenRefusal>,
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
