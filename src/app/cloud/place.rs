//! Whether a file with a secret can be put in a place, before there is a secret.

use std::{fs, io, path::Path};

use super::Failure;
use crate::{app::places::folder_of, secret::shell_path};

/// Whether both are the same file, as far as the names tell.
pub(super) fn same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| {
        let folder = fs::canonicalize(folder_of(path)).ok()?;
        Some(folder.join(path.file_name()?))
    };
    whole(one).is_some_and(|one| Some(one) == whole(other))
}

/// Whether a file can be made at `path`, and no other is in its place.
pub(super) fn writable(path: &Path, force: bool) -> Result<(), Failure> {
    let cannot = |error: &dyn std::fmt::Display| Failure::usage(format!("cannot write {}: {error}", path.display()));
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => return Err(cannot(&"it is a folder; name a file in it")),
        // A pipe or a terminal: it would be replaced, not written to.
        Ok(_) if fs::metadata(path).is_ok_and(|there| !there.is_file()) => {
            return Err(cannot(
                &"it is there and no file; name another, or say --show to have it printed",
            ));
        }
        Ok(_) if !force => {
            return Err(Failure::usage(format!(
                "{} is there already; nothing was sent: name another file, or say --force to replace it (`rotate` \
                 replaces the one in use without a gap)",
                path.display()
            )));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(cannot(&error)),
    }
    let folder = folder_of(path);
    takes_a_file(folder, || make_folder(folder)).map_err(|why| cannot(&why))
}

/// Why no file can be made in this folder, if none can; with the command that makes the folder where it is not there.
pub(super) fn takes_a_file(folder: &Path, make: impl FnOnce() -> String) -> Result<(), String> {
    if !folder.is_dir() {
        return Err(format!("its folder is not there; make it: {}", make()));
    }
    tempfile::NamedTempFile::new_in(folder)
        .map(drop)
        .map_err(|error| io::Error::from(error.kind()).to_string())
}

/// The command that makes a folder for secrets.
pub(super) fn make_folder(folder: &Path) -> String {
    let deep = folder
        .parent()
        .is_some_and(|parent| parent != Path::new("") && !parent.exists());
    format!("mkdir {}-m 700 {}", if deep { "-p " } else { "" }, shell_path(folder))
}
