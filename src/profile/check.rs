//! Applies a profile's rules to one person, before anything is sent.

use std::fmt::Display;

use super::{
    compiled::{AttributeRule, Compiled, ItemRule, TextCheck},
    schema::Kind,
};
use crate::model::{AttributePath, Item, Problem, Resource, Scalar, Value, shortened};

/// Longest value quoted in a problem, in characters: enough to recognise it, one line in a report.
const VALUE_CHARS_MAX: usize = 80;

/// Everything wrong with `resource`: what is missing first, then in path order.
pub(super) fn check(profile: &str, compiled: &Compiled, resource: &Resource) -> Vec<Problem> {
    let rules = compiled.rules();
    let mut found = Found {
        profile,
        problems: Vec::new(),
    };
    for path in &rules.mandatory {
        if resource.get(path).is_none() {
            found.add(&AttributePath::new(path).short(), "must be present", "");
        }
    }
    for (path, value) in &resource.attributes {
        let rule = rules.attributes.get(path.as_str()).unwrap_or(&rules.other);
        found.attribute(path, rule, value);
    }
    found.problems
}

/// Everything wrong with a group.
pub(super) fn check_group(
    profile: &str,
    compiled: &Compiled,
    display_name: &str,
    external_id: Option<&str>,
) -> Vec<Problem> {
    let mut found = Found {
        profile,
        problems: Vec::new(),
    };
    let values = [("displayName", Some(display_name)), ("externalId", external_id)];
    for (attribute, text) in values {
        if let Some(text) = text {
            found.text(|| attribute.to_owned(), compiled.rules().group_text(attribute), text);
        }
    }
    found.problems
}

/// Everything wrong with a manager's id.
pub(super) fn check_manager(profile: &str, compiled: &Compiled, allowed: bool, id: &str) -> Vec<Problem> {
    let mut found = Found {
        profile,
        problems: Vec::new(),
    };
    if allowed {
        found.text(|| "enterprise.manager".to_owned(), &compiled.rules().other.text, id);
    } else {
        found.add(
            "enterprise.manager",
            "does not take this attribute; take it out of the mapping",
            id,
        );
    }
    found.problems
}

struct Found<'a> {
    profile: &'a str,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn add(&mut self, attribute: &str, rule: impl Display, value: &str) {
        self.problems.push(Problem {
            attribute: attribute.to_owned(),
            rule: format!("{}: {rule}", self.profile),
            value: shortened(value, VALUE_CHARS_MAX),
        });
    }

    fn attribute(&mut self, path: &AttributePath, rule: &AttributeRule, value: &Value) {
        if !rule.allowed {
            let value = if path.as_str() == "password" { "" } else { &brief(value) };
            return self.add(
                &path.short(),
                "does not take this attribute; take it out of the mapping",
                value,
            );
        }
        match (rule.kind, value) {
            (Some(Kind::Text) | None, Value::Text(text)) => self.text(|| path.short(), &rule.text, text),
            (Some(Kind::Multi) | None, Value::List(items)) => self.list(path, rule, items),
            (Some(Kind::Boolean) | None, Value::Boolean(_)) => {}
            (Some(Kind::Text), _) => self.add(&path.short(), "takes one string", &brief(value)),
            (Some(Kind::Boolean), _) => self.add(&path.short(), "takes true or false", &brief(value)),
            (Some(Kind::Multi), _) => self.add(&path.short(), "takes a list", &brief(value)),
        }
    }

    /// `name` is a closure so that the usual case, a good value, allocates nothing.
    fn text(&mut self, name: impl Fn() -> String, check: &TextCheck, text: &str) {
        if text.is_empty() {
            return self.add(&name(), "an empty value is never sent; leave the attribute out", "");
        }
        // No character is shorter than a byte, so most values need not be counted.
        let too_long = check
            .max_chars
            .filter(|max| text.len() > *max && text.chars().count() > *max);
        if let Some(max) = too_long {
            let rule = format!("{max} characters at most, this has {}", text.chars().count());
            self.add(&name(), rule, text);
        }
        if check.min_chars > 1 && text.chars().take(check.min_chars).count() < check.min_chars {
            self.add(&name(), format!("at least {} characters", check.min_chars), text);
        }
        if let Some(words) = check.bad_characters(text) {
            self.add(&name(), words, text);
        } else if text.chars().any(is_rubbish) {
            self.add(
                &name(),
                "a control character, which no name or text has; correct the entry",
                text,
            );
        }
    }

    fn list(&mut self, path: &AttributePath, rule: &AttributeRule, items: &[Item]) {
        if items.is_empty() {
            return self.add(
                &path.short(),
                "an empty list is never sent; leave the attribute out",
                "",
            );
        }
        if rule.items.single && items.len() > 1 {
            let rule = format!("takes one item only, this has {}", items.len());
            self.add(&path.short(), rule, &brief_items(items));
        }
        // RFC 7643 section 2.4: `primary` is true at most once.
        match items.iter().filter(|item| is_primary(item)).count() {
            0 if rule.items.primary_required => {
                self.add(&path.short(), "one item must be primary", &brief_items(items));
            }
            0 | 1 => {}
            _ => self.add(&path.short(), "only one item can be primary", &brief_items(items)),
        }
        for item in items {
            self.item(path, rule, &rule.items, item);
        }
    }

    fn item(&mut self, path: &AttributePath, rule: &AttributeRule, items: &ItemRule, item: &Item) {
        let name = |part: &str| format!("{}.{part}", path.short());
        for part in items.mandatory.iter().filter(|part| !item.contains_key(part.as_str())) {
            self.add(&name(part), "must be present in every item", &brief_item(item));
        }
        for (part, value) in item {
            if items
                .allowed
                .as_ref()
                .is_some_and(|allowed| !allowed.iter().any(|name| **name == **part))
            {
                self.add(
                    &name(part),
                    "does not take this part; take it out of the mapping",
                    &brief_scalar(value),
                );
                continue;
            }
            let boolean = &**part == "primary";
            match value {
                Scalar::Text(text) if boolean => self.add(&name(part), "takes true or false", text),
                Scalar::Boolean(_) if boolean || rule.kind.is_none() => {}
                Scalar::Boolean(_) => self.add(&name(part), "takes one string", &brief_scalar(value)),
                Scalar::Text(text) => {
                    let check = items.text.get(&**part).unwrap_or(&rule.text);
                    self.text(|| name(part), check, text);
                }
            }
        }
    }
}

/// Control characters, whatever the cloud: they come from binary rubbish or a slip in a program, and a
/// terminal or a page that shows the account would obey them. An address may have several lines.
fn is_rubbish(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r')
}

fn is_primary(item: &Item) -> bool {
    item.get("primary") == Some(&Scalar::Boolean(true))
}

fn brief(value: &Value) -> String {
    match value {
        Value::Boolean(value) => value.to_string(),
        Value::Text(text) => text.clone(),
        Value::List(items) => brief_items(items),
    }
}

fn brief_items(items: &[Item]) -> String {
    items.iter().map(brief_item).collect::<Vec<_>>().join(", ")
}

/// An item by its value, or by its parts when it has none.
fn brief_item(item: &Item) -> String {
    match item.get("value") {
        Some(value) => brief_scalar(value),
        None => item.values().map(brief_scalar).collect::<Vec<_>>().join(" "),
    }
}

fn brief_scalar(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Boolean(value) => value.to_string(),
        Scalar::Text(text) => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::profile::Profile;

    fn item(parts: &[(&str, &str)]) -> Item {
        let scalar = |text: &str| match text {
            "true" => Scalar::Boolean(true),
            "false" => Scalar::Boolean(false),
            text => Scalar::Text(text.to_owned()),
        };
        parts
            .iter()
            .map(|(part, text)| (Arc::from(*part), scalar(text)))
            .collect()
    }

    fn email(value: &str, primary: &str) -> Item {
        item(&[("value", value), ("type", "work"), ("primary", primary)])
    }

    /// Somebody whom every built-in profile takes.
    fn alice() -> Resource {
        let mut alice = Resource::default();
        for (path, text) in [
            ("userName", "alice"),
            ("externalId", "7a6c6a4e-0000-4000-8000-000000000001"),
            ("displayName", "Alice Müller"),
            ("name.familyName", "Müller"),
            ("name.givenName", "Alice"),
        ] {
            set(&mut alice, path, Value::Text(text.into()));
        }
        set(&mut alice, "active", Value::Boolean(true));
        set(
            &mut alice,
            "emails",
            Value::List(vec![email("alice@example.org", "true")]),
        );
        alice
    }

    fn set(resource: &mut Resource, path: &str, value: Value) {
        let path = match path.strip_prefix("enterprise.") {
            Some(name) => AttributePath::enterprise(name),
            None => AttributePath::new(path),
        };
        resource.attributes.insert(path, value);
    }

    fn text(text: &str) -> Option<Value> {
        Some(Value::Text(text.to_owned()))
    }

    fn list(items: &[Item]) -> Option<Value> {
        Some(Value::List(items.to_vec()))
    }

    /// Alice with the value at `path` replaced or taken out; the problems as `attribute: rule: value`.
    #[track_caller]
    fn check(profile: &str, path: &str, value: Option<Value>, expected: &[&str]) {
        let mut person = alice();
        match value.clone() {
            Some(value) => set(&mut person, path, value),
            None => drop(person.attributes.remove(path)),
        }
        let problems = Profile::named(profile).unwrap().check(&person);
        let found: Vec<String> = problems
            .iter()
            .map(|p| format!("{} | {} | {}", p.attribute, p.rule, p.value))
            .collect();
        assert_eq!(found, expected, "{profile}, {path} = {value:?}");
    }

    #[test]
    fn everybody_takes_alice() {
        for name in Profile::NAMES {
            check(name, "active", Some(Value::Boolean(false)), &[]);
        }
    }

    #[test]
    fn huawei() {
        let check = |path, value, expected: &[&str]| check("huawei", path, value, expected);
        check("userName", None, &["userName | huawei: must be present | "]);
        check("displayName", None, &["displayName | huawei: must be present | "]);
        check(
            "name.familyName",
            None,
            &["name.familyName | huawei: must be present | "],
        );
        check("name.givenName", None, &["name.givenName | huawei: must be present | "]);
        check("emails", None, &["emails | huawei: must be present | "]);
        check("externalId", None, &[]);
        check("userName", text("a_b+c=d,e.f@g-h"), &[]);
        check(
            "userName",
            text("dave#1"),
            &["userName | huawei: letters, digits and _+=,.@- only | dave#1"],
        );
        check(
            "userName",
            text("müller"),
            &["userName | huawei: letters, digits and _+=,.@- only | müller"],
        );
        check(
            "userName",
            text("a b\n"),
            &["userName | huawei: letters, digits and _+=,.@- only | a b\\n"],
        );
        check("userName", text("a"), &["userName | huawei: at least 2 characters | a"]);
        check("title", text(&"x".repeat(1024)), &[]);
        check("title", text(&"ü".repeat(1024)), &[]);
        let long = format!(
            "title | huawei: 1024 characters at most, this has 1025 | {}…",
            "ü".repeat(79)
        );
        check("title", text(&"ü".repeat(1025)), &[&long]);
        check(
            "title",
            text(""),
            &["title | huawei: an empty value is never sent; leave the attribute out | "],
        );
        check("enterprise.department", text("R&D"), &[]);
        check(
            "enterprise.department",
            text(""),
            &["enterprise.department | huawei: an empty value is never sent; leave the attribute out | "],
        );
        check(
            "roles",
            list(&[item(&[("value", "admin")])]),
            &["roles | huawei: does not take this attribute; take it out of the mapping | admin"],
        );
        check("active", text("true"), &["active | huawei: takes true or false | true"]);
        check(
            "title",
            Some(Value::Boolean(true)),
            &["title | huawei: takes one string | true"],
        );
        check("emails", text("a@b"), &["emails | huawei: takes a list | a@b"]);
    }

    #[test]
    fn huawei_lists() {
        let check = |path, value, expected: &[&str]| check("huawei", path, value, expected);
        check(
            "emails",
            list(&[email("a@b", "true"), email("c@d", "false")]),
            &["emails | huawei: takes one item only, this has 2 | a@b, c@d"],
        );
        check(
            "emails",
            list(&[email("a@b", "false")]),
            &["emails | huawei: one item must be primary | a@b"],
        );
        check(
            "emails",
            list(&[item(&[("value", "a@b"), ("primary", "true")])]),
            &["emails.type | huawei: must be present in every item | a@b"],
        );
        check(
            "emails",
            list(&[item(&[
                ("display", "x"),
                ("value", "a@b"),
                ("type", "work"),
                ("primary", "true"),
            ])]),
            &["emails.display | huawei: does not take this part; take it out of the mapping | x"],
        );
        check(
            "emails",
            list(&[email("", "true")]),
            &["emails.value | huawei: an empty value is never sent; leave the attribute out | "],
        );
        check(
            "emails",
            list(&[]),
            &["emails | huawei: an empty list is never sent; leave the attribute out | "],
        );
        check("phoneNumbers", list(&[item(&[("value", "+86 10 1234")])]), &[]);
        check(
            "addresses",
            list(&[item(&[("locality", "Shenzhen"), ("country", "CN")])]),
            &[],
        );
        let home = item(&[("locality", "Bonn")]);
        check(
            "addresses",
            list(&[home.clone(), home]),
            &["addresses | huawei: takes one item only, this has 2 | Bonn, Bonn"],
        );
        check(
            "addresses",
            list(&[item(&[("value", "x")])]),
            &["addresses.value | huawei: does not take this part; take it out of the mapping | x"],
        );
    }

    #[test]
    fn control_characters_are_refused_for_every_cloud() {
        for profile in ["generic", "huawei"] {
            check(profile, "title", text("Head\tof\r\nCoats"), &[]);
            for (bad, seen) in [
                ("a\0b", "a\\u{0}b"),
                ("\u{1b}[31m", "\\u{1b}[31m"),
                ("\u{9b}", "\\u{9b}"),
            ] {
                let words = "a control character, which no name or text has; correct the entry";
                check(
                    profile,
                    "title",
                    text(bad),
                    &[&format!("title | {profile}: {words} | {seen}")],
                );
            }
        }
    }

    #[test]
    fn aws() {
        let check = |path, value, expected: &[&str]| check("aws", path, value, expected);
        check("emails", None, &[]);
        check("name.givenName", None, &["name.givenName | aws: must be present | "]);
        check(
            "emails",
            list(&[email("a@b", "false")]),
            &["emails | aws: one item must be primary | a@b"],
        );
        check("userName", text("müller#1!"), &[]);
        check(
            "userName",
            text("li lei"),
            &["userName | aws: letters, digits, symbols and punctuation only, no spaces | li lei"],
        );
        let long = format!(
            "userName | aws: 128 characters at most, this has 129 | {}…",
            "a".repeat(79)
        );
        check("userName", text(&"a".repeat(129)), &[&long]);
        check("title", text("Engineer 工程师\u{3000}II"), &[]);
        check(
            "title",
            text("a\u{1b}[0m"),
            &[
                "title | aws: letters, digits, symbols, punctuation and spaces only, no control characters | a\\u{1b}[0m",
            ],
        );
        check("roles", list(&[item(&[("value", "admin"), ("primary", "true")])]), &[]);
        check(
            "photos",
            list(&[item(&[("value", "https://x")])]),
            &["photos | aws: does not take this attribute; take it out of the mapping | https://x"],
        );
    }

    #[test]
    fn alibaba() {
        let check = |path, value, expected: &[&str]| check("alibaba", path, value, expected);
        check("displayName", None, &[]);
        check("emails", None, &[]);
        check("userName", None, &["userName | alibaba: must be present | "]);
        check(
            "userName",
            text("a+b"),
            &["userName | alibaba: letters, digits and @_-. only | a+b"],
        );
        check("userName", text(&"a".repeat(64)), &[]);
        check(
            "userName",
            text(&"a".repeat(65)),
            &[&format!(
                "userName | alibaba: 64 characters at most, this has 65 | {}",
                "a".repeat(65)
            )],
        );
        check("name.familyName", text(&"李".repeat(64)), &[]);
        let long = format!(
            "name.familyName | alibaba: 64 characters at most, this has 65 | {}",
            "李".repeat(65)
        );
        check("name.familyName", text(&"李".repeat(65)), &[&long]);
        let mail = format!("{}@example.org", "a".repeat(120));
        let long = format!(
            "emails.value | alibaba: 128 characters at most, this has 132 | {}…",
            "a".repeat(79)
        );
        check("emails", list(&[email(&mail, "true")]), &[&long]);
        check(
            "title",
            text("x"),
            &["title | alibaba: does not take this attribute; take it out of the mapping | x"],
        );
    }

    #[test]
    fn generic() {
        let check = |path, value, expected: &[&str]| check("generic", path, value, expected);
        check("displayName", None, &[]);
        check("userName", None, &["userName | generic: must be present | "]);
        check("userName", text("any thing / at all ☃"), &[]);
        check(
            "title",
            text(""),
            &["title | generic: an empty value is never sent; leave the attribute out | "],
        );
        check("emails", list(&[email("a@b", "false"), email("c@d", "false")]), &[]);
        check(
            "emails",
            list(&[email("a@b", "true"), email("c@d", "true")]),
            &["emails | generic: only one item can be primary | a@b, c@d"],
        );
        check(
            "password",
            text("x"),
            &["password | generic: does not take this attribute; take it out of the mapping | "],
        );
        check("urn:example:Shoe:size", text("44"), &[]);
        check(
            "photos",
            list(&[item(&[("value", "https://x"), ("display", "y")])]),
            &[],
        );
    }

    #[test]
    fn groups_and_managers() {
        let group = |profile: &str, name: &str, external_id: Option<&str>, expected: &[&str]| {
            let problems = Profile::named(profile).unwrap().check_group(name, external_id);
            let found: Vec<_> = problems
                .iter()
                .map(|p| format!("{} | {}", p.attribute, p.rule))
                .collect();
            assert_eq!(found, expected, "{profile} {name:?}");
        };
        for profile in Profile::NAMES {
            group(profile, "Staff_1.a-b", Some("g-1"), &[]);
            let empty = format!("displayName | {profile}: an empty value is never sent; leave the attribute out");
            group(profile, "", None, &[&empty]);
        }
        group("huawei", "Forschung & Lehre", None, &[]);
        group(
            "alibaba",
            "R&D",
            None,
            &["displayName | alibaba: letters, digits and _-. only"],
        );
        let long = "alibaba: 128 characters at most, this has 129";
        group("alibaba", &"a".repeat(129), None, &[&format!("displayName | {long}")]);
        let manager = |profile: &str, id: &str| Profile::named(profile).unwrap().check_manager(id).len();
        assert_eq!(
            (
                manager("huawei", "2819"),
                manager("huawei", ""),
                manager("alibaba", "2819")
            ),
            (0, 1, 1)
        );
        assert_eq!(manager("huawei", &"x".repeat(1025)), 1);
    }

    #[test]
    fn several_problems_come_at_once() {
        let problems = Profile::named("huawei").unwrap().check(&Resource::default());
        assert_eq!(problems.len(), 5, "{problems:?}");
        check(
            "huawei",
            "userName",
            text(&"#".repeat(200)),
            &[
                &format!(
                    "userName | huawei: 128 characters at most, this has 200 | {}…",
                    "#".repeat(79)
                ),
                &format!(
                    "userName | huawei: letters, digits and _+=,.@- only | {}…",
                    "#".repeat(79)
                ),
            ],
        );
    }
}
