//! What is wrong with a fault plan, for people.

use std::{fmt, ops::Range};

/// One mistake in one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultMistake {
    /// Which `--fault`, from 1.
    pub number: usize,
    /// The rule as written.
    pub text: String,
    /// Where in `text`, in bytes.
    pub at: Range<usize>,
    /// What is wrong, and why.
    pub problem: String,
    /// What to do.
    pub mend: String,
}

/// Every mistake of a fault plan. Its `Display` is the whole report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultMistakes(pub Vec<FaultMistake>);

impl std::error::Error for FaultMistakes {}

impl fmt::Display for FaultMistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("one mistake in the fault plan\n")?,
            count => writeln!(f, "{count} mistakes in the fault plan")?,
        }
        for (number, mistake) in (1_usize..).zip(&self.0) {
            write!(f, "\n{number}. {mistake}")?;
        }
        Ok(())
    }
}

impl fmt::Display for FaultMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A line end or a control character would break the picture, so it is a blank in it.
        let shown: String = self
            .text
            .chars()
            .map(|char| if char.is_control() { ' ' } else { char })
            .collect();
        let chars = |range: Range<usize>| self.text.get(range).map_or(0, |part| part.chars().count());
        let before = " ".repeat(chars(0..self.at.start));
        let mark = "^".repeat(chars(self.at.clone()).max(1));
        write!(
            f,
            "--fault number {}: {}\n    |\n    | {shown}\n    | {before}{mark}\n  to mend: {}\n",
            self.number, self.problem, self.mend
        )
    }
}

/// A mistake that does not know yet whose it is.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) at: Range<usize>,
    pub(super) problem: String,
    pub(super) mend: String,
}

impl Found {
    /// In the rule at `index`, which reads `text`.
    pub(super) fn of(self, index: usize, text: &str) -> FaultMistake {
        FaultMistake {
            number: index + 1,
            text: text.to_owned(),
            at: self.at,
            problem: self.problem,
            mend: self.mend,
        }
    }
}
