//! Filters (RFC 7644 section 3.4.2.2): read, and held against a resource.

use std::cmp::Ordering;

use serde_json::Value;

use super::{
    parse::{Parser, shortened},
    path::AttrPath,
};

/// A comparison (table 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

/// A filter as read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Present(AttrPath),
    Compare(AttrPath, Operator, Value),
    /// `emails[type eq "work"]`: one item fits all of it.
    Items(AttrPath, Box<Filter>),
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// What was expected, in words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser::new(text);
        let filter = parser.any()?;
        match parser.rest.trim_start_matches(' ') {
            "" => Ok(filter),
            rest => Err(format!("cannot be read from {:?} on", shortened(rest))),
        }
    }

    /// Whether `resource` fits. `exact` says at which paths case counts.
    pub(super) fn fits(&self, resource: &Value, exact: &dyn Fn(&AttrPath) -> bool) -> bool {
        match self {
            Self::And(all) => all.iter().all(|filter| filter.fits(resource, exact)),
            Self::Or(any) => any.iter().any(|filter| filter.fits(resource, exact)),
            Self::Not(filter) => !filter.fits(resource, exact),
            Self::Present(path) => path.values(resource).into_iter().any(is_something),
            Self::Compare(path, operator, wanted) => {
                let values = path.values(resource);
                let exact = exact(path);
                match operator {
                    Operator::Ne => !values.iter().any(|value| compare(value, Operator::Eq, wanted, exact)),
                    Operator::Eq if wanted.is_null() => !values.into_iter().any(is_something),
                    _ => values.iter().any(|value| compare(value, *operator, wanted, exact)),
                }
            }
            Self::Items(path, filter) => {
                let whole = AttrPath {
                    part: None,
                    ..path.clone()
                };
                let holder = whole.attribute.as_deref().unwrap_or_default();
                let below = match &path.urn {
                    Some(urn) => resource.get(urn),
                    None => Some(resource),
                };
                let items = below
                    .and_then(Value::as_object)
                    .and_then(|object| super::input::member(object, holder));
                let inner = |inner: &AttrPath| {
                    exact(&AttrPath {
                        part: inner.attribute.clone(),
                        ..whole.clone()
                    })
                };
                let fits = |item: &Value| filter.fits(item, &inner);
                items
                    .and_then(Value::as_array)
                    .is_some_and(|items| items.iter().any(fits))
            }
        }
    }

    /// The comparisons with `eq` to a string that are joined by `and`; nothing when it is anything else.
    pub(super) fn equalities(&self) -> Option<Vec<(&AttrPath, &str)>> {
        match self {
            Self::Compare(path, Operator::Eq, Value::String(text)) => Some(vec![(path, text.as_str())]),
            Self::And(all) => {
                let each: Option<Vec<_>> = all.iter().map(Self::equalities).collect();
                each.map(|each| each.into_iter().flatten().collect())
            }
            _ => None,
        }
    }
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn compare(value: &Value, operator: Operator, wanted: &Value, exact: bool) -> bool {
    let (Value::String(value), Value::String(wanted)) = (value, wanted) else {
        return operator == Operator::Eq && value == wanted;
    };
    let (value, wanted) = if exact {
        (value.clone(), wanted.clone())
    } else {
        (value.to_lowercase(), wanted.to_lowercase())
    };
    let order = value.cmp(&wanted);
    match operator {
        Operator::Eq => order == Ordering::Equal,
        Operator::Ne => order != Ordering::Equal,
        Operator::Co => value.contains(&wanted),
        Operator::Sw => value.starts_with(&wanted),
        Operator::Ew => value.ends_with(&wanted),
        Operator::Gt => order == Ordering::Greater,
        Operator::Ge => order != Ordering::Less,
        Operator::Lt => order == Ordering::Less,
        Operator::Le => order != Ordering::Greater,
    }
}
