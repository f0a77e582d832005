//! How far the log of the database has to reach.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    path::Path,
};

use super::durable;
use crate::model::Digest;

const NOTE_BYTES: usize = 24;

/// How often was flushed, noted beside the log. The note is not synced: after a power cut it may be
/// older than the log, never newer.
pub(super) struct Flushes {
    file: File,
    pub(super) last: u64,
}

impl Flushes {
    pub(super) fn open(home: &Path) -> io::Result<Self> {
        let file = durable::private()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(home.join("flushes"))?;
        let mut note = [0; NOTE_BYTES];
        let last = match file.read_exact_at(&mut note, 0) {
            Ok(()) => {
                let mut number = [0; 8];
                number.copy_from_slice(&note[..8]);
                let number = u64::from_le_bytes(number);
                // A torn note says nothing.
                if Self::note_of(number) == note { number } else { 0 }
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => 0,
            Err(error) => return Err(error),
        };
        Ok(Self { file, last })
    }

    pub(super) fn note(&mut self, number: u64) -> io::Result<()> {
        self.file.write_all_at(&Self::note_of(number), 0)?;
        self.last = number;
        Ok(())
    }

    fn note_of(number: u64) -> [u8; NOTE_BYTES] {
        let mut note = [0; NOTE_BYTES];
        note[..8].copy_from_slice(&number.to_le_bytes());
        note[8..].copy_from_slice(&Digest::of(&number.to_le_bytes()).0);
        note
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_comes_back_and_a_torn_one_says_nothing() {
        let home = tempfile::tempdir().unwrap();
        let last = || Flushes::open(home.path()).unwrap().last;
        assert_eq!(last(), 0);
        Flushes::open(home.path()).unwrap().note(999).unwrap();
        let before = std::fs::read(home.path().join("flushes")).unwrap();
        assert_eq!(last(), 999);
        Flushes::open(home.path()).unwrap().note(1000).unwrap();
        assert_eq!(last(), 1000);
        let after = std::fs::read(home.path().join("flushes")).unwrap();
        for cut in 1..NOTE_BYTES {
            std::fs::write(home.path().join("flushes"), [&after[..cut], &before[cut..]].concat()).unwrap();
            assert!([0, 999, 1000].contains(&last()), "cut at {cut}");
        }
    }
}
