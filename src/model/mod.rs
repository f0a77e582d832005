//! The domain's nouns: what is read, what is pushed, and what is remembered between the two.
//!
//! Deliberately absent: any I/O, any clock, any library type of a shell (LDAP, HTTP, store).

mod anchor;
mod digest;
pub mod dn;
mod entry;
mod group;
mod link;
mod memory;
mod operation;
mod path;
mod rejection;
mod resource;
mod shown;

pub use anchor::{Anchor, AnchorKey};
pub use digest::Digest;
pub use dn::DnKey;
pub use entry::{Attribute, DirectoryEntry};
pub use group::{GroupAction, GroupLink, GroupOperation, MappedGroup, MemberKey, MemberSum, TakenOver};
pub use link::{Link, Mark, Pushed};
pub use memory::{Absence, Reject, RejectKind, Step, StoreError};
pub use operation::{Action, ManagerRef, Operation, Phase, wanted};
pub use path::{AttributePath, ENTERPRISE_USER, GROUP, USER};
pub use rejection::{Mapped, MappedUser, Problem, Rejection};
pub use resource::{Item, Resource, ResourceId, Scalar, Value};
pub use shown::{is_hostile, shortened, shown};
