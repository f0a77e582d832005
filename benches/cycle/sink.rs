//! A service provider that says yes to everything at once: `201` and an id.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::support::listener::Listener;

/// Enough bodies for `wrk` to repeat.
const BODIES_KEPT: usize = 20_000;

/// The sink; each connection is served by a thread that waits in `read`.
pub struct Sink {
    listener: Listener,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    requests: AtomicU64,
    answer_after_us: AtomicU64,
    keeps: AtomicBool,
    bodies: Mutex<Vec<Vec<u8>>>,
    /// Of the first and the last request.
    times: Mutex<Option<(Instant, Instant)>>,
}

/// What came since [`Sink::forget`].
pub struct Seen {
    pub requests: u64,
    /// From the first request to the last.
    pub lasted: Duration,
}

impl Seen {
    pub fn per_s(&self) -> f64 {
        self.requests as f64 / self.lasted.as_secs_f64()
    }
}

impl Sink {
    pub fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        let listener = Listener::start(move |stream| {
            // The other side ends a connection whenever it likes.
            let _ = serve(stream, &serving);
        });
        Self { listener, shared }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}/", self.listener.address)
    }

    /// Starts counting anew.
    pub fn forget(&self) {
        self.shared.requests.store(0, Ordering::SeqCst);
        *self.shared.times.lock().unwrap() = None;
    }

    pub fn seen(&self) -> Seen {
        let times = *self.shared.times.lock().unwrap();
        Seen {
            requests: self.shared.requests.load(Ordering::SeqCst),
            lasted: times.map_or(Duration::ZERO, |(first, last)| last - first),
        }
    }

    pub fn keep_bodies(&self, keeps: bool) {
        self.shared.keeps.store(keeps, Ordering::SeqCst);
    }

    /// Some of what was sent while bodies were kept.
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        self.shared.bodies.lock().unwrap().clone()
    }

    pub fn answer_after(&self, delay: Duration) {
        let us = u64::try_from(delay.as_micros()).unwrap();
        self.shared.answer_after_us.store(us, Ordering::SeqCst);
    }
}

impl Shared {
    fn took(&self, body: &[u8]) -> u64 {
        if self.keeps.load(Ordering::Relaxed) {
            let mut bodies = self.bodies.lock().unwrap();
            if bodies.len() < BODIES_KEPT {
                bodies.push(body.to_vec());
            }
        }
        let now = Instant::now();
        let mut times = self.times.lock().unwrap();
        *times = Some((times.map_or(now, |(first, _)| first), now));
        drop(times);
        self.requests.fetch_add(1, Ordering::Relaxed)
    }
}

/// Requests one after the other; whole ones that came together are answered together.
fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 256 << 10];
    let mut filled = 0;
    let mut answers = Vec::new();
    loop {
        let read = stream.read(&mut buffer[filled..])?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let mut taken = 0;
        answers.clear();
        while let Some((head, length)) = request(&buffer[taken..filled]) {
            let id = shared.took(&buffer[taken + head..taken + head + length]);
            taken += head + length;
            let body = format!("{{\"id\":\"{id:032x}\"}}");
            write!(
                answers,
                "HTTP/1.1 201 Created\r\nContent-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )?;
        }
        buffer.copy_within(taken..filled, 0);
        filled -= taken;
        if !answers.is_empty() {
            let delay = Duration::from_micros(shared.answer_after_us.load(Ordering::Relaxed));
            if !delay.is_zero() {
                thread::sleep(delay);
            }
            stream.write_all(&answers)?;
        }
    }
}

/// Bytes of head and body, when both are there.
fn request(bytes: &[u8]) -> Option<(usize, usize)> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    let length = length.unwrap_or(0);
    (bytes.len() >= head + length).then_some((head, length))
}
