//! The left-hand sides of `[users.map]`: SCIM paths as people write them, checked against the User
//! schema (RFC 7643 sections 4.1 and 4.3).

use super::error::{Mistake, most_like};
use crate::model::{AttributePath, ENTERPRISE_USER, USER};

const TEXTS: [&str; 10] = [
    "displayName",
    "externalId",
    "locale",
    "nickName",
    "preferredLanguage",
    "profileUrl",
    "timezone",
    "title",
    "userName",
    "userType",
];
const NAME_PARTS: [&str; 6] = [
    "familyName",
    "formatted",
    "givenName",
    "honorificPrefix",
    "honorificSuffix",
    "middleName",
];
const ENTERPRISE: [&str; 5] = ["costCenter", "department", "division", "employeeNumber", "organization"];
const LISTS: [&str; 6] = ["emails", "entitlements", "ims", "phoneNumbers", "photos", "roles"];
const ADDRESS_PARTS: [&str; 6] = [
    "country",
    "formatted",
    "locality",
    "postalCode",
    "region",
    "streetAddress",
];
/// Canonical values of `type` (RFC 7643 section 4.1.2).
const TYPES: [&str; 8] = ["fax", "home", "mobile", "other", "pager", "photo", "thumbnail", "work"];
/// Lists whose items need no `type`.
const UNTYPED: [&str; 2] = ["entitlements", "roles"];
const READ_ONLY: [&str; 5] = ["groups", "id", "meta", "schemas", "$ref"];
const UNSUPPORTED: [&str; 2] = ["password", "x509Certificates"];

/// What a rule fills. The order is the order of items in a list: `work` first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// An attribute or sub-attribute with one text.
    Text(AttributePath),
    /// An attribute with true or false.
    Boolean(AttributePath),
    /// An attribute of an extension we know nothing about.
    Extension(AttributePath),
    /// `value` of the items of one type in a multi-valued attribute.
    Item(&'static str, ItemType),
    /// One part of the address of one type.
    AddressPart(ItemType, &'static str),
    /// The manager of the enterprise extension.
    Manager,
    /// Everything below one name; only good for taking rules out.
    All(String),
}

/// The `type` of items, `work` before all others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ItemType {
    rank: u8,
    /// The text, empty for items without a type.
    pub name: String,
}

impl ItemType {
    fn new(written: &str) -> Self {
        let name = same_name(&TYPES, written).unwrap_or(written);
        Self {
            rank: u8::from(name != "work"),
            name: name.to_owned(),
        }
    }
}

impl Target {
    /// The target that `written` stands for.
    pub fn parse(written: &str) -> Result<Self, Mistake> {
        let trimmed = written.trim();
        if let Some(local) = strip_schema(trimmed, USER) {
            return core(local, written);
        }
        if let Some(local) = strip_schema(trimmed, ENTERPRISE_USER) {
            return enterprise(local, written);
        }
        if trimmed.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:")) {
            return extension(trimmed);
        }
        core(trimmed, written)
    }

    /// The short canonical spelling: two spellings of one target have the same.
    pub fn canonical(&self) -> String {
        match self {
            Self::Text(path) | Self::Boolean(path) | Self::Extension(path) => path.short(),
            Self::Item(list, kind) if kind.name.is_empty() => (*list).to_owned(),
            Self::Item(list, kind) => format!("{list}.{}", kind.name),
            Self::AddressPart(kind, part) => format!("addresses.{}.{part}", kind.name),
            Self::Manager => "enterprise.manager".to_owned(),
            Self::All(name) => name.clone(),
        }
    }

    /// The path of the resource that is filled.
    pub fn path(&self) -> AttributePath {
        match self {
            Self::Text(path) | Self::Boolean(path) | Self::Extension(path) => path.clone(),
            Self::Item(list, _) => AttributePath::new(list),
            Self::AddressPart(..) => AttributePath::new("addresses"),
            Self::Manager => AttributePath::enterprise("manager"),
            Self::All(name) => AttributePath::new(name),
        }
    }

    /// Whether a rule for `self` goes when `removed` is taken out.
    pub fn is_within(&self, removed: &Self) -> bool {
        let below = |name: &str| {
            let own = self.canonical();
            own.strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        match removed {
            Self::All(name) => below(name),
            Self::Item(list, kind) if kind.name.is_empty() => below(list),
            other => self == other,
        }
    }
}

fn core(local: &str, written: &str) -> Result<Target, Mistake> {
    let segments = segments(local).ok_or_else(|| unknown(written))?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match *segments.as_slice() {
        [first] if first.eq_ignore_ascii_case("active") => Ok(Target::Boolean(AttributePath::new("active"))),
        [first] => whole_attribute(first).ok_or_else(|| unknown(written)),
        [first, ref rest @ ..] if first.eq_ignore_ascii_case("enterprise") => enterprise(&rest.join("."), written),
        [first, part] if first.eq_ignore_ascii_case("name") => same_name(&NAME_PARTS, part)
            .map(|part| Target::Text(AttributePath::new(&format!("name.{part}"))))
            .ok_or_else(|| unknown(written)),
        [first, ref rest @ ..] if first.eq_ignore_ascii_case("addresses") => address(rest, written),
        [first, ref rest @ ..] => match same_name(&LISTS, first) {
            Some(list) => item(list, rest, written),
            None => Err(unknown(written)),
        },
        [] => Err(unknown(written)),
    }
}

fn whole_attribute(name: &str) -> Option<Target> {
    if let Some(name) = same_name(&TEXTS, name) {
        return Some(Target::Text(AttributePath::new(name)));
    }
    if let Some(list) = same_name(&UNTYPED, name) {
        return Some(Target::Item(list, ItemType::new("")));
    }
    same_name(&LISTS, name)
        .or_else(|| same_name(&["addresses", "name", "enterprise"], name))
        .map(|name| Target::All(name.to_owned()))
}

fn item(list: &'static str, rest: &[&str], written: &str) -> Result<Target, Mistake> {
    let sub_attributes = ["display", "primary", "type", "value", "$ref"];
    match *rest {
        ["value"] if UNTYPED.contains(&list) => Ok(Target::Item(list, ItemType::new(""))),
        [kind] if same_name(&sub_attributes, kind).is_some() => Err(Mistake::new(
            format!("`{written}` does not say which type of {list} it is"),
            format!("write `{list}.work`; value, type and primary are filled in"),
        )),
        [kind] | [kind, _] if !is_name(kind) => Err(unknown(written)),
        [kind] => Ok(Target::Item(list, ItemType::new(kind))),
        [kind, sub] if sub.eq_ignore_ascii_case("value") => Ok(Target::Item(list, ItemType::new(kind))),
        [kind, _] => Err(Mistake::new(
            format!("`{written}`: only the value of an item can be mapped"),
            format!("write `{list}.{kind}`; type and primary are filled in"),
        )),
        _ => Err(unknown(written)),
    }
}

fn address(rest: &[&str], written: &str) -> Result<Target, Mistake> {
    match *rest {
        [kind] | [kind, _] if !is_name(kind) => Err(unknown(written)),
        [kind] if same_name(&ADDRESS_PARTS, kind).is_none() => {
            Ok(Target::All(format!("addresses.{}", ItemType::new(kind).name)))
        }
        [part] => Err(Mistake::new(
            format!("`{written}` does not say which type of address it is"),
            format!("write `addresses.work.{part}`"),
        )),
        [kind, part] => match same_name(&ADDRESS_PARTS, part) {
            Some(part) => Ok(Target::AddressPart(ItemType::new(kind), part)),
            None => Err(unknown(written)),
        },
        _ => Err(unknown(written)),
    }
}

fn enterprise(local: &str, written: &str) -> Result<Target, Mistake> {
    if local.is_empty() {
        return Ok(Target::All("enterprise".to_owned()));
    }
    if same_name(&["manager", "manager.value"], local).is_some() {
        return Ok(Target::Manager);
    }
    same_name(&ENTERPRISE, local)
        .map(|name| Target::Text(AttributePath::enterprise(name)))
        .ok_or_else(|| unknown(written))
}

/// An attribute of an extension that the User schema knows nothing of.
fn extension(path: &str) -> Result<Target, Mistake> {
    let (schema, local) = path.rsplit_once(':').unwrap_or((path, ""));
    if schema.split(':').filter(|part| !part.is_empty()).count() < 3
        || local.split('.').count() > 2
        || !local.split('.').all(is_name)
    {
        return Err(Mistake::new(
            format!("`{path}` is not an attribute of a SCIM extension"),
            "write the schema's URN, a colon and the attribute: `urn:example:scim:2.0:User:badgeNumber`",
        ));
    }
    Ok(Target::Extension(AttributePath::new(path)))
}

/// ATTRNAME of RFC 7643 section 2.1; good enough for types, too.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// `emails[type eq "work"].value` and `emails.work.value` alike: the names between the dots.
fn segments(path: &str) -> Option<Vec<String>> {
    let Some((list, rest)) = path.split_once('[') else {
        return Some(path.split('.').map(|segment| segment.trim().to_owned()).collect());
    };
    let (filter, rest) = rest.split_once(']')?;
    let words: Vec<&str> = filter.split_whitespace().collect();
    let [attribute, operator, value] = *words.as_slice() else {
        return None;
    };
    if !attribute.eq_ignore_ascii_case("type") || !operator.eq_ignore_ascii_case("eq") {
        return None;
    }
    let value = value.strip_prefix('"')?.strip_suffix('"')?;
    let mut segments = vec![list.trim().to_owned(), value.to_owned()];
    if let Some(sub) = rest.strip_prefix('.') {
        segments.push(sub.trim().to_owned());
    } else if !rest.is_empty() {
        return None;
    }
    Some(segments)
}

pub(super) fn strip_schema<'a>(path: &'a str, schema: &str) -> Option<&'a str> {
    let (start, rest) = path.split_at_checked(schema.len())?;
    if !start.eq_ignore_ascii_case(schema) {
        return None;
    }
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix(':')
    }
}

pub(super) fn same_name<'a>(names: &[&'a str], written: &str) -> Option<&'a str> {
    names.iter().copied().find(|name| name.eq_ignore_ascii_case(written))
}

fn unknown(written: &str) -> Mistake {
    let leaf = written.rsplit([':', '.']).next().unwrap_or(written);
    if same_name(&READ_ONLY, leaf).is_some() {
        return Mistake::new(
            format!("`{written}` is set by the service provider"),
            "take the line out",
        );
    }
    if same_name(&UNSUPPORTED, leaf).is_some() {
        return Mistake::new(format!("`{written}` cannot be mapped"), "take the line out");
    }
    let message = format!("`{written}` is not an attribute of a SCIM User");
    match suggestion(written, leaf) {
        Some(like) => Mistake::new(message, format!("did you mean `{like}`?")),
        None => Mistake::new(
            message,
            "see RFC 7643 section 4.1; attributes of an extension are written with its whole URN",
        ),
    }
}

fn suggestion(written: &str, leaf: &str) -> Option<String> {
    let candidates = candidates();
    let names = || candidates.iter().map(String::as_str);
    let last = |name: &str| name.rsplit('.').next().map(str::to_ascii_lowercase);
    let short = written.rsplit(':').next().unwrap_or(written);
    names()
        .find(|name| last(name).is_some_and(|last| last == leaf.to_ascii_lowercase()))
        .or_else(|| most_like(short, names()))
        .or_else(|| most_like(leaf, names()))
        .or_else(|| names().find(|name| last(name).is_some_and(|last| most_like(leaf, [last.as_str()]).is_some())))
        .map(str::to_owned)
}

/// Every path that can be written, the likelier ones first.
fn candidates() -> Vec<String> {
    let below = |prefix: &str, names: &[&str]| names.iter().map(|name| format!("{prefix}{name}")).collect::<Vec<_>>();
    let mut all = below("", &TEXTS);
    all.push("active".to_owned());
    all.extend(below("name.", &NAME_PARTS));
    all.extend(below("enterprise.", &ENTERPRISE));
    all.push("enterprise.manager".to_owned());
    all.extend(below("addresses.work.", &ADDRESS_PARTS));
    all.extend(LISTS.iter().map(|list| {
        if UNTYPED.contains(list) {
            (*list).to_owned()
        } else {
            format!("{list}.work")
        }
    }));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling() {
        let check = |written: &str, expected: &str| {
            assert_eq!(
                Target::parse(written).map(|target| target.canonical()),
                Ok(expected.to_owned()),
                "{written}"
            );
        };
        check("userName", "userName");
        check("USERNAME", "userName");
        check(" externalid ", "externalId");
        check("urn:ietf:params:scim:schemas:core:2.0:User:displayname", "displayName");
        check("name.familyname", "name.familyName");
        check("enterprise.Department", "enterprise.department");
        check(
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter",
            "enterprise.costCenter",
        );
        check("enterprise.manager", "enterprise.manager");
        check("enterprise.manager.value", "enterprise.manager");
        check(
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:manager.value",
            "enterprise.manager",
        );
        check("emails.work", "emails.work");
        check("Emails.WORK.value", "emails.work");
        check("emails[type eq \"work\"].value", "emails.work");
        check("emails[type eq \"work\"]", "emails.work");
        check("phoneNumbers.Mobile", "phoneNumbers.mobile");
        check("phoneNumbers.Sat", "phoneNumbers.Sat");
        check("addresses.work.streetaddress", "addresses.work.streetAddress");
        check("addresses[type eq \"home\"].country", "addresses.home.country");
        check("roles", "roles");
        check("roles.value", "roles");
        check("ims.skype", "ims.skype");
        check("active", "active");
        check("emails", "emails");
        check("name", "name");
        check(
            "urn:example:params:scim:2.0:User:badge.color",
            "urn:example:params:scim:2.0:User:badge.color",
        );
    }

    #[test]
    fn work_comes_first() {
        let parse = |written| Target::parse(written).expect(written);
        assert!(parse("emails.work") < parse("emails.home"));
        assert!(parse("emails.home") < parse("emails.other"));
    }

    #[test]
    fn mistakes_come_with_advice() {
        let check = |written: &str, message: &str, hint: &str| {
            let mistake = Target::parse(written).expect_err(written);
            assert!(mistake.message.contains(message), "{written}: {mistake:?}");
            assert!(mistake.hint.contains(hint), "{written}: {mistake:?}");
        };
        check(
            "usrName",
            "`usrName` is not an attribute of a SCIM User",
            "did you mean `userName`?",
        );
        check("givenName", "not an attribute", "did you mean `name.givenName`?");
        check("name.famlyName", "not an attribute", "did you mean `name.familyName`?");
        check(
            "department",
            "not an attribute",
            "did you mean `enterprise.department`?",
        );
        check(
            "enterprise.departmnt",
            "not an attribute",
            "did you mean `enterprise.department`?",
        );
        check("manager", "not an attribute", "did you mean `enterprise.manager`?");
        check("email", "not an attribute", "did you mean `emails.work`?");
        check("emails.value", "does not say which type", "`emails.work`");
        check("emails.work.display", "only the value", "`emails.work`");
        check(
            "addresses.streetAddress",
            "does not say which type",
            "`addresses.work.streetAddress`",
        );
        check(
            "addresses.work.stret",
            "not an attribute",
            "`addresses.work.streetAddress`",
        );
        check("emails[primary eq true].value", "not an attribute", "");
        check("emails[type eq work].value", "not an attribute", "");
        check("id", "set by the service provider", "take the line out");
        check("password", "cannot be mapped", "take the line out");
        check("urn:example:x", "not an attribute of a SCIM extension", "URN");
        check("emails.", "not an attribute", "");
        check("emails. .value", "not an attribute", "");
        check("addresses..locality", "not an attribute", "");
        check("zzz", "not an attribute", "RFC 7643");
        check("", "not an attribute", "RFC 7643");
    }

    #[test]
    fn what_a_removal_takes_along() {
        let check = |rule: &str, removed: &str, expected: bool| {
            let parse = |written| Target::parse(written).expect(written);
            assert_eq!(parse(rule).is_within(&parse(removed)), expected, "{rule} {removed}");
        };
        check("emails.work", "emails.work", true);
        check("emails.work", "emails", true);
        check("emails.home", "emails.work", false);
        check("addresses.work.region", "addresses", true);
        check("addresses.work.region", "addresses.work", true);
        check("addresses.workshop.region", "addresses.work", false);
        check("name.familyName", "name", true);
        check("enterprise.manager", "enterprise", true);
        check("roles.admin", "roles", true);
        check("userName", "userType", false);
    }
}
