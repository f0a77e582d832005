//! Why a state cannot be opened or carried over, and what to do about it.

use std::{io, path::PathBuf};

use crate::{model::Anchor, ports::StoreError};

/// The way out of a damaged state, in the words of every message that needs it.
pub(super) const WAY_BACK: &str = "stop scimward and move the state folder aside; then load a backup with `scimward state \
                                   import`, or make it anew with `scimward state rebuild`, or just start again \
                                   (whichever it is, accounts are adopted and nothing is removed)";

/// Why a state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process works on it.
    #[error(
        "the state in {path} is in use by another scimward process{}: ask that one (`scimward status`, `scimward --sync-now`) or stop it",
        pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The state folder.
        path: PathBuf,
        /// Who holds it, when known.
        pid: Option<u32>,
    },
    /// The files are not what was written.
    #[error("the state in {path} is damaged: {cause}; {WAY_BACK}")]
    Corrupt {
        /// The state folder.
        path: PathBuf,
        /// What was found.
        cause: String,
    },
    /// Other files are in it, and no state.
    #[error(
        "{path} is no state folder: it holds {example}, which is not ours; give [state] path a folder of its own, \
         such as {}",
        path.join("scimward").display()
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// One of the files in it.
        example: String,
    },
    /// Somebody else could read or change it.
    #[error("the state folder {path} {problem}; {mend}")]
    Permission {
        /// The state folder.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// What to type.
        mend: String,
    },
    /// The disk says no.
    #[error("cannot use {path} for the state")]
    Io {
        /// The file or folder at fault.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A newer version of the program wrote it.
    #[error(
        "the state in {path} has format {found}, this scimward knows formats up to {known}: install the newer version \
         again, or move the folder aside (accounts are adopted, nothing is removed)"
    )]
    NewerSchema {
        /// The state folder.
        path: PathBuf,
        /// The format found.
        found: u32,
        /// The newest format known.
        known: u32,
    },
    /// A backup that was being loaded when the program stopped could not be taken out again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OpenError {
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// Why a state could not be written out or read in.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// There is a state already.
    #[error(
        "the state is not empty ({found}): move its folder aside first, a backup is loaded into an empty state only"
    )]
    NotEmpty {
        /// What is there.
        found: String,
    },
    /// The backup is not one, or not whole. Nothing of it was kept.
    #[error("line {line} of the backup: {problem}; nothing was loaded")]
    Malformed {
        /// Counted from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// The backup could not be read or written.
    #[error("the backup cannot be read or written")]
    Io(#[from] io::Error),
    /// Part of the state was lost: the pair of a mark or of a link is missing.
    #[error("the state is damaged: {}; {WAY_BACK}", unpaired(*marks, link.as_ref()))]
    Unpaired {
        /// How many marks there are.
        marks: u64,
        /// The first link that is not the next mark's; nothing when the links end before the marks.
        link: Option<Anchor>,
    },
    /// The state said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn unpaired(marks: u64, link: Option<&Anchor>) -> String {
    match link {
        Some(anchor) => {
            format!("around {anchor} a person is marked as pushed without what was pushed, or the other way round")
        }
        None => format!("{marks} people are marked as pushed, and what was pushed is missing for the last of them"),
    }
}
