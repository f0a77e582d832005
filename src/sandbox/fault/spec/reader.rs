//! Takes a rule apart into its items, and keeps what is wrong with them.

use std::ops::RangeInclusive;

use super::super::mistake::Found;

/// What can stand in a rule, for "did you mean".
const KEYS: [&str; 15] = [
    "status",
    "html",
    "after-effect",
    "retry-after",
    "reset",
    "delay",
    "truncate",
    "race",
    "method",
    "path",
    "nth",
    "from",
    "to",
    "every",
    "p",
];
/// How alike two keys must be, from 0 to 1, to be taken for a slip of the finger.
const ALIKE: f64 = 0.7;

/// `key` or `key=value`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    source: &'a str,
    /// First byte in the rule, and the one after the last.
    pub(super) at: (usize, usize),
    pub(super) key: &'a str,
    pub(super) value: Option<&'a str>,
}

impl<'a> Item<'a> {
    /// As written.
    pub(super) fn text(&self) -> &'a str {
        self.source.get(self.at.0..self.at.1).unwrap_or_default()
    }

    pub(super) fn wrong(&self, problem: impl Into<String>, mend: impl Into<String>) -> Found {
        Found {
            at: self.at.0..self.at.1,
            problem: problem.into(),
            mend: mend.into(),
        }
    }

    pub(super) fn nothing(&self) -> Result<(), Found> {
        match self.value {
            None => Ok(()),
            Some(_) => Err(self.wrong(
                format!("{} takes no value", self.key),
                format!("write just {}", self.key),
            )),
        }
    }

    pub(super) fn number(&self, range: RangeInclusive<u64>, mend: &str) -> Result<u64, Found> {
        self.number_in(self.value.unwrap_or_default(), range, mend)
    }

    /// The number in `text`, which is a part of the value.
    pub(super) fn number_in(&self, text: &str, range: RangeInclusive<u64>, mend: &str) -> Result<u64, Found> {
        // `parse` would take a plus sign as well.
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        let Some(number) = number else {
            return Err(self.wrong(format!("{} has no number that can be read", self.text()), mend));
        };
        if range.contains(&number) {
            return Ok(number);
        }
        let bounds = if *range.end() == u64::MAX {
            format!("at least {}", range.start())
        } else {
            format!("from {} to {}", range.start(), range.end())
        };
        Err(self.wrong(format!("{} is not {bounds}", self.text()), mend))
    }

    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, Found> {
        let value = self.value.unwrap_or_default();
        if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == value) {
            return Ok(*choice);
        }
        let forms: Vec<String> = choices.iter().map(|(name, _)| format!("{}={name}", self.key)).collect();
        Err(self.wrong(
            format!("{} is not something {} can be", self.text(), self.key),
            format!("write {}", forms.join(" or ")),
        ))
    }
}

pub(super) struct Reader<'a> {
    text: &'a str,
    items: Vec<Item<'a>>,
    mistakes: Vec<Found>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut reader = Self {
            text,
            items: Vec::new(),
            mistakes: Vec::new(),
        };
        let mut start = 0;
        for part in text.split(',') {
            let word = part.trim();
            let from = start + (part.len() - part.trim_start().len());
            let at = (from, from + word.len());
            start += part.len() + 1;
            let (key, value) = match word.split_once('=') {
                Some((key, value)) => (key.trim(), Some(value.trim())),
                None => (word, None),
            };
            let item = Item {
                source: text,
                at,
                key,
                value,
            };
            if !word.is_empty() {
                reader.items.push(item);
            } else if !text.trim().is_empty() {
                reader.push(item.wrong("nothing between two commas", "leave out one comma"));
            }
        }
        reader
    }

    /// The item with this key, which is gone from the reader then.
    pub(super) fn take(&mut self, key: &str) -> Option<Item<'a>> {
        let at = self.items.iter().position(|item| item.key == key)?;
        let first = self.items.remove(at);
        while let Some(again) = self.items.iter().position(|item| item.key == key) {
            let again = self.items.remove(again);
            self.push(again.wrong(format!("{key} is there twice"), "leave out one of them"));
        }
        Some(first)
    }

    /// A word without a value.
    pub(super) fn flag(&mut self, key: &str) -> Option<Item<'a>> {
        let item = self.take(key)?;
        self.keep(item.nothing());
        Some(item)
    }

    pub(super) fn push(&mut self, found: Found) {
        self.mistakes.push(found);
    }

    /// The value, or nothing and a mistake more.
    pub(super) fn keep<T>(&mut self, result: Result<T, Found>) -> Option<T> {
        result.map_err(|found| self.push(found)).ok()
    }

    /// Nothing may be left. With `missing`, nothing said what goes wrong; a key that is not known may have
    /// been meant to.
    pub(super) fn finish(mut self, missing: bool) -> Result<(), Vec<Found>> {
        if missing && self.items.is_empty() {
            self.push(Found {
                at: self.text.len()..self.text.len(),
                problem: "does not say what goes wrong".to_owned(),
                mend: "add one of status=503, html, reset=before, reset=after, delay=35s, truncate, race".to_owned(),
            });
        }
        for item in std::mem::take(&mut self.items) {
            let mend = similar(item.key).map_or_else(
                || format!("write one of {}", KEYS.join(", ")),
                |key| format!("did you mean {key}?"),
            );
            self.push(item.wrong(format!("{:?} is not known", item.key), mend));
        }
        self.mistakes.sort_by_key(|found| found.at.start);
        if self.mistakes.is_empty() {
            Ok(())
        } else {
            Err(self.mistakes)
        }
    }
}

fn similar(key: &str) -> Option<&'static str> {
    let likeness = |known: &str| strsim::jaro_winkler(&key.to_ascii_lowercase(), known);
    KEYS.into_iter()
        .filter(|known| likeness(known) >= ALIKE)
        .max_by(|one, other| likeness(one).total_cmp(&likeness(other)))
}
