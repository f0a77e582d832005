//! Where a secret goes that a cloud shows only once. Looked at before it is asked for: a secret that cannot be
//! kept is lost, and takes up one of two places.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{
    Failure,
    credential_file::{CredentialFile, Sealed},
    held::{self, Held},
    place::{same, writable},
};
use crate::{
    cli::cloud::Destination,
    cloud::{IssuedToken, TokenFile},
};

/// Files that can be written to, and whether the secret is printed.
#[derive(Debug)]
pub(super) struct Keeping {
    file: Option<PathBuf>,
    credential: Option<CredentialFile>,
    show: bool,
}

impl Keeping {
    /// `configured` is the file of `[scim] token`.
    ///
    /// # Errors
    /// When there is no place, or one cannot be written to, or is taken.
    pub(super) fn prepare(wanted: &Destination, configured: Option<&Path>) -> Result<Self, Failure> {
        let nowhere = wanted.out.is_none() && wanted.credential.is_none() && !wanted.show;
        let file = wanted.out.as_deref().or(configured.filter(|_| nowhere));
        if nowhere && file.is_none() {
            return Err(Failure::usage(
                "the cloud shows it only once: say where it goes with --out FILE, --credential FILE or --show",
            ));
        }
        if let Some(file) = file {
            writable(file, wanted.force)?;
            let place = TokenFile::open(file).and_then(|file| file.has_room());
            place.map_err(|error| Failure::usage(error.to_string()))?;
        }
        if let (Some(file), Some(credential)) = (file, &wanted.credential)
            && same(file, credential)
        {
            return Err(Failure::usage(
                "--out and --credential name the same file: one would replace the other",
            ));
        }
        let credential = wanted
            .credential
            .as_deref()
            .map(|path| CredentialFile::prepare(path, wanted.credential_name.as_deref(), wanted.force));
        Ok(Self {
            file: file.map(Path::to_owned),
            credential: credential.transpose()?,
            show: wanted.show,
        })
    }

    /// Keeps others away from the file until the new token is in it.
    ///
    /// # Errors
    /// When one is under way, or the folder cannot be written to.
    pub(super) fn hold(&self) -> Result<Option<Held>, Failure> {
        let held = self.file.as_deref().map(held::hold);
        held.transpose().map_err(Failure::usage)
    }

    /// Writes it everywhere, into the file that is `held` too. What fails most easily comes first, beside its place; so a token that could not be
    /// kept has replaced nothing.
    ///
    /// # Errors
    /// At the first place that does not take it.
    pub(super) fn keep(&self, held: Option<&Held>, token: &IssuedToken, secret: &SecretString) -> Result<(), NotKept> {
        let nowhere = |problem| NotKept { problem, held: None };
        let sealed = self.credential.as_ref().map(|credential| credential.seal(secret));
        let sealed = sealed.transpose().map_err(nowhere)?;
        if let Some(held) = held
            && let Err(error) = held.put(token, secret)
        {
            return Err(NotKept {
                problem: error.to_string(),
                held: self.file.clone().filter(|_| may_hold(held.file(), secret)),
            });
        }
        sealed.map_or(Ok(()), Sealed::place).map_err(|problem| NotKept {
            problem,
            held: self.file.clone(),
        })
    }

    /// The file that is there now, and what its note says of it; else the encrypted credential, of which nothing is
    /// known.
    pub(super) fn replaced(&self) -> Option<Replaced> {
        let credential = self.credential.as_ref().map(|credential| credential.path().to_owned());
        let mut places = [self.file.clone(), credential].into_iter().flatten();
        let path = places.find(|path| path.exists())?;
        let id = TokenFile::open(&path)
            .ok()
            .and_then(|file| file.in_use().ok().flatten());
        Some(Replaced {
            path,
            id: id.map(|token| token.id),
        })
    }

    /// Takes the note of a token that was deleted again away.
    pub(super) fn forget(&self, token: &IssuedToken) {
        let Some(path) = &self.file else { return };
        let forgotten = TokenFile::open(path).and_then(|file| file.forget(&token.id));
        if let Err(error) = forgotten {
            tracing::warn!(%error, "the note beside the file could not be written");
        }
    }

    /// Whether nothing holds it but what is printed.
    pub(super) fn is_shown_only(&self) -> bool {
        self.file.is_none() && self.credential.is_none()
    }

    /// Where it is, a line for each place.
    pub(super) fn words(&self, secret: &SecretString) -> String {
        let mut words = String::new();
        if let Some(path) = &self.file {
            words.push_str(&format!("It is in {} (mode 0600).\n", path.display()));
        }
        if let Some(credential) = &self.credential {
            words.push_str(&format!(
                "It is in {}, encrypted; for the unit: {}\n",
                credential.path().display(),
                credential.unit_line()
            ));
        }
        if self.show {
            words.push_str(&format!("{}\n", secret.expose_secret()));
        }
        words
    }

    /// The same for programs.
    pub(super) fn json(&self, secret: &SecretString) -> [(&'static str, Value); 3] {
        let path = |path: &Path| json!(path.display().to_string());
        [
            ("file", self.file.as_deref().map_or(Value::Null, path)),
            (
                "systemd_credential",
                self.credential
                    .as_ref()
                    .map_or(Value::Null, |credential| path(credential.path())),
            ),
            (
                "secret",
                if self.show {
                    json!(secret.expose_secret())
                } else {
                    Value::Null
                },
            ),
        ]
    }
}

/// A token that gives way to another by `--force`.
#[derive(Debug)]
pub(super) struct Replaced {
    pub(super) path: PathBuf,
    /// What it is called, where that is known.
    pub(super) id: Option<String>,
}

/// Why a secret is not everywhere it should be.
#[derive(Debug)]
pub(super) struct NotKept {
    /// In words.
    pub(super) problem: String,
    /// The file that holds it all the same, or may: what it holds is not to be deleted.
    pub(super) held: Option<PathBuf>,
}

/// Writing can fail after the file is in place.
fn may_hold(file: &TokenFile, secret: &SecretString) -> bool {
    match file.token() {
        Ok(Some(held)) => held.expose_secret() == secret.expose_secret(),
        Ok(None) => false,
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_secret_needs_a_place_before_it_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("taken"), "x").unwrap();
        let prepare = |out: Option<&str>, force, show, configured: Option<&str>| {
            let wanted = Destination {
                out: out.map(path),
                show,
                force,
                ..Destination::default()
            };
            let kept = Keeping::prepare(&wanted, configured.map(path).as_deref());
            kept.map(|kept| kept.file).map_err(|failure| failure.words)
        };
        let refused = |kept: Result<_, String>, expected: &str| {
            let words = kept.unwrap_err();
            assert!(words.contains(expected), "{words}");
        };
        refused(prepare(None, false, false, None), "say where it goes");
        assert_eq!(prepare(None, false, true, None), Ok(None));
        assert_eq!(prepare(None, false, true, Some("configured")), Ok(None));
        assert_eq!(
            prepare(None, false, false, Some("configured")),
            Ok(Some(path("configured")))
        );
        assert_eq!(
            prepare(Some("new"), false, false, Some("configured")),
            Ok(Some(path("new")))
        );
        refused(prepare(Some("taken"), false, false, None), "--force");
        refused(prepare(None, false, false, Some("taken")), "--force");
        assert_eq!(prepare(Some("taken"), true, false, None), Ok(Some(path("taken"))));
        refused(prepare(Some("."), true, false, None), "it is a folder");
        let missing = path("no").display().to_string();
        refused(
            prepare(Some("no/where"), false, false, None),
            &format!("make it: mkdir -m 700 {missing}"),
        );
        refused(
            prepare(Some("no/such/where"), false, false, None),
            &format!("mkdir -p -m 700 {missing}/such"),
        );
    }

    /// Found before a token is made, or it would have to be deleted again.
    #[test]
    fn only_a_file_is_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let refused = |out: &Path, credential: Option<PathBuf>, expected: &str| {
            let wanted = Destination {
                out: Some(out.to_owned()),
                credential,
                force: true,
                ..Destination::default()
            };
            let words = Keeping::prepare(&wanted, None).unwrap_err().words;
            assert!(words.contains(expected), "{words}");
        };
        let pipe = rustix::fs::Mode::from_raw_mode(0o600);
        let make_pipe = |path: &Path| rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, pipe, 0);
        make_pipe(&path("pipe")).unwrap();
        refused(&path("pipe"), None, "no file");
        refused(Path::new("/dev/null"), None, "no file");
        std::os::unix::fs::symlink("/dev/null", path("link")).unwrap();
        refused(&path("link"), None, "no file");
        for (token, ending) in [("a", "json"), ("b", "new"), ("c", "lock")] {
            fs::create_dir(path(&format!("{token}.{ending}"))).unwrap();
            refused(&path(token), None, "is in the way");
        }
        make_pipe(&path("d.json")).unwrap();
        refused(&path("d"), None, "is in the way");
        refused(&path("e"), Some(path("./e")), "name the same file");
    }
}
