//! An account that stands for a manager while it is not known whose it is, or because it is nobody's.

use crate::model::{AnchorKey, Digest, ManagerRef, ResourceId};

/// A manager known by the account alone, under a key that is nobody's.
pub(super) fn of(id: &ResourceId) -> ManagerRef {
    let words = format!("the account {id}");
    ManagerRef {
        key: key(&words),
        dn: words,
    }
}

/// Whether only the account is known.
pub(super) fn is_one(manager: &ManagerRef) -> bool {
    manager.key == key(&manager.dn)
}

fn key(words: &str) -> AnchorKey {
    AnchorKey(Digest::of(words.as_bytes()).0)
}
