//! Groups from a real directory to a cloud of the sandbox, whose every membership can be looked at, also
//! where the cloud itself shows none.

use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
};

use scimward::sandbox::{FaultPlan, Kind, Options, Sandbox};
use secrecy::SecretString;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{
    config::Config,
    http::Message,
    people,
    recorder::{Recorded, Recorder},
    scim_servers::{TOKEN, send},
    scimward::{Process, Run, Scimward},
    slapd::Slapd,
};

/// Where the groups are.
pub const GROUPS: &str = "ou=groups,dc=example,dc=com";

/// A `groupOfNames`, which has at least one member.
pub fn group(cn: &str, members: &[String]) -> String {
    let members: String = members.iter().map(|dn| format!("member: {dn}\n")).collect();
    format!("dn: cn={cn},{GROUPS}\nobjectClass: groupOfNames\ncn: {cn}\n{members}\n")
}

/// Distinguished name of a group.
pub fn group_dn(cn: &str) -> String {
    format!("cn={cn},{GROUPS}")
}

/// Distinguished names of people by number.
pub fn people(numbers: &[usize]) -> Vec<String> {
    numbers.iter().map(|number| people::person(*number).dn()).collect()
}

/// Login names of people by number.
pub fn uids(numbers: &[usize]) -> Vec<String> {
    numbers.iter().map(|number| people::person(*number).uid).collect()
}

/// A cloud of the sandbox, a recorder before it, and a configuration.
pub struct Far {
    /// Where people and groups go.
    pub cloud: Sandbox,
    /// What is said on the way.
    pub recorder: Recorder,
    /// What the program goes by.
    pub config: Config,
    _runtime: Runtime,
}

/// Everything a scenario with groups needs.
pub struct Circle {
    /// Where people and groups come from.
    pub slapd: Slapd,
    far: Far,
}

impl Deref for Circle {
    type Target = Far;

    fn deref(&self) -> &Far {
        &self.far
    }
}

impl DerefMut for Circle {
    fn deref_mut(&mut self) -> &mut Far {
        &mut self.far
    }
}

impl Circle {
    /// The first `count` people, the groups of `ldif`, and an empty cloud of that profile. Requests go
    /// out one by one, and limits are out of the way.
    pub fn new(profile: &str, count: usize, ldif: &str) -> Self {
        Self::with_faults(profile, count, ldif, &[])
    }

    /// The same with a cloud in which things go wrong.
    pub fn with_faults(profile: &str, count: usize, ldif: &str, faults: &[&str]) -> Self {
        let skeleton = format!("dn: {GROUPS}\nobjectClass: organizationalUnit\nou: groups\n\n");
        let slapd = Slapd::with_ldif(&format!("{}{skeleton}{ldif}", people::ldif(count)));
        let far = Far::start(profile, faults);
        let config = Config::new(&slapd.url(), far.recorder.url())
            .set("scim", "concurrency", "1")
            .set("scim", "max_tries", "3")
            .set("limits", "max_removals_percent", "100")
            .set_text("groups", "base", GROUPS)
            .set("groups.limits", "max_removals_percent", "100")
            .set("groups.limits", "max_member_removals_percent", "100");
        let config = config.set_text("scim", "profile", profile);
        Self {
            slapd,
            far: Far { config, ..far },
        }
    }

    /// Sets a key of the configuration.
    pub fn set(mut self, table: &str, key: &str, value: &str) -> Self {
        self.config.put(table, key, value);
        self
    }
}

impl Far {
    /// An empty cloud of that profile in which things go wrong; of the configuration, only the cloud's half
    /// is of use.
    pub fn start(profile: &str, faults: &[&str]) -> Self {
        let faults: Vec<String> = faults.iter().map(|fault| (*fault).to_owned()).collect();
        let options = Options {
            faults: FaultPlan::parse(&faults, 0).unwrap(),
            ..Options::new(profile, SecretString::from(TOKEN))
        };
        let runtime = Runtime::new().unwrap();
        let cloud = runtime.block_on(Sandbox::start(options)).unwrap();
        let recorder = Recorder::start(cloud.url());
        let config = Config::new("ldap://127.0.0.1:1", recorder.url());
        Self {
            cloud,
            recorder,
            config,
            _runtime: runtime,
        }
    }

    /// The program with these arguments.
    #[must_use = "how it ended is what a test is about"]
    pub fn run(&self, arguments: &[&str]) -> Run {
        Scimward::new(&self.config).args(arguments).run()
    }

    /// Starts a cycle, of which the recorder remembers only the requests of this one.
    pub fn start_sync(&self) -> Process {
        self.recorder.forget();
        Scimward::new(&self.config).args(&["--sync-now"]).spawn()
    }

    /// One cycle, which has to end with `code`; returns what was sent in it, in few words.
    #[track_caller]
    pub fn sync(&self, code: i32) -> Vec<String> {
        self.sync_and_say(code).0
    }

    /// The same, and what the program said.
    #[track_caller]
    pub fn sync_and_say(&self, code: i32) -> (Vec<String>, Run) {
        let mut names = self.names();
        self.recorder.forget();
        let run = self.run(&["--sync-now"]).expect(code);
        for (id, name) in self.names() {
            names.entry(id).or_insert(name);
        }
        let requests = self.recorder.requests();
        (requests.iter().map(|request| words(request, &names)).collect(), run)
    }

    /// Fails the test unless a cycle now has nothing to say to the cloud.
    #[track_caller]
    pub fn is_in_step(&self) {
        assert_eq!(self.sync(0), [""; 0], "not in step");
    }

    /// Who is in each group, as the cloud itself knows, whatever it shows.
    pub fn groups(&self) -> BTreeMap<String, Vec<String>> {
        let names = self.names();
        let of = |members: Vec<String>| {
            let mut members: Vec<String> = members
                .into_iter()
                .map(|id| names.get(&id).cloned().unwrap_or(id))
                .collect();
            members.sort();
            members
        };
        self.cloud.look(|cloud| {
            cloud
                .groups()
                .map(|group| {
                    (
                        group.text("displayName").unwrap_or_default().to_owned(),
                        of(group.members.keys().cloned().collect()),
                    )
                })
                .collect()
        })
    }

    /// Who is in a group; it has to be there.
    #[track_caller]
    pub fn members(&self, group: &str) -> Vec<String> {
        let groups = self.groups();
        let members = groups.get(group).cloned();
        members.unwrap_or_else(|| panic!("no group {group} in {groups:?}"))
    }

    /// The id of the person or group of that name; it has to be there.
    #[track_caller]
    pub fn id(&self, name: &str) -> String {
        let names = self.names();
        let found = names.iter().find(|(_, known)| *known == name);
        found.unwrap_or_else(|| panic!("no {name} in {names:?}")).0.clone()
    }

    /// Asks the cloud behind the program's back.
    pub fn ask(&self, method: &str, below: &str, body: Option<&Value>) -> Message {
        let path = self.cloud.url().splitn(4, '/').nth(3).unwrap();
        send(self.cloud.addr, method, &format!("/{path}{below}"), body)
    }

    /// Id → name of everybody and every group that is there.
    fn names(&self) -> BTreeMap<String, String> {
        self.cloud.look(|cloud| {
            let users = cloud.users().map(|user| (user, "userName"));
            let groups = cloud.groups().map(|group| (group, "displayName"));
            let all = users.chain(groups);
            all.map(|(one, name)| (one.id.clone(), one.text(name).unwrap_or_default().to_owned()))
                .collect()
        })
    }

    /// How often groups were made.
    pub fn groups_made(&self) -> usize {
        self.cloud.look(|cloud| {
            let made = cloud.history().iter();
            made.filter(|change| change.kind == Kind::Group && change.what == scimward::sandbox::What::Created)
                .count()
        })
    }
}

/// `POST Groups vpn`, `PATCH vpn -u00001 +u00002`, `PATCH u00001 title`, `DELETE vpn`, `GET Groups?…`.
fn words(request: &Recorded, names: &BTreeMap<String, String>) -> String {
    let target = request.target.as_str();
    let (kind, rest) = ["Users", "Groups"]
        .into_iter()
        .find_map(|kind| Some((kind, target.split_once(&format!("/{kind}"))?.1)))
        .unwrap_or(("", target));
    let body = &request.body;
    let name_of = |id: &str| names.get(id).cloned().unwrap_or_else(|| id.to_owned());
    match (request.method.as_str(), rest.strip_prefix('/')) {
        ("POST", None) => {
            let name = body["userName"].as_str().or(body["displayName"].as_str());
            format!("POST {kind} {}", name.unwrap_or_default())
        }
        ("PATCH", Some(id)) => {
            let operations = body["Operations"].as_array().into_iter().flatten();
            let mut changes: Vec<String> = operations.flat_map(|operation| change(operation, &name_of)).collect();
            changes.sort_by_key(|change| (change.starts_with('+'), change.clone()));
            format!("PATCH {} {}", name_of(id), changes.join(" "))
        }
        (method, Some(id)) if !id.contains('?') => format!("{method} {}", name_of(id)),
        (method, _) => format!("{method} {kind}{rest}"),
    }
}

fn change(operation: &Value, name_of: &dyn Fn(&str) -> String) -> Vec<String> {
    let path = operation["path"].as_str().unwrap_or_default();
    let sign = if operation["op"] == "remove" { '-' } else { '+' };
    let listed: Vec<&str> = match path.strip_prefix("members") {
        None => return vec![path.to_owned()],
        Some("") => {
            let members = operation["value"].as_array().into_iter().flatten();
            members.filter_map(|member| member["value"].as_str()).collect()
        }
        Some(filter) => filter.split('"').nth(1).into_iter().collect(),
    };
    listed.into_iter().map(|id| format!("{sign}{}", name_of(id))).collect()
}
