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

use super::{
    Reply, Request,
    control::{Message, Plane},
    delivery::Delivery,
    desk::Desk,
    page,
    server::Hangup,
};

/// Largest body of a request in bytes. A group with a hundred members stays below a hundredth of it.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What every handler needs.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) desk: Arc<Desk>,
    /// The control plane that answers here.
    pub(super) plane: Option<Plane>,
    /// A tenant stands in the path.
    pub(super) has_tenant: bool,
    /// The profile's title, for the page.
    pub(super) title: Arc<str>,
    /// Ends answers that are being held back.
    pub(super) stop: CancellationToken,
}

pub(super) fn router(shared: Shared) -> Router {
    page::routes().fallback(anything).with_state(shared)
}

/// Whatever is not for the page.
pub(super) async fn anything(State(shared): State<Shared>, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    if shared.plane.is_some_and(|plane| plane.owns(&message(&parts))) {
        return control(&shared, &parts, body).await;
    }
    scim(&shared, &parts, body).await
}

/// Whether a request at the address of the page is for the control plane.
pub(super) fn is_control(shared: &Shared, request: &HttpRequest) -> bool {
    let headers = request.headers();
    let named = headers.contains_key("x-acs-action") || request.uri().query().is_some_and(|q| q.contains("Action="));
    shared.plane == Some(Plane::Alibaba) && named
}

async fn control(shared: &Shared, parts: &Parts, body: Body) -> Response {
    let mut message = message(parts);
    match axum::body::to_bytes(body, BODY_BYTES_MAX).await {
        Ok(body) => message.body = body.into(),
        Err(_) => {
            let refused = shared
                .desk
                .refuse_control(&message, StatusCode::PAYLOAD_TOO_LARGE.as_u16());
            return refused.map_or_else(|| StatusCode::PAYLOAD_TOO_LARGE.into_response(), whole);
        }
    }
    match shared.desk.answer_control(&message) {
        Some(delivery) => delivered(shared, delivery).await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// All but the body.
fn message(parts: &Parts) -> Message {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = parts.headers.iter();
    Message {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers
            .map(|(name, value)| (name.as_str().to_owned(), text(value)))
            .collect(),
        body: Vec::new(),
    }
}

async fn scim(shared: &Shared, parts: &Parts, body: Body) -> Response {
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        let request = scim_request(parts, parts.uri.path(), Bytes::new());
        let detail = format!("the body is larger than {BODY_BYTES_MAX} bytes, or ended too early");
        return whole(shared.desk.refuse(&request, 413, &detail));
    };
    let base = shared.desk.base();
    let Some(path) = parts.uri.path().strip_prefix(path_of(&base)) else {
        let request = scim_request(parts, parts.uri.path(), body);
        let (status, detail) = elsewhere(shared, &parts.uri, &base);
        return whole(shared.desk.refuse(&request, status, &detail));
    };
    let request = scim_request(parts, path, body);
    delivered(shared, shared.desk.answer(&request)).await
}

/// The path of an address, with its slash in front.
fn path_of(base: &str) -> &str {
    let start = base.match_indices('/').nth(2).map_or(0, |(at, _)| at);
    &base[start..]
}

async fn delivered(shared: &Shared, delivery: Delivery) -> Response {
    match delivery {
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
fn elsewhere(shared: &Shared, uri: &Uri, base: &str) -> (u16, String) {
    let mut segments = uri.path().split('/').skip(2);
    if shared.has_tenant && segments.next() == Some("scim") {
        return (401, "unknown tenant".to_owned());
    }
    (404, format!("nothing is here; the endpoint is {base}"))
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
