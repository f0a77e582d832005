//! From directory entries to SCIM resources, by the operator's rules.
//!
//! Rules are read into [`spec`], compiled once by [`Mapper::compile`], and applied to every entry by
//! [`Mapper::map`], which is a pure function of the entry and the time it is given.
//!
//! Deliberately absent: reading the configuration file, what a cloud accepts (`profile`), and who
//! the manager is (a DN goes out; the plan finds the person).

mod anchor;
mod build;
mod compile;
mod error;
mod form;
mod names;
mod overrides;
mod preset;
mod rule;
mod show;
pub mod spec;
mod target;
mod template;
mod transform;

use std::collections::BTreeSet;

use self::{
    anchor::AnchorRule,
    build::{Rules, SubAttributes},
    names::Names,
    overrides::{Action, Found, Overrides},
    rule::Context,
    spec::MappingSpec,
    template::Templates,
};
pub use self::{compile::Takes, error::RuleError};
use crate::model::{Anchor, AttributePath, Digest, DirectoryEntry, DnKey, Mapped, MappedUser, Problem, Rejection};

/// Raised whenever the same rules give another result than before: it is part of
/// [`Mapper::digest`], so that every entry is mapped again after such an upgrade.
pub const VERSION: u32 = 1;

/// A compiled mapping.
#[derive(Clone, Debug)]
pub struct Mapper {
    anchor: AnchorRule,
    names: Names,
    templates: Templates,
    rules: Rules,
    overrides: Overrides,
    sub_attributes: SubAttributes,
    depends_on_time: bool,
    left_out: Vec<String>,
    digest: Digest,
}

impl Mapper {
    /// Compiles the preset with the operator's lines laid over it.
    ///
    /// Keys are SCIM paths in any case: `name.familyName`, `enterprise.department` (or with the whole
    /// URN), `emails.work` (or `emails[type eq "work"].value`), `addresses.work.streetAddress`,
    /// `urn:…:attribute` of any other extension. `key = false` takes the preset's rule out; `emails =
    /// false` all of that name. `externalId` is the anchor unless there is a line for it.
    ///
    /// # Errors
    /// Every mistake in the rules, each with its key and a way out.
    pub fn compile(spec: &MappingSpec) -> Result<Self, Vec<RuleError>> {
        Self::compile_for(spec, &|_| true)
    }

    /// The same for a service provider that takes only some paths: the preset's rules for others are
    /// left out, the operator's are mistakes.
    ///
    /// # Errors
    /// Every mistake in the rules, each with its key and a way out.
    pub fn compile_for(spec: &MappingSpec, takes: Takes<'_>) -> Result<Self, Vec<RuleError>> {
        compile::compile(spec, takes)
    }

    /// The LDAP attributes to ask for: lower case, sorted, no duplicates, the anchor among them.
    #[must_use]
    pub fn attributes(&self) -> Vec<String> {
        self.names.requested()
    }

    /// The attribute that holds the anchor, in lower case.
    #[must_use]
    pub fn anchor_attribute(&self) -> &str {
        self.anchor.attribute()
    }

    /// The anchor of an entry. Cheap: every cycle does this for every entry.
    ///
    /// # Errors
    /// When the entry has none, or several, or one that cannot be read.
    pub fn anchor(&self, entry: &DirectoryEntry) -> Result<Anchor, Problem> {
        self.anchor.read(entry)
    }

    /// Whether the same entry may map differently at another time (`accountExpires`). Such a mapping
    /// has to be applied to entries that did not change, too.
    #[must_use]
    pub fn depends_on_time(&self) -> bool {
        self.depends_on_time
    }

    /// Every path that somebody's rules may fill, the manager's included: what is ours to keep right.
    #[must_use]
    pub fn fills(&self) -> BTreeSet<AttributePath> {
        self.rules.paths().chain(self.overrides.paths()).collect()
    }

    /// The preset's rules that the service provider has no place for, as the configuration would name them.
    #[must_use]
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Whom each `[[users.override]]` is for, by its name in the configuration.
    #[must_use]
    pub fn overridden(&self) -> Vec<(String, Option<Anchor>, Option<DnKey>)> {
        self.overrides.subjects()
    }

    /// A digest of everything a mapping result depends on, besides entry and time.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Maps an entry. `now` is in unix seconds.
    #[must_use]
    pub fn map(&self, entry: &DirectoryEntry, now: i64) -> Mapped {
        let anchor = match self.anchor(entry) {
            Ok(anchor) => anchor,
            Err(problem) => return rejected(entry, None, vec![problem]),
        };
        match self.overrides.find(&anchor, &entry.dn) {
            Found::Nothing => self.apply(&self.rules, entry, anchor, now),
            Found::One(_, Action::Set(rules)) => self.apply(rules, entry, anchor, now),
            Found::One(index, Action::Exclude) => Mapped::OutOfScope {
                anchor,
                dn: entry.dn.clone(),
                reason: format!("users.override[{index}] excludes this person"),
            },
            Found::Both(one, other) => {
                let rule =
                    format!("users.override[{one}] and users.override[{other}] are both for this person; keep one");
                let problem = Problem {
                    attribute: "dn".to_owned(),
                    rule,
                    value: String::new(),
                };
                rejected(entry, Some(anchor), vec![problem])
            }
        }
    }

    fn apply(&self, rules: &Rules, entry: &DirectoryEntry, anchor: Anchor, now: i64) -> Mapped {
        let own_dn = self.names.own_dn(entry);
        let context = Context {
            view: self.names.view(entry, &own_dn),
            anchor: &anchor,
            templates: &self.templates,
            now,
        };
        let mut problems = Vec::new();
        let resource = rules.resource(&context, &self.sub_attributes, &mut problems);
        if problems.is_empty() && resource.user_name().is_empty() {
            problems.push(rules.no_user_name(&context));
        }
        if !problems.is_empty() {
            return rejected(entry, Some(anchor), problems);
        }
        let manager = rules.manager(&context);
        Mapped::InScope(MappedUser {
            dn: entry.dn.clone(),
            resource,
            manager,
            anchor,
        })
    }
}

fn rejected(entry: &DirectoryEntry, anchor: Option<Anchor>, problems: Vec<Problem>) -> Mapped {
    Mapped::Rejected(Rejection {
        dn: entry.dn.clone(),
        anchor,
        problems,
    })
}

#[cfg(test)]
mod tests;
