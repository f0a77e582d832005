//! The lines of a backup, one JSON object each: a header, the meta record, then every mark, link and
//! reject in key order, every group with its members after it, every reject of a group, members in doubt,
//! and a count at the end, so that a backup that was cut off is noticed.

use serde::{Deserialize, Serialize};

use crate::{
    model::{AnchorKey, Digest, DnKey, GroupLink, Link, Mark},
    ports::{Meta, Reject},
};

pub(super) const FORMAT: &str = "scimward-state";
pub(super) const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format: String,
    pub(super) version: u32,
    /// For people; what counts is in the meta record.
    #[serde(default)]
    pub(super) endpoint: String,
}

/// Every other line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Line {
    Meta(Box<Meta>),
    Mark(MarkLine),
    Link(Box<Link>),
    Reject(RejectLine),
    Group(Box<GroupLink>),
    Members(MembersLine),
    /// Of whom nobody knows whether they are in the group; it need not be a line before.
    #[serde(rename = "members-in-doubt")]
    InDoubt(MembersLine),
    #[serde(rename = "group-reject")]
    GroupReject(RejectLine),
    End(End),
}

/// Members on one line: a group has as many lines as it takes.
pub(super) const MEMBERS_PER_LINE: usize = 1000;

/// The last line. Backups of versions that knew no groups do not count any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) marks: u64,
    pub(super) links: u64,
    pub(super) rejects: u64,
    #[serde(default)]
    pub(super) groups: u64,
    #[serde(default)]
    pub(super) members: u64,
    #[serde(default)]
    pub(super) group_rejects: u64,
    #[serde(default)]
    pub(super) members_in_doubt: u64,
}

impl End {
    pub(super) fn records(self) -> u64 {
        self.marks + self.links + self.rejects + self.groups + self.members + self.group_rejects + self.members_in_doubt
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RejectLine {
    #[serde(with = "hex")]
    pub(super) key: [u8; 16],
    #[serde(flatten)]
    pub(super) reject: Reject,
}

/// Some members of the group on the last line that had one, in key order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MembersLine {
    #[serde(with = "hex")]
    group: [u8; 16],
    keys: Vec<Key>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Key(#[serde(with = "hex")] [u8; 16]);

impl MembersLine {
    pub(super) fn new(group: AnchorKey, members: &[AnchorKey]) -> Self {
        Self {
            group: group.0,
            keys: members.iter().map(|member| Key(member.0)).collect(),
        }
    }

    pub(super) fn group(&self) -> AnchorKey {
        AnchorKey(self.group)
    }

    pub(super) fn members(&self) -> impl Iterator<Item = AnchorKey> {
        self.keys.iter().map(|key| AnchorKey(key.0))
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MarkLine {
    #[serde(with = "hex")]
    key: [u8; 16],
    #[serde(with = "hex")]
    source: [u8; 16],
    #[serde(with = "hex")]
    body: [u8; 16],
    #[serde(with = "hex")]
    dn: [u8; 16],
    #[serde(with = "hex")]
    manager_dn: [u8; 16],
    #[serde(with = "hex")]
    manager: [u8; 16],
    missed: u16,
    deactivated_at: i64,
    active: bool,
}

impl MarkLine {
    pub(super) fn new(key: AnchorKey, mark: &Mark) -> Self {
        let Mark {
            source,
            body,
            dn,
            manager_dn,
            manager,
            missed,
            deactivated_at,
            active,
        } = *mark;
        Self {
            key: key.0,
            source: source.0,
            body: body.0,
            dn: dn.0,
            manager_dn: manager_dn.0,
            manager: manager.0,
            missed,
            deactivated_at,
            active,
        }
    }

    pub(super) fn mark(&self) -> (AnchorKey, Mark) {
        let mark = Mark {
            source: Digest(self.source),
            body: Digest(self.body),
            dn: DnKey(self.dn),
            manager_dn: DnKey(self.manager_dn),
            manager: AnchorKey(self.manager),
            missed: self.missed,
            deactivated_at: self.deactivated_at,
            active: self.active,
        };
        (AnchorKey(self.key), mark)
    }
}

/// 16 bytes as 32 hexadecimal digits.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::model::Digest;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 16], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Digest(*bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 16], D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not 32 hexadecimal digits")))
    }

    fn parse(text: &str) -> Option<[u8; 16]> {
        // `from_str_radix` also takes a sign.
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits
            .then(|| u128::from_str_radix(text, 16).ok())
            .flatten()
            .map(u128::to_be_bytes)
    }
}
