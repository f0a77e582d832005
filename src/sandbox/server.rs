//! The listener: real sockets, so that a lost connection is a lost connection.

use std::{
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use socket2::SockRef;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connections at the same time. A client opens as many as it has requests in flight, which is at most
/// 256; beyond that connections wait to be accepted.
const CONNECTIONS_MAX: usize = 512;
/// Pause after a failed `accept`: file descriptors may have run out, and come back when others close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Marks a response that is not to be sent: the connection is reset in its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hangup;

/// Accepts connections until `stop`, then lets each finish its request.
pub(super) async fn serve(listener: TcpListener, app: Router, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let served = connection(stream, peer, app.clone(), stop.clone());
                connections.spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

type Answering = Pin<Box<dyn Future<Output = io::Result<Response>> + Send>>;

/// Serves one connection to its end.
async fn connection(stream: TcpStream, peer: SocketAddr, app: Router, stop: CancellationToken) {
    // Answers are small and awaited; a failure costs milliseconds only.
    let _ = stream.set_nodelay(true);
    let app = TowerToHyperService::new(app);
    let reset = Arc::new(AtomicBool::new(false));
    let hanging_up = Arc::clone(&reset);
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| -> Answering {
        request.extensions_mut().insert(ConnectInfo(peer));
        let answering = app.call(request.map(Body::new));
        let reset = Arc::clone(&hanging_up);
        Box::pin(async move {
            let Ok(response) = answering.await;
            if response.extensions().get::<Hangup>().is_none() {
                return Ok(response);
            }
            reset.store(true, Ordering::Relaxed);
            Err(io::Error::other("reset on purpose"))
        })
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let stopped = tokio::select! {
        // A client that goes away or talks nonsense is its own affair.
        _ = poll_fn(|context| connection.poll_without_shutdown(context)) => false,
        () = stop.cancelled() => true,
    };
    if stopped {
        Pin::new(&mut connection).graceful_shutdown();
        let _ = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    }
    let mut stream = connection.into_parts().io.into_inner();
    if reset.load(Ordering::Relaxed) {
        // With no time to linger, closing sends RST in place of FIN.
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    } else {
        let _ = stream.shutdown().await;
    }
}
