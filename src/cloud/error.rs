//! What can go wrong with a control plane, in words for the operator: what the provider said, under which
//! code and request id, and what to do.

use std::fmt;

use chrono::TimeDelta;

/// Why a call of a control plane did not work.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// Something is missing from, or wrong in, what the operator set.
    #[error("{0}")]
    Settings(String),
    /// An access key, secret key or token cannot be read.
    #[error("{0}")]
    Keys(String),
    /// No connection, also after repetition; nothing has happened there.
    #[error("{host} cannot be reached: {why}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// In words.
        why: String,
    },
    /// The request went out and no answer came: unless it only read, it may have taken effect.
    #[error("the answer of {host} was lost: {why}{}", if *reads { "" } else { "; it may have taken effect, so look before you repeat it" })]
    Lost {
        /// Host and port.
        host: String,
        /// In words.
        why: String,
        /// The request changes nothing.
        reads: bool,
    },
    /// The provider said no.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The provider said no because the clocks differ.
    #[error("the clock of this machine is {} {host}, more than a signature allows (15 minutes): set it right, best with NTP ({refusal})", Skew(*skew))]
    Clock {
        /// Our clock less the provider's.
        skew: TimeDelta,
        /// Host and port.
        host: String,
        /// What was said.
        refusal: Box<Refusal>,
    },
    /// There are as many tokens as there may be; none was asked for.
    #[error("there are two tokens already ({}), and the provider allows no more: delete the one that is not in use, or use `rotate`, which does it for you", ids.join(", "))]
    TooManyTokens {
        /// Their ids.
        ids: Vec<String>,
    },
    /// A token was made, and its text is lost with the answer.
    #[error("a token was made, but the answer with its text was lost ({why}): delete {} and try again", ids.join(", "))]
    TokenLost {
        /// Ids that were not there before.
        ids: Vec<String>,
        /// What happened.
        why: String,
    },
    /// No good answer came, and a look at the list shows that no token was made.
    #[error("no token was made: {0}")]
    NotMade(Box<CloudError>),
    /// What was asked for is not there.
    #[error("{what} is not there{}{}", then(hint.as_deref()), refusal.as_ref().map(|refusal| format!(" ({refusal})")).unwrap_or_default())]
    NotFound {
        /// What it is.
        what: String,
        /// What to do.
        hint: Option<String>,
        /// What the provider said, when it was asked.
        refusal: Option<Box<Refusal>>,
    },
    /// An answer that makes no sense.
    #[error("the answer of {host} to {what} cannot be understood: {why}; is this address the right one?")]
    Answer {
        /// Host and port.
        host: String,
        /// What was asked.
        what: String,
        /// What is wrong with it.
        why: String,
    },
}

/// An answer other than success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The provider's code: `IIC.1006`, `APIGW.0301`, `Throttling.User`.
    pub code: Option<String>,
    /// The provider's words.
    pub message: Option<String>,
    /// What the provider's support asks for.
    pub request_id: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the provider answered {}", self.status)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        write!(f, ": {}", self.message.as_deref().unwrap_or("no explanation given"))?;
        if let Some(id) = &self.request_id {
            write!(f, " (request id {id})")?;
        }
        write!(f, "{}", then(self.hint.as_deref()))
    }
}

fn then(hint: Option<&str>) -> String {
    hint.map(|hint| format!("; {hint}")).unwrap_or_default()
}

/// "3 min 5 s ahead of".
struct Skew(TimeDelta);

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.num_seconds().unsigned_abs();
        let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        match (hours, minutes) {
            (0, 0) => write!(f, "{rest} s")?,
            (0, _) => write!(f, "{minutes} min {rest} s")?,
            (_, _) => write!(f, "{hours} h {minutes} min")?,
        }
        f.write_str(if self.0 < TimeDelta::zero() {
            " behind that of"
        } else {
            " ahead of that of"
        })
    }
}

impl CloudError {
    /// The program's exit code: 2 for what the operator set, 4 for the provider.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_) | Self::Keys(_) => 2,
            _ => 4,
        }
    }

    /// What the provider said, if it said something.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) | Self::Clock { refusal, .. } => Some(refusal),
            Self::NotFound { refusal, .. } => refusal.as_deref(),
            Self::NotMade(error) => error.refusal(),
            _ => None,
        }
    }

    /// Whether what was asked for may have happened all the same.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        match self {
            Self::Lost { reads, .. } => !reads,
            Self::Answer { .. } => true,
            Self::NotMade(_) => false,
            _ => self.status().is_some_and(|status| (500..=599).contains(&status)),
        }
    }

    /// Says where to look to whoever asked for what is wrong or not there, when nothing else says what to do.
    pub(super) fn or_look(mut self, hint: Option<&str>) -> Self {
        if let Self::Refused(refusal) = &mut self
            && matches!(refusal.status, 400 | 404)
            && refusal.hint.is_none()
        {
            refusal.hint = hint.map(ToOwned::to_owned);
        }
        self
    }

    /// That nothing was made, as a look at it shows.
    pub(super) fn not_made(self) -> Self {
        let seen = match self {
            Self::Lost { host, why, .. } => Self::Lost { host, why, reads: true },
            other => other,
        };
        Self::NotMade(Box::new(seen))
    }

    /// A 404 in words of what was asked for; any other error as it is.
    pub(super) fn or_not_found(self, what: impl Into<String>, hint: Option<&str>) -> Self {
        match self {
            Self::Refused(refusal) if refusal.status == 404 => Self::NotFound {
                what: what.into(),
                hint: hint.map(ToOwned::to_owned),
                refusal: Some(Box::new(Refusal { hint: None, ..*refusal })),
            },
            other => other,
        }
    }

    /// The status of an answer other than success.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.refusal().map(|refusal| refusal.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_lost_is_doubtful_unless_nothing_could_happen() {
        let check = |reads: bool, expected: &str| {
            let error = CloudError::Lost {
                host: "h".into(),
                why: "reset".into(),
                reads,
            };
            assert_eq!(error.to_string(), format!("the answer of h was lost: reset{expected}"));
            assert_eq!((error.is_doubtful(), error.exit_code()), (!reads, 4));
        };
        check(true, "");
        check(false, "; it may have taken effect, so look before you repeat it");
    }
}
