//! The mappings to start from, as data.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    error::Mistake,
    spec::{Preset, RuleSpec},
};

/// A preset's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PresetFile {
    pub anchor: String,
    pub map: BTreeMap<String, RuleSpec>,
}

impl PresetFile {
    /// The file of `preset`.
    pub fn read(preset: Preset) -> Result<Self, Mistake> {
        let text = match preset {
            Preset::InetOrgPerson => include_str!("presets/inetorgperson.toml"),
            Preset::ActiveDirectory => include_str!("presets/active-directory.toml"),
        };
        toml::from_str(text)
            .map_err(|error| Mistake::new(format!("the preset is broken: {error}"), "this is our fault, not yours"))
    }
}
