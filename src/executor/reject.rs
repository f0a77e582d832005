//! What a failed operation leaves on the reject list.

use crate::{
    model::{Operation, Problem, Rejection},
    plan::decide::RETRY_MAX_S,
    ports::{ProviderError, Reject, RejectKind},
};

/// First pause before a failed object is tried again, in seconds; doubles up to a day.
const RETRY_FIRST_S: i64 = 300;

/// What stands on the reject list, and when it is tried again.
pub(super) fn rejected(operation: &Operation, error: &ProviderError, old: Option<&Reject>, now: i64) -> Reject {
    let wanted = operation.wanted();
    let old = old.filter(|old| old.wanted == wanted && old.kind != RejectKind::Entry);
    let tries = old.map_or(0, |old| old.tries).saturating_add(1);
    // A refused removal is an open door: it is tried again, whatever the answer was.
    let said_no = matches!(error, ProviderError::Refused { .. } | ProviderError::NotOurs { .. });
    let is_final = said_no && !operation.is_removal();
    let pause = RETRY_FIRST_S.saturating_mul(1 << (tries - 1).min(16)).min(RETRY_MAX_S);
    Reject {
        rejection: Rejection {
            dn: operation.dn.clone(),
            anchor: Some(operation.anchor.clone()),
            problems: vec![Problem {
                attribute: String::new(),
                rule: format!("{}: {error}", operation.action),
                value: operation.user_name().to_owned(),
            }],
        },
        kind: if is_final {
            RejectKind::Refused
        } else {
            RejectKind::Waiting
        },
        wanted,
        first: old.map_or(now, |old| old.first),
        last: now,
        tries,
        next_try: if is_final { 0 } else { now.saturating_add(pause) },
    }
}
