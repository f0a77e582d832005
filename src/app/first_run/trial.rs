//! Answers tried out before they are written: by the checks of the configuration, and on both sides.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use secrecy::ExposeSecret;
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::{
    super::{
        check,
        places::SCIM_TOKEN,
        setup::{self, Setup, SetupError},
    },
    answers::{ACCESS_KEY, Answers, SECRET_KEY, Secret, Sources},
};
use crate::{
    cloud::{self, ScimProbe, settings::KeySources},
    ldap::{self, ProbeFinding, Verdict, settings::Bind},
    report::{Finding, Findings, Mark},
    secret::SecretSource,
};

/// In the private folder only; no configuration keeps it.
const SECURITY_TOKEN: &str = "security-token";

/// A private folder for a configuration that is not there yet. Whoever made it takes it away, also when the
/// conversation in it has no end.
pub(super) struct Trial {
    folder: PathBuf,
    runtime: Handle,
}

/// Makes the folder. Only we can enter it.
pub(super) fn folder() -> io::Result<TempDir> {
    tempfile::Builder::new().prefix("scimward-setup-").tempdir()
}

impl Trial {
    pub(super) fn new(folder: PathBuf, runtime: Handle) -> Self {
        Self { folder, runtime }
    }

    /// For what has to wait for the network.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// The program as it would be set up.
    fn setup(&self, answers: &Answers) -> Result<Setup, SetupError> {
        let folder = self.folder.as_path();
        let path = folder.join("config.toml");
        let text = answers.render(&Sources::Folder(folder.to_owned()));
        let written = self.put_secrets(answers).and_then(|()| fs::write(&path, text));
        written.map_err(|error| SetupError::Defect(format!("cannot write below {}: {error}", folder.display())))?;
        setup::load(&path)
    }

    fn put_secrets(&self, answers: &Answers) -> io::Result<()> {
        // Its place has to be there before it is.
        private(&self.folder.as_path().join(SCIM_TOKEN), "not there yet")?;
        for (name, secret) in answers.secrets() {
            if let Secret::Text(text) = secret {
                private(&self.folder.as_path().join(name), text.expose_secret())?;
            }
        }
        Ok(())
    }

    /// The two parts of an access key, and the token that goes with a temporary one, as a client of the cloud
    /// reads them.
    pub(super) fn key_sources(
        &self,
        (access, secret): &(Secret, Secret),
        security_token: Option<&Secret>,
    ) -> Result<KeySources, String> {
        let source = |name: &str, secret: &Secret| -> Result<SecretSource, String> {
            match secret {
                Secret::File(path) => Ok(SecretSource::File(path.clone())),
                Secret::Text(text) => {
                    let path = self.folder.join(name);
                    let written = private(&path, text.expose_secret());
                    written.map_err(|error| format!("{}: {error}", path.display()))?;
                    Ok(SecretSource::File(path))
                }
            }
        };
        Ok(KeySources {
            access_key: source(ACCESS_KEY, access)?,
            secret_key: source(SECRET_KEY, secret)?,
            security_token: security_token.map(|token| source(SECURITY_TOKEN, token)).transpose()?,
        })
    }

    /// What the checks of the configuration have against one of `keys` (`[ldap] urls`).
    pub(super) fn complaint(&self, answers: &Answers, keys: &[&str]) -> Result<(), String> {
        let errors = match self.setup(answers) {
            Ok(_) => return Ok(()),
            Err(SetupError::Config(errors)) => errors,
            Err(error) => return Err(error.to_string()),
        };
        // Without a key it is no TOML any more, and the answer is why.
        let meant = |key: &str| key.is_empty() || keys.iter().any(|meant| key.starts_with(meant));
        match errors.mistakes.iter().find(|mistake| meant(&mistake.key)) {
            Some(mistake) => Err(format!("{}; {}", mistake.problem, mistake.mend)),
            None => Ok(()),
        }
    }

    /// Whether a server can be reached; why not, or which others cannot.
    pub(super) fn connect(&self, answers: &Answers) -> Result<Vec<String>, String> {
        let findings = self.probe(answers, |setup| setup.config.ldap.bind = Bind::Anonymous)?;
        let of_connection = |finding: &&ProbeFinding| finding.subject == "connect";
        let (bad, good): (Vec<_>, Vec<_>) = findings
            .iter()
            .filter(of_connection)
            .partition(|finding| finding.verdict == Verdict::Bad);
        let bad: Vec<String> = bad
            .iter()
            .map(|finding| format!("{}: {}", finding.server, finding.text))
            .collect();
        match good.is_empty() {
            true => Err(bad.join("; ")),
            false => Ok(bad),
        }
    }

    /// Whether a server lets us in.
    pub(super) fn bind(&self, answers: &Answers) -> Result<(), String> {
        let findings = self.probe(answers, |_| ())?;
        let is_in = |finding: &ProbeFinding| finding.subject == "bind" && finding.verdict == Verdict::Good;
        if findings.iter().any(is_in) {
            return Ok(());
        }
        let bad = findings.iter().filter(|finding| finding.verdict == Verdict::Bad);
        Err(each_once(bad.map(|finding| finding.text.as_str())))
    }

    /// Servers alone, no base.
    fn probe(&self, answers: &Answers, change: impl FnOnce(&mut Setup)) -> Result<Vec<ProbeFinding>, String> {
        let mut setup = self.setup(answers).map_err(|error| error.one_line())?;
        change(&mut setup);
        setup.search.bases.clear();
        let anchor = setup.policy.mapper.anchor_attribute();
        Ok(ldap::probe(&setup.config.ldap, &setup.search, anchor, &mut |_| ()))
    }

    /// What `scimward check` would say of the directory.
    pub(super) fn directory(&self, answers: &Answers) -> Result<Vec<Findings>, String> {
        let setup = Arc::new(self.setup(answers).map_err(|error| error.one_line())?);
        Ok(self.runtime.block_on(check::directory(&setup)))
    }

    /// What `scimward check` has against the state's folder. Whose state it is can be told only once the endpoint
    /// is known.
    pub(super) fn state(&self, answers: &Answers, config: &Path) -> Result<(), String> {
        let setup = self.setup(answers).map_err(|error| error.one_line())?;
        let state = &setup.config.state_path;
        if config.starts_with(state) {
            return Err(format!(
                "{} is where the configuration goes, or above that; the state wants a folder of its own",
                state.display()
            ));
        }
        // What is not there yet has to be made by the first run.
        let there = state.ancestors().find(|folder| folder.is_dir());
        if let Some(there) = there.filter(|there| there != state) {
            tempfile::tempdir_in(there).map_err(|error| {
                let why = std::io::Error::from(error.kind());
                format!("{} cannot be made in {}: {why}", state.display(), there.display())
            })?;
        }
        let found = match answers.endpoint {
            Some(_) => check::state(&setup),
            None => check::state_at(&setup.config.state_path, |_| Ok(Finding::new(Mark::Ok, "state", ""))),
        };
        match found.mark {
            Mark::Fail => Err(found.text),
            Mark::Ok | Mark::Note => Ok(()),
        }
    }

    /// Whether anybody answers at the SCIM endpoint. No token is shown.
    pub(super) fn reach(&self, answers: &Answers) -> Result<(), String> {
        let probe = self.probe_of(answers).map_err(|error| error.to_string())?;
        self.runtime.block_on(probe.reach())
    }

    /// Who tries a token out.
    pub(super) fn probe_of(&self, answers: &Answers) -> cloud::Result<ScimProbe> {
        let endpoint = answers.endpoint.as_deref().unwrap_or_default();
        ScimProbe::new(endpoint, answers.ca_file.as_deref(), false)
    }

    /// What `scimward check` would say of the cloud.
    pub(super) fn cloud(&self, answers: &Answers) -> Result<Findings, String> {
        let setup = self.setup(answers).map_err(|error| error.one_line())?;
        Ok(self.runtime.block_on(check::cloud(&setup)))
    }
}

/// What stands in the way, if anything does, with what was noted beside it.
pub(super) fn obstacle(groups: &[Findings]) -> Result<(), String> {
    let bad = groups.iter().filter(|group| !group.are_good());
    let found = bad
        .flat_map(|group| &group.list)
        .filter(|finding| finding.mark != Mark::Ok);
    match each_once(found.map(|finding| finding.text.as_str())) {
        words if words.is_empty() => Ok(()),
        words => Err(words),
    }
}

/// Several servers say the same.
fn each_once<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut all: Vec<&str> = Vec::new();
    for text in texts {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all.join("; ")
}

/// Writes a file that only its owner can read.
fn private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// A path that means the same from everywhere.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))
}
