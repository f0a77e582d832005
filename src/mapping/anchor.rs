//! Anchors: one immutable key out of each directory's own kind of identifier.

use std::fmt::Write;

use super::show;
use crate::model::{Anchor, DirectoryEntry, Problem};

/// How the anchor attribute is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// RFC 4530 and FreeIPA: a UUID as text.
    Uuid,
    /// Active Directory: 16 bytes, the first three fields little-endian.
    Guid,
    /// 389 Directory Server: four groups of hex digits. Case does not count.
    Caseless,
    /// Any other attribute, as it is.
    Text,
}

/// The attribute that names an entry for good.
#[derive(Clone, Debug)]
pub(super) struct AnchorRule {
    /// The line it came from: `users.anchor`.
    label: &'static str,
    attribute: String,
    form: Form,
}

impl AnchorRule {
    /// The rule for an attribute in lower case.
    pub fn new(label: &'static str, attribute: String) -> Self {
        let form = match attribute.as_str() {
            "entryuuid" => Form::Uuid,
            "objectguid" => Form::Guid,
            "nsuniqueid" | "ipauniqueid" => Form::Caseless,
            _ => Form::Text,
        };
        Self { label, attribute, form }
    }

    pub fn attribute(&self) -> &str {
        &self.attribute
    }

    /// The anchor of `entry`.
    pub fn read(&self, entry: &DirectoryEntry) -> Result<Anchor, Problem> {
        match entry.values(&self.attribute) {
            [value] => self.read_value(value).map_err(|why| self.problem(&why, value)),
            [] => Err(self.problem("the entry has none, or our account may not read it", b"")),
            [first, ..] => Err(self.problem("there are several values, so none of them names the entry", first)),
        }
    }

    /// The anchor an operator wrote down.
    pub fn read_text(&self, text: &str) -> Result<Anchor, String> {
        let text = text.trim().trim_start_matches('{').trim_end_matches('}');
        self.read_value(text.as_bytes())
    }

    fn read_value(&self, value: &[u8]) -> Result<Anchor, String> {
        if let (Form::Guid, Ok(bytes)) = (self.form, <&[u8; 16]>::try_from(value)) {
            return Ok(Anchor::new(guid_text(bytes)));
        }
        let text = std::str::from_utf8(value)
            .map_err(|_| "the value is binary".to_owned())?
            .trim();
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err("the value is empty or not printable".to_owned());
        }
        match self.form {
            Form::Text => Ok(Anchor::new(text)),
            Form::Caseless => Ok(Anchor::new(text.to_lowercase())),
            Form::Uuid | Form::Guid if is_uuid(text) => Ok(Anchor::new(text.to_ascii_lowercase())),
            Form::Uuid => Err("the value is not a UUID".to_owned()),
            Form::Guid => Err("the value is not a GUID of 16 bytes".to_owned()),
        }
    }

    fn problem(&self, why: &str, value: &[u8]) -> Problem {
        Problem {
            attribute: self.attribute.clone(),
            rule: format!("{}: {why}", self.label),
            value: std::str::from_utf8(value).map_or_else(|_| show::bytes(value), show::text),
        }
    }
}

/// The canonical text of a GUID in the byte order of Microsoft (MS-DTYP section 2.3.4.2).
fn guid_text(bytes: &[u8; 16]) -> String {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut text = String::with_capacity(36);
    for (index, position) in ORDER.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{:02x}", bytes[position]);
    }
    text
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Attribute;

    fn read(attribute: &str, values: &[&[u8]]) -> Result<String, String> {
        let entry = DirectoryEntry {
            dn: "uid=x".into(),
            attributes: vec![Attribute {
                name: attribute.into(),
                values: values.iter().map(|value| value.to_vec()).collect(),
            }],
        };
        let rule = AnchorRule::new("users.anchor", attribute.into());
        rule.read(&entry)
            .map(|anchor| anchor.to_string())
            .map_err(|problem| format!("{} [{}]", problem.rule, problem.value))
    }

    #[test]
    fn canonical_text() {
        let check = |attribute: &str, value: &[u8], expected: &str| {
            assert_eq!(read(attribute, &[value]), Ok(expected.to_owned()), "{attribute}");
        };
        check(
            "entryuuid",
            b"597AE2F6-16A6-1027-98F4-D28B5365DC14",
            "597ae2f6-16a6-1027-98f4-d28b5365dc14",
        );
        check(
            "objectguid",
            &[
                0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF,
            ],
            "00112233-4455-6677-8899-aabbccddeeff",
        );
        check(
            "objectguid",
            b"00112233-4455-6677-8899-AABBCCDDEEFF",
            "00112233-4455-6677-8899-aabbccddeeff",
        );
        check(
            "nsuniqueid",
            b"66446001-1DD211B2-9A38A2B5-7B8C5F2E",
            "66446001-1dd211b2-9a38a2b5-7b8c5f2e",
        );
        check(
            "ipauniqueid",
            b"B0F1D3E4-AAAA-11EE-8C99-0242AC120002",
            "b0f1d3e4-aaaa-11ee-8c99-0242ac120002",
        );
        check("employeenumber", b" A-17 ", "A-17");
    }

    #[test]
    fn what_is_no_anchor() {
        let check = |attribute: &str, values: &[&[u8]], expected: &str| {
            let problem = read(attribute, values).expect_err(expected);
            assert!(problem.contains(expected), "{attribute}: {problem}");
        };
        check("entryuuid", &[], "users.anchor: the entry has none");
        check("entryuuid", &[b"abc"], "not a UUID [abc]");
        check("entryuuid", &[b"\xFF\xFE"], "binary [\\ff\\fe]");
        check("objectguid", &[b"abc"], "not a GUID of 16 bytes [abc]");
        check("employeenumber", &[b"1", b"2"], "several values");
        check("employeenumber", &[b"  "], "empty or not printable");
        check("employeenumber", &[b"a\0b"], "empty or not printable");
    }

    #[test]
    fn anchors_written_by_hand() {
        let read = |attribute: &str, text: &str| {
            AnchorRule::new("users.anchor", attribute.into())
                .read_text(text)
                .map(|a| a.to_string())
        };
        let canonical = Ok("00112233-4455-6677-8899-aabbccddeeff".to_owned());
        assert_eq!(read("objectguid", "{00112233-4455-6677-8899-AABBCCDDEEFF}"), canonical);
        assert_eq!(read("entryuuid", "00112233-4455-6677-8899-AABBCCDDEEFF"), canonical);
        assert!(read("entryuuid", "jdoe").is_err());
    }
}
