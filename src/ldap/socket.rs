//! The TCP connection, made by us so that its options are ours.

use std::{io, net::SocketAddr, time::Duration};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::{
    net::{TcpSocket, lookup_host},
    time::{Instant, timeout, timeout_at},
};

use super::{
    failure::{Failure, describe_io},
    settings::LdapUrl,
};

/// With the default window the server stalls for 200 ms now and then on a fast link, about ten times
/// in a read of 100,000 entries. Has to be set before the connection is made.
const RECEIVE_BUFFER_BYTES: usize = 1 << 20;

/// A firewall that forgets idle connections does so after minutes; a dead peer shows up before.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Connects to the first address of `url` that answers. Each address gets a fair share of the time
/// that is left, so a dead one does not use it all up.
pub(super) async fn connect(
    url: &LdapUrl,
    deadline: Instant,
    loopback_only: bool,
) -> Result<std::net::TcpStream, Failure> {
    let addresses = resolve(url, deadline).await?;
    let mut errors: Vec<String> = Vec::new();
    for (tried, address) in addresses.iter().enumerate() {
        // `localhost` in some other host's hands would make "loopback needs no TLS" a lie.
        if loopback_only && !address.ip().is_loopback() {
            errors.push(format!("{address} is not this machine, and there is no TLS"));
            continue;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(1);
        match timeout(share, connect_one(*address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => errors.push(format!("{address}: {}", describe_io(&error))),
            Err(_) => errors.push(format!("{address}: no answer for {:.1} s", share.as_secs_f64())),
        }
    }
    Err(Failure::unreachable(errors.join("; ")))
}

async fn resolve(url: &LdapUrl, deadline: Instant) -> Result<Vec<SocketAddr>, Failure> {
    let found = match timeout_at(deadline, lookup_host((url.host.as_str(), url.port))).await {
        Ok(Ok(found)) => found.collect::<Vec<_>>(),
        Ok(Err(error)) => {
            return Err(Failure::unreachable(format!(
                "cannot find the address of {}: {error}",
                url.host
            )));
        }
        Err(_) => {
            return Err(Failure::unreachable(format!(
                "the name service did not answer for {} in time",
                url.host
            )));
        }
    };
    if found.is_empty() {
        return Err(Failure::unreachable(format!("{} has no address", url.host)));
    }
    Ok(found)
}

async fn connect_one(address: SocketAddr) -> io::Result<std::net::TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // Best effort: a kernel that refuses an option still carries the data.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    let stream = TcpSocket::from_std_stream(socket.into())
        .connect(address)
        .await?
        .into_std()?;
    let socket = SockRef::from(&stream);
    let _ = socket.set_tcp_nodelay(true);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL);
    let _ = socket.set_tcp_keepalive(&keepalive);
    Ok(stream)
}
