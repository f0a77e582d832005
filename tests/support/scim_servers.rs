//! Two SCIM servers that are not ours, each started for one test, and a plain client for both.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::{
    accepts,
    http::{Message, exchange},
    installed,
    port::Port,
    wait_for,
};

/// The bearer token of every server here.
pub const TOKEN: &str = "integration-test-token";

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// scim2-server (Python).
    Scim2Server,
    /// scimmy with its routers on express (JavaScript).
    Scimmy,
}

impl Kind {
    /// Both, to run one test against each.
    pub const ALL: [Self; 2] = [Self::Scim2Server, Self::Scimmy];
}

/// A running, empty server; it is killed when dropped.
pub struct ScimServer {
    process: Child,
    address: SocketAddr,
    /// Held for a server that cannot say which free port it took.
    _port: Option<Port>,
    path: &'static str,
}

impl ScimServer {
    /// Starts one and waits until it accepts.
    pub fn start(kind: Kind) -> Self {
        match kind {
            Kind::Scim2Server => scim2_server(),
            Kind::Scimmy => scimmy(),
        }
    }

    /// The base URL, with a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// Sends a request with the token; `target` is relative to the base URL.
    pub fn request(&self, method: &str, target: &str, body: Option<&Value>) -> Message {
        send(self.address, method, &format!("{}{target}", self.path), body)
    }

    /// Creates a user behind the program's back and returns what the server made of it.
    pub fn create(&self, user: &Value) -> Value {
        let answer = self.request("POST", "Users", Some(user));
        assert_eq!(answer.status(), 201, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    /// Everybody, page by page.
    pub fn users(&self) -> Vec<Value> {
        let mut users = Vec::new();
        loop {
            let page = self
                .request("GET", &format!("Users?startIndex={}&count=100", users.len() + 1), None)
                .json();
            let total = usize::try_from(page["totalResults"].as_u64().expect("a list")).unwrap();
            let before = users.len();
            users.extend(page["Resources"].as_array().into_iter().flatten().cloned());
            if users.len() >= total {
                return users;
            }
            assert!(
                users.len() > before,
                "{} of {total} users, then an empty page",
                users.len()
            );
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.users().len()
    }

    /// The user of that name.
    pub fn user(&self, user_name: &str) -> Option<Value> {
        self.users().into_iter().find(|user| user["userName"] == user_name)
    }
}

impl Drop for ScimServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One request with the token to a server or to what stands in front of it.
pub fn send(server: SocketAddr, method: &str, target: &str, body: Option<&Value>) -> Message {
    let mut headers = vec![
        ("Host".to_owned(), server.to_string()),
        ("Authorization".to_owned(), format!("Bearer {TOKEN}")),
    ];
    if body.is_some() {
        headers.push(("Content-Type".to_owned(), "application/scim+json".to_owned()));
    }
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    let request = Message {
        start: format!("{method} {target} HTTP/1.1"),
        headers,
        body,
    };
    exchange(server, &request).unwrap_or_else(|error| panic!("{method} {target}: {error}"))
}

fn scim2_server() -> ScimServer {
    let program = installed("SCIMWARD_TEST_SCIM2_SERVER", "scim2-server/bin/scim2-server");
    let port = Port::reserve();
    let mut process = Command::new(&program)
        .args(["--hostname", "127.0.0.1"])
        .args(["--port", &port.address.port().to_string()])
        .args(["--bearer-token", TOKEN])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("scim2-server accepts connections", || {
        match process.try_wait().unwrap() {
            Some(status) => panic!(
                "{} does not start, {status}: remove .cache and run tests/run.sh",
                program.display()
            ),
            None => accepts(port.address).then_some(()),
        }
    });
    ScimServer {
        process,
        address: port.address,
        _port: Some(port),
        path: "/v2/",
    }
}

fn scimmy() -> ScimServer {
    let modules = installed("SCIMWARD_TEST_NODE_MODULES", "scimmy/node_modules");
    let app = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/scimmy-app.mjs");
    let mut process = Command::new("node")
        .arg(app)
        .arg(modules)
        .arg(TOKEN)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("node: {error}; run tests/run.sh"));
    // It prints its port once it listens.
    let mut port = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut port)
        .unwrap();
    let address = format!("127.0.0.1:{}", port.trim())
        .parse()
        .expect("a port: what went wrong is above");
    ScimServer {
        process,
        address,
        _port: None,
        path: "/scim/v2/",
    }
}
