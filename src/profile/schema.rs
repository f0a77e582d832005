//! The attributes of a User that a profile may name (RFC 7643 sections 3.1, 4.1 and 4.3).

use crate::model::{AttributePath, ENTERPRISE_USER};

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string.
    Text,
    /// A JSON boolean.
    Boolean,
    /// A list of items.
    Multi,
}

/// Single attributes that are strings. Without `password`: secrets are not in a directory's reach, and
/// would end in reports and in the state.
const TEXT: [&str; 16] = [
    "externalId",
    "userName",
    "name.formatted",
    "name.familyName",
    "name.givenName",
    "name.middleName",
    "name.honorificPrefix",
    "name.honorificSuffix",
    "displayName",
    "nickName",
    "profileUrl",
    "title",
    "userType",
    "preferredLanguage",
    "locale",
    "timezone",
];

/// Single strings of the enterprise extension.
const ENTERPRISE: [&str; 5] = ["employeeNumber", "costCenter", "organization", "division", "department"];

/// Multi-valued attributes whose items hold one value (RFC 7643 section 2.4).
const MULTI: [&str; 7] = [
    "emails",
    "phoneNumbers",
    "ims",
    "photos",
    "entitlements",
    "roles",
    "x509Certificates",
];

const ITEM_PARTS: [&str; 4] = ["value", "display", "type", "primary"];

const ADDRESS_PARTS: [&str; 8] = [
    "formatted",
    "streetAddress",
    "locality",
    "region",
    "postalCode",
    "country",
    "type",
    "primary",
];

/// Every path at which a resource can hold a value, in canonical spelling, with what stands there.
/// The manager is not among them: it travels beside the resource.
pub(super) fn paths() -> impl Iterator<Item = (AttributePath, Kind)> {
    let core = TEXT.iter().map(|path| (AttributePath::new(path), Kind::Text));
    let lists = MULTI.iter().chain(&["addresses"]);
    core.chain(
        ENTERPRISE
            .iter()
            .map(|name| (AttributePath::enterprise(name), Kind::Text)),
    )
    .chain([(AttributePath::new("active"), Kind::Boolean)])
    .chain(lists.map(|path| (AttributePath::new(path), Kind::Multi)))
}

/// What the items of `attribute` are made of; nothing when it is not multi-valued.
pub(super) fn parts(attribute: &str) -> Option<&'static [&'static str]> {
    match attribute {
        "addresses" => Some(&ADDRESS_PARTS),
        _ if MULTI.contains(&attribute) => Some(&ITEM_PARTS),
        _ => None,
    }
}

/// The canonical spelling of a path as a profile file writes it: `enterprise.` stands for the
/// extension's URN.
pub(super) fn canonical(path: &str) -> String {
    match path.strip_prefix("enterprise.") {
        Some(attribute) => format!("{ENTERPRISE_USER}:{attribute}"),
        None => path.to_owned(),
    }
}

/// Whether a User has something at this canonical path. Other extensions are their owner's business.
pub(super) fn knows(path: &str) -> bool {
    if let Some(attribute) = path.strip_prefix(ENTERPRISE_USER) {
        let name = attribute.trim_start_matches(':');
        return name == "manager" || ENTERPRISE.contains(&name);
    }
    if path.starts_with("urn:") {
        return true;
    }
    match path.split_once('.') {
        Some((attribute, part)) if attribute != "name" => parts(attribute).is_some_and(|parts| parts.contains(&part)),
        _ => TEXT.contains(&path) || path == "active" || parts(path).is_some(),
    }
}
