//! TLS to the edge, for a device whose clock may be in 1970.
//!
//! To a clock that is behind, a valid certificate is "not valid yet", and a Raspberry Pi has no battery-backed clock. A
//! chain that would be rejected for this reason alone is verified as of the leaf's `notBefore`. The user of the
//! connection must then get edge time from a signed welcome, and close the connection if that time is outside the
//! leaf's [`Validity`].
//!
//! rustls does not check the dates of trust roots. The roots in `ca_file` are the owner's dated certificates, and an
//! expired one is rejected here as by other programs.

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
    #[error("the trust roots in {} cannot be used: {reason}", .file.display())]
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
    /// Read from a certificate. `None` if it cannot be parsed; the date check is then the ordinary one.
    pub fn of(leaf: &CertificateDer<'_>) -> Option<Self> {
        let certificate = x509_cert::Certificate::from_der(leaf).ok()?;
        let validity = certificate.tbs_certificate.validity;
        Some(Self {
            not_before: validity.not_before.to_unix_duration(),
            not_after: validity.not_after.to_unix_duration(),
        })
    }

    /// Whether a moment, in milliseconds of Unix time, is within the period.
    pub fn admits(&self, unix_ms: u64) -> bool {
        // The fields are whole seconds, and the last second is included.
        let seconds = unix_ms / 1_000;
        (self.not_before.as_secs()..=self.not_after.as_secs()).contains(&seconds)
    }
}

/// TLS settings, with the file of the additional roots.
pub struct Tls {
    ca_file: Option<PathBuf>,
    clock: WallClock,
    connector: RefCell<TlsConnector>,
}

impl Tls {
    /// Trusts the roots of `ca_file` in addition to the public ones.
    pub fn new(ca_file: Option<&Path>, clock: WallClock) -> Result<Self, TlsError> {
        let connector = RefCell::new(connector(ca_file, clock)?);
        Ok(Self { ca_file: ca_file.map(Into::into), clock, connector })
    }

    /// The current connector.
    pub fn connector(&self) -> TlsConnector {
        self.connector.borrow().clone()
    }

    /// Reloads `ca_file`, so a renewed root takes effect without a restart. An unreadable file changes nothing.
    pub fn read_again(&self) {
        if self.ca_file.is_none() {
            return;
        }
        match connector(self.ca_file.as_deref(), self.clock) {
            Ok(fresh) => drop(self.connector.replace(fresh)),
            Err(error) => {
                tracing::warn!(code = "ca_file", %error, "ca_file cannot be reloaded; the previous trust roots stay in use")
            }
        }
    }
}

/// Stable code of a failed handshake.
pub fn code(error: &io::Error) -> &'static str {
    match refusal(error) {
        Some(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => "tls_expired",
        // An authority with another key may have the same name as a trusted one.
        Some(CertificateError::UnknownIssuer | CertificateError::BadSignature) => "tls_issuer",
        Some(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            "tls_name"
        }
        _ => "tls",
    }
}

/// Next step for the owner after a failed handshake.
pub fn advice(error: &io::Error) -> Option<&'static str> {
    match code(error) {
        "tls_expired" => Some(
            "renew the edge's certificate or its authority's, or correct this device's clock if it is ahead",
        ),
        "tls_issuer" => Some(
            "name the authority of the edge's certificate in `ca_file`, unless a network device intercepts TLS",
        ),
        "tls_name" => Some(
            "the certificate is for another host: check the edge's address, or log in to the network if it has a login page",
        ),
        _ => None,
    }
}

/// Why the edge's certificate was rejected, if that was the cause.
fn refusal(error: &io::Error) -> Option<&CertificateError> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::InvalidCertificate(refusal) => Some(refusal),
        _ => None,
    }
}

/// Builds the connector for all connections to the edge.
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

/// Adds the roots of a file to the store, and returns them.
fn read_roots(file: &Path, roots: &mut RootCertStore) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = std::fs::read(file).map_err(|error: io::Error| error.to_string())?;
    let mut own = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| format!("not a PEM certificate: {error}"))?;
        roots.add(certificate.clone()).map_err(|error| format!("not usable as a trust root: {error}"))?;
        own.push(certificate);
    }
    if own.is_empty() { Err("it contains no certificate".into()) } else { Ok(own) }
}

/// The standard verifier, with the module's exception for dates. All other checks are unchanged.
#[derive(Debug)]
struct ClocklessVerifier {
    strict: Arc<WebPkiServerVerifier>,
    /// The roots of `ca_file`.
    own: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ClocklessVerifier {
    /// All roots except the expired ones of `ca_file`. `None` if none has expired.
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
