//! One base read page by page (RFC 2696), with the proof that nothing is missing.
//!
//! A base is complete when every page ended with success, no reference stood for data, and the last
//! cookie was empty. Anything else is either a *gap*, which leaves the other bases readable, or a
//! [`Stop`], which ends the read on this server.

use ldap3::{LdapResult, Scope as WireScope};

use super::{
    control::{self, Answer},
    extract::{self, Extracted},
    failure::{Failure, Stop, describe, printable},
    ranges, referral,
    session::{SEARCH_RESULT_ENTRY, SEARCH_RESULT_REFERENCE, Session},
    settings::{Scope, SearchSettings},
};
use crate::{model::DirectoryEntry, ports::SinkError};

/// Active Directory sends an empty page now and then while it looks for matches; a server that sends
/// nothing else would keep us for ever.
const EMPTY_PAGES_MAX: u32 = 1000;

/// References named in a message; there may be thousands.
const REFERENCES_NAMED: usize = 3;

/// What one page brought besides the entries that were handed on.
struct Page {
    entries: u64,
    /// Entries of which the server sent only a part.
    cut: Vec<Extracted>,
    references: References,
    result: LdapResult,
}

#[derive(Default)]
struct References {
    count: u64,
    named: Vec<String>,
    other_contexts: u64,
}

/// Reads `base` and returns what is missing of it, in words; nothing is missing when that is empty.
pub(super) async fn read_base(
    session: &mut Session,
    search: &SearchSettings,
    base: &str,
    page_size: u32,
    give: &mut dyn FnMut(DirectoryEntry) -> Result<(), SinkError>,
) -> Result<Vec<String>, Stop> {
    let mut gaps = Vec::new();
    let mut cookie = Vec::new();
    let mut empty_pages = 0;
    for number in 1_u64.. {
        let place = format!("search of {base:?}, page {number}");
        let failed = |text: &str| Stop::from(Failure::refused(format!("{place}: {text}")));
        let page = one_page(session, search, base, (page_size, &cookie), give)
            .await
            .map_err(|stop| at(stop, &place))?;
        for mut cut in page.cut {
            ranges::complete(session, &mut cut.entry, cut.ranges)
                .await
                .map_err(|stop| at(stop, &place))?;
            give(cut.entry)?;
        }
        gaps.extend(page.references.gap(&place));
        if page.result.rc != 0 {
            let text = describe(&page.result);
            if number == 1 && concerns_base(&page.result) {
                gaps.push(format!("{place}: {text}"));
                return Ok(gaps);
            }
            return Err(failed(&text));
        }
        cookie = match control::answer(&page.result.ctrls) {
            Answer::Cookie(cookie) if cookie.is_empty() => return Ok(gaps),
            Answer::Cookie(cookie) => cookie,
            // Fewer entries than one page holds, and success: there was nothing to page.
            Answer::Missing if number == 1 && page.entries < page_size.into() => return Ok(gaps),
            Answer::Missing => return Err(failed(NO_PAGING)),
            Answer::Malformed => {
                return Err(failed(
                    "the server's answer about the next page makes no sense (RFC 2696)",
                ));
            }
        };
        empty_pages = if page.entries == 0 { empty_pages + 1 } else { 0 };
        if empty_pages > EMPTY_PAGES_MAX {
            return Err(failed("the server sends one empty page after the other"));
        }
    }
    Ok(gaps)
}

pub(super) const NO_PAGING: &str = "the server did not say whether more entries follow: it knows no paged results (RFC 2696), or \
                         something between us and it drops them; set ldap.page_size above the number of entries";

/// One search request: the entries of a page go to `give` as they come.
async fn one_page(
    session: &mut Session,
    search: &SearchSettings,
    base: &str,
    (size, cookie): (u32, &[u8]),
    give: &mut dyn FnMut(DirectoryEntry) -> Result<(), SinkError>,
) -> Result<Page, Stop> {
    let mut entries = 0;
    let mut cut = Vec::new();
    let mut references = References::default();
    let take = |tag: lber::structure::StructureTag| {
        match tag.id {
            SEARCH_RESULT_ENTRY => {
                entries += 1;
                let found = extract::entry(tag).ok_or_else(malformed)?;
                if found.ranges.is_empty() {
                    give(found.entry)?;
                } else if found.ranges.iter().any(|range| range.low != 0) {
                    return Err(malformed().into());
                } else {
                    cut.push(found);
                }
            }
            SEARCH_RESULT_REFERENCE => references.add(extract::reference(tag).ok_or_else(malformed)?),
            // An intermediate response that nobody asked for means nothing (RFC 4511 section 4.13).
            _ => {}
        }
        Ok(())
    };
    let scope = match search.scope {
        Scope::Base => WireScope::Base,
        Scope::One => WireScope::OneLevel,
        Scope::Sub => WireScope::Subtree,
    };
    let control = Some(control::request(size, cookie));
    let result = session
        .search(base, scope, &search.filter, &search.attributes, control, take)
        .await?;
    Ok(Page {
        entries,
        cut,
        references,
        result,
    })
}

fn malformed() -> Failure {
    Failure::refused("the server sent an entry that is not one (RFC 4511 section 4.5.2)")
}

impl References {
    fn add(&mut self, uris: Vec<String>) {
        if referral::is_other_context(&uris) {
            self.other_contexts += 1;
            return;
        }
        self.count += 1;
        if self.named.len() < REFERENCES_NAMED {
            self.named
                .push(uris.iter().map(|uri| printable(uri)).collect::<Vec<_>>().join(" or "));
        }
    }

    fn gap(&self, place: &str) -> Option<String> {
        if self.other_contexts > 0 {
            tracing::debug!(
                references = self.other_contexts,
                "skipped references to other naming contexts"
            );
        }
        (self.count > 0).then(|| {
            let more = if self.count > REFERENCES_NAMED as u64 {
                ", …"
            } else {
                ""
            };
            format!(
                "{place}: a part of the tree is on another server ({}{more}); choose bases without it, or read it from \
                 a server that holds everything",
                self.named.join(", ")
            )
        })
    }
}

/// True for results that say something about this base, not about the server: other bases may do.
fn concerns_base(result: &LdapResult) -> bool {
    // referral, noSuchObject, invalidDNSyntax, insufficientAccessRights
    matches!(result.rc, 10 | 32 | 34 | 50)
}

fn at(stop: Stop, place: &str) -> Stop {
    match stop {
        Stop::Failure(failure) => failure.at(&place).into(),
        sink @ Stop::Sink(_) => sink,
    }
}

/// The first page of a base, for a live check: its entries, and what the server said.
pub(super) async fn first_page(
    session: &mut Session,
    search: &SearchSettings,
    base: &str,
    page_size: u32,
    give: &mut dyn FnMut(DirectoryEntry) -> Result<(), SinkError>,
) -> Result<FirstPage, Stop> {
    let page = one_page(session, search, base, (page_size, &[]), give).await?;
    for cut in page.cut {
        give(cut.entry)?;
    }
    Ok(FirstPage {
        refused: (page.result.rc != 0).then(|| describe(&page.result)),
        reference: page.references.gap("first page"),
        answer: control::answer(&page.result.ctrls),
    })
}

/// What [`first_page`] found.
pub(super) struct FirstPage {
    /// The server's words when it did not say success.
    pub(super) refused: Option<String>,
    /// What a reference says is elsewhere.
    pub(super) reference: Option<String>,
    /// Whether more pages follow.
    pub(super) answer: Answer,
}
