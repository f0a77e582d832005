//! The cloud's state and its answers.

use chrono::{DateTime, Utc};

use super::{Reply, Request};

/// The users and groups of one tenant, and the rules they live under.
#[derive(Debug, Default)]
pub struct Cloud {}

impl Cloud {
    /// The answer to one request at `now`, and its effect on the state.
    pub fn answer(&mut self, _request: &Request, _now: DateTime<Utc>) -> Reply {
        Reply {
            status: 501,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}
