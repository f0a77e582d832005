//! Opening sled, also after a kill or with damaged files.

use std::{
    fs::{self, File},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    thread,
    time::Duration,
};

use super::{
    super::{durable, error::OpenError},
    Engine, SCHEMA, SCHEMA_KEY, Table,
    failure::{Failure, settle},
    sums::{SUMMED, Sum},
};

/// sled's page cache. Larger ones make a cycle no faster: marks are read once, in order.
const CACHE_BYTES: u64 = 16 << 20;
/// sled lets go of its file some moments after it was closed.
const CLOSE_TRIES: u32 = 100;
const CLOSE_PAUSE: Duration = Duration::from_millis(10);

/// A kill between sled's first files leaves what it cannot open; so they grow under another name.
pub(super) fn create(folder: &Path, home: &Path) -> Result<(), OpenError> {
    let draft = folder.join("db.creating");
    if draft.try_exists().map_err(OpenError::io(&draft))? {
        fs::remove_dir_all(&draft).map_err(OpenError::io(&draft))?;
    }
    let engine = start(folder, &draft)?;
    let written = catch_unwind(AssertUnwindSafe(|| {
        let meta = engine.table(Table::Meta)?;
        meta.insert(SCHEMA_KEY, SCHEMA.to_string().as_bytes())?;
        for table in SUMMED {
            meta.insert(table.sum_key(), Sum::default().seal(table))?;
        }
        engine.db.flush()?;
        drop(engine);
        Ok(())
    }));
    settle(folder, Failure::sort(written))?;
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
pub(super) fn start(folder: &Path, home: &Path) -> Result<Engine, OpenError> {
    for _ in 1..CLOSE_TRIES {
        match settle(folder, Failure::sort(start_on_thread(home))) {
            Err(OpenError::Io { source, .. }) if is_still_closing(&source) => thread::sleep(CLOSE_PAUSE),
            outcome => return outcome,
        }
    }
    settle(folder, Failure::sort(start_on_thread(home)))
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

fn is_still_closing(error: &io::Error) -> bool {
    error.to_string().starts_with("could not acquire lock")
}

pub(super) fn remove_stale_snapshots(home: &Path) -> io::Result<()> {
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
