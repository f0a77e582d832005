//! Files put in their places: each whole or not at all, and none over another without being told.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

/// Only its owner reads a secret; the configuration holds none.
pub(super) const SECRET: u32 = 0o600;
/// See [`SECRET`].
pub(super) const READABLE: u32 = 0o644;

/// A file beside its place.
struct Waiting {
    file: NamedTempFile,
    place: PathBuf,
    /// There was nothing at its place.
    is_new: bool,
}

/// Files that are written and not yet in their places; gone when dropped.
#[derive(Default)]
pub(super) struct Waitlist(Vec<Waiting>);

impl Waitlist {
    /// Writes a file beside its place.
    pub(super) fn add(&mut self, place: &Path, text: &str, mode: u32) -> Result<(), String> {
        let file = beside(place, text, mode).map_err(|error| cannot_write(place, &error))?;
        self.0.push(Waiting {
            file,
            place: place.to_owned(),
            is_new: !is_there(place),
        });
        Ok(())
    }

    /// Puts every file in its place, in order; the new ones go again when a later one fails.
    pub(super) fn settle(self) -> Result<Vec<PathBuf>, String> {
        let mut new: Vec<PathBuf> = Vec::new();
        for Waiting { file, place, is_new } in self.0 {
            let placed = file.persist(&place).map_err(|error| error.error);
            let durable = placed.and_then(|_| File::open(folder_of(&place))?.sync_all());
            if is_new {
                new.push(place.clone());
            }
            if let Err(error) = durable {
                remove(&new);
                return Err(cannot_write(&place, &error));
            }
        }
        Ok(new)
    }
}

/// Takes files away again.
pub(super) fn remove(files: &[PathBuf]) {
    for file in files.iter().filter(|file| is_there(file)) {
        if let Err(error) = fs::remove_file(file) {
            tracing::warn!("{} is left over: {error}", file.display());
        }
    }
}

/// Makes the folder of `place` if need be, and finds out whether a file can be written there.
pub(super) fn prepare(place: &Path, mode: u32) -> Result<(), String> {
    if place.is_dir() {
        return Err(format!("{} cannot be written: it is a folder", place.display()));
    }
    let folder = folder_of(place);
    let made = match folder.is_dir() {
        true => Ok(()),
        false => DirBuilder::new().recursive(true).mode(mode).create(folder),
    };
    let tried = made.and_then(|()| NamedTempFile::new_in(folder));
    tried.map(drop).map_err(|error| cannot_write(place, &error))
}

/// Whether something has that name; a link to nowhere counts.
pub(super) fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn beside(place: &Path, text: &str, mode: u32) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(folder_of(place))?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn folder_of(place: &Path) -> &Path {
    place.parent().unwrap_or(Path::new("/"))
}

fn cannot_write(place: &Path, error: &io::Error) -> String {
    // The words of tempfile name a file that nobody knows.
    let why = io::Error::from(error.kind());
    format!(
        "{} cannot be written: {why}; are you who may write there?",
        place.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let names = || {
            let mut names: Vec<_> = fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        prepare(&path("deep/er/secret"), 0o700).unwrap();
        assert_eq!(
            fs::metadata(path("deep/er")).unwrap().permissions().mode() & 0o777,
            0o700
        );

        let mut list = Waitlist::default();
        list.add(&path("secret"), "s", SECRET).unwrap();
        list.add(&path("config"), "c", READABLE).unwrap();
        drop(list);
        assert_eq!(names(), ["deep"]);

        fs::create_dir(path("taken")).unwrap();
        let mut list = Waitlist::default();
        list.add(&path("secret"), "s", SECRET).unwrap();
        list.add(&path("taken"), "c", READABLE).unwrap();
        assert!(list.settle().is_err());
        assert_eq!(names(), ["deep", "taken"]);
        assert!(prepare(&path("taken"), 0o700).is_err());

        let mut list = Waitlist::default();
        list.add(&path("secret"), "s", SECRET).unwrap();
        list.add(&path("config"), "c", READABLE).unwrap();
        assert_eq!(list.settle().unwrap(), [path("secret"), path("config")]);
        let mode = |name: &str| fs::metadata(path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("secret"), mode("config")), (0o600, 0o644));
        assert_eq!(fs::read_to_string(path("config")).unwrap(), "c");
    }
}
