//! What a cloud calls its tokens, the commands for them, and which of these mends what.

use std::path::Path;

use crate::{
    app::places,
    cloud::{NotWorking, RotateError},
    secret::shell_path,
};

/// What a cloud calls things. Its commands are called the same.
#[derive(Clone, Copy, Debug)]
pub(in crate::app) struct Names {
    /// "huawei"
    pub(in crate::app) cloud: &'static str,
    /// "token"
    pub(in crate::app) one: &'static str,
    /// "tokens"
    pub(in crate::app) many: &'static str,
    /// Makes a new one in place of one that is gone, in the file of `[scim] token`.
    anew: &'static str,
    /// Switches provisioning on.
    pub(in crate::app) switch_on: &'static str,
    /// Switches it off.
    pub(in crate::app) switch_off: &'static str,
    /// What tells the SCIM endpoint, before and after the command for it.
    endpoint: (&'static str, &'static str, &'static str),
}

/// Huawei Cloud's.
pub(in crate::app) const HUAWEI: Names = Names {
    cloud: "huawei",
    one: "token",
    many: "tokens",
    anew: "rotate",
    switch_on: "tenant enable",
    switch_off: "tenant disable",
    endpoint: ("", "tenant show", " shows it"),
};

/// Alibaba Cloud's.
pub(in crate::app) const ALIBABA: Names = Names {
    cloud: "alibaba",
    one: "credential",
    many: "credentials",
    anew: "create --force",
    switch_on: "scim enable",
    switch_off: "scim disable",
    endpoint: ("it goes by the directory's region, which ", "directory list", " shows"),
};

impl Names {
    /// What deletes the token `id`, below `scimward cloud` and the cloud's name.
    pub(in crate::app) fn delete(&self, id: &str) -> String {
        format!("{} delete {id}", self.one)
    }
}

/// The same for one configuration: what is typed as told is done with that and no other.
#[derive(Clone, Debug)]
pub(in crate::app) struct Words {
    /// "token"
    pub(in crate::app) one: &'static str,
    /// "tokens"
    pub(in crate::app) many: &'static str,
    /// How it is asked for: "scimward cloud huawei token".
    pub(in crate::app) command: String,
    names: Names,
    /// "scimward cloud huawei"
    cloud: String,
}

impl Words {
    /// Of a cloud, for the configuration at `config`.
    pub(in crate::app) fn of(names: Names, config: &Path) -> Self {
        let cloud = format!("{} cloud {}", places::program(config), names.cloud);
        Self {
            one: names.one,
            many: names.many,
            command: format!("{cloud} {}", names.one),
            names,
            cloud,
        }
    }

    /// What makes a new one in place of one that is gone, in the file of `[scim] token`.
    pub(in crate::app) fn anew(&self) -> String {
        format!("{} {}", self.command, self.names.anew)
    }

    /// What switches provisioning on.
    pub(in crate::app) fn switch_on(&self) -> String {
        format!("{} {}", self.cloud, self.names.switch_on)
    }

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
                format!("if provisioning is switched off, switch it on: {}", self.switch_on())
            }
            RotateError::NeitherWorks(NotWorking::Refused(_)) => {
                let (before, command, after) = self.names.endpoint;
                format!(
                    "is [scim] endpoint the right one? {before}`{} {command}`{after}",
                    self.cloud
                )
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
            RotateError::Unasked(_) => format!("for a new one in its place: {}", self.anew()),
            RotateError::NoRoom { .. } => {
                format!("delete the one that nobody uses: {command} delete ID; and then: {command} rotate")
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The command of another configuration would replace another service's token.
    #[test]
    fn a_mend_is_of_this_configuration() {
        let words = Words::of(ALIBABA, Path::new("/etc/scimward/acme.toml"));
        let program = "scimward --config /etc/scimward/acme.toml cloud alibaba";
        assert_eq!(words.anew(), format!("{program} credential create --force"));
        let told = words.told(&RotateError::NoToken("t".to_owned()), Path::new("t"));
        assert!(
            told.ends_with(&format!("make the first one: {program} credential create --out t")),
            "{told}"
        );
        let usual = Words::of(HUAWEI, Path::new(crate::cli::DEFAULT_CONFIG));
        assert_eq!(usual.anew(), "scimward cloud huawei token rotate");
        assert_eq!(usual.switch_on(), "scimward cloud huawei tenant enable");
    }
}
