//! `[users.map]` and `[[users.override]]`. Their shape is [`crate::mapping::spec`]'s, what they mean is
//! checked by the mapping; here each one gets a place, so that a mistake in one does not hide those in
//! the others.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeValue, ValueDeserializer},
};

use super::{item::Item, keys, section::Section};
use crate::mapping::spec::{OverrideSpec, RuleSpec};

const FORMS: &str = "write \"attribute\", [\"first\", \"second\"], { template = \"…\" }, or false to leave it out";

/// `[users.map]`, when it is there.
pub(super) fn map_section<'a>(users: &Section<'a>) -> Option<Section<'a>> {
    let item = users.item("map")?;
    let table = item.value.as_table()?;
    Some(Section::new(users.report, "[users.map]".to_owned(), Some(table), &[]).placed(item.span))
}

/// Every rule of `[users.map]` that has the shape of one.
pub(super) fn read_map(users: &Section<'_>) -> BTreeMap<String, RuleSpec> {
    let Some(map) = map_section(users) else {
        if let Some(item) = users.item("map") {
            item.wrong_type(
                "a table",
                "write [users.map] on a line of its own, and the rules below it",
            );
        }
        return BTreeMap::new();
    };
    let rules = map
        .items()
        .into_iter()
        .filter(|(path, item)| !is_unquoted_path(path, item));
    rules
        .filter_map(|(path, item)| Some((path.to_owned(), item.shape(FORMS)?)))
        .collect()
}

/// `name.familyName = "sn"` without quotes is a table of a table in TOML. No rule has a single
/// key that is nothing like a source.
fn is_unquoted_path(path: &str, item: &Item<'_>) -> bool {
    let Some(table) = item.value.as_table() else {
        return false;
    };
    let mut inner = table.iter();
    let (Some((key, _)), None) = (inner.next(), inner.next()) else {
        return false;
    };
    let is_header = item.report.text.as_bytes().get(item.span.start) != Some(&b'{');
    let key = key.get_ref();
    let is_path = is_header && keys::nearest(key, keys::RULE_SOURCES.iter().copied()).is_none();
    if is_path {
        item.wrong(
            format!("{path}.{key} is written without quotes, and TOML takes the dot for a table"),
            format!("write \"{path}.{key}\" = …"),
        );
    }
    is_path
}

/// Every `[[users.override]]`.
pub(super) fn read_overrides(users: &Section<'_>) -> Vec<OverrideSpec> {
    let Some(item) = users.item("override") else {
        return Vec::new();
    };
    let Some(elements) = item.elements() else {
        item.wrong_type(
            "a list of tables",
            "write [[users.override]] with two brackets on each side",
        );
        return Vec::new();
    };
    let overrides = elements
        .iter()
        .map(|element| element.shape("write anchor or dn, and exclude or set"));
    // One that has no shape keeps its place, so that the others keep their numbers.
    overrides.map(Option::unwrap_or_default).collect()
}

impl Item<'_> {
    /// The value as the type says.
    fn shape<T: DeserializeOwned>(&self, forms: &str) -> Option<T> {
        let value: Spanned<DeValue<'_>> = Spanned::new(self.span.clone(), self.value.clone());
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(value) => Some(value),
            Err(error) => {
                let span = error
                    .span()
                    .filter(|span| !span.is_empty())
                    .unwrap_or_else(|| self.span.clone());
                let mend = nearest_field(error.message()).unwrap_or_else(|| forms.to_owned());
                self.report.wrong(&self.key, span, error.message().trim(), mend);
                None
            }
        }
    }
}

/// What was meant by the unknown field of "unknown field `x`, expected one of `a`, `b`".
fn nearest_field(message: &str) -> Option<String> {
    let mut quoted = message.strip_prefix("unknown field `")?.split('`');
    let written = quoted.next()?;
    let known = quoted.skip(1).step_by(2);
    keys::nearest(written, known).map(|near| format!("did you mean {near}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_that_was_meant() {
        let check = |message: &str, expected: Option<&str>| {
            assert_eq!(nearest_field(message).as_deref(), expected, "{message}");
        };
        check(
            "unknown field `atribute`, expected one of `attribute`, `template`",
            Some("did you mean attribute?"),
        );
        check(
            "unknown field `tempalte`, expected `attribute` or `template`",
            Some("did you mean template?"),
        );
        check("unknown field `xyzzy`, expected `attribute` or `template`", None);
        check("missing field `attribute`", None);
    }
}
