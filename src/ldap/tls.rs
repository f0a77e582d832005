//! TLS for the directory: rustls with ring, our own trust and our own client certificate.

use std::{net::IpAddr, path::Path, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject};

use super::{
    failure::Failure,
    settings::{LdapSettings, MinTls},
};

/// Everything that is the same for each server.
#[derive(Debug)]
pub(super) struct Tls {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    min: MinTls,
}

impl Tls {
    /// Reads the files. They are read again for each cycle, so a renewed certificate needs no restart.
    pub(super) fn load(settings: &LdapSettings) -> Result<Self, Failure> {
        let roots = match &settings.ca_file {
            Some(file) => bundle(file)?,
            None => system_roots()?,
        };
        let client = match (&settings.client_cert, &settings.client_key) {
            (Some(cert), Some(key)) => Some((certificates("ldap.client_cert", cert)?, private_key(key)?)),
            (None, None) => None,
            _ => return ours("ldap.client_cert and ldap.client_key go together: set both or none"),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Ok(Self {
            provider,
            roots: Arc::new(roots),
            client,
            min: settings.min_tls,
        })
    }

    /// The set-up for one server. `address`: the host when it is an IPv6 address, which the LDAP client
    /// cannot hand on to TLS as a name to check; the check is then pinned to it here.
    pub(super) fn config(&self, address: Option<IpAddr>) -> Result<Arc<ClientConfig>, Failure> {
        let versions: &[_] = match self.min {
            MinTls::Tls12 => &[&TLS13, &TLS12],
            MinTls::Tls13 => &[&TLS13],
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(versions)
            .map_err(|error| Failure::unreachable(format!("TLS: {error}")).for_good())?;
        let builder = match address {
            None => builder.with_root_certificates(Arc::clone(&self.roots)),
            Some(address) => {
                let inner =
                    WebPkiServerVerifier::builder_with_provider(Arc::clone(&self.roots), Arc::clone(&self.provider))
                        .build()
                        .map_err(|error| Failure::unreachable(format!("TLS: {error}")).for_good())?;
                let name = ServerName::IpAddress(address.into());
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(Pinned { inner, name }))
            }
        };
        let mut config = match &self.client {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .map_err(|error| {
                    Failure::unreachable(format!(
                        "ldap.client_cert and ldap.client_key do not fit together: {error}"
                    ))
                    .for_good()
                })?,
        };
        config.enable_sni = address.is_none();
        Ok(Arc::new(config))
    }
}

/// A mistake in our own settings: the same with every server.
fn ours<T>(text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::unreachable(text).for_good())
}

fn certificates(setting: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(list) if list.is_empty() => ours(format!("{setting}: {} holds no PEM certificate", file.display())),
        Ok(list) => Ok(list),
        Err(error) => ours(format!(
            "{setting}: cannot read {}: {}",
            file.display(),
            pem_error(&error)
        )),
    }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, Failure> {
    match PrivateKeyDer::from_pem_file(file) {
        Ok(key) => Ok(key),
        Err(rustls_pki_types::pem::Error::NoItemsFound) => ours(format!(
            "ldap.client_key: {} holds no unencrypted PEM private key (PKCS#8, PKCS#1 or SEC1)",
            file.display()
        )),
        Err(error) => ours(format!(
            "ldap.client_key: cannot read {}: {}",
            file.display(),
            pem_error(&error)
        )),
    }
}

/// A PEM error without the bytes of the file, which may be a key.
fn pem_error(error: &rustls_pki_types::pem::Error) -> String {
    match error {
        rustls_pki_types::pem::Error::Io(error) => error.to_string(),
        rustls_pki_types::pem::Error::NoItemsFound => "nothing in PEM form".into(),
        _ => "not in PEM form".into(),
    }
}

fn bundle(file: &Path) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ldap.ca_file", file)? {
        if let Err(error) = roots.add(certificate) {
            return ours(format!(
                "ldap.ca_file: {} holds a certificate that cannot be used: {error}",
                file.display()
            ));
        }
    }
    Ok(roots)
}

/// The system's roots. One that cannot be read does not take the others with it.
fn system_roots() -> Result<RootCertStore, Failure> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (_, unusable) = roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return ours("this system has no trusted CAs: install ca-certificates, or set ldap.ca_file");
    }
    if unusable > 0 || !found.errors.is_empty() {
        tracing::debug!(
            unusable,
            errors = found.errors.len(),
            "some of the system's trusted CAs cannot be used"
        );
    }
    Ok(roots)
}

/// Checks the certificate against one name, whatever name the handshake was started with.
#[derive(Debug)]
struct Pinned {
    inner: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.inner
            .verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
