//! A service manager that listens (sd_notify(3)) and keeps every word.

use std::{
    os::unix::net::UnixDatagram,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Instant,
};

use tempfile::TempDir;

use super::{PATIENCE, scimward::Scimward};

/// A socket for `$NOTIFY_SOCKET`.
pub struct ServiceManager {
    folder: TempDir,
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Heard {
    messages: Mutex<Vec<String>>,
    changed: Condvar,
}

impl ServiceManager {
    /// One that listens.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let heard = Arc::new(Heard::default());
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        let hearing = Arc::clone(&heard);
        thread::spawn(move || {
            let mut buffer = [0; 8192];
            // An empty message is our own farewell.
            while let Ok(length @ 1..) = socket.recv(&mut buffer) {
                let message = String::from_utf8_lossy(&buffer[..length]).trim_end().to_owned();
                hearing.messages.lock().unwrap().push(message);
                hearing.changed.notify_all();
            }
        });
        Self { folder, heard }
    }

    /// The program, to be started under this manager.
    pub fn of(&self, program: Scimward) -> Scimward {
        program.env("NOTIFY_SOCKET", &self.socket().display().to_string())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("notify")
    }

    /// Every message so far; a message may be several lines.
    pub fn messages(&self) -> Vec<String> {
        self.heard.messages.lock().unwrap().clone()
    }

    /// How many of them begin with `start`.
    pub fn count_of(&self, start: &str) -> usize {
        self.messages()
            .iter()
            .filter(|message| message.starts_with(start))
            .count()
    }

    /// Waits until `enough` says so of the messages.
    pub fn wait_until(&self, what: &str, mut enough: impl FnMut(&[String]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut messages = self.heard.messages.lock().unwrap();
        while !enough(&messages) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited {PATIENCE:?} in vain: {what}\n{messages:#?}");
            messages = self.heard.changed.wait_timeout(messages, left).unwrap().0;
        }
    }

    /// Waits for a message that contains `text`.
    pub fn wait_for(&self, text: &str) {
        self.wait_until(text, |messages| messages.iter().any(|message| message.contains(text)));
    }
}

impl Drop for ServiceManager {
    fn drop(&mut self) {
        let farewell = UnixDatagram::unbound().and_then(|socket| socket.send_to(&[], self.socket()));
        drop(farewell);
    }
}
