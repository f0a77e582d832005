//! A SCIM 2.0 service provider in the process (RFC 7643, RFC 7644): users, in memory, strict.
//!
//! Deliberately absent: groups, bulk, persistence, and anything lenient. What this cloud does not
//! know by name or type it refuses, so that a demo cannot look better than the real thing.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::{net::TcpListener, task::AbortHandle};

mod error;
mod patch;
mod routes;
mod schema;
mod users;

use error::ScimError;
use users::Users;

/// Requests remembered for [`DemoCloud::log`]; the count goes on beyond.
const LOG_MAX: usize = 10_000;

/// One request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedRequest {
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The status of the answer.
    pub status: u16,
}

/// A running cloud; it stops when dropped.
#[derive(Debug)]
pub struct DemoCloud {
    /// Where it listens: loopback, on a port that was free.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    serving: AbortHandle,
}

struct Shared {
    base: String,
    token: SecretString,
    users: Mutex<Users>,
    log: Mutex<Log>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Log {
    count: u64,
    requests: Vec<LoggedRequest>,
}

impl DemoCloud {
    /// Serves an empty cloud on a free loopback port to those who show `token`. Needs a tokio runtime.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub async fn start(token: SecretString) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let base = format!("http://{addr}/scim/v2/");
        let shared = Arc::new(Shared {
            base,
            token,
            users: Mutex::default(),
            log: Mutex::default(),
        });
        let app: Router =
            routes::router(Arc::clone(&shared)).layer(middleware::from_fn_with_state(Arc::clone(&shared), guard));
        let serving = tokio::spawn(async move { axum::serve(listener, app).await }).abort_handle();
        Ok(Self { addr, shared, serving })
    }

    /// The base URL, with a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.shared.base
    }

    /// All users, in the order of their creation.
    #[must_use]
    pub fn users(&self) -> Vec<Value> {
        lock(&self.shared.users).all().cloned().collect()
    }

    /// Requests answered so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        lock(&self.shared.log).count
    }

    /// The first requests, up to a fixed number.
    #[must_use]
    pub fn log(&self) -> Vec<LoggedRequest> {
        lock(&self.shared.log).requests.clone()
    }
}

impl Drop for DemoCloud {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A lock, also after another holder panicked: every change under it is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Checks the token before anything else, and keeps the log.
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let method = request.method().to_string();
    let target = request
        .uri()
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    let shown = request
        .headers()
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let known = shown.and_then(|s| s.strip_prefix("Bearer ")) == Some(shared.token.expose_secret());
    let response = if known {
        next.run(request).await
    } else {
        ScimError::new(401, None, "a valid bearer token is needed").into_response()
    };
    let mut log = lock(&shared.log);
    log.count += 1;
    if log.requests.len() < LOG_MAX {
        log.requests.push(LoggedRequest {
            method,
            target,
            status: response.status().as_u16(),
        });
    }
    response
}
