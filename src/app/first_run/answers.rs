//! What was answered, and the configuration file it makes.

use std::{fmt::Write as _, path::PathBuf};

use secrecy::SecretString;

use crate::app::{
    places::SCIM_TOKEN,
    toml_text::{quoted, quoted_path},
};

/// The secrets of a configuration, by the names that `scimward.service` knows.
pub(super) const LDAP_PASSWORD: &str = "ldap-password";
/// The id of the cloud's access key, for a daemon that renews the token.
pub(super) const ACCESS_KEY: &str = "access-key";
/// Its secret.
pub(super) const SECRET_KEY: &str = "secret-key";

/// One secret.
#[derive(Clone, Debug)]
pub(super) enum Secret {
    /// Typed, or made by the cloud: it gets a file of its own.
    Text(SecretString),
    /// In a file of the operator's, which stays where it is.
    File(PathBuf),
}

/// The cloud's control plane: where `scimward cloud` finds it.
#[derive(Clone, Debug)]
pub(super) struct Control {
    /// `huawei` or `alibaba`: the table's name.
    pub(super) provider: String,
    /// Key and value of each further line.
    pub(super) lines: Vec<(&'static str, String)>,
    /// The daemon's part, where it has one.
    pub(super) renewal: Option<Renewal>,
}

/// What a daemon that renews the token needs.
#[derive(Clone, Debug)]
pub(super) struct Renewal {
    /// The access key and its secret.
    pub(super) keys: (Secret, Secret),
    /// So many days before the token expires; as typed.
    pub(super) days: String,
}

/// Everything that was answered. What was not yet has a value that stands for it.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    pub(super) provider: String,
    /// Nothing: the cloud tells it when it is switched on.
    pub(super) endpoint: Option<String>,
    pub(super) token: Option<Secret>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) control: Option<Control>,
    pub(super) ldap_urls: Vec<String>,
    pub(super) start_tls: bool,
    pub(super) ldap_ca_file: Option<PathBuf>,
    pub(super) bind: Option<(String, Secret)>,
    pub(super) preset: String,
    pub(super) bases: Vec<String>,
    pub(super) leavers: String,
    pub(super) cron: String,
    /// Nothing: where the program puts it by itself.
    pub(super) state: Option<PathBuf>,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            provider: "generic".to_owned(),
            endpoint: None,
            token: None,
            ca_file: None,
            control: None,
            ldap_urls: vec!["ldaps://localhost".to_owned()],
            start_tls: false,
            ldap_ca_file: None,
            bind: None,
            preset: "inetorgperson".to_owned(),
            bases: vec!["dc=localhost".to_owned()],
            leavers: "deactivate".to_owned(),
            cron: "*/15 * * * *".to_owned(),
            state: None,
        }
    }
}

/// Where a file looks for its secrets.
#[derive(Clone, Debug)]
pub(super) enum Sources {
    /// In files of this folder, but for those that have a place already.
    Folder(PathBuf),
    /// In systemd's credentials.
    Credentials,
}

impl Sources {
    fn of(&self, name: &str, secret: Option<&Secret>) -> String {
        match (self, secret) {
            (Self::Credentials, _) => format!("{{ credential = {} }}", quoted(name)),
            (Self::Folder(_), Some(Secret::File(path))) => format!("{{ file = {} }}", quoted_path(path)),
            (Self::Folder(folder), _) => format!("{{ file = {} }}", quoted_path(&folder.join(name))),
        }
    }
}

impl Answers {
    /// Those of them that need a file.
    pub(super) fn secrets(&self) -> impl Iterator<Item = (&'static str, &Secret)> {
        let password = self.bind.as_ref().map(|(_, password)| (LDAP_PASSWORD, password));
        let token = self.token.as_ref().map(|token| (SCIM_TOKEN, token));
        let renewal = self.control.as_ref().and_then(|control| control.renewal.as_ref());
        let keys = renewal.map(|renewal| {
            let (access, secret) = &renewal.keys;
            [(ACCESS_KEY, access), (SECRET_KEY, secret)]
        });
        password.into_iter().chain(token).chain(keys.into_iter().flatten())
    }

    /// The configuration as text.
    pub(super) fn render(&self, sources: &Sources) -> String {
        let mut text = String::from(
            "# The configuration of Scimward, as `scimward setup` made it. config.example.toml has every other key\n\
             # with its default. After a change:  scimward check\n\
             # Secrets never stand in this file, only where they are.\n",
        );
        self.ldap(sources, &mut text);
        self.scim(sources, &mut text);
        self.rest(&mut text);
        text
    }

    fn ldap(&self, sources: &Sources, text: &mut String) {
        let urls: Vec<_> = self.ldap_urls.iter().map(|url| quoted(url)).collect();
        put(text, "\n# ---- The directory: where people come from\n\n[ldap]\n");
        put(text, "# Servers with the same content, tried in order.\n");
        put(text, &format!("urls = [{}]\n", urls.join(", ")));
        if self.start_tls {
            put(text, "start_tls = true\n");
        }
        if let Some(file) = &self.ldap_ca_file {
            put(
                text,
                "# Who signs for the servers, in place of the system's authorities.\n",
            );
            put(text, &format!("ca_file = {}\n", quoted_path(file)));
        }
        match &self.bind {
            Some((dn, password)) => {
                put(
                    text,
                    "# Who reads: with a right to read everybody and every attribute, and no size limit.\n",
                );
                put(text, &format!("bind_dn = {}\n", quoted(dn)));
                let source = sources.of(LDAP_PASSWORD, Some(password));
                put(text, &format!("bind_password = {source}\n"));
            }
            None => put(text, "bind = \"anonymous\"\n"),
        }
        let bases: Vec<_> = self.bases.iter().map(|base| quoted(base)).collect();
        put(text, "\n[users]\n# Where the people are.\n");
        put(
            text,
            &match bases.as_slice() {
                [base] => format!("base = {base}\n"),
                bases => format!("base = [{}]\n", bases.join(", ")),
            },
        );
        put(
            text,
            "# Filter, anchor and rules to start from; [users.map] adds to them.\n",
        );
        put(text, &format!("preset = {}\n", quoted(&self.preset)));
    }

    fn scim(&self, sources: &Sources, text: &mut String) {
        put(text, "\n# ---- The cloud: where people go\n\n[scim]\n# Whose rules.\n");
        put(text, &format!("profile = {}\n", quoted(&self.provider)));
        let endpoint = self.endpoint.as_deref().unwrap_or("https://localhost/");
        put(text, &format!("endpoint = {}\n", quoted(endpoint)));
        let source = sources.of(SCIM_TOKEN, self.token.as_ref());
        put(text, &format!("token = {source}\n"));
        if let Some(file) = &self.ca_file {
            put(text, &format!("ca_file = {}\n", quoted_path(file)));
        }
        let Some(control) = &self.control else { return };
        if let Some(renewal) = &control.renewal {
            put(
                text,
                "# The daemon makes a new token so many days before this one expires.\n",
            );
            put(text, &format!("rotate_before_days = {}\n", renewal.days));
        }
        let what = match control.renewal {
            Some(_) => "With what it does that",
            None => "For `scimward cloud`, which takes the access key from the environment",
        };
        put(text, &format!("\n# {what}.\n[cloud.{}]\n", control.provider));
        for (key, value) in &control.lines {
            put(text, &format!("{key} = {value}\n"));
        }
        let Some(Renewal {
            keys: (access, secret), ..
        }) = &control.renewal
        else {
            return;
        };
        put(
            text,
            &format!("access_key = {}\n", sources.of(ACCESS_KEY, Some(access))),
        );
        put(
            text,
            &format!("secret_key = {}\n", sources.of(SECRET_KEY, Some(secret))),
        );
    }

    fn rest(&self, text: &mut String) {
        put(text, "\n# ---- People who left\n\n[leavers]\n");
        put(
            text,
            "# \"deactivate\", \"delete\" (deactivate first, delete 30 days later) or \"keep\".\n",
        );
        put(text, &format!("action = {}\n", quoted(&self.leavers)));
        put(
            text,
            "\n# Above these, removals wait for `scimward approve`; the smaller one wins.\n[limits]\n",
        );
        put(text, "max_removals = 50\nmax_removals_percent = 10\n");
        if let Some(state) = &self.state {
            put(
                text,
                "\n# The memory of what was pushed: a folder of its own.\n[state]\n",
            );
            put(text, &format!("path = {}\n", quoted_path(state)));
        }
        put(text, "\n# When the daemon runs.\n[schedule]\n");
        put(text, &format!("cron = {}\n", quoted(&self.cron)));
    }
}

fn put(text: &mut String, words: &str) {
    // Writing into a text cannot fail.
    let _ = text.write_str(words);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{self, Checks};

    #[test]
    fn the_file_is_a_configuration_and_holds_no_secret() {
        let secret = || Secret::Text("hunter2".to_owned().into());
        let answers = Answers {
            provider: "huawei".into(),
            token: Some(secret()),
            ca_file: Some("/etc/ca \"1\".pem".into()),
            start_tls: true,
            ldap_urls: vec!["ldap://a".into(), "ldap://b".into()],
            ldap_ca_file: Some("/etc/ca.pem".into()),
            bind: Some(("cn=\"x\",dc=example".into(), Secret::File("/etc/password".into()))),
            bases: vec!["ou=a,dc=example".into(), "ou=b,dc=example".into()],
            state: Some("/var/lib/x".into()),
            ..Answers::default()
        };
        for sources in [
            Sources::Credentials,
            Sources::Folder("/etc/scimward/credentials".into()),
        ] {
            let text = answers.render(&sources);
            assert!(!text.contains("hunter2"), "{text}");
            let config = config::parse(&text, Path::new("/etc/x.toml"), &Checks::shape_only());
            let config = config.unwrap_or_else(|errors| panic!("{errors}\n{text}"));
            assert_eq!(config.users.bases, answers.bases);
            assert_eq!(config.profile, "huawei");
        }
        let text = Answers::default().render(&Sources::Folder("/s".into()));
        assert!(
            config::parse(&text, Path::new("/etc/x.toml"), &Checks::shape_only()).is_ok(),
            "{text}"
        );
        assert!(text.contains("token = { file = \"/s/scim-token\" }"), "{text}");
        assert_eq!(answers.secrets().count(), 2);
    }
}
