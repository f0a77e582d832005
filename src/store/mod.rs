//! The memory between cycles: one folder on disk, held by one process.
//!
//! ```text
//! lock         who holds the folder                    (folder.rs)
//! db/          sled: meta, marks, links, rejects, cycles, groups, members, group-rejects
//!                                                      (database/; records in record.rs)
//! db/marks     every mark in one piece, a copy         (pack.rs)
//! running      the cycle that may be sending               (running.rs)
//! plan/        the plan on its way to execution        (spool/)
//! ```
//!
//! Deliberately absent: any decision about people. What the records mean is the planner's concern;
//! here they are kept whole, or an error says which one is not.

mod database;
mod durable;
mod error;
mod export;
mod flushes;
mod folder;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod groups;
mod import;
mod lines;
mod pack;
mod record;
mod running;
mod spool;
mod state;
#[cfg(test)]
mod tests;

pub use error::{OpenError, TransferError};
pub use export::export;
pub use folder::{Found, inspect, inspect_lock};
pub use import::import;
pub use spool::FileSpool;
pub use state::SledStore;
