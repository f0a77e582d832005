//! Groups in an audit: their names, and who is in them where the cloud tells.
//!
//! Each group is asked for on its own. Where groups are not shown with their members but the groups of a
//! person can be asked for, that comes afterwards, person by person. Compared are only people whose
//! accounts are known here; who else is in a group is nobody's business of ours.

mod compare;
mod memberships;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::{StreamExt, stream};

use self::compare::Circle;
use super::{BATCH, Means};
use crate::{
    model::{Anchor, AnchorKey, GroupLink, Resource, ResourceId},
    ports::{
        AuditPosition, AuditStage, CloudGroup, Event, GroupPayload, GroupReader, GroupStore, MembersTold,
        ProviderError, StateStore, StoreError,
    },
    survey::asking::{UNAVAILABLE_MAX, ends},
};

/// A group that is not as it was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDrift {
    /// The group in the directory.
    pub anchor: Anchor,
    /// The distinguished name when last pushed.
    pub dn: String,
    /// The group in the cloud.
    pub id: ResourceId,
    /// The attributes that were pushed.
    pub told: Resource,
    /// What is there; nothing when the group is gone.
    pub held: Option<HeldGroup>,
    /// The group has left the directory and was emptied: nothing is repaired.
    pub left: bool,
}

/// What a group holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldGroup {
    /// Of the attributes that were pushed.
    pub resource: Resource,
    /// Who was put in and is not in it.
    pub missing: Vec<Member>,
    /// Who is in it and was not put in.
    pub extra: Vec<Member>,
}

/// A member as people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The person, or the group.
    pub key: AnchorKey,
    /// `userName` or `displayName`.
    pub name: String,
}

/// What an audit of the groups came to.
#[derive(Clone, Debug)]
pub struct GroupsAudited {
    /// Groups the state remembers.
    pub groups: u64,
    /// Groups asked for.
    pub compared: u64,
    /// People about whose groups was asked.
    pub people_asked: u64,
    /// Those that are not as they were pushed.
    pub drifts: Vec<GroupDrift>,
    /// Groups and people for whom the cloud gave no usable answer.
    pub unanswered: u64,
    /// How members are learned here.
    pub members_told: MembersTold,
    /// Where the next audit begins.
    pub next: AuditPosition,
    /// Why it ended early.
    pub stopped: Option<ProviderError>,
}

impl GroupsAudited {
    /// Groups that are gone.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.drifts.iter().filter(|drift| drift.held.is_none()).count() as u64
    }

    /// Groups that were changed.
    #[must_use]
    pub fn differing(&self) -> u64 {
        self.drifts.len() as u64 - self.missing()
    }
}

/// Compares, beginning at a place that is not among the people. `nested`: groups are pushed as members of
/// groups. Changes neither cloud nor state.
///
/// # Errors
/// When the state cannot be read. What the provider said is in [`GroupsAudited::stopped`].
pub async fn audit<R: GroupReader, S: StateStore + GroupStore>(
    means: Means<'_, R, S>,
    nested: bool,
) -> Result<GroupsAudited, StoreError> {
    let groups: Vec<(AnchorKey, GroupLink)> = means.store.groups()?;
    let groups: Vec<_> = groups.into_iter().filter(|(_, link)| link.id.is_some()).collect();
    let mut work = Work {
        circle: Circle::new(&**means.store, &groups, nested)?,
        drifts: BTreeMap::new(),
        gone: BTreeSet::new(),
        unavailable: 0,
        requests_before: means.reader.requests(),
        result: GroupsAudited {
            groups: groups.len() as u64,
            compared: 0,
            people_asked: 0,
            drifts: Vec::new(),
            unanswered: 0,
            members_told: means.reader.members_told(),
            next: means.position,
            stopped: None,
        },
        groups,
        means,
    };
    if let Err(error) = work.run().await? {
        work.result.stopped = Some(error);
    }
    work.result.drifts = work.drifts.into_values().collect();
    Ok(work.result)
}

struct Work<'a, R, S> {
    means: Means<'a, R, S>,
    /// All that may be in the cloud, in key order.
    groups: Vec<(AnchorKey, GroupLink)>,
    circle: Circle,
    drifts: BTreeMap<AnchorKey, GroupDrift>,
    /// Groups that are not there: nobody can be missing in them.
    gone: BTreeSet<AnchorKey>,
    unavailable: u32,
    requests_before: u64,
    result: GroupsAudited,
}

impl<R: GroupReader, S: StateStore + GroupStore> Work<'_, R, S> {
    async fn run(&mut self) -> Result<Result<(), ProviderError>, StoreError> {
        if self.result.next.stage != AuditStage::Memberships {
            self.result.next.stage = AuditStage::Groups;
            if let Err(error) = self.groups_themselves().await? {
                return Ok(Err(error));
            }
        }
        if self.result.next.stage == AuditStage::Memberships {
            return self.memberships().await;
        }
        Ok(Ok(()))
    }

    /// Requests left.
    fn left(&self) -> u64 {
        let sent = self.means.reader.requests().saturating_sub(self.requests_before);
        self.means.max_requests.saturating_sub(sent)
    }

    /// Asks for each group in key order, as far as the requests last.
    async fn groups_themselves(&mut self) -> Result<Result<(), ProviderError>, StoreError> {
        let after = self.result.next.after;
        let mut at = self
            .groups
            .partition_point(|(key, _)| after.is_some_and(|after| *key <= after));
        while at < self.groups.len() {
            let room = usize::try_from(self.left().min(BATCH)).unwrap_or(usize::MAX);
            if self.means.stop.is_cancelled() {
                return Ok(Err(ProviderError::Cancelled));
            }
            if room == 0 {
                return Ok(Ok(()));
            }
            let end = self.groups.len().min(at + room);
            if let Err(error) = self.ask(at..end).await? {
                return Ok(Err(error));
            }
            self.result.next.after = Some(self.groups[end - 1].0);
            at = end;
        }
        self.result.next = match self.result.members_told {
            MembersTold::ByPerson if !self.groups.is_empty() => AuditPosition {
                stage: AuditStage::Memberships,
                ..AuditPosition::default()
            },
            _ => AuditPosition::default(),
        };
        Ok(Ok(()))
    }

    async fn ask(&mut self, places: std::ops::Range<usize>) -> Result<Result<(), ProviderError>, StoreError> {
        let links: Vec<(AnchorKey, GroupLink)> = self.groups[places].to_vec();
        let reader = Arc::clone(self.means.reader);
        let mut answers = stream::iter(links)
            .map(|(key, link)| {
                let reader = &reader;
                async move {
                    let answer = look(&**reader, &link).await;
                    (key, link, answer)
                }
            })
            .buffered(self.means.concurrency.max(1));
        while let Some((key, link, answer)) = answers.next().await {
            match answer {
                Ok(group) => {
                    self.unavailable = 0;
                    self.result.compared += 1;
                    self.book(key, &link, group)?;
                }
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

    fn book(&mut self, key: AnchorKey, link: &GroupLink, group: Option<CloudGroup>) -> Result<(), StoreError> {
        let Some(group) = group else {
            self.gone.insert(key);
            self.drifts.insert(key, drift(link, None));
            return Ok(());
        };
        let resource = self.means.lens.held_by_group(&link.resource, &group.resource);
        let (missing, extra) = match &group.members {
            Some(there) => self.circle.compare(&**self.means.store, (key, link), there)?,
            None => (Vec::new(), Vec::new()),
        };
        if resource != link.resource || !(missing.is_empty() && extra.is_empty()) {
            let held = HeldGroup {
                resource,
                missing,
                extra,
            };
            self.drifts.insert(key, drift(link, Some(held)));
        }
        Ok(())
    }

    /// Counts an answer that was of no use. The error is about the whole run.
    fn bear(&mut self, error: ProviderError) -> Result<(), ProviderError> {
        if ends(&error) {
            return Err(error);
        }
        self.unavailable += 1;
        self.result.unanswered += 1;
        tracing::warn!(why = error.brief(), "a group could not be compared");
        match self.unavailable >= UNAVAILABLE_MAX {
            true => Err(error),
            false => Ok(()),
        }
    }

    fn progress(&self) {
        self.means.observer.event(&Event::Done {
            done: self.result.compared + self.result.people_asked,
            total: self.result.groups.max(self.result.compared + self.result.people_asked),
            failed: self.drifts.len() as u64,
        });
    }
}

fn drift(link: &GroupLink, held: Option<HeldGroup>) -> GroupDrift {
    GroupDrift {
        anchor: link.anchor.clone(),
        dn: link.dn.clone(),
        id: link.id.clone().unwrap_or_default(),
        told: link.resource.clone(),
        held,
        left: link.emptied_at != 0,
    }
}

/// The group as it is. That it is gone is believed only when a look-up does not find it either: a link
/// that is forgotten for nothing would leave a group behind that nobody removes any more.
async fn look<R: GroupReader>(reader: &R, link: &GroupLink) -> Result<Option<CloudGroup>, ProviderError> {
    let id = link.id.clone().unwrap_or_default();
    if let Some(group) = reader.group(&id).await? {
        return Ok(Some(group));
    }
    let payload = GroupPayload {
        external_id: link.anchor.to_string(),
        resource: link.resource.clone(),
    };
    match reader.has_no_group(&id, &payload).await? {
        true => Ok(None),
        false => Err(ProviderError::Unavailable {
            reason: "the service provider says that there is no such group, but a look-up does not prove it".into(),
            tries: 1,
        }),
    }
}
