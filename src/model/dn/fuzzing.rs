//! What holds for every text that is taken for a distinguished name.

use super::{DnKey, fast, is_below, normalize, normalize_any, parse::parse, rdn_value, text};

/// One name as it came over the wire.
pub(crate) fn dn(raw: &[u8]) {
    let dn = text(raw);
    let key = DnKey::of(&dn);
    assert!(!key.is_none(), "no name has the key of none");
    let Some(normal) = normalize(&dn) else {
        assert_eq!(parse(&dn), None);
        assert!(!is_below(&dn, "") && !is_below("", &dn));
        return;
    };
    if let Some(fast) = fast::normalize(&dn) {
        assert_eq!(Some(fast), normalize_any(&dn), "two ways to one normal form");
    }
    assert!(is_below(&dn, &dn) && is_below(&dn, ""));
    let binary = normal.contains("\\x");
    if !binary {
        assert_eq!(normalize(&normal).as_ref(), Some(&normal), "a normal form is its own");
        assert_eq!(DnKey::of(&normal), key);
        assert_eq!(DnKey::of(&dn.to_ascii_uppercase()), key, "case means nothing");
        assert!(is_below(&normal, &dn) && is_below(&dn, &normal));
    }
    let below = format!("cn=x,{dn}");
    if !normal.is_empty() && normalize(&below).is_some() {
        assert!(is_below(&below, &dn) && !is_below(&dn, &below));
    }
    for attribute in ["", "cn", "2.5.4.11", "dc"] {
        let _ = rdn_value(&dn, attribute);
    }
}
