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

/// Whether groups in groups are dissolved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nesting {
    /// The members of a group within a group are pushed as members of the outer one.
    #[default]
    Flatten,
    /// Groups are pushed as members of groups.
    Push,
}

/// What happens to a group that left the directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GoneAction {
    /// Nothing: the group stays with its members.
    Keep,
    /// All members are taken out, the group stays.
    #[default]
    Empty,
    /// Emptied, and `DELETE` after a grace of `delete_after_days`.
    Delete,
}

/// `[groups] gone`, `delete_after_days`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoneGroups {
    /// What happens.
    pub action: GoneAction,
    /// With [`GoneAction::Delete`]: days between emptying and deletion; 0 deletes at once.
    pub delete_after_days: u32,
}

/// `[groups.limits]`: of a number and its share the smaller wins. What happens above is
/// [`Limits::on_exceeded`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupLimits {
    /// Groups emptied or deleted in one cycle.
    pub max_removals: u64,
    /// The same as a share of the groups in use, rounded up to whole groups.
    pub max_removals_percent: f64,
    /// People taken out of one group in one cycle.
    pub max_member_removals: u64,
    /// The same as a share of the group's members, rounded up to whole people.
    pub max_member_removals_percent: f64,
    /// Members from which on that share is in force; below it only the number counts.
    pub min_group_size: u64,
}

impl Default for GoneGroups {
    fn default() -> Self {
        Self {
            action: GoneAction::default(),
            delete_after_days: 30,
        }
    }
}

impl Default for GroupLimits {
    fn default() -> Self {
        Self {
            max_removals: 5,
            max_removals_percent: 10.0,
            max_member_removals: 100,
            max_member_removals_percent: 50.0,
            min_group_size: 10,
        }
    }
}
