//! `scimward cloud huawei …`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use super::{Consent, Destination, Rotation, Table, values::name};

/// `scimward cloud huawei …`
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct HuaweiTask {
    /// Where the identity store is.
    #[command(flatten)]
    pub options: HuaweiOptions,
    /// Which switch.
    #[command(subcommand)]
    pub command: HuaweiCommand,
}

/// Options of all that is below `scimward cloud huawei`.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Options of every command for Huawei Cloud")]
pub struct HuaweiOptions {
    /// The identity store (d-…), in place of the configuration's; `instance list` finds it
    #[arg(long, global = true, value_name = "ID", value_parser = name)]
    pub identity_store_id: Option<String>,

    /// The project's id, when the identity store asks for one
    #[arg(long, global = true, value_name = "ID", value_parser = name)]
    pub project_id: Option<String>,

    /// The account's id, for `instance` and `idp`
    #[arg(long, global = true, value_name = "ID", value_parser = name)]
    pub domain_id: Option<String>,
}

/// Which switch of Huawei Cloud.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum HuaweiCommand {
    /// Switch automatic provisioning on and off
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// The bearer tokens that SCIM is spoken with: two at most
    #[command(subcommand)]
    Token(TokenCommand),
    /// The instances of IAM Identity Center and their identity stores
    #[command(subcommand)]
    Instance(InstanceCommand),
    /// The identity providers of IAM: who may log in to this account
    Idp(IdpTask),
}

/// `scimward cloud huawei tenant …`
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum TenantCommand {
    /// Switch automatic provisioning on, and print the table scim; safe to repeat
    Enable(Table),
    /// Is it on, and where is the endpoint?
    Show,
    /// Switch automatic provisioning off: all tokens are removed, synchronisation stops
    Disable {
        /// Whether to ask.
        #[command(flatten)]
        consent: Consent,
    },
}

/// `scimward cloud huawei token …`
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum TokenCommand {
    /// Show the tokens and how long they are good
    List,
    /// Make a token, which is good for a year
    Create(Destination),
    /// Delete a token: whoever uses it is refused from then on
    Delete {
        /// Its id, as `token list` shows it
        #[arg(value_parser = name)]
        id: String,
        /// Whether to ask.
        #[command(flatten)]
        consent: Consent,
    },
    /// Put a new token in the place of the one in use, and delete that one once the new one has worked
    #[command(
        after_help = "Interrupted, it is completed by the next call; there is a token that works at any instant. One that \
                      has expired, or is gone, is replaced."
    )]
    Rotate(Rotation),
}

/// `scimward cloud huawei instance …`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum InstanceCommand {
    /// Show the instances, with the identity_store_id of each
    List,
}

/// `scimward cloud huawei idp …`
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct IdpTask {
    /// A token of IAM is in this file (mode 0600): it is sent (X-Auth-Token) in place of a signature
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Options of every idp command")]
    pub auth_token_file: Option<PathBuf>,
    /// Which part.
    #[command(subcommand)]
    pub command: IdpCommand,
}

/// Which part of the identity providers.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum IdpCommand {
    /// Make an identity provider, or bring the one of this name up to date
    Create {
        /// Its name: letters, digits, - and _
        #[arg(value_parser = name)]
        id: String,
        /// Who logs in; virtual_user_sso when left out; cannot be changed later
        #[arg(long, value_name = "TYPE", value_enum)]
        sso_type: Option<SsoType>,
        /// What may be changed later too.
        #[command(flatten)]
        change: IdpChange,
    },
    /// Show one
    Show {
        /// Its name
        #[arg(value_parser = name)]
        id: String,
    },
    /// Show all
    List,
    /// Change one
    Update {
        /// Its name
        #[arg(value_parser = name)]
        id: String,
        /// What changes.
        #[command(flatten)]
        change: IdpChange,
    },
    /// Delete one: nobody logs in through it any more
    Delete {
        /// Its name
        #[arg(value_parser = name)]
        id: String,
        /// Whether to ask.
        #[command(flatten)]
        consent: Consent,
    },
    /// The protocol a provider speaks
    #[command(subcommand)]
    Protocol(ProtocolCommand),
    /// The rules that make users of what a provider says
    #[command(subcommand)]
    Mapping(MappingCommand),
}

/// Who logs in through an identity provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum SsoType {
    /// Anybody the rules let in, as a user for the session
    VirtualUserSso,
    /// Users of IAM; one provider at most
    IamUserSso,
}

impl SsoType {
    /// As the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VirtualUserSso => "virtual_user_sso",
            Self::IamUserSso => "iam_user_sso",
        }
    }
}

/// What may be changed of an identity provider.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct IdpChange {
    /// For people
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Whether people can log in through it: --enabled, --enabled=false
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub enabled: Option<bool>,
}

/// `scimward cloud huawei idp protocol …`
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum ProtocolCommand {
    /// Register a protocol
    Create {
        /// The provider's name
        #[arg(value_parser = name)]
        idp: String,
        /// saml or oidc
        #[arg(value_parser = name)]
        protocol: String,
        /// The mapping it goes by; not for a provider of type iam_user_sso
        #[arg(long, value_name = "ID", value_parser = name)]
        mapping: Option<String>,
    },
    /// Show one
    Show {
        /// The provider's name
        #[arg(value_parser = name)]
        idp: String,
        /// saml or oidc
        #[arg(value_parser = name)]
        protocol: String,
    },
    /// Show all of a provider
    List {
        /// The provider's name
        #[arg(value_parser = name)]
        idp: String,
    },
    /// Delete one: nobody logs in by it any more
    Delete {
        /// The provider's name
        #[arg(value_parser = name)]
        idp: String,
        /// saml or oidc
        #[arg(value_parser = name)]
        protocol: String,
        /// Whether to ask.
        #[command(flatten)]
        consent: Consent,
    },
}

/// `scimward cloud huawei idp mapping …`
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum MappingCommand {
    /// Register a mapping
    Create {
        /// Its name
        #[arg(value_parser = name)]
        id: String,
        /// The rules, as JSON: [{"local": […], "remote": […]}, …]; `-` is standard input
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        rules: PathBuf,
    },
    /// Show one
    Show {
        /// Its name
        #[arg(value_parser = name)]
        id: String,
    },
    /// Show all
    List,
    /// Delete one
    Delete {
        /// Its name
        #[arg(value_parser = name)]
        id: String,
        /// Whether to ask.
        #[command(flatten)]
        consent: Consent,
    },
}
