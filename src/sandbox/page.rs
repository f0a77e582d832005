//! A page for people: who is in this cloud, what each request changed, the last requests. Read only,
//! without a script.
//!
//! It shows people's data without a token, so it is for this machine alone: the other end of the
//! connection and the name in the address line both have to be loopback. The name keeps out pages of
//! other sites that had their name point here (DNS rebinding).

use std::net::{IpAddr, SocketAddr};

use axum::{
    Router,
    extract::{ConnectInfo, Path, Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use minijinja::Environment;
use serde::Deserialize;

use super::service::{Shared, anything, is_control};

mod view;

const STYLE: &str = include_str!("page/style.css");
const HOME: &str = include_str!("page/home.html");
const PERSON: &str = include_str!("page/person.html");
/// No script, nothing from elsewhere, in nobody's frame.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        // Where one cloud has its control plane too.
        .route("/", get(home).fallback(anything))
        .route("/users/{id}", get(person))
        .route("/style.css", get(style))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Search {
    find: String,
}

async fn home(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Query(Search { find }): Query<Search>,
    request: Request,
) -> Response {
    if is_control(&shared, &request) {
        return anything(State(shared), request).await;
    }
    if !is_local(peer, request.headers()) {
        return stranger();
    }
    let home = shared
        .desk
        .look(|cloud, records| view::Home::new(&shared, cloud, records, &find));
    rendered("home.html", HOME, &home)
}

async fn person(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if !is_local(peer, &headers) {
        return stranger();
    }
    match shared.desk.look(|cloud, _| view::Person::new(cloud, &id)) {
        Some(person) => rendered("person.html", PERSON, &person),
        None => plain(StatusCode::NOT_FOUND, "This cloud never had an account of that id.\n"),
    }
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

fn is_local(peer: SocketAddr, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    peer.ip().to_canonical().is_loopback() && host.is_some_and(is_loopback_name)
}

/// `localhost:8080`, `127.0.0.1`, `[::1]:8080`.
fn is_loopback_name(host: &str) -> bool {
    let port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = match host.rsplit_once(':') {
        Some((name, rest)) if port(rest) && !name.ends_with(':') => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn stranger() -> Response {
    plain(
        StatusCode::FORBIDDEN,
        "This page shows people's data without a token, so it is for the machine of the sandbox only.\n\
         From elsewhere: ssh -L 8080:127.0.0.1:PORT that-machine, then http://localhost:8080/\n",
    )
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    (status, text).into_response()
}

/// A template whose name ends with `.html` escapes all it is given.
fn rendered(name: &str, template: &str, view: &impl serde::Serialize) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    match Environment::new().render_named_str(name, template, minijinja::value::Serde(view)) {
        Ok(page) => (headers, page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_let_in() {
        let check = |host: &str, expected: bool| assert_eq!(is_loopback_name(host), expected, "{host}");
        check("localhost", true);
        check("LOCALHOST:8080", true);
        check("127.0.0.1:8080", true);
        check("127.1.2.3", true);
        check("[::1]:8080", true);
        check("[::1]", true);
        check("", false);
        check("evil.example", false);
        check("evil.example:8080", false);
        check("localhost.evil.example", false);
        check("10.0.0.1:8080", false);
        check("[::2]:80", false);
    }
}
