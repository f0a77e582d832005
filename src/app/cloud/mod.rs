//! `scimward cloud …`: a cloud's own switches, one file for each kind.
//!
//! Each command is written twice side by side: the requests it would send, which is its `--dry-run`, and what it does.

mod alibaba;
mod answer;
mod consent;
mod credential_file;
mod destination;
pub(super) mod held;
mod huawei;
mod onward;
mod place;
mod rotate;
mod scim_table;
mod settings;
mod token_requests;
mod tokens;
pub(super) mod words;

use std::{
    io::{self, Write},
    path::Path,
};

use self::answer::Answer;
use super::{Failure, chain};
use crate::{
    cli::cloud::{CloudOptions, CloudProvider, CloudTask, Rotation},
    cloud::{CloudError, ScimProbe},
    config::CloudPart,
    outcome::exit,
    secret::SecretSource,
};

/// What every command knows.
struct Context<'a> {
    options: &'a CloudOptions,
    part: &'a CloudPart,
    /// The configuration's path, for commands that are told.
    config: &'a Path,
    /// The command line says what is not in the configuration: the next command has to say it again.
    says_more: bool,
}

/// Does one command and answers.
///
/// # Errors
/// With the exit code that fits: 2 for usage and configuration, 4 for the provider, 1 for trouble of this machine.
pub(super) async fn run(config: &Path, task: &CloudTask) -> Result<u8, Failure> {
    let part = settings::configured(config)?;
    let context = Context {
        options: &task.options,
        part: &part,
        config,
        says_more: task.options.names_something()
            || match &task.provider {
                CloudProvider::Huawei(task) => task.options.identity_store_id.is_some(),
                CloudProvider::Alibaba(task) => task.options.directory_id.is_some(),
            },
    };
    let answer = match &task.provider {
        CloudProvider::Huawei(task) => huawei::run(&context, task).await?,
        CloudProvider::Alibaba(task) => alibaba::run(&context, task).await?,
    };
    match (print(&answer, task.options.json), answer.loss) {
        (Ok(()), _) => Ok(exit::DONE),
        (Err(error), None) => Err(Failure::output(error)),
        (Err(error), Some(loss)) => Err(Failure {
            words: format!("standard output cannot be written to ({error}); {loss}"),
            code: exit::OBJECTS,
        }),
    }
}

fn print(answer: &Answer, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{:#}", answer.json)?;
    } else {
        out.write_all(answer.text.as_bytes())?;
    }
    out.flush()
}

impl Context<'_> {
    fn is_dry_run(&self) -> bool {
        self.options.dry_run
    }

    /// Whether `[scim]` is about this cloud; a profile from a file may be about any.
    fn is_about(&self, profile: &str) -> bool {
        self.part
            .profile
            .as_deref()
            .is_some_and(|configured| configured == profile || configured.contains('/'))
    }

    /// `[scim] token`, when it is a file and of this cloud.
    fn token_file(&self, profile: &str) -> Option<&Path> {
        match &self.part.token {
            Some(SecretSource::File(path)) if self.is_about(profile) => Some(path),
            _ => None,
        }
    }

    /// `[scim] endpoint`, when it is of this cloud.
    fn scim_endpoint(&self, profile: &str) -> Option<&str> {
        self.part.endpoint.as_deref().filter(|_| self.is_about(profile))
    }

    /// `[scim] endpoint` of a file that is only begun: it does not say yet of which cloud it is. No token goes there.
    fn unclaimed_endpoint(&self) -> Option<&str> {
        self.part.endpoint.as_deref().filter(|_| self.part.profile.is_none())
    }

    /// What tries tokens out: where the command line says, else where the configuration does, else `cloud`.
    fn probe(&self, profile: &str, rotation: &Rotation, cloud: Option<&str>) -> Result<ScimProbe, Failure> {
        let wanted = rotation.scim_endpoint.as_deref().map(settings::with_slash);
        let endpoint = wanted
            .as_deref()
            .or_else(|| self.scim_endpoint(profile))
            .or(cloud)
            .ok_or_else(|| {
                Failure::usage("say where a token can be tried out: --scim-endpoint URL, or [scim] endpoint")
            })?;
        let ca_file = self.options.ca_file.as_deref().or(self.part.ca_file.as_deref());
        Ok(ScimProbe::new(endpoint, ca_file, self.part.allow_plaintext)?)
    }
}

impl Failure {
    /// Says what was done before.
    fn after(self, done: &str) -> Self {
        Self {
            words: format!("{}\n{done}", self.words),
            ..self
        }
    }
}

impl From<CloudError> for Failure {
    fn from(error: CloudError) -> Self {
        Self {
            words: chain(&error),
            code: error.exit_code(),
        }
    }
}
