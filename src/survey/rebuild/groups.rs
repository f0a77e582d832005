//! Groups in a rebuild, once the people are settled: members are people whose accounts are known.
//!
//! A group is linked with what it *holds*, as a person is: the next cycle renames it, puts in who is
//! missing and, within its limits, takes out who should not be in it. Where the cloud does not tell who is
//! in a group nobody is remembered as a member: the next cycle puts everybody in again, which changes
//! nothing for those who are in, and nobody is taken out.
//!
//! Reading order: [`rebuild`], `find` (which group it is), `members` (who is in it).

mod find;
mod members;

use std::{collections::BTreeMap, sync::Arc};

use tokio_util::sync::CancellationToken;

use self::find::Found;
use super::{Few, Stranger, Unclear};
use crate::{
    model::{AnchorKey, GroupLink, GroupOperation, MemberSum, Resource, ResourceId},
    ports::{
        Event, GroupChange, GroupPayload, GroupReader, GroupStore, MembersTold, Meta, ProviderError, RebuildStage,
        SharedObserver, StateStore, StoreError,
    },
    survey::{
        Lens,
        asking::{UNAVAILABLE_MAX, ends},
        owners::Owners,
    },
};

/// What a rebuild of the groups works with.
pub struct Means<'a, R, S> {
    /// The creates that an empty state asks for.
    pub operations: &'a [&'a GroupOperation],
    /// Whether groups are pushed as members of groups.
    pub nested: bool,
    /// The cloud.
    pub reader: &'a Arc<R>,
    /// The state to fill, with everybody in it.
    pub store: &'a Arc<S>,
    /// How groups are read.
    pub lens: &'a Lens,
    /// People to ask about where a cloud tells the groups of one person at a time.
    pub max_questions: u64,
    /// Questions in flight.
    pub concurrency: usize,
    /// Progress.
    pub observer: &'a SharedObserver,
    /// Ends it early; what is linked by then stays linked.
    pub stop: &'a CancellationToken,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct GroupsRebuilt {
    /// Groups in scope.
    pub groups: u64,
    /// Of them with a link now.
    pub linked: u64,
    /// Of these, which are not as the directory says.
    pub differing: u64,
    /// Groups that are not there; the next cycle makes them.
    pub without_group: u64,
    /// Members found and remembered.
    pub members: u64,
    /// Of them, whom the directory does not list: the next cycle takes them out, within its limits.
    pub surplus: u64,
    /// How far members could be told.
    pub knowledge: Knowledge,
    /// Groups left alone, and why.
    pub unclear: Few<Unclear>,
    /// Groups that are none of ours.
    pub strangers: Few<Stranger>,
    /// Why those are not known, or not all of them.
    pub not_listed: Option<String>,
    /// Why it ended early.
    pub stopped: Option<ProviderError>,
}

/// How far members could be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Knowledge {
    /// The groups were shown with them.
    #[default]
    Whole,
    /// People were asked about, one by one.
    Asked {
        /// How many.
        people: u64,
        /// For how many there was no question left, or no usable answer.
        unknown: u64,
    },
    /// The cloud does not tell, or what it tells is no answer to the question.
    Nothing,
}

/// Fills in the groups. Ended early, it goes on from there when it is called again.
///
/// # Errors
/// When the state cannot be read or written. What the provider said is in [`GroupsRebuilt::stopped`].
pub async fn rebuild<R: GroupReader, S: StateStore + GroupStore>(
    means: Means<'_, R, S>,
) -> Result<GroupsRebuilt, StoreError> {
    begin(&**means.store, means.reader.members_told())?;
    let linked = means.store.groups()?;
    let mut work = Rebuild {
        found: means.operations.iter().map(|_| Found::Nothing).collect(),
        linked: linked.into_iter().collect(),
        result: GroupsRebuilt {
            groups: means.operations.len() as u64,
            ..GroupsRebuilt::default()
        },
        unavailable: 0,
        done: 0,
        means,
    };
    if let Err(error) = work.run().await? {
        work.result.stopped = Some(error);
    }
    work.count()?;
    work.means.store.flush()?;
    Ok(work.result)
}

/// Throws away what there was before, unless this goes on from an interrupted run. Answers about people
/// are put together in memory, so where members come by them it begins again.
fn begin<S: StateStore + GroupStore>(store: &S, told: MembersTold) -> Result<(), StoreError> {
    let meta = store.meta()?;
    let goes_on = meta.rebuild == Some(RebuildStage::Groups);
    if !goes_on || told == MembersTold::ByPerson {
        let groups = store.groups()?.into_iter();
        let forget: Vec<GroupChange> = groups.map(|(key, _)| GroupChange::Forget(key)).collect();
        store.apply_groups(&forget)?;
        store.flush()?;
    }
    store.save_meta(&Meta {
        rebuild: Some(RebuildStage::Groups),
        ..meta
    })
}

struct Rebuild<'a, R, S> {
    means: Means<'a, R, S>,
    /// What was found, by place among the operations.
    found: Vec<Found>,
    /// Groups that an interrupted run had linked.
    linked: BTreeMap<AnchorKey, GroupLink>,
    result: GroupsRebuilt,
    /// Questions in a row that were of no use.
    unavailable: u32,
    done: u64,
}

impl<R: GroupReader, S: StateStore + GroupStore> Rebuild<'_, R, S> {
    async fn run(&mut self) -> Result<Result<(), ProviderError>, StoreError> {
        if let Err(error) = self.find().await {
            return Ok(Err(error));
        }
        self.find_members().await
    }

    fn operation(&self, at: usize) -> &GroupOperation {
        self.means.operations[at]
    }

    fn is_linked(&self, at: usize) -> bool {
        self.linked.contains_key(&self.operation(at).anchor.key())
    }

    fn unclear(&mut self, at: usize, why: String) {
        let operation = self.operation(at);
        let unclear = Unclear {
            user_name: operation.display_name().to_owned(),
            dn: operation.dn.clone(),
            why,
        };
        self.result.unclear.add(unclear);
    }

    /// Counts a question that was of no use for one group or person. The error is about the whole run.
    fn bear(&mut self, error: ProviderError) -> Result<ProviderError, ProviderError> {
        self.unavailable = match error {
            ProviderError::Unavailable { .. } => self.unavailable + 1,
            _ => 0,
        };
        match self.unavailable >= UNAVAILABLE_MAX || ends(&error) {
            true => Err(error),
            false => Ok(error),
        }
    }

    /// Remembers a group with those who are in it, in key order.
    fn link(&mut self, at: usize, id: ResourceId, there: &Resource, members: Vec<AnchorKey>) -> Result<(), StoreError> {
        let operation = self.operation(at);
        let link = GroupLink {
            anchor: operation.anchor.clone(),
            id: Some(id),
            dn: operation.dn.clone(),
            resource: self.means.lens.held_by_group(&operation.after, there),
            members: MemberSum::of(members.iter().copied()),
            adopted: false,
            missed: 0,
            emptied_at: 0,
            perhaps_named: Vec::new(),
        };
        self.means.store.apply_groups(&[GroupChange::Members {
            group: operation.anchor.key(),
            link: Box::new(link),
            add: members,
            remove: Vec::new(),
        }])
    }

    fn progress(&mut self, total: u64) {
        self.done += 1;
        self.means.observer.event(&Event::Done {
            done: self.done.min(total),
            total,
            failed: self.result.unclear.count,
        });
    }

    /// What is remembered by now against what is wanted.
    fn count(&mut self) -> Result<(), StoreError> {
        let wanted: BTreeMap<AnchorKey, &GroupOperation> = self
            .means
            .operations
            .iter()
            .map(|operation| (operation.anchor.key(), *operation))
            .collect();
        for (key, link) in self.means.store.groups()? {
            let Some(operation) = wanted.get(&key) else { continue };
            let members = self.means.store.members(key, link.members)?;
            let surplus = members
                .iter()
                .filter(|key| operation.add.binary_search(key).is_err())
                .count();
            // Where nobody can be told to be a member, nobody can be told to be missing.
            let missing = self.result.knowledge != Knowledge::Nothing && operation.add.len() + surplus != members.len();
            self.result.linked += 1;
            self.result.members += members.len() as u64;
            self.result.surplus += surplus as u64;
            self.result.differing += u64::from(surplus > 0 || missing || link.resource != operation.after);
        }
        Ok(())
    }

    fn owners(&self) -> Result<Owners, StoreError> {
        let mut owners = Owners::of_people(&**self.means.store)?;
        if self.means.nested {
            for (at, found) in self.found.iter().enumerate() {
                if let Some(group) = found.group() {
                    owners.add(&group.id, self.operation(at).anchor.key());
                }
            }
        }
        Ok(owners)
    }
}

fn payload(operation: &GroupOperation) -> GroupPayload {
    GroupPayload {
        external_id: operation.anchor.to_string(),
        resource: operation.after.clone(),
    }
}

/// The `externalId` the group has there: as mapped, else the anchor.
fn external_id(operation: &GroupOperation) -> &str {
    operation.after.text("externalId").unwrap_or(operation.anchor.as_str())
}
