//! A search result entry taken apart (RFC 4511 section 4.5.2).
//!
//! The client hands out each message as a tree of BER tags. Everything in it is moved, nothing is
//! copied: this runs once for every entry of the directory in every cycle.

use lber::structure::{PL, StructureTag};

use super::ranges::{self, Range};
use crate::model::{Attribute, DirectoryEntry};

/// An entry, and the attributes of which the server sent only a part.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extracted {
    pub(super) entry: DirectoryEntry,
    /// Where each cut attribute goes on; empty for nearly every entry.
    pub(super) ranges: Vec<Range>,
}

/// Takes a `SearchResultEntry` apart; nothing when it is not one.
pub(super) fn entry(tag: StructureTag) -> Option<Extracted> {
    let mut fields = constructed(tag)?.into_iter();
    let dn = dn_text(primitive(fields.next()?)?);
    let list = constructed(fields.next()?)?;
    let mut out = Extracted {
        entry: DirectoryEntry {
            dn,
            attributes: Vec::with_capacity(list.len()),
        },
        ranges: Vec::new(),
    };
    let mut seen = 0_u64;
    for partial in list {
        let mut fields = constructed(partial)?.into_iter();
        let mut name = primitive(fields.next()?)?;
        name.make_ascii_lowercase();
        let mut name = String::from_utf8(name).ok()?;
        let set = constructed(fields.next()?)?;
        // Collecting in place would keep the larger buffer of the tags.
        let mut values = Vec::with_capacity(set.len());
        for value in set {
            values.push(primitive(value)?);
        }
        if name.as_bytes().contains(&b';')
            && let Some(range) = ranges::strip(&mut name, values.len())?
        {
            out.ranges.push(range);
        }
        add(&mut out.entry.attributes, &mut seen, name, values);
    }
    Some(out)
}

/// The addresses in a `SearchResultReference` (RFC 4511 section 4.5.3); nothing when it is not one.
pub(super) fn reference(tag: StructureTag) -> Option<Vec<String>> {
    constructed(tag)?
        .into_iter()
        .map(|uri| primitive(uri).map(dn_text))
        .collect()
}

/// Adds an attribute, or more values to one that is there already: Active Directory sends an empty
/// `member` beside `member;range=0-1499`. `seen` says in most cases without a search that it is new.
fn add(attributes: &mut Vec<Attribute>, seen: &mut u64, name: String, values: Vec<Vec<u8>>) {
    let end = name.bytes().next_back().unwrap_or_default();
    let middle = name.as_bytes().get(name.len() / 2).copied().unwrap_or_default();
    let bit = 1_u64 << ((name.len() + 7 * usize::from(end) + 3 * usize::from(middle)) % 64);
    let twin = (*seen & bit != 0)
        .then(|| attributes.iter_mut().find(|have| have.name == name))
        .flatten();
    *seen |= bit;
    match twin {
        Some(have) => have.values.extend(values),
        None => attributes.push(Attribute { name, values }),
    }
}

/// Bytes as text; those that are not UTF-8 become `\xx` (RFC 4514 section 2.4).
pub(super) fn dn_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let mut text = String::with_capacity(error.as_bytes().len() + 16);
        for chunk in error.as_bytes().utf8_chunks() {
            text.push_str(chunk.valid());
            for byte in chunk.invalid() {
                text.push('\\');
                text.push_str(&format!("{byte:02x}"));
            }
        }
        text
    })
}

fn constructed(tag: StructureTag) -> Option<Vec<StructureTag>> {
    match tag.payload {
        PL::C(inner) => Some(inner),
        PL::P(_) => None,
    }
}

fn primitive(tag: StructureTag) -> Option<Vec<u8>> {
    match tag.payload {
        PL::P(bytes) => Some(bytes),
        PL::C(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use lber::common::TagClass;

    use super::*;

    fn leaf(bytes: &[u8]) -> StructureTag {
        StructureTag {
            class: TagClass::Universal,
            id: 4,
            payload: PL::P(bytes.to_vec()),
        }
    }

    fn node(inner: Vec<StructureTag>) -> StructureTag {
        StructureTag {
            class: TagClass::Universal,
            id: 16,
            payload: PL::C(inner),
        }
    }

    fn attribute(name: &[u8], values: &[&[u8]]) -> StructureTag {
        node(vec![leaf(name), node(values.iter().map(|value| leaf(value)).collect())])
    }

    fn check(dn: &[u8], attributes: Vec<StructureTag>, expected: &str) {
        let shown = entry(node(vec![leaf(dn), node(attributes)])).map_or("malformed".into(), |got| {
            let mut text = got.entry.dn.clone();
            for attribute in &got.entry.attributes {
                let values: Vec<_> = attribute
                    .values
                    .iter()
                    .map(|value| value.escape_ascii().to_string())
                    .collect();
                text.push_str(&format!(" {}={}", attribute.name, values.join(",")));
            }
            for range in &got.ranges {
                text.push_str(&format!(" {}@{}-{:?}", range.name, range.low, range.next));
            }
            text
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn entries() {
        check(b"cn=A", vec![], "cn=A");
        check(
            b"cn=A",
            vec![attribute(b"objectClass", &[b"top", b"person"])],
            "cn=A objectclass=top,person",
        );
        check(b"cn=M\xc3\xbc\xfcller,o=\xff", vec![], "cn=Mü\\fcller,o=\\ff");
        check(
            b"cn=A",
            vec![attribute(b"CN;lang-DE", &[b"\xff\x00"])],
            "cn=A cn;lang-de=\\xff\\x00",
        );
        check(
            b"cn=A",
            vec![attribute(b"cn", &[b"a"]), attribute(b"CN", &[b"b"])],
            "cn=A cn=a,b",
        );
        check(
            b"cn=A",
            vec![attribute(b"member", &[]), attribute(b"member;Range=0-1", &[b"a", b"b"])],
            "cn=A member=a,b member@0-Some(2)",
        );
        check(
            b"cn=A",
            vec![attribute(b"member;range=0-*", &[b"a"])],
            "cn=A member=a member@0-None",
        );
        check(b"cn=A", vec![attribute(b"member;range=0-7", &[b"a"])], "malformed");
        check(
            b"cn=A",
            vec![attribute(b"member;range=5-6", &[b"a", b"b", b"c"])],
            "malformed",
        );
        check(b"cn=A", vec![attribute(b"c\xff", &[])], "malformed");
        check(b"cn=A", vec![leaf(b"x")], "malformed");
        check(b"cn=A", vec![node(vec![leaf(b"cn")])], "malformed");
        check(
            b"cn=A",
            vec![node(vec![leaf(b"cn"), node(vec![node(vec![])])])],
            "malformed",
        );
        assert_eq!(entry(leaf(b"x")), None);
        assert_eq!(entry(node(vec![])), None);
        assert_eq!(entry(node(vec![leaf(b"cn=A")])), None);
    }

    #[test]
    fn many_attributes_stay_apart() {
        let list: Vec<_> = (0..200)
            .map(|n| attribute(format!("a{n}").as_bytes(), &[b"x"]))
            .collect();
        let got = entry(node(vec![leaf(b"cn=A"), node(list)])).unwrap();
        assert_eq!(got.entry.attributes.len(), 200);
    }
}
