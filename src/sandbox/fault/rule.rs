//! One rule: which requests it is for, and which of those it strikes.

use super::{Fault, coin::Coin, spec::Spec};
use crate::sandbox::Request;

/// Which requests a rule is for; everything has to fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// Any of these; empty for all.
    pub(super) methods: Vec<String>,
    /// A path below the base, and what lies below that.
    pub(super) path: Option<PathFilter>,
}

/// A path, in segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathFilter {
    /// `*` is any one segment.
    pub(super) segments: Vec<String>,
    /// Nothing further may follow.
    pub(super) exact: bool,
}

impl Filter {
    fn fits(&self, request: &Request) -> bool {
        let method = self.methods.is_empty() || self.methods.contains(&request.method);
        method && self.path.as_ref().is_none_or(|path| path.fits(&request.path))
    }
}

impl PathFilter {
    fn fits(&self, path: &str) -> bool {
        let mut given = path.split('/').filter(|segment| !segment.is_empty());
        let all = self
            .segments
            .iter()
            .all(|wanted| given.next().is_some_and(|segment| wanted == "*" || wanted == segment));
        all && (!self.exact || given.next().is_none())
    }
}

/// Which of the requests that fit: numbers count from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Turns {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) every: u64,
    /// From 0 to 1.
    pub(super) chance: Option<f64>,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            from: 1,
            to: u64::MAX,
            every: 1,
            chance: None,
        }
    }
}

impl Turns {
    fn has(&self, number: u64) -> bool {
        (self.from..=self.to).contains(&number) && (number - self.from + 1).is_multiple_of(self.every)
    }
}

/// A rule and what it has seen.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    spec: Spec,
    fitted: u64,
    coin: Coin,
}

impl Rule {
    pub(super) fn new(spec: Spec, seed: u64, at: usize) -> Self {
        Self {
            spec,
            fitted: 0,
            coin: Coin::new(seed, at),
        }
    }

    pub(super) fn fault(&self) -> &Fault {
        &self.spec.fault
    }

    pub(super) fn text(&self) -> &str {
        &self.spec.text
    }

    pub(super) fn has_chance(&self) -> bool {
        self.spec.turns.chance.is_some()
    }

    /// Whether the rule has a path, and the path says where this request goes without a wildcard.
    pub(super) fn names_first(&self, request: &Request) -> bool {
        let path = self.spec.filter.path.as_ref();
        let named = path.and_then(|path| path.segments.first());
        named.is_some_and(|named| request.path.split('/').find(|segment| !segment.is_empty()) == Some(named))
    }

    /// Whether this rule strikes the next request.
    pub(super) fn strikes(&mut self, request: &Request) -> bool {
        if !self.spec.filter.fits(request) {
            return false;
        }
        self.fitted += 1;
        let turns = &self.spec.turns;
        turns.has(self.fitted) && turns.chance.is_none_or(|chance| self.coin.toss(request) < chance)
    }
}
