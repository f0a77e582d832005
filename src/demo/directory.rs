//! An LDAP server in the process (RFC 4511), as much of it as a reader needs: simple bind, paged
//! search, root DSE.
//!
//! Deliberately absent: schema, access rules beyond "the service account may read", and writing over
//! the network. The tree changes through [`Tree`], from the same process.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    net::TcpListener,
    task::{AbortHandle, JoinSet},
};

mod filter;
mod search;
mod session;
mod tree;

pub use tree::{Entry, ServiceAccount, Tree, TreeError};

/// A tree that the server reads while somebody else changes it.
pub type SharedTree = Arc<Mutex<Tree>>;

/// Connections at a time: a cycle uses one, a person trying things by hand a few more.
const CONNECTIONS_MAX: usize = 64;

/// A running server; it stops when dropped.
#[derive(Debug)]
pub struct DemoDirectory {
    /// Where it listens: loopback, on a port that was free.
    pub addr: SocketAddr,
    tree: SharedTree,
    accepting: AbortHandle,
}

impl DemoDirectory {
    /// Serves `tree` on a free loopback port. Needs a tokio runtime.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub async fn start(tree: SharedTree) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, Arc::clone(&tree))).abort_handle();
        Ok(Self { addr, tree, accepting })
    }

    /// What a configuration calls this server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ldap://{}", self.addr)
    }

    /// The tree, to look at or to change.
    pub fn tree(&self) -> MutexGuard<'_, Tree> {
        lock(&self.tree)
    }
}

impl Drop for DemoDirectory {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The tree, also after another holder panicked: every change of it is whole.
fn lock(tree: &SharedTree) -> MutexGuard<'_, Tree> {
    tree.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Accepts until aborted; the connections end with it, because it owns them.
async fn accept(listener: TcpListener, tree: SharedTree) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted && connections.len() < CONNECTIONS_MAX {
                    connections.spawn(session::serve(stream, Arc::clone(&tree)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
