//! Security identifiers of Windows (MS-DTYP section 2.4.2).

use std::fmt::Write;

/// The text form (`S-1-5-21-…-513`) of a binary identifier, or of one that is text already; nothing
/// when it is neither.
pub(super) fn text(value: &[u8]) -> Option<String> {
    binary(value).or_else(|| {
        let text = std::str::from_utf8(value).ok()?.trim();
        let mut parts = text.strip_prefix(['S', 's'])?.strip_prefix("-1-")?.split('-');
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        parts.all(is_number).then(|| text.to_uppercase())
    })
}

/// Revision, how many parts, an authority of six bytes in network order, the parts in the other one.
fn binary(value: &[u8]) -> Option<String> {
    let (&[1, count, ref authority @ ..], parts) = value.split_first_chunk::<8>()? else {
        return None;
    };
    let (parts, rest) = parts.as_chunks::<4>();
    if parts.len() != usize::from(count) || !rest.is_empty() || count > 15 {
        return None;
    }
    let authority = authority.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let mut text = if authority < 1 << 32 {
        format!("S-1-{authority}")
    } else {
        format!("S-1-0x{authority:012X}")
    };
    for part in parts {
        // Writing to a String cannot fail.
        let _ = write!(text, "-{}", u32::from_le_bytes(*part));
    }
    Some(text)
}

/// The identifier of a principal of the same domain: the last part replaced.
pub(super) fn sibling(sid: &str, rid: u32) -> Option<String> {
    let (domain, _) = sid.rsplit_once('-')?;
    Some(format!("{domain}-{rid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms() {
        let check = |value: &[u8], expected: Option<&str>| assert_eq!(text(value).as_deref(), expected, "{value:?}");
        let user = [
            1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 0, 255, 255, 255, 255, 0x50, 4, 0, 0,
        ];
        check(&user, Some("S-1-5-21-1-258-4294967295-1104"));
        check(b"\x01\x01\0\0\0\0\0\x01\0\0\0\0", Some("S-1-1-0"));
        check(b"\x01\0\0\0\0\0\0\x05", Some("S-1-5"));
        check(b"\x01\0\x01\0\0\0\0\0", Some("S-1-0x010000000000"));
        check(b"S-1-5-21-1-2-3-513", Some("S-1-5-21-1-2-3-513"));
        check(b"s-1-5-32", Some("S-1-5-32"));
        for cut in 0..user.len() {
            check(&user[..cut], None);
        }
        check(b"\x02\0\0\0\0\0\0\x05", None);
        check(b"\x01\x10\0\0\0\0\0\x05", None);
        check(b"S-1-", None);
        check(b"S-1-5-", None);
        check(b"S-1-5-\xff", None);
        check(b"", None);
    }

    #[test]
    fn siblings() {
        assert_eq!(
            sibling("S-1-5-21-1-2-3-1104", 513).as_deref(),
            Some("S-1-5-21-1-2-3-513")
        );
        assert_eq!(sibling("S", 513), None);
    }
}
