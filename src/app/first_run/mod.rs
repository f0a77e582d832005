//! `scimward setup`: from nothing to a configuration that works, question by question.
//!
//! Reading order: `talk` and `directory` (what is asked), `ask` (how), `trial` (each answer is tried out), `control` (the
//! cloud's own switch), `answers` (the file they make), `deed` (what is done in the end), `place` (how files get to
//! their places), `service` (which unit they are for).
//!
//! Nothing is written, and nothing done in the cloud, before everything was asked. From there to the last
//! file an interruption waits; then it ends what would follow.

mod answers;
mod ask;
mod control;
mod deed;
mod directory;
mod place;
mod progress;
mod service;
mod talk;
mod terminal;
mod trial;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::runtime::Handle;

use self::{
    answers::{Answers, LDAP_PASSWORD},
    ask::{Desk, Stop, heard, usage},
    control::Switch,
    progress::{Phase, Progress, interrupted},
    talk::{State, Talk},
    terminal::{Echo, Lines},
    trial::Trial,
};
use super::{
    Failure, chain,
    places::{self, SCIM_TOKEN},
    setup,
    signals::INTERRUPTED,
};
use crate::{
    cli::{Cli, DEFAULT_CONFIG, DryRun, SetupOptions},
    ldap::settings::Bind,
    logging::settings::LogSettings,
    outcome::exit,
    ports::{SharedObserver, Unwatched},
    report::TextStyle,
    secret::SecretSource,
};

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
    let (echo, progress) = (Echo::default(), Progress::new());
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
            match talked.map_err(|error| Failure::other(&error))?? {
                Some(code) => Err(left(true, code)),
                None if dry_run => show_dry_run(cli, &config).await,
                None => Ok(exit::DONE),
            }
        }
        code = interrupted(&progress) => {
            echo.show();
            Err(left(*progress.phase() == Phase::Done, code))
        }
    }
}

/// Somebody wanted it to end.
fn left(is_done: bool, code: u8) -> Failure {
    let words = match is_done {
        true => "interrupted; the configuration is written",
        false => "interrupted; nothing was written",
    };
    Failure {
        words: words.to_owned(),
        code,
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
    /// The exit code of whoever wanted an end that had to wait.
    fn talk(mut self) -> Result<Option<u8>, Failure> {
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
            Ok(asked) => Ok(asked),
            Err(Stop::Failure(failure)) => Err(failure),
            Err(Stop::Gone | Stop::Noted) => Err(Failure {
                words: "there are no more answers; nothing was written".to_owned(),
                code: INTERRUPTED,
            }),
        }
    }

    fn whole(&self, talk: &mut Talk<'_>) -> Result<Option<u8>, Stop> {
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
        if talk.systemd
            && let Err(reason) = service::obstacle(&self.config)
        {
            heard::<()>(Err(talk.desk.mistake(format!("--systemd: {reason}"), exit::USAGE)))?;
        }
        let switch = heard(talk.cloud())?.flatten();
        heard(talk.directory())?;
        heard(talk.rest(self.state(talk.systemd)))?;
        let places = self.places(talk, switch.is_some() || self.options.enable)?;
        talk.desk.all_heard()?;
        self.agree(talk, switch.as_ref(), &places)?;
        self.progress.act()?;
        self.act(talk, switch.as_ref())?;
        let asked = self.progress.done();
        self.close(talk, switch.as_ref())?;
        Ok(asked)
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

    /// Where secrets are, beside the configuration.
    fn secrets(&self, systemd: bool) -> PathBuf {
        service::secrets(&self.config, systemd)
    }

    /// The state of a service is where systemd puts it; any other is asked for.
    fn state(&self, systemd: bool) -> State {
        match systemd {
            true => State::OfService(service::state(&self.config)),
            false => State::Usual(self.config.with_file_name("state")),
        }
    }

    /// The files that are to be written, when they may be.
    fn places(&self, talk: &mut Talk<'_>, makes_token: bool) -> Result<Vec<PathBuf>, Stop> {
        let secrets = self.to_write(talk).map_err(usage)?;
        let mut places: Vec<PathBuf> = secrets.into_iter().map(|(path, _)| path).collect();
        if makes_token {
            places.push(self.secrets(talk.systemd).join(SCIM_TOKEN));
        }
        for path in &places {
            heard(self.may_write(talk, path))?;
        }
        places.push(self.config.clone());
        Ok(places)
    }

    /// Says what comes now; the last chance to leave.
    fn agree(&self, talk: &mut Talk<'_>, switch: Option<&Switch>, places: &[PathBuf]) -> Result<(), Stop> {
        if !talk.desk.is_attended() {
            return Ok(());
        }
        let cloud = switch.map(|switch| format!("  cloud   {}\n", switch.words()));
        let files = places.iter().map(|path| format!("  write   {}\n", path.display()));
        let list: String = cloud.into_iter().chain(files).collect();
        talk.desk.say(&format!("\nNow:\n{}", list.trim_end()))?;
        match talk.desk.confirm("--yes", "Go?", true)? {
            true => Ok(()),
            false => Err(Stop::Gone),
        }
    }

    /// What is left in the cloud, and the way on.
    fn close(&self, talk: &mut Talk<'_>, switch: Option<&Switch>) -> Result<(), Stop> {
        talk.desk.say(&format!("Written: {}", self.config.display()))?;
        if let Some(switch) = switch {
            for id in switch.earlier() {
                talk.desk.say(&format!(
                    "The token {id} was there before and still works. When nobody uses it any more, delete it:\n  {}",
                    switch.delete_command(id)
                ))?;
            }
        }
        let next = match talk.systemd {
            true => {
                let names = talk.answers.secrets().map(|(name, _)| name);
                let names: Vec<&str> = names.chain(switch.map(|_| SCIM_TOKEN)).collect();
                service::next(&self.config, &names)
            }
            false => {
                let program = places::program(&self.config);
                format!("{program} --sync-now    # one sync\n  {program}               # on the schedule")
            }
        };
        talk.desk.say(&format!("Next:\n  {next}"))
    }
}

/// The program with the new file. What systemd would hand to the service is read where it lies.
fn load(path: &Path) -> Result<setup::Setup, Failure> {
    let mut setup = setup::load(path).map_err(|error| Failure::usage(error.to_string()))?;
    let here = |source: &mut SecretSource, name: &str| {
        if matches!(source, SecretSource::Credential(_)) {
            *source = SecretSource::File(service::secrets(path, true).join(name));
        }
    };
    here(&mut setup.config.scim.token, SCIM_TOKEN);
    if let Bind::Simple { password, .. } = &mut setup.config.ldap.bind {
        here(password, LDAP_PASSWORD);
    }
    Ok(setup)
}

/// What a first sync would do. People who are rejected, and removals that would wait, are for the report: the
/// configuration is as good as it gets.
async fn show_dry_run(cli: &Cli, path: &Path) -> Result<u8, Failure> {
    let setup = load(path)?;
    let (order, output) = super::dry_run_order(cli, DryRun::default());
    let observer: SharedObserver = Arc::new(Unwatched);
    match super::give(cli, setup, order, output.as_deref(), observer).await? {
        exit::OBJECTS => {
            let program = places::program(path);
            let words = format!(
                "Whoever is listed as rejected is left out until the entry or the mapping is mended, and everybody else is \
                 pushed. To see them again: {program} --dry-run, and after a sync: {program} rejects"
            );
            writeln!(io::stdout(), "\n{words}").map_err(Failure::output)?;
            Ok(exit::DONE)
        }
        exit::HELD => Ok(exit::DONE),
        code => Ok(code),
    }
}
