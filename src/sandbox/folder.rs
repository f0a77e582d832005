//! What a sandbox keeps between runs: its state, its token, its request log.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::NamedTempFile;

/// The version of the state file.
const VERSION: u32 = 1;

/// What stands in the state file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Kept {
    version: u32,
    /// The profile it was made with.
    pub profile: String,
    /// Where the sandbox listened: a configuration goes on to fit when it listens there again.
    pub address: SocketAddr,
    /// The cloud's state.
    pub cloud: Value,
    /// The control plane's state; the folders of before had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Value>,
}

impl Kept {
    /// As it goes into the file.
    #[must_use]
    pub fn new(profile: &str, address: SocketAddr, cloud: Value, control: Option<Value>) -> Self {
        Self {
            version: VERSION,
            profile: profile.to_owned(),
            address,
            cloud,
            control,
        }
    }
}

/// A folder that belongs to one running sandbox.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Held as long as the sandbox runs.
    _lock: File,
}

/// Why a folder cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FolderError(String);

impl Folder {
    /// Opens a folder, which is made for its owner alone when it is not there.
    ///
    /// # Errors
    /// When it cannot be made, or another sandbox uses it.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let fails = |error: io::Error| FolderError(format!("cannot use the folder {}: {error}", path.display()));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(fails)?;
        // An absolute path is good in a configuration file anywhere.
        let path = path.canonicalize().map_err(fails)?;
        let lock = private(&path.join("lock")).map_err(fails)?;
        if let Err(error) = flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            return Err(match error {
                rustix::io::Errno::WOULDBLOCK => FolderError(format!(
                    "another sandbox uses the folder {}: stop it, or name another folder",
                    path.display()
                )),
                error => fails(error.into()),
            });
        }
        Ok(Self { path, _lock: lock })
    }

    /// Where the token is, unless one is named.
    #[must_use]
    pub fn token(&self) -> PathBuf {
        self.path.join("token")
    }

    /// Where the access key of the control plane is, unless one is named.
    #[must_use]
    pub fn access_key(&self) -> PathBuf {
        self.path.join("access-key")
    }

    /// Where its secret is.
    #[must_use]
    pub fn secret_key(&self) -> PathBuf {
        self.path.join("secret-key")
    }

    /// Where a token for IAM is.
    #[must_use]
    pub fn auth_token(&self) -> PathBuf {
        self.path.join("auth-token")
    }

    /// Where the request log is, unless one is named.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.path.join("requests.jsonl")
    }

    fn state(&self) -> PathBuf {
        self.path.join("state.json")
    }

    /// What an earlier run left.
    ///
    /// # Errors
    /// When the file is not a state, or is one of another version.
    pub fn load(&self) -> Result<Option<Kept>, FolderError> {
        let path = self.state();
        let fails = |problem: &dyn std::fmt::Display| {
            FolderError(format!(
                "the state of the earlier run, {}, cannot be read: {problem}; move it away to begin with an empty cloud",
                path.display()
            ))
        };
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fails(&error)),
        };
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| fails(&error))?;
        if kept.version != VERSION {
            return Err(fails(&format!("it has version {}, not {VERSION}", kept.version)));
        }
        Ok(Some(kept))
    }

    /// Replaces the state: after a crash at any instant there is the old one or the new one.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn save(&self, kept: &Kept) -> io::Result<()> {
        let mut file = NamedTempFile::new_in(&self.path)?;
        let mut writer = io::BufWriter::new(&mut file);
        serde_json::to_writer(&mut writer, kept)?;
        writer.flush()?;
        drop(writer);
        file.as_file().sync_all()?;
        file.persist(self.state())?;
        File::open(&self.path)?.sync_all()
    }
}

/// Opens a file for appending that only its owner can read.
///
/// # Errors
/// When it cannot be made or opened.
pub fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_comes_back_as_it_was() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("a/b");
        let folder = Folder::open(&path).unwrap();
        assert!(folder.load().unwrap().is_none());
        let address = "127.0.0.1:8080".parse().unwrap();
        for (cloud, control) in [
            (json!({"users": [1]}), None),
            (json!({"users": []}), Some(json!({"tokens": []}))),
        ] {
            let kept = Kept::new("aws", address, cloud.clone(), control.clone());
            folder.save(&kept).unwrap();
            let kept = folder.load().unwrap().unwrap();
            assert_eq!(
                (kept.profile.as_str(), kept.address, kept.cloud, kept.control),
                ("aws", address, cloud, control)
            );
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&folder.state())), (0o700, 0o600));
    }

    #[test]
    fn a_folder_from_before_the_control_plane_is_read() {
        let outer = tempfile::tempdir().unwrap();
        let folder = Folder::open(outer.path()).unwrap();
        let old = r#"{"version":1,"profile":"huawei","address":"127.0.0.1:1","cloud":{}}"#;
        fs::write(folder.state(), old).unwrap();
        assert_eq!(folder.load().unwrap().unwrap().control, None);
    }

    #[test]
    fn a_folder_has_one_user() {
        let outer = tempfile::tempdir().unwrap();
        let first = Folder::open(outer.path()).unwrap();
        let error = Folder::open(outer.path()).unwrap_err().to_string();
        assert!(error.contains("another sandbox uses the folder"), "{error}");
        drop(first);
        Folder::open(outer.path()).unwrap();
    }

    #[test]
    fn a_broken_state_is_named_with_the_way_out() {
        let outer = tempfile::tempdir().unwrap();
        let folder = Folder::open(outer.path()).unwrap();
        let other = r#"{"version":2,"profile":"aws","address":"127.0.0.1:1","cloud":null}"#;
        for (text, problem) in [("{", "EOF"), (other, "version 2, not 1")] {
            fs::write(folder.state(), text).unwrap();
            let error = folder.load().unwrap_err().to_string();
            assert!(error.contains(problem) && error.contains("move it away"), "{error}");
        }
    }
}
