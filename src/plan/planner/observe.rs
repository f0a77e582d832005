//! While the directory is read: one entry at a time, and what it comes to.

use super::{Fresh, Links, PlanError, Planner, Sight};
use crate::{
    model::{
        Anchor, AnchorKey, Digest, DnKey, Mapped, MappedUser, Mark, Operation, Problem, Reject, RejectKind, Rejection,
    },
    plan::decide::{self, Known, Seen},
};

/// Rejections remembered with their reasons in one cycle. Where everybody is rejected the rule is wrong,
/// and the first ten thousand say so as well as a million would, in a hundredth of the memory.
pub(super) const REJECTS_LISTED_MAX: usize = 10_000;

impl Planner {
    /// True when this entry is, byte for byte, the one that was mapped and pushed before: then it is
    /// taken as seen and need not be mapped.
    pub fn glance(&mut self, key: AnchorKey, source: Digest) -> bool {
        let Some(at) = self.find(key) else { return false };
        let mark = &self.marks[at].1;
        let same = self.trust_sources
            && mark.source == source
            && mark.missed == 0
            && mark.deactivated_at == 0
            && self.sights[at].0 == Sight::Missing
            && !self.rejects.contains_key(&key);
        if same {
            self.sights[at].0 = Sight::Seen;
            self.counts.entries += 1;
            self.counts.in_scope += 1;
            self.counts.unchanged += 1;
        }
        same
    }

    /// One entry. An operation that comes back has to be spooled before the next call; its index is
    /// the number of operations spooled before it.
    ///
    /// # Errors
    /// When a link cannot be read.
    pub fn observe(
        &mut self,
        source: Digest,
        mapped: Mapped,
        links: Links<'_>,
    ) -> Result<Option<Operation>, PlanError> {
        self.counts.entries += 1;
        match mapped {
            Mapped::InScope(user) => self.observe_user(source, user, links),
            Mapped::OutOfScope { anchor, dn, .. } => {
                self.counts.out_of_scope += 1;
                if let Some(at) = self.find(anchor.key())
                    && self.sights[at].0 == Sight::Missing
                {
                    self.sights[at].0 = Sight::OutOfScope;
                    self.moved(at, &dn);
                    self.look_again(at);
                }
                Ok(None)
            }
            Mapped::Rejected(rejection) => {
                self.reject(rejection);
                Ok(None)
            }
        }
    }

    pub(super) fn observe_user(
        &mut self,
        source: Digest,
        user: MappedUser,
        links: Links<'_>,
    ) -> Result<Option<Operation>, PlanError> {
        let key = user.anchor.key();
        let dn = DnKey::of(&user.dn);
        if let Some(other) = self.seen_before(key) {
            if other != dn {
                self.reject(twin(&user.anchor, &user.dn));
                self.twins.insert(key);
            }
            return Ok(None);
        }
        self.counts.in_scope += 1;
        let manager_dn = user.manager.as_deref().map(DnKey::of).unwrap_or_default();
        let at = self.find(key);
        let link = match at {
            Some(_) => Some(links(key)?.ok_or(PlanError::LinkMissing(key))?),
            None => None,
        };
        let known = Known {
            mark: at.map(|at| &self.marks[at].1),
            link: link.as_ref(),
            reject: self.rejects.get(&key),
            in_doubt: self.in_doubt.contains(&key),
            now: self.now,
        };
        let (anchor, dn_text) = (user.anchor.clone(), user.dn.clone());
        let (seen, warning) = decide::seen(user, source, &known, &self.rules);
        if let Some(warning) = warning {
            self.warnings.push(warning);
        }
        let unchanged = seen == Seen::Unchanged;
        let operation = match seen {
            Seen::Unchanged => {
                self.counts.unchanged += 1;
                None
            }
            Seen::Operation(operation) => Some(*operation),
            Seen::Waiting => {
                self.counts.waiting += 1;
                self.still_rejected.insert(key);
                None
            }
            Seen::Rejected(problem) => {
                self.reject(Rejection {
                    dn: dn_text,
                    anchor: Some(anchor),
                    problems: vec![problem],
                });
                None
            }
        };
        let index = operation.as_ref().map(|operation| self.note(key, operation));
        self.remember(
            at,
            key,
            Mark {
                source,
                dn,
                manager_dn,
                ..Mark::default()
            },
            unchanged,
            index,
        );
        Ok(operation)
    }

    /// The name under which this person was seen earlier in this read.
    pub(super) fn seen_before(&self, key: AnchorKey) -> Option<DnKey> {
        match self.find(key) {
            Some(at) => (self.sights[at].0 == Sight::Seen).then(|| self.marks[at].1.dn),
            None => self.fresh.get(&key).map(|fresh| fresh.dn),
        }
    }

    pub(super) fn remember(
        &mut self,
        at: Option<usize>,
        key: AnchorKey,
        now: Mark,
        unchanged: bool,
        operation: Option<u32>,
    ) {
        let Some(at) = at else {
            self.fresh.insert(key, Fresh { dn: now.dn, operation });
            return;
        };
        let old = self.marks[at].1;
        let mark = Mark {
            // Until the operation succeeded the entry has to be looked at again.
            source: if unchanged { now.source } else { Digest::default() },
            dn: now.dn,
            manager_dn: now.manager_dn,
            missed: 0,
            // Who is here and needs nothing has not left, however the account came to be inactive.
            deactivated_at: if unchanged { 0 } else { old.deactivated_at },
            ..old
        };
        self.marks[at].1 = mark;
        self.sights[at] = (Sight::Seen, self.sights[at].1 || mark != old);
    }

    /// Whoever is not pushed may have another name all the same, by which groups list him.
    fn moved(&mut self, at: usize, dn: &str) {
        let dn = DnKey::of(dn);
        self.sights[at].1 |= self.marks[at].1.dn != dn;
        self.marks[at].1.dn = dn;
    }

    pub(super) fn reject(&mut self, rejection: Rejection) {
        self.counts.rejected += 1;
        let key = match &rejection.anchor {
            Some(anchor) => {
                let key = anchor.key();
                if let Some(at) = self.find(key) {
                    if self.sights[at].0 == Sight::Missing {
                        self.moved(at, &rejection.dn);
                    }
                    self.sights[at].0 = Sight::Seen;
                    self.sights[at].1 |= std::mem::take(&mut self.marks[at].1.missed) != 0;
                    self.look_again(at);
                }
                key
            }
            None => {
                self.counts.unidentified += 1;
                AnchorKey(DnKey::of(&rejection.dn).0)
            }
        };
        self.still_rejected.insert(key);
        let old = self.rejects.get(&key).filter(|old| old.kind == RejectKind::Entry);
        if old.is_some_and(|old| old.rejection == rejection) {
            return;
        }
        if self.listed >= REJECTS_LISTED_MAX {
            return;
        }
        self.listed += 1;
        let reject = Reject {
            kind: RejectKind::Entry,
            wanted: Digest::default(),
            first: old.map_or(self.now, |old| old.first),
            last: self.now,
            tries: 0,
            next_try: 0,
            rejection,
        };
        self.reject_changes.push((key, Some(reject)));
    }
}

pub(super) fn twin(anchor: &Anchor, dn: &str) -> Rejection {
    Rejection {
        dn: dn.to_owned(),
        // Not the anchor alone: it names two people, and neither is the account's for certain.
        anchor: Some(Anchor::new(format!("{anchor} at {dn}"))),
        problems: vec![Problem {
            attribute: "anchor".into(),
            rule: "another entry has the same anchor; choose an anchor attribute that is unique".into(),
            value: anchor.to_string(),
        }],
    }
}
