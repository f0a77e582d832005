//! What `scimward sandbox` says.

use std::{
    fmt::Write as _,
    io::{self, Write},
    path::PathBuf,
};

use anstyle::{AnsiColor, Style};

use crate::sandbox::{Record, Sandbox};

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
    pub(super) token: PathBuf,
    pub(super) profile: String,
    pub(super) colour: bool,
}

impl Banner {
    pub(super) fn print(&self, sandbox: &Sandbox) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{}", self.text(sandbox))?;
        out.flush()
    }

    fn text(&self, sandbox: &Sandbox) -> String {
        let style = if self.colour { Style::new().bold() } else { Style::new() };
        let mut text = format!(
            "{style}A strict cloud on this machine: {}.{style:#} Ctrl-C ends it.\n\n",
            self.title
        );
        let mut row = |name: &str, value: &str| {
            // Writing into a text cannot fail.
            let _ = writeln!(text, "  {name:<9} {value}");
        };
        row("endpoint", sandbox.url());
        row("page", &format!("http://{}/", page_host(sandbox)));
        row("users", &self.users(sandbox.look(|cloud| cloud.users().count())));
        match &self.data {
            Some(data) => row("kept in", &data.display().to_string()),
            None => row("kept", "nothing; --data DIR keeps users, groups and token"),
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
        text.push_str(&self.table(sandbox));
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

    /// `[scim]`, ready to be pasted.
    fn table(&self, sandbox: &Sandbox) -> String {
        let mut table = format!(
            "[scim]\nprofile = {}\nendpoint = {}\ntoken = {{ file = {} }}\n",
            quoted(&self.profile),
            quoted(sandbox.url()),
            quoted(&self.token.display().to_string())
        );
        if !sandbox.addr.ip().is_loopback() {
            table.push_str("allow_plaintext = true  # the sandbox has no TLS\n");
        }
        if sandbox.addr.ip().is_unspecified() {
            table.push_str("# On other machines: this one's name in the endpoint, and the token file copied.\n");
        }
        table
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

/// A TOML basic string. JSON's escapes are all TOML's too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
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
