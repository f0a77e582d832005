//! `[log]`, checked already.

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
    /// Straight to systemd's journal, fields and all
    Journald,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// How lines look.
    pub format: LogFormat,
    /// `info`, or a list such as `info,scimward::scim=debug`.
    pub level: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            format: LogFormat::default(),
            level: "info".to_owned(),
        }
    }
}

impl LogSettings {
    /// For commands whose answer is what they print: warnings only.
    #[must_use]
    pub fn quiet() -> Self {
        Self {
            level: "warn".to_owned(),
            ..Self::default()
        }
    }
}
