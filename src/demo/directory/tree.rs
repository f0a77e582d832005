//! The entries: a tree by distinguished name, changed as `ldapadd`, `ldapmodify`, `ldapmodrdn` and
//! `ldapdelete` would change it.

use std::collections::BTreeMap;

use secrecy::SecretString;

use crate::{made_uuid::uuid_of, model::dn};

/// The RDNs in normal form, the topmost first: an entry sorts right before everything below it.
pub(super) type Key = Vec<String>;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As it was written.
    pub dn: String,
    /// The operational `entryUUID` (RFC 4530); stays when the entry is renamed.
    pub entry_uuid: String,
    /// Attribute name and its values, in the order of writing.
    pub attributes: Vec<(String, Vec<String>)>,
}

impl Entry {
    /// The values of an attribute; none when it is absent.
    #[must_use]
    pub fn values(&self, name: &str) -> &[String] {
        self.attributes
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map_or(&[], |(_, values)| values)
    }

    fn set(&mut self, name: &str, values: &[&str]) {
        self.attributes.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        if !values.is_empty() {
            self.attributes
                .push((name.to_owned(), values.iter().map(ToString::to_string).collect()));
        }
    }
}

/// The one account that may read.
#[derive(Clone, Debug)]
pub struct ServiceAccount {
    /// Its bind DN. It needs no entry.
    pub dn: String,
    /// Its password.
    pub password: SecretString,
}

/// Why a change was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// RFC 4511: invalidDNSyntax.
    #[error("{0}: not a distinguished name")]
    BadDn(String),
    /// RFC 4511: noSuchObject.
    #[error("{0}: no such entry")]
    NoSuchEntry(String),
    /// RFC 4511: entryAlreadyExists.
    #[error("{0}: exists already")]
    Exists(String),
    /// RFC 4511: notAllowedOnNonLeaf.
    #[error("{0}: has entries below it")]
    NotALeaf(String),
}

/// All entries, and who may read them.
#[derive(Clone, Debug)]
pub struct Tree {
    pub(super) account: ServiceAccount,
    pub(super) entries: BTreeMap<Key, Entry>,
    added: u64,
}

impl Tree {
    /// An empty tree.
    #[must_use]
    pub fn new(account: ServiceAccount) -> Self {
        Self {
            account,
            entries: BTreeMap::new(),
            added: 0,
        }
    }

    /// The account that may read.
    #[must_use]
    pub fn account(&self) -> &ServiceAccount {
        &self.account
    }

    /// The entry of that name.
    #[must_use]
    pub fn get(&self, dn: &str) -> Option<&Entry> {
        self.entries.get(&key(dn)?)
    }

    /// The topmost entries (`namingContexts` of the root DSE).
    pub fn suffixes(&self) -> impl Iterator<Item = &str> {
        self.entries
            .iter()
            .filter(|(key, _)| !self.has_parent(key))
            .map(|(_, entry)| entry.dn.as_str())
    }

    /// Adds an entry and returns its new `entryUUID`. The first entry is a suffix; every other one
    /// needs its parent.
    ///
    /// # Errors
    /// When the DN is wrong or taken, or the parent is missing.
    pub fn add(&mut self, dn: &str, attributes: &[(&str, &[&str])]) -> Result<String, TreeError> {
        let key = checked(dn)?;
        if self.entries.contains_key(&key) {
            return Err(TreeError::Exists(dn.to_owned()));
        }
        if !self.entries.is_empty() && !self.has_parent(&key) {
            return Err(TreeError::NoSuchEntry(format!("the parent of {dn}")));
        }
        self.added += 1;
        let entry_uuid = uuid_of(&format!("entry {} {dn}", self.added));
        let mut entry = Entry {
            dn: dn.to_owned(),
            entry_uuid: entry_uuid.clone(),
            attributes: Vec::new(),
        };
        for (name, values) in attributes {
            entry.set(name, values);
        }
        self.entries.insert(key, entry);
        Ok(entry_uuid)
    }

    /// Replaces the values of attributes; no values take an attribute away.
    ///
    /// # Errors
    /// When there is no such entry.
    pub fn modify(&mut self, dn: &str, changes: &[(&str, &[&str])]) -> Result<(), TreeError> {
        let entry = self
            .entries
            .get_mut(&checked(dn)?)
            .ok_or_else(|| TreeError::NoSuchEntry(dn.to_owned()))?;
        for (name, values) in changes {
            entry.set(name, values);
        }
        Ok(())
    }

    /// Gives an entry another name or place; what lies below moves along, and the attribute of the
    /// new RDN gets its value.
    ///
    /// # Errors
    /// When there is no such entry, or the new name is wrong, taken, or without a parent.
    pub fn rename(&mut self, dn: &str, new_dn: &str) -> Result<(), TreeError> {
        let (old, new) = (checked(dn)?, checked(new_dn)?);
        if !self.entries.contains_key(&old) {
            return Err(TreeError::NoSuchEntry(dn.to_owned()));
        }
        if new != old && self.entries.contains_key(&new) {
            return Err(TreeError::Exists(new_dn.to_owned()));
        }
        if new.len() > 1 && (!self.has_parent(&new) || (new.starts_with(&old) && new != old)) {
            return Err(TreeError::NoSuchEntry(format!("the parent of {new_dn}")));
        }
        let moving: Vec<Key> = self.below(&old).map(|(key, _)| key.clone()).collect();
        for key in moving {
            let Some(mut entry) = self.entries.remove(&key) else {
                continue;
            };
            let kept = split(&entry.dn).into_iter().take(key.len() - old.len());
            entry.dn = kept.chain([new_dn]).collect::<Vec<_>>().join(",");
            if key == old
                && let Some((name, value)) = rdn(new_dn)
            {
                entry.set(&name, &[&value]);
            }
            self.entries
                .insert(new.iter().chain(&key[old.len()..]).cloned().collect(), entry);
        }
        Ok(())
    }

    /// Takes a leaf away.
    ///
    /// # Errors
    /// When there is no such entry, or entries lie below it.
    pub fn delete(&mut self, dn: &str) -> Result<(), TreeError> {
        let key = checked(dn)?;
        if self.below(&key).nth(1).is_some() {
            return Err(TreeError::NotALeaf(dn.to_owned()));
        }
        self.entries
            .remove(&key)
            .map(drop)
            .ok_or_else(|| TreeError::NoSuchEntry(dn.to_owned()))
    }

    /// The entry at `key` and everything below it, parents first.
    pub(super) fn below<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = (&'a Key, &'a Entry)> {
        self.entries
            .range(key.clone()..)
            .take_while(move |(k, _)| k.starts_with(key))
    }

    fn has_parent(&self, key: &Key) -> bool {
        key.len() > 1 && (1..key.len()).any(|n| self.entries.contains_key(&key[..n]))
    }
}

fn checked(dn: &str) -> Result<Key, TreeError> {
    key(dn)
        .filter(|key| !key.is_empty())
        .ok_or_else(|| TreeError::BadDn(dn.to_owned()))
}

/// The key of a DN: empty for the empty DN, nothing for a text that is none.
pub(super) fn key(dn: &str) -> Option<Key> {
    if dn.trim().is_empty() {
        return Some(Key::new());
    }
    let mut key = split(dn)
        .into_iter()
        .map(|part| rdn(part).and(dn::normalize(part)))
        .collect::<Option<Key>>()?;
    key.reverse();
    Some(key)
}

/// The RDNs as written, cut at commas that are not escaped (RFC 4514 section 2.4).
fn split(dn: &str) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in dn.char_indices() {
        if c == ',' && !escaped {
            parts.push(dn[start..at].trim());
            start = at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(dn[start..].trim());
    parts
}

/// Type and value of the first RDN, with escapes of single characters undone.
fn rdn(dn: &str) -> Option<(String, String)> {
    let (name, value) = split(dn).first()?.split_once('=')?;
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.trim().chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    (!name.trim().is_empty()).then(|| (name.trim().to_owned(), plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::new(ServiceAccount {
            dn: "cn=r,dc=x".into(),
            password: "p".to_owned().into(),
        });
        for dn in [
            "dc=x",
            "ou=a,dc=x",
            "ou=b,dc=x",
            "uid=u\\,1,ou=a,dc=x",
            "cn=card,uid=u\\,1,ou=a,dc=x",
        ] {
            tree.add(dn, &[("objectClass", &["top"])]).unwrap();
        }
        tree
    }

    fn names(tree: &Tree) -> Vec<&str> {
        tree.entries.values().map(|e| e.dn.as_str()).collect()
    }

    #[test]
    fn names_are_compared_without_case_and_parents_come_first() {
        let tree = tree();
        assert_eq!(
            names(&tree),
            [
                "dc=x",
                "ou=a,dc=x",
                "uid=u\\,1,ou=a,dc=x",
                "cn=card,uid=u\\,1,ou=a,dc=x",
                "ou=b,dc=x"
            ]
        );
        assert_eq!(tree.get("OU=A, dc=X").map(|e| e.dn.as_str()), Some("ou=a,dc=x"));
        assert_eq!(tree.suffixes().collect::<Vec<_>>(), ["dc=x"]);
    }

    #[test]
    fn a_rename_takes_the_subtree_along_and_keeps_the_uuid() {
        let mut tree = tree();
        let uuid = tree.get("uid=u\\,1,ou=a,dc=x").unwrap().entry_uuid.clone();
        tree.rename("uid=u\\,1,ou=a,dc=x", "uid=v,ou=b,dc=x").unwrap();
        assert_eq!(
            names(&tree),
            [
                "dc=x",
                "ou=a,dc=x",
                "ou=b,dc=x",
                "uid=v,ou=b,dc=x",
                "cn=card,uid=v,ou=b,dc=x"
            ]
        );
        let moved = tree.get("uid=v,ou=b,dc=x").unwrap();
        assert_eq!(
            (moved.entry_uuid.as_str(), moved.values("UID")),
            (uuid.as_str(), &["v".to_owned()][..])
        );
    }

    #[test]
    fn wrong_changes_are_refused_and_change_nothing() {
        let mut tree = tree();
        let before = names(&tree).join("|");
        assert_eq!(tree.add("ou=a,dc=x", &[]), Err(TreeError::Exists("ou=a,dc=x".into())));
        assert_eq!(
            tree.add("ou=c,dc=y", &[]),
            Err(TreeError::NoSuchEntry("the parent of ou=c,dc=y".into()))
        );
        assert_eq!(tree.add("nonsense", &[]), Err(TreeError::BadDn("nonsense".into())));
        assert_eq!(tree.delete("ou=a,dc=x"), Err(TreeError::NotALeaf("ou=a,dc=x".into())));
        assert_eq!(
            tree.delete("ou=z,dc=x"),
            Err(TreeError::NoSuchEntry("ou=z,dc=x".into()))
        );
        assert_eq!(
            tree.modify("ou=z,dc=x", &[]),
            Err(TreeError::NoSuchEntry("ou=z,dc=x".into()))
        );
        assert_eq!(
            tree.rename("ou=a,dc=x", "ou=b,dc=x"),
            Err(TreeError::Exists("ou=b,dc=x".into()))
        );
        let below_itself = tree.rename("ou=a,dc=x", "ou=q,ou=a,dc=x");
        assert_eq!(
            below_itself,
            Err(TreeError::NoSuchEntry("the parent of ou=q,ou=a,dc=x".into()))
        );
        assert_eq!(names(&tree).join("|"), before);
    }
}
