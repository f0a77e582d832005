//! What a cloud calls its tokens, the commands for them, and which of these mends what.

use std::path::Path;

use crate::{
    cloud::{NotWorking, RotateError},
    secret::shell_path,
};

/// Of one cloud.
#[derive(Clone, Copy, Debug)]
pub(in crate::app) struct Words {
    /// "token"
    pub(in crate::app) one: &'static str,
    /// "tokens"
    pub(in crate::app) many: &'static str,
    /// How it is asked for: "scimward cloud huawei token".
    pub(in crate::app) command: &'static str,
    /// Makes a new one in place of one that is gone, in the file of `[scim] token`.
    pub(in crate::app) anew: &'static str,
    /// Switches provisioning on.
    switch_on: &'static str,
    /// What tells the SCIM endpoint.
    endpoint: &'static str,
}

/// Huawei Cloud's.
pub(in crate::app) const TOKEN: Words = Words {
    one: "token",
    many: "tokens",
    command: "scimward cloud huawei token",
    anew: "scimward cloud huawei token rotate",
    switch_on: "scimward cloud huawei tenant enable",
    endpoint: "`scimward cloud huawei tenant show` shows it",
};

/// Alibaba Cloud's.
pub(in crate::app) const CREDENTIAL: Words = Words {
    one: "credential",
    many: "credentials",
    command: "scimward cloud alibaba credential",
    anew: "scimward cloud alibaba credential create --force",
    switch_on: "scimward cloud alibaba scim enable",
    endpoint: "it goes by the directory's region, which `scimward cloud alibaba directory list` shows",
};

impl Words {
    /// Why a token in `file` was not renewed, and what mends that.
    pub(in crate::app) fn told(&self, error: &RotateError, file: &Path) -> String {
        match self.mend(error, file) {
            Some(mend) => format!("{error}; {mend}"),
            None => error.to_string(),
        }
    }

    /// A new one in place of what `file` holds.
    pub(in crate::app) fn make_anew(&self, file: &Path) -> String {
        format!("{} create --force --out {}", self.command, shell_path(file))
    }

    fn mend(&self, error: &RotateError, file: &Path) -> Option<String> {
        let Self { command, one, .. } = self;
        let anew = self.make_anew(file);
        Some(match error {
            RotateError::NoToken(_) => format!("make the first one: {command} create --out {}", shell_path(file)),
            RotateError::Current(NotWorking::Unclear(_)) => {
                "see that [scim] endpoint can be reached from here, and try again".to_owned()
            }
            RotateError::Current(NotWorking::Closed(_))
            | RotateError::New(NotWorking::Closed(_))
            | RotateError::NeitherWorks(NotWorking::Closed(_)) => {
                format!("if provisioning is switched off, switch it on: {}", self.switch_on)
            }
            RotateError::NeitherWorks(NotWorking::Refused(_)) => {
                format!("is [scim] endpoint the right one? {}", self.endpoint)
            }
            RotateError::SwitchedOff { id } => {
                format!("switch it on again: {command} enable {id}; or put a new one in its place: {anew}")
            }
            RotateError::Mistaken {
                other, resumed: false, ..
            }
            | RotateError::Untold {
                other, resumed: false, ..
            }
            | RotateError::NotRemoved {
                other, resumed: false, ..
            }
            | RotateError::StillOff { id: other, .. } => {
                format!("to switch it on: {command} enable {other}")
            }
            RotateError::Unproved { full, .. } if full.is_empty() => {
                format!("if this is the right place, put a new one there: {anew}")
            }
            RotateError::Unproved { full, .. } => format!(
                "if this is the right place, put a new one there; for that there has to be room, so delete the {one} that \
                 nobody uses ({}): {command} delete ID; and then: {anew}",
                full.join(" or ")
            ),
            RotateError::Unasked(_) => format!("for a new one in its place: {}", self.anew),
            RotateError::NoRoom { .. } => {
                format!("delete the one that nobody uses: {command} delete ID; and then: {command} rotate")
            }
            _ => return None,
        })
    }
}
