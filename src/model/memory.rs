//! What passes between planning and remembering: what absence means, who could not be pushed, and in
//! which order a plan is carried out.

use serde::{Deserialize, Serialize};

use super::{Digest, Phase, Rejection};

/// What it means when an entry was not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Nothing: the read was not proved complete. The reason is for people.
    Unknown(String),
    /// The entry is not in the directory: every page of every base was read and the server said
    /// success each time.
    AllButPresent,
}

/// Where an object failed, which decides when it is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RejectKind {
    /// Mapping or profile: tried again in every cycle, at no cost.
    Entry,
    /// The provider said no (400): tried again when the wanted state changes.
    Refused,
    /// A conflict or passing trouble: tried again after `next_try`.
    Waiting,
}

/// An object that could not be pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Who and why. Problems from the provider have `attribute` empty.
    pub rejection: Rejection,
    /// Where it failed.
    pub kind: RejectKind,
    /// Digest of the state that was wanted.
    pub wanted: Digest,
    /// Unix seconds.
    pub first: i64,
    /// Unix seconds.
    pub last: i64,
    /// How often it was tried.
    pub tries: u32,
    /// Unix seconds; 0 for "any time".
    pub next_try: i64,
}

/// Where a sealed plan stands in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Step {
    /// The phase.
    pub phase: Phase,
    /// Order within the phase (depth below the top manager).
    pub depth: u32,
    /// The operation, by its place in the spool.
    pub index: u32,
}

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("state: {0}")]
pub struct StoreError(pub String);
