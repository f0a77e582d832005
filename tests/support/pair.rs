//! Both sides of a sync for one test: a directory, a cloud, and a recorder between us and it.

use super::{
    config::Config,
    recorder::Recorder,
    scim_servers::{Kind, ScimServer},
    slapd::Slapd,
};

/// A schedule whose time does not come.
pub const NEVER: &str = "0 0 0 1 1 * 2099";
/// A schedule whose time comes again and again.
pub const EVERY_SECOND: &str = "* * * * * *";

/// slapd and scimmy.
pub struct Pair {
    /// The directory.
    pub slapd: Slapd,
    /// What stands between us and the cloud.
    pub recorder: Recorder,
    /// The cloud.
    pub cloud: ScimServer,
}

impl Pair {
    /// With the first `count` people of [`super::people`] in the directory, and nobody in the cloud.
    pub fn with_people(count: usize) -> Self {
        let cloud = ScimServer::start(Kind::Scimmy);
        Self {
            slapd: Slapd::with_people(count),
            recorder: Recorder::start(&cloud.url()),
            cloud,
        }
    }

    /// A configuration for the two.
    pub fn config(&self) -> Config {
        Config::new(&self.slapd.url(), self.recorder.url())
    }

    /// The same for a daemon, whose schedule is `cron`.
    pub fn daemon(&self, cron: &str, run_at_start: bool) -> Config {
        self.config()
            .set_text("schedule", "cron", cron)
            .set("schedule", "run_at_start", &run_at_start.to_string())
    }
}
