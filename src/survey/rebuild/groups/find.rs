//! Which of the cloud's groups is which of the directory's: page by page where the cloud lists, else by
//! name, and by `externalId` where that can be asked.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};

use super::{Rebuild, Stranger, external_id, payload};
use crate::{
    model::{GroupOperation, ResourceId},
    ports::{CloudAccount, GroupReader, GroupStore, Match, ProviderError, StateStore},
    survey::Listing,
};

const ANOTHER: &str = "the group of that name has another one, with its externalId";
const SEVERAL: &str = "several groups carry this group's externalId or name; remove all but one";

/// What has been found for a group so far.
pub(super) enum Found {
    Nothing,
    /// One of that name.
    ByName(CloudAccount),
    /// The one with its `externalId`, or the one that a look-up says it is.
    Theirs(CloudAccount),
    /// It cannot be told.
    Unclear,
}

impl Found {
    /// The group that it is.
    pub(super) fn group(&self) -> Option<&CloudAccount> {
        match self {
            Self::ByName(group) | Self::Theirs(group) => Some(group),
            Self::Nothing | Self::Unclear => None,
        }
    }
}

/// Finds the directory's groups by what the cloud shows of them.
struct Index {
    external_ids: BTreeMap<String, usize>,
    names: BTreeMap<String, usize>,
}

impl<R: GroupReader, S: StateStore + GroupStore> Rebuild<'_, R, S> {
    /// Fills in what was found. The error is the provider's, when it is of no use to any group.
    pub(super) async fn find(&mut self) -> Result<(), ProviderError> {
        let listed = match self.means.reader.lists() {
            true => self.by_listing().await?,
            false => Err(
                "this cloud cannot list all of its groups, so it is not known which of them are none of \
                          the directory's"
                    .into(),
            ),
        };
        if let Err(why) = listed {
            self.result.not_listed = Some(why);
            self.by_looking_up().await?;
        }
        let is_without = |at: &usize| matches!(self.found[*at], Found::Nothing) && !self.is_linked(*at);
        self.result.without_group = (0..self.found.len()).filter(is_without).count() as u64;
        Ok(())
    }

    /// The inner `Ok` says that all pages were seen.
    async fn by_listing(&mut self) -> Result<Result<(), String>, ProviderError> {
        let index = self.index();
        let mut listing = Listing::default();
        while let Some(page) = listing.groups(&**self.means.reader).await? {
            for group in page {
                self.place(group, &index);
            }
            if self.means.stop.is_cancelled() {
                return Err(ProviderError::Cancelled);
            }
        }
        for at in 0..self.found.len() {
            if matches!(self.found[at], Found::Unclear) {
                self.unclear(at, SEVERAL.into());
            }
        }
        Ok(listing.proof().map_err(|why| {
            format!(
                "the groups could not all be listed ({why}), so some that are none of the directory's may not be shown"
            )
        }))
    }

    fn index(&self) -> Index {
        let operations = || self.means.operations.iter().enumerate();
        Index {
            external_ids: operations()
                .map(|(at, operation)| (external_id(operation).to_owned(), at))
                .collect(),
            names: operations()
                .map(|(at, operation)| (self.means.lens.group_name(operation.display_name()), at))
                .collect(),
        }
    }

    /// One group: to the one of the directory that it is, or among those that are none.
    fn place(&mut self, group: CloudAccount, index: &Index) {
        let theirs = group.external_id().and_then(|id| index.external_ids.get(id));
        if let Some(&at) = theirs {
            let now = match &self.found[at] {
                Found::Nothing | Found::ByName(_) => Found::Theirs(group),
                Found::Theirs(_) | Found::Unclear => Found::Unclear,
            };
            if let Found::ByName(other) = std::mem::replace(&mut self.found[at], now) {
                self.stranger(&other, Some(ANOTHER.into()));
            }
            return;
        }
        let name = self.means.lens.group_name(name_of(&group));
        let Some(&at) = index.names.get(&name) else {
            self.stranger(&group, None);
            return;
        };
        match &self.found[at] {
            Found::Nothing => {
                let wanted = payload(self.operation(at));
                match self.means.reader.judge_group(group.external_id(), &wanted) {
                    Ok(()) => self.found[at] = Found::ByName(group),
                    Err(because) => self.stranger(&group, Some(because)),
                }
            }
            Found::ByName(_) => self.found[at] = Found::Unclear,
            Found::Theirs(_) | Found::Unclear => self.stranger(&group, Some(ANOTHER.into())),
        }
    }

    fn stranger(&mut self, group: &CloudAccount, because: Option<String>) {
        self.result.strangers.add(Stranger {
            id: group.id.clone(),
            user_name: name_of(group).to_owned(),
            because,
        });
    }

    /// Asks for those of which nothing is known yet.
    async fn by_looking_up(&mut self) -> Result<(), ProviderError> {
        let wanted: Vec<(usize, &GroupOperation)> = (0..self.found.len())
            .filter(|&at| matches!(self.found[at], Found::Nothing) && !self.is_linked(at))
            .map(|at| (at, self.means.operations[at]))
            .collect();
        let mut taken: BTreeSet<ResourceId> = self
            .found
            .iter()
            .filter_map(|it| Some(it.group()?.id.clone()))
            .collect();
        let total = wanted.len() as u64;
        let reader = std::sync::Arc::clone(self.means.reader);
        let mut answers = stream::iter(wanted)
            .map(|(at, operation)| {
                let reader = &reader;
                async move { (at, reader.group_of(&payload(operation), &|_| false).await) }
            })
            .buffered(self.means.concurrency.max(1));
        while let Some((at, answer)) = answers.next().await {
            match answer {
                Ok(answer) => {
                    self.unavailable = 0;
                    self.settle(at, answer, &mut taken);
                }
                Err(error) => {
                    let error = self.bear(error)?;
                    self.found[at] = Found::Unclear;
                    self.unclear(at, error.to_string());
                }
            }
            self.progress(total);
            if self.means.stop.is_cancelled() {
                return Err(ProviderError::Cancelled);
            }
        }
        Ok(())
    }

    fn settle(&mut self, at: usize, answer: Match, taken: &mut BTreeSet<ResourceId>) {
        let why = match answer {
            Match::Nothing => return,
            Match::Theirs(group) if taken.insert(group.id.clone()) => {
                self.found[at] = Found::Theirs(*group);
                return;
            }
            Match::Theirs(group) => format!("group {} is another one of this directory", group.id),
            Match::Foreign { id, user_name, because } => {
                format!("group {id} (displayName {user_name:?}): {because}")
            }
            Match::Unclear(why) => why,
        };
        self.found[at] = Found::Unclear;
        self.unclear(at, why);
    }
}

fn name_of(group: &CloudAccount) -> &str {
    group.resource.text("displayName").unwrap_or_default()
}
