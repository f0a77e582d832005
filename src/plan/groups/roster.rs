//! Who can be a member: everybody who has an account, or gets one in this plan, by every name under
//! which a group may list them.

use crate::{
    model::{AnchorKey, DnKey, MemberKey},
    plan::keyed,
};

/// What the read of the people found out about groups.
#[derive(Clone, Debug, Default)]
pub struct Sightings {
    /// Names of people besides their distinguished names.
    pub names: Vec<(MemberKey, AnchorKey)>,
    /// Groups that people themselves say they are in.
    pub edges: Vec<(MemberKey, AnchorKey)>,
}

/// Somebody with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The person.
    pub key: AnchorKey,
    /// The distinguished name.
    pub dn: DnKey,
    /// Gets the account in this plan: whatever is remembered of an earlier one is void.
    pub is_new: bool,
    /// Was seen in this read, whatever comes of it.
    pub is_seen: bool,
    /// Was not seen, which is no proof of having left: groups may list this person by a name that was not
    /// seen either.
    pub may_be_here: bool,
}

/// Everybody who can be a member.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    /// In key order; whether the account is new, and whether its owner was not seen but may be here.
    accounts: Vec<(AnchorKey, (bool, bool))>,
    names: Vec<(MemberKey, AnchorKey)>,
    edges: Vec<(MemberKey, AnchorKey)>,
    has_new: bool,
}

impl Roster {
    /// Puts together who has an account with what was seen of them.
    #[must_use]
    pub fn new(accounts: &[Account], seen: Sightings) -> Self {
        let mut roster = Self {
            accounts: accounts
                .iter()
                .map(|account| (account.key, (account.is_new, account.may_be_here)))
                .collect(),
            has_new: accounts.iter().any(|account| account.is_new),
            ..Self::default()
        };
        roster.accounts.sort_unstable();
        let dns = |is_seen: bool| {
            let these = accounts.iter().filter(move |account| account.is_seen == is_seen);
            these.map(|account| (MemberKey::of_dn(account.dn), account.key))
        };
        let known = |pair: &(MemberKey, AnchorKey)| roster.has_account(pair.1);
        let names = sorted(dns(true).chain(seen.names.into_iter().filter(known)).collect());
        // Whose name a leaver had is the one that is meant.
        let is_free = |pair: &(MemberKey, AnchorKey)| keyed::find(&names, pair.0).is_none();
        let left: Vec<_> = dns(false).filter(is_free).collect();
        let edges = seen.edges.into_iter().filter(known).collect();
        roster.names = unambiguous(sorted([names, left].concat()));
        roster.edges = sorted(edges);
        roster
    }

    /// Whether somebody has an account or gets one.
    #[must_use]
    pub fn has_account(&self, key: AnchorKey) -> bool {
        keyed::find(&self.accounts, key).is_some()
    }

    /// Whether somebody's account is made in this plan.
    #[must_use]
    pub fn is_new(&self, key: AnchorKey) -> bool {
        self.has_new && keyed::find(&self.accounts, key).is_some_and(|at| self.accounts[at].1.0)
    }

    /// Whether somebody was not seen, and may be here all the same: then nobody can tell whether a group
    /// lists this person, whose name may be another one by now.
    #[must_use]
    pub fn may_be_here(&self, key: AnchorKey) -> bool {
        keyed::find(&self.accounts, key).is_some_and(|at| self.accounts[at].1.1)
    }

    /// Whose name this is.
    #[must_use]
    pub fn find(&self, name: MemberKey) -> Option<AnchorKey> {
        let at = keyed::find(&self.names, name)?;
        Some(self.names[at].1)
    }

    /// Who says to be in the group of this name.
    pub fn in_group(&self, group: MemberKey) -> impl Iterator<Item = AnchorKey> + '_ {
        let from = self.edges.partition_point(|(name, _)| *name < group);
        let own = self.edges[from..].iter().take_while(move |(name, _)| *name == group);
        own.map(|(_, person)| *person)
    }
}

fn sorted(mut pairs: Vec<(MemberKey, AnchorKey)>) -> Vec<(MemberKey, AnchorKey)> {
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// Where a name is two people's it is nobody's: who is meant would be a guess.
fn unambiguous(mut names: Vec<(MemberKey, AnchorKey)>) -> Vec<(MemberKey, AnchorKey)> {
    let mut kept = 0;
    let mut from = 0;
    while from < names.len() {
        let name = names[from].0;
        let same = names[from..].iter().take_while(|(other, _)| *other == name).count();
        if same == 1 {
            names[kept] = names[from];
            kept += 1;
        }
        from += same;
    }
    names.truncate(kept);
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Anchor,
        plan::groups::testing::{account, key as anchor},
    };

    #[test]
    fn a_leavers_name_is_his_who_has_it_now() {
        let named = |who: &str, is_seen: bool| Account {
            key: anchor(who),
            is_seen,
            ..account("smith", false)
        };
        let find = |accounts: &[Account]| Roster::new(accounts, Sightings::default()).find(MemberKey::dn("uid=smith"));
        assert_eq!(find(&[named("left", false), named("new", true)]), Some(anchor("new")));
        assert_eq!(find(&[named("left", false)]), Some(anchor("left")));
        assert_eq!(find(&[named("left", false), named("too", false)]), None);
        assert_eq!(find(&[named("here", true), named("too", true)]), None);
    }

    #[test]
    fn only_those_with_an_account_are_known() {
        let key = |name: &str| Anchor::new(name).key();
        let account = |name: &str, is_new| Account {
            key: key(name),
            dn: DnKey::of(&format!("uid={name}")),
            is_new,
            is_seen: true,
            may_be_here: false,
        };
        let names = ["ada", "bob", "eve"].map(|name| (MemberKey::uid(name), key(name)));
        let mut names = names.to_vec();
        names.extend([
            (MemberKey::uid("both"), key("ada")),
            (MemberKey::uid("both"), key("bob")),
        ]);
        let edges = ["eve", "bob", "ada", "bob"].map(|name| (MemberKey::dn("cn=all"), key(name)));
        let seen = Sightings {
            names,
            edges: edges.to_vec(),
        };
        let roster = Roster::new(&[account("ada", false), account("bob", true)], seen);
        assert_eq!(roster.find(MemberKey::dn("UID=ada")), Some(key("ada")));
        assert_eq!(roster.find(MemberKey::uid("bob")), Some(key("bob")));
        assert_eq!(roster.find(MemberKey::uid("eve")), None);
        assert_eq!(roster.find(MemberKey::uid("both")), None);
        let mut all = vec![key("ada"), key("bob")];
        all.sort_unstable();
        assert_eq!(roster.in_group(MemberKey::dn("cn=all")).collect::<Vec<_>>(), all);
        assert_eq!(roster.in_group(MemberKey::dn("cn=none")).count(), 0);
        assert!(roster.is_new(key("bob")) && !roster.is_new(key("ada")) && !roster.is_new(key("eve")));
        assert!(roster.has_account(key("ada")) && !roster.has_account(key("eve")));
    }
}
