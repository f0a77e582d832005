//! What a failed operation leaves on the reject list.

use crate::{
    model::{Anchor, Digest, Operation, Problem, Rejection},
    plan::decide::RETRY_MAX_S,
    ports::{ProviderError, Reject, RejectKind},
};

/// First pause before a failed object is tried again, in seconds; doubles up to a day.
const RETRY_FIRST_S: i64 = 300;

/// Something that failed.
pub(super) struct Failed<'a> {
    pub(super) anchor: &'a Anchor,
    pub(super) dn: &'a str,
    /// The name people know it by.
    pub(super) name: &'a str,
    /// What was tried.
    pub(super) action: String,
    /// Digest of the state that was to be reached.
    pub(super) wanted: Digest,
    /// Access was to be taken away.
    pub(super) is_removal: bool,
}

/// What a failed operation leaves on the reject list, and when it is tried again.
pub(super) fn rejected(operation: &Operation, error: &ProviderError, old: Option<&Reject>, now: i64) -> Reject {
    let failed = Failed {
        anchor: &operation.anchor,
        dn: &operation.dn,
        name: operation.user_name(),
        action: operation.action.to_string(),
        wanted: operation.wanted(),
        is_removal: operation.is_removal(),
    };
    failed.rejected(error, old, now)
}

impl Failed<'_> {
    /// What stands on the reject list, and when it is tried again.
    pub(super) fn rejected(&self, error: &ProviderError, old: Option<&Reject>, now: i64) -> Reject {
        let old = old.filter(|old| old.wanted == self.wanted && old.kind != RejectKind::Entry);
        let tries = old.map_or(0, |old| old.tries).saturating_add(1);
        // A refused removal is an open door: it is tried again, whatever the answer was.
        let said_no = matches!(error, ProviderError::Refused { .. } | ProviderError::NotOurs { .. });
        let is_final = said_no && !self.is_removal;
        let pause = RETRY_FIRST_S.saturating_mul(1 << (tries - 1).min(16)).min(RETRY_MAX_S);
        Reject {
            rejection: Rejection {
                dn: self.dn.to_owned(),
                anchor: Some(self.anchor.clone()),
                problems: vec![Problem {
                    attribute: String::new(),
                    rule: format!("{}: {error}", self.action),
                    value: self.name.to_owned(),
                }],
            },
            kind: if is_final {
                RejectKind::Refused
            } else {
                RejectKind::Waiting
            },
            wanted: self.wanted,
            first: old.map_or(now, |old| old.first),
            last: now,
            tries,
            next_try: if is_final { 0 } else { now.saturating_add(pause) },
        }
    }
}
