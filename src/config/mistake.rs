//! What is wrong with a configuration, for people.

use std::{fmt, path::PathBuf};

pub use super::excerpt::Excerpt;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is meant, as the file says it: `[ldap] page_size`. Empty when the text is not TOML.
    pub key: String,
    /// Where it stands; nothing when it is missing.
    pub at: Option<Excerpt>,
    /// What is wrong, with the value, and why.
    pub problem: String,
    /// What to do.
    pub mend: String,
}

/// Every mistake of a configuration file. Its `Display` is the whole report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The file.
    pub path: PathBuf,
    /// In the order of the file; what is missing comes last.
    pub mistakes: Vec<Mistake>,
    /// Further ones that are not listed.
    pub more: usize,
}

impl ConfigErrors {
    /// A file that could not even be read.
    pub(super) fn unreadable(path: PathBuf, problem: String, mend: impl Into<String>) -> Self {
        let mistake = Mistake {
            key: String::new(),
            at: None,
            problem,
            mend: mend.into(),
        };
        Self {
            path,
            mistakes: vec![mistake],
            more: 0,
        }
    }
}

impl ConfigErrors {
    /// The same for a log and for `systemctl status`, which have one line: without excerpts.
    #[must_use]
    pub fn one_line(&self) -> String {
        let mut parts = Vec::new();
        for mistake in &self.mistakes {
            let line = mistake.at.as_ref().map(|at| format!("line {}: ", at.line));
            let key = Some(&mistake.key).filter(|key| !key.is_empty());
            let key = key.map(|key| format!("{key}: "));
            let (line, key) = (line.unwrap_or_default(), key.unwrap_or_default());
            parts.push(format!("{line}{key}{}", mistake.problem));
        }
        if self.more > 0 {
            parts.push(format!("and {} more", self.more));
        }
        format!("{}: {}", self.path.display(), parts.join("; "))
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        // Not a mistake in the file, but no file: nothing to number.
        if let (
            [
                Mistake {
                    key,
                    at: None,
                    problem,
                    mend,
                },
            ],
            0,
        ) = (self.mistakes.as_slice(), self.more)
            && key.is_empty()
        {
            return write!(f, "the configuration {path} {problem}\n  to mend: {mend}");
        }
        match self.mistakes.len() + self.more {
            1 => writeln!(f, "one mistake in the configuration {path}")?,
            count => writeln!(f, "{count} mistakes in the configuration {path}")?,
        }
        for (index, mistake) in self.mistakes.iter().enumerate() {
            write!(f, "\n{}. ", index + 1)?;
            if !mistake.key.is_empty() {
                write!(f, "{}: ", mistake.key)?;
            }
            writeln!(f, "{}", mistake.problem)?;
            if let Some(at) = &mistake.at {
                writeln!(f, "  --> {path}:{}:{}", at.line, at.column)?;
                let gutter = at.line.to_string().len();
                writeln!(f, "  {:gutter$} |", "")?;
                writeln!(f, "  {} | {}", at.line, at.source)?;
                let (mark, mark_chars) = (at.mark, at.mark_chars);
                writeln!(f, "  {:gutter$} | {:mark$}{}", "", "", "^".repeat(mark_chars))?;
            }
            write!(f, "  to mend: {}", mistake.mend)?;
            if index + 1 < self.mistakes.len() {
                writeln!(f)?;
            }
        }
        if self.more > 0 {
            write!(f, "\n\nand {} more", self.more)?;
        }
        Ok(())
    }
}
