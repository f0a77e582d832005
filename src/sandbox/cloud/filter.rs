//! Filters (RFC 7644 section 3.4.2.2): read, and held against a resource.

use std::cmp::Ordering;

use serde_json::Value;

use super::path::{AttrPath, is_path_char};

/// Deepest nesting that is read: far more than anybody writes, far less than the stack.
const DEPTH_MAX: usize = 32;

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
        let mut parser = Parser { rest: text, depth: 0 };
        let filter = parser.any()?;
        parser.skip();
        if parser.rest.is_empty() {
            Ok(filter)
        } else {
            Err(format!("cannot be read from {:?} on", shortened(parser.rest)))
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

/// Reads from the front of a text.
pub(super) struct Parser<'a> {
    pub rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(rest: &'a str) -> Self {
        Self { rest, depth: 0 }
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    /// Takes `c` when it is next.
    pub(super) fn takes(&mut self, c: char) -> bool {
        let after = self.rest.strip_prefix(c);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// Takes `word` when it is next, as a word of its own.
    fn takes_word(&mut self, word: &str) -> bool {
        self.skip();
        let Some((head, after)) = self.rest.split_at_checked(word.len()) else {
            return false;
        };
        let is_word = head.eq_ignore_ascii_case(word) && !after.starts_with(is_path_char);
        if is_word {
            self.rest = after;
        }
        is_word
    }

    /// `or` binds least (section 3.4.2.2).
    pub(super) fn any(&mut self) -> Result<Filter, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("is nested too deeply".into());
        }
        let mut filters = vec![self.all()?];
        while self.takes_word("or") {
            filters.push(self.all()?);
        }
        self.depth -= 1;
        Ok(one_or(filters, Filter::Or))
    }

    fn all(&mut self) -> Result<Filter, String> {
        let mut filters = vec![self.one()?];
        while self.takes_word("and") {
            filters.push(self.one()?);
        }
        Ok(one_or(filters, Filter::And))
    }

    fn one(&mut self) -> Result<Filter, String> {
        self.skip();
        if self.rest.starts_with('(') {
            return self.between('(', ')');
        }
        let before = self.rest;
        if self.takes_word("not") {
            self.skip();
            if self.rest.starts_with('(') {
                return Ok(Filter::Not(Box::new(self.between('(', ')')?)));
            }
            self.rest = before;
        }
        let path = self.path()?;
        if self.rest.starts_with('[') {
            return Ok(Filter::Items(path, Box::new(self.between('[', ']')?)));
        }
        if self.takes_word("pr") {
            return Ok(Filter::Present(path));
        }
        let operator = self.operator()?;
        let value = self.value()?;
        if value.is_boolean() && !matches!(operator, Operator::Eq | Operator::Ne) {
            return Err("true and false have no order".into());
        }
        Ok(Filter::Compare(path, operator, value))
    }

    /// What stands between two brackets, the first of which is next.
    pub(super) fn between(&mut self, open: char, close: char) -> Result<Filter, String> {
        self.takes(open);
        let filter = self.any()?;
        self.skip();
        if self.takes(close) {
            Ok(filter)
        } else {
            Err(format!("expected {close}"))
        }
    }

    /// An attribute path.
    pub(super) fn path(&mut self) -> Result<AttrPath, String> {
        let end = self.rest.find(|c| !is_path_char(c)).unwrap_or(self.rest.len());
        let (text, after) = self.rest.split_at(end);
        let path = AttrPath::parse(text).filter(|path| path.attribute.is_some());
        self.rest = after;
        path.ok_or_else(|| format!("expected the path of an attribute, not {:?}", shortened(text)))
    }

    fn operator(&mut self) -> Result<Operator, String> {
        use Operator::{Co, Eq, Ew, Ge, Gt, Le, Lt, Ne, Sw};
        let words = [
            ("eq", Eq),
            ("ne", Ne),
            ("co", Co),
            ("sw", Sw),
            ("ew", Ew),
            ("gt", Gt),
            ("ge", Ge),
            ("lt", Lt),
            ("le", Le),
        ];
        let found = words.into_iter().find(|(word, _)| self.takes_word(word));
        found
            .map(|(_, operator)| operator)
            .ok_or_else(|| format!("expected an operator, not {:?}", shortened(self.rest)))
    }

    /// A JSON string, number, `true`, `false` or `null`.
    fn value(&mut self) -> Result<Value, String> {
        if !self.rest.starts_with(' ') {
            return Err("expected a space and a value".into());
        }
        self.skip();
        if self.rest.starts_with(['{', '[']) {
            return Err("a value is not an object or a list".into());
        }
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                self.rest = self.rest.get(values.byte_offset()..).unwrap_or_default();
                Ok(value)
            }
            _ => Err("the value is not JSON: texts stand in double quotes".into()),
        }
    }
}

fn one_or(mut filters: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match filters.pop() {
        Some(only) if filters.is_empty() => only,
        last => many(filters.into_iter().chain(last).collect()),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
