//! `scimward setup …`: every question of the first run as an option.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// `scimward setup …`
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct SetupOptions {
    /// The cloud
    #[arg(long, value_name = "NAME", help_heading = "The cloud")]
    pub provider: Option<String>,

    /// The SCIM endpoint; with --enable only where the cloud does not tell it (Alibaba Cloud)
    #[arg(long, value_name = "URL", help_heading = "The cloud")]
    pub endpoint: Option<String>,

    /// A file with the SCIM token (mode 0600)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "The cloud", conflicts_with = "enable")]
    pub token_file: Option<PathBuf>,

    /// PEM bundle of the authorities that sign for the cloud, in place of the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "The cloud")]
    pub ca_file: Option<PathBuf>,

    /// Switch provisioning on and make the token, with an access key of the cloud
    #[arg(long, help_heading = "The cloud")]
    pub enable: bool,

    /// The region, with --enable
    #[arg(long, value_name = "NAME", help_heading = "The cloud")]
    pub region: Option<String>,

    /// Huawei Cloud's identity store, or Alibaba Cloud's directory, with --enable; found when left out
    #[arg(long, value_name = "ID", help_heading = "The cloud")]
    pub instance: Option<String>,

    /// A file with the id of the access key; the cloud's usual environment variable when left out
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "The cloud")]
    pub access_key_file: Option<PathBuf>,

    /// A file with its secret (mode 0600)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "The cloud")]
    pub secret_key_file: Option<PathBuf>,

    /// A file with the security token of a temporary access key (mode 0600)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "The cloud", requires_all = ["access_key_file", "secret_key_file"])]
    pub security_token_file: Option<PathBuf>,

    /// Another address of the control plane, with --enable; for Alibaba Cloud together with --endpoint
    #[arg(long, value_name = "URL", help_heading = "The cloud")]
    pub control_endpoint: Option<String>,

    /// Let the daemon renew the token so many days before it expires; keeps the access key for it; 0 is never
    #[arg(long, value_name = "DAYS", help_heading = "The cloud")]
    pub rotate_before_days: Option<String>,

    /// A directory server; again for each further one
    #[arg(long, value_name = "URL", help_heading = "The directory")]
    pub ldap_url: Vec<String>,

    /// Encrypt ldap:// with StartTLS
    #[arg(long, help_heading = "The directory")]
    pub start_tls: bool,

    /// PEM bundle of the authorities that sign for the directory, in place of the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "The directory")]
    pub ldap_ca_file: Option<PathBuf>,

    /// Who reads
    #[arg(long, value_name = "DN", help_heading = "The directory")]
    pub bind_dn: Option<String>,

    /// Read without a name and password
    #[arg(long, help_heading = "The directory", conflicts_with_all = ["bind_dn", "bind_password_file"])]
    pub anonymous: bool,

    /// A file with the password (mode 0600)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "The directory")]
    pub bind_password_file: Option<PathBuf>,

    /// What kind of directory it is: inetorgperson or active-directory
    #[arg(long, value_name = "NAME", help_heading = "The directory")]
    pub preset: Option<String>,

    /// Where the people are; again for each further place
    #[arg(long, value_name = "DN", help_heading = "The directory")]
    pub base: Vec<String>,

    /// What happens to people who left: deactivate, delete or keep
    #[arg(long, value_name = "ACTION", help_heading = "The rest")]
    pub leavers: Option<String>,

    /// When the daemon runs, as a cron expression
    #[arg(long, value_name = "CRON", help_heading = "The rest")]
    pub cron: Option<String>,

    /// Where the memory of what was pushed is kept
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "The rest")]
    pub state: Option<PathBuf>,

    /// Make it for scimward.service: secrets as systemd credentials, the state where systemd wants it; for
    /// /etc/scimward/NAME.toml it is scimward@NAME.service
    #[arg(long, help_heading = "The rest", conflicts_with = "state")]
    pub systemd: bool,

    /// Ask nothing: take defaults, and end with an error where there is none
    #[arg(long, help_heading = "The rest")]
    pub yes: bool,

    /// Overwrite the files that are there
    #[arg(long, help_heading = "The rest")]
    pub force: bool,

    /// Leave the dry run at the end out
    #[arg(long, help_heading = "The rest")]
    pub no_dry_run: bool,
}

impl SetupOptions {
    /// The options given that only a switch of the cloud would make use of.
    #[must_use]
    pub fn idle_without_enable(&self) -> Vec<&'static str> {
        let renews = self.rotate_before_days.as_deref().is_some_and(|days| days != "0");
        let given = [
            ("--region", self.region.is_some()),
            ("--instance", self.instance.is_some()),
            ("--access-key-file", self.access_key_file.is_some()),
            ("--secret-key-file", self.secret_key_file.is_some()),
            ("--security-token-file", self.security_token_file.is_some()),
            ("--control-endpoint", self.control_endpoint.is_some()),
            ("--rotate-before-days", renews),
        ];
        given
            .into_iter()
            .filter(|(_, is_given)| *is_given)
            .map(|(flag, _)| flag)
            .collect()
    }
}
