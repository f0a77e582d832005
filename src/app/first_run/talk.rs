//! The conversation: what is asked, in which order, and what each answer is held against.

use std::path::{Path, PathBuf};

use super::{
    answers::{Answers, Secret},
    ask::{Desk, Question, Stop, usage},
    control::{self, Switch},
    trial::{Trial, absolute, obstacle},
};
use crate::{
    cli::SetupOptions,
    outcome::exit,
    profile::Profile,
    report::{self, Findings, TextStyle},
    secret::SecretSource,
};

/// How an anonymous reader is called.
const ANONYMOUS: &str = "anonymous";

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

impl Talk<'_> {
    /// Where people go. What is to be done there comes at the end, when nothing else can go wrong.
    pub(super) fn cloud(&mut self) -> Result<Option<Switch>, Stop> {
        self.heading("The cloud: where people go")?;
        let names = Profile::NAMES.join(", ");
        let question = Question {
            flag: "--provider",
            words: &format!("Which cloud ({names})?"),
            default: None,
        };
        self.answer(
            question,
            self.options.provider.clone(),
            "[scim] profile",
            |answers, text| {
                answers.provider = text.to_owned();
            },
        )?;
        self.answers.ca_file = self.file(self.options.ca_file.as_deref())?;
        if self.options.enable && !control::is_known(&self.answers.provider) {
            return Err(usage(format!(
                "--enable: {} has no switch that is known here",
                self.answers.provider
            )));
        }
        if control::is_known(&self.answers.provider) && self.wants_switch()? {
            return control::ask(self).map(Some);
        }
        self.by_hand()?;
        Ok(None)
    }

    fn wants_switch(&mut self) -> Result<bool, Stop> {
        let by_hand = self.options.endpoint.is_some() || self.options.token_file.is_some();
        if self.options.enable || by_hand || !self.desk.is_attended() {
            return Ok(self.options.enable);
        }
        let words = "Switch provisioning on and make a token from here? It takes an access key of an administrator.";
        self.desk.confirm("--enable", words, false)
    }

    /// Provisioning was switched on elsewhere.
    fn by_hand(&mut self) -> Result<(), Stop> {
        let mut endpoint = (self.options.endpoint.clone(), None);
        let mut file = self.options.token_file.clone();
        loop {
            let question = Question {
                flag: "--endpoint",
                words: "The SCIM endpoint, as the cloud's console shows it:",
                default: endpoint.1.take(),
            };
            self.answer(question, endpoint.0.take(), "[scim] endpoint", |answers, text| {
                answers.endpoint = text.to_owned();
            })?;
            let token = self.secret("--token-file", "The SCIM token (not shown):", file.take())?;
            self.answers.token = Some(token);
            let found = self.trial.cloud(&self.answers).map_err(usage)?;
            match obstacle(&found) {
                Ok(()) => return self.show(&[found]),
                Err(reason) => self.desk.refused("--endpoint, --token-file", &reason, exit::PROVIDER)?,
            }
            endpoint.1 = Some(self.answers.endpoint.clone());
        }
    }

    /// Where people come from.
    pub(super) fn directory(&mut self) -> Result<(), Stop> {
        self.heading("The directory: where people come from")?;
        self.servers()?;
        self.reader()?;
        let question = Question {
            flag: "--preset",
            words: "What kind of directory (inetorgperson, active-directory)?",
            default: Some("inetorgperson".to_owned()),
        };
        self.answer(
            question,
            self.options.preset.clone(),
            "[users] preset",
            |answers, text| {
                answers.preset = text.to_owned();
            },
        )?;
        self.bases()
    }

    fn servers(&mut self) -> Result<(), Stop> {
        let (mut given, mut last) = (joined(&self.options.ldap_url), None);
        loop {
            let question = Question {
                flag: "--ldap-url",
                words: "Its servers (ldaps://…, several with a space in between):",
                default: last.take(),
            };
            self.answer(question, given.take(), "[ldap] urls", |answers, text| {
                answers.ldap_urls = list(text);
                // Whether it goes without is the next question.
                answers.start_tls = answers.ldap_urls.iter().any(|url| !url.starts_with("ldaps:"));
            })?;
            self.encryption()?;
            match self.trial.connect(&self.answers) {
                Ok(others) => {
                    for other in others {
                        self.desk.say(&format!("  {other}"))?;
                    }
                    return Ok(());
                }
                Err(reason) => self.desk.refused("--ldap-url", &reason, exit::DIRECTORY)?,
            }
            last = Some(self.answers.ldap_urls.join(" "));
        }
    }

    fn encryption(&mut self) -> Result<(), Stop> {
        let in_clear = self.answers.start_tls;
        self.answers.start_tls = self.options.start_tls;
        self.answers.ldap_ca_file = self.file(self.options.ldap_ca_file.as_deref())?;
        let needs = in_clear && !self.options.start_tls;
        if needs && self.desk.is_attended() {
            // Where it goes without, it is this machine.
            let demanded = self.trial.complaint(&self.answers, &["[ldap] urls"]).is_err();
            let words = "Encrypt ldap:// with StartTLS?";
            self.answers.start_tls = demanded || self.desk.confirm("--start-tls", words, false)?;
        }
        self.trial
            .complaint(&self.answers, &["[ldap] urls", "[ldap] start_tls"])
            .map_err(|reason| usage(format!("--ldap-url, --start-tls: {reason}")))?;
        let encrypted = self.answers.start_tls || self.answers.ldap_urls.iter().any(|url| url.starts_with("ldaps:"));
        if encrypted && self.options.ldap_ca_file.is_none() && self.desk.is_attended() {
            let question = Question {
                flag: "--ldap-ca-file",
                words: "Who signs for them (a PEM file; nothing for the system's authorities):",
                default: Some(String::new()),
            };
            self.answer(question, None, "[ldap] ca_file", |answers, text| {
                answers.ldap_ca_file = (!text.is_empty()).then(|| absolute(Path::new(text)).unwrap_or_default());
            })?;
        }
        Ok(())
    }

    fn reader(&mut self) -> Result<(), Stop> {
        let mut given = match self.options.anonymous {
            true => Some(ANONYMOUS.to_owned()),
            false => self.options.bind_dn.clone(),
        };
        let mut file = self.options.bind_password_file.clone();
        let mut last = None;
        loop {
            let question = Question {
                flag: "--bind-dn",
                words: "Who reads it (a DN; anonymous for nobody):",
                default: last.take(),
            };
            let dn = self.desk.ask(&question, given.take(), |text| Ok(text.to_owned()))?;
            self.answers.bind = match &*dn {
                ANONYMOUS => None,
                dn => {
                    let password = self.secret("--bind-password-file", "Its password (not shown):", file.take())?;
                    Some((dn.to_owned(), password))
                }
            };
            let tried = self.trial.complaint(&self.answers, &["[ldap] bind"]);
            match tried.and_then(|()| self.trial.bind(&self.answers)) {
                Ok(()) => return Ok(()),
                Err(reason) => self
                    .desk
                    .refused("--bind-dn, --bind-password-file", &reason, exit::DIRECTORY)?,
            }
            last = Some(dn);
        }
    }

    fn bases(&mut self) -> Result<(), Stop> {
        let (mut given, mut last) = (self.options.base.clone(), None);
        loop {
            let question = Question {
                flag: "--base",
                words: "Where are the people (a DN)?",
                default: last.take(),
            };
            // Names have spaces in them, so each has an option of its own.
            let bases = std::mem::take(&mut given);
            if bases.len() > 1 {
                self.answers.bases = bases;
                self.trial
                    .complaint(&self.answers, &["[users] base"])
                    .map_err(|reason| usage(format!("--base: {reason}")))?;
            } else {
                self.answer(question, bases.into_iter().next(), "[users] base", |answers, text| {
                    answers.bases = vec![text.to_owned()];
                })?;
            }
            let found = self.trial.directory(&self.answers).map_err(usage)?;
            self.show(&found)?;
            let obstacle = found.iter().try_for_each(obstacle);
            match obstacle {
                Ok(()) => return Ok(()),
                Err(reason) => self.desk.refused("--base", &reason, exit::DIRECTORY)?,
            }
            last = self.answers.bases.first().cloned();
        }
    }

    /// What is left.
    pub(super) fn rest(&mut self, state: Option<PathBuf>) -> Result<(), Stop> {
        self.heading("The rest")?;
        let question = Question {
            flag: "--leavers",
            words: "What happens to people who left (deactivate, delete, keep)?",
            default: Some("deactivate".to_owned()),
        };
        self.answer(
            question,
            self.options.leavers.clone(),
            "[leavers] action",
            |answers, text| {
                answers.leavers = text.to_owned();
            },
        )?;
        let question = Question {
            flag: "--cron",
            words: "When does the daemon run (minute hour day month weekday)?",
            default: Some("*/15 * * * *".to_owned()),
        };
        self.answer(
            question,
            self.options.cron.clone(),
            "[schedule] cron",
            |answers, text| {
                answers.cron = text.to_owned();
            },
        )?;
        let Some(state) = state else { return Ok(()) };
        let question = Question {
            flag: "--state",
            words: "Where is the memory of what was pushed (a folder of its own)?",
            default: Some(state.display().to_string()),
        };
        let given = self.options.state.as_ref().map(|path| path.display().to_string());
        self.answer(question, given, "[state] path", |answers, text| {
            answers.state = Some(absolute(Path::new(text)).unwrap_or_else(|_| PathBuf::from(text)));
        })
    }

    fn heading(&mut self, words: &str) -> Result<(), Stop> {
        if self.desk.is_attended() {
            self.desk.say(&format!("\n{words}"))?;
        }
        Ok(())
    }

    /// Asks, and holds the answer against the checks of the configuration for `key`.
    pub(super) fn answer(
        &mut self,
        question: Question<'_>,
        given: Option<String>,
        key: &str,
        mut put: impl FnMut(&mut Answers, &str),
    ) -> Result<(), Stop> {
        let (trial, before) = (self.trial, self.answers.clone());
        self.answers = self.desk.ask(&question, given, |text| {
            let mut answers = before.clone();
            put(&mut answers, text);
            trial.complaint(&answers, &[key]).map(|()| answers)
        })?;
        Ok(())
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

    fn file(&self, path: Option<&Path>) -> Result<Option<PathBuf>, Stop> {
        path.map(absolute).transpose().map_err(usage)
    }

    /// Shows what was found.
    pub(super) fn show(&mut self, findings: &[Findings]) -> Result<(), Stop> {
        let mut text = Vec::new();
        report::write_findings(&mut text, findings, self.style)?;
        self.desk.say(String::from_utf8_lossy(&text).trim_end())
    }
}

/// Addresses have no space in them.
fn list(text: &str) -> Vec<String> {
    let parts = text.split([' ', ',']).filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

fn joined(parts: &[String]) -> Option<String> {
    (!parts.is_empty()).then(|| parts.join(" "))
}
