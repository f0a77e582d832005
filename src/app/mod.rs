//! The composition root: the only place that names every concrete type.

mod audit;
mod check;
mod cloud;
mod demo;
mod dry_run;
mod engine;
mod explain;
mod first_run;
mod foresight;
mod hints;
mod meant;
mod names;
mod order;
mod places;
mod progress;
mod rebuild;
mod runner;
mod sandbox;
mod setup;
mod signals;
mod tally;
mod token;
mod toml_text;

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use tokio_util::sync::CancellationToken;

pub use engine::{Engine, chain};
use meant::Meant;
pub use order::{Order, OrderError, Surroundings};
pub use progress::Progress;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use setup::checks as setup_checks;
pub use setup::{Setup, SetupError};
use signals::Signals;

use crate::{
    cli::{self, Cli, Color, Command, DryRun, RejectsCommand, ReportFormat, StateCommand, Task},
    daemon::{self, control},
    logging::{self, LogHandle, settings::LogSettings},
    outcome::exit,
    ports::{SharedObserver, StateStore, Unwatched},
    report::{self, Brief, TextStyle},
    store::{self, Found, OpenError, SledStore},
};

/// A BER value nested some hundred thousand levels deep is parsed by recursion in the LDAP library; with
/// the usual 2 MiB a hostile server could end the process. Only what is used is ever in memory.
const STACK_BYTES: usize = 256 * 1024 * 1024;
/// Columns of a report that does not go to a terminal.
const WIDTH: usize = 100;

/// Why the program ends without having done its task.
#[derive(Debug)]
pub struct Failure {
    /// For people; empty when there is nothing to tell.
    pub words: String,
    /// The exit code.
    pub code: u8,
}

impl Failure {
    fn usage(words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            code: exit::USAGE,
        }
    }

    fn other(error: &dyn std::error::Error) -> Self {
        Self {
            words: chain(error),
            code: exit::OBJECTS,
        }
    }

    /// Standard output cannot be written to. A reader who has seen enough (`| head`) is no failure, and
    /// there is nothing to tell.
    fn output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self {
                words: String::new(),
                code: exit::DONE,
            };
        }
        Self::other(&error)
    }
}

impl From<OrderError> for Failure {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Output(error) => Self::output(error),
            error => Self {
                words: chain(&error),
                code: error.exit_code(),
            },
        }
    }
}

/// Does what the command line asks for.
#[must_use]
pub fn main(cli: Cli) -> ExitCode {
    match run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            if !failure.words.is_empty() {
                // Standard error may be gone; there is nobody else to tell.
                let _ = writeln!(io::stderr(), "scimward: {}", failure.words);
            }
            ExitCode::from(failure.code)
        }
    }
}

fn run(cli: Cli) -> Result<u8, Failure> {
    match cli.task.clone() {
        Task::Command(Command::Completions { shell }) => {
            // The generator takes an output that fails for a defect of its own.
            let mut script = Vec::new();
            cli::write_completions(shell, &mut script);
            io::stdout().write_all(&script).map_err(Failure::output)?;
            Ok(exit::DONE)
        }
        Task::Command(Command::Man { folder }) => {
            cli::write_man(&folder)
                .map_err(|error| Failure::usage(format!("cannot write into {}: {error}", folder.display())))?;
            Ok(exit::DONE)
        }
        task => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .thread_stack_size(STACK_BYTES)
                .build()
                .map_err(|error| Failure::other(&error))?;
            let code = runtime.block_on(task_of(&cli, task));
            // A command that was told to stop may still sit in a read with a long time-out.
            runtime.shutdown_background();
            code
        }
    }
}

async fn task_of(cli: &Cli, task: Task) -> Result<u8, Failure> {
    if let Task::Command(Command::Demo { no_pause }) = task {
        return demo::run(!no_pause, colour(cli, io::stdout().is_terminal())).await;
    }
    if let Task::Command(Command::Sandbox(options)) = task {
        return sandbox::run(&options, colour(cli, io::stdout().is_terminal())).await;
    }
    if let Task::Command(Command::Setup(options)) = task {
        return first_run::run(cli, *options).await;
    }
    if let Task::Command(Command::Cloud(task)) = task {
        start_log(cli, &LogSettings::quiet(), &Progress::new(None))?;
        return cloud::run(&cli.options.config, &task).await;
    }
    let progress = Arc::new(Progress::new(match task {
        Task::SyncNow { .. } => Some("pushing"),
        Task::Command(Command::State(StateCommand::Rebuild { .. })) => Some("asking"),
        _ => None,
    }));
    let setup = match setup::load(&cli.options.config) {
        Ok(setup) => setup,
        Err(error) => return ask_all_the_same(cli, task, &error, progress).await,
    };
    let log = start_log(cli, &setup.config.log, &progress)?;
    let state = setup.config.state_path.clone();
    match task {
        Task::Daemon => run_daemon(cli, setup, log).await,
        Task::SyncNow { audit } => sync_now(cli, setup, audit, progress).await,
        Task::Command(Command::Check) => check::run(&Arc::new(setup), &mut io::stdout(), style(cli)).await,
        Task::Command(Command::State(StateCommand::Import { file })) => import(&state, &file),
        Task::Command(Command::State(StateCommand::Rebuild { force })) => {
            rebuild::run(Arc::new(setup), force, progress, stop_on_signal()?, &mut io::stdout()).await
        }
        Task::Command(Command::State(StateCommand::AcceptEndpoint)) => accept_endpoint(&setup),
        task => {
            let (order, output) = order(cli, task)?;
            // With the output in a pipe, what reads it may draw on the same terminal.
            let observer: SharedObserver = if output.is_some() || io::stdout().is_terminal() {
                progress
            } else {
                Arc::new(Unwatched)
            };
            give(cli, setup, order, output.as_deref(), observer).await
        }
    }
}

/// With a configuration that is wrong: a daemon that runs can still be asked what does not depend on it.
async fn ask_all_the_same(cli: &Cli, task: Task, error: &SetupError, progress: Arc<Progress>) -> Result<u8, Failure> {
    let wrong = || Failure::usage(error.to_string());
    let (order, output) = match order(cli, task) {
        Ok((order, output)) if !order.plans() => (order, output),
        _ => return Err(wrong()),
    };
    let state = setup::state_path(&cli.options.config).ok_or_else(wrong)?;
    let Ok(Some(client)) = control::Client::connect(&state).await else {
        return Err(wrong());
    };
    start_log(cli, &LogSettings::default(), &progress)?;
    tracing::warn!(
        "the configuration is wrong, scimward check says how; the daemon that runs answers with the one it read"
    );
    let command = serde_json::to_value(&order).map_err(|error| Failure::other(&error))?;
    let mut out = Output::new(output.as_deref())?;
    let code = follow(client, command, &mut out, Arc::new(Unwatched)).await?;
    out.finish().map(|()| code)
}

fn start_log(cli: &Cli, settings: &LogSettings, progress: &Progress) -> Result<LogHandle, Failure> {
    let mut settings = settings.clone();
    if let Some(format) = cli.options.log_format {
        settings.format = format;
    }
    let output = logging::Output::Above(progress.bars());
    logging::init(
        &settings,
        cli.options.level(),
        colour(cli, io::stderr().is_terminal()),
        output,
    )
    .map_err(|error| Failure::usage(chain(&error)))
}

fn colour(cli: &Cli, terminal: bool) -> bool {
    match cli.options.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    }
}

fn open(setup: Setup, path: &Path, log: Option<LogHandle>) -> Result<Arc<Engine>, Failure> {
    let store = SledStore::open(&setup.config.state_path).map_err(|error| Failure::other(&error))?;
    Ok(Engine::new(path, setup, store, log))
}

/// The same once it is known that no daemon answers for this state.
fn open_unanswered(setup: Setup, path: &Path) -> Result<Arc<Engine>, Failure> {
    let store = SledStore::open(&setup.config.state_path).map_err(|error| match error {
        OpenError::InUse { path, pid } => Failure {
            words: format!(
                "the state in {} is in use by another scimward process{}, which takes no questions: a single run is in \
                 progress, or a daemon is just starting or leaving; wait for it to end, then try again",
                path.display(),
                pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
            ),
            code: exit::OBJECTS,
        },
        error => Failure::other(&error),
    })?;
    Ok(Engine::new(path, setup, store, None))
}

async fn run_daemon(cli: &Cli, setup: Setup, log: LogHandle) -> Result<u8, Failure> {
    let schedule = runner::schedule(setup.config.schedule.clone()).map_err(Failure::usage)?;
    let options = daemon::Options {
        schedule,
        state: setup.config.state_path.clone(),
        runtime_directory: std::env::var_os("RUNTIME_DIRECTORY"),
        drain: daemon::DRAIN,
    };
    // What the command line says of the level goes for good.
    let log = cli.options.level().is_none().then_some(log);
    let engine = open(setup, &cli.options.config, log)?;
    daemon::run(engine, options)
        .await
        .map_err(|error| Failure::usage(chain(&error)))
}

/// One cycle: asked of the daemon that holds the state, or run here.
async fn sync_now(cli: &Cli, setup: Setup, audit: bool, progress: Arc<Progress>) -> Result<u8, Failure> {
    let client = control::Client::connect(&setup.config.state_path)
        .await
        .map_err(|error| Failure::other(&error))?;
    if let Some(client) = client {
        tracing::info!("the daemon holds the state; it is asked for a cycle");
        let mut sync = serde_json::json!({ "name": control::SYNC, "audit": audit });
        Meant::by(&cli.options.config, &setup).join(&mut sync);
        return follow(client, sync, &mut io::stdout(), progress).await;
    }
    let engine = open_unanswered(setup, &cli.options.config)?;
    let stop = stop_on_signal()?;
    let record = match audit {
        true => engine.sync_after_audit(true, progress, stop).await,
        false => engine.sync(progress, stop).await,
    };
    // The log may go elsewhere, or be off; this is the answer to the command.
    writeln!(io::stdout(), "{}", report::cycle_line(&record)).map_err(Failure::output)?;
    Ok(record.exit_code)
}

async fn follow(
    client: control::Client,
    command: serde_json::Value,
    out: &mut dyn Write,
    observer: SharedObserver,
) -> Result<u8, Failure> {
    let mut broken = None;
    let code = client
        .request(command, |reply| match reply {
            control::Reply::Event(event) => crate::ports::Observer::event(&*observer, &event),
            control::Reply::Stdout(text) => {
                if let Err(error) = out.write_all(text.as_bytes()) {
                    broken.get_or_insert(error);
                }
            }
            control::Reply::Log(line) => tracing::warn!("{line}"),
            control::Reply::Cycle(record) => {
                engine::log_cycle(&record);
                if let Err(error) = writeln!(out, "{}", report::cycle_line(&record)) {
                    broken.get_or_insert(error);
                }
            }
            control::Reply::Exit(_) => {}
        })
        .await
        .map_err(|error| Failure::other(&error))?;
    match broken {
        Some(error) => Err(Failure::output(error)),
        None => Ok(code),
    }
}

/// Cancelled by the first signal that asks for an end; the second one ends the program at once.
fn stop_on_signal() -> Result<CancellationToken, Failure> {
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let mut signals = Signals::listen().map_err(|error| Failure::other(&error))?;
    tokio::spawn(async move {
        signals.next().await;
        tracing::warn!("stopping: requests in hand are finished and remembered; a second signal leaves at once");
        stopping.cancel();
        std::process::exit(signals.next().await.into());
    });
    Ok(stop)
}

/// A command line task as an order for whoever holds the state, and the file its output goes to.
fn order(cli: &Cli, task: Task) -> Result<(Order, Option<std::path::PathBuf>), Failure> {
    let command = match task {
        Task::DryRun(options) => return Ok(dry_run_order(cli, options)),
        Task::Command(command) => command,
        Task::Daemon | Task::SyncNow { .. } => return Err(Failure::usage("not a command")),
    };
    Ok(match command {
        Command::Explain { who } => (Order::Explain { who }, None),
        Command::Status { json, metrics } => (Order::Status { json, metrics }, None),
        Command::Approve { plan_id } => (Order::Approve { plan_id }, None),
        Command::Rejects { action: None } => (Order::Rejects { json: false }, None),
        Command::Rejects {
            action: Some(RejectsCommand::List { json }),
        } => (Order::Rejects { json }, None),
        Command::Rejects {
            action: Some(RejectsCommand::Retry { who }),
        } => (Order::Retry { who }, None),
        Command::State(StateCommand::Export { file }) => (Order::Export, file),
        _ => return Err(Failure::usage("not a command that needs the state")),
    })
}

fn dry_run_order(cli: &Cli, options: DryRun) -> (Order, Option<std::path::PathBuf>) {
    let terminal = options.output.is_none() && io::stdout().is_terminal();
    let order = dry_run::Options {
        json: options.format == ReportFormat::Json,
        probe: options.probe,
        audit: options.audit,
        exit_code: options.exit_code,
        colour: colour(cli, terminal),
        width: if terminal { columns().unwrap_or(WIDTH) } else { WIDTH },
        brief: terminal.then_some(Brief::TERMINAL),
    };
    (Order::DryRun(order), options.output)
}

/// How text looks on standard output.
fn style(cli: &Cli) -> TextStyle {
    let terminal = io::stdout().is_terminal();
    TextStyle {
        colour: colour(cli, terminal),
        // Lines that are not read on a terminal are searched and stored: whole is better.
        width: if terminal {
            columns().unwrap_or(WIDTH)
        } else {
            usize::MAX
        },
        brief: terminal.then_some(Brief::TERMINAL),
    }
}

fn columns() -> Option<usize> {
    rustix::termios::tcgetwinsize(io::stdout())
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|&columns| columns > 0)
}

/// Has an order carried out by the daemon that holds the state, or here.
async fn give(
    cli: &Cli,
    setup: Setup,
    order: Order,
    output: Option<&Path>,
    observer: SharedObserver,
) -> Result<u8, Failure> {
    let mut out = Output::new(output)?;
    let client = control::Client::connect(&setup.config.state_path)
        .await
        .map_err(|error| Failure::other(&error))?;
    if let Some(client) = client {
        tracing::debug!(
            "the daemon holds the state and answers; what it does is in its own log, at its own [log] level"
        );
        let mut command = serde_json::to_value(&order).map_err(|error| Failure::other(&error))?;
        Meant::by(&cli.options.config, &setup).join(&mut command);
        // After `setup` the signals end nothing by themselves any more.
        let mut signals = Signals::listen().map_err(|error| Failure::other(&error))?;
        let code = tokio::select! {
            code = follow(client, command, &mut out, observer) => code?,
            code = signals.next() => {
                return Err(Failure { words: "interrupted".to_owned(), code });
            }
        };
        return out.finish().map(|()| code);
    }
    // A question to a state that does not exist must not make one.
    let engine = if let Ok(Found::Nothing | Found::EmptyFolder) = store::inspect(&setup.config.state_path) {
        if let Some(words) = order.without_state(&setup.config.state_path) {
            out.write_all(words?.as_bytes()).map_err(Failure::output)?;
            return out.finish().map(|()| exit::DONE);
        }
        let scratch = SledStore::scratch().map_err(|error| Failure::other(&error))?;
        Engine::new(&cli.options.config, setup, scratch, None)
    } else {
        open_unanswered(setup, &cli.options.config)?
    };
    let around = Surroundings {
        setup: engine.setup(),
        daemon: None,
        observer,
        stop: stop_on_signal()?,
    };
    let done = tokio::task::spawn_blocking(move || {
        let code = order.carry_out(&engine, &mut out, &around);
        (code, out)
    });
    let (code, out) = done.await.map_err(|error| Failure::other(&error))?;
    let code = code?;
    out.finish().map(|()| code)
}

/// Standard output, a device or pipe that is there already, or a file that appears whole or not at all.
enum Output {
    Stdout(io::Stdout),
    Device(File),
    File {
        temporary: tempfile::NamedTempFile,
        path: std::path::PathBuf,
    },
}

impl Output {
    fn new(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::Stdout(io::stdout()));
        };
        // Putting a new file in the place of /dev/null would be the end of it.
        if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            let device = File::options().write(true).open(path);
            return device
                .map(Self::Device)
                .map_err(|error| Failure::usage(format!("cannot write {}: {error}", path.display())));
        }
        let temporary = tempfile::NamedTempFile::new_in(places::folder_of(path)).map_err(|error| {
            Failure::usage(format!(
                "cannot write {}: {}",
                path.display(),
                io::Error::from(error.kind())
            ))
        })?;
        Ok(Self::File {
            temporary,
            path: path.to_owned(),
        })
    }

    fn finish(mut self) -> Result<(), Failure> {
        self.flush().map_err(Failure::output)?;
        match self {
            Self::Stdout(_) | Self::Device(_) => Ok(()),
            Self::File { temporary, path } => temporary
                .persist(&path)
                .map(drop)
                .map_err(|error| Failure::usage(format!("cannot write {}: {}", path.display(), error.error))),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(out) => out.write(bytes),
            Self::Device(out) => out.write(bytes),
            Self::File { temporary, .. } => temporary.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.flush(),
            Self::Device(out) => out.flush(),
            Self::File { temporary, .. } => temporary.flush(),
        }
    }
}

fn import(state: &Path, file: &Path) -> Result<u8, Failure> {
    let store = SledStore::open(state).map_err(|error| Failure::other(&error))?;
    let links = if file == Path::new("-") {
        store::import(&store, &mut io::stdin().lock())
    } else {
        let input =
            File::open(file).map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
        store::import(&store, &mut io::BufReader::new(input))
    };
    let links = links.map_err(|error| Failure::other(&error))?;
    let _ = writeln!(io::stdout(), "Read {links} records into {}.", state.display());
    Ok(exit::DONE)
}

/// The same cloud at a new address: the state's ids stay good.
fn accept_endpoint(setup: &Setup) -> Result<u8, Failure> {
    let store = SledStore::open(&setup.config.state_path).map_err(|error| Failure::other(&error))?;
    let mut meta = store.meta().map_err(|error| Failure::other(&error))?;
    let old = std::mem::replace(&mut meta.endpoint, setup.config.scim.endpoint.clone());
    store.save_meta(&meta).map_err(|error| Failure::other(&error))?;
    let _ = writeln!(io::stdout(), "The state is now for {} (was {old}).", meta.endpoint);
    Ok(exit::DONE)
}
