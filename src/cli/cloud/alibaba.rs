//! `scimward cloud alibaba …`

use clap::{Args, Subcommand};

use super::{Consent, Destination, Rotation, Table, values::name};

/// `scimward cloud alibaba …`
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct AlibabaTask {
    /// Which directory.
    #[command(flatten)]
    pub options: AlibabaOptions,
    /// Which switch.
    #[command(subcommand)]
    pub command: AlibabaCommand,
}

/// Options of all that is below `scimward cloud alibaba`.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Options of every command for Alibaba Cloud")]
pub struct AlibabaOptions {
    /// The directory (d-…), in place of the configuration's; `directory list` finds it
    #[arg(long, global = true, value_name = "ID", value_parser = name)]
    pub directory_id: Option<String>,
}

/// Which switch of Alibaba Cloud.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum AlibabaCommand {
    /// Switch SCIM synchronisation on and off
    #[command(subcommand)]
    Scim(ScimCommand),
    /// The credentials that SCIM is spoken with: two at most
    #[command(subcommand)]
    Credential(CredentialCommand),
    /// The directories of CloudSSO
    #[command(subcommand)]
    Directory(DirectoryCommand),
}

/// `scimward cloud alibaba scim …`
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum ScimCommand {
    /// Is it on?
    Status,
    /// Switch it on, and print the table scim; safe to repeat
    Enable(Table),
    /// Switch it off: nothing can be pushed, and people can be edited by hand
    Disable {
        /// Whether to ask.
        #[command(flatten)]
        consent: Consent,
    },
}

/// `scimward cloud alibaba credential …`
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum CredentialCommand {
    /// Show the credentials and how long they are good
    List,
    /// Make a credential, which is good for a year
    Create(Destination),
    /// Let a credential be used again
    Enable {
        /// Its id, as `credential list` shows it
        #[arg(value_parser = name)]
        id: String,
    },
    /// Let a credential no longer be used: whoever uses it is refused until it is enabled again
    Disable {
        /// Its id, as `credential list` shows it
        #[arg(value_parser = name)]
        id: String,
        /// Whether to ask.
        #[command(flatten)]
        consent: Consent,
    },
    /// Delete a credential: whoever uses it is refused from then on
    Delete {
        /// Its id, as `credential list` shows it
        #[arg(value_parser = name)]
        id: String,
        /// Whether to ask.
        #[command(flatten)]
        consent: Consent,
    },
    /// Put a new credential in the place of the one in use, and delete that one once the new one has worked
    #[command(
        after_help = "Interrupted, it is completed by the next call; there is a credential that works at any instant. One that \
                      has expired, or is gone, is replaced."
    )]
    Rotate(Rotation),
}

/// `scimward cloud alibaba directory …`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum DirectoryCommand {
    /// Show the directories, with the directory_id of each
    List,
}
