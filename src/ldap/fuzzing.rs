//! What holds for everything a directory server sends, and for filters and addresses.

use lber::{
    common::TagClass,
    structure::{PL, StructureTag},
};
use ldap3::controls::{Control, RawControl};

use super::{control, extract, filter, referral, settings::LdapUrl};

/// Elements inside elements; an entry has four.
const DEPTH_MAX: usize = 8;

/// A message taken apart as an entry, a reference and a control.
pub(crate) fn entry(bytes: &[u8]) {
    let raw = RawControl {
        ctype: "1.2.840.113556.1.4.319".into(),
        crit: false,
        val: Some(bytes.to_vec()),
    };
    let _ = control::answer(&[Control(None, raw)]);
    let Some((tag, _)) = element(bytes, 0) else { return };
    if let Some(uris) = extract::reference(tag.clone()) {
        let _ = referral::is_other_context(&uris);
    }
    let Some(found) = extract::entry(tag) else { return };
    let attributes = &found.entry.attributes;
    for (index, attribute) in attributes.iter().enumerate() {
        assert_eq!(attribute.name, attribute.name.to_ascii_lowercase());
        assert!(
            attributes[..index].iter().all(|other| other.name != attribute.name),
            "{} stands there twice",
            attribute.name
        );
    }
    for range in &found.ranges {
        assert!(attributes.iter().any(|attribute| attribute.name == range.name));
        assert!(range.next.is_none_or(|next| next > range.low), "a piece leads on");
    }
}

/// A search filter, which is also tried as the address of a server.
pub(crate) fn filter(text: &str) {
    if let Ok(url) = text.parse::<LdapUrl>() {
        assert!(!url.host.is_empty());
    }
    match filter::check(text) {
        Ok(()) => assert!(ldap3::parse_filter(text).is_ok(), "the client takes it"),
        Err(error) => {
            assert!(error.position <= text.chars().count(), "{error}");
            assert!(!error.message.is_empty());
        }
    }
}

/// One element of BER with a length in one byte, and what follows it.
fn element(bytes: &[u8], depth: usize) -> Option<(StructureTag, &[u8])> {
    let (&[tag, length], rest) = bytes.split_first_chunk::<2>()?;
    let (mut content, rest) = rest.split_at_checked(length.into())?;
    let payload = if tag & 0x20 == 0 {
        PL::P(content.to_vec())
    } else {
        let mut inner = Vec::new();
        while !content.is_empty() && depth < DEPTH_MAX {
            let (one, after) = element(content, depth + 1)?;
            inner.push(one);
            content = after;
        }
        PL::C(inner)
    };
    let tag = StructureTag {
        class: TagClass::Universal,
        id: (tag & 0x1f).into(),
        payload,
    };
    Some((tag, rest))
}
