//! What `enable` says of the configuration: the table, where it was put, and what is still to do.

use std::path::{Path, PathBuf};

use super::{
    Context, Failure,
    scim_table::{Put, ScimTable},
    settings,
    words::Words,
};
use crate::{
    app::places::{CREDENTIALS, SCIM_TOKEN, folder_of},
    cli::DEFAULT_CONFIG,
    secret::{SecretSource, shell_path},
};

/// Provisioning that is on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Onward<'a> {
    /// The cloud.
    pub(super) profile: &'a str,
    /// As the cloud gives it.
    pub(super) endpoint: &'a str,
    /// What its tokens are called.
    pub(super) words: &'a Words,
    /// It cannot have a token yet, whatever a file holds.
    pub(super) is_bare: bool,
}

impl Onward<'_> {
    /// Prints the table, or puts it into a file, and says what comes next.
    ///
    /// # Errors
    /// When the file cannot be changed.
    pub(super) fn say(&self, context: &Context<'_>, write_config: Option<&Path>) -> Result<String, Failure> {
        let file = match write_config {
            Some(config) => token_beside(config),
            None => context
                .token_file(self.profile)
                .map_or_else(|| token_beside(Path::new(DEFAULT_CONFIG)), Path::to_owned),
        };
        let file_name = file.display().to_string();
        let table = ScimTable {
            profile: self.profile,
            endpoint: self.endpoint,
            token_file: &file_name,
        };
        let Some(config) = write_config else {
            let steps = self.steps_left(Some(SecretSource::File(file)), None);
            return Ok(format!("\n{}{}", table.text(), told(&steps, context)));
        };
        let put = table.put_into(config)?;
        let place = config.display();
        let (done, to_write) = match &put {
            Put::Made => (format!("\nMade {place}:\n\n{}", table.text()), Some(config)),
            Put::Changed(keys) => (format!("\nPut into [scim] of {place}:\n\n{keys}"), None),
            Put::Same => (format!("\n[scim] of {place} has this endpoint already.\n"), None),
        };
        // As it is there now: a token that was named before keeps its place.
        let token = settings::configured(config).ok().and_then(|part| part.token);
        Ok(format!("{done}{}", told(&self.steps_left(token, to_write), context)))
    }

    /// The commands that are left, in the order in which they work.
    fn steps_left(&self, token: Option<SecretSource>, config: Option<&Path>) -> Vec<String> {
        let command = &self.words.command;
        let mut steps = Vec::new();
        match token {
            Some(SecretSource::File(file)) => {
                let folder = folder_of(&file);
                if !folder.exists() {
                    steps.push(super::place::make_folder(folder));
                }
                match file.exists() {
                    false => steps.push(format!("{command} create --out {}", shell_path(&file))),
                    true if self.is_bare => steps.push(format!("{command} create --out {} --force", shell_path(&file))),
                    true => {}
                }
            }
            Some(source) if self.is_bare => {
                steps.push(format!(
                    "{command} create --out FILE    # [scim] token reads it from {source}"
                ));
            }
            Some(_) | None => {}
        }
        if let Some(config) = config {
            steps.push(format!("write [ldap] and [users] into {}", config.display()));
        }
        steps
    }
}

fn told(steps: &[String], context: &Context<'_>) -> String {
    if steps.is_empty() {
        return String::new();
    }
    let again = match context.says_more {
        true => " (with --region and the like as in this command)",
        false => "",
    };
    let steps: String = steps.iter().map(|step| format!("  {step}\n")).collect();
    format!("\nStill to do{again}:\n{steps}")
}

/// A token's place beside a configuration.
fn token_beside(config: &Path) -> PathBuf {
    let config = std::path::absolute(config).unwrap_or_else(|_| config.to_owned());
    config.with_file_name(CREDENTIALS).join(SCIM_TOKEN)
}

/// For `--dry-run`: nothing is sent, so nothing is known to write.
pub(super) fn not_written(write_config: Option<&Path>) -> Option<String> {
    let path = write_config?.display();
    Some(format!(
        "{path} is not written either: profile, endpoint and, if there is none, token would be put into its [scim]."
    ))
}
