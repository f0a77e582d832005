//! From the names in `manager` attributes to anchors, and from there to an order in which managers
//! come first.

use std::collections::BTreeMap;

use crate::model::{AnchorKey, DnKey};

/// Everybody who was seen, by name.
#[derive(Default)]
pub(super) struct Names {
    by_dn: Vec<(DnKey, AnchorKey)>,
}

impl Names {
    pub(super) fn new(mut by_dn: Vec<(DnKey, AnchorKey)>) -> Self {
        by_dn.sort_unstable();
        Self { by_dn }
    }

    pub(super) fn find(&self, dn: DnKey) -> Option<AnchorKey> {
        let at = self.by_dn.binary_search_by_key(&dn, |&(dn, _)| dn).ok()?;
        Some(self.by_dn[at].1)
    }
}

/// How many new people stand above each new person. Somebody whose manager exists already, or has
/// none, stands at 0. A circle ends where it began: its members get the depth of the walk, and the
/// executor links the one that was first when the last has an id.
pub(super) fn depths(reports_to: &BTreeMap<AnchorKey, AnchorKey>) -> BTreeMap<AnchorKey, u32> {
    let mut depth: BTreeMap<AnchorKey, u32> = BTreeMap::new();
    let mut path = Vec::new();
    for &start in reports_to.keys() {
        let mut at = Some(start);
        while let Some(person) = at.filter(|person| !depth.contains_key(person)) {
            // Entered before it is known, so that a circle stops here.
            depth.insert(person, 0);
            path.push(person);
            at = reports_to
                .get(&person)
                .copied()
                .filter(|above| reports_to.contains_key(above) && *above != person);
        }
        let mut next = at
            .filter(|_| !path.is_empty())
            .and_then(|above| depth.get(&above))
            .map_or(0, |above| above + 1);
        while let Some(person) = path.pop() {
            depth.insert(person, next);
            next += 1;
        }
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> AnchorKey {
        AnchorKey([n; 16])
    }

    #[test]
    fn managers_come_first() {
        // 1 has no new manager; 2 and 3 report to 1, 4 to 3; 5 and 6 to each other, 7 to 6; 8 to himself.
        let none = AnchorKey::default();
        let edges = [
            (1, none),
            (2, key(1)),
            (3, key(1)),
            (4, key(3)),
            (5, key(6)),
            (6, key(5)),
            (7, key(6)),
            (8, key(8)),
        ];
        let depth = depths(&edges.iter().map(|&(n, above)| (key(n), above)).collect());
        let of = |n| depth[&key(n)];
        assert_eq!((of(1), of(2), of(3), of(4)), (0, 1, 1, 2));
        assert!(of(7) > of(6).min(of(5)));
        assert_eq!(of(8), 0);
    }
}
