//! What follows for one group.

use std::collections::BTreeSet;

use super::{Roster, flatten::Flat};
use crate::{
    model::{AnchorKey, Digest, GroupAction, GroupLink, GroupOperation, MappedGroup, MemberSum, Resource},
    plan::settings::{GoneAction, GoneGroups},
};

/// The difference between the members wanted and those remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) add: Vec<AnchorKey>,
    pub(super) remove: Vec<AnchorKey>,
    pub(super) forget: Vec<AnchorKey>,
    pub(super) again: Vec<(AnchorKey, bool)>,
}

/// What is remembered of somebody whose account is new is void: that was another account. Whoever is in
/// doubt is told again what shall be, whatever is remembered. Who was not seen and may be here stays as he is:
/// a group may list him by a name that was not seen either.
pub(super) fn difference(
    wanted: &[AnchorKey],
    pushed: &[AnchorKey],
    in_doubt: &[AnchorKey],
    roster: &Roster,
    groups: &BTreeSet<AnchorKey>,
    is_gone: bool,
) -> Difference {
    let mut difference = Difference::default();
    // A group that is gone lists nobody, by whatever name.
    let may_be_listed = |key: AnchorKey| !is_gone && roster.may_be_here(key);
    let pushed_now = |key: &AnchorKey| pushed.binary_search(key).is_ok() && !roster.is_new(*key);
    for &key in in_doubt {
        let shall_be_in = wanted.binary_search(&key).is_ok();
        let has_account = (roster.has_account(key) && !roster.is_new(key)) || groups.contains(&key);
        if has_account && shall_be_in == pushed_now(&key) && (shall_be_in || !may_be_listed(key)) {
            difference.again.push((key, shall_be_in));
        }
    }
    difference.add = wanted.iter().copied().filter(|key| !pushed_now(key)).collect();
    for &key in pushed {
        if roster.is_new(key) || !(roster.has_account(key) || groups.contains(&key)) {
            difference.forget.push(key);
        } else if wanted.binary_search(&key).is_err() && !may_be_listed(key) {
            difference.remove.push(key);
        }
    }
    difference
}

/// Whether the members are, without looking at each of them, those remembered.
pub(super) fn same_members(wanted: &[AnchorKey], link: &GroupLink, roster: &Roster) -> bool {
    MemberSum::of(wanted.iter().copied()) == link.members && !wanted.iter().any(|&key| roster.is_new(key))
}

/// The operation for a group that is there; nothing when all is as remembered.
pub(super) fn present(
    group: &MappedGroup,
    anchor: crate::model::Anchor,
    resource: &Resource,
    link: Option<&GroupLink>,
    difference: Difference,
    wanted: Digest,
) -> Option<GroupOperation> {
    let action = match link {
        None => GroupAction::Create,
        Some(link) if link.id.is_none() => GroupAction::Create,
        Some(link) if link.resource != *resource || !link.perhaps_named.is_empty() => GroupAction::Update,
        Some(_) if difference == Difference::default() => return None,
        Some(_) => GroupAction::Members,
    };
    Some(GroupOperation {
        anchor,
        dn: group.dn.clone(),
        action,
        link: link.cloned(),
        aside: None,
        after: resource.clone(),
        add: difference.add,
        remove: difference.remove,
        forget: difference.forget,
        again: difference.again,
        takes_over: None,
        wanted,
    })
}

/// Digest of the state that is wanted: by it a failure is known again.
pub(super) fn wanted(resource: &Resource, flat: &Flat) -> Digest {
    let sum = MemberSum::of(flat.members.iter().copied());
    Digest::of(&[&resource.digest().0[..], &sum.count.to_le_bytes(), &sum.keys.0].concat())
}

/// What follows for a group that a complete read did not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing, by policy or because it happened already.
    Nothing,
    /// Missing for so many complete cycles now; not yet long enough.
    Counted(u16),
    /// A create that may have been lost was never needed: forget it.
    NeverMade,
    /// Take everybody out.
    Empty,
    /// Delete.
    Delete,
}

pub(super) fn missing(link: &GroupLink, gone: &GoneGroups, confirm_cycles: u16, now: i64) -> Missing {
    if link.id.is_none() {
        return Missing::NeverMade;
    }
    let missed = link.missed.saturating_add(1);
    if gone.action == GoneAction::Keep {
        return Missing::Nothing;
    }
    if link.emptied_at == 0 && missed < confirm_cycles {
        return Missing::Counted(missed);
    }
    let grace_s = i64::from(gone.delete_after_days) * 86_400;
    match (gone.action, link.emptied_at) {
        (GoneAction::Delete, 0) if grace_s == 0 => Missing::Delete,
        (GoneAction::Delete, at) if at != 0 && now.saturating_sub(at) >= grace_s => Missing::Delete,
        (_, 0) => Missing::Empty,
        _ => Missing::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{account, group, key, resource},
        *,
    };
    use crate::{
        model::{Anchor, ResourceId},
        plan::groups::{Roster, Sightings},
    };

    fn keys(names: &[&str]) -> Vec<AnchorKey> {
        let mut keys: Vec<_> = names.iter().map(|name| key(name)).collect();
        keys.sort_unstable();
        keys
    }

    fn roster() -> Roster {
        let accounts = [account("ada", false), account("bob", false), account("new", true)];
        Roster::new(&accounts, Sightings::default())
    }

    #[test]
    fn differences() {
        let check = |wanted: &[&str], pushed: &[&str], add: &[&str], remove: &[&str], forget: &[&str]| {
            let nested = keys(&["cn"]).into_iter().collect();
            let found = difference(&keys(wanted), &keys(pushed), &[], &roster(), &nested, false);
            let expected = Difference {
                add: keys(add),
                remove: keys(remove),
                forget: keys(forget),
                again: Vec::new(),
            };
            assert_eq!(found, expected, "{wanted:?} {pushed:?}");
        };
        check(&["ada", "bob"], &["ada", "bob"], &[], &[], &[]);
        check(&["ada"], &["bob"], &["ada"], &["bob"], &[]);
        check(&["ada"], &["ada", "left"], &[], &[], &["left"]);
        // The account is another one now, with the same anchor.
        check(&["new"], &["new"], &["new"], &[], &["new"]);
        check(&[], &["new"], &[], &[], &["new"]);
        check(&["cn"], &[], &["cn"], &[], &[]);
        check(&[], &["cn"], &[], &["cn"], &[]);
    }

    #[test]
    fn who_was_not_seen_stays_unless_the_group_is_gone() {
        let unseen = crate::plan::groups::Account {
            is_seen: false,
            may_be_here: true,
            ..account("ada", false)
        };
        let roster = Roster::new(&[unseen, account("bob", false)], Sightings::default());
        let check = |is_gone: bool, remove: &[&str]| {
            let found = difference(&[], &keys(&["ada", "bob"]), &[], &roster, &BTreeSet::new(), is_gone);
            assert_eq!((found.remove, found.forget), (keys(remove), Vec::new()));
        };
        check(false, &["bob"]);
        check(true, &["ada", "bob"]);
    }

    #[test]
    fn who_is_in_doubt_is_told_again() {
        let check = |wanted: &[&str], pushed: &[&str], in_doubt: &[&str], again: &[(&str, bool)]| {
            let found = difference(
                &keys(wanted),
                &keys(pushed),
                &keys(in_doubt),
                &roster(),
                &BTreeSet::new(),
                false,
            );
            let again: Vec<_> = again.iter().map(|(name, is_in)| (key(name), *is_in)).collect();
            assert_eq!(found.again, again, "{wanted:?} {pushed:?} {in_doubt:?}");
        };
        check(&["ada"], &["ada"], &["ada"], &[("ada", true)]);
        check(&[], &[], &["ada"], &[("ada", false)]);
        // Told as a matter of course.
        check(&["ada"], &[], &["ada"], &[]);
        check(&[], &["ada"], &["ada"], &[]);
        // No account, or another one.
        check(&[], &[], &["left"], &[]);
        check(&[], &[], &["new"], &[]);
    }

    fn link(name: &str, members: &[&str]) -> GroupLink {
        GroupLink {
            anchor: Anchor::new(name),
            id: Some(ResourceId("1".into())),
            dn: format!("cn={name}"),
            resource: resource(name),
            members: MemberSum::of(keys(members)),
            adopted: false,
            missed: 0,
            emptied_at: 0,
            perhaps_named: Vec::new(),
        }
    }

    #[test]
    fn a_sum_is_enough_unless_an_account_is_new() {
        let same = |wanted: &[&str], pushed: &[&str]| same_members(&keys(wanted), &link("g", pushed), &roster());
        assert!(same(&["ada", "bob"], &["bob", "ada"]));
        assert!(!same(&["ada"], &["bob", "ada"]));
        assert!(!same(&["new"], &["new"]));
        assert!(same(&[], &[]));
    }

    #[test]
    fn actions() {
        let act = |link: Option<&GroupLink>, name: &str, difference: Difference| {
            present(
                &group("g", &[]),
                Anchor::new("g"),
                &resource(name),
                link,
                difference,
                Digest::default(),
            )
            .map(|it| it.action)
        };
        let nothing = Difference::default;
        let one = || Difference {
            add: keys(&["ada"]),
            ..nothing()
        };
        let known = link("g", &[]);
        let doubtful = GroupLink {
            id: None,
            ..known.clone()
        };
        assert_eq!(act(None, "g", nothing()), Some(GroupAction::Create));
        assert_eq!(act(Some(&doubtful), "g", nothing()), Some(GroupAction::Create));
        assert_eq!(act(Some(&known), "g", nothing()), None);
        assert_eq!(act(Some(&known), "g", one()), Some(GroupAction::Members));
        assert_eq!(act(Some(&known), "h", one()), Some(GroupAction::Update));
    }

    #[test]
    fn groups_that_left() {
        const DAY_S: i64 = 86_400;
        let check = |action, days, emptied_at, confirm_cycles, expected| {
            let gone = GoneGroups {
                action,
                delete_after_days: days,
            };
            let link = GroupLink {
                emptied_at,
                ..link("g", &[])
            };
            assert_eq!(missing(&link, &gone, confirm_cycles, 100 * DAY_S), expected);
        };
        check(GoneAction::Keep, 0, 0, 1, Missing::Nothing);
        check(GoneAction::Empty, 0, 0, 1, Missing::Empty);
        check(GoneAction::Empty, 0, 0, 2, Missing::Counted(1));
        check(GoneAction::Empty, 0, DAY_S, 1, Missing::Nothing);
        check(GoneAction::Delete, 0, 0, 1, Missing::Delete);
        check(GoneAction::Delete, 30, 0, 1, Missing::Empty);
        check(GoneAction::Delete, 30, 71 * DAY_S, 1, Missing::Nothing);
        check(GoneAction::Delete, 30, 70 * DAY_S, 1, Missing::Delete);
        let doubtful = GroupLink {
            id: None,
            ..link("g", &[])
        };
        let gone = GoneGroups {
            action: GoneAction::Keep,
            delete_after_days: 0,
        };
        assert_eq!(missing(&doubtful, &gone, 1, 0), Missing::NeverMade);
    }
}
