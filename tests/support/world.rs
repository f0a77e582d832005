//! A directory, a cloud behind a recorder, and a configuration that joins them.

use std::{collections::BTreeMap, thread};

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{
    config::Config,
    recorder::{Recorded, Recorder},
    scim_servers::{Kind, ScimServer},
    scimward::{Run, Scimward},
    slapd::{READER, Slapd},
};

/// The enterprise extension (RFC 7643 section 4.3).
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Runs a scenario against each SCIM server, side by side.
pub fn on_both(scenario: impl Fn(Kind) + Sync) {
    let scenario = &scenario;
    thread::scope(|scope| {
        for kind in Kind::ALL {
            thread::Builder::new()
                .name(format!("{kind:?}"))
                .spawn_scoped(scope, move || scenario(kind))
                .unwrap();
        }
    });
}

/// Everything a scenario needs.
pub struct World {
    /// Where people come from.
    pub slapd: Slapd,
    /// Where they go.
    pub cloud: ScimServer,
    /// What is said on the way.
    pub recorder: Recorder,
    /// What the program goes by.
    pub config: Config,
}

impl World {
    /// `slapd` and an empty cloud.
    pub fn new(kind: Kind, slapd: Slapd) -> Self {
        let cloud = ScimServer::start(kind);
        let recorder = Recorder::start(&cloud.url());
        let config = Config::new(&slapd.ldaps_url(), recorder.url());
        Self {
            slapd,
            cloud,
            recorder,
            config,
        }
    }

    /// Sets a key of a table to a TOML value.
    pub fn set(self, table: &str, key: &str, value: &str) -> Self {
        Self {
            config: self.config.set(table, key, value),
            ..self
        }
    }

    /// Sets a key to a text.
    pub fn set_text(self, table: &str, key: &str, value: &str) -> Self {
        Self {
            config: self.config.set_text(table, key, value),
            ..self
        }
    }

    /// Adds TOML as it is.
    pub fn append(self, toml: &str) -> Self {
        Self {
            config: self.config.append(toml),
            ..self
        }
    }

    /// The program with these arguments.
    pub fn run(&self, arguments: &[&str]) -> Run {
        Scimward::new(&self.config).args(arguments).run()
    }

    /// One cycle, which has to end with `code`; returns what was sent in it, in the words of
    /// [`World::words`].
    #[track_caller]
    pub fn sync(&self, code: i32) -> Vec<String> {
        self.sync_and_say(code).0
    }

    /// The same, and what the program said.
    #[track_caller]
    pub fn sync_and_say(&self, code: i32) -> (Vec<String>, Run) {
        let before = self.names();
        self.recorder.forget();
        let run = self.run(&["--sync-now"]).expect(code);
        let mut names = self.names();
        names.extend(before);
        let sent = self.recorder.requests();
        (sent.iter().map(|request| self.words(request, &names)).collect(), run)
    }

    /// Like [`World::sync`], in alphabetical order: what goes out side by side has none of its own.
    #[track_caller]
    pub fn sync_sorted(&self, code: i32) -> Vec<String> {
        let mut sent = self.sync(code);
        sent.sort();
        sent
    }

    /// The JSON report of a dry run with further arguments, which has to end with `code`.
    #[track_caller]
    pub fn dry_run(&self, arguments: &[&str], code: i32) -> Value {
        let arguments = [&["--dry-run", "--format", "json"], arguments].concat();
        let run = self.run(&arguments).expect(code);
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}\n{}", run.everything()))
    }

    /// The state as JSON lines, the log of past cycles left out.
    pub fn exported(&self) -> String {
        self.run(&["state", "export"]).expect(0).stdout
    }

    /// Id → user name, now.
    pub fn names(&self) -> BTreeMap<String, String> {
        let users = self.cloud.users();
        users
            .iter()
            .map(|user| (text(user, "/id"), text(user, "/userName")))
            .collect()
    }

    /// The account of that name; there has to be one.
    #[track_caller]
    pub fn account(&self, user_name: &str) -> Value {
        self.cloud
            .user(user_name)
            .unwrap_or_else(|| panic!("no account {user_name} among {:?}", self.names().values()))
    }

    /// The id of the account of that name; there has to be one.
    #[track_caller]
    pub fn id(&self, user_name: &str) -> String {
        text(&self.account(user_name), "/id")
    }

    /// The name of the account's manager, if there is one.
    #[track_caller]
    pub fn manager(&self, user_name: &str) -> Option<String> {
        let account = self.account(user_name);
        let id = account[ENTERPRISE]["manager"]["value"].as_str()?;
        Some(self.names().get(id).cloned().unwrap_or_else(|| format!("unknown {id}")))
    }

    /// An attribute's value in the directory.
    #[track_caller]
    pub fn in_directory(&self, uid: &str, attribute: &str) -> String {
        let filter = format!("(uid={uid})");
        let output = self
            .slapd
            .search(READER, &["-H", &self.slapd.url(), &filter, attribute]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let prefix = format!("{attribute}: ");
        let value = said.lines().find_map(|line| line.strip_prefix(&prefix));
        value
            .unwrap_or_else(|| panic!("no {attribute} of {uid}: {said}"))
            .to_owned()
    }

    /// `uid`'s anchor.
    #[track_caller]
    pub fn anchor(&self, uid: &str) -> String {
        self.in_directory(uid, "entryUUID")
    }

    /// A request in few words: ids as user names, a POST by the name and manager in it, a PATCH by its
    /// operations, the enterprise extension as `E:`.
    pub fn words(&self, request: &Recorded, names: &BTreeMap<String, String>) -> String {
        let path = self.below_endpoint(request);
        let body = &request.body;
        let told = match request.method.as_str() {
            "POST" => {
                let manager = text(body, &format!("/{ENTERPRISE}/manager/value"));
                match manager.as_str() {
                    "" => text(body, "/userName"),
                    manager => format!("{} under {manager}", text(body, "/userName")),
                }
            }
            "PATCH" => {
                let operations: Vec<_> = body["Operations"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(operation)
                    .collect();
                operations.join(", ")
            }
            _ => String::new(),
        };
        let line = format!("{} {path} {told}", request.method);
        names
            .iter()
            .fold(line, |line, (id, name)| line.replace(id, name))
            .trim_end()
            .to_owned()
    }

    /// The target without the endpoint before it, readable.
    pub fn below_endpoint(&self, request: &Recorded) -> String {
        let base = self.recorder.url().splitn(4, '/').nth(3).unwrap_or_default();
        let target = request.target.trim_start_matches('/');
        let path = target.strip_prefix(base).unwrap_or(target);
        percent_decode_str(path).decode_utf8_lossy().into_owned()
    }
}

fn operation(operation: &Value) -> String {
    let path = text(operation, "/path").replace(ENTERPRISE, "E");
    let value = operation.get("value").map(ToString::to_string).unwrap_or_default();
    format!("{} {path} {value}", text(operation, "/op"))
        .trim_end()
        .to_owned()
}

/// The text at a JSON pointer; empty when there is none.
pub fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
