//! People who swap names. A circle of renames (A takes B's name, B takes A's) cannot be carried out
//! one by one: every step meets a name that is still taken. One of them steps aside first.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Digest;

/// A name that an operation of the plan gives up, and the one that it takes. Where nobody knows which of
/// several names the account has, there is one of these for each. Names are digests of the lower-cased
/// `userName`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rename {
    /// The operation.
    pub index: u32,
    /// The name given up.
    pub before: Digest,
    /// The name taken.
    pub after: Digest,
}

/// The digest by which names are compared: service providers compare `userName` without case
/// (RFC 7643 section 4.1.1).
#[must_use]
pub fn name_key(user_name: &str) -> Digest {
    Digest::of(user_name.to_lowercase().as_bytes())
}

/// Operations without which there is no circle: in each the first one met, beginning with the lowest index,
/// so that the plan is the same each time. A person who only changes the case of his name is no circle.
#[must_use]
pub fn break_points(renames: &[Rename]) -> Vec<u32> {
    let mut walk = Walk::default();
    for rename in renames {
        walk.wanted.insert(rename.index, rename.after);
        walk.holders.entry(rename.before).or_default().push(rename.index);
    }
    for start in walk.wanted.keys().copied().collect::<Vec<_>>() {
        walk.from(start);
    }
    walk.points.into_iter().collect()
}

/// Goes from each operation to those in its way, and on.
#[derive(Default)]
struct Walk {
    wanted: BTreeMap<u32, Digest>,
    holders: BTreeMap<Digest, Vec<u32>>,
    visited: BTreeSet<u32>,
    points: BTreeSet<u32>,
}

impl Walk {
    /// Every circle leads back at some point to an operation that is on the way to that point: without all
    /// of these there is none.
    fn from(&mut self, start: u32) {
        let (mut path, mut on_the_way) = (Vec::new(), BTreeSet::new());
        let mut entered = Some(start);
        loop {
            if let Some(index) = entered.take().filter(|index| self.visited.insert(*index)) {
                on_the_way.insert(index);
                path.push((index, self.in_the_way_of(index)));
            }
            let Some((at, ahead)) = path.last_mut() else { return };
            match ahead.pop() {
                Some(next) if next == *at => {}
                Some(next) if on_the_way.contains(&next) => drop(self.points.insert(next)),
                Some(next) => entered = Some(next),
                None => {
                    on_the_way.remove(at);
                    path.pop();
                }
            }
        }
    }

    fn in_the_way_of(&self, index: u32) -> Vec<u32> {
        let name = self.wanted.get(&index);
        name.and_then(|name| self.holders.get(name))
            .cloned()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circle(names: &[(u32, &str, &str)]) -> Vec<u32> {
        let renames: Vec<_> = names
            .iter()
            .map(|&(index, before, after)| Rename {
                index,
                before: name_key(before),
                after: name_key(after),
            })
            .collect();
        break_points(&renames)
    }

    #[test]
    fn only_circles_are_broken() {
        assert_eq!(circle(&[]), [0; 0]);
        assert_eq!(circle(&[(0, "a", "b")]), [0; 0]);
        assert_eq!(
            circle(&[(0, "a", "b"), (1, "b", "c")]),
            [0; 0],
            "a chain clears by itself"
        );
        assert_eq!(circle(&[(4, "a", "b"), (2, "b", "a")]), [2]);
        assert_eq!(circle(&[(0, "a", "b"), (1, "b", "c"), (2, "c", "a")]), [0]);
        assert_eq!(
            circle(&[(0, "x", "a"), (1, "a", "b"), (2, "b", "a")]),
            [1],
            "a tail into a circle"
        );
        assert_eq!(circle(&[(0, "Anna", "anna")]), [0; 0], "case only");
        assert_eq!(
            circle(&[(0, "a", "B"), (1, "b", "A"), (2, "c", "d"), (3, "d", "c")]),
            [0, 2]
        );
    }

    #[test]
    fn a_name_that_somebody_perhaps_has_is_in_the_way_as_well() {
        // 0 has "a" or "b" and wants "a"; 1 has "b" or "a" and wants "b".
        assert_eq!(
            circle(&[(0, "a", "a"), (0, "b", "a"), (1, "b", "b"), (1, "a", "b")]),
            [0]
        );
        assert_eq!(circle(&[(0, "a", "a"), (0, "b", "a")]), [0; 0], "nobody else");
        assert_eq!(
            circle(&[(0, "a", "a"), (0, "b", "a"), (1, "c", "b")]),
            [0; 0],
            "a chain"
        );
        // Two circles through one person, who is enough.
        assert_eq!(
            circle(&[(0, "a", "b"), (0, "x", "b"), (1, "b", "a"), (2, "b", "x")]),
            [0]
        );
    }

    #[test]
    fn a_long_chain_is_walked_in_one_go() {
        let name = |number: u32| Digest::of(&number.to_be_bytes());
        let chain: Vec<_> = (0..50_000)
            .map(|index| Rename {
                index,
                before: name(index),
                after: name(index + 1),
            })
            .collect();
        assert_eq!(break_points(&chain), [0; 0]);
    }
}
