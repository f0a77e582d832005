//! The rest of a rule's way from the written form to the compiled one: the right-hand side.

use std::sync::Arc;

use super::{
    error::Mistake,
    names::Names,
    rule::{Rule, Source, boolean_text},
    spec::{DetailedRule, OneOrMany, RuleSpec},
    target::Target,
    template::Templates,
    transform::{Kind, Transform},
};
use crate::model::Scalar;

/// A compiled rule and whether its items are the primary ones.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub rule: Rule,
    pub primary: Option<bool>,
}

/// Compiles right-hand sides; collects the attributes and templates they need.
#[derive(Debug, Default)]
pub(super) struct Forms {
    pub names: Names,
    pub templates: Templates,
}

impl Forms {
    /// The rule for `target` that `spec` stands for. `label` is the line it was written in.
    pub fn compile(&mut self, target: &Target, spec: &RuleSpec, label: &str) -> Result<Compiled, Mistake> {
        let label: Arc<str> = label.into();
        let source = match spec {
            RuleSpec::Attribute(attribute) => self.attributes(std::slice::from_ref(attribute))?,
            RuleSpec::FirstPresent(attributes) => self.attributes(attributes)?,
            RuleSpec::Detailed(rule) => return self.detailed(target, rule, label),
            RuleSpec::Remove(_) => {
                return Err(Mistake::new(
                    "`true` is not a rule",
                    "write { constant = true }, or false to take the preset's rule out",
                ));
            }
        };
        match target {
            Target::Manager => Err(Mistake::new(
                "the manager is another person, so the attribute has to be read as a reference",
                "write { reference = \"manager\" }; the DN in it becomes the manager's SCIM id",
            )),
            _ => Ok(Compiled {
                rule: Rule::plain(label, source),
                primary: None,
            }),
        }
    }

    fn detailed(&mut self, target: &Target, spec: &DetailedRule, label: Arc<str>) -> Result<Compiled, Mistake> {
        check_shape(target, spec)?;
        if let Some(reference) = &spec.reference {
            let source = self.attributes(std::slice::from_ref(reference))?;
            return Ok(Compiled {
                rule: Rule::plain(label, source),
                primary: None,
            });
        }
        let mut rule = self.body(spec, label)?;
        settle(target, &mut rule)?;
        Ok(Compiled {
            rule,
            primary: spec.primary,
        })
    }

    fn body(&mut self, spec: &DetailedRule, label: Arc<str>) -> Result<Rule, Mistake> {
        let chain = spec
            .transform
            .as_ref()
            .map(Transform::compile_all)
            .transpose()?
            .unwrap_or_default();
        let source = self.source(spec, &label)?;
        let splits = chain.iter().position(|link| matches!(link, Transform::Split(_)));
        let narrows = |link: &Transform| matches!(link, Transform::Join(_) | Transform::Index(_));
        if let Some(split) = splits
            && !spec.all
            && !chain[split..].iter().any(narrows)
        {
            return Err(Mistake::new(
                "`split` makes several values of one",
                "add `index` or `join`, or `all = true` in a multi-valued attribute",
            ));
        }
        let wide = spec.all || chain[..splits.unwrap_or(chain.len())].iter().any(narrows);
        Ok(Rule {
            label,
            source,
            chain,
            lookup: spec.lookup.clone(),
            default: spec.default.clone(),
            wide,
            all: spec.all,
            required: spec.required,
        })
    }

    fn source(&mut self, spec: &DetailedRule, label: &str) -> Result<Source, Mistake> {
        if let Some(template) = &spec.template {
            return self.templates.compile(template, &mut self.names).map(Source::Template);
        }
        if let Some(constant) = &spec.constant {
            return Ok(Source::Constant(constant.clone()));
        }
        if let Some(parts) = &spec.all_of {
            let active = Target::parse("active")?;
            let mut rules = Vec::with_capacity(parts.len());
            for (index, part) in parts.iter().enumerate() {
                rules.push(
                    self.detailed(&active, part, format!("{label}.all_of[{index}]").into())?
                        .rule,
                );
            }
            return Ok(Source::AllOf(rules));
        }
        match &spec.attribute {
            Some(OneOrMany::One(attribute)) => self.attributes(std::slice::from_ref(attribute)),
            Some(OneOrMany::Many(attributes)) => self.attributes(attributes),
            None => Err(no_source()),
        }
    }

    fn attributes(&mut self, written: &[String]) -> Result<Source, Mistake> {
        if written.is_empty() {
            return Err(Mistake::new(
                "the list of attributes is empty",
                "name at least one attribute",
            ));
        }
        written
            .iter()
            .map(|name| self.names.slot(name))
            .collect::<Result<_, _>>()
            .map(Source::Attributes)
    }
}

fn no_source() -> Mistake {
    Mistake::new(
        "a rule needs exactly one of attribute, template, constant, reference, all_of",
        "write { attribute = \"…\" } or { template = \"…\" } or { constant = \"…\" }",
    )
}

/// What can be seen to be wrong from which keys are there.
fn check_shape(target: &Target, spec: &DetailedRule) -> Result<(), Mistake> {
    let sources = [
        spec.attribute.is_some(),
        spec.template.is_some(),
        spec.constant.is_some(),
        spec.reference.is_some(),
        spec.all_of.is_some(),
    ];
    let extras = spec.transform.is_some() || spec.lookup.is_some() || spec.default.is_some();
    let is_list = matches!(target, Target::Item(..));
    let is_address = matches!(target, Target::AddressPart(..));
    let wrong = |message: &str, hint: &str| Err(Mistake::new(message, hint));
    match () {
        () if sources.iter().filter(|given| **given).count() != 1 => Err(no_source()),
        () if spec.reference.is_some() != matches!(target, Target::Manager) => wrong(
            "a reference is for the manager, and the manager for a reference",
            "write \"enterprise.manager\" = { reference = \"manager\" }, and { attribute = \"…\" } elsewhere",
        ),
        () if spec.reference.is_some() && (extras || spec.required || spec.all || spec.primary.is_some()) => {
            wrong("a reference stands alone", "take the other keys out")
        }
        () if spec.constant.is_some() && (extras || spec.required || spec.all) => {
            wrong("a constant stands alone", "write the constant as it should come out")
        }
        () if spec.constant.as_ref().is_some_and(super::transform::is_empty) => wrong(
            "the constant is empty",
            "empty values are never sent; write false to take the preset's rule out",
        ),
        () if spec.required && spec.default.is_some() => wrong(
            "a rule with a default always gives something",
            "take `required` or `default` out",
        ),
        () if spec.lookup.as_ref().is_some_and(std::collections::BTreeMap::is_empty) => {
            wrong("the lookup is empty", "give it values, or take it out")
        }
        () if spec.all_of.as_ref().is_some_and(Vec::is_empty) => wrong("`all_of` is empty", "give it rules"),
        () if spec.all && !is_list => wrong(
            "`all` is for attributes with several items, such as emails.work",
            "take `all` out, or join the values: transform = { join = \", \" }",
        ),
        () if spec.primary.is_some() && !is_list && !is_address => wrong(
            "`primary` is for attributes with several items, such as emails.work",
            "take `primary` out",
        ),
        () => Ok(()),
    }
}

/// Checks that what comes out fits the target, and turns written `"TRUE"` into true where it must be.
fn settle(target: &Target, rule: &mut Rule) -> Result<(), Mistake> {
    let mut kind = match &rule.source {
        Source::AllOf(_) | Source::Constant(Scalar::Boolean(_)) => Kind::Boolean,
        _ => Kind::Text,
    };
    for link in &rule.chain {
        kind = link.kind(kind)?;
    }
    if let Source::Constant(value) = &mut rule.source {
        settle_value(target, value)?;
    } else if let Some(lookup) = &mut rule.lookup {
        lookup.values_mut().try_for_each(|value| settle_value(target, value))?;
    } else if kind == Kind::Boolean && !matches!(target, Target::Boolean(_) | Target::Extension(_)) {
        return Err(Mistake::new(
            format!("{} is a text, and the rule gives true or false", target.canonical()),
            "turn it into text with a lookup: lookup = { true = \"…\", false = \"…\" }",
        ));
    }
    if let Some(default) = &mut rule.default {
        settle_value(target, default)?;
    }
    Ok(())
}

fn settle_value(target: &Target, value: &mut Scalar) -> Result<(), Mistake> {
    match (target, &*value) {
        (Target::Boolean(_), Scalar::Text(text)) => match boolean_text(text) {
            Some(truth) => {
                *value = Scalar::Boolean(truth);
                Ok(())
            }
            None => Err(Mistake::new(
                format!("{} is true or false, not \"{text}\"", target.canonical()),
                "write true or false",
            )),
        },
        (Target::Boolean(_), Scalar::Boolean(_)) | (Target::Extension(_), _) | (_, Scalar::Text(_)) => Ok(()),
        (_, Scalar::Boolean(truth)) => Err(Mistake::new(
            format!("{} is a text, not {truth}", target.canonical()),
            format!("write \"{truth}\" in quotes if that is meant"),
        )),
    }
}
