//! The members of one group: chunk after chunk, each remembered before the next one is sent. A chunk that
//! is refused is halved until it is known who it is about.

use std::collections::BTreeSet;

use super::{
    Crew,
    single::{is_proved_gone, unproved},
};
use crate::{
    model::{AnchorKey, GroupAction, GroupLink, GroupOperation, ResourceId},
    ports::{GroupChange, GroupProvider, GroupStore, MemberChange, ProviderError, StateStore, StoreError},
};

/// What became of the members of one group.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// People put in.
    pub(super) added: u64,
    /// People taken out.
    pub(super) removed: u64,
    /// Who has no account yet.
    pub(super) waiting: u64,
    /// People whose account is not there any more.
    pub(super) people_gone: Vec<AnchorKey>,
    /// Why not everything was done.
    pub(super) ended: Option<ProviderError>,
}

#[derive(Clone, Debug)]
struct Member {
    key: AnchorKey,
    id: ResourceId,
    joins: bool,
}

/// Brings the members to the wanted state.
pub(super) async fn change<P: GroupProvider, S: StateStore + GroupStore>(
    crew: &Crew<P, S>,
    operation: &GroupOperation,
    link: &GroupLink,
    now: i64,
) -> Result<Tally, StoreError> {
    let Some(id) = link.id.clone() else {
        return Err(StoreError(format!(
            "the group {} has no id: please report this",
            operation.dn
        )));
    };
    let mut team = Team {
        crew,
        operation,
        id,
        link: link.clone(),
        tally: Tally::default(),
        done: BTreeSet::new(),
        is_gone: false,
    };
    team.link.dn.clone_from(&operation.dn);
    team.forget(operation.forget.clone())?;
    team.send_all().await?;
    if team.tally.ended.is_none() && !team.is_gone {
        team.settle(now)?;
    }
    team.settle_doubt()?;
    Ok(team.tally)
}

/// Whether the rest of the group can still be done.
fn is_about_one(error: &ProviderError) -> bool {
    matches!(error, ProviderError::Refused { .. } | ProviderError::Conflict { .. })
}

struct Team<'a, P, S> {
    crew: &'a Crew<P, S>,
    operation: &'a GroupOperation,
    id: ResourceId,
    link: GroupLink,
    tally: Tally,
    /// Of whom it is known what became.
    done: BTreeSet<AnchorKey>,
    /// The group is not there any more.
    is_gone: bool,
}

impl<P: GroupProvider, S: StateStore + GroupStore> Team<'_, P, S> {
    async fn send_all(&mut self) -> Result<(), StoreError> {
        let work = self.resolve()?;
        for chunk in work.chunks(self.crew.provider.member_chunk().max(1)) {
            self.send(chunk.to_vec()).await?;
            if self.is_gone || self.tally.ended.as_ref().is_some_and(|error| !is_about_one(error)) {
                break;
            }
        }
        Ok(())
    }

    /// From keys to ids. Who has no account waits, or is forgotten; access goes before it comes, so that a
    /// group that is cut off has too few members and not too many.
    fn resolve(&mut self) -> Result<Vec<Member>, StoreError> {
        let GroupOperation { add, remove, again, .. } = self.operation;
        let again = |joins: bool| again.iter().filter(move |(_, it)| *it == joins).map(|(key, _)| key);
        let mut work = Vec::with_capacity(add.len() + remove.len());
        let mut gone = Vec::new();
        for &key in remove.iter().chain(again(false)) {
            match self.id_of(key)? {
                Some(id) => work.push(Member { key, id, joins: false }),
                None => gone.push(key),
            }
        }
        self.forget(gone)?;
        for &key in add.iter().chain(again(true)) {
            match self.id_of(key)? {
                Some(id) => work.push(Member { key, id, joins: true }),
                None => self.tally.waiting += 1,
            }
        }
        Ok(work)
    }

    fn id_of(&self, key: AnchorKey) -> Result<Option<ResourceId>, StoreError> {
        match self.crew.ids.get().and_then(|ids| ids.get(&key)) {
            Some(id) => Ok(Some(id.clone())),
            None => Ok(self.crew.store.link(key)?.map(|link| link.id)),
        }
    }

    /// Takes people out of the memory without a request.
    fn forget(&mut self, people: Vec<AnchorKey>) -> Result<(), StoreError> {
        self.done.extend(&people);
        self.remember(Vec::new(), people)
    }

    /// Remembers who is in now and who is not, as far as that is new.
    fn remember(&mut self, mut add: Vec<AnchorKey>, mut remove: Vec<AnchorKey>) -> Result<(), StoreError> {
        for (people, joins) in [(&mut add, true), (&mut remove, false)] {
            let mut new = Vec::with_capacity(people.len());
            for &person in people.iter() {
                if self.crew.store.is_member(self.operation.anchor.key(), person)? != joins {
                    new.push(person);
                }
            }
            *people = new;
        }
        if add.is_empty() && remove.is_empty() {
            return Ok(());
        }
        add.iter().for_each(|&key| self.link.members.add(key));
        remove.iter().for_each(|&key| self.link.members.remove(key));
        self.save(add, remove)
    }

    fn save(&self, add: Vec<AnchorKey>, remove: Vec<AnchorKey>) -> Result<(), StoreError> {
        self.crew.store.apply_groups(&[GroupChange::Members {
            group: self.operation.anchor.key(),
            link: Box::new(self.link.clone()),
            add,
            remove,
        }])
    }

    /// Sends some members, and halves of them as long as the answer may be about a few of them only.
    async fn send(&mut self, members: Vec<Member>) -> Result<(), StoreError> {
        let mut waiting = vec![members];
        while let Some(members) = waiting.pop() {
            if self.crew.is_halted() {
                self.tally.ended = Some(ProviderError::Cancelled);
                return Ok(());
            }
            let error = match self.crew.provider.change_members(&self.id, &change_of(&members)).await {
                Ok(()) => {
                    self.book(&members)?;
                    continue;
                }
                Err(error) => error,
            };
            let may_be_about_few = matches!(error, ProviderError::Gone | ProviderError::Refused { .. });
            if error == ProviderError::Gone && self.ends().await? {
                return Ok(());
            }
            match (members.as_slice(), may_be_about_few) {
                ([alone], true) => self.settle_alone(alone, error).await?,
                ([_, ..], true) => {
                    let (first, second) = members.split_at(members.len() / 2);
                    waiting.extend([second.to_vec(), first.to_vec()]);
                }
                _ => {
                    self.tally.ended = Some(error);
                    return Ok(());
                }
            }
            if self.tally.ended.as_ref().is_some_and(|error| !is_about_one(error)) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn book(&mut self, members: &[Member]) -> Result<(), StoreError> {
        let keys = |joins: bool| -> Vec<AnchorKey> {
            let these = members.iter().filter(|member| member.joins == joins);
            these.map(|member| member.key).collect()
        };
        let (add, remove) = (keys(true), keys(false));
        self.done.extend(add.iter().chain(&remove));
        self.tally.added += add.len() as u64;
        self.tally.removed += remove.len() as u64;
        self.remember(add, remove)
    }

    /// After a 404: whether nothing more can be done, because the group itself is not there, or because that
    /// cannot be told. One that is gone is made anew in the next run.
    async fn ends(&mut self) -> Result<bool, StoreError> {
        match is_proved_gone(self.crew, self.operation, &self.id, &self.link).await {
            Ok(false) => Ok(false),
            Ok(true) => {
                self.is_gone = true;
                self.crew
                    .store
                    .apply_groups(&[GroupChange::Forget(self.operation.anchor.key())])?;
                // A group that left the directory is where it should be.
                self.tally.ended = (self.operation.action != GroupAction::Empty).then_some(ProviderError::Gone);
                Ok(true)
            }
            Err(error) => {
                self.tally.ended = Some(error);
                Ok(true)
            }
        }
    }

    /// A request about one person that was refused.
    async fn settle_alone(&mut self, member: &Member, error: ProviderError) -> Result<(), StoreError> {
        if error != ProviderError::Gone {
            self.tally.ended = Some(error);
            return Ok(());
        }
        match self.crew.provider.has_person(&member.id).await {
            // No account, so no membership either.
            Ok(false) => {
                self.tally.people_gone.push(member.key);
                if member.joins {
                    self.done.insert(member.key);
                    self.tally.waiting += 1;
                    Ok(())
                } else {
                    self.forget(vec![member.key])
                }
            }
            Ok(true) => {
                self.tally.ended = Some(unproved());
                Ok(())
            }
            Err(error) => {
                self.tally.ended = Some(error);
                Ok(())
            }
        }
    }

    /// Who is still in doubt: those who were not told, or of whom no answer speaks.
    fn settle_doubt(&self) -> Result<(), StoreError> {
        let group = self.operation.anchor.key();
        let Some(before) = self.crew.in_doubt.get(&group).filter(|_| !self.is_gone) else {
            return Ok(());
        };
        let mut people = Vec::new();
        for &person in before {
            // Without an account nobody is in a group.
            if !self.done.contains(&person) && self.id_of(person)?.is_some() {
                people.push(person);
            }
        }
        self.crew.store.apply_groups(&[GroupChange::InDoubt { group, people }])
    }

    /// Everything was done.
    fn settle(&mut self, now: i64) -> Result<(), StoreError> {
        let emptied_at = if self.operation.action == GroupAction::Empty {
            now
        } else {
            0
        };
        if self.link.emptied_at != emptied_at || self.link.missed != 0 {
            self.link.emptied_at = emptied_at;
            self.link.missed = 0;
            return self.save(Vec::new(), Vec::new());
        }
        Ok(())
    }
}

fn change_of(members: &[Member]) -> MemberChange {
    let ids = |joins: bool| -> Vec<ResourceId> {
        let these = members.iter().filter(|member| member.joins == joins);
        these.map(|member| member.id.clone()).collect()
    };
    MemberChange {
        add: ids(true),
        remove: ids(false),
    }
}
