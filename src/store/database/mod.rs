//! The one module that names sled (0.34), and what it takes to rely on it:
//!
//! - Batches stay small ([`BATCH_RECORDS_MAX`]): a batch pins one memory epoch for its length, and a
//!   large one over random keys keeps gigabytes of evicted pages alive.
//! - A batch over several tables is one sled transaction, so a crash keeps or loses it as a whole.
//! - sled's `flush` ends with `sync_file_range`, which flushes neither the disk's own cache nor the
//!   file's size. [`Database::flush`] adds the `fsync`.
//! - There is no background flush: nothing is promised before [`Database::flush`], and a panic in a
//!   thread of sled's could not be caught.
//! - sled takes a log whose end was cut off for one that was never longer. Each flush is numbered, in
//!   the log and in a small file beside it ([`Flushes`]), so that this is noticed.
//! - sled gives up records in a damaged part of its log silently: see [`sums`].
//! - sled panics on some damage. No panic leaves this module; after one the database is not touched again.
//! - A kill while sled opens leaves `snap.*.generating`, which makes every later open fail: removed
//!   before. A kill while sled creates its files leaves some of them: a new database grows under
//!   another name and is renamed when it is whole.

mod failure;
mod start;
mod sums;

use std::{
    fs::{self, File},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use sled::transaction::{ConflictableTransactionError, TransactionError, Transactional};

pub(super) use self::sums::Sum;
use self::{
    failure::{Failure, corrupt, settle},
    start::{create, remove_stale_snapshots, start},
    sums::{SUMMED, Sums},
};
use super::{
    durable,
    error::{OpenError, WAY_BACK},
    flushes::Flushes,
    record::Damage,
};
use crate::ports::StoreError;

/// Records in one [`Database::write`].
pub(super) const BATCH_RECORDS_MAX: usize = 100;
/// The format of the records.
const SCHEMA: u64 = 1;
const SCHEMA_KEY: &[u8] = b"schema";
const FLUSHES_KEY: &[u8] = b"flushes";

/// A set of records of one kind, in key order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Meta,
    Marks,
    Links,
    Rejects,
    Cycles,
    Groups,
    /// Keys are a group's key and a member's.
    Members,
    GroupRejects,
    /// Keys are a group's key and a number from 0.
    MembersInDoubt,
}

impl Table {
    /// In the order of their declaration, by which they are found. A state of an earlier version lacks the
    /// last ones; they are made when it is opened.
    const ALL: [Self; 9] = [
        Self::Meta,
        Self::Marks,
        Self::Links,
        Self::Rejects,
        Self::Cycles,
        Self::Groups,
        Self::Members,
        Self::GroupRejects,
        Self::MembersInDoubt,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Marks => "marks",
            Self::Links => "links",
            Self::Rejects => "rejects",
            Self::Cycles => "cycles",
            Self::Groups => "groups",
            Self::Members => "members",
            Self::GroupRejects => "group-rejects",
            Self::MembersInDoubt => "members-in-doubt",
        }
    }
}

/// One record to put (`Some`) or to remove (`None`).
pub(super) struct Write {
    pub(super) table: Table,
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Vec<u8>>,
}

/// The way through a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Ascending,
    Descending,
}

/// What a visitor wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visit {
    Next,
    Stop,
}

/// Looks at one key and value.
pub(super) type Visitor<'a> = dyn FnMut(&[u8], &[u8]) -> Result<Visit, StoreError> + 'a;

/// The tables on disk.
pub(super) struct Database {
    /// Present until dropped.
    engine: Option<Engine>,
    /// The state folder, for messages.
    folder: PathBuf,
    /// Taken while flushing: numbers must reach the log in order.
    flushes: Mutex<Flushes>,
    /// What whole tables add up to; held while writing. The same is in the log, written with each batch.
    sums: Mutex<Sums>,
    /// Something was written since the last flush began, or may have been by an earlier process.
    unflushed: AtomicBool,
    /// sled panicked or a sync failed: what it holds in memory is no longer to be trusted.
    broken: AtomicBool,
    /// The disk said no, and sled says so ever after: closing it would only fail again.
    refused: AtomicBool,
}

struct Engine {
    /// In the order of [`Table`].
    tables: Vec<sled::Tree>,
    db: sled::Db,
    /// sled's log, opened once more for `fsync`.
    log: File,
    /// Where sled puts values that are too large for the log, each in a file that it does not sync.
    blobs: PathBuf,
}

impl Database {
    /// Opens or creates the database in a state folder whose lock is held.
    pub(super) fn open(folder: &Path) -> Result<Self, OpenError> {
        let home = folder.join("db");
        if !home.try_exists().map_err(OpenError::io(&home))? {
            create(folder, &home)?;
        }
        remove_stale_snapshots(&home).map_err(OpenError::io(&home))?;
        let mut database = Self {
            engine: Some(start(folder, &home)?),
            folder: folder.to_path_buf(),
            flushes: Mutex::new(Flushes::open(&home).map_err(OpenError::io(&home))?),
            sums: Mutex::default(),
            unflushed: AtomicBool::new(true),
            broken: AtomicBool::new(false),
            refused: AtomicBool::new(false),
        };
        durable::sync_folder(&home).map_err(OpenError::io(&home))?;
        database.check_schema()?;
        database.check_end()?;
        database.sums = Mutex::new(database.read_sums()?);
        Ok(database)
    }

    fn check_schema(&self) -> Result<(), OpenError> {
        let found = self
            .number(SCHEMA_KEY)?
            .ok_or_else(|| corrupt(&self.folder, "the record that says its format is missing"))?;
        if found > SCHEMA {
            return Err(OpenError::NewerSchema {
                path: self.folder.clone(),
                found: u32::try_from(found).unwrap_or(u32::MAX),
                known: u32::try_from(SCHEMA).unwrap_or(u32::MAX),
            });
        }
        Ok(())
    }

    /// The log has to reach as far as the last flush that was noted beside it.
    fn check_end(&self) -> Result<(), OpenError> {
        let found = self.number(FLUSHES_KEY)?.unwrap_or(0);
        let mut flushes = self.flushes.lock().unwrap_or_else(PoisonError::into_inner);
        if found < flushes.last {
            let lost = flushes.last - found;
            return Err(corrupt(
                &self.folder,
                format!("its log was cut off, the last {lost} flushes are missing"),
            ));
        }
        flushes.last = found;
        Ok(())
    }

    fn read_sums(&self) -> Result<Sums, OpenError> {
        let mut sums = Sums::default();
        for table in SUMMED {
            let found = self.attempt(|engine| {
                let value = engine.table(Table::Meta)?.get(table.sum_key())?;
                Ok((value, engine.table(table)?.is_empty()))
            });
            let (value, is_empty) = settle(&self.folder, found)?;
            let wrong =
                |damage: Damage| corrupt(&self.folder, format!("the sum over its {}: {}", table.name(), damage.0));
            *sums.of_mut(table) = match value {
                Some(value) => Sum::unseal(table, &value).map_err(wrong)?,
                // The state is of a version that knew no such table.
                None if table != Table::Marks && is_empty => Sum::default(),
                None => return Err(wrong(Damage("it is missing".into()))),
            };
        }
        Ok(sums)
    }

    /// What the values of a table that has a sum add up to, as far as was written.
    pub(super) fn sum(&self, table: Table) -> Sum {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner).of(table)
    }

    fn number(&self, key: &[u8]) -> Result<Option<u64>, OpenError> {
        let value = settle(&self.folder, self.attempt(|engine| engine.table(Table::Meta)?.get(key)))?;
        let Some(value) = value else { return Ok(None) };
        let number = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
        number
            .map(Some)
            .ok_or_else(|| corrupt(&self.folder, "a record that holds a number holds something else"))
    }

    /// One value.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.guarded("read", |engine| {
            Ok(engine.table(table)?.get(key)?.map(|value| value.to_vec()))
        })
    }

    /// Hands every key and value to `visit` until it stops or fails.
    pub(super) fn each(&self, table: Table, order: Order, visit: &mut Visitor<'_>) -> Result<(), StoreError> {
        self.each_below(table, &[], order, visit)
    }

    /// The same of those whose keys begin with `prefix`.
    pub(super) fn each_below(
        &self,
        table: Table,
        prefix: &[u8],
        order: Order,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        self.guarded("read", |engine| {
            let mut records = engine.table(table)?.scan_prefix(prefix);
            while let Some(record) = match order {
                Order::Ascending => records.next(),
                Order::Descending => records.next_back(),
            } {
                let (key, value) = record?;
                match visit(&key, &value) {
                    Ok(Visit::Next) => {}
                    Ok(Visit::Stop) => break,
                    Err(error) => return Ok(Err(error)),
                }
            }
            Ok(Ok(()))
        })?
    }

    /// Writes a batch whole or not at all. At most [`BATCH_RECORDS_MAX`] records, see there.
    pub(super) fn write(&self, batch: &[Write]) -> Result<(), StoreError> {
        debug_assert!(batch.len() <= BATCH_RECORDS_MAX, "{} records", batch.len());
        let touched = SUMMED.map(|summed| batch.iter().any(|write| write.table == summed).then_some(summed));
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *sums;
        *sums = self.guarded("write", |engine| {
            let outcome = engine.tables.as_slice().transaction(|tables| {
                let table = |table: Table| {
                    tables
                        .get(table as usize)
                        .ok_or(ConflictableTransactionError::Abort(()))
                };
                // From the start each time: sled may run this more than once.
                let mut after = before;
                for write in batch {
                    let old = match &write.value {
                        Some(value) => table(write.table)?.insert(write.key.as_slice(), value.as_slice())?,
                        None => table(write.table)?.remove(write.key.as_slice())?,
                    };
                    if SUMMED.contains(&write.table) {
                        let sum = after.of_mut(write.table);
                        old.iter().for_each(|old| sum.take(old));
                        write.value.iter().for_each(|new| sum.add(new));
                    }
                }
                for summed in touched.into_iter().flatten() {
                    table(Table::Meta)?.insert(summed.sum_key(), after.of(summed).seal(summed))?;
                }
                Ok(after)
            });
            outcome.map_err(|error| match error {
                TransactionError::Storage(error) => error,
                TransactionError::Abort(()) => no_table(),
            })
        })?;
        drop(sums);
        // Afterwards, so that no flush takes this for done that began before.
        self.unflushed.store(true, Ordering::Release);
        Ok(())
    }

    /// Removes every record of a table.
    pub(super) fn clear(&self, table: Table) -> Result<(), StoreError> {
        loop {
            let mut batch = Vec::new();
            self.each(table, Order::Ascending, &mut |key, _| {
                batch.push(Write {
                    table,
                    key: key.to_vec(),
                    value: None,
                });
                Ok(if batch.len() < BATCH_RECORDS_MAX {
                    Visit::Next
                } else {
                    Visit::Stop
                })
            })?;
            if batch.is_empty() {
                return Ok(());
            }
            self.write(&batch)?;
        }
    }

    /// Makes everything written so far survive a power cut.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        let mut flushes = self.flushes.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.unflushed.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let number = flushes.last.saturating_add(1);
        let flushed = self.flush_as(number, &mut flushes);
        if flushed.is_err() {
            self.unflushed.store(true, Ordering::Release);
        }
        flushed
    }

    fn flush_as(&self, number: u64, flushes: &mut Flushes) -> Result<(), StoreError> {
        let synced = self.guarded("flush", |engine| {
            let text = number.to_string();
            engine.table(Table::Meta)?.insert(FLUSHES_KEY, text.as_bytes())?;
            engine.db.flush()?;
            Ok(engine.sync())
        })?;
        synced.and_then(|()| flushes.note(number)).map_err(|error| {
            // The kernel reports a lost write once; a second sync would claim success.
            self.broken.store(true, Ordering::Relaxed);
            StoreError(format!(
                "cannot flush {}: {error}; mend that, then restart scimward",
                self.folder.display()
            ))
        })
    }

    fn guarded<T>(&self, doing: &str, call: impl FnOnce(&Engine) -> sled::Result<T>) -> Result<T, StoreError> {
        self.attempt(call).map_err(|failure| {
            let folder = self.folder.display();
            StoreError(match failure {
                // sled answers every later call with the same error: what it could not write is lost.
                Failure::Disk(error) => {
                    self.refused.store(true, Ordering::Relaxed);
                    format!("cannot {doing} {folder}: {error}; mend that, then restart scimward")
                }
                Failure::Damage(cause) => format!("cannot {doing} {folder}, it is damaged: {cause}; {WAY_BACK}"),
                Failure::Broken(cause) => format!("cannot {doing} {folder}: {cause}"),
            })
        })
    }

    /// Runs `call`; a panic of sled's becomes an error, and every later call fails at once.
    fn attempt<T>(&self, call: impl FnOnce(&Engine) -> sled::Result<T>) -> Result<T, Failure> {
        let Some(engine) = self.engine.as_ref().filter(|_| !self.broken.load(Ordering::Relaxed)) else {
            return Err(Failure::Broken(
                "it failed before in this process: restart scimward".into(),
            ));
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| call(engine)));
        if outcome.is_err() {
            self.broken.store(true, Ordering::Relaxed);
        }
        Failure::sort(outcome)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(engine) = self.engine.take() else { return };
        if *self.broken.get_mut() || *self.refused.get_mut() {
            // Closing would write, or wait for a thread that is no longer there.
            std::mem::forget(engine);
        } else {
            // A panic here has nobody left to tell: what was flushed is on disk.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(engine)));
        }
    }
}

impl Engine {
    fn table(&self, table: Table) -> sled::Result<&sled::Tree> {
        self.tables.get(table as usize).ok_or_else(no_table)
    }

    fn sync(&self) -> io::Result<()> {
        if fs::read_dir(&self.blobs)?.next().is_some() {
            // Rare: only records far above the usual size get files of their own.
            return Ok(rustix::fs::syncfs(&self.log)?);
        }
        self.log.sync_all()
    }
}

/// Cannot happen: every table is opened at the start.
fn no_table() -> sled::Error {
    sled::Error::ReportableBug("a table was not opened".into())
}
