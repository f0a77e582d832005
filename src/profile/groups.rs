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
