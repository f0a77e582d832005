//! Commands that need the state: done by whoever holds it, this process or a daemon that is asked.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use chrono::SecondsFormat;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{dry_run, engine::Engine, explain, setup::Setup};
use crate::{
    daemon::{self, DaemonStatus},
    model::{AnchorKey, DnKey},
    outcome::exit,
    plan::decide::RETRY_NOW,
    ports::{Meta, Reject, RejectKind, SharedObserver, StateStore, StoreError},
    report::{self, DaemonView},
    store,
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
            Self::DryRun(_) | Self::Explain { .. } | Self::Status { json: true } | Self::Rejects { json: true } => None,
            Self::Status { json: false } => {
                Some(Ok(format!("{nothing}\nThe first run makes it: scimward --sync-now\n")))
            }
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
            Self::Status { json } => status(store, json, out, around),
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

fn status(store: &dyn StateStore, json: bool, out: &mut dyn Write, around: &Surroundings) -> Result<u8, OrderError> {
    let (cycles, rejects) = (store.cycles(CYCLES_SHOWN)?, store.rejects()?);
    let Meta {
        held, approved, audit, ..
    } = store.meta()?;
    let (held, approved) = (held.as_ref(), approved.as_deref());
    let view = around.daemon.as_ref().map(|(daemon, zone)| DaemonView {
        next_run: daemon
            .next
            .map(|next| (next.timestamp(), daemon::status::show(next, *zone))),
        now: daemon.now(*zone),
    });
    if json {
        let mut status = report::status_json(&cycles, held, approved, &rejects, view.as_ref());
        let daemon = around.daemon.as_ref();
        status["audit"] = audit
            .as_ref()
            .map_or(Value::Null, |audit| report::audit_json(&audit.last));
        status["daemon"] = daemon.map_or(Value::Null, |(daemon, _)| of_daemon(daemon));
        writeln!(out, "{status:#}")?;
    } else {
        let status = report::status_text(&cycles, held, approved, &rejects, view.as_ref());
        out.write_all(status.as_bytes())?;
        if let Some(audit) = audit {
            writeln!(out, "{}", report::audit_line(&audit.last))?;
        }
    }
    Ok(exit::DONE)
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
    let Some(held) = &meta.held else {
        return Err(OrderError::Words(
            "no removals are held, so there is nothing to approve; `scimward status` shows what is".into(),
            exit::USAGE,
        ));
    };
    if held.plan_id != plan_id {
        let words = format!(
            "{plan_id} is not the id of what is held now (beside Plan in a report stands the id of the whole plan). Held \
             is {}, {}: {}. Look at it with `scimward --dry-run`",
            held.plan_id,
            report::count(held.removals, "removal"),
            held.reason
        );
        return Err(OrderError::Words(words, exit::USAGE));
    }
    let removals = held.removals;
    let these = if removals == 1 {
        "this 1 removal".to_owned()
    } else {
        format!("these {} removals", report::grouped(removals))
    };
    meta.approved = Some(plan_id.to_owned());
    store.save_meta(&meta)?;
    writeln!(
        out,
        "Approved: the next run carries out exactly {these}. If others have come or gone by then, it holds them again.\n\
         To run now: scimward --sync-now"
    )?;
    Ok(exit::DONE)
}

fn rejects(store: &dyn StateStore, json: bool, out: &mut dyn Write) -> Result<u8, OrderError> {
    let rejects = store.rejects()?;
    if json {
        report::rejects_json(&rejects, out)?;
    } else if rejects.is_empty() {
        writeln!(out, "Nobody is on the reject list.")?;
    } else {
        out.write_all(report::rejects_text(&rejects).as_bytes())?;
    }
    Ok(exit::DONE)
}

fn retry(store: &dyn StateStore, who: &str, out: &mut dyn Write) -> Result<u8, OrderError> {
    let names: BTreeMap<AnchorKey, Reject> = store.rejects()?.into_iter().collect();
    let (mut again, mut anyway) = (Vec::new(), false);
    for (key, reject) in names.into_iter().filter(|(_, reject)| is(reject, who)) {
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
    if again.is_empty() && anyway {
        return Ok(exit::DONE);
    }
    if again.is_empty() {
        return Err(OrderError::Words(
            format!("nobody called {who} waits on the reject list; `scimward rejects` shows who does"),
            exit::USAGE,
        ));
    }
    store.save_rejects(&again)?;
    store.flush()?;
    Ok(exit::DONE)
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
