//! The directory's part of the conversation: each answer is tried out on the servers. What depends on an answer
//! that was wrong is asked, and not tried.

use super::{
    ask::{Question, Stop, heard, usage},
    talk::{Talk, file_of},
};
use crate::outcome::exit;

/// How an anonymous reader is called.
const ANONYMOUS: &str = "anonymous";

impl Talk<'_> {
    /// Where people come from.
    pub(super) fn directory(&mut self) -> Result<(), Stop> {
        self.heading("The directory: where people come from")?;
        let reached = heard(self.servers())?.is_some();
        let read = heard(self.reader(reached))?.is_some();
        let question = Question::new("--preset", "What kind of directory (inetorgperson, active-directory)?");
        let preset = heard(self.answer(
            &question.or(Some("inetorgperson".to_owned())),
            self.options.preset.clone(),
            "[users] preset",
            |answers, text| answers.preset = text.to_owned(),
        ))?;
        self.bases(read && preset.is_some())
    }

    fn servers(&mut self) -> Result<(), Stop> {
        let mut question = Question::new(
            "--ldap-url",
            "Its servers (ldaps://…, several with a space in between):",
        );
        let mut given = joined(&self.options.ldap_url);
        let mut is_first = true;
        loop {
            let urls = heard(self.answer(&question, given.take(), "[ldap] urls", |answers, text| {
                answers.ldap_urls = list(text);
                // Whether it goes without is the next question.
                answers.start_tls = answers.ldap_urls.iter().any(|url| !url.starts_with("ldaps:"));
            }))?;
            let signed = heard(self.encryption(is_first, urls.is_some()))?;
            let (Some(()), Some(())) = (urls, signed) else {
                return Err(Stop::Noted);
            };
            match self.trial.connect(&self.answers) {
                Ok(others) => return others.iter().try_for_each(|other| self.desk.say(&format!("  {other}"))),
                Err(reason) => self.desk.refused("--ldap-url", &reason, exit::DIRECTORY)?,
            }
            is_first = false;
            question = question.or(Some(self.answers.ldap_urls.join(" ")));
        }
    }

    /// By the command line the first time, then by the person, if there is one. `is_known` is whether there are
    /// servers to speak of.
    fn encryption(&mut self, is_first: bool, is_known: bool) -> Result<(), Stop> {
        let given = self.options.ldap_ca_file.as_deref().filter(|_| is_first);
        self.answers.ldap_ca_file = None;
        heard(
            self.authorities("--ldap-ca-file", given, "[ldap] ca_file", |answers, file| {
                answers.ldap_ca_file = file;
            }),
        )?;
        if !is_known {
            return Err(Stop::Noted);
        }
        let in_clear = self.answers.start_tls;
        self.answers.start_tls = self.options.start_tls;
        let needs = in_clear && !self.options.start_tls;
        if needs && self.desk.is_attended() {
            // Where it goes without, it is this machine.
            let demanded = self.trial.complaint(&self.answers, &["[ldap] urls"]).is_err();
            let words = "Encrypt ldap:// with StartTLS?";
            self.answers.start_tls = demanded || self.desk.confirm("--start-tls", words, false)?;
        }
        if let Err(reason) = self
            .trial
            .complaint(&self.answers, &["[ldap] urls", "[ldap] start_tls"])
        {
            let words = format!("--ldap-url, --start-tls: {reason}");
            return Err(self.desk.mistake(words, exit::USAGE));
        }
        let encrypted = self.answers.start_tls || self.answers.ldap_urls.iter().any(|url| url.starts_with("ldaps:"));
        if !encrypted || given.is_some() || !self.desk.is_attended() {
            return Ok(());
        }
        let question = Question::new(
            "--ldap-ca-file",
            "Who signs for them (a PEM file; nothing for the system's authorities):",
        );
        self.answer(
            &question.or(Some(String::new())),
            None,
            "[ldap] ca_file",
            |answers, text| {
                answers.ldap_ca_file = file_of(text);
            },
        )
    }

    /// Tries the reader out when a server can be `reached`.
    fn reader(&mut self, reached: bool) -> Result<(), Stop> {
        let mut question = Question::new("--bind-dn", "Who reads it (a DN; anonymous for nobody):");
        let mut given = match self.options.anonymous {
            true => Some(ANONYMOUS.to_owned()),
            false => self.options.bind_dn.clone(),
        };
        let mut file = self.options.bind_password_file.clone();
        loop {
            let dn = heard(self.desk.ask(&question, given.take(), |text| Ok(text.to_owned())))?;
            let password = match dn.as_deref() {
                Some(ANONYMOUS) => None,
                _ => heard(self.secret("--bind-password-file", "Its password (not shown):", file.take()))?,
            };
            let dn = dn.ok_or(Stop::Noted)?;
            self.answers.bind = match (&*dn, password) {
                (ANONYMOUS, _) => None,
                (_, None) => return Err(Stop::Noted),
                (_, Some(password)) => Some((dn.clone(), password)),
            };
            let tried = self.trial.complaint(&self.answers, &["[ldap] bind"]);
            let tried = tried.and_then(|()| match reached {
                true => self.trial.bind(&self.answers).map(Some),
                false => Ok(None),
            });
            match tried {
                Ok(tried) => return tried.ok_or(Stop::Noted),
                Err(reason) => self
                    .desk
                    .refused("--bind-dn, --bind-password-file", &reason, exit::DIRECTORY)?,
            }
            question = question.or(Some(dn));
        }
    }

    /// Searches them when somebody can `read`.
    fn bases(&mut self, read: bool) -> Result<(), Stop> {
        let mut question = Question::new("--base", "Where are the people (a DN)?");
        let mut given = self.options.base.clone();
        loop {
            // Names have spaces in them, so each has an option of its own.
            let bases = std::mem::take(&mut given);
            if bases.len() > 1 {
                self.answers.bases = bases;
                if let Err(reason) = self.trial.complaint(&self.answers, &["[users] base"]) {
                    return Err(self.desk.mistake(format!("--base: {reason}"), exit::USAGE));
                }
            } else {
                self.answer(&question, bases.into_iter().next(), "[users] base", |answers, text| {
                    answers.bases = vec![text.to_owned()];
                })?;
            }
            if !read {
                return Err(Stop::Noted);
            }
            let found = self.trial.directory(&self.answers).map_err(usage)?;
            if self.weigh("--base", &found, exit::DIRECTORY)? {
                return Ok(());
            }
            question = question.or(self.answers.bases.first().cloned());
        }
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
