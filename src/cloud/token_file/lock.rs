//! One renewal of a token at a time, and whether there could be one at all.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, FlockOperation, OFlags, StatxAttributes, StatxFlags};

use super::{Result, TokenFile, is_link, open_no_link, owner::keep_owner};

/// Each one lost means that somebody else had the lock in between.
const TRIES: usize = 8;

/// While it lives, nobody else renews the token of this file. Goes with its file, so that no other user finds one
/// that cannot be opened.
pub(crate) struct Lock {
    /// Held until after the name is gone.
    _file: File,
    path: PathBuf,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // One that stays is no trouble: it belongs to the token's owner.
        let _ = fs::remove_file(&self.path);
    }
}

impl TokenFile {
    /// Keeps others from renewing the same token; `None` when somebody does already. Also sees whether another
    /// token can be put in its place, before anything depends on it.
    ///
    /// # Errors
    /// When the folder cannot be written to, the token is another user's to whom nothing can be given, or the file is
    /// mounted by itself.
    pub(crate) fn lock(&self) -> Result<Option<Lock>> {
        if self.is_mounted() {
            return Err(self.error(
                "is mounted by itself, as containers do it with secrets, so no other file can be put in its place: mount \
                 its folder instead"
                    .to_owned(),
            ));
        }
        let path = self.beside(".lock");
        let failed = |error: io::Error| match is_link(&error) {
            true => self.in_the_way(&path),
            false => self.unwritable(&path, &error),
        };
        for _ in 0..TRIES {
            let Some(file) = self.open_lock(&path).map_err(failed)? else {
                continue;
            };
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(failed(error.into())),
            }
            // Whoever held it may have taken the name away in between.
            let mine = file.metadata().map_err(failed)?;
            if fs::symlink_metadata(&path).is_ok_and(|there| (there.dev(), there.ino()) == (mine.dev(), mine.ino())) {
                return Ok(Some(Lock { _file: file, path }));
            }
        }
        Ok(None)
    }

    /// Makes it, for the token's owner; or opens the one that is there, and leaves it to whom it belongs. Nothing when
    /// that has just gone.
    fn open_lock(&self, path: &Path) -> io::Result<Option<File>> {
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(file) => {
                let given = keep_owner(&file, self.path());
                if given.is_err() {
                    // Told; that it stays would be the smaller trouble.
                    let _ = fs::remove_file(path);
                }
                given.map(|()| Some(file))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match open_no_link(path, OFlags::WRONLY) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                opened => opened.map(Some),
            },
            Err(error) => Err(error),
        }
    }

    /// Sees whether a rotation could do its work here: takes the lock, makes a file and renames it. Nothing of that
    /// stays, and the token is not touched.
    ///
    /// # Errors
    /// As with [`TokenFile::replace`].
    pub fn try_out(&self) -> Result<()> {
        // Somebody who holds it shows that it works.
        let Some(_lock) = self.lock()? else { return Ok(()) };
        let renamed = self.beside(".tried");
        self.put(&self.beside(".try"), &renamed, b"")?;
        fs::remove_file(&renamed).map_err(|error| self.unwritable(&renamed, &error))
    }

    /// Such a file can be written, and not be replaced. An older kernel does not tell.
    pub(super) fn is_mounted(&self) -> bool {
        let there = rustix::fs::statx(CWD, &self.path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS);
        there.is_ok_and(|there| there.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
    }
}
