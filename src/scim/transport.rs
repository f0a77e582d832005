//! One request, one answer, over reqwest: TLS, time-outs, the size of answers. In tests another far end can
//! take the network's place (`local`); what stands before and after it is the same.
//!
//! Deliberately absent: any repetition and any meaning of a status. Redirects are answers like any
//! other; the token never goes to a host other than the endpoint's.

#[cfg(test)]
use std::sync::Arc;
use std::{
    error::Error,
    path::Path,
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use reqwest::{
    Method, Request, Response, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
};
use rustls::RootCertStore;

use super::{SetupError, request::PlannedRequest, retry, settings::ScimSettings, token::Bearer, wire};
use crate::https::{self, BadBase, ClientSettings};

/// Longest body of an answer, unpacked. A page of 100 users is far below 1 MiB.
pub(super) const BODY_BYTES_MAX: usize = 8 << 20;
/// The same for one group, which has all its members in it: 50,000 of them come to some 10 MiB.
const GROUP_BYTES_MAX: usize = 64 << 20;

const REQUEST_ID_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-amzn-requestid"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
];

/// What one try came to.
#[derive(Debug)]
pub(super) enum Exchange {
    /// No connection: the provider never saw it.
    NotSent(String),
    /// It went out, and no status came back.
    Lost(String),
    /// An answer.
    Answered(Answer),
    /// The id in the path cannot be addressed.
    Unaddressable,
}

/// A status with what came along.
#[derive(Debug)]
pub(super) struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The pause the provider asks for.
    pub retry_after: Option<Duration>,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// The body, or why it could not be read to its end.
    pub body: Result<Vec<u8>, String>,
    /// The provider's words, for a status other than success.
    pub detail: String,
}

/// A connection pool to one endpoint, made when the first request goes out: reading the system's trusted
/// roots takes longer than anything else at the start, and most cycles send nothing.
pub(super) struct Transport {
    client: OnceLock<Result<reqwest::Client, String>>,
    /// What takes the network's place.
    #[cfg(test)]
    local: Option<Arc<dyn super::local::FarEnd>>,
    settings: ClientSettings,
    endpoint: Url,
    content_type: HeaderValue,
}

impl Transport {
    pub(super) fn new(settings: &ScimSettings, content_type: &str) -> Result<Self, SetupError> {
        let endpoint = parse_endpoint(&settings.endpoint, settings.allow_plaintext)?;
        Ok(Self {
            client: OnceLock::new(),
            #[cfg(test)]
            local: None,
            settings: ClientSettings {
                roots: settings.ca_file.as_deref().map(file_roots).transpose()?,
                request_timeout: settings.request_timeout,
                proxy: https::may_use_proxy(&endpoint),
                http2: true,
            },
            endpoint,
            content_type: HeaderValue::from_str(content_type)
                .map_err(|_| SetupError::Client(format!("content type {content_type:?}")))?,
        })
    }

    /// Sends one request and reads its answer.
    pub(super) async fn exchange(&self, planned: &PlannedRequest, bearer: &Bearer) -> Exchange {
        let request = match self.request(planned, bearer) {
            Ok(request) => request,
            Err(outcome) => return outcome,
        };
        #[cfg(test)]
        if let Some(far_end) = &self.local {
            return super::local::exchange(&**far_end, &request, self.settings.request_timeout, bearer).await;
        }
        let client = match self.client.get_or_init(|| self.settings.client()) {
            Ok(client) => client,
            Err(why) => return Exchange::NotSent(format!("the HTTP client cannot be set up: {why}")),
        };
        match client.execute(request).await {
            Ok(response) => Exchange::Answered(read(response, body_bytes_max(planned), bearer).await),
            Err(error) if error.is_connect() || error.is_builder() => Exchange::NotSent(chain(&error.without_url())),
            Err(error) => Exchange::Lost(chain(&error.without_url())),
        }
    }

    /// The same with `far_end` in place of the network.
    #[cfg(test)]
    pub(super) fn to(self, far_end: Arc<dyn super::local::FarEnd>) -> Self {
        Self {
            local: Some(far_end),
            ..self
        }
    }

    fn request(&self, planned: &PlannedRequest, bearer: &Bearer) -> Result<Request, Exchange> {
        // Not `Url::join`, which lets a path leave its place. What the parser changes (a segment of
        // two dots) would address something else.
        let address = format!("{}{}", self.endpoint, planned.path);
        let url = Url::parse(&address)
            .ok()
            .filter(|url| url.as_str() == address)
            .ok_or(Exchange::Unaddressable)?;
        let method = Method::from_bytes(planned.method.as_bytes()).map_err(|_| Exchange::Unaddressable)?;
        let mut request = Request::new(method, url);
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, bearer.header());
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/scim+json, application/json"),
        );
        if let Some(body) = &planned.body {
            headers.insert(CONTENT_TYPE, self.content_type.clone());
            *request.body_mut() = Some(body.to_string().into());
        }
        Ok(request)
    }
}

fn body_bytes_max(planned: &PlannedRequest) -> usize {
    if planned.method == "GET" && planned.path.starts_with("Groups/") {
        GROUP_BYTES_MAX
    } else {
        BODY_BYTES_MAX
    }
}

async fn read(mut response: Response, body_bytes_max: usize, bearer: &Bearer) -> Answer {
    let mut body = Vec::new();
    let trouble = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > body_bytes_max => {
                break Some(format!("the answer is longer than {} MiB", body_bytes_max >> 20));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break None,
            Err(error) => break Some(chain(&error.without_url())),
        }
    };
    Answer::new(response.status().as_u16(), response.headers(), body, trouble, bearer)
}

impl Answer {
    /// From what came back; `trouble` is why the body ends where it does.
    pub(super) fn new(
        status: u16,
        headers: &HeaderMap,
        body: Vec<u8>,
        trouble: Option<String>,
        bearer: &Bearer,
    ) -> Self {
        let header = |name: &HeaderName| {
            headers
                .get(name)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let request_id = REQUEST_ID_HEADERS.iter().find_map(header);
        Self {
            status,
            retry_after: header(&RETRY_AFTER).and_then(|value| retry::retry_after(&value, SystemTime::now())),
            location: header(&LOCATION).map(|location| bearer.redact(https::clean(&location))),
            detail: if (200..=299).contains(&status) {
                String::new()
            } else {
                bearer.redact(wire::explain(&body, request_id.as_deref()))
            },
            body: trouble.map_or(Ok(body), Err),
        }
    }
}

fn parse_endpoint(endpoint: &str, allow_plaintext: bool) -> Result<Url, SetupError> {
    https::base(endpoint, allow_plaintext).map_err(|bad| match bad {
        // Its text must not be repeated: it holds a password.
        BadBase::Password => SetupError::EndpointPassword,
        BadBase::Plaintext => SetupError::Endpoint {
            endpoint: endpoint.to_owned(),
            why: "the token would cross the network in clear; use https, or set allow_plaintext = true".to_owned(),
        },
        BadBase::Wrong(why) => SetupError::Endpoint {
            endpoint: endpoint.to_owned(),
            why,
        },
    })
}

fn file_roots(path: &Path) -> Result<RootCertStore, SetupError> {
    https::file_roots(path).map_err(|why| SetupError::CaFile {
        path: path.to_owned(),
        why,
    })
}

/// The causes of an error on one line, with what to do where that is clear.
fn chain(error: &(dyn Error + 'static)) -> String {
    let text = https::chain(error);
    if text.contains("UnknownIssuer") {
        format!("{text}; if it is signed by a CA of your own, name that in [scim] ca_file")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_endpoint_is_not_repeated() {
        let error = parse_endpoint("https://user:hidden@scim.example.org/", false).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hidden"));
    }

    #[test]
    fn ca_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let message = || file_roots(&path).unwrap_err().to_string();
        assert!(message().contains("ca.pem"));
        std::fs::write(&path, "nothing here").unwrap();
        assert!(message().contains("no PEM certificate"));
    }
}
