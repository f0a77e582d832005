//! Continuation references (RFC 4511 section 4.5.3): "the rest of this subtree is over there".
//!
//! A reference means that data is missing, so it makes the read incomplete. There is one exception:
//! a search from the root of an Active Directory domain always names the forest's other naming
//! contexts, which hold its configuration, schema and DNS zones, and no people. A reference is taken
//! for one of those by the first part of its DN, and by nothing else: a child domain
//! (`DC=child,DC=example,DC=com`) holds people, and counts.

use percent_encoding::percent_decode_str;

/// The first RDN of each naming context that holds no people, lower case.
const OTHER_CONTEXTS: [&str; 4] = [
    "cn=configuration",
    "cn=schema",
    "dc=domaindnszones",
    "dc=forestdnszones",
];

/// True when every address of the reference is that of a naming context without people.
pub(super) fn is_other_context(uris: &[String]) -> bool {
    !uris.is_empty()
        && uris
            .iter()
            .all(|uri| dn(uri).is_some_and(|dn| starts_in_other_context(&dn)))
}

fn starts_in_other_context(dn: &str) -> bool {
    let Some((first, rest)) = dn.split_once(',') else {
        return false;
    };
    let first: String = first.chars().filter(|c| !c.is_whitespace()).collect();
    !rest.is_empty() && OTHER_CONTEXTS.contains(&first.to_ascii_lowercase().as_str())
}

/// The distinguished name of an LDAP URL (RFC 4516), when it has one.
fn dn(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("ldap") && !scheme.eq_ignore_ascii_case("ldaps") {
        return None;
    }
    let (_host, path) = rest.split_once('/')?;
    let dn = path.split('?').next()?;
    Some(percent_decode_str(dn).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(uris: &[&str], expected: bool) {
        let uris: Vec<String> = uris.iter().map(|uri| (*uri).to_owned()).collect();
        assert_eq!(is_other_context(&uris), expected, "{uris:?}");
    }

    #[test]
    fn references() {
        check(&["ldap://example.com/CN=Configuration,DC=example,DC=com"], true);
        check(
            &["ldap://ForestDnsZones.example.com/DC=ForestDnsZones,DC=example,DC=com"],
            true,
        );
        check(
            &["ldaps://DomainDnsZones.example.com/DC=DomainDnsZones,DC=example,DC=com??base"],
            true,
        );
        check(&["LDAP://example.com/cn%3Dschema,cn=configuration,dc=example"], true);
        check(&["ldap://child.example.com/DC=child,DC=example,DC=com"], false);
        check(&["ldap://example.com/CN=ConfigurationTeam,DC=example,DC=com"], false);
        check(&["ldap://example.com/OU=CN\\=Configuration,DC=example"], false);
        check(&["ldap://a/CN=Configuration,DC=x", "ldap://b/DC=child,DC=x"], false);
        check(&["ldap://example.com/CN=Configuration"], false);
        check(&["ldap://example.com/"], false);
        check(&["ldap://example.com"], false);
        check(&["ldap://example.com/%ff,DC=x"], false);
        check(&["http://example.com/CN=Configuration,DC=x"], false);
        check(&[], false);
    }
}
