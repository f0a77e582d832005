//! `scimward sandbox`, run as a user runs it.

use std::{
    fs,
    io::{self, BufReader, Read},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    PATIENCE,
    http::{Message, exchange},
    people::PEOPLE,
    scimward::{Process, Run, Scimward},
    slapd::{PASSWORD, READER, Slapd},
};

/// A running sandbox; it is killed when dropped.
pub struct Sandbox {
    process: Process,
    folder: Option<TempDir>,
    /// The `[scim]` table as printed.
    pub table: String,
    /// The `[cloud.…]` table as printed; empty where the cloud has no control plane here.
    pub cloud_table: String,
    /// The endpoint in it, with a slash at its end.
    pub endpoint: String,
    /// The file in it.
    pub token_file: PathBuf,
}

impl Sandbox {
    /// Starts it with arguments, and waits until it says where it is.
    pub fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("requests.jsonl").display().to_string();
        let arguments = [&["--log", &log], arguments].concat();
        Self {
            folder: Some(folder),
            ..Self::start_bare(&arguments)
        }
    }

    /// The same with these arguments and nothing else; there is no [`Sandbox::log`] then.
    pub fn start_bare(arguments: &[&str]) -> Self {
        let process = Scimward::bare().args(&["sandbox"]).args(arguments).spawn();
        process.wait_said("\ntoken = ");
        let said = process.stdout();
        let table = &said[said.find("[scim]\n").unwrap()..];
        let table = table.split("\n\n").next().unwrap().trim_end().to_owned();
        let parsed: toml::Table = toml::from_str(&table).unwrap();
        let scim = &parsed["scim"];
        Self {
            process,
            folder: None,
            cloud_table: cloud_table(&said),
            endpoint: scim["endpoint"].as_str().unwrap().to_owned(),
            token_file: scim["token"]["file"].as_str().unwrap().into(),
            table,
        }
    }

    /// Starts it with provisioning switched off: no endpoint and no token, only the control plane.
    pub fn start_unprovisioned(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("requests.jsonl").display().to_string();
        let process = Scimward::bare().args(&["sandbox", "--unprovisioned", "--log", &log]);
        let process = process.args(arguments).spawn();
        process.wait_said("\nsecret_key = ");
        process.wait_said("\n\n");
        let said = process.stdout();
        let control = said
            .lines()
            .find_map(|line| line.trim().strip_prefix("control"))
            .unwrap();
        Self {
            cloud_table: cloud_table(&said),
            // Where SCIM will be, so that [`Sandbox::address`] is known.
            endpoint: format!("{}scim/v2/", control.trim()),
            token_file: PathBuf::new(),
            table: String::new(),
            process,
            folder: Some(folder),
        }
    }

    /// Ends it as Ctrl-C does; it has to end well.
    #[track_caller]
    pub fn stop(self) -> Run {
        self.end(Signal::INT)
    }

    /// Ends it by a signal; it has to end well.
    #[track_caller]
    pub fn end(self, signal: Signal) -> Run {
        self.process.signal(signal);
        self.process.wait().expect(0)
    }

    /// `kill -9`.
    pub fn kill(self) {
        let run = self.process.kill();
        assert_eq!(run.code, None, "{}", run.everything());
    }

    /// What it has said so far. A line may be on its way still; the log is there before an answer.
    pub fn said(&self) -> String {
        self.process.stdout()
    }

    /// Its request log: a request that was answered is in it.
    pub fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.as_ref().unwrap().path().join("requests.jsonl")).unwrap();
        // The last one may be on its way still.
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        let host = self.endpoint.trim_start_matches("http://").split('/').next();
        host.unwrap().parse().unwrap()
    }

    /// The path of something below the endpoint.
    pub fn path(&self, below: &str) -> String {
        let path = self.endpoint.splitn(4, '/').nth(3).unwrap();
        format!("/{path}{below}")
    }

    /// A request below the endpoint, with the token.
    pub fn request(&self, method: &str, below: &str, body: Option<&Value>) -> Message {
        let token = fs::read_to_string(&self.token_file).unwrap();
        let mut headers = vec![
            ("Host".to_owned(), self.address().to_string()),
            ("Authorization".to_owned(), format!("Bearer {}", token.trim_end())),
        ];
        if body.is_some() {
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        Message {
            start: format!("{method} {} HTTP/1.1", self.path(below)),
            headers,
            body: body.map_or_else(Vec::new, |body| body.to_string().into_bytes()),
        }
    }

    /// Sends a request below the endpoint.
    pub fn ask(&self, method: &str, below: &str, body: Option<&Value>) -> io::Result<Message> {
        exchange(self.address(), &self.request(method, below, body))
    }

    /// The head and what there is of the body, also when it is less than announced, and how it ended.
    pub fn ask_raw(&self, request: &Message) -> (String, io::Result<()>) {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        request.write(&mut stream, "close").unwrap();
        let mut bytes = Vec::new();
        let end = BufReader::new(stream).read_to_end(&mut bytes).map(drop);
        (String::from_utf8_lossy(&bytes).into_owned(), end)
    }

    /// The page for people at this path.
    pub fn page(&self, path: &str) -> Message {
        let request = Message {
            start: format!("GET {path} HTTP/1.1"),
            headers: vec![("Host".to_owned(), self.address().to_string())],
            body: Vec::new(),
        };
        exchange(self.address(), &request).unwrap()
    }
}

/// The `[cloud.…]` table in what a sandbox printed.
fn cloud_table(said: &str) -> String {
    let Some(at) = said.find("[cloud.") else {
        return String::new();
    };
    said[at..].split("\n\n").next().unwrap().trim_end().to_owned()
}

/// A configuration that joins a directory to a sandbox, with the table just as it was printed.
pub struct Joined {
    folder: TempDir,
    ldap: String,
}

impl Joined {
    /// People of `slapd`, one request at a time.
    pub fn new(slapd: &Slapd) -> Self {
        let folder = tempfile::tempdir().unwrap();
        private(&folder.path().join("ldap-password"), PASSWORD);
        let ldap = format!(
            "[ldap]\nurls = [\"{}\"]\nbind_dn = \"{READER}\"\nbind_password = {{ file = \"ldap-password\" }}\n\
             [users]\nbase = \"{PEOPLE}\"\npreset = \"inetorgperson\"\n[state]\npath = \"state\"\n",
            slapd.url()
        );
        Self { folder, ldap }
    }

    /// The state's folder.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The program with `arguments`, and further keys of `[scim]` below the printed ones.
    pub fn run(&self, sandbox: &Sandbox, keys: &str, arguments: &[&str]) -> Run {
        let path = self.folder.path().join("config.toml");
        let Self { ldap, .. } = self;
        fs::write(&path, format!("{ldap}\n{}\n{keys}\n", sandbox.table)).unwrap();
        let config = path.display().to_string();
        Scimward::bare().args(&["--config", &config]).args(arguments).run()
    }
}

/// Writes a file that only we can read.
pub fn private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
