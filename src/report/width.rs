//! How wide text is on a terminal, and how it is made to fit.

use unicode_normalization::char::is_combining_mark;

/// Columns that `text` takes. East Asian wide characters take two, combining marks none (Unicode
/// Standard Annex 11, to the blocks).
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(char_columns).sum()
}

fn char_columns(c: char) -> usize {
    match c {
        '\0'..='\u{2ff}' => 1,
        '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff01}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6ff}'
        | '\u{1f900}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        c if is_combining_mark(c) => 0,
        _ => 1,
    }
}

/// `text` in at most `max` columns, with `…` in place of what does not fit.
pub(super) fn fit(text: &str, max: usize) -> String {
    if columns(text) <= max {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += char_columns(c);
        if used + 1 > max {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// [`fit`] for two values that are to be told apart: when they begin alike and are too long, they
/// are shown from shortly before the place where they part.
pub(super) fn fit_pair(old: &str, new: &str, max: usize) -> (String, String) {
    /// Enough to recognise the place.
    const CONTEXT_CHARS: usize = 12;
    let alike = old.chars().zip(new.chars()).take_while(|(old, new)| old == new).count();
    let long = columns(old).max(columns(new)) > max;
    let skip = alike.saturating_sub(CONTEXT_CHARS);
    if !long || alike < max / 2 || skip == 0 {
        return (fit(old, max), fit(new, max));
    }
    let cut = |text: &str| {
        let tail: String = std::iter::once('…').chain(text.chars().skip(skip)).collect();
        fit(&tail, max)
    };
    (cut(old), cut(new))
}

/// `text` in lines of at most `max` columns, broken at spaces; a longer word stays whole, for it may be
/// there to be copied.
pub(super) fn wrap(text: &str, max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut used = 0;
    for word in text.split(' ') {
        let wide = columns(word);
        match lines.last_mut() {
            Some(line) if used + 1 + wide <= max => {
                line.push(' ');
                line.push_str(word);
                used += 1 + wide;
            }
            _ => {
                lines.push(word.to_owned());
                used = wide;
            }
        }
    }
    lines
}

/// `text` filled with spaces to `width` columns; longer text stays as it is.
pub(super) fn pad(text: &str, width: usize) -> String {
    let fill = width.saturating_sub(columns(text));
    format!("{text}{:fill$}", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_wide_and_combining_characters() {
        for (text, expected) in [
            ("abc", 3),
            ("李雷", 4),
            ("e\u{301}", 1),
            ("→…", 2),
            ("かな", 4),
            ("", 0),
        ] {
            assert_eq!(columns(text), expected, "{text}");
        }
    }

    #[test]
    fn text_is_made_to_fit() {
        for (text, max, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("李雷雷", 6, "李雷雷"),
            ("李雷雷", 5, "李雷…"),
            ("李雷雷", 4, "李…"),
            ("a", 0, "…"),
        ] {
            assert_eq!(fit(text, max), expected);
        }
        assert_eq!(pad("李", 4), "李  ");
        assert_eq!(pad("abcde", 4), "abcde");
    }

    #[test]
    fn lines_are_broken_at_spaces() {
        for (text, max, expected) in [
            ("", 5, vec![""]),
            ("a b c", 5, vec!["a b c"]),
            ("a b c", 4, vec!["a b", "c"]),
            ("a verylongword b", 4, vec!["a", "verylongword", "b"]),
            ("李 雷 雷", 5, vec!["李 雷", "雷"]),
        ] {
            assert_eq!(wrap(text, max), expected);
        }
    }

    #[test]
    fn two_long_values_are_shown_where_they_part() {
        let (old, new) = fit_pair(
            &format!("{}-old-tail", "x".repeat(90)),
            &format!("{}-new-tail", "x".repeat(90)),
            30,
        );
        assert_eq!(
            (old.as_str(), new.as_str()),
            ("…xxxxxxxxxxx-old-tail", "…xxxxxxxxxxx-new-tail")
        );
        assert_eq!(fit_pair("a", "b", 30), ("a".into(), "b".into()));
        let (old, new) = fit_pair(&"a".repeat(40), &"b".repeat(40), 10);
        assert_eq!((old.as_str(), new.as_str()), ("aaaaaaaaa…", "bbbbbbbbb…"));
    }

    proptest::proptest! {
        #[test]
        fn what_is_made_to_fit_fits(old in ".{0,60}", new in ".{0,60}", alike in ".{0,60}", max in 1_usize..50) {
            let (old, new) = (format!("{alike}{old}"), format!("{alike}{new}"));
            let (short_old, short_new) = fit_pair(&old, &new, max);
            for text in [&short_old, &short_new, &fit(&old, max)] {
                proptest::prop_assert!(columns(text) <= max, "{text:?} in {max}");
            }
        }
    }
}
