//! Values made comparable (RFC 4518, the string preparation of `caseIgnoreMatch`).

use unicode_normalization::UnicodeNormalization;

/// `value` as it is compared: unseen characters dropped, folded, NFKC, insignificant spaces removed.
pub(super) fn prepare(value: &str) -> String {
    if value.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_control()) {
        return collapse(value.bytes().map(|byte| char::from(byte.to_ascii_lowercase())));
    }
    // Composed before folding too: a mark that folds to a letter must not change places with others.
    let composed: String = value.chars().filter_map(map).nfkc().collect();
    let folded: String = composed.chars().flat_map(fold).nfkc().collect();
    collapse(folded.chars())
}

/// RFC 4518 section 2.2: what is mapped to a space or to nothing.
fn map(c: char) -> Option<char> {
    match c {
        '\t'..='\r' | '\u{85}' => Some(' '),
        c if c.is_whitespace() => Some(' '),
        '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' => None,
        '\u{AD}' | '\u{34F}' | '\u{6DD}' | '\u{70F}' | '\u{1806}' | '\u{180B}'..='\u{180E}' => None,
        '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2063}' | '\u{206A}'..='\u{206F}' => None,
        '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFC}' => None,
        '\u{1D173}'..='\u{1D17A}' | '\u{E0001}' | '\u{E0020}'..='\u{E007F}' => None,
        c => Some(c),
    }
}

/// Full case folding by way of upper case, which joins `ß` with `ss` and `ς` with `σ`.
fn fold(c: char) -> impl Iterator<Item = char> {
    // The dotless i has the upper case of another letter, but folds to itself.
    let upper = (c != 'ı').then(|| c.to_uppercase());
    let kept = upper.is_none().then_some(c);
    upper.into_iter().flatten().flat_map(char::to_lowercase).chain(kept)
}

/// No space in front or behind, one where there are several (RFC 4518 section 2.6.1).
fn collapse(chars: impl Iterator<Item = char>) -> String {
    let mut collapsed = String::new();
    let mut space = false;
    for c in chars {
        if c == ' ' {
            space = true;
            continue;
        }
        if space && !collapsed.is_empty() {
            collapsed.push(' ');
        }
        space = false;
        collapsed.push(c);
    }
    collapsed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_value() {
        let check = |value: &str, expected: &str| assert_eq!(prepare(value), expected, "{value:?}");
        check("Smith", "smith");
        check("  Ada \t  King  ", "ada king");
        check("Straße", "strasse");
        check("STRASSE", "strasse");
        check("ΌΣΟΣ", "όσοσ");
        check("όσος", "όσοσ");
        check("Zoe\u{308}", "zoë");
        check("ＡＢＣ", "abc");
        check("a\u{A0}\u{3000}b", "a b");
        check("co\u{AD}op", "coop");
        check("ı", "ı");
        check("", "");
        check("   ", "");
    }
}
