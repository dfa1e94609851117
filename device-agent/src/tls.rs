//! TLS to the edge, for a device that may believe it is 1970.
//!
//! A certificate is "not valid yet" to a clock that is behind, and a Pi has no clock of its own. So a
//! chain that would be refused for that reason alone is checked as of the leaf's `notBefore`, and
//! whoever uses the connection must then learn edge time from a signed welcome and close unless it
//! lies within the leaf's [`Validity`].
//!
//! The library does not look at the dates of a trust root. Those of `ca_file` are dated certificates of somebody's own,
//! and one that has expired is trusted here as little as by other programs.

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

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The `ca_file` is not readable PEM.
    #[error("{}: {reason}", .file.display())]
    CaFile {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The library would not have it.
    #[error(transparent)]
    Setup(#[from] rustls::Error),
    /// There is no root that could be trusted.
    #[error(transparent)]
    Verifier(#[from] rustls::client::VerifierBuilderError),
}

/// From when until when a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    not_before: Duration,
    not_after: Duration,
}

impl Validity {
    /// Reads it from a certificate; `None` where that cannot be parsed, which then gets no leniency.
    pub fn of(leaf: &CertificateDer<'_>) -> Option<Self> {
        let certificate = x509_cert::Certificate::from_der(leaf).ok()?;
        let validity = certificate.tbs_certificate.validity;
        Some(Self {
            not_before: validity.not_before.to_unix_duration(),
            not_after: validity.not_after.to_unix_duration(),
        })
    }

    /// Whether a moment, in milliseconds of Unix time, lies within.
    pub fn admits(&self, unix_ms: u64) -> bool {
        // The fields are whole seconds, and the last second counts.
        let seconds = unix_ms / 1_000;
        (self.not_before.as_secs()..=self.not_after.as_secs()).contains(&seconds)
    }
}

/// What TLS is made with, and where its own roots come from.
pub struct Tls {
    ca_file: Option<PathBuf>,
    clock: WallClock,
    connector: RefCell<TlsConnector>,
}

impl Tls {
    /// With the roots of a file beside the public ones.
    pub fn new(ca_file: Option<&Path>, clock: WallClock) -> Result<Self, TlsError> {
        let connector = RefCell::new(connector(ca_file, clock)?);
        Ok(Self { ca_file: ca_file.map(Into::into), clock, connector })
    }

    /// What connections are made with now.
    pub fn connector(&self) -> TlsConnector {
        self.connector.borrow().clone()
    }

    /// Reads the file again, so that a renewed root counts without a restart. One that cannot be read changes nothing.
    pub fn read_again(&self) {
        if self.ca_file.is_none() {
            return;
        }
        match connector(self.ca_file.as_deref(), self.clock) {
            Ok(fresh) => drop(self.connector.replace(fresh)),
            Err(error) => tracing::warn!(code = "ca_file", %error, "the ca_file cannot be read again"),
        }
    }
}

/// The stable code of a handshake that failed.
pub fn code(error: &io::Error) -> &'static str {
    match refusal(error) {
        Some(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => "tls_expired",
        // An authority of another key may have the name of one that is trusted.
        Some(CertificateError::UnknownIssuer | CertificateError::BadSignature) => "tls_issuer",
        Some(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            "tls_name"
        }
        _ => "tls",
    }
}

/// What the owner can do about a handshake that failed.
pub fn advice(error: &io::Error) -> Option<&'static str> {
    match code(error) {
        "tls_expired" => {
            Some("renew the edge's certificate or that of its authority; or this device's clock is ahead")
        }
        "tls_issuer" => Some(
            "name the authority of the edge's certificate in `ca_file`; or something in between intercepts TLS",
        ),
        "tls_name" => {
            Some("another server answers at the edge's address, such as the login page of a network")
        }
        _ => None,
    }
}

/// Why the edge's certificate was refused, if that is what happened.
fn refusal(error: &io::Error) -> Option<&CertificateError> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::InvalidCertificate(refusal) => Some(refusal),
        _ => None,
    }
}

/// What every connection to the edge is made with.
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

/// Adds the roots of a file, and returns them.
fn read_roots(file: &Path, roots: &mut RootCertStore) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = std::fs::read(file).map_err(|error: io::Error| error.to_string())?;
    let mut own = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| format!("not a PEM certificate: {error}"))?;
        roots.add(certificate.clone()).map_err(|error| format!("not usable as a trust root: {error}"))?;
        own.push(certificate);
    }
    if own.is_empty() { Err("it holds no certificate".into()) } else { Ok(own) }
}

/// The usual verifier, except for what the module's head says. All but the date is checked as ever.
#[derive(Debug)]
struct ClocklessVerifier {
    strict: Arc<WebPkiServerVerifier>,
    /// The roots of `ca_file`.
    own: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ClocklessVerifier {
    /// The roots without those of `ca_file` that have expired by then; `None` where none has.
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
