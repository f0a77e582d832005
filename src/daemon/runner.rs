//! What the daemon needs of the program; the composition root implements it.

use std::{future::Future, sync::Arc};

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{
    control::CommandOutput,
    due::Cause,
    settings::ScheduleSettings,
    status::{DaemonStatus, TokenStatus},
};
use crate::ports::{CycleRecord, SharedObserver};

/// Does the work.
pub trait Runner: Send + Sync + 'static {
    /// One cycle; never called while another one is in progress. Ends early, saving what it has,
    /// when `stop` is cancelled.
    fn cycle(
        self: Arc<Self>,
        cause: Cause,
        observer: SharedObserver,
        stop: CancellationToken,
    ) -> impl Future<Output = CycleRecord> + Send;

    /// Reads the configuration again; the next cycle uses it. The cron expression it returns has
    /// been read by [`super::schedule::Schedule::parse`] already.
    ///
    /// # Errors
    /// Every mistake, for the operator. The old configuration stays in force, whole.
    fn reload(&self) -> impl Future<Output = Result<ScheduleSettings, String>> + Send;

    /// Looks how long the token works, tells, and renews it when it is time and the configuration wants
    /// that. Called at the start, after a change of the configuration and once a day, also while a cycle is
    /// in progress; never while an earlier call is. Begins nothing more when `stop` is cancelled.
    fn tend_token(
        self: Arc<Self>,
        now: DateTime<Utc>,
        stop: CancellationToken,
    ) -> impl Future<Output = TokenStatus> + Send;

    /// When the last cycle began, by the state. Asked once, at the start.
    fn last_started(&self) -> Option<DateTime<Utc>>;

    /// Why no further cycle can do its work in this process, once that is so; a new process may.
    fn unusable(&self) -> Option<String>;

    /// Why a cycle must not be begun for this command, in words for whoever gave it.
    fn objection(&self, command: &Value) -> Option<String>;

    /// A command from the control socket, everything but `sync`. Returns its exit code. `stop` is
    /// cancelled when the client is gone or the daemon leaves. May be called while a cycle is in
    /// progress, and more than once at a time.
    fn command(
        self: Arc<Self>,
        command: Value,
        out: CommandOutput,
        daemon: DaemonStatus,
        stop: CancellationToken,
    ) -> impl Future<Output = u8> + Send;
}
