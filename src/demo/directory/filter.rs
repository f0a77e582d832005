//! Search filters (RFC 4511 section 4.5.1.7) over text values.

use ldap3_proto::proto::{LdapFilter, LdapSubstringFilter};

use super::tree::{self, Entry};

/// Attributes whose values are distinguished names and compared as such.
const DN_VALUED: [&str; 7] = [
    "manager",
    "member",
    "uniqueMember",
    "memberOf",
    "secretary",
    "seeAlso",
    "entryDN",
];

/// Whether `entry` matches; nothing stands for the RFC's Undefined, which never matches.
pub(super) fn matches(filter: &LdapFilter, entry: &Entry) -> Option<bool> {
    match filter {
        LdapFilter::And(all) => all.iter().map(|f| matches(f, entry)).fold(Some(true), and),
        LdapFilter::Or(any) => negate(any.iter().map(|f| negate(matches(f, entry))).fold(Some(true), and)),
        LdapFilter::Not(inner) => negate(matches(inner, entry)),
        LdapFilter::Present(name) => Some(!values(entry, name).is_empty()),
        LdapFilter::Equality(name, wanted) | LdapFilter::Approx(name, wanted) => {
            Some(values(entry, name).iter().any(|have| equal(name, have, wanted)))
        }
        LdapFilter::GreaterOrEqual(name, bound) => {
            let bound = fold(bound);
            Some(values(entry, name).iter().any(|have| fold(have) >= bound))
        }
        LdapFilter::LessOrEqual(name, bound) => {
            let bound = fold(bound);
            Some(values(entry, name).iter().any(|have| fold(have) <= bound))
        }
        LdapFilter::Substring(name, parts) => {
            Some(values(entry, name).iter().any(|have| has_parts(&fold(have), parts)))
        }
        // Matching rules by name (for one, AD's bit tests) are not offered.
        LdapFilter::Extensible(_) => None,
    }
}

/// The RFC's three-valued And: False wins over Undefined, Undefined over True.
fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn negate(value: Option<bool>) -> Option<bool> {
    value.map(|v| !v)
}

/// The values of an attribute, operational ones too.
pub(super) fn values(entry: &Entry, name: &str) -> Vec<String> {
    if name.eq_ignore_ascii_case("entryUUID") {
        vec![entry.entry_uuid.clone()]
    } else if name.eq_ignore_ascii_case("entryDN") {
        vec![entry.dn.clone()]
    } else {
        entry.values(name).to_vec()
    }
}

fn equal(name: &str, have: &str, wanted: &str) -> bool {
    if DN_VALUED.iter().any(|n| n.eq_ignore_ascii_case(name)) {
        return tree::key(have).is_some_and(|key| tree::key(wanted) == Some(key));
    }
    fold(have) == fold(wanted)
}

/// Without case, outer spaces, and with inner runs of spaces as one (RFC 4518, in short).
fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn has_parts(have: &str, parts: &LdapSubstringFilter) -> bool {
    let initial = parts.initial.as_deref().map(str::to_lowercase).unwrap_or_default();
    let Some(mut rest) = have.strip_prefix(initial.as_str()) else {
        return false;
    };
    for part in &parts.any {
        let part = part.to_lowercase();
        let Some(at) = rest.find(&part) else { return false };
        rest = &rest[at + part.len()..];
    }
    parts
        .final_
        .as_deref()
        .is_none_or(|end| rest.ends_with(&end.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use ldap3_proto::filter::parse_ldap_filter_str;

    use super::*;

    fn check(filter: &str, expected: Option<bool>) {
        let attribute =
            |name: &str, values: &[&str]| (name.to_owned(), values.iter().map(|v| (*v).to_owned()).collect());
        let entry = Entry {
            dn: "uid=ana,ou=People,dc=x".into(),
            entry_uuid: "0f0e".into(),
            attributes: vec![
                attribute("objectClass", &["top", "inetOrgPerson"]),
                attribute("cn", &["Ana  Müller"]),
                attribute("employeeNumber", &["1042"]),
                attribute("manager", &["uid=boss,ou=People,dc=x"]),
            ],
        };
        let parsed = parse_ldap_filter_str(filter).unwrap_or_else(|e| panic!("{filter}: {e}"));
        assert_eq!(matches(&parsed, &entry), expected, "{filter}");
    }

    #[test]
    fn values_are_compared_without_case_and_spare_spaces() {
        assert!(equal("cn", "Ana  Müller ", "ANA MÜLLER"));
        assert!(!equal("cn", "Ana Müller", "Ana Muller"));
        assert!(equal("manager", "uid=boss, ou=People,dc=x", "UID=boss,OU=people,dc=X"));
    }

    #[test]
    fn filters_are_evaluated_as_rfc_4511_says() {
        check("(objectClass=INETORGPERSON)", Some(true));
        check("(cn=ana)", Some(false));
        check("(mail=*)", Some(false));
        check("(!(mail=*))", Some(true));
        check("(&(objectClass=inetOrgPerson)(!(mail=*)))", Some(true));
        check("(|(cn=nobody)(employeeNumber>=1000))", Some(true));
        check("(employeeNumber<=1000)", Some(false));
        check("(cn=an*l*r)", Some(true));
        check("(cn=*ll*)", Some(true));
        check("(cn=b*)", Some(false));
        check("(entryUUID=0f0e)", Some(true));
        check("(employeeNumber:1.2.840.113556.1.4.803:=2)", None);
        check("(|(cn=an*)(employeeNumber:1.2.840.113556.1.4.803:=2))", Some(true));
    }
}
