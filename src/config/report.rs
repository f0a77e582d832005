//! Collects mistakes while the tree is walked; places and excerpts are worked out at the end, when
//! every range that must not be shown is known.

use std::{cell::RefCell, ops::Range, path::Path};

use toml::de::DeValue;

use super::{Checks, ConfigErrors, excerpt::Excerpt, mistake::Mistake};

/// Most mistakes shown. Nobody mends more in one go, and a wrong file has thousands.
const MISTAKES_MAX: usize = 100;

/// A mistake as found, still with its byte range.
struct Found {
    key: String,
    span: Option<Range<usize>>,
    problem: String,
    mend: String,
    /// Something is missing, and `span` only says from where.
    missing: bool,
}

/// Where mistakes go.
pub(super) struct Report<'a> {
    /// The text as read.
    pub(super) text: &'a str,
    /// The folder relative paths are relative to.
    pub(super) folder: &'a Path,
    /// What other modules know better.
    pub(super) checks: &'a Checks,
    found: RefCell<Vec<Found>>,
    hidden: RefCell<Vec<Range<usize>>>,
}

impl<'a> Report<'a> {
    pub(super) fn new(text: &'a str, folder: &'a Path, checks: &'a Checks) -> Self {
        Self {
            text,
            folder,
            checks,
            found: RefCell::default(),
            hidden: RefCell::default(),
        }
    }

    /// Notes a mistake at a place of the text.
    pub(super) fn wrong(&self, key: &str, span: Range<usize>, problem: impl Into<String>, mend: impl Into<String>) {
        self.note(key, Some(span), problem.into(), mend.into(), false);
    }

    /// Notes that something is missing, from the table at `span` when there is one.
    pub(super) fn missing(
        &self,
        key: &str,
        span: Option<Range<usize>>,
        problem: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.note(key, span, problem.into(), mend.into(), true);
    }

    /// Whether a mistake was noted for a key already.
    pub(super) fn is_wrong(&self, key: &str) -> bool {
        self.found.borrow().iter().any(|found| found.key == key)
    }

    fn note(&self, key: &str, span: Option<Range<usize>>, problem: String, mend: String, missing: bool) {
        self.found.borrow_mut().push(Found {
            key: key.to_owned(),
            span,
            problem,
            mend,
            missing,
        });
    }

    /// Keeps a value out of every excerpt, because it is a secret or could be one. The header of a
    /// table stays.
    pub(super) fn hide(&self, span: &Range<usize>, value: &DeValue<'_>) {
        match value {
            DeValue::Table(table) => table
                .iter()
                .for_each(|(_, value)| self.hide(&value.span(), value.get_ref())),
            DeValue::Array(array) => array.iter().for_each(|value| self.hide(&value.span(), value.get_ref())),
            _ => self.hidden.borrow_mut().push(span.clone()),
        }
    }

    /// Everything found, in the order of the file, what is missing last.
    pub(super) fn finish(self, path: &Path, syntax: &[toml::de::Error]) -> ConfigErrors {
        let Self {
            text, found, hidden, ..
        } = self;
        let syntax = Syntax::new(text, syntax);
        let mut found = found.into_inner();
        found.retain(|found| syntax.trusts(text, found));
        found.extend(syntax.found);
        found.sort_by_key(|found| found.span.as_ref().map_or(usize::MAX, |span| span.start));
        let more = found.len().saturating_sub(MISTAKES_MAX);
        found.truncate(MISTAKES_MAX);
        let hidden = hidden.into_inner();
        let mistakes = found.into_iter().map(|found| Mistake {
            key: found.key,
            at: found
                .span
                .map(|span| Excerpt::of(text, &span, &hidden, !syntax.lines.is_empty())),
            problem: found.problem,
            mend: found.mend,
        });
        ConfigErrors {
            path: path.to_owned(),
            mistakes: mistakes.collect(),
            more,
        }
    }
}

/// Mistakes of TOML itself, and how much of the tree can be believed in spite of them.
struct Syntax {
    found: Vec<Found>,
    lines: Vec<usize>,
    /// What comes after an open bracket or quote may have been taken for something else.
    good_until: usize,
    /// Only then is a key that is not in the tree really missing.
    tree_is_whole: bool,
}

impl Syntax {
    fn new(text: &str, errors: &[toml::de::Error]) -> Self {
        let mut all = Self {
            found: Vec::new(),
            lines: Vec::new(),
            good_until: text.len() + 1,
            tree_is_whole: true,
        };
        let mut errors: Vec<(Range<usize>, &str)> = errors
            .iter()
            .map(|error| (error.span().unwrap_or(0..0), error.message()))
            .collect();
        errors.sort_by_key(|(span, _)| span.start);
        for (span, message) in errors {
            let line = line_of(text, span.start);
            // One per line: the rest are echoes of the first.
            if all.lines.len() > MISTAKES_MAX || span.start >= all.good_until || all.lines.contains(&line) {
                continue;
            }
            all.lines.push(line);
            if ["array", "inline table", "multi-line", "unclosed"]
                .iter()
                .any(|word| message.contains(word))
            {
                all.good_until = span.start;
            }
            if message != "duplicate key" && !message.starts_with("string values must be quoted") {
                all.tree_is_whole = false;
            }
            all.found.push(Found {
                key: String::new(),
                span: Some(span),
                problem: format!("this is not TOML: {message}"),
                mend: mend_syntax(message).to_owned(),
                missing: false,
            });
        }
        all
    }

    /// Whether a mistake found in the tree is not just an echo of one in the syntax.
    fn trusts(&self, text: &str, found: &Found) -> bool {
        self.lines.is_empty()
            || (self.tree_is_whole || !found.missing)
                && found
                    .span
                    .as_ref()
                    .is_none_or(|span| span.start < self.good_until && !self.lines.contains(&line_of(text, span.start)))
    }
}

/// The number of the line a byte is in, from 0.
pub(super) fn line_of(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count()
}

fn mend_syntax(message: &str) -> &'static str {
    if message == "duplicate key" {
        "each key and each [table] can be written only once; join the two or take one out"
    } else if message.starts_with("string values must be quoted") {
        "put the value in \"quotes\"; only numbers, true and false go without"
    } else if message.contains("array") || message.contains("unclosed") {
        "look for a missing comma, quote or closing bracket, here or just above"
    } else if ["string", "escape", "unicode"]
        .iter()
        .any(|word| message.contains(word))
    {
        "look for a missing or extra quote; in \"…\" a backslash is written \\\\, in '…' it stands for itself"
    } else if message.contains("key with no value") {
        "write it as: key = \"value\""
    } else {
        "see https://toml.io for how values are written"
    }
}
