//! What sled's errors and panics mean for us.

use std::{any::Any, io, path::Path, thread};

use super::super::error::OpenError;

/// Why a call failed, by what has to be done.
pub(super) enum Failure {
    /// The disk says no.
    Disk(io::Error),
    /// The files are not what was written.
    Damage(String),
    /// An earlier call failed so that this process cannot go on with the database.
    Broken(String),
}

impl Failure {
    pub(super) fn sort<T>(outcome: thread::Result<sled::Result<T>>) -> Result<T, Self> {
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(sled::Error::Io(error))) if error.kind() != io::ErrorKind::UnexpectedEof => Err(Self::Disk(error)),
            Ok(Err(error)) => Err(Self::Damage(error.to_string())),
            Err(panic) => Err(Self::Damage(panic_text(&*panic))),
        }
    }
}

/// What an attempt to open comes to, in words.
pub(super) fn settle<T>(folder: &Path, outcome: Result<T, Failure>) -> Result<T, OpenError> {
    outcome.map_err(|failure| match failure {
        Failure::Disk(source) => OpenError::io(folder.join("db"))(source),
        Failure::Damage(cause) | Failure::Broken(cause) => corrupt(folder, cause),
    })
}

pub(super) fn corrupt(folder: &Path, cause: impl Into<String>) -> OpenError {
    OpenError::Corrupt {
        path: folder.to_path_buf(),
        cause: cause.into(),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given");
    format!("the database stopped with: {text}")
}
