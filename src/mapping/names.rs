//! The attributes a mapping reads, and where they are in an entry.

use super::error::Mistake;
use crate::model::{DirectoryEntry, dn::canonical_type};

/// The name that stands for the entry's own distinguished name.
const DN: &str = "dn";

/// One attribute the mapping reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(usize);

/// All attributes the mapping reads.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// Name and slot, by length: few attributes have names of one length, so that finding one of
    /// them takes a comparison or two. Every attribute of every entry is looked up.
    by_length: Vec<Vec<(String, usize)>>,
    /// For each slot: another slot to look into when this one is empty.
    other_names: Vec<Option<usize>>,
    requested: Vec<String>,
    dn: Option<usize>,
}

impl Names {
    /// The slot of the attribute that is `written` so.
    pub fn slot(&mut self, written: &str) -> Result<Slot, Mistake> {
        let name = written.trim().to_ascii_lowercase();
        let (base, options) = name
            .split_once(';')
            .map_or((name.as_str(), None), |(base, rest)| (base, Some(rest)));
        let allowed = |text: &str, more: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        if !allowed(base, "-_.") || options.is_some_and(|options| !allowed(options, "-_;")) {
            return Err(Mistake::new(
                format!("`{written}` is not the name of an LDAP attribute"),
                "a name is letters, digits and hyphens; a text made of several attributes is { template = \"…\" }",
            ));
        }
        let slot = self.intern(&name);
        if name == DN {
            self.dn = Some(slot);
        } else if !self.requested.contains(&name) {
            // Servers answer with the first name of a type, whatever was asked for.
            let first = canonical_type(&name);
            if first != name {
                self.other_names[slot] = Some(self.intern(&first));
            }
            self.requested.push(name);
        }
        Ok(Slot(slot))
    }

    fn intern(&mut self, name: &str) -> usize {
        if let Some(slot) = self.find(name) {
            return slot;
        }
        let slot = self.other_names.len();
        self.other_names.push(None);
        if self.by_length.len() <= name.len() {
            self.by_length.resize(name.len() + 1, Vec::new());
        }
        self.by_length[name.len()].push((name.to_owned(), slot));
        slot
    }

    fn find(&self, name: &str) -> Option<usize> {
        let candidates = self.by_length.get(name.len())?;
        candidates
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, slot)| *slot)
    }

    /// What to ask the server for: lower case, sorted.
    pub fn requested(&self) -> Vec<String> {
        let mut requested = self.requested.clone();
        requested.sort_unstable();
        requested
    }

    /// Finds every slot of `entry` in one pass. `own_dn` is what `dn` reads.
    pub fn view<'e>(&'e self, entry: &'e DirectoryEntry, own_dn: &'e [Vec<u8>]) -> View<'e> {
        let mut values: Vec<&[Vec<u8>]> = vec![&[]; self.other_names.len()];
        for attribute in &entry.attributes {
            if let Some(slot) = self.find(&attribute.name) {
                values[slot] = &attribute.values;
            }
        }
        if let Some(slot) = self.dn {
            values[slot] = own_dn;
        }
        View { names: self, values }
    }

    /// The values that `dn` reads, when some rule does.
    pub fn own_dn(&self, entry: &DirectoryEntry) -> Vec<Vec<u8>> {
        self.dn.iter().map(|_| entry.dn.clone().into_bytes()).collect()
    }

    /// The name of a slot, for people.
    pub fn name(&self, slot: Slot) -> &str {
        self.by_length
            .iter()
            .flatten()
            .find(|(_, index)| *index == slot.0)
            .map_or("", |(name, _)| name)
    }
}

/// One entry, seen through [`Names`].
pub(super) struct View<'e> {
    names: &'e Names,
    values: Vec<&'e [Vec<u8>]>,
}

impl<'e> View<'e> {
    /// The values in `slot` that are not empty.
    pub fn values(&self, slot: Slot) -> impl Iterator<Item = &'e [u8]> + use<'e> {
        let own = self.values[slot.0];
        let values = match self.names.other_names[slot.0] {
            Some(other) if own.is_empty() => self.values[other],
            _ => own,
        };
        values.iter().map(Vec::as_slice).filter(|value| !value.is_empty())
    }

    /// The name of a slot, for people.
    pub fn name(&self, slot: Slot) -> &'e str {
        self.names.name(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Attribute;

    #[test]
    fn names_are_found_however_they_are_spelled() {
        let mut names = Names::default();
        let slots = ["Surname", "mail", "CN;lang-de", "dn", "2.5.4.42", "sn"].map(|name| names.slot(name).expect(name));
        assert_eq!(names.requested(), ["2.5.4.42", "cn;lang-de", "mail", "sn", "surname"]);
        let attribute = |name: &str, value: &str| Attribute {
            name: name.into(),
            values: vec![b"".into(), value.into()],
        };
        let entry = DirectoryEntry {
            dn: "cn=x".into(),
            attributes: vec![
                attribute("sn", "Doe"),
                attribute("cn;lang-de", "Jens"),
                attribute("givenname", "Jane"),
                attribute("mail", "j@x"),
            ],
        };
        let dn = names.own_dn(&entry);
        let view = names.view(&entry, &dn);
        let found = slots.map(|slot| view.values(slot).next().map(String::from_utf8_lossy));
        assert_eq!(
            found.map(|value| value.unwrap_or_default().into_owned()),
            ["Doe", "j@x", "Jens", "cn=x", "Jane", "Doe"]
        );
    }

    #[test]
    fn what_is_no_name() {
        for written in ["", "a b", "{{ cn }}", "cn,sn", "cn;", "ümlaut"] {
            assert!(Names::default().slot(written).is_err(), "{written}");
        }
    }
}
