//! Commands that need the state: done by whoever holds it, this process or a daemon that is asked.

use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use chrono::{SecondsFormat, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{dry_run, engine::Engine, explain, setup::Setup, token};
use crate::{
    daemon::{self, DaemonStatus},
    model::{AnchorKey, DnKey},
    outcome::exit,
    plan::decide::RETRY_NOW,
    ports::{GroupStore, Held, Meta, Reject, RejectKind, SharedObserver, StateStore, StoreError},
    report::{self, DaemonView},
    store::{self, SledStore},
};

/// A command, as it goes over the control socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Order {
    /// `--dry-run`
    DryRun(dry_run::Options),
    /// `explain`
    Explain {
        /// DN, anchor, user name or mail address.
        who: String,
    },
    /// `status`
    Status {
        /// For programs.
        json: bool,
        /// For Prometheus.
        #[serde(default)]
        metrics: bool,
    },
    /// `approve`
    Approve {
        /// The held plan.
        plan_id: String,
    },
    /// `rejects list`
    Rejects {
        /// For programs.
        json: bool,
    },
    /// `rejects retry`
    Retry {
        /// DN, anchor or user name.
        who: String,
    },
    /// `state export`
    Export,
}

/// Why a command came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The reader of the output is gone.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// The state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Reading the directory and planning.
    #[error(transparent)]
    Cycle(#[from] crate::cycle::CycleError),
    /// In words, with the exit code.
    #[error("{0}")]
    Words(String, u8),
}

impl OrderError {
    /// The exit code that goes with it.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Output(_) | Self::Store(_) => exit::OBJECTS,
            Self::Cycle(error) => crate::outcome::failure(error, 0, 0).exit_code,
            Self::Words(_, code) => *code,
        }
    }
}

/// What a command may use besides the engine.
pub struct Surroundings {
    /// What plans are made with.
    pub setup: Arc<Setup>,
    /// The daemon that carries it out, and the zone of its schedule.
    pub daemon: Option<(DaemonStatus, Tz)>,
    /// Progress.
    pub observer: SharedObserver,
    /// Ends the command early.
    pub stop: CancellationToken,
}

impl Order {
    /// What there is to say to this command while there is no state: words for those who only ask, an
    /// error for those who want something of it. Nothing when the command can do without.
    #[must_use]
    pub fn without_state(&self, path: &Path) -> Option<Result<String, OrderError>> {
        let nothing = format!(
            "There is no state in {} yet: nothing was pushed from here.",
            path.display()
        );
        match self {
            Self::DryRun(_) | Self::Explain { .. } | Self::Rejects { json: true } => None,
            Self::Status { json, metrics } if *json || *metrics => None,
            Self::Status { .. } => Some(Ok(format!("{nothing}\nThe first run makes it: scimward --sync-now\n"))),
            Self::Rejects { json: false } => Some(Ok(format!("{nothing}\nNobody is on the reject list.\n"))),
            Self::Approve { .. } | Self::Retry { .. } | Self::Export => Some(Err(OrderError::Words(
                format!("{nothing} Is [state] path the one of the service?"),
                exit::USAGE,
            ))),
        }
    }

    /// Whether the answer depends on the configuration.
    #[must_use]
    pub fn plans(&self) -> bool {
        matches!(self, Self::DryRun(_) | Self::Explain { .. })
    }

    /// Carries the command out. Blocking; has to run on a thread of a tokio runtime that may block.
    ///
    /// # Errors
    /// See [`OrderError`].
    pub fn carry_out(self, engine: &Arc<Engine>, out: &mut dyn Write, around: &Surroundings) -> Result<u8, OrderError> {
        let store = &*engine.store;
        match self {
            Self::DryRun(options) => dry_run::run(engine, &options, out, around),
            Self::Explain { who } => explain::run(engine, &who, out, around),
            Self::Status { json, metrics } => status(engine, (json, metrics), out, around),
            Self::Approve { plan_id } => approve(store, &plan_id, out),
            Self::Rejects { json } => rejects(store, json, out),
            Self::Retry { who } => retry(store, &who, out),
            Self::Export => {
                store::export(store, out).map_err(|error| OrderError::Words(error.to_string(), exit::OBJECTS))?;
                Ok(exit::DONE)
            }
        }
    }
}

/// Cycles shown by `status`.
const CYCLES_SHOWN: usize = 10;

fn status(
    engine: &Engine,
    (json, metrics): (bool, bool),
    out: &mut dyn Write,
    around: &Surroundings,
) -> Result<u8, OrderError> {
    let (meta, now) = (engine.store.meta()?, Utc::now());
    let store = &*engine.store;
    let view = around.daemon.as_ref().map(|(daemon, zone)| DaemonView {
        next_run: daemon
            .next
            .map(|next| (next.timestamp(), daemon::status::show(next, *zone))),
        now: daemon.now(*zone),
    });
    let status = report::Status {
        records: store.cycles(if metrics { usize::MAX } else { CYCLES_SHOWN })?,
        held: meta.held.clone(),
        approved: meta.approved.clone(),
        groups_held: meta.groups_held.clone(),
        groups_approved: meta.groups_approved.clone(),
        rejects: without_keys(store.rejects()?),
        group_rejects: without_keys(store.group_rejects()?),
        daemon: view,
    };
    let watched = around.daemon.as_ref().and_then(|(daemon, _)| daemon.token.as_ref());
    let token = token::shown(&around.setup, watched, &meta, now);
    let Meta { audit, .. } = meta;
    if json {
        let mut status = report::status_json(&status);
        let daemon = around.daemon.as_ref();
        status["audit"] = audit
            .as_ref()
            .map_or(Value::Null, |audit| report::audit_json(&audit.last));
        status["token"] = report::token_json(&token, now);
        status["daemon"] = daemon.map_or(Value::Null, |(daemon, _)| of_daemon(daemon));
        writeln!(out, "{status:#}")?;
    } else if metrics {
        let audit = audit.as_ref().map(|audit| &audit.last);
        out.write_all(report::status_metrics(&status, audit, &token).as_bytes())?;
    } else {
        let status = report::status_text(&status);
        out.write_all(status.as_bytes())?;
        if let Some(audit) = audit {
            writeln!(out, "{}", report::audit_line(&audit.last))?;
        }
        out.write_all(report::token_lines(&token, now).as_bytes())?;
    }
    Ok(exit::DONE)
}

fn without_keys(rejects: Vec<(AnchorKey, Reject)>) -> Vec<Reject> {
    rejects.into_iter().map(|(_, reject)| reject).collect()
}

/// What `docs/status-json.md` says of the key `daemon`.
fn of_daemon(daemon: &DaemonStatus) -> Value {
    let running = daemon.running.as_ref();
    serde_json::json!({
        "schedule": daemon.schedule,
        "runningSince": running.map(|running| running.since.to_rfc3339_opts(SecondsFormat::Secs, true)),
        "skipped": daemon.skipped,
        "panics": daemon.panics,
        "reloadError": daemon.reload_error,
        "stopping": daemon.stopping,
    })
}

fn approve(store: &dyn StateStore, plan_id: &str, out: &mut dyn Write) -> Result<u8, OrderError> {
    let mut meta = store.meta()?;
    let is_meant = |held: &Option<Held>| held.as_ref().is_some_and(|held| held.plan_id == plan_id);
    let (people, groups) = (is_meant(&meta.held), is_meant(&meta.groups_held));
    let all: Vec<&Held> = meta.held.iter().chain(&meta.groups_held).collect();
    let Some(held) = all.iter().find(|held| held.plan_id == plan_id) else {
        return Err(OrderError::Words(not_held(plan_id, &all), exit::USAGE));
    };
    let removals = held.removals;
    let these = if removals == 1 {
        "this 1 removal".to_owned()
    } else {
        format!("these {} removals", report::grouped(removals))
    };
    if people {
        meta.approved = Some(plan_id.to_owned());
    }
    if groups {
        meta.groups_approved = Some(plan_id.to_owned());
    }
    store.save_meta(&meta)?;
    writeln!(
        out,
        "Approved: the next run carries out exactly {these}. If others have come or gone by then, it holds them again.\n\
         To run now: scimward --sync-now"
    )?;
    Ok(exit::DONE)
}

/// Why there is nothing to approve by that id.
fn not_held(plan_id: &str, held: &[&Held]) -> String {
    if held.is_empty() {
        return "no removals are held, so there is nothing to approve; `scimward status` shows what is".to_owned();
    }
    let one = |held: &&Held| {
        let removals = report::count(held.removals, "removal");
        format!("{}, {removals}: {}", held.plan_id, held.reason)
    };
    let all: Vec<String> = held.iter().map(one).collect();
    format!(
        "{plan_id} is not the plan that is held now. Held is {}. Look at it with `scimward --dry-run`",
        all.join("; and ")
    )
}

fn rejects(store: &SledStore, json: bool, out: &mut dyn Write) -> Result<u8, OrderError> {
    let (people, groups) = (without_keys(store.rejects()?), without_keys(store.group_rejects()?));
    if json {
        report::rejects_json(&people, &groups, out)?;
    } else if people.is_empty() && groups.is_empty() {
        writeln!(out, "Nobody is on the reject list.")?;
    } else {
        out.write_all(report::rejects_text(&people, &groups).as_bytes())?;
    }
    Ok(exit::DONE)
}

fn retry(store: &SledStore, who: &str, out: &mut dyn Write) -> Result<u8, OrderError> {
    let (people, one_anyway) = tried_again(store.rejects()?, who, out)?;
    let (groups, other_anyway) = tried_again(store.group_rejects()?, who, out)?;
    if people.is_empty() && groups.is_empty() {
        if one_anyway || other_anyway {
            return Ok(exit::DONE);
        }
        return Err(OrderError::Words(
            format!("nobody called {who} waits on the reject list; `scimward rejects` shows who does"),
            exit::USAGE,
        ));
    }
    store.save_rejects(&people)?;
    store.save_group_rejects(&groups)?;
    store.flush()?;
    Ok(exit::DONE)
}

/// Changes of the reject list.
type Changes = Vec<(AnchorKey, Option<Reject>)>;

/// Those called `who`, due at once, and whether there are others of that name who are tried in every cycle.
fn tried_again(rejects: Vec<(AnchorKey, Reject)>, who: &str, out: &mut dyn Write) -> io::Result<(Changes, bool)> {
    let (mut again, mut anyway) = (Vec::new(), false);
    for (key, reject) in rejects.into_iter().filter(|(_, reject)| is(reject, who)) {
        if reject.kind == RejectKind::Entry {
            writeln!(
                out,
                "{}: tried in every cycle anyway; mend the entry or the mapping",
                reject.rejection.dn
            )?;
            anyway = true;
            continue;
        }
        writeln!(out, "{}: tried again in the next cycle", reject.rejection.dn)?;
        again.push((
            key,
            Some(Reject {
                next_try: RETRY_NOW,
                ..reject
            }),
        ));
    }
    Ok((again, anyway))
}

fn is(reject: &Reject, who: &str) -> bool {
    let rejection = &reject.rejection;
    let named = rejection
        .problems
        .iter()
        .any(|problem| problem.value.eq_ignore_ascii_case(who));
    let anchored = rejection
        .anchor
        .as_ref()
        .is_some_and(|anchor| anchor.as_str().eq_ignore_ascii_case(who));
    named || anchored || DnKey::of(&rejection.dn) == DnKey::of(who)
}
