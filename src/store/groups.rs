//! The [`GroupStore`] in a folder: a record for each group, and one without content for each member of
//! it.
//!
//! What the members of a group add up to stands in the group's record and is written together with
//! them, so that members whose records were lost are missed.

use std::{collections::BTreeMap, sync::PoisonError};

use super::{
    database::{BATCH_RECORDS_MAX, Order, Sum, Table, Visit, Write},
    record,
    state::{SledStore, anchor_key, damaged, incomplete, json, put, remove, shown},
};
use crate::{
    model::{AnchorKey, GroupLink, MemberSum},
    ports::{Change, GroupChange, GroupStore, Reject, StateStore, StoreError},
};

/// People in doubt in one record.
const IN_DOUBT_PER_RECORD: usize = 1000;

impl GroupStore for SledStore {
    fn groups(&self) -> Result<Vec<(AnchorKey, GroupLink)>, StoreError> {
        let _writing = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut groups, mut sum) = (Vec::new(), Sum::default());
        self.database.each(Table::Groups, Order::Ascending, &mut |key, value| {
            sum.add(value);
            let link = record::unseal_json(key, value).map_err(|damage| damaged(Table::Groups, key, damage))?;
            groups.push((anchor_key(Table::Groups, key)?, link));
            Ok(Visit::Next)
        })?;
        self.database
            .sum(Table::Groups)
            .compare(sum)
            .map_err(|damage| incomplete(Table::Groups, &damage))?;
        Ok(groups)
    }

    fn members(&self, group: AnchorKey, sum: MemberSum) -> Result<Vec<AnchorKey>, StoreError> {
        let (mut members, mut found) = (Vec::new(), MemberSum::default());
        self.database
            .each_below(Table::Members, &group.0, Order::Ascending, &mut |key, value| {
                record::unseal(key, value).map_err(|damage| damaged(Table::Members, key, damage))?;
                let member = member_in(key)?;
                found.add(member);
                members.push(member);
                Ok(Visit::Next)
            })?;
        if found == sum {
            return Ok(members);
        }
        Err(incomplete(Table::Members, &lost(group, sum, found)))
    }

    fn is_member(&self, group: AnchorKey, person: AnchorKey) -> Result<bool, StoreError> {
        let record = self.database.get(Table::Members, &member_key(group, person))?;
        Ok(record.is_some())
    }

    fn members_in_doubt(&self) -> Result<BTreeMap<AnchorKey, Vec<AnchorKey>>, StoreError> {
        const TABLE: Table = Table::MembersInDoubt;
        let _writing = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut groups, mut sum) = (BTreeMap::<_, Vec<_>>::new(), Sum::default());
        self.database.each(TABLE, Order::Ascending, &mut |key, value| {
            sum.add(value);
            let people = record::unseal(key, value).map_err(|damage| damaged(TABLE, key, damage))?;
            let group = anchor_key(TABLE, key.get(..size_of::<AnchorKey>()).unwrap_or_default())?;
            let keys = people.as_chunks().0.iter().copied().map(AnchorKey);
            groups.entry(group).or_default().extend(keys);
            Ok(Visit::Next)
        })?;
        self.database
            .sum(TABLE)
            .compare(sum)
            .map_err(|damage| incomplete(TABLE, &damage))?;
        Ok(groups)
    }

    fn apply_groups(&self, changes: &[GroupChange]) -> Result<(), StoreError> {
        let _writing = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            for batch in self.batches_of(change)? {
                self.database.write(&batch)?;
            }
        }
        Ok(())
    }

    fn group_rejects(&self) -> Result<Vec<(AnchorKey, Reject)>, StoreError> {
        self.read_rejects(Table::GroupRejects)
    }

    fn save_group_rejects(&self, rejects: &[(AnchorKey, Option<Reject>)]) -> Result<(), StoreError> {
        self.write_rejects(Table::GroupRejects, rejects)
    }
}

impl SledStore {
    /// The transactions that a change takes.
    fn batches_of(&self, change: &GroupChange) -> Result<Vec<Vec<Write>>, StoreError> {
        match change {
            GroupChange::Put(key, link) => self.put(*key, link, &[], &[]),
            GroupChange::Members {
                group,
                link,
                add,
                remove,
            } => self.put(*group, link, add, remove),
            GroupChange::InDoubt { group, people } => self.doubt(*group, people),
            GroupChange::Forget(key) => {
                let mut batches = self.forget(*key)?;
                batches.extend(self.doubt(*key, &[])?);
                Ok(batches)
            }
        }
    }

    /// Many people of one group share a record. New records come before old ones go: a crash between two
    /// transactions leaves too many in doubt and not too few.
    fn doubt(&self, group: AnchorKey, people: &[AnchorKey]) -> Result<Vec<Vec<Write>>, StoreError> {
        const TABLE: Table = Table::MembersInDoubt;
        let mut writes = Vec::new();
        for (some, number) in people.chunks(IN_DOUBT_PER_RECORD).zip(0_u32..) {
            let key = [&group.0[..], &number.to_be_bytes()].concat();
            let keys: Vec<u8> = some.iter().flat_map(|person| person.0).collect();
            writes.push(put(TABLE, &key, record::seal(&key, &keys)));
        }
        let kept = writes.len();
        let mut number = 0;
        self.database
            .each_below(TABLE, &group.0, Order::Ascending, &mut |key, _| {
                number += 1;
                if number > kept {
                    writes.push(remove(TABLE, key));
                }
                Ok(Visit::Next)
            })?;
        let mut batches = Vec::new();
        let mut writes = writes.into_iter().peekable();
        while writes.peek().is_some() {
            batches.push(writes.by_ref().take(BATCH_RECORDS_MAX).collect());
        }
        Ok(batches)
    }

    fn put(
        &self,
        group: AnchorKey,
        link: &GroupLink,
        add: &[AnchorKey],
        remove: &[AnchorKey],
    ) -> Result<Vec<Vec<Write>>, StoreError> {
        // A group that is remembered for the first time begins without members.
        let before = self.one(Table::Groups, &group.0)?.unwrap_or_else(|| GroupLink {
            members: MemberSum::default(),
            ..link.clone()
        });
        let changes = self.real_changes(group, add, remove)?;
        let mut after = before.members;
        changes.iter().for_each(|change| count(&mut after, *change));
        if after != link.members {
            return Err(StoreError(format!(
                "refused to remember {} members of the group {}, there are {}: please report this",
                link.members.count, link.anchor, after.count
            )));
        }
        batches(group, Some(before), &changes, put_group(group, link)?)
    }

    /// Without those who are in already and those who are not in.
    fn real_changes(
        &self,
        group: AnchorKey,
        add: &[AnchorKey],
        remove: &[AnchorKey],
    ) -> Result<Vec<(AnchorKey, bool)>, StoreError> {
        let wanted = add.iter().map(|member| (*member, true));
        let wanted: BTreeMap<_, _> = wanted.chain(remove.iter().map(|member| (*member, false))).collect();
        let mut changes = Vec::with_capacity(wanted.len());
        for (member, is_in) in wanted {
            let was_in = self.database.get(Table::Members, &member_key(group, member))?.is_some();
            if was_in != is_in {
                changes.push((member, is_in));
            }
        }
        Ok(changes)
    }

    fn forget(&self, group: AnchorKey) -> Result<Vec<Vec<Write>>, StoreError> {
        let mut changes = Vec::new();
        self.database
            .each_below(Table::Members, &group.0, Order::Ascending, &mut |key, _| {
                changes.push((member_in(key)?, false));
                Ok(Visit::Next)
            })?;
        let before = self.one(Table::Groups, &group.0)?;
        batches(group, before, &changes, remove(Table::Groups, &group.0))
    }

    /// Takes people whose account is another one now out of the groups of the old one.
    pub(super) fn leave_old_groups(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut made_anew = Vec::new();
        for change in changes {
            if let Change::Put(key, _, link) = change
                && self.link(*key)?.is_some_and(|before| before.id != link.id)
            {
                made_anew.push(*key);
            }
        }
        if made_anew.is_empty() {
            return Ok(());
        }
        for (group, mut link) in self.groups()? {
            let mut remove = Vec::new();
            for &person in &made_anew {
                if self.is_member(group, person)? {
                    link.members.remove(person);
                    remove.push(person);
                }
            }
            if !remove.is_empty() {
                self.apply_groups(&[GroupChange::Members {
                    group,
                    link: Box::new(link),
                    add: Vec::new(),
                    remove,
                }])?;
            }
        }
        Ok(())
    }

    /// Puts people in doubt, by group.
    pub(super) fn put_in_doubt(&self, groups: &BTreeMap<AnchorKey, Vec<AnchorKey>>) -> Result<(), StoreError> {
        let change = |(group, people): (&AnchorKey, &Vec<AnchorKey>)| GroupChange::InDoubt {
            group: *group,
            people: people.clone(),
        };
        self.apply_groups(&groups.iter().map(change).collect::<Vec<_>>())
    }

    /// Puts groups without their members (the backup brings them apart).
    pub(super) fn put_groups(&self, groups: &[(AnchorKey, GroupLink)]) -> Result<(), StoreError> {
        self.write_together(groups.iter().map(|(key, link)| Ok(vec![put_group(*key, link)?])))
    }

    /// Puts members without their groups.
    pub(super) fn put_members(&self, members: &[(AnchorKey, AnchorKey)]) -> Result<(), StoreError> {
        let records = members
            .iter()
            .map(|(group, member)| Ok(vec![member_record(*group, (*member, true))]));
        self.write_together(records)
    }
}

/// Members come and go in as many transactions as it takes. All but the last one bring the link that was
/// there with a sum that covers what is there then, so that a crash between two of them leaves a group
/// with some of the change; a group that is to go has fewer and fewer members.
fn batches(
    group: AnchorKey,
    before: Option<GroupLink>,
    changes: &[(AnchorKey, bool)],
    last: Write,
) -> Result<Vec<Vec<Write>>, StoreError> {
    let mut batches = Vec::with_capacity(changes.len() / BATCH_RECORDS_MAX + 1);
    let mut rest = changes;
    let mut between = before;
    while rest.len() >= BATCH_RECORDS_MAX {
        let (now, later) = rest.split_at(BATCH_RECORDS_MAX - 1);
        let mut batch: Vec<Write> = now.iter().map(|change| member_record(group, *change)).collect();
        if let Some(between) = &mut between {
            now.iter().for_each(|change| count(&mut between.members, *change));
            batch.push(put_group(group, between)?);
        }
        batches.push(batch);
        rest = later;
    }
    let mut batch: Vec<Write> = rest.iter().map(|change| member_record(group, *change)).collect();
    batch.push(last);
    batches.push(batch);
    Ok(batches)
}

fn count(sum: &mut MemberSum, (member, is_in): (AnchorKey, bool)) {
    if is_in {
        sum.add(member);
    } else {
        sum.remove(member);
    }
}

fn member_key(group: AnchorKey, member: AnchorKey) -> Vec<u8> {
    [group.0, member.0].concat()
}

fn member_in(key: &[u8]) -> Result<AnchorKey, StoreError> {
    anchor_key(Table::Members, key.get(size_of::<AnchorKey>()..).unwrap_or_default())
}

fn member_record(group: AnchorKey, (member, is_in): (AnchorKey, bool)) -> Write {
    let key = member_key(group, member);
    if is_in {
        put(Table::Members, &key, record::seal(&key, &[]))
    } else {
        remove(Table::Members, &key)
    }
}

fn put_group(key: AnchorKey, link: &GroupLink) -> Result<Write, StoreError> {
    if link.anchor.key() != key {
        return Err(StoreError(format!(
            "refused to keep the group {} under the key {} of another: please report this",
            link.anchor,
            shown(&key.0)
        )));
    }
    Ok(put(Table::Groups, &key.0, json(Table::Groups, &key.0, link)?))
}

fn lost(group: AnchorKey, sum: MemberSum, found: MemberSum) -> record::Damage {
    let group = shown(&group.0);
    record::Damage(if sum.count == found.count {
        format!("the members of the group {group} are others than there were")
    } else {
        format!(
            "{} members of the group {group} are in it, and there were {}",
            found.count, sum.count
        )
    })
}

#[cfg(test)]
mod tests;
