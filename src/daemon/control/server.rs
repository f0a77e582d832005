//! The daemon's end of the control socket.
//!
//! A client can be slow, silent, rude or gone; each costs one place among a few and nothing else.
//! No cycle waits for a client.

use std::{io, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Semaphore, broadcast::error::RecvError, mpsc},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    ClientGone, CommandOutput, ControlError, Place, Reply, SYNC,
    line::read_line,
    place::Files,
    protocol::{REQUEST_MAX, Request, VERSION},
};
use crate::{
    daemon::{
        EXIT_BUSY, EXIT_LEAVING, EXIT_PANICKED, EXIT_USAGE,
        runner::Runner,
        supervisor::{Following, Handle, panic_message},
    },
    ports::Observer,
};

/// Clients at a time: a few people and a monitor.
const CLIENTS_MAX: usize = 16;

/// A client says what it wants at once.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that takes no line for so long is taken for dead.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Clients are told how their command ended after the last cycle has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Replies on their way to one client.
const REPLIES_MAX: usize = 64;

/// After an error of accept, which mostly means that file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The control socket, ready for clients.
pub(in crate::daemon) struct Server {
    listener: UnixListener,
    /// Which user ids may come in.
    admits: fn(u32) -> bool,
    _files: Files,
}

impl Server {
    /// Makes the socket. Within a runtime only.
    ///
    /// # Errors
    /// When another daemon has it, or the folder cannot be used.
    pub(in crate::daemon) fn bind(place: &Place) -> Result<Self, ControlError> {
        let listening = place.listen()?;
        let listener = UnixListener::from_std(listening.listener).map_err(|error| ControlError(error.to_string()))?;
        Ok(Self {
            listener,
            admits: root_or_ourselves,
            _files: listening.files,
        })
    }

    /// Serves clients until `stop` is cancelled, then waits until they were told how their commands
    /// ended, at most for [`LAST_WORDS`] after the last cycle is `over`.
    pub(in crate::daemon) async fn serve<R: Runner>(
        self,
        runner: Arc<R>,
        handle: Handle,
        stop: CancellationToken,
        over: CancellationToken,
    ) {
        let tracker = TaskTracker::new();
        let places = Arc::new(Semaphore::new(CLIENTS_MAX));
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "control socket: a client could not be let in");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if let Some(text) = self.refusal(&stream) {
                refuse(&stream, &text, EXIT_USAGE);
                continue;
            }
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                refuse(
                    &stream,
                    &format!("{CLIENTS_MAX} clients are connected already; try again later"),
                    EXIT_BUSY,
                );
                continue;
            };
            let (runner, handle, stop) = (Arc::clone(&runner), handle.clone(), stop.child_token());
            tracker.spawn(async move {
                connection(stream, runner, handle, stop).await;
                drop(place);
            });
        }
        tracker.close();
        let patience = async {
            over.cancelled().await;
            tokio::time::sleep(LAST_WORDS).await;
        };
        tokio::select! {
            () = tracker.wait() => {}
            () = patience => tracing::warn!("control socket: commands in progress are cut off"),
        }
    }

    /// Why this client may not come in.
    fn refusal(&self, stream: &UnixStream) -> Option<String> {
        match stream.peer_cred() {
            Ok(peer) if (self.admits)(peer.uid()) => None,
            Ok(peer) => {
                tracing::warn!(uid = peer.uid(), "control socket: refused another user");
                Some("only root and the daemon's own user may give commands".to_owned())
            }
            Err(error) => Some(format!("your user id cannot be told: {error}")),
        }
    }
}

fn root_or_ourselves(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

/// Sends a last word to a client for whom there is no room to wait: what its buffer does not take
/// is lost.
fn refuse(stream: &UnixStream, text: &str, code: u8) {
    let mut words = Reply::Log(text.to_owned()).to_line();
    words.extend(Reply::Exit(code).to_line());
    if let Err(error) = stream.try_write(&words) {
        tracing::debug!(%error, "control socket: a client was refused and did not listen");
    }
}

/// One client, from its request to our last word.
async fn connection<R: Runner>(stream: UnixStream, runner: Arc<R>, handle: Handle, stop: CancellationToken) {
    let (reader, writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let (send, replies) = mpsc::channel(REPLIES_MAX);
    let out = CommandOutput(send);
    let gone = CancellationToken::new();
    let writing = tokio::spawn(write(writer, replies, gone.clone()));

    let said = tokio::select! {
        said = timeout(REQUEST_TIMEOUT, request(&mut reader)) => said.unwrap_or(Err("no request came".to_owned())),
        () = stop.cancelled() => Err("the daemon is leaving".to_owned()),
    };
    let code = match said {
        Err(error) => Err(error),
        Ok(None) => return,
        Ok(Some(command)) => {
            let listening = tokio::spawn(listen_for_the_end(reader, gone.clone()));
            let code = obey(command, runner, handle, &out, &gone, stop).await;
            listening.abort();
            code
        }
    };
    // A client that is gone is not told.
    let _ = match code {
        Ok(code) => out.send(Reply::Exit(code)).await,
        Err(text) => match out.log(&text).await {
            Ok(()) => out.send(Reply::Exit(EXIT_USAGE)).await,
            gone @ Err(ClientGone) => gone,
        },
    };
    drop(out);
    let _ = writing.await;
}

/// Reads the one request. `Ok(None)`: the client left without a word.
async fn request(reader: &mut BufReader<OwnedReadHalf>) -> Result<Option<Value>, String> {
    let Some(line) = read_line(reader, REQUEST_MAX)
        .await
        .map_err(|error| error.to_string())?
    else {
        return Ok(None);
    };
    let request: Request = serde_json::from_slice(&line).map_err(|error| format!("not a request: {error}"))?;
    if request.version != VERSION {
        return Err(format!(
            "the daemon speaks version {VERSION} of the control protocol, the client {}; restart the daemon after an update",
            request.version
        ));
    }
    Ok(Some(request.command))
}

/// Carries out one command. `Err` is a request that cannot be understood.
async fn obey<R: Runner>(
    command: Value,
    runner: Arc<R>,
    handle: Handle,
    out: &CommandOutput,
    gone: &CancellationToken,
    stop: CancellationToken,
) -> Result<u8, String> {
    let name = command
        .get("name")
        .and_then(Value::as_str)
        .ok_or("the command has no name")?
        .to_owned();
    if name == SYNC {
        if let Some(objection) = runner.objection(&command) {
            return Err(objection);
        }
        tracing::info!("a cycle was asked for over the control socket");
        let audit = command.get("audit").and_then(Value::as_bool).unwrap_or_default();
        return Ok(follow(handle, audit, out, gone).await);
    }
    tracing::debug!(command = %name, "command over the control socket");
    let (daemon, output, token) = (handle.status(), out.clone(), stop.clone());
    // A task of its own: a panic in a command is that command's end only.
    let mut task = tokio::spawn(async move { runner.command(command, output, daemon, token).await });
    let ended = tokio::select! {
        ended = &mut task => ended,
        () = gone.cancelled() => {
            stop.cancel();
            task.await
        }
    };
    Ok(match ended {
        Ok(code) => code,
        Err(error) => {
            let message = panic_message(error);
            tracing::error!(command = %name, message, "a command broke off");
            let _ = out
                .log(&format!(
                    "the command broke off: {message}; this is a bug, please report it"
                ))
                .await;
            EXIT_PANICKED
        }
    })
}

/// Asks for a cycle and tells its progress until it ends. The cycle does not mind when the client
/// is gone.
async fn follow(handle: Handle, audit: bool, out: &CommandOutput, gone: &CancellationToken) -> u8 {
    let Some(Following {
        waits,
        mut events,
        mut end,
    }) = handle.sync(audit).await
    else {
        let _ = out.log("the daemon is leaving and starts no more cycles").await;
        return EXIT_LEAVING;
    };
    if waits {
        let _ = out
            .log("a cycle is in progress; following it, then running another one")
            .await;
    }
    let mut more = true;
    let ended = loop {
        tokio::select! {
            ended = &mut end => break ended.ok(),
            () = gone.cancelled() => break None,
            event = events.recv(), if more => match event {
                Ok(event) => out.event(&event),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => more = false,
            },
        }
    };
    let Some(record) = ended else {
        let _ = out.log("the daemon left before the cycle had ended").await;
        return EXIT_LEAVING;
    };
    // The last events came before the end, but select may have seen the end first.
    while let Ok(event) = events.try_recv() {
        out.event(&event);
    }
    let code = record.exit_code;
    let _ = out.cycle(record).await;
    code
}

/// Notices that the client closes its side. Anything else it says is not listened to.
async fn listen_for_the_end(mut reader: BufReader<OwnedReadHalf>, gone: CancellationToken) {
    let mut ignored = [0; 1024];
    while matches!(reader.read(&mut ignored).await, Ok(read) if read > 0) {}
    gone.cancel();
}

/// Writes replies until the last one. Dropping `replies` tells everyone who sends that the client
/// is gone.
async fn write(mut writer: OwnedWriteHalf, mut replies: mpsc::Receiver<Reply>, gone: CancellationToken) {
    while let Some(reply) = replies.recv().await {
        let written = timeout(WRITE_TIMEOUT, writer.write_all(&reply.to_line())).await;
        let error = match written {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error,
            Err(_) => io::Error::from(io::ErrorKind::TimedOut),
        };
        tracing::debug!(%error, "control socket: the client is gone");
        gone.cancel();
        return;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::SeqCst;

    use serde_json::json;
    use tempfile::TempDir;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::{
        daemon::{
            control::Client,
            fake::{Behaviour, Fake, Recorder, settings, surroundings, utc},
            supervisor::Supervisor,
        },
        ports::Event,
    };

    struct Daemon {
        fake: Arc<Fake>,
        stop: CancellationToken,
        state: TempDir,
        serving: JoinHandle<()>,
    }

    fn start(behaviours: &[Behaviour], admits: fn(u32) -> bool) -> Daemon {
        let fake = Fake::new(behaviours.iter().copied());
        let around = surroundings(utc("2026-05-05T12:00:00Z"), Recorder::new(None));
        let (supervisor, handle) = Supervisor::new(Arc::clone(&fake), settings("0 0 * * *", false), around).unwrap();
        let state = tempfile::tempdir().unwrap();
        let mut server = Server::bind(&Place::of_daemon(state.path(), None)).unwrap();
        server.admits = admits;
        let (stop, over) = (CancellationToken::new(), CancellationToken::new());
        let serving = tokio::spawn(server.serve(Arc::clone(&fake), handle, stop.clone(), over.clone()));
        let token = stop.clone();
        tokio::spawn(async move {
            supervisor.serve(token).await;
            over.cancel();
        });
        Daemon {
            fake,
            stop,
            state,
            serving,
        }
    }

    impl Daemon {
        async fn client(&self) -> Client {
            Client::connect(self.state.path()).await.unwrap().unwrap()
        }

        /// A client that does not follow our manners.
        async fn raw(&self) -> UnixStream {
            UnixStream::connect(self.state.path().join("control.sock"))
                .await
                .unwrap()
        }

        /// Sends one command; the exit code and the replies.
        async fn ask(&self, command: Value) -> (u8, Vec<Reply>) {
            let mut replies = Vec::new();
            let code = self
                .client()
                .await
                .request(command, |reply| replies.push(reply))
                .await
                .unwrap();
            (code, replies)
        }

        /// Sends bytes and reads everything that comes back.
        async fn say(&self, bytes: &[u8]) -> String {
            let mut stream = self.raw().await;
            let _ = stream.write_all(bytes).await;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        }
    }

    fn anyone(_: u32) -> bool {
        true
    }

    fn texts(replies: &[Reply]) -> String {
        replies
            .iter()
            .filter_map(|reply| {
                if let Reply::Stdout(text) = reply {
                    Some(text.as_str())
                } else {
                    None
                }
            })
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_and_its_output() {
        let daemon = start(&[], anyone);
        let text = "línea\n".repeat(100_000);
        let (code, replies) = daemon.ask(json!({"name": "echo", "text": text})).await;
        // The request is too long, and says so.
        assert_eq!(code, EXIT_USAGE);
        assert!(
            matches!(&replies[..], [Reply::Log(log)] if log.contains("more than 65536 bytes")),
            "{replies:?}"
        );

        let text = "línea\n".repeat(8_000);
        let (code, replies) = daemon.ask(json!({"name": "echo", "text": text})).await;
        assert_eq!(code, 5);
        assert!(texts(&replies) == text.repeat(3));
        assert!(matches!(replies[0], Reply::Event(Event::Planned { operations: 1 })));
        assert!(
            matches!(&replies[1], Reply::Log(schedule) if schedule.contains("UTC")),
            "{:?}",
            replies[1]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn sync_is_followed() {
        let daemon = start(&[Behaviour::Events(3)], anyone);
        let (code, replies) = daemon.ask(json!({"name": "sync"})).await;
        assert_eq!(code, 0);
        let events = replies
            .iter()
            .filter(|reply| matches!(reply, Reply::Event(Event::Read { .. })))
            .count();
        assert_eq!(events, 3);
        assert!(matches!(replies.last(), Some(Reply::Cycle(record)) if record.outcome == "cycle 1"));
        // Not when the program says no.
        let (code, replies) = daemon.ask(json!({"name": "sync", "objection": "no"})).await;
        assert!(code == EXIT_USAGE && matches!(&replies[..], [Reply::Log(log)] if log == "no"));
        assert_eq!(daemon.fake.cycles.load(SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sync_during_a_cycle_follows_it_and_gets_its_own() {
        let daemon = start(&[Behaviour::Hold], anyone);
        let first = tokio::spawn(daemon.client().await.request(json!({"name": "sync"}), |_| {}));
        daemon.fake.started().await;
        let fake = Arc::clone(&daemon.fake);
        let mut outcome = String::new();
        let second = daemon
            .client()
            .await
            .request(json!({"name": "sync"}), |reply| match reply {
                // Only now may the first cycle end.
                Reply::Log(log) if log.contains("in progress") => fake.release(),
                Reply::Cycle(record) => outcome = record.outcome,
                _ => {}
            });
        assert_eq!(second.await.unwrap(), 0);
        assert_eq!(outcome, "cycle 2");
        assert_eq!(first.await.unwrap().unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_holds_up_nothing() {
        let daemon = start(&[Behaviour::Events(100_000)], anyone);
        let mut silent = daemon.raw().await;
        silent
            .write_all(b"{\"version\":1,\"command\":{\"name\":\"sync\"}}\n")
            .await
            .unwrap();
        daemon.fake.started().await;
        // The next one is served while the silent one still holds its connection.
        let (code, replies) = daemon.ask(json!({"name": "sync"})).await;
        assert_eq!(code, 0);
        assert!(matches!(replies.last(), Some(Reply::Cycle(record)) if record.outcome == "cycle 2"));

        // A command whose output nobody takes ends after the time for a line.
        let mut silent = daemon.raw().await;
        silent
            .write_all(b"{\"version\":1,\"command\":{\"name\":\"flood\"}}\n")
            .await
            .unwrap();
        daemon
            .fake
            .until(|| daemon.fake.commands_stopped.load(SeqCst) == 1)
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_vanishes_ends_its_command_and_no_cycle() {
        let daemon = start(&[Behaviour::Hold], anyone);
        let mut vanishing = daemon.raw().await;
        vanishing
            .write_all(b"{\"version\":1,\"command\":{\"name\":\"sync\"}}\n")
            .await
            .unwrap();
        daemon.fake.started().await;
        drop(vanishing);
        let mut vanishing = daemon.raw().await;
        vanishing
            .write_all(b"{\"version\":1,\"command\":{\"name\":\"wait\"}}\n")
            .await
            .unwrap();
        let mut byte = [0];
        vanishing.read_exact(&mut byte).await.unwrap();
        drop(vanishing);
        daemon
            .fake
            .until(|| daemon.fake.commands_stopped.load(SeqCst) == 1)
            .await;
        daemon.fake.release();
        let (_, replies) = daemon.ask(json!({"name": "sync"})).await;
        assert!(matches!(replies.last(), Some(Reply::Cycle(record)) if record.outcome == "cycle 2"));
        assert_eq!(daemon.fake.stopped(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_breaks_off_is_its_own_end_only() {
        let daemon = start(&[], anyone);
        let (code, replies) = daemon.ask(json!({"name": "panic"})).await;
        assert_eq!(code, EXIT_PANICKED);
        assert!(matches!(&replies[..], [Reply::Log(log)] if log.contains("the fake's command broke off")));
        assert_eq!(daemon.ask(json!({"name": "echo", "text": "x"})).await.0, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn nonsense_is_answered() {
        let daemon = start(&[], anyone);
        let check = async |said: &[u8], part: &str| {
            let answer = daemon.say(said).await;
            assert!(answer.contains(part) && answer.ends_with("{\"exit\":2}\n"), "{answer}");
        };
        check(b"hello\n", "not a request").await;
        check(b"\xff\xfe\n", "not a request").await;
        check(b"{\"version\":2,\"command\":{}}\n", "speaks version 1").await;
        check(b"{\"version\":1,\"command\":{}}\n", "has no name").await;
        check(b"{\"version\":1,\"command\":7}\n", "has no name").await;
        check(&[b'x'; REQUEST_MAX + 2], "more than").await;
        // Nothing at all, for too long.
        check(b"", "no request came").await;
    }

    #[tokio::test(start_paused = true)]
    async fn other_users_are_refused() {
        let daemon = start(&[], |_| false);
        let (code, replies) = daemon.ask(json!({"name": "sync"})).await;
        assert_eq!(code, EXIT_USAGE);
        assert!(matches!(&replies[..], [Reply::Log(log)] if log.contains("only root")));
        assert_eq!(daemon.fake.cycles.load(SeqCst), 0);

        assert!(root_or_ourselves(0));
        assert!(root_or_ourselves(rustix::process::geteuid().as_raw()));
        assert!(!root_or_ourselves(rustix::process::geteuid().as_raw() + 1));
    }

    #[tokio::test(start_paused = true)]
    async fn places_are_few() {
        let daemon = start(&[], anyone);
        let mut clients = Vec::new();
        for _ in 0..CLIENTS_MAX {
            let mut client = daemon.raw().await;
            client
                .write_all(b"{\"version\":1,\"command\":{\"name\":\"wait\"}}\n")
                .await
                .unwrap();
            let mut byte = [0];
            client.read_exact(&mut byte).await.unwrap();
            clients.push(client);
        }
        assert_eq!(daemon.ask(json!({"name": "echo", "text": "x"})).await.0, EXIT_BUSY);
        clients.pop();
        daemon
            .fake
            .until(|| daemon.fake.commands_stopped.load(SeqCst) == 1)
            .await;
        // The place is free a moment after its command has ended.
        while daemon.ask(json!({"name": "echo", "text": "x"})).await.0 != 5 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn leaving_waits_for_no_one_for_long() {
        let daemon = start(&[], anyone);
        let waiting = tokio::spawn(daemon.client().await.request(json!({"name": "wait"}), |_| {}));
        let _idle = daemon.raw().await;
        let mut silent = daemon.raw().await;
        silent
            .write_all(b"{\"version\":1,\"command\":{\"name\":\"flood\"}}\n")
            .await
            .unwrap();
        let (code, _) = daemon.ask(json!({"name": "echo", "text": "x"})).await;
        assert_eq!(code, 5);
        daemon.stop.cancel();
        let asked = tokio::time::Instant::now();
        daemon.serving.await.unwrap();
        assert!(asked.elapsed() <= LAST_WORDS);
        assert_eq!(waiting.await.unwrap().unwrap(), 0);
        assert!(Client::connect(daemon.state.path()).await.unwrap().is_none());
    }
}
