//! The command line, as scripts know it: options, commands, exit codes.
//!
//! [`Cli::read`] gives one [`Task`]; combinations that mean nothing are refused here, so that nobody
//! below has to think of them.

pub mod cloud;
mod setup;

use std::{ffi::OsString, io, net::SocketAddr, path::Path, path::PathBuf};

use chrono::{DateTime, Utc};
use clap::{
    ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum, ValueHint,
    builder::{OsStringValueParser, TypedValueParser},
    error::{ContextKind, ContextValue, ErrorKind},
};
use clap_complete::Shell;

pub use setup::SetupOptions;

use crate::logging::settings::LogFormat;

/// Where the configuration is looked for.
pub const DEFAULT_CONFIG: &str = "/etc/scimward/config.toml";

/// What the program is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cli {
    /// For every task.
    pub options: GlobalOptions,
    /// The task.
    pub task: Task,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Run on the schedule.
    Daemon,
    /// One cycle, then exit.
    SyncNow {
        /// Compare what the cloud holds with what was pushed first, and push right what differs.
        audit: bool,
    },
    /// Plan only.
    DryRun(DryRun),
    /// A command.
    Command(Command),
}

/// `--dry-run` and what goes with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DryRun {
    /// Ask the cloud for each candidate.
    pub probe: bool,
    /// How the report looks.
    pub format: ReportFormat,
    /// Where it goes; standard output when absent.
    pub output: Option<PathBuf>,
    /// Compare what the cloud holds with what was pushed.
    pub audit: bool,
    /// Exit with 10 when there are changes.
    pub exit_code: bool,
}

/// Options that go with every task.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Options of every command")]
pub struct GlobalOptions {
    /// Configuration file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "SCIMWARD_CONFIG",
        hide_env_values = true
    )]
    #[arg(default_value = DEFAULT_CONFIG, value_hint = ValueHint::FilePath, value_parser = config_path())]
    pub config: PathBuf,

    /// How log lines look, in place of the configuration's format
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,

    /// What is logged, in place of the configuration's level: info, debug, or e.g. info,scimward::scim=debug
    #[arg(long, global = true, value_name = "LEVEL", value_parser = log_level)]
    pub log_level: Option<String>,

    /// Log more; -v is --log-level debug, -vv is --log-level trace
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "log_level")]
    pub verbose: u8,

    /// Colours in reports and log lines
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    pub color: Color,
}

impl GlobalOptions {
    /// The level asked for here, when one was.
    #[must_use]
    pub fn level(&self) -> Option<&str> {
        match self.verbose {
            0 => self.log_level.as_deref(),
            1 => Some("debug"),
            _ => Some("trace"),
        }
    }
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How a report looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people
    #[default]
    Text,
    /// For programs: every request with method, path and body
    Json,
}

/// Commands beside the main job.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Make a first configuration, question by question, and try it out
    #[command(after_help = SETUP_EXAMPLES)]
    Setup(Box<SetupOptions>),

    /// Check the configuration, then the directory and the cloud, and report every finding
    Check,

    /// Say what happens to one person or group, and why
    #[command(after_help = "Example:\n  scimward explain uid=ada,ou=people,dc=example,dc=org")]
    Explain {
        /// DN, anchor, user name, mail address or name of a group
        who: String,
    },

    /// Show the last cycles, held removals, rejects and the next run
    Status {
        /// For programs
        #[arg(long)]
        json: bool,

        /// For Prometheus, in its text format
        #[arg(long, conflicts_with = "json")]
        metrics: bool,
    },

    /// Release the removals that the limits hold back
    #[command(after_help = "The id stands after `scimward approve` in the report of the run, and in: scimward status")]
    Approve {
        /// The id of what is held, and no other
        plan_id: String,
    },

    /// Show who could not be pushed, or try somebody again
    Rejects {
        /// `list` when left out
        #[command(subcommand)]
        action: Option<RejectsCommand>,
    },

    /// Save, restore, rebuild or re-target the memory of what was pushed
    #[command(subcommand)]
    State(StateCommand),

    /// Switch provisioning on, make and rotate its tokens: the clouds' own switches, without a console
    #[command(after_help = CLOUD_EXAMPLES)]
    Cloud(Box<cloud::CloudTask>),

    /// See the whole job on this machine: a directory, a cloud and a throw-away state, all built in
    Demo {
        /// Do not wait for a key between the steps
        #[arg(long)]
        no_pause: bool,
    },

    /// Run a local cloud as strict as the real one, with faults on demand, to rehearse against
    #[command(after_help = SANDBOX_EXAMPLES)]
    Sandbox(Box<SandboxOptions>),

    /// Print a completion script
    #[command(after_help = "Example:\n  scimward completions bash > /etc/bash_completion.d/scimward")]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },

    /// Write the manual pages
    Man {
        /// A folder; made when it is not there
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
}

/// `scimward sandbox …`
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct SandboxOptions {
    /// Whose rules; huawei when left out
    #[arg(long, value_name = "NAME", value_parser = ["huawei", "alibaba", "aws", "generic"])]
    pub profile: Option<String>,

    /// Where to listen; 127.0.0.1 on a free port when left out, with --data the port of last time
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,

    /// Listen beyond this machine without --token-file, all the same
    #[arg(long, requires = "listen")]
    pub allow_network: bool,

    /// The token that clients have to show (mode 0600); one is made when left out
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub token_file: Option<PathBuf>,

    /// Keep users, groups, token and request log in a folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,

    /// Users who are there before, made by hand: a JSON list, or a list answer of a real cloud
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub seed_users: Option<PathBuf>,

    /// Something goes wrong with some requests; may be given several times
    #[arg(long = "fault", value_name = "RULE")]
    pub faults: Vec<String>,

    /// Repeats the faults that strike by chance
    #[arg(long, value_name = "NUMBER")]
    pub fault_seed: Option<u64>,

    /// Add each request to a file as a line of JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub log: Option<PathBuf>,

    /// Begin with provisioning switched off and without a token: the control plane switches it on
    #[arg(long, conflicts_with = "token_file")]
    pub unprovisioned: bool,

    /// The access key id of the control plane (mode 0600); one is made when left out
    #[arg(long, value_name = "FILE", requires = "secret_key_file", value_hint = ValueHint::FilePath)]
    pub access_key_file: Option<PathBuf>,

    /// The secret of that access key (mode 0600)
    #[arg(long, value_name = "FILE", requires = "access_key_file", value_hint = ValueHint::FilePath)]
    pub secret_key_file: Option<PathBuf>,

    /// Make the access key a temporary one, with this security token (mode 0600)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub security_token_file: Option<PathBuf>,

    /// How long new bearer tokens are good; 365 when left out
    #[arg(long, value_name = "DAYS", conflicts_with = "token_expires", value_parser = clap::value_parser!(u32).range(1..))]
    pub token_days: Option<u32>,

    /// When bearer tokens end, all of them at this moment, those of an earlier run too: 2027-05-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub token_expires: Option<DateTime<Utc>>,

    /// What switching on again answers, which the vendor does not say: 409 or 400
    #[arg(long, value_name = "STATUS", value_parser = ["409", "400"])]
    pub second_enable: Option<String>,

    /// How many Identity Center instances the account has; only the first has SCIM
    #[arg(long, value_name = "NUMBER")]
    pub instances: Option<u16>,
}

/// `scimward rejects …`
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum RejectsCommand {
    /// Show everybody who could not be pushed, and why
    List {
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Try somebody again in the next cycle, without waiting
    Retry {
        /// DN, anchor or user name
        who: String,
    },
}

/// `scimward state …`
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum StateCommand {
    /// Write the state as JSON lines
    Export {
        /// Standard output when left out or `-`
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
    /// Read a state that was exported, into an empty one
    Import {
        /// JSON lines; `-` is standard input
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Make a lost state anew from the directory and the cloud; sends questions only
    #[command(after_help = "Interrupted, it goes on where it stopped when it is called again.")]
    Rebuild {
        /// Throw away what the state remembers
        #[arg(long)]
        force: bool,
    },
    /// The configured endpoint is the same cloud under another address: keep the state for it
    AcceptEndpoint,
}

const SETUP_EXAMPLES: &str = "\
Secrets are never part of a command line: they are asked for without an echo, or come from files.

Examples:
  scimward setup --config scimward.toml
  scimward setup --config scimward.toml --yes --provider generic --endpoint https://id.example.com/scim/v2/ \\
      --token-file token --ldap-url ldaps://ldap.example.org --bind-dn cn=scimward,dc=example,dc=org \\
      --bind-password-file password --base ou=people,dc=example,dc=org";

const SANDBOX_EXAMPLES: &str = "\
Examples:
  scimward sandbox --profile aws --data rehearsal
  scimward sandbox --fault 'status=500,path=/Users,method=POST,nth=3'
  scimward sandbox --fault 'status=503,retry-after=2,p=0.1' --fault-seed 7

A rule says what goes wrong:   status=N [after-effect] [retry-after=S | retry-after=date:S], html,
                               reset=before, reset=after, delay=35s, truncate, race
with which requests:           method=POST, path=/Users
and with which of those:       nth=3, from=20, to=40, every=5, p=0.1";

const CLOUD_EXAMPLES: &str = "\
Examples:
  scimward cloud huawei tenant enable --region ap-southeast-3 --identity-store-id d-0123456789
  scimward cloud huawei token create --out /etc/scimward/credentials/scim-token
  scimward cloud huawei token rotate
  scimward cloud alibaba scim status --json

Keys come from the configuration, or from HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK,
ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.";

const EXIT_CODES: &str = "\
Exit codes:
  0   done; nothing failed
  1   done, but some objects failed or were rejected
  2   bad usage or configuration
  3   the directory could not be read, or not completely
  4   the service provider refused or could not be reached
  5   removals held by the limits
  10  with --dry-run --exit-code: there are changes";

const EXAMPLES: &str = "\
Examples:
  scimward demo                                 see what it does, with nothing installed
  scimward setup                                make a configuration, question by question
  scimward check                                is everything right?
  scimward --dry-run                            what would change?
  scimward --dry-run --format json --output plan.json --exit-code
  scimward --sync-now                           do it once
  scimward                                      do it on the schedule, as a daemon";

/// Keeps a cloud directory in step with LDAP or Active Directory over SCIM 2.0.
///
/// Without a command or mode: runs as a daemon on the schedule of the configuration.
#[derive(Debug, Parser)]
#[command(name = "scimward", version, after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
#[command(disable_help_subcommand = true)]
struct Arguments {
    /// Run one cycle now, then exit; a running daemon is asked to do it
    #[arg(long, help_heading = "Modes", conflicts_with = "dry_run")]
    sync_now: bool,

    /// Show what would change, and change nothing
    #[arg(long, help_heading = "Modes")]
    dry_run: bool,

    /// Compare what the cloud holds with what was pushed; with --sync-now, push right what differs
    #[arg(long, help_heading = "With --dry-run or --sync-now")]
    audit: bool,

    /// Ask the cloud whether accounts to be created exist there already
    #[arg(
        long,
        help_heading = "With --dry-run",
        requires = "dry_run",
        conflicts_with = "sync_now"
    )]
    probe: bool,

    /// How the report looks
    #[arg(
        long,
        help_heading = "With --dry-run",
        requires = "dry_run",
        conflicts_with = "sync_now",
        value_enum
    )]
    format: Option<ReportFormat>,

    /// Write the report to a file; `-` is standard output
    #[arg(
        long,
        help_heading = "With --dry-run",
        requires = "dry_run",
        conflicts_with = "sync_now",
        value_name = "FILE"
    )]
    #[arg(value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,

    /// Exit with 10 when there are changes, or what an audit finds changed
    #[arg(
        long,
        help_heading = "With --dry-run",
        requires = "dry_run",
        conflicts_with = "sync_now"
    )]
    exit_code: bool,

    #[command(flatten)]
    options: GlobalOptions,

    #[command(subcommand)]
    command: Option<Command>,
}

impl Cli {
    /// Reads a command line, program name included.
    ///
    /// # Errors
    /// On bad usage, and for `--help` and `--version`; `clap::Error::exit` prints any of them and ends
    /// with the right code.
    pub fn read(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Self, clap::Error> {
        let Arguments {
            options,
            sync_now,
            dry_run,
            audit,
            probe,
            format,
            output,
            exit_code,
            command,
        } = Arguments::try_parse_from(arguments).map_err(with_mode_named)?;
        let task = match command {
            Some(_) if sync_now || dry_run => {
                let mode = if sync_now { "--sync-now" } else { "--dry-run" };
                let message = format!("{mode} cannot be used with a command");
                return Err(Arguments::command().error(ErrorKind::ArgumentConflict, message));
            }
            Some(Command::State(StateCommand::Export { file })) => {
                let file = file.filter(is_file);
                Task::Command(Command::State(StateCommand::Export { file }))
            }
            _ if audit && !sync_now && !dry_run => {
                let message = "--audit goes with --dry-run (report) or --sync-now (report and push right)";
                return Err(Arguments::command().error(ErrorKind::MissingRequiredArgument, message));
            }
            Some(command) => Task::Command(command),
            None if sync_now => Task::SyncNow { audit },
            None if dry_run => Task::DryRun(DryRun {
                probe,
                format: format.unwrap_or_default(),
                output: output.filter(is_file),
                audit,
                exit_code,
            }),
            None => Task::Daemon,
        };
        Ok(Self { options, task })
    }
}

/// A variable that is set to nothing is not set, as with most programs.
fn config_path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(|path| {
        if path.is_empty() {
            DEFAULT_CONFIG.into()
        } else {
            path.into()
        }
    })
}

/// `-` is no file but standard output, as everywhere.
fn is_file(path: &PathBuf) -> bool {
    path != Path::new("-")
}

/// Modes are options, since they need no further word: who takes one for a command is told its name.
fn with_mode_named(mut error: clap::Error) -> clap::Error {
    let mode = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) if matches!(&**word, "sync" | "sync-now" | "run" | "once") => "--sync-now",
        Some(ContextValue::String(word)) if matches!(&**word, "dry-run" | "plan" | "diff") => "--dry-run",
        _ => return error,
    };
    error.insert(
        ContextKind::Suggested,
        ContextValue::StyledStrs(vec![format!("that is the option {mode}: scimward {mode}").into()]),
    );
    error.remove(ContextKind::SuggestedSubcommand);
    error
}

fn log_level(level: &str) -> Result<String, String> {
    crate::logging::check_level(level).map(|()| level.to_owned())
}

/// Writes a completion script.
pub fn write_completions(shell: Shell, out: &mut dyn io::Write) {
    clap_complete::generate(shell, &mut Arguments::command(), "scimward", out);
}

/// Writes `scimward.1` and a page for each command into a folder, which is made when it is not there.
///
/// # Errors
/// When a file cannot be written.
pub fn write_man(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Arguments::command(), folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Cli, clap::Error> {
        Cli::read(std::iter::once("scimward").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn lines_mean_tasks() {
        let check = |line: &str, expected: Task| assert_eq!(read(line).unwrap().task, expected, "{line}");
        let dry_run = DryRun::default();
        check("", Task::Daemon);
        check("--config a.toml", Task::Daemon);
        check("--sync-now", Task::SyncNow { audit: false });
        check("--sync-now --audit", Task::SyncNow { audit: true });
        check(
            "--dry-run --audit",
            Task::DryRun(DryRun {
                audit: true,
                ..dry_run.clone()
            }),
        );
        check("--dry-run", Task::DryRun(dry_run.clone()));
        check(
            "--dry-run --probe --format json --output p.json --exit-code",
            Task::DryRun(DryRun {
                probe: true,
                format: ReportFormat::Json,
                output: Some("p.json".into()),
                audit: false,
                exit_code: true,
            }),
        );
        check("check", Task::Command(Command::Check));
        let setup = SetupOptions {
            ldap_url: vec!["ldaps://a".into(), "ldaps://b".into()],
            systemd: true,
            ..SetupOptions::default()
        };
        check(
            "setup --ldap-url ldaps://a --ldap-url ldaps://b --systemd",
            Task::Command(Command::Setup(Box::new(setup))),
        );
        check("explain ada", Task::Command(Command::Explain { who: "ada".into() }));
        check(
            "status --json",
            Task::Command(Command::Status {
                json: true,
                metrics: false,
            }),
        );
        check(
            "status --metrics",
            Task::Command(Command::Status {
                json: false,
                metrics: true,
            }),
        );
        check(
            "approve 4f2a",
            Task::Command(Command::Approve { plan_id: "4f2a".into() }),
        );
        check("rejects", Task::Command(Command::Rejects { action: None }));
        let list = RejectsCommand::List { json: true };
        check(
            "rejects list --json",
            Task::Command(Command::Rejects { action: Some(list) }),
        );
        let retry = RejectsCommand::Retry { who: "ada".into() };
        check(
            "rejects retry ada",
            Task::Command(Command::Rejects { action: Some(retry) }),
        );
        check(
            "state export",
            Task::Command(Command::State(StateCommand::Export { file: None })),
        );
        check(
            "state export -",
            Task::Command(Command::State(StateCommand::Export { file: None })),
        );
        check("--dry-run --output -", Task::DryRun(DryRun::default()));
        check(
            "state import -",
            Task::Command(Command::State(StateCommand::Import { file: "-".into() })),
        );
        check(
            "state rebuild --force",
            Task::Command(Command::State(StateCommand::Rebuild { force: true })),
        );
        check(
            "state accept-endpoint",
            Task::Command(Command::State(StateCommand::AcceptEndpoint)),
        );
        check("demo --no-pause", Task::Command(Command::Demo { no_pause: true }));
        let sandbox = SandboxOptions {
            profile: Some("aws".into()),
            faults: vec!["truncate,nth=1".into(), "html,p=0.1".into()],
            fault_seed: Some(7),
            ..SandboxOptions::default()
        };
        check(
            "sandbox --profile aws --fault truncate,nth=1 --fault html,p=0.1 --fault-seed 7",
            Task::Command(Command::Sandbox(Box::new(sandbox))),
        );
        check(
            "completions zsh",
            Task::Command(Command::Completions { shell: Shell::Zsh }),
        );
        check("man out", Task::Command(Command::Man { folder: "out".into() }));
    }

    #[test]
    fn options_go_before_or_after_the_command() {
        for line in [
            "--config a.toml -vv check",
            "check --config a.toml -vv",
            "--config a.toml check -vv",
        ] {
            let options = read(line).unwrap().options;
            assert_eq!(
                (options.config.as_path(), options.level()),
                (Path::new("a.toml"), Some("trace")),
                "{line}"
            );
        }
        assert_eq!(read("-v").unwrap().options.level(), Some("debug"));
        assert_eq!(read("--log-level warn").unwrap().options.level(), Some("warn"));
        assert_eq!(read("").unwrap().options.level(), None);
        assert_eq!(read("--color never").unwrap().options.color, Color::Never);
        assert_eq!(
            read("--log-format json").unwrap().options.log_format,
            Some(LogFormat::Json)
        );
    }

    #[test]
    fn what_makes_no_sense_is_bad_usage() {
        for line in [
            "--sync-now --dry-run",
            "--sync-now check",
            "--dry-run status",
            "--probe",
            "--audit",
            "--audit check",
            "--format json",
            "--output x",
            "--exit-code",
            "--sync-now --exit-code",
            "--dry-run --format html",
            "--exit-code check",
            "--log-level loud",
            "-v --log-level info",
            "--color sometimes",
            "--nonsense",
            "nonsense",
            "explain",
            "approve",
            "rejects --json",
            "rejects retry",
            "state",
            "state import",
            "sandbox --profile other",
            "sandbox --listen nowhere",
            "sandbox --allow-network",
            "setup --systemd --state x",
            "setup --anonymous --bind-dn x",
            "setup --enable --token-file x",
            "sandbox --unprovisioned --token-file f",
            "sandbox --access-key-file f",
            "sandbox --token-days 1 --token-expires 2027-05-01T00:00:00Z",
            "sandbox --token-days 0",
            "sandbox --token-expires tomorrow",
            "sandbox --second-enable 200",
            "completions tcsh",
            "man",
            "--config",
        ] {
            let error = read(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
        for line in ["--help", "--version", "check --help"] {
            assert_eq!(read(line).expect_err(line).exit_code(), 0, "{line}");
        }
    }

    #[test]
    fn a_mode_that_is_taken_for_a_command_is_named() {
        for (line, option) in [
            ("sync", "--sync-now"),
            ("sync-now", "--sync-now"),
            ("dry-run", "--dry-run"),
            ("--config x plan", "--dry-run"),
        ] {
            let error = read(line).unwrap_err().to_string();
            assert!(error.contains(&format!("scimward {option}")), "{error}");
            assert!(!error.contains("similar"), "{error}");
        }
    }

    #[test]
    fn a_configuration_without_a_name_is_the_usual_one() {
        let read = Cli::read(["scimward", "--config", "", "check"]).unwrap();
        assert_eq!(read.options.config, Path::new(DEFAULT_CONFIG));
    }

    #[test]
    fn help_is_as_written_down() {
        let mut command = Arguments::command().term_width(100);
        command.build();
        insta::assert_snapshot!("help", command.render_help().to_string());
        for subcommand in command.get_subcommands_mut() {
            let help = subcommand.render_help().to_string();
            insta::assert_snapshot!(format!("help-{}", subcommand.get_name()), help);
        }
    }

    #[test]
    fn completions_and_manual_pages_are_written() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            write_completions(*shell, &mut script);
            assert!(String::from_utf8(script).unwrap().contains("sync-now"), "{shell}");
        }
        let folder = tempfile::TempDir::new().unwrap();
        write_man(folder.path()).unwrap();
        let page = std::fs::read_to_string(folder.path().join("scimward.1")).unwrap();
        assert!(page.contains("Exit codes"), "{page}");
        assert!(folder.path().join("scimward-explain.1").is_file());
        write_man(&folder.path().join("a/b")).unwrap();
        assert!(folder.path().join("a/b/scimward.1").is_file());
        assert!(write_man(&folder.path().join("scimward.1/x")).is_err());
    }
}
