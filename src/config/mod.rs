//! The configuration file, checked: every mistake at once, each with its place, its reason and a way
//! to mend it.
//!
//! ```text
//! text ──toml──▶ tree with places ──readers──▶ Config, or every mistake
//! ```
//!
//! One reader for each table asks for its keys by name (`section`), each value is read as a type
//! (`item`), and what no reader asked for is unknown. Nothing stops at the first mistake: a reader
//! that cannot use a value notes that and goes on with the default.
//!
//! Deliberately absent: reading secrets (their sources are only named here), connecting anywhere, and
//! everything the shells and the core know better: [`Checks`] brings that in.

mod cloud;
mod cloud_part;
mod excerpt;
mod groups;
mod item;
mod keys;
mod ldap;
mod list;
mod mistake;
mod policy;
mod report;
mod rules;
mod scim;
mod search;
mod secret;
mod section;
mod url;
mod users;

#[cfg(test)]
mod tests;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use toml::de::DeTable;

pub use self::{
    cloud_part::{CloudPart, cloud_part},
    mistake::{ConfigErrors, Excerpt, Mistake},
};
use self::{report::Report, section::Section};
use crate::{
    cloud::settings::{CloudSettings, TokenLife},
    daemon::settings::ScheduleSettings,
    ldap::settings::{LdapSettings, LdapUrl, Scope},
    logging::settings::LogSettings,
    mapping::spec::{GroupMappingSpec, MappingSpec},
    plan::settings::{GoneGroups, GroupLimits, Leavers, Limits, Nesting, OnIncomplete},
    scim::settings::ScimSettings,
    survey::settings::AuditSettings,
};

/// Largest configuration in bytes; a larger file is the wrong file.
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// The whole configuration, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The file it was read from.
    pub path: PathBuf,
    /// `[ldap]`
    pub ldap: LdapSettings,
    /// `[ldap] on_incomplete`
    pub on_incomplete: OnIncomplete,
    /// `[users]`
    pub users: UsersSettings,
    /// `[groups]`; without it no groups are read or pushed.
    pub groups: Option<GroupsSettings>,
    /// `[scim] profile`, known to [`Checks::profile`].
    pub profile: String,
    /// `[scim]`
    pub scim: ScimSettings,
    /// `[scim] token_expires`, `rotate_before_days`
    pub token_life: TokenLife,
    /// `[cloud.…]`
    pub cloud: CloudSettings,
    /// `[leavers]`
    pub leavers: Leavers,
    /// `[limits]`
    pub limits: Limits,
    /// `[state] path`
    pub state_path: PathBuf,
    /// `[schedule]`; without it there is no daemon, but single cycles run.
    pub schedule: Option<ScheduleSettings>,
    /// `[audit]`
    pub audit: AuditSettings,
    /// `[log]`
    pub log: LogSettings,
}

/// `[users]`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsersSettings {
    /// Where to search; at least one.
    pub bases: Vec<String>,
    /// How deep, for every base.
    pub scope: Scope,
    /// RFC 4515.
    pub filter: String,
    /// Distinguished names of groups; when there are any, only people in one of them (also through other
    /// groups) are in scope. There are none without [`Config::groups`].
    pub member_of: Vec<String>,
    /// What becomes of an entry.
    pub mapping: MappingSpec,
}

/// `[groups]`, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupsSettings {
    /// Where to search; at least one.
    pub bases: Vec<String>,
    /// How deep, for every base.
    pub scope: Scope,
    /// RFC 4515.
    pub filter: String,
    /// What becomes of an entry, and what entries of people tell of groups.
    pub mapping: GroupMappingSpec,
    /// Whether groups in groups are dissolved; [`Nesting::Push`] only where the profile allows it.
    pub nesting: Nesting,
    /// What happens to a group that left.
    pub gone: GoneGroups,
    /// How much may be taken away in one cycle.
    pub limits: GroupLimits,
}

/// What a profile says when the configuration does not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProfileDefaults {
    /// Requests a second.
    pub rate_per_s: f64,
    /// Requests in flight.
    pub concurrency: usize,
    /// Groups can be members of groups.
    pub nested_groups: bool,
}

/// One mistake of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingMistake {
    /// Where: `users.map.displayName`, `users.override[2].set.title`, `groups.anchor`.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub mend: String,
}

/// What other modules know better, handed in by the composition root so that this module depends on
/// none of them.
#[derive(Clone, Copy, Debug)]
pub struct Checks {
    /// An address of a directory server. The error must not repeat it: it may hold a password.
    pub ldap_url: fn(&str) -> Result<LdapUrl, String>,
    /// A search filter. The error is the character it was found at, from 0, and what is wrong.
    pub filter: fn(&str) -> Result<(), (usize, String)>,
    /// Whether the mapping can be compiled.
    pub mapping: fn(&MappingSpec) -> Result<(), Vec<MappingMistake>>,
    /// Whether the mapping of groups can be compiled.
    pub groups: fn(&GroupMappingSpec) -> Result<(), Vec<MappingMistake>>,
    /// A profile's defaults, by its name.
    pub profile: fn(&str) -> Result<ProfileDefaults, String>,
    /// A cron expression.
    pub cron: fn(&str) -> Result<(), String>,
    /// A log level as [`LogSettings`] has it.
    pub log_level: fn(&str) -> Result<(), String>,
    /// Whether a file is there.
    pub file: fn(&Path) -> Result<(), String>,
    /// The environment.
    pub env: fn(&str) -> Option<OsString>,
}

impl Checks {
    /// Looks at the shape of the file only, and at nothing outside it. The composition root replaces
    /// what it knows; [`Checks::files`] and [`Checks::environment`] are for it too.
    #[must_use]
    pub fn shape_only() -> Self {
        Self {
            ldap_url: |text| {
                Ok(LdapUrl {
                    tls: text.starts_with("ldaps:"),
                    host: text.to_owned(),
                    port: 0,
                })
            },
            filter: |_| Ok(()),
            mapping: |_| Ok(()),
            groups: |_| Ok(()),
            profile: |_| {
                Ok(ProfileDefaults {
                    rate_per_s: 1.0,
                    concurrency: 1,
                    nested_groups: true,
                })
            },
            cron: |_| Ok(()),
            log_level: |_| Ok(()),
            file: |_| Ok(()),
            env: |_| None,
        }
    }

    /// For [`Checks::file`]: the file is there. Whether it can be read is seen by who reads it, since
    /// `scimward status` may run as another user than the service.
    ///
    /// # Errors
    /// When nothing, or no file, has that name.
    pub fn files(path: &Path) -> Result<(), String> {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Err("is a folder, not a file".to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err("there is no such file".to_owned()),
            _ => Ok(()),
        }
    }

    /// For [`Checks::env`]: the environment of this process.
    #[must_use]
    pub fn environment(name: &str) -> Option<OsString> {
        std::env::var_os(name).filter(|value| !value.is_empty())
    }
}

/// Reads and checks a configuration file.
///
/// # Errors
/// When the file cannot be read, and with every mistake in it.
pub fn load(path: &Path, checks: &Checks) -> Result<Config, ConfigErrors> {
    parse(&read_text(path)?, path, checks)
}

fn read_text(path: &Path) -> Result<String, ConfigErrors> {
    let unreadable = |problem: String, mend: &str| ConfigErrors::unreadable(path.to_owned(), problem, mend);
    let bytes = std::fs::read(path).map_err(|error| {
        unreadable(
            format!("cannot be read: {error}"),
            "name the file with --config FILE or $SCIMWARD_CONFIG; config.example.toml is a start",
        )
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error
            .as_bytes()
            .iter()
            .take(good)
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        unreadable(format!("line {line} is not UTF-8 text"), "save the file as UTF-8")
    })
}

/// `[state] path` as far as it can be told, from a file that may be full of mistakes.
#[must_use]
pub fn state_path(path: &Path, checks: &Checks) -> Option<PathBuf> {
    let text = std::fs::read_to_string(path).ok()?;
    if text.len() > FILE_BYTES_MAX {
        return None;
    }
    let (tree, _) = DeTable::parse_recoverable(&text);
    let report = Report::new(&text, path.parent().unwrap_or(Path::new("")), checks);
    let top = Section::new(&report, String::new(), Some(tree.get_ref()), keys::TOP);
    Some(policy::state_path(&top.section("state", keys::STATE)))
}

/// Checks a configuration's text. `path` is for messages, and its folder for relative paths.
///
/// # Errors
/// With every mistake.
pub fn parse(text: &str, path: &Path, checks: &Checks) -> Result<Config, ConfigErrors> {
    if text.len() > FILE_BYTES_MAX {
        let problem = format!("is larger than {FILE_BYTES_MAX} bytes");
        return Err(ConfigErrors::unreadable(
            path.to_owned(),
            problem,
            "is this the right file?",
        ));
    }
    let (tree, syntax) = DeTable::parse_recoverable(text);
    let report = Report::new(text, path.parent().unwrap_or(Path::new("")), checks);
    let config = read(&report, tree.get_ref(), path);
    let errors = report.finish(path, &syntax);
    match config {
        Some(config) if errors.mistakes.is_empty() => Ok(config),
        _ => Err(errors),
    }
}

/// Reads every table, and only then says whether all that is needed was there.
fn read(report: &Report<'_>, tree: &DeTable<'_>, path: &Path) -> Option<Config> {
    let top = Section::new(report, String::new(), Some(tree), keys::TOP);
    let ldap = top.section("ldap", keys::LDAP);
    let users = top.section("users", keys::USERS);
    let groups = top.section("groups", keys::GROUPS);
    let scim = top.section("scim", keys::SCIM);
    let leavers = top.section("leavers", keys::LEAVERS);
    let limits = top.section("limits", keys::LIMITS);
    let state = top.section("state", keys::STATE);
    let schedule = top.section("schedule", keys::SCHEDULE);
    let audit = top.section("audit", keys::AUDIT);
    let log = top.section("log", keys::LOG);
    let cloud = top.section("cloud", keys::CLOUD);

    let cloud_settings = cloud::read(&cloud);
    let (ldap_settings, on_incomplete) = ldap::read(&ldap);
    let has_groups = groups.is_present();
    let users_settings = users::read(&users, has_groups);
    let scim_settings = scim::read(&scim);
    let known_scim = scim_settings
        .as_ref()
        .map(|(profile, settings)| (profile.as_str(), settings));
    let token_life = cloud::token_life(&scim, known_scim, cloud_settings.as_ref());
    let profile = scim_settings
        .as_ref()
        .map(|(profile, _)| (report.checks.profile)(profile));
    let may_nest = profile.is_none_or(|profile| profile.is_ok_and(|profile| profile.nested_groups));
    let groups_settings = groups::read(&groups, &users, may_nest);
    let rest = (
        policy::leavers(&leavers),
        policy::limits(&limits),
        policy::state_path(&state),
    );
    let (audit_settings, log_settings) = (policy::audit(&audit), policy::log(&log));
    let schedule_settings = policy::schedule(&schedule, audit_settings.cron.as_deref());
    for section in [
        top, ldap, users, groups, scim, leavers, limits, state, schedule, audit, log, cloud,
    ] {
        section.finish();
    }

    let (profile, scim) = scim_settings?;
    if has_groups && groups_settings.is_none() {
        return None;
    }
    let (leavers, limits, state_path) = rest;
    Some(Config {
        path: path.to_owned(),
        ldap: ldap_settings?,
        on_incomplete,
        users: users_settings?,
        groups: groups_settings,
        profile,
        scim,
        token_life,
        cloud: cloud_settings?,
        leavers,
        limits,
        state_path,
        schedule: schedule_settings,
        audit: audit_settings,
        log: log_settings,
    })
}
