//! The [`StateStore`] in a folder.

use std::{
    fs::Permissions,
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::de::DeserializeOwned;
use tempfile::TempDir;

use super::{
    database::{BATCH_RECORDS_MAX, Database, Order, Sum, Table, Visit, Write},
    error::{OpenError, WAY_BACK},
    folder::{self, FolderLock},
    pack::Pack,
    record::{self, Damage},
    running::Running,
    spool::FileSpool,
};
use crate::{
    model::{AnchorKey, Link, Mark},
    ports::{Change, CycleRecord, Meta, PlanSpool, Reject, StateStore, StoreError},
};

const META_KEY: &[u8] = b"meta";
/// There while a backup is being loaded; found at open, what was loaded so far is thrown away.
const IMPORTING_KEY: &[u8] = b"importing";
/// Enough for a day of cycles every five minutes and a look at yesterday.
const CYCLES_KEPT: u64 = 500;

/// The state in a folder, held by this process alone until dropped.
pub struct SledStore {
    pub(super) database: Database,
    /// Held while marks are read or written, so that it says what the database says.
    pack: Mutex<Pack>,
    spool: FileSpool,
    /// Serialises the numbering of cycles. Holds the cycle of an earlier process that is not in the
    /// database yet.
    cycles: Mutex<Option<CycleRecord>>,
    running: Running,
    /// Held while groups are written, or all of them read: what is written rests on what is there.
    pub(super) groups: Mutex<()>,
    _lock: FolderLock,
    /// The folder itself, when it is a throw-away one; last, so that it goes last.
    _scratch: Option<TempDir>,
}

impl SledStore {
    /// Opens the state in `dir`, which is created when it is missing (mode 0700).
    ///
    /// # Errors
    /// See [`OpenError`]; each says what to do.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_in(dir, None)
    }

    /// An empty state in a folder that goes with it, for dry runs and demonstrations.
    ///
    /// # Errors
    /// When there is no room for temporary files.
    pub fn scratch() -> Result<Self, OpenError> {
        let temporary = std::env::temp_dir();
        let folder = tempfile::Builder::new()
            .prefix("scimward-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&temporary)
            .map_err(OpenError::io(temporary))?;
        let path = folder.path().to_path_buf();
        Self::open_in(&path, Some(folder))
    }

    fn open_in(dir: &Path, scratch: Option<TempDir>) -> Result<Self, OpenError> {
        folder::prepare(dir)?;
        let lock = FolderLock::take(dir)?;
        let database = Database::open(dir)?;
        let home = dir.join("db");
        let pack = Pack::open(&home).map_err(OpenError::io(&home))?;
        let plan = dir.join("plan");
        let spool = FileSpool::open(&plan).map_err(OpenError::io(&plan))?;
        let running = Running::of(dir);
        let store = Self {
            cycles: Mutex::new(running.left()),
            running,
            database,
            pack: Mutex::new(pack),
            spool,
            groups: Mutex::new(()),
            _lock: lock,
            _scratch: scratch,
        };
        store.undo_broken_import()?;
        Ok(store)
    }

    fn undo_broken_import(&self) -> Result<(), StoreError> {
        match self.database.get(Table::Meta, IMPORTING_KEY)? {
            Some(_) => self.abort_import(),
            None => Ok(()),
        }
    }

    /// Remembers that a cycle begins to send: if this process ends before [`StateStore::save_cycle`], the next
    /// one finds `record`. The cycle that an earlier process left goes into the database first.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn begin_cycle(&self, record: &CycleRecord) -> Result<(), StoreError> {
        let mut left = self.cycles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = left.as_ref() {
            self.add_cycle(earlier)?;
            self.database.flush()?;
            *left = None;
        }
        self.running
            .put(record)
            .map_err(|error| StoreError(format!("cannot note the beginning of a cycle: {error}")))
    }

    /// Leaves the record of a cycle for the next process, where the database does not take it any more. What
    /// the disk does not take either is lost.
    pub fn leave_cycle(&self, record: &CycleRecord) {
        if let Err(error) = self.running.put(record) {
            tracing::debug!(%error, "the record of the cycle is lost");
        }
    }

    /// Adds a record to the database, and drops old ones.
    fn add_cycle(&self, record: &CycleRecord) -> Result<(), StoreError> {
        let mut newest = None;
        self.database.each(Table::Cycles, Order::Descending, &mut |key, _| {
            newest = Some(cycle_number(key)?);
            Ok(Visit::Stop)
        })?;
        let number = newest.map_or(0, |newest: u64| newest.saturating_add(1));
        let key = number.to_be_bytes();
        let mut batch = vec![put(Table::Cycles, &key, json(Table::Cycles, &key, record)?)];
        self.database.each(Table::Cycles, Order::Ascending, &mut |key, _| {
            if cycle_number(key)?.saturating_add(CYCLES_KEPT) > number || batch.len() == BATCH_RECORDS_MAX {
                return Ok(Visit::Stop);
            }
            batch.push(remove(Table::Cycles, key));
            Ok(Visit::Next)
        })?;
        self.database.write(&batch)
    }

    /// From here until [`SledStore::end_import`] a crash empties the state again.
    pub(super) fn begin_import(&self) -> Result<(), StoreError> {
        self.database.write(&[put(Table::Meta, IMPORTING_KEY, Vec::new())])?;
        self.database.flush()
    }

    pub(super) fn end_import(&self, meta: &Meta) -> Result<(), StoreError> {
        self.database.flush()?;
        self.database.write(&[
            put(Table::Meta, META_KEY, json(Table::Meta, META_KEY, meta)?),
            remove(Table::Meta, IMPORTING_KEY),
        ])?;
        self.database.flush()
    }

    pub(super) fn abort_import(&self) -> Result<(), StoreError> {
        let mut pack = self.pack();
        pack.forget().map_err(unpacked)?;
        for table in [
            Table::Marks,
            Table::Links,
            Table::Rejects,
            Table::Members,
            Table::Groups,
            Table::GroupRejects,
            Table::MembersInDoubt,
        ] {
            self.database.clear(table)?;
        }
        self.database.write(&[remove(Table::Meta, IMPORTING_KEY)])?;
        self.database.flush()
    }

    /// Puts a link without its mark (the backup brings them apart).
    pub(super) fn put_links(&self, links: &[(AnchorKey, Link)]) -> Result<(), StoreError> {
        let writes = links.iter().map(|(key, link)| Ok(vec![put_link(*key, link)?]));
        self.write_together(writes)
    }

    /// Writes records in small batches; those that belong together never lie in two of them.
    pub(super) fn write_together(
        &self,
        records: impl Iterator<Item = Result<Vec<Write>, StoreError>>,
    ) -> Result<(), StoreError> {
        let mut batch = Vec::with_capacity(BATCH_RECORDS_MAX);
        for together in records {
            let together = together?;
            if batch.len() + together.len() > BATCH_RECORDS_MAX {
                self.database.write(&batch)?;
                batch.clear();
            }
            batch.extend(together);
        }
        if batch.is_empty() {
            Ok(())
        } else {
            self.database.write(&batch)
        }
    }

    fn pack(&self) -> MutexGuard<'_, Pack> {
        self.pack.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn one<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.database
            .get(table, key)?
            .map(|value| record::unseal_json(key, &value).map_err(|damage| damaged(table, key, damage)))
            .transpose()
    }

    pub(super) fn read_rejects(&self, table: Table) -> Result<Vec<(AnchorKey, Reject)>, StoreError> {
        let mut rejects = Vec::new();
        self.database.each(table, Order::Ascending, &mut |key, value| {
            let reject = record::unseal_json(key, value).map_err(|damage| damaged(table, key, damage))?;
            rejects.push((anchor_key(table, key)?, reject));
            Ok(Visit::Next)
        })?;
        Ok(rejects)
    }

    pub(super) fn write_rejects(
        &self,
        table: Table,
        rejects: &[(AnchorKey, Option<Reject>)],
    ) -> Result<(), StoreError> {
        self.write_together(rejects.iter().map(|(key, reject)| {
            Ok(vec![match reject {
                Some(reject) => put(table, &key.0, json(table, &key.0, reject)?),
                None => remove(table, &key.0),
            }])
        }))
    }
}

impl StateStore for SledStore {
    fn meta(&self) -> Result<Meta, StoreError> {
        Ok(self.one(Table::Meta, META_KEY)?.unwrap_or_default())
    }

    fn save_meta(&self, meta: &Meta) -> Result<(), StoreError> {
        self.database
            .write(&[put(Table::Meta, META_KEY, json(Table::Meta, META_KEY, meta)?)])?;
        self.database.flush()
    }

    fn marks(&self) -> Result<Vec<(AnchorKey, Mark)>, StoreError> {
        let mut pack = self.pack();
        if let Some(marks) = pack.read() {
            return Ok(marks);
        }
        let mut marks = Vec::new();
        let mut sum = Sum::default();
        self.database.each(Table::Marks, Order::Ascending, &mut |key, value| {
            sum.add(value);
            let mark = record::unseal_mark(key, value).map_err(|damage| damaged(Table::Marks, key, damage))?;
            marks.push((anchor_key(Table::Marks, key)?, mark));
            Ok(Visit::Next)
        })?;
        self.database
            .sum(Table::Marks)
            .compare(sum)
            .map_err(|damage| incomplete(Table::Marks, &damage))?;
        // The copy must not know more than what a power cut leaves of the database.
        self.database.flush()?;
        pack.keep(&marks);
        Ok(marks)
    }

    fn link(&self, key: AnchorKey) -> Result<Option<Link>, StoreError> {
        self.one(Table::Links, &key.0)
    }

    fn each_link(&self, visit: &mut dyn FnMut(Link) -> bool) -> Result<(), StoreError> {
        self.database.each(Table::Links, Order::Ascending, &mut |key, value| {
            let link = record::unseal_json(key, value).map_err(|damage| damaged(Table::Links, key, damage))?;
            Ok(if visit(link) { Visit::Next } else { Visit::Stop })
        })
    }

    /// Mark and link of one person are written in one transaction: a crash keeps both or neither.
    fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        // Before the links: a crash in between leaves people to be put in who are in, which does no harm.
        self.leave_old_groups(changes)?;
        let mut pack = self.pack();
        let marks = changes.iter().map(|change| match change {
            Change::Put(key, mark, _) | Change::Mark(key, mark) => (*key, Some(*mark)),
            Change::Forget(key) => (*key, None),
        });
        pack.change(marks).map_err(unpacked)?;
        self.write_together(changes.iter().map(|change| match change {
            Change::Put(key, mark, link) => Ok(vec![put_mark(*key, mark), put_link(*key, link)?]),
            Change::Mark(key, mark) => Ok(vec![put_mark(*key, mark)]),
            Change::Forget(key) => Ok(vec![remove(Table::Marks, &key.0), remove(Table::Links, &key.0)]),
        }))
    }

    fn rejects(&self) -> Result<Vec<(AnchorKey, Reject)>, StoreError> {
        self.read_rejects(Table::Rejects)
    }

    fn save_rejects(&self, rejects: &[(AnchorKey, Option<Reject>)]) -> Result<(), StoreError> {
        self.write_rejects(Table::Rejects, rejects)
    }

    fn cycles(&self, limit: usize) -> Result<Vec<CycleRecord>, StoreError> {
        let left = self.cycles.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut cycles: Vec<CycleRecord> = left.into_iter().take(limit).collect();
        self.database
            .each(Table::Cycles, Order::Descending, &mut |key, value| {
                if cycles.len() == limit {
                    return Ok(Visit::Stop);
                }
                cycles.push(record::unseal_json(key, value).map_err(|damage| damaged(Table::Cycles, key, damage))?);
                Ok(Visit::Next)
            })?;
        Ok(cycles)
    }

    fn save_cycle(&self, record: &CycleRecord) -> Result<(), StoreError> {
        let mut left = self.cycles.lock().unwrap_or_else(PoisonError::into_inner);
        for record in left.as_ref().into_iter().chain([record]) {
            self.add_cycle(record)?;
        }
        self.database.flush()?;
        *left = None;
        if let Err(error) = self.running.remove() {
            tracing::warn!(%error, "the note that a cycle is running stays");
        }
        self.pack().renew();
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.database.flush()
    }

    fn spool(&self) -> &dyn PlanSpool {
        &self.spool
    }
}

fn unpacked(error: io::Error) -> StoreError {
    StoreError(format!("cannot set the copy of the marks aside: {error}"))
}

pub(super) fn put(table: Table, key: &[u8], value: Vec<u8>) -> Write {
    Write {
        table,
        key: key.to_vec(),
        value: Some(value),
    }
}

pub(super) fn remove(table: Table, key: &[u8]) -> Write {
    Write {
        table,
        key: key.to_vec(),
        value: None,
    }
}

fn put_mark(key: AnchorKey, mark: &Mark) -> Write {
    put(Table::Marks, &key.0, record::seal_mark(&key.0, mark))
}

fn put_link(key: AnchorKey, link: &Link) -> Result<Write, StoreError> {
    // Whoever walks the links takes the key from the anchor.
    if link.anchor.key() != key {
        return Err(StoreError(format!(
            "refused to keep the link of {} under the key {} of somebody else: please report this",
            link.anchor,
            shown(&key.0)
        )));
    }
    Ok(put(Table::Links, &key.0, json(Table::Links, &key.0, link)?))
}

pub(super) fn json<T: serde::Serialize>(table: Table, key: &[u8], content: &T) -> Result<Vec<u8>, StoreError> {
    record::seal_json(key, content)
        .map_err(|error| StoreError(format!("cannot write {} {}: {error}", table.name(), shown(key))))
}

pub(super) fn damaged(table: Table, key: &[u8], damage: Damage) -> StoreError {
    StoreError(format!(
        "the record {} in the tree `{}` is damaged ({}); {WAY_BACK}",
        shown(key),
        table.name(),
        damage.0
    ))
}

pub(super) fn incomplete(table: Table, damage: &Damage) -> StoreError {
    StoreError(format!(
        "the tree `{}` is damaged ({}); {WAY_BACK}",
        table.name(),
        damage.0
    ))
}

pub(super) fn anchor_key(table: Table, key: &[u8]) -> Result<AnchorKey, StoreError> {
    key.try_into()
        .map(AnchorKey)
        .map_err(|_| damaged(table, key, Damage("its key has the wrong length".into())))
}

fn cycle_number(key: &[u8]) -> Result<u64, StoreError> {
    key.try_into()
        .map(u64::from_be_bytes)
        .map_err(|_| damaged(Table::Cycles, key, Damage("its key has the wrong length".into())))
}

/// A key for people: `meta` as it is, digests and numbers in hexadecimal.
pub(super) fn shown(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(text) if text == "meta" => text.to_string(),
        _ => key.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
