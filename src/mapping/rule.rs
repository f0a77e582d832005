//! One compiled rule: where a value comes from and what is done to it.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    names::{Slot, View},
    show,
    template::{RenderError, Template, Templates},
    transform::Transform,
};
use crate::model::{Anchor, Problem, Scalar};

/// What the rules of one entry look at.
pub(super) struct Context<'a> {
    pub view: View<'a>,
    pub anchor: &'a Anchor,
    pub templates: &'a Templates,
    /// Unix seconds.
    pub now: i64,
}

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// The first of these that is present.
    Attributes(Vec<Slot>),
    Template(Template),
    Constant(Scalar),
    Anchor,
    /// True when all are true.
    AllOf(Vec<Rule>),
}

/// One compiled rule.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// The line it came from: `users.map.displayName`.
    pub label: Arc<str>,
    pub source: Source,
    pub chain: Vec<Transform>,
    pub lookup: Option<BTreeMap<String, Scalar>>,
    pub default: Option<Scalar>,
    /// Every value goes in, not only the first.
    pub wide: bool,
    /// Every value comes out, not only the first.
    pub all: bool,
    pub required: bool,
}

impl Rule {
    /// A rule that only copies.
    pub fn plain(label: Arc<str>, source: Source) -> Self {
        Self {
            label,
            source,
            chain: Vec::new(),
            lookup: None,
            default: None,
            wide: false,
            all: false,
            required: false,
        }
    }

    /// Whether the result depends on the time of the cycle.
    pub fn depends_on_time(&self) -> bool {
        let below = match &self.source {
            Source::AllOf(rules) => rules.iter().any(Self::depends_on_time),
            _ => false,
        };
        below || self.chain.iter().any(Transform::depends_on_time)
    }

    /// The (first) value for one entry.
    pub fn one(&self, context: &Context<'_>) -> Result<Option<Scalar>, Problem> {
        // Nearly every rule is a plain copy.
        if let (Source::Attributes(slots), true, None) = (&self.source, self.chain.is_empty(), &self.lookup) {
            for slot in slots {
                if let Some(value) = context.view.values(*slot).next() {
                    return self.text(context, *slot, value).map(Some);
                }
            }
            return self
                .or_default(context, Vec::new())
                .map(|values| values.into_iter().next());
        }
        if let Source::Constant(value) = &self.source {
            return Ok(Some(value.clone()));
        }
        self.many(context).map(|values| values.into_iter().next())
    }

    /// All values for one entry; at most one unless the rule says `all`.
    pub fn many(&self, context: &Context<'_>) -> Result<Vec<Scalar>, Problem> {
        let (mut values, origin) = self.read(context)?;
        for transform in &self.chain {
            if values.is_empty() {
                break;
            }
            values = transform.apply(values, context.now).map_err(|(value, why)| {
                let attribute = origin.map_or("", |slot| context.view.name(slot));
                self.problem(attribute, &why, show::text(&value))
            })?;
        }
        if let Some(lookup) = &self.lookup {
            values = values
                .iter()
                .filter_map(|value| lookup.get(key(value)))
                .cloned()
                .collect();
        }
        values = self.or_default(context, values)?;
        if !self.all {
            values.truncate(1);
        }
        Ok(values)
    }

    /// What the source gives, and the attribute it came from.
    fn read(&self, context: &Context<'_>) -> Result<(Vec<Scalar>, Option<Slot>), Problem> {
        match &self.source {
            Source::Attributes(slots) => {
                let present = |slot: &&Slot| context.view.values(**slot).next().is_some();
                let Some(slot) = slots.iter().find(present) else {
                    return Ok((Vec::new(), None));
                };
                let limit = if self.wide { usize::MAX } else { 1 };
                let values = context
                    .view
                    .values(*slot)
                    .take(limit)
                    .map(|value| self.text(context, *slot, value));
                Ok((values.collect::<Result<_, _>>()?, Some(*slot)))
            }
            Source::Template(template) => {
                let text = context
                    .templates
                    .render(template, &context.view)
                    .map_err(|error| match error {
                        RenderError::Binary(slot, value) => self.binary(context, slot, &value),
                        RenderError::Failed(why) => self.problem(&self.attributes(context), &why, String::new()),
                    })?;
                let value = Some(Scalar::Text(text)).filter(|text| !super::transform::is_empty(text));
                Ok((value.into_iter().collect(), template.slots().next()))
            }
            Source::Constant(value) => Ok((vec![value.clone()], None)),
            Source::Anchor => Ok((vec![Scalar::Text(context.anchor.as_str().to_owned())], None)),
            Source::AllOf(rules) => Ok((all_of(rules, context)?.map(Scalar::Boolean).into_iter().collect(), None)),
        }
    }

    fn or_default(&self, context: &Context<'_>, values: Vec<Scalar>) -> Result<Vec<Scalar>, Problem> {
        if !values.is_empty() {
            return Ok(values);
        }
        if self.required {
            let why = "required, but the entry has none, or our account may not read it";
            return Err(self.problem(&self.attributes(context), why, String::new()));
        }
        Ok(self.default.iter().cloned().collect())
    }

    fn text(&self, context: &Context<'_>, slot: Slot, value: &[u8]) -> Result<Scalar, Problem> {
        match std::str::from_utf8(value) {
            Ok(text) => Ok(Scalar::Text(text.to_owned())),
            Err(_) => Err(self.binary(context, slot, value)),
        }
    }

    fn binary(&self, context: &Context<'_>, slot: Slot, value: &[u8]) -> Problem {
        self.problem(
            context.view.name(slot),
            "the value is not UTF-8 text",
            show::bytes(value),
        )
    }

    /// A reason for rejecting the entry.
    pub fn problem(&self, attribute: &str, why: &str, value: String) -> Problem {
        Problem {
            attribute: attribute.to_owned(),
            rule: format!("{}: {why}", self.label),
            value,
        }
    }

    /// The attributes this rule reads, for people.
    pub fn attributes(&self, context: &Context<'_>) -> String {
        let slots: Vec<Slot> = match &self.source {
            Source::Attributes(slots) => slots.clone(),
            Source::Template(template) => template.slots().collect(),
            Source::AllOf(rules) => {
                let names: Vec<String> = rules.iter().map(|rule| rule.attributes(context)).collect();
                return names.join(", ");
            }
            Source::Constant(_) | Source::Anchor => Vec::new(),
        };
        let names: Vec<&str> = slots.into_iter().map(|slot| context.view.name(slot)).collect();
        names.join(", ")
    }

    /// The value as true or false: itself, or the text of a Boolean (RFC 4517 section 3.3.3).
    pub fn boolean(&self, context: &Context<'_>) -> Result<Option<bool>, Problem> {
        match self.one(context)? {
            None => Ok(None),
            Some(Scalar::Boolean(value)) => Ok(Some(value)),
            Some(Scalar::Text(text)) => boolean_text(&text).map(Some).ok_or_else(|| {
                let why = "neither TRUE nor FALSE; add transform = \"bool\", \"ad-enabled\" or a lookup";
                self.problem(&self.attributes(context), why, show::text(&text))
            }),
        }
    }
}

/// `TRUE` and `FALSE` in any case.
pub(super) fn boolean_text(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// False as soon as one is false; nothing when one that is not false gives nothing. Every rule is
/// asked, so that a mistake in one of them is seen whatever the others say.
fn all_of(rules: &[Rule], context: &Context<'_>) -> Result<Option<bool>, Problem> {
    let mut result = Some(true);
    for rule in rules {
        result = match (result, rule.boolean(context)?) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        };
    }
    Ok(result)
}

fn key(value: &Scalar) -> &str {
    match value {
        Scalar::Text(text) => text,
        Scalar::Boolean(true) => "true",
        Scalar::Boolean(false) => "false",
    }
}
