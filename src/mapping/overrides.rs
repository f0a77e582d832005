//! People treated apart (`[[users.override]]`).

use std::collections::BTreeMap;

use super::{
    anchor::AnchorRule,
    build::Rules,
    compile::all_of_it,
    error::{Mistake, RuleError},
    form::{Compiled, Forms},
    rule::{Rule, Source},
    spec::{DetailedRule, OverrideSpec, RuleSpec},
    target::Target,
    transform::is_empty,
};
use crate::model::{Anchor, AttributePath, DnKey, Scalar, dn};

/// All overrides, by whom they are for.
#[derive(Clone, Debug, Default)]
pub(super) struct Overrides {
    actions: Vec<Action>,
    by_anchor: BTreeMap<Anchor, usize>,
    by_dn: BTreeMap<DnKey, usize>,
}

/// What one override does.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// Not provisioned.
    Exclude,
    /// Mapped by these rules.
    Set(Box<Rules>),
}

/// What is found for one entry.
pub(super) enum Found<'a> {
    Nothing,
    One(usize, &'a Action),
    /// Two different ones.
    Both(usize, usize),
}

impl Overrides {
    /// Compiles `specs` on top of everybody's rules.
    pub fn compile(
        specs: &[OverrideSpec],
        base: &BTreeMap<Target, Compiled>,
        anchor: &AnchorRule,
        forms: &mut Forms,
        errors: &mut Vec<RuleError>,
    ) -> Self {
        let mut overrides = Self::default();
        for (index, spec) in specs.iter().enumerate() {
            let label = format!("users.override[{index}]");
            if let Err(mistake) = overrides.register(index, spec, anchor) {
                errors.push(mistake.at(&label));
            }
            let action = if spec.exclude {
                Action::Exclude
            } else {
                Action::Set(Box::new(rules(spec, &label, base, forms, errors)))
            };
            overrides.actions.push(action);
        }
        overrides
    }

    fn register(&mut self, index: usize, spec: &OverrideSpec, anchor: &AnchorRule) -> Result<(), Mistake> {
        if spec.exclude != spec.set.is_empty() {
            return Err(Mistake::new(
                "an override either excludes somebody or sets something",
                "write `exclude = true`, or `set = { title = \"…\" }`",
            ));
        }
        let before = match (&spec.anchor, &spec.dn) {
            (Some(text), None) => {
                let anchor = anchor.read_text(text).map_err(|why| {
                    Mistake::new(format!("anchor \"{text}\": {why}"), "copy it from `scimward explain`")
                })?;
                self.by_anchor.insert(anchor, index)
            }
            (None, Some(name)) if dn::normalize(name).is_some_and(|normal| !normal.is_empty()) => {
                self.by_dn.insert(DnKey::of(name), index)
            }
            (None, Some(name)) => {
                return Err(Mistake::new(
                    format!("dn \"{name}\" is not a distinguished name"),
                    "write it as in \"uid=jdoe,ou=people,dc=example,dc=com\"",
                ));
            }
            _ => {
                return Err(Mistake::new(
                    "it does not say for whom it is",
                    "give either `anchor` or `dn`",
                ));
            }
        };
        match before {
            Some(other) => Err(Mistake::new(
                format!("users.override[{other}] is for the same person"),
                "put both into one",
            )),
            None => Ok(()),
        }
    }

    /// Every path that a rule of an override fills.
    pub fn paths(&self) -> impl Iterator<Item = AttributePath> {
        self.actions
            .iter()
            .filter_map(|action| match action {
                Action::Exclude => None,
                Action::Set(rules) => Some(rules.paths()),
            })
            .flatten()
    }

    /// Whether the result depends on the time of the cycle.
    pub fn depends_on_time(&self) -> bool {
        self.actions.iter().any(|action| match action {
            Action::Exclude => false,
            Action::Set(rules) => rules.depends_on_time(),
        })
    }

    /// Whom each is for.
    pub fn subjects(&self) -> Vec<(String, Option<Anchor>, Option<DnKey>)> {
        let label = |index: &usize| format!("users.override[{index}]");
        let by_anchor = self.by_anchor.iter();
        let by_anchor = by_anchor.map(|(anchor, index)| (label(index), Some(anchor.clone()), None));
        let by_dn = self.by_dn.iter().map(|(dn, index)| (label(index), None, Some(*dn)));
        by_anchor.chain(by_dn).collect()
    }

    /// The override for one entry.
    pub fn find(&self, anchor: &Anchor, dn: &str) -> Found<'_> {
        let by_anchor = self.by_anchor.get(anchor).copied();
        let by_dn = if self.by_dn.is_empty() {
            None
        } else {
            self.by_dn.get(&DnKey::of(dn)).copied()
        };
        match (by_anchor, by_dn) {
            (Some(one), Some(other)) => Found::Both(one, other),
            (Some(index), None) | (None, Some(index)) => match self.actions.get(index) {
                Some(action) => Found::One(index, action),
                None => Found::Nothing,
            },
            (None, None) => Found::Nothing,
        }
    }
}

/// Everybody's rules with some of them replaced by constants.
fn rules(
    spec: &OverrideSpec,
    label: &str,
    base: &BTreeMap<Target, Compiled>,
    forms: &mut Forms,
    errors: &mut Vec<RuleError>,
) -> Rules {
    let mut compiled = base.clone();
    for (key, value) in &spec.set {
        let label = format!("{label}.set.{key}");
        if let Err(mistake) = replace(&mut compiled, key, value, &label, forms) {
            errors.push(mistake.at(&label));
        }
    }
    Rules::new(&compiled)
}

fn replace(
    compiled: &mut BTreeMap<Target, Compiled>,
    key: &str,
    value: &Scalar,
    label: &str,
    forms: &mut Forms,
) -> Result<(), Mistake> {
    let target = Target::parse(key)?;
    if is_empty(value) {
        if target.canonical() == "userName" {
            return Err(Mistake::new(
                "a SCIM User must have a userName",
                "give a name, or exclude the person",
            ));
        }
        compiled.retain(|other, _| !other.is_within(&target));
        return Ok(());
    }
    let primary = compiled.get(&target).and_then(|before| before.primary);
    let rule = match (&target, value) {
        (Target::All(_), _) => return Err(all_of_it(&target)),
        (Target::Manager, Scalar::Text(name)) if dn::normalize(name).is_some() => Compiled {
            rule: Rule::plain(label.into(), Source::Constant(value.clone())),
            primary: None,
        },
        (Target::Manager, _) => {
            return Err(Mistake::new(
                "the manager is given by DN",
                "write it as in \"uid=boss,ou=people,dc=example,dc=com\"",
            ));
        }
        _ => {
            let constant = DetailedRule {
                constant: Some(value.clone()),
                primary,
                ..DetailedRule::default()
            };
            forms.compile(&target, &RuleSpec::Detailed(Box::new(constant)), label)?
        }
    };
    compiled.insert(target, rule);
    Ok(())
}
