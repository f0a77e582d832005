//! A group that was deleted in the directory and made anew has its old name and another anchor. Its namesake
//! in the cloud was emptied and waits, for the policy keeps it or the grace lasts: nobody can get in by it,
//! it is ours, and it has what administrators assigned to the name. The new group takes it over.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    model::{AnchorKey, Digest, GroupAction, GroupLink, GroupOperation, MemberSum, TakenOver},
    plan::circles::name_key,
};

/// Groups of ours that are not in the directory any more, by their names.
#[derive(Default)]
pub(super) struct Left<'a> {
    /// Empty, whatever became of our requests.
    emptied: BTreeMap<Digest, &'a GroupLink>,
    /// Emptied by this plan or a later one.
    emptying: BTreeSet<Digest>,
}

impl<'a> Left<'a> {
    /// One that was emptied. When its name is in doubt it is left alone.
    pub(super) fn is_empty(&mut self, link: &'a GroupLink) {
        if link.perhaps_named.is_empty() && link.members.count == 0 {
            self.emptied.insert(name_of(link), link);
        }
    }

    /// One that is yet to be emptied, in this run or once it was missing for long enough.
    pub(super) fn is_emptied(&mut self, link: &GroupLink) {
        self.emptying.insert(name_of(link));
    }

    /// Gives each emptied group to the new one of its name. A new one whose namesake is yet to be emptied
    /// comes off the list: it would only be in conflict. Returns a word about each of these.
    pub(super) fn hand_over(mut self, operations: &mut Vec<GroupOperation>) -> Vec<String> {
        let mut waiting = Vec::new();
        operations.retain_mut(|operation| {
            if operation.action != GroupAction::Create {
                return true;
            }
            let name = name_key(operation.display_name());
            if let Some(link) = self.emptied.remove(&name) {
                take_over(operation, link);
            } else if self.emptying.contains(&name) {
                waiting.push(format!(
                    "{} waits for the group of the same name that left the directory: once that is empty it takes it over",
                    operation.dn
                ));
                return false;
            }
            true
        });
        waiting
    }
}

fn name_of(link: &GroupLink) -> Digest {
    name_key(link.resource.text("displayName").unwrap_or_default())
}

fn take_over(operation: &mut GroupOperation, link: &GroupLink) {
    operation.action = GroupAction::Update;
    operation.takes_over = Some(TakenOver {
        anchor: link.anchor.clone(),
        dn: link.dn.clone(),
        emptied_at: link.emptied_at,
    });
    operation.link = Some(GroupLink {
        anchor: operation.anchor.clone(),
        dn: operation.dn.clone(),
        members: MemberSum::default(),
        missed: 0,
        emptied_at: 0,
        ..link.clone()
    });
}

/// Groups that left whose place in the cloud is another one's by now: the program died between the two
/// halves of a handover.
pub(super) fn handed_over(links: &BTreeMap<AnchorKey, &GroupLink>, seen: &BTreeSet<AnchorKey>) -> BTreeSet<AnchorKey> {
    let is_seen = |key: &AnchorKey| seen.contains(key);
    let ids: BTreeSet<_> = links
        .iter()
        .filter(|(key, _)| is_seen(key))
        .filter_map(|(_, link)| link.id.as_ref())
        .collect();
    let left = links.iter().filter(|(key, _)| !is_seen(key));
    left.filter(|(_, link)| link.id.as_ref().is_some_and(|id| ids.contains(id)))
        .map(|(key, _)| *key)
        .collect()
}
