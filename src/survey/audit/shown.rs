//! What this cloud gives back at all, as far as it can be seen: an attribute that was pushed to many
//! and that no account shows was hardly taken away from all of them by hand.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    model::{AttributePath, Pushed},
    ports::CloudAccount,
    survey::Lens,
};

/// Accounts that have to be asked for on their own before an attribute counts as never shown. Fewer may
/// well have been changed by one person in one afternoon.
const FETCHED_MIN: u64 = 10;

/// Of the accounts that were told something at a path.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    /// How many were asked for.
    fetched: u64,
    /// How many showed something there, also in a list.
    shown: u64,
}

/// What has been seen so far, by path.
#[derive(Debug)]
pub(super) struct Shown {
    /// What is known to be never given back is no news.
    known: BTreeSet<String>,
    counts: BTreeMap<String, Count>,
}

impl Shown {
    pub(super) fn new(lens: &Lens) -> Self {
        Self {
            known: lens.unseen().clone(),
            counts: BTreeMap::new(),
        }
    }

    /// An account in a list.
    pub(super) fn listed(&mut self, told: &Pushed, account: &CloudAccount) {
        self.count(told, account, 0);
    }

    /// An account that was asked for on its own.
    pub(super) fn fetched(&mut self, told: &Pushed, account: &CloudAccount) {
        self.count(told, account, 1);
    }

    fn count(&mut self, told: &Pushed, account: &CloudAccount, fetched: u64) {
        for path in paths(told) {
            if self.known.contains(&path) {
                continue;
            }
            let is_shown = if path == manager() {
                account.manager.is_some()
            } else {
                Lens::shows(&account.resource, &path)
            };
            let count = self.counts.entry(path).or_default();
            count.fetched += fetched;
            count.shown += u64::from(is_shown);
        }
    }

    /// Paths that no account has shown.
    pub(super) fn never_shown(&self) -> BTreeSet<String> {
        let never = |(_, count): &(&String, &Count)| count.fetched >= FETCHED_MIN && count.shown == 0;
        self.counts.iter().filter(never).map(|(path, _)| path.clone()).collect()
    }

    /// Those of them that this person was told something at.
    pub(super) fn never(&self, told: &Pushed) -> BTreeSet<String> {
        let mut never = self.never_shown();
        if !never.is_empty() {
            let told: BTreeSet<String> = paths(told).collect();
            never.retain(|path| told.contains(path));
        }
        never
    }
}

fn manager() -> String {
    AttributePath::enterprise("manager").to_string()
}

fn paths(told: &Pushed) -> impl Iterator<Item = String> {
    let manager = told.manager.as_ref().map(|_| manager());
    told.resource.attributes.keys().map(ToString::to_string).chain(manager)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Resource, Value};

    fn pushed(paths: &[&str]) -> Pushed {
        let attributes = paths
            .iter()
            .map(|path| (AttributePath::new(path), Value::Text("x".into())))
            .collect();
        Pushed {
            resource: Resource { attributes },
            manager: None,
        }
    }

    #[test]
    fn ten_accounts_without_it_and_none_with_it() {
        let check = |with: u64, without: u64, listed_with: u64, expected: &[&str]| {
            let mut shown = Shown {
                known: ["nickName".to_owned()].into(),
                counts: BTreeMap::new(),
            };
            let told = pushed(&["title", "userName", "nickName"]);
            let account = |paths| CloudAccount {
                resource: pushed(paths).resource,
                ..CloudAccount::default()
            };
            (0..with).for_each(|_| shown.fetched(&told, &account(&["title", "userName"])));
            (0..without).for_each(|_| shown.fetched(&told, &account(&["userName"])));
            (0..listed_with).for_each(|_| shown.listed(&told, &account(&["title"])));
            let never: Vec<_> = shown.never_shown().into_iter().collect();
            assert_eq!(never, expected, "{with} {without} {listed_with}");
            assert_eq!(shown.never(&told).len(), expected.len());
            assert!(shown.never(&pushed(&["userName"])).is_empty());
        };
        check(0, 9, 0, &[]);
        check(0, 10, 0, &["title"]);
        check(1, 10, 0, &[]);
        check(0, 10, 1, &[]);
    }
}
