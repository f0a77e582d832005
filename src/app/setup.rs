//! From the configuration file to everything a cycle goes by.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::engine::unix_now;
use crate::{
    config::{self, Checks, Config, ConfigErrors, MappingMistake, Mistake, ProfileDefaults},
    cycle::{Policy, mapping_digest},
    daemon::schedule::Schedule,
    ldap::{self, LdapDirectory, settings::SearchSettings},
    logging::{self, settings::LogSettings},
    mapping::{Mapper, RuleError, spec::MappingSpec},
    model::Digest,
    profile::Profile,
};

/// The program as configured.
pub struct Setup {
    /// The configuration, checked.
    pub config: Config,
    /// What the core goes by.
    pub policy: Policy,
    /// What is read from the directory.
    pub search: SearchSettings,
    /// When the file was read, unix seconds.
    pub read_at: i64,
}

/// Why the program cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The file.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// Something the checks let through; a defect of ours.
    #[error("{0}")]
    Defect(String),
}

impl SetupError {
    /// For a log: one line.
    #[must_use]
    pub fn one_line(&self) -> String {
        match self {
            Self::Config(errors) => errors.one_line(),
            Self::Defect(words) => words.clone(),
        }
    }
}

/// Reads and checks the configuration, and compiles what it says.
///
/// # Errors
/// With every mistake in the file.
pub fn load(path: &Path) -> Result<Setup, SetupError> {
    let config = config::load(path, &checks())?;
    let profile = profile(&config.profile).map_err(SetupError::Defect)?;
    let mapper = Mapper::compile_for(&config.users.mapping, &|path| profile.allows(path)).map_err(|errors| {
        let mistakes = errors.into_iter().map(|error| Mistake {
            key: error.key,
            at: None,
            problem: error.message,
            mend: error.hint,
        });
        ConfigErrors {
            path: path.to_owned(),
            mistakes: mistakes.collect(),
            more: 0,
        }
    })?;
    let search = SearchSettings {
        bases: config.users.bases.clone(),
        scope: config.users.scope,
        filter: config.users.filter.clone(),
        attributes: mapper.attributes(),
    };
    let policy = Policy {
        scope: scope(&config, mapper.anchor_attribute()),
        mapper,
        profile: Arc::new(profile),
        leavers: config.leavers,
        limits: config.limits.clone(),
        on_incomplete: config.on_incomplete,
    };
    Ok(Setup {
        config,
        policy,
        search,
        read_at: unix_now(),
    })
}

/// `[state] path` of a file that may be wrong elsewhere; nothing when there is no such file.
#[must_use]
pub fn state_path(path: &Path) -> Option<PathBuf> {
    config::state_path(path, &checks())
}

impl Setup {
    /// The directory as configured.
    #[must_use]
    pub fn directory(&self) -> LdapDirectory {
        LdapDirectory::new(self.config.ldap.clone(), self.search.clone())
    }

    /// Digest of everything a cycle goes by: not of the file's name, of the log and the schedule, nor of how
    /// the state's folder is spelled.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let config = Config {
            path: PathBuf::new(),
            state_path: PathBuf::new(),
            schedule: None,
            log: LogSettings::default(),
            ..self.config.clone()
        };
        let Policy { scope, .. } = &self.policy;
        Digest::of(format!("{config:?} {scope} {}", mapping_digest(&self.policy)).as_bytes())
    }
}

/// What the other modules know better than `config`.
pub(crate) fn checks() -> Checks {
    Checks {
        filter: |filter| ldap::filter::check(filter).map_err(|error| (error.position, error.message)),
        ldap_url: |text| text.parse().map_err(|error: ldap::url::UrlError| error.to_string()),
        mapping,
        profile: |name| {
            let profile = profile(name)?;
            Ok(ProfileDefaults {
                rate_per_s: profile.default_rate_per_s,
                concurrency: profile.default_concurrency,
            })
        },
        cron: |cron| Schedule::parse(cron, chrono_tz::UTC).map(drop),
        log_level: logging::check_level,
        file: Checks::files,
        env: Checks::environment,
    }
}

fn mapping(spec: &MappingSpec) -> Result<(), Vec<MappingMistake>> {
    let mistake = |error: RuleError| MappingMistake {
        key: error.key,
        problem: error.message,
        mend: error.hint,
    };
    Mapper::compile(spec)
        .map(drop)
        .map_err(|errors| errors.into_iter().map(mistake).collect())
}

/// A built-in profile by name, or one in a file of the operator's.
fn profile(name: &str) -> Result<Profile, String> {
    if let Some(profile) = Profile::named(name) {
        return Ok(profile);
    }
    if !name.contains('/') {
        return Err(format!(
            "there is no such profile; there are {}, or a path to a profile file",
            Profile::NAMES.join(", ")
        ));
    }
    let text = std::fs::read_to_string(name).map_err(|error| format!("cannot read {name}: {error}"))?;
    Profile::from_toml(&text)
}

/// Digest of everything that decides who is in scope: when it changes, absence means something else.
fn scope(config: &Config, anchor: &str) -> Digest {
    let users = &config.users;
    let mut text = format!("{:?} {} {anchor}", users.scope, users.filter.trim());
    for base in &users.bases {
        text.push('\n');
        text.push_str(&crate::model::dn::normalize(base).unwrap_or_else(|| base.clone()));
    }
    Digest::of(text.as_bytes())
}
