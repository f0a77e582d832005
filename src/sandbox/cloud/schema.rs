//! The attributes of User, its enterprise extension and Group (RFC 7643 sections 4.1 to 4.3), with
//! their JSON types. What of them a cloud takes is its profile's business.

pub(super) use crate::model::{ENTERPRISE_USER, USER};

/// The Group schema (RFC 7643 section 4.2).
pub(super) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// What stands at an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Boolean,
    /// An object of these sub-attributes.
    Complex(&'static [(&'static str, Type)]),
    /// A list of such objects.
    Many(&'static [(&'static str, Type)]),
}

use Type::{Boolean, Complex, Many, Text};

/// A known attribute: its spelling and its type.
pub(super) type Known = (&'static str, Type);

const NAME: &[Known] = &[
    ("formatted", Text),
    ("familyName", Text),
    ("givenName", Text),
    ("middleName", Text),
    ("honorificPrefix", Text),
    ("honorificSuffix", Text),
];
const PLURAL: &[Known] = &[("value", Text), ("display", Text), ("type", Text), ("primary", Boolean)];
const ADDRESS: &[Known] = &[
    ("formatted", Text),
    ("streetAddress", Text),
    ("locality", Text),
    ("region", Text),
    ("postalCode", Text),
    ("country", Text),
    ("type", Text),
    ("primary", Boolean),
];
/// The attributes of the enterprise extension.
pub(super) const ENTERPRISE: &[Known] = &[
    ("employeeNumber", Text),
    ("costCenter", Text),
    ("organization", Text),
    ("division", Text),
    ("department", Text),
    (
        "manager",
        Complex(&[("value", Text), ("$ref", Text), ("displayName", Text)]),
    ),
];
/// The attributes of User that a client may set.
pub(super) const USER_ATTRIBUTES: &[Known] = &[
    ("externalId", Text),
    ("userName", Text),
    ("name", Complex(NAME)),
    ("displayName", Text),
    ("nickName", Text),
    ("profileUrl", Text),
    ("title", Text),
    ("userType", Text),
    ("preferredLanguage", Text),
    ("locale", Text),
    ("timezone", Text),
    ("active", Boolean),
    ("emails", Many(PLURAL)),
    ("phoneNumbers", Many(PLURAL)),
    ("ims", Many(PLURAL)),
    ("photos", Many(PLURAL)),
    ("addresses", Many(ADDRESS)),
    ("entitlements", Many(PLURAL)),
    ("roles", Many(PLURAL)),
    ("x509Certificates", Many(PLURAL)),
    (ENTERPRISE_USER, Complex(ENTERPRISE)),
];
/// The attributes of Group that a client may set, but for `members`, which have rules of their own.
pub(super) const GROUP_ATTRIBUTES: &[Known] = &[("externalId", Text), ("displayName", Text)];

/// Finds a name, compared without case (RFC 7643 section 2.1).
pub(super) fn find(among: &'static [Known], name: &str) -> Option<Known> {
    among
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .copied()
}

/// The sub-attributes of a type.
pub(super) fn parts(kind: Type) -> &'static [Known] {
    match kind {
        Complex(parts) | Many(parts) => parts,
        Text | Boolean => &[],
    }
}

/// What follows `urn` in `path`: nothing, or the part after the colon. URNs are compared without case.
pub(super) fn strip_urn<'a>(path: &'a str, urn: &str) -> Option<&'a str> {
    let head = path.get(..urn.len()).filter(|head| head.eq_ignore_ascii_case(urn))?;
    let rest = &path[head.len()..];
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix(':')
    }
}
