//! People who swap names. A circle of renames (A takes B's name, B takes A's) cannot be carried out
//! one by one: every step meets a name that is still taken. One of them steps aside first.

use std::collections::BTreeMap;

use crate::model::Digest;

/// One rename of the plan. Names are digests of the lower-cased `userName`.
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

/// One member of each circle: the one with the lowest index, so that the plan is the same each time.
/// A person who only changes the case of his name is no circle.
#[must_use]
pub fn break_points(renames: &[Rename]) -> Vec<u32> {
    let holder: BTreeMap<Digest, usize> = renames.iter().enumerate().map(|(at, r)| (r.before, at)).collect();
    let mut visited = vec![false; renames.len()];
    let mut points = Vec::new();
    for start in 0..renames.len() {
        let mut path = Vec::new();
        let mut at = start;
        while !visited[at] {
            visited[at] = true;
            path.push(at);
            match holder.get(&renames[at].after) {
                Some(&next) => at = next,
                None => break,
            }
        }
        let closes = renames
            .get(at)
            .filter(|_| !path.is_empty())
            .and_then(|_| path.iter().position(|&p| p == at));
        let last_takes_it = path
            .last()
            .is_some_and(|&last| holder.get(&renames[last].after) == Some(&at));
        if let Some(from) = closes
            && last_takes_it
            && path.len() - from > 1
        {
            points.extend(path[from..].iter().map(|&p| renames[p].index).min());
        }
    }
    points
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
}
