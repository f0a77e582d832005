//! From the configuration file to everything a cycle goes by.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::engine::unix_now;
use crate::{
    cloud::settings::{CloudSettings, TokenLife},
    config::{self, Checks, Config, ConfigErrors, GroupsSettings, MappingMistake, Mistake, ProfileDefaults},
    cycle::{self, CycleError, GroupSource, Means, Planned, Policy, Watch, groups::GroupPolicy, mapping_digest},
    daemon::schedule::Schedule,
    ldap::{
        self, LdapDirectory,
        settings::{Scope, SearchSettings},
    },
    logging::{self, settings::LogSettings},
    mapping::{
        Mapper, RuleError,
        groups::{GroupMapper, RosterRule},
        spec::{GroupMappingSpec, MappingSpec},
    },
    model::Digest,
    ports::GroupStore,
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
    /// The same for groups.
    pub search_of_groups: Option<SearchSettings>,
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
    let groups = config.groups.as_ref().map(|settings| groups_of(settings, &config));
    let groups = groups.transpose().map_err(SetupError::Defect)?;
    let mut attributes = mapper.attributes();
    if let Some(groups) = &groups {
        attributes.extend(groups.roster.attributes());
        attributes.sort_unstable();
        attributes.dedup();
    }
    let search = SearchSettings {
        bases: config.users.bases.clone(),
        scope: config.users.scope,
        filter: config.users.filter.clone(),
        attributes,
    };
    let search_of_groups = config
        .groups
        .as_ref()
        .zip(groups.as_ref())
        .map(|(settings, groups)| SearchSettings {
            bases: settings.bases.clone(),
            scope: settings.scope,
            filter: settings.filter.clone(),
            attributes: groups.mapper.attributes(),
        });
    let policy = Policy {
        scope: scope(&config, mapper.anchor_attribute()),
        mapper,
        profile: Arc::new(profile),
        leavers: config.leavers,
        limits: config.limits.clone(),
        on_incomplete: config.on_incomplete,
        groups,
    };
    Ok(Setup {
        config,
        policy,
        search,
        search_of_groups,
        read_at: unix_now(),
    })
}

/// What groups go by, from settings that were checked.
fn groups_of(settings: &GroupsSettings, config: &Config) -> Result<GroupPolicy, String> {
    let in_words = |errors: Vec<RuleError>| {
        let words = errors
            .into_iter()
            .map(|error| format!("{}: {}", error.key, error.message));
        words.collect::<Vec<_>>().join("; ")
    };
    let mapper = GroupMapper::compile(&settings.mapping).map_err(in_words)?;
    let scope = scope_of(
        settings.scope,
        &settings.filter,
        &settings.bases,
        mapper.anchor_attribute(),
    );
    Ok(GroupPolicy {
        roster: RosterRule::compile(&settings.mapping).map_err(in_words)?,
        nesting: settings.nesting,
        gone: settings.gone,
        limits: settings.limits,
        member_of: config.users.member_of.clone(),
        mapper,
        scope,
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

    /// Reads the directory as configured and plans. Blocking.
    ///
    /// # Errors
    /// When there is nothing to plan from.
    pub fn plan(
        &self,
        means: Means<'_>,
        groups: &dyn GroupStore,
        watch: Option<Watch<'_>>,
    ) -> Result<Planned, CycleError> {
        let search = self.search_of_groups.clone();
        let mut of_groups = search.map(|search| LdapDirectory::new(self.config.ldap.clone(), search));
        let groups = of_groups.as_mut().map(|directory| GroupSource {
            directory,
            store: groups,
        });
        cycle::plan(&mut self.directory(), groups, means, watch)
    }

    /// Digest of everything a cycle goes by: not of the file's name, of the log and the schedule, of control
    /// planes, nor of how the state's folder is spelled.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let config = Config {
            path: PathBuf::new(),
            state_path: PathBuf::new(),
            schedule: None,
            log: LogSettings::default(),
            token_life: TokenLife::default(),
            cloud: CloudSettings::default(),
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
        groups,
        profile: |name| {
            let profile = profile(name)?;
            Ok(ProfileDefaults {
                rate_per_s: profile.default_rate_per_s,
                concurrency: profile.default_concurrency,
                nested_groups: profile.groups.nested,
            })
        },
        cron: |cron| Schedule::parse(cron, chrono_tz::UTC).map(drop),
        log_level: logging::check_level,
        file: Checks::files,
        env: Checks::environment,
    }
}

fn mapping(spec: &MappingSpec) -> Result<(), Vec<MappingMistake>> {
    Mapper::compile(spec)
        .map(drop)
        .map_err(|errors| errors.into_iter().map(mistake).collect())
}

fn groups(spec: &GroupMappingSpec) -> Result<(), Vec<MappingMistake>> {
    let of_groups = GroupMapper::compile(spec).err().unwrap_or_default();
    let of_people = RosterRule::compile(spec).err().unwrap_or_default();
    let mistakes: Vec<_> = of_groups.into_iter().chain(of_people).map(mistake).collect();
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

fn mistake(error: RuleError) -> MappingMistake {
    MappingMistake {
        key: error.key,
        problem: error.message,
        mend: error.hint,
    }
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
    let digest = scope_of(users.scope, &users.filter, &users.bases, anchor);
    if users.member_of.is_empty() {
        return digest;
    }
    let mut groups: Vec<String> = users.member_of.iter().map(|dn| plain(dn)).collect();
    groups.sort_unstable();
    Digest::of(format!("{digest}\n{}", groups.join("\n")).as_bytes())
}

fn scope_of(scope: Scope, filter: &str, bases: &[String], anchor: &str) -> Digest {
    let mut text = format!("{scope:?} {} {anchor}", filter.trim());
    for base in bases {
        text.push('\n');
        text.push_str(&plain(base));
    }
    Digest::of(text.as_bytes())
}

/// A distinguished name as it is compared.
fn plain(dn: &str) -> String {
    crate::model::dn::normalize(dn).unwrap_or_else(|| dn.to_owned())
}
