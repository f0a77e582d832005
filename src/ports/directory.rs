//! The LDAP side.

use tokio_util::sync::CancellationToken;

use crate::model::{Absence, DirectoryEntry};

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
