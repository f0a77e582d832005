//! What stands in the network's place in tests of the clients: answers by script, and what was asked.

use std::{
    collections::VecDeque,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use futures_util::future::BoxFuture;

use super::{
    settings::KeySources,
    transport::{Answer, Carry, Exchange, Signed},
};
use crate::secret::SecretSource;

/// One exchange: what is expected, and what comes of it.
pub(super) struct Line {
    asked: &'static str,
    answer: Exchange,
}

/// `GET /path?query` (without the host) is answered with a status and a body.
pub(super) fn line(asked: &'static str, status: u16, body: &str) -> Line {
    let answer = Answer {
        status,
        body: body.into(),
        ..Answer::default()
    };
    Line {
        asked,
        answer: Exchange::Answered(answer),
    }
}

/// The answer is lost.
pub(super) fn lost(asked: &'static str) -> Line {
    Line {
        asked,
        answer: Exchange::Lost("the connection broke".into()),
    }
}

/// Plays a script to its end; what is not in it fails the test.
pub(super) struct Script {
    lines: Mutex<VecDeque<Line>>,
    /// The value of one header and the body of each request.
    seen: Mutex<Vec<(String, String)>>,
    header: &'static str,
}

impl Script {
    /// Remembers `header` of each request.
    pub(super) fn new(header: &'static str, lines: Vec<Line>) -> Arc<Self> {
        Arc::new(Self {
            lines: Mutex::new(lines.into()),
            seen: Mutex::default(),
            header,
        })
    }

    /// What was seen, after the last line was played.
    pub(super) fn end(&self) -> Vec<(String, String)> {
        let left: Vec<_> = self.lines.lock().unwrap().iter().map(|line| line.asked).collect();
        assert!(left.is_empty(), "not asked: {left:?}");
        self.seen.lock().unwrap().clone()
    }
}

impl Carry for Script {
    fn carry(&self, signed: Signed) -> BoxFuture<'_, Exchange> {
        let query = signed.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let action = signed.header("x-acs-action").unwrap_or(signed.url.path());
        let asked = format!("{} {action}{query}", signed.method);
        let header = signed.header(self.header).unwrap_or_default().to_owned();
        let body = String::from_utf8(signed.body.clone()).unwrap();
        self.seen.lock().unwrap().push((header, body));
        let line = self.lines.lock().unwrap().pop_front();
        let line = line.unwrap_or_else(|| panic!("{asked} is not in the script"));
        assert_eq!(asked, line.asked);
        Box::pin(std::future::ready(line.answer))
    }
}

/// Keys in files of a folder; `name` makes them differ.
pub(super) fn keys(folder: &tempfile::TempDir) -> KeySources {
    use std::{fs, os::unix::fs::PermissionsExt};
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        SecretSource::File(path)
    };
    KeySources {
        access_key: file("ak", "AK1"),
        secret_key: file("sk", "hunter2"),
        security_token: None,
    }
}

/// A server on a socket for one request, which is what its thread comes to.
pub(super) fn answer_once(answer: &'static str) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut seen, mut chunk) = (Vec::new(), [0; 1024]);
        while !seen.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut chunk).unwrap();
            assert!(read > 0, "it ends with {seen:?}");
            seen.extend_from_slice(&chunk[..read]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(seen).unwrap()
    });
    (address, server)
}
