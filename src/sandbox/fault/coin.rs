//! Chance that can be repeated.
//!
//! A toss is a function of the seed, the rule, the request and how often that very request came before,
//! not of what came in between: the same run meets the same faults even when its requests arrive in
//! another order.

use std::collections::BTreeMap;

use crate::sandbox::Request;

/// Different requests remembered by one rule, 16 bytes each. Beyond that the count begins again, which
/// costs only that a repeated request may meet the fate of its first try.
const SEEN_MAX: usize = 1_000_000;

#[derive(Clone, Debug)]
pub(super) struct Coin {
    key: [u8; 32],
    seen: BTreeMap<u64, u32>,
}

impl Coin {
    /// The coin of the rule that stands at `at`.
    pub(super) fn new(seed: u64, at: usize) -> Self {
        Self {
            key: *blake3::hash(format!("{seed}/{at}").as_bytes()).as_bytes(),
            seen: BTreeMap::new(),
        }
    }

    /// From 0 to 1, 1 excluded.
    pub(super) fn toss(&mut self, request: &Request) -> f64 {
        let content = self.number(&[
            request.method.as_bytes(),
            request.path.as_bytes(),
            request.query.as_deref().unwrap_or_default().as_bytes(),
            &request.body,
        ]);
        if self.seen.len() >= SEEN_MAX && !self.seen.contains_key(&content) {
            self.seen.clear();
        }
        let times = self.seen.entry(content).or_default();
        *times = times.saturating_add(1);
        let times = *times;
        let number = self.number(&[&content.to_le_bytes(), &times.to_le_bytes()]);
        // The upper 32 bits are plenty for a probability, and fit a float exactly.
        let upper = u32::try_from(number >> 32).unwrap_or(u32::MAX);
        f64::from(upper) / (f64::from(u32::MAX) + 1.0)
    }

    /// Lengths are part of it, so that no part can run into the next.
    fn number(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        u64::from_le_bytes(first)
    }
}
