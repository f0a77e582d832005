//! Secrets and where they come from. A secret's value is a [`secrecy::SecretString`], which cannot
//! be printed; where it comes from is a [`SecretSource`], which can.

use std::{
    ffi::OsString,
    fmt,
    fs::File,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};

/// Largest secret in bytes. Tokens are a few kilobytes at most; a larger file is the wrong file.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Permission bits that let anybody but the owner at the file.
const OTHERS: u32 = 0o077;

/// Where a secret is kept. Never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file; one trailing line end is not part of the secret. Refused when others can read it.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A systemd credential, by name, below `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::Credential(name) => write!(f, "systemd credential {name}"),
        }
    }
}

/// Why a secret could not be had. Names the source, never the value.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(pub String);

impl SecretSource {
    /// Reads the secret.
    ///
    /// # Errors
    /// When the source is missing, unreadable, empty, not UTF-8, or readable by others.
    pub fn read(&self) -> Result<SecretString, SecretError> {
        self.read_with(&|name| std::env::var_os(name))
    }

    /// [`SecretSource::read`] with the environment as an argument.
    fn read_with(&self, env: &dyn Fn(&str) -> Option<OsString>) -> Result<SecretString, SecretError> {
        let credentials = env("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let bytes = match self {
            Self::File(path) => {
                let private = !is_below(path, credentials.as_deref());
                self.read_file(path, private)?
            }
            Self::Env(name) => env(name)
                .ok_or_else(|| self.error("is not set; set it for the service, or name another source"))?
                .into_encoded_bytes(),
            Self::Credential(name) => {
                let path = self.credential_path(name, credentials)?;
                self.read_file(&path, false).map_err(|SecretError(problem)| {
                    SecretError(format!("{problem} ($CREDENTIALS_DIRECTORY: {})", path.display()))
                })?
            }
        };
        self.check(bytes)
    }

    fn error(&self, problem: impl fmt::Display) -> SecretError {
        SecretError(format!("{self} {problem}"))
    }

    /// systemd itself keeps a credential from other users (by an access list that looks like a
    /// group's right), so its mode says nothing.
    fn credential_path(&self, name: &str, folder: Option<PathBuf>) -> Result<PathBuf, SecretError> {
        if !is_credential_name(name) {
            return Err(self.error("is not a credential's name: a name has no `/` and is not `.` or `..`"));
        }
        let folder = folder.ok_or_else(|| {
            self.error(format!(
                "cannot be found, because $CREDENTIALS_DIRECTORY is not set: run under systemd with \
                 LoadCredential={name}:/path/to/file; for one command by hand set it to the folder that holds the file {name}, \
                 as in: CREDENTIALS_DIRECTORY=/etc/scimward/credentials scimward check"
            ))
        })?;
        Ok(folder.join(name))
    }

    /// `private` asks that nobody but the owner can get at the file.
    fn read_file(&self, path: &Path, private: bool) -> Result<Vec<u8>, SecretError> {
        let metadata = std::fs::metadata(path).map_err(|error| self.error(format!("cannot be read: {error}")))?;
        // Looked at before it is opened: opening a named pipe would wait for a writer.
        if !metadata.is_file() {
            return Err(self.error("is not a regular file"));
        }
        let file = File::open(path).map_err(|error| self.error(format!("cannot be read: {error}")))?;
        let metadata = file
            .metadata()
            .map_err(|error| self.error(format!("cannot be read: {error}")))?;
        if private && metadata.mode() & OTHERS != 0 {
            return Err(self.error(format!(
                "is open to other users (mode {:04o}); type: chmod 600 {}",
                metadata.mode() & 0o7777,
                shell_path(path)
            )));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(SECRET_BYTES_MAX)).unwrap_or(0) + 1);
        file.take(SECRET_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| self.error(format!("cannot be read: {error}")))?;
        if bytes.len() as u64 > SECRET_BYTES_MAX {
            return Err(self.error(format!(
                "is larger than {SECRET_BYTES_MAX} bytes, so it is not a secret"
            )));
        }
        strip_line_end(&mut bytes);
        Ok(bytes)
    }

    fn check(&self, bytes: Vec<u8>) -> Result<SecretString, SecretError> {
        if bytes.is_empty() {
            return Err(self.error("is empty"));
        }
        // The error of `from_utf8` holds the bytes, so it is not passed on.
        String::from_utf8(bytes)
            .map(SecretString::from)
            .map_err(|_| self.error("is not UTF-8 text"))
    }
}

/// Tells two secrets apart and gives nothing away of either: a part of the BLAKE3 hash, in hex. Only for secrets that
/// nobody can guess, such as tokens.
#[must_use]
pub fn digest(secret: &SecretString) -> String {
    const CHARS: usize = 32;
    let hash = blake3::hash(secret.expose_secret().as_bytes());
    hash.to_hex().chars().take(CHARS).collect()
}

/// Whether `name` can name a systemd credential: a plain file name.
#[must_use]
pub fn is_credential_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0'])
}

/// Whether `name` can name an environment variable.
#[must_use]
pub fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}

/// Both are resolved, so that neither `..` nor a link can pass for a credential.
fn is_below(path: &Path, folder: Option<&Path>) -> bool {
    let resolved = |path: &Path| path.canonicalize().ok();
    match (folder.and_then(resolved), resolved(path)) {
        (Some(folder), Some(path)) => path.starts_with(folder),
        _ => false,
    }
}

fn strip_line_end(bytes: &mut Vec<u8>) {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
}

/// A path as one word of a shell command.
pub(crate) fn shell_path(path: &Path) -> String {
    shell_word(&path.display().to_string())
}

/// A text as one word of a shell command.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "/._-+@:".contains(char);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        ffi::OsStr,
        fs,
        os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    };

    use tempfile::TempDir;

    use super::*;

    fn file(folder: &TempDir, name: &str, content: &[u8], mode: u32) -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn read(source: &SecretSource, credentials: Option<&Path>) -> Result<String, String> {
        let env = |name: &str| match name {
            "CREDENTIALS_DIRECTORY" => credentials.map(|path| path.as_os_str().to_owned()),
            "TOKEN" => Some("t0k3n".into()),
            "EMPTY" => Some("".into()),
            "LATIN" => Some(OsStr::from_bytes(b"\xe9hunter2").to_owned()),
            _ => None,
        };
        match source.read_with(&env) {
            Ok(secret) => Ok(secret.expose_secret().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn files_lose_one_line_end_only() {
        let folder = TempDir::new().unwrap();
        let check = |content: &str, expected: &str| {
            let path = file(&folder, "secret", content.as_bytes(), 0o600);
            assert_eq!(read(&SecretSource::File(path), None).as_deref(), Ok(expected));
        };
        check("hunter2", "hunter2");
        check("hunter2\n", "hunter2");
        check("hunter2\r\n", "hunter2");
        check("hunter2\n\n", "hunter2\n");
        check(" hunter2 \n", " hunter2 ");
    }

    #[test]
    fn files_of_others_are_refused_with_the_command() {
        let folder = TempDir::new().unwrap();
        for mode in [0o640, 0o604, 0o620, 0o666, 0o644] {
            let path = file(&folder, "with space", b"hunter2", 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = read(&SecretSource::File(path.clone()), None).unwrap_err();
            assert!(error.contains("open to other users"), "{error}");
            assert!(error.contains(&format!("chmod 600 '{}'", path.display())), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let path = file(&folder, "owner-only", b"hunter2", 0o400);
        assert!(read(&SecretSource::File(path), None).is_ok());
    }

    #[test]
    fn credentials_may_have_any_mode() {
        let folder = TempDir::new().unwrap();
        let path = file(&folder, "scim-token", b"t0k3n\n", 0o444);
        let credential = SecretSource::Credential("scim-token".into());
        assert_eq!(read(&credential, Some(folder.path())).as_deref(), Ok("t0k3n"));
        assert_eq!(
            read(&SecretSource::File(path), Some(folder.path())).as_deref(),
            Ok("t0k3n")
        );
        let error = read(&credential, None).unwrap_err();
        assert!(error.contains("LoadCredential=scim-token:"), "{error}");
    }

    #[test]
    fn a_link_does_not_pass_for_a_credential() {
        let (folder, credentials) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let outside = file(&folder, "open", b"hunter2", 0o644);
        let link = credentials.path().join("link");
        std::os::unix::fs::symlink(outside, &link).unwrap();
        assert!(read(&SecretSource::File(link), Some(credentials.path())).is_err());
    }

    #[test]
    fn credential_names_are_plain() {
        let folder = TempDir::new().unwrap();
        for name in ["", ".", "..", "../etc/shadow", "a/b"] {
            let error = read(&SecretSource::Credential(name.into()), Some(folder.path())).unwrap_err();
            assert!(error.contains("not a credential's name"), "{name}: {error}");
        }
    }

    #[test]
    fn what_cannot_be_a_secret_is_an_error_that_names_the_source() {
        let folder = TempDir::new().unwrap();
        let check = |source: SecretSource, expected: &str| {
            let error = read(&source, None).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(error.starts_with(&source.to_string()), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        };
        check(SecretSource::File(file(&folder, "empty", b"\n", 0o600)), "is empty");
        check(
            SecretSource::File(file(&folder, "latin", b"\xe9hunter2", 0o600)),
            "is not UTF-8",
        );
        check(
            SecretSource::File(file(&folder, "huge", &[b'x'; 70_000], 0o600)),
            "is larger than",
        );
        check(SecretSource::File(folder.path().to_owned()), "is not a regular file");
        check(SecretSource::File("/nonexistent/token".into()), "cannot be read");
        check(SecretSource::Env("EMPTY".into()), "is empty");
        check(SecretSource::Env("LATIN".into()), "is not UTF-8");
        check(SecretSource::Env("UNSET".into()), "is not set");
        assert_eq!(read(&SecretSource::Env("TOKEN".into()), None).as_deref(), Ok("t0k3n"));
    }
}
