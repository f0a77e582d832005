//! The engine as the daemon sees it.

use std::{
    io::{self, Write},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{
    engine::{Engine, chain},
    meant::Meant,
    order::{Order, Surroundings},
};
use crate::{
    daemon::{Cause, DaemonStatus, Runner, control::CommandOutput, settings::ScheduleSettings, status::TokenStatus},
    outcome::exit,
    ports::{CycleRecord, SharedObserver, StateStore},
};

impl Runner for Engine {
    async fn cycle(self: Arc<Self>, cause: Cause, observer: SharedObserver, stop: CancellationToken) -> CycleRecord {
        match cause {
            Cause::Audit { .. } => {
                let repair = self.setup().config.audit.repair;
                self.sync_after_audit(repair, observer, stop).await
            }
            Cause::RequestedAudit => self.sync_after_audit(true, observer, stop).await,
            Cause::AtStart | Cause::Scheduled { .. } | Cause::CatchUp { .. } | Cause::Requested => {
                self.sync(observer, stop).await
            }
        }
    }

    async fn reload(&self) -> Result<ScheduleSettings, String> {
        Self::reload(self)
    }

    async fn tend_token(self: Arc<Self>, now: DateTime<Utc>, stop: CancellationToken) -> TokenStatus {
        self.look_after_token(now, &stop).await
    }

    fn last_started(&self) -> Option<DateTime<Utc>> {
        match self.store.cycles(1) {
            Ok(cycles) => cycles
                .first()
                .and_then(|cycle| DateTime::from_timestamp(cycle.started, 0)),
            Err(error) => {
                tracing::error!(%error, "the time of the last cycle cannot be read");
                None
            }
        }
    }

    fn unusable(&self) -> Option<String> {
        Self::unusable(self)
    }

    fn objection(&self, command: &Value) -> Option<String> {
        Meant::of(command)?.is_of_next_cycle(self).err()
    }

    async fn command(
        self: Arc<Self>,
        command: Value,
        out: CommandOutput,
        daemon: DaemonStatus,
        stop: CancellationToken,
    ) -> u8 {
        let meant = Meant::of(&command);
        let order: Order = match serde_json::from_value(command) {
            Ok(order) => order,
            Err(error) => {
                let _ = out
                    .log(&format!("this daemon does not know that command: {error}"))
                    .await;
                return exit::USAGE;
            }
        };
        let setup = self.setup();
        let zone = setup
            .config
            .schedule
            .as_ref()
            .map_or(chrono_tz::UTC, |schedule| schedule.timezone);
        let planned_with = match meant.filter(|_| order.plans()) {
            Some(meant) => {
                let engine = Arc::clone(&self);
                let read = tokio::task::spawn_blocking(move || meant.to_plan_with(&engine)).await;
                read.unwrap_or_else(|error| Err(format!("reading the configuration broke off: {error}")))
            }
            None => Ok((Arc::clone(&setup), None)),
        };
        let (planned_with, note) = match planned_with {
            Ok(found) => found,
            Err(words) => {
                let _ = out.log(&words).await;
                return exit::USAGE;
            }
        };
        if let Some(note) = note {
            let _ = out.log(&note).await;
        }
        let around = Surroundings {
            setup: planned_with,
            daemon: Some((daemon, zone)),
            observer: Arc::new(out.clone()),
            stop,
        };
        let mut pipe = Pipe {
            out: out.clone(),
            runtime: Handle::current(),
        };
        let done = tokio::task::spawn_blocking(move || order.carry_out(&self, &mut pipe, &around)).await;
        let (words, code) = match done {
            Ok(Ok(code)) => return code,
            Ok(Err(error)) => (chain(&error), error.exit_code()),
            Err(error) => (format!("the command broke off: {error}"), crate::daemon::EXIT_PANICKED),
        };
        // A client that is gone has no use for the reason.
        let _ = out.log(&words).await;
        code
    }
}

/// `[schedule]`, which a daemon cannot do without.
///
/// # Errors
/// In words, when there is none.
pub fn schedule(schedule: Option<ScheduleSettings>) -> Result<ScheduleSettings, String> {
    schedule.ok_or_else(|| {
        "there is no [schedule] in the configuration, so a daemon has nothing to go by; \
         add one (cron = \"*/15 * * * *\"), or run single cycles with --sync-now"
            .to_owned()
    })
}

/// Output of a command on its way to a client. Waits for a slow one.
struct Pipe {
    out: CommandOutput,
    runtime: Handle,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Writers hand over whole lines or large blocks; a character cut in two is kept for the next.
        let whole = match std::str::from_utf8(bytes) {
            Ok(_) => bytes.len(),
            Err(error) if error.valid_up_to() > 0 => error.valid_up_to(),
            Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        };
        let text = String::from_utf8_lossy(&bytes[..whole]);
        self.runtime
            .block_on(self.out.stdout(&text))
            .map_err(|gone| io::Error::new(io::ErrorKind::BrokenPipe, gone))?;
        Ok(whole)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
