//! Distinguished names compared as LDAP compares them (RFC 4514, RFC 4518).
//!
//! Two spellings of one name have one normal form: attribute types in lower case under one of their
//! names, values case-folded with insignificant spaces removed, escapes resolved, the parts of a
//! multi-valued RDN sorted. Every attribute type is taken as a case-insensitive string, since the
//! schema is not at hand; that is right for every type people are named by.

mod attribute_type;
mod fast;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod parse;
mod prepare;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use self::attribute_type::canonical_type;
use self::parse::{Ava, Value, parse};
use super::Digest;

/// A digest of a distinguished name in normal form: two spellings of one name have one key. All
/// zero stands for "none".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DnKey(pub [u8; 16]);

impl DnKey {
    /// The key of `dn`. A text that is not a distinguished name gets the key of itself, lower-cased.
    #[must_use]
    pub fn of(dn: &str) -> Self {
        Self(Digest::of(normalize(dn).unwrap_or_else(|| dn.trim().to_lowercase()).as_bytes()).0)
    }

    /// True for the all-zero value, which stands for "no name".
    #[must_use]
    pub fn is_none(self) -> bool {
        self.0 == [0; 16]
    }
}

/// `dn` in normal form, or nothing when it is not a distinguished name. The empty name (the root) is
/// one.
#[must_use]
pub fn normalize(dn: &str) -> Option<String> {
    fast::normalize(dn).or_else(|| normalize_any(dn))
}

/// The value of the first RDN of type `attribute` (any of its names), or of the first RDN when
/// `attribute` is empty; without escapes, spelled as in `dn`.
///
/// Nothing when `dn` is not a distinguished name, has no such RDN, or its value is not text.
#[must_use]
pub fn rdn_value(dn: &str, attribute: &str) -> Option<String> {
    let wanted = canonical_type(attribute);
    parse(dn)?
        .into_iter()
        .flatten()
        .find(|ava| wanted.is_empty() || canonical_type(ava.kind) == wanted)
        .and_then(|ava| match ava.value {
            Value::Octets(octets) => String::from_utf8(octets).ok(),
            Value::Ber(_) => None,
        })
}

/// Whether `dn` is in the subtree of `base`, `base` itself included (RFC 4511 section 4.5.1.2,
/// `wholeSubtree`). False when either is not a distinguished name.
#[must_use]
pub fn is_below(dn: &str, base: &str) -> bool {
    let (Some(dn), Some(base)) = (normalize(dn), normalize(base)) else {
        return false;
    };
    if base.is_empty() || dn == base {
        return true;
    }
    let Some(above) = dn.strip_suffix(&base).and_then(|rest| rest.strip_suffix(',')) else {
        return false;
    };
    // An odd number of backslashes in front makes the comma part of a value.
    above.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 0
}

/// The text of a distinguished name as it came over the wire; bytes that are not UTF-8 stand as
/// `\xx` pairs (RFC 4514 section 2.4), so that nothing is lost.
#[must_use]
pub fn text(raw: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(raw) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(raw.len() + 16);
    for chunk in raw.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| push_hex(&mut text, "\\", *byte));
    }
    Cow::Owned(text)
}

fn normalize_any(dn: &str) -> Option<String> {
    let mut normal = String::with_capacity(dn.len() + 16);
    for (index, rdn) in parse(dn)?.iter().enumerate() {
        if index > 0 {
            normal.push(',');
        }
        let mut parts: Vec<String> = rdn.iter().map(normal_ava).collect();
        parts.sort_unstable();
        normal.push_str(&parts.join("+"));
    }
    Some(normal)
}

/// `type=value`, escaped just enough that no two different values look the same.
fn normal_ava(ava: &Ava<'_>) -> String {
    let mut normal = canonical_type(ava.kind).into_owned();
    normal.push('=');
    match &ava.value {
        Value::Octets(octets) => match std::str::from_utf8(octets) {
            Ok(text) => push_escaped(&mut normal, &prepare::prepare(text)),
            // `\x` cannot come out of text: only `,`, `+`, `;`, `"`, `\` and `#` are escaped there.
            Err(_) => {
                normal.push_str("\\x");
                octets.iter().for_each(|byte| push_hex(&mut normal, "", *byte));
            }
        },
        Value::Ber(encoding) => {
            normal.push('#');
            encoding.iter().for_each(|byte| push_hex(&mut normal, "", *byte));
        }
    }
    normal
}

fn push_escaped(normal: &mut String, value: &str) {
    for (index, c) in value.chars().enumerate() {
        if matches!(c, ',' | '+' | '\\' | ';' | '"') || (index == 0 && c == '#') {
            normal.push('\\');
        }
        normal.push(c);
    }
}

fn push_hex(text: &mut String, prefix: &str, byte: u8) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    text.push_str(prefix);
    text.push(DIGITS[usize::from(byte >> 4)]);
    text.push(DIGITS[usize::from(byte & 15)]);
}

#[cfg(test)]
mod tests;
