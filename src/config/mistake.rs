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
