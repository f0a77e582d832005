//! `scimward demo`: a week in a small company, on this machine alone. The directory and the cloud are
//! in this process, but behind real sockets; configuration, reading, planning and pushing are the
//! same code as everywhere.

use std::{
    fs,
    io::{self, BufRead, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use tokio_util::sync::CancellationToken;

use super::{
    Failure, Progress, dry_run,
    engine::{Engine, chain},
    order::{Order, Surroundings},
    setup,
};
use crate::{
    demo::{cloud::DemoCloud, company, directory::DemoDirectory},
    outcome::exit,
    ports::{CycleRecord, SharedObserver},
    report,
    store::SledStore,
};

const PASSWORD: &str = "demo-reader-password";
const TOKEN: &str = "demo-bearer-token";

/// Tells the story. With `pause` it waits for Enter between the steps, on a terminal.
///
/// # Errors
/// When this machine has no loopback ports or no room for temporary files.
pub async fn run(pause: bool, colour: bool) -> Result<u8, Failure> {
    let demo = Demo::start(pause && io::stdin().is_terminal() && io::stdout().is_terminal(), colour).await?;
    demo.tell().await?;
    Ok(exit::DONE)
}

struct Demo {
    folder: tempfile::TempDir,
    directory: DemoDirectory,
    cloud: DemoCloud,
    engine: Arc<Engine>,
    pause: bool,
    colour: bool,
}

impl Demo {
    async fn start(pause: bool, colour: bool) -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(|error| Failure::other(&error))?;
        let tree = company::tree(PASSWORD.to_owned().into()).map_err(|error| Failure::other(&error))?;
        let directory = DemoDirectory::start(Arc::new(Mutex::new(tree)))
            .await
            .map_err(|error| Failure::other(&error))?;
        let cloud = DemoCloud::start(TOKEN.to_owned().into())
            .await
            .map_err(|error| Failure::other(&error))?;
        let config = configure(folder.path(), &directory, &cloud).map_err(|error| Failure::other(&error))?;
        let setup = setup::load(&config).map_err(|error| Failure::usage(error.to_string()))?;
        let store = SledStore::open(&setup.config.state_path).map_err(|error| Failure::other(&error))?;
        let engine = Engine::new(&config, setup, store, None);
        Ok(Self {
            folder,
            directory,
            cloud,
            engine,
            pause,
            colour,
        })
    }

    async fn tell(&self) -> Result<(), Failure> {
        self.say(&format!(
            "Everything in this demo runs in this one process and goes when it ends:\n\
             \x20 directory  {}   Lantern Works, {} people\n\
             \x20 cloud      {}   SCIM 2.0, empty, with the rules of Huawei Cloud\n\
             \x20 state      {}",
            self.directory.url(),
            company::HEADCOUNT,
            self.cloud.url(),
            self.folder.path().display()
        ))?;
        self.chapter("1. What would happen?", "scimward --dry-run")?;
        self.dry_run().await?;
        self.chapter("2. The first sync", "scimward --sync-now")?;
        self.sync().await?;
        self.chapter("3. Again, with nothing changed in between", "scimward --sync-now")?;
        self.sync().await?;
        self.week()?;
        self.chapter("5. What would that change?", "scimward --dry-run")?;
        self.dry_run().await?;
        self.chapter("6. The sync that pushes exactly those", "scimward --sync-now")?;
        let before = self.cloud.log().len();
        self.sync().await?;
        self.say("The cloud saw:")?;
        for request in self.cloud.log().iter().skip(before) {
            self.say(&format!(
                "  {:<6} {}  -> {}",
                request.method, request.target, request.status
            ))?;
        }
        self.say(
            "\nWhat next\n\
             \x20 1. Copy config.example.toml to /etc/scimward/config.toml; set [ldap], [users] base and [scim].\n\
             \x20 2. scimward check        asks your directory and your cloud, and changes nothing.\n\
             \x20 3. scimward --dry-run    shows every request before the first one is sent.\n\
             \x20 4. scimward --sync-now   or systemctl enable --now scimward.",
        )
    }

    /// What people did between two cycles.
    fn week(&self) -> Result<(), Failure> {
        self.chapter("4. A week passes in the directory", "")?;
        let mut tree = self.directory.tree();
        let story = || -> Result<[String; 4], crate::demo::directory::TreeError> {
            Ok([
                format!("joiner   {}", company::joiner(&mut tree)?),
                format!(
                    "mover    {} has a new department, title and manager",
                    company::mover(&mut tree)?
                ),
                {
                    let (old, new) = company::renamed(&mut tree)?;
                    format!("renamed  {old}\n           is now {new}")
                },
                format!("leaver   {}", company::leaver(&mut tree)?),
            ])
        }();
        for line in story.map_err(|error| Failure::other(&error))? {
            self.say(&format!("  {line}"))?;
        }
        Ok(())
    }

    async fn dry_run(&self) -> Result<(), Failure> {
        let order = Order::DryRun(dry_run::Options {
            json: false,
            probe: false,
            exit_code: false,
            colour: self.colour,
            width: super::columns().unwrap_or(super::WIDTH),
        });
        let engine = Arc::clone(&self.engine);
        let around = Surroundings {
            daemon: None,
            observer: Arc::new(Progress::new()),
            stop: CancellationToken::new(),
        };
        let told = tokio::task::spawn_blocking(move || order.carry_out(&engine, &mut io::stdout(), &around));
        let told = told.await.map_err(|error| Failure::other(&error))?;
        told.map(drop).map_err(|error| Failure {
            words: chain(&error),
            code: error.exit_code(),
        })
    }

    async fn sync(&self) -> Result<CycleRecord, Failure> {
        let observer: SharedObserver = Arc::new(Progress::new());
        let record = self.engine.sync(observer, CancellationToken::new()).await;
        self.say(&report::cycle_line(&record))?;
        Ok(record)
    }

    fn chapter(&self, title: &str, command: &str) -> Result<(), Failure> {
        if self.pause {
            self.say("\n(Enter goes on)")?;
            io::stdin()
                .lock()
                .read_line(&mut String::new())
                .map_err(|error| Failure::other(&error))?;
        }
        let bold = if self.colour {
            anstyle::Style::new().bold()
        } else {
            anstyle::Style::new()
        };
        self.say(&format!("\n{bold}{title}{bold:#}"))?;
        if command.is_empty() {
            Ok(())
        } else {
            self.say(&format!("$ {command}"))
        }
    }

    fn say(&self, words: &str) -> Result<(), Failure> {
        writeln!(io::stdout(), "{words}").map_err(|error| Failure::other(&error))
    }
}

/// A configuration file like everybody's, with its secrets in files of their own.
fn configure(folder: &Path, directory: &DemoDirectory, cloud: &DemoCloud) -> io::Result<PathBuf> {
    secret(&folder.join("ldap-password"), PASSWORD)?;
    secret(&folder.join("scim-token"), TOKEN)?;
    let path = folder.join("config.toml");
    let text = format!(
        r#"[ldap]
urls = ["{ldap}"]
bind_dn = "{reader}"
bind_password = {{ file = "ldap-password" }}

[users]
base = "{people}"
filter = "(objectClass=inetOrgPerson)"
preset = "inetorgperson"

[users.map]
active = {{ attribute = "employeeType", lookup = {{ disabled = false }}, default = true }}

[scim]
profile = "huawei"
endpoint = "{scim}"
token = {{ file = "scim-token" }}

[state]
path = "state"
"#,
        ldap = directory.url(),
        reader = company::READER,
        people = company::PEOPLE,
        scim = cloud.url(),
    );
    fs::write(&path, text)?;
    Ok(path)
}

fn secret(path: &Path, text: &str) -> io::Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}
