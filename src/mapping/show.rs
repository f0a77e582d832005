//! Values as they are shown in rejections: short, printable, on one line.

/// `text` without control characters, cut after 64 characters.
pub(super) fn text(text: &str) -> String {
    const CHARS: usize = 64;
    let mut shown = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == CHARS {
            shown.push('…');
            break;
        }
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The first bytes of a value that is not text, as `\xx` pairs.
pub(super) fn bytes(bytes: &[u8]) -> String {
    const BYTES: usize = 16;
    let mut shown: String = bytes.iter().take(BYTES).map(|byte| format!("\\{byte:02x}")).collect();
    if bytes.len() > BYTES {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    #[test]
    fn values_are_short_and_printable() {
        assert_eq!(super::text("Ünï\n"), "Ünï\\n");
        assert_eq!(super::text(&"x".repeat(99)), format!("{}…", "x".repeat(64)));
        assert_eq!(super::bytes(b"\xFF\x00a"), "\\ff\\00\\61");
        assert_eq!(super::bytes(&[0; 17]), format!("{}…", "\\00".repeat(16)));
    }
}
