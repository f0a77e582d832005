//! The rules of each kind of cloud, as data, and the check that applies them before anything is sent.
//!
//! Deliberately absent: requests. What a request looks like is `scim`'s business; this module only
//! says which forms a cloud accepts.

mod check;
mod compiled;
mod groups;
mod load;
mod schema;
mod wire;

use serde::Deserialize;

use crate::model::{AttributePath, Problem, Resource};

use compiled::Compiled;
pub use groups::{GroupRules, MemberRemoval, MembersReturned};
pub use wire::{ErrorShape, FilterStyle, PatchRules, SchemaKey, TimeStamp, Wire};

/// How an account is brought to a new state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateVerb {
    /// PUT of the whole resource (RFC 7644 section 3.5.1).
    Put,
    /// PATCH with the fewest operations (RFC 7644 section 3.5.2).
    Patch,
    /// PUT, but PATCH when only `active` changes.
    PutAndPatchActive,
}

/// How lists are paged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Paging {
    /// Not at all.
    None,
    /// `startIndex` and `count` (RFC 7644 section 3.4.2.4).
    Index,
    /// `cursor` and `nextCursor` (RFC 9865).
    Cursor,
}

/// The rules of one text attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextRule {
    /// Fewest characters.
    #[serde(default)]
    pub min_chars: Option<usize>,
    /// Most characters.
    #[serde(default)]
    pub max_chars: Option<usize>,
    /// A character class of the `regex` crate that every character must be in, e.g. `[A-Za-z0-9_+=,.@-]`.
    #[serde(default)]
    pub characters: Option<String>,
    /// `characters` in words, for the message.
    #[serde(default)]
    pub characters_in_words: Option<String>,
}

fn user_name_only() -> Vec<String> {
    vec!["userName".to_owned()]
}

/// The rules of one kind of cloud. Facts and sources stand in the TOML files beside this module.
///
/// Paths are in canonical spelling; files may write `enterprise.` for the extension's URN. However a
/// profile is read, it comes out checked and ready for [`Profile::check`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Profile {
    /// `huawei`, `alibaba`, `aws`, `generic`.
    pub name: String,
    /// For people: "Huawei Cloud IAM Identity Center".
    pub title: String,
    /// Paths that must be present. `emails.type` style paths ask every item for that sub-attribute.
    pub mandatory: Vec<String>,
    /// Paths that may be present; empty means all.
    pub allowed: Vec<String>,
    /// Sub-attributes allowed in items of a multi-valued attribute, by attribute; an attribute not named allows all.
    #[serde(default)]
    pub allowed_sub_attributes: std::collections::BTreeMap<String, Vec<String>>,
    /// Multi-valued attributes that take at most one item.
    #[serde(default)]
    pub single_valued: Vec<String>,
    /// Multi-valued attributes in which (one) item must be primary.
    #[serde(default)]
    pub primary_required: Vec<String>,
    /// Text rules by path; `emails.value` style paths are for the items' sub-attributes; `*` is for all others.
    #[serde(default)]
    pub text: std::collections::BTreeMap<String, TextRule>,
    /// `userName` can be changed.
    pub user_name_mutable: bool,
    /// `userName` is compared without case there.
    pub user_name_case_insensitive: bool,
    /// How updates are sent.
    pub update: UpdateVerb,
    /// The content type of requests with a body.
    pub content_type: String,
    /// Attributes of User that can be filtered on with `eq`.
    pub filterable: Vec<String>,
    /// Pairs of attributes of User that can be asked for together with `and`.
    #[serde(default)]
    pub filterable_together: Vec<[String; 2]>,
    /// Attributes of User of which no two accounts have the same value.
    #[serde(default = "user_name_only")]
    pub unique: Vec<String>,
    /// How lists are paged.
    pub paging: Paging,
    /// Most resources in one answer.
    pub page_cap: u32,
    /// A POST with the name of an account made by hand takes that account over silently.
    pub silent_takeover: bool,
    /// Requests a second when the configuration does not say.
    pub default_rate_per_s: f64,
    /// Requests in flight when the configuration does not say.
    pub default_concurrency: usize,
    /// What is offered, and what answers look like.
    #[serde(default)]
    pub wire: Wire,
    /// What a PATCH may do.
    #[serde(default)]
    pub patch: PatchRules,
    /// The rules for groups.
    #[serde(default)]
    pub groups: GroupRules,
    /// The rules above in the form in which they are applied.
    #[serde(skip)]
    compiled: Compiled,
}

impl Profile {
    /// The names of the built-in profiles.
    pub const NAMES: [&str; 4] = ["huawei", "alibaba", "aws", "generic"];

    /// The built-in profile of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let text = match name {
            "huawei" => include_str!("huawei.toml"),
            "alibaba" => include_str!("alibaba.toml"),
            "aws" => include_str!("aws.toml"),
            "generic" => include_str!("generic.toml"),
            _ => return None,
        };
        // A test reads every built-in file, so this is never an error.
        Self::from_toml(text).ok()
    }

    /// A profile from the text of a file, for clouds that are not built in.
    ///
    /// # Errors
    /// What is wrong with the text, in words for the operator: every mistake, each with its key.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.to_string().trim_end().to_owned())
    }

    /// Everything this cloud would refuse in `resource`; empty when it would take it.
    #[must_use]
    pub fn check(&self, resource: &Resource) -> Vec<Problem> {
        check::check(&self.name, &self.compiled, resource)
    }

    /// Everything this cloud would refuse in a group of that name; empty when it would take it.
    #[must_use]
    pub fn check_group(&self, display_name: &str, external_id: Option<&str>) -> Vec<Problem> {
        check::check_group(&self.name, &self.compiled, display_name, external_id)
    }

    /// Everything this cloud would refuse in a manager of that id.
    #[must_use]
    pub fn check_manager(&self, id: &str) -> Vec<Problem> {
        check::check_manager(&self.name, &self.compiled, self.allows_manager(), id)
    }

    /// Whether this cloud takes something at `path`. For mappings: a rule for a path that is not
    /// allowed would have every person rejected. No cloud is sent a `password`.
    #[must_use]
    pub fn allows(&self, path: &AttributePath) -> bool {
        (self.allowed.is_empty() && path.as_str() != "password")
            || self.allowed.iter().any(|allowed| allowed == path.as_str())
    }

    /// Whether this cloud takes `enterprise.manager`, which is not part of a [`Resource`].
    #[must_use]
    pub fn allows_manager(&self) -> bool {
        self.allows(&AttributePath::enterprise("manager"))
    }
}
