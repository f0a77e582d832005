//! Faults on demand: which request meets which fault, repeatable from a seed.
//!
//! A plan is a list of rules, one `--fault` each. A rule says which requests it is for and what happens to
//! them; `docs/sandbox.md` has the language. [`FaultPlan::next`] decides and does nothing else: what a
//! fault does to an answer is in the `delivery` module.

use std::{fmt, time::Duration};

mod coin;
mod mistake;
mod rule;
mod spec;

pub use mistake::{FaultMistake, FaultMistakes};

use super::Request;
use rule::Rule;

/// What goes wrong with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An answer other than the cloud's own.
    Status {
        /// From 200 to 599; below 400 only as a web page.
        status: u16,
        /// A `Retry-After` header.
        retry_after: Option<RetryAfter>,
        /// The body is a web page, as a proxy or a captive portal sends it, in place of a SCIM error.
        html: bool,
        /// Whether the request takes effect.
        when: When,
    },
    /// The connection is reset (TCP RST) in place of an answer.
    Reset(When),
    /// The request takes effect, and the answer comes this much later.
    Delay(Duration),
    /// The request takes effect, and the connection ends in the middle of the answer's body.
    Truncate,
    /// Just before this `POST /Users`, somebody else creates an account of the same `userName`.
    Race(Rival),
}

/// Whether a request has taken effect when its fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The cloud never sees the request.
    Before,
    /// The request has done its work; only its answer is lost.
    After,
}

/// The form of a `Retry-After` header (RFC 9110 section 10.2.3), in seconds from the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// A number.
    Seconds(u32),
    /// An HTTP date.
    Date(u32),
}

/// Who is faster in a [`Fault::Race`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rival {
    /// Somebody at the console: the account has no `externalId`.
    Stranger,
    /// A second client of the same directory: the account has the same `externalId`.
    Twin,
}

/// The rules of a run, and how often each of them came into question.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    rules: Vec<Rule>,
}

impl FaultPlan {
    /// Reads rules as `--fault` takes them. `seed` decides those that strike by chance.
    ///
    /// # Errors
    /// Every mistake at once, with its place, its value and how to mend it.
    pub fn parse(specs: &[String], seed: u64) -> Result<Self, FaultMistakes> {
        let (mut rules, mut mistakes) = (Vec::new(), Vec::new());
        for (at, text) in specs.iter().enumerate() {
            match spec::read(text) {
                Ok(spec) => rules.push(Rule::new(spec, seed, at)),
                Err(found) => mistakes.extend(found.into_iter().map(|mistake| mistake.of(at, text))),
            }
        }
        if mistakes.is_empty() {
            Ok(Self { rules })
        } else {
            Err(FaultMistakes(mistakes))
        }
    }

    /// The fault that this request meets, which is the next one to arrive. The first rule that strikes
    /// wins; every rule counts every request that it is for.
    pub fn next(&mut self, request: &Request) -> Option<Fault> {
        self.first(|rule| rule.strikes(request))
    }

    /// The same for a request to the control plane, whose path or operation stands in `request`. Only
    /// rules that name it are for it: a storm on the SCIM side leaves the tokens alone.
    pub(super) fn next_control(&mut self, request: &Request) -> Option<Fault> {
        self.first(|rule| rule.names_first(request) && rule.strikes(request))
    }

    fn first(&mut self, mut strikes: impl FnMut(&mut Rule) -> bool) -> Option<Fault> {
        let mut met = None;
        for rule in &mut self.rules {
            let struck = strikes(rule);
            if struck && met.is_none() {
                met = Some(rule.fault().clone());
            }
        }
        met
    }

    /// The rules as written.
    pub fn specs(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(Rule::text)
    }

    /// Whether the seed makes a difference.
    #[must_use]
    pub fn has_chance(&self) -> bool {
        self.rules.iter().any(Rule::has_chance)
    }
}

/// In words, for a log.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status {
                status,
                retry_after,
                html,
                when,
            } => {
                write!(f, "{status} {when}")?;
                if *html {
                    f.write_str(", as a web page")?;
                }
                match retry_after {
                    Some(RetryAfter::Seconds(wait)) => write!(f, ", Retry-After {wait} s"),
                    Some(RetryAfter::Date(wait)) => write!(f, ", Retry-After a date in {wait} s"),
                    None => Ok(()),
                }
            }
            Self::Reset(when) => write!(f, "reset {when}"),
            Self::Delay(wait) => write!(f, "answer delayed by {} s", wait.as_secs_f64()),
            Self::Truncate => f.write_str("answer truncated"),
            Self::Race(Rival::Stranger) => f.write_str("a stranger was faster"),
            Self::Race(Rival::Twin) => f.write_str("a second client was faster"),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before the effect",
            Self::After => "after the effect",
        })
    }
}

#[cfg(test)]
mod tests;
