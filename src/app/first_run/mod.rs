//! `scimward setup`: from nothing to a configuration that works, question by question.
//!
//! Reading order: `talk` and `directory` (what is asked), `ask` (how), `trial` (each answer is tried out), `control` (the
//! cloud's own switch), `answers` (the file they make), `place` (how it gets to its place).
//!
//! Nothing is written, and nothing done in the cloud, before everything was asked. From there to the last
//! file an interruption waits.

mod answers;
mod ask;
mod control;
mod directory;
mod place;
mod talk;
mod terminal;
mod trial;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use secrecy::{ExposeSecret, SecretString};
use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
};

use self::{
    answers::{Answers, LDAP_PASSWORD, SCIM_TOKEN, Secret, Sources},
    ask::{Desk, Stop, heard, usage},
    control::{Made, Switch, Unfinished},
    place::{READABLE, SECRET, Waitlist},
    talk::Talk,
    terminal::{Echo, Lines},
    trial::Trial,
};
use super::{Failure, chain, check, setup};
use crate::{
    cli::{Cli, DEFAULT_CONFIG, DryRun, SetupOptions},
    cloud::TokenFile,
    ldap::settings::Bind,
    logging::settings::LogSettings,
    outcome::exit,
    ports::{SharedObserver, Unwatched},
    report::{Mark, TextStyle},
    secret::SecretSource,
};

/// The exit code after Ctrl-C (128 + `SIGINT`).
const INTERRUPTED: u8 = 130;
/// Where `scimward.service` finds the credentials, beside the configuration.
const SECRETS: &str = "credentials";
/// Nobody switches it off again: that would take effect on whoever has begun to use it.
const ON_NOW: &str = "; provisioning is switched on now, and stays on";

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Questions only.
    Asking,
    /// The cloud and the files are being changed: not to be interrupted.
    Acting,
    /// Everything is in its place.
    Done,
    /// Whoever asked is gone.
    Interrupted,
}

#[derive(Clone)]
struct Progress(Arc<Mutex<Phase>>);

impl Progress {
    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody interrupts from here on.
    fn act(&self) -> Result<(), Stop> {
        let mut phase = self.phase();
        if *phase == Phase::Interrupted {
            return Err(Stop::Gone);
        }
        *phase = Phase::Acting;
        Ok(())
    }

    fn done(&self) {
        *self.phase() = Phase::Done;
    }
}

/// Asks, tries, writes, and shows what a first sync would do.
///
/// # Errors
/// When an answer is missing or wrong and nobody can be asked, when something cannot be written, and when it
/// is interrupted.
pub(super) async fn run(cli: &Cli, options: SetupOptions) -> Result<u8, Failure> {
    // What goes wrong is part of the conversation.
    let quiet = LogSettings {
        level: "error".to_owned(),
        ..LogSettings::default()
    };
    super::start_log(cli, &quiet, &super::Progress::new(None))?;
    let config = std::path::absolute(&cli.options.config).map_err(|error| Failure::other(&error))?;
    // Ours, and not of the thread that may never end: it goes when we go.
    let folder = trial::folder().map_err(|error| Failure::other(&error))?;
    let (echo, progress) = (Echo::default(), Progress(Arc::new(Mutex::new(Phase::Asking))));
    let first_run = FirstRun {
        trial: Trial::new(folder.path().to_owned(), Handle::current()),
        lines: if options.yes { None } else { Lines::of_process(&echo) },
        style: super::style(cli),
        progress: progress.clone(),
        config: config.clone(),
        options,
    };
    let dry_run = !first_run.options.no_dry_run;
    let talking = tokio::task::spawn_blocking(move || first_run.talk());
    tokio::select! {
        talked = talking => {
            let code = talked.map_err(|error| Failure::other(&error))??;
            match (dry_run, code) {
                (true, exit::DONE) => show_dry_run(cli, &config).await,
                (_, code) => Ok(code),
            }
        }
        () = interrupted(&progress) => {
            echo.show();
            let done = *progress.phase() == Phase::Done;
            let words = if done { "interrupted; the configuration is written" } else { "interrupted; nothing was written" };
            Err(Failure { words: words.to_owned(), code: INTERRUPTED })
        }
    }
}

/// Returns once somebody wants it to end and it may.
async fn interrupted(progress: &Progress) {
    let signals = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    );
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = signals else {
        return std::future::pending().await;
    };
    loop {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {}, _ = hangup.recv() => {} }
        let mut phase = progress.phase();
        match *phase {
            Phase::Acting => {}
            Phase::Asking => {
                *phase = Phase::Interrupted;
                return;
            }
            Phase::Done | Phase::Interrupted => return,
        }
    }
}

struct FirstRun {
    trial: Trial,
    lines: Option<Lines>,
    style: TextStyle,
    progress: Progress,
    config: PathBuf,
    options: SetupOptions,
}

impl FirstRun {
    fn talk(mut self) -> Result<u8, Failure> {
        let mut lines = self.lines.take();
        let person = lines.as_mut().map(|lines| lines as &mut dyn ask::Terminal);
        let mut out = io::stdout();
        let mut talk = Talk {
            desk: Desk::new(person, &mut out),
            options: &self.options,
            trial: &self.trial,
            style: self.style,
            systemd: self.options.systemd,
            answers: Answers::default(),
        };
        match self.whole(&mut talk) {
            Ok(code) => Ok(code),
            Err(Stop::Failure(failure)) => Err(failure),
            Err(Stop::Gone | Stop::Noted) => Err(Failure {
                words: "there are no more answers; nothing was written".to_owned(),
                code: INTERRUPTED,
            }),
        }
    }

    fn whole(&self, talk: &mut Talk<'_>) -> Result<u8, Stop> {
        if talk.desk.is_attended() {
            talk.desk.say(
                "This makes a configuration for Scimward. Each answer is tried out at once; nothing is written \
                 before the end, and Ctrl-C leaves everything as it is.",
            )?;
        }
        heard(self.may_write(talk, &self.config))?;
        if talk.desk.is_attended() && !talk.systemd && self.config == Path::new(DEFAULT_CONFIG) {
            talk.systemd = talk
                .desk
                .confirm("--systemd", "Is it for the service scimward.service?", true)?;
        }
        let switch = heard(talk.cloud())?.flatten();
        heard(talk.directory())?;
        let state = self.config.with_file_name("state");
        heard(talk.rest((!talk.systemd).then_some(state)))?;
        talk.desk.all_heard()?;
        self.agree(talk, switch.as_ref())?;
        self.progress.act()?;
        self.act(talk, switch.as_ref())?;
        self.progress.done();
        self.close(talk, switch.is_some())
    }

    /// Whether a file may be in the place of `path`.
    fn may_write(&self, talk: &mut Talk<'_>, path: &Path) -> Result<(), Stop> {
        if self.options.force || !place::is_there(path) {
            return Ok(());
        }
        let there = format!("{} is there already", path.display());
        if talk.desk.is_attended()
            && talk
                .desk
                .confirm("--force", &format!("{there}. Overwrite it?"), false)?
        {
            return Ok(());
        }
        let words = format!("{there}; name another file with --config, or say --force");
        Err(talk.desk.mistake(words, exit::USAGE))
    }

    fn secrets(&self) -> PathBuf {
        self.config.with_file_name(SECRETS)
    }

    /// Secrets that get a file: those that have none, and all of them for a service that finds its
    /// credentials in one folder.
    fn to_write(&self, talk: &Talk<'_>) -> Result<Vec<(PathBuf, SecretString)>, Stop> {
        let mut files = Vec::new();
        for (name, secret) in talk.answers.secrets() {
            let path = self.secrets().join(name);
            match secret {
                Secret::Text(text) => files.push((path, text.clone())),
                Secret::File(file) if talk.systemd && *file != path => {
                    let text = SecretSource::File(file.clone()).read();
                    let text = text.map_err(|error| usage(error.to_string()))?;
                    files.push((path, text));
                }
                Secret::File(_) => {}
            }
        }
        Ok(files)
    }

    /// Says what comes now; the last chance to leave.
    fn agree(&self, talk: &mut Talk<'_>, switch: Option<&Switch>) -> Result<(), Stop> {
        let mut places: Vec<PathBuf> = self.to_write(talk)?.into_iter().map(|(path, _)| path).collect();
        if switch.is_some() {
            places.push(self.secrets().join(SCIM_TOKEN));
        }
        for path in &places {
            self.may_write(talk, path)?;
        }
        if !talk.desk.is_attended() {
            return Ok(());
        }
        places.push(self.config.clone());
        let cloud = switch.map(|switch| format!("  cloud   {}\n", switch.words()));
        let files = places.iter().map(|path| format!("  write   {}\n", path.display()));
        let list: String = cloud.into_iter().chain(files).collect();
        talk.desk.say(&format!("\nNow:\n{}", list.trim_end()))?;
        match talk.desk.confirm("--yes", "Go?", true)? {
            true => Ok(()),
            false => Err(Stop::Gone),
        }
    }

    /// Everything that changes something. When a part of it fails no new file is left, and no token that nobody
    /// has; what stays is said: provisioning that is on, and a token in the place of another.
    fn act(&self, talk: &mut Talk<'_>, switch: Option<&Switch>) -> Result<(), Stop> {
        place::prepare(&self.config, 0o755).map_err(usage)?;
        place::prepare(&self.secrets().join(SCIM_TOKEN), 0o700).map_err(usage)?;
        let runtime = talk.trial.runtime().clone();
        let Some(switch) = switch else {
            return self.write(talk, None).map_err(usage);
        };
        talk.desk
            .say("Switching provisioning on and making the token; this is not interrupted.")?;
        let made = switch.flip(&runtime).map_err(|Unfinished { error, is_on_now }| {
            let left = if is_on_now { ON_NOW } else { "" };
            Stop::Failure(Failure {
                words: format!("{}{left}", chain(&error)),
                code: error.exit_code(),
            })
        })?;
        talk.answers.endpoint = Some(made.endpoint.clone());
        self.write(talk, Some(&made)).map_err(|words| {
            let left = if switch.turns_on() { ON_NOW } else { "" };
            usage(format!("{words}{}{left}", self.withdraw(switch, &made, &runtime)))
        })
    }

    /// Takes a token back whose configuration is not written, unless it replaced another one in its file:
    /// then that file would hold no token that works. What is left, in words.
    fn withdraw(&self, switch: &Switch, made: &Made, runtime: &Handle) -> String {
        let (path, id) = (self.secrets().join(SCIM_TOKEN), &made.token.id);
        let there = SecretSource::File(path.clone()).read();
        if there.is_ok_and(|there| there.expose_secret() == made.text.expose_secret()) {
            return format!("; the new token {id} is in {} and works", path.display());
        }
        match switch.take_back(&made.token, runtime) {
            Ok(()) => String::new(),
            Err(error) => format!("; the token {id} is left over in the cloud: {}", chain(&error)),
        }
    }

    /// Secrets first: a configuration that is there works.
    fn write(&self, talk: &Talk<'_>, made: Option<&Made>) -> Result<(), String> {
        let sources = match talk.systemd {
            true => Sources::Credentials,
            false => Sources::Folder(self.secrets()),
        };
        let mut secrets = Waitlist::default();
        let files = self.to_write(talk).map_err(|stop| match stop {
            Stop::Failure(failure) => failure.words,
            Stop::Gone | Stop::Noted => "nobody answers".to_owned(),
        })?;
        for (path, text) in files {
            secrets.add(&path, text.expose_secret(), SECRET)?;
        }
        let mut config = Waitlist::default();
        config.add(&self.config, &talk.answers.render(&sources), READABLE)?;
        let mut written = secrets.settle()?;
        let token = made.map_or(Ok(()), |Made { token, text, .. }| {
            let path = self.secrets().join(SCIM_TOKEN);
            let note = path.with_file_name(format!("{SCIM_TOKEN}.json"));
            // What replaced another token stays, and so does its note.
            if !place::is_there(&path) {
                written.extend([path.clone(), note].into_iter().filter(|file| !place::is_there(file)));
            }
            let put = TokenFile::open(&path).and_then(|file| file.replace(token, text));
            put.map_err(|error| error.to_string())
        });
        token.and_then(|()| config.settle().map(drop)).inspect_err(|_| {
            place::remove(&written);
        })
    }

    /// A token that was made just now is used once, and the way on is shown.
    fn close(&self, talk: &mut Talk<'_>, is_new: bool) -> Result<u8, Stop> {
        talk.desk.say(&format!("Written: {}", self.config.display()))?;
        let setup = load(&self.config).map_err(Stop::Failure)?;
        if is_new {
            let found = talk.trial.runtime().block_on(check::cloud(&setup));
            let is_refused = found.list.iter().any(|finding| finding.mark == Mark::Fail);
            talk.show(&[found])?;
            if is_refused {
                talk.desk
                    .say("A new token may take a moment. Try it again in a minute: scimward check")?;
                return Ok(exit::PROVIDER);
            }
        }
        let config = match self.config == Path::new(DEFAULT_CONFIG) {
            true => String::new(),
            false => format!(" --config {}", self.config.display()),
        };
        let next = match talk.systemd {
            true => "sudo systemctl start scimward-sync          # one sync\n  \
                     sudo systemctl enable --now scimward        # from now on, on the schedule"
                .to_owned(),
            false => {
                format!("scimward{config} --sync-now    # one sync\n  scimward{config}               # on the schedule")
            }
        };
        talk.desk.say(&format!("Next:\n  {next}"))?;
        Ok(exit::DONE)
    }
}

/// The program with the new file. What systemd would hand to the service is read where it lies.
fn load(path: &Path) -> Result<setup::Setup, Failure> {
    let mut setup = setup::load(path).map_err(|error| Failure::usage(error.to_string()))?;
    let here = |source: &mut SecretSource, name: &str| {
        if matches!(source, SecretSource::Credential(_)) {
            *source = SecretSource::File(path.with_file_name(SECRETS).join(name));
        }
    };
    here(&mut setup.config.scim.token, SCIM_TOKEN);
    if let Bind::Simple { password, .. } = &mut setup.config.ldap.bind {
        here(password, LDAP_PASSWORD);
    }
    Ok(setup)
}

/// What a first sync would do.
async fn show_dry_run(cli: &Cli, path: &Path) -> Result<u8, Failure> {
    let setup = load(path)?;
    let (order, output) = super::dry_run_order(cli, DryRun::default());
    let observer: SharedObserver = Arc::new(Unwatched);
    super::give(cli, setup, order, output.as_deref(), observer).await
}
