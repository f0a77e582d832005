//! `state rebuild`: the memory made anew from the directory and the cloud.

mod told;

use std::{io::Write, sync::Arc};

use tokio_util::sync::CancellationToken;

use self::told::tell;
use super::{
    Failure,
    engine::{chain, foreign_endpoint, unix_now},
    setup::Setup,
};
use crate::{
    cycle::{self, CycleError, Planned, mapping_digest},
    model::{GroupAction, GroupOperation},
    outcome::{self, exit},
    plan::settings::Nesting,
    ports::{Absence, GroupStore, Meta, ProviderError, SharedObserver, StateStore, StoreError},
    report::{count, people},
    scim::ScimClient,
    store::SledStore,
    survey::{
        Lens,
        rebuild::{
            self, Means, Rebuilt,
            groups::{self as survey_groups, GroupsRebuilt},
        },
    },
};

/// What came of groups, and how many of them are rejected.
type Groups = (GroupsRebuilt, u64);

/// Reads the directory, asks the cloud, fills the state and says what came of it.
///
/// # Errors
/// When nothing could be done: the state is in use or holds something, or the directory could not be
/// read completely.
pub async fn run(
    setup: Arc<Setup>,
    force: bool,
    observer: SharedObserver,
    stop: CancellationToken,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let other = |error: &dyn std::error::Error| Failure::other(error);
    let store = Arc::new(SledStore::open(&setup.config.state_path).map_err(|error| other(&error))?);
    let meta = store.meta().map_err(|error| other(&error))?;
    may_begin(&store, &meta, &setup, force)?;
    let scratch = Arc::new(SledStore::scratch().map_err(|error| other(&error))?);
    let planned = read(&setup, &scratch, &observer, &stop).await?;
    begin(&store, &setup, force).map_err(|error| other(&error))?;
    let scim = setup.config.scim.clone();
    let profile = Arc::clone(&setup.policy.profile);
    let client = ScimClient::new(scim, profile, Arc::clone(&observer), stop.clone());
    let client = Arc::new(client.map_err(|error| Failure::usage(chain(&error)))?);
    let lens = Lens::new(&setup.policy.mapper, &setup.policy.profile);
    let rebuilt = rebuild::rebuild(Means {
        plan: &planned.plan,
        spool: scratch.spool(),
        reader: &client,
        store: &store,
        lens: &lens,
        concurrency: setup.config.scim.concurrency,
        observer: &observer,
        stop: &stop,
    });
    let mut rebuilt = rebuilt.await.map_err(|error| other(&error))?;
    let mut of_groups = None;
    if let (Some(read), Some(policy), None) = (&planned.groups, &setup.policy.groups, &rebuilt.stopped) {
        let creates = |operation: &&GroupOperation| operation.action == GroupAction::Create;
        let operations: Vec<&GroupOperation> = read.plan.operations.iter().filter(creates).collect();
        let found = survey_groups::rebuild(survey_groups::Means {
            operations: &operations,
            nested: policy.nesting == Nesting::Push,
            reader: &client,
            store: &store,
            lens: &lens,
            max_questions: setup.config.audit.max_requests,
            concurrency: setup.config.scim.concurrency,
            observer: &observer,
            stop: &stop,
        });
        let mut found = found.await.map_err(|error| other(&error))?;
        rebuilt.stopped = found.stopped.take();
        of_groups = Some((found, read.plan.counts.rejected));
    }
    if rebuilt.stopped.is_none() {
        end(&store, &setup).map_err(|error| other(&error))?;
    }
    tell(out, &planned, &rebuilt, of_groups.as_ref()).map_err(Failure::output)?;
    Ok(exit_code(&planned, &rebuilt, of_groups.as_ref()))
}

/// A state that remembers somebody is not thrown away unasked: what it knows of people who have left is
/// in no directory and no cloud.
fn may_begin(store: &SledStore, meta: &Meta, setup: &Setup, force: bool) -> Result<(), Failure> {
    if let Some(words) = foreign_endpoint(store, setup).map_err(|error| Failure::other(&error))? {
        return Err(Failure::usage(words));
    }
    let links = store.marks().map_err(|error| Failure::other(&error))?.len() as u64;
    let groups = store.groups().map_err(|error| Failure::other(&error))?.len() as u64;
    if links + groups == 0 || meta.rebuild.is_some() || force {
        return Ok(());
    }
    let people = people(links);
    Err(Failure::usage(format!(
        "the state in {} is not empty: it remembers {}. A rebuild throws that away, and with it who has left and is \
         yet to be deactivated or deleted: their accounts would be nobody's. To do it all the same: scimward state \
         rebuild --force (a backup first: scimward state export)",
        setup.config.state_path.display(),
        match groups {
            0 => people,
            groups => format!("{people} and {}", count(groups, "group")),
        }
    )))
}

/// Everybody in scope, as an empty state sees them.
async fn read(
    setup: &Arc<Setup>,
    scratch: &Arc<SledStore>,
    observer: &SharedObserver,
    stop: &CancellationToken,
) -> Result<Planned, Failure> {
    let (setup, scratch) = (Arc::clone(setup), Arc::clone(scratch));
    let (observer, stop) = (Arc::clone(observer), stop.clone());
    let planned = tokio::task::spawn_blocking(move || {
        let means = cycle::Means {
            policy: &setup.policy,
            store: &*scratch,
            spool: scratch.spool(),
            now: unix_now(),
            observer: &observer,
            stop: &stop,
        };
        setup.plan(means, &*scratch, None)
    });
    let planned = planned
        .await
        .map_err(|error| CycleError::Store(StoreError(format!("planning broke off: {error}"))))
        .and_then(|planned| planned)
        .map_err(|error| Failure {
            code: outcome::failure(&error, 0, 0).exit_code,
            words: chain(&error),
        })?;
    // Groups that were read in part say the same of themselves.
    let absence = planned
        .groups
        .as_ref()
        .map_or(&planned.plan.absence, |groups| &groups.plan.absence);
    match absence {
        Absence::AllButPresent => Ok(planned),
        Absence::Unknown(why) => Err(Failure {
            code: exit::DIRECTORY,
            words: format!("the directory was not read completely, so nothing was rebuilt: {why}"),
        }),
    }
}

/// From here on an interrupted rebuild is known as one.
fn begin(store: &SledStore, setup: &Setup, force: bool) -> Result<(), StoreError> {
    let meta = store.meta()?;
    let rebuild = match meta.rebuild {
        Some(stage) if !force => stage,
        _ => crate::ports::RebuildStage::Listing,
    };
    store.save_meta(&Meta {
        endpoint: setup.config.scim.endpoint.clone(),
        rebuild: Some(rebuild),
        ..meta
    })
}

fn end(store: &SledStore, setup: &Setup) -> Result<(), StoreError> {
    let meta = store.meta()?;
    store.save_meta(&Meta {
        mapping: mapping_digest(&setup.policy).to_string(),
        rebuild: None,
        ..meta
    })
}

fn exit_code(planned: &Planned, rebuilt: &Rebuilt, groups: Option<&Groups>) -> u8 {
    let groups = groups.map_or(0, |(groups, rejected)| groups.unclear.count + rejected);
    match &rebuilt.stopped {
        Some(ProviderError::Cancelled) => exit::OBJECTS,
        Some(_) => exit::PROVIDER,
        None if rebuilt.unclear.count + planned.plan.counts.rejected + groups > 0 => exit::OBJECTS,
        None => exit::DONE,
    }
}
