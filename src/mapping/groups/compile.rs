//! From the written mapping of groups to the compiled one; every mistake is reported.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{GroupMapper, members::MemberRule, target};
use crate::mapping::{
    anchor::AnchorRule,
    build::{Rules, SubAttributes},
    compile::anchor_rule,
    error::{Mistake, RuleError},
    form::{Compiled, Forms},
    names::Slot,
    rule::{Rule, Source},
    spec::{GroupMappingSpec, GroupPreset, RuleSpec},
    target::Target,
};

/// A preset's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PresetFile {
    anchor: String,
    members: Vec<String>,
    map: BTreeMap<String, RuleSpec>,
}

impl PresetFile {
    fn read(preset: GroupPreset) -> Result<Self, Mistake> {
        let text = match preset {
            GroupPreset::GroupOfNames => include_str!("../presets/groups/groupofnames.toml"),
            GroupPreset::PosixGroup => include_str!("../presets/groups/posixgroup.toml"),
            GroupPreset::ActiveDirectory => include_str!("../presets/groups/active-directory.toml"),
        };
        toml::from_str(text)
            .map_err(|error| Mistake::new(format!("the preset is broken: {error}"), "this is our fault, not yours"))
    }
}

/// The attributes that hold members, of the operator or of the preset.
pub(super) fn member_attributes(spec: &GroupMappingSpec) -> Result<Vec<String>, Mistake> {
    if let Some(members) = &spec.members {
        return Ok(members.clone());
    }
    let preset = spec.preset.map(PresetFile::read).transpose()?;
    Ok(preset.map(|preset| preset.members).unwrap_or_default())
}

pub(super) fn compile(spec: &GroupMappingSpec) -> Result<GroupMapper, Vec<RuleError>> {
    let preset = match spec.preset.map(PresetFile::read).transpose() {
        Ok(preset) => preset,
        Err(mistake) => return Err(vec![mistake.at("groups.preset")]),
    };
    let mut errors = Vec::new();
    let mut forms = Forms::default();
    let written = spec.anchor.as_ref().or(preset.as_ref().map(|preset| &preset.anchor));
    let anchor = anchor_rule("groups.anchor", written, &mut forms).unwrap_or_else(|mistake| {
        errors.push(mistake.at("groups.anchor"));
        AnchorRule::new("groups.anchor", String::new())
    });
    let members = spec.members.as_ref().or(preset.as_ref().map(|preset| &preset.members));
    let members = members_of(spec, members, &mut forms).unwrap_or_else(|mistake| {
        errors.push(mistake.at("groups.members"));
        Vec::new()
    });
    let sid = sid(spec.preset, &mut forms).map_err(|mistake| vec![mistake.at("groups.preset")])?;
    let compiled = lines(preset, &spec.map, &mut forms, &mut errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(GroupMapper {
        anchor,
        names: forms.names,
        templates: forms.templates,
        rules: Rules::new(&compiled),
        members,
        sid,
        sub_attributes: SubAttributes::default(),
    })
}

fn members_of(
    spec: &GroupMappingSpec,
    written: Option<&Vec<String>>,
    forms: &mut Forms,
) -> Result<Vec<MemberRule>, Mistake> {
    const EXAMPLE: &str = "write members = [\"member\"], or [\"memberUid\"] for login names";
    match written {
        Some(written) if !written.is_empty() => {
            let rules = written
                .iter()
                .map(|name| MemberRule::new(name, forms.names.slot(name)?));
            rules.collect()
        }
        // Groups that hold no members are known from the people alone.
        _ if spec.from_people.is_some() => Ok(Vec::new()),
        Some(_) => Err(Mistake::new(
            "the list of attributes is empty",
            format!("{EXAMPLE}; it may be empty only beside from_people"),
        )),
        None => Err(Mistake::new(
            "without a preset the attributes that hold members have to be named",
            EXAMPLE,
        )),
    }
}

/// People name their primary group by the last part of its security identifier.
fn sid(preset: Option<GroupPreset>, forms: &mut Forms) -> Result<Option<Slot>, Mistake> {
    match preset {
        Some(GroupPreset::ActiveDirectory) => forms.names.slot("objectSid").map(Some),
        _ => Ok(None),
    }
}

/// The rules of preset and operator, and the anchor for `externalId` unless a line says otherwise.
fn lines(
    preset: Option<PresetFile>,
    map: &BTreeMap<String, RuleSpec>,
    forms: &mut Forms,
    errors: &mut Vec<RuleError>,
) -> BTreeMap<Target, Compiled> {
    let mut merged: BTreeMap<Target, (String, Option<RuleSpec>)> = BTreeMap::new();
    for (key, rule) in preset.into_iter().flat_map(|preset| preset.map) {
        match target::parse(&key) {
            Ok(target) => drop(merged.insert(target, (format!("groups.preset.{key}"), Some(rule)))),
            Err(mistake) => errors.push(mistake.at("groups.preset")),
        }
    }
    let mut own: BTreeMap<Target, String> = BTreeMap::new();
    for (key, rule) in map {
        let label = format!("groups.map.{key}");
        let target = match target::parse(key) {
            Ok(target) => target,
            Err(mistake) => {
                errors.push(mistake.at(&label));
                continue;
            }
        };
        if let Some(other) = own.insert(target.clone(), label.clone()) {
            let mistake = Mistake::new(format!("{other} is the same attribute"), "keep one of the two lines");
            errors.push(mistake.at(&label));
        }
        let rule = Some(rule).filter(|rule| **rule != RuleSpec::Remove(false)).cloned();
        merged.insert(target, (label, rule));
    }
    if merged
        .get(&target::display_name())
        .is_none_or(|(_, rule)| rule.is_none())
    {
        let mistake = Mistake::new("a SCIM Group must have a displayName", "write \"displayName\" = \"cn\"");
        errors.push(mistake.at("groups.map.displayName"));
    }
    let anchor_is_external_id = !merged.contains_key(&target::external_id());
    let mut compiled = compile_lines(merged, forms, errors);
    if anchor_is_external_id {
        let rule = Rule::plain("groups.anchor".into(), Source::Anchor);
        compiled.insert(target::external_id(), Compiled { rule, primary: None });
    }
    compiled
}

fn compile_lines(
    lines: BTreeMap<Target, (String, Option<RuleSpec>)>,
    forms: &mut Forms,
    errors: &mut Vec<RuleError>,
) -> BTreeMap<Target, Compiled> {
    let mut compiled = BTreeMap::new();
    for (target, (label, spec)) in lines {
        let Some(spec) = spec else { continue };
        match forms.compile(&target, &spec, &label) {
            Ok(rule) if rule.rule.depends_on_time() => errors.push(
                Mistake::new(
                    "what a group is called must not depend on the time",
                    "take the transform out",
                )
                .at(&label),
            ),
            Ok(rule) => drop(compiled.insert(target, rule)),
            Err(mistake) => errors.push(mistake.at(&label)),
        }
    }
    compiled
}
