//! A person at a terminal: reads what the program shows, and types.

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    process::Child,
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Instant,
};

use rustix::{
    fs::OFlags,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, tcgetattr},
};

use super::{PATIENCE, scimward::Scimward, wait_for};

/// The program at a terminal; it is killed when dropped.
pub struct Typist {
    child: Child,
    keyboard: File,
    seen: Arc<Seen>,
    /// How much of it was read by [`Typist::sees`] already.
    read: usize,
}

#[derive(Default)]
struct Seen {
    screen: Mutex<Screen>,
    changed: Condvar,
}

#[derive(Default)]
struct Screen {
    text: String,
    ended: bool,
}

impl Typist {
    /// Starts the program at a new terminal.
    pub fn start(program: Scimward) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlags::NOCTTY.bits().cast_signed())
            .open(OsStr::from_bytes(name.as_bytes()))
            .unwrap();
        let child = program
            .on_its_own_terminal()
            .command()
            .stdin(theirs.try_clone().unwrap())
            .stdout(theirs.try_clone().unwrap())
            .stderr(theirs)
            .spawn()
            .expect("setsid (util-linux) is missing: run tests/run.sh");
        let keyboard = File::from(ours);
        let seen = Arc::new(Seen::default());
        let (mut screen, filling) = (keyboard.try_clone().unwrap(), Arc::clone(&seen));
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The end of a terminal is an error.
            while let Ok(read @ 1..) = screen.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..read]).replace("\r\n", "\n");
                filling.screen.lock().unwrap().text.push_str(&text);
                filling.changed.notify_all();
            }
            filling.screen.lock().unwrap().ended = true;
            filling.changed.notify_all();
        });
        Self {
            child,
            keyboard,
            seen,
            read: 0,
        }
    }

    /// Reads on until `text`.
    #[track_caller]
    pub fn sees(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut screen = self.seen.screen.lock().unwrap();
        loop {
            if let Some(at) = screen.text[self.read..].find(text) {
                self.read += at + text.len();
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !screen.ended,
                "not on the terminal: {text:?}\n---\n{}",
                screen.text
            );
            screen = self.seen.changed.wait_timeout(screen, left).unwrap().0;
        }
    }

    /// Reads on until `prompt`, and answers with a line.
    #[track_caller]
    pub fn answers(&mut self, prompt: &str, line: &str) {
        self.sees(prompt);
        self.types(&format!("{line}\n"));
    }

    /// Types keys: `\x03` is Ctrl-C.
    pub fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Whether what is typed can be seen.
    pub fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.keyboard).unwrap().local_modes;
        modes.contains(LocalModes::ECHO)
    }

    /// Waits for the end; the exit code, and all that was on the terminal.
    pub fn ends(mut self) -> (Option<i32>, String) {
        let status = wait_for("the program ends", || self.child.try_wait().unwrap());
        let deadline = Instant::now() + PATIENCE;
        let mut screen = self.seen.screen.lock().unwrap();
        while !screen.ended && Instant::now() < deadline {
            screen = self.seen.changed.wait_timeout(screen, PATIENCE).unwrap().0;
        }
        (status.code(), screen.text.clone())
    }
}

impl Drop for Typist {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
