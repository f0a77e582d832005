//! May an account or a group that is there already become ours? A pure rule.

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

/// What the rule says to people: of persons and of groups.
pub(super) struct Words {
    never: &'static str,
    ours: &'static str,
    any: &'static str,
    unowned: &'static str,
    without_external_id: &'static str,
    foreign: &'static str,
    /// Why one that is linked already is left alone.
    pub(super) taken: &'static str,
}

/// About an account.
pub(super) const PERSON: Words = Words {
    never: "adopt = \"never\" leaves every existing account alone; rename or delete it",
    ours: "its externalId is this person's anchor",
    any: "adopt = \"any\" takes any account of that name",
    unowned: "it has no externalId, and the adopt policy allows that",
    without_external_id: "it has no externalId that proves it is this person's; if it is, set adopt = \"unowned\" for \
                          one run, else rename it or give this person another userName by [[users.override]]",
    foreign: "its externalId is not this person's anchor: it belongs to somebody else or to another system; rename or \
              delete it, give this person another userName by [[users.override]], or set adopt = \"any\" for one run if \
              it really is this person's",
    taken: "it is the account of somebody else in this directory, present or past; another anchor is another person. If \
            it is the same person, whose anchor changed, see docs/state.md, \"Anchors changed\"; if not, rename or delete \
            that account, or give this person another userName by [[users.override]]",
};

/// About a group.
pub(super) const GROUP: Words = Words {
    never: "adopt = \"never\" leaves every existing group alone; rename or delete it",
    ours: "its externalId is this group's anchor",
    any: "adopt = \"any\" takes any group of that name",
    unowned: "it has no externalId, and the adopt policy allows that",
    without_external_id: "it has no externalId that proves it is the one in the directory; if it is, set adopt = \
                          \"unowned\" for one run, else rename one of the two",
    foreign: "its externalId is not this group's anchor: it is another group's or another system's; rename one of the \
              two, delete it, or set adopt = \"any\" for one run if it really is the one in the directory",
    taken: "it is another group of this directory, present or past; another anchor is another group",
};

/// Judges an account by the `externalId` it has there. A provider that does not return
/// `externalId` counts as having none: what cannot be seen is no proof.
#[must_use]
pub fn judge(policy: Adopt, external_id_there: Option<&str>, anchor: &str) -> Verdict {
    judge_in(&PERSON, policy, external_id_there, anchor)
}

/// The same rule with the words for what is judged.
pub(super) fn judge_in(words: &Words, policy: Adopt, external_id_there: Option<&str>, anchor: &str) -> Verdict {
    let there = external_id_there.filter(|id| !id.is_empty());
    let ours = !anchor.is_empty() && there == Some(anchor);
    match (policy, there) {
        (Adopt::Never, _) => leave(words.never),
        (_, Some(_)) if ours => adopt(words.ours),
        (Adopt::Any, Some(_)) => adopt(words.any),
        (Adopt::Any | Adopt::Unowned, None) => adopt(words.unowned),
        (Adopt::Ours, None) => leave(words.without_external_id),
        (Adopt::Ours | Adopt::Unowned, Some(_)) => leave(words.foreign),
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
