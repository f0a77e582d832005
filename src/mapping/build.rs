//! All rules of one person put together into a resource.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    form::Compiled,
    rule::{Context, Rule, Source},
    target::Target,
};
use crate::model::{AttributePath, Item, Problem, Resource, Scalar, Value, dn};

/// The rules in the order of the resource's paths.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    fields: Vec<Field>,
    manager: Option<Rule>,
}

#[derive(Clone, Debug)]
struct Field {
    path: AttributePath,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    Text(Rule),
    Boolean(Rule),
    Either(Rule),
    List(Vec<Items>),
}

/// The rules for the items of one type.
#[derive(Clone, Debug)]
struct Items {
    kind: Option<String>,
    primary: Option<bool>,
    parts: Parts,
}

#[derive(Clone, Debug)]
enum Parts {
    Values(Rule),
    Address(Vec<(Arc<str>, Rule)>),
}

/// Names of sub-attributes, shared by all items.
#[derive(Clone, Debug)]
pub(super) struct SubAttributes {
    value: Arc<str>,
    kind: Arc<str>,
    primary: Arc<str>,
}

impl Default for SubAttributes {
    fn default() -> Self {
        Self {
            value: "value".into(),
            kind: "type".into(),
            primary: "primary".into(),
        }
    }
}

impl Rules {
    /// Sorts compiled rules into fields. Targets come in order, so items of a list stand together.
    pub fn new(compiled: &BTreeMap<Target, Compiled>) -> Self {
        let mut rules = Self::default();
        let mut lists: BTreeMap<&str, Vec<Items>> = BTreeMap::new();
        for (target, Compiled { rule, primary }) in compiled {
            let rule = rule.clone();
            match target {
                Target::Text(path) => rules.field(path, Form::Text(rule)),
                Target::Boolean(path) => rules.field(path, Form::Boolean(rule)),
                Target::Extension(path) => rules.field(path, Form::Either(rule)),
                Target::Item(list, kind) => lists.entry(*list).or_default().push(Items {
                    kind: Some(kind.name.clone()).filter(|name| !name.is_empty()),
                    primary: *primary,
                    parts: Parts::Values(rule),
                }),
                Target::AddressPart(kind, part) => {
                    add_part(
                        lists.entry("addresses").or_default(),
                        &kind.name,
                        (*part).into(),
                        rule,
                        *primary,
                    );
                }
                Target::Manager => rules.manager = Some(rule),
                Target::All(_) => {}
            }
        }
        for (list, items) in lists {
            rules.field(&AttributePath::new(list), Form::List(items));
        }
        rules.fields.sort_by(|a, b| a.path.cmp(&b.path));
        rules
    }

    fn field(&mut self, path: &AttributePath, form: Form) {
        self.fields.push(Field {
            path: path.clone(),
            form,
        });
    }

    /// Whether the result depends on the time of the cycle.
    pub fn depends_on_time(&self) -> bool {
        self.fields.iter().any(|field| match &field.form {
            Form::Text(rule) | Form::Boolean(rule) | Form::Either(rule) => rule.depends_on_time(),
            Form::List(items) => items.iter().any(|items| match &items.parts {
                Parts::Values(rule) => rule.depends_on_time(),
                Parts::Address(parts) => parts.iter().any(|(_, rule)| rule.depends_on_time()),
            }),
        })
    }

    /// Every path at which a result may hold something; the manager's, too, when there is a rule for it.
    pub fn paths(&self) -> impl Iterator<Item = AttributePath> {
        let manager = self.manager.as_ref().map(|_| AttributePath::enterprise("manager"));
        self.fields.iter().map(|field| field.path.clone()).chain(manager)
    }

    /// The resource, without what failed; each failure is added to `problems`.
    pub fn resource(&self, context: &Context<'_>, names: &SubAttributes, problems: &mut Vec<Problem>) -> Resource {
        let mut attributes = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let value = match &field.form {
                Form::Text(rule) | Form::Either(rule) => rule.one(context).map(|value| value.map(value_of)),
                Form::Boolean(rule) => rule.boolean(context).map(|value| value.map(Value::Boolean)),
                Form::List(list) => {
                    let items = items(list, context, names, problems);
                    Ok(Some(items).filter(|items| !items.is_empty()).map(Value::List))
                }
            };
            match value {
                Ok(Some(value)) => attributes.push((field.path.clone(), value)),
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
        }
        Resource {
            attributes: attributes.into_iter().collect(),
        }
    }

    /// Why an entry without `userName` is rejected.
    pub fn no_user_name(&self, context: &Context<'_>) -> Problem {
        let rule = self.fields.iter().find_map(|field| match &field.form {
            Form::Text(rule) if field.path.as_str() == "userName" => Some(rule),
            _ => None,
        });
        let from = rule.map(|rule| rule.attributes(context)).unwrap_or_default();
        Problem {
            attribute: "userName".to_owned(),
            rule: format!("a SCIM User must have a userName (RFC 7643 section 4.1.1), and the entry has no {from}"),
            value: String::new(),
        }
    }

    /// The DN of the manager, as the entry spells it.
    pub fn manager(&self, context: &Context<'_>) -> Option<String> {
        match &self.manager.as_ref()?.source {
            Source::Attributes(slots) => slots
                .iter()
                .find_map(|slot| context.view.values(*slot).next())
                .map(|raw| dn::text(raw).into_owned()),
            Source::Constant(Scalar::Text(dn)) => Some(dn.clone()),
            _ => None,
        }
    }
}

fn value_of(scalar: Scalar) -> Value {
    match scalar {
        Scalar::Text(text) => Value::Text(text),
        Scalar::Boolean(value) => Value::Boolean(value),
    }
}

fn add_part(addresses: &mut Vec<Items>, kind: &str, part: Arc<str>, rule: Rule, primary: Option<bool>) {
    if let Some(Items {
        parts: Parts::Address(parts),
        primary: before,
        kind: last,
    }) = addresses.last_mut()
        && last.as_deref() == Some(kind)
    {
        parts.push((part, rule));
        *before = (*before).max(primary);
        return;
    }
    addresses.push(Items {
        kind: Some(kind.to_owned()),
        primary,
        parts: Parts::Address(vec![(part, rule)]),
    });
}

/// The items of one list: no two alike, exactly one primary.
fn items(list: &[Items], context: &Context<'_>, names: &SubAttributes, problems: &mut Vec<Problem>) -> Vec<Item> {
    let mut made: Vec<(Item, Option<bool>)> = Vec::new();
    for rules in list {
        for mut item in rules.parts.items(context, names, problems) {
            if let Some(kind) = &rules.kind {
                item.insert(Arc::clone(&names.kind), Scalar::Text(kind.clone()));
            }
            if made.iter().all(|(other, _)| *other != item) {
                made.push((item, rules.primary));
            }
        }
    }
    let first = |wanted: &[Option<bool>]| made.iter().position(|(_, primary)| wanted.contains(primary));
    let primary = first(&[Some(true)]).or_else(|| first(&[None])).unwrap_or(0);
    made.into_iter()
        .enumerate()
        .map(|(index, (mut item, _))| {
            item.insert(Arc::clone(&names.primary), Scalar::Boolean(index == primary));
            item
        })
        .collect()
}

impl Parts {
    fn items(&self, context: &Context<'_>, names: &SubAttributes, problems: &mut Vec<Problem>) -> Vec<Item> {
        match self {
            Self::Values(rule) => {
                let values = if rule.all {
                    rule.many(context)
                } else {
                    rule.one(context).map(|value| value.into_iter().collect())
                };
                let values = values.unwrap_or_else(|problem| {
                    problems.push(problem);
                    Vec::new()
                });
                values
                    .into_iter()
                    .map(|value| Item::from([(Arc::clone(&names.value), value)]))
                    .collect()
            }
            Self::Address(parts) => {
                let mut item = Item::new();
                for (part, rule) in parts {
                    match rule.one(context) {
                        Ok(Some(value)) => drop(item.insert(Arc::clone(part), value)),
                        Ok(None) => {}
                        Err(problem) => problems.push(problem),
                    }
                }
                Some(item).filter(|item| !item.is_empty()).into_iter().collect()
            }
        }
    }
}
