//! The conversation: what is asked, in which order, and what each answer is held against. The directory's part
//! is in `directory`.

use std::path::{Path, PathBuf};

use super::{
    answers::{Answers, Secret},
    ask::{Desk, Question, Stop, heard, usage},
    control::{self, Switch},
    trial::{Trial, absolute, obstacle},
};
use crate::{
    app::places::folder_of,
    cli::SetupOptions,
    outcome::exit,
    profile::Profile,
    report::{self, Findings, TextStyle},
    secret::SecretSource,
};

/// One first run.
pub(super) struct Talk<'a> {
    pub(super) desk: Desk<'a>,
    pub(super) options: &'a SetupOptions,
    pub(super) trial: &'a Trial,
    pub(super) style: TextStyle,
    /// The configuration is for `scimward.service`.
    pub(super) systemd: bool,
    pub(super) answers: Answers,
}

/// Where the memory of what was pushed is.
pub(super) enum State {
    /// To be asked for; the usual place.
    Usual(PathBuf),
    /// Where systemd puts it. Nothing: where the program looks by itself.
    OfService(Option<PathBuf>),
}

impl Talk<'_> {
    /// Where people go. What is to be done there comes at the end, when nothing else can go wrong.
    pub(super) fn cloud(&mut self) -> Result<Option<Switch>, Stop> {
        self.heading("The cloud: where people go")?;
        let words = format!("Which cloud ({})?", Profile::NAMES.join(", "));
        let named = heard(self.answer(
            &Question::new("--provider", &words),
            self.options.provider.clone(),
            "[scim] profile",
            |answers, text| answers.provider = text.to_owned(),
        ))?;
        heard(self.authorities(
            "--ca-file",
            self.options.ca_file.as_deref(),
            "[scim] ca_file",
            |answers, file| answers.ca_file = file,
        ))?;
        if named.is_none() && self.options.enable {
            return Err(Stop::Noted);
        }
        let is_known = control::is_known(&self.answers.provider);
        if self.options.enable && !is_known {
            let words = format!("--enable: {} has no switch that is known here", self.answers.provider);
            return Err(self.desk.mistake(words, exit::USAGE));
        }
        if is_known && self.wants_switch()? {
            return control::ask(self).map(Some);
        }
        self.by_hand(named.is_some()).map(|()| None)
    }

    fn wants_switch(&mut self) -> Result<bool, Stop> {
        let by_hand = self.options.endpoint.is_some() || self.options.token_file.is_some();
        if self.options.enable || by_hand || !self.desk.is_attended() {
            return Ok(self.options.enable);
        }
        let words = "Switch provisioning on and make a token from here? It takes an access key of an administrator.";
        self.desk.confirm("--enable", words, false)
    }

    /// Provisioning was switched on elsewhere. It is tried out only for a cloud that is known by name.
    fn by_hand(&mut self, is_named: bool) -> Result<(), Stop> {
        let idle = self.options.idle_without_enable();
        if !idle.is_empty() {
            let words = format!(
                "{}: of use only with --enable, which switches provisioning on and makes the token; leave it out, or say \
                 --enable",
                idle.join(", ")
            );
            heard::<()>(Err(self.desk.mistake(words, exit::USAGE)))?;
        }
        let mut question = Question::new("--endpoint", "The SCIM endpoint, as the cloud's console shows it:");
        let mut given = self.options.endpoint.clone();
        let mut file = self.options.token_file.clone();
        loop {
            let endpoint = heard(
                self.answer(&question, given.take(), "[scim] endpoint", |answers, text| {
                    answers.endpoint = Some(text.to_owned());
                }),
            )?;
            let token = heard(self.secret("--token-file", "The SCIM token (not shown):", file.take()))?;
            let (Some(()), Some(token), true) = (endpoint, token, is_named) else {
                return Err(Stop::Noted);
            };
            self.answers.token = Some(token);
            let found = self.trial.cloud(&self.answers).map_err(usage)?;
            if self.weigh("--endpoint, --token-file", &[found], exit::PROVIDER)? {
                return Ok(());
            }
            question = question.or(self.answers.endpoint.clone());
        }
    }

    /// What is left.
    pub(super) fn rest(&mut self, state: State) -> Result<(), Stop> {
        self.heading("The rest")?;
        let question = Question::new(
            "--leavers",
            "What happens to people who left (deactivate, delete, keep)?",
        );
        heard(self.answer(
            &question.or(Some("deactivate".to_owned())),
            self.options.leavers.clone(),
            "[leavers] action",
            |answers, text| answers.leavers = text.to_owned(),
        ))?;
        let question = Question::new("--cron", "When does the daemon run (minute hour day month weekday)?");
        heard(self.answer(
            &question.or(Some("*/15 * * * *".to_owned())),
            self.options.cron.clone(),
            "[schedule] cron",
            |answers, text| answers.cron = text.to_owned(),
        ))?;
        match state {
            State::Usual(usual) => self.state(&usual),
            State::OfService(state) => {
                self.answers.state = state;
                Ok(())
            }
        }
    }

    /// As `scimward check` looks at it.
    fn state(&mut self, usual: &Path) -> Result<(), Stop> {
        let question = Question::new(
            "--state",
            "Where is the memory of what was pushed (a folder of its own)?",
        );
        let given = self.options.state.as_ref().map(|path| path.display().to_string());
        let question = question.or(Some(usual.display().to_string()));
        let (trial, before) = (self.trial, self.answers.clone());
        self.answers = self.desk.ask(&question, given, |text| {
            let answers = Answers {
                state: Some(absolute(Path::new(text))?),
                ..before.clone()
            };
            trial.complaint(&answers, &["[state] path"])?;
            trial.state(&answers, folder_of(usual)).map(|()| answers)
        })?;
        Ok(())
    }

    pub(super) fn heading(&mut self, words: &str) -> Result<(), Stop> {
        if self.desk.is_attended() {
            self.desk.say(&format!("\n{words}"))?;
        }
        Ok(())
    }

    /// Asks, and holds the answer against the checks of the configuration for `key`. A wrong one leaves the
    /// answers as they were.
    pub(super) fn answer(
        &mut self,
        question: &Question<'_>,
        given: Option<String>,
        key: &str,
        mut put: impl FnMut(&mut Answers, &str),
    ) -> Result<(), Stop> {
        let (trial, before) = (self.trial, self.answers.clone());
        self.answers = self.desk.ask(question, given, |text| {
            let mut answers = before.clone();
            put(&mut answers, text);
            trial.complaint(&answers, &[key]).map(|()| answers)
        })?;
        Ok(())
    }

    /// Who signs, when the command line says so.
    pub(super) fn authorities(
        &mut self,
        flag: &str,
        given: Option<&Path>,
        key: &str,
        mut put: impl FnMut(&mut Answers, Option<PathBuf>),
    ) -> Result<(), Stop> {
        let Some(given) = given else { return Ok(()) };
        let words = "Who signs (a PEM file; nothing for the system's authorities):";
        let question = Question::new(flag, words).or(Some(String::new()));
        self.answer(&question, Some(given.display().to_string()), key, |answers, text| {
            put(answers, file_of(text));
        })
    }

    /// A secret: in the file that was named, or typed.
    pub(super) fn secret(&mut self, flag: &str, words: &str, file: Option<PathBuf>) -> Result<Secret, Stop> {
        if let Some(file) = file {
            let path = absolute(&file).map_err(usage)?;
            match SecretSource::File(path.clone()).read() {
                Ok(_) => return Ok(Secret::File(path)),
                Err(error) => self.desk.refused(flag, &error.to_string(), exit::USAGE)?,
            }
        }
        self.desk.ask_hidden(flag, words).map(Secret::Text)
    }

    /// Whether what was found is good enough to go on; it is told in either case.
    pub(super) fn weigh(&mut self, flags: &str, found: &[Findings], code: u8) -> Result<bool, Stop> {
        match obstacle(found) {
            Err(reason) if !self.desk.is_attended() => Err(self.desk.mistake(format!("{flags}: {reason}"), code)),
            good => self.show(found).map(|()| good.is_ok()),
        }
    }

    /// Shows what was found.
    pub(super) fn show(&mut self, findings: &[Findings]) -> Result<(), Stop> {
        let mut text = Vec::new();
        report::write_groups(&mut text, findings, self.style)?;
        self.desk.say(String::from_utf8_lossy(&text).trim_end())
    }
}

/// The file that was answered; nothing where no answer is one.
pub(super) fn file_of(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| absolute(Path::new(text)).unwrap_or_else(|_| PathBuf::from(text)))
}
