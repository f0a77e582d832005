//! One question at a time, of a person or of the command line.

use std::io;

use secrecy::{ExposeSecret, SecretString};

/// Why the conversation ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// With words and an exit code.
    Failure(super::Failure),
    /// Nobody answers any more: the end of input.
    Gone,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Failure(super::Failure::output(error))
    }
}

/// What a person reads and types on.
pub(super) trait Terminal {
    /// Shows lines.
    fn say(&mut self, text: &str) -> io::Result<()>;
    /// Shows a prompt and reads a line, without what ends it; nothing at the end of input.
    fn read(&mut self, prompt: &str) -> io::Result<Option<String>>;
    /// The same for what nobody may see.
    fn read_hidden(&mut self, prompt: &str) -> io::Result<Option<SecretString>>;
}

/// One question.
pub(super) struct Question<'a> {
    /// The option that answers it.
    pub(super) flag: &'a str,
    /// The question.
    pub(super) words: &'a str,
    /// Taken when nothing is typed, and by those who do not ask.
    pub(super) default: Option<String>,
}

/// Asks.
pub(super) struct Desk<'a> {
    /// Whom; nobody when everything has to be on the command line.
    person: Option<&'a mut dyn Terminal>,
    out: &'a mut dyn io::Write,
}

impl<'a> Desk<'a> {
    /// Asks `person`, if there is one; else tells `out`.
    pub(super) fn new(person: Option<&'a mut dyn Terminal>, out: &'a mut dyn io::Write) -> Self {
        Self { person, out }
    }

    /// Whether anybody can be asked.
    pub(super) fn is_attended(&self) -> bool {
        self.person.is_some()
    }

    /// Says something.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Stop> {
        match &mut self.person {
            Some(person) => person.say(text)?,
            None => writeln!(self.out, "{text}")?,
        }
        Ok(())
    }

    /// The answer, from the command line when it is `given` there. What `check` refuses is asked again,
    /// with the reason.
    pub(super) fn ask<T>(
        &mut self,
        question: &Question<'_>,
        given: Option<String>,
        mut check: impl FnMut(&str) -> Result<T, String>,
    ) -> Result<T, Stop> {
        let flag = question.flag;
        let Some(person) = &mut self.person else {
            let is_given = given.is_some();
            let answer = given.or_else(|| question.default.clone());
            let answer = answer.ok_or_else(|| missing(flag, question.words))?;
            let wrong = |reason| match is_given {
                true => format!("{flag}: {reason}"),
                false => format!("{flag} is missing, and its default does not fit: {reason}"),
            };
            return check(&answer).map_err(|reason| usage(wrong(reason)));
        };
        if let Some(answer) = given {
            match check(&answer) {
                Ok(answer) => return Ok(answer),
                Err(reason) => person.say(&format!("{flag}: {reason}"))?,
            }
        }
        let default = question.default.as_deref().unwrap_or_default();
        let prompt = match default {
            "" => format!("{} ", question.words),
            default => format!("{} [{default}] ", question.words),
        };
        loop {
            let typed = person.read(&prompt)?.ok_or(Stop::Gone)?;
            let answer = match typed.trim() {
                "" => default,
                answer => answer,
            };
            if answer.is_empty() && question.default.is_none() {
                person.say("  This one needs an answer.")?;
                continue;
            }
            match check(answer) {
                Ok(answer) => return Ok(answer),
                Err(reason) => person.say(&format!("  {reason}"))?,
            }
        }
    }

    /// Yes or no.
    pub(super) fn confirm(&mut self, flag: &str, words: &str, default: bool) -> Result<bool, Stop> {
        let default = if default { "yes" } else { "no" };
        let question = Question {
            flag,
            words,
            default: Some(default.to_owned()),
        };
        self.ask(&question, None, |answer| match &*answer.to_lowercase() {
            "y" | "yes" => Ok(true),
            "n" | "no" => Ok(false),
            _ => Err("Please answer yes or no.".to_owned()),
        })
    }

    /// What nobody may see.
    pub(super) fn ask_hidden(&mut self, flag: &str, words: &str) -> Result<SecretString, Stop> {
        let Some(person) = &mut self.person else {
            return Err(missing(flag, words));
        };
        loop {
            let typed = person.read_hidden(&format!("{words} "))?.ok_or(Stop::Gone)?;
            if !typed.expose_secret().is_empty() {
                return Ok(typed);
            }
            person.say("  This one needs an answer.")?;
        }
    }

    /// An answer turned out wrong: says why and lets the person answer again, or ends where nobody can.
    pub(super) fn refused(&mut self, flags: &str, reason: &str, code: u8) -> Result<(), Stop> {
        if self.is_attended() {
            return self.say(&format!("  {reason}"));
        }
        Err(Stop::Failure(super::Failure {
            words: format!("{flags}: {reason}"),
            code,
        }))
    }
}

fn missing(flag: &str, words: &str) -> Stop {
    usage(format!("{flag} is missing ({})", words.trim_end_matches(['?', ':'])))
}

/// The end, for bad usage.
pub(super) fn usage(words: String) -> Stop {
    Stop::Failure(super::Failure::usage(words))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Answers from a list, and remembers what was said.
    #[derive(Default)]
    struct Script {
        answers: VecDeque<&'static str>,
        said: String,
    }

    impl Terminal for Script {
        fn say(&mut self, text: &str) -> io::Result<()> {
            self.said.push_str(text);
            self.said.push('\n');
            Ok(())
        }

        fn read(&mut self, prompt: &str) -> io::Result<Option<String>> {
            self.said.push_str(prompt);
            self.said.push('\n');
            Ok(self.answers.pop_front().map(str::to_owned))
        }

        fn read_hidden(&mut self, prompt: &str) -> io::Result<Option<SecretString>> {
            Ok(self.read(prompt)?.map(SecretString::from))
        }
    }

    fn number(default: Option<&str>) -> Question<'static> {
        Question {
            flag: "--number",
            words: "Which number?",
            default: default.map(str::to_owned),
        }
    }

    fn is_number(text: &str) -> Result<u32, String> {
        text.parse().map_err(|_| format!("{text} is no number"))
    }

    #[test]
    fn a_person_is_asked_until_the_answer_fits() {
        let check = |given: Option<&str>, default: Option<&str>, answers: &[&'static str], expected, said: &str| {
            let mut script = Script {
                answers: answers.iter().copied().collect(),
                ..Script::default()
            };
            let mut out = Vec::new();
            let mut desk = Desk::new(Some(&mut script), &mut out);
            let answer = desk.ask(&number(default), given.map(str::to_owned), is_number);
            assert_eq!(answer.ok(), expected, "{answers:?}");
            assert_eq!(script.said, said);
        };
        check(Some("7"), None, &[], Some(7), "");
        check(
            Some("x"),
            None,
            &["7"],
            Some(7),
            "--number: x is no number\nWhich number? \n",
        );
        check(None, Some("5"), &[""], Some(5), "Which number? [5] \n");
        check(
            None,
            None,
            &["", "y", " 8 "],
            Some(8),
            "Which number? \n  This one needs an answer.\nWhich number? \n  y is no number\nWhich number? \n",
        );
        check(None, None, &[], None, "Which number? \n");
    }

    #[test]
    fn without_a_person_what_is_missing_is_named() {
        let check = |given: Option<&str>, default: Option<&str>, expected: Result<u32, &str>| {
            let mut out = Vec::new();
            let answer = Desk::new(None, &mut out).ask(&number(default), given.map(str::to_owned), is_number);
            let answer = answer.map_err(|stop| match stop {
                Stop::Failure(failure) => format!("{} {}", failure.code, failure.words),
                Stop::Gone => "gone".to_owned(),
            });
            assert_eq!(answer, expected.map_err(str::to_owned));
        };
        check(Some("7"), None, Ok(7));
        check(None, Some("5"), Ok(5));
        check(Some("x"), Some("5"), Err("2 --number: x is no number"));
        check(None, None, Err("2 --number is missing (Which number)"));
        let mut out = Vec::new();
        assert!(Desk::new(None, &mut out).ask_hidden("--token-file", "Token:").is_err());
    }

    #[test]
    fn yes_or_no() {
        for (typed, expected) in [("", true), ("y", true), ("NO", false)] {
            let mut script = Script {
                answers: ["perhaps", typed].into(),
                ..Script::default()
            };
            let mut out = Vec::new();
            let answer = Desk::new(Some(&mut script), &mut out).confirm("--yes", "Really?", true);
            assert_eq!(answer.ok(), Some(expected), "{typed}");
        }
    }
}
