//! What `scimward sandbox` says.

use std::{
    fmt::Write as _,
    io::{self, Write},
    path::PathBuf,
};

use anstyle::{AnsiColor, Style};
use secrecy::SecretString;

use super::keys::ControlKeys;
use crate::{
    app::toml_text::{quoted, quoted_path},
    sandbox::{
        Record, Sandbox,
        control::{ALIBABA_DIRECTORY, ALIBABA_REGION, HUAWEI_IDENTITY_STORE, HUAWEI_REGION},
    },
};

/// What is said once, at the start.
pub(super) struct Banner {
    pub(super) title: String,
    pub(super) seeded: usize,
    pub(super) seed_left_aside: bool,
    pub(super) restored: bool,
    pub(super) data: Option<PathBuf>,
    pub(super) log: Option<PathBuf>,
    pub(super) faults: Vec<String>,
    pub(super) fault_seed: Option<u64>,
    /// Nothing when there is no token that anybody has.
    pub(super) token: Option<PathBuf>,
    pub(super) control: Option<ControlBanner>,
    pub(super) profile: String,
    pub(super) colour: bool,
}

/// Where the keys of the control plane are.
pub(super) struct ControlBanner {
    access_key: String,
    access_key_file: PathBuf,
    secret_key_file: PathBuf,
    security_token_file: Option<PathBuf>,
    auth_token_file: PathBuf,
}

impl ControlBanner {
    pub(super) fn new(keys: &ControlKeys) -> Self {
        Self {
            access_key: keys.options.key.id.clone(),
            access_key_file: keys.access_key_file.clone(),
            secret_key_file: keys.secret_key_file.clone(),
            security_token_file: keys.security_token_file.clone(),
            auth_token_file: keys.auth_token_file.clone(),
        }
    }

    /// `[cloud.huawei]` or `[cloud.alibaba]`, ready to be pasted.
    fn table(&self, profile: &str, url: &str, loopback: bool) -> String {
        let file = |path: &PathBuf| format!("{{ file = {} }}", quoted_path(path));
        let url = quoted(url.trim_end_matches('/'));
        let places = if profile == "huawei" {
            format!(
                "region = {}\nidentity_store_id = {}\n\
                 endpoints = {{ identitystore = {url}, identitycenter = {url}, iam = {url} }}\n",
                quoted(HUAWEI_REGION),
                quoted(HUAWEI_IDENTITY_STORE),
            )
        } else {
            format!(
                "region = {}\ndirectory_id = {}\nendpoint = {url}\n",
                quoted(ALIBABA_REGION),
                quoted(ALIBABA_DIRECTORY),
            )
        };
        let mut table = format!("[cloud.{profile}]\n{places}");
        if !loopback {
            table.push_str("allow_plaintext = true  # the sandbox has no TLS\n");
        }
        if let Some(path) = &self.security_token_file {
            let _ = writeln!(table, "security_token = {}", file(path));
        }
        let _ = writeln!(table, "access_key = {}", file(&self.access_key_file));
        let _ = writeln!(table, "secret_key = {}", file(&self.secret_key_file));
        table
    }
}

impl Banner {
    /// `token` is what `self.token` holds.
    pub(super) fn print(&self, sandbox: &Sandbox, token: &SecretString) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{}", self.text(sandbox, token))?;
        out.flush()
    }

    fn text(&self, sandbox: &Sandbox, token: &SecretString) -> String {
        let style = if self.colour { Style::new().bold() } else { Style::new() };
        let mut text = format!(
            "{style}A strict cloud on this machine: {}.{style:#} Ctrl-C ends it.\n\n",
            self.title
        );
        let mut row = |name: &str, value: &str| {
            // Writing into a text cannot fail.
            let _ = writeln!(text, "  {name:<9} {value}");
        };
        if sandbox.is_enabled() {
            row("endpoint", sandbox.url());
        } else {
            row(
                "endpoint",
                "none: provisioning is switched off, and the control plane switches it on",
            );
        }
        row("page", &format!("http://{}/", page_host(sandbox)));
        row("users", &self.users(sandbox.look(|cloud| cloud.users().count())));
        match &self.data {
            Some(data) => row("kept in", &data.display().to_string()),
            None => row("kept", "nothing; --data DIR keeps users, groups and token"),
        }
        if let (Some(control), Some(url)) = (&self.control, sandbox.control_url()) {
            row("control", &url);
            row(
                "key",
                &format!(
                    "{}, its secret in {}",
                    control.access_key,
                    control.secret_key_file.display()
                ),
            );
            if self.profile == "huawei" {
                row(
                    "iam token",
                    &format!("in {}, for a day", control.auth_token_file.display()),
                );
            }
        }
        if let Some(log) = &self.log {
            row("log", &log.display().to_string());
        }
        for (number, fault) in self.faults.iter().enumerate() {
            row(if number == 0 { "faults" } else { "" }, fault);
        }
        if let Some(seed) = self.fault_seed {
            row("seed", &format!("{seed}, again with --fault-seed {seed}"));
        }
        text.push_str("\nFor the configuration of scimward:\n\n");
        let tables = [self.control_table(sandbox), self.table(sandbox, token)];
        text.push_str(&tables.into_iter().flatten().collect::<Vec<_>>().join("\n"));
        text
    }

    fn users(&self, count: usize) -> String {
        let mut words = count.to_string();
        if self.restored {
            words.push_str(", from last time");
        } else if self.seeded > 0 {
            words.push_str(", made by hand");
        }
        if self.seed_left_aside {
            words.push_str(" (--seed-users is left aside: it is for an empty cloud)");
        }
        words
    }

    fn control_table(&self, sandbox: &Sandbox) -> Option<String> {
        let url = sandbox.control_url()?;
        let loopback = sandbox.addr.ip().is_loopback();
        Some(self.control.as_ref()?.table(&self.profile, &url, loopback))
    }

    /// `[scim]`, ready to be pasted; nothing while there is no endpoint.
    fn table(&self, sandbox: &Sandbox, token: &SecretString) -> Option<String> {
        if !sandbox.is_enabled() {
            return None;
        }
        let mut table = format!(
            "[scim]\nprofile = {}\nendpoint = {}\n",
            quoted(&self.profile),
            quoted(sandbox.url()),
        );
        match self.token.as_ref().filter(|_| sandbox.knows(token)) {
            Some(path) => {
                let _ = writeln!(table, "token = {{ file = {} }}", quoted_path(path));
            }
            None => table.push_str("# token: the control plane makes one; none that is known here is good\n"),
        }
        if !sandbox.addr.ip().is_loopback() {
            table.push_str("allow_plaintext = true  # the sandbox has no TLS\n");
        }
        if sandbox.addr.ip().is_unspecified() {
            table.push_str("# On other machines: this one's name in the endpoint, and the token file copied.\n");
        }
        Some(table)
    }
}

/// The page is for this machine alone, also when the endpoint is not.
fn page_host(sandbox: &Sandbox) -> String {
    if sandbox.addr.ip().is_loopback() {
        sandbox.addr.to_string()
    } else {
        format!("localhost:{}", sandbox.addr.port())
    }
}

/// One request, with the time of day.
pub(super) fn line(record: &Record, colour: bool) -> String {
    let colours = match record.status {
        _ if !colour => None,
        _ if record.fault.is_some() => Some(AnsiColor::Yellow),
        Some(..400) => None,
        _ => Some(AnsiColor::Red),
    };
    let style = colours.map_or_else(Style::new, |colour| Style::new().fg_color(Some(colour.into())));
    format!("{}  {style}{record}{style:#}", record.at.format("%H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Fault;

    #[test]
    fn lines_are_coloured_when_asked_for() {
        let check = |status, fault, colour, expected: &str| {
            let record = Record {
                number: 1,
                at: "2026-01-02T03:04:05Z".parse().unwrap(),
                method: "GET".into(),
                target: "/Users".into(),
                who: "ada".into(),
                status,
                fault,
                sent: serde_json::Value::Null,
                answered: serde_json::Value::Null,
            };
            assert_eq!(line(&record, colour), expected);
        };
        check(Some(200), None, false, "03:04:05  200  GET     /Users  ada");
        check(Some(200), None, true, "03:04:05  200  GET     /Users  ada");
        check(Some(404), None, false, "03:04:05  404  GET     /Users  ada");
        check(
            Some(404),
            None,
            true,
            "03:04:05  \u{1b}[31m404  GET     /Users  ada\u{1b}[0m",
        );
        let truncated = "03:04:05  \u{1b}[33m200  GET     /Users  ada  [answer truncated]\u{1b}[0m";
        check(Some(200), Some(Fault::Truncate), true, truncated);
    }

    #[test]
    fn paths_with_quotes_stay_toml() {
        assert_eq!(quoted("/a \"b\"/ü"), r#""/a \"b\"/ü""#);
    }
}
