//! The configuration a command means, when it is carried out by a daemon: the daemon goes by what it
//! read at its start, and the file named on the command line may be another one, or have changed.

use std::{
    path::{self, Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    engine::Engine,
    setup::{self, Setup},
};
use crate::report::instant;

/// The key of it in a command on the control socket.
pub const KEY: &str = "configuration";

/// The configuration of whoever gives the command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meant {
    /// The file, absolute.
    pub path: PathBuf,
    /// [`Setup::digest`] of it.
    pub digest: String,
}

impl Meant {
    /// What `setup`, read from `path`, means.
    #[must_use]
    pub fn by(path: &Path, setup: &Setup) -> Self {
        Self {
            path: absolute(path),
            digest: setup.digest().to_string(),
        }
    }

    /// Adds it to a command on its way to the daemon.
    pub fn join(&self, command: &mut Value) {
        command[KEY] = serde_json::json!(self);
    }

    /// What stands in a command that came from a client.
    #[must_use]
    pub fn of(command: &Value) -> Option<Self> {
        serde_json::from_value(command.get(KEY)?.clone()).ok()
    }

    fn is_in_force(&self, force: &Setup) -> bool {
        self.digest == force.digest().to_string()
    }

    /// Whether a cycle would go by it.
    ///
    /// # Errors
    /// In words, for whoever asked: the daemon has another configuration in force.
    pub fn is_of_next_cycle(&self, engine: &Engine) -> Result<(), String> {
        let force = engine.setup();
        if self.is_in_force(&force) {
            return Ok(());
        }
        Err(format!(
            "the daemon would not go by {} as it is now: {}. Nothing was done; {}, then ask again",
            self.path.display(),
            has_in_force(&force),
            self.way_out(&force)
        ))
    }

    /// The configuration to plan a question with: the one in force, or the one in the file, if that can be
    /// read from here and says what the client read in it. With words for the client in the second case.
    ///
    /// # Errors
    /// In words: what stands in the way, and what to do.
    pub fn to_plan_with(&self, engine: &Engine) -> Result<(Arc<Setup>, Option<String>), String> {
        let force = engine.setup();
        if self.is_in_force(&force) {
            return Ok((force, None));
        }
        let (file, has, way_out) = (self.path.display(), has_in_force(&force), self.way_out(&force));
        let read = setup::load(&self.path).map_err(|error| error.one_line());
        let read = read.and_then(|read| {
            let same = self.is_in_force(&read);
            same.then_some(read)
                .ok_or_else(|| "it reads something else in it".to_owned())
        });
        match read {
            Ok(read) => {
                let note =
                    format!("this answer is by {file} as it is now. The daemon's cycles are not: {has}; {way_out}");
                Ok((Arc::new(read), Some(note)))
            }
            Err(why) => Err(format!(
                "the daemon cannot answer by {file}: {why}. And {has}; {way_out}, then ask again"
            )),
        }
    }

    /// How the daemon comes to go by this file.
    fn way_out(&self, force: &Setup) -> String {
        let reload = format!("systemctl reload scimward (or kill -HUP {})", std::process::id());
        let its_own = absolute(&force.config.path);
        if its_own == self.path {
            format!("reload it: {reload}")
        } else {
            format!(
                "change {} and reload it: {reload}; or stop the daemon",
                its_own.display()
            )
        }
    }
}

fn has_in_force(force: &Setup) -> String {
    format!(
        "it has in force what it read in {} at {} UTC",
        absolute(&force.config.path).display(),
        instant(force.read_at)
    )
}

fn absolute(path: &Path) -> PathBuf {
    path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
