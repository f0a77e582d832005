//! The normal form of the plain name: ASCII, nothing escaped but commas and the like, one value in
//! each RDN.
//!
//! A cycle makes two keys for each of a million entries, and nearly every name is plain.

use super::attribute_type::alias;

/// Bytes that mean nothing special anywhere in a name.
const PLAIN: [bool; 256] = plain();

const fn plain() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7F {
        table[byte] = !matches!(
            byte as u8,
            b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'=' | b'>' | b'\\'
        );
        byte += 1;
    }
    table
}

/// The normal form, or nothing when `dn` needs the full parser (or is not a name at all).
pub(super) fn normalize(dn: &str) -> Option<String> {
    let bytes = dn.as_bytes();
    let mut normal = String::with_capacity(bytes.len());
    let mut position = 0;
    loop {
        position = push_type(bytes, position, &mut normal)?;
        position = push_value(bytes, position, &mut normal)?;
        if position == bytes.len() {
            return Some(normal);
        }
        normal.push(',');
        position += 1;
    }
}

/// Appends `type=`; returns where the value starts.
fn push_type(bytes: &[u8], start: usize, normal: &mut String) -> Option<usize> {
    let end = start + bytes.get(start..)?.iter().position(|byte| !PLAIN[usize::from(*byte)])?;
    if bytes[end] != b'=' {
        return None;
    }
    let kind = bytes[start..end].trim_ascii();
    // An OID, or nothing at all, is for the full parser.
    if !kind.first()?.is_ascii_alphabetic() || !kind.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-') {
        return None;
    }
    let begin = normal.len();
    kind.iter()
        .for_each(|byte| normal.push(char::from(byte.to_ascii_lowercase())));
    if !matches!(&normal[begin..], "cn" | "ou" | "dc" | "uid" | "o")
        && let Some(name) = alias(&normal[begin..])
    {
        normal.truncate(begin);
        normal.push_str(name);
    }
    normal.push('=');
    Some(end + 1)
}

/// Appends the value, folded and without insignificant spaces; returns where it ends.
fn push_value(bytes: &[u8], start: usize, normal: &mut String) -> Option<usize> {
    let begin = normal.len();
    let mut space = false;
    let mut position = start;
    while let Some(&byte) = bytes.get(position) {
        match byte {
            b' ' => space = true,
            b',' => return Some(position),
            b'=' => push_significant(normal, begin, &mut space, b"="),
            // "Doe\, Jane" is common in Active Directory; the normal form keeps the backslash.
            b'\\' => {
                position += 1;
                match bytes.get(position)? {
                    b',' => push_significant(normal, begin, &mut space, b"\\,"),
                    b'+' => push_significant(normal, begin, &mut space, b"\\+"),
                    b'\\' => push_significant(normal, begin, &mut space, b"\\\\"),
                    _ => return None,
                }
            }
            byte if PLAIN[usize::from(byte)] => push_significant(normal, begin, &mut space, &[byte]),
            _ => return None,
        }
        position += 1;
    }
    Some(position)
}

fn push_significant(normal: &mut String, begin: usize, space: &mut bool, bytes: &[u8]) {
    if *space && normal.len() > begin {
        normal.push(' ');
    }
    *space = false;
    bytes
        .iter()
        .for_each(|byte| normal.push(char::from(byte.to_ascii_lowercase())));
}
