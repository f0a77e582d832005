//! What the LDAP shell needs to know, checked already.

use std::{path::PathBuf, time::Duration};

use crate::secret::SecretSource;

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LdapUrl {
    /// `ldaps://` when true, `ldap://` when false.
    pub tls: bool,
    /// Host name or address, IPv6 without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// How to authenticate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// No bind.
    Anonymous,
    /// Simple bind (RFC 4513 section 5.1.3).
    Simple {
        /// The bind DN, or an AD user principal name.
        dn: String,
        /// The password.
        password: SecretSource,
    },
    /// SASL EXTERNAL with the client certificate.
    External,
}

/// The lowest TLS version to accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinTls {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Search scope (RFC 4511 section 4.5.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The base itself.
    Base,
    /// Its children.
    One,
    /// Everything below, base included.
    Sub,
}

/// How to reach the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LdapSettings {
    /// Tried in order; at least one.
    pub urls: Vec<LdapUrl>,
    /// StartTLS on `ldap://` servers.
    pub start_tls: bool,
    /// Allow `ldap://` without StartTLS to hosts that are not loopback.
    pub allow_plaintext: bool,
    /// PEM bundle that replaces the system's roots.
    pub ca_file: Option<PathBuf>,
    /// PEM client certificate chain.
    pub client_cert: Option<PathBuf>,
    /// PEM private key of it.
    pub client_key: Option<PathBuf>,
    /// Lowest TLS version.
    pub min_tls: MinTls,
    /// How to authenticate.
    pub bind: Bind,
    /// Entries in a page (RFC 2696).
    pub page_size: u32,
    /// TCP and TLS set-up.
    pub connect_timeout: Duration,
    /// The bind's answer.
    pub bind_timeout: Duration,
    /// Between two messages of a search.
    pub read_timeout: Duration,
}

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchSettings {
    /// At least one.
    pub bases: Vec<String>,
    /// The same for every base.
    pub scope: Scope,
    /// RFC 4515, already parsed once.
    pub filter: String,
    /// The attributes to ask for, lower case, no duplicates.
    pub attributes: Vec<String>,
}
