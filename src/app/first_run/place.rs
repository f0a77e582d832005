//! Files put in their places: each whole or not at all, and none over another without being told.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::app::places::folder_of;

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
    pub(super) fn settle(self) -> Result<Settled, String> {
        let mut settled = Settled::default();
        for Waiting { file, place, is_new } in self.0 {
            let placed = file.persist(&place).map_err(|error| error.error);
            let is_placed = placed.is_ok();
            let durable = placed.and_then(|_| File::open(folder_of(&place))?.sync_all());
            match (is_placed, is_new) {
                (true, true) => settled.new.push(place.clone()),
                (true, false) => settled.replaced.push(place.clone()),
                (false, _) => {}
            }
            durable.map_err(|error| settled.take_away(cannot_write(&place, &error)))?;
        }
        Ok(settled)
    }
}

/// Files that got to their places.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settled {
    /// Where there was nothing.
    pub(super) new: Vec<PathBuf>,
    /// Where there was another.
    pub(super) replaced: Vec<PathBuf>,
}

impl Settled {
    /// Takes the new ones away again, because of a trouble that is told in `words`; what cannot be undone is
    /// added to them.
    pub(super) fn take_away(&self, mut words: String) -> String {
        for file in self.new.iter().filter(|file| is_there(file)) {
            if let Err(error) = fs::remove_file(file) {
                words.push_str(&format!("; {} is left over: {error}", file.display()));
            }
        }
        for file in &self.replaced {
            words.push_str(&format!("; {} was overwritten before, and stays so", file.display()));
        }
        words
    }
}

/// Folders that were made for files. Those into which none came go when this is dropped.
#[derive(Default)]
pub(super) struct Folders(Vec<PathBuf>);

impl Folders {
    /// Makes the folder of `place` if need be, and finds out whether a file can be written there.
    pub(super) fn prepare(&mut self, place: &Path, mode: u32) -> Result<(), String> {
        if place.is_dir() {
            return Err(format!("{} cannot be written: it is a folder", place.display()));
        }
        let folder = folder_of(place);
        let missing = folder.ancestors().take_while(|folder| !is_there(folder));
        self.0.extend(missing.map(Path::to_owned));
        let made = match folder.is_dir() {
            true => Ok(()),
            false => DirBuilder::new().recursive(true).mode(mode).create(folder),
        };
        let tried = made.and_then(|()| NamedTempFile::new_in(folder));
        tried.map(drop).map_err(|error| cannot_write(place, &error))
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        // The deepest first; one that holds something is not removed.
        self.0
            .sort_by_key(|folder| std::cmp::Reverse(folder.components().count()));
        for folder in &self.0 {
            let _ = fs::remove_dir(folder);
        }
    }
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

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn all_of_them_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let list = |place: &str| {
            let mut list = Waitlist::default();
            list.add(&path("secret"), "s", SECRET).unwrap();
            list.add(&path(place), "c", READABLE).unwrap();
            list
        };
        drop(list("config"));
        assert!(names(folder.path()).is_empty());

        fs::create_dir(path("taken")).unwrap();
        assert!(!list("taken").settle().unwrap_err().contains("overwritten"));
        assert_eq!(names(folder.path()), ["taken"]);

        let settled = list("config").settle().unwrap();
        assert_eq!(settled.new, [path("secret"), path("config")]);
        let mode = |name: &str| fs::metadata(path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("secret"), mode("config")), (0o600, 0o644));
        assert_eq!(fs::read_to_string(path("config")).unwrap(), "c");

        let told = list("taken").settle().unwrap_err();
        let expected = format!("{} was overwritten before, and stays so", path("secret").display());
        assert!(told.ends_with(&expected), "{told}");
        assert_eq!(names(folder.path()), ["config", "secret", "taken"]);
    }

    #[test]
    fn folders_without_a_file_go_again() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("deep/er/secret");
        let mut folders = Folders::default();
        folders.prepare(&folder.path().join("config"), 0o755).unwrap();
        folders.prepare(&secret, 0o700).unwrap();
        let mode = fs::metadata(folder.path().join("deep/er"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
        drop(folders);
        assert!(names(folder.path()).is_empty());

        let mut folders = Folders::default();
        folders.prepare(&secret, 0o700).unwrap();
        fs::write(&secret, "s").unwrap();
        assert!(folders.prepare(&folder.path().join("deep"), 0o700).is_err());
        drop(folders);
        assert!(secret.exists());
    }
}
