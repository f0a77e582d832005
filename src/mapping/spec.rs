//! Mapping rules as the operator writes them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::Scalar;

/// One or many of something.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// `"a"`
    One(T),
    /// `["a", "b"]`
    Many(Vec<T>),
}

/// The right-hand side of a line of `[users.map]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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

/// A rule written as a table. Exactly one of `attribute`, `template`, `constant`, `reference`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetailedRule {
    /// The attribute, or the first present of several.
    #[serde(default)]
    pub attribute: Option<OneOrMany<String>>,
    /// A minijinja template over the entry's attributes.
    #[serde(default)]
    pub template: Option<String>,
    /// The same for everybody.
    #[serde(default)]
    pub constant: Option<Scalar>,
    /// An attribute that holds a DN (only for the manager).
    #[serde(default)]
    pub reference: Option<String>,
    /// Applied in order.
    #[serde(default)]
    pub transform: Option<OneOrMany<TransformSpec>>,
    /// Value → value.
    #[serde(default)]
    pub lookup: Option<BTreeMap<String, Scalar>>,
    /// When the attribute is absent or the lookup has no such value.
    #[serde(default)]
    pub default: Option<Scalar>,
    /// Multi-valued attributes: an item for each value instead of the first only.
    #[serde(default)]
    pub all: bool,
    /// Multi-valued attributes: whether (the first of) these items is the primary one.
    #[serde(default)]
    pub primary: Option<bool>,
}

/// One link of a transform chain: a bare name, or a table for those with arguments.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum TransformSpec {
    /// `"trim"`
    Name(String),
    /// `{ regex = "…", replace = "…" }` and the like.
    Table(TransformTable),
}

/// Transforms with arguments. Exactly one of them is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
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
    /// After `split`: keep only this one, 0-based; negative counts from the end.
    #[serde(default)]
    pub index: Option<i32>,
    /// Separator; several values become one.
    #[serde(default)]
    pub join: Option<String>,
    /// Longest length in characters.
    #[serde(default)]
    pub truncate: Option<usize>,
    /// The value of the DN's first RDN of this attribute type, or of its first RDN when "".
    #[serde(default)]
    pub dn_rdn: Option<String>,
}

/// `[[users.override]]`: one person treated apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
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
    /// Attribute path → fixed value.
    #[serde(default)]
    pub set: BTreeMap<String, Scalar>,
}

/// The preset a mapping starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
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
