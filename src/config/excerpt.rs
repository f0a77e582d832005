//! The line a mistake is in, with a mark below it, and without anything that could be a secret.

use std::ops::Range;

/// Characters of a line that are shown; a longer one is cut around the mark.
const SHOWN_CHARS_MAX: usize = 110;

/// A place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The line, with `…` where something must not be shown.
    pub source: String,
    /// Characters of `source` before the mark.
    pub mark: usize,
    /// Length of the mark in characters, at least 1.
    pub mark_chars: usize,
}

impl Excerpt {
    /// `suspicious` is for a text that is not TOML: there the ranges of secrets are not known, so
    /// only what is known to be harmless is shown.
    pub(super) fn of(text: &str, span: &Range<usize>, hidden: &[Range<usize>], suspicious: bool) -> Self {
        let at = floor_char_boundary(text, span.start);
        let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
        let line = text[start..end].trim_end_matches('\r');
        let cover = if suspicious {
            secret_part(text, start, line)
        } else {
            None
        };
        let is_hidden = |byte: usize| {
            hidden.iter().any(|range| range.contains(&byte))
                || cover.as_ref().is_some_and(|range| range.contains(&byte))
        };
        let mut excerpt = Self {
            line: super::report::line_of(text, at) + 1,
            column: text[start..at].chars().count() + 1,
            source: String::new(),
            mark: 0,
            mark_chars: 0,
        };
        let (mut shown, mut was_hidden) = (0, false);
        for (offset, char) in line.char_indices() {
            let byte = start + offset;
            let hide = is_hidden(byte);
            if !(hide && was_hidden) {
                excerpt.source.push(match char {
                    _ if hide => '…',
                    char if char.is_control() => ' ',
                    char => char,
                });
                shown += 1;
            }
            was_hidden = hide;
            if byte < at {
                excerpt.mark = if hide { shown - 1 } else { shown };
            } else if byte < span.end {
                excerpt.mark_chars = shown - excerpt.mark;
            }
        }
        excerpt.mark_chars = excerpt.mark_chars.max(1);
        excerpt.cut();
        excerpt
    }

    /// Cuts a very long line around the mark.
    fn cut(&mut self) {
        let length = self.source.chars().count();
        if length <= SHOWN_CHARS_MAX {
            return;
        }
        let from = self
            .mark
            .saturating_sub(SHOWN_CHARS_MAX / 2)
            .min(length - SHOWN_CHARS_MAX);
        let kept: String = self.source.chars().skip(from).take(SHOWN_CHARS_MAX).collect();
        let (before, after) = (
            if from > 0 { "…" } else { "" },
            if from + SHOWN_CHARS_MAX < length { "…" } else { "" },
        );
        self.source = format!("{before}{kept}{after}");
        self.mark = self.mark - from + before.chars().count();
        self.mark_chars = self
            .mark_chars
            .min(SHOWN_CHARS_MAX - (self.mark - before.chars().count()))
            .max(1);
    }
}

/// The part of a line of broken TOML that may be a secret: everything but table headers, keys, and the
/// values of keys that are known to have none.
fn secret_part(text: &str, start: usize, line: &str) -> Option<Range<usize>> {
    let all = start..start + line.len();
    let open_above = |quotes: &str| text[..start].matches(quotes).count() % 2 == 1;
    if open_above("\"\"\"") || open_above("'''") {
        return Some(all);
    }
    let Some((key, value)) = line.split_once('=') else {
        let word = |char: char| char.is_ascii_lowercase() || "_. ".contains(char);
        let is_header = line.starts_with('[') && line.trim_matches(['[', ']']).chars().all(word);
        return (!is_header && !super::keys::is_harmless(line.trim())).then_some(all);
    };
    // An address may hold a password.
    let shown = super::keys::is_harmless(key.trim()) && !value.contains(['@', '?']);
    (!shown).then(|| all.end - value.trim_start().len()..all.end)
}

/// The largest character boundary not above `byte`.
fn floor_char_boundary(text: &str, byte: usize) -> usize {
    let mut at = byte.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, span: Range<usize>, hidden: &[Range<usize>], expected: &str) {
        let excerpt = Excerpt::of(text, &span, hidden, false);
        let mark = format!("{}{}", " ".repeat(excerpt.mark), "^".repeat(excerpt.mark_chars));
        assert_eq!(format!("{}\n{mark}", excerpt.source), expected);
    }

    #[test]
    fn marks_stand_below_what_they_mean() {
        check("a = 1\nb = 22\n", 10..12, &[], "b = 22\n    ^^");
        check("ü = 22", 5..7, &[], "ü = 22\n    ^^");
        check("\ta = 1", 5..6, &[], " a = 1\n     ^");
        check("a = [1,\n2]", 4..10, &[], "a = [1,\n    ^^^");
        check("", 0..0, &[], "\n^");
        check("a = 1", 99..120, &[], "a = 1\n     ^");
        check("a = 1\r\nb", 4..5, &[], "a = 1\n    ^");
    }

    #[test]
    fn hidden_ranges_become_one_dot_group() {
        let (hidden, text) = (4..13, "a = \"hunter2\", b = 1");
        check(
            text,
            19..20,
            std::slice::from_ref(&hidden),
            "a = …, b = 1\n           ^",
        );
        check(text, 4..13, std::slice::from_ref(&hidden), "a = …, b = 1\n    ^");
        check(text, 6..13, std::slice::from_ref(&hidden), "a = …, b = 1\n    ^");
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let text = format!("filter = \"{}@{}\"", "x".repeat(500), "y".repeat(500));
        let excerpt = Excerpt::of(&text, &(510..511), &[], false);
        assert_eq!(excerpt.source.chars().nth(excerpt.mark), Some('@'));
        assert!(excerpt.source.chars().count() <= SHOWN_CHARS_MAX + 2);
    }

    #[test]
    fn broken_toml_hides_what_it_does_not_know() {
        for text in [
            "bind_password = hunter2",
            "bind_pasword = hunter2",
            "[scim]oken = hunter2",
            "urls = [ldaps://cn=x:hunter2@host]",
            "urls = [\n\"hunter2",
            "[hunter2 ",
            "token = \"hunter2",
            "token = \"\"\"\nhunter2",
            "token = \'\'\'\nhunter2=\nhunter2",
            "scim = { tokne = 1, token = hunter2",
        ] {
            for at in 0..=text.len() {
                let excerpt = Excerpt::of(text, &(at..at + 1), &[], true);
                assert!(
                    !excerpt.source.contains("hunter2"),
                    "{text} at {at}: {}",
                    excerpt.source
                );
            }
        }
    }
}
