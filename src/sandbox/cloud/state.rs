//! Everything a cloud holds as one JSON value, for a folder that outlives the process.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Change, Cloud, Kind, Stored};

/// The form of the value. Rows are a resource and its number.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    profile: String,
    seed: u64,
    made: u64,
    answered: u64,
    users: BTreeMap<u64, Stored>,
    groups: BTreeMap<u64, Stored>,
    history: Vec<Change>,
}

impl Cloud {
    /// Everything but the address and who is let in.
    #[must_use]
    pub fn state(&self) -> Value {
        let rows = |kind: Kind| {
            let rows = self.table(kind).rows();
            rows.map(|(number, stored)| (number, stored.clone())).collect()
        };
        let state = State {
            profile: self.profile.name.clone(),
            seed: self.seed,
            made: self.made,
            answered: self.answered,
            users: rows(Kind::User),
            groups: rows(Kind::Group),
            history: self.history.clone(),
        };
        // Names and texts only: there is nothing in it that JSON cannot say.
        serde_json::to_value(state).unwrap_or_default()
    }

    /// Puts back what [`Cloud::state`] gave, in place of everything held.
    ///
    /// # Errors
    /// When it is not such a value, or one of a cloud with another profile. Nothing is changed then.
    pub fn restore(&mut self, state: Value) -> Result<(), String> {
        let state: State =
            serde_json::from_value(state).map_err(|error| format!("not the state of a sandbox: {error}"))?;
        if state.profile != self.profile.name {
            return Err(format!(
                "the state is of a cloud with the profile {}, not {}",
                state.profile, self.profile.name
            ));
        }
        let mut fresh = Self::of(self.profile.clone(), &self.base);
        (fresh.seed, fresh.made, fresh.answered) = (state.seed, state.made, state.answered);
        fresh.history = state.history;
        fresh.access = std::mem::take(&mut self.access);
        for (number, user) in state.users {
            fresh.users.insert(number, user);
        }
        for (number, group) in state.groups {
            for member in group.members.keys() {
                let groups = fresh.memberships.entry(member.clone()).or_default();
                groups.insert(group.id.clone());
            }
            fresh.groups.insert(number, group);
        }
        *self = fresh;
        Ok(())
    }
}
