//! What sled's errors and panics mean for us.

use std::{any::Any, io, path::Path, thread};

use super::super::error::OpenError;

/// Why a call failed, by what has to be done.
pub(super) enum Failure {
    /// The disk says no.
    Disk(io::Error),
    /// The files are not what was written.
    Damage(String),
    /// An earlier call failed so that this process cannot go on with the database.
    Broken(String),
}

impl Failure {
    pub(super) fn sort<T>(outcome: thread::Result<sled::Result<T>>) -> Result<T, Self> {
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(sled::Error::Io(error))) if error.kind() != io::ErrorKind::UnexpectedEof => {
                Err(Self::Disk(in_plain_words(error)))
            }
            Ok(Err(sled::Error::Corruption { .. })) => {
                Err(Self::Damage("what was read is not what was written".into()))
            }
            Ok(Err(error)) => Err(Self::Damage(error.to_string())),
            Err(panic) => Err(Self::Damage(panic_text(&*panic))),
        }
    }
}

/// sled repeats an error of the system as the text of its fields; the number in it says the same for people.
fn in_plain_words(error: io::Error) -> io::Error {
    let text = error.to_string();
    let number = text
        .strip_prefix("Os { code: ")
        .and_then(|fields| fields.split_once(','));
    match number.and_then(|(number, _)| number.parse().ok()) {
        Some(number) => io::Error::from_raw_os_error(number),
        None => error,
    }
}

/// What an attempt to open comes to, in words.
pub(super) fn settle<T>(folder: &Path, outcome: Result<T, Failure>) -> Result<T, OpenError> {
    outcome.map_err(|failure| match failure {
        Failure::Disk(source) => OpenError::io(folder.join("db"))(source),
        Failure::Damage(cause) | Failure::Broken(cause) => corrupt(folder, cause),
    })
}

pub(super) fn corrupt(folder: &Path, cause: impl Into<String>) -> OpenError {
    OpenError::Corrupt {
        path: folder.to_path_buf(),
        cause: cause.into(),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given");
    format!("the database stopped with: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_in_plain_words() {
        let check = |error: io::Error, expected: &str| assert_eq!(in_plain_words(error).to_string(), expected);
        let full = io::Error::from_raw_os_error(28);
        let repeated = format!("Os {{ code: 28, kind: {:?}, message: \"…\" }}", full.kind());
        check(io::Error::other(repeated), "No space left on device (os error 28)");
        check(full, "No space left on device (os error 28)");
        check(io::Error::other("Os { code: x, }"), "Os { code: x, }");
        // By these words it is known that sled still holds its file.
        let locked = "could not acquire lock on \"db\": Os { code: 11, … }";
        check(io::Error::other(locked), locked);
    }
}
