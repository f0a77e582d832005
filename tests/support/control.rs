//! The control plane of a sandbox, as its banner describes it.

use std::{fs, path::PathBuf};

use super::{
    config::{Config, text},
    sandbox::Sandbox,
    scimward::{Process, Scimward},
};

/// Where a control plane is, and what it takes.
#[derive(Clone, Debug)]
pub struct ControlPlane {
    /// `huawei` or `alibaba`.
    pub profile: String,
    /// The keys of its table.
    pub table: toml::Table,
    /// Its address.
    pub url: String,
    /// The files of the access key.
    pub access_key: PathBuf,
    /// See [`ControlPlane::access_key`].
    pub secret_key: PathBuf,
}

impl ControlPlane {
    /// By what a sandbox said at its start.
    pub fn of(said: &str) -> Self {
        let table = &said[said.find("[cloud.").unwrap()..];
        let table = table.split("\n\n").next().unwrap();
        let parsed: toml::Table = toml::from_str(table).unwrap();
        let (profile, table) = parsed["cloud"].as_table().unwrap().iter().next().unwrap();
        let table = table.as_table().unwrap().clone();
        let url = match table.get("endpoints") {
            Some(endpoints) => &endpoints["identitystore"],
            None => &table["endpoint"],
        };
        let file = |key: &str| PathBuf::from(table[key]["file"].as_str().unwrap());
        Self {
            profile: profile.clone(),
            url: url.as_str().unwrap().to_owned(),
            access_key: file("access_key"),
            secret_key: file("secret_key"),
            table: table.clone(),
        }
    }

    /// A configuration with this control plane, the SCIM side of `sandbox`, and a token file of its own.
    pub fn join(&self, sandbox: &Sandbox, config: Config) -> Config {
        let token = config.secret("token", fs::read_to_string(&sandbox.token_file).unwrap().trim());
        let mut config = config
            .set_text("scim", "profile", &self.profile)
            .set_text("scim", "endpoint", &sandbox.endpoint)
            .set("scim", "token", &token);
        for (key, value) in &self.table {
            config = config.set(&format!("cloud.{}", self.profile), key, &inline(value));
        }
        config
    }

    /// The same with a secret that does not fit the access key.
    pub fn with_wrong_key(&self, config: Config) -> Config {
        let wrong = config.secret("wrong-key", "wr0ng-secret-key");
        config.set(&format!("cloud.{}", self.profile), "secret_key", &wrong)
    }
}

/// A text, or a table of texts.
fn inline(value: &toml::Value) -> String {
    match value {
        toml::Value::String(value) => text(value),
        toml::Value::Table(table) => {
            let keys = table.iter().map(|(key, value)| format!("{key} = {}", inline(value)));
            format!("{{ {} }}", keys.collect::<Vec<_>>().join(", "))
        }
        other => panic!("{other:?}"),
    }
}

/// A sandbox that begins switched off and without a token.
pub struct Unprovisioned {
    /// It runs as long as this is there.
    pub process: Process,
    /// The only way in.
    pub control: ControlPlane,
}

impl Unprovisioned {
    /// Starts one, with further options of `scimward sandbox`.
    pub fn start(profile: &str, options: &[&str]) -> Self {
        let process = Scimward::bare()
            .args(&["sandbox", "--unprovisioned", "--profile", profile])
            .args(options)
            .spawn();
        process.wait_said("\nsecret_key = ");
        let control = ControlPlane::of(&process.stdout());
        Self { process, control }
    }
}
