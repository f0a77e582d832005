//! People named in the configuration who are not there: a slip of the pen in `[limits] protected`
//! protects nobody, and nothing else would say so.

use std::collections::BTreeMap;

use crate::model::{Anchor, DnKey};

/// The names in the configuration, and who of them was met so far.
#[derive(Clone, Debug, Default)]
pub struct Unmet {
    dns: BTreeMap<DnKey, Vec<usize>>,
    names: BTreeMap<String, Vec<usize>>,
    /// What to say while nobody of that name was met; nothing from then on.
    words: Vec<Option<String>>,
    open: usize,
}

impl Unmet {
    /// From `[limits] protected` as written, and from whom each `[[users.override]]` is for.
    #[must_use]
    pub fn new(protected: &[String], overrides: &[(String, Option<Anchor>, Option<DnKey>)]) -> Self {
        let mut unmet = Self::default();
        for name in protected {
            let at = unmet.add(format!(
                "[limits] protected names {name:?}, who is neither in the directory nor provisioned: nobody is protected by that"
            ));
            unmet.names.entry(name.trim().to_lowercase()).or_default().push(at);
            if name.contains('=') {
                unmet.dns.entry(DnKey::of(name)).or_default().push(at);
            }
        }
        for (label, anchor, dn) in overrides {
            let by = if dn.is_some() { "DN" } else { "anchor" };
            let at = unmet.add(format!(
                "{label} is for nobody: no entry in [users] base and filter has that {by}"
            ));
            if let Some(dn) = dn {
                unmet.dns.entry(*dn).or_default().push(at);
            }
            if let Some(anchor) = anchor {
                unmet.names.entry(anchor.as_str().to_lowercase()).or_default().push(at);
            }
        }
        unmet
    }

    fn add(&mut self, words: String) -> usize {
        self.words.push(Some(words));
        self.open += 1;
        self.words.len() - 1
    }

    /// Whether everybody was met.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// Somebody who is there.
    pub fn meet(&mut self, dn: &str, anchor: Option<&str>, user_name: Option<&str>) {
        if self.is_empty() {
            return;
        }
        let by_dn = (!self.dns.is_empty()).then(|| self.dns.get(&DnKey::of(dn))).flatten();
        let by_name = [anchor, user_name]
            .into_iter()
            .flatten()
            .filter_map(|name| self.names.get(&name.to_lowercase()));
        for &at in by_dn.into_iter().chain(by_name).flatten() {
            if self.words.get_mut(at).and_then(Option::take).is_some() {
                self.open -= 1;
            }
        }
    }

    /// What to say of those who were not met.
    pub fn words(&self) -> impl Iterator<Item = &String> {
        self.words.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(meet: (&str, Option<&str>, Option<&str>), left: usize) {
        let protected = ["A-1", "uid=B, dc=Test", "carl", "A-1"].map(str::to_owned);
        let overrides = [
            ("users.override[0]".to_owned(), Some(Anchor::new("a-1")), None),
            ("users.override[1]".to_owned(), None, Some(DnKey::of("uid=b,dc=test"))),
        ];
        let mut unmet = Unmet::new(&protected, &overrides);
        let (dn, anchor, user_name) = meet;
        unmet.meet(dn, anchor, user_name);
        unmet.meet(dn, anchor, user_name);
        assert_eq!(unmet.words().count(), left, "{meet:?}");
        assert_eq!(unmet.open, left);
    }

    #[test]
    fn people_are_met_by_every_name() {
        check(("uid=x,dc=test", Some("x"), Some("x")), 6);
        check(("uid=x,dc=test", Some("a-1"), None), 3);
        check(("UID=b,DC=test", Some("b-1"), None), 4);
        check(("uid=c,dc=test", None, Some("Carl")), 5);
        assert!(Unmet::new(&[], &[]).is_empty());
    }
}
