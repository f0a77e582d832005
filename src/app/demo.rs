//! `scimward demo`: a week in a small company, on this machine alone. The directory and the cloud (a
//! sandbox) are in this process, but behind real sockets; configuration, reading, planning and pushing are the
//! same code as everywhere.

use std::{
    fs,
    io::{self, BufRead, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{
    Failure, Progress, dry_run,
    engine::Engine,
    order::{Order, Surroundings},
    setup,
    signals::INTERRUPTED,
};
use crate::{
    demo::{company, directory::DemoDirectory},
    outcome::exit,
    ports::SharedObserver,
    report::{self, Brief},
    sandbox::{Options, Sandbox},
    store::SledStore,
};

const PASSWORD: &str = "demo-reader-password";
const TOKEN: &str = "demo-bearer-token";
const PROFILE: &str = "huawei";

/// Tells the story. With `pause` it waits for Enter between the steps, on a terminal.
///
/// # Errors
/// When this machine has no loopback ports or no room for temporary files, and when it is interrupted.
pub async fn run(pause: bool, colour: bool) -> Result<u8, Failure> {
    let stop = super::stop_on_signal()?;
    let pause = pause && io::stdin().is_terminal() && io::stdout().is_terminal();
    let demo = Demo::start(pause, colour, stop).await?;
    demo.tell().await?;
    Ok(exit::DONE)
}

struct Demo {
    folder: TempDir,
    directory: DemoDirectory,
    cloud: Sandbox,
    engine: Arc<Engine>,
    stop: CancellationToken,
    pause: bool,
    colour: bool,
}

impl Demo {
    async fn start(pause: bool, colour: bool, stop: CancellationToken) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("scimward-demo-")
            .tempdir()
            .map_err(|error| Failure::other(&error))?;
        let tree = company::tree(PASSWORD.to_owned().into()).map_err(|error| Failure::other(&error))?;
        let directory = DemoDirectory::start(Arc::new(Mutex::new(tree)))
            .await
            .map_err(|error| Failure::other(&error))?;
        let cloud = Sandbox::start(Options::new(PROFILE, TOKEN.to_owned().into()))
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
            stop,
            pause,
            colour,
        })
    }

    async fn tell(&self) -> Result<(), Failure> {
        self.say(&format!(
            "A company, its directory and its cloud, in this one process. All of it is gone when the demo ends.\n\n\
             \x20 directory  {}, {} people of Lantern Works\n\
             \x20 cloud      {}, empty, with the rules of Huawei Cloud\n\
             \x20 page       http://{}/, who is in the cloud and what each request changed\n\
             \x20 files      {}",
            self.directory.url(),
            company::HEADCOUNT,
            self.cloud.url(),
            self.cloud.addr,
            self.folder.path().display()
        ))?;
        self.chapter("1. What would a first sync do?", "scimward --dry-run")
            .await?;
        self.dry_run().await?;
        self.chapter("2. The first sync", "scimward --sync-now").await?;
        self.sync().await?;
        self.say("\nThe front desk's account has no mail address, which this cloud insists on: it is reported and left\naside, and nobody else had to wait for it.")?;
        self.chapter("3. Once more, with nothing changed in between", "scimward --sync-now")
            .await?;
        self.sync().await?;
        self.say("\nNobody changed, so the cloud was not asked anything.")?;
        self.week().await?;
        self.chapter("5. What would that change?", "scimward --dry-run").await?;
        self.dry_run().await?;
        self.chapter("6. The sync that pushes exactly that", "scimward --sync-now")
            .await?;
        let before = self.cloud.log().len();
        self.sync().await?;
        self.say("\nThe cloud saw:")?;
        for request in self.cloud.log().iter().skip(before) {
            let status = request.status.map_or_else(String::new, |status| status.to_string());
            self.say(&format!(
                "  {:<6} {}  {}  {status}",
                request.method, request.target, request.who
            ))?;
        }
        self.heading("What next")?;
        self.say(
            "  1. Copy config.example.toml to /etc/scimward/config.toml, and set [ldap], [users] base and [scim].\n\
             \x20 2. scimward check        asks your directory and your cloud, and changes nothing.\n\
             \x20 3. scimward --dry-run    shows every change before the first one is sent.\n\
             \x20 4. scimward --sync-now   makes them. For every day: systemctl enable --now scimward",
        )
    }

    /// What people did between two runs.
    async fn week(&self) -> Result<(), Failure> {
        self.chapter("4. A week passes in the directory", "").await?;
        let mut tree = self.directory.tree();
        let story = || -> Result<[String; 4], crate::demo::directory::TreeError> {
            Ok([
                format!("joiner   {}", company::joiner(&mut tree)?),
                format!(
                    "mover    {}\n           has a new department, title and manager",
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
            audit: false,
            json: false,
            probe: false,
            exit_code: false,
            colour: self.colour,
            width: super::columns().unwrap_or(super::WIDTH),
            brief: Some(Brief {
                whole_creates: 1,
                ..Brief::TERMINAL
            }),
        });
        let engine = Arc::clone(&self.engine);
        let around = Surroundings {
            setup: engine.setup(),
            daemon: None,
            observer: Arc::new(Progress::new(None)),
            stop: self.stop.clone(),
        };
        let told = tokio::task::spawn_blocking(move || order.carry_out(&engine, &mut io::stdout(), &around));
        let told = told.await.map_err(|error| Failure::other(&error))?;
        self.go_on()?;
        Ok(told.map(drop)?)
    }

    async fn sync(&self) -> Result<(), Failure> {
        let observer: SharedObserver = Arc::new(Progress::new(Some("pushing")));
        let record = self.engine.sync(observer, self.stop.clone()).await;
        self.go_on()?;
        // One person is rejected by design.
        if record.exit_code > exit::OBJECTS {
            return Err(Failure {
                words: record.outcome,
                code: record.exit_code,
            });
        }
        self.say(&report::cycle_line(&record))
    }

    async fn chapter(&self, title: &str, command: &str) -> Result<(), Failure> {
        if self.pause {
            self.enter().await?;
        }
        self.go_on()?;
        self.heading(title)?;
        if command.is_empty() {
            Ok(())
        } else {
            self.say(&format!("$ {command}"))
        }
    }

    /// Waits for Enter, or for the end of the demo.
    async fn enter(&self) -> Result<(), Failure> {
        self.say("\nPress Enter to go on")?;
        let line = tokio::task::spawn_blocking(|| io::stdin().lock().read_line(&mut String::new()));
        tokio::select! {
            () = self.stop.cancelled() => Ok(()),
            read = line => match read {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(Failure::other(&error)),
                Err(error) => Err(Failure::other(&error)),
            },
        }
    }

    fn heading(&self, title: &str) -> Result<(), Failure> {
        let bold = if self.colour {
            anstyle::Style::new().bold()
        } else {
            anstyle::Style::new()
        };
        self.say(&format!("\n{bold}{title}{bold:#}"))
    }

    /// An interrupted demo ends at the next step, and takes its files with it.
    fn go_on(&self) -> Result<(), Failure> {
        if self.stop.is_cancelled() {
            return Err(Failure {
                words: "interrupted".to_owned(),
                code: INTERRUPTED,
            });
        }
        Ok(())
    }

    fn say(&self, words: &str) -> Result<(), Failure> {
        writeln!(io::stdout(), "{words}").map_err(Failure::output)
    }
}

/// A configuration file like everybody's, with its secrets in files of their own.
fn configure(folder: &Path, directory: &DemoDirectory, cloud: &Sandbox) -> io::Result<PathBuf> {
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
profile = "{PROFILE}"
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
