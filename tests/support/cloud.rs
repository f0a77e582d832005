//! A sandbox's control plane as `scimward cloud` is used with it: by way of a recorder, with a configuration that
//! holds the table which the sandbox printed.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    config::text,
    http::{Message, exchange},
    recorder::Recorder,
    scimward::{Process, Run, Scimward},
    wait_for,
};

/// One cloud and whoever administers it.
pub struct Cloud {
    /// Between the cloud and the program, for the control plane and for SCIM.
    pub recorder: Recorder,
    /// Where the cloud itself is.
    pub address: SocketAddr,
    sandbox: Process,
    folder: TempDir,
    name: &'static str,
    table: toml::Table,
    /// What the `[scim]` table says.
    pub scim: String,
}

impl Cloud {
    /// Huawei Cloud, not provisioned yet.
    pub fn huawei() -> Self {
        Self::start("huawei", &[])
    }

    /// Alibaba Cloud, not provisioned yet.
    pub fn alibaba() -> Self {
        Self::start("alibaba", &[])
    }

    /// The same with further arguments of `scimward sandbox`.
    pub fn start(name: &'static str, arguments: &[&str]) -> Self {
        let sandbox = Scimward::bare()
            .args(&["sandbox", "--unprovisioned", "--profile", name])
            .args(arguments)
            .spawn();
        let mut table = wait_for("the sandbox prints the table of its control plane", || {
            printed(&sandbox.stdout(), name)
        });
        let own = match name {
            "huawei" => &table["endpoints"]["identitystore"],
            _ => &table["endpoint"],
        };
        let address: SocketAddr = own.as_str().unwrap().trim_start_matches("http://").parse().unwrap();
        let recorder = Recorder::start(&format!("http://{address}/"));
        let here = toml::Value::from(recorder.url());
        if name == "huawei" {
            let endpoints = ["identitystore", "identitycenter", "iam"].map(|host| (host.to_owned(), here.clone()));
            table.insert("endpoints".into(), toml::Table::from_iter(endpoints).into());
        } else {
            table.insert("endpoint".into(), here);
        }
        Self {
            recorder,
            address,
            sandbox,
            folder: tempfile::tempdir().unwrap(),
            name,
            table,
            scim: String::new(),
        }
    }

    /// "huawei" or "alibaba".
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// A file in the folder of this test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the sandbox keeps a token of IAM.
    pub fn auth_token_file(&self) -> String {
        let said = self.sandbox.stdout();
        let line = said
            .lines()
            .find(|line| line.trim_start().starts_with("iam token"))
            .unwrap();
        line.split(" in ")
            .nth(1)
            .unwrap()
            .split(", ")
            .next()
            .unwrap()
            .to_owned()
    }

    /// Changes a key of the table, for good.
    pub fn set(&mut self, key: &str, value: toml::Value) {
        self.table.insert(key.to_owned(), value);
    }

    /// Takes a key out.
    pub fn unset(&mut self, key: &str) -> Option<toml::Value> {
        self.table.remove(key)
    }

    /// What a key says.
    pub fn get(&self, key: &str) -> &toml::Value {
        &self.table[key]
    }

    /// The file that a key points to.
    pub fn secret_file(&self, key: &str) -> PathBuf {
        self.table[key]["file"].as_str().unwrap().into()
    }

    /// `[scim]` with this token file, spoken to by way of the recorder.
    pub fn configure_scim(&mut self, token: &Path) {
        let endpoint = self.scim_endpoint();
        self.scim = format!(
            "[scim]\nprofile = {}\nendpoint = {}\ntoken = {{ file = {} }}\n",
            text(self.name),
            text(&endpoint),
            text(&token.display().to_string())
        );
    }

    /// The SCIM endpoint as it is now, by way of the recorder.
    pub fn scim_endpoint(&self) -> String {
        let path = if self.name == "huawei" {
            let tenants = self.json(&["tenant", "show"]);
            let endpoint = tenants["tenants"][0]["scim_endpoint"].as_str().unwrap().to_owned();
            endpoint.splitn(4, '/').nth(3).unwrap().to_owned()
        } else {
            "scim/v2/".to_owned()
        };
        format!("{}{path}", self.recorder.url())
    }

    /// Writes the configuration.
    pub fn config(&self) -> PathBuf {
        let mut config = format!("{}[cloud.{}]\n", self.scim, self.name);
        for (key, value) in &self.table {
            config.push_str(&format!("{key} = {}\n", inline(value)));
        }
        let path = self.path("config.toml");
        fs::write(&path, config).unwrap();
        path
    }

    /// `scimward cloud NAME …`, not started yet.
    pub fn command(&self, words: &[&str]) -> Scimward {
        let config = self.config().display().to_string();
        Scimward::bare()
            .args(&["--config", &config, "cloud", self.name])
            .args(words)
    }

    /// Starts it.
    pub fn spawn(&self, words: &[&str]) -> Process {
        self.command(words).spawn()
    }

    /// Runs it to its end; whatever it says, no secret may be in it.
    #[track_caller]
    pub fn run(&self, words: &[&str]) -> Run {
        let mut run = self.command(words).run();
        if !words.contains(&"--show") {
            for secret in self.secrets() {
                run = run.says_not(&secret);
            }
        }
        run
    }

    /// The key's secret, and every token in the folder.
    fn secrets(&self) -> Vec<String> {
        let mut files: Vec<PathBuf> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.retain(|path| {
            path.file_name().unwrap().to_string_lossy().starts_with("token") && path.extension().is_none()
        });
        files.extend(self.table.get("secret_key").map(|_| self.secret_file("secret_key")));
        let secrets = files.iter().map(|path| fs::read_to_string(path).unwrap_or_default());
        secrets
            .map(|secret| secret.trim_end().to_owned())
            .filter(|secret| !secret.is_empty())
            .collect()
    }

    /// What it answers to programs; it has to succeed.
    #[track_caller]
    pub fn json(&self, words: &[&str]) -> Value {
        let run = self.run(&[words, &["--json"]].concat()).expect(0);
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}\n{}", run.everything()))
    }

    /// The status that the SCIM side answers to the token in a file.
    pub fn scim_status(&self, token: &Path) -> u16 {
        let endpoint = self.scim_endpoint();
        let path = endpoint.splitn(4, '/').nth(3).unwrap();
        let token = fs::read_to_string(token).unwrap();
        let request = Message {
            start: format!("GET /{path}Users?filter=userName%20eq%20%22nobody%22 HTTP/1.1"),
            headers: vec![
                ("Host".to_owned(), self.address.to_string()),
                ("Authorization".to_owned(), format!("Bearer {}", token.trim_end())),
            ],
            body: Vec::new(),
        };
        exchange(self.address, &request).unwrap().status()
    }
}

/// The table that the sandbox prints, once it is there to its end.
fn printed(said: &str, name: &str) -> Option<toml::Table> {
    let header = format!("[cloud.{name}]\n");
    let (_, keys) = said.split_once(&header)?;
    let (keys, _) = keys.split_once("\n\n")?;
    let table: toml::Table = toml::from_str(keys).unwrap();
    Some(table)
}

/// A value on one line.
fn inline(value: &toml::Value) -> String {
    match value {
        toml::Value::String(value) => text(value),
        toml::Value::Table(table) => {
            let pairs: Vec<String> = table
                .iter()
                .map(|(key, value)| format!("{key} = {}", inline(value)))
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        toml::Value::Boolean(value) => value.to_string(),
        other => panic!("{other:?} in a table of a control plane"),
    }
}
