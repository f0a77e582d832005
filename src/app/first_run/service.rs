//! Which of systemd's units a configuration is for, and what that unit has to be told.

use std::path::{Path, PathBuf};

use crate::{app::places::CREDENTIALS, cli::DEFAULT_CONFIG, secret::shell_path};

/// Bytes of an instance's name: with `scimward-` before it, it is a user's name, of 31 at most.
const INSTANCE_BYTES_MAX: usize = 22;
/// Hidden from every unit (`ProtectHome=`).
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];

/// The unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit<'a> {
    /// `scimward.service` and `scimward-sync.service`, as they are.
    Usual,
    /// `scimward@NAME.service`.
    Instance(&'a str),
    /// The usual ones, when somebody tells them where it is.
    Elsewhere,
}

impl<'a> Unit<'a> {
    fn of(config: &'a Path) -> Self {
        let usual = Path::new(DEFAULT_CONFIG);
        if config == usual {
            return Self::Usual;
        }
        let is_toml = config.extension().is_some_and(|ending| ending == "toml");
        let name = config.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        match config.parent() == usual.parent() && is_toml && name.len() <= INSTANCE_BYTES_MAX && name.bytes().all(fits)
        {
            true => Self::Instance(name),
            false => Self::Elsewhere,
        }
    }
}

/// The folder of the secrets.
pub(super) fn secrets(config: &Path, systemd: bool) -> PathBuf {
    let folder = config.with_file_name(CREDENTIALS);
    match Unit::of(config) {
        Unit::Instance(name) if systemd => folder.join(name),
        _ => folder,
    }
}

/// The folder of the state, where it has to be in the configuration.
pub(super) fn state(config: &Path) -> Option<PathBuf> {
    match Unit::of(config) {
        Unit::Instance(name) => Some(PathBuf::from(format!("/var/lib/scimward-{name}"))),
        Unit::Usual | Unit::Elsewhere => None,
    }
}

/// What keeps a service from its configuration.
pub(super) fn obstacle(config: &Path) -> Result<(), String> {
    match HOMES.iter().find(|home| config.starts_with(home)) {
        Some(home) => Err(format!(
            "the service cannot see {}, because its unit hides {home} (ProtectHome=); name another place with --config, \
             best {DEFAULT_CONFIG}",
            config.display()
        )),
        None => Ok(()),
    }
}

/// What to type next, for a configuration whose secrets have these names.
pub(super) fn next(config: &Path, names: &[&str]) -> String {
    let file = shell_path(config);
    let usual = "sudo systemctl start scimward-sync          # one sync\n  \
                 sudo systemctl enable --now scimward        # from now on, on the schedule";
    match Unit::of(config) {
        Unit::Usual => usual.to_owned(),
        Unit::Instance(name) => format!(
            "sudo systemctl enable --now scimward@{name}    # from now on, on the schedule\n  \
             sudo scimward --config {file} --sync-now    # one sync in between"
        ),
        Unit::Elsewhere => format!(
            "The units read {DEFAULT_CONFIG}. For this file:\n  sudo systemctl edit scimward\n{}  \
             sudo systemctl edit scimward-sync\n{}  {usual}",
            drop_in(config, names, ""),
            drop_in(config, names, " --sync-now")
        ),
    }
}

/// The lines that are to be typed into an editor.
fn drop_in(config: &Path, names: &[&str], option: &str) -> String {
    let specifier = |path: &Path| path.display().to_string().replace('%', "%%");
    let quoted = format!("\"{}\"", specifier(config).replace('\\', "\\\\").replace('"', "\\\""));
    let file = match specifier(config) {
        plain if plain.contains([' ', '\t', '"', '\'', '\\', '$']) => quoted.replace('$', "$$"),
        plain => plain,
    };
    let folder = secrets(config, true);
    let credentials = names
        .iter()
        .map(|name| format!("LoadCredential={name}:{}", specifier(&folder.join(name))));
    let lines = [
        "[Service]".to_owned(),
        // Empty first: the unit's own are not to stay beside them.
        "ExecStart=".to_owned(),
        format!("ExecStart=/usr/bin/scimward --config {file}{option}"),
        "LoadCredential=".to_owned(),
    ];
    let lines = lines.into_iter().chain(credentials);
    lines.map(|line| format!("      {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_the_unit() {
        let check = |config: &str, unit: Unit<'_>, folder: &str, state: Option<&str>| {
            let config = Path::new(config);
            assert_eq!(Unit::of(config), unit);
            assert_eq!(secrets(config, true), Path::new(folder));
            assert_eq!(super::state(config).as_deref(), state.map(Path::new));
        };
        check(DEFAULT_CONFIG, Unit::Usual, "/etc/scimward/credentials", None);
        check(
            "/etc/scimward/acme_2.toml",
            Unit::Instance("acme_2"),
            "/etc/scimward/credentials/acme_2",
            Some("/var/lib/scimward-acme_2"),
        );
        for config in [
            "/etc/scimward/a.conf",
            "/etc/scimward/a b.toml",
            "/etc/scimward/aaaaaaaaaaaaaaaaaaaaaaa.toml",
        ] {
            check(config, Unit::Elsewhere, "/etc/scimward/credentials", None);
        }
        check("/srv/x.toml", Unit::Elsewhere, "/srv/credentials", None);
        assert_eq!(
            secrets(Path::new("/etc/scimward/a.toml"), false),
            Path::new("/etc/scimward/credentials")
        );
    }

    #[test]
    fn homes_are_hidden() {
        for (config, fits) in [
            ("/root/c.toml", false),
            ("/home/a/c.toml", false),
            ("/rooted/c.toml", true),
        ] {
            assert_eq!(obstacle(Path::new(config)).is_ok(), fits, "{config}");
        }
    }

    #[test]
    fn a_unit_is_told_where_the_files_are() {
        let next = next(Path::new("/srv/50% \"x\".toml"), &["scim-token"]);
        let expected = "      [Service]\n      ExecStart=\n      \
                        ExecStart=/usr/bin/scimward --config \"/srv/50%% \\\"x\\\".toml\" --sync-now\n      \
                        LoadCredential=\n      LoadCredential=scim-token:/srv/credentials/scim-token\n";
        assert!(next.contains(expected), "{next}");
        let instance = super::next(Path::new("/etc/scimward/acme.toml"), &[]);
        assert!(
            instance.contains("scimward@acme") && !instance.contains("[Service]"),
            "{instance}"
        );
    }
}
