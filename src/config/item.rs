//! One value with its key and place: read as the type that is wanted, or noted as a mistake.

use std::{ops::Range, ops::RangeInclusive, path::PathBuf, time::Duration};

use toml::de::{DeTable, DeValue};

use super::{report::Report, section::Section};

/// One value.
#[derive(Clone)]
pub(super) struct Item<'a> {
    pub(super) report: &'a Report<'a>,
    /// As messages name it: `[ldap] page_size`.
    pub(super) key: String,
    pub(super) span: Range<usize>,
    pub(super) value: &'a DeValue<'a>,
}

impl<'a> Item<'a> {
    /// Notes that this value is wrong.
    pub(super) fn wrong(&self, problem: impl Into<String>, mend: impl Into<String>) {
        self.report.wrong(&self.key, self.span.clone(), problem, mend);
    }

    /// Notes that the value is wrong at one of its characters, counted from 0.
    pub(super) fn wrong_at(&self, char: usize, problem: impl Into<String>, mend: impl Into<String>) {
        let span = self.char_span(char).unwrap_or_else(|| self.span.clone());
        self.report.wrong(&self.key, span, problem, mend);
    }

    /// The place of a character of a text that is written without escapes.
    fn char_span(&self, char: usize) -> Option<Range<usize>> {
        let (raw, text) = (self.report.text.get(self.span.clone())?, self.value.as_str()?);
        let start = self.span.start + raw.find(text)?;
        let mut offsets = text.char_indices().map(|(offset, char)| (offset, char.len_utf8()));
        let (offset, length) = offsets.nth(char).unwrap_or((text.len(), 1));
        Some(start + offset..start + offset + length)
    }

    /// Notes that the value has the wrong type.
    pub(super) fn wrong_type(&self, wanted: &str, mend: impl Into<String>) {
        self.wrong(format!("must be {wanted}, but is {}", describe(self.value)), mend);
    }

    /// Keeps the value out of every excerpt.
    pub(super) fn hide(&self) {
        self.report.hide(&self.span, self.value);
    }

    /// Text, perhaps empty.
    pub(super) fn raw_text(&self) -> Option<&'a str> {
        let text = self.value.as_str();
        if text.is_none() {
            self.wrong_type("text", "put the value in \"quotes\"");
        }
        text
    }

    /// Text with something in it.
    pub(super) fn text(&self) -> Option<&'a str> {
        let text = self.raw_text()?;
        if text.trim().is_empty() {
            self.wrong("is empty", "write a value, or take the line out");
            return None;
        }
        Some(text)
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        let flag = self.value.as_bool();
        if flag.is_none() {
            self.wrong_type("true or false", "write true or false, without quotes");
        }
        flag
    }

    /// A whole number.
    pub(super) fn number(&self, allowed: RangeInclusive<u64>, why: &str) -> Option<u64> {
        let (from, to) = (allowed.start(), allowed.end());
        let Some(integer) = self.value.as_integer() else {
            self.wrong_type(
                "a whole number",
                format!("write a number from {from} to {to}, without quotes"),
            );
            return None;
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.filter(|number| allowed.contains(number));
        if number.is_none() {
            self.wrong(
                format!("{integer} is not from {from} to {to}"),
                format!("write a number from {from} to {to} ({why})"),
            );
        }
        number
    }

    /// A number that may have a fraction.
    pub(super) fn fraction(&self) -> Option<f64> {
        let number = match self.value {
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .ok()
                .and_then(|number| i32::try_from(number).ok())
                .map(f64::from),
            DeValue::Float(float) => float.as_str().parse().ok().filter(|number: &f64| number.is_finite()),
            _ => {
                self.wrong_type("a number", "write a number, without quotes");
                return None;
            }
        };
        if number.is_none() {
            self.wrong(
                format!("{} is not a usable number", describe(self.value)),
                "write a smaller number",
            );
        }
        number
    }

    /// `"30s"`, `"5m"`, `"2h"`, `"500ms"`, or whole seconds.
    pub(super) fn duration(&self, allowed: RangeInclusive<Duration>) -> Option<Duration> {
        const FORMS: &str = "write \"30s\", \"5m\", \"2h\", or a whole number of seconds";
        let duration = match self.value {
            DeValue::String(text) => parse_duration(text),
            DeValue::Integer(integer) => u64::from_str_radix(integer.as_str(), integer.radix())
                .ok()
                .map(Duration::from_secs),
            _ => {
                self.wrong_type("a length of time", FORMS);
                return None;
            }
        };
        match duration {
            None => self.wrong(format!("{} is not a length of time", describe(self.value)), FORMS),
            Some(duration) if !allowed.contains(&duration) => self.wrong(
                format!(
                    "{} is not from {} to {}",
                    describe(self.value),
                    in_words(*allowed.start()),
                    in_words(*allowed.end())
                ),
                FORMS,
            ),
            Some(duration) => return Some(duration),
        }
        None
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let names = || choices.iter().map(|(name, _)| *name);
        let all = names().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let Some(text) = self.value.as_str() else {
            self.wrong_type(&format!("one of {all}"), "put one of them in \"quotes\"");
            return None;
        };
        let found = choices
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, choice)| *choice);
        if found.is_none() {
            let mend = match super::keys::nearest(text, names()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "write one of them".to_owned(),
            };
            self.wrong(format!("{text:?} is not one of {all}"), mend);
        }
        found
    }

    /// A path, made absolute from the folder of the configuration.
    pub(super) fn path(&self) -> Option<PathBuf> {
        self.text().map(|text| self.report.folder.join(text))
    }

    /// A file that must be there.
    pub(super) fn file(&self) -> Option<PathBuf> {
        let path = self.path()?;
        match (self.report.checks.file)(&path) {
            Ok(()) => Some(path),
            Err(problem) => {
                self.wrong(
                    format!("{}: {problem}", path.display()),
                    "correct the path; relative paths start in the folder of this configuration",
                );
                None
            }
        }
    }

    /// The elements of a list.
    pub(super) fn elements(&self) -> Option<Vec<Self>> {
        let array = self.value.as_array()?;
        Some(
            array
                .iter()
                .enumerate()
                .map(|(index, element)| self.element(index, element))
                .collect(),
        )
    }

    fn element(&self, index: usize, element: &'a toml::Spanned<DeValue<'a>>) -> Self {
        Self {
            report: self.report,
            key: format!("{}, item {}", self.key, index + 1),
            span: element.span(),
            value: element.get_ref(),
        }
    }

    /// The value as a table with these keys.
    pub(super) fn section(&self, keys: &'static [&'static str], example: &str) -> Option<Section<'a>> {
        let table = self.table(example)?;
        Some(Section::new(self.report, self.key.clone(), Some(table), keys).placed(self.span.clone()))
    }

    /// The value as a table with any keys.
    pub(super) fn table(&self, example: &str) -> Option<&'a DeTable<'a>> {
        let table = self.value.as_table();
        if table.is_none() {
            self.wrong_type("a table", format!("write it like this: {example}"));
        }
        table
    }
}

/// A value in words, for messages.
pub(super) fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.chars().count() > 60 => "a long text".to_owned(),
        DeValue::String(text) => format!("the text {text:?}"),
        DeValue::Integer(integer) => format!("the number {integer}"),
        DeValue::Float(float) => format!("the number {float}"),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let seconds = |each: u64| number.checked_mul(each).map(Duration::from_secs);
    match unit.trim_start() {
        "ms" => Some(Duration::from_millis(number)),
        "s" | "" => seconds(1),
        "m" | "min" => seconds(60),
        "h" => seconds(3600),
        "d" => seconds(86_400),
        _ => None,
    }
}

fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{}ms", duration.as_millis()),
        _ if seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(
                parse_duration(text).map(|duration| duration.as_secs()),
                expected,
                "{text}"
            );
        };
        check("30s", Some(30));
        check("5m", Some(300));
        check("2h", Some(7200));
        check("1d", Some(86_400));
        check("2 min", Some(120));
        check("90", Some(90));
        check("2500ms", Some(2));
        check("", None);
        check("s", None);
        check("-1s", None);
        check("1.5h", None);
        check("5 weeks", None);
        check("99999999999999999999s", None);
        check("9999999999999999999h", None);
    }
}
