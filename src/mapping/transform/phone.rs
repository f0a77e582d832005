//! Telephone numbers brought near to E.164.

/// The digits of a telephone number, with its leading `+`.
///
/// Spaces and punctuation go, so does the trunk prefix `(0)` of an international number, `tel:` in
/// front, and an extension behind (`x12`, `ext. 12`, `;ext=12`, `#12`): E.164 has no place for it.
pub(super) fn clean(text: &str) -> Result<String, String> {
    let lower = text.trim().to_lowercase();
    let number = lower.strip_prefix("tel:").unwrap_or(&lower).trim_start();
    let number = number
        .find([';', '#', 'x', 'e'])
        .map_or(number, |extension| &number[..extension_start(number, extension)]);
    let international = number.starts_with('+') || number.starts_with("(+");
    let number = if international {
        number.replacen("(0)", "", 1)
    } else {
        number.to_owned()
    };
    let mut digits = String::with_capacity(number.len());
    for (index, c) in number.chars().enumerate() {
        match c {
            '0'..='9' => digits.push(c),
            '+' if digits.is_empty() && index < 2 => digits.push('+'),
            ' ' | '\u{A0}' | '\t' | '(' | ')' | '-' | '.' | '/' | '\u{2010}'..='\u{2013}' | '\u{202F}' => {}
            _ => return Err("not a telephone number".to_owned()),
        }
    }
    if digits.bytes().any(|byte| byte.is_ascii_digit()) {
        Ok(digits)
    } else {
        Err("not a telephone number".to_owned())
    }
}

/// Where to cut: at `position` when an extension starts there, else nowhere.
fn extension_start(number: &str, position: usize) -> usize {
    let tail = &number[position..];
    let rest = ["extension", ";ext=", "ext.", "ext", "x.", "x", "#"]
        .iter()
        .find_map(|marker| tail.strip_prefix(marker));
    match rest.map(str::trim) {
        Some(rest) if !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()) => position,
        _ => number.len(),
    }
}
