//! The rules for groups (RFC 7643 section 4.2).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::TextRule;

/// When `members` is in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MembersReturned {
    /// Never: the list is empty, whoever is in the group. Membership cannot be read back.
    Never,
    /// When one group is asked for by its id; lists leave it out.
    One,
    /// Always.
    #[default]
    Always,
}

/// How a PATCH takes members out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberRemoval {
    /// One operation for a member: `"path": "members[value eq \"2819\"]"` (RFC 7644 section 3.5.2.2).
    #[default]
    Filter,
    /// One operation for many: `"path": "members", "value": [{"value": "2819"}, …]`.
    List,
}

/// How the attributes and members of a group are changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupUpdate {
    /// PATCH, which names nothing but the difference.
    #[default]
    Patch,
    /// The whole group is read, changed and sent back, for clouds that have nothing else. What somebody
    /// else does to the group at the same moment may be lost, and a cloud that did not show every member
    /// would lose those it kept to itself.
    Put,
}

/// What one kind of cloud takes and shows of groups.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupRules {
    /// Most members in one request, and most changes of members in one PATCH; no limit when absent.
    pub member_chunk: Option<usize>,
    /// Most groups that one user can be in; no limit when absent.
    pub groups_of_a_user_max: Option<usize>,
    /// When members are shown.
    pub members_returned: MembersReturned,
    /// The spelling in which this cloud is sure to understand a removal.
    pub member_removal: MemberRemoval,
    /// A PATCH may replace all members, or remove all of them, in one operation.
    pub whole_membership: bool,
    /// PUT is offered.
    pub put: bool,
    /// How this client changes a group.
    pub update: GroupUpdate,
    /// Groups can be members of groups.
    pub nested: bool,
    /// Parts of a member that may be sent.
    pub member_parts: Vec<String>,
    /// The status of the answer to a member that does not exist.
    pub unknown_member_status: u16,
    /// Attributes of Group that can be filtered on.
    pub filterable: Vec<String>,
    /// No two groups have one `displayName`.
    pub display_name_unique: bool,
    /// `displayName` is compared without case.
    pub display_name_case_insensitive: bool,
    /// Text rules by attribute (`displayName`, `externalId`); the profile's `*` is for those not named.
    pub text: BTreeMap<String, TextRule>,
}

impl Default for GroupRules {
    fn default() -> Self {
        Self {
            member_chunk: None,
            groups_of_a_user_max: None,
            members_returned: MembersReturned::Always,
            member_removal: MemberRemoval::Filter,
            whole_membership: true,
            put: true,
            update: GroupUpdate::Patch,
            nested: true,
            member_parts: ["value", "$ref", "type", "display"].map(str::to_owned).to_vec(),
            unknown_member_status: 400,
            filterable: ["displayName", "externalId", "id"].map(str::to_owned).to_vec(),
            display_name_unique: false,
            display_name_case_insensitive: true,
            text: BTreeMap::new(),
        }
    }
}

impl GroupRules {
    /// What is wrong in itself.
    pub(super) fn mistakes(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.update == GroupUpdate::Put && !self.put {
            found.push("groups.update: \"put\" needs groups.put = true".into());
        }
        if self.update == GroupUpdate::Put && self.members_returned == MembersReturned::Never {
            found.push("groups.update: \"put\" would take out members that cannot be read".into());
        }
        found
    }
}
