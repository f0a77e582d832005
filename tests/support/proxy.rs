//! A TCP proxy that fails as networks fail.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
};

use super::listener::Listener;

/// What happens to every connection, present ones too. Bytes are counted from the upstream server
/// to the client, for each connection from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything passes.
    Pass,
    /// The connection is closed in an orderly way (FIN) after so many bytes.
    CloseAfter(u64),
    /// The connection is reset (RST) after so many bytes.
    ResetAfter(u64),
    /// After so many bytes nothing comes any more, until the mode changes.
    StallAfter(u64),
}

/// A running proxy.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    listener: Option<Listener>,
}

struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    mode: Mode,
    connections: usize,
    downstream_bytes: u64,
}

impl Proxy {
    /// A proxy in front of `upstream`.
    pub fn start(upstream: SocketAddr) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), upstream)
    }

    /// The same at a given address.
    pub fn start_at(address: SocketAddr, upstream: SocketAddr) -> Self {
        let state = Mutex::new(State {
            mode: Mode::Pass,
            connections: 0,
            downstream_bytes: 0,
        });
        let shared = Arc::new(Shared {
            upstream,
            state,
            changed: Condvar::new(),
        });
        let listener = Listener::start_at(address, serve(&shared));
        Self {
            shared,
            address: listener.address,
            listener: Some(listener),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `ldap://` and the address.
    pub fn ldap_url(&self) -> String {
        format!("ldap://{}", self.address)
    }

    /// Sets what happens.
    pub fn set(&self, mode: Mode) {
        self.shared.lock().mode = mode;
        self.shared.changed.notify_all();
    }

    /// New connections are refused; present ones go on.
    pub fn refuse(&mut self) {
        self.listener = None;
    }

    /// New connections are taken again, at the same address.
    pub fn accept(&mut self) {
        if self.listener.is_none() {
            self.listener = Some(Listener::start_at(self.address, serve(&self.shared)));
        }
    }

    /// Connections taken so far.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Bytes handed to clients so far.
    pub fn downstream_bytes(&self) -> u64 {
        self.shared.lock().downstream_bytes
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Mode::CloseAfter(0));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn serve(shared: &Arc<Shared>) -> impl Fn(TcpStream) + Send + Sync + use<> {
    let shared = Arc::clone(shared);
    move |client| {
        shared.lock().connections += 1;
        // What breaks here breaks for the client, which is what a proxy is for.
        let _ = connect(&shared, client);
    }
}

fn connect(shared: &Arc<Shared>, client: TcpStream) -> io::Result<()> {
    let server = TcpStream::connect(shared.upstream)?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    let upstream = thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let reset = downstream(shared, &client, &server).unwrap_or(false);
    let _ = server.shutdown(Shutdown::Both);
    if reset {
        // The socket is reset when its last handle is closed, and the other thread has one.
        socket2::SockRef::from(&client).set_linger(Some(std::time::Duration::ZERO))?;
        let _ = client.shutdown(Shutdown::Read);
    } else {
        let _ = client.shutdown(Shutdown::Both);
    }
    let _ = upstream.join();
    Ok(())
}

/// Passes bytes on until either side ends or the mode says so; true when the end is to be a reset.
fn downstream(shared: &Shared, mut client: &TcpStream, mut server: &TcpStream) -> io::Result<bool> {
    let (mut buffer, mut passed) = ([0; 16 * 1024], 0_u64);
    loop {
        let read = server.read(&mut buffer)?;
        if read == 0 {
            return Ok(false);
        }
        let mut chunk = &buffer[..read];
        while !chunk.is_empty() {
            let mode = shared.lock().mode;
            let limit = match mode {
                Mode::Pass => u64::MAX,
                Mode::CloseAfter(bytes) | Mode::ResetAfter(bytes) | Mode::StallAfter(bytes) => bytes,
            };
            let room = usize::try_from(limit.saturating_sub(passed)).unwrap_or(usize::MAX);
            let (now, later) = chunk.split_at(chunk.len().min(room));
            // Without the lock: a client that does not read must not stop the test.
            client.write_all(now)?;
            passed += now.len() as u64;
            shared.lock().downstream_bytes += now.len() as u64;
            chunk = later;
            match mode {
                _ if chunk.is_empty() => {}
                Mode::CloseAfter(_) => return Ok(false),
                Mode::ResetAfter(_) => return Ok(true),
                Mode::Pass | Mode::StallAfter(_) => {
                    drop(
                        shared
                            .changed
                            .wait_while(shared.lock(), |state| state.mode == mode)
                            .unwrap(),
                    );
                }
            }
        }
    }
}
