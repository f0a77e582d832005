//! `scimward state export`.

use std::io::{self, Write};

use super::{
    error::TransferError,
    lines::{End, FORMAT, Header, Line, MarkLine, RejectLine, VERSION},
};
use crate::ports::StateStore;

/// Writes the whole state as JSON lines and returns how many records that were. Secrets are not part
/// of a state; personal data is, so `out` has to be as private as the state folder.
///
/// # Errors
/// When the state cannot be read or `out` cannot be written.
pub fn export(store: &dyn StateStore, out: &mut dyn Write) -> Result<u64, TransferError> {
    let meta = store.meta()?;
    let header = Header {
        format: FORMAT.into(),
        version: VERSION,
        endpoint: meta.endpoint.clone(),
    };
    line(out, &header)?;
    line(out, &Line::Meta(meta))?;
    let mut end = End::default();
    for (key, mark) in store.marks()? {
        line(out, &Line::Mark(MarkLine::new(key, &mark)))?;
        end.marks += 1;
    }
    let mut written = Ok(());
    store.each_link(&mut |link| {
        written = line(out, &Line::Link(Box::new(link)));
        end.links += 1;
        written.is_ok()
    })?;
    written?;
    for (key, reject) in store.rejects()? {
        line(out, &Line::Reject(RejectLine { key: key.0, reject }))?;
        end.rejects += 1;
    }
    line(out, &Line::End(end))?;
    out.flush()?;
    Ok(end.records())
}

fn line(out: &mut dyn Write, content: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, content)?;
    out.write_all(b"\n")
}
