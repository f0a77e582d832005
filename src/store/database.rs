//! The one place that names sled (0.34), and what it takes to rely on it:
//!
//! - Batches stay small ([`BATCH_RECORDS_MAX`]): a batch pins one memory epoch for its length, and a
//!   large one over random keys keeps gigabytes of evicted pages alive.
//! - A batch over several tables is one sled transaction, so a crash keeps or loses it as a whole.
//! - sled's `flush` ends with `sync_file_range`, which flushes neither the disk's own cache nor the
//!   file's size. [`Database::flush`] adds the `fsync`.
//! - There is no background flush: nothing is promised before [`Database::flush`], and a panic in a
//!   thread of sled's could not be caught.
//! - sled panics on some damage. No panic leaves this file; after one the database is not touched again.
//! - A kill while sled opens leaves `snap.*.generating`, which makes every later open fail: removed
//!   before. A kill while sled creates its files leaves some of them: a new database grows under
//!   another name and is renamed when it is whole.

use std::{
    any::Any,
    fs::{self, File},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use sled::transaction::{ConflictableTransactionError, TransactionError, Transactional};

use super::{
    durable,
    error::{OpenError, WAY_BACK},
};
use crate::ports::StoreError;

/// Records in one [`Database::write`].
pub(super) const BATCH_RECORDS_MAX: usize = 100;
/// sled's page cache. Larger ones make a cycle no faster: marks are read once, in order.
const CACHE_BYTES: u64 = 16 << 20;
/// The format of the records.
const SCHEMA: u32 = 1;
const SCHEMA_KEY: &[u8] = b"schema";
/// sled lets go of its file some moments after it was closed.
const CLOSE_TRIES: u32 = 100;
const CLOSE_PAUSE: Duration = Duration::from_millis(10);

/// A set of records of one kind, in key order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Meta,
    Marks,
    Links,
    Rejects,
    Cycles,
}

impl Table {
    const ALL: [Self; 5] = [Self::Meta, Self::Marks, Self::Links, Self::Rejects, Self::Cycles];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Marks => "marks",
            Self::Links => "links",
            Self::Rejects => "rejects",
            Self::Cycles => "cycles",
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

/// The tables on disk.
pub(super) struct Database {
    /// Present until dropped.
    engine: Option<Engine>,
    /// The state folder, for messages.
    folder: PathBuf,
    /// sled panicked or a sync failed: what it holds in memory is no longer to be trusted.
    broken: AtomicBool,
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
        let database = Self {
            engine: Some(start(folder, &home)?),
            folder: folder.to_path_buf(),
            broken: AtomicBool::new(false),
        };
        durable::sync_folder(&home).map_err(OpenError::io(&home))?;
        database.check_schema()?;
        Ok(database)
    }

    fn check_schema(&self) -> Result<(), OpenError> {
        let corrupt = |cause: String| OpenError::Corrupt {
            path: self.folder.clone(),
            cause,
        };
        let found = self
            .attempt(|engine| engine.table(Table::Meta)?.get(SCHEMA_KEY))
            .map_err(|failure| match failure {
                Failure::Disk(source) => OpenError::io(&self.folder)(source),
                Failure::Damage(cause) | Failure::Broken(cause) => corrupt(cause),
            })?;
        let found: u32 = found
            .and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok())
            .ok_or_else(|| corrupt("the record that says its format is missing".into()))?;
        if found > SCHEMA {
            return Err(OpenError::NewerSchema {
                path: self.folder.clone(),
                found,
                known: SCHEMA,
            });
        }
        Ok(())
    }

    /// One value.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.guarded("read", |engine| {
            Ok(engine.table(table)?.get(key)?.map(|value| value.to_vec()))
        })
    }

    /// Hands every key and value to `visit` until it stops or fails.
    pub(super) fn each(
        &self,
        table: Table,
        order: Order,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> Result<Visit, StoreError>,
    ) -> Result<(), StoreError> {
        self.guarded("read", |engine| {
            let mut records = engine.table(table)?.iter();
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
        self.guarded("write", |engine| {
            let outcome = engine.tables.as_slice().transaction(|tables| {
                for write in batch {
                    let table = tables
                        .get(write.table as usize)
                        .ok_or(ConflictableTransactionError::Abort(()))?;
                    match &write.value {
                        Some(value) => table.insert(write.key.as_slice(), value.as_slice())?,
                        None => table.remove(write.key.as_slice())?,
                    };
                }
                Ok(())
            });
            outcome.map_err(|error| match error {
                TransactionError::Storage(error) => error,
                TransactionError::Abort(()) => no_table(),
            })
        })
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
        let outcome = self.guarded("flush", |engine| {
            engine.db.flush()?;
            Ok(engine.sync())
        })?;
        outcome.map_err(|error| {
            // The kernel reports a lost write once; a second sync would claim success.
            self.broken.store(true, Ordering::Relaxed);
            StoreError(format!("cannot flush {}: {error}", self.folder.display()))
        })
    }

    fn guarded<T>(&self, doing: &str, call: impl FnOnce(&Engine) -> sled::Result<T>) -> Result<T, StoreError> {
        self.attempt(call).map_err(|failure| {
            let folder = self.folder.display();
            StoreError(match failure {
                Failure::Disk(error) => format!("cannot {doing} {folder}: {error}"),
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

/// Why a call failed, by what has to be done.
enum Failure {
    /// The disk says no.
    Disk(io::Error),
    /// The files are not what was written.
    Damage(String),
    /// An earlier call failed so that this process cannot go on with the database.
    Broken(String),
}

impl Failure {
    fn sort<T>(outcome: thread::Result<sled::Result<T>>) -> Result<T, Self> {
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(sled::Error::Io(error))) if error.kind() != io::ErrorKind::UnexpectedEof => Err(Self::Disk(error)),
            Ok(Err(error)) => Err(Self::Damage(error.to_string())),
            Err(panic) => Err(Self::Damage(panic_text(&*panic))),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(engine) = self.engine.take() else { return };
        if *self.broken.get_mut() {
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

/// A kill between sled's first files leaves what it cannot open; so they grow under another name.
fn create(folder: &Path, home: &Path) -> Result<(), OpenError> {
    let draft = folder.join("db.creating");
    if draft.try_exists().map_err(OpenError::io(&draft))? {
        fs::remove_dir_all(&draft).map_err(OpenError::io(&draft))?;
    }
    let engine = start(folder, &draft)?;
    let written = catch_unwind(AssertUnwindSafe(|| {
        engine
            .table(Table::Meta)?
            .insert(SCHEMA_KEY, SCHEMA.to_string().as_bytes())?;
        engine.db.flush()?;
        drop(engine);
        Ok(())
    }));
    settle(folder, written)?;
    let finish = || {
        for file in fs::read_dir(&draft)? {
            File::open(file?.path())?.sync_all()?;
        }
        durable::sync_folder(&draft)?;
        fs::rename(&draft, home)?;
        durable::sync_folder(folder)
    };
    finish().map_err(OpenError::io(&draft))
}

/// Opens sled in `home`, on a thread of its own: a panic leaves sled's thread-locals in disorder.
fn start(folder: &Path, home: &Path) -> Result<Engine, OpenError> {
    for _ in 1..CLOSE_TRIES {
        match settle(folder, start_on_thread(home)) {
            Err(OpenError::Io { source, .. }) if is_still_closing(&source) => thread::sleep(CLOSE_PAUSE),
            outcome => return outcome,
        }
    }
    settle(folder, start_on_thread(home))
}

fn start_on_thread(home: &Path) -> thread::Result<sled::Result<Engine>> {
    let path = home.to_path_buf();
    let open = move || -> sled::Result<Engine> {
        // `mode` is left alone: sled 0.34 reads it nowhere.
        let config = sled::Config::new()
            .path(&path)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None);
        let db = config.open()?;
        let tables = Table::ALL
            .iter()
            .map(|table| db.open_tree(table.name()))
            .collect::<sled::Result<_>>()?;
        let log = File::open(path.join("db"))?;
        Ok(Engine {
            tables,
            db,
            log,
            blobs: path.join("blobs"),
        })
    };
    match thread::Builder::new().name("open-state".into()).spawn(open) {
        Ok(thread) => thread.join(),
        Err(error) => Ok(Err(error.into())),
    }
}

/// What an attempt to open comes to, in words.
fn settle<T>(folder: &Path, outcome: thread::Result<sled::Result<T>>) -> Result<T, OpenError> {
    Failure::sort(outcome).map_err(|failure| match failure {
        Failure::Disk(source) => OpenError::io(folder.join("db"))(source),
        Failure::Damage(cause) | Failure::Broken(cause) => OpenError::Corrupt {
            path: folder.to_path_buf(),
            cause,
        },
    })
}

fn is_still_closing(error: &io::Error) -> bool {
    error.to_string().starts_with("could not acquire lock")
}

fn remove_stale_snapshots(home: &Path) -> io::Result<()> {
    for file in fs::read_dir(home)? {
        let file = file?;
        let name = file.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(file.path())?;
        }
    }
    Ok(())
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given");
    format!("the database stopped with: {text}")
}
