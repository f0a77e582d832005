//! May an account that is there already become ours? A pure rule.

use super::settings::Adopt;

/// What the rule says, with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Adopt {
        /// Why, for the report.
        because: &'static str,
    },
    /// It may not.
    Leave {
        /// Why, and what the operator can do.
        because: String,
    },
}

/// Judges an account by the `externalId` it has there. A provider that does not return
/// `externalId` counts as having none: what cannot be seen is no proof.
#[must_use]
pub fn judge(policy: Adopt, external_id_there: Option<&str>, anchor: &str) -> Verdict {
    let there = external_id_there.filter(|id| !id.is_empty());
    let ours = !anchor.is_empty() && there == Some(anchor);
    match (policy, there) {
        (Adopt::Never, _) => leave("adopt = \"never\" leaves every existing account alone; rename or delete it"),
        (_, Some(_)) if ours => adopt("its externalId is this person's anchor"),
        (Adopt::Any, Some(_)) => adopt("adopt = \"any\" takes any account of that name"),
        (Adopt::Any | Adopt::Unowned, None) => adopt("it has no externalId, and the adopt policy allows that"),
        (Adopt::Ours, None) => leave(
            "it has no externalId that proves it is this person's; if it is, set adopt = \"unowned\" for one run, \
             else rename it or give this person another userName by [[users.override]]",
        ),
        (Adopt::Ours | Adopt::Unowned, Some(_)) => leave(
            "its externalId is not this person's anchor: it belongs to somebody else or to another system; rename or \
             delete it, give this person another userName by [[users.override]], or set adopt = \"any\" for one run \
             if it really is this person's",
        ),
    }
}

fn adopt(because: &'static str) -> Verdict {
    Verdict::Adopt { because }
}

fn leave(because: &str) -> Verdict {
    Verdict::Leave {
        because: because.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_with_every_kind_of_account() {
        let check = |policy, [ours, none, empty, foreign]: [bool; 4]| {
            let adopts = |there| matches!(judge(policy, there, "a-1"), Verdict::Adopt { .. });
            assert_eq!(
                [adopts(Some("a-1")), adopts(None), adopts(Some("")), adopts(Some("A-1"))],
                [ours, none, empty, foreign],
                "{policy:?}"
            );
        };
        check(Adopt::Ours, [true, false, false, false]);
        check(Adopt::Unowned, [true, true, true, false]);
        check(Adopt::Any, [true, true, true, true]);
        check(Adopt::Never, [false, false, false, false]);
    }

    #[test]
    fn an_empty_anchor_proves_nothing() {
        assert!(matches!(judge(Adopt::Ours, Some(""), ""), Verdict::Leave { .. }));
    }
}
