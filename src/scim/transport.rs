//! One request, one answer, over reqwest: TLS, time-outs, the size of answers. In tests another far end can
//! take the network's place (`local`); what stands before and after it is the same.
//!
//! Deliberately absent: any repetition and any meaning of a status. Redirects are answers like any
//! other; the token never goes to a host other than the endpoint's.

use std::{
    error::Error,
    net::IpAddr,
    path::Path,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use reqwest::{
    Method, Request, Response, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
    redirect,
};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject};

use super::{SetupError, request::PlannedRequest, retry, settings::ScimSettings, token::Bearer, wire};

/// Longest body of an answer, unpacked. A page of 100 users is far below 1 MiB.
pub(super) const BODY_BYTES_MAX: usize = 8 << 20;
/// Connecting takes one or two round trips; more than this is a dead host.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Shorter than the idle limit of the usual load balancers (60 s), so that a connection is not
/// closed under a request: for a POST that would mean a look-up.
const IDLE_MAX: Duration = Duration::from_secs(30);

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

/// What the connection pool is made from.
struct ClientSettings {
    /// The operator's own roots, in place of the system's.
    roots: Option<RootCertStore>,
    request_timeout: Duration,
    proxy: bool,
}

impl ClientSettings {
    fn client(&self) -> Result<reqwest::Client, String> {
        let roots = self.roots.clone().unwrap_or_else(system_roots);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("scimward/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls(roots).map_err(|error| chain(&error))?)
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .gzip(true)
            .connect_timeout(CONNECT_MAX.min(self.request_timeout))
            .timeout(self.request_timeout)
            .pool_idle_timeout(IDLE_MAX);
        if !self.proxy {
            builder = builder.no_proxy();
        }
        builder.build().map_err(|error| chain(&error))
    }
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
                // A proxy would read the token, or not find our loopback.
                proxy: endpoint.scheme() == "https" && !is_loopback(&endpoint),
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
            Ok(response) => Exchange::Answered(read(response, bearer).await),
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

async fn read(mut response: Response, bearer: &Bearer) -> Answer {
    let mut body = Vec::new();
    let trouble = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > BODY_BYTES_MAX => {
                break Some(format!("the answer is longer than {} MiB", BODY_BYTES_MAX >> 20));
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
            location: header(&LOCATION).map(|location| bearer.redact(wire::clean(&location))),
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
    let wrong = |why: &str| SetupError::Endpoint {
        endpoint: endpoint.to_owned(),
        why: why.to_owned(),
    };
    let url = Url::parse(endpoint).map_err(|error| wrong(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        // Its text must not be repeated: it holds a password.
        return Err(SetupError::EndpointPassword);
    }
    if url.query().is_some() || url.fragment().is_some() || !url.path().ends_with('/') {
        return Err(wrong("it has to be a base address that ends with a slash"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) || allow_plaintext => Ok(url),
        "http" => Err(wrong(
            "the token would cross the network in clear; use https, or set allow_plaintext = true",
        )),
        _ => Err(wrong("only https is spoken")),
    }
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

fn tls(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn file_roots(path: &Path) -> Result<RootCertStore, SetupError> {
    let wrong = |why: String| SetupError::CaFile {
        path: path.to_owned(),
        why,
    };
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("no PEM certificate in it".into()));
    }
    Ok(roots)
}

/// The system's roots; one file that cannot be read does not take the others with it. None at all is
/// an error only when something is to be verified, and then the TLS handshake says so.
fn system_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a trusted root of the system cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    roots
}

/// The causes of an error on one line, without the library's own layers around them, and with what
/// to do where that is clear.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let is_layer = |text: &String| text == "error sending request" || text.starts_with("client error (");
    let mut texts: Vec<_> = causes.map(ToString::to_string).collect();
    let innermost = texts.pop().unwrap_or_default();
    texts.retain(|text| !is_layer(text) && !text.contains(&innermost));
    texts.push(innermost);
    let text = wire::clean(&texts.join(": "));
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
    fn endpoints() {
        let check = |endpoint: &str, allow_plaintext, expected: bool| {
            assert_eq!(
                parse_endpoint(endpoint, allow_plaintext).is_ok(),
                expected,
                "{endpoint}"
            );
        };
        check("https://scim.example.org/t/scim/v2/", false, true);
        check("http://scim.example.org/", false, false);
        check("http://scim.example.org/", true, true);
        check("http://localhost:8080/", false, true);
        check("http://localhost.example.org/", false, false);
        check("http://127.0.0.9/", false, true);
        check("http://[::1]:8080/", false, true);
        check("ftp://127.0.0.1/", true, false);
        check("https://scim.example.org/v2", false, false);
        check("https://scim.example.org/v2/?a=b", false, false);
        check("https://user:hidden@scim.example.org/", false, false);
        check("scim.example.org", false, false);
    }

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
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(message().contains("ca.pem"));
        assert!(tls(system_roots()).is_ok());
    }
}
