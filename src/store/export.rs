//! `scimward state export`.

use std::io::{self, Write};

use super::{
    error::TransferError,
    lines::{End, FORMAT, Header, Line, MEMBERS_PER_LINE, MarkLine, MembersLine, RejectLine, VERSION},
    state::SledStore,
};
use crate::{
    model::{AnchorKey, Mark},
    ports::{GroupStore, StateStore},
};

/// Writes the whole state as JSON lines and returns how many records that were. Secrets are not part
/// of a state; personal data is, so `out` has to be as private as the state folder.
///
/// # Errors
/// When the state cannot be read or `out` cannot be written.
pub fn export(store: &SledStore, out: &mut dyn Write) -> Result<u64, TransferError> {
    let meta = store.meta()?;
    let header = Header {
        format: FORMAT.into(),
        version: VERSION,
        endpoint: meta.endpoint.clone(),
    };
    line(out, &header)?;
    line(out, &Line::Meta(Box::new(meta)))?;
    let mut end = End::default();
    let marks = store.marks()?;
    for (key, mark) in &marks {
        line(out, &Line::Mark(MarkLine::new(*key, mark)))?;
        end.marks += 1;
    }
    let mut written = Ok(());
    let mut pairs = marks.iter();
    let mut astray = None;
    store.each_link(&mut |link| {
        let belongs = |(key, mark): &(AnchorKey, Mark)| {
            *key == link.anchor.key() && (mark.body.is_unset() || mark.body == link.pushed.resource.digest())
        };
        if !pairs.next().is_some_and(belongs) {
            astray = Some(link.anchor);
            return false;
        }
        written = line(out, &Line::Link(Box::new(link)));
        end.links += 1;
        written.is_ok()
    })?;
    written?;
    if astray.is_some() || pairs.next().is_some() {
        return Err(TransferError::Unpaired {
            marks: end.marks,
            link: astray,
        });
    }
    for (key, reject) in store.rejects()? {
        line(out, &Line::Reject(RejectLine { key: key.0, reject }))?;
        end.rejects += 1;
    }
    groups(store, out, &mut end)?;
    line(out, &Line::End(end))?;
    out.flush()?;
    Ok(end.records())
}

fn groups(store: &SledStore, out: &mut dyn Write, end: &mut End) -> Result<(), TransferError> {
    for (key, link) in store.groups()? {
        let members = store.members(key, link.members)?;
        line(out, &Line::Group(Box::new(link)))?;
        end.groups += 1;
        for some in members.chunks(MEMBERS_PER_LINE) {
            line(out, &Line::Members(MembersLine::new(key, some)))?;
        }
        end.members += members.len() as u64;
    }
    for (key, reject) in store.group_rejects()? {
        line(out, &Line::GroupReject(RejectLine { key: key.0, reject }))?;
        end.group_rejects += 1;
    }
    for (group, people) in store.members_in_doubt()? {
        for some in people.chunks(MEMBERS_PER_LINE) {
            line(out, &Line::InDoubt(MembersLine::new(group, some)))?;
        }
        end.members_in_doubt += people.len() as u64;
    }
    Ok(())
}

fn line(out: &mut dyn Write, content: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, content)?;
    out.write_all(b"\n")
}
