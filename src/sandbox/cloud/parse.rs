//! Reads filters and paths (RFC 7644 section 3.4.2.2, figure 1).

use serde_json::Value;

use super::{
    filter::{Filter, Operator},
    path::{AttrPath, is_path_char},
};

/// Deepest nesting that is read: far more than anybody writes, far less than the stack.
const DEPTH_MAX: usize = 32;

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
        let bad = || "the value is not JSON: texts stand in double quotes".to_owned();
        let end = if self.rest.starts_with('"') {
            let mut texts = serde_json::Deserializer::from_str(self.rest).into_iter::<String>();
            texts.next().and_then(Result::ok).ok_or_else(bad)?;
            texts.byte_offset()
        } else {
            let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
            self.rest.find(|c| !part(c)).unwrap_or(self.rest.len())
        };
        let (text, after) = self.rest.split_at_checked(end).ok_or_else(bad)?;
        self.rest = after;
        serde_json::from_str(text).map_err(|_| bad())
    }
}

fn one_or(mut filters: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match filters.pop() {
        Some(only) if filters.is_empty() => only,
        last => many(filters.into_iter().chain(last).collect()),
    }
}

/// Enough of a text to find it again.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
