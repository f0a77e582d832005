//! Who is in a group, groups in groups followed to the end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Roster;
use crate::model::{AnchorKey, MappedGroup, MemberKey};

/// The groups that were read, by every name under which others list them.
pub struct Graph<'a> {
    groups: &'a [MappedGroup],
    by_name: BTreeMap<MemberKey, usize>,
    roster: &'a Roster,
}

/// The people of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flat {
    /// In key order, each once.
    pub members: Vec<AnchorKey>,
    /// Names that lead to nobody we provision and to no group that was read.
    pub outside: u64,
    /// Groups on the longest of the shortest ways down; 0 without nested groups.
    pub depth: u32,
    /// The group is, over others or at once, a member of itself.
    pub circular: bool,
}

impl<'a> Graph<'a> {
    /// Over everything that was read.
    #[must_use]
    pub fn new(groups: &'a [MappedGroup], roster: &'a Roster) -> Self {
        let mut by_name = BTreeMap::new();
        for (at, group) in groups.iter().enumerate() {
            by_name.insert(MemberKey::dn(&group.dn), at);
            by_name.extend(group.aliases.iter().map(|&alias| (alias, at)));
        }
        Self {
            groups,
            by_name,
            roster,
        }
    }

    /// The group of this name.
    #[must_use]
    pub fn find(&self, name: MemberKey) -> Option<usize> {
        self.by_name.get(&name).copied()
    }

    /// The group and every group in it, to the end.
    #[must_use]
    pub fn reach(&self, group: usize) -> BTreeSet<usize> {
        let mut seen = BTreeSet::from([group]);
        let mut waiting = vec![group];
        while let Some(at) = waiting.pop() {
            for name in &self.groups[at].members {
                if let Some(&inner) = self.by_name.get(name)
                    && seen.insert(inner)
                {
                    waiting.push(inner);
                }
            }
        }
        seen
    }

    /// The group's people, its own and those of the groups in it.
    #[must_use]
    pub fn flatten(&self, group: usize) -> Flat {
        let mut flat = Flat::default();
        let mut seen = BTreeSet::from([group]);
        let mut waiting = VecDeque::from([(group, 0)]);
        while let Some((at, depth)) = waiting.pop_front() {
            flat.depth = flat.depth.max(depth);
            for member in self.direct(at) {
                match member {
                    Member::Person(key) => flat.members.push(key),
                    Member::Group(inner) => {
                        flat.circular |= inner == group;
                        if seen.insert(inner) {
                            waiting.push_back((inner, depth + 1));
                        }
                    }
                    Member::Nobody => flat.outside += 1,
                }
            }
        }
        flat.members.sort_unstable();
        flat.members.dedup();
        flat
    }

    /// What the group lists itself: people, and groups that `pushable` says can be members.
    #[must_use]
    pub fn direct_members(&self, group: usize, pushable: &dyn Fn(AnchorKey) -> bool) -> Flat {
        let mut flat = Flat::default();
        for member in self.direct(group) {
            match member {
                Member::Person(key) => flat.members.push(key),
                Member::Group(inner) => {
                    flat.depth = 1;
                    flat.circular |= inner == group;
                    let key = self.groups[inner].anchor.as_ref().map(crate::model::Anchor::key);
                    match key.filter(|key| pushable(*key)) {
                        Some(key) => flat.members.push(key),
                        None => flat.outside += 1,
                    }
                }
                Member::Nobody => flat.outside += 1,
            }
        }
        flat.members.sort_unstable();
        flat.members.dedup();
        flat
    }

    /// The shortest way from a group down to a person: the groups passed, the first one included.
    #[must_use]
    pub fn path(&self, group: usize, person: AnchorKey) -> Option<Vec<usize>> {
        let mut above = BTreeMap::from([(group, None)]);
        let mut waiting = VecDeque::from([group]);
        while let Some(at) = waiting.pop_front() {
            for member in self.direct(at) {
                match member {
                    Member::Person(key) if key == person => {
                        let mut path: Vec<_> =
                            std::iter::successors(Some(at), |at| above.get(at).copied().flatten()).collect();
                        path.reverse();
                        return Some(path);
                    }
                    Member::Group(inner) if !above.contains_key(&inner) => {
                        above.insert(inner, Some(at));
                        waiting.push_back(inner);
                    }
                    _ => {}
                }
            }
        }
        None
    }

    fn direct(&self, at: usize) -> impl Iterator<Item = Member> + '_ {
        let group = &self.groups[at];
        let listed = group.members.iter().map(|&name| self.who(name));
        let names = std::iter::once(MemberKey::dn(&group.dn)).chain(group.aliases.iter().copied());
        let own_words = names.flat_map(|name| self.roster.in_group(name)).map(Member::Person);
        listed.chain(own_words)
    }

    fn who(&self, name: MemberKey) -> Member {
        if let Some(person) = self.roster.find(name) {
            Member::Person(person)
        } else if let Some(&group) = self.by_name.get(&name) {
            Member::Group(group)
        } else {
            Member::Nobody
        }
    }
}

enum Member {
    Person(AnchorKey),
    Group(usize),
    Nobody,
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{group, key, roster},
        *,
    };

    fn check(groups: &[MappedGroup], members: &[&str], outside: u64, depth: u32, circular: bool) {
        let roster = roster(&["ada", "bob", "cyd", "dan"]);
        let mut members: Vec<_> = members.iter().map(|name| key(name)).collect();
        members.sort_unstable();
        let expected = Flat {
            members,
            outside,
            depth,
            circular,
        };
        assert_eq!(Graph::new(groups, &roster).flatten(0), expected);
    }

    #[test]
    fn groups_in_groups() {
        let (ada, bob, cyd) = ("uid=ada", "uid=bob", "uid=cyd");
        check(&[group("a", &[ada, bob])], &["ada", "bob"], 0, 0, false);
        check(&[group("a", &[])], &[], 0, 0, false);
        check(&[group("a", &["UID=Ada", ada, "uid=nobody"])], &["ada"], 1, 0, false);
        let diamond = [
            group("a", &["cn=b", "cn=c"]),
            group("b", &["cn=d", bob]),
            group("c", &["cn=d"]),
            group("d", &[cyd, bob]),
        ];
        check(&diamond, &["bob", "cyd"], 0, 2, false);
        let circle = [
            group("a", &["cn=b", ada]),
            group("b", &["cn=c", bob]),
            group("c", &["cn=a", "cn=b", cyd]),
        ];
        check(&circle, &["ada", "bob", "cyd"], 0, 2, true);
        check(&[group("a", &["cn=a", ada])], &["ada"], 0, 0, true);
        let below = [group("a", &["cn=b"]), group("b", &["cn=c", bob]), group("c", &["cn=b"])];
        check(&below, &["bob"], 0, 2, false);
    }

    #[test]
    fn a_group_that_cannot_be_pushed_hands_its_members_on() {
        let mut inner = group("b", &["uid=bob"]);
        inner.resource = Err(Vec::new());
        check(&[group("a", &["cn=b"]), inner], &["bob"], 0, 1, false);
    }

    #[test]
    fn a_chain_of_many_groups_is_followed_to_its_end() {
        let mut chain: Vec<_> = (0..5_000)
            .map(|at| group(&format!("g{at}"), &[&format!("cn=g{}", at + 1)]))
            .collect();
        chain.push(group("g5000", &["uid=dan"]));
        check(&chain, &["dan"], 0, 5_000, false);
    }

    #[test]
    fn the_way_to_a_person_is_told() {
        let roster = roster(&["ada", "bob"]);
        let groups = [
            group("a", &["cn=b", "cn=c"]),
            group("b", &["cn=c"]),
            group("c", &["uid=bob", "cn=a"]),
        ];
        let graph = Graph::new(&groups, &roster);
        assert_eq!(graph.path(0, key("bob")), Some(vec![0, 2]));
        assert_eq!(graph.path(1, key("bob")), Some(vec![1, 2]));
        assert_eq!(graph.path(2, key("bob")), Some(vec![2]));
        assert_eq!(graph.path(0, key("ada")), None);
        let reach = |at| graph.reach(at).into_iter().collect::<Vec<_>>();
        assert_eq!((reach(0), reach(1)), (vec![0, 1, 2], vec![0, 1, 2]));
        assert_eq!(graph.find(MemberKey::dn("CN=b")), Some(1));
    }
}
