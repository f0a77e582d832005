//! From the written mapping to the compiled one; every mistake is reported, not only the first.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    Mapper, VERSION,
    anchor::AnchorRule,
    build::{Rules, SubAttributes},
    error::{Mistake, RuleError},
    form::{Compiled, Forms},
    overrides::Overrides,
    preset::PresetFile,
    rule::{Rule, Source},
    spec::{MappingSpec, OverrideSpec, RuleSpec},
    target::Target,
};
use crate::model::{AttributePath, Digest};

/// Whether the service provider takes something at a path.
pub type Takes<'a> = &'a dyn Fn(&AttributePath) -> bool;

/// How the keys of a preset's rules begin in messages.
const FROM_PRESET: &str = "users.preset.";
/// The line of the anchor in messages.
const ANCHOR: &str = "users.anchor";

/// Preset and operator's lines after the merge, each with the key it came from.
struct Merged {
    lines: BTreeMap<Target, (String, RuleSpec)>,
    /// The anchor goes into `externalId`.
    anchor_is_external_id: bool,
}

/// What a mapping result depends on, in one canonical form.
#[derive(Serialize)]
struct Essence<'a> {
    version: u32,
    anchor: &'a str,
    anchor_is_external_id: bool,
    map: Vec<(String, &'a RuleSpec)>,
    overrides: &'a [OverrideSpec],
}

pub(super) fn compile(spec: &MappingSpec, takes: Takes<'_>) -> Result<Mapper, Vec<RuleError>> {
    let mut errors = Vec::new();
    let preset = match spec.preset.map(PresetFile::read).transpose() {
        Ok(preset) => preset,
        Err(mistake) => return Err(vec![mistake.at("users.preset")]),
    };
    let mut forms = Forms::default();
    let written = spec.anchor.as_ref().or(preset.as_ref().map(|preset| &preset.anchor));
    let anchor = anchor_rule(ANCHOR, written, &mut forms).unwrap_or_else(|mistake| {
        errors.push(mistake.at(ANCHOR));
        AnchorRule::new(ANCHOR, String::new())
    });
    let mut merged = merge(preset, &spec.map, &mut errors);
    let left_out = fit(&mut merged, takes, &mut errors);
    let compiled = compile_lines(&merged, &mut forms, &mut errors);
    let overrides = Overrides::compile(&spec.overrides, &compiled, &anchor, &mut forms, &mut errors);
    let digest = digest(spec, &anchor, &merged).map_err(|mistake| vec![mistake.at("users.map")])?;
    if !errors.is_empty() {
        return Err(errors);
    }
    let rules = Rules::new(&compiled);
    Ok(Mapper {
        depends_on_time: rules.depends_on_time() || overrides.depends_on_time(),
        left_out,
        anchor,
        names: forms.names,
        templates: forms.templates,
        rules,
        overrides,
        sub_attributes: SubAttributes::default(),
        digest,
    })
}

/// Fits the rules to what the service provider takes: what the preset has beyond that is left out, what
/// the operator wrote beyond that is a mistake. Returns what was left out.
fn fit(merged: &mut Merged, takes: Takes<'_>, errors: &mut Vec<RuleError>) -> Vec<String> {
    let mut left_out = Vec::new();
    merged.lines.retain(|target, (label, _)| {
        let path = target.path();
        if takes(&path) {
            return true;
        }
        if let Some(key) = label.strip_prefix(FROM_PRESET) {
            left_out.push(key.to_owned());
        } else {
            let mistake = Mistake::new(
                format!("the profile in [scim] does not take {}", path.short()),
                "take the line out",
            );
            errors.push(mistake.at(label));
        }
        false
    });
    if merged.anchor_is_external_id && !takes(&AttributePath::new("externalId")) {
        merged.anchor_is_external_id = false;
        left_out.push("externalId".to_owned());
    }
    left_out
}

/// The rule of the anchor, for the line called `label`.
pub(super) fn anchor_rule(
    label: &'static str,
    written: Option<&String>,
    forms: &mut Forms,
) -> Result<AnchorRule, Mistake> {
    let written = written.ok_or_else(|| {
        Mistake::new(
            "without a preset the anchor has to be named",
            "write anchor = \"entryUUID\" (OpenLDAP), \"objectGUID\" (Active Directory), \"nsUniqueId\" or \"ipaUniqueID\"",
        )
    })?;
    forms.names.slot(written)?;
    let attribute = written.trim().to_ascii_lowercase();
    if attribute == "dn" {
        return Err(Mistake::new(
            "the DN changes when somebody is renamed or moved",
            "name an attribute that never changes",
        ));
    }
    Ok(AnchorRule::new(label, attribute))
}

fn merge(preset: Option<PresetFile>, map: &BTreeMap<String, RuleSpec>, errors: &mut Vec<RuleError>) -> Merged {
    let mut lines = BTreeMap::new();
    for (key, rule) in preset.into_iter().flat_map(|preset| preset.map) {
        add_line(&mut lines, format!("{FROM_PRESET}{key}"), &key, rule, errors);
    }
    let mut own = BTreeMap::new();
    let mut removed = BTreeSet::new();
    for (key, rule) in map {
        let label = format!("users.map.{key}");
        match (rule, Target::parse(key)) {
            (RuleSpec::Remove(false), Ok(target)) => drop(removed.insert(target)),
            _ => add_line(&mut own, label, key, rule.clone(), errors),
        }
    }
    lines.retain(|target, _| !removed.iter().any(|removed| target.is_within(removed)));
    let external_id = |target: &Target| target.canonical() == "externalId";
    let anchor_is_external_id = !removed.iter().chain(own.keys()).any(external_id);
    if removed
        .iter()
        .any(|target| target.canonical() == "userName" && !own.contains_key(target))
    {
        let mistake = Mistake::new("a SCIM User must have a userName", "name an attribute instead of false");
        errors.push(mistake.at("users.map.userName"));
    } else if !lines
        .keys()
        .chain(own.keys())
        .any(|target| target.canonical() == "userName")
        && !map.keys().any(|key| key.trim().eq_ignore_ascii_case("userName"))
    {
        let mistake = Mistake::new(
            "a SCIM User must have a userName",
            "write \"userName\" = \"uid\", or set a preset",
        );
        errors.push(mistake.at("users.map.userName"));
    }
    lines.extend(own);
    Merged {
        lines,
        anchor_is_external_id,
    }
}

fn add_line(
    lines: &mut BTreeMap<Target, (String, RuleSpec)>,
    label: String,
    key: &str,
    rule: RuleSpec,
    errors: &mut Vec<RuleError>,
) {
    match Target::parse(key) {
        Ok(target @ Target::All(_)) => errors.push(all_of_it(&target).at(&label)),
        Ok(target) => {
            if let Some((other, _)) = lines.get(&target) {
                let mistake = Mistake::new(format!("{other} is the same attribute"), "keep one of the two lines");
                errors.push(mistake.at(&label));
            } else {
                lines.insert(target, (label, rule));
            }
        }
        Err(mistake) => errors.push(mistake.at(&label)),
    }
}

pub(super) fn all_of_it(target: &Target) -> Mistake {
    let name = target.canonical();
    let example = match name.as_str() {
        "name" => "name.familyName".to_owned(),
        "enterprise" => "enterprise.department".to_owned(),
        "addresses" => "addresses.work.streetAddress".to_owned(),
        name if name.starts_with("addresses.") => format!("{name}.streetAddress"),
        list => format!("{list}.work"),
    };
    Mistake::new(
        format!("{name} has parts, and each is mapped by itself"),
        format!("write \"{example}\" = …"),
    )
}

fn compile_lines(merged: &Merged, forms: &mut Forms, errors: &mut Vec<RuleError>) -> BTreeMap<Target, Compiled> {
    let mut compiled = BTreeMap::new();
    for (target, (label, spec)) in &merged.lines {
        match forms.compile(target, spec, label) {
            Ok(rule) => drop(compiled.insert(target.clone(), rule)),
            Err(mistake) => errors.push(mistake.at(label)),
        }
    }
    if merged.anchor_is_external_id
        && let Ok(target) = Target::parse("externalId")
    {
        let rule = Rule::plain(ANCHOR.into(), Source::Anchor);
        compiled.insert(target, Compiled { rule, primary: None });
    }
    one_primary(&merged.lines, &compiled, errors);
    compiled
}

/// At most one type of each list may be the primary one.
fn one_primary(
    lines: &BTreeMap<Target, (String, RuleSpec)>,
    compiled: &BTreeMap<Target, Compiled>,
    errors: &mut Vec<RuleError>,
) {
    let mut seen: BTreeMap<&str, (&Target, &str)> = BTreeMap::new();
    for (target, (label, _)) in lines {
        let list = match target {
            Target::Item(list, _) => list,
            Target::AddressPart(..) => "addresses",
            _ => continue,
        };
        if compiled.get(target).is_none_or(|rule| rule.primary != Some(true)) {
            continue;
        }
        let same_item = |other: &Target| match (other, target) {
            (Target::AddressPart(one, _), Target::AddressPart(other, _)) => one == other,
            _ => false,
        };
        match seen.insert(list, (target, label)) {
            Some((other, first)) if !same_item(other) => errors.push(
                Mistake::new(
                    format!("{first} is primary already"),
                    "only one item can be: set `primary = true` in one of the two lines",
                )
                .at(label),
            ),
            _ => {}
        }
    }
}

fn digest(spec: &MappingSpec, anchor: &AnchorRule, merged: &Merged) -> Result<Digest, Mistake> {
    let essence = Essence {
        version: VERSION,
        anchor: anchor.attribute(),
        anchor_is_external_id: merged.anchor_is_external_id,
        map: merged
            .lines
            .iter()
            .map(|(target, (_, rule))| (target.canonical(), rule))
            .collect(),
        overrides: &spec.overrides,
    };
    serde_json::to_vec(&essence)
        .map(|bytes| Digest::of(&bytes))
        .map_err(|error| {
            Mistake::new(
                format!("cannot be written down: {error}"),
                "this is our fault, not yours",
            )
        })
}
