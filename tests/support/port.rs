//! A loopback port that nobody else gets.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
};

use socket2::{Domain, Socket, Type};

/// A loopback address where nothing listens until a server is started there on purpose.
///
/// The socket is bound and does not listen, so connections are refused, and Linux gives the port to
/// nobody who asks for any free one. A server that sets `SO_REUSEADDR`, as all here do, can still
/// listen at it, leave, and come back.
pub struct Port {
    _held: Socket,
    /// The address, for connections and for the server.
    pub address: SocketAddr,
}

impl Port {
    /// Takes a free port and keeps it until dropped.
    pub fn reserve() -> Self {
        let held = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        held.set_reuse_address(true).unwrap();
        held.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        let address = held.local_addr().unwrap().as_socket().unwrap();
        Self { _held: held, address }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}
