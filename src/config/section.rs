//! A table of the file. Each key is asked for once, by name; what is left over at the end is unknown.

use std::{
    ops::{Range, RangeInclusive},
    path::PathBuf,
    time::Duration,
};

use toml::de::{DeTable, DeValue};

use super::{item::Item, keys, report::Report};

/// A table, or the place where one could be.
pub(super) struct Section<'a> {
    pub(super) report: &'a Report<'a>,
    /// As messages name it: `[ldap]`; empty at the top.
    label: String,
    pub(super) table: Option<&'a DeTable<'a>>,
    /// Where its header is, when it has one.
    at: Option<Range<usize>>,
    keys: &'static [&'static str],
    /// The table is something else, and that has been said: its keys are not missed.
    broken: bool,
}

impl<'a> Section<'a> {
    pub(super) fn new(
        report: &'a Report<'a>,
        label: String,
        table: Option<&'a DeTable<'a>>,
        keys: &'static [&'static str],
    ) -> Self {
        Self {
            report,
            label,
            table,
            at: None,
            keys,
            broken: false,
        }
    }

    /// Whether the file has this table.
    pub(super) fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// The same, with a place to point at when something is missing.
    pub(super) fn placed(self, at: Range<usize>) -> Self {
        Self { at: Some(at), ..self }
    }

    /// The value of a key.
    pub(super) fn item(&self, key: &str) -> Option<Item<'a>> {
        debug_assert!(self.keys.contains(&key), "{key} is not in the list of known keys");
        let (key, value) = self.table?.get_key_value(key)?;
        Some(self.make_item(key.get_ref(), value))
    }

    pub(super) fn make_item(&self, key: &str, value: &'a toml::Spanned<DeValue<'a>>) -> Item<'a> {
        Item {
            report: self.report,
            key: self.name(key),
            span: value.span(),
            value: value.get_ref(),
        }
    }

    /// A key as messages name it.
    pub(super) fn name(&self, key: &str) -> String {
        match self.label.as_str() {
            "" => format!("[{key}]"),
            label => format!("{label} {key}"),
        }
    }

    /// The value of a key that must be there.
    pub(super) fn required(&self, key: &str, mend: &str) -> Option<Item<'a>> {
        let item = self.item(key);
        if item.is_none() {
            self.missing(key, "is missing", mend);
        }
        item
    }

    /// Notes something missing.
    pub(super) fn missing(&self, key: &str, problem: impl Into<String>, mend: impl Into<String>) {
        if !self.broken {
            self.report.missing(&self.name(key), self.at.clone(), problem, mend);
        }
    }

    /// A table below the top.
    pub(super) fn section(&self, key: &str, keys: &'static [&'static str]) -> Self {
        let item = self.item(key);
        let table = item
            .as_ref()
            .and_then(|item| item.table(&format!("[{key}] on a line of its own")));
        Self {
            broken: self.broken || (item.is_some() && table.is_none()),
            at: item.map(|item| item.span),
            ..Self::new(self.report, self.name(key), table, keys)
        }
    }

    /// A table within this one, `[users.map]` in `[users]`; nothing when it is not there, or something else,
    /// which is noted.
    pub(super) fn below(&self, key: &str, keys: &'static [&'static str]) -> Option<Self> {
        let item = self.item(key)?;
        let inner = self.inner(key, keys);
        if inner.is_none() {
            let label = self.inner_label(key);
            item.wrong_type(
                "a table",
                format!("write {label} on a line of its own, and its keys below it"),
            );
        }
        inner
    }

    /// The same, without a word when it is something else.
    pub(super) fn inner(&self, key: &str, keys: &'static [&'static str]) -> Option<Self> {
        let item = self.item(key)?;
        let table = item.value.as_table()?;
        Some(Self::new(self.report, self.inner_label(key), Some(table), keys).placed(item.span))
    }

    fn inner_label(&self, key: &str) -> String {
        format!("[{}.{key}]", self.label.trim_matches(['[', ']']))
    }

    /// Whether this version knows the key here.
    pub(super) fn knows(&self, key: &str) -> bool {
        self.keys.contains(&key)
    }

    /// See [`Item::text`].
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.item(key)?.text()
    }

    /// See [`Item::flag`].
    pub(super) fn flag(&self, key: &str, default: bool) -> bool {
        self.item(key).and_then(|item| item.flag()).unwrap_or(default)
    }

    /// See [`Item::number`].
    pub(super) fn number(&self, key: &str, default: u64, allowed: RangeInclusive<u64>, why: &str) -> u64 {
        self.item(key)
            .and_then(|item| item.number(allowed, why))
            .unwrap_or(default)
    }

    /// See [`Item::duration`].
    pub(super) fn duration(&self, key: &str, default: Duration, allowed: RangeInclusive<Duration>) -> Duration {
        self.item(key)
            .and_then(|item| item.duration(allowed))
            .unwrap_or(default)
    }

    /// See [`Item::choice`].
    pub(super) fn choice<T: Copy>(&self, key: &str, default: T, choices: &[(&str, T)]) -> T {
        self.item(key).and_then(|item| item.choice(choices)).unwrap_or(default)
    }

    /// See [`Item::file`].
    pub(super) fn file(&self, key: &str) -> Option<PathBuf> {
        self.item(key)?.file()
    }

    /// Notes every key that nobody knows.
    pub(super) fn finish(self) {
        for (key, value) in self.table.iter().flat_map(|table| table.iter()) {
            let (name, at) = (key.get_ref().as_ref(), key.span());
            if self.keys.contains(&name) {
                continue;
            }
            // Whatever it was meant to be, it may be a secret.
            self.report.hide(&value.span(), value.get_ref());
            if self.label.is_empty() && !value.get_ref().is_table() && !value.get_ref().is_array() {
                let mend =
                    home(name).unwrap_or_else(|| "put it below the [table] it belongs to, or take it out".into());
                self.report.wrong(name, at, "stands before any [table]", mend);
            } else {
                let (problem, mend) = self.unknown(name);
                self.report.wrong(&self.name(name), at, problem, mend);
            }
        }
    }

    /// Why a key is not known, and what may have been meant.
    fn unknown(&self, key: &str) -> (String, String) {
        let table = self.label.trim_matches(['[', ']']);
        if keys::LATER.contains(&(table, key)) {
            return ("not supported by this version".to_owned(), "take it out".to_owned());
        }
        let (what, near) = match (keys::nearest(key, self.keys.iter().copied()), table) {
            (near, "") => ("table", near.map(|near| format!("[{near}]"))),
            (near, _) => ("key", near.map(ToOwned::to_owned)),
        };
        let mend = near
            .map(|near| format!("did you mean {near}?"))
            .or_else(|| home(key))
            .unwrap_or_else(|| format!("take it out; known here: {}", self.keys.join(", ")));
        (format!("unknown {what}"), mend)
    }
}

/// Where a key that stands in the wrong place belongs.
fn home(key: &str) -> Option<String> {
    let homes = keys::homes(key);
    (!homes.is_empty()).then(|| format!("it belongs in {}", homes.join(" or ")))
}
