//! The cycle that may be sending, in a small file beside the database, so that one that never comes to
//! its record (a kill, a power cut, a disk that takes nothing more) is still told of.
//!
//! The file is there from the first request until the cycle's record is in the database. It is not
//! synced: it is for people, and nothing is decided by it.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::durable;
use crate::ports::CycleRecord;

/// The file's name in the state folder.
pub(super) const NAME: &str = "running";

/// The place of that file.
pub(super) struct Running(PathBuf);

impl Running {
    pub(super) fn of(folder: &Path) -> Self {
        Self(folder.join(NAME))
    }

    /// What an earlier process left. A file that cannot be read says nothing.
    pub(super) fn left(&self) -> Option<CycleRecord> {
        serde_json::from_slice(&fs::read(&self.0).ok()?).ok()
    }

    /// Puts `record` there, over what is there: on a full disk a file of this size can still be changed.
    pub(super) fn put(&self, record: &CycleRecord) -> io::Result<()> {
        let text = serde_json::to_vec(record)?;
        let mut file = durable::private()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.0)?;
        file.write_all(&text)?;
        file.set_len(text.len() as u64)
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        durable::remove(&self.0).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_last_is_left_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let running = Running::of(folder.path());
        assert_eq!(running.left(), None);
        for outcome in ["a long story of what happened", "short"] {
            let record = CycleRecord {
                outcome: outcome.to_owned(),
                ..CycleRecord::default()
            };
            running.put(&record).unwrap();
            assert_eq!(running.left(), Some(record));
        }
        running.remove().unwrap();
        running.remove().unwrap();
        assert_eq!(running.left(), None);
        fs::write(folder.path().join(NAME), "{").unwrap();
        assert_eq!(running.left(), None);
    }
}
