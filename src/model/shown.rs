//! Values as people may see them: in a terminal, in a log line, in a rejection.

use std::borrow::Cow;

/// `text` with everything that a terminal would obey, or that would mislead the eye, written as
/// `\u{…}`: control characters, line ends, and characters that are invisible or turn the direction
/// of writing. Applying it twice changes nothing more.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_hostile(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// [`shown`], cut to at most `max_chars` characters with `…` in place of the rest.
#[must_use]
pub fn shortened(text: &str, max_chars: usize) -> String {
    // One character never becomes less than one, so more than this many need not be looked at.
    let end = text
        .char_indices()
        .nth(max_chars.saturating_add(1))
        .map_or(text.len(), |(at, _)| at);
    let safe = shown(&text[..end]);
    if end == text.len() && safe.chars().count() <= max_chars {
        return safe.into_owned();
    }
    let mut out: String = safe.chars().take(max_chars.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// Characters that never go to a terminal as they are.
#[must_use]
pub fn is_hostile(c: char) -> bool {
    matches!(c,
        // C0, DEL and C1 controls
        '\0'..='\x1f' | '\x7f'..='\u{9f}'
        // soft hyphen, Arabic letter mark, Mongolian vowel separator
        | '\u{ad}' | '\u{61c}' | '\u{180e}'
        // zero-width space and marks of direction. The zero-width joiners U+200C and U+200D stay:
        // Persian and Indic spelling needs them.
        | '\u{200b}' | '\u{200e}' | '\u{200f}'
        // line and paragraph separators, embeddings and overrides of direction
        | '\u{2028}'..='\u{202e}'
        // invisible operators, isolates, deprecated format characters
        | '\u{2060}'..='\u{206f}'
        // byte order mark, interlinear annotations, tags
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_characters_are_written_out() {
        for (input, expected) in [
            ("Zoë 李雷 O'Neil \"x\" \\,", "Zoë 李雷 O'Neil \"x\" \\,"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\x1b[31mred", "\\u{1b}[31mred"),
            ("\u{9b}2J\x7f", "\\u{9b}2J\\u{7f}"),
            ("abc\u{202e}cba", "abc\\u{202e}cba"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("\0", "\\u{0}"),
        ] {
            assert_eq!(shown(input), expected);
            assert_eq!(shown(&shown(input)), expected, "applied twice");
        }
    }

    #[test]
    fn long_values_are_cut_by_characters() {
        for (input, max, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("äöüß", 4, "äöüß"),
            ("äöüßx", 4, "äöü…"),
            ("\n\n\n", 4, "\\n\\…"),
            ("", 0, ""),
            ("a", 0, "…"),
        ] {
            assert_eq!(shortened(input, max), expected, "{input:?} to {max}");
        }
    }
}
