//! One search request: what it finds, page by page (RFC 2696), and with which attributes.

use std::collections::BTreeMap;

use ldap3_proto::{
    control::LdapControl,
    proto::{LdapPartialAttribute, LdapResultCode, LdapSearchRequest, LdapSearchResultEntry, LdapSearchScope},
};

use super::{
    filter,
    tree::{Entry, Key, Tree, key},
};

/// Page sequences a connection may have open; the oldest is forgotten above.
const OPEN_PAGES_MAX: usize = 16;

/// What a request comes to.
pub(super) struct Answer {
    pub(super) entries: Vec<LdapSearchResultEntry>,
    pub(super) code: LdapResultCode,
    pub(super) message: String,
    pub(super) matched_dn: String,
    pub(super) controls: Vec<LdapControl>,
}

impl Answer {
    pub(super) fn refused(code: LdapResultCode, message: &str) -> Self {
        Self {
            entries: Vec::new(),
            code,
            message: message.to_owned(),
            matched_dn: String::new(),
            controls: Vec::new(),
        }
    }

    fn found(entries: Vec<LdapSearchResultEntry>) -> Self {
        Self {
            entries,
            ..Self::refused(LdapResultCode::Success, "")
        }
    }
}

/// The open page sequences of one connection: cookie → names still to be sent. A sequence shows the
/// names that matched when it began; entries that are gone by then are left out.
#[derive(Default)]
pub(super) struct Pages {
    next: u64,
    open: BTreeMap<u64, Vec<Key>>,
}

impl Pages {
    fn put(&mut self, rest: Vec<Key>) -> Vec<u8> {
        if rest.is_empty() {
            return Vec::new();
        }
        self.next += 1;
        self.open.insert(self.next, rest);
        if self.open.len() > OPEN_PAGES_MAX {
            self.open.pop_first();
        }
        self.next.to_string().into_bytes()
    }

    fn take(&mut self, cookie: &[u8]) -> Option<Vec<Key>> {
        self.open.remove(&std::str::from_utf8(cookie).ok()?.parse().ok()?)
    }
}

/// Answers a search by somebody who may read.
pub(super) fn answer(
    tree: &Tree,
    pages: &mut Pages,
    request: &LdapSearchRequest,
    paging: Option<(i64, &[u8])>,
) -> Answer {
    let Some((size, cookie)) = paging else {
        return match found(tree, request) {
            Ok(keys) => limited(tree, request, &keys, request.sizelimit),
            Err(refusal) => refusal,
        };
    };
    let mut keys = if cookie.is_empty() {
        match found(tree, request) {
            Ok(keys) => keys,
            Err(refusal) => return refusal,
        }
    } else {
        match pages.take(cookie) {
            Some(keys) => keys,
            None => return Answer::refused(LdapResultCode::UnwillingToPerform, "unknown paged results cookie"),
        }
    };
    let Ok(size) = usize::try_from(size) else {
        return Answer::refused(LdapResultCode::ProtocolError, "negative page size");
    };
    // Size 0 with a cookie gives the sequence up (RFC 2696 section 3).
    let rest = if size == 0 {
        Vec::new()
    } else {
        keys.split_off(size.min(keys.len()))
    };
    if size == 0 {
        keys.clear();
    }
    let mut answer = Answer::found(entries(tree, request, &keys));
    answer.controls.push(LdapControl::SimplePagedResults {
        size: 0,
        cookie: pages.put(rest),
    });
    answer
}

/// The root DSE (RFC 4512 section 5.1), which everybody may read.
pub(super) fn root_dse(tree: &Tree, request: &LdapSearchRequest) -> Answer {
    let list = |values: &[&str]| values.iter().map(ToString::to_string).collect::<Vec<_>>();
    let entry = Entry {
        dn: String::new(),
        entry_uuid: String::new(),
        attributes: vec![
            ("objectClass".into(), list(&["top"])),
            ("namingContexts".into(), tree.suffixes().map(str::to_owned).collect()),
            ("supportedControl".into(), list(&["1.2.840.113556.1.4.319"])),
            ("supportedExtension".into(), list(&["1.3.6.1.4.1.4203.1.11.3"])),
            ("supportedLDAPVersion".into(), list(&["3"])),
            ("vendorName".into(), list(&["Scimward demo"])),
        ],
    };
    match filter::matches(&request.filter, &entry) {
        Some(true) => Answer::found(vec![shown(request, &entry)]),
        _ => Answer::found(Vec::new()),
    }
}

/// The names that match, parents first.
fn found(tree: &Tree, request: &LdapSearchRequest) -> Result<Vec<Key>, Answer> {
    let base =
        key(&request.base).ok_or_else(|| Answer::refused(LdapResultCode::InvalidDNSyntax, "the base is not a DN"))?;
    if !tree.entries.contains_key(&base) {
        let nearest = (1..base.len()).rev().find_map(|n| tree.entries.get(&base[..n]));
        let matched_dn = nearest.map(|entry| entry.dn.clone()).unwrap_or_default();
        return Err(Answer {
            matched_dn,
            ..Answer::refused(LdapResultCode::NoSuchObject, "")
        });
    }
    let in_scope = |key: &Key| match request.scope {
        LdapSearchScope::Base => key.len() == base.len(),
        LdapSearchScope::OneLevel => key.len() == base.len() + 1,
        LdapSearchScope::Subtree => true,
        LdapSearchScope::Children => key.len() > base.len(),
    };
    let all = tree.below(&base).filter(|(key, _)| in_scope(key));
    Ok(all
        .filter(|(_, entry)| filter::matches(&request.filter, entry) == Some(true))
        .map(|(k, _)| k.clone())
        .collect())
}

/// All of it, or the first `limit` entries and sizeLimitExceeded; 0 asks for no limit.
fn limited(tree: &Tree, request: &LdapSearchRequest, keys: &[Key], limit: i32) -> Answer {
    match usize::try_from(limit) {
        Ok(limit) if limit > 0 && keys.len() > limit => Answer {
            entries: entries(tree, request, &keys[..limit]),
            ..Answer::refused(LdapResultCode::SizeLimitExceeded, "")
        },
        _ => Answer::found(entries(tree, request, keys)),
    }
}

fn entries(tree: &Tree, request: &LdapSearchRequest, keys: &[Key]) -> Vec<LdapSearchResultEntry> {
    keys.iter()
        .filter_map(|key| tree.entries.get(key))
        .map(|entry| shown(request, entry))
        .collect()
}

/// The entry with the attributes that were asked for (RFC 4511 section 4.5.1.8).
fn shown(request: &LdapSearchRequest, entry: &Entry) -> LdapSearchResultEntry {
    let asked = |name: &str| request.attrs.iter().any(|a| a.eq_ignore_ascii_case(name));
    let all_user = request.attrs.is_empty() || asked("*");
    let mut attributes = Vec::new();
    let mut show = |name: &str, values: &[String]| {
        let vals = if request.typesonly {
            Vec::new()
        } else {
            values.iter().map(|v| v.clone().into_bytes()).collect()
        };
        attributes.push(LdapPartialAttribute {
            atype: name.to_owned(),
            vals,
        });
    };
    for (name, values) in &entry.attributes {
        if all_user || asked(name) {
            show(name, values);
        }
    }
    for name in ["entryUUID", "entryDN"] {
        if !entry.dn.is_empty() && (asked("+") || asked(name)) {
            show(name, &filter::values(entry, name));
        }
    }
    LdapSearchResultEntry {
        dn: entry.dn.clone(),
        attributes,
    }
}
