//! From HTTP to the cloud and back.

use std::{io, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request as HttpRequest, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use tokio_util::sync::CancellationToken;

use super::{Reply, Request, delivery::Delivery, desk::Desk, page, server::Hangup};

/// Largest body of a request in bytes. A group with a hundred members stays below a hundredth of it.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What every handler needs.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) desk: Arc<Desk>,
    /// The base address, with a slash at its end.
    pub(super) base: Arc<str>,
    /// Its path.
    pub(super) base_path: Arc<str>,
    /// A tenant stands in the path.
    pub(super) has_tenant: bool,
    /// The profile's title, for the page.
    pub(super) title: Arc<str>,
    /// Ends answers that are being held back.
    pub(super) stop: CancellationToken,
}

pub(super) fn router(shared: Shared) -> Router {
    page::routes().fallback(scim).with_state(shared)
}

async fn scim(State(shared): State<Shared>, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        let request = scim_request(&parts, parts.uri.path(), Bytes::new());
        let detail = format!("the body is larger than {BODY_BYTES_MAX} bytes, or ended too early");
        return whole(shared.desk.refuse(&request, 413, &detail));
    };
    let Some(path) = parts.uri.path().strip_prefix(&*shared.base_path) else {
        let request = scim_request(&parts, parts.uri.path(), body);
        let (status, detail) = elsewhere(&shared, &parts.uri);
        return whole(shared.desk.refuse(&request, status, &detail));
    };
    let request = scim_request(&parts, path, body);
    match shared.desk.answer(&request) {
        Delivery::Whole(reply) => whole(reply),
        Delivery::Late(reply, wait) => tokio::select! {
            () = tokio::time::sleep(wait) => whole(reply),
            () = shared.stop.cancelled() => hangup(),
        },
        Delivery::Truncated(reply) => half(reply),
        Delivery::Reset => hangup(),
    }
}

/// What a request outside the endpoint is told. A wrong tenant is a wrong token, as the real ones have it.
fn elsewhere(shared: &Shared, uri: &Uri) -> (u16, String) {
    let mut segments = uri.path().split('/').skip(2);
    if shared.has_tenant && segments.next() == Some("scim") {
        return (401, "unknown tenant".to_owned());
    }
    (404, format!("nothing is here; the endpoint is {}", shared.base))
}

fn scim_request(parts: &Parts, path: &str, body: Bytes) -> Request {
    let text = |name| {
        parts
            .headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    Request {
        method: parts.method.as_str().to_owned(),
        path: path.trim_start_matches('/').to_owned(),
        query: parts.uri.query().map(str::to_owned),
        authorization: text(header::AUTHORIZATION).map(str::to_owned),
        content_type: text(header::CONTENT_TYPE).map(str::to_owned),
        body: body.into(),
    }
}

fn hangup() -> Response {
    let mut response = Response::default();
    response.extensions_mut().insert(Hangup);
    response
}

fn whole(reply: Reply) -> Response {
    let (status, headers) = head(&reply);
    (status, headers, reply.body).into_response()
}

/// The head of the whole answer and half of its body.
fn half(reply: Reply) -> Response {
    let (status, mut headers) = head(&reply);
    headers.insert(header::CONTENT_LENGTH, reply.body.len().into());
    let half = Bytes::copy_from_slice(&reply.body[..reply.body.len() / 2]);
    let parts = stream::unfold(Some(half), async |half| match half {
        Some(half) => Some((Ok(half), None)),
        None => {
            // What was handed over so far has to get to the socket before the failure is noticed.
            tokio::task::yield_now().await;
            Some((Err(io::Error::other("truncated on purpose")), None))
        }
    });
    (status, headers, Body::from_stream(parts)).into_response()
}

fn head(reply: &Reply) -> (StatusCode, HeaderMap) {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = reply.headers.iter().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value).ok()?))
    });
    (status, headers.collect())
}
