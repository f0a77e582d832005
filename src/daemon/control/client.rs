//! The other end, inside `scimward --sync-now` and its like.

use std::{io, path::Path};

use serde_json::Value;
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::UnixStream,
};

use super::{
    ControlError, Reply,
    line::read_line,
    place::{Place, check_length},
    protocol::{REPLY_MAX, Request, VERSION},
};

/// A connection to the daemon that holds a state folder.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
}

impl Client {
    /// Connects to the daemon that holds the state folder `state`. `None` when there is none.
    ///
    /// # Errors
    /// When there may be one, but it cannot be reached: mostly missing rights.
    pub async fn connect(state: &Path) -> Result<Option<Self>, ControlError> {
        let path = Place::for_client(state);
        if check_length(&path).is_err() {
            // No daemon could have made this socket.
            return Ok(None);
        }
        match UnixStream::connect(&path).await {
            Ok(stream) => Ok(Some(Self { stream })),
            Err(error) => match error.kind() {
                // What is no folder holds no state either; whoever opens it says so.
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => Ok(None),
                io::ErrorKind::PermissionDenied => Err(ControlError(format!(
                    "{} may be used by root and by the daemon's own user only; try again with sudo",
                    path.display()
                ))),
                _ => Err(ControlError(format!("cannot connect to {}: {error}", path.display()))),
            },
        }
    }

    /// Sends one command, an object with a `name`, and hands each reply to `on_reply` as it comes.
    /// Returns the exit code. When the returned future is dropped the daemon stops the command; a
    /// cycle goes on.
    ///
    /// # Errors
    /// When the daemon is lost before it said how the command ended.
    pub async fn request(self, command: Value, mut on_reply: impl FnMut(Reply)) -> Result<u8, ControlError> {
        let lost = |what: &dyn std::fmt::Display| {
            ControlError(format!(
                "the daemon was lost before the command had ended ({what}); see its log"
            ))
        };
        let (reader, mut writer) = self.stream.into_split();
        let request = Request {
            version: VERSION,
            command,
        };
        let mut line = serde_json::to_vec(&request).map_err(|error| ControlError(error.to_string()))?;
        line.push(b'\n');
        // A daemon that turns us away answers without reading; its answer says more than the error.
        let sent = writer.write_all(&line).await;
        let mut reader = BufReader::new(reader);
        loop {
            let line = read_line(&mut reader, REPLY_MAX).await.map_err(|error| lost(&error))?;
            let Some(line) = line else {
                return Err(match sent {
                    Err(error) => lost(&error),
                    Ok(()) => lost(&"connection closed"),
                });
            };
            match serde_json::from_slice(&line).map_err(|error| lost(&error))? {
                Reply::Exit(code) => return Ok(code),
                reply => on_reply(reply),
            }
        }
    }
}
