//! The names of the attribute types people are named by.

use std::borrow::Cow;

/// Other names → the name used here: descriptors and OIDs of RFC 4519, RFC 4524, RFC 2985.
const ALIASES: [(&str, &str); 43] = [
    ("0.9.2342.19200300.100.1.1", "uid"),
    ("0.9.2342.19200300.100.1.25", "dc"),
    ("0.9.2342.19200300.100.1.3", "mail"),
    ("0.9.2342.19200300.100.1.41", "mobile"),
    ("1.2.840.113549.1.9.1", "emailaddress"),
    ("2.5.4.10", "o"),
    ("2.5.4.11", "ou"),
    ("2.5.4.12", "title"),
    ("2.5.4.13", "description"),
    ("2.5.4.17", "postalcode"),
    ("2.5.4.20", "telephonenumber"),
    ("2.5.4.3", "cn"),
    ("2.5.4.4", "sn"),
    ("2.5.4.42", "givenname"),
    ("2.5.4.43", "initials"),
    ("2.5.4.44", "generationqualifier"),
    ("2.5.4.45", "x500uniqueidentifier"),
    ("2.5.4.46", "dnqualifier"),
    ("2.5.4.5", "serialnumber"),
    ("2.5.4.6", "c"),
    ("2.5.4.7", "l"),
    ("2.5.4.8", "st"),
    ("2.5.4.9", "street"),
    ("commonname", "cn"),
    ("countryname", "c"),
    ("domaincomponent", "dc"),
    ("e", "emailaddress"),
    ("email", "emailaddress"),
    ("fax", "facsimiletelephonenumber"),
    ("gn", "givenname"),
    ("hometelephonenumber", "homephone"),
    ("localityname", "l"),
    ("mobiletelephonenumber", "mobile"),
    ("organizationalunitname", "ou"),
    ("organizationname", "o"),
    ("pagertelephonenumber", "pager"),
    ("pkcs9email", "emailaddress"),
    ("rfc822mailbox", "mail"),
    ("s", "st"),
    ("stateorprovincename", "st"),
    ("streetaddress", "street"),
    ("surname", "sn"),
    ("userid", "uid"),
];

/// The one name under which an attribute type is compared: lower case, an alias or OID replaced by
/// the common name (`2.5.4.3` and `commonName` are `cn`), the `OID.` prefix of LDAPv2 dropped.
#[must_use]
pub fn canonical_type(kind: &str) -> Cow<'_, str> {
    let lower = if kind.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(kind.to_ascii_lowercase())
    } else {
        Cow::Borrowed(kind)
    };
    if let Some(oid) = lower.strip_prefix("oid.") {
        return alias(oid).map_or_else(|| Cow::Owned(oid.to_owned()), Cow::Borrowed);
    }
    alias(&lower).map_or(lower, Cow::Borrowed)
}

/// The common name of `lower`, when `lower` is another one.
pub(super) fn alias(lower: &str) -> Option<&'static str> {
    ALIASES
        .binary_search_by_key(&lower, |(name, _)| *name)
        .ok()
        .map(|index| ALIASES[index].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_searched() {
        assert!(ALIASES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(
            ALIASES
                .iter()
                .all(|(_, name)| alias(name).is_none_or(|again| again == *name))
        );
    }

    #[test]
    fn names_of_one_type_are_one() {
        let check = |written: &str, expected: &str| assert_eq!(canonical_type(written), expected, "{written}");
        check("CN", "cn");
        check("cn", "cn");
        check("commonName", "cn");
        check("2.5.4.3", "cn");
        check("OID.2.5.4.3", "cn");
        check("oid.1.2.3.4", "1.2.3.4");
        check("UserID", "uid");
        check("employeeNumber", "employeenumber");
        check("", "");
    }
}
