//! Where things are beside a configuration, and how they are typed.

use std::path::{Path, PathBuf};

use crate::{cli::DEFAULT_CONFIG, secret::shell_path};

/// Where `setup` and the units have the secrets, beside a configuration.
pub(super) const CREDENTIALS: &str = "credentials";
/// The SCIM token among them.
pub(super) const SCIM_TOKEN: &str = "scim-token";

/// The folder a file is in; `.` for a bare name.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// The program as it has to be typed to read this configuration, from any folder: with `--config`, if need be.
pub(super) fn program(config: &Path) -> String {
    let config = std::path::absolute(config).unwrap_or_else(|_| PathBuf::from(config));
    match config == Path::new(DEFAULT_CONFIG) {
        true => "scimward".to_owned(),
        false => format!("scimward --config {}", shell_path(&config)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_configuration_is_named() {
        let here = std::env::current_dir().unwrap();
        let check = |config: &str, expected: &str| assert_eq!(program(Path::new(config)), expected);
        check(DEFAULT_CONFIG, "scimward");
        check("/etc/scimward/acme.toml", "scimward --config /etc/scimward/acme.toml");
        check("/srv/a b.toml", "scimward --config '/srv/a b.toml'");
        check(
            "acme.toml",
            &format!("scimward --config {}", shell_path(&here.join("acme.toml"))),
        );
    }

    #[test]
    fn a_bare_name_is_in_this_folder() {
        for (path, folder) in [("token", "."), ("/token", "/"), ("a/token", "a"), ("./token", ".")] {
            assert_eq!(folder_of(Path::new(path)), Path::new(folder), "{path}");
        }
    }
}
