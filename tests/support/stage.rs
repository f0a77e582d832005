//! A directory, a cloud with a recorder in front of it, and a configuration that joins them.

use super::{
    config::Config,
    recorder::Recorder,
    scim_servers::{Kind, ScimServer},
    scimward::{Process, Run, Scimward},
    slapd::Slapd,
};

/// Everything a scenario needs.
pub struct Stage {
    /// The real directory.
    pub slapd: Slapd,
    /// The real cloud, empty at first.
    pub scim: ScimServer,
    /// What the program talks to in place of the cloud.
    pub cloud: Recorder,
    /// The program's configuration.
    pub config: Config,
}

impl Stage {
    /// `count` people, nobody in the cloud; one request at a time, so that their order is known, and
    /// few repetitions.
    pub fn with_people(count: usize) -> Self {
        let slapd = Slapd::with_people(count);
        let scim = ScimServer::start(Kind::Scimmy);
        let cloud = Recorder::start(&scim.url());
        let config = Config::new(&slapd.url(), cloud.url())
            .set("scim", "concurrency", "1")
            .set("scim", "max_tries", "3");
        Self {
            slapd,
            scim,
            cloud,
            config,
        }
    }

    /// Sets a key of the configuration.
    pub fn set(mut self, table: &str, key: &str, value: &str) -> Self {
        self.change(table, key, value);
        self
    }

    /// Sets a key of the configuration, later.
    pub fn change(&mut self, table: &str, key: &str, value: &str) {
        self.config.put(table, key, value);
    }

    /// Runs the program with arguments.
    #[must_use = "how it ended is what a test is about"]
    pub fn run(&self, arguments: &[&str]) -> Run {
        Scimward::new(&self.config).args(arguments).run()
    }

    /// One cycle, of which the recorder remembers only the requests of this one.
    #[must_use = "how it ended is what a test is about"]
    pub fn sync(&self) -> Run {
        self.cloud.forget();
        self.run(&["--sync-now"])
    }

    /// Starts a cycle, of which the recorder remembers only the requests of this one.
    pub fn start_sync(&self) -> Process {
        self.cloud.forget();
        Scimward::new(&self.config).args(&["--sync-now"]).spawn()
    }

    /// A first sync that went well.
    pub fn synced(self) -> Self {
        self.sync().expect(0);
        self.cloud.forget();
        self
    }

    /// Methods of the recorded requests, in order: `POST GET PATCH`.
    pub fn methods(&self) -> String {
        let methods: Vec<_> = self
            .cloud
            .requests()
            .into_iter()
            .map(|request| request.method)
            .collect();
        methods.join(" ")
    }

    /// Fails the test unless a cycle now has nothing to say to the cloud.
    #[track_caller]
    pub fn is_in_step(&self) {
        self.sync().expect(0);
        assert_eq!(self.cloud.log(), "", "not in step");
    }

    /// Everybody in the cloud as `userName`, `externalId`, `active`, sorted.
    pub fn accounts(&self) -> Vec<(String, String, bool)> {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let account = |user: serde_json::Value| {
            (
                text(&user["userName"]),
                text(&user["externalId"]),
                user["active"].as_bool().unwrap_or(true),
            )
        };
        let mut accounts: Vec<_> = self.scim.users().into_iter().map(account).collect();
        accounts.sort();
        accounts
    }

    /// Names of the accounts that are in use, sorted.
    pub fn names_in_use(&self) -> Vec<String> {
        let accounts = self.accounts().into_iter();
        accounts
            .filter(|(_, _, active)| *active)
            .map(|(name, ..)| name)
            .collect()
    }
}
