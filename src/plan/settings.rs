//! What the planner needs to know, checked already.

use serde::Deserialize;

/// What happens to the account of somebody who left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeaverAction {
    /// `active: false`.
    #[default]
    Deactivate,
    /// `DELETE`, after a grace of `delete_after_days` in which the account is deactivated.
    Delete,
    /// Nothing.
    Keep,
}

/// `[leavers]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leavers {
    /// What happens.
    pub action: LeaverAction,
    /// With [`LeaverAction::Delete`]: days between deactivation and deletion; 0 deletes at once.
    pub delete_after_days: u32,
    /// Complete cycles in a row in which the person has to be missing; 1 acts in the first.
    pub confirm_cycles: u16,
}

/// What happens when the limits are exceeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnExceeded {
    /// Everything but the removals is carried out; those wait for `scimward approve`.
    #[default]
    Hold,
    /// Nothing is carried out.
    Abort,
}

/// `[limits]`: both numbers are in force, the smaller wins.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Removals in one cycle.
    pub max_removals: u64,
    /// Removals as a share of the accounts in use, rounded up to whole people.
    pub max_removals_percent: f64,
    /// What happens above.
    pub on_exceeded: OnExceeded,
    /// People who are never deactivated, deleted or renamed: anchors, DNs, or user names.
    pub protected: Vec<String>,
}

/// What happens when the directory was not read completely. Removals never happen then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnIncomplete {
    /// Nothing is carried out.
    #[default]
    Abort,
    /// Additions and updates are carried out.
    NoRemovals,
}
