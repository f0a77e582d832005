//! The seam: what the core needs of the outside, in the core's words.
//!
//! Deliberately absent: any type of ldap3, reqwest or sled. Each trait is owned by its user (the
//! cycle and the executor) and implemented by one shell.

mod directory;
mod groups;
mod observer;
mod provider;
mod reader;
mod records;
mod state;

pub use self::directory::{Directory, DirectoryError, EntrySink, ReadOutcome, SinkError};
pub use self::groups::{
    CloudGroup, FoundGroup, GroupChange, GroupPayload, GroupProvider, GroupReader, GroupRecord, GroupStore,
    MemberChange, MembersTold,
};
pub use self::observer::{Event, Observer, SharedObserver, Unwatched};
pub use self::provider::{Created, Payload, Probe, ProviderError, ServiceProvider, Taken};
pub use self::reader::{AccountReader, CloudAccount, ListFrom, ListNext, ListPage, Match};
pub use self::records::{
    Audit, AuditPosition, AuditRecord, AuditStage, CycleRecord, GroupAuditRecord, Held, KeyRefusal, RebuildStage,
    RotationRecord, TokenRefusal,
};
pub use self::state::{Change, Meta, PlanSpool, StateStore};
pub use crate::model::{Absence, Reject, RejectKind, Step, StoreError};
