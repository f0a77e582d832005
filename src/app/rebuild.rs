//! `state rebuild`: the memory made anew from the directory and the cloud.

use std::{
    io::{self, Write},
    sync::Arc,
};

use tokio_util::sync::CancellationToken;

use super::{
    Failure,
    engine::{chain, foreign_endpoint, unix_now},
    setup::Setup,
};
use crate::{
    cycle::{self, CycleError, Planned, mapping_digest},
    model::shown,
    outcome::{self, exit},
    ports::{Absence, Meta, ProviderError, SharedObserver, StateStore, StoreError},
    report::{count, grouped},
    scim::ScimClient,
    store::SledStore,
    survey::{
        Lens,
        rebuild::{self, Few, Means, Rebuilt},
    },
};

/// Names shown of each kind; the rest are counted.
const SHOWN_MAX: usize = 100;

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
    let rebuilt = rebuilt.await.map_err(|error| other(&error))?;
    if rebuilt.stopped.is_none() {
        end(&store, &setup).map_err(|error| other(&error))?;
    }
    tell(out, &planned, &rebuilt).map_err(Failure::output)?;
    Ok(exit_code(&planned, &rebuilt))
}

/// A state that remembers somebody is not thrown away unasked: what it knows of people who have left is
/// in no directory and no cloud.
fn may_begin(store: &SledStore, meta: &Meta, setup: &Setup, force: bool) -> Result<(), Failure> {
    if let Some(words) = foreign_endpoint(store, setup).map_err(|error| Failure::other(&error))? {
        return Err(Failure::usage(words));
    }
    let links = store.marks().map_err(|error| Failure::other(&error))?.len() as u64;
    if links == 0 || meta.rebuild.is_some() || force {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the state in {} is not empty: it remembers {}. A rebuild throws that away, and with it who has left and is \
         yet to be deactivated or deleted: their accounts would be nobody's. To do it all the same: scimward state \
         rebuild --force (a backup first: scimward state export)",
        setup.config.state_path.display(),
        match links {
            1 => "1 person".to_owned(),
            links => format!("{} people", grouped(links)),
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
    match &planned.plan.absence {
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

fn exit_code(planned: &Planned, rebuilt: &Rebuilt) -> u8 {
    match &rebuilt.stopped {
        Some(ProviderError::Cancelled) => exit::OBJECTS,
        Some(_) => exit::PROVIDER,
        None if rebuilt.unclear.count + planned.plan.counts.rejected > 0 => exit::OBJECTS,
        None => exit::DONE,
    }
}

fn tell(out: &mut dyn Write, planned: &Planned, rebuilt: &Rebuilt) -> io::Result<()> {
    let line = |out: &mut dyn Write, what: &str, number: u64, words: &str| {
        let words = if number > 0 { words } else { "" };
        let line = format!("  {what:<16}{:>9}  {words}", grouped(number));
        writeln!(out, "{}", line.trim_end())
    };
    match &rebuilt.stopped {
        None => writeln!(out, "The state is rebuilt.")?,
        Some(error) => writeln!(
            out,
            "The rebuild was interrupted: {}.\nWhat was found is kept. To go on: scimward state rebuild",
            shown(&error.to_string())
        )?,
    }
    writeln!(out)?;
    line(out, "in scope", rebuilt.people, "")?;
    let differing = match rebuilt.differing {
        0 => String::new(),
        number => format!(
            "{} of them hold something else; the next run brings them in step",
            grouped(number)
        ),
    };
    line(out, "linked", rebuilt.linked, &differing)?;
    line(out, "without account", rebuilt.without_account, "made in the next run")?;
    line(out, "unclear", rebuilt.unclear.count, "not linked")?;
    let rejected = planned.plan.counts.rejected;
    line(out, "rejected", rejected, "not linked; scimward --dry-run says why")?;
    unclear(out, rebuilt)?;
    strangers(out, rebuilt)?;
    if rebuilt.stopped.is_none() {
        writeln!(out, "\nWhat is left to do: scimward --dry-run")?;
    }
    Ok(())
}

fn unclear(out: &mut dyn Write, rebuilt: &Rebuilt) -> io::Result<()> {
    if rebuilt.unclear.count == 0 {
        return Ok(());
    }
    writeln!(out, "\nUnclear")?;
    for person in rebuilt.unclear.first.iter().take(SHOWN_MAX) {
        writeln!(out, "  {}  {}", shown(&person.user_name), shown(&person.dn))?;
        writeln!(out, "      {}", shown(&person.why))?;
    }
    more(out, &rebuilt.unclear)
}

fn strangers(out: &mut dyn Write, rebuilt: &Rebuilt) -> io::Result<()> {
    if let Some(why) = &rebuilt.not_listed {
        writeln!(out, "\nNote: {}.", shown(why))?;
    }
    if rebuilt.strangers.count == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "\n{} that nobody in the directory matches: not linked, so never changed or removed from here",
        count(rebuilt.strangers.count, "account")
    )?;
    for account in rebuilt.strangers.first.iter().take(SHOWN_MAX) {
        writeln!(out, "  {}  id {}", shown(&account.user_name), shown(&account.id.0))?;
        if let Some(because) = &account.because {
            writeln!(out, "      {}", shown(because))?;
        }
    }
    more(out, &rebuilt.strangers)
}

fn more<T>(out: &mut dyn Write, few: &Few<T>) -> io::Result<()> {
    match few.count.saturating_sub(SHOWN_MAX as u64) {
        0 => Ok(()),
        more => writeln!(out, "  … and {} more", grouped(more)),
    }
}
