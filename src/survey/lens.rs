//! An account as the cloud shows it, in the words in which we would have pushed it.
//!
//! A cloud gives back something else than it was told: other case, more sub-attributes, another order,
//! nothing at all. Where that means the same, the answer is what was told, to the letter, so that
//! digests agree; only what means something else is a difference.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;

use crate::{
    mapping::Mapper,
    model::{AttributePath, Item, Resource, Scalar, Value},
    profile::Profile,
};

/// What is compared at one cloud.
#[derive(Clone, Debug)]
pub struct Lens {
    /// What the mapping fills: nothing else is ours to judge.
    ours: BTreeSet<AttributePath>,
    /// Taken, but never given back.
    unseen: BTreeSet<String>,
    user_name_without_case: bool,
    group_name_without_case: bool,
    manager: bool,
}

/// Composed by many services out of other attributes when nobody sets them (RFC 7643 section 4.1.1).
const DERIVED: [&str; 2] = ["name.formatted", "displayName"];

impl Lens {
    /// For this mapping and this cloud.
    #[must_use]
    pub fn new(mapper: &Mapper, profile: &Profile) -> Self {
        let manager = AttributePath::enterprise("manager");
        let mut ours = mapper.fills();
        let unseen: BTreeSet<String> = profile.wire.not_returned.iter().cloned().collect();
        let mapped = ours.remove(&manager);
        Self {
            ours,
            manager: mapped && !unseen.contains(manager.as_str()),
            unseen,
            user_name_without_case: profile.user_name_case_insensitive,
            group_name_without_case: profile.groups.display_name_case_insensitive,
        }
    }

    /// The same, but blind to these paths.
    #[must_use]
    pub fn ignoring(&self, paths: &BTreeSet<String>) -> Self {
        let mut lens = self.clone();
        lens.manager &= !paths.contains(AttributePath::enterprise("manager").as_str());
        lens.unseen.extend(paths.iter().cloned());
        lens
    }

    /// What this cloud is known never to give back.
    #[must_use]
    pub fn unseen(&self) -> &BTreeSet<String> {
        &self.unseen
    }

    /// Whether `there` shows something at `path`.
    #[must_use]
    pub fn shows(there: &Resource, path: &str) -> bool {
        find(there, path).is_some()
    }

    /// Whether managers are ours to keep right, and shown.
    #[must_use]
    pub fn sees_managers(&self) -> bool {
        self.manager
    }

    /// A `userName` in the form in which two that are equal are one name there.
    #[must_use]
    pub fn name(&self, user_name: &str) -> String {
        if self.user_name_without_case {
            user_name.to_lowercase()
        } else {
            user_name.to_owned()
        }
    }

    /// The same of a group's `displayName`.
    #[must_use]
    pub fn group_name(&self, name: &str) -> String {
        if self.group_name_without_case {
            name.to_lowercase()
        } else {
            name.to_owned()
        }
    }

    /// What a group that shows `there` holds of what it was told.
    #[must_use]
    pub fn held_by_group(&self, told: &Resource, there: &Resource) -> Resource {
        let mut held = Resource::default();
        for (path, told) in &told.attributes {
            let value = match find(there, path.as_str()) {
                None if self.unseen.contains(path.as_str()) => told,
                None => continue,
                Some(there) if said(told) == said(there) => told,
                Some(there) => there,
            };
            held.attributes.insert(path.clone(), value.clone());
        }
        held
    }

    /// What an account that shows `there` holds of what is ours. What means the same as in `told` is
    /// returned as it stands in `told`, and so is what this cloud never shows.
    #[must_use]
    pub fn held(&self, told: &Resource, there: &Resource) -> Resource {
        let mut held = Resource::default();
        let mut paths: BTreeSet<&AttributePath> = self.ours.iter().collect();
        paths.extend(told.attributes.keys());
        for path in paths {
            let (old, new) = (told.get(path.as_str()), find(there, path.as_str()));
            let value = if self.same(path.as_str(), old, new) { old } else { new };
            if let Some(value) = value {
                held.attributes.insert(path.clone(), value.clone());
            }
        }
        held
    }

    fn same(&self, path: &str, told: Option<&Value>, there: Option<&Value>) -> bool {
        if self.unseen.contains(path) {
            return true;
        }
        match (told, there) {
            (None, None) => true,
            // RFC 7643 section 4.1.1 leaves the default to the service; all of ours take true.
            (None, Some(Value::Boolean(true))) | (Some(Value::Boolean(true)), None) => path == "active",
            (None, Some(_)) => DERIVED.contains(&path),
            (Some(_), None) => false,
            (Some(Value::List(told)), Some(Value::List(there))) => self.same_items(path, told, there),
            (Some(told), Some(there)) => match (single(told), single(there)) {
                (Some(told), Some(there)) => self.same_scalar(path, "", &told, &there),
                _ => false,
            },
        }
    }

    /// The same items in any order, each once.
    fn same_items(&self, path: &str, told: &[Item], there: &[Item]) -> bool {
        let says_primary = told.iter().any(is_primary);
        let mut rest: Vec<&Item> = there.iter().collect();
        told.len() == there.len()
            && told.iter().all(|item| {
                let at = rest
                    .iter()
                    .position(|other| self.same_item(path, item, other, told.len(), says_primary));
                at.map(|at| rest.swap_remove(at)).is_some()
            })
    }

    /// What was told of the item is there. What the cloud adds of its own (`display`, `$ref`, a default
    /// `type`, the first as `primary` when none was told to be) says nothing else.
    fn same_item(&self, path: &str, told: &Item, there: &Item, items: usize, says_primary: bool) -> bool {
        let told_is_there = told.iter().all(|(part, value)| {
            if self.unseen.contains(&format!("{path}.{part}")) {
                return true;
            }
            match there.iter().find(|(name, _)| name.eq_ignore_ascii_case(part)) {
                Some((_, there)) => self.same_scalar(path, part, value, there),
                // One item alone is the primary one, said or not.
                None => &**part == "primary" && (*value == Scalar::Boolean(false) || items == 1),
            }
        });
        let extra_primary = is_primary(there) && !is_primary(told);
        told_is_there && !(extra_primary && says_primary)
    }

    fn same_scalar(&self, path: &str, part: &str, told: &Scalar, there: &Scalar) -> bool {
        match (told, there) {
            (Scalar::Boolean(told), Scalar::Boolean(there)) => told == there,
            (Scalar::Boolean(told), Scalar::Text(there)) => there.eq_ignore_ascii_case(&told.to_string()),
            (Scalar::Text(told), Scalar::Boolean(there)) => told.eq_ignore_ascii_case(&there.to_string()),
            (Scalar::Text(told), Scalar::Text(there)) => {
                let form = self.form(path, part);
                told == there || form(told) == form(there)
            }
        }
    }

    /// The form in which texts at a place mean the same when they are equal.
    fn form(&self, path: &str, part: &str) -> fn(&str) -> String {
        match (path, part) {
            ("userName", _) if self.user_name_without_case => folded,
            // RFC 7643 section 4.1.2: services may canonicalise both.
            ("emails", "value") | (_, "type") => folded,
            ("phoneNumbers", "value") => dialled,
            // RFC 5646 section 2.1.1: tags are compared without case; some write the underscore of POSIX.
            ("locale" | "preferredLanguage", _) => tag,
            _ => plain,
        }
    }
}

/// The value at `path`; names of attributes have no case (RFC 7643 section 2.1).
fn find<'r>(there: &'r Resource, path: &str) -> Option<&'r Value> {
    there.get(path).or_else(|| {
        let mut others = there.attributes.iter();
        others
            .find(|(other, _)| other.as_str().eq_ignore_ascii_case(path))
            .map(|(_, value)| value)
    })
}

fn single(value: &Value) -> Option<Scalar> {
    match value {
        Value::Boolean(value) => Some(Scalar::Boolean(*value)),
        Value::Text(text) => Some(Scalar::Text(text.clone())),
        Value::List(_) => None,
    }
}

/// A text in the form in which two mean the same.
fn said(value: &Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(plain(text)),
        value => value.clone(),
    }
}

fn is_primary(item: &Item) -> bool {
    item.get("primary") == Some(&Scalar::Boolean(true))
}

fn plain(text: &str) -> String {
    text.trim().nfc().collect()
}

fn folded(text: &str) -> String {
    plain(text).to_lowercase()
}

fn tag(text: &str) -> String {
    folded(text).replace('_', "-")
}

/// RFC 3966 section 3: visual separators mean nothing, the scheme is one spelling of many.
fn dialled(text: &str) -> String {
    let text = folded(text);
    let number = text.strip_prefix("tel:").unwrap_or(&text);
    number
        .chars()
        .filter(|c| !matches!(c, ' ' | '\u{a0}' | '-' | '.' | '(' | ')' | '/'))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::mapping::spec::{MappingSpec, Preset};

    fn lens(not_returned: &[&str]) -> Lens {
        let spec = MappingSpec {
            preset: Some(Preset::InetOrgPerson),
            ..MappingSpec::default()
        };
        let mut profile = Profile::named("generic").unwrap();
        profile.wire.not_returned = not_returned.iter().map(|&path| path.into()).collect();
        Lens::new(&Mapper::compile(&spec).unwrap(), &profile)
    }

    fn resource(flat: &Json) -> Resource {
        serde_json::from_value(flat.clone()).unwrap()
    }

    #[test]
    fn what_means_the_same_is_what_was_told() {
        let check = |told: Json, there: Json| {
            let told = resource(&told);
            let held = lens(&[]).held(&told, &resource(&there));
            assert_eq!(held, told, "{there}");
            assert_eq!(held.digest(), told.digest());
        };
        check(json!({"userName": "ada"}), json!({"userName": "Ada"}));
        check(json!({"userName": "ada"}), json!({"USERNAME": "ada", "active": true}));
        check(json!({"userName": "a", "active": true}), json!({"userName": "a"}));
        check(json!({"title": "Zoe\u{308}"}), json!({"title": "Zoë "}));
        check(
            json!({}),
            json!({"displayName": "A L", "name.formatted": "A L", "unknown": "x"}),
        );
        check(json!({"locale": "en_GB"}), json!({"locale": "en-gb"}));
        let mails = |items: Json| json!({"emails": items});
        check(
            mails(json!([{"value": "a@b", "type": "work", "primary": true}, {"value": "c@d", "type": "home"}])),
            mails(json!([
                {"value": "C@D", "type": "Home", "primary": false, "display": "c"},
                {"value": "a@b", "type": "work", "primary": true, "$ref": "x"},
            ])),
        );
        check(
            mails(json!([{"value": "a@b"}])),
            mails(json!([{"value": "a@b", "type": "work", "primary": true}])),
        );
        check(
            mails(json!([{"value": "a@b", "primary": true}])),
            mails(json!([{"value": "a@b"}])),
        );
        check(
            json!({"phoneNumbers": [{"value": "+49 (30) 123-4", "type": "work"}]}),
            json!({"phoneNumbers": [{"value": "tel:+49-30-1234", "type": "work"}]}),
        );
    }

    #[test]
    fn what_means_something_else_is_what_is_there() {
        let check = |told: Json, there: Json, expected: Json| {
            let held = lens(&[]).held(&resource(&told), &resource(&there));
            assert_eq!(serde_json::to_value(&held).unwrap(), expected, "{there}");
        };
        check(json!({"title": "a"}), json!({"title": "A"}), json!({"title": "A"}));
        check(json!({"title": "a"}), json!({}), json!({}));
        check(json!({}), json!({"title": "a"}), json!({"title": "a"}));
        check(
            json!({"displayName": "a"}),
            json!({"displayName": "b"}),
            json!({"displayName": "b"}),
        );
        check(json!({}), json!({"active": false}), json!({"active": false}));
        check(json!({"active": false}), json!({}), json!({}));
        check(
            json!({"active": false}),
            json!({"active": true}),
            json!({"active": true}),
        );
        // Not mapped, so not ours.
        check(json!({}), json!({"nickName": "x", "timezone": "y"}), json!({}));
        for there in [
            json!([{"value": "x@b", "primary": true}]),
            json!([{"value": "a@b", "primary": false}]),
            json!([{"value": "a@b", "primary": true}, {"value": "c@d"}]),
        ] {
            check(
                json!({"emails": [{"value": "a@b", "primary": true}]}),
                json!({"emails": there}),
                json!({"emails": there}),
            );
        }
        let both = json!({"emails": [{"value": "a@b", "primary": true}, {"value": "c@d", "primary": true}]});
        check(
            json!({"emails": [{"value": "a@b", "primary": true}, {"value": "c@d"}]}),
            both.clone(),
            both,
        );
        // One of two equal items does not stand for both.
        let twice = json!({"emails": [{"value": "a@b"}, {"value": "a@b"}]});
        check(
            json!({"emails": [{"value": "a@b"}, {"value": "c@d"}]}),
            twice.clone(),
            twice,
        );
    }

    #[test]
    fn what_is_never_shown_counts_as_pushed() {
        let told = resource(&json!({
            "title": "a", "userType": "x",
            "emails": [{"value": "a@b", "type": "work", "primary": true}],
        }));
        let there = resource(&json!({"userType": "y", "emails": [{"value": "a@b", "type": "work", "primary": false}]}));
        let held = lens(&["title", "emails.primary"]).held(&told, &there);
        assert_eq!(held.text("title"), Some("a"));
        assert_eq!(held.get("emails"), told.get("emails"));
        assert_eq!(held.text("userType"), Some("y"));
    }

    #[test]
    fn managers_are_looked_at_where_they_are_mapped_and_shown() {
        assert!(lens(&[]).sees_managers());
        let manager = AttributePath::enterprise("manager");
        assert!(!lens(&[manager.as_str()]).sees_managers());
    }
}
