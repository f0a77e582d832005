//! A lost state made anew from the directory and the cloud.
//!
//! The plan of an empty state names everybody in scope with what they should have. Each of them gets the
//! link that an earlier state would have had: to the account that is theirs by the adopt policy, with
//! what that account *holds*, so that the next cycle sends the difference and nothing else. Nothing is
//! sent here but questions, and an account that nobody matches gets no link, so it is never removed.
//!
//! Reading order: [`rebuild`], `by_listing`, `by_looking_up`, `person` (one link), `managers`; then
//! [`groups`].

mod by_listing;
mod by_looking_up;
pub mod groups;
mod managers;
mod person;

use std::{collections::BTreeSet, sync::Arc};

use tokio_util::sync::CancellationToken;

use self::person::People;
use super::Lens;
use crate::{
    model::{AnchorKey, ResourceId},
    plan::Plan,
    ports::{
        AccountReader, Change, CloudAccount, Event, Meta, PlanSpool, ProviderError, RebuildStage, SharedObserver,
        StateStore, StoreError,
    },
};

/// People and accounts named in the report; the rest is counted.
pub const NAMED_MAX: usize = 1000;
/// People between two lines in the log.
const LOG_EVERY: u64 = 1000;

/// What a rebuild works with.
pub struct Means<'a, R, S> {
    /// The plan of an empty state.
    pub plan: &'a Plan,
    /// Where its operations are.
    pub spool: &'a dyn PlanSpool,
    /// The cloud.
    pub reader: &'a Arc<R>,
    /// The state to fill.
    pub store: &'a Arc<S>,
    /// How accounts are read.
    pub lens: &'a Lens,
    /// Look-ups in flight.
    pub concurrency: usize,
    /// Progress.
    pub observer: &'a SharedObserver,
    /// Ends it early; what is linked by then stays linked.
    pub stop: &'a CancellationToken,
}

/// What a rebuild came to.
#[derive(Clone, Debug, Default)]
pub struct Rebuilt {
    /// People in scope.
    pub people: u64,
    /// Of them with a link now.
    pub linked: u64,
    /// Of these, whose account does not hold what the directory says.
    pub differing: u64,
    /// People for whom there is no account; the next cycle makes it.
    pub without_account: u64,
    /// People left alone, and why.
    pub unclear: Few<Unclear>,
    /// Accounts that are nobody's here.
    pub strangers: Few<Stranger>,
    /// Why those accounts are not known, or not all of them.
    pub not_listed: Option<String>,
    /// Why it ended early.
    pub stopped: Option<ProviderError>,
}

/// Somebody whose account cannot be told, or a group that cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclear {
    /// The distinguished name.
    pub dn: String,
    /// The `userName` or `displayName` wanted.
    pub user_name: String,
    /// Why, and what to do.
    pub why: String,
}

/// An account or a group that is nobody's here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// Its id.
    pub id: ResourceId,
    /// Its `userName` or `displayName`.
    pub user_name: String,
    /// Why it is not that of the person or group of that name, when there is one.
    pub because: Option<String>,
}

/// As many as can be read, and how many there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Few<T> {
    /// The first of them.
    pub first: Vec<T>,
    /// All of them.
    pub count: u64,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self {
            first: Vec::new(),
            count: 0,
        }
    }
}

impl<T> Few<T> {
    fn add(&mut self, one: T) {
        self.count += 1;
        if self.first.len() < NAMED_MAX {
            self.first.push(one);
        }
    }
}

/// Fills the state. Ended early, it leaves [`Meta::rebuild`] in place and goes on from there when it is
/// called again.
///
/// # Errors
/// When the state cannot be read or written. What the provider said is in [`Rebuilt::stopped`].
pub async fn rebuild<R: AccountReader, S: StateStore>(means: Means<'_, R, S>) -> Result<Rebuilt, StoreError> {
    let stage = means.store.meta()?.rebuild.unwrap_or(RebuildStage::Listing);
    let people = People::new(means.plan, means.spool);
    let mut work = Rebuild {
        settled: BTreeSet::new(),
        result: Rebuilt {
            people: people.len(),
            ..Rebuilt::default()
        },
        people,
        looked_at: 0,
        means,
    };
    if let Err(error) = work.run(stage).await? {
        work.result.stopped = Some(error);
    }
    work.count()?;
    work.means.store.flush()?;
    Ok(work.result)
}

struct Rebuild<'a, R, S> {
    means: Means<'a, R, S>,
    people: People<'a>,
    /// People of whom a listing has shown that their account cannot be told.
    settled: BTreeSet<AnchorKey>,
    result: Rebuilt,
    /// People settled so far.
    looked_at: u64,
}

impl<R: AccountReader, S: StateStore> Rebuild<'_, R, S> {
    async fn run(&mut self, stage: RebuildStage) -> Result<Result<(), ProviderError>, StoreError> {
        if stage == RebuildStage::Groups {
            self.result.not_listed = Some(
                "this run went on from an interrupted one that had settled all people; who of them is without an \
                 account or unclear, and which accounts are nobody's here, was told there"
                    .into(),
            );
            return Ok(Ok(()));
        }
        if stage == RebuildStage::Listing {
            self.forget_all()?;
        }
        let listed = match stage {
            RebuildStage::Listing if self.means.reader.lists() => match self.by_listing().await? {
                Ok(listed) => listed,
                Err(error) => return Ok(Err(error)),
            },
            RebuildStage::Listing => Err(
                "this cloud cannot list all of its accounts, so it is not known which of them are nobody's here".into(),
            ),
            RebuildStage::LookingUp | RebuildStage::Groups => Err(
                "this run went on from an interrupted one and did not list the accounts again, so it is not known \
                 which of them are nobody's here"
                    .into(),
            ),
        };
        if let Err(why) = listed {
            self.begin(RebuildStage::LookingUp)?;
            self.result.not_listed = Some(why);
            if let Err(error) = self.by_looking_up().await? {
                return Ok(Err(error));
            }
        }
        managers::settle(&**self.means.store)?;
        Ok(Ok(()))
    }

    fn count(&mut self) -> Result<(), StoreError> {
        let marks = self.means.store.marks()?;
        self.result.linked = marks.len() as u64;
        self.result.differing = marks.iter().filter(|(_, mark)| mark.source.is_unset()).count() as u64;
        Ok(())
    }

    /// What an interrupted listing has linked may have been settled otherwise at its end, and what there
    /// was before is to be thrown away.
    fn forget_all(&self) -> Result<(), StoreError> {
        let marks = self.means.store.marks()?;
        let forget: Vec<Change> = marks.into_iter().map(|(key, _)| Change::Forget(key)).collect();
        self.means.store.apply(&forget)
    }

    fn begin(&self, stage: RebuildStage) -> Result<(), StoreError> {
        let meta = self.means.store.meta()?;
        if meta.rebuild == Some(stage) {
            return Ok(());
        }
        self.means.store.save_meta(&Meta {
            rebuild: Some(stage),
            ..meta
        })
    }

    /// The change that links a person to an account.
    fn link(&self, at: usize, account: &CloudAccount) -> Result<Change, StoreError> {
        let operation = self.people.operation(at)?;
        let key = operation.anchor.key();
        let (mark, link) = person::linked(&operation, account, self.means.lens);
        Ok(Change::Put(key, mark, Box::new(link)))
    }

    fn unclear(&mut self, at: usize, why: String) -> Result<(), StoreError> {
        let operation = self.people.operation(at)?;
        self.result.unclear.add(Unclear {
            user_name: operation.user_name().to_owned(),
            dn: operation.dn,
            why,
        });
        Ok(())
    }

    /// Tells how far it has come: `done` more of all that there is to do.
    fn progress(&mut self, done: u64, total: u64) {
        let before = self.looked_at;
        self.looked_at += done;
        self.means.observer.event(&Event::Done {
            done: self.looked_at.min(total),
            total,
            failed: self.result.unclear.count,
        });
        if before / LOG_EVERY != self.looked_at / LOG_EVERY {
            tracing::info!(done = self.looked_at, total, "rebuilding the state");
        }
    }
}
