//! The way back to a client, from inside a command.

use tokio::sync::mpsc;

use super::protocol::{Reply, pieces};
use crate::ports::{CycleRecord, Event, Observer};

/// The client has closed its side, or reads too slowly to be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client is gone")]
pub struct ClientGone;

/// Where a command's output goes. Waits for a client that reads slowly, within bounds; only
/// progress is dropped instead.
#[derive(Clone, Debug)]
pub struct CommandOutput(pub(super) mpsc::Sender<Reply>);

impl CommandOutput {
    /// Output, as it is to appear.
    ///
    /// # Errors
    /// When the client is gone; the command may as well end.
    pub async fn stdout(&self, text: &str) -> Result<(), ClientGone> {
        for piece in pieces(text) {
            self.send(Reply::Stdout(piece.to_owned())).await?;
        }
        Ok(())
    }

    /// A line for people, on standard error.
    ///
    /// # Errors
    /// When the client is gone.
    pub async fn log(&self, text: &str) -> Result<(), ClientGone> {
        for piece in pieces(text) {
            self.send(Reply::Log(piece.to_owned())).await?;
        }
        Ok(())
    }

    /// The record of a cycle.
    ///
    /// # Errors
    /// When the client is gone.
    pub async fn cycle(&self, record: CycleRecord) -> Result<(), ClientGone> {
        self.send(Reply::Cycle(Box::new(record))).await
    }

    pub(super) async fn send(&self, reply: Reply) -> Result<(), ClientGone> {
        self.0.send(reply).await.map_err(|_| ClientGone)
    }
}

impl Observer for CommandOutput {
    fn event(&self, event: &Event) {
        let _ = self.0.try_send(Reply::Event(event.clone()));
    }
}
