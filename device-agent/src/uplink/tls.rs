//! Verifies the TLS certificate of the edge on a device whose clock can be in 1970.
//!
//! A Raspberry Pi has no battery-backed clock. If the device's clock is behind, a valid certificate appears to be not
//! valid yet. If the device's clock is before the time `notBefore` of the edge's certificate, the agent verifies the
//! certificate chain for the time `notBefore`. The caller must then get edge time from a signed welcome token. If edge
//! time is outside the [`Validity`] of the edge's certificate, the caller must close the connection.
//!
//! rustls does not check the dates of root certificates. This module rejects an expired root certificate in `ca_file`,
//! as other TLS programs do.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore,
    SignatureScheme,
};
use x509_cert::der::Decode;

use crate::clock::WallClock;

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the root certificates in {} cannot be used: {reason}", .file.display())]
    CaFile { file: PathBuf, reason: String },
    #[error(transparent)]
    Setup(#[from] rustls::Error),
    #[error(transparent)]
    Verifier(#[from] rustls::client::VerifierBuilderError),
}

/// The validity period of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    not_before: Duration,
    not_after: Duration,
}

impl Validity {
    /// Reads the validity period of a certificate. Returns `None` if the certificate cannot be parsed. For a
    /// certificate that cannot be parsed, the date check uses the system's clock.
    pub fn of(leaf: &CertificateDer<'_>) -> Option<Self> {
        let certificate = x509_cert::Certificate::from_der(leaf).ok()?;
        let validity = certificate.tbs_certificate.validity;
        Some(Self {
            not_before: validity.not_before.to_unix_duration(),
            not_after: validity.not_after.to_unix_duration(),
        })
    }

    /// Returns whether a time, in milliseconds of Unix time, is within the validity period.
    pub fn admits(&self, unix_ms: u64) -> bool {
        // The dates in a certificate are whole seconds, and the certificate is valid until the end of its last second.
        let seconds = unix_ms / 1_000;
        (self.not_before.as_secs()..=self.not_after.as_secs()).contains(&seconds)
    }
}

/// The TLS settings, and the path of the file with additional root certificates.
pub struct Tls {
    ca_file: Option<PathBuf>,
    clock: WallClock,
    /// The value is `None` until the root certificates could be read.
    connector: RefCell<Option<TlsConnector>>,
}

impl Tls {
    /// Creates TLS settings that trust the root certificates in `ca_file` in addition to the public root certificates.
    /// The file is read when the first connection needs TLS, so a damaged file never ends the agent.
    pub fn new(ca_file: Option<&Path>, clock: WallClock) -> Self {
        Self { ca_file: ca_file.map(Into::into), clock, connector: RefCell::default() }
    }

    /// Returns the current TLS connector. If the root certificates could not be read before, they are read again.
    pub fn connector(&self) -> Result<TlsConnector, TlsError> {
        if let Some(current) = self.connector.borrow().as_ref() {
            return Ok(current.clone());
        }
        let fresh = connector(self.ca_file.as_deref(), self.clock)?;
        self.connector.replace(Some(fresh.clone()));
        Ok(fresh)
    }

    /// Reloads the file `ca_file`, so that a renewed root certificate takes effect without a restart. If the file
    /// cannot be read, the previous root certificates stay in use.
    pub fn read_again(&self) {
        if self.ca_file.is_none() {
            return;
        }
        match connector(self.ca_file.as_deref(), self.clock) {
            Ok(fresh) => drop(self.connector.replace(Some(fresh))),
            Err(error) => {
                tracing::warn!(code = "ca_file", %error, "the file in `ca_file` cannot be reloaded; the previous root certificates stay in use")
            }
        }
    }
}

/// Returns the stable error code of a failed TLS handshake.
pub fn code(error: &io::Error) -> &'static str {
    match refusal(error) {
        Some(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => "tls_expired",
        // The error `BadSignature` occurs if the issuer has the same name as a trusted certificate authority, but
        // another key.
        Some(CertificateError::UnknownIssuer | CertificateError::BadSignature) => "tls_issuer",
        Some(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            "tls_name"
        }
        _ => "tls",
    }
}

/// Returns advice about the next step for the owner of the device after a failed TLS handshake.
pub fn advice(error: &io::Error) -> Option<&'static str> {
    match code(error) {
        "tls_expired" => Some(
            "renew the edge's certificate or the certificate of its certificate authority; if this device's clock is ahead, correct the clock",
        ),
        "tls_issuer" => Some(
            "set `ca_file` to a PEM file with the certificate of the authority that issued the edge's certificate; before this, make sure that no network device intercepts TLS",
        ),
        "tls_name" => Some(
            "the server's certificate is for another host: check the edge's URL, or log in to the network if the network has a login page",
        ),
        _ => None,
    }
}

/// Returns the reason why the edge's certificate was rejected. The result is `None` if the TLS handshake failed for
/// another reason.
fn refusal(error: &io::Error) -> Option<&CertificateError> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::InvalidCertificate(refusal) => Some(refusal),
        _ => None,
    }
}

/// Builds the TLS connector for all connections to the edge.
pub fn connector(ca_file: Option<&Path>, clock: WallClock) -> Result<TlsConnector, TlsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let own = match ca_file {
        Some(file) => {
            read_roots(file, &mut roots).map_err(|reason| TlsError::CaFile { file: file.into(), reason })?
        }
        None => Vec::new(),
    };
    let provider = Arc::new(ring::default_provider());
    let strict = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?;
    let config = client_config(provider.clone(), clock)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ClocklessVerifier { strict, own, provider }))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn client_config(
    provider: Arc<CryptoProvider>,
    clock: WallClock,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_details(provider, Arc::new(clock)).with_safe_default_protocol_versions()
}

/// Adds the root certificates in a file to the store. Returns the added certificates.
fn read_roots(file: &Path, roots: &mut RootCertStore) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = std::fs::read(file).map_err(|error: io::Error| error.to_string())?;
    let mut own = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| format!("a certificate is not valid PEM: {error}"))?;
        roots
            .add(certificate.clone())
            .map_err(|error| format!("not usable as a root certificate: {error}"))?;
        own.push(certificate);
    }
    if own.is_empty() { Err("the file contains no certificate".into()) } else { Ok(own) }
}

/// The standard certificate verifier of rustls with additional date checks, which the module documentation describes.
/// All checks except the date checks are unchanged.
#[derive(Debug)]
struct ClocklessVerifier {
    strict: Arc<WebPkiServerVerifier>,
    /// The root certificates in the file `ca_file`.
    own: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ClocklessVerifier {
    /// Returns all trusted root certificates except the expired root certificates in `ca_file`. The result is `None` if
    /// no root certificate in `ca_file` has expired.
    fn living_roots(&self, now: UnixTime) -> Option<RootCertStore> {
        let lives = |root: &&CertificateDer<'_>| {
            Validity::of(root).is_none_or(|validity| now.as_secs() <= validity.not_after.as_secs())
        };
        if self.own.iter().all(|root| lives(&root)) {
            return None;
        }
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(self.own.iter().filter(lives).cloned());
        Some(roots)
    }
}

impl ServerCertVerifier for ClocklessVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let now = match Validity::of(leaf) {
            Some(validity) if now.as_secs() < validity.not_before.as_secs() => {
                UnixTime::since_unix_epoch(validity.not_before)
            }
            _ => now,
        };
        let verified = self.strict.verify_server_cert(leaf, intermediates, server, ocsp, now)?;
        let Some(living) = self.living_roots(now) else { return Ok(verified) };
        WebPkiServerVerifier::builder_with_provider(Arc::new(living), self.provider.clone())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?
            .verify_server_cert(leaf, intermediates, server, ocsp, now)
            .map_err(|_| CertificateError::Expired.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.strict.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.strict.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.strict.supported_verify_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.strict.root_hint_subjects()
    }
}
