//! A token file that is ours for as long as a token is made for it.

use std::path::Path;

use secrecy::SecretString;

use crate::cloud::{IssuedToken, Lock, TokenFile, TokenFileError};

/// While it lives, nobody else puts a token into the file, the daemon's rotation included.
pub(in crate::app) struct Held {
    file: TokenFile,
    /// Taken before the token is asked for: two who write at once share a draft.
    _lock: Lock,
}

/// Keeps others away from the file at `path`, which need not be there yet.
///
/// # Errors
/// In words, when a rotation is under way, or the folder cannot be written to.
pub(in crate::app) fn hold(path: &Path) -> Result<Held, String> {
    let file = TokenFile::open(path).map_err(|error| error.to_string())?;
    let lock = file.lock().map_err(|error| error.to_string())?.ok_or_else(|| {
        format!(
            "a rotation of {} is under way, so nothing was made: wait for it",
            path.display()
        )
    })?;
    Ok(Held { file, _lock: lock })
}

impl Held {
    /// The file.
    pub(in crate::app) fn file(&self) -> &TokenFile {
        &self.file
    }

    /// Puts a token in the place of the one that is there.
    ///
    /// # Errors
    /// When it cannot be written. Then either of them may be there.
    pub(in crate::app) fn put(&self, token: &IssuedToken, text: &SecretString) -> Result<(), TokenFileError> {
        self.file.replace(token, text)?;
        self.end()
    }

    /// Says of a token that got there in another way: what an interrupted rotation left over is no longer its own.
    /// Somebody else may use it.
    ///
    /// # Errors
    /// When the note cannot be written.
    pub(in crate::app) fn end(&self) -> Result<(), TokenFileError> {
        self.file.end()
    }
}
