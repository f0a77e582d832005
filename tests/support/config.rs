//! Writes `config.toml` for a test: the usual settings, changed key by key.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{
    certs::certs,
    people::PEOPLE,
    scim_servers::TOKEN,
    slapd::{PASSWORD, READER},
};

/// A configuration with a folder of its own, which also holds the secrets and the state.
pub struct Config {
    folder: TempDir,
    /// Table → key → value as TOML.
    tables: BTreeMap<String, BTreeMap<String, String>>,
    extra: String,
}

impl Config {
    /// inetOrgPerson users from `ldap_url`, read by the paging reader, to the SCIM endpoint, with the
    /// generic profile, a fast rate, and the state below the folder.
    pub fn new(ldap_url: &str, endpoint: &str) -> Self {
        let mut config = Self {
            folder: tempfile::tempdir().unwrap(),
            tables: BTreeMap::new(),
            extra: String::new(),
        };
        let ca = text(&certs().ca.display().to_string());
        let password = config.secret("ldap-password", PASSWORD);
        let token = config.secret("scim-token", TOKEN);
        let state = text(&config.state().display().to_string());
        for (table, key, value) in [
            ("ldap", "urls", format!("[{}]", text(ldap_url))),
            ("ldap", "ca_file", ca),
            ("ldap", "bind_dn", text(READER)),
            ("ldap", "bind_password", password),
            ("ldap", "page_size", "100".to_owned()),
            ("users", "base", text(PEOPLE)),
            ("users", "preset", text("inetorgperson")),
            ("scim", "profile", text("generic")),
            ("scim", "endpoint", text(endpoint)),
            ("scim", "token", token),
            ("scim", "rate_per_s", "1000".to_owned()),
            ("state", "path", state),
        ] {
            config = config.set(table, key, &value);
        }
        config
    }

    /// Sets a key of a table (`"users.map"`) to a TOML value (`"true"`, `"[1, 2]"`, `"\"text\""`).
    pub fn set(mut self, table: &str, key: &str, value: &str) -> Self {
        self.put(table, key, value);
        self
    }

    /// The same in place.
    pub fn put(&mut self, table: &str, key: &str, value: &str) {
        self.tables
            .entry(table.to_owned())
            .or_default()
            .insert(key.to_owned(), value.to_owned());
    }

    /// Sets a key to a text.
    pub fn set_text(self, table: &str, key: &str, value: &str) -> Self {
        let value = text(value);
        self.set(table, key, &value)
    }

    /// What a key is set to, as TOML.
    pub fn get(&self, table: &str, key: &str) -> Option<String> {
        self.tables.get(table)?.get(key).cloned()
    }

    /// Takes a key out.
    pub fn unset(mut self, table: &str, key: &str) -> Self {
        self.tables.get_mut(table).and_then(|keys| keys.remove(key));
        self
    }

    /// Adds TOML as it is, for arrays of tables (`[[users.override]]`).
    pub fn append(mut self, toml: &str) -> Self {
        self.extra.push_str(toml);
        self.extra.push('\n');
        self
    }

    /// Writes a secret to a file that only we can read; returns the TOML that points to it.
    pub fn secret(&self, name: &str, value: &str) -> String {
        let path = self.folder().join(name);
        fs::write(&path, value).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        format!("{{ file = {} }}", text(&path.display().to_string()))
    }

    /// The folder of this test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the state is.
    pub fn state(&self) -> PathBuf {
        self.folder().join("state")
    }

    /// Writes the file and returns its path; call it again after changes.
    pub fn write(&self) -> PathBuf {
        let mut toml = String::new();
        for (table, keys) in &self.tables {
            writeln!(toml, "[{table}]").unwrap();
            for (key, value) in keys {
                writeln!(toml, "{} = {value}", text(key)).unwrap();
            }
            toml.push('\n');
        }
        toml.push_str(&self.extra);
        let path = self.folder().join("config.toml");
        // In one step: a program that was started before may be reading it.
        let new = self.folder().join("config.toml.new");
        fs::write(&new, toml).unwrap();
        fs::rename(&new, &path).unwrap();
        path
    }
}

/// A TOML basic string. JSON's escapes are all TOML's too.
pub fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}
