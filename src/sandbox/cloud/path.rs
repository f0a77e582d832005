//! Attribute paths (RFC 7644 section 3.10) and how they are followed in JSON.

use serde_json::Value;

use super::{
    input::member,
    schema::{self, ENTERPRISE_USER},
};

/// `userName`, `name.familyName`, `urn:…:User:department`, or an extension as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AttrPath {
    /// The extension's URN; nothing for the core schema.
    pub urn: Option<String>,
    /// Nothing for an extension as a whole.
    pub attribute: Option<String>,
    pub part: Option<String>,
}

impl AttrPath {
    /// Reads a path; nothing when it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let core = [schema::USER, schema::GROUP];
        let plain = core
            .iter()
            .find_map(|urn| schema::strip_urn(text, urn))
            .filter(|rest| !rest.is_empty());
        let (urn, rest) = match plain {
            Some(rest) => (None, rest),
            None => match schema::strip_urn(text, ENTERPRISE_USER) {
                Some(rest) => (Some(ENTERPRISE_USER.to_owned()), rest),
                None => match text.rsplit_once(':') {
                    Some((urn, rest)) => (Some(urn.to_owned()), rest),
                    None => (None, text),
                },
            },
        };
        if rest.is_empty() {
            return urn.filter(|urn| urn == ENTERPRISE_USER).map(|urn| Self {
                urn: Some(urn),
                attribute: None,
                part: None,
            });
        }
        let (attribute, part) = match rest.split_once('.') {
            Some((attribute, part)) => (attribute, Some(part)),
            None => (rest, None),
        };
        let valid = is_name(attribute) && part.is_none_or(is_name);
        valid.then(|| Self {
            urn,
            attribute: Some(attribute.to_owned()),
            part: part.map(str::to_owned),
        })
    }

    /// `attribute.part` of the core schema, or `URN:attribute`, in small letters; `manager.value` is
    /// said as `manager`.
    pub(super) fn folded(&self) -> String {
        let mut path = self.attribute.clone().unwrap_or_default();
        if let Some(part) = &self.part
            && !(self.urn.as_deref() == Some(ENTERPRISE_USER) && part.eq_ignore_ascii_case("value"))
        {
            path = format!("{path}.{part}");
        }
        match &self.urn {
            Some(urn) => format!("{urn}:{path}").to_lowercase(),
            None => path.to_lowercase(),
        }
    }

    /// Everything at this path below `from`; lists are followed into their items, and an object that
    /// holds a `value` stands for it.
    pub(super) fn values<'a>(&self, from: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![from];
        for name in [&self.urn, &self.attribute, &self.part].into_iter().flatten() {
            found = found.into_iter().flat_map(|value| below(value, name)).collect();
        }
        let leaf = |value: &'a Value| match value {
            Value::Object(object) => member(object, "value").unwrap_or(value),
            other => other,
        };
        found.into_iter().map(leaf).collect()
    }
}

fn below<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    match value.as_object().and_then(|object| member(object, name)) {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(value) => vec![value],
        None => Vec::new(),
    }
}

/// ATTRNAME of RFC 7644 section 3.10, and `$ref`.
fn is_name(text: &str) -> bool {
    let text = text.strip_prefix('$').unwrap_or(text);
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// A character that a path may hold.
pub(super) fn is_path_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '-' | '_' | '$')
}
