//! Runs the program itself and keeps all it says.

use std::{
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
    time::Instant,
};

use rustix::process::{Pid, Signal};

use super::{PATIENCE, config::Config, wait_for};

/// How to run the program.
pub struct Scimward {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// What starts the program, and its arguments.
    starter: Vec<String>,
}

impl Scimward {
    /// With `--config` for the file that `config` writes now.
    pub fn new(config: &Config) -> Self {
        Self::bare().args(&["--config", &config.write().display().to_string()])
    }

    /// Without any argument.
    pub fn bare() -> Self {
        Self {
            arguments: Vec::new(),
            environment: Vec::new(),
            starter: Vec::new(),
        }
    }

    /// Adds arguments.
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Has a shell run `first` and become the program then.
    pub fn after(mut self, first: &str) -> Self {
        self.starter = ["sh", "-c", &format!("{first}; exec \"$0\" \"$@\"")]
            .map(str::to_owned)
            .into();
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs to the end.
    #[must_use = "how it ended is what a test is about"]
    pub fn run(self) -> Run {
        self.spawn().wait()
    }

    /// What starts it, with the environment it gets and no connection to the outside yet.
    pub fn command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_scimward").to_owned();
        let mut words = self.starter.iter().cloned().chain([program]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words);
        // What the person who runs the tests has set must not reach the program.
        for name in [
            "SCIMWARD_CONFIG",
            "NOTIFY_SOCKET",
            "WATCHDOG_USEC",
            "RUNTIME_DIRECTORY",
            "CREDENTIALS_DIRECTORY",
        ] {
            command.env_remove(name);
        }
        for name in [
            "http_proxy",
            "HTTP_PROXY",
            "https_proxy",
            "HTTPS_PROXY",
            "all_proxy",
            "ALL_PROXY",
            "RUST_LOG",
        ] {
            command.env_remove(name);
        }
        for name in [
            "HUAWEICLOUD_SDK_AK",
            "HUAWEICLOUD_SDK_SK",
            "HUAWEICLOUD_SDK_SECURITY_TOKEN",
            "ALIBABA_CLOUD_ACCESS_KEY_ID",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
            "ALIBABA_CLOUD_SECURITY_TOKEN",
        ] {
            command.env_remove(name);
        }
        command.args(&self.arguments).envs(self.environment.iter().cloned());
        command
    }

    /// With a terminal of its own in place of ours.
    pub fn on_its_own_terminal(self) -> Self {
        Self {
            starter: ["setsid", "--ctty"].map(str::to_owned).into(),
            ..self
        }
    }

    /// Starts it and lets it run, for daemons and for those to be killed.
    pub fn spawn(self) -> Process {
        let mut child = self
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Said::default());
        let readers = vec![
            collect(child.stdout.take().unwrap(), &said, |texts| &mut texts.stdout),
            collect(child.stderr.take().unwrap(), &said, |texts| &mut texts.stderr),
        ];
        Process {
            child,
            said,
            readers,
            arguments: self.arguments,
        }
    }
}

#[derive(Default)]
struct Texts {
    stdout: String,
    stderr: String,
    ended: usize,
}

#[derive(Default)]
struct Said {
    texts: Mutex<Texts>,
    changed: Condvar,
}

fn collect(from: impl Read + Send + 'static, said: &Arc<Said>, which: fn(&mut Texts) -> &mut String) -> JoinHandle<()> {
    let said = Arc::clone(said);
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            which(&mut said.texts.lock().unwrap()).push_str(&String::from_utf8_lossy(&line));
            said.changed.notify_all();
            line.clear();
        }
        said.texts.lock().unwrap().ended += 1;
        said.changed.notify_all();
    })
}

/// A running program; it is killed when dropped.
pub struct Process {
    child: Child,
    said: Arc<Said>,
    readers: Vec<JoinHandle<()>>,
    arguments: Vec<String>,
}

impl Process {
    /// Waits until it has said `text`, on either output.
    pub fn wait_said(&self, text: &str) {
        self.wait_said_times(text, 1);
    }

    /// Waits until it has said `text` at least so many times.
    pub fn wait_said_times(&self, text: &str, times: usize) {
        let deadline = Instant::now() + PATIENCE;
        let mut texts = self.said.texts.lock().unwrap();
        while texts.stdout.matches(text).count() + texts.stderr.matches(text).count() < times {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && texts.ended < 2,
                "it did not say {text:?} {times} times\n--- stdout\n{}\n--- stderr\n{}",
                texts.stdout,
                texts.stderr
            );
            texts = self.said.changed.wait_timeout(texts, left).unwrap().0;
        }
    }

    /// How often it has said `text` so far.
    pub fn times_said(&self, text: &str) -> usize {
        let texts = self.said.texts.lock().unwrap();
        texts.stdout.matches(text).count() + texts.stderr.matches(text).count()
    }

    /// What it has said on standard output so far.
    pub fn stdout(&self) -> String {
        self.said.texts.lock().unwrap().stdout.clone()
    }

    /// Whether it has ended: nothing can be said any more.
    pub fn ended(&self) -> bool {
        self.said.texts.lock().unwrap().ended == 2
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal (`Signal::TERM`, `Signal::HUP`).
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// `kill -9`, and waits for the end.
    #[must_use = "how it ended is what a test is about"]
    pub fn kill(mut self) -> Run {
        self.child.kill().unwrap();
        self.wait()
    }

    /// Waits for the end; after [`PATIENCE`] the test fails with all it said.
    #[must_use = "how it ended is what a test is about"]
    pub fn wait(mut self) -> Run {
        let deadline = Instant::now() + PATIENCE;
        let code = wait_for("the program ends", || match self.child.try_wait().unwrap() {
            Some(status) => Some(status.code()),
            None => {
                assert!(
                    Instant::now() < deadline,
                    "still running after {PATIENCE:?}\n{}",
                    self.said_so_far()
                );
                None
            }
        });
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let mut texts = self.said.texts.lock().unwrap();
        Run {
            code,
            stdout: std::mem::take(&mut texts.stdout),
            stderr: std::mem::take(&mut texts.stderr),
            arguments: std::mem::take(&mut self.arguments),
        }
    }

    fn said_so_far(&self) -> String {
        let texts = self.said.texts.lock().unwrap();
        format!("--- stdout\n{}\n--- stderr\n{}", texts.stdout, texts.stderr)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Run {
    /// The exit code; nothing when a signal ended it.
    pub code: Option<i32>,
    /// Everything it wrote there.
    pub stdout: String,
    /// Everything it wrote there.
    pub stderr: String,
    arguments: Vec<String>,
}

impl Run {
    /// Fails the test, with everything said, unless the exit code is `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "wrong exit code\n{}", self.everything());
        self
    }

    /// Fails the test, with everything said, unless either output contains `text`.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "not said: {text:?}\n{}",
            self.everything()
        );
        self
    }

    /// Fails the test, with everything said, if either output contains `text`.
    #[track_caller]
    pub fn says_not(self, text: &str) -> Self {
        assert!(
            !self.stdout.contains(text) && !self.stderr.contains(text),
            "said: {text:?}\n{}",
            self.everything()
        );
        self
    }

    /// Arguments, exit code and both outputs.
    pub fn everything(&self) -> String {
        let Self {
            code,
            stdout,
            stderr,
            arguments,
        } = self;
        format!(
            "scimward {}\nexit code {code:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}",
            arguments.join(" ")
        )
    }
}

/// The program's path, for tests that hand it to somebody else.
pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_scimward"))
}
