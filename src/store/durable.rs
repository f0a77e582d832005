//! Small files that are there whole or not at all, also after a power cut.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

const CHECKSUM_BYTES: usize = 16;

/// Options for a file that only its owner may read.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Makes names created in, renamed in or removed from `folder` survive a power cut.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Puts `content` and a checksum of it in place of `folder/name`, durably. A crash leaves the old
/// file or the new one.
pub(super) fn replace(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let draft = folder.join(format!("{name}.new"));
    let mut file = private().write(true).create(true).truncate(true).open(&draft)?;
    file.write_all(content)?;
    file.write_all(&checksum(content))?;
    file.sync_all()?;
    std::fs::rename(&draft, folder.join(name))?;
    sync_folder(folder)
}

/// What [`read`] found.
pub(super) enum Content {
    Absent,
    Whole(Vec<u8>),
    Damaged,
}

/// The content of a file that [`replace`] wrote.
pub(super) fn read(path: &Path) -> io::Result<Content> {
    let mut bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Content::Absent),
        Err(error) => return Err(error),
    };
    let Some(length) = bytes.len().checked_sub(CHECKSUM_BYTES) else {
        return Ok(Content::Damaged);
    };
    let (content, found) = bytes.split_at(length);
    if checksum(content) != found {
        return Ok(Content::Damaged);
    }
    bytes.truncate(length);
    Ok(Content::Whole(bytes))
}

/// Removes a file and says whether it was there. Durable after [`sync_folder`].
pub(super) fn remove(path: &Path) -> io::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes a file durably. When it is not there nothing has to be waited for: what this process removed
/// before was made durable then, and what an earlier one did, when the folder was opened.
pub(super) fn remove_for_good(folder: &Path, name: &str) -> io::Result<()> {
    if remove(&folder.join(name))? {
        sync_folder(folder)?;
    }
    Ok(())
}

fn checksum(content: &[u8]) -> [u8; CHECKSUM_BYTES] {
    crate::model::Digest::of(content).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_and_every_flipped_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(matches!(read(&path).unwrap(), Content::Absent));
        replace(folder.path(), "file", b"hello").unwrap();
        assert!(matches!(read(&path).unwrap(), Content::Whole(content) if content == b"hello"));
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            std::fs::write(&path, &whole[..at]).unwrap();
            assert!(matches!(read(&path).unwrap(), Content::Damaged), "cut at {at}");
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            std::fs::write(&path, &flipped).unwrap();
            assert!(matches!(read(&path).unwrap(), Content::Damaged), "flipped at {at}");
        }
    }
}
