//! A token in a file, and beside it a note of what it is called and when it expires.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::IssuedToken;

/// Why the token file or its note cannot be read or written. Names paths, never a token.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct TokenFileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong and what to do.
    pub problem: String,
}

/// The file at `path`, which need not be there yet, and its note at `path.json`. Every call looks at the disk.
#[derive(Clone, Debug)]
pub struct TokenFile {
    path: PathBuf,
}

impl TokenFile {
    /// Names the file; a link is followed.
    ///
    /// # Errors
    /// When the path is no place for a file.
    pub fn open(path: &Path) -> Result<Self, TokenFileError> {
        Ok(Self { path: path.to_owned() })
    }

    /// Where the token is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The token that is there.
    pub fn token(&self) -> Result<Option<SecretString>, TokenFileError> {
        Err(self.not_yet())
    }

    /// What the note says of the token that is there: `None` without a file, without a note, or when the note
    /// speaks of other tokens only.
    pub fn in_use(&self) -> Result<Option<IssuedToken>, TokenFileError> {
        Err(self.not_yet())
    }

    /// Puts a token in place, durably: the note first, which then speaks of the old one and of this one, and
    /// then the file, beside it and renamed. Whoever reads sees the old token or the new one.
    pub fn replace(&self, _token: &IssuedToken, _text: &SecretString) -> Result<(), TokenFileError> {
        Err(self.not_yet())
    }

    /// Takes a token out of the note.
    pub fn forget(&self, _id: &str) -> Result<(), TokenFileError> {
        Err(self.not_yet())
    }

    fn not_yet(&self) -> TokenFileError {
        TokenFileError {
            path: self.path.clone(),
            problem: "not in this version".into(),
        }
    }
}
