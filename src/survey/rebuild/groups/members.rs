//! Who is in the groups that were found.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};

use super::{Found, Knowledge, Rebuild};
use crate::{
    model::{AnchorKey, Resource, ResourceId},
    ports::{CloudGroup, GroupReader, GroupStore, MembersTold, ProviderError, StateStore, StoreError},
    survey::{
        asking::{groups_of_each, tells_groups_of_a_person},
        owners::Owners,
    },
};

/// A group to be linked: its place, its id and what a list or look-up showed of it.
type Place = (usize, ResourceId, Resource);

impl<R: GroupReader, S: StateStore + GroupStore> Rebuild<'_, R, S> {
    /// Links what was found, each group with its members.
    pub(super) async fn find_members(&mut self) -> Result<Result<(), ProviderError>, StoreError> {
        let found = self.found.iter().enumerate();
        let places: Vec<Place> = found
            .filter(|(at, _)| !self.is_linked(*at))
            .filter_map(|(at, found)| Some((at, found.group()?)))
            .map(|(at, group)| (at, group.id.clone(), group.resource.clone()))
            .collect();
        self.done = 0;
        match self.means.reader.members_told() {
            MembersTold::WithTheGroup => self.with_the_groups(places).await,
            MembersTold::ByPerson if places.is_empty() => Ok(Ok(())),
            MembersTold::ByPerson => match tells_groups_of_a_person(&**self.means.reader).await {
                Ok(true) => self.by_person(places).await,
                Ok(false) => self.without_members(places).map(Ok),
                Err(error) => Ok(Err(error)),
            },
            MembersTold::Never => self.without_members(places).map(Ok),
        }
    }

    fn without_members(&mut self, places: Vec<Place>) -> Result<(), StoreError> {
        self.result.knowledge = Knowledge::Nothing;
        for (at, id, there) in places {
            self.link(at, id, &there, Vec::new())?;
        }
        Ok(())
    }

    async fn with_the_groups(&mut self, places: Vec<Place>) -> Result<Result<(), ProviderError>, StoreError> {
        let owners = self.owners()?;
        let total = places.len() as u64;
        let reader = std::sync::Arc::clone(self.means.reader);
        let mut answers = stream::iter(places)
            .map(|(at, id, _)| {
                let reader = &reader;
                async move { (at, reader.group(&id).await) }
            })
            .buffered(self.means.concurrency.max(1));
        while let Some((at, answer)) = answers.next().await {
            match answer {
                Ok(group) => {
                    self.unavailable = 0;
                    self.book(at, group, &owners)?;
                }
                Err(error) => match self.bear(error) {
                    Ok(error) => self.unclear(at, error.to_string()),
                    Err(error) => return Ok(Err(error)),
                },
            }
            self.progress(total);
            if self.means.stop.is_cancelled() {
                return Ok(Err(ProviderError::Cancelled));
            }
        }
        Ok(Ok(()))
    }

    fn book(&mut self, at: usize, group: Option<CloudGroup>, owners: &Owners) -> Result<(), StoreError> {
        let Some(group) = group else {
            // It went away in between.
            self.found[at] = Found::Nothing;
            self.result.without_group += 1;
            return Ok(());
        };
        let (members, _) = owners.of_all(&group.members.unwrap_or_default());
        self.link(at, group.id, &group.resource, members)
    }

    /// Asks about people in key order, as far as the questions last. Of whom nothing was asked nothing is
    /// remembered: the next cycle puts them in again, and an audit finds who should not be in.
    async fn by_person(&mut self, places: Vec<Place>) -> Result<Result<(), ProviderError>, StoreError> {
        let by_id: BTreeMap<&ResourceId, usize> = places.iter().map(|(at, id, _)| (id, *at)).collect();
        let mut members: BTreeMap<usize, Vec<AnchorKey>> = BTreeMap::new();
        let people = self.means.store.marks()?;
        let most = usize::try_from(self.means.max_questions).unwrap_or(usize::MAX);
        let asked = people.len().min(most);
        let mut answered = 0;
        let means = (self.means.reader, self.means.store);
        let keys = people[..asked].iter().map(|(key, _)| *key);
        let mut answers = groups_of_each(means, keys, self.means.concurrency);
        while let Some(answer) = answers.next().await {
            let (key, answer) = answer?;
            match answer {
                Ok(groups) => {
                    self.unavailable = 0;
                    answered += u64::from(groups.is_some());
                    let ours = groups.iter().flatten().filter_map(|id| by_id.get(id));
                    ours.for_each(|at| members.entry(*at).or_default().push(key));
                }
                Err(error) => {
                    if let Err(error) = self.bear(error) {
                        return Ok(Err(error));
                    }
                }
            }
            self.progress(asked as u64);
            if self.means.stop.is_cancelled() {
                return Ok(Err(ProviderError::Cancelled));
            }
        }
        self.result.knowledge = Knowledge::Asked {
            people: asked as u64,
            unknown: people.len() as u64 - answered,
        };
        for (at, id, there) in &places {
            let mut members = members.remove(at).unwrap_or_default();
            members.dedup();
            self.link(*at, id.clone(), there, members)?;
        }
        Ok(Ok(()))
    }
}
