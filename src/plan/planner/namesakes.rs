//! New people who want the name of somebody who is missing.
//!
//! Either the name was given to somebody else, or the same person came back under another anchor: a
//! directory that was loaded without its operational attributes does that to everybody at once. Nobody
//! can tell the two apart from here. So nobody gets an account that is somebody else's, nobody is sent
//! where the name is known to be taken, and who would be deactivated waits for an operator's word.

use std::collections::BTreeMap;

use super::{Links, PlanError, Planner, ReadBack, Sight};
use crate::{
    model::{Action, Digest, Link, Operation, Problem, Rejection},
    plan::{
        circles,
        decide::{self, Missing},
        settings::Leavers,
    },
};

impl Planner {
    /// Rejects creates whose name the account of a missing person keeps, and remembers who those
    /// missing people are. A name that is free by the end of the plan, because its account is deleted,
    /// is nobody's any more.
    pub(super) fn drop_namesakes(
        &mut self,
        leavers: &Leavers,
        links: Links<'_>,
        read_back: ReadBack<'_>,
    ) -> Result<(), PlanError> {
        let creates = self.created_names();
        if creates.is_empty() {
            return Ok(());
        }
        for at in 0..self.marks.len() {
            let (key, mark) = self.marks[at];
            if self.sights[at].0 == Sight::Seen {
                continue;
            }
            let missing = decide::missing(&mark, leavers, self.now);
            let keeps_name = matches!(missing, Missing::Deactivate | Missing::Counted(_));
            // Who left long ago may be one of very many, and the answer to the create says it, too.
            if !keeps_name && missing != Missing::Delete {
                continue;
            }
            let link = links(key)?.ok_or(PlanError::LinkMissing(key))?;
            let name = circles::name_key(link.pushed.resource.user_name());
            let Some(&index) = creates.get(&name) else { continue };
            if keeps_name {
                let newcomer = read_back(index)?;
                self.drop_operation(index);
                self.reject(in_the_way(&newcomer, &link));
            }
            self.followed.insert(key);
        }
        Ok(())
    }

    fn created_names(&self) -> BTreeMap<Digest, u32> {
        let notes = self.notes.iter().zip(0..);
        notes
            .filter(|(note, _)| note.action == Action::Create && !note.dropped)
            .map(|(note, index)| (note.name, index))
            .collect()
    }
}

fn in_the_way(newcomer: &Operation, link: &Link) -> Rejection {
    Rejection {
        dn: newcomer.dn.clone(),
        anchor: Some(newcomer.anchor.clone()),
        problems: vec![Problem {
            attribute: "userName".into(),
            rule: format!(
                "an account of this name belongs to {} (anchor {}), who is missing now; another anchor is another \
                 person. If it is the same person, do not approve the removal: docs/state.md, \"Anchors changed\", says \
                 the way out. If not, give this person another userName by [[users.override]]",
                link.dn, link.anchor
            ),
            value: newcomer.user_name().to_owned(),
        }],
    }
}
