//! What holds for every record on disk and every line of a backup, whoever wrote it.

#![expect(clippy::panic, reason = "what a fuzzer finds is told by a panic")]

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};

use super::{
    lines::{Header, Line, MarkLine},
    record::{seal, seal_json, seal_mark, unseal_json, unseal_mark},
};
use crate::{
    model::{Link, Operation},
    ports::{AuditRecord, CycleRecord, Meta, Reject},
};

const KEY: &[u8] = b"key";

/// A payload under a right checksum, and the same bytes as they are.
pub(crate) fn record(bytes: &[u8]) {
    if let Ok(mark) = unseal_mark(KEY, bytes) {
        assert_eq!(seal_mark(KEY, &mark), bytes);
    }
    let sealed = seal(KEY, bytes);
    if let Ok(mark) = unseal_mark(KEY, &sealed) {
        assert_eq!(unseal_mark(KEY, &seal_mark(KEY, &mark)), Ok(mark));
    }
    same_again::<Link>(&sealed);
    same_again::<Meta>(&sealed);
    same_again::<Reject>(&sealed);
    same_again::<CycleRecord>(&sealed);
    same_again::<AuditRecord>(&sealed);
    same_again::<Operation>(&sealed);
}

/// One line of a backup.
pub(crate) fn line(bytes: &[u8]) {
    let _ = serde_json::from_slice::<Header>(bytes);
    let Ok(line) = serde_json::from_slice::<Line>(bytes) else {
        return;
    };
    if let Line::Mark(line) = &line {
        let (key, mark) = line.mark();
        assert_eq!(MarkLine::new(key, &mark).mark(), (key, mark));
    }
    let Ok(text) = serde_json::to_string(&line) else {
        panic!("{line:?} cannot be written")
    };
    let Ok(again) = serde_json::from_str::<Line>(&text) else {
        panic!("{text} cannot be read")
    };
    assert_eq!(format!("{line:?}"), format!("{again:?}"));
}

/// What was read, when it was read, comes back from being written.
fn same_again<T: Serialize + DeserializeOwned + Debug + PartialEq>(sealed: &[u8]) {
    if let Ok(record) = unseal_json::<T>(KEY, sealed) {
        let again = seal_json(KEY, &record)
            .ok()
            .and_then(|sealed| unseal_json::<T>(KEY, &sealed).ok());
        assert_eq!(again, Some(record));
    }
}
