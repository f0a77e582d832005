//! People who are never deactivated, deleted or renamed.

use std::collections::BTreeSet;

use crate::model::DnKey;

/// `[limits] protected`, compiled.
#[derive(Clone, Debug, Default)]
pub struct Protected {
    names: BTreeSet<String>,
    dns: BTreeSet<DnKey>,
}

impl Protected {
    /// From anchors, distinguished names and user names as written.
    #[must_use]
    pub fn new(list: &[String]) -> Self {
        Self {
            names: list.iter().map(|name| name.trim().to_lowercase()).collect(),
            dns: list
                .iter()
                .filter(|name| name.contains('='))
                .map(|name| DnKey::of(name))
                .collect(),
        }
    }

    /// Whether this person is on the list. `dn` is any name the person is or was known by.
    #[must_use]
    pub fn covers(&self, anchor: &str, dn: &[DnKey], user_name: &str) -> bool {
        !(self.names.is_empty() && self.dns.is_empty())
            && (self.names.contains(&anchor.to_lowercase())
                || self.names.contains(&user_name.to_lowercase())
                || dn.iter().any(|dn| self.dns.contains(dn)))
    }
}
