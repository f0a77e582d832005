//! A secret as a credential that only this machine's systemd can read (`systemd-creds encrypt`).

use std::{
    ffi::OsString,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use secrecy::{ExposeSecret, SecretString};
use tempfile::NamedTempFile;

use super::Failure;
use crate::{app::places::folder_of, secret::is_credential_name};

const PROGRAM: &str = "systemd-creds";

/// Where an encrypted credential goes, looked at before there is a secret to lose.
#[derive(Debug)]
pub(super) struct CredentialFile {
    path: PathBuf,
    name: String,
}

impl CredentialFile {
    /// `name` is what a unit calls it; that of the file without `.cred` when absent.
    ///
    /// # Errors
    /// When the name is none, the file is there and `force` is not said, or systemd-creds is missing.
    pub(super) fn prepare(path: &Path, name: Option<&str>, force: bool) -> Result<Self, Failure> {
        let name = name.map_or_else(|| name_of(path), str::to_owned);
        if !is_credential_name(&name) {
            return Err(Failure::usage(format!(
                "{name:?} cannot name a credential; say --credential-name NAME, as in LoadCredentialEncrypted=NAME:{}",
                path.display()
            )));
        }
        super::place::writable(path, force)?;
        let there = Command::new(PROGRAM)
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match there {
            Ok(status) if status.success() => Ok(Self {
                path: path.to_owned(),
                name,
            }),
            _ => Err(Failure::usage(format!(
                "--credential needs {PROGRAM}, which is part of systemd 250 and later; take --out FILE instead"
            ))),
        }
    }

    /// Encrypts it and writes it beside its place, where [`Sealed::place`] puts it.
    ///
    /// # Errors
    /// In words that say what systemd-creds said.
    pub(super) fn seal(&self, secret: &SecretString) -> Result<Sealed, String> {
        let problem = |error: io::Error| format!("{PROGRAM} encrypt: {error}");
        let mut name = OsString::from("--name=");
        name.push(&self.name);
        let mut child = Command::new(PROGRAM)
            .arg("encrypt")
            .arg(name)
            .args(["-", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(problem)?;
        // By a pipe: a command line can be read by everybody.
        let sent = match child.stdin.take() {
            Some(mut input) => input.write_all(secret.expose_secret().as_bytes()),
            None => Ok(()),
        };
        let output = child.wait_with_output().map_err(problem)?;
        if !output.status.success() || output.stdout.is_empty() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(format!("{PROGRAM} encrypt: {} ({said})", output.status));
        }
        sent.map_err(problem)?;
        let written = self
            .draft(&output.stdout)
            .map_err(|error| unwritable(&self.path, &error))?;
        Ok(Sealed {
            draft: written,
            path: self.path.clone(),
        })
    }

    fn draft(&self, sealed: &[u8]) -> io::Result<NamedTempFile> {
        // Made with mode 0600.
        let mut file = NamedTempFile::new_in(folder_of(&self.path))?;
        file.write_all(sealed)?;
        file.as_file().sync_all()?;
        Ok(file)
    }

    /// The line of a unit that hands it to a service.
    pub(super) fn unit_line(&self) -> String {
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        format!("LoadCredentialEncrypted={}:{}", self.name, path.display())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// A credential that is written in full, and not in its place yet; gone when it is dropped.
#[derive(Debug)]
pub(super) struct Sealed {
    draft: NamedTempFile,
    path: PathBuf,
}

impl Sealed {
    /// Puts it there, whole or not at all.
    ///
    /// # Errors
    /// In words; what was there before still is.
    pub(super) fn place(self) -> Result<(), String> {
        let placed = self.draft.persist(&self.path);
        placed.map(drop).map_err(|error| unwritable(&self.path, &error.error))
    }
}

fn unwritable(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(".cred").unwrap_or(&name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_named_as_its_file() {
        let check = |path: &str, expected: &str| assert_eq!(name_of(Path::new(path)), expected);
        check("/etc/credstore.encrypted/scim-token", "scim-token");
        check("scim-token.cred", "scim-token");
        check("/", "");
    }

    #[test]
    fn what_is_there_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token.cred");
        std::fs::write(&path, "x").unwrap();
        let refused = CredentialFile::prepare(&path, None, false).unwrap_err().words;
        assert!(refused.contains("--force"), "{refused}");
        let refused = CredentialFile::prepare(Path::new("/"), None, true).unwrap_err().words;
        assert!(refused.contains("--credential-name"), "{refused}");
    }
}
