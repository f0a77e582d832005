//! One connection: secured, bound, and driven by a task of its own on the reader's runtime.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use lber::structure::StructureTag;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Scope, StdStream, controls::RawControl};
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

use super::{
    extract::{self, Extracted},
    failure::{Failure, Stop, describe, describe_bind, describe_error},
    settings::{Bind, LdapSettings, LdapUrl},
    socket,
    tls::Tls,
};

/// A connection that ends politely gets this long to say so.
const GOODBYE: Duration = Duration::from_secs(1);

/// Stands for an IPv6 address towards the LDAP client, which cannot check one; [`Tls::config`] does.
const STAND_IN: &str = "ipv6-address.invalid";

/// Application tags of RFC 4511 that a search brings.
pub(super) const SEARCH_RESULT_ENTRY: u64 = 4;
pub(super) const SEARCH_RESULT_REFERENCE: u64 = 19;

/// Who we are, with the secret at hand.
pub(super) enum Identity {
    Anonymous,
    Simple { dn: String, password: SecretString },
    External,
}

impl Identity {
    /// Reads the password from where it is kept.
    pub(super) fn of(bind: &Bind) -> Result<Self, Failure> {
        match bind {
            Bind::Anonymous => Ok(Self::Anonymous),
            Bind::External => Ok(Self::External),
            Bind::Simple { dn, password } => {
                let password = password
                    .read()
                    .map_err(|error| Failure::bind(format!("ldap.bind_password: {error}")).for_good())?;
                Ok(Self::Simple {
                    dn: dn.clone(),
                    password,
                })
            }
        }
    }
}

/// Makes connections for one read. The TLS files are read when the first server needs them.
pub(super) struct Connector<'a> {
    settings: &'a LdapSettings,
    identity: &'a dyn Fn(&Bind) -> Result<Identity, Failure>,
    tls: Option<Tls>,
}

impl<'a> Connector<'a> {
    pub(super) fn new(settings: &'a LdapSettings, identity: &'a dyn Fn(&Bind) -> Result<Identity, Failure>) -> Self {
        Self {
            settings,
            identity,
            tls: None,
        }
    }

    /// Connects, secures and binds.
    pub(super) async fn open(&mut self, url: &LdapUrl) -> Result<Session, Failure> {
        let mut session = self.connect(url).await?;
        self.bind(&mut session).await?;
        Ok(session)
    }

    /// Connects and secures, as far as a bind could follow.
    pub(super) async fn connect(&mut self, url: &LdapUrl) -> Result<Session, Failure> {
        let settings = self.settings;
        let secure = url.tls || settings.start_tls;
        if !secure && !settings.allow_plaintext && !url.is_loopback() {
            return Err(Failure::unreachable(
                "refused to send passwords and personal data without TLS; use ldaps://, or start_tls = true, \
                 or, if the network is safe by other means, allow_plaintext = true",
            ));
        }
        let tls = if secure { Some(self.tls_config(url)?) } else { None };
        let deadline = Instant::now() + settings.connect_timeout;
        let loopback_only = !secure && !settings.allow_plaintext;
        let stream = socket::connect(url, deadline, loopback_only)
            .await
            .map_err(|failure| failure.at(&"connect"))?;
        let step = match (url.tls, secure) {
            (true, _) => "TLS handshake",
            (false, true) => "StartTLS",
            (false, false) => "connect",
        };
        let start_tls = settings.start_tls && !url.tls;
        let opening = timeout_at(deadline, hand_over(url, stream, tls, start_tls));
        let failed = |text: String| Err(Failure::unreachable(format!("{step}: {text}")));
        match guarded(opening).await {
            None => failed(NOT_LDAP.into()),
            Some(Err(_)) => failed(format!(
                "not done within {} (ldap.connect_timeout)",
                seconds(settings.connect_timeout)
            )),
            Some(Ok(Err(error))) if url.tls && is_eof(&error) => {
                failed(format!("{}; does this port speak TLS?", describe_error(&error)))
            }
            Some(Ok(Err(error))) => failed(describe_error(&error)),
            Some(Ok(Ok((conn, ldap)))) => {
                let driver = tokio::spawn(conn.drive());
                Ok(Session {
                    ldap,
                    driver: Some(driver),
                    read_timeout: settings.read_timeout,
                })
            }
        }
    }

    fn tls_config(&mut self, url: &LdapUrl) -> Result<Arc<ClientConfig>, Failure> {
        let tls = match self.tls.take() {
            Some(tls) => tls,
            None => Tls::load(self.settings)?,
        };
        let address = url.address().filter(std::net::IpAddr::is_ipv6);
        self.tls.insert(tls).config(address)
    }

    /// How the connection to `url` is protected, for people.
    pub(super) fn transport(&self, url: &LdapUrl) -> &'static str {
        match (url.tls, self.settings.start_tls) {
            (true, _) => "reached over TLS",
            (false, true) => "reached with StartTLS",
            (false, false) => "reached without TLS",
        }
    }

    /// Who we bind as, for people.
    pub(super) fn account(&self) -> String {
        match &self.settings.bind {
            Bind::Anonymous => "anonymous".into(),
            Bind::External => "accepted the client certificate (SASL EXTERNAL)".into(),
            Bind::Simple { dn, .. } => format!("accepted {dn:?}"),
        }
    }

    /// Binds as the settings say (RFC 4513 section 5).
    pub(super) async fn bind(&self, session: &mut Session) -> Result<(), Failure> {
        let settings = self.settings;
        let limit = settings.bind_timeout;
        let (who, answer) = match (self.identity)(&settings.bind)? {
            Identity::Anonymous => return Ok(()),
            Identity::External => {
                if settings.client_cert.is_none() {
                    let text = "SASL EXTERNAL needs a client certificate: set ldap.client_cert and ldap.client_key";
                    return Err(Failure::bind(text).for_good());
                }
                let answer = guarded(timeout(limit, session.ldap.sasl_external_bind())).await;
                ("bind with the client certificate (SASL EXTERNAL)".to_owned(), answer)
            }
            Identity::Simple { dn, password } => {
                let password = password.expose_secret();
                if dn.is_empty() || password.is_empty() {
                    // Servers take that for an anonymous bind and say success (RFC 4513 section 5.1.2).
                    let text = "ldap.bind_dn or the bind password is empty, which would be an unauthenticated bind \
                                (RFC 4513 section 5.1.2)";
                    return Err(Failure::bind(text).for_good());
                }
                let answer = guarded(timeout(limit, session.ldap.simple_bind(&dn, password))).await;
                (format!("bind as {dn:?}"), answer)
            }
        };
        match answer {
            None => Err(Failure::unreachable(format!("{who}: {NOT_LDAP}"))),
            Some(Err(_)) => Err(Failure::unreachable(format!(
                "{who}: no answer within {} (ldap.bind_timeout)",
                seconds(limit)
            ))),
            Some(Ok(Err(error))) => Err(session.lost(&error).await.at(&who)),
            Some(Ok(Ok(result))) => judge_bind(&result).map_err(|failure| failure.at(&who)),
        }
    }
}

fn judge_bind(result: &LdapResult) -> Result<(), Failure> {
    match result.rc {
        0 => Ok(()),
        // A wrong password counts towards a lock-out on every server that is asked.
        49 => Err(Failure::bind(describe_bind(result)).for_good()),
        51 | 52 => Err(Failure::unreachable(describe(result))),
        _ => Err(Failure::bind(describe_bind(result))),
    }
}

/// A server that expects something else than TLS mostly just hangs up.
fn is_eof(error: &LdapError) -> bool {
    matches!(error, LdapError::Io { source } if source.kind() == std::io::ErrorKind::UnexpectedEof)
}

async fn hand_over(
    url: &LdapUrl,
    stream: std::net::TcpStream,
    tls: Option<Arc<ClientConfig>>,
    start_tls: bool,
) -> Result<(LdapConnAsync, Ldap), LdapError> {
    let mut settings = LdapConnSettings::new()
        .set_std_stream(StdStream::Tcp(stream))
        .set_starttls(start_tls);
    if let Some(config) = tls {
        settings = settings.set_config(config);
    }
    let host = if url.host.contains(':') { STAND_IN } else { &url.host };
    let scheme = if url.tls { "ldaps" } else { "ldap" };
    LdapConnAsync::with_settings(settings, &format!("{scheme}://{host}:{}", url.port)).await
}

const NOT_LDAP: &str = "the server sent something that is not LDAP";

/// Runs code of the LDAP client that panics on malformed answers; nothing when it did.
async fn guarded<T>(work: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(work).catch_unwind().await.ok()
}

pub(super) fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

/// A bound connection.
pub(super) struct Session {
    ldap: Ldap,
    driver: Option<JoinHandle<Result<(), LdapError>>>,
    read_timeout: Duration,
}

impl Session {
    /// One search request. `take` gets each entry and reference as it arrives; the result is the
    /// server's own. Whatever else happens is an error: the client would report the *previous* result
    /// as success after a broken page.
    pub(super) async fn search(
        &mut self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &[String],
        control: Option<RawControl>,
        mut take: impl FnMut(StructureTag) -> Result<(), Stop>,
    ) -> Result<LdapResult, Stop> {
        let limit = self.read_timeout;
        if let Some(control) = control {
            self.ldap.with_controls(control);
        }
        let mut stream = match timeout(limit, self.ldap.streaming_search(base, scope, filter, attributes)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(self.lost(&error).await.into()),
            Err(_) => return Err(silence(limit).into()),
        };
        loop {
            match timeout(limit, stream.next()).await {
                Ok(Ok(Some(message))) => take(message.0)?,
                Ok(Ok(None)) => return Ok(stream.finish().await),
                Ok(Err(error)) => return Err(self.lost(&error).await.into()),
                Err(_) => return Err(silence(limit).into()),
            }
        }
    }

    /// Reads one entry by its name. `what` says what for, in errors.
    pub(super) async fn look_up(
        &mut self,
        dn: &str,
        filter: &str,
        attributes: &[String],
        what: &str,
    ) -> Result<Option<Extracted>, Stop> {
        let mut found = None;
        let result = self
            .search(dn, Scope::Base, filter, attributes, None, |tag| {
                if tag.id == SEARCH_RESULT_ENTRY {
                    found = extract::entry(tag);
                }
                Ok(())
            })
            .await?;
        match result.rc {
            0 => Ok(found),
            _ => Err(Failure::refused(format!("{what}: {}", describe(&result))).into()),
        }
    }

    /// What became of the connection, as the driver saw it.
    async fn lost(&mut self, error: &LdapError) -> Failure {
        let vanished = matches!(
            error,
            LdapError::EndOfStream
                | LdapError::ResultRecv { .. }
                | LdapError::OpSend { .. }
                | LdapError::IdScrubSend { .. }
        );
        let Some(driver) = self.driver.take().filter(|_| vanished) else {
            return Failure::unreachable(describe_error(error));
        };
        Failure::unreachable(match timeout(GOODBYE, driver).await {
            Ok(Ok(Ok(()))) => "the server closed the connection".into(),
            Ok(Ok(Err(error))) => format!("the connection was lost: {}", describe_error(&error)),
            Ok(Err(_)) => NOT_LDAP.into(),
            Err(_) => describe_error(error),
        })
    }

    /// Tells the server that we are done.
    pub(super) async fn close(mut self) {
        let _ = timeout(GOODBYE, self.ldap.unbind()).await;
    }
}

fn silence(limit: Duration) -> Failure {
    Failure::unreachable(format!("no answer for {} (ldap.read_timeout)", seconds(limit)))
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(driver) = &self.driver {
            driver.abort();
        }
    }
}
