//! An HTTP proxy in front of a SCIM server that writes down every request and, by rule, spoils some.

use std::{
    io::{self, BufReader},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;

use super::{PATIENCE, http::Message, listener::Listener};

/// One request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Null when it was no JSON.
    pub body: Value,
    /// The status that the client got; nothing when it got no answer (yet).
    pub status: Option<u16>,
}

/// What is done to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status, and the server never hears of the request.
    Answer(u16),
    /// The same with a header, for one `Retry-After`.
    AnswerWith(u16, &'static str, String),
    /// The same with a `Retry-After` that is a date, so long after the answer.
    AnswerRetryAt(u16, Duration),
    /// The same with an HTML page, as things in front of a server send it.
    AnswerPage(u16, &'static str),
    /// The server carries it out, and the client gets this status.
    AnswerAfterEffect(u16),
    /// The connection is reset, and the server never hears of the request.
    Reset,
    /// The server carries it out, and the connection is reset.
    ResetAfterEffect,
    /// The answer waits, with the effect done, until [`Recorder::release`].
    HoldAfterEffect,
    /// The request waits until [`Recorder::release`], then goes its way.
    Hold,
    /// The request waits until [`Recorder::release`]; the server never hears of it.
    HoldAndReset,
    /// The request waits so long, or until [`Recorder::release`], then goes its way.
    Delay(Duration),
}

/// Which of the matching requests are meant, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// This one.
    Nth(usize),
    /// This one and all later ones.
    From(usize),
}

/// "The 3rd POST to a target with `/Users` in it".
#[derive(Clone, Debug)]
pub struct Rule {
    method: &'static str,
    target_has: String,
    body_has: String,
    which: Which,
    fault: Fault,
    seen: usize,
}

impl Rule {
    /// For requests of `method` ("" for any).
    pub fn new(method: &'static str, which: Which, fault: Fault) -> Self {
        Self {
            method,
            target_has: String::new(),
            body_has: String::new(),
            which,
            fault,
            seen: 0,
        }
    }

    /// Only for targets that contain `text`.
    pub fn target(mut self, text: &str) -> Self {
        text.clone_into(&mut self.target_has);
        self
    }

    /// Only for bodies that contain `text`.
    pub fn body(mut self, text: &str) -> Self {
        text.clone_into(&mut self.body_has);
        self
    }

    fn fault_for(&mut self, request: &Recorded) -> Option<Fault> {
        let fits = (self.method.is_empty() || self.method == request.method)
            && request.target.contains(&self.target_has)
            && (self.body_has.is_empty() || request.body.to_string().contains(&self.body_has));
        self.seen += usize::from(fits);
        let meant = match self.which {
            Which::Nth(n) => self.seen == n,
            Which::From(n) => self.seen >= n,
        };
        (fits && meant).then(|| self.fault.clone())
    }
}

/// A running recorder.
pub struct Recorder {
    base: String,
    shared: Arc<Shared>,
    _listener: Listener,
}

#[derive(Default)]
struct State {
    requests: Vec<Recorded>,
    rules: Vec<Rule>,
    releases: usize,
    held_after_effect: usize,
}

struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

impl Recorder {
    /// A recorder in front of the server whose base URL is `upstream` (`http://ADDRESS/path/`).
    pub fn start(upstream: &str) -> Self {
        let (address, path) = upstream
            .trim_start_matches("http://")
            .split_once('/')
            .expect("a base URL with a slash");
        let upstream = address.parse().expect("an address and a port");
        let shared = Arc::new(Shared {
            upstream,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(move |client| {
            // What breaks here breaks for the client, and the record says so.
            let _ = serving.serve(client);
        });
        Self {
            base: format!("http://{}/{path}", listener.address),
            shared,
            _listener: listener,
        }
    }

    /// The base URL to configure in place of the server's own.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// Adds a rule. The first rule with a fault for a request wins; each counts for itself.
    pub fn rule(&self, rule: Rule) {
        self.shared.lock().rules.push(rule);
    }

    /// Takes all rules back.
    pub fn clear_rules(&self) {
        self.shared.lock().rules.clear();
    }

    /// Lets everything go that has arrived so far.
    pub fn release(&self) {
        self.shared.lock().releases += 1;
        self.shared.changed.notify_all();
    }

    /// Every request since the start or the last [`Recorder::forget`], in the order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.lock().requests.clone()
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.shared.lock().requests.len()
    }

    /// How many of one method.
    pub fn count_of(&self, method: &str) -> usize {
        self.shared
            .lock()
            .requests
            .iter()
            .filter(|request| request.method == method)
            .count()
    }

    /// Method and target, one a line, for messages and exact comparisons.
    pub fn log(&self) -> String {
        self.requests()
            .iter()
            .map(|r| format!("{} {}\n", r.method, r.target))
            .collect()
    }

    /// How many answers were held back, with the effect done, since the start.
    pub fn held_after_effect(&self) -> usize {
        self.shared.lock().held_after_effect
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.shared.lock().requests.clear();
    }

    /// Waits until `enough` says so of the requests, as soon as the last one arrived or was answered.
    pub fn wait_until(&self, what: &str, mut enough: impl FnMut(&[Recorded]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.lock();
        while !enough(&state.requests) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "waited {PATIENCE:?} in vain: {what}\n{:#?}",
                state.requests
            );
            state = self.shared.changed.wait_timeout(state, left).unwrap().0;
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.release();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// One connection of the client, request after request.
    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut reader = BufReader::new(client.try_clone()?);
        while let Some(request) = Message::read(&mut reader)? {
            let (number, releases, fault) = self.record(&request);
            let Some(answer) = self.answer(&request, releases, fault)? else {
                return socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO));
            };
            // Before it goes out: a client that has its answer finds it in the record.
            self.note(number, answer.status());
            answer.write(&mut client, "keep-alive")?;
        }
        Ok(())
    }

    /// Its number, the releases before it, and what is done to it.
    fn record(&self, request: &Message) -> (usize, usize, Option<Fault>) {
        let (method, target) = request.request_line();
        let recorded = Recorded {
            method,
            target,
            body: request.json(),
            status: None,
        };
        let mut state = self.lock();
        let mut fault = None;
        for rule in &mut state.rules {
            let of_this_rule = rule.fault_for(&recorded);
            fault = fault.or(of_this_rule);
        }
        state.requests.push(recorded);
        self.changed.notify_all();
        (state.requests.len() - 1, state.releases, fault)
    }

    fn note(&self, number: usize, status: u16) {
        if let Some(recorded) = self.lock().requests.get_mut(number) {
            recorded.status = Some(status);
        }
        self.changed.notify_all();
    }

    /// What the client gets; nothing stands for a reset.
    fn answer(&self, request: &Message, releases: usize, fault: Option<Fault>) -> io::Result<Option<Message>> {
        let forward = || super::http::exchange(self.upstream, request);
        match fault {
            None => forward().map(Some),
            Some(Fault::Answer(status)) => Ok(Some(made_up(status, None))),
            Some(Fault::AnswerWith(status, name, value)) => Ok(Some(made_up(status, Some((name, value))))),
            Some(Fault::AnswerRetryAt(status, pause)) => {
                let date = httpdate::fmt_http_date(SystemTime::now() + pause);
                Ok(Some(made_up(status, Some(("Retry-After", date)))))
            }
            Some(Fault::AnswerPage(status, page)) => Ok(Some(Message {
                headers: vec![("Content-Type".to_owned(), "text/html".to_owned())],
                body: page.as_bytes().to_vec(),
                ..made_up(status, None)
            })),
            Some(Fault::AnswerAfterEffect(status)) => forward().map(|_| Some(made_up(status, None))),
            Some(Fault::Reset) => Ok(None),
            Some(Fault::ResetAfterEffect) => forward().map(|_| None),
            Some(Fault::Hold) => {
                self.hold(releases, PATIENCE);
                forward().map(Some)
            }
            Some(Fault::HoldAndReset) => {
                self.hold(releases, PATIENCE);
                Ok(None)
            }
            Some(Fault::HoldAfterEffect) => {
                let answer = forward()?;
                self.lock().held_after_effect += 1;
                self.changed.notify_all();
                self.hold(releases, PATIENCE);
                Ok(Some(answer))
            }
            Some(Fault::Delay(time)) => {
                self.hold(releases, time);
                forward().map(Some)
            }
        }
    }

    /// Waits for the first release since there were `before`, at most so long.
    fn hold(&self, before: usize, time: Duration) {
        let state = self.lock();
        drop(
            self.changed
                .wait_timeout_while(state, time, |state| state.releases == before)
                .unwrap(),
        );
    }
}

fn made_up(status: u16, header: Option<(&str, String)>) -> Message {
    let body = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": status.to_string(),
        "detail": "made up by the test",
    });
    let mut headers = vec![("Content-Type".to_owned(), "application/scim+json".to_owned())];
    headers.extend(header.map(|(name, value)| (name.to_owned(), value)));
    Message {
        start: format!("HTTP/1.1 {status} Made Up"),
        headers,
        body: body.to_string().into_bytes(),
    }
}
