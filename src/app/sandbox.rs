//! `scimward sandbox`: a strict local cloud in the foreground, until it is told to stop.

use std::{
    fs::{self, File},
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::{
    cli::SandboxOptions,
    outcome::exit,
    profile::Profile,
    sandbox::{
        FaultPlan, Folder, Observer, Options, Record, Sandbox, StartError,
        folder::{Kept, private},
        read_people,
    },
};

mod banner;
mod keys;

use banner::{Banner, ControlBanner};
use keys::Keys;

/// The profile when none is named.
const PROFILE: &str = "huawei";
/// The least time between two writes of the state: a first sync has many changes, and each write is whole.
const SAVE_PAUSE: Duration = Duration::from_secs(1);
/// The pause after a write, in times of what it took: a large cloud does not spend its life writing.
const SAVE_SHARE: u32 = 10;

/// Serves until the first signal.
///
/// # Errors
/// When an option makes no sense, or a file, a folder or the address cannot be had.
pub async fn run(options: &SandboxOptions, colour: bool) -> Result<u8, Failure> {
    let stop = super::stop_on_signal()?;
    let seed = options.fault_seed.unwrap_or_else(|| fastrand::u32(..).into());
    let faults = FaultPlan::parse(&options.faults, seed).map_err(|mistakes| Failure::usage(mistakes.to_string()))?;
    let folder = options.data.as_deref().map(Folder::open).transpose();
    let folder = folder.map_err(|error| Failure::usage(error.to_string()))?.map(Arc::new);
    let kept = folder.as_deref().map(Folder::load).transpose();
    let kept = kept.map_err(|error| Failure::usage(error.to_string()))?.flatten();
    let profile = profile(options, kept.as_ref())?;
    let listen = Listen::new(options, kept.as_ref())?;
    let control_state = kept.as_ref().map(|kept| kept.control.clone());
    let keys = Keys::new(options, &profile, folder.as_deref(), control_state)?;
    let people = people(options, kept.is_some())?;
    let log = log(options, folder.as_deref())?;
    let banner = Banner {
        title: Profile::named(&profile).map_or_else(String::new, |profile| profile.title),
        seeded: people.len(),
        seed_left_aside: options.seed_users.is_some() && kept.is_some(),
        restored: kept.is_some(),
        data: options.data.clone(),
        log: log.as_ref().map(|(path, _)| path.clone()),
        faults: faults.specs().map(str::to_owned).collect(),
        fault_seed: faults.has_chance().then_some(seed),
        token: keys.token_file.clone(),
        control: keys.control.as_ref().map(ControlBanner::new),
        profile: profile.clone(),
        colour,
    };
    let state = kept.map(|kept| kept.cloud);
    let start = |listen| Options {
        profile: profile.clone(),
        listen,
        token: keys.token.clone(),
        control: keys.control.as_ref().map(|control| control.options.clone()),
        faults: faults.clone(),
        state: state.clone(),
        people: people.clone(),
        observer: observer(colour, log.as_ref().and_then(|(_, file)| file.try_clone().ok())),
    };
    let mut sandbox = listen.start(start).await?;
    banner.print(&sandbox, &keys.token).map_err(Failure::output)?;
    let keeper = folder.as_ref().map(|folder| Keeper {
        folder: Arc::clone(folder),
        profile,
    });
    serve(&mut sandbox, keeper.as_ref(), &stop).await?;
    Ok(exit::DONE)
}

/// Until the first signal; the state is saved meanwhile.
async fn serve(sandbox: &mut Sandbox, keeper: Option<&Keeper>, stop: &CancellationToken) -> Result<(), Failure> {
    let Some(keeper) = keeper else {
        stop.cancelled().await;
        sandbox.stop().await;
        return Ok(());
    };
    let mut effects = sandbox.effects();
    // The first time also before anything has happened: a folder that cannot be written to is known now.
    keeper.save(sandbox).await?;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = effects.changed() => {}
        }
        let began = Instant::now();
        if let Err(failure) = keeper.save(sandbox).await {
            // The rehearsal goes on; the next change tries again.
            let _ = writeln!(io::stderr(), "scimward: {}", failure.words);
        }
        let pause = began.elapsed().saturating_mul(SAVE_SHARE).max(SAVE_PAUSE);
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    sandbox.stop().await;
    keeper.save(sandbox).await
}

/// Writes the state.
struct Keeper {
    folder: Arc<Folder>,
    profile: String,
}

impl Keeper {
    async fn save(&self, sandbox: &Sandbox) -> Result<(), Failure> {
        let (cloud, control) = sandbox.state();
        let kept = Kept::new(&self.profile, sandbox.addr, cloud, control);
        let folder = Arc::clone(&self.folder);
        let saved = tokio::task::spawn_blocking(move || folder.save(&kept)).await;
        saved
            .map_err(|error| Failure::other(&error))?
            .map_err(|error| Failure::usage(format!("the sandbox's state cannot be saved: {error}")))
    }
}

/// The one named, the one of last time, or the usual one.
fn profile(options: &SandboxOptions, kept: Option<&Kept>) -> Result<String, Failure> {
    match (&options.profile, kept) {
        (Some(named), Some(kept)) if *named != kept.profile => Err(Failure::usage(format!(
            "the folder of --data holds a cloud with the rules of {}, not {named}: leave out --profile, or name \
             another folder",
            kept.profile
        ))),
        (Some(named), _) => Ok(named.clone()),
        (None, Some(kept)) => Ok(kept.profile.clone()),
        (None, None) => Ok(PROFILE.to_owned()),
    }
}

/// Where to listen.
struct Listen {
    address: SocketAddr,
    /// Any free port will do when this one is taken.
    otherwise_any: bool,
}

impl Listen {
    fn new(options: &SandboxOptions, kept: Option<&Kept>) -> Result<Self, Failure> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let Some(address) = options.listen else {
            let before = kept
                .map(|kept| kept.address)
                .filter(|address| address.ip().is_loopback());
            return Ok(Self {
                address: before.unwrap_or(any),
                otherwise_any: before.is_some(),
            });
        };
        if address.ip().is_loopback() || options.token_file.is_some() || options.allow_network {
            return Ok(Self {
                address,
                otherwise_any: false,
            });
        }
        Err(Failure::usage(format!(
            "--listen {address} can be reached from other machines, and what they send is not encrypted: name the token \
             they have to show with --token-file FILE, or say --allow-network to have one made; 127.0.0.1 is for this \
             machine alone"
        )))
    }

    async fn start(&self, options: impl Fn(SocketAddr) -> Options) -> Result<Sandbox, Failure> {
        let started = match Sandbox::start(options(self.address)).await {
            Err(StartError::Listen(address, _)) if self.otherwise_any => {
                let _ = writeln!(
                    io::stderr(),
                    "scimward: {address}, the address of last time, is taken; the endpoint changes"
                );
                Sandbox::start(options(SocketAddr::new(self.address.ip(), 0))).await
            }
            started => started,
        };
        started.map_err(|error| Failure::usage(super::chain(&error)))
    }
}

/// Those of `--seed-users`; nobody when there is a state already, which has them.
fn people(options: &SandboxOptions, restored: bool) -> Result<Vec<Value>, Failure> {
    let Some(path) = options.seed_users.as_deref().filter(|_| !restored) else {
        return Ok(Vec::new());
    };
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("--seed-users {}: {error}", path.display())))?;
    read_people(&text).map_err(|problem| Failure::usage(format!("--seed-users {} {problem}", path.display())))
}

/// The request log and its path.
fn log(options: &SandboxOptions, folder: Option<&Folder>) -> Result<Option<(PathBuf, File)>, Failure> {
    let path = options.log.clone().or_else(|| folder.map(Folder::log));
    let Some(path) = path else {
        return Ok(None);
    };
    match private(&path) {
        Ok(file) => Ok(Some((path, file))),
        Err(error) => Err(Failure::usage(format!("--log {}: {error}", path.display()))),
    }
}

/// A line on standard output and one in the log, both before the answer goes out.
fn observer(colour: bool, log: Option<File>) -> Observer {
    let log = Mutex::new(log);
    Box::new(move |record: &Record| {
        // Whoever reads standard output may have seen enough; the sandbox goes on.
        let _ = writeln!(io::stdout(), "{}", banner::line(record, colour));
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &mut *log
            && let Err(error) = file.write_all(format!("{}\n", record.json()).as_bytes())
        {
            let _ = writeln!(io::stderr(), "scimward: the request log ends here: {error}");
            *log = None;
        }
    })
}
