//! `[users.map]`, `[[users.override]]` and `[groups.map]`. Their shape is [`crate::mapping::spec`]'s, what
//! they mean is checked by the mapping; here each one gets a place, so that a mistake in one does not hide those in
//! the others.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeValue, ValueDeserializer},
};

use super::{MappingMistake, item::Item, keys, section::Section};
use crate::mapping::spec::{OverrideSpec, RuleSpec};

const FORMS: &str = "write \"attribute\", [\"first\", \"second\"], { template = \"…\" }, or false to leave it out";

/// Every rule of `[users.map]` or `[groups.map]` that has the shape of one.
pub(super) fn read_map(table: &Section<'_>) -> BTreeMap<String, RuleSpec> {
    let Some(map) = table.below("map", &[]) else {
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

/// Notes what the mapping itself says of a table. What had no shape it has not seen, so what it says of
/// that is an echo.
pub(super) fn note(table: &Section<'_>, prefix: &str, mistakes: Vec<MappingMistake>, preset_is_wrong: bool) {
    let place = |mistake: MappingMistake| {
        let key = mistake.key.strip_prefix(prefix).unwrap_or(&mistake.key).to_owned();
        (find(table, &key), key, mistake)
    };
    let echo = |item: &Option<Item<'_>>| item.as_ref().is_some_and(|item| table.report.is_wrong(&item.key));
    // All of them before the first is noted, since two may be about one key.
    let places: Vec<_> = mistakes
        .into_iter()
        .map(place)
        .filter(|(item, ..)| !echo(item))
        .collect();
    for (item, key, mistake) in places {
        match item {
            Some(item) => item.wrong(mistake.problem, mistake.mend),
            // It would come with the preset that was meant.
            None if preset_is_wrong => {}
            None => table.missing(&key, mistake.problem, mistake.mend),
        }
    }
}

/// The value at `anchor`, `map.userName` or `override[2].set.title`, or at the nearest thing around it.
fn find<'a>(table: &Section<'a>, key: &str) -> Option<Item<'a>> {
    if let Some(path) = key.strip_prefix("map.") {
        return table.inner("map", &[])?.any(path);
    }
    if let Some((index, _)) = key.strip_prefix("override[").and_then(|rest| rest.split_once(']')) {
        return table.item("override")?.elements()?.into_iter().nth(index.parse().ok()?);
    }
    table.knows(key).then(|| table.item(key)).flatten()
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
