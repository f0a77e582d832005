//! `[audit]`, checked already.

/// How and when the cloud is compared with what was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSettings {
    /// When the daemon does it: a cron expression as in `[schedule]`, in whose zone it is meant.
    pub cron: Option<String>,
    /// Whether the daemon pushes right what it finds.
    pub repair: bool,
    /// Requests in one audit; the next one goes on where it stopped.
    pub max_requests: u64,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self {
            cron: None,
            repair: false,
            // Under two minutes at the usual rate; where the cloud lists, 100,000 accounts.
            max_requests: 1000,
        }
    }
}
