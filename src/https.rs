//! What every HTTPS client of this program is made with: one TLS provider, the operator's roots or the
//! system's, no redirects, no repetition of its own.
//!
//! Deliberately absent: requests, answers, credentials. Those are `scim`'s and `cloud`'s.

use std::{error::Error, net::IpAddr, path::Path, sync::Arc, time::Duration};

use reqwest::{Url, redirect};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject};

/// Connecting takes one or two round trips; more than this is a dead host.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Shorter than the idle limit of the usual load balancers (60 s), so that a connection is not
/// closed under a request: for a POST that would mean a look-up.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Longest text of a provider that goes into a report line, in characters.
pub(crate) const WORDS_CHARS_MAX: usize = 300;

/// What a connection pool is made from.
pub(crate) struct ClientSettings {
    /// The operator's own roots, in place of the system's.
    pub(crate) roots: Option<RootCertStore>,
    /// For one request, connecting included.
    pub(crate) request_timeout: Duration,
    /// Whether the system's proxy may be used.
    pub(crate) proxy: bool,
    /// Whether HTTP/2 is offered.
    pub(crate) http2: bool,
}

impl ClientSettings {
    /// Makes the pool. Reads the system's roots when there are none of the operator's.
    ///
    /// # Errors
    /// In words, when the library refuses its settings.
    pub(crate) fn client(&self) -> Result<reqwest::Client, String> {
        let roots = self.roots.clone().unwrap_or_else(system_roots);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("scimward/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls(roots, self.http2).map_err(|error| chain(&error))?)
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
        if !self.http2 {
            builder = builder.http1_only();
        }
        builder.build().map_err(|error| chain(&error))
    }
}

/// Why an address cannot be the base of requests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadBase {
    /// It holds a password, so it must not be repeated.
    Password,
    /// Whoever listens on the way would read what is secret.
    Plaintext,
    /// In words.
    Wrong(String),
}

/// A base address: https, or http to this machine or where the operator allows it; with a slash at its end.
pub(crate) fn base(address: &str, allow_plaintext: bool) -> Result<Url, BadBase> {
    let wrong = |why: &str| BadBase::Wrong(why.to_owned());
    let url = Url::parse(address).map_err(|error| wrong(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadBase::Password);
    }
    if url.query().is_some() || url.fragment().is_some() || !url.path().ends_with('/') {
        return Err(wrong("it has to be a base address that ends with a slash"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) || allow_plaintext => Ok(url),
        "http" => Err(BadBase::Plaintext),
        _ => Err(wrong("only https is spoken")),
    }
}

/// Whether a proxy may stand between: one would read a plain request, and not find our loopback.
pub(crate) fn may_use_proxy(base: &Url) -> bool {
    base.scheme() == "https" && !is_loopback(base)
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

fn tls(roots: RootCertStore, http2: bool) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    if http2 {
        config.alpn_protocols.push(b"h2".to_vec());
    }
    config.alpn_protocols.push(b"http/1.1".to_vec());
    Ok(config)
}

/// The roots of a PEM bundle.
///
/// # Errors
/// In words, when there are none.
pub(crate) fn file_roots(path: &Path) -> Result<RootCertStore, String> {
    let pem = std::fs::read(path).map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("no PEM certificate in it".into());
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

/// The causes of an error on one line, without the library's own layers around them.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let layers = ["error sending request", "dns error", "error resolving DNS"];
    let is_layer = |text: &String| layers.contains(&text.as_str()) || text.starts_with("client error (");
    let mut texts: Vec<_> = causes.map(ToString::to_string).collect();
    let innermost = texts.pop().unwrap_or_default();
    texts.retain(|text| !is_layer(text) && !text.contains(&innermost));
    texts.push(innermost);
    clean(&texts.join(": "))
}

/// One line, no control or direction characters (a log line must not be forged), and not too long.
pub(crate) fn clean(text: &str) -> String {
    let mut line = String::new();
    let printable = |c: char| {
        let unseen =
            matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if c.is_control() || unseen { ' ' } else { c }
    };
    // Bounded before it is split: a body may be megabytes of nothing.
    let head: String = text.chars().take(64 * WORDS_CHARS_MAX).map(printable).collect();
    for word in head.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    match line.char_indices().nth(WORDS_CHARS_MAX) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases() {
        let check = |address: &str, allow_plaintext, expected: bool| {
            assert_eq!(base(address, allow_plaintext).is_ok(), expected, "{address}");
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
    fn ca_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let message = || file_roots(&path).unwrap_err();
        assert!(message().contains("No such file"));
        std::fs::write(&path, "nothing here").unwrap();
        assert!(message().contains("no PEM certificate"));
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(file_roots(&path).is_err());
        assert!(tls(system_roots(), true).is_ok());
    }
}
