//! Every mark in one file, in key order. Every cycle reads them all, and the database has them strewn
//! over its log.
//!
//! The database holds the truth; this is a copy. It has its name (`marks`) only while the database's marks
//! are what it says: before the first change it is set aside, and when the cycle's changes are flushed it
//! is made anew from what was set aside and what changed. Whatever a crash or a defect leaves: without a
//! whole file of that name the database is read.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use super::{
    durable,
    record::{MARK_BYTES, mark_bytes, mark_of},
};
use crate::model::{AnchorKey, Mark};

const NAME: &str = "marks";
const ASIDE: &str = "marks.old";
const DRAFT: &str = "marks.new";

const FORMAT: &[u8; 16] = b"scimward-marks-1";
const KEY_BYTES: usize = 16;
const RECORD_BYTES: usize = KEY_BYTES + MARK_BYTES;
const CHECKSUM_BYTES: usize = 16;
const BUFFER_BYTES: usize = 256 << 10;

/// More changes than this are not kept in memory: then the next cycle reads the database.
const CHANGES_MAX: usize = 20_000;

/// Marks that changed (`Some`) or went (`None`).
pub(super) type Changes = BTreeMap<AnchorKey, Option<Mark>>;

/// The file and what is known of it.
pub(super) struct Pack {
    folder: PathBuf,
    state: State,
}

enum State {
    /// The file has its name.
    Current,
    /// It is set aside, and this has changed since.
    Aside(Changes),
    /// It has its name, but could not be read.
    Useless,
    /// There is none.
    Absent,
}

impl Pack {
    /// Over the file in `folder`, which may be missing.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        for leftover in [ASIDE, DRAFT] {
            durable::remove(&folder.join(leftover))?;
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            state: if folder.join(NAME).try_exists()? {
                State::Current
            } else {
                State::Absent
            },
        })
    }

    /// What the file says; nothing when the database has to be asked.
    pub(super) fn read(&mut self) -> Option<Vec<(AnchorKey, Mark)>> {
        let State::Current = self.state else { return None };
        let mut marks = Vec::new();
        let read = Reader::open(&self.folder.join(NAME)).and_then(|mut reader| {
            marks.reserve_exact(reader.left);
            while let Some(record) = reader.next()? {
                marks.push(record);
            }
            Ok(())
        });
        match read {
            Ok(()) => Some(marks),
            Err(error) => {
                tracing::debug!(%error, "the copy of the marks is of no use, the database is read");
                self.state = State::Useless;
                None
            }
        }
    }

    /// Keeps what the database says, which has to be flushed. Not being able to is no harm.
    pub(super) fn keep(&mut self, marks: &[(AnchorKey, Mark)]) {
        if let State::Absent | State::Useless = self.state {
            self.write(|writer| marks.iter().try_for_each(|(key, mark)| writer.put(*key, mark)));
        }
    }

    /// To be called before the database's marks are changed.
    ///
    /// # Errors
    /// When the file cannot be set aside: then nothing may be changed.
    pub(super) fn change(&mut self, changes: impl Iterator<Item = (AnchorKey, Option<Mark>)>) -> io::Result<()> {
        let mut changes = changes.peekable();
        if changes.peek().is_none() {
            return Ok(());
        }
        match self.state {
            State::Current => {
                std::fs::rename(self.folder.join(NAME), self.folder.join(ASIDE))?;
                durable::sync_folder(&self.folder)?;
                self.state = State::Aside(Changes::new());
            }
            // Perhaps it can be read the next time, and must not be believed then.
            State::Useless => self.forget()?,
            State::Aside(_) | State::Absent => {}
        }
        if let State::Aside(all) = &mut self.state {
            all.extend(changes);
            if all.len() > CHANGES_MAX {
                self.state = State::Absent;
            }
        }
        Ok(())
    }

    /// To be called before every mark is removed.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub(super) fn forget(&mut self) -> io::Result<()> {
        durable::remove_for_good(&self.folder, NAME)?;
        self.state = State::Absent;
        Ok(())
    }

    /// Makes the file anew once all changes are flushed. Not being able to is no harm.
    pub(super) fn renew(&mut self) {
        let State::Aside(changes) = std::mem::replace(&mut self.state, State::Absent) else {
            return;
        };
        let old = self.folder.join(ASIDE);
        self.write(|writer| merge(Reader::open(&old)?, changes, writer));
        let _ = durable::remove(&old);
    }

    fn write(&mut self, fill: impl FnOnce(&mut Writer) -> io::Result<()>) {
        let draft = self.folder.join(DRAFT);
        let written = Writer::create(&draft).and_then(|mut writer| {
            fill(&mut writer)?;
            writer.finish()?;
            std::fs::rename(&draft, self.folder.join(NAME))
        });
        match written {
            Ok(()) => self.state = State::Current,
            Err(error) => tracing::debug!(%error, "no copy of the marks is kept"),
        }
    }
}

/// What was set aside with the changes put in.
fn merge(mut old: Reader, changes: Changes, writer: &mut Writer) -> io::Result<()> {
    let mut changes = changes.into_iter().peekable();
    while let Some((key, mark)) = old.next()? {
        while let Some((new, change)) = changes.next_if(|(changed, _)| *changed < key) {
            change.map_or(Ok(()), |mark| writer.put(new, &mark))?;
        }
        match changes.next_if(|(changed, _)| *changed == key) {
            Some((_, None)) => {}
            Some((_, Some(mark))) => writer.put(key, &mark)?,
            None => writer.put(key, &mark)?,
        }
    }
    for (new, change) in changes {
        change.map_or(Ok(()), |mark| writer.put(new, &mark))?;
    }
    Ok(())
}

struct Writer {
    file: BufWriter<File>,
    hasher: blake3::Hasher,
}

impl Writer {
    fn create(path: &Path) -> io::Result<Self> {
        let file = durable::private().write(true).create(true).truncate(true).open(path)?;
        let mut writer = Self {
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            hasher: blake3::Hasher::new(),
        };
        writer.write(FORMAT)?;
        Ok(writer)
    }

    fn put(&mut self, key: AnchorKey, mark: &Mark) -> io::Result<()> {
        let mut record = [0; RECORD_BYTES];
        record[..KEY_BYTES].copy_from_slice(&key.0);
        record[KEY_BYTES..].copy_from_slice(&mark_bytes(mark));
        self.write(&record)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.file.write_all(bytes)
    }

    /// No sync: a file that a power cut tears fails its checksum.
    fn finish(mut self) -> io::Result<()> {
        self.file
            .write_all(&self.hasher.finalize().as_bytes()[..CHECKSUM_BYTES])?;
        self.file.flush()
    }
}

struct Reader {
    file: BufReader<File>,
    hasher: blake3::Hasher,
    /// Records to come.
    left: usize,
}

impl Reader {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let records = usize::try_from(file.metadata()?.len())
            .ok()
            .and_then(|length| length.checked_sub(FORMAT.len() + CHECKSUM_BYTES))
            .filter(|length| length % RECORD_BYTES == 0)
            .ok_or_else(damaged)?;
        let mut reader = Self {
            file: BufReader::with_capacity(BUFFER_BYTES, file),
            hasher: blake3::Hasher::new(),
            left: records / RECORD_BYTES,
        };
        if reader.take()? == *FORMAT {
            Ok(reader)
        } else {
            Err(damaged())
        }
    }

    /// The next record; after the last one the checksum has to be right.
    fn next(&mut self) -> io::Result<Option<(AnchorKey, Mark)>> {
        if self.left == 0 {
            let mut found = [0; CHECKSUM_BYTES];
            self.file.read_exact(&mut found)?;
            let right = self.hasher.finalize().as_bytes()[..CHECKSUM_BYTES] == found;
            return if right { Ok(None) } else { Err(damaged()) };
        }
        self.left -= 1;
        let key = self.take()?;
        let mark = self.take()?;
        Ok(Some((AnchorKey(key), mark_of(&mark))))
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes)?;
        self.hasher.update(&bytes);
        Ok(bytes)
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not as it was written")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u8) -> (AnchorKey, Mark) {
        let mark = Mark {
            missed: n.into(),
            ..Mark::default()
        };
        (AnchorKey([n; 16]), mark)
    }

    fn numbers(pack: &mut Pack) -> Option<Vec<u16>> {
        Some(pack.read()?.into_iter().map(|(_, mark)| mark.missed).collect())
    }

    #[test]
    fn what_was_kept_and_what_changed_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut pack = Pack::open(folder.path()).unwrap();
        assert_eq!(numbers(&mut pack), None);
        pack.keep(&[3, 5, 7].map(record));
        assert_eq!(numbers(&mut pack), Some(vec![3, 5, 7]));
        assert_eq!(numbers(&mut Pack::open(folder.path()).unwrap()), Some(vec![3, 5, 7]));
        let put = |n| (record(n).0, Some(record(n).1));
        let changed = (record(5).0, Some(record(50).1));
        let gone = (record(7).0, None);
        pack.change([put(1), put(4), changed, gone, put(9)].into_iter())
            .unwrap();
        assert_eq!(numbers(&mut pack), None, "from now on the database knows better");
        assert_eq!(
            numbers(&mut Pack::open(&copy(folder.path())).unwrap()),
            None,
            "after a crash"
        );
        pack.renew();
        assert_eq!(numbers(&mut pack), Some(vec![1, 3, 4, 50, 9]));
        pack.change([].into_iter()).unwrap();
        assert_eq!(numbers(&mut pack), Some(vec![1, 3, 4, 50, 9]), "nothing changed");
        pack.forget().unwrap();
        assert_eq!(numbers(&mut Pack::open(folder.path()).unwrap()), None);
    }

    fn copy(folder: &Path) -> PathBuf {
        let other = folder.join("copy");
        std::fs::create_dir(&other).unwrap();
        for name in [NAME, ASIDE] {
            let _ = std::fs::copy(folder.join(name), other.join(name));
        }
        other
    }

    #[test]
    fn many_changes_are_left_to_the_database() {
        let folder = tempfile::tempdir().unwrap();
        let mut pack = Pack::open(folder.path()).unwrap();
        pack.keep(&[]);
        let key = |n: usize| AnchorKey(u128::try_from(n).unwrap().to_be_bytes());
        pack.change((0..=CHANGES_MAX).map(|n| (key(n), Some(Mark::default()))))
            .unwrap();
        pack.renew();
        assert_eq!(numbers(&mut pack), None);
        assert_eq!(numbers(&mut Pack::open(folder.path()).unwrap()), None);
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        Pack::open(folder.path()).unwrap().keep(&[1, 2].map(record));
        let path = folder.path().join(NAME);
        let whole = std::fs::read(&path).unwrap();
        let check = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let mut pack = Pack::open(folder.path()).unwrap();
            assert_eq!(numbers(&mut pack), None);
            pack.keep(&[record(9)]);
            assert_eq!(numbers(&mut pack), Some(vec![9]), "made anew from the database");
        };
        for at in 0..whole.len() {
            check(&whole[..at]);
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            check(&flipped);
        }
    }
}
