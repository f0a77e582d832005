//! `scimward setup`, answered by a person at a terminal and by options alone.
#![cfg(test)]

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rustix::process::Signal;
use serde_json::Value;
use support::{
    certs::certs,
    control::{ControlPlane, Unprovisioned},
    people::{PEOPLE, person},
    port::Port,
    pty::Typist,
    sandbox::{Sandbox, private},
    scimward::{Run, Scimward},
    slapd::{PASSWORD, READER, Slapd},
};
use tempfile::TempDir;

/// A folder for the configuration, and both sides.
struct Ground {
    folder: TempDir,
    slapd: Slapd,
    cloud: Sandbox,
}

impl Ground {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            slapd: Slapd::with_people(3),
            cloud: Sandbox::start(&["--profile", "huawei"]),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn scimward(&self, arguments: &[&str]) -> Scimward {
        // What is left behind in here would be found.
        fs::create_dir_all(self.path("tmp")).unwrap();
        Scimward::bare()
            .args(&["--config", self.path("scimward.toml").to_str().unwrap()])
            .args(arguments)
            .env("TMPDIR", self.path("tmp").to_str().unwrap())
    }

    fn typist(&self, arguments: &[&str]) -> Typist {
        Typist::start(self.scimward(&["setup"]).args(arguments))
    }

    fn token(&self) -> String {
        fs::read_to_string(&self.cloud.token_file).unwrap().trim().to_owned()
    }

    /// Names of the files in the folder and below `credentials`.
    fn files(&self) -> Vec<String> {
        let mut names = Vec::new();
        for folder in ["", "credentials", "tmp"] {
            let Ok(entries) = fs::read_dir(self.path(folder)) else {
                continue;
            };
            for entry in entries.map(Result::unwrap).filter(|entry| entry.path().is_file()) {
                names.push(format!("{folder}/{}", entry.file_name().to_str().unwrap()));
            }
        }
        names.sort();
        names
    }

    /// Every answer as an option.
    fn options(&self) -> Vec<String> {
        let cloud = words(&[
            ("--provider", "huawei"),
            ("--endpoint", &self.cloud.endpoint),
            ("--token-file", self.cloud.token_file.to_str().unwrap()),
        ]);
        [cloud, self.directory_options()].concat()
    }

    /// Those for the directory.
    fn directory_options(&self) -> Vec<String> {
        private(&self.path("password"), PASSWORD);
        words(&[
            ("--ldap-url", &self.slapd.url()),
            ("--bind-dn", READER),
            ("--bind-password-file", self.path("password").to_str().unwrap()),
            ("--base", PEOPLE),
        ])
    }

    /// Those for a cloud that is to be switched on.
    fn switch_options(&self, control: &ControlPlane) -> Vec<String> {
        let mut options = words(&[
            ("--provider", &control.profile),
            ("--control-endpoint", &control.url),
            ("--access-key-file", control.access_key.to_str().unwrap()),
            ("--secret-key-file", control.secret_key.to_str().unwrap()),
        ]);
        if control.profile == "alibaba" {
            options.extend(words(&[("--endpoint", &format!("{}/scim/v2/", control.url))]));
        }
        options.push("--enable".to_owned());
        [options, self.directory_options()].concat()
    }

    /// Runs it without a terminal.
    fn unattended(&self, options: &[String]) -> Run {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        self.scimward(&["setup"]).args(&options).run()
    }
}

/// Types the command that deletes a token, as it was told.
fn delete_as_told(said: &str) {
    let command = said.split("scimward cloud ").last().unwrap().lines().next().unwrap();
    let command: Vec<&str> = command.split(' ').collect();
    let deleted = Scimward::bare().args(&["cloud"]).args(&command).args(&["--yes"]).run();
    let _ = deleted.expect(0).says("Deleted");
}

/// Takes what is offered for the directory and the rest, up to the last question.
fn takes_the_rest(person: &mut Typist) {
    for prompt in ["StartTLS", "What kind", "people who left", "When does", "memory of"] {
        person.answers(prompt, "");
    }
}

fn words(options: &[(&str, &str)]) -> Vec<String> {
    let both = options.iter().flat_map(|(flag, value)| [*flag, *value]);
    both.map(str::to_owned).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_person_who_errs_is_asked_again_and_gets_a_configuration_that_works() {
    let ground = Ground::new();
    let mut person = ground.typist(&[]);
    person.answers("Which cloud", "huwei");
    person.sees("there is no such profile");
    person.answers("Which cloud", "huawei");
    person.answers("make a token from here?", "no");

    person.answers("The SCIM endpoint", "scim.example.org");
    person.sees("https://");
    person.answers("The SCIM endpoint", &ground.cloud.endpoint);
    person.sees("The SCIM token (not shown):");
    assert!(!person.echoes());
    person.types("wr0ng-t0ken\n");
    person.sees("401");
    person.answers(&format!("[{}]", ground.cloud.endpoint), "");
    person.answers("The SCIM token (not shown):", &ground.token());

    let nobody = Port::reserve();
    person.answers("Its servers", &format!("ldap://{nobody}"));
    person.answers("StartTLS", "");
    person.sees("refused");
    person.answers("Its servers", &ground.slapd.ldaps_url());
    person.answers("Who signs", "/nowhere/ca.pem");
    person.sees("there is no such file");
    person.answers("Who signs", certs().stranger_ca.to_str().unwrap());
    person.sees("certificate");
    person.answers("Its servers", "");
    person.answers("Who signs", certs().ca.to_str().unwrap());

    person.answers("Who reads it", READER);
    person.answers("Its password (not shown):", "wr0ng-pa55word");
    person.sees("49");
    person.answers(&format!("[{READER}]"), "");
    person.answers("Its password (not shown):", PASSWORD);
    person.answers("What kind of directory", "");
    person.answers("Where are the people", "ou=nobody,dc=example,dc=com");
    person.sees("noSuchObject");
    person.answers("Where are the people", PEOPLE);
    person.sees("3 can be pushed");

    person.answers("people who left", "shoot");
    person.answers("people who left", "keep");
    person.answers("When does the daemon run", "61 * * * *");
    person.answers("When does the daemon run", "");
    person.answers("memory of what was pushed", "");
    assert_eq!(ground.files(), [] as [&str; 0]);
    person.answers("Go?", "");
    person.sees("create              3");
    let (code, screen) = person.ends();
    assert_eq!(code, Some(0), "{screen}");
    for secret in [PASSWORD, &ground.token(), "wr0ng-t0ken", "wr0ng-pa55word"] {
        assert!(!screen.contains(secret), "{screen}");
    }

    assert_eq!(
        ground.files(),
        ["/scimward.toml", "credentials/ldap-password", "credentials/scim-token"]
    );
    assert_eq!(mode(&ground.path("credentials")), 0o700);
    assert_eq!(mode(&ground.path("credentials/ldap-password")), 0o600);
    assert_eq!(mode(&ground.path("credentials/scim-token")), 0o600);
    let config = fs::read_to_string(ground.path("scimward.toml")).unwrap();
    assert!(config.contains("action = \"keep\""), "{config}");
    assert!(
        !config.contains(PASSWORD) && !config.contains(&ground.token()),
        "{config}"
    );
    let _ = ground.scimward(&["--sync-now"]).run().expect(0).says("3 created");
    let _ = ground.scimward(&["check"]).run().expect(0);
}

#[test]
fn options_alone_are_enough_and_what_is_missing_is_named() {
    let ground = Ground::new();
    let options = ground.options();
    for (flag, at) in [
        ("--provider", 0),
        ("--endpoint", 2),
        ("--token-file", 4),
        ("--ldap-url", 6),
        ("--bind-dn", 8),
        ("--bind-password-file", 10),
        ("--base", 12),
    ] {
        let mut fewer = options.clone();
        fewer.drain(at..at + 2);
        let _ = ground.unattended(&fewer).expect(2).says(&format!("{flag} is missing"));
        assert_eq!(ground.files(), ["/password"], "{flag}");
    }
    for (at, wrong, code, said) in [
        (1, "huwei", 2, "--provider: "),
        (3, "https://u:p@example.org/", 2, "--endpoint: "),
        (5, "/nowhere/token", 2, "--token-file: "),
        (7, "http://localhost", 2, "--ldap-url: "),
        (9, "cn=nobody,dc=example,dc=com", 3, "--bind-dn, --bind-password-file: "),
        (13, "ou=nobody,dc=example,dc=com", 3, "--base: "),
    ] {
        let mut options = options.clone();
        options[at] = wrong.to_owned();
        let _ = ground.unattended(&options).expect(code).says(said);
        assert_eq!(ground.files(), ["/password"], "{said}");
    }
    let _ = ground.unattended(&options).expect(0).says("create              3");
    assert_eq!(ground.files(), ["/password", "/scimward.toml"]);
    let _ = ground.scimward(&["--sync-now"]).run().expect(0).says("3 created");

    let written = fs::read_to_string(ground.path("scimward.toml")).unwrap();
    let again = [options, ["--leavers", "delete"].map(str::to_owned).into()].concat();
    let _ = ground
        .unattended(&again)
        .expect(2)
        .says("is there already")
        .says("--force");
    assert_eq!(fs::read_to_string(ground.path("scimward.toml")).unwrap(), written);
    let _ = ground
        .unattended(&[again, vec!["--force".to_owned()]].concat())
        .expect(0);
    let rewritten = fs::read_to_string(ground.path("scimward.toml")).unwrap();
    assert!(rewritten.contains("action = \"delete\""), "{rewritten}");
}

/// Whoever writes a playbook mends it once.
#[test]
fn all_that_is_missing_or_wrong_is_told_at_once() {
    let ground = Ground::new();
    let run = ground.unattended(&words(&[("--cron", "61 * * * *"), ("--ca-file", "/nowhere/ca.pem")]));
    let run = run.expect(2).says("\n  --cron: ").says("\n  --ca-file: ");
    let missing = ["provider", "endpoint", "token-file", "ldap-url", "bind-dn", "base"];
    let run = missing
        .iter()
        .fold(run, |run, flag| run.says(&format!("\n  --{flag} is missing: ")));
    assert!(run.stdout.is_empty(), "{}", run.everything());

    // What was tried in vain is told with it, and neither of them twice.
    private(&ground.path("wrong"), "wr0ng-t0ken");
    let mut options = ground.options();
    options[5] = ground.path("wrong").display().to_string();
    options[13] = "ou=nobody,dc=example,dc=com".to_owned();
    let run = ground
        .unattended(&options)
        .expect(3)
        .says("--endpoint, --token-file: ")
        .says("--base: ");
    for told in ["bearer token is needed", "noSuchObject"] {
        assert_eq!(run.everything().matches(told).count(), 1, "{}", run.everything());
    }
    assert_eq!(ground.files(), ["/password", "/wrong"]);
}

#[test]
fn what_only_a_switch_would_use_is_not_dropped() {
    let ground = Ground::new();
    let more = words(&[("--rotate-before-days", "30"), ("--region", "cn-north-4")]);
    let _ = ground
        .unattended(&[ground.options(), more].concat())
        .expect(2)
        .says("--region, --rotate-before-days: of use only with --enable");
    assert!(!ground.path("scimward.toml").exists());
}

/// Whoever pipes it into something that ends early has no configuration, and is told.
#[test]
fn nothing_is_made_for_somebody_who_does_not_listen() {
    let ground = Ground::new();
    let options = ground.options();
    let mut command = std::process::Command::new(support::scimward::program());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command
        .args(["--config", ground.path("scimward.toml").to_str().unwrap(), "setup"])
        .args(&options)
        .stdin(std::process::Stdio::null())
        .stdout(writer);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("what is said here cannot be shown"), "{said}");
    assert!(!ground.path("scimward.toml").exists());
}

/// A private control plane has a private SCIM side.
#[test]
fn a_token_goes_to_no_host_that_nobody_named() {
    let ground = Ground::new();
    let cloud = Sandbox::start_unprovisioned(&["--profile", "alibaba"]);
    let control = ControlPlane::of(&cloud.said());
    let mut options = ground.switch_options(&control);
    let at = options.iter().position(|option| option == "--endpoint").unwrap();
    options.drain(at..at + 2);
    options.extend(words(&[("--region", "cn-shanghai")]));
    let _ = ground
        .unattended(&options)
        .expect(2)
        .says("--endpoint is missing: The SCIM endpoint that belongs to --control-endpoint")
        .says_not("aliyun");
    let mut person = ground.typist(&options.iter().map(String::as_str).collect::<Vec<_>>());
    person.sees("belongs to --control-endpoint: ");
    let nobody = Port::reserve();
    person.types(&format!("http://{nobody}/scim/v2/\n"));
    person.sees("refused");
    person.answers("belongs to --control-endpoint:", "\x04");
    let (code, screen) = person.ends();
    assert_eq!(code, Some(130), "{screen}");
    let _ = ground
        .unattended(&[options, words(&[("--endpoint", &format!("http://{nobody}/scim/v2/"))])].concat())
        .expect(4)
        .says("--endpoint: ");
    assert_eq!(ground.files(), ["/password"]);
    let asked = cloud.log();
    let changes = |request: &&Value| {
        ["/Set", "/Create"]
            .iter()
            .any(|name| request["target"].to_string().contains(name))
    };
    assert_eq!(asked.iter().find(changes), None);
}

#[test]
fn for_the_service_secrets_are_credentials() {
    let ground = Ground::new();
    let options = [ground.options(), vec!["--systemd".to_owned()]].concat();
    let _ = ground
        .unattended(&options)
        .expect(0)
        .says("create              3")
        .says("systemctl enable --now")
        .says("sudo systemctl edit scimward-sync\n")
        .says(&format!(
            "ExecStart=\n      ExecStart=/usr/bin/scimward --config {} --sync-now\n",
            ground.path("scimward.toml").display()
        ))
        .says(&format!(
            "LoadCredential=scim-token:{}\n",
            ground.path("credentials/scim-token").display()
        ));
    let credentials = ["credentials/ldap-password", "credentials/scim-token"];
    assert_eq!(
        ground.files(),
        [&["/password", "/scimward.toml"], &credentials[..]].concat()
    );
    let config = fs::read_to_string(ground.path("scimward.toml")).unwrap();
    assert!(config.contains("token = { credential = \"scim-token\" }"), "{config}");
    assert!(!config.contains("[state]"), "{config}");
    let _ = ground
        .scimward(&["--sync-now"])
        .env("CREDENTIALS_DIRECTORY", ground.path("credentials").to_str().unwrap())
        .env("STATE_DIRECTORY", ground.path("state").to_str().unwrap())
        .run()
        .expect(0)
        .says("3 created");
}

/// `ProtectHome=` of its unit.
#[test]
fn a_configuration_that_the_service_cannot_see_is_refused() {
    let _ = Scimward::bare()
        .args(&["--config", "/root/nowhere/scimward.toml", "setup", "--yes", "--systemd"])
        .run()
        .expect(2)
        .says("--systemd: the service cannot see /root/nowhere/scimward.toml");
}

#[test]
fn a_state_that_cannot_be_used_is_refused_before_anything_is_made() {
    let ground = Ground::new();
    let cloud = Unprovisioned::start("huawei", &[]);
    let (file, taken, open) = (ground.path("file"), ground.path("taken"), ground.path("open"));
    fs::write(&file, "mine").unwrap();
    for folder in [&taken, &open] {
        fs::create_dir(folder).unwrap();
    }
    fs::write(taken.join("photo.jpeg"), "").unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    let options = ground.switch_options(&cloud.control);
    let (nowhere, config) = (PathBuf::from("/proc/none"), ground.folder.path().to_owned());
    for (path, why) in [
        (&file, "not a directory"),
        (&taken, "photo.jpeg"),
        (&open, "0755"),
        (&nowhere, "cannot be made in /proc"),
        (&config, "wants a folder of its own"),
    ] {
        let state = words(&[("--state", path.to_str().unwrap())]);
        let _ = ground
            .unattended(&[options.clone(), state].concat())
            .expect(2)
            .says("--state: ")
            .says(why);
    }
    // The usual place is looked at like that too.
    fs::write(ground.path("state"), "mine").unwrap();
    let _ = ground.unattended(&options).expect(2).says("its default");
    let before = ["/file", "/password", "/state"];
    assert_eq!(ground.files(), before);
    assert!(!ground.path("credentials").exists());

    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let mut person = ground.typist(&[&options[..], &["--no-dry-run"]].concat());
    person.answers("renew the token", "");
    takes_the_rest(&mut person);
    person.sees("not a directory");
    person.answers("memory of", ground.path("state-2").to_str().unwrap());
    person.answers("Go?", "");
    assert_eq!(person.ends().0, Some(0));
}

/// Somebody without an e-mail address is for the report, not for whoever runs setup.
#[test]
fn a_rejected_person_is_no_failure() {
    let ground = Ground::new();
    ground.slapd.replace(&person(3).dn(), "mail", &[]);
    let config = ground.path("scimward.toml");
    let _ = ground
        .unattended(&ground.options())
        .expect(0)
        .says("create              2")
        .says("rejected            1")
        .says(&format!("scimward --config {} --dry-run", config.display()))
        .says(&format!("scimward --config {} rejects", config.display()));
}

#[test]
fn an_interruption_leaves_nothing_and_the_terminal_as_it_was() {
    let ground = Ground::new();
    let options = ground.options();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let left = || -> Vec<_> {
        let left = fs::read_dir(ground.path("tmp")).unwrap();
        left.map(|entry| entry.unwrap().path()).collect()
    };
    // While a secret is typed.
    let mut person = ground.typist(&options[..4]);
    person.sees("The SCIM token (not shown):");
    assert!(!person.echoes());
    person.types("half-a-t0ken\x03");
    person.sees("nothing was written");
    assert!(person.echoes());
    let (code, screen) = person.ends();
    assert_eq!(code, Some(130), "{screen}");
    assert!(!screen.contains("half-a-t0ken"), "{screen}");

    // After the last question, and with the end of input.
    for keys in ["\x03", "\x04", "no\n"] {
        let mut person = ground.typist(&options);
        takes_the_rest(&mut person);
        person.sees("Go?");
        person.types(keys);
        let (code, screen) = person.ends();
        assert_eq!(code, Some(130), "{screen}");
    }
    assert_eq!(ground.files(), ["/password"]);
    assert_eq!(left(), [] as [PathBuf; 0]);
}

#[test]
fn a_file_that_is_there_is_only_overwritten_when_somebody_says_so() {
    let ground = Ground::new();
    let options = ground.options();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    fs::write(ground.path("scimward.toml"), "# mine\n").unwrap();
    let mut person = ground.typist(&options);
    person.answers("Overwrite it?", "");
    let (code, screen) = person.ends();
    assert_eq!(code, Some(2), "{screen}");
    assert_eq!(fs::read_to_string(ground.path("scimward.toml")).unwrap(), "# mine\n");

    let mut person = ground.typist(&[&options[..], &["--no-dry-run"]].concat());
    person.answers("Overwrite it?", "yes");
    takes_the_rest(&mut person);
    person.answers("Go?", "");
    let (code, screen) = person.ends();
    assert_eq!(code, Some(0), "{screen}");
    let _ = ground.scimward(&["check"]).run().expect(0);
}

#[test]
fn provisioning_is_switched_on_and_the_token_made_on_the_way() {
    for profile in ["huawei", "alibaba"] {
        let ground = Ground::new();
        let cloud = Unprovisioned::start(profile, &["--token-days", "20"]);
        let mut options = ground.switch_options(&cloud.control);
        options.extend(words(&[("--rotate-before-days", "30")]));
        let _ = ground
            .unattended(&options)
            .expect(0)
            .says("the token is good")
            .says("create              3");
        let token = ["credentials/scim-token", "credentials/scim-token.json"];
        assert_eq!(ground.files(), [&["/password", "/scimward.toml"], &token[..]].concat());
        assert_eq!(mode(&ground.path(token[0])), 0o600);
        let run = ground.scimward(&["status", "--json"]).run().expect(0);
        assert!(run.stdout.contains("\"knownFrom\": \"note\""), "{}", run.everything());
        let _ = ground.scimward(&["--sync-now"]).run().expect(0).says("3 created");
        // What the daemon needs for the next one is there too.
        let daemon = ground.scimward(&[]).spawn();
        daemon.wait_said("the token was renewed");
    }
}

#[test]
fn an_access_key_that_does_not_fit_changes_nothing_and_is_asked_for_again() {
    let ground = Ground::new();
    let cloud = Unprovisioned::start("huawei", &[]);
    let control = &cloud.control;
    private(&ground.path("wrong"), "wr0ng-secret-key");
    let wrong = ControlPlane {
        secret_key: ground.path("wrong"),
        ..control.clone()
    };
    let _ = ground
        .unattended(&ground.switch_options(&wrong))
        .expect(4)
        .says("--access-key-file, --secret-key-file: ");
    assert_eq!(ground.files(), ["/password", "/wrong"]);

    let directory = ground.directory_options();
    let directory: Vec<&str> = directory.iter().map(String::as_str).collect();
    let given = ["--provider", "huawei", "--control-endpoint", &control.url];
    let mut person = ground.typist(&[&given, &directory[..]].concat());
    let key = fs::read_to_string(&control.access_key).unwrap();
    let secret = fs::read_to_string(&control.secret_key).unwrap();
    person.answers("make a token from here?", "yes");
    person.answers("The id of the access key", key.trim());
    person.answers("Its secret", "wr0ng-secret-key");
    person.sees("401");
    person.answers("The id of the access key", key.trim());
    person.answers("Its secret", secret.trim());
    person.answers("renew the token", "soon");
    person.answers("renew the token", "30");
    takes_the_rest(&mut person);
    person.sees("provisioning is switched on, and a token is made");
    person.answers("Go?", "");
    person.sees("create              3");
    let (code, screen) = person.ends();
    assert_eq!(code, Some(0), "{screen}");
    assert!(!screen.contains(secret.trim()), "{screen}");
    let written =
        ["access-key", "scim-token", "scim-token.json", "secret-key"].map(|name| format!("credentials/{name}"));
    assert!(
        written.iter().all(|name| ground.files().contains(name)),
        "{:?}",
        ground.files()
    );
    assert!(written.iter().all(|name| mode(&ground.path(name)) == 0o600));
    let _ = ground.scimward(&["check"]).run().expect(0).says("expires in 364 days");
    let _ = ground.scimward(&["--sync-now"]).run().expect(0).says("3 created");

    // Two tokens at most: nobody is thrown out for a third one.
    let options = [ground.switch_options(control), vec!["--force".to_owned()]].concat();
    let _ = ground.unattended(&options).expect(0);
    let _ = ground.unattended(&options).expect(4).says("two tokens already");
    let _ = ground.scimward(&["check"]).run().expect(0);
}

/// The token that is on its way is not lost, and neither is the place where it belongs.
#[test]
fn an_interruption_while_the_cloud_is_switched_on_waits() {
    let ground = Ground::new();
    let slow = "delay=2s,path=/v1/identity-stores/*/tenant/*/bearer-token,method=POST";
    let cloud = Unprovisioned::start("huawei", &["--fault", slow]);
    let options = ground.switch_options(&cloud.control);
    let mut person = ground.typist(&options.iter().map(String::as_str).collect::<Vec<_>>());
    person.answers("renew the token", "");
    takes_the_rest(&mut person);
    person.answers("Go?", "");
    person.sees("is not interrupted");
    person.types("\x03");
    person.sees("brought to its end first");
    person.sees("Written: ");
    let (code, screen) = person.ends();
    assert_eq!(code, Some(130), "{screen}");
    assert!(screen.contains("the configuration is written"), "{screen}");
    assert!(!screen.contains("create              3"), "{screen}");
    let written = [
        "/password",
        "/scimward.toml",
        "credentials/scim-token",
        "credentials/scim-token.json",
    ];
    assert_eq!(ground.files(), written);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let setup = ground.scimward(&["setup", "--force"]).args(&options).spawn();
    setup.wait_said("is not interrupted");
    setup.signal(Signal::TERM);
    let _ = setup
        .wait()
        .expect(143)
        .says("Written: ")
        .says("the configuration is written")
        .says_not("create              3");
    let _ = ground.scimward(&["--sync-now"]).run().expect(0).says("3 created");
}

/// Where the configuration finds no place, nothing is done in the cloud.
#[test]
fn without_a_place_for_the_files_no_token_is_made() {
    let ground = Ground::new();
    let cloud = Unprovisioned::start("huawei", &[]);
    let options = [ground.switch_options(&cloud.control), vec!["--force".to_owned()]].concat();
    fs::create_dir(ground.path("scimward.toml")).unwrap();
    for _ in 0..3 {
        let _ = ground.unattended(&options).expect(2).says("cannot be written");
        assert_eq!(ground.files(), ["/password"]);
    }
    fs::remove_dir(ground.path("scimward.toml")).unwrap();
    let _ = ground.unattended(&options).expect(0);
    let _ = ground.scimward(&["check"]).run().expect(0);
}

/// A token that does not work where it should is of no use to anybody.
#[test]
fn a_token_that_does_not_work_is_taken_back_and_the_same_command_goes_on() {
    // Before a token is there, only Alibaba Cloud's endpoint is known.
    for (profile, looks, off) in [("huawei", 2, "tenant disable"), ("alibaba", 3, "scim disable")] {
        let ground = Ground::new();
        let fault = format!("status=404,path=/Users,to={looks}");
        let cloud = Unprovisioned::start(profile, &["--fault", &fault]);
        let options = ground.switch_options(&cloud.control);
        let _ = ground
            .unattended(&options)
            .expect(4)
            .says("there is no Users below the endpoint")
            .says("nothing was written; the new token was deleted again")
            .says("provisioning is switched on now, and stays on")
            .says(&format!("scimward cloud {profile} {off} "))
            .says_not("a moment");
        assert_eq!(ground.files(), ["/password"]);
        assert!(!ground.path("credentials").exists());
        let _ = ground.unattended(&options).expect(0).says_not("was there before");
        let _ = ground.scimward(&["check"]).run().expect(0);
    }
}

#[test]
fn a_token_that_is_not_known_everywhere_yet_is_waited_for() {
    let ground = Ground::new();
    let cloud = Unprovisioned::start("huawei", &["--fault", "status=401,path=/Users,nth=1"]);
    let _ = ground
        .unattended(&ground.switch_options(&cloud.control))
        .expect(0)
        .says("take a moment to be known everywhere")
        .says("create              3");
}

/// Something is in the place of the configuration when the token is there.
#[test]
fn a_file_that_cannot_be_put_in_place_leaves_no_token_that_nobody_has() {
    let ground = Ground::new();
    let slow = "delay=1s,path=/v1/identity-stores/*/tenant/*/bearer-token,method=POST";
    let cloud = Unprovisioned::start("huawei", &["--fault", slow]);
    let options = [ground.switch_options(&cloud.control), vec!["--force".to_owned()]].concat();
    let config = ground.path("scimward.toml");
    let spoiled = || {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let setup = ground.scimward(&["setup"]).args(&options).spawn();
        setup.wait_said("is not interrupted");
        let _ = fs::remove_file(&config);
        fs::create_dir(&config).unwrap();
        let run = setup.wait().expect(2).says("scimward.toml cannot be written");
        fs::remove_dir(&config).unwrap();
        run
    };
    let _ = spoiled()
        .says("the new token was deleted again")
        .says("stays on")
        .says_not("overwritten");
    assert_eq!(ground.files(), ["/password"]);
    assert!(!ground.path("credentials").exists());
    let _ = ground.unattended(&options).expect(0).says_not("was there before");

    // The token in the file is the only one that somebody has.
    let token = ground.path("credentials/scim-token");
    let before = fs::read_to_string(&token).unwrap();
    let run = spoiled()
        .says("credentials/scim-token and works")
        .says_not("deleted again");
    assert_ne!(fs::read_to_string(&token).unwrap(), before);
    delete_as_told(&run.stderr);
    let _ = ground.unattended(&options).expect(0);
    let _ = ground.scimward(&["check"]).run().expect(0);
}

#[test]
fn the_token_that_is_left_in_the_cloud_is_named_with_what_deletes_it() {
    for profile in ["huawei", "alibaba"] {
        let ground = Ground::new();
        let cloud = Unprovisioned::start(profile, &[]);
        let region = match profile {
            "huawei" => "cn-north-4",
            _ => "cn-shanghai",
        };
        let more = ["--force", "--region", region].map(str::to_owned).to_vec();
        let options = [ground.switch_options(&cloud.control), more].concat();
        let _ = ground.unattended(&options).expect(0).says_not("was there before");
        let run = ground
            .unattended(&options)
            .expect(0)
            .says("was there before and still works");
        let full = ground.unattended(&options).expect(4).says("two tokens already");
        assert!(full.stderr.contains(" delete ID --"), "{}", full.everything());
        delete_as_told(&run.stdout);
        let _ = ground.scimward(&["check"]).run().expect(0);
        let _ = ground.unattended(&options).expect(0);
    }
}

/// The token that was there before is somebody's: no rotation may take it for its own.
#[test]
fn a_token_that_is_put_in_place_ends_a_rotation_that_was_begun() {
    let ground = Ground::new();
    let cloud = Unprovisioned::start("huawei", &[]);
    let options = [ground.switch_options(&cloud.control), vec!["--force".to_owned()]].concat();
    let _ = ground.unattended(&options).expect(0);
    let path = ground.path("credentials/scim-token.json");
    let note = || -> Value { serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap() };
    let mut begun = note();
    begun["rotating_from"] = serde_json::json!([]);
    fs::write(&path, begun.to_string()).unwrap();

    let lock = fs::File::create(ground.path("credentials/scim-token.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    let _ = ground
        .unattended(&options)
        .expect(2)
        .says("is under way, so nothing was made");
    assert_eq!(note(), begun);
    drop(lock);

    let _ = ground
        .unattended(&options)
        .expect(0)
        .says("was there before and still works");
    assert!(note().get("rotating_from").is_none(), "{}", note());
}

/// It makes the token, and is no key for a daemon.
#[test]
fn a_temporary_key_comes_with_its_security_token() {
    for (profile, [access, secret, session]) in [
        (
            "huawei",
            [
                "HUAWEICLOUD_SDK_AK",
                "HUAWEICLOUD_SDK_SK",
                "HUAWEICLOUD_SDK_SECURITY_TOKEN",
            ],
        ),
        (
            "alibaba",
            [
                "ALIBABA_CLOUD_ACCESS_KEY_ID",
                "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
                "ALIBABA_CLOUD_SECURITY_TOKEN",
            ],
        ),
    ] {
        let ground = Ground::new();
        let file = ground.path("session");
        private(&file, "s3ss10n-t0ken");
        let cloud = Unprovisioned::start(profile, &["--security-token-file", file.to_str().unwrap()]);
        let control = &cloud.control;
        let options = ground.switch_options(control);
        let _ = ground.unattended(&options).expect(4).says("--access-key-file, ");
        let temporary = [options, words(&[("--security-token-file", file.to_str().unwrap())])].concat();
        let _ = ground
            .unattended(&[&temporary[..], &words(&[("--rotate-before-days", "30")])].concat())
            .expect(2)
            .says("--rotate-before-days: a temporary access key");
        let _ = ground.unattended(&temporary).expect(0);

        let mut rest = temporary;
        for flag in ["--access-key-file", "--secret-key-file", "--security-token-file"] {
            let at = rest.iter().position(|option| option == flag).unwrap();
            rest.drain(at..at + 2);
        }
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        let value = |path: &Path| fs::read_to_string(path).unwrap().trim().to_owned();
        let run = ground
            .scimward(&["setup", "--force"])
            .args(&rest)
            .env(access, &value(&control.access_key))
            .env(secret, &value(&control.secret_key))
            .env(session, "s3ss10n-t0ken")
            .run();
        let run = run.expect(0).says(&format!("${access}"));
        assert!(!run.everything().contains("s3ss10n"), "{}", run.everything());
        let config = fs::read_to_string(ground.path("scimward.toml")).unwrap();
        assert!(
            !config.contains("_key") && !config.contains("rotate_before_days"),
            "{config}"
        );
        // It says where the control plane is, for those who type less from here on.
        let list = match profile {
            "huawei" => ["cloud", "huawei", "token", "list"],
            _ => ["cloud", "alibaba", "credential", "list"],
        };
        let list = ground.scimward(&list);
        let list = list
            .env(access, &value(&control.access_key))
            .env(secret, &value(&control.secret_key));
        let _ = list.env(session, "s3ss10n-t0ken").run().expect(0);
        assert!(ground.files().iter().all(|file| !file.ends_with("-key")));
    }
}

/// Provisioning is on before the token can be made: whoever reads the error knows it.
#[test]
fn what_was_switched_on_without_a_token_is_told() {
    let fault = "status=403,path=/v1/identity-stores/*/tenant/*/bearer-token,method=POST";
    let ground = Ground::new();
    let cloud = Unprovisioned::start("huawei", &["--fault", fault]);
    let _ = ground
        .unattended(&ground.switch_options(&cloud.control))
        .expect(4)
        .says("nothing was written; provisioning is switched on now")
        .says("scimward cloud huawei tenant disable --identity-store-id ");
    assert_eq!(ground.files(), ["/password"]);
}

/// The switch is on, and the answer that would say so is lost: the way back is told all the same.
#[test]
fn what_may_be_switched_on_is_told() {
    // After the look at the start there is one before the switch; the one after it fails, as do those that follow.
    let alibaba = "status=403,path=/GetSCIMSynchronizationStatus,from=4";
    let tenant = "/v1/identity-stores/*/provision-tenant";
    let lost = format!("reset=after,path={tenant},method=POST");
    let away = format!("status=403,path={tenant},method=GET,from=4");
    for (profile, faults, off) in [
        ("alibaba", vec!["--fault", alibaba], "scim disable"),
        ("huawei", vec!["--fault", &lost, "--fault", &away], "tenant disable"),
    ] {
        let ground = Ground::new();
        let cloud = Unprovisioned::start(profile, &faults);
        let _ = ground
            .unattended(&ground.switch_options(&cloud.control))
            .expect(4)
            .says("provisioning may be switched on now")
            .says(&format!("scimward cloud {profile} {off} "));
        assert_eq!(ground.files(), ["/password"]);
    }
}
