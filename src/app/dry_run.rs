//! `--dry-run`: a plan, rendered. There is no executor in here, and no way to one.

mod groups;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use self::groups::Ground;
use super::{
    audit,
    engine::{Engine, chain, follows, foreign_endpoint, unix_now},
    foresight::Foresight,
    hints::{self, Names},
    order::{OrderError, Surroundings},
    setup::Setup,
};
use crate::{
    cycle::Planned,
    executor::Linked,
    model::{Action, Operation, Phase, Step},
    outcome::{self, exit},
    plan::settings::OnIncomplete,
    ports::{Absence, Held, Payload, Probe, ProviderError, ServiceProvider, StateStore, StoreError},
    report::{Brief, Format, Line, Report, Summary, TextStyle},
    scim::ScimClient,
    store::SledStore,
    survey::audit::Audited,
};

/// How the report is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// JSON in place of text.
    pub json: bool,
    /// Ask the cloud for each person who would be created.
    pub probe: bool,
    /// Compare what the cloud holds with what was pushed.
    #[serde(default)]
    pub audit: bool,
    /// Exit with 10 when there are changes, or accounts that are not as they were pushed.
    pub exit_code: bool,
    /// Colours.
    pub colour: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// How much of a long report is shown.
    pub brief: Option<Brief>,
}

/// Plans and reports. Blocking.
///
/// # Errors
/// When there is nothing to plan from, or nobody to report to.
pub fn run(
    engine: &Arc<Engine>,
    options: &Options,
    out: &mut dyn Write,
    around: &Surroundings,
) -> Result<u8, OrderError> {
    let setup = &around.setup;
    if let Some(words) = foreign_endpoint(&*engine.store, setup)? {
        return Err(OrderError::Words(words, exit::USAGE));
    }
    let scratch = SledStore::scratch().map_err(|error| OrderError::Words(chain(&error), exit::OBJECTS))?;
    // Without links there is nothing else in a state that counts elsewhere.
    let store: &SledStore = if follows(&*engine.store, setup)? {
        &scratch
    } else {
        &engine.store
    };
    let spool = scratch.spool();
    let (now, observer, stop) = (unix_now(), &around.observer, &around.stop);
    let planned = engine.plan_beside_cycles(|| Engine::plan_into(store, setup, spool, now, observer, stop, None))?;
    let client = match options.probe {
        true => Some(prober(setup, around)?),
        false => None,
    };
    let format = if options.json { Format::Json } else { Format::Text };
    let mut buffered = std::io::BufWriter::with_capacity(64 * 1024, out);
    let mut report = Report::new(
        &mut buffered,
        format,
        TextStyle {
            colour: options.colour,
            width: options.width,
            brief: options.brief,
        },
    );
    let mut totals = Totals::default();
    let linked = Linked::new(&engine.store);
    let held: BTreeSet<_> = planned.approved.held.iter().copied().collect();
    let carried_out: BTreeSet<_> = planned.approved.steps.iter().copied().collect();
    let shown = |step: &&Step| held.contains(step) || carried_out.contains(step);
    let mut foresight = Foresight::new(setup, store);
    let mut names = Names::default();
    let mut tell = |(operation, request), held, probe| {
        let line = Line {
            requests: vec![request],
            held,
            probe,
            operation,
        };
        totals.count(&line);
        report.line(&line)
    };
    for step in planned.plan.steps.iter().filter(shown) {
        if step.phase > Phase::Reference {
            for late in foresight.late()? {
                tell(late, false, None)?;
            }
        }
        let operation = planned.plan.complete(*step, spool.operation(step.index)?);
        names.operation(*step, &operation);
        let probe = match &client {
            Some(client) if operation.action == Action::Create => Some(probe(client, &linked, &operation)?),
            _ => None,
        };
        tell(foresight.next(operation)?, held.contains(step), probe)?;
    }
    for late in foresight.late()? {
        tell(late, false, None)?;
    }
    let ground = Ground {
        setup,
        store,
        spool,
        planned: &planned,
        client: client.as_ref(),
    };
    let told = groups::tell(&ground, &mut report)?;
    let mut summary = summary(&planned, setup, totals, store)?;
    summary.requests += told.requests;
    summary.warnings.extend(told.warnings);
    summary.groups = told.summary;
    summary.warnings.extend(hints::dangling(&planned.plan, store, spool)?);
    summary.warnings.extend(names.warnings(store, spool)?);
    summary.warnings.extend(hints::unmet(&planned, store)?);
    if options.audit {
        summary.audit = Some(audit::for_report(engine, setup, around)?);
    }
    report.finish(&summary)?;
    buffered.flush()?;
    Ok(exit_code(&planned, options, summary.audit.as_ref()))
}

fn prober(setup: &Setup, around: &Surroundings) -> Result<ScimClient, OrderError> {
    let (scim, profile) = (setup.config.scim.clone(), Arc::clone(&setup.policy.profile));
    ScimClient::new(scim, profile, Arc::clone(&around.observer), around.stop.clone())
        .map_err(|error| OrderError::Words(chain(&error), exit::USAGE))
}

fn probe(client: &ScimClient, linked: &Linked<SledStore>, operation: &Operation) -> Result<Probe, OrderError> {
    let payload = Payload {
        external_id: operation.anchor.to_string(),
        pushed: operation.after.clone().unwrap_or_default(),
        manager_id: None,
    };
    let runtime = tokio::runtime::Handle::current();
    runtime
        .block_on(client.probe(&payload, &|id| linked.has(id)))
        .map_err(|error| {
            let code = if error == ProviderError::Cancelled {
                exit::OBJECTS
            } else {
                exit::PROVIDER
            };
            OrderError::Words(format!("asking the cloud for {}: {error}", operation.dn), code)
        })
}

#[derive(Default)]
struct Totals {
    operations: BTreeMap<Action, u64>,
    requests: u64,
}

impl Totals {
    fn count(&mut self, line: &Line) {
        if !line.held {
            *self.operations.entry(line.operation.action).or_default() += 1;
            self.requests += line.requests.len() as u64;
        }
    }
}

fn summary(planned: &Planned, setup: &Setup, totals: Totals, store: &dyn StateStore) -> Result<Summary, StoreError> {
    let plan = &planned.plan;
    let incomplete = match (&plan.absence, setup.policy.on_incomplete) {
        (Absence::AllButPresent, _) => None,
        (Absence::Unknown(reason), OnIncomplete::Abort) => Some(format!(
            "{reason}; nothing would be changed ([ldap] on_incomplete = \"abort\")"
        )),
        (Absence::Unknown(reason), OnIncomplete::NoRemovals) => Some(format!(
            "{reason}; nobody would be removed ([ldap] on_incomplete = \"no-removals\")"
        )),
    };
    let mut warnings = plan.warnings.clone();
    if setup.policy.profile.silent_takeover && totals.operations.contains_key(&Action::Create) {
        warnings.push(format!(
            "{} takes over an account made by hand when a new one gets its name; each is looked up before it is created",
            setup.policy.profile.title
        ));
    }
    let meta = &planned.meta;
    let held = planned.approved.hold.as_ref().map(|hold| Held {
        plan_id: hold.plan_id.clone(),
        removals: planned.approved.held.len() as u64,
        reason: hold.reason.clone(),
        since: meta
            .held
            .as_ref()
            .filter(|old| old.plan_id == hold.plan_id)
            .map_or(0, |old| old.since),
    });
    Ok(Summary {
        source: planned.server.clone(),
        target: setup.config.scim.endpoint.clone(),
        profile: setup.policy.profile.name.clone(),
        entries: plan.counts.entries,
        in_scope: plan.counts.in_scope,
        out_of_scope: plan.counts.out_of_scope,
        unchanged: plan.counts.unchanged,
        operations: totals.operations,
        requests: totals.requests,
        rate_per_s: setup.config.scim.rate_per_s,
        incomplete,
        held,
        rejects: outcome::rejects_after(store.rejects()?, &plan.reject_changes),
        warnings,
        groups: None,
        audit: None,
        plan_id: plan.id.clone(),
    })
}

fn exit_code(planned: &Planned, options: &Options, audited: Option<&Audited>) -> u8 {
    let counts = &planned.plan.counts;
    let drifted = audited.is_some_and(Audited::has_drifts);
    let changes = drifted || !(planned.approved.steps.is_empty() && planned.approved.held.is_empty());
    let audited = audited.map_or(exit::DONE, audit::exit_code);
    let groups = groups::exit_code(planned, options.exit_code.then_some(exit::CHANGES));
    if matches!(planned.plan.absence, Absence::Unknown(_)) || groups == exit::DIRECTORY {
        exit::DIRECTORY
    } else if audited == exit::PROVIDER {
        exit::PROVIDER
    } else if (options.exit_code && changes) || groups == exit::CHANGES {
        exit::CHANGES
    } else if planned.approved.hold.is_some() || groups == exit::HELD {
        exit::HELD
    } else if counts.rejected + counts.waiting > 0 || audited == exit::OBJECTS || groups == exit::OBJECTS {
        exit::OBJECTS
    } else {
        exit::DONE
    }
}
