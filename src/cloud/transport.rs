//! One signed request, one answer, over reqwest. No repetition, and no meaning of a status.

use std::{
    path::Path,
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use futures_util::future::BoxFuture;
use reqwest::{
    Method, Request, Response, Url,
    header::{CONTENT_LENGTH, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
};
use rustls::RootCertStore;

use super::{CloudError, Outgoing};
use crate::https::{self, ClientSettings};

/// For one request. A control plane answers within a second; this is for its bad days.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest body of an answer, unpacked: a list of mappings is some kilobytes.
const BODY_BYTES_MAX: usize = 4 << 20;
/// Milliseconds, Alibaba Cloud.
const ACS_RETRY_AFTER: HeaderName = HeaderName::from_static("x-acs-retry-after");
const REQUEST_IDS: [HeaderName; 2] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-acs-request-id"),
];

/// A request that can go out as it is. It holds credentials, so it cannot be printed.
pub(super) struct Signed {
    pub(super) method: &'static str,
    pub(super) url: Url,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Signed {
    /// `headers` are all that go out besides `Host`.
    pub(super) fn new(outgoing: &Outgoing, headers: Vec<(String, String)>) -> Self {
        Self {
            method: outgoing.method,
            url: outgoing.url.clone(),
            headers,
            body: outgoing.body.clone(),
        }
    }

    /// A GET that proves itself by one of its headers.
    pub(super) fn look(url: Url, headers: Vec<(String, String)>) -> Self {
        Self {
            method: "GET",
            url,
            headers,
            body: Vec::new(),
        }
    }

    /// One header, for tests and for those who stand in the network's place.
    #[cfg(test)]
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What one try came to.
pub(super) enum Exchange {
    /// It cannot be sent from here, however often it is tried.
    Unfit(String),
    /// No connection: nobody saw it.
    NotSent(String),
    /// It went out, and no whole answer came back.
    Lost(String),
    /// An answer.
    Answered(Answer),
}

/// A status with what came along. The body may hold a token, so it cannot be printed.
#[derive(Clone, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The other side's clock.
    pub(super) date: Option<SystemTime>,
    /// The pause that is asked for.
    pub(super) retry_after: Option<Duration>,
    pub(super) request_id: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Whatever brings a request to the other side.
pub(super) trait Carry: Send + Sync {
    fn carry(&self, signed: Signed) -> BoxFuture<'_, Exchange>;
}

/// The network. The pools are made when the first request goes out: reading the system's trusted roots takes
/// longer than anything else at the start.
pub(super) struct Network {
    roots: Option<RootCertStore>,
    /// Without and with the system's proxy.
    clients: [OnceLock<Result<reqwest::Client, String>>; 2],
}

impl Network {
    /// `ca_file` takes the place of the system's roots.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self, CloudError> {
        let roots = ca_file.map(|path| {
            https::file_roots(path).map_err(|why| CloudError::Settings(format!("ca_file {}: {why}", path.display())))
        });
        Ok(Self {
            roots: roots.transpose()?,
            clients: [OnceLock::new(), OnceLock::new()],
        })
    }

    fn client(&self, url: &Url) -> Result<&reqwest::Client, String> {
        let proxy = https::may_use_proxy(url);
        let [direct, proxied] = &self.clients;
        let made = if proxy { proxied } else { direct }.get_or_init(|| {
            let settings = ClientSettings {
                roots: self.roots.clone(),
                request_timeout: REQUEST_TIMEOUT,
                proxy,
                // `Host` is signed, and goes out as such in HTTP/1.1 only.
                http2: false,
            };
            settings.client()
        });
        made.as_ref()
            .map_err(|why| format!("the HTTP client cannot be set up: {why}"))
    }

    async fn exchange(&self, signed: Signed) -> Exchange {
        let made = self
            .client(&signed.url)
            .and_then(|client| Ok((client, request(signed)?)));
        let (client, request) = match made {
            Ok(made) => made,
            Err(why) => return Exchange::Unfit(why),
        };
        match client.execute(request).await {
            Ok(response) => read(response).await,
            Err(error) if error.is_builder() => Exchange::Unfit(words(error)),
            Err(error) if error.is_connect() => Exchange::NotSent(words(error)),
            Err(error) => Exchange::Lost(words(error)),
        }
    }
}

impl Carry for Network {
    fn carry(&self, signed: Signed) -> BoxFuture<'_, Exchange> {
        Box::pin(self.exchange(signed))
    }
}

fn request(signed: Signed) -> Result<Request, String> {
    let method = Method::from_bytes(signed.method.as_bytes()).map_err(|error| error.to_string())?;
    let mut request = Request::new(method, signed.url);
    for (name, value) in &signed.headers {
        let wrong = |_| format!("header {name} cannot be sent");
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong(()))?;
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong(()))?;
        value.set_sensitive(true);
        request.headers_mut().insert(header, value);
    }
    if signed.body.is_empty() && signed.method == "POST" {
        // The library says nothing of a body that is not there, and gateways ask for it.
        request
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    } else if !signed.body.is_empty() {
        *request.body_mut() = Some(signed.body.into());
    }
    Ok(request)
}

async fn read(mut response: Response) -> Exchange {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > BODY_BYTES_MAX => {
                return Exchange::Lost(format!("the answer is longer than {} MiB", BODY_BYTES_MAX >> 20));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Exchange::Lost(words(error)),
        }
    }
    Exchange::Answered(Answer::new(response.status().as_u16(), response.headers(), body))
}

impl Answer {
    fn new(status: u16, headers: &HeaderMap, body: Vec<u8>) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let milliseconds = || text(&ACS_RETRY_AFTER)?.parse().ok().map(Duration::from_millis);
        let date = text(&DATE).and_then(|date| httpdate::parse_http_date(date).ok());
        let after = || retry_after(text(&RETRY_AFTER)?, date.unwrap_or_else(SystemTime::now));
        Self {
            status,
            date,
            retry_after: milliseconds().or_else(after),
            request_id: REQUEST_IDS.iter().find_map(text).map(https::clean),
            body,
        }
    }
}

/// Seconds, or a date (RFC 9110 section 10.2.3), which is by the other side's clock: `now` is what that says.
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    let until = || {
        let at = httpdate::parse_http_date(text).ok()?;
        Some(at.duration_since(now).unwrap_or_default())
    };
    seconds.or_else(until)
}

fn words(error: reqwest::Error) -> String {
    let text = https::chain(&error.without_url());
    if text.contains("UnknownIssuer") {
        format!("{text}; if it is signed by a CA of your own, name that in ca_file")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::{Effect, Scheme, testing};

    /// What goes over the wire for a POST without a body, byte by byte, and what comes back of it.
    #[tokio::test]
    async fn a_request_without_a_body() {
        let (address, server) = testing::answer_once(
            "HTTP/1.1 429 Slow down\r\nDate: Fri, 02 Jan 2026 03:04:05 GMT\r\nx-acs-retry-after: 1500\r\n\
             X-Request-Id: r-1\r\nContent-Length: 2\r\n\r\n{}",
        );
        let outgoing = Outgoing {
            method: "POST",
            url: Url::parse(&format!("http://{address}/v1/a%2Fb?x=%27")).unwrap(),
            headers: Vec::new(),
            body: Vec::new(),
            scheme: Scheme::HuaweiToken,
            effect: Effect::Creates,
        };
        let signed = Signed::new(&outgoing, vec![("X-Auth-Token".into(), "t".into())]);
        let answer = match Network::new(None).unwrap().carry(signed).await {
            Exchange::Answered(answer) => answer,
            Exchange::Unfit(why) | Exchange::NotSent(why) | Exchange::Lost(why) => panic!("{why}"),
        };
        let seen = server.join().unwrap().to_ascii_lowercase();
        assert!(seen.starts_with("post /v1/a%2fb?x=%27 http/1.1\r\n"), "{seen}");
        assert!(seen.contains(&format!("\r\nhost: {address}\r\n")), "{seen}");
        assert!(seen.contains("\r\ncontent-length: 0\r\n"), "{seen}");
        assert!(seen.contains("\r\nx-auth-token: t\r\n"), "{seen}");
        assert_eq!((answer.status, answer.body.as_slice()), (429, &b"{}"[..]));
        assert_eq!(answer.retry_after, Some(Duration::from_millis(1500)));
        assert_eq!(answer.request_id.as_deref(), Some("r-1"));
        assert!(answer.date.is_some());
    }

    #[test]
    fn a_pause_comes_in_both_forms() {
        let now = httpdate::parse_http_date("Fri, 02 Jan 2026 03:04:05 GMT").unwrap();
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(retry_after(text, now), expected.map(Duration::from_secs), "{text}");
        };
        check("7", Some(7));
        check("Fri, 02 Jan 2026 03:04:12 GMT", Some(7));
        check("Fri, 02 Jan 2026 03:04:00 GMT", Some(0));
        check("soon", None);
    }

    #[tokio::test]
    async fn what_cannot_be_sent_is_not_called_unreachable() {
        let outgoing = Outgoing {
            method: "GET",
            url: Url::parse("http://127.0.0.1:1/").unwrap(),
            headers: Vec::new(),
            body: Vec::new(),
            scheme: Scheme::HuaweiToken,
            effect: Effect::Reads,
        };
        let signed = Signed::new(&outgoing, vec![("X-Auth-Token".into(), "a\nb".into())]);
        let exchange = Network::new(None).unwrap().carry(signed).await;
        assert!(matches!(exchange, Exchange::Unfit(why) if why == "header X-Auth-Token cannot be sent"));
    }
}
