//! The plan on its way to execution, in a folder of its own.
//!
//! ```text
//! operations   appended while the plan is made                          (log.rs)
//! order        plan id and steps; there once the plan is sealed         (order.rs)
//! claims       how many steps may have been sent                        (claims.rs)
//! doubt        creates in doubt from earlier plans                      (doubt.rs)
//! ```
//!
//! A plan exists from the moment `order` has its name until that name is gone. Whatever a crash
//! leaves before or after is thrown away. When a file of an unfinished plan is damaged, the answer
//! of [`PlanSpool::in_doubt`] grows (every create instead of the claimed ones): a look-up too many
//! costs a request, one too few may create a person twice.

mod claims;
mod doubt;
mod log;
mod order;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use self::{claims::Claims, log::Log, order::Sealed};
use super::durable;
use crate::{
    model::{Action, AnchorKey, Operation},
    ports::{PlanSpool, Step, StoreError},
};

/// A [`PlanSpool`] in files. One process holds it, through the lock of the state folder.
pub struct FileSpool {
    folder: PathBuf,
    inner: Mutex<Inner>,
}

struct Inner {
    log: Log,
    stage: Stage,
}

enum Stage {
    /// Operations may be pushed.
    Open,
    /// The plan is on disk, with its claims.
    Sealed(Claims),
    /// Done, or it could not be sealed; operations can still be read.
    Closed,
}

impl FileSpool {
    /// Opens the spool in `folder`, which is created when it is missing. A plan that was not sealed
    /// is thrown away.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn open(folder: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let log = Log::open(&folder.join("operations"))?;
        let claims = Claims::open(&folder.join("claims"))?;
        let (log, stage) = match order::read(folder)? {
            Sealed::No => (log.cleared()?, Stage::Open),
            Sealed::Plan(_) | Sealed::Damaged => (log, Stage::Sealed(claims)),
        };
        durable::sync_folder(folder)?;
        Ok(Self {
            folder: folder.to_path_buf(),
            inner: Mutex::new(Inner { log, stage }),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, doing: &str) -> impl Fn(io::Error) -> StoreError {
        let text = format!("cannot {doing} the plan in {}", self.folder.display());
        move |error| StoreError(format!("{text}: {error}"))
    }

    /// A plan that cannot be read back. Without it nothing says which creates were sent.
    fn damaged(&self, error: &io::Error) -> StoreError {
        StoreError(format!(
            "the plan in {} that a crash left unfinished is damaged ({error}); stop scimward, remove that folder and start \
             it again: a person whose account was created meanwhile is found when the cloud says that the name is taken",
            self.folder.display()
        ))
    }

    /// The claimed creates of a sealed plan.
    fn claimed_creates(&self, inner: &mut Inner) -> io::Result<Vec<AnchorKey>> {
        let mut keys = Vec::new();
        for index in self.claimed(inner)? {
            let operation = inner.log.read(index)?;
            if operation.action == Action::Create {
                keys.push(operation.anchor.key());
            }
        }
        Ok(keys)
    }

    /// The places of the claimed operations of a sealed plan.
    fn claimed(&self, inner: &mut Inner) -> io::Result<Vec<u32>> {
        let Stage::Sealed(claims) = &inner.stage else {
            return Ok(Vec::new());
        };
        let indices: Vec<u32> = match order::read(&self.folder)? {
            Sealed::No => Vec::new(),
            Sealed::Damaged => (0..inner.log.count()?).collect(),
            Sealed::Plan(order) => {
                let claimed = claims.claimed(&order.plan_id).unwrap_or(order.steps.len());
                order.steps.iter().take(claimed).map(|step| step.index).collect()
            }
        };
        Ok(indices)
    }

    /// Leaves the plan unfinished, with nothing in it but these creates.
    fn keep(&self, inner: &mut Inner, in_doubt: &[AnchorKey]) -> io::Result<()> {
        let Sealed::Plan(order) = order::read(&self.folder)? else {
            return Ok(());
        };
        let mut steps = Vec::new();
        for step in order.steps {
            let operation = inner.log.read(step.index)?;
            if operation.action == Action::Create && in_doubt.contains(&operation.anchor.key()) {
                steps.push(step);
            }
        }
        order::write(&self.folder, &order.plan_id, &steps)
    }

    fn doubts(&self, inner: &mut Inner) -> Result<Vec<AnchorKey>, StoreError> {
        let mut keys = doubt::read(&self.folder).map_err(|error| self.damaged(&error))?;
        keys.extend(self.claimed_creates(inner).map_err(|error| self.damaged(&error))?);
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }
}

impl PlanSpool for FileSpool {
    /// What an unfinished plan leaves in doubt stays in doubt until a later plan is finished: the
    /// next crash may come before that one is sealed.
    fn clear(&self) -> Result<(), StoreError> {
        let inner = &mut *self.inner();
        if let Stage::Sealed(_) = inner.stage {
            let doubts = self.doubts(inner)?;
            doubt::write(&self.folder, &doubts).map_err(self.failed("clear"))?;
        }
        order::remove(&self.folder).map_err(self.failed("clear"))?;
        inner.log.clear().map_err(self.failed("clear"))?;
        inner.stage = Stage::Open;
        Ok(())
    }

    fn push(&self, operations: &[Operation]) -> Result<u32, StoreError> {
        let inner = &mut *self.inner();
        match inner.stage {
            Stage::Open => inner.log.push(operations).map_err(self.failed("write")),
            Stage::Sealed(_) | Stage::Closed => Err(StoreError("a sealed plan cannot grow: clear it first".into())),
        }
    }

    fn operation(&self, index: u32) -> Result<Operation, StoreError> {
        let failed = self.failed("read");
        // Only the place is looked up under the lock; many read at once while a plan is executed.
        let place = self.inner().log.locate(index).map_err(&failed)?;
        place.read().map_err(&failed)
    }

    fn seal(&self, plan_id: &str, steps: &[Step]) -> Result<(), StoreError> {
        let inner = &mut *self.inner();
        let failed = self.failed("seal");
        if !matches!(inner.stage, Stage::Open) {
            return Err(StoreError("the plan is sealed already: clear it first".into()));
        }
        let operations = inner.log.count().map_err(&failed)?;
        if let Some(step) = steps.iter().find(|step| step.index >= operations) {
            return Err(StoreError(format!(
                "the order names operation {} of a plan of {operations}: please report this",
                step.index
            )));
        }
        // The kernel reports a lost write once; if this fails, a second try would claim success.
        inner.stage = Stage::Closed;
        inner.log.sync().map_err(&failed)?;
        let claims = Claims::create(&self.folder.join("claims"), plan_id).map_err(&failed)?;
        order::write(&self.folder, plan_id, steps).map_err(&failed)?;
        inner.stage = Stage::Sealed(claims);
        Ok(())
    }

    fn claim(&self, upto: usize) -> Result<(), StoreError> {
        match &mut self.inner().stage {
            Stage::Sealed(claims) => claims.claim(upto).map_err(self.failed("claim steps of")),
            Stage::Open | Stage::Closed => Err(StoreError("only steps of a sealed plan can be claimed".into())),
        }
    }

    fn in_doubt(&self) -> Result<Vec<AnchorKey>, StoreError> {
        self.doubts(&mut self.inner())
    }

    fn unfinished(&self, visit: &mut dyn FnMut(Operation) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let claimed = self.claimed(&mut self.inner()).map_err(|error| self.damaged(&error))?;
        for index in claimed {
            visit(self.inner().log.read(index).map_err(|error| self.damaged(&error))?)?;
        }
        Ok(())
    }

    fn finish(&self, in_doubt: &[AnchorKey]) -> Result<(), StoreError> {
        let inner = &mut *self.inner();
        // In this order a crash in between leaves too much in doubt, not too little.
        doubt::write(&self.folder, in_doubt).map_err(self.failed("finish"))?;
        if !in_doubt.is_empty() {
            return self.keep(inner, in_doubt).map_err(self.failed("finish"));
        }
        order::remove(&self.folder).map_err(self.failed("finish"))?;
        doubt::remove(&self.folder).map_err(self.failed("finish"))?;
        inner.stage = Stage::Closed;
        Ok(())
    }
}
