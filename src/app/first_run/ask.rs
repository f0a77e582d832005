//! One question at a time, of a person or of the command line.

use std::io;

use secrecy::{ExposeSecret, SecretString};

use crate::outcome::exit;

/// Why the conversation ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// With words and an exit code.
    Failure(super::Failure),
    /// Nobody answers any more: the end of input.
    Gone,
    /// An answer is missing or wrong, and nobody can be asked: told at the end, with all the others.
    Noted,
}

/// Goes on after a mistake that is told later; nothing is the answer then.
pub(super) fn heard<T>(answer: Result<T, Stop>) -> Result<Option<T>, Stop> {
    match answer {
        Err(Stop::Noted) => Ok(None),
        answer => answer.map(Some),
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        // Unlike elsewhere a reader who has seen enough is an error: what was asked for is not done.
        Self::Failure(super::Failure {
            words: format!("what is said here cannot be shown: {error}"),
            code: exit::OBJECTS,
        })
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
    flag: &'a str,
    /// The question.
    words: &'a str,
    /// Taken when nothing is typed, and by those who do not ask.
    default: Option<String>,
}

impl<'a> Question<'a> {
    /// One that has to be answered.
    pub(super) fn new(flag: &'a str, words: &'a str) -> Self {
        Self {
            flag,
            words,
            default: None,
        }
    }

    /// The same with an answer to take when nothing is typed, if there is one.
    pub(super) fn or(self, default: Option<String>) -> Self {
        Self { default, ..self }
    }
}

/// Asks.
pub(super) struct Desk<'a> {
    /// Whom; nobody when everything has to be on the command line.
    person: Option<&'a mut dyn Terminal>,
    out: &'a mut dyn io::Write,
    /// What is missing or wrong, where nobody can be asked.
    mistakes: Vec<super::Failure>,
}

impl<'a> Desk<'a> {
    /// Asks `person`, if there is one; else tells `out`.
    pub(super) fn new(person: Option<&'a mut dyn Terminal>, out: &'a mut dyn io::Write) -> Self {
        Self {
            person,
            out,
            mistakes: Vec::new(),
        }
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
            let Some(answer) = given.or_else(|| question.default.clone()) else {
                return Err(self.missing(flag, question.words));
            };
            return check(&answer).map_err(|reason| {
                let words = match is_given {
                    true => format!("{flag}: {reason}"),
                    false => format!("{flag} is missing, and its default {answer} does not fit: {reason}"),
                };
                self.mistake(words, exit::USAGE)
            });
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
        let question = Question::new(flag, words).or(Some(default.to_owned()));
        self.ask(&question, None, |answer| match &*answer.to_lowercase() {
            "y" | "yes" => Ok(true),
            "n" | "no" => Ok(false),
            _ => Err("Please answer yes or no.".to_owned()),
        })
    }

    /// What nobody may see.
    pub(super) fn ask_hidden(&mut self, flag: &str, words: &str) -> Result<SecretString, Stop> {
        let Some(person) = &mut self.person else {
            return Err(self.missing(flag, words));
        };
        loop {
            let typed = person.read_hidden(&format!("{words} "))?.ok_or(Stop::Gone)?;
            if !typed.expose_secret().is_empty() {
                return Ok(typed);
            }
            person.say("  This one needs an answer.")?;
        }
    }

    /// An answer turned out wrong: says why and lets the person answer again.
    pub(super) fn refused(&mut self, flags: &str, reason: &str, code: u8) -> Result<(), Stop> {
        if self.is_attended() {
            return self.say(&format!("  {reason}"));
        }
        Err(self.mistake(format!("{flags}: {reason}"), code))
    }

    fn missing(&mut self, flag: &str, words: &str) -> Stop {
        let words = words.trim_end_matches(':').trim_end_matches(" (not shown)");
        self.mistake(format!("{flag} is missing: {words}"), exit::USAGE)
    }

    /// What no further question mends: the end of a conversation; otherwise it is kept for [`Desk::all_heard`].
    pub(super) fn mistake(&mut self, words: String, code: u8) -> Stop {
        let failure = super::Failure { words, code };
        if self.is_attended() {
            return Stop::Failure(failure);
        }
        self.mistakes.push(failure);
        Stop::Noted
    }

    /// Whether every answer was there and right.
    ///
    /// # Errors
    /// With all that was not, at once.
    pub(super) fn all_heard(&mut self) -> Result<(), Stop> {
        let mistakes = std::mem::take(&mut self.mistakes);
        // Like `scimward check`: what is wrong here comes before the directory, and that before the cloud.
        let Some(code) = mistakes.iter().map(|mistake| mistake.code).min() else {
            return Ok(());
        };
        let lines: Vec<String> = mistakes.into_iter().map(|mistake| mistake.words).collect();
        let words = match lines.as_slice() {
            [only] => only.clone(),
            several => format!(
                "{} things are missing or wrong:\n  {}",
                several.len(),
                lines.join("\n  ")
            ),
        };
        Err(Stop::Failure(super::Failure { words, code }))
    }
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
        Question::new("--number", "Which number?").or(default.map(str::to_owned))
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

    fn told(stop: Stop) -> String {
        match stop {
            Stop::Failure(failure) => format!("{} {}", failure.code, failure.words),
            stop => format!("{stop:?}"),
        }
    }

    #[test]
    fn without_a_person_what_is_missing_is_named() {
        let check = |given: Option<&str>, default: Option<&str>, expected: Result<u32, &str>| {
            let mut out = Vec::new();
            let mut desk = Desk::new(None, &mut out);
            let answer = heard(desk.ask(&number(default), given.map(str::to_owned), is_number)).unwrap();
            let all = desk.all_heard().map_err(told);
            assert_eq!(all.map(|()| answer.unwrap()), expected.map_err(str::to_owned));
        };
        check(Some("7"), None, Ok(7));
        check(None, Some("5"), Ok(5));
        check(Some("x"), Some("5"), Err("2 --number: x is no number"));
        check(
            None,
            Some("x"),
            Err("2 --number is missing, and its default x does not fit: x is no number"),
        );
        check(None, None, Err("2 --number is missing: Which number?"));
    }

    #[test]
    fn without_a_person_all_mistakes_are_told_at_once() {
        let mut out = Vec::new();
        let mut desk = Desk::new(None, &mut out);
        let refused = heard(desk.refused("--cloud", "it says no", exit::PROVIDER));
        let secret = heard(desk.ask_hidden("--token-file", "Token:"));
        assert!(refused.unwrap().is_none() && secret.unwrap().is_none());
        let expected = "2 2 things are missing or wrong:\n  --cloud: it says no\n  --token-file is missing: Token";
        assert_eq!(told(desk.all_heard().unwrap_err()), expected);
        let mut script = Script::default();
        let stop = Desk::new(Some(&mut script), &mut out).mistake("no".to_owned(), exit::PROVIDER);
        assert_eq!(told(stop), "4 no");
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
