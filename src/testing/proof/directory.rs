//! The directory, and what can go wrong while it is read.

use tokio_util::sync::CancellationToken;

use crate::{
    model::DirectoryEntry,
    ports::{Absence, Directory, DirectoryError, EntrySink, ReadOutcome},
};

/// What goes wrong with one read. Numbers are percents of the entries that arrive before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReadFault {
    None,
    /// The connection is cut, and no other server can be reached.
    Cut(usize),
    RefusedBind,
    Unreachable,
    /// The server's size limit ends the search.
    SizeLimit(usize),
    /// Success without an entry.
    EmptySuccess,
    /// The first server dies in the middle, the second one answers.
    FailOver(usize),
    /// Success, but only some entries can be seen any more.
    LostRights(usize),
}

impl ReadFault {
    /// Whether everybody who was not shown is not there, as the directory's side knows.
    pub(super) fn is_complete(self) -> bool {
        matches!(self, Self::None | Self::FailOver(_))
    }

    /// Whether the read itself says that not everybody was shown.
    pub(super) fn says_so(self) -> bool {
        matches!(
            self,
            Self::Cut(_) | Self::SizeLimit(_) | Self::RefusedBind | Self::Unreachable
        )
    }

    /// In one word, for a table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Cut(_) => "read cut",
            Self::RefusedBind => "bind refused",
            Self::Unreachable => "directory unreachable",
            Self::SizeLimit(_) => "size limit",
            Self::EmptySuccess => "empty success",
            Self::FailOver(_) => "fail-over in mid-read",
            Self::LostRights(_) => "read rights lost",
        }
    }
}

/// One read of these entries.
pub(super) struct FakeDirectory {
    pub entries: Vec<DirectoryEntry>,
    pub fault: ReadFault,
}

impl Directory for FakeDirectory {
    fn read(&mut self, sink: &mut dyn EntrySink, _stop: &CancellationToken) -> Result<ReadOutcome, DirectoryError> {
        let all = self.entries.len();
        let share = |percent: usize| all * percent / 100;
        let (count, absence) = match self.fault {
            ReadFault::None => (all, Absence::AllButPresent),
            ReadFault::Cut(percent) => (share(percent), Absence::Unknown("connection lost".into())),
            ReadFault::RefusedBind => return Err(DirectoryError::Bind("invalid credentials".into())),
            ReadFault::Unreachable => return Err(DirectoryError::Unreachable("no route to host".into())),
            ReadFault::SizeLimit(percent) => (share(percent), Absence::Unknown("size limit exceeded".into())),
            ReadFault::EmptySuccess => (0, Absence::AllButPresent),
            ReadFault::LostRights(percent) => (share(percent), Absence::AllButPresent),
            ReadFault::FailOver(percent) => {
                for entry in &self.entries[..share(percent)] {
                    sink.entry(entry.clone())?;
                }
                sink.restart()?;
                (all, Absence::AllButPresent)
            }
        };
        for entry in &self.entries[..count] {
            sink.entry(entry.clone())?;
        }
        Ok(ReadOutcome {
            absence,
            server: "ldap://test".into(),
            entries: count as u64,
        })
    }
}
