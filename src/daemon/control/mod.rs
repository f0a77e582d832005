//! The control socket: how `scimward --sync-now`, `status` and the like reach a running daemon.
//!
//! One request per connection, lines of JSON. The client sends
//! `{"version":1,"command":{"name":"sync"}}` and keeps its side open; the daemon answers with lines
//! of `{"log":"…"}`, `{"event":{…}}`, `{"stdout":"…"}` and `{"cycle":{…}}`, the last of which is
//! `{"exit":0}`. Events may be left out for a client that reads slowly; nothing else is.
//!
//! `sync` is the daemon's own; every other command goes to the [`Runner`](super::runner::Runner).

mod client;
mod line;
mod output;
mod place;
mod protocol;
mod server;

pub use client::Client;
pub use output::{ClientGone, CommandOutput};
pub use place::Place;
pub use protocol::{Reply, SYNC};
pub(super) use server::Server;

/// Why the control socket cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("control socket: {0}")]
pub struct ControlError(pub String);
