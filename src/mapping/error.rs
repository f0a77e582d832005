//! Mistakes in the mapping, as the operator is told of them.

/// One mistake in the mapping rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}; {hint}")]
pub struct RuleError {
    /// Where: `users.map.displayName`, `users.override[2].set.title`, `users.anchor`.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

/// What is wrong and how to mend it, before it is known where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub message: String,
    pub hint: String,
}

impl Mistake {
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
        }
    }

    pub fn at(self, key: &str) -> RuleError {
        RuleError {
            key: key.to_owned(),
            message: self.message,
            hint: self.hint,
        }
    }
}

/// The candidate most like `written`, when one is like it at all.
pub(super) fn most_like<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LIKE: f64 = 0.8;
    let written = written.to_ascii_lowercase();
    let score = |candidate: &str| strsim::jaro_winkler(&written, &candidate.to_ascii_lowercase());
    candidates
        .into_iter()
        .map(|candidate| (score(candidate), candidate))
        .filter(|(score, _)| *score >= LIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
