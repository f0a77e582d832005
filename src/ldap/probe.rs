//! The live check of `scimward check`: what each server lets us see, and what is in the way.

use super::{
    control::Answer,
    directory::blocking,
    failure::{Failure, Stop},
    paged::{self, FirstPage},
    session::{Connector, Identity, Session},
    settings::{Bind, LdapSettings, LdapUrl, SearchSettings},
};
use crate::model::DirectoryEntry;

/// How good a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Worth a look; a sync can run.
    Note,
    /// A sync with this server would fail or be incomplete.
    Bad,
}

/// One thing that was looked at on one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeFinding {
    /// The server, as configured.
    pub server: String,
    /// What was looked at: `connect`, `bind`, `server`, or a base.
    pub subject: String,
    /// How good it is.
    pub verdict: Verdict,
    /// What was found, and what to do about it.
    pub text: String,
}

/// Looks at every server: connection, bind, paging, each base, and whether the entries of the first
/// page carry `anchor` (lower case) and the attributes of the mapping. Reads one page of each base.
/// Blocking, like [`crate::ports::Directory::read`]. A refused password is not tried on the other
/// servers. Each entry of a first page is shown to `look`.
pub fn probe(
    ldap: &LdapSettings,
    search: &SearchSettings,
    anchor: &str,
    look: &mut dyn FnMut(&DirectoryEntry),
) -> Vec<ProbeFinding> {
    probe_as(ldap, search, anchor, look, &Identity::of)
}

fn probe_as(
    ldap: &LdapSettings,
    search: &SearchSettings,
    anchor: &str,
    look: &mut dyn FnMut(&DirectoryEntry),
    identity: &dyn Fn(&Bind) -> Result<Identity, Failure>,
) -> Vec<ProbeFinding> {
    let mut findings = Vec::new();
    let done = blocking(async {
        let mut connector = Connector::new(ldap, identity);
        let mut give_up = false;
        for url in &ldap.urls {
            let mut probe = Probe {
                server: url.to_string(),
                findings: &mut findings,
            };
            if give_up {
                probe.add(
                    "bind",
                    Verdict::Note,
                    "not tried: it would fail the same way, and a wrong password would be counted twice",
                );
                continue;
            }
            let Some(mut session) = probe.open(&mut connector, url, &mut give_up).await else {
                continue;
            };
            probe.server(&mut session).await;
            for base in &search.bases {
                let mut seen = Seen::new(search, anchor);
                probe.base(&mut session, (ldap, search), base, &mut seen, look).await;
            }
            session.close().await;
        }
    });
    if let Err(error) = done {
        findings.push(ProbeFinding {
            server: String::new(),
            subject: "connect".into(),
            verdict: Verdict::Bad,
            text: error.to_string(),
        });
    }
    findings
}

struct Probe<'a> {
    server: String,
    findings: &'a mut Vec<ProbeFinding>,
}

impl Probe<'_> {
    fn add(&mut self, subject: &str, verdict: Verdict, text: impl Into<String>) {
        let finding = ProbeFinding {
            server: self.server.clone(),
            subject: subject.into(),
            verdict,
            text: text.into(),
        };
        self.findings.push(finding);
    }

    async fn open(&mut self, connector: &mut Connector<'_>, url: &LdapUrl, give_up: &mut bool) -> Option<Session> {
        let mut session = match connector.connect(url).await {
            Ok(session) => session,
            Err(failure) => {
                self.add("connect", Verdict::Bad, failure.text);
                return None;
            }
        };
        self.add("connect", Verdict::Good, connector.transport(url));
        match connector.bind(&mut session).await {
            Ok(()) => {
                self.add("bind", Verdict::Good, connector.account());
                Some(session)
            }
            Err(failure) => {
                *give_up = failure.last;
                self.add("bind", Verdict::Bad, failure.text);
                None
            }
        }
    }

    /// The root DSE (RFC 4512 section 5.1).
    async fn server(&mut self, session: &mut Session) {
        let wanted = [
            "vendorname",
            "vendorversion",
            "supportedcontrol",
            "supportedcapabilities",
            "objectclass",
        ];
        let wanted = wanted.map(str::to_owned);
        let root = match session.look_up("", "(objectClass=*)", &wanted, "root DSE").await {
            Ok(Some(found)) => found.entry,
            Ok(None) => return self.add("server", Verdict::Note, "does not show its root DSE"),
            Err(Stop::Failure(failure)) => return self.add("server", Verdict::Note, failure.text),
            Err(Stop::Sink(error)) => return self.add("server", Verdict::Bad, error.to_string()),
        };
        let vendor = vendor(&root);
        if has(&root, "supportedcontrol", "1.2.840.113556.1.4.319") {
            self.add("server", Verdict::Good, format!("{vendor}, pages its results"));
        } else {
            let text = format!(
                "{vendor} does not offer paged results (RFC 2696): a read is complete only while the directory has \
                 fewer entries than ldap.page_size"
            );
            self.add("server", Verdict::Note, text);
        }
    }

    async fn base(
        &mut self,
        session: &mut Session,
        (ldap, search): (&LdapSettings, &SearchSettings),
        base: &str,
        seen: &mut Seen,
        look: &mut dyn FnMut(&DirectoryEntry),
    ) {
        let mut give = |entry: DirectoryEntry| {
            seen.entry(&entry);
            look(&entry);
            Ok(())
        };
        let page = match paged::first_page(session, search, base, ldap.page_size, &mut give).await {
            Ok(page) => page,
            Err(Stop::Failure(failure)) => return self.add(base, Verdict::Bad, failure.text),
            Err(Stop::Sink(error)) => return self.add(base, Verdict::Bad, error.to_string()),
        };
        self.first_page(base, &page, seen, ldap.page_size);
    }

    fn first_page(&mut self, base: &str, page: &FirstPage, seen: &Seen, page_size: u32) {
        let more = matches!(&page.answer, Answer::Cookie(cookie) if !cookie.is_empty());
        if let Some(refused) = &page.refused {
            let so_far = match seen.entries {
                0 => String::new(),
                1 => " (after 1 entry)".to_owned(),
                entries => format!(" (after {entries} entries)"),
            };
            self.add(base, Verdict::Bad, format!("{refused}{so_far}"));
        } else if seen.entries == 0 && !more {
            let text = "no entry matches: the filter fits nobody, or the bind account may not read them";
            self.add(base, Verdict::Bad, text);
        } else {
            let text = format!(
                "{} entries in the first page{}",
                seen.entries,
                if more { ", more follow" } else { "" }
            );
            self.add(base, Verdict::Good, text);
        }
        if let Some(reference) = &page.reference {
            self.add(base, Verdict::Bad, reference.as_str());
        }
        if page.refused.is_none() && page.answer == Answer::Malformed {
            self.add(
                base,
                Verdict::Bad,
                "the server's answer about the next page makes no sense (RFC 2696)",
            );
        }
        if page.refused.is_none() && page.answer == Answer::Missing && seen.entries >= page_size.into() {
            self.add(base, Verdict::Bad, paged::NO_PAGING);
        }
        if seen.entries > 0 {
            self.attributes(base, seen);
        }
    }

    /// The canary: rights that were lost show as attributes that nobody has any more.
    fn attributes(&mut self, base: &str, seen: &Seen) {
        let anchor = &seen.anchor;
        if seen.with_anchor < seen.entries {
            let text = format!(
                "{} of {} entries do not show {anchor}, the anchor: let the bind account read it, or choose another \
                 attribute in users.anchor",
                seen.entries - seen.with_anchor,
                seen.entries
            );
            self.add(base, Verdict::Bad, text);
        } else {
            self.add(
                base,
                Verdict::Good,
                format!("every entry of the first page shows {anchor}, the anchor"),
            );
        }
        let unseen: Vec<_> = seen
            .unseen
            .iter()
            .map(String::as_str)
            .filter(|name| name != anchor)
            .collect();
        if !unseen.is_empty() {
            let text = format!(
                "no entry of the first page has {}: nobody has a value, or the bind account may not read it",
                unseen.join(", ")
            );
            self.add(base, Verdict::Note, text);
        }
    }
}

/// What the entries of a page have.
struct Seen {
    anchor: String,
    entries: u64,
    with_anchor: u64,
    /// Attributes asked for that no entry had.
    unseen: Vec<String>,
}

impl Seen {
    fn new(search: &SearchSettings, anchor: &str) -> Self {
        Self {
            anchor: anchor.to_owned(),
            entries: 0,
            with_anchor: 0,
            unseen: search.attributes.clone(),
        }
    }

    fn entry(&mut self, entry: &DirectoryEntry) {
        self.entries += 1;
        self.with_anchor += u64::from(!entry.values(&self.anchor).is_empty());
        self.unseen.retain(|name| entry.values(name).is_empty());
    }
}

fn has(entry: &DirectoryEntry, name: &str, value: &str) -> bool {
    entry
        .values(name)
        .iter()
        .any(|have| have.eq_ignore_ascii_case(value.as_bytes()))
}

/// Who made the server. Active Directory and OpenLDAP do not say it in so many words.
fn vendor(root: &DirectoryEntry) -> String {
    let text = |name| {
        root.values(name)
            .first()
            .map(|value| super::failure::printable(&String::from_utf8_lossy(value)))
    };
    // LDAP_CAP_ACTIVE_DIRECTORY_OID (MS-ADTS 3.1.1.3.4.3); Samba has it too.
    let active_directory = has(root, "supportedcapabilities", "1.2.840.113556.1.4.800");
    match (text("vendorname"), text("vendorversion")) {
        (Some(name), Some(version)) => format!("{name} {version}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) if active_directory => "Active Directory".into(),
        (None, None) if has(root, "objectclass", "OpenLDAProotDSE") => "OpenLDAP".into(),
        (None, None) => "a server that does not say who made it".into(),
    }
}

#[cfg(test)]
mod tests;
