//! Mapping rules of groups as the operator writes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::RuleSpec;

/// The preset that the mapping of groups starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupPreset {
    /// `groupOfNames`, `groupOfUniqueNames`, `groupOfMembers`: members by distinguished name.
    #[serde(rename = "groupofnames")]
    GroupOfNames,
    /// `posixGroup` (RFC 2307 section 4): members by login name.
    #[serde(rename = "posixgroup")]
    PosixGroup,
    /// Groups of Active Directory.
    ActiveDirectory,
}

/// Everything the mapping of groups is compiled from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupMappingSpec {
    /// Where to start; nothing means that all of it has to be written.
    pub preset: Option<GroupPreset>,
    /// Anchor attribute; the preset's when absent.
    pub anchor: Option<String>,
    /// Attributes that hold members; the preset's when absent.
    pub members: Option<Vec<String>>,
    /// An attribute of people that names the groups they are in.
    pub from_people: Option<String>,
    /// The operator's lines, by path as written.
    pub map: BTreeMap<String, RuleSpec>,
}
