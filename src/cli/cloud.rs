//! `scimward cloud …`: a cloud's own switches.
//!
//! What every one of these commands takes is an option of `cloud`, and may stand anywhere behind it.

mod alibaba;
mod huawei;
mod values;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

pub use self::{
    alibaba::{AlibabaCommand, AlibabaOptions, AlibabaTask, CredentialCommand, DirectoryCommand, ScimCommand},
    huawei::{
        HuaweiCommand, HuaweiOptions, HuaweiTask, IdpChange, IdpCommand, IdpTask, InstanceCommand, MappingCommand,
        ProtocolCommand, SsoType, TenantCommand, TokenCommand,
    },
};

use values::{config_file, name, secret_file};

/// `scimward cloud …`
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct CloudTask {
    /// For every one of them.
    #[command(flatten)]
    pub options: CloudOptions,
    /// Whose switches.
    #[command(subcommand)]
    pub provider: CloudProvider,
}

/// Options of all that is below `scimward cloud`.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Options of every cloud command")]
pub struct CloudOptions {
    /// For programs
    #[arg(id = "cloud_json", long = "json", global = true)]
    pub json: bool,

    /// Print the requests that would be sent, without their signatures, and send nothing
    // An id of its own: clap would take it for the --dry-run of the main job.
    #[arg(id = "cloud_dry_run", long = "dry-run", global = true)]
    pub dry_run: bool,

    /// The region, in place of the configuration's
    #[arg(long, global = true, value_name = "REGION", value_parser = name)]
    pub region: Option<String>,

    /// The service's address, in place of the region's
    #[arg(long, global = true, value_name = "URL", value_hint = ValueHint::Url)]
    pub endpoint: Option<String>,

    /// The access key's id is in this file (mode 0600), in place of configuration and environment
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub access_key_file: Option<PathBuf>,

    /// The access key's secret is in this file (mode 0600)
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub secret_key_file: Option<PathBuf>,

    /// The session token of a temporary key is in this file (mode 0600)
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub security_token_file: Option<PathBuf>,

    /// Trust these certificates (PEM) in place of the system's
    #[arg(id = "cloud_ca_file", long = "ca-file", global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub ca_file: Option<PathBuf>,
}

impl CloudOptions {
    /// Whether anything is said in place of what the configuration says.
    #[must_use]
    pub fn names_something(&self) -> bool {
        let files = [
            &self.access_key_file,
            &self.secret_key_file,
            &self.security_token_file,
            &self.ca_file,
        ];
        self.region.is_some() || self.endpoint.is_some() || files.iter().any(|file| file.is_some())
    }
}

/// Whose switches.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum CloudProvider {
    /// Huawei Cloud: IAM Identity Center's automatic provisioning, IAM's identity providers
    Huawei(HuaweiTask),
    /// Alibaba Cloud: CloudSSO's SCIM synchronisation
    Alibaba(AlibabaTask),
}

/// Where a secret goes that a cloud shows only once.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[group(required = false, multiple = true)]
pub struct Destination {
    /// Write it to this file, mode 0600; the file of scim.token when none of these is given
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = secret_file())]
    pub out: Option<PathBuf>,

    /// Write it to this file as an encrypted systemd credential (systemd-creds encrypt)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = secret_file())]
    pub credential: Option<PathBuf>,

    /// The credential's name; that of its file without .cred when left out
    #[arg(long, value_name = "NAME", requires = "credential")]
    pub credential_name: Option<String>,

    /// Print it
    #[arg(long)]
    pub show: bool,

    /// Replace files that are there
    #[arg(long)]
    pub force: bool,
}

/// `… rotate`
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// The file that holds what is in use; that of scim.token when left out
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = secret_file())]
    pub out: Option<PathBuf>,

    /// There are two, and nothing here tells which one the file holds: it is this one
    #[arg(long, value_name = "ID", value_parser = name)]
    pub keep: Option<String>,

    /// Where to try out what is new; scim.endpoint when left out, else what the cloud says
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub scim_endpoint: Option<String>,
}

/// `… enable`
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Put profile, endpoint and, if there is none, token into the table scim of this file, comments kept; made when it is
    /// not there
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = config_file())]
    pub write_config: Option<PathBuf>,
}

/// For what cannot be taken back.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command, Task};

    fn read(line: &str) -> Result<CloudTask, clap::Error> {
        let words = ["scimward", "cloud"].into_iter().chain(line.split_whitespace());
        match Cli::read(words)?.task {
            Task::Command(Command::Cloud(task)) => Ok(*task),
            task => panic!("{line}: {task:?}"),
        }
    }

    fn huawei(command: HuaweiCommand) -> CloudProvider {
        CloudProvider::Huawei(HuaweiTask {
            options: HuaweiOptions::default(),
            command,
        })
    }

    fn idp(command: IdpCommand) -> CloudProvider {
        let auth_token_file = None;
        huawei(HuaweiCommand::Idp(IdpTask {
            auth_token_file,
            command,
        }))
    }

    fn alibaba(command: AlibabaCommand) -> CloudProvider {
        CloudProvider::Alibaba(AlibabaTask {
            options: AlibabaOptions::default(),
            command,
        })
    }

    #[test]
    fn lines_mean_switches() {
        let check = |line: &str, expected: CloudProvider| assert_eq!(read(line).unwrap().provider, expected, "{line}");
        let consent = Consent { yes: true };
        check(
            "huawei tenant enable --write-config c.toml",
            huawei(HuaweiCommand::Tenant(TenantCommand::Enable(Table {
                write_config: Some("c.toml".into()),
            }))),
        );
        check(
            "huawei tenant disable --yes",
            huawei(HuaweiCommand::Tenant(TenantCommand::Disable { consent })),
        );
        check(
            "huawei token create --out t --credential c --credential-name n --show --force",
            huawei(HuaweiCommand::Token(TokenCommand::Create(Destination {
                out: Some("t".into()),
                credential: Some("c".into()),
                credential_name: Some("n".to_owned()),
                show: true,
                force: true,
            }))),
        );
        check(
            "huawei token rotate --keep a",
            huawei(HuaweiCommand::Token(TokenCommand::Rotate(Rotation {
                keep: Some("a".to_owned()),
                ..Rotation::default()
            }))),
        );
        let create = |enabled| {
            idp(IdpCommand::Create {
                id: "ACME".to_owned(),
                sso_type: Some(SsoType::IamUserSso),
                change: IdpChange {
                    description: None,
                    enabled,
                },
            })
        };
        check("huawei idp create ACME --sso-type iam_user_sso", create(None));
        check(
            "huawei idp create --enabled ACME --sso-type iam_user_sso",
            create(Some(true)),
        );
        check(
            "huawei idp create ACME --enabled=false --sso-type iam_user_sso",
            create(Some(false)),
        );
        check(
            "huawei idp mapping create m --rules -",
            idp(IdpCommand::Mapping(MappingCommand::Create {
                id: "m".to_owned(),
                rules: "-".into(),
            })),
        );
        check(
            "alibaba scim disable",
            alibaba(AlibabaCommand::Scim(ScimCommand::Disable {
                consent: Consent::default(),
            })),
        );
        check(
            "alibaba credential disable scimcred-1 --yes",
            alibaba(AlibabaCommand::Credential(CredentialCommand::Disable {
                id: "scimcred-1".to_owned(),
                consent,
            })),
        );
    }

    #[test]
    fn options_stand_anywhere_behind_cloud() {
        let expected = CloudOptions {
            json: true,
            dry_run: true,
            region: Some("r".to_owned()),
            ..CloudOptions::default()
        };
        for line in [
            "--json --dry-run --region r huawei tenant show",
            "huawei --json tenant --dry-run show --region r",
            "alibaba scim status --region r --json --dry-run",
        ] {
            assert_eq!(read(line).unwrap().options, expected, "{line}");
        }
        for line in [
            "huawei idp list --domain-id x --auth-token-file f",
            "huawei idp --auth-token-file f list --domain-id x",
        ] {
            let task = read(line).unwrap();
            let CloudProvider::Huawei(task) = task.provider else {
                panic!("{task:?}");
            };
            assert_eq!(task.options.domain_id.as_deref(), Some("x"));
            let HuaweiCommand::Idp(idp) = task.command else {
                panic!("{task:?}");
            };
            assert_eq!(idp.auth_token_file, Some("f".into()));
        }
    }

    #[test]
    fn what_makes_no_sense_is_bad_usage() {
        for line in [
            "",
            "huawei",
            "huawei tenant",
            "aws",
            "huawei tenant show --directory-id d",
            "huawei token delete",
            "huawei token create --credential-name n",
            "huawei idp create a --sso-type other",
            "huawei idp create a --enabled=perhaps",
            "huawei idp mapping create m",
            "alibaba credential rotate --identity-store-id d",
            // IAM alone takes such a token.
            "huawei token list --auth-token-file f",
            "huawei tenant show --auth-token-file f",
            "huawei token create --out -",
            "huawei token create --credential -",
            "alibaba credential rotate --out -",
            "huawei tenant enable --write-config -",
            "alibaba scim enable --write-config -",
        ] {
            assert_eq!(read(line).expect_err(line).exit_code(), 2, "{line}");
        }
    }
}
