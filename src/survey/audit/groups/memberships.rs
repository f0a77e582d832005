//! Person by person, where a cloud tells nothing else: in which of our groups are they?

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;

use super::{HeldGroup, Work, drift};
use crate::{
    model::{AnchorKey, Digest},
    ports::{AuditPosition, AuditStage, GroupReader, GroupStore, MembersTold, ProviderError, StateStore, StoreError},
    survey::asking::{groups_of_each, tells_groups_of_a_person},
};

/// People asked about between two looks at the memory of the groups: each look reads all memberships.
const BATCH: usize = 1000;

/// In which groups people were put, of some people, by place among the groups.
type Told = BTreeSet<(AnchorKey, usize)>;

impl<R: GroupReader, S: StateStore + GroupStore> Work<'_, R, S> {
    /// Asks about people in key order, as far as the requests last.
    pub(super) async fn memberships(&mut self) -> Result<Result<(), ProviderError>, StoreError> {
        let after = self.result.next.after;
        let people = self.circle.people().to_vec();
        let mut at = people.partition_point(|key| after.is_some_and(|after| *key <= after));
        let groups = self.groups.iter().enumerate();
        let by_id: BTreeMap<Digest, usize> = groups
            .filter_map(|(at, (_, link))| Some((link.id.as_ref()?.digest(), at)))
            .collect();
        if self.left() == 0 {
            return Ok(Ok(()));
        }
        match tells_groups_of_a_person(&**self.means.reader).await {
            Ok(true) => {}
            Ok(false) => {
                self.result.members_told = MembersTold::Never;
                self.result.next = AuditPosition::default();
                return Ok(Ok(()));
            }
            Err(error) => return Ok(Err(error)),
        }
        // However few requests there may be, the next audit has to begin with somebody else.
        let first = at;
        while at < people.len() {
            let least = u64::from(at == first);
            let room = usize::try_from(self.left().max(least)).unwrap_or(usize::MAX).min(BATCH);
            if self.means.stop.is_cancelled() {
                return Ok(Err(ProviderError::Cancelled));
            }
            if room == 0 {
                return Ok(Ok(()));
            }
            let batch = &people[at..people.len().min(at + room)];
            if let Err(error) = self.ask_about(batch, &by_id).await? {
                return Ok(Err(error));
            }
            at += batch.len();
            self.result.next = AuditPosition {
                stage: AuditStage::Memberships,
                after: batch.last().copied(),
                by_id: false,
            };
        }
        self.result.next = AuditPosition::default();
        Ok(Ok(()))
    }

    async fn ask_about(
        &mut self,
        batch: &[AnchorKey],
        by_id: &BTreeMap<Digest, usize>,
    ) -> Result<Result<(), ProviderError>, StoreError> {
        let told = self.told_of(batch)?;
        let asked = (self.means.reader, self.means.store);
        let mut answers = groups_of_each(asked, batch.iter().copied(), self.means.concurrency);
        while let Some(answer) = answers.next().await {
            let (key, answer) = answer?;
            match answer {
                Ok(Some(groups)) => {
                    self.unavailable = 0;
                    self.result.people_asked += 1;
                    let there = groups.iter().filter_map(|id| by_id.get(&id.digest()).copied());
                    self.book_person(key, &there.collect(), &told)?;
                }
                // In more groups than one answer holds.
                Ok(None) => self.result.unanswered += 1,
                Err(error) => {
                    if let Err(error) = self.bear(error) {
                        return Ok(Err(error));
                    }
                }
            }
            self.progress();
        }
        Ok(Ok(()))
    }

    /// Where these people were put in. They are in key order.
    fn told_of(&self, people: &[AnchorKey]) -> Result<Told, StoreError> {
        let mut told = Told::new();
        for (at, (group, link)) in self.groups.iter().enumerate() {
            let members = self.means.store.members(*group, link.members)?;
            let these = members.into_iter().filter(|key| people.binary_search(key).is_ok());
            told.extend(these.map(|key| (key, at)));
        }
        Ok(told)
    }

    fn book_person(&mut self, person: AnchorKey, there: &BTreeSet<usize>, told: &Told) -> Result<(), StoreError> {
        let told: BTreeSet<usize> = told
            .range((person, 0)..=(person, usize::MAX))
            .map(|(_, at)| *at)
            .collect();
        if told == *there {
            return Ok(());
        }
        let Some(member) = self.circle.named(&**self.means.store, &[person])?.pop() else {
            return Ok(());
        };
        for &at in told.symmetric_difference(there) {
            let (group, link) = &self.groups[at];
            if self.gone.contains(group) {
                continue;
            }
            let as_told = || HeldGroup {
                resource: link.resource.clone(),
                missing: Vec::new(),
                extra: Vec::new(),
            };
            let drift = self
                .drifts
                .entry(*group)
                .or_insert_with(|| drift(link, Some(as_told())));
            if let Some(held) = &mut drift.held {
                let list = if told.contains(&at) {
                    &mut held.missing
                } else {
                    &mut held.extra
                };
                list.push(member.clone());
            }
        }
        Ok(())
    }
}
