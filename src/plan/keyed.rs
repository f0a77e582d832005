//! Looking up people and names among those in key order.

use crate::model::{AnchorKey, MemberKey};

/// A key that is a digest: evenly spread.
pub(super) trait Spread: Copy + Ord {
    /// Its first eight bytes, in order.
    fn head(self) -> u64;
}

impl Spread for AnchorKey {
    fn head(self) -> u64 {
        head(&self.0)
    }
}

impl Spread for MemberKey {
    fn head(self) -> u64 {
        head(self.bytes())
    }
}

fn head(bytes: &[u8; 16]) -> u64 {
    u64::from_be_bytes(std::array::from_fn(|at| bytes[at]))
}

/// The place of `key`. Keys are digests, so they lie evenly: where one stands can be guessed to within a
/// few places, and a cycle asks once for everybody.
pub(super) fn find<K: Spread, T>(sorted: &[(K, T)], key: K) -> Option<usize> {
    let guess = (u128::from(key.head()) * sorted.len() as u128) >> 64;
    let guess = usize::try_from(guess).ok()?;
    // Twice as far each time, until the key lies between both ends.
    let (mut low, mut high, mut step) = (guess, guess, 16);
    while low > 0 && sorted[low].0 > key {
        low = low.saturating_sub(step);
        step *= 2;
    }
    step = 16;
    while high < sorted.len() && sorted[high].0 < key {
        high = high.saturating_add(step).min(sorted.len());
        step *= 2;
    }
    let end = sorted.len().min(high + 1);
    let at = sorted[low..end].binary_search_by_key(&key, |(key, _)| *key).ok()?;
    Some(low + at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Anchor;

    fn check(keys: &[AnchorKey], asked: AnchorKey) {
        let sorted: Vec<_> = keys.iter().map(|&key| (key, ())).collect();
        assert_eq!(find(&sorted, asked), keys.binary_search(&asked).ok(), "{asked:?}");
    }

    #[test]
    fn everybody_and_nobody_else_is_found() {
        let key = |n: usize| Anchor::new(n.to_string()).key();
        for count in [0, 1, 2, 3, 40, 2000] {
            let mut keys: Vec<_> = (0..count).map(key).collect();
            keys.sort_unstable();
            for n in 0..2 * count + 2 {
                check(&keys, key(n));
            }
            check(&keys, AnchorKey([0; 16]));
            check(&keys, AnchorKey([255; 16]));
        }
    }

    #[test]
    fn keys_in_a_heap_are_found_too() {
        let mut keys: Vec<_> = (0..=255)
            .map(|n| AnchorKey([[7; 15].as_slice(), &[n]].concat().try_into().unwrap()))
            .collect();
        keys.push(AnchorKey([255; 16]));
        for n in 0..keys.len() {
            check(&keys, keys[n]);
        }
        check(&keys, AnchorKey([8; 16]));
    }
}
