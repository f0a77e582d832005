//! A token in a file, and beside it a note of what it is called and when it expires: whoever holds only a
//! token cannot tell which of two it is.
//!
//! ```text
//! /etc/scimward/token         the token, 0600
//! /etc/scimward/token.json    { "tokens": [ { "id", "created", "expires", "digest" } ] }, no secret
//! ```
//!
//! The note is written first and may speak of two tokens, the older one before the newer one; the digest says
//! which of them the file holds. Both files are replaced whole, so that a crash leaves the old or the new one.

//!
//! Whoever owns the folder may put a link in the place of any file beside the token, and root may be the one who
//! renews: no such link is followed, and nothing is given to anybody that was not made here.
//!
//! Reading order: here, then `note`, `progress`, `lock`, `owner`.

mod lock;
mod note;
mod owner;
mod progress;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags};
use secrecy::{ExposeSecret, SecretString};

pub(crate) use self::lock::Lock;
pub(super) use self::note::Begun;
use self::{
    note::{Entry, Note},
    owner::keep_owner,
};
use super::IssuedToken;
use crate::secret::{SecretSource, digest};

/// Why the token file or its note cannot be read or written. Names paths, never a token.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct TokenFileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong and what to do.
    pub problem: String,
}

type Result<T> = std::result::Result<T, TokenFileError>;

/// The file at `path`, which need not be there yet, and its note at `path.json`. Every call looks at the disk.
#[derive(Clone, Debug)]
pub struct TokenFile {
    path: PathBuf,
    #[cfg(test)]
    pub(super) fault: Option<tests::Fault>,
}

impl TokenFile {
    /// Names the file; a link is followed.
    ///
    /// # Errors
    /// When the path is no place for a file.
    pub fn open(path: &Path) -> Result<Self> {
        let error = |problem: String| TokenFileError {
            path: path.to_owned(),
            problem,
        };
        let path = match fs::canonicalize(path) {
            Ok(path) if path.is_dir() => return Err(error("is a folder, not a file".into())),
            Ok(path) => path,
            Err(_) if path.file_name().is_none() => return Err(error("is not the name of a file".into())),
            Err(found) if found.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(found) => return Err(error(found.to_string())),
        };
        Ok(Self {
            path,
            #[cfg(test)]
            fault: None,
        })
    }

    /// Where the token is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks whether the note and what else comes beside the token has a place, before there is a token to lose.
    ///
    /// # Errors
    /// When something else has such a name.
    pub fn has_room(&self) -> Result<()> {
        let mut beside = [".json", ".new", ".lock"].map(|ending| self.beside(ending)).into_iter();
        match beside.find(|path| fs::symlink_metadata(path).is_ok_and(|there| !there.is_file())) {
            Some(path) => Err(self.in_the_way(&path)),
            None => Ok(()),
        }
    }

    /// The token that is there.
    pub fn token(&self) -> Result<Option<SecretString>> {
        if !self.path.exists() {
            return Ok(None);
        }
        let read = SecretSource::File(self.path.clone()).read();
        read.map(Some).map_err(|error| self.error(error.to_string()))
    }

    /// What the note says of the token that is there: `None` without a file, without a note, or when the note
    /// speaks of other tokens only.
    pub fn in_use(&self) -> Result<Option<IssuedToken>> {
        self.named(false)
    }

    /// Whether a rotation did not come to its end.
    pub fn is_begun(&self) -> Result<bool> {
        Ok(self.begun()?.is_some())
    }

    /// What an unfinished rotation took the token that is there for.
    pub(super) fn presumed(&self) -> Result<Option<IssuedToken>> {
        self.named(true)
    }

    fn named(&self, presumed: bool) -> Result<Option<IssuedToken>> {
        let Some(text) = self.token()? else { return Ok(None) };
        let digest = digest(&text);
        let note = self.note()?;
        let mut newest_first = note.tokens.iter().rev();
        let named = newest_first.find(|entry| entry.digest == digest && entry.presumed == presumed);
        Ok(named.map(Entry::token))
    }

    /// Ids of the tokens that were in the file before the one that is there.
    pub(super) fn earlier(&self) -> Result<Vec<String>> {
        let Some(text) = self.token()? else {
            return Ok(Vec::new());
        };
        let (digest, note) = (digest(&text), self.note()?);
        let before = note.tokens.iter().take_while(|entry| entry.digest != digest);
        Ok(before.map(|entry| entry.id.clone()).collect())
    }

    /// Puts a token in place, durably: the note first, which then speaks of the old one and of this one, and
    /// then the file, beside it and renamed. Whoever reads sees the old token or the new one.
    ///
    /// An old token or note that cannot be read counts as none: what is thrown away must not cost the new one.
    pub fn replace(&self, token: &IssuedToken, text: &SecretString) -> Result<()> {
        self.put_back(token, text, true)
    }

    /// The same for one that was there before, and whose name may be a presumption still.
    pub(super) fn put_back(&self, token: &IssuedToken, text: &SecretString, is_certain: bool) -> Result<()> {
        let old = self.token().ok().flatten().map(|text| digest(&text));
        let new = Entry {
            presumed: !is_certain,
            ..Entry::new(token, text)
        };
        let mut note = self.note().unwrap_or_default();
        note.tokens
            .retain(|entry| Some(&entry.digest) == old.as_ref() && entry.id != new.id && entry.digest != new.digest);
        note.tokens.push(new);
        self.write_note(&note)?;
        self.write(&self.path, format!("{}\n", text.expose_secret()).as_bytes())
    }

    /// Notes what the token that is there seems to be called, beside what is known of it: a later call goes on
    /// with it, and nobody takes it for certain.
    pub(super) fn presume(&self, token: &IssuedToken) -> Result<()> {
        let Some(text) = self.token()? else { return Ok(()) };
        let presumed = Entry {
            presumed: true,
            ..Entry::new(token, &text)
        };
        let mut note = self.note()?;
        note.tokens
            .retain(|entry| entry.digest == presumed.digest && !entry.presumed);
        note.tokens.push(presumed);
        self.write_note(&note)
    }

    /// Takes a token out of the note.
    pub fn forget(&self, id: &str) -> Result<()> {
        let mut note = self.note()?;
        let before = note.tokens.len();
        note.tokens.retain(|entry| entry.id != id);
        if note.tokens.len() == before {
            return Ok(());
        }
        self.write_note(&note)
    }

    fn note(&self) -> Result<Note> {
        let path = self.beside(".json");
        let mut bytes = Vec::new();
        let read = open_no_link(&path, OFlags::RDONLY).and_then(|mut file| file.read_to_end(&mut bytes));
        match read {
            Ok(_) => {}
            Err(error) if is_link(&error) => return Err(self.in_the_way(&path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Note::default()),
            Err(error) => return Err(self.error(format!("its note {} cannot be read: {error}", path.display()))),
        };
        serde_json::from_slice(&bytes).map_err(|error| {
            self.error(format!(
                "its note {} is damaged ({error}); remove it, and name the token with --keep ID when that is asked for",
                path.display()
            ))
        })
    }

    fn write_note(&self, note: &Note) -> Result<()> {
        let text = serde_json::to_string_pretty(note).map_err(|error| self.error(error.to_string()))?;
        self.write(&self.beside(".json"), format!("{text}\n").as_bytes())
    }

    /// Puts a file in place of another, durably, with the same owner.
    fn write(&self, path: &Path, content: &[u8]) -> Result<()> {
        #[cfg(test)]
        if let Some(fault) = &self.fault {
            fault(path)?;
        }
        self.put(&self.beside(".new"), path, content)?;
        #[cfg(test)]
        if let Some(fault) = &self.fault {
            fault(path)?;
        }
        Ok(())
    }

    /// The same by way of `draft`.
    fn put(&self, draft: &Path, path: &Path, content: &[u8]) -> Result<()> {
        let failed = |error: io::Error| self.unwritable(path, &error);
        match fs::remove_file(draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(draft)
            .map_err(failed)?;
        let written = keep_owner(&file, &self.path).and_then(|()| {
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(draft, path)
        });
        if let Err(error) = written {
            // The reason is told; that the draft stays would be the smaller trouble.
            let _ = fs::remove_file(draft);
            return Err(failed(error));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new(".")));
        folder.and_then(|folder| folder.sync_all()).map_err(failed)
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(ending);
        path.into()
    }

    fn in_the_way(&self, path: &Path) -> TokenFileError {
        self.error(format!("{} is in the way: it is no file; remove it", path.display()))
    }

    fn unwritable(&self, path: &Path, error: &io::Error) -> TokenFileError {
        self.error(format!(
            "{} cannot be written: {error}; the folder must be writable for whoever renews the token (under systemd: \
             ReadWritePaths=)",
            path.display()
        ))
    }

    fn error(&self, problem: String) -> TokenFileError {
        TokenFileError {
            path: self.path.clone(),
            problem,
        }
    }
}

/// Opens what is there, unless it is a link, and waits for nobody at a pipe's other end.
fn open_no_link(path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty()).map(File::from)?)
}

/// What [`open_no_link`] says of a link.
fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

#[cfg(test)]
pub(super) mod tests;
