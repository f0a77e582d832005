//! Mapping rules as the operator writes them. What they mean is in [`super::Mapper::compile`].

mod groups;
mod read;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::groups::{GroupMappingSpec, GroupPreset};
use crate::model::Scalar;

/// One or many of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// `"a"`
    One(T),
    /// `["a", "b"]`
    Many(Vec<T>),
}

/// The right-hand side of a line of `[users.map]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RuleSpec {
    /// `false` takes the preset's rule out.
    Remove(bool),
    /// `"uid"`: this attribute.
    Attribute(String),
    /// `["displayName", "cn"]`: the first that is present.
    FirstPresent(Vec<String>),
    /// `{ … }`
    Detailed(Box<DetailedRule>),
}

/// A rule written as a table. Exactly one of `attribute`, `template`, `constant`, `reference`,
/// `all_of`.
///
/// The source is read first, then come the transforms, the lookup, and the default where nothing is
/// left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetailedRule {
    /// The attribute, or the first present of several.
    #[serde(default)]
    pub attribute: Option<OneOrMany<String>>,
    /// A minijinja template over the entry's attributes.
    #[serde(default)]
    pub template: Option<String>,
    /// The same for everybody.
    #[serde(default, deserialize_with = "read::optional_scalar")]
    pub constant: Option<Scalar>,
    /// An attribute that holds a DN (only for the manager).
    #[serde(default)]
    pub reference: Option<String>,
    /// True when every one of these rules gives true, false when one gives false.
    #[serde(default)]
    pub all_of: Option<Vec<DetailedRule>>,
    /// Applied in order.
    #[serde(default)]
    pub transform: Option<OneOrMany<TransformSpec>>,
    /// Value → value, spelled exactly; a value that is not listed counts as absent.
    #[serde(default, deserialize_with = "read::optional_scalars")]
    pub lookup: Option<BTreeMap<String, Scalar>>,
    /// When the attribute is absent or the lookup has no such value.
    #[serde(default, deserialize_with = "read::optional_scalar")]
    pub default: Option<Scalar>,
    /// An entry for which the rule gives nothing is rejected (and so left as it is), not pushed
    /// without the attribute.
    #[serde(default)]
    pub required: bool,
    /// Multi-valued attributes: an item for each value instead of the first only.
    #[serde(default)]
    pub all: bool,
    /// Multi-valued attributes: whether (the first of) these items is the primary one.
    #[serde(default)]
    pub primary: Option<bool>,
}

/// One link of a transform chain: a bare name, or a table for those with arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum TransformSpec {
    /// `"trim"`
    Name(String),
    /// `{ regex = "…", replace = "…" }` and the like.
    Table(TransformTable),
}

/// Transforms with arguments: `regex` with `replace`, `split` alone or with `index` or `join`, or one
/// of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformTable {
    /// Regular expression; goes with `replace`.
    #[serde(default)]
    pub regex: Option<String>,
    /// What a match becomes (`$1` for groups).
    #[serde(default)]
    pub replace: Option<String>,
    /// Separator; the value becomes several.
    #[serde(default)]
    pub split: Option<String>,
    /// Keep only this one of several, 0-based; negative counts from the end.
    #[serde(default)]
    pub index: Option<i32>,
    /// Separator; several values become one.
    #[serde(default)]
    pub join: Option<String>,
    /// Longest length in characters.
    #[serde(default)]
    pub truncate: Option<usize>,
    /// The value of the DN's first RDN of this attribute type, or of its first RDN when "".
    #[serde(default, alias = "dn-rdn")]
    pub dn_rdn: Option<String>,
}

/// `[[users.override]]`: one person treated apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverrideSpec {
    /// The person, by anchor.
    #[serde(default)]
    pub anchor: Option<String>,
    /// The person, by DN.
    #[serde(default)]
    pub dn: Option<String>,
    /// Do not provision; somebody pushed earlier counts as having left.
    #[serde(default)]
    pub exclude: bool,
    /// Attribute path → fixed value; `""` takes the attribute away.
    #[serde(default, deserialize_with = "read::scalars")]
    pub set: BTreeMap<String, Scalar>,
}

/// The preset a mapping starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// RFC 2798 people (OpenLDAP, 389-DS, FreeIPA).
    #[serde(rename = "inetorgperson")]
    InetOrgPerson,
    /// Active Directory users.
    ActiveDirectory,
}

/// Everything the mapping is compiled from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingSpec {
    /// Where to start; nothing means an empty map.
    pub preset: Option<Preset>,
    /// Anchor attribute; the preset's when absent.
    pub anchor: Option<String>,
    /// The operator's lines, by path as written.
    pub map: BTreeMap<String, RuleSpec>,
    /// People treated apart.
    pub overrides: Vec<OverrideSpec>,
}
