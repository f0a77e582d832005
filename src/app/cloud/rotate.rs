//! `… rotate`: which file, which endpoint, and what came of it.

use std::path::{Path, PathBuf};

use chrono::Utc;
use serde_json::json;

use super::{
    super::signals,
    Failure,
    answer::{Answer, expiry},
    tokens::{Tokens, json_of},
    words::Words,
};
use crate::{
    cli::cloud::Rotation,
    cloud::{Rotated, TokenAuthority, TokenFile, Verify},
};

impl Tokens<'_> {
    /// The file that holds what is in use; told before anything is sent.
    ///
    /// # Errors
    /// When it is not known or not there.
    pub(super) fn file_of(&self, rotation: &Rotation) -> Result<PathBuf, Failure> {
        let Words { one, command, .. } = &self.words;
        let path = rotation.out.as_deref().or(self.configured).ok_or_else(|| {
            Failure::usage(format!(
                "say which file holds the {one} in use: --out FILE, or [scim] token = {{ file = \"…\" }}; an encrypted \
                 systemd credential cannot be rotated: make a new one in its place with `{command} create --credential \
                 FILE --force`, restart the service, and delete the old one"
            ))
        })?;
        match path.try_exists() {
            Ok(true) => Ok(path.to_owned()),
            Ok(false) => Err(Failure::usage(format!(
                "{path} is not there, so there is nothing to rotate; make the first {one}: {command} create --out {path}",
                path = path.display()
            ))),
            Err(error) => Err(Failure::usage(format!("cannot read {}: {error}", path.display()))),
        }
    }

    /// `rotate`
    pub(super) async fn rotate(
        &self,
        authority: &impl TokenAuthority,
        verify: &impl Verify,
        path: &Path,
        keep: Option<&str>,
    ) -> Result<Answer, Failure> {
        let file = TokenFile::open(path).map_err(|error| Failure::usage(error.to_string()))?;
        let left = format!("what was begun, the next `{} rotate` ends", self.words.command);
        // A token of somebody may be switched off for a moment.
        let rotated = signals::finish(crate::cloud::rotate(authority, &file, verify, keep), &left).await?;
        match rotated {
            Ok(rotated) => Ok(self.rotated(&rotated, path)),
            Err(error) => Err(Failure {
                words: self.words.told(&error, path),
                code: error.exit_code(),
            }),
        }
    }

    fn rotated(&self, rotated: &Rotated, path: &Path) -> Answer {
        let Words { one, .. } = &self.words;
        let place = path.display();
        let (outcome, token, removed, mut text) = match rotated {
            Rotated::Renewed { new, old, removed } => (
                "rotated",
                new,
                removed.iter().chain([&old.id]).collect::<Vec<_>>(),
                format!(
                    "{place} holds the new {one} {}, which works; {} is deleted",
                    new.id, old.id
                ),
            ),
            Rotated::Completed { in_use, removed } => (
                "completed",
                in_use,
                removed.iter().collect(),
                format!(
                    "The rotation begun before is completed: {place} holds {one} {}, which works{}",
                    in_use.id,
                    match removed {
                        Some(removed) => format!("; {removed} is deleted"),
                        None => String::new(),
                    }
                ),
            ),
            Rotated::Replaced { new, removed } => (
                "replaced",
                new,
                removed.iter().collect(),
                format!(
                    "The {one} in {place} was let in no more; it holds the new one {}, which works{}",
                    new.id,
                    match removed.as_slice() {
                        [] => String::new(),
                        gone => format!("; deleted: {}", gone.join(", ")),
                    }
                ),
            ),
        };
        if let Rotated::Renewed {
            removed: Some(left_over),
            ..
        } = rotated
        {
            text.push_str(&format!(", and so is {left_over}, which was not in use"));
        }
        text.push_str(&format!(".\nIt is good until {}.\n", expiry(token.expires, Utc::now())));
        let mut json = json!({
            "outcome": outcome,
            "deleted": removed,
            "file": path.display().to_string(),
        });
        json[one] = json_of(token, Some(&token.id));
        if self.configured != Some(path) {
            text.push_str(
                "A service that is given this file by LoadCredential= takes the new one when it is restarted. An encrypted \
                 credential (LoadCredentialEncrypted=) still holds the old one, which works no more: encrypt this file anew \
                 with systemd-creds, and then restart the service.\n",
            );
        }
        Answer::new(text, json)
    }
}
