//! Who is meant.

use std::collections::BTreeMap;

use crate::{
    model::{Anchor, AnchorKey, DirectoryEntry, DnKey, Item, Link, Mapped, Resource, Scalar, Value},
    ports::{StateStore, StoreError},
};

/// Whose entry it is, where it says so.
pub(super) fn anchor(mapped: &Mapped) -> Option<&Anchor> {
    match mapped {
        Mapped::InScope(user) => Some(&user.anchor),
        Mapped::OutOfScope { anchor, .. } => Some(anchor),
        Mapped::Rejected(rejection) => rejection.anchor.as_ref(),
    }
}

/// Who is looked for.
pub(super) struct Wanted {
    who: String,
    pub(super) dn: DnKey,
}

impl Wanted {
    pub(super) fn new(who: &str) -> Self {
        Self {
            who: who.trim().to_lowercase(),
            dn: DnKey::of(who),
        }
    }

    pub(super) fn is(&self, text: &str) -> bool {
        !self.who.is_empty() && text.to_lowercase() == self.who
    }

    pub(super) fn resource(&self, resource: &Resource) -> bool {
        let mail = |item: &Item| matches!(item.get("value"), Some(Scalar::Text(mail)) if self.is(mail));
        self.is(resource.user_name())
            || matches!(resource.get("emails"), Some(Value::List(items)) if items.iter().any(mail))
    }

    pub(super) fn entry(&self, entry: &DirectoryEntry, mapped: &Mapped) -> bool {
        let raw = |name: &str| {
            let mut values = entry.values(name).iter();
            values.any(|value| std::str::from_utf8(value).is_ok_and(|text| self.is(text)))
        };
        DnKey::of(&entry.dn) == self.dn
            || anchor(mapped).is_some_and(|anchor| self.is(anchor.as_str()))
            || ["uid", "mail", "samaccountname", "userprincipalname"]
                .into_iter()
                .any(raw)
            || matches!(mapped, Mapped::InScope(user) if self.resource(&user.resource))
    }

    pub(super) fn link(&self, link: &Link) -> bool {
        self.is(link.anchor.as_str())
            || self.is(&link.id.0)
            || DnKey::of(&link.dn) == self.dn
            || self.resource(&link.pushed.resource)
    }
}

/// Whoever of those linked is meant.
pub(super) fn links(store: &dyn StateStore, wanted: &Wanted) -> Result<BTreeMap<AnchorKey, Link>, StoreError> {
    let mut links = BTreeMap::new();
    store.each_link(&mut |link| {
        if wanted.link(&link) {
            links.insert(link.anchor.key(), link);
        }
        true
    })?;
    Ok(links)
}
