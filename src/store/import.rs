//! `scimward state import`.

use std::{
    collections::BTreeMap,
    io::{BufRead, Read},
};

use super::{
    error::TransferError,
    lines::{End, FORMAT, Header, Line, MembersLine, VERSION},
    state::SledStore,
};
use crate::{
    model::{AnchorKey, GroupLink, Link, MemberSum},
    ports::{Change, GroupStore, Meta, Reject, StateStore},
};

/// A line is one person; the largest photo URL and a hundred addresses stay far below.
const LINE_BYTES_MAX: u64 = 16 << 20;
/// Records held before they are written.
const PENDING_MAX: usize = 100;

/// Loads what [`export`](super::export()) wrote into an empty state, all of it or nothing, and returns how many
/// records that were. A crash in the middle leaves an empty state.
///
/// # Errors
/// [`TransferError::NotEmpty`] or [`TransferError::Malformed`]; nothing is kept then.
pub fn import(store: &SledStore, input: &mut dyn BufRead) -> Result<u64, TransferError> {
    refuse_unless_empty(store)?;
    store.begin_import()?;
    let loaded = Import::new(store).run(input).and_then(|(meta, records)| {
        store.end_import(&meta)?;
        Ok(records)
    });
    if loaded.is_err() {
        store.abort_import()?;
    }
    loaded
}

fn refuse_unless_empty(store: &SledStore) -> Result<(), TransferError> {
    let found = |count: usize, what: &str| TransferError::NotEmpty {
        found: format!("{count} {what}"),
    };
    let marks = store.marks()?.len();
    if marks > 0 {
        return Err(found(marks, "marks"));
    }
    let mut links = 0;
    store.each_link(&mut |_| {
        links += 1;
        true
    })?;
    if links > 0 {
        return Err(found(links, "links"));
    }
    for (count, what) in [
        (store.rejects()?.len(), "rejects"),
        (store.groups()?.len(), "groups"),
        (store.group_rejects()?.len(), "rejected groups"),
    ] {
        if count > 0 {
            return Err(found(count, what));
        }
    }
    Ok(())
}

struct Import<'store> {
    store: &'store SledStore,
    number: u64,
    meta: Option<Meta>,
    found: End,
    last: Last,
    changes: Vec<Change>,
    links: Vec<(AnchorKey, Link)>,
    rejects: Vec<(AnchorKey, Option<Reject>)>,
    groups: Vec<(AnchorKey, GroupLink)>,
    members: Vec<(AnchorKey, AnchorKey)>,
    group_rejects: Vec<(AnchorKey, Option<Reject>)>,
    /// All of them: there are few.
    in_doubt: BTreeMap<AnchorKey, Vec<AnchorKey>>,
}

/// The last key of each kind: keys rise, so none comes twice.
#[derive(Default)]
struct Last {
    mark: Option<AnchorKey>,
    link: Option<AnchorKey>,
    reject: Option<AnchorKey>,
    group: Option<OpenGroup>,
    group_reject: Option<AnchorKey>,
}

/// The group whose members are being read.
struct OpenGroup {
    key: AnchorKey,
    wanted: MemberSum,
    found: MemberSum,
    last: Option<AnchorKey>,
}

impl<'store> Import<'store> {
    fn new(store: &'store SledStore) -> Self {
        Self {
            store,
            number: 0,
            meta: None,
            found: End::default(),
            last: Last::default(),
            changes: Vec::new(),
            links: Vec::new(),
            rejects: Vec::new(),
            groups: Vec::new(),
            members: Vec::new(),
            group_rejects: Vec::new(),
            in_doubt: BTreeMap::new(),
        }
    }

    fn run(mut self, input: &mut dyn BufRead) -> Result<(Meta, u64), TransferError> {
        let header = self.next(input)?.ok_or_else(|| self.malformed("the backup is empty"))?;
        self.check_header(&header)?;
        while let Some(text) = self.next(input)? {
            let line = serde_json::from_slice(&text).map_err(|error| self.malformed(error))?;
            match line {
                Line::End(end) => return self.end(end, input),
                line => self.take(line)?,
            }
        }
        Err(self.malformed("the backup was cut off: its last line is missing"))
    }

    fn check_header(&self, text: &[u8]) -> Result<(), TransferError> {
        let header: Header = serde_json::from_slice(text)
            .map_err(|error| self.malformed(format!("this is not a backup of scimward: {error}")))?;
        if header.format != FORMAT {
            return Err(self.malformed(format!("its format is `{}`, wanted is `{FORMAT}`", header.format)));
        }
        if header.version != VERSION {
            return Err(self.malformed(format!(
                "its version is {}, this scimward reads {VERSION}: use the scimward that wrote it",
                header.version
            )));
        }
        Ok(())
    }

    fn take(&mut self, line: Line) -> Result<(), TransferError> {
        match line {
            Line::Meta(meta) if self.meta.is_none() => self.meta = Some(*meta),
            Line::Meta(_) => return Err(self.malformed("a second meta record")),
            Line::Mark(line) => {
                let (key, mark) = line.mark();
                let last = self.last.mark.replace(key);
                self.check_order(last, key)?;
                self.found.marks += 1;
                self.changes.push(Change::Mark(key, mark));
            }
            Line::Link(link) => {
                let key = link.anchor.key();
                let last = self.last.link.replace(key);
                self.check_order(last, key)?;
                self.found.links += 1;
                self.links.push((key, *link));
            }
            Line::Reject(line) => {
                let key = AnchorKey(line.key);
                let last = self.last.reject.replace(key);
                self.check_order(last, key)?;
                self.found.rejects += 1;
                self.rejects.push((key, Some(line.reject)));
            }
            Line::Group(link) => self.take_group(*link)?,
            Line::Members(line) => self.take_members(&line)?,
            Line::InDoubt(line) => {
                let people = self.in_doubt.entry(line.group()).or_default();
                for person in line.members() {
                    if people.last().is_some_and(|last| *last >= person) {
                        return Err(self.malformed("its lines are not in order, or one comes twice"));
                    }
                    people.push(person);
                    self.found.members_in_doubt += 1;
                }
            }
            Line::GroupReject(line) => {
                let key = AnchorKey(line.key);
                let last = self.last.group_reject.replace(key);
                self.check_order(last, key)?;
                self.found.group_rejects += 1;
                self.group_rejects.push((key, Some(line.reject)));
            }
            Line::End(_) => return Err(self.malformed("a second end")),
        }
        let people = self.changes.len() + self.links.len() + self.rejects.len();
        if people + self.groups.len() + self.members.len() + self.group_rejects.len() >= PENDING_MAX {
            self.write()?;
        }
        Ok(())
    }

    fn take_group(&mut self, link: GroupLink) -> Result<(), TransferError> {
        self.close_group()?;
        let group = OpenGroup {
            key: link.anchor.key(),
            wanted: link.members,
            found: MemberSum::default(),
            last: None,
        };
        let key = group.key;
        let last = self.last.group.replace(group);
        self.check_order(last.map(|last| last.key), key)?;
        self.found.groups += 1;
        self.groups.push((key, link));
        Ok(())
    }

    fn take_members(&mut self, line: &MembersLine) -> Result<(), TransferError> {
        for member in line.members() {
            let group = self.last.group.as_mut().filter(|group| group.key == line.group());
            let Some(group) = group else {
                return Err(self.malformed("the group of these members is not the one before"));
            };
            group.found.add(member);
            let last = group.last.replace(member);
            self.check_order(last, member)?;
            self.found.members += 1;
            self.members.push((line.group(), member));
        }
        Ok(())
    }

    /// The members of the last group have to be those that its line speaks of.
    fn close_group(&self) -> Result<(), TransferError> {
        match &self.last.group {
            Some(group) if group.found != group.wanted => Err(self.malformed(format!(
                "the group before has {} members, of which {} are here, or others",
                group.wanted.count, group.found.count
            ))),
            _ => Ok(()),
        }
    }

    fn check_order(&self, last: Option<AnchorKey>, key: AnchorKey) -> Result<(), TransferError> {
        match last {
            Some(last) if last >= key => Err(self.malformed("its lines are not in order, or one comes twice")),
            _ => Ok(()),
        }
    }

    fn write(&mut self) -> Result<(), TransferError> {
        self.store.apply(&self.changes)?;
        self.store.put_links(&self.links)?;
        self.store.save_rejects(&self.rejects)?;
        self.store.put_groups(&self.groups)?;
        self.store.put_members(&self.members)?;
        self.store.save_group_rejects(&self.group_rejects)?;
        self.changes.clear();
        self.links.clear();
        self.rejects.clear();
        self.groups.clear();
        self.members.clear();
        self.group_rejects.clear();
        Ok(())
    }

    fn end(mut self, end: End, input: &mut dyn BufRead) -> Result<(Meta, u64), TransferError> {
        self.close_group()?;
        if end != self.found {
            return Err(self.malformed(format!("lines are missing: {:?} were found", self.found)));
        }
        if self.next(input)?.is_some() {
            return Err(self.malformed("there is more after the end"));
        }
        self.write()?;
        self.store.put_in_doubt(&self.in_doubt)?;
        match self.meta.take() {
            Some(meta) => Ok((meta, end.records())),
            None => Err(self.malformed("the meta record is missing")),
        }
    }

    /// The next line; nothing at the end of the input.
    fn next(&mut self, input: &mut dyn BufRead) -> Result<Option<Vec<u8>>, TransferError> {
        let mut text = Vec::new();
        let length = input.take(LINE_BYTES_MAX).read_until(b'\n', &mut text)?;
        if length == 0 {
            return Ok(None);
        }
        self.number += 1;
        if text.last() != Some(&b'\n') && length as u64 == LINE_BYTES_MAX {
            return Err(self.malformed("the line is too long"));
        }
        Ok(Some(text))
    }

    fn malformed(&self, problem: impl ToString) -> TransferError {
        TransferError::Malformed {
            line: self.number.max(1),
            problem: problem.to_string(),
        }
    }
}
